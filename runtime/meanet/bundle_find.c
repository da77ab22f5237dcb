// SPDX-License-Identifier: Apache-2.0
/* Bundles by their name alone, as `make install` puts them beside the library and the program. */
#include "bundle.h"

#include "base/error.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of the shared library that this code is in, or of the program where it is a part of
 * that; "" when it cannot be found. */
static void own_folder(char folder[PATH_MAX])
{
	struct link_map *map = NULL;
	Dl_info info;

	if (!dladdr1((void *)(uintptr_t)own_folder, &info, (void **)&map, RTLD_DL_LINKMAP))
		map = NULL;
	if (!realpath(map && *map->l_name ? map->l_name : "/proc/self/exe", folder))
		*folder = 0;
	*(strrchr(folder, '/') ? strrchr(folder, '/') : folder) = 0;
}

/* Whether dir holds a bundle; then *out is a copy of it. */
static bool take(const char *dir, char **out)
{
	char file[2 * PATH_MAX + 16];

	snprintf(file, sizeof(file), "%s/bundle.json", dir);
	if (access(file, F_OK))
		return false;
	*out = strdup(dir);
	return true;
}

int mea_bundle_find(const char *name, char **out)
{
	/* From lib/ and bin/, from lib/TRIPLET/, and from the tree's build/. */
	static const char *const places[] = {"../share/mea/models", "../../share/mea/models",
					     "../models"};
	char own[PATH_MAX], dir[2 * PATH_MAX];

	*out = NULL;
	if (!strchr(name, '/') && *name != '.' && access(name, F_OK)) {
		own_folder(own);
		for (size_t i = 0; *own && i < sizeof(places) / sizeof(places[0]); i++) {
			snprintf(dir, sizeof(dir), "%s/%s/%s", own, places[i], name);
			if (take(dir, out))
				return *out ? 0 : mea_nomem();
		}
	}
	*out = strdup(name);
	return *out ? 0 : mea_nomem();
}
