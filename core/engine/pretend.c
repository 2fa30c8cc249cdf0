#include "engine/pretend.h"

/* "STATUS\nOUTPUT", as lua/spec/world.lua writes it. */
bool pretend_program(struct engine *e, const char *path, struct program_end *end)
{
    const struct policy_env *env = &e->env;
    enum status st = ST_OK;
    struct str value = STR(""), status;
    uint64_t n = 0;

    *end = (struct program_end){ .started = ST_OK };
    if (!env->scripted || !env->scripted(env->scripted_ctx, STR("program"), str_of(path), STR(""), &st, &value))
        return false;
    str_cut(&value, '\n', &status);
    str_u64(status, 255, &n);
    end->status = (int)n;
    end->output = value;
    return true;
}

struct str pretend_refusal(struct arena *a, const char *path)
{
    return arena_printf(a, "no programs in a hermetic world: a spec says what it answers, w:program(\"%s\", { output = \"...\" })", path);
}

bool pretend_file(const struct settings *set, const char *path)
{
    struct str dir = str_of(policy_rules_dir(set->policy));

    return dir.n && str_starts(str_of(path), dir) && path[dir.n] == '/' && !strstr(path, "/../");
}
