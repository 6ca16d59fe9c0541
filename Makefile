# SPDX-License-Identifier: GPL-2.0-or-later
# autobind: one plain GNU Makefile.
#
#   make                 build everything under $(B)
#   make demo            show the main job in a QEMU guest; demo-quick: in namespaces
#   make check           all tests but the VM ones; last line: N passed, N failed, N skipped
#   make check-vm        scenarios in a QEMU guest with kernel iSCSI; T=NNN-name for one
#   make check-vm-all    those, too, that take too long for CI
#   make vm-shell        a shell in that guest
#   make lint            every static check; also one by one: tidy cppcheck format-check ...
#   make fuzz            T=scan SECONDS=60; without T every target
#   make bench           the numbers of README.md
#   make install         DESTDIR= prefix= sysconfdir= ...; make uninstall
#
# check and demo install the packages that they need (tests/install-deps).
#
# Knobs: V=1 shows commands, WERROR=1 makes warnings errors,
# SAN=address,undefined builds with sanitizers in a tree of its own.

CC         ?= cc
PKG_CONFIG ?= pkg-config
INSTALL    ?= install
CFLAGS     ?= -O2 -g
DESTDIR    ?=
prefix     ?= /usr
sbindir    ?= $(prefix)/sbin
libexecdir ?= $(prefix)/libexec
sysconfdir ?= /etc
localstatedir ?= /var
rundir     ?= /run
mandir     ?= $(prefix)/share/man
docdir     ?= $(prefix)/share/doc/autobind
policydir  ?= $(prefix)/lib/autobind/policy.d
completiondir ?= $(prefix)/share/bash-completion/completions
systemd_dir = $(or $(shell $(PKG_CONFIG) --variable=$(1) systemd 2>/dev/null),$(2))
unitdir    ?= $(call systemd_dir,systemdsystemunitdir,$(prefix)/lib/systemd/system)
sysusersdir ?= $(call systemd_dir,sysusersdir,$(prefix)/lib/sysusers.d)

VERSION := $(shell sed -n '1s/^autobind \([0-9.]*\).*/\1/p' NEWS 2>/dev/null)
comma   := ,
B       ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual \
	-Wwrite-strings -Wvla -Wformat=2 -Wundef -Wswitch-enum -Wimplicit-fallthrough
HARD := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
# libcrypto is for autobind-discover alone: its headers lie where libc's do.
DEPS := libudev libevent_core libnl-3.0 libnl-route-3.0 jansson
PATHS := -DAB_VERSION='"$(VERSION)"' -DAB_SYSCONFDIR='"$(sysconfdir)"' \
	-DAB_LIBEXECDIR='"$(libexecdir)"' -DAB_PREFIX='"$(prefix)"' \
	-DAB_LOCALSTATEDIR='"$(localstatedir)"' -DAB_RUNDIR='"$(rundir)"'
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)

dep_cflags = $(shell $(PKG_CONFIG) --cflags $(DEPS))
dep_libs   = $(shell $(PKG_CONFIG) --libs $(DEPS)) -liniparser
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Iautobind $(WARN) $(if $(WERROR),-Werror) $(HARD) \
	$(SANFLAGS) -MMD -MP $(PATHS) $(dep_cflags) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(SANFLAGS) $(LDFLAGS)

srcs      = $(sort $(wildcard autobind/$(1)/*.c))
objs      = $(patsubst %.c,$(B)/obj/%.o,$(1))
PURE_OBJ := $(call objs,$(call srcs,util) $(call srcs,core))
IO_OBJ   := $(call objs,$(call srcs,io))
CLI_OBJ  := $(call objs,$(call srcs,cli))
MAINS    := $(patsubst autobind/%.c,%,$(wildcard autobind/*.c))

all: $(MAINS:%=$(B)/%)

$(B)/obj/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Archives, so that a program takes only what it uses.
$(B)/libpure.a: $(PURE_OBJ)
$(B)/libio.a: $(IO_OBJ)
$(B)/libcli.a: $(CLI_OBJ)
$(B)/%.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/autobindd: $(B)/obj/autobind/autobindd.o $(B)/libio.a $(B)/libpure.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(dep_libs)

$(B)/autobind: $(B)/obj/autobind/autobind.o $(B)/libcli.a $(B)/libio.a $(B)/libpure.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(dep_libs)

# The parser of what targets send: no library but libc, and libcrypto for CHAP's hashes.
$(B)/autobind-discover: $(B)/obj/autobind/autobind-discover.o $(B)/libio.a $(B)/libpure.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs libcrypto)

# --- tests -------------------------------------------------------------------------
# A test program may name libraries of its own: a line "LIBS: -lfoo" in its head comment.
own_libs = $(shell sed -n 's/^.*LIBS: *//p' $(1) | head -n 1)
AB_LIBS := $(B)/libcli.a $(B)/libio.a $(B)/libpure.a
tests_c  = $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/$(1))))
UNIT    := $(call tests_c,unit/test_*.c)
TOOLS   := $(call tests_c,tools/*.c)
MC      := $(call tests_c,mc/mc_*.c)
FUZZ    := $(call tests_c,fuzz/fuzz_*.c)
VM      := $(sort $(wildcard tests/vm/[0-9][0-9][0-9]-*))
SCRIPTS := $(filter-out %.md $(VM),$(sort $(wildcard tests/*/[0-9][0-9][0-9]-*)))
CHECKS  := check-unit check-san $(if $(MC),mc) check-corpus check-scripts
SAN_B   := build-address-undefined
SUBMAKE  = +$(Q)$(MAKE) --no-print-directory

