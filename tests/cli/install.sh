#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make install: what it puts below DESTDIR, and that it is found there.
# Functions are called by check.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

root=$scratch/root
install_to() { make -s -C "$top" -o programs install DESTDIR="$root" "$@"; }

check 'make install' install_to
check 'the command runs' "$root/usr/bin/bpfcopy" --version
check 'the daemon runs' "$root/usr/sbin/bpfcopyd" --version
check_equal 'the policies of the source' \
	"$(cd "$top/bpf" && printf '%s\n' policy_*.bpf.c | sed 's/c$/o/')" \
	"$(cd "$root/usr/lib/bpfcopy" && printf '%s\n' policy_*.bpf.o)"
check 'a policy is found' env BPFCOPY_LIB="$root/usr/lib/bpfcopy" "$root/usr/bin/bpfcopy" policy show threshold
check 'the rules that ship are good' env BPFCOPY_LIB="$root/usr/lib/bpfcopy" \
	"$root/usr/bin/bpfcopy" policy check "$root/usr/lib/bpfcopy"
for page in "$top"/build/man/*.[158]; do
	page=${page##*/}
	cmp -s "$top/build/man/$page" <(gzip -dc "$root/usr/share/man/man${page##*.}/$page.gz") ||
		not_ok "the manual page $page"
done
check 'completion' test -s "$root/usr/share/bash-completion/completions/bpfcopy" \
	-a -s "$root/usr/share/zsh/vendor-completions/_bpfcopy"
check 'examples of rules' test -s "$root/usr/share/doc/bpfcopy/examples/local-ssd.conf"
# With no other header of this tree; those of libbpf are the distribution's.
check 'headers for a policy of one'"'"'s own' clang-19 -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 \
	-I"$root/usr/include/bpfcopy" -I"$top/build/kernel-std/tools/include" \
	-c "$top/build/bpf/example_gentle.bpf.c" -o "$scratch/gentle.bpf.o"
# As docs/writing-a-policy.md says.
template() {
	cp -r "$root/usr/share/bpfcopy/policy" "$scratch/mine" &&
		make -C "$scratch/mine" INCLUDE="$root/usr/include/bpfcopy" \
			CPPFLAGS="-I$top/build/kernel-std/tools/include" &&
		"$root/usr/bin/bpfcopy" policy show "$scratch/mine/mine.bpf.o" | grep 'min_bytes.*64KiB'
}
check 'the template for a policy of one'"'"'s own builds, and has its parameter' template
check 'nothing is writable by others' \
	test -z "$(find "$root" ! -type l -perm /022 -print -quit)"

rm -rf "$root"
check 'with PREFIX' install_to PREFIX=/usr/local
check 'the unit starts the daemon that is there' \
	test -x "$root$(sed -n 's/^ExecStart=//p' "$root/usr/lib/systemd/system/bpfcopyd.service")"
check 'the page is below it' test -s "$root/usr/local/share/man/man1/bpfcopy.1.gz"

finish
