# SPDX-License-Identifier: GPL-2.0-or-later
# autobind: one plain GNU Makefile.
#
#   make                 build everything under $(B)
#   make demo            show the main job on this machine (namespaces only)
#   make check           all tests but the VM ones; last line: N passed, N failed, N skipped
#   make install         DESTDIR= prefix= sysconfdir= ...
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

VERSION := $(shell sed -n '1s/^autobind \([0-9.]*\).*/\1/p' NEWS 2>/dev/null)
comma   := ,
B       ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual \
	-Wwrite-strings -Wvla -Wformat=2 -Wundef -Wswitch-enum -Wimplicit-fallthrough
HARD := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
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
objs      = $(patsubst %.c,$(B)/%.o,$(1))
PURE_OBJ := $(call objs,$(call srcs,util) $(call srcs,core))
IO_OBJ   := $(call objs,$(call srcs,io))
CLI_OBJ  := $(call objs,$(call srcs,cli))
MAINS    := $(patsubst autobind/%.c,%,$(wildcard autobind/*.c))
UNIT     := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/test_*.c)))

all: $(MAINS:%=$(B)/%)

$(B)/%.o: %.c Makefile
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

$(B)/autobindd: $(B)/autobind/autobindd.o $(B)/libio.a $(B)/libpure.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(dep_libs)

$(B)/autobind: $(B)/autobind/autobind.o $(B)/libcli.a $(B)/libio.a $(B)/libpure.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(dep_libs)

# The parser of what targets send: no library but libc.
$(B)/autobind-discover: $(B)/autobind/autobind-discover.o $(B)/libio.a $(B)/libpure.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

# --- tests -------------------------------------------------------------------------
# A unit test may name libraries of its own: a line "LIBS: -lfoo" in its head comment.
unit_libs = $(shell sed -n 's/^.*LIBS: *//p' tests/unit/$(1).c | head -n 1)

$(B)/tests/unit/%.o: ALL_CFLAGS += -Itests/unit
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libcli.a $(B)/libio.a $(B)/libpure.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(dep_libs) -lcmocka $(call unit_libs,$*)

unit-bins: $(UNIT:%=$(B)/tests/unit/%)

check-unit: unit-bins
	$(Q)tests/run-unit $(UNIT:%=$(B)/tests/unit/%)

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

clean:
	$(Q)rm -rf build build-*

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: all clean check-unit unit-bins layers
.DELETE_ON_ERROR:
.SECONDARY:
