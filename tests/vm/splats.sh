# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the kernel log holds of complaints, and which of them count.
# Needs tests/kernel/lib.sh, and $dir with console.log and dmesg.log in it.
# shellcheck disable=SC2154

splat_regex='\bBUG:|kernel BUG at|\bWARNING:|\bOops\b|general protection fault'
splat_regex+='|unable to handle|possible (circular|recursive|irq lock|deadlock)'
splat_regex+='|inconsistent lock state|(Invalid|invalid) wait context'
splat_regex+='|suspicious RCU usage|sleeping function called|scheduling while atomic'
splat_regex+='|bad unlock balance|held lock freed|DEBUG_LOCKS_WARN_ON|lock held when returning'
splat_regex+='|rcu: INFO:.* stall|self-detected stall|INFO: task .* blocked'
splat_regex+='|soft lockup|hard LOCKUP|refcount_t:|KASAN:|UBSAN:|KCSAN:|ODEBUG:'
splat_regex+='|\bBUG [^ ]+ \(|trying to register non-static key|nobody cared'
splat_regex+='|cannot create duplicate filename'
splat_regex+='|unreferenced object|kmemleak: .* new suspected'

# A report is what stands between its first line and the next complaint, and no longer.
readonly report_lines=150

allow=() stock_regex=() stock_function=() stock_what=()

# is_regex REGEX: nothing in nothing is 1, a regular expression that is none 2.
is_regex() {
	local status=0
	grep -qE -- "$1" /dev/null 2>&1 || status=$?
	[ $status != 2 ]
}

# allow_splat REGEX: complaints that match do not count.
allow_splat() {
	is_regex "$1" || die "--allow-splat: '$1' is not a regular expression"
	allow+=("$1")
}

# load_stock FILE: what the unpatched kernel already gets wrong. Its format is told in
# tests/vm/stock-splats.
load_stock() {
	local line regex function what n=0
	[ -r "$1" ] || die "--stock-splats: no file $1"
	while IFS= read -r line || [ -n "$line" ]; do
		n=$((n + 1))
		case $line in '' | '#'*) continue ;; esac
		IFS=$'\t' read -r regex function what <<<"$line"
		[[ $line = *$'\t'*$'\t'* && $function =~ ^[A-Za-z_][A-Za-z0-9_]*$ && -n $what ]] ||
			die "$1:$n: not REGEX <tab> FUNCTION <tab> WHAT IT IS: $line"
		is_regex "$regex" || die "$1:$n: '$regex' is not a regular expression"
		stock_regex+=("$regex")
		stock_function+=("$function")
		stock_what+=("$what")
	done <"$1"
}

is_allowed() {
	local regex
	for regex in "${allow[@]}"; do
		[[ ! $1 =~ $regex ]] || return 0
	done
	return 1
}

# is_stock TEXT LOG FROM TO: is the complaint TEXT, whose report is these lines of LOG, in
# the baseline? Sets what. A frame with a question mark is one the unwinder does not vouch
# for.
is_stock() {
	local i call
	for i in "${!stock_regex[@]}"; do
		[[ $1 =~ ${stock_regex[i]} ]] || continue
		call="(^|[^?]) ${stock_function[i]}(\\.[a-z0-9.]+)?\\+0x"
		sed -n "$3,$4p" "$2" | grep -aqE "$call" || continue
		what=${stock_what[i]}
		return 0
	done
	return 1
}

# log_splats LOG: print its complaints that count; on stderr, what the baseline took.
log_splats() {
	local log=$1 found i text from to what parts=''
	mapfile -t found < <(grep -anE "$splat_regex" "$log" | tr -d '\r')
	[[ "${found[*]}" != *'unreferenced object'* ]] || parts=1
	for i in "${!found[@]}"; do
		text=${found[i]#*:}
		# The sum is judged by its parts, where there are any.
		[ -z "$parts" ] || [[ $text != *'new suspected'* ]] || continue
		! is_allowed "$text" || continue
		from=${found[i]%%:*}
		to=$((from + report_lines - 1))
		[ -z "${found[i + 1]:-}" ] || [ "${found[i + 1]%%:*}" -gt "$to" ] ||
			to=$((${found[i + 1]%%:*} - 1))
		if is_stock "$text" "$log" "$from" "$to"; then
			printf 'stock splat: %s (%s)\n' "$text" "$what" >&2
		else
			printf '%s\n' "$text"
		fi
	done
}

# Print the kernel's complaints that count, each once: the console shows what the log holds.
splats() {
	local log
	for log in "$dir/console.log" "$dir/dmesg.log"; do log_splats "$log"; done \
		2>"$dir/stock" | sort -u
	sort -u "$dir/stock" >&2
}

# QEMU found one of its own assertions broken. It happened in the first half second of a boot,
# in the emulated interrupt controller, with kernels that boot a hundred times a day.
emulator_died() {
	[ "$qemu_status" = 134 ] && grep -qa 'Assertion .* failed' "$dir/qemu.out"
}

# QEMU's threads race when a kernel patches its own text: one of them may execute an int3
# that is not in memory any more. The dump proves it: the byte before the marked one, which
# was executed, is another one.
emulator_fault() {
	local byte
	# The first complaint, or something else may have led to it.
	grep -aE "$splat_regex" "$dir/console.log" | head -n 1 | grep -qa 'Oops: int3' || return 1
	byte=$(sed -n '/Oops: int3/,$ s/.*Code: .*\([0-9a-f][0-9a-f]\) <[0-9a-f][0-9a-f]>.*/\1/p' \
		"$dir/console.log" | head -n 1)
	[ -n "$byte" ] && [ "$byte" != cc ]
}
