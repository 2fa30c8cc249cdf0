#include "engine/retry.h"

#include "base/rnd.h"

enum { LATE = 24 * 3600, STEPS_WALKED = 10000 };

static struct retry_step default_steps[] = {
    { 'F', 2 * 3600, 15 * 60, 1.0 },
    { 'G', 16 * 3600, 3600, 1.5 },
    { 'F', 4 * 24 * 3600, 6 * 3600, 1.0 },
};
const struct retry_rule retry_default = { default_steps, 3, true };

/* The gap a geometric step has reached: it begins at its own interval, or at
 * what the step before waited times the factor if that is more, and grows
 * until it has covered the time that has passed. */
static int64_t geometric_gap(const struct retry_step *s, int64_t began, int64_t before, int64_t passed, int64_t max)
{
    double gap = before < s->interval ? (double)s->interval : (double)before * s->factor;
    double at = (double)began + gap;

    for (int i = 0; at <= (double)passed && gap < (double)max && i < STEPS_WALKED; i++) {
        gap *= s->factor;
        at += gap;
    }
    return gap > (double)max ? max : (int64_t)gap;
}

struct retry_plan retry_next(const struct retry_rule *r, int64_t first, int64_t now, int64_t interval_max)
{
    const struct retry_step *s;
    int64_t passed, began = 0, before = 0, gap;
    size_t i;

    if (!r->found || r->n == 0)
        r = &retry_default;
    passed = now > first ? now - first : 0;
    for (i = 0; i + 1 < r->n && passed >= r->step[i].cutoff; i++) {
        began = r->step[i].cutoff;
        before = r->step[i].interval;
    }
    s = &r->step[i];

    gap = s->letter == 'F' ? s->interval : geometric_gap(s, began, before, passed, interval_max);
    if (s->letter == 'H' && gap > s->interval)
        gap = s->interval + (gap - s->interval) / 2 + (int64_t)rnd_below((uint32_t)((gap - s->interval) / 2 + 1));
    if (gap > interval_max)
        gap = interval_max;
    if (gap < 1)
        gap = 1;
    return (struct retry_plan){ now + gap, passed >= r->step[r->n - 1].cutoff };
}

bool retry_may_expire(const struct retry_plan *p, uint32_t attempts, int64_t planned, int64_t now)
{
    if (!p->expired)
        return false;
    /* A rule whose cutoff is zero means "do not retry": the first failure is the last. */
    if (attempts == 0)
        return true;
    return planned == 0 || now - planned <= LATE;
}
