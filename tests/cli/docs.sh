#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the documents name is there: folders, files, links, verbs, options, targets, policies.
# Functions are called by check.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

cd "$top"
mapfile -t docs < <(git ls-files '*.md')
# What bpfcopy understands: "VERB, tab, --option".
build/loader/doc/generate options >"$scratch/options"
cut -f 1 "$scratch/options" | sort -u >"$scratch/verbs"

# spans FILE...: what is in `...`, and lines of code; one a line.
spans() {
	sed -nE '/^(    |\$ )/{s/^(    )?(\$ )?//p;d}; /`/p' "$@" |
		sed -E '/`/!b; s/^[^`]*`//; s/`[^`]*$//; s/`[^`]*`/\n/g'
}

folders_are_in() {
	local folder
	while IFS= read -r folder; do
		grep -qF "\`$folder/" README.md || { echo "README.md: no $folder/"; return 1; }
	done < <(git ls-files | grep / | cut -d / -f 1 | grep -v '^\.' | sort -u)
}
check 'README tells of every folder' folders_are_in

verbs_are_in() {
	local verb
	while IFS= read -r verb; do
		grep -qE "bpfcopy $verb\b|\`$verb\`" README.md docs/*.md || { echo "no $verb"; return 1; }
	done <"$scratch/verbs"
}
check 'README and docs tell of every verb' verbs_are_in

policies_are_in() {
	local file name
	for file in bpf/policy_*.bpf.c; do
		name=${file#bpf/policy_}
		name=${name%.bpf.c}
		grep -qE "^\|.*\`$name\`" README.md || { echo "README.md: no $name"; return 1; }
		"$bpfcopy" load --help | grep -qE "\b$name\b" || { echo "load --help: no $name"; return 1; }
	done
}
check 'README and load --help tell of every policy' policies_are_in

# anchor TEXT: of a heading.
anchors() {
	sed -n 's/^#\+ //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}
links_resolve() {
	local doc link file
	for doc in "${docs[@]}"; do
		while IFS= read -r link; do
			case $link in http*) continue ;; esac
			file=$(dirname "$doc")/${link%%#*}
			[ "${link%%#*}" ] || file=$doc
			[ -e "$file" ] || { echo "$doc: $link: no such file"; return 1; }
			[[ $link != *'#'* ]] || anchors "$file" | grep -qxF -- "${link#*#}" ||
				{ echo "$doc: $link: no such heading"; return 1; }
		done < <(grep -oE '\]\([^)]+\)' "$doc" | sed 's/^](//; s/)$//')
	done
}
check 'links lead somewhere' links_resolve

# there PATTERN: is there a file of that name?
there() {
	local files
	# shellcheck disable=SC2206 # a pattern is what it is for
	files=($1)
	[ -e "${files[0]}" ]
}
# Paths below our folders, from the root of the source or from where the text is.
paths_exist() {
	local doc path folders
	folders=$(git ls-files | grep / | cut -d / -f 1 | sort -u | paste -sd '|')
	for doc in "${docs[@]}"; do
		while IFS= read -r path; do
			case $path in *NAME* | *VERB* | *X.*) continue ;; esac
			# FILE:/PLACE-IN-THE-GUEST
			path=${path%%:/*}
			path=${path%[.,:;]}
			there "$path" || there "$(dirname "$doc")/$path" ||
				{ echo "$doc: $path: no such file"; return 1; }
		done < <(spans "$doc" | grep -oE "(^|[ (])($folders)/[^] )\`'|,;]*" | sed 's/^[ (]//')
	done
}
check 'files that are named are there' paths_exist

targets_exist() {
	local target
	while IFS= read -r target; do
		grep -qE "^$target:" Makefile || { echo "no target $target"; return 1; }
	done < <(spans "${docs[@]}" | grep -oE '(^|[0-9] )make [a-z][a-z.-]*' | sed 's/.*make //' | sort -u)
}
check 'targets of make that are named are there' targets_exist

# commands FILE...: "VERB, tab, rest" of each bpfcopy that is spelt out.
commands() {
	spans "$@" | grep -oE '(^|[ |/;])bpfcopy [a-z]+.*' | sed -E 's/^.?bpfcopy //; s/( \||;|  ).*//; s/\x27.*//'
}
options_exist() {
	local line verb option
	while IFS= read -r line; do
		read -r verb option _ <<<"$line"
		grep -qx "$verb $option" "$scratch/verbs" && verb+=" $option"
		grep -qx "$verb" "$scratch/verbs" || grep -q "^$verb " "$scratch/verbs" ||
			{ echo "no verb $verb in: bpfcopy $line"; return 1; }
		while IFS= read -r option; do
			grep -qxF -- "$verb	$option" "$scratch/options" ||
				{ echo "no $option in: bpfcopy $line"; return 1; }
		done < <(grep -oE -- '--[a-z][a-z-]+' <<<"$line")
	done < <(commands "${docs[@]}")
}
check 'commands in documents have verbs and options that exist' options_exist

# An option that stands alone is one of the command, of the test runners or of a program of ours.
lone_options_exist() {
	local option
	{
		cut -f 2 "$scratch/options"
		grep -hoE -- '--[a-z][a-z-]+' tests/run tests/vm/run tests/lint
	} | sort -u >"$scratch/known"
	printf '%s\n' --help --version --usage >>"$scratch/known"
	while IFS= read -r option; do
		grep -qxF -- "$option" "$scratch/known" || { echo "no $option anywhere"; return 1; }
	done < <(spans README.md docs/*.md tests/*/README.md | grep -oE -- '^--[a-z][a-z-]+' | sort -u)
}
check 'options that stand alone exist' lone_options_exist

# What the messages of the command advise.
advice_exists() {
	local option
	cut -f 2 "$scratch/options" | sort -u >"$scratch/known"
	printf '%s\n' --help --version --usage >>"$scratch/known"
	while IFS= read -r option; do
		grep -qxF -- "$option" "$scratch/known" || { echo "no $option"; return 1; }
	done < <(grep -hoE '"[^"]*"' loader/*.c | grep -oE -- '--[a-z][a-z-]+' | sort -u)
}
check 'options in messages exist' advice_exists

finish
