# What lua/gen makes, from what. One stamp: the generator reads everything and
# writes only what changed.

GEN_IN    = $(wildcard core/policy/api/*.lua lua/host/*.lua lua/mail/*.lua lua/lib/*.lua core/policy/lib_*.c)
GEN_TOOL  = $(wildcard lua/gen/*.lua)
GEN_C    += $(addprefix $(B)/gen/,options.c vars.c shipped.c libs.c)
GEN_H    += $(addprefix $(B)/gen/,options.h getters.h)

$(B)/gen/stamp: $(GEN_IN) $(GEN_TOOL) lua/gen/gen.mk
	@mkdir -p $(B)/gen
	@echo '  gen  $(B)/gen'
	@$(LUAJIT) lua/gen/init.lua c $(B)/gen $(GEN_IN)
	@touch $@
$(addprefix $(B)/gen/,options.c vars.c shipped.c libs.c options.h getters.h): $(B)/gen/stamp ;
