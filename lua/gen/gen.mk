# What lua/gen makes, from what. One stamp: the generator reads everything and
# writes only what changed.

GEN_IN    = $(wildcard core/policy/api/*.lua lua/host/*.lua lua/mail/*.lua lua/lib/*.lua core/policy/lib_*.c)
GEN_TOOL  = $(wildcard lua/gen/*.lua)
GEN_C    += $(addprefix $(B)/gen/,options.c vars.c shipped.c libs.c)
GEN_H    += $(addprefix $(B)/gen/,options.h getters.h)

$(B)/gen/stamp: $(GEN_IN) $(GEN_TOOL) lua/gen/gen.mk
	@mkdir -p $(B)/gen/spec/examples
	@rm -f $(B)/gen/spec/examples/*.smtp
	@echo '  gen  $(B)/gen'
	@$(LUAJIT) lua/gen/init.lua c $(B)/gen $(GEN_IN)
	@touch $@
$(addprefix $(B)/gen/,options.c vars.c shipped.c libs.c options.h getters.h words.lua): $(B)/gen/stamp ;

# ---- pages and editor types; committed, and checked to be fresh
GEN_API   = $(wildcard core/policy/api/*.lua)
GEN_PAGES = docs/ref/vars.md docs/ref/options.md docs/ref/acl.md docs/ref/events.md docs/ref/functions.md docs/ref/exim.md docs/ref/phases.md docs/ref/world.md \
            lua/meta/mail.lua lua/meta/rules.lua lua/meta/world.lua lua/meta/luacheck.lua rules/.luarc.json examples/.luarc.json

docs-pages::
	@mkdir -p docs/ref lua/meta
	@$(LUAJIT) lua/gen/init.lua docs . $(GEN_API)
docs-fresh::
	@mkdir -p $(addprefix $(B)/gen/fresh/,docs/ref lua/meta rules examples)
	@$(LUAJIT) lua/gen/init.lua docs $(B)/gen/fresh $(GEN_API)
	@for f in $(GEN_PAGES); do spec/fresh $$f cat $(B)/gen/fresh/$$f || exit 1; done
