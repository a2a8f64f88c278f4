#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# copy_judges.sh on disks of nvme-debug: fio and nvme-cli judge, queues are frozen.
# vm: --mem 2048 --timeout 240
# with: fio build/tests/vm/copy_verify build/tests/vm/copy_once
set -euo pipefail
DISKS="96M 96M,block_size=4096,mssrl=1024,mcl=4096 48M"
# shellcheck source=tests/vm/suites/copy_judges.sh
. "$(dirname "$0")/copy_judges.sh"
