# SPDX-License-Identifier: GPL-2.0
# bpfcopy: `make help` lists what there is to make.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z.-]*:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## install what is needed on Debian 12 (root; quick when nothing is missing)
	@tests/kernel/deps

.PHONY: kernel
kernel: deps ## the patched kernel, libbpf and bpftool, from the cache or built
	@tests/kernel/build --flavour std

.PHONY: kernel-debug
kernel-debug: deps ## the two debug kernels (KASAN and UBSAN; lockdep and RCU)
	@tests/kernel/build --flavour kasan
	@tests/kernel/build --flavour lockdep

.PHONY: lint
lint: deps ## shellcheck on every script, clang-format on every C file
	@tests/lint

.PHONY: clean
clean: ## remove what was built here; keeps build/linux and the kernel cache
	@rm -rf build/obj-* build/vm build/bin build/bpf build/tests build/nvme-debug build/loader