# The unit test of the parent runs the real helper.
$(B)/tests/unit/test_discover: | $(B)/autobind-discover

# The simulated surroundings of the engine.
$(B)/libmodel.a: $(call objs,$(wildcard tests/model/*.c))

$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(B)/libmodel.a $(AB_LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(dep_libs) -lcmocka $(call own_libs,tests/unit/$*.c)

$(B)/tests/tools/%: $(B)/obj/tests/tools/%.o $(B)/libmodel.a $(AB_LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(dep_libs) $(call own_libs,tests/tools/$*.c)

$(B)/tests/mc/%: $(B)/obj/tests/mc/%.o $(B)/libmodel.a $(B)/libpure.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call own_libs,tests/mc/$*.c)

# A fuzz target has libFuzzer's main in build-fuzz and the replay of its corpus elsewhere.
FUZZ_MAIN := $(if $(LIBFUZZER),,$(B)/obj/tests/fuzz/replay_main.o)
$(B)/tests/fuzz/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(B)/libmodel.a $(AB_LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(if $(LIBFUZZER),-fsanitize=fuzzer) -o $@ $^ $(dep_libs) \
		$(call own_libs,tests/fuzz/fuzz_$*.c)

check:
	$(Q)tests/install-deps
	+$(Q)MAKE='$(MAKE)' tests/check $(CHECKS)

# Everything with one total.
check-ci:
	$(Q)tests/install-deps vm
	+$(Q)MAKE='$(MAKE)' tests/check check-vm $(CHECKS)

check-unit: $(UNIT)
	$(Q)tests/run-unit $(UNIT)

# The same with AddressSanitizer and UndefinedBehaviorSanitizer.
check-san:
	$(SUBMAKE) SAN=address,undefined B=$(SAN_B) check-unit

check-corpus:
	$(SUBMAKE) SAN=address,undefined B=$(SAN_B) replay

replay: $(FUZZ)
	$(Q)tests/run-corpus $(FUZZ)

# Every world within the budget, with the engine's own code.
mc: $(MC)
	$(Q)UNIT_TIMEOUT=600 tests/run-unit $(MC)

# Can it fail? Seeded mistakes in a copy of the core, each to be found.
mc-mutants:
	+$(Q)MAKE='$(MAKE)' tests/mc/run-mutants

# Scripts run with the sanitizers' programs, or as their "# RUN:" line says.
programs: all $(TOOLS)

check-scripts: programs
	$(SUBMAKE) SAN=address,undefined B=$(SAN_B) programs
	$(Q)tests/run-scripts -b $(SAN_B) -p $(B) $(or $(S),$(SCRIPTS))

check-netns:
	$(SUBMAKE) check-scripts S='$(filter tests/netns/%,$(SCRIPTS))'

# What the guest gets is what `make install` installs.
vm-root: all
	$(Q)rm -rf $(B)/vm-root
	$(SUBMAKE) install DESTDIR=$(abspath $(B)/vm-root)

check-vm check-vm-all:
	$(Q)tests/install-deps vm
	$(SUBMAKE) vm-root
	$(Q)tests/vm/run $(if $(T)$(filter %-all,$@),-a) -r $(B)/vm-results $(B)/vm-root \
		$(or $(T:%=tests/vm/%),$(VM))

vm-shell:
	$(Q)tests/install-deps vm
	$(SUBMAKE) vm-root
	$(Q)tests/vm/rig shell $(B)/vm $(B)/vm-root

demo:
	$(Q)tests/install-deps vm
	$(SUBMAKE) vm-root programs
	$(Q)B=$(B) tests/demo/demo

demo-quick:
	$(Q)tests/install-deps
	$(SUBMAKE) programs
	$(Q)B=$(B) tests/demo/demo-quick

bench: programs
	$(Q)tests/install-deps
	$(Q)B=$(B) tests/bench/run

SECONDS ?= 60
fuzz:
	$(Q)tests/install-deps lint
	$(SUBMAKE) B=build-fuzz CC=clang CFLAGS='-O1 -g' LIBFUZZER=1 \
		SAN=fuzzer-no-link,address,undefined run-fuzz

run-fuzz: $(if $(T),$(B)/tests/fuzz/fuzz_$(T),$(FUZZ))
	$(Q)tests/run-fuzz $(SECONDS) $^

# The tests that have goldens write them anew; the difference is to be reviewed.
update-goldens: $(addprefix $(B)/tests/unit/,test_cli test_conf test_view) programs
	$(Q)AB_UPDATE_GOLDENS=1 tests/run-unit $(filter $(B)/tests/unit/%,$^)
	$(Q)B=$(B) AB_UPDATE_GOLDENS=1 tests/cli/010-plan-worlds
	$(Q)git --no-pager diff --stat -- tests/golden

# Branches of util and core; the other side of an assertion is never taken.
coverage:
	$(Q)tests/install-deps lint
	$(SUBMAKE) B=build-cov CFLAGS='-O0 -g --coverage' LDFLAGS=--coverage check-unit
	$(Q)gcovr -r . --object-directory build-cov --branches -f 'autobind/(util|core)/' \
		--exclude-branches-by-pattern '^\s*assert\(' build-cov

# --- static checks -----------------------------------------------------------------
ALL_C := $(sort $(wildcard autobind/*.[ch] autobind/*/*.[ch] tests/*/*.[ch]))
OUR_C := $(sort $(wildcard autobind/*.c autobind/*/*.c))

