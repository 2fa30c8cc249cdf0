# Perigee
#
#   make              build build/perigee
#   make run          install what is missing, build, serve on 127.0.0.1:2525
#   make check        install what is missing, build, run every test; ends in "N passed, N failed"
#   make check-asan   the same tests under AddressSanitizer and UBSan
#   make units        only the C unit specs
#   make lint         -Werror build, clang-tidy, cppcheck, luacheck
#   make docs         regenerate docs/ref, docs/man, lua/meta and the completion
#   make bench        compare with Postfix on this machine; QUICK=1 a first look, RUNS=5 for the record, PAGE=docs/performance.md
#   make install      DESTDIR= and PREFIX= as usual
#
# One file, no configure step. Everything built goes under build/; each KIND of build has its own objects.

KIND    ?= product
# DWARF and speed come from OPT; what a kind of build adds stands in its own block below.
OPT      = -O2 -g
B.product = build
B.test    = build/test
B.asan    = build/asan
B.fuzz    = build/fuzz
B.strict  = build/strict
B       ?= $(B.$(KIND))

CC      ?= gcc
LUAJIT  ?= luajit
BUSTED  ?= busted --lua=/usr/bin/luajit
PREFIX  ?= /usr/local
VERSION  = 0.1.0

PKGS     = libevent luajit libpcre2-8 libunbound openssl libidn2 jansson sqlite3 libgsasl libpsl zlib
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Werror=format-security
# R7.6. FORTIFY needs optimisation; the sanitizer builds replace it.
HARDEN   = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection

ifeq ($(KIND),test)
EXTRA   += -DPERIGEE_FAULTS
endif
ifeq ($(KIND),strict)
EXTRA   += -Werror
endif
ifeq ($(KIND),asan)
OPT      = -O1 -g -fno-omit-frame-pointer
HARDEN   =
EXTRA   += -DPERIGEE_FAULTS -fsanitize=address,undefined -fno-sanitize-recover=all
endif
ifeq ($(KIND),fuzz)
override CC = clang
OPT      = -O1 -g -fno-omit-frame-pointer
HARDEN   =
WARN    += -Wno-format-nonliteral
EXTRA   += -DPERIGEE_FAULTS -DPERIGEE_FUZZ -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
endif

CPPFLAGS += -D_GNU_SOURCE -DPERIGEE_VERSION='"$(VERSION)"' -Icore -I$(B)/gen $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS  += -std=c11 -fPIE $(OPT) $(WARN) $(HARDEN) $(EXTRA)
LDFLAGS += -pie -Wl,-z,relro,-z,now $(EXTRA)
LIBS     = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -llmdb -lcrypt -lpthread -lm

# One short line a file; `make V=1` shows the whole commands.
Q        = $(if $(V),,@)
say      = $(if $(V),,@echo '  $(1)  $(2)')

all: $(B)/perigee $(B)/perigee-oracle

# ---- generated C: gen.mk names it (GEN_C, GEN_H) and says how it is made
-include lua/gen/gen.mk

