#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# vm: --jump --timeout 240
# with: build/tests/vm/copy_mix build/tests/vm/copy_once
# debug: no
# The adaptive policy on a device whose Copy is faster than Read and Write from a certain size
# on, wherever that is, and when it moves. Compared with the best path for each size, measured in
# the same run. Commands take longer than the guest itself, and the clock counts instructions.
set -euo pipefail
. /tests/vm/lib.sh
# shellcheck source=tests/vm/nvme_debug_lib.sh
. "$(dirname "$0")/../nvme_debug_lib.sh"

nqn=nqn.test:adaptive
sub=$subsystems/$nqn
disk=''
copies=${COPIES:-1200} # 10000 for docs/performance.md
samples=9

# crossover KIB|never: from there on a Copy is faster, with 1 us for each KiB and what makes it even.
# Emulation is a Read and a Write of 50 us and 4 us for each KiB, for each 128 KiB.
crossover() {
	local fixed per_kib=1000
	case $1 in
	never) fixed=300000 per_kib=20000 ;;
	*) fixed=$((100000 * (($1 + 127) / 128) + 7000 * $1)) ;;
	esac
	echo all >$sub/time/reset
	set_attrs $sub/time channels=1 read_fixed=50000 write_fixed=50000 read_per_kib=4000 \
		write_per_kib=4000 copy_fixed=$fixed copy_per_kib=$per_kib
}

# percent FILE: how long it took, of what the best choices take.
percent() { sed -n 's/^total .*percent=//p' "$1"; }

# at_most LIMIT FILE
# shellcheck disable=SC2317 # called by check
at_most() {
	cat "$2"
	awk -v p="$(percent "$2")" -v l="$1" 'BEGIN { exit !(p != "" && p <= l) }'
}

# takes_best FILE: of sizes where the better path is twice as fast, most copies take it.
# shellcheck disable=SC2317 # called by check
takes_best() {
	cat "$1"
	awk -F '[= ]' '/^size/ {
		n++
		if ($4 > 2 * $6 && $10 > $8 / 4 || $6 > 2 * $4 && $10 < $8 * 3 / 4) bad++
	}
	END { exit bad || !n }' "$1"
}

# mix NAME LIMIT COPIES
mix() {
	copy_mix "$disk" "$3" "$RANDOM" $samples >"$tmp/mix"
	check "$1: within $2 % of the best path for each size ($(percent "$tmp/mix") %)" \
		at_most "$2" "$tmp/mix"
	sed -n 's/^total/# &/p' "$tmp/mix"
	check "$1: which most copies take" takes_best "$tmp/mix"
}

RANDOM=7
modprobe nvme-debug i_know=1 size=64M
mkdir $sub
set_attrs $sub multipath=0
make_ns $sub 1
connect $nqn adaptive
wait_for 20 ns_disk $nqn 1
disk=$(ns_disk $nqn 1)
fill "$disk" 64

for at in ${CASES:-16 64 1024 never}; do
	t_case "crossover $at"
	crossover "$at"
	bpfcopy load adaptive --dev "$disk" >/dev/null
	mix "crossover $at" 105 "$copies"
	# To find out costs the same however long it is made use of. These copies are quick, so it
	# takes more of them.
	case $at in
	16) crossover 1024 && mix 'moved from 16 to 1024' 110 "$copies" ;;
	1024) crossover 16 && mix 'moved from 1024 to 16' 110 $((copies < 4800 ? 4800 : copies)) ;;
	esac
done
finish
