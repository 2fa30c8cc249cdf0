# Perigee: make, make run, make check, make check-asan, make lint, make docs, make bench, make install
#
# One file, no configure step. Everything built goes under $(B).

B       ?= build
CC      ?= gcc
LUAJIT  ?= luajit
PKGS     = libevent luajit lmdb libpcre2-8 libunbound openssl libidn2
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Werror=format-security
# R7.6. FORTIFY needs optimisation; the sanitizer build replaces it.
HARDEN   = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
OPT      = -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Icore -I$(B)/gen $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS  += -std=c11 $(OPT) $(WARN) $(HARDEN) $(EXTRA)
LDFLAGS += -pie -Wl,-z,relro,-z,now $(EXTRA)
LIBS     = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -llmdb -lpthread

SRC      = $(wildcard core/*/*.c modules/*/*.c)
OBJ      = $(SRC:%.c=$(B)/%.o)
MAIN     = $(B)/core/engine/main.o
LIB      = $(B)/libperigee.a

all: $(B)/perigee

$(B)/perigee: $(MAIN) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $(MAIN) $(LIB) $(LIBS)

$(LIB): $(filter-out $(MAIN),$(OBJ))
	@rm -f $@
	ar rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Unit specs: every spec/core/**/x_spec.c is one cmocka program.
UNITS    = $(patsubst %.c,$(B)/%,$(wildcard spec/core/*/*_spec.c))
$(B)/spec/%: spec/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< $(LIB) -lcmocka $(LIBS)

units: $(UNITS)
	@for u in $(UNITS); do echo "== $$u"; $$u || exit 1; done

clean:
	rm -rf $(B)

-include $(OBJ:.o=.d)
.PHONY: all units clean
.SECONDARY:
