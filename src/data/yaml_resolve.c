#include <math.h>
#include <string.h>

#include "data/yaml.h"

/* Plain scalars, as the package gopkg.in/yaml.v2 resolves them: YAML 1.1's words with 1.2's
 * spellings of octal numbers added. */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(text, *words) == 0)
            return true;
    }
    return false;
}

static const char *const null_words[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const true_words[] = {"true", "True", "TRUE", "yes", "Yes", "YES",
                                         "on",   "On",   "ON",   "y",   "Y",   NULL};
static const char *const false_words[] = {"false", "False", "FALSE", "no", "No", "NO",
                                          "off",   "Off",   "OFF",   "n",  "N",  NULL};
static const char *const inf_words[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL};
static const char *const minus_inf_words[] = {"-.inf", "-.Inf", "-.INF", NULL};
static const char *const nan_words[] = {".nan", ".NaN", ".NAN", NULL};

/* The digits' base by what they begin with; *text is put behind it. */
static unsigned read_base(const char **text)
{
    const char *p = *text;
    if (p[0] != '0' || p[1] == '\0')
        return 10;
    switch (p[1]) {
    case 'x':
    case 'X':
        *text = p + 2;
        return 16;
    case 'o':
    case 'O':
        *text = p + 2;
        return 8;
    case 'b':
    case 'B':
        *text = p + 2;
        return 2;
    default:
        *text = p + 1;
        return 8;
    }
}

static bool resolve_whole(const char *text, struct nvb_doc *doc)
{
    bool minus = *text == '-';
    const char *digits = text + (*text == '-' || *text == '+');
    unsigned base = read_base(&digits);
    uint64_t value;
    if (nvb_parse_u64(digits, strlen(digits), base, &value) < 0)
        return false;
    if (!minus) {
        nvb_doc_set_uint(doc, value);
        return true;
    }
    if (value > (uint64_t)INT64_MAX + 1)
        return false;
    nvb_doc_set_int(doc, value > INT64_MAX ? INT64_MIN : -(int64_t)value);
    return true;
}

static const char *skip_digits(const char *p)
{
    return p + strspn(p, "0123456789");
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_real(const char *p)
{
    p += *p == '-' || *p == '+';
    const char *digits = p;
    p = skip_digits(p);
    bool whole = p > digits;
    if (*p == '.') {
        const char *fraction = p + 1;
        p = skip_digits(fraction);
        if (!whole && p == fraction)
            return false;
    } else if (!whole) {
        return false;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '-' || *p == '+';
        const char *exponent = p;
        p = skip_digits(p);
        if (p == exponent)
            return false;
    }
    return *p == '\0';
}

static char *without_underscores(const char *text)
{
    struct nvb_str s = NVB_STR_INIT;
    for (; *text; text++) {
        if (*text != '_')
            nvb_str_addc(&s, *text);
    }
    return nvb_str_steal(&s);
}

static bool resolve_number(const char *text, struct nvb_doc *doc)
{
    if (!strchr("0123456789+-.", *text))
        return false;
    _cleanup_free_ char *plain = without_underscores(text);
    if (resolve_whole(plain, doc))
        return true;
    if (!is_real(plain))
        return false;
    nvb_doc_set_real(doc, strtod(plain, NULL));
    return true;
}

bool nvb_yaml_is_word(const char *text)
{
    static const char *const *const lists[] = {null_words, true_words,      false_words,
                                               inf_words,  minus_inf_words, nan_words};
    /* As nearly everything is: the empty text alone begins with the string's closing zero. */
    if (!strchr("nNtTyYoOfF~.+-", *text) || strlen(text) > strlen("false"))
        return false;
    for (size_t i = 0; i < NVB_COUNT(lists); i++) {
        if (is_one_of(text, lists[i]))
            return true;
    }
    return false;
}

static bool resolve_word(const char *text, struct nvb_doc *doc)
{
    if (is_one_of(text, null_words))
        nvb_doc_done(doc);
    else if (is_one_of(text, true_words))
        nvb_doc_set_bool(doc, true);
    else if (is_one_of(text, false_words))
        nvb_doc_set_bool(doc, false);
    else if (is_one_of(text, inf_words))
        nvb_doc_set_real(doc, HUGE_VAL);
    else if (is_one_of(text, minus_inf_words))
        nvb_doc_set_real(doc, -HUGE_VAL);
    else if (is_one_of(text, nan_words))
        nvb_doc_set_real(doc, __builtin_nan(""));
    else
        return false;
    return true;
}

void nvb_yaml_resolve(const char *text, struct nvb_doc *doc)
{
    if (!resolve_word(text, doc) && !resolve_number(text, doc)) {
        nvb_doc_set_text(doc, text);
        return;
    }
    free(doc->text);
    doc->text = nvb_strdup(text);
}
