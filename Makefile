# SPDX-License-Identifier: GPL-2.0
# bpfcopy: `make help` lists what there is to make.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z.-]*:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## install what is needed on Debian 12 (root; quick when nothing is missing)
	@tests/kernel/deps

# --- The kernel

.PHONY: kernel
kernel: deps ## the patched kernel, libbpf and bpftool, from the cache or built
	@tests/kernel/build --flavour std

# Of the debug kernels, which: KASAN and UBSAN; lockdep and RCU.
FLAVOURS ?= kasan lockdep

.PHONY: kernel-debug
kernel-debug: deps ## the two debug kernels (FLAVOURS=kasan: one of them)
	@for f in $(FLAVOURS); do tests/kernel/build --flavour $$f || exit; done

.PHONY: source
source: deps ## the kernel source in build/linux, with the series on it as commits
	@tests/kernel/build --source

.PHONY: patches
patches: ## write kernel-patches/ from the commits in build/linux
	@tests/kernel/patches

.PHONY: check-patches
check-patches: kernel source ## checkpatch --strict, sparse and a build for every patch
	@tests/kernel/check-patches

.PHONY: vmlinux.h
vmlinux.h: kernel ## write the kernel's types anew
	@bpf/gen-vmlinux build/kernel-std/vmlinux >$@.new
	@mv $@.new $@

.PHONY: vmlinux.h-check
vmlinux.h-check: kernel ## the types in vmlinux.h are those of the built kernel
	@bpf/gen-vmlinux --check build/kernel-std/vmlinux

# --- The programs

.PHONY: programs
programs: kernel ## bpfcopy, the BPF objects and the programs of the tests
	@$(MAKE) -C bpf
	@$(MAKE) -C loader
	@$(MAKE) -C tests/unit
	@$(MAKE) -C tests/vm/src

.PHONY: modules
modules: kernel ## nvme-debug.ko, and the tests' own module
	@$(MAKE) -C nvme-debug
	@$(MAKE) -C tests/vm/kmod

.PHONY: modules-debug
modules-debug: kernel-debug ## the same modules for the debug kernels
	@for f in $(FLAVOURS); do \
		$(MAKE) -C nvme-debug KBUILD=$(CURDIR)/build/kernel-$$f/kbuild \
			OUT=$(CURDIR)/build/nvme-debug/$$f || exit; \
		$(MAKE) -C tests/vm/kmod KBUILD=$(CURDIR)/build/kernel-$$f/kbuild \
			OUT=$(CURDIR)/build/kmod/$$f || exit; \
	done

# --- On this machine

PREFIX	?= /usr
UNITS	:= loader/bpfcopyd
# Policies and vendor rules are looked for here, wherever the programs are.
LIB	:= $(DESTDIR)/usr/lib/bpfcopy

.PHONY: install-sdk
install-sdk: ## put below DESTDIR only what it takes to write a policy
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/bpfcopy vmlinux.h bpf/bpfcopy.bpf.h bpf/policy_counters.h
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/bpfcopy/policy contrib/policy/*

.PHONY: install
install: programs install-sdk ## put command, daemon, policies, units and manuals below DESTDIR
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin build/bin/bpfcopy
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin build/bin/bpfcopyd
	install -D -m 644 -t $(LIB) build/bpf/policy_*.bpf.o build/bpf/objects.sha256 policy/*.conf
	install -d -m 755 $(DESTDIR)/etc/bpfcopy/bpfcopy.conf.d
	install -d $(DESTDIR)/usr/lib/systemd/system
	sed 's|/usr/sbin/|$(PREFIX)/sbin/|' $(UNITS)/bpfcopyd.service \
		>$(DESTDIR)/usr/lib/systemd/system/bpfcopyd.service
	install -D -m 644 $(UNITS)/bpfcopy.sysusers.conf $(DESTDIR)/usr/lib/sysusers.d/bpfcopy.conf
	install -D -m 644 $(UNITS)/bpfcopy.tmpfiles.conf $(DESTDIR)/usr/lib/tmpfiles.d/bpfcopy.conf
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/bpfcopy README.md docs/*.md
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/bpfcopy/examples policy/examples/*.conf
	install -D -m 644 build/completion/bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/bpfcopy
	install -D -m 644 build/completion/zsh \
		$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_bpfcopy
	for s in 1 5 8; do \
		install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$$s build/man/*.$$s && \
		gzip -9nf $(DESTDIR)$(PREFIX)/share/man/man$$s/bpfcopy*.$$s || exit; \
	done

# --- To look at

.PHONY: demo
demo: programs modules ## boot the guest, copy a file system under a policy, show it
	@tests/demo/run

.PHONY: bench
bench: programs modules ## instructions per copy, in build/bench/results.json
	@$(MAKE) -C tests/bench
	@tests/bench/run
	@tests/bench/decide
	@tests/bench/wire

# --- The tests

# Guests at a time: one keeps little more than one processor busy and takes up to 3 GiB.
JOBS ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))

.PHONY: test
test: programs modules vmlinux.h-check ## every test; the last line is the sum
	@tests/run --jobs $(JOBS)

.PHONY: test-debug
test-debug: programs modules-debug ## the VM suites on both debug kernels
	@tests/run --jobs $(JOBS) $(FLAVOURS:%=--debug %)

.PHONY: test-debug-quick
test-debug-quick: programs modules-debug ## the most telling of them: about a quarter of the time
	@tests/run --jobs $(JOBS) $(FLAVOURS:%=--debug %) --quick

MINUTES	?= 30
.PHONY: soak
soak: programs $(if $(DEBUG),modules-debug,modules) ## copies, faults and changes for MINUTES=30 (DEBUG=kasan|lockdep)
	@tests/vm/run $(if $(DEBUG),--debug-kernel $(DEBUG)) --nvme 96M,mssrl=1024,mcl=4096 \
		--mem 2048 --timeout $$(($(MINUTES) * 90 + 600)) --with build/tests/vm/copy_verify \
		-- env SOAK=$$(($(MINUTES) * 60)) /tests/vm/suites/copy_soak.sh

.PHONY: regress
regress: programs ## the unpatched kernel beside ours: reads, writes, zones, dm, nvmet, the same
	@tests/kernel/build --flavour stock
	@$(MAKE) -C tests/bench
	@tests/regress/run

.PHONY: unit
unit: programs ## the CUnit suites only
	@tests/run unit

.PHONY: cli
cli: programs ## the tests of the command on this machine only
	@tests/run cli

.PHONY: vm
vm: programs modules ## the suites in the guest only
	@tests/run vm

.PHONY: fuzz
fuzz: deps ## look for input that breaks the configuration or the control socket (FUZZ_SECONDS=60)
	@$(MAKE) -C tests/fuzz run

.PHONY: lint
lint: deps ## shellcheck, clang-format, SPDX lines, lengths
	@tests/lint

.PHONY: clean
clean: ## remove what was built; build/linux and the kernel cache stay
	@find build -mindepth 1 -maxdepth 1 ! -name linux -exec rm -rf {} +
