#include "base/json_scan.h"

#include <string.h>

/* What may come next. */
enum {
    VALUE,       /* a value */
    FIRST_VALUE, /* a value, or the end of the array */
    FIRST_KEY,   /* a key, or the end of the object */
    NEXT,        /* a comma, or the end of what is open; at the top: nothing */
    FAILED,
};

void nvb_json_scan_init(struct nvb_json_scan *s, const char *text, size_t len)
{
    *s = (struct nvb_json_scan){.text = text, .size = len, .expect = VALUE};
}

static enum nvb_json_token fail(struct nvb_json_scan *s, const char *problem)
{
    if (s->expect != FAILED)
        s->problem = problem;
    s->expect = FAILED;
    return NVB_JSON_ERROR;
}

/* The byte at OFFSET from here, or -1 behind the end. */
static int peek(const struct nvb_json_scan *s, size_t offset)
{
    return offset < s->size - s->at ? (unsigned char)s->text[s->at + offset] : -1;
}

static void skip_space(struct nvb_json_scan *s)
{
    for (int c = peek(s, 0); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(s, 0))
        s->at++;
}

static bool is_in_object(const struct nvb_json_scan *s)
{
    return s->depth > 0 && (s->objects >> (s->depth - 1) & 1);
}

/* The length of the UTF-8 sequence at P (RFC 3629: no surrogates, no overlong forms), 0: none. */
static size_t utf8_length(const char *text, size_t room)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xbf;
    size_t n;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        n = 2;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        n = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        n = 4;
    else
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (room < n || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return n;
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The number of a \uXXXX whose backslash is OFFSET bytes from here, or -1. */
static int read_unicode(const struct nvb_json_scan *s, size_t offset)
{
    int n = 0;
    if (peek(s, offset) != '\\' || peek(s, offset + 1) != 'u')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        int digit = hex_digit(peek(s, offset + i));
        if (digit < 0)
            return -1;
        n = n * 16 + digit;
    }
    return n;
}

/* Goes over an escape. Returns false where it is none. */
static bool skip_escape(struct nvb_json_scan *s)
{
    int c = peek(s, 1);
    if (c > 0 && strchr("\"\\/bfnrt", c)) {
        s->at += 2;
        return true;
    }
    int first = read_unicode(s, 0);
    if (first < 0 || (first >= 0xdc00 && first <= 0xdfff))
        return false;
    if (first >= 0xd800 && first <= 0xdbff) {
        int second = read_unicode(s, 6);
        if (second < 0xdc00 || second > 0xdfff)
            return false;
        s->at += 6;
    }
    s->at += 6;
    return true;
}

static enum nvb_json_token scan_string(struct nvb_json_scan *s, enum nvb_json_token token)
{
    s->at++;
    s->start = s->text + s->at;
    s->escaped = false;
    for (;;) {
        int c = peek(s, 0);
        if (c < 0)
            return fail(s, "the string has no end");
        if (c == '"')
            break;
        if (c < 0x20)
            return fail(s, "a control character in a string must be escaped");
        if (c == '\\') {
            s->escaped = true;
            if (!skip_escape(s))
                return fail(s, "not an escape");
            continue;
        }
        size_t n = utf8_length(s->text + s->at, s->size - s->at);
        if (n == 0)
            return fail(s, "not UTF-8");
        s->at += n;
    }
    s->len = (size_t)(s->text + s->at - s->start);
    s->at++;
    return token;
}

static size_t skip_digits(struct nvb_json_scan *s)
{
    size_t n = 0;
    for (; peek(s, 0) >= '0' && peek(s, 0) <= '9'; n++)
        s->at++;
    return n;
}

static enum nvb_json_token scan_number(struct nvb_json_scan *s)
{
    s->start = s->text + s->at;
    if (peek(s, 0) == '-')
        s->at++;
    if (peek(s, 0) == '0')
        s->at++;
    else if (skip_digits(s) == 0)
        return fail(s, "not a number");
    if (peek(s, 0) == '.') {
        s->at++;
        if (skip_digits(s) == 0)
            return fail(s, "a number needs digits behind its point");
    }
    if (peek(s, 0) == 'e' || peek(s, 0) == 'E') {
        s->at++;
        if (peek(s, 0) == '+' || peek(s, 0) == '-')
            s->at++;
        if (skip_digits(s) == 0)
            return fail(s, "a number needs digits in its exponent");
    }
    s->len = (size_t)(s->text + s->at - s->start);
    return NVB_JSON_NUMBER;
}

static enum nvb_json_token scan_word(struct nvb_json_scan *s)
{
    static const struct {
        const char *word;
        enum nvb_json_token token;
    } words[] = {{"true", NVB_JSON_TRUE}, {"false", NVB_JSON_FALSE}, {"null", NVB_JSON_NULL}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t n = strlen(words[i].word);
        if (s->size - s->at >= n && memcmp(s->text + s->at, words[i].word, n) == 0) {
            s->start = s->text + s->at;
            s->len = n;
            s->at += n;
            return words[i].token;
        }
    }
    return fail(s, "not a value");
}

