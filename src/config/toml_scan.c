/*
 * Theory of operation. toml++ builds nested tables for a dotted key and for a header without any
 * bound, and takes them down by recursion: a line "[a.a.a…]" of a megabyte would end the process.
 * So the depth is bounded before the library sees the text. Only as much of TOML is understood as
 * decides where a bracket or a dot is one: comments and the four kinds of strings. On a text that
 * is TOML the scan agrees with the grammar; on one that is not, it agrees up to the first fault,
 * and there the library stops, so nothing deeper than the bound is ever built.
 */
#include "config/toml_scan.h"

#include <string.h>

#include "data/utf8.h"

struct scan {
    const char *text;
    size_t len;
    size_t at;
    unsigned depth; /* open brackets */
    unsigned parts; /* of the dotted key, or of the number, that is being read */
};

static int fail_at(const struct scan *s, size_t at, const char *name, const char *message,
                   struct nvb_error **err)
{
    unsigned line, column;
    nvb_utf8_place(s->text, at, &line, &column);
    (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0, "%s", message);
    return nvb_error_at(err, name, line, column);
}

static bool is_at(const struct scan *s, const char *mark)
{
    size_t n = strlen(mark);
    return s->len - s->at >= n && memcmp(s->text + s->at, mark, n) == 0;
}

/* Goes behind the string that begins here; one that is not closed ends with its line or the text.
 */
static void skip_string(struct scan *s, char quote)
{
    const char three[] = {quote, quote, quote, '\0'};
    bool many_lines = is_at(s, three);
    s->at += many_lines ? 3 : 1;
    while (s->at < s->len) {
        char c = s->text[s->at];
        if (c == '\\' && quote == '"') {
            s->at += s->len - s->at > 1 ? 2 : 1;
        } else if (many_lines && is_at(s, three)) {
            /* Up to two quotes may stand before the closing three: five in a row. */
            s->at += 3;
            for (int i = 0; i < 2 && s->at < s->len && s->text[s->at] == quote; i++)
                s->at++;
            return;
        } else if (!many_lines && c == '\n') {
            return;
        } else {
            s->at++;
            if (!many_lines && c == quote)
                return;
        }
    }
}

static void skip_comment(struct scan *s)
{
    const char *end = memchr(s->text + s->at, '\n', s->len - s->at);
    s->at = end ? (size_t)(end - s->text) : s->len;
}

/* One step. Returns false where the bound on depth is passed. */
static bool step(struct scan *s)
{
    char c = s->text[s->at];
    switch (c) {
    case '"':
    case '\'':
        skip_string(s, c);
        return true;
    case '#':
        skip_comment(s);
        return true;
    case '[':
    case '{':
        s->depth++;
        s->parts = 0;
        break;
    case ']':
    case '}':
        s->depth -= s->depth > 0;
        s->parts = 0;
        break;
    case '.':
        s->parts++;
        break;
    case ',':
    case '=':
    case '\n':
        s->parts = 0;
        break;
    default:
        break;
    }
    s->at++;
    return s->depth <= NVB_DOC_MAX_DEPTH && s->parts <= NVB_DOC_MAX_DEPTH;
}

int nvb_toml_scan(const char *text, size_t len, const char *name, struct nvb_error **err)
{
    struct scan s = {.text = text, .len = len};
    if (len > NVB_TOML_MAX_BYTES)
        return fail_at(&s, NVB_TOML_MAX_BYTES, name,
                       "the file is larger than 1 MiB; a configuration is not", err);
    size_t good = nvb_utf8_check(text, len);
    if (good < len)
        return fail_at(&s, good, name, "a byte here is not UTF-8, as TOML must be", err);
    while (s.at < s.len) {
        if (!step(&s))
            return fail_at(&s, s.at - 1, name, "nested more than 32 deep", err);
    }
    return 0;
}

int nvb_toml_read(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                  struct nvb_error **err)
{
    if (nvb_toml_scan(text, len, name, err) < 0)
        return -1;
    return nvb_toml_build(text, len, name, ret, err);
}
