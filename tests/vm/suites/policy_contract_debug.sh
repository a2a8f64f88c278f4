#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# policy_contract.sh on disks of nvme-debug, the first with limits as QEMU's.
# vm: --mem 1536 --timeout 120
# with: build/tests/vm/copy_once build/tests/vm/policy_raw
set -euo pipefail
DISKS='128M,mssrl=128,mcl=128 32M,block_size=4096'
# shellcheck source=tests/vm/suites/policy_contract.sh
. "$(dirname "$0")/policy_contract.sh"
