#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# copy_args.sh on disks of nvme-debug.
# leaks: yes
# vm: --mem 2048 --timeout 120
# with: build/tests/vm/ioctl_args build/tests/vm/copy_fuzz build/tests/vm/copy_once
set -euo pipefail
DISKS='64M 96M,block_size=4096 96M,mssrl=7,mcl=13,msrc=2'
# shellcheck source=tests/vm/suites/copy_args.sh
. "$(dirname "$0")/copy_args.sh"
