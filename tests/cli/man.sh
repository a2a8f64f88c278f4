#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Manual pages: one for each verb, whole, and such that groff and mandoc have nothing to say.
# Functions are called by check.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

generate=$top/build/loader/doc/generate
man=$top/build/man
mapfile -t pages < <(cd "$man" && printf '%s\n' *.[158])

check_equal 'a page for the command and each verb' \
	"$("$bpfcopy" --help | sed -nE '/^Verbs:$/,/^$/s/^  ([a-z]+( [a-z]+)?)  .*/\1/p' |
		sed 's/ /-/; s/^/bpfcopy-/; s/$/.1/' | sort)" \
	"$(printf '%s\n' "${pages[@]}" | grep '^bpfcopy-' | sort)"
for page in bpfcopy.1 bpfcopyd.8 bpfcopy.conf.5; do
	check "$page" test -s "$man/$page"
done

no_complaints() {
	mandoc -Tlint -W warning "$man/$1" >"$scratch/said" || :
	groff -t -man -ww -z "$man/$1" >>"$scratch/said" 2>&1 || :
	cat "$scratch/said"
	[ ! -s "$scratch/said" ]
}
# complete PAGE SECTION...: each is there, with something in it.
complete() {
	local page=$1 section
	shift
	for section in "$@"; do
		awk -v want=".SH $section" '
			$0 == want { here = 1; next }
			/^\.SH/ { here = 0 }
			here && !/^\./ { found = 1 }
			here && /^\.[BI]R? ./ { found = 1 }
			END { exit !found }' "$man/$page" ||
			{ echo "$page: no $section: say it in the verb's struct verb," \
				"or for FILES in loader/doc/page.c"; return 1; }
	done
}
for page in "${pages[@]}"; do
	check "$page: groff and mandoc" no_complaints "$page"
	sections=(NAME SYNOPSIS DESCRIPTION 'SEE ALSO')
	case $page in
	*.1) sections+=(OPTIONS 'EXIT STATUS' UNITS OVERHEAD FILES EXAMPLES) ;;
	*.8) sections+=(OPTIONS 'EXIT STATUS') ;;
	*.5) sections+=(FILES) ;;
	esac
	check "$page: has all sections" complete "$page" "${sections[@]}"
done

# text PAGE: as it is read.
text() { mandoc -T utf8 -O width=200 "$man/$1" | col -b; }

mapfile -t options < <("$generate" options)
options_are_in() {
	local line page
	for line in "${options[@]}"; do
		page=bpfcopy-${line%%$'\t'*}
		page=${page// /-}.1
		text "$page" | sed -n '/^OPTIONS/,/^EXIT/p' | grep -qE -- " ${line#*$'\t'}(=|$)" ||
			{ echo "$page: no ${line#*$'\t'}"; return 1; }
	done
}
check 'every option is in the page of its verb' options_are_in

keys_are_in() {
	local key
	text bpfcopy.conf.5 >"$scratch/text"
	while IFS= read -r key; do
		grep -qw -- "$key" "$scratch/text" || { echo "no $key"; return 1; }
	done < <("$generate" keys)
	# A key that the page has and the parser has not.
	while IFS= read -r key; do
		"$generate" keys | grep -qx "$key" || { echo "there is no $key"; return 1; }
	done < <(grep -oE '\bmatch_[a-z]+(_[a-z]+)*' "$scratch/text" | sort -u)
}
check 'bpfcopy.conf(5) has the keys that there are' keys_are_in

references_exist() {
	local page name
	for page in "${pages[@]}"; do
		while read -r name; do
			[ -e "$man/$name" ] || { echo "$page: no $name"; return 1; }
		done < <(text "$page" | grep -oE 'bpfcopy[a-z.-]*\([158]\)' | sed 's/(\(.\))/.\1/')
	done
}
check 'pages that others mention exist' references_exist

finish
