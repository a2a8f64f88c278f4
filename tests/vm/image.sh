# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The guest's root: cpio archives that the kernel unpacks one over the other.
#   system  Debian's programs and their libraries; changes when a package does
#   kernel  modules of the booted kernel, nvme-debug.ko, nvme-raw.ko, those of tests/vm/kmod
#   run     the project's programs, tests/, --with files, the command
# The first two are kept under build/vm/cache by a key of what went in.
# Needs tests/kernel/lib.sh.
# shellcheck disable=SC2154

image_cache=$top/build/vm/cache

# Debian's programs in the guest. Missing ones are left out: a host need not have all.
guest_programs=(
	bash dash busybox
	# coreutils, diffutils, text
	cat chmod chown cmp comm cp cut date dd df diff du echo env expr false head hostname id
	install join ln ls md5sum mkdir mkfifo mknod mktemp mv nproc od paste printf pwd
	readlink realpath rm rmdir seq sha256sum shuf sleep sort split stat stdbuf stty sum sync
	tail tee test timeout touch tr true truncate tty uname uniq wc yes
	awk mawk find grep sed xxd xargs xz jq
	# util-linux, procps, kmod, network, users
	blkdiscard blkid blockdev blkzone dmesg fallocate findmnt flock fsfreeze getopt ionice
	kill logger losetup lsblk mkswap mount mountpoint nsenter partx prlimit script setpriv setsid sfdisk
	swapoff swapon taskset umount unshare wipefs
	kmod modprobe insmod rmmod lsmod modinfo depmod ip pgrep pkill ps su sysctl
	# storage
	nvme dmsetup mke2fs mkfs.ext4 e2fsck fsck.ext4 debugfs dumpe2fs tune2fs resize2fs
	cryptsetup blktrace blkparse
	# debugging
	strace
)

# Too big for every boot (60 and 200 MB with their libraries), or needed by few suites only: see
# wanted_programs.
heavy_programs=(fio bpftrace tmux gojq)

