#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ci_schema.sh CHECK-JSONSCHEMA: the files of CI servers against the servers' schemas. TAP.
n=0
fits() {
	n=$((n + 1))
	if "${@:2}" >/dev/null; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}
fits "GitHub" "$1" --builtin-schema vendor.github-workflows ci/github.yml
fits "GitHub, with a time limit" "$1" --builtin-schema custom.github-workflows-require-timeout ci/github.yml
fits "GitLab" "$1" --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci ci/gitlab.yml
echo "1..$n"
