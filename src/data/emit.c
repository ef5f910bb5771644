#include "data/emit.h"

#include <math.h>
#include <string.h>

#include "data/utf8.h"
#include "data/yaml.h"

static void add_fault(struct nvb_emit *e, char *fault)
{
    if (e->fault)
        free(fault);
    else
        e->fault = fault;
}

static void add_indent(struct nvb_emit *e, unsigned level)
{
    static const char spaces[] = "                                ";
    size_t width = (size_t)level * 2;
    while (width > 0) {
        size_t n = width < sizeof(spaces) - 1 ? width : sizeof(spaces) - 1;
        nvb_str_addn(e->out, spaces, n);
        width -= n;
    }
}

/* ---- text -------------------------------------------------------------------------------------
 */

/* Whether CODE stands in quotes as it is, in JSON and in YAML: YAML wants control characters and
 * what is no character escaped, and takes U+0085, U+2028 and U+2029 for line ends. Nothing beyond
 * U+FFFF is escaped, for which the two have no common spelling. */
static bool is_printable(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        return false;
    if (code == 0x2028 || code == 0x2029 || code == 0xfeff)
        return false;
    return code != 0xfffe && code != 0xffff;
}

static void add_escaped(struct nvb_str *ret, uint32_t code)
{
    if (code == '\n')
        nvb_str_add(ret, "\\n");
    else if (code == '\t')
        nvb_str_add(ret, "\\t");
    else
        nvb_str_addf(ret, "\\u%04x", (unsigned)code);
}

/* Appends TEXT in double quotes. Returns 0, or -1 when it is not UTF-8. */
static int add_quoted(struct nvb_str *ret, const char *text)
{
    const char *end = text + strlen(text);
    nvb_str_addc(ret, '"');
    while (text < end) {
        const char *start = text;
        while (*text >= 0x20 && *text < 0x7f && *text != '"' && *text != '\\')
            text++;
        nvb_str_addn(ret, start, (size_t)(text - start));
        if (text == end)
            break;
        uint32_t code;
        size_t n = nvb_utf8_read(text, (size_t)(end - text), &code);
        if (n == 0)
            return -1;
        if (code == '"' || code == '\\')
            nvb_str_addc(ret, '\\');
        if (is_printable(code))
            nvb_str_addn(ret, text, n);
        else
            add_escaped(ret, code);
        text += n;
    }
    nvb_str_addc(ret, '"');
    return 0;
}

/*
 * Whether TEXT may stand in YAML without quotes. Narrow on purpose: what begins with a letter or a
 * slash, holds only characters that never mean anything in YAML, and is none of the words that some
 * reader takes for a value; numbers begin otherwise. The rest is quoted.
 */
static bool is_plain(const char *text)
{
    static const bool safe[256] = {
        ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['0' ... '9'] = true, ['_'] = true,
        ['/'] = true,         ['.'] = true,         ['@'] = true,         ['%'] = true,
        ['+'] = true,         ['='] = true,         [','] = true,         ['-'] = true,
        [':'] = true,
    };
    unsigned char first = (unsigned char)*text | 0x20;
    if (!(first >= 'a' && first <= 'z') && *text != '/')
        return false;
    size_t len = 0;
    while (safe[(unsigned char)text[len]])
        len++;
    return text[len] == '\0' && text[len - 1] != ':' && !nvb_yaml_is_word(text);
}

static void add_text(struct nvb_emit *e, const char *text)
{
    if (e->form == NVB_EMIT_YAML && is_plain(text)) {
        nvb_str_add(e->out, text);
    } else if (add_quoted(e->out, text) < 0) {
        struct nvb_str shown = NVB_STR_INIT;
        nvb_str_add(&shown, "this is not UTF-8, as JSON and YAML must be: ");
        nvb_str_add_shell(&shown, text);
        add_fault(e, nvb_str_steal(&shown));
    }
}

/* ---- structure --------------------------------------------------------------------------------
 *
 * In YAML the beginning of a map or list writes nothing: its first entry decides. Behind a key that
 * goes on a line of its own, behind "- " on the same line; and if none comes, "{}" or "[]" is it.
 */

/* The list or map that is written into, or NULL at the top. */
static struct nvb_emit_level *top(struct nvb_emit *e)
{
    return e->depth ? &e->levels[e->depth - 1] : NULL;
}

/* Goes to where the next entry of the innermost list or map begins. */
static void start_entry(struct nvb_emit *e)
{
    struct nvb_emit_level *level = top(e);
    bool first = level->count++ == 0;
    if (e->form == NVB_EMIT_YAML) {
        bool below_key = e->depth > 1 && e->levels[e->depth - 2].is_map;
        if (first && below_key)
            nvb_str_addc(e->out, '\n');
        if (!first || below_key)
            add_indent(e, e->depth - 1);
        return;
    }
    if (!first)
        nvb_str_addc(e->out, ',');
    if (e->form == NVB_EMIT_JSON) {
        nvb_str_addc(e->out, '\n');
        add_indent(e, e->depth);
    }
}

/* What stands before any value that is not at the top: behind a key nothing yet in JSON. */
static void start_value(struct nvb_emit *e)
{
    struct nvb_emit_level *level = top(e);
    if (!level || level->is_map)
        return;
    start_entry(e);
    if (e->form == NVB_EMIT_YAML)
        nvb_str_add(e->out, "- ");
}