# wanted_programs WORD...: the heavy programs that a command, or the script of tests/ that
# it runs, mentions.
wanted_programs() {
	local name word
	for name in "${heavy_programs[@]}"; do
		for word in "$@"; do
			if grep -qw -- "$name" <<<"$word" ||
				{ [[ $word = /tests/* ]] && grep -qw -- "$name" "$top$word" 2>/dev/null; }; then
				printf '%s\n' "$name"
				break
			fi
		done
	done
}

find_program() {
	PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin type -P "$1"
}

# Debian 12 merges /bin, /sbin and /lib into /usr; the guest does too, with links.
merged() {
	case $1 in
	/bin/* | /sbin/* | /lib/* | /lib64/*) printf '/usr%s\n' "$1" ;;
	*) printf '%s\n' "$1" ;;
	esac
}

libraries_of() {
	# A static program makes ldd fail, and has none.
	{ ldd "$@" 2>/dev/null || :; } | grep -oE '/[^ ]+\.so[^ ]*' | sort -u
}

# add_file ROOT SOURCE DEST: copy contents (not links), keep the mode.
add_file() {
	mkdir -p "$1${3%/*}"
	cp -L --preserve=mode,timestamps "$2" "$1$3"
}

# add_libraries ROOT SKIP FILE...: the libraries of all FILEs, but for those in list SKIP.
add_libraries() {
	local root=$1 skip=$2 lib dest
	shift 2
	while IFS= read -r lib; do
		dest=$(merged "$lib")
		[ ! -e "$root$dest" ] || continue
		! grep -qxF -- "$dest" "$skip" || continue
		add_file "$root" "$lib" "$dest"
	done < <(libraries_of "$@")
}

make_cpio() {
	(cd "$1" && find . -mindepth 1 -print0 | sort -z |
		cpio -0 -o -H newc -R 0:0 --quiet) >"$2"
}

add_accounts() {
	mkdir -p "$1/etc/nvme" "$1/root"
	printf '%s\n' root:x:0:0:root:/root:/bin/bash nobody:x:65534:65534::/:/bin/false \
		user:x:1000:1000::/tmp:/bin/bash >"$1/etc/passwd"
	printf '%s\n' root:x:0: nogroup:x:65534: user:x:1000: disk:x:6: >"$1/etc/group"
	printf '127.0.0.1 localhost vm\n' >"$1/etc/hosts"
	printf 'passwd: files\ngroup: files\nhosts: files\n' >"$1/etc/nsswitch.conf"
	printf '6d8a11c25f4e4d0f9a4cbd7c5f2c7e21\n' >"$1/etc/machine-id"
	printf 'nqn.2014-08.org.nvmexpress:uuid:%s\n' "$guest_uuid" >"$1/etc/nvme/hostnqn"
	printf '%s\n' "$guest_uuid" >"$1/etc/nvme/hostid"
	ln -s /proc/self/mounts "$1/etc/mtab"
}

# What init mounts, and what it puts in /dev.
add_mounts() {
	mkdir -p "$1/etc/dev/pts" "$1/etc/dev/shm"
	ln -s /proc/self/fd "$1/etc/dev/fd"
	ln -s fd/0 "$1/etc/dev/stdin"
	ln -s fd/1 "$1/etc/dev/stdout"
	ln -s fd/2 "$1/etc/dev/stderr"
	cat >"$1/etc/fstab" <<-'FSTAB'
		proc /proc proc defaults 0 0
		sysfs /sys sysfs defaults 0 0
		devpts /dev/pts devpts defaults 0 0
		tmpfs /dev/shm tmpfs defaults 0 0
		tmpfs /run tmpfs defaults 0 0
		tmpfs /tmp tmpfs mode=1777 0 0
		bpf /sys/fs/bpf bpf defaults 0 0
		debugfs /sys/kernel/debug debugfs defaults 0 0
		tracefs /sys/kernel/tracing tracefs defaults 0 0
		configfs /sys/kernel/config configfs defaults 0 0
		cgroup2 /sys/fs/cgroup cgroup2 defaults 0 0
	FSTAB
}
guest_uuid=6d8a11c2-5f4e-4d0f-9a4c-bd7c5f2c7e21

fill_system() {
	local root=$1 name path applet found=()
	mkdir -p "$root"/{dev,proc,sys,tmp,run,mnt,with,usr/bin,usr/sbin,usr/lib,usr/lib64,var/tmp}
	for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
	ln -s /run "$root/var/run"
	for name in "${guest_programs[@]}"; do
		path=$(find_program "$name") || continue
		found+=("$path")
		add_file "$root" "$path" "/usr/bin/$name"
	done
	add_libraries "$root" /dev/null "${found[@]}"
	ln -s dash "$root/usr/bin/sh"
	while IFS= read -r applet; do
		applet=${applet##*/}
		[ -e "$root/usr/bin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
	done < <("$root/usr/bin/busybox" --list)
	add_accounts "$root"
	add_mounts "$root"
	# Without this cache each program looks for its libraries in a dozen folders.
	/sbin/ldconfig -X -r "$root" -f /dev/null /usr/lib/x86_64-linux-gnu
	mkdir -p "$root/usr/lib/terminfo"
	(cd /lib/terminfo && cp --parents d/dumb l/linux s/screen s/screen-256color t/tmux-256color \
		v/vt100 x/xterm "$root/usr/lib/terminfo/")
	mkdir -p "$root/usr/lib/locale"
	cp -r /usr/lib/locale/C.utf8 "$root/usr/lib/locale/"
	cp "$top/tests/vm/init" "$root/init"
}

# keyed KIND KEY FILLER: build the layer unless it is there; sets layer to its cpio, whose
# list of files lies beside it.
keyed() {
	local kind=$1 key=$2 scratch
	shift 2
	layer=$image_cache/$kind-$key.cpio
	if [ -e "$layer" ]; then
		touch "$layer" "${layer%.cpio}.files"
		return
	fi
	mkdir -p "$image_cache"
	scratch=$(mktemp -d "$image_cache/.tmp.XXXXXX")
	mkdir "$scratch/root"
	"$@" "$scratch/root"
	(cd "$scratch/root" && find . ! -type d | sed 's/^\.//') >"$scratch/files"
	make_cpio "$scratch/root" "$scratch/cpio"
	# Others may be at it, too. Whole or not at all, and the list before what it lists.
	mv "$scratch/files" "${layer%.cpio}.files"
	mv "$scratch/cpio" "$layer"
	rm -rf "$scratch"
	find "$image_cache" -ignore_readdir_race -maxdepth 1 -name "$kind-*" -mmin +2880 -delete || :
}

system_layer() {
	local key
	key=$({
		cat "$top/tests/vm/init" "$top/tests/vm/image.sh"
		# Programs and libraries change with packages.
		stat -c '%s %y' /var/lib/dpkg/status 2>/dev/null || :
	} | digest)
	keyed system "$key" fill_system
}

# our_modules FLAVOUR: the project's own, as far as they are built.
our_modules() {
	local module
	for module in "$top/build/nvme-debug/$1"/nvme-{debug,raw}.ko \
		"$top/build/kmod/$1"/{copy_client,token_leak,work_claim}.ko; do
		[ ! -e "$module" ] || printf '%s\n' "$module"
	done
}

fill_kernel() {
	local kernel=$1 flavour=$2 root=$3 release
	release=$(<"$kernel/release")
	mkdir -p "$root/usr/lib/modules"
	cp -r "$kernel/modules/$release" "$root/usr/lib/modules/"
	add_file "$root" "$kernel/tools/bin/bpftool" /usr/bin/bpftool
	add_libraries "$root" /dev/null "$kernel/tools/bin/bpftool"
	mkdir "$root/usr/lib/modules/$release/extra"
	our_modules "$flavour" | xargs -r -d '\n' cp -t "$root/usr/lib/modules/$release/extra"
	# depmod looks in /lib, which in the guest is a link from another archive.
	ln -s usr/lib "$root/lib"
	/sbin/depmod -b "$root" "$release"
	rm "$root/lib"
}

# kernel_layer KERNEL FLAVOUR
kernel_layer() {
	local key
	key=$({
		cat "$top/tests/vm/image.sh"
		readlink -f "$1"
		stat -c '%Y' "$1/bzImage"
		our_modules "$2" | xargs -r -d '\n' stat -c '%n %s %Y'
	} | digest)
	keyed kernel "$key" fill_kernel "$1" "$2"
}

# The project's own build output; what is not built yet is just not there.
add_project() {
	local root=$1 skip=$2 file programs=()
	for file in "$top"/build/bin/*; do
		[ -f "$file" ] || continue
		add_file "$root" "$file" "/usr/bin/${file##*/}"
		programs+=("$file")
	done
	for file in "$top"/build/bpf/{*.bpf.o,objects.sha256}; do
		[ -f "$file" ] || continue
		add_file "$root" "$file" "/usr/lib/bpfcopy/${file##*/}"
		# Whatever the umask was when it was built: rules only get what nobody can change.
		chmod go-w "$root/usr/lib/bpfcopy/${file##*/}"
	done
	cp -r "$top/tests" "$root/tests"
	[ ${#programs[@]} = 0 ] || add_libraries "$root" "$skip" "${programs[@]}"
}

# add_with ROOT SKIP SPEC: SPEC is FILE, FILE:DEST, or the name of a program.
add_with() {
	local root=$1 skip=$2 src=${3%%:*} dest
	[ -e "$src" ] || src=$(find_program "$src") || die "--with $3: no such file or program"
	case $3 in
	*:*) dest=${3#*:} ;;
	*) dest=/with/${src##*/} ;;
	esac
	case $dest in /*) ;; *) die "--with $3: the place in the guest must begin with /" ;; esac
	if [ -d "$src" ]; then
		mkdir -p "$root${dest%/*}"
		cp -rL "$src" "$root$dest"
		return
	fi
	add_file "$root" "$src" "$dest"
	case $3 in *:*) ;; *) chmod 755 "$root$dest" ;; esac
	add_libraries "$root" "$skip" "$src"
}
