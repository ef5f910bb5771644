#ifndef NVB_BASE_JSON_SCAN_H
#define NVB_BASE_JSON_SCAN_H

/*
 * A JSON text, one token after the other (RFC 8259, nothing more lenient). Nothing is allocated and
 * nothing is copied; the text is borrowed and need not end with a zero byte.
 *
 *     struct nvb_json_scan s;
 *     nvb_json_scan_init(&s, text, len);
 *     for (enum nvb_json_token t; (t = nvb_json_scan_next(&s)) != NVB_JSON_END;) {
 *         if (t == NVB_JSON_ERROR) … s.problem, s.at
 *     }
 *
 * The text may be hostile: time is linear in its length, nesting is bounded, strings must be UTF-8.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NVB_JSON_MAX_DEPTH 64

enum nvb_json_token {
    NVB_JSON_ERROR, /* and so is every further call */
    NVB_JSON_END,   /* the one value is complete and nothing follows it */
    NVB_JSON_OBJECT,
    NVB_JSON_OBJECT_END,
    NVB_JSON_ARRAY,
    NVB_JSON_ARRAY_END,
    NVB_JSON_KEY, /* a member's name; its value is the next token */
    NVB_JSON_STRING,
    NVB_JSON_NUMBER,
    NVB_JSON_TRUE,
    NVB_JSON_FALSE,
    NVB_JSON_NULL,
};

struct nvb_json_scan {
    /* Of the token returned last. Strings and keys are without their quotes and still escaped. */
    const char *start;
    size_t len;
    bool escaped;        /* a string or key has a backslash: nvb_json_unescape() */
    const char *problem; /* after NVB_JSON_ERROR: what is wrong at the byte AT; a constant */
    size_t at;           /* how far it has read */
    unsigned depth;      /* of objects and arrays that are open */

    /* Its own. */
    const char *text;
    size_t size;
    uint64_t objects; /* bit N: level N is an object */
    int expect;
};

void nvb_json_scan_init(struct nvb_json_scan *s, const char *text, size_t len);
enum nvb_json_token nvb_json_scan_next(struct nvb_json_scan *s);

/* Reads on to the end of the value that begins with the next token. Returns 0, or -1 as
 * NVB_JSON_ERROR. */
int nvb_json_scan_skip(struct nvb_json_scan *s);

/* True where the key or string returned last is TEXT, escapes or not. */
bool nvb_json_scan_is(const struct nvb_json_scan *s, const char *text);

/*
 * Writes the LEN bytes of a raw string, as the scanner gave them, without their escapes to BUFFER,
 * which has room for LEN bytes: the result is never longer. Returns its length. It may hold zero
 * bytes (\u0000); a lone surrogate, which has no UTF-8, the scanner has refused.
 */
size_t nvb_json_unescape(const char *raw, size_t len, char *buffer);

#endif
