# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For suites that ask jq a hundred things: it takes 20 ms to begin, which is half a second on an emulated
# processor. gojq understands the same and takes a few; where there is none, jq it is.
! type -P gojq >/dev/null || jq() { gojq "$@"; }