/* Behind a key alone: there a tag is followed by what would stand there without it. */
static void add_tag(struct nvb_emit *e)
{
    if (!e->tag)
        return;
    if (e->form == NVB_EMIT_YAML && e->depth && top(e)->is_map)
        nvb_str_addf(e->out, " %s", e->tag);
    else
        add_fault(e, nvb_strdupf("no place for the tag '%s'", e->tag));
    e->tag = NULL;
}

void nvb_emit_tag(struct nvb_emit *e, const char *tag)
{
    e->tag = tag;
}

static void start_scalar(struct nvb_emit *e)
{
    add_tag(e);
    start_value(e);
    if (e->form == NVB_EMIT_YAML && e->depth && top(e)->is_map)
        nvb_str_addc(e->out, ' ');
}

static void end_scalar(struct nvb_emit *e)
{
    if (e->form == NVB_EMIT_YAML)
        nvb_str_addc(e->out, '\n');
}

static void begin(struct nvb_emit *e, bool is_map)
{
    add_tag(e);
    start_value(e);
    if (e->depth == NVB_EMIT_MAX_DEPTH) {
        add_fault(e, nvb_strdup("nested too deep"));
        e->depth--; /* what is written is thrown away */
    }
    e->levels[e->depth++] = (struct nvb_emit_level){.is_map = is_map};
    if (e->form != NVB_EMIT_YAML)
        nvb_str_addc(e->out, is_map ? '{' : '[');
}

void nvb_emit_map(struct nvb_emit *e)
{
    begin(e, true);
}

void nvb_emit_list(struct nvb_emit *e)
{
    begin(e, false);
}

void nvb_emit_end(struct nvb_emit *e)
{
    if (e->depth == 0)
        return; /* only behind a fault */
    const struct nvb_emit_level level = e->levels[--e->depth];
    if (e->form == NVB_EMIT_YAML) {
        if (level.count > 0)
            return;
        if (e->depth && top(e)->is_map)
            nvb_str_addc(e->out, ' ');
        nvb_str_add(e->out, level.is_map ? "{}\n" : "[]\n");
        return;
    }
    if (level.count > 0 && e->form == NVB_EMIT_JSON) {
        nvb_str_addc(e->out, '\n');
        add_indent(e, e->depth);
    }
    nvb_str_addc(e->out, level.is_map ? '}' : ']');
}

void nvb_emit_key(struct nvb_emit *e, const char *key)
{
    start_entry(e);
    const size_t at = e->out->len;
    add_text(e, key);
    /* A key of more than 1024 characters has to say beforehand that it is one (YAML 1.2, 7.4.3). */
    if (e->form == NVB_EMIT_YAML && e->out->len - at > 1000) {
        _cleanup_free_ char *long_key = nvb_strdup(e->out->data + at);
        nvb_str_truncate(e->out, at);
        nvb_str_add(e->out, "? ");
        nvb_str_add(e->out, long_key);
        nvb_str_addc(e->out, '\n');
        add_indent(e, e->depth - 1);
    }
    nvb_str_add(e->out, e->form == NVB_EMIT_JSON ? ": " : ":");
}

void nvb_emit_word(struct nvb_emit *e, const char *word)
{
    start_scalar(e);
    nvb_str_add(e->out, word);
    end_scalar(e);
}

void nvb_emit_text(struct nvb_emit *e, const char *text)
{
    start_scalar(e);
    add_text(e, text);
    end_scalar(e);
}

/* ---- the other scalars ------------------------------------------------------------------------
 */

static void emit_word(struct nvb_emit *e, const char *word)
{
    start_scalar(e);
    nvb_str_add(e->out, word);
    end_scalar(e);
}

void nvb_emit_null(struct nvb_emit *e)
{
    emit_word(e, "null");
}

void nvb_emit_bool(struct nvb_emit *e, bool value)
{
    emit_word(e, value ? "true" : "false");
}

void nvb_emit_int(struct nvb_emit *e, int64_t value)
{
    start_scalar(e);
    nvb_str_addf(e->out, "%lld", (long long)value);
    end_scalar(e);
}

void nvb_emit_uint(struct nvb_emit *e, uint64_t value)
{
    start_scalar(e);
    nvb_str_addf(e->out, "%llu", (unsigned long long)value);
    end_scalar(e);
}

/* In the fewest digits that are read back as the same number. */
static void add_real(struct nvb_str *ret, double value)
{
    size_t start = ret->len;
    for (int digits = 15; digits <= 17; digits++) {
        nvb_str_truncate(ret, start);
        nvb_str_addf(ret, "%.*g", digits, value);
        if (strtod(ret->data + start, NULL) == value)
            break;
    }
    /* Without a point or an exponent it would be read back as a whole number. */
    if (!strpbrk(ret->data + start, ".e"))
        nvb_str_add(ret, ".0");
}

void nvb_emit_real(struct nvb_emit *e, double value)
{
    start_scalar(e);
    if (isfinite(value))
        add_real(e->out, value);
    else if (e->form != NVB_EMIT_YAML)
        add_fault(e, nvb_strdupf("JSON has no number for %f", value));
    else
        nvb_str_add(e->out, isnan(value) ? ".nan" : value < 0 ? "-.inf" : ".inf");
    end_scalar(e);
}

int nvb_emit_finish(struct nvb_emit *e, struct nvb_error **err)
{
    _cleanup_free_ char *fault = TAKE_PTR(e->fault);
    if (e->form != NVB_EMIT_YAML)
        nvb_str_addc(e->out, '\n');
    return fault ? nvb_error_make(err, NVB_ERROR_CONFIG, 0, "%s", fault) : 0;
}
