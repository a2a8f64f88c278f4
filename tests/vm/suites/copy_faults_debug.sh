#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# copy_faults.sh on disks of nvme-debug.
# leaks: yes
# vm: --mem 1536 --timeout 120
# with: build/tests/vm/copy_fault build/tests/vm/copy_once
set -euo pipefail
DISKS='32M 32M'
# shellcheck source=tests/vm/suites/copy_faults.sh
. "$(dirname "$0")/copy_faults.sh"