lint:
	$(Q)tests/install-deps lint
	$(SUBMAKE) -k format-check text-check unit-check cppcheck tidy

format-check:
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run -Werror $(ALL_C)

# shellcheck, pyflakes3, mandoc -Tlint, codespell
text-check:
	$(call say,LINT,shell python man spelling)
	$(Q)tests/lint-text

# With the programs where they are built. The score of a root daemon with the network and
# other processes' descriptors to look at; it must not get worse.
unit-check: all
	$(call say,LINT,systemd units)
	$(Q)$(MAKE) --no-print-directory B=build-units sbindir=$(abspath $(B)) \
		$(UNITS:%=build-units/%)
	$(Q)if command -v systemd-analyze >/dev/null; then \
		systemd-analyze verify --man=no $(UNITS:%=build-units/%) && \
		systemd-analyze security --no-pager --offline=yes --threshold=50 \
			build-units/autobindd.service >build-units/security.log || \
		{ cat build-units/security.log; exit 1; }; fi

# (it reads no system header, so it is told that TAILQ_FOREACH sets its variable)
cppcheck:
	$(call say,LINT,cppcheck)
	$(Q)mkdir -p build-cppcheck
	$(Q)timeout 300 cppcheck -q -j 2 --std=c11 -D_GNU_SOURCE $(PATHS) -Iautobind \
		-D'TAILQ_FOREACH(v,h,f)=while (((v) = (h)->tqh_first))' \
		--cppcheck-build-dir=build-cppcheck --enable=warning,performance,portability \
		--inline-suppr --error-exitcode=1 --suppress=missingIncludeSystem autobind

# One stamp a file: a second run looks only at what changed. Checks: .clang-tidy
tidy: $(OUR_C:%.c=build-tidy/%.ok)

build-tidy/%.ok: %.c .clang-tidy $(filter %.h,$(ALL_C))
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D)
	$(Q)timeout 180 clang-tidy --quiet $< -- $(filter-out -MMD -MP,$(ALL_CFLAGS)) \
		2>build-tidy/$*.log || { cat build-tidy/$*.log; exit 1; }
	$(Q)touch $@

# --- purity of util and core -------------------------------------------------------
# ld -r of both with fixed flags may leave only mem*/str* and the assertion undefined.
LAYERS_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Iautobind -O2 -U_FORTIFY_SOURCE \
	-fno-stack-protector -fno-pie
LAYERS_OBJ := $(patsubst %.c,build-layers/%.o,$(call srcs,util) $(call srcs,core))
LAYERS_OK  := mem[a-z]*|bcmp|str(len|nlen|cmp|ncmp|chr|rchr)|__assert_fail

