#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Completion: what bash and zsh offer at the positions of a command line.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

"$top/tests/cli/make-sysfs" "$scratch/sysfs"
export BPFCOPY_SYSFS=$scratch/sysfs BPFCOPY_LIB=$scratch/lib PATH=$top/build/bin:$PATH
mkdir "$scratch/lib"
cp "$top"/build/bpf/policy_{always,threshold}.bpf.o "$scratch/lib"
cd "$scratch"
touch new.conf

first_words() { "$bpfcopy" --help | sed -nE '/^Verbs:$/,/^$/s/^  ([a-z]+).*/\1/p' | sort -u; }
options_of() {
	{ "$top/build/loader/doc/generate" options | sed -n "s/^$1\t//p"; printf '%s\n' --help --usage --version; } |
		sort | paste -sd ' '
}
devices=$(cd "$scratch/sysfs/class/block" && printf '%s\n' * | sort | paste -sd ' ')
sizes='align_bytes= max_bytes= min_bytes= most_ranges= observe= origins='

# offers NAME WANT WORD...: what bash offers for the last word.
offers() {
	local name=$1 want=$2
	shift 2
	check_equal "bash: $name" "$(
		# shellcheck source=/dev/null
		. "$top/build/completion/bash"
		COMP_WORDS=(bpfcopy "$@") COMP_CWORD=$#
		_bpfcopy
		printf '%s\n' "${COMPREPLY[@]%=}" | sed '/^$/d' | LC_ALL=C sort -u | paste -sd ' '
	)" "${want//= / }"
}

offers 'first word' "$(first_words | paste -sd ' ')" ''
offers 'a part of it' 'unload' u
offers 'no such word' '' frob
offers 'second word' 'apply check explain revert show test' policy ''
offers 'second word, a part' 'list' dev l
offers 'second word of a verb of one' '' status ''
offers 'option before the verb' '--help --output --usage --version' -
offers 'options' "$(options_of trace)" trace --
offers 'options of two words' "$(options_of 'policy explain')" policy explain --
offers 'option, a part' '--min-latency --min-size' trace --min
offers 'words of an option' 'json ndjson prom table' status --output = ''
offers 'words of an option, a part' 'offload' trace --path = o
offers 'words of an option, before the =' 'emulate mixed offload' trace --path =
offers 'words of a short option' 'json' status -o j
offers 'argument after an option' "$devices" dev show -o json ''
offers 'argument after --option=value' "$devices" dev show --output = json ''
offers 'device' 'nvme0n1 nvme0n1p1 nvme0n1p2' dev show nvme0
offers 'device of an option' 'sda' load threshold --dev = s
offers 'source' "$devices" copy ''
offers 'destination' 'sda' copy nvme0n1 sd
offers 'destination after an offset' 'sda' copy nvme0n1 @ 4KiB sd
offers 'offset' '' copy nvme0n1 @ ''
offers 'length' '' copy nvme0n1 sda ''
offers 'nothing after the last argument' '' dev show sda ''
offers 'policy' 'always threshold' load ''
offers 'policy by path' './new.conf' load ./n
offers 'parameter' "${sizes%=}" load threshold ''
offers 'second parameter' 'max_bytes' load threshold min_bytes = 4KiB ma
offers 'value of a parameter' '' load threshold min_bytes = ''
offers 'file' 'new.conf' policy check n
offers 'second file' 'new.conf' policy check new.conf n
offers 'key' 'copy_max_bytes' policy explain --key = c
offers 'number' '' trace --count = ''

if ! command -v zsh >/dev/null; then
	skip 'zsh' 'no zsh here'
	finish
fi
check 'zsh: syntax' zsh -n "$top/build/completion/zsh"

# What is there after "bpfcopy LINE<tab>", on a terminal of its own; ^T tells.
cat >"$scratch/driver" <<'DRIVER'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= PS2= RPS1=; stty -echo; unsetopt zle_bracketed_paste 2>/dev/null
	fpath=($1 \$fpath); autoload -Uz compinit; compinit -D -u; zstyle ':completion:*' list-max 0
	tell() { print -r -- \"<<\$BUFFER>>\"; BUFFER=; zle .accept-line }; zle -N tell; bindkey '^T' tell
	unsetopt list_ambiguous; setopt no_beep no_list_beep no_auto_list; print re''ady"
zpty -r -m shell out '*ready*' || exit 1
while IFS= read -r line; do
	zpty -w -n shell "bpfcopy $line"$'\t\x14'
	zpty -r -m shell out '*>>*' || exit 1
	out=${out##*<<}
	print -r -- "${${out%%>>*}#bpfcopy }"
done
DRIVER
mkdir "$scratch/fpath"
cp "$top/build/completion/zsh" "$scratch/fpath/_bpfcopy"

# Line, and what it becomes: where there is no choice, what was meant.
cat >"$scratch/lines" <<-'LINES'
	un|unload 
	p|policy 
	dev l|dev list 
	status --o|status --output=
	policy ex|policy explain 
	frob|frob
	trace --min-l|trace --min-latency=
	trace --path=o|trace --path=offload 
	status -o j|status -o json 
	dev show sd|dev show sda 
	dev show -o json sd|dev show -o json sda 
	load threshold --dev=sd|load threshold --dev=sda 
	copy nvme0n1 sd|copy nvme0n1 sda 
	load thr|load threshold 
	load threshold mi|load threshold min_bytes=
	load threshold min_bytes=4KiB ma|load threshold min_bytes=4KiB max_bytes=
	load ./n|load ./new.conf 
	policy check n|policy check new.conf 
	policy explain --key=c|policy explain --key=copy_max_bytes 
LINES
cut -d '|' -f 1 "$scratch/lines" >"$scratch/typed"
timeout 120 zsh -f "$scratch/driver" "$scratch/fpath" <"$scratch/typed" >"$scratch/became" 2>"$scratch/err" || :
mapfile -t became < <(sed 's/ *$//' "$scratch/became")
n=0
while IFS='|' read -r typed want; do
	check_equal "zsh: $typed" "${became[n]:-nothing: $(tail -n 1 "$scratch/err")}" "${want% }"
	n=$((n + 1))
done <"$scratch/lines"

finish
