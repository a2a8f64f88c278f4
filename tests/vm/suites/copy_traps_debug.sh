#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# copy_traps.sh on disks of nvme-debug, what depends on the disk.
# vm: --mem 2048 --timeout 240
# with: build/tests/vm/copy_verify build/tests/vm/copy_once build/tests/vm/copy_kill
set -euo pipefail
DISKS="96M 64M,block_size=4096"
# shellcheck source=tests/vm/suites/copy_traps.sh
. "$(dirname "$0")/copy_traps.sh"
