#include "data/kube_text.h"

#include <string.h>

#define SMALL   "abcdefghijklmnopqrstuvwxyz"
#define LARGE   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"
#define ALL     SMALL LARGE DIGITS
#define MAX     ((size_t)63)
#define MAX_SUB ((size_t)253)

/* LEN bytes of INNER, of EDGE at either end. */
static bool is_name(const char *text, size_t len, size_t max, const char *edge, const char *inner)
{
    if (len == 0 || len > max || !strchr(edge, text[0]) || !strchr(edge, text[len - 1]))
        return false;
    return strspn(text, inner) >= len;
}

bool nvb_kube_is_label(const char *name)
{
    return is_name(name, strlen(name), MAX, SMALL DIGITS, SMALL DIGITS "-");
}

static bool is_subdomain(const char *name, size_t len)
{
    if (len == 0 || len > MAX_SUB)
        return false;
    for (size_t at = 0; at <= len;) {
        size_t part = strcspn(name + at, "./");
        if (at + part > len)
            part = len - at;
        if (!is_name(name + at, part, MAX_SUB, SMALL DIGITS, SMALL DIGITS "-"))
            return false;
        at += part + 1;
    }
    return true;
}

bool nvb_kube_is_subdomain(const char *name)
{
    return is_subdomain(name, strlen(name)) && !strchr(name, '/');
}

char *nvb_kube_make_label(const char *name, size_t max)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    for (; *name && s.len < (max < MAX ? max : MAX); name++) {
        const char *large = strchr(LARGE, *name);
        if (large)
            nvb_str_addc(&s, SMALL[large - LARGE]);
        else if (strchr(SMALL DIGITS, *name))
            nvb_str_addc(&s, *name);
        else if (s.len > 0)
            nvb_str_addc(&s, '-');
    }
    while (s.len > 0 && s.data[s.len - 1] == '-')
        nvb_str_truncate(&s, s.len - 1);
    return s.len ? nvb_str_steal(&s) : NULL;
}

bool nvb_kube_is_key(const char *key)
{
    const char *slash = strchr(key, '/');
    const char *name = slash ? slash + 1 : key;
    if (slash && !is_subdomain(key, (size_t)(slash - key)))
        return false;
    return is_name(name, strlen(name), MAX, ALL, ALL "-_.");
}

bool nvb_kube_is_label_value(const char *text)
{
    return !*text || is_name(text, strlen(text), MAX, ALL, ALL "-_.");
}

bool nvb_kube_is_variable(const char *name)
{
    return *name && !strchr(DIGITS, *name) && strspn(name, ALL "-_.") == strlen(name) &&
           strcmp(name, ".") != 0 && !nvb_has_prefix(name, "..");
}

void nvb_kube_add_escaped(struct nvb_str *s, const char *text)
{
    for (; *text; text++) {
        const unsigned char next = (unsigned char)text[1];
        nvb_str_addc(s, *text);
        if (*text == '$' && (next == '$' || next == '(' || next >= 0x80))
            nvb_str_addc(s, '$');
    }
}

char *nvb_kube_make_product(const char *model)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    bool blank = false;
    for (; *model; model++) {
        if (*model == ' ') {
            blank = s.len > 0;
            continue;
        }
        if (!strchr(ALL "-_.", *model))
            continue;
        if (blank)
            nvb_str_addc(&s, '-');
        blank = false;
        nvb_str_addc(&s, *model);
    }
    return nvb_str_steal(&s);
}

/* ---- quantities ---- */

/* DIGITS[.DIGITS] in front of *TEXT, in millionths; *TEXT is then behind it. Returns 0 or -1. */
static int read_decimal(const char **text, uint64_t *ret_millionths)
{
    const size_t whole = strspn(*text, DIGITS);
    uint64_t value = 0;
    uint64_t scale = 1000000;
    if (whole == 0 || nvb_parse_u64(*text, whole, 10, &value) < 0 || value > UINT64_MAX / scale / 2)
        return -1;
    value *= scale;
    *text += whole;
    if (**text == '.') {
        const size_t places = strspn(++*text, DIGITS);
        if (places == 0 || places > 6)
            return -1;
        for (size_t i = 0; i < places; i++) {
            scale /= 10;
            value += (uint64_t)((*text)[i] - '0') * scale;
        }
        *text += places;
    }
    *ret_millionths = value;
    return 0;
}

int nvb_kube_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "bkmgtp";
    uint64_t value;
    unsigned shift = 0;
    if (read_decimal(&text, &value) < 0)
        return -1;
    if (*text == ' ')
        text++;
    if (*text) {
        const char *unit = strchr(units, *text | 0x20);
        if (!unit)
            return -1;
        shift = 10 * (unsigned)(unit - units);
        text++;
        if (shift > 0 && (*text | 0x20) == 'i' && (text[1] | 0x20) == 'b')
            text++;
        if (shift > 0 && (*text | 0x20) == 'b')
            text++;
    }
    if (*text)
        return -1;
    /* In millionths, so in two steps: what is lost by the second is less than a byte. */
    const uint64_t whole = value / 1000000;
    const uint64_t part = value % 1000000;
    if (whole > (UINT64_MAX >> shift) / 2)
        return -1;
    *ret_bytes = (whole << shift) + (shift > 40 ? (part << 40) / 1000000 * (1u << (shift - 40))
                                                : (part << shift) / 1000000);
    return 0;
}

void nvb_kube_add_size(struct nvb_str *s, uint64_t bytes)
{
    static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti"};
    size_t unit = 0;
    while (unit + 1 < NVB_COUNT(units) && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    nvb_str_addf(s, "%llu%s", (unsigned long long)bytes, units[unit]);
}

int nvb_kube_parse_seconds(const char *text, uint64_t *ret_seconds)
{
    static const struct {
        const char *name;
        uint64_t milliseconds; /* 0: less than one */
    } units[] = {{"ns", 0}, {"us", 0}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    uint64_t total = 0;
    if (!*text || strcmp(text, "0") == 0) {
        *ret_seconds = 0;
        return *text ? 0 : -1;
    }
    while (*text) {
        uint64_t value;
        size_t i = 0;
        if (read_decimal(&text, &value) < 0 || value / 1000000 > 1000000)
            return -1;
        const size_t len = strcspn(text, DIGITS ".");
        while (i < NVB_COUNT(units) &&
               (strlen(units[i].name) != len || strncmp(units[i].name, text, len) != 0))
            i++;
        if (i == NVB_COUNT(units))
            return -1;
        const uint64_t product = value * units[i].milliseconds;
        if (value && (product == 0 || product % 1000000))
            return 1;
        total += product / 1000000;
        text += len;
    }
    if (total % 1000)
        return 1;
    *ret_seconds = total / 1000;
    return 0;
}
