# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The kernel source tree build/linux: unpacking it, and putting the series on it
# without touching what a developer has there. Needs lib.sh.
# shellcheck disable=SC2154

kgit() { git -C "$tree" "$@"; }

# Unpack Debian's source package into a git tree whose first commit is tagged base.
unpack_source() {
	local tar=/usr/src/$source_package.tar.xz tmp=$tree.tmp version
	[ -f "$tar" ] || die "$tar is missing: run 'make deps' as root"
	version=$(dpkg-query -W -f '${Version}' "$source_package")
	say "unpacking $source_package $version"
	rm -rf "$tmp"
	mkdir -p "$tmp"
	tar -C "$tmp" --strip-components=1 -xf "$tar"
	# Debian's .gitignore ignores whatever is not Debian's packaging: new files, too.
	sed -i -e '\|^/\*$|d' -e '\|^!/debian/$|d' "$tmp/.gitignore"
	git -C "$tmp" init -q -b bpfcopy
	git -C "$tmp" config bpfcopy.source "$version"
	git -C "$tmp" config gc.auto 0
	# Whatever the user's own configuration says of these.
	git -C "$tmp" config core.autocrlf false
	git -C "$tmp" config commit.gpgsign false
	git -C "$tmp" add -A -f
	plain_commit git -C "$tmp" commit -q -m "$source_package $version"
	git -C "$tmp" tag base
	mv "$tmp" "$tree"
}

# Run a command with a fixed identity, so that commit ids repeat.
plain_commit() {
	GIT_COMMITTER_NAME=bpfcopy GIT_COMMITTER_EMAIL=bpfcopy@localhost \
		GIT_COMMITTER_DATE='1700000000 +0000' \
		GIT_AUTHOR_NAME=${GIT_AUTHOR_NAME:-bpfcopy} \
		GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL:-bpfcopy@localhost} \
		GIT_AUTHOR_DATE=${GIT_AUTHOR_DATE:-1700000000 +0000} "$@"
}

info_field() { sed -n "s/^$1: //p" "$2"; }

# commit_patch FILE PARENT SCRATCH: print the commit that FILE makes on PARENT. Works on
# the index in SCRATCH alone: the working tree and its time stamps stay as they are.
commit_patch() {
	local file=$1 parent=$2 dir=$3 id context
	git mailinfo "$dir/msg" "$dir/diff" <"$file" >"$dir/info"
	for context in 3 1; do
		if kgit apply --cached "-C$context" "$dir/diff" 2>"$dir/err"; then
			[ $context = 3 ] || say "note: ${file##*/} applied with less context"
			context=
			break
		fi
	done
	[ -z "$context" ] || { cat "$dir/err" >&2; die "${file##*/} does not apply"; }
	id=$(kgit write-tree)
	{ info_field Subject "$dir/info"; echo; cat "$dir/msg"; } >"$dir/text"
	GIT_AUTHOR_NAME=$(info_field Author "$dir/info") \
		GIT_AUTHOR_EMAIL=$(info_field Email "$dir/info") \
		GIT_AUTHOR_DATE=$(info_field Date "$dir/info") \
		plain_commit git -C "$tree" commit-tree "$id" -p "$parent" -F "$dir/text"
}

# Print the commit that is base plus the series; made once, remembered by a ref.
series_commit() {
	local ref files file commit scratch
	ref=refs/bpfcopy/series-$(series_hash)
	if commit=$(kgit rev-parse -q --verify "$ref"); then
		printf '%s\n' "$commit"
		return
	fi
	files=$(series_files)
	commit=$(kgit rev-parse 'base^{commit}')
	scratch=$(mktemp -d)
	export GIT_INDEX_FILE=$scratch/index
	kgit read-tree base
	while IFS= read -r file; do
		[ -n "$file" ] || continue
		commit=$(commit_patch "$file" "$commit" "$scratch") || exit 1
	done <<<"$files"
	unset GIT_INDEX_FILE
	rm -rf "$scratch"
	kgit update-ref "$ref" "$commit"
	printf '%s\n' "$commit"
}

# The id of the source as it lies in build/linux, with uncommitted and even ignored files:
# objects are built elsewhere, so whatever is here is source.
worktree_id() (
	scratch=$(mktemp)
	trap 'rm -f "$scratch"' EXIT
	cp "$(kgit rev-parse --absolute-git-dir)/index" "$scratch"
	export GIT_INDEX_FILE=$scratch
	kgit add -A -f
	kgit write-tree
)

# Die if build/linux holds somebody's work: neither base nor a series as applied before.
refuse_foreign_work() {
	local have known
	series_commit >/dev/null
	have=$(worktree_id)
	for known in base $(kgit for-each-ref --format='%(refname)' refs/bpfcopy/); do
		[ "$(kgit rev-parse "$known^{tree}")" != "$have" ] || return 0
	done
	die "build/linux has changes that are not in kernel-patches: commit them there and" \
		"run 'make patches', or drop them with 'git -C build/linux reset --hard base'," \
		"or build them as they are with KERNEL_FROM_TREE=1"
}

# Make build/linux hold base plus the series. Files that stay the same keep their times.
checkout_series() {
	local commit
	refuse_foreign_work
	commit=$(series_commit)
	[ "$(kgit rev-parse "$commit^{tree}")" = "$(worktree_id)" ] ||
		kgit checkout -q -B bpfcopy "$commit"
}
