#ifndef NVB_LDCACHE_LDCACHE_H
#define NVB_LDCACHE_LDCACHE_H

/*
 * The linker cache, /etc/ld.so.cache: read from a buffer, merged, written to a buffer.
 *
 *     struct nvb_ldcache cache;
 *     if (nvb_ldcache_read(bytes.data, bytes.len, &cache, err) < 0) …
 *     for (size_t i = 0; i < cache.count; i++) {
 *         struct nvb_ldcache_entry e;
 *         nvb_ldcache_get(&cache, i, &e);             e.key "libcuda.so.1", e.value "/usr/lib/…"
 *     }
 *
 * The bytes are hostile: they come from an image or from a recorded machine. nvb_ldcache_read()
 * checks every offset, count and string once, so nvb_ldcache_get() cannot fail afterwards. It reads
 * three forms: glibc's new one, the old one with the new one inside its string table (written by
 * default before glibc 2.32), and the old one alone. Numbers are little endian, as on every machine
 * that nvbind runs on; a cache that says it is big endian is refused. The format is glibc's
 * sysdeps/generic/dl-cache.h; the order of the entries is that of elf/cache.c and of the binary
 * search in elf/dl-cache.c.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* What a reader should be willing to load. A full desktop's cache has about 250 KiB. */
#define NVB_LDCACHE_MAX_SIZE ((size_t)4 << 20)

/* Strings longer than this make a cache refused (PATH_MAX). */
#define NVB_LDCACHE_MAX_STRING 4096

enum nvb_ldcache_class {
    NVB_LDCACHE_OTHER,
    NVB_LDCACHE_X86_64,
    NVB_LDCACHE_X32,
    NVB_LDCACHE_I386, /* also any other libc6 without a required class: the flags do not tell */
    NVB_LDCACHE_AARCH64,
    NVB_LDCACHE_ARMHF,
};

struct nvb_ldcache_entry {
    uint32_t flags;
    uint32_t osversion;
    uint64_t hwcap;    /* 0: for every machine; else only where the CPU has it */
    const char *key;   /* SONAME; borrowed from the buffer */
    const char *value; /* path; borrowed from the buffer */
};

/* Borrows the buffer. The fields below count are for nvb_ldcache_*() alone. */
struct nvb_ldcache {
    size_t count;

    const char *data; /* the whole file */
    size_t size;
    size_t entries;       /* where the entries begin */
    size_t entry_size;    /* 24, or 12 in the old format */
    size_t base;          /* what the entries' string offsets are relative to */
    size_t strings;       /* where the string table begins */
    size_t strings_end;   /* where it ends */
    size_t generator;     /* the extension block's text on who wrote it */
    size_t generator_len; /* 0: there is none */
    size_t hwcaps;        /* its array of string offsets, named by the low half of hwcap */
    size_t hwcaps_count;
};

/*
 * Checks the SIZE bytes at DATA, which must outlive *ret and need no alignment. Returns 0, or -1
 * with a configuration error that says what is wrong. Entries whose keys are not in the loader's
 * order are an error too: a binary search in such a cache finds things by luck.
 */
int nvb_ldcache_read(const void *data, size_t size, struct nvb_ldcache *ret,
                     struct nvb_error **err);

/* The entry INDEX, which must be less than count. */
void nvb_ldcache_get(const struct nvb_ldcache *cache, size_t index, struct nvb_ldcache_entry *ret);

/* What an entry's flags say, and the flags that ldconfig gives to a library of that class (0 for
 * NVB_LDCACHE_OTHER). */
enum nvb_ldcache_class nvb_ldcache_class_of(uint32_t flags);
uint32_t nvb_ldcache_flags_of(enum nvb_ldcache_class class);

/*
 * The loader's order of names: runs of digits as numbers, everything else by byte. The entries are
 * sorted by it in descending order. Less than, equal to or greater than 0.
 */
int nvb_ldcache_compare_names(const char *a, const char *b);

/* A library to be added. hwcap is 0: it is for every machine. Borrowed strings. */
struct nvb_ldcache_item {
    const char *key;
    const char *value; /* absolute */
    uint32_t flags;
};

/*
 * Appends to *ret, in the new format, what OLD holds (NULL: nothing) and the COUNT items. An item
 * stands before OLD's entries of the same key, flags and hwcap, which stay listed behind it; of
 * equal items the earlier in the list comes first. An entry of OLD that says the same as an item is
 * not repeated, so that merging twice gives the same bytes as merging once. Entries keep their
 * hwcap, the extension block its generator and its hwcap names. *ret must not be OLD's buffer.
 * Returns 0, or -1 when the result would be larger than NVB_LDCACHE_MAX_SIZE or an item's string
 * longer than NVB_LDCACHE_MAX_STRING.
 */
int nvb_ldcache_merge(const struct nvb_ldcache *old, const struct nvb_ldcache_item *items,
                      size_t count, struct nvb_str *ret, struct nvb_error **err);

#endif