build-layers/%.o: %.c $(wildcard autobind/util/*.h autobind/core/*.h)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LAYERS_CFLAGS) -c -o $@ $<

layers: $(LAYERS_OBJ)
	$(Q)$(LD) -r -o build-layers/pure.o $^
	$(Q)! nm -u build-layers/pure.o | grep -vE ' ($(LAYERS_OK))$$'
	$(Q)tests/check-includes
	$(Q)echo "layers: util and core are pure; every third-party header has one adapter"

# --- installation ------------------------------------------------------------------
# Configuration that exists is never overwritten, and uninstall leaves it and the state.
SBIN      := $(filter-out autobind-discover,$(MAINS))
LIBEXEC   := $(filter autobind-discover,$(MAINS))
MAN       := $(sort $(wildcard man/*.[1-8]))
EXAMPLES  := $(sort $(wildcard conf/policy-examples/*))
SHIPPED   := $(sort $(wildcard conf/policy.d/*.conf))
UNITS     := $(patsubst conf/systemd/%.in,%,$(sort $(wildcard conf/systemd/*.in)))
mandirs    = $(sort $(foreach m,$(MAN),$(mandir)/man$(subst .,,$(suffix $(m)))))
D          = $(DESTDIR)

# The completion comes from the command table of the program.
$(B)/autobind.bash: $(B)/autobind
	$(call say,GEN,$@)
	$(Q)$< completion bash >$@

$(B)/%.service: conf/systemd/%.service.in Makefile
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed 's|@sbindir@|$(sbindir)|g' $< >$@

# Units are installed, not enabled: that is the distribution's or the administrator's word.
install: all $(B)/autobind.bash $(UNITS:%=$(B)/%)
	$(Q)$(INSTALL) -d $(D)$(sbindir) $(D)$(libexecdir) $(mandirs:%=$(D)%) \
		$(D)$(docdir)/examples $(D)$(policydir) $(D)$(sysconfdir)/autobind/policy.d \
		$(D)$(sysconfdir)/autobind/exclude.d $(D)$(completiondir) \
		$(D)$(unitdir) $(D)$(sysusersdir)
	$(Q)$(INSTALL) -d -m 700 $(D)$(sysconfdir)/autobind/chap \
		$(D)$(localstatedir)/lib/autobind
	$(Q)set -e; for p in $(SBIN); do $(INSTALL) -m 755 $(B)/$$p $(D)$(sbindir)/; done
	$(Q)set -e; for p in $(LIBEXEC); do $(INSTALL) -m 755 $(B)/$$p $(D)$(libexecdir)/; done
	$(Q)set -e; for m in $(MAN); do $(INSTALL) -m 644 $$m $(D)$(mandir)/man$${m##*.}/; done
	$(Q)set -e; for f in $(EXAMPLES); do $(INSTALL) -m 644 $$f $(D)$(docdir)/examples/; done
	$(Q)set -e; for f in $(SHIPPED); do $(INSTALL) -m 644 $$f $(D)$(policydir)/; done
	$(Q)$(INSTALL) -m 644 $(B)/autobind.bash $(D)$(completiondir)/autobind
	$(Q)set -e; for u in $(UNITS); do $(INSTALL) -m 644 $(B)/$$u $(D)$(unitdir)/; done
	$(Q)$(INSTALL) -m 644 conf/sysusers.d/autobind.conf $(D)$(sysusersdir)/
	$(Q)$(INSTALL) -m 644 README.md NEWS LICENSE $(D)$(docdir)/
	$(Q)if [ -f conf/autobind.conf ] && [ ! -e $(D)$(sysconfdir)/autobind/autobind.conf ]; \
		then $(INSTALL) -m 644 conf/autobind.conf $(D)$(sysconfdir)/autobind/; fi

uninstall:
	$(Q)rm -f $(SBIN:%=$(D)$(sbindir)/%) $(LIBEXEC:%=$(D)$(libexecdir)/%) \
		$(foreach m,$(MAN),$(D)$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m))) \
		$(SHIPPED:conf/policy.d/%=$(D)$(policydir)/%) $(D)$(completiondir)/autobind \
		$(UNITS:%=$(D)$(unitdir)/%) $(D)$(sysusersdir)/autobind.conf
	$(Q)rm -rf $(D)$(docdir)
	$(Q)rmdir $(D)$(policydir) $(D)$(patsubst %/policy.d,%,$(policydir)) 2>/dev/null || :

clean:
	$(Q)rm -rf build build-*

-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)

.PHONY: all bench check check-ci check-corpus check-netns check-san check-scripts check-unit \
	check-vm check-vm-all clean coverage cppcheck demo demo-quick format-check fuzz install layers lint \
	mc mc-mutants programs replay run-fuzz text-check tidy uninstall unit-check \
	update-goldens vm-root vm-shell
.DELETE_ON_ERROR:
.SECONDARY:
