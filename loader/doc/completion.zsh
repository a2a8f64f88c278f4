# SPDX-License-Identifier: GPL-2.0
# Completion for bpfcopy. In front of this stand the tables of the command, which
# `generate zsh` prints.

_bpfcopy_devices() {
	if [[ $PREFIX = /* ]]; then
		_files
	else
		compadd -- ${BPFCOPY_SYSFS:-/sys}/class/block/*(N:t)
	fi
}

_bpfcopy_policies() {
	if [[ $PREFIX = (*/*|.*) ]]; then
		_files
	else
		compadd -- ${${(@)${(@f)"$(print -l ${BPFCOPY_LIB:-/usr/lib/bpfcopy}/policy_?*.bpf.o(N:t))"}#policy_}%.bpf.o}
	fi
}

# $line has the arguments so far: the first is the policy.
_bpfcopy_parameters() {
	local -a names
	names=(${(f)"$(bpfcopy policy show $line[1] -o ndjson 2>/dev/null |
		sed -n 's/.*"parameter":"\([^"]*\)".*/\1=/p')"})
	[[ $PREFIX = *=* ]] || compadd -S '' -- $names
}

# _bpfcopy_words [FIRST]: first words of verbs, or the second ones after FIRST.
_bpfcopy_words() {
	local -a names
	if (( $# )); then
		names=(${${(M)_bpfcopy_verbs:#${1} *}#$1 })
	else
		names=(${(u)${_bpfcopy_verbs%%:*}%% *})
		names=(${names/(#m)*/${_bpfcopy_verbs[(r)${MATCH}:*]:-$MATCH}})
	fi
	_describe verb names
}

_bpfcopy() {
	local curcontext=$curcontext state='' line first
	typeset -A opt_args
	setopt local_options extended_glob
	# Not in a function of its own: when one ends, words is what it was before.
	_arguments -C -s -S : $_bpfcopy_global ':verb:->first' '*::argument:->rest'
	case $state in
	(first) _bpfcopy_words ;;
	(rest)
		first=$words[1]
		if (( ${_bpfcopy_verbs[(I)${first}:*]} )); then
			_bpfcopy_verb $first
		elif (( CURRENT == 2 )); then
			_bpfcopy_words $first
		else
			shift words
			(( CURRENT-- ))
			_bpfcopy_verb "$first $words[1]"
		fi
		;;
	esac
}

_bpfcopy "$@"