# The oracle is a program of its own: libspf2 and libopendmarc are linked into it alone (R5.2).
ORACLE   = $(wildcard core/oracle/*.c)
SRC      = $(filter-out $(ORACLE),$(wildcard core/*/*.c modules/*/*.c))
OBJ      = $(SRC:%.c=$(B)/%.o)
GEN_OBJ  = $(GEN_C:.c=.o)
MAIN     = $(B)/core/cli/main.o
LIB      = $(B)/libperigee.a

$(B)/perigee: $(MAIN) $(LIB)
	$(call say,link,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(MAIN) $(LIB) $(LIBS)

$(B)/perigee-oracle: $(ORACLE:%.c=$(B)/%.o) $(LIB)
	$(call say,link,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lspf2 -lopendmarc -lseccomp

$(LIB): $(filter-out $(MAIN),$(OBJ)) $(GEN_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(OBJ) $(GEN_OBJ) $(ORACLE:%.c=$(B)/%.o): | $(GEN_H)
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(B)/gen/%.o: $(B)/gen/%.c
	$(call say,cc,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The Lua side of `perigee test`, as string literals; words.lua is made from the tables.
GEN_H   += $(B)/gen/spec_lua.h
$(B)/gen/spec_lua.h: lua/spec/world.lua lua/spec/run.lua $(B)/gen/words.lua
	@mkdir -p $(@D)
	@for f in $^; do \
	    echo "static const char spec_$$(basename $$f .lua)_lua[] ="; \
	    sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $$f; echo ';'; \
	done > $@.new
	@mv $@.new $@
$(B)/core/policy/world_lua.o: $(B)/gen/spec_lua.h

# ---- unit specs: every spec/core/*/x_spec.c is one cmocka program; they use the fault seam
UNITS    = $(patsubst %.c,$(B)/%,$(wildcard spec/core/*/*_spec.c))
$(B)/spec/core/%: spec/core/%.c $(LIB) | $(GEN_H)
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(LIB) -lcmocka $(LIBS)

# ---- fuzz targets: spec/fuzz/x_fuzz.c with what it starts from in spec/fuzz/corpus/x
FUZZERS  = $(patsubst spec/fuzz/%.c,$(B)/spec/fuzz/%,$(wildcard spec/fuzz/*_fuzz.c))
$(B)/spec/fuzz/%: spec/fuzz/%.c $(LIB) | $(GEN_H)
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -MMD -MP -o $@ $< $(LIB) $(LIBS)

# ---- make units [UNIT=part/of/name]
units:
	@$(MAKE) -s KIND=$(if $(filter product,$(KIND)),test,$(KIND)) part-units

# ---- tests, by part. A part writes TAP; `make part-NAME` runs one alone.
# PARTS is NAME=SECONDS in order of start: the part's budget on two cores. A part beyond it is stopped and
# counts as failed. "+" parts measure or load the machine and run alone, after the others.
PARTS      = units=240 lua=60 rules=60 accept=120 wire=60 hostile=120 docs=60 fuzz=150 cli=180 clients=120 peers=180 \
             +crash=120 +disk=90 +reload=150
PARTS.asan = units=240 rules=120 accept=240 wire=120 hostile=600 +clients=180 +crash=480 +reload=240
PARTS.short = units=240 wire=120 accept=240

check: deps-check
	@$(MAKE) -s check-only
check-only:
	@$(MAKE) --no-print-directory -j2 check-builds
	@KIND=test spec/run $(PARTS)
check-builds: all
	@$(MAKE) --no-print-directory KIND=test all unit-programs
	@$(MAKE) --no-print-directory KIND=fuzz fuzz-programs
check-asan: deps-check
	@$(MAKE) --no-print-directory -j2 KIND=asan all unit-programs
	@KIND=asan spec/run $(PARTS.$(if $(SHORT),short,asan))
unit-programs: $(UNITS) $(B)/perigee-oracle
fuzz-programs: $(FUZZERS)

export PERIGEE  = $(CURDIR)/$(B)/perigee
export BUILD    = $(CURDIR)/build
ASAN_ENV = ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1

part-units: unit-programs
	@spec/units $(if $(UNIT),$(foreach u,$(UNITS),$(if $(findstring $(UNIT),$(u)),$(u))),$(UNITS))
part-lua:
	@[ ! -d spec/lua ] || $(BUSTED) -o TAP spec/lua
part-rules: all
	@[ ! -d spec/rules ] || $(PERIGEE) test --tap spec/rules examples
part-accept: all
	@[ ! -d spec/accept ] || $(PERIGEE) test --tap spec/accept $(B)/gen/spec
part-wire: $(B)/perigee
	@[ ! -d spec/wire ] || $(PERIGEE) test --tap spec/wire
part-hostile: $(B)/perigee
	@[ ! -d spec/hostile ] || $(PERIGEE) test --tap spec/hostile
part-docs: docs-fresh
part-fuzz:
	@$(MAKE) -s KIND=fuzz fuzz-programs
	@spec/fuzz/run $(FUZZ_SECONDS)
part-cli part-clients part-peers part-crash part-disk part-reload: all
	@spec/scripts spec/$(@:part-%=%)

# ---- generated pages: gen.mk adds its own to docs-pages and docs-fresh
docs: docs-pages
docs-pages:: $(B)/perigee
	@mkdir -p docs/man docs/completion
	$(B)/perigee help --man > docs/man/perigee.1
	$(B)/perigee help --completion > docs/completion/perigee.bash
	$(B)/perigee help --guide > docs/ref/cli.md
docs-fresh:: $(B)/perigee
	@spec/fresh docs/man/perigee.1 $(B)/perigee help --man
	@spec/fresh docs/completion/perigee.bash $(B)/perigee help --completion
	@spec/fresh docs/ref/cli.md $(B)/perigee help --guide

# ---- what must be there, from Debian
DEPS_BUILD = gcc make pkg-config libevent-dev libluajit-5.1-dev luajit liblmdb-dev libpcre2-dev libunbound-dev \
             libidn2-dev libssl-dev libjansson-dev libcrypt-dev libsqlite3-dev libgsasl-dev libpsl-dev \
             libspf2-dev libopendmarc-dev libseccomp-dev publicsuffix zlib1g-dev
DEPS_RUN   = $(DEPS_BUILD) swaks
DEPS_CHECK = $(DEPS_BUILD) clang libclang-rt-dev libcmocka-dev lua-busted lua-check swaks curl postfix python3 lmdb-utils gsasl ldnsutils nsd unbound openssl gnutls-bin exim4-base/files \
             exim4-daemon-light/files libdb5.3 libgnutls-dane0 libidn12 libnsl2 \
             python3-dkim python3-authres python3-nacl libmail-dkim-perl opendkim-tools libmail-srs-perl postsrsd/files
DEPS_LINT  = $(DEPS_BUILD) clang-tidy cppcheck lua-check
DEPS_BENCH = $(DEPS_BUILD) postfix python3
deps: deps-check
deps-run:;   @.ci/packages $(DEPS_RUN)
deps-build:; @.ci/packages $(DEPS_BUILD)
deps-check:; @.ci/packages $(DEPS_CHECK)
deps-lint:;  @.ci/packages $(DEPS_LINT)
deps-bench:; @.ci/packages $(DEPS_BENCH)

# ---- make run
run: deps-run
	@$(MAKE) --no-print-directory -j2 all
	@.ci/run-here

# .cppcheck.cfg, .cppcheck, .clang-tidy and .luacheckrc say what is asked and why something is not. clang-tidy takes
# most of the time; a file is read again when it or a header of it has changed.
lint: deps-lint
	@$(MAKE) --no-print-directory -j2 KIND=strict all
	@luacheck --quiet $(wildcard rules modules examples lua spec)
	@cppcheck --quiet -j2 --std=c11 --error-exitcode=1 --enable=warning,portability --inline-suppr \
	    --library=.cppcheck.cfg --suppressions-list=.cppcheck -Icore -I$(B.strict)/gen $(wildcard core modules)
	@$(MAKE) --no-print-directory -k -j2 KIND=strict tidy
tidy: $(SRC:%.c=$(B)/%.tidy) $(ORACLE:%.c=$(B)/%.tidy)
$(B)/%.tidy: %.c $(B)/%.o .clang-tidy
	$(call say,tidy,$<)
	$(Q)clang-tidy --quiet $< -- -std=c11 $(CPPFLAGS) 2>/dev/null
	@touch $@

bench: deps-bench
	@$(MAKE) --no-print-directory -j2 all $(B)/spec/bench/spool_bench $(B)/spec/bench/tls_bench $(B)/spec/bench/dkim_bench $(B)/spec/bench/auth_bench
	@spec/bench/compare.py $(if $(QUICK),-q) $(if $(RUNS),-r $(RUNS)) $(if $(PAGE),-d $(PAGE)) $(BENCH)
$(B)/spec/bench/%: spec/bench/%.c $(LIB) | $(GEN_H)
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(LIB) $(LIBS)

# ---- make install
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/lib/perigee $(DESTDIR)$(PREFIX)/lib/systemd/system \
	    $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/lib/tmpfiles.d \
	    $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	    $(DESTDIR)$(PREFIX)/share/perigee
	install -m 755 $(B)/perigee $(DESTDIR)$(PREFIX)/sbin/perigee
	install -m 755 $(B)/perigee-oracle $(DESTDIR)$(PREFIX)/lib/perigee/perigee-oracle
	@# The names other programs call; link them into the path with update-alternatives.
	for n in sendmail mailq newaliases; do ln -sf ../../sbin/perigee $(DESTDIR)$(PREFIX)/lib/perigee/$$n; done
	sed 's,@PREFIX@,$(PREFIX),g' docs/perigee.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/perigee.service
	install -m 644 docs/perigee.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/perigee.conf
	install -m 644 docs/perigee.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/perigee.conf
	install -m 644 docs/man/perigee.1 $(DESTDIR)$(PREFIX)/share/man/man1/perigee.1
	install -m 644 docs/completion/perigee.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/perigee
	cp -R $(wildcard rules examples modules docs lua/meta) $(DESTDIR)$(PREFIX)/share/perigee/
	@# A site's own rules are never overwritten.
	if [ ! -e $(DESTDIR)/etc/perigee/rules ]; then install -d $(DESTDIR)/etc/perigee && \
	    cp -R rules $(DESTDIR)/etc/perigee/rules; fi

clean:
	rm -rf build

-include $(OBJ:.o=.d) $(ORACLE:%.c=$(B)/%.d) $(GEN_OBJ:.o=.d) $(UNITS:=.d) $(FUZZERS:=.d)
.PHONY: all units check check-only check-builds check-asan unit-programs fuzz-programs docs deps deps-build deps-run deps-check \
        deps-lint deps-bench run lint tidy bench install clean
.SECONDARY:
