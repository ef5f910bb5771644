#ifndef NVB_BASE_STR_H
#define NVB_BASE_STR_H

/*
 * Strings that know their length.
 *
 * struct nvb_str is a buffer that grows; data is always terminated by a zero byte that len does not
 * count, also when empty and never allocated (then data points to a constant ""). Start from
 * NVB_STR_INIT or nvb_str_init(); end with nvb_str_done() or take the bytes with nvb_str_steal().
 *
 * struct nvb_strv is a list of owned strings. It is always followed by a NULL where it was made by
 * nvb_strv_terminate(), so that items can be handed to execve().
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/vec.h"

struct nvb_str {
    char *data;
    size_t len;
    size_t cap;
};

extern char nvb_str_empty[1];

#define NVB_STR_INIT          \
    {                         \
        .data = nvb_str_empty \
    }

#define _cleanup_str_ _cleanup_(nvb_str_done)

void nvb_str_init(struct nvb_str *s);
void nvb_str_done(struct nvb_str *s);

/* Makes room for EXTRA more bytes and the closing zero. */
void nvb_str_grow(struct nvb_str *s, size_t extra);

/* Cuts to LEN bytes, which must not be more than there are. */
void nvb_str_truncate(struct nvb_str *s, size_t len);

void nvb_str_add(struct nvb_str *s, const char *text);
void nvb_str_addn(struct nvb_str *s, const void *data, size_t len);
void nvb_str_addc(struct nvb_str *s, char c);
void nvb_str_addf(struct nvb_str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void nvb_str_addv(struct nvb_str *s, const char *format, va_list args)
    __attribute__((format(printf, 2, 0), nonnull(2)));

/* Returns the bytes, zero-terminated and owned by the caller, and leaves S empty. */
char *nvb_str_steal(struct nvb_str *s) __attribute__((warn_unused_result));

/*
 * Appends WORD quoted for a POSIX shell: as it is where every byte is harmless, else in single
 * quotes. A word with control characters becomes $'…', which bash, zsh, ksh and POSIX 2024 read.
 */
void nvb_str_add_shell(struct nvb_str *s, const char *word);

struct nvb_strv NVB_VEC(char *);

#define _cleanup_strv_ _cleanup_(nvb_strv_done)

void nvb_strv_done(struct nvb_strv *v);

/* Appends a copy of TEXT, of LEN bytes of it, or of a formatted text. */
void nvb_strv_add(struct nvb_strv *v, const char *text);
void nvb_strv_addn(struct nvb_strv *v, const char *text, size_t len);
void nvb_strv_addf(struct nvb_strv *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts a NULL behind the last item without counting it, and returns the items: borrowed. */
char **nvb_strv_terminate(struct nvb_strv *v);

bool nvb_strv_has(const struct nvb_strv *v, const char *text);

/* Splits TEXT at each SEPARATOR into copies; empty pieces are kept ("" gives one empty piece). */
void nvb_strv_split(struct nvb_strv *v, const char *text, char separator);

bool nvb_has_prefix(const char *s, const char *prefix);
bool nvb_has_suffix(const char *s, const char *suffix);

/*
 * Reads an unsigned number that is all of TEXT (LEN bytes): digits only, no sign, no space.
 * BASE is 10 or 16 (without 0x). Returns 0, or -1 when it is none or too large; *ret is then
 * untouched.
 */
int nvb_parse_u64(const char *text, size_t len, unsigned base, uint64_t *ret);

/*
 * Reads a truth value as Go's strconv.ParseBool does, and so the engines their flags: "1", "t",
 * "true", "0", "f", "false", in small letters, capitals or with the first one large. Returns 0, or
 * -1 when TEXT is none; *ret is then untouched.
 */
int nvb_parse_bool(const char *text, bool *ret);

/* Whether TEXT, which may be NULL, is one of those for false. */
bool nvb_is_false(const char *text);

/* A 64-bit FNV-1a hash, started with NVB_HASH_INIT: to compare content, never for trust. */
#define NVB_HASH_INIT 0xcbf29ce484222325u
uint64_t nvb_hash(uint64_t state, const void *data, size_t len);

#endif
