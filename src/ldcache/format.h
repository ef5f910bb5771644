#ifndef NVB_LDCACHE_FORMAT_H
#define NVB_LDCACHE_FORMAT_H

/* Sizes and offsets of the cache's parts, in bytes (glibc, sysdeps/generic/dl-cache.h). */

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The old format: magic, a pad byte, the count, entries of {flags, key, value}, strings. */
#define OLD_MAGIC      "ld.so-1.7.0"
#define OLD_COUNT      12
#define OLD_HEADER     16
#define OLD_ENTRY_SIZE 12

/* The new format: a header, entries of {flags, key, value, osversion, hwcap}, strings, extension.
 * Inside an old cache it begins at the next multiple of 8 behind the old entries. */
#define NEW_MAGIC        "glibc-ld.so.cache1.1"
#define NEW_COUNT        20
#define NEW_STRINGS_SIZE 24
#define NEW_FLAGS        28 /* a byte; the two low bits are the byte order */
#define NEW_EXTENSION    32 /* offset in the file, a multiple of 4; 0: none */
#define NEW_HEADER       48
#define NEW_ENTRY_SIZE   24
#define NEW_ALIGNMENT    8
#define NEW_FLAGS_UNSET  0
#define NEW_FLAGS_LITTLE 2
#define NEW_FLAGS_MASK   3

/* The extension: magic, count, then sections of {tag, flags, offset in the file, size}. */
#define EXTENSION_MAGIC        0xeaa42174u
#define EXTENSION_HEADER       8
#define EXTENSION_SECTION_SIZE 16
#define EXTENSION_GENERATOR    0
#define EXTENSION_HWCAPS       1

/* Set in hwcap where its low half is an index into the extension's hwcap names; the bits 32 to 41
 * are an ISA level beside it. */
#define HWCAP_EXTENSION ((uint64_t)1 << 62)
#define HWCAP_ISA_MASK  ((uint64_t)0x3ff << 32)

static inline uint32_t load32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

static inline uint64_t load64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

static inline void store32(char *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof(v));
}

static inline void store64(char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof(v));
}

#endif
