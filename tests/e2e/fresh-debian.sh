#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Shows that a clone of this repository needs nothing but make and git: runs a make target in a
# minimal Debian that has nothing else.
#
#   tests/e2e/fresh-debian.sh [TARGET [FOLDER]]      demo, build/fresh-debian
#
# SUITE: bookworm, or trixie. See bare_debian.sh for what it needs.
set -euo pipefail
# shellcheck source=tests/e2e/bare_debian.sh
. "$(dirname "$0")/bare_debian.sh"
bare_debian "${SUITE:-bookworm}" "${2:-build/fresh-debian}" make,git
echo "packages before: $(chroot "$root" dpkg-query -W -f x | wc -c)"
time there make -C /srv/mea "${1:-demo}"