static enum nvb_json_token open_level(struct nvb_json_scan *s, bool object)
{
    if (s->depth == NVB_JSON_MAX_DEPTH)
        return fail(s, "nested too deeply");
    s->objects &= ~((uint64_t)1 << s->depth);
    s->objects |= (uint64_t)object << s->depth;
    s->depth++;
    s->at++;
    s->expect = object ? FIRST_KEY : FIRST_VALUE;
    return object ? NVB_JSON_OBJECT : NVB_JSON_ARRAY;
}

static enum nvb_json_token close_level(struct nvb_json_scan *s)
{
    bool object = is_in_object(s);
    s->depth--;
    s->at++;
    s->expect = NEXT;
    return object ? NVB_JSON_OBJECT_END : NVB_JSON_ARRAY_END;
}

static enum nvb_json_token scan_value(struct nvb_json_scan *s)
{
    int c = peek(s, 0);
    if (c == '{' || c == '[')
        return open_level(s, c == '{');
    s->expect = NEXT;
    if (c == '"')
        return scan_string(s, NVB_JSON_STRING);
    if (c == '-' || (c >= '0' && c <= '9'))
        return scan_number(s);
    return c < 0 ? fail(s, "it ends too early") : scan_word(s);
}

static enum nvb_json_token scan_key(struct nvb_json_scan *s)
{
    if (peek(s, 0) != '"')
        return fail(s, "a member's name in double quotes is missing");
    enum nvb_json_token token = scan_string(s, NVB_JSON_KEY);
    if (token == NVB_JSON_ERROR)
        return token;
    skip_space(s);
    if (peek(s, 0) != ':')
        return fail(s, "a colon is missing behind the member's name");
    s->at++;
    s->expect = VALUE;
    return token;
}

enum nvb_json_token nvb_json_scan_next(struct nvb_json_scan *s)
{
    if (s->expect == FAILED)
        return NVB_JSON_ERROR;
    skip_space(s);
    int c = peek(s, 0);
    bool closes = s->depth > 0 && c == (is_in_object(s) ? '}' : ']');
    if (s->expect == VALUE || (s->expect == FIRST_VALUE && !closes))
        return scan_value(s);
    if (s->expect == FIRST_KEY && !closes)
        return scan_key(s);
    if (closes)
        return close_level(s);
    if (s->depth == 0)
        return c < 0 ? NVB_JSON_END : fail(s, "something follows the value");
    if (c != ',')
        return fail(s, c < 0 ? "it ends too early" : "a comma or the closing bracket is missing");
    s->at++;
    skip_space(s);
    return is_in_object(s) ? scan_key(s) : scan_value(s);
}

int nvb_json_scan_skip(struct nvb_json_scan *s)
{
    unsigned depth = s->depth;
    do {
        enum nvb_json_token token = nvb_json_scan_next(s);
        if (token == NVB_JSON_ERROR || token == NVB_JSON_END)
            return -1;
    } while (s->depth > depth || s->expect == VALUE);
    return 0;
}

/* Writes the code point N. Returns how many bytes it took, at most 4. */
static size_t put_utf8(uint32_t n, char *out)
{
    if (n < 0x80) {
        out[0] = (char)n;
        return 1;
    }
    size_t len = n < 0x800 ? 2 : n < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (n & 0x3f));
        n >>= 6;
    }
    out[0] = (char)(marks[len] | n);
    return len;
}

size_t nvb_json_unescape(const char *raw, size_t len, char *buffer)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    struct nvb_json_scan s = {.text = raw, .size = len};
    size_t n = 0;
    while (s.at < len) {
        if (raw[s.at] != '\\') {
            buffer[n++] = raw[s.at++];
            continue;
        }
        int code = read_unicode(&s, 0);
        if (code < 0) {
            int c = peek(&s, 1);
            const char *letter = c > 0 ? strchr(letters, c) : NULL;
            buffer[n++] = letter ? meanings[letter - letters] : '\\';
            s.at += letter ? 2 : 1;
            continue;
        }
        uint32_t point = (uint32_t)code;
        s.at += 6;
        int second = point >= 0xd800 && point <= 0xdbff ? read_unicode(&s, 0) : -1;
        if (second >= 0xdc00 && second <= 0xdfff) {
            point = 0x10000 + ((point - 0xd800) << 10) + ((uint32_t)second - 0xdc00);
            s.at += 6;
        }
        n += put_utf8(point, buffer + n);
    }
    return n;
}

bool nvb_json_scan_is(const struct nvb_json_scan *s, const char *text)
{
    size_t len = strlen(text);
    if (!s->escaped)
        return s->len == len && memcmp(s->start, text, len) == 0;
    /* Unescaped piece by piece: one character of it is at most six bytes, a pair of them twelve. */
    const char *p = s->start;
    const char *end = p + s->len;
    while (p < end) {
        char piece[12];
        size_t raw = 1;
        if (*p == '\\')
            raw = p[1] != 'u' ? 2 : (p[2] == 'd' || p[2] == 'D') && strchr("89abAB", p[3]) ? 12 : 6;
        size_t n = nvb_json_unescape(p, raw, piece);
        if (n > len || memcmp(piece, text, n) != 0)
            return false;
        p += raw;
        text += n;
        len -= n;
    }
    return len == 0;
}
