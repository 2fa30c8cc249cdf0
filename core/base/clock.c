#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A process has one time. */
static struct { bool on; int64_t wall_us, mono_us; } fake;

/* A fake monotonic clock does not start at 0, which means "never" to some. */
static const int64_t FAKE_START_US = 1000000000;

static int64_t read_us(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_us(void) { return fake.on ? fake.wall_us : read_us(CLOCK_REALTIME); }
int64_t clock_wall(void) { return clock_wall_us() / 1000000; }
int64_t clock_mono_us(void) { return fake.on ? fake.mono_us : read_us(CLOCK_MONOTONIC); }
int64_t clock_mono_ms(void) { return clock_mono_us() / 1000; }

void clock_fake(int64_t wall_us)
{
    if (!fake.on)
        fake.mono_us = FAKE_START_US;
    fake.on = true;
    fake.wall_us = wall_us;
}

void clock_fake_is(bool on)
{
    fake.on = on;
}

bool clock_is_fake(void)
{
    return fake.on;
}

void clock_step(int64_t ms)
{
    fake.wall_us += ms * 1000;
    fake.mono_us += ms * 1000;
}

/* Exactly n digits off the front. */
static bool digits(struct str *s, size_t n, int *out)
{
    uint64_t v;

    if (s->n < n || !str_u64(str_head(*s, n), 9999, &v))
        return false;
    *s = str_from(*s, n);
    *out = (int)v;
    return true;
}

static bool one_of(struct str *s, const char *set, char *which)
{
    if (s->n == 0 || !s->p[0] || !strchr(set, s->p[0]))
        return false;
    *which = s->p[0];
    *s = str_from(*s, 1);
    return true;
}

static bool parse_offset(struct str *s, int *seconds)
{
    char sign;
    int h, m;

    *seconds = 0;
    if (one_of(s, "Zz", &sign))
        return true;
    if (!one_of(s, "+-", &sign) || !digits(s, 2, &h) || !one_of(s, ":", &(char){ 0 }) || !digits(s, 2, &m))
        return false;
    *seconds = (h * 60 + m) * (sign == '-' ? -60 : 60);
    return h < 24 && m < 60;
}

static int64_t parse_fraction(struct str *s)
{
    int64_t us = 0, unit = 100000;

    for (; s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9'; *s = str_from(*s, 1), unit /= 10)
        us += unit * (s->p[0] - '0');
    return us;
}

bool clock_parse(struct str s, int64_t *wall_us)
{
    struct tm tm = { 0 }, check;
    int64_t us = 0, t;
    int offset;
    char c;

    if (!digits(&s, 4, &tm.tm_year) || !one_of(&s, "-", &c) || !digits(&s, 2, &tm.tm_mon)
        || !one_of(&s, "-", &c) || !digits(&s, 2, &tm.tm_mday) || !one_of(&s, "Tt ", &c)
        || !digits(&s, 2, &tm.tm_hour) || !one_of(&s, ":", &c) || !digits(&s, 2, &tm.tm_min)
        || !one_of(&s, ":", &c) || !digits(&s, 2, &tm.tm_sec))
        return false;
    if (one_of(&s, ".", &c)) {
        size_t before = s.n;

        us = parse_fraction(&s);
        if (s.n == before)
            return false;
    }
    if (!parse_offset(&s, &offset) || s.n > 0 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return false;

    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    check = tm;
    check.tm_hour = check.tm_min = check.tm_sec = 0;
    timegm(&check);         /* normalises: the 31st of a short month becomes another day */
    if (check.tm_mon != tm.tm_mon || check.tm_mday != tm.tm_mday)
        return false;
    t = timegm(&tm);
    *wall_us = (t - offset) * 1000000 + us;
    return true;
}

static const struct { char unit; int64_t seconds; } units[] = {
    { 'w', 7 * 86400 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 },
};

static int64_t unit_seconds(char c)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].unit == c)
            return units[i].seconds;
    return 0;
}

bool clock_interval(struct str s, int64_t *seconds)
{
    const uint64_t most = (uint64_t)1 << 40;    /* no sum of bounded terms overflows */
    uint64_t v;
    int64_t sum = 0;

    if (str_u64(s, most, &v)) {
        *seconds = (int64_t)v;
        return true;
    }
    if (s.n == 0 || s.n > 64)
        return false;
    while (s.n > 0) {
        size_t n = 0;
        int64_t unit;

        while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
            n++;
        unit = n < s.n ? unit_seconds(s.p[n]) : 0;
        if (unit == 0 || !str_u64(str_head(s, n), most / (uint64_t)unit, &v))
            return false;
        sum += (int64_t)v * unit;
        s = str_from(s, n + 1);
    }
    *seconds = sum;
    return true;
}

struct str clock_interval_text(struct arena *a, int64_t seconds)
{
    char z[96];
    size_t n = 0;

    if (seconds == 0)
        return arena_dup(a, STR("0s"));
    if (seconds < 0) {
        z[n++] = '-';
        seconds = seconds == INT64_MIN ? INT64_MAX : -seconds;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        int64_t count = seconds / units[i].seconds;
        char digit[20];
        size_t d = 0;

        if (count == 0)
            continue;
        seconds -= count * units[i].seconds;
        for (; count > 0; count /= 10)
            digit[d++] = (char)('0' + count % 10);
        while (d > 0)
            z[n++] = digit[--d];
        z[n++] = units[i].unit;
    }
    return arena_dup(a, (struct str){ z, n });
}

/* Names are ours, not strftime's: a locale must not change a header. */
struct str clock_rfc5322(struct arena *a, int64_t wall_s)
{
    static const char day[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char month[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t t = (time_t)wall_s;
    struct tm tm;
    long off;

    if (!localtime_r(&t, &tm))
        memset(&tm, 0, sizeof tm);
    off = (tm.tm_gmtoff < 0 ? -tm.tm_gmtoff : tm.tm_gmtoff) / 60;
    return arena_printf(a, "%s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld", day[tm.tm_wday], tm.tm_mday,
                        month[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
                        tm.tm_gmtoff < 0 ? '-' : '+', off / 60, off % 60);
}

void clock_zone(struct str zone)
{
    static char now[256], *outside;
    static bool known, settled;
    const char *tz = getenv("TZ");

    if (!known) {
        outside = tz ? strdup(tz) : NULL;
        known = true;
    }
    /* Threads read the environment: it is changed before there are any, once. */
    if (settled && !clock_is_fake())
        return;
    settled = true;
    if (zone.n >= sizeof now || (zone.n == strlen(now) && memcmp(zone.p, now, zone.n) == 0))
        return;
    memcpy(now, zone.p, zone.n);
    now[zone.n] = '\0';
    if (zone.n)
        setenv("TZ", now, 1);
    else if (outside)
        setenv("TZ", outside, 1);
    else
        unsetenv("TZ");
    tzset();
}
