# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154,SC2207
# Completion for bpfcopy. Needs nothing of the package bash-completion. In front of this
# stand the tables of the command, which `generate bash` prints.

# _bpfcopy_values NAME POLICY: what an argument of this name can be.
_bpfcopy_values() {
	local names=''
	case $1,$cur in
	DEV,/* | SRC,/* | DST,/* | POLICY,*/* | POLICY,.* | FILE* | FOLDER*)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	DEV,* | SRC,* | DST,*) names=$(ls "${BPFCOPY_SYSFS:-/sys}/class/block") ;;
	POLICY,*)
		names=$(cd "${BPFCOPY_LIB:-/usr/lib/bpfcopy}" && printf '%s\n' policy_?*.bpf.o |
			sed 's/^policy_//; s/\.bpf\.o$//')
		;;
	KEY=VALUE,*)
		compopt -o nospace
		names=$(bpfcopy policy show "$2" -o ndjson |
			sed -n 's/.*"parameter":"\([^"]*\)".*/\1=/p')
		;;
	KEY,*) names=$(_bpfcopy_keys) ;;
	PID,*) names=$(cd /proc && printf '%s\n' [0-9]*) ;;
	*\|*) names=${1//|/ } ;;
	esac 2>/dev/null
	COMPREPLY=($(compgen -W "$names" -- "$cur"))
}

# _bpfcopy_verb WORD...: what can come after the words of a verb that is not whole yet.
_bpfcopy_verb() {
	local names='' name
	while IFS= read -r name; do
		[[ -z $* || $name = "$* "* ]] || continue
		name=${name#"$*"}
		name=${name# }
		[[ " $names " = *" ${name%% *} "* ]] || names+=" ${name%% *}"
	done <<<"$_bpfcopy_verbs"
	COMPREPLY=($(compgen -W "$names" -- "$cur"))
}

# _bpfcopy_argument VERB WORD...: what can come after these arguments of the verb.
_bpfcopy_argument() {
	local names n=$(($# - 1)) name
	read -r -a names <<<"$(_bpfcopy_arguments "$1")"
	[ ${#names[@]} -gt 0 ] || return 0
	name=${names[n]:-}
	if [ -z "$name" ] && [[ ${names[-1]} = *... ]]; then name=${names[-1]}; fi
	[ -z "$name" ] || _bpfcopy_values "${name%...}" "${2:-}"
}

_bpfcopy() {
	local cur=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD - 1]}
	local word option='' words=() i verb='' n
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		# bash takes --dev=sda and sda@4KiB for three words each.
		if [ "$word" = @ ] || [ "${COMP_WORDS[i - 1]}" = @ ]; then
			continue
		elif [ -n "$option" ]; then
			[ "$word" = = ] || option=''
		elif [[ $word = -* ]]; then
			[ -z "$(_bpfcopy_value "$word")" ] || option=$word
		else
			words+=("$word")
		fi
	done
	for n in 2 1; do
		[[ $'\n'$_bpfcopy_verbs$'\n' = *$'\n'"${words[*]:0:n}"$'\n'* ]] || continue
		verb=${words[*]:0:n}
		break
	done
	if [ -n "$option" ]; then
		[ "$cur" != = ] || cur=''
		_bpfcopy_values "$(_bpfcopy_value "$option")"
	elif [[ $cur = -* ]]; then
		COMPREPLY=($(compgen -W "$(_bpfcopy_options "$verb")" -- "$cur"))
		[[ ${COMPREPLY[*]} != *= ]] || compopt -o nospace 2>/dev/null
	elif [[ $cur = [=@] || $last = [=@] ]]; then
		return
	elif [ -z "$verb" ]; then
		_bpfcopy_verb "${words[@]}"
	else
		_bpfcopy_argument "$verb" "${words[@]:n}"
	fi
}
complete -F _bpfcopy bpfcopy
