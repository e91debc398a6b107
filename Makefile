# SPDX-License-Identifier: Apache-2.0
# parkmeter. One non-recursive Makefile; `make help` lists the targets.
#
#   V=1                          show the commands
#   SANITIZE=address,undefined   another variant, in build/address-undefined/
#   CFLAGS, LDFLAGS, DESTDIR, PREFIX   the packager's, kept apart from the project's own flags

VERSION := 0.1.0
PREFIX ?= /usr/local
SANITIZE ?=
CC := gcc
CLANG ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
CFLAGS ?= -O2 -g

comma := ,
variant := $(if $(SANITIZE),$(subst $(comma),-,$(SANITIZE)),release)
out := build/$(variant)
gen := build/gen

# ---- libraries: libbpf from build/deps where `make deps` put a newer one than the system's ----
deps_root := $(wildcard build/deps/usr/include/bpf/libbpf.h)
ifneq ($(deps_root),)
bpf_cflags := -isystem build/deps/usr/include
bpf_libs := $(firstword $(wildcard build/deps/usr/lib/*/libbpf.a)) -lelf -lz
else
bpf_cflags :=
bpf_libs := -lbpf -lelf -lz
endif
libs := $(bpf_libs) -ldw -lelf -lcapstone -ljansson -lcurl -lzstd -lz -lm -lpthread

warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wwrite-strings -Wformat=2 -Wno-format-nonliteral
own_cflags := -std=gnu17 -D_GNU_SOURCE $(warnings) -DPARKMETER_VERSION='"$(VERSION)"' \
	-Iagent -Iinclude -I$(gen) -I$(gen)/agent $(bpf_cflags) -fno-omit-frame-pointer
bpf_own_cflags := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wno-unused-function \
	-D__TARGET_ARCH_x86 -Ibpf -Iinclude $(bpf_cflags)
own_ldflags :=
ifneq ($(SANITIZE),)
own_cflags += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -DPARKMETER_SANITIZED
own_ldflags += -fsanitize=$(SANITIZE)
endif

Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-7s %s\n')

# ---- sources ----
agent_src := $(wildcard agent/*/*.c)
agent_obj := $(agent_src:agent/%.c=$(out)/agent/%.o)
lib := $(out)/libparkmeter.a
bpf_src := $(wildcard bpf/*.bpf.c)
bpf_obj := $(bpf_src:bpf/%.bpf.c=$(gen)/%.bpf.o)
skeleton := $(gen)/parkmeter.skel.h
syscall_names := $(gen)/agent/capture/syscall_names.h
headers := $(wildcard agent/*/*.h include/parkmeter/*.h)

unit_src := $(wildcard tests/unit/*/test_*.c)
unit_bin := $(unit_src:tests/%.c=$(out)/tests/%)
bpftest_src := $(wildcard tests/bpf/test_*.c)
bpftest_bin := $(bpftest_src:tests/%.c=$(out)/tests/%)
fuzz_src := $(wildcard tests/fuzz/fuzz_*.c)
fuzz_bin := $(fuzz_src:tests/fuzz/%.c=build/fuzz/%)
bench_src := $(wildcard tests/bench/bench_*.c)
bench_bin := $(bench_src:tests/%.c=$(out)/tests/%)
test_support_src := $(wildcard tests/support/*.c)
test_support := $(test_support_src:tests/%.c=$(out)/tests/%.o)

.PHONY: all
all: $(out)/parkmeter ## build the agent (default)

.PHONY: help
help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

# ---- the agent ----
$(out)/parkmeter: $(out)/agent/main.o $(lib)
	$(say) LINK $@
	$(Q)$(CC) $(own_ldflags) $(LDFLAGS) -o $@ $^ $(libs)

$(lib): $(agent_obj)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

$(out)/%.o: %.c | $(skeleton) $(syscall_names)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(own_cflags) $(CFLAGS) -MMD -MP -c -o $@ $<

# ---- the BPF programs: one object, one skeleton ----
$(gen)/%.bpf.o: bpf/%.bpf.c
	$(say) BPF $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf_own_cflags) -MMD -MP -MT $@ -MF $(@:.o=.d) -c -o $@ $<

$(gen)/parkmeter.bpf.o: $(bpf_obj)
	$(say) BPFLINK $@
	$(Q)$(BPFTOOL) gen object $@ $^

$(skeleton): $(gen)/parkmeter.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name parkmeter_bpf > $@.tmp && mv $@.tmp $@

# The kernel's own list of system calls: number to name.
$(syscall_names):
	$(say) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q)printf '#include <asm/unistd.h>\n' | $(CC) -E -dM -x c - | sort -V | awk \
		'BEGIN { print "static const char *const syscall_names[] = {" } \
		/^#define __NR_/ { sub(/__NR_/, "", $$2); printf "\t[%d] = \"%s\",\n", $$3, $$2 } \
		END { print "};\n#define SYSCALL_NAME_COUNT (sizeof(syscall_names) / sizeof(syscall_names[0]))" }' \
		> $@.tmp && mv $@.tmp $@

# ---- tests ----
$(out)/tests/%: $(out)/tests/%.o $(test_support) $(lib)
	$(say) LINK $@
	$(Q)$(CC) $(own_ldflags) $(LDFLAGS) -o $@ $^ -lcmocka $(libs)

$(out)/tests/%.o: tests/%.c | $(skeleton)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(own_cflags) -Itests $(CFLAGS) -MMD -MP -c -o $@ $<

.PHONY: deps
deps: ## install what building takes (root)
	packaging/deps.sh build

.PHONY: check-deps
check-deps:
	packaging/deps.sh check

.PHONY: unit
unit: $(unit_bin) ## unit tests: no root, no network
	$(Q)tests/run-cmocka.sh $(unit_bin)

.PHONY: bpf-tests
bpf-tests: $(bpftest_bin) ## the BPF programs on this kernel against real Go programs (root)
	$(Q)tests/run-cmocka.sh $(bpftest_bin)

.PHONY: e2e
e2e: $(out)/parkmeter ## the real binary against real servers (root)
	$(Q)tests/e2e/run.sh $(out)/parkmeter

.PHONY: vm
vm: $(out)/parkmeter ## the agent on other kernels, in emulated machines
	$(Q)packaging/deps.sh vm
	$(Q)tests/vm/run.sh $(out)/parkmeter

.PHONY: check
check: ## everything that must hold; installs what it needs, under 20 minutes (root)
	$(Q)$(MAKE) --no-print-directory check-deps
	$(Q)tests/check.sh

.PHONY: check-all
check-all: ## check, and what takes longer: every Go version, other kernels, 1,000 attach cycles, fuzzing
	$(Q)$(MAKE) --no-print-directory check-deps
	$(Q)tests/check.sh --all

.PHONY: bench
bench: $(out)/parkmeter $(bench_bin) ## timings and ratios, side by side in one run (root)
	$(Q)tests/bench/run.sh $(out)/parkmeter

.PHONY: demo
demo: ## deploy two releases of a small service under load and see them told apart (root)
	$(Q)packaging/deps.sh check
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/e2e/demo.sh $(out)/parkmeter

# ---- fuzzing: libFuzzer harnesses; their corpora are replayed by the unit tests ----
build/fuzz/%: tests/fuzz/%.c $(agent_src) $(headers) | $(skeleton) $(syscall_names)
	$(say) FUZZ $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(filter-out -Wformat=2,$(own_cflags)) -O1 -g -fsanitize=fuzzer,address,undefined \
		-Wno-gnu -Itests -o $@ $< $(agent_src) $(bpf_libs) $(libs)

.PHONY: fuzz
fuzz: $(fuzz_bin) ## build the fuzzers in build/fuzz
	@:

.PHONY: fuzz-run
fuzz-run: fuzz ## run each fuzzer for FUZZ_MINUTES (5)
	$(Q)tests/fuzz/run.sh $(or $(FUZZ_MINUTES),5)

# ---- the house ----
lint analyze: export PROJECT_CFLAGS = $(own_cflags)
lint: export PROJECT_BPF_CFLAGS = $(bpf_own_cflags)

.PHONY: lint
lint: $(skeleton) $(syscall_names) ## module edges, headers, names, sizes, clang-tidy, shellcheck, formatting
	$(Q)tests/lint/run.sh

.PHONY: format
format: ## clang-format every source
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

.PHONY: analyze
analyze: $(skeleton) $(syscall_names) ## gcc -fanalyzer over the agent
	$(Q)tests/lint/analyze.py $(agent_src) agent/main.c

.PHONY: install
install: $(out)/parkmeter ## into $(DESTDIR)$(PREFIX)
	install -D -m 0755 $(out)/parkmeter $(DESTDIR)$(PREFIX)/sbin/parkmeter
	for page in packaging/man/*.[158]; do \
		install -D -m 0644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; \
	done

.PHONY: clean
clean: ## remove what was built, keep build/deps
	rm -rf build/release build/address-undefined build/gen build/fuzz build/lint build/demo \
		build/workloads build/vm

# Whatever was built before, the programs that only a test script asks for included.
-include $(bpf_obj:.o=.d) \
	$(wildcard $(addprefix $(out)/,agent/*.d agent/*/*.d tests/*/*.d tests/*/*/*.d))

.SECONDARY:
