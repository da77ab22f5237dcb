// SPDX-License-Identifier: Apache-2.0
/*
 * A server for the glyphs bundle that answers looks as it should and images with a fault:
 *
 *   faulty_server garbage|truncated|shape|nojson|503|500|close|silent
 *
 * Prints its port and runs until it is killed.
 */
#define SIDE	32
#define CLASSES 36
#include "tests/unit/cloud_faulty.h"

static const struct {
	const char *name;
	enum fault fault;
} faults[] = {
	{"garbage", FAULT_GARBAGE}, {"truncated", FAULT_TRUNCATED},
	{"shape", FAULT_SHAPE},	    {"nojson", FAULT_NO_JSON},
	{"503", FAULT_503},	    {"500", FAULT_500},
	{"close", FAULT_CLOSE},	    {"silent", FAULT_SILENT},
};

int main(int argc, char **argv)
{
	static struct faulty f;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (argc == 2 && !strcmp(argv[1], faults[i].name)) {
			if (!faulty_start(&f, faults[i].fault)) {
				perror("faulty_server");
				return 1;
			}
			printf("%d\n", f.port);
			fflush(stdout);
			pause();
			faulty_stop(&f);
		}
	fputs("faulty_server: which fault?\n", stderr);
	return 2;
}
