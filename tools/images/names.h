/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEA_IMAGES_NAMES_H
#define MEA_IMAGES_NAMES_H

/* Class names of the folder that file lies in, or of the folder itself. */
struct mea_names {
	char **name;
	int n;
};

/* Reads fine_label_names.txt or, for CIFAR-10, batches.meta.txt of folder dir; no
 * such file gives n = 0 and no error. */
int mea_names_load(const char *dir, struct mea_names *out);
/* Reads a file of class names, one a line, up to 65,536; empty lines are passed over. */
int mea_names_read(const char *path, struct mea_names *out);
void mea_names_free(struct mea_names *n);

#endif
