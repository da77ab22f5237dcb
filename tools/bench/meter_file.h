/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the meters share. */
#ifndef MEA_ENERGY_METER_FILE_H
#define MEA_ENERGY_METER_FILE_H

#include "meter.h"

/* Whether a sensor's file is there, readable or not. */
bool mea_meter_file_there(const char *path);

/* Reads the meter once and sets its trouble, or clears it. */
void mea_meter_probe(struct mea_meter *m);

#endif
