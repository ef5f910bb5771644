/*
 * Reading a linker cache that nobody vouches for.
 *
 * Theory of operation. All arithmetic is on size_t (64 bits) and on 32-bit numbers of the file, so
 * sums and the products below cannot wrap. nvb_ldcache_read() bounds, in this order: the header,
 * the entries, the string table, each entry's two strings (they must begin in the string table and
 * end there, with a zero byte), the extension's directory, and each of its sections. Strings may
 * overlap, and hostile ones do, so their length is limited as well: the cost of looking at all of
 * them is then bounded by the file's size times a constant. Only what was checked here is read
 * later.
 */
#include "ldcache/ldcache.h"

#include <stdbool.h>

#include "ldcache/format.h"

static int refuse(struct nvb_error **err, const char *what)
{
    return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "not a linker cache: %s", what);
}

static bool has_magic(const char *data, size_t size, size_t at, const char *magic)
{
    size_t len = strlen(magic);
    return at <= size && size - at >= len && memcmp(data + at, magic, len) == 0;
}

/* Finds the entries and the string table of the new format, whose header is at AT. */
static int read_new_header(struct nvb_ldcache *c, size_t at, struct nvb_error **err)
{
    if (c->size - at < NEW_HEADER)
        return refuse(err, "its header is cut short");
    const char *header = c->data + at;
    unsigned order = (unsigned char)header[NEW_FLAGS] & NEW_FLAGS_MASK;
    if (order != NEW_FLAGS_UNSET && order != NEW_FLAGS_LITTLE)
        return refuse(err, "it is marked as invalid or as big endian");
    size_t count = load32(header + NEW_COUNT);
    size_t strings_size = load32(header + NEW_STRINGS_SIZE);
    size_t room = c->size - at - NEW_HEADER;
    if (count > room / NEW_ENTRY_SIZE)
        return refuse(err, "it counts more entries than it has");
    if (strings_size > room - count * NEW_ENTRY_SIZE)
        return refuse(err, "its string table is cut short");
    c->count = count;
    c->base = at;
    c->entries = at + NEW_HEADER;
    c->entry_size = NEW_ENTRY_SIZE;
    c->strings = c->entries + count * NEW_ENTRY_SIZE;
    c->strings_end = c->strings + strings_size;
    return 0;
}

/* The old format's strings follow its entries; a new cache hidden there is the one that counts. */
static int read_old_header(struct nvb_ldcache *c, struct nvb_error **err)
{
    if (c->size < OLD_HEADER)
        return refuse(err, "its header is cut short");
    size_t count = load32(c->data + OLD_COUNT);
    if (count > (c->size - OLD_HEADER) / OLD_ENTRY_SIZE)
        return refuse(err, "it counts more entries than it has");
    size_t end = OLD_HEADER + count * OLD_ENTRY_SIZE;
    size_t inner = (end + NEW_ALIGNMENT - 1) & ~(size_t)(NEW_ALIGNMENT - 1);
    if (has_magic(c->data, c->size, inner, NEW_MAGIC))
        return read_new_header(c, inner, err);
    c->count = count;
    c->base = end;
    c->entries = OLD_HEADER;
    c->entry_size = OLD_ENTRY_SIZE;
    c->strings = end;
    c->strings_end = c->size;
    return 0;
}

/* A string table offset leads to a string that ends in time. */
static bool is_string(const struct nvb_ldcache *c, uint32_t offset)
{
    size_t at = c->base + offset;
    if (at < c->strings || at >= c->strings_end)
        return false;
    size_t room = c->strings_end - at;
    if (room > NVB_LDCACHE_MAX_STRING)
        room = NVB_LDCACHE_MAX_STRING;
    return memchr(c->data + at, '\0', room) != NULL;
}

static int check_entries(const struct nvb_ldcache *c, struct nvb_error **err)
{
    const char *before = NULL;
    for (size_t i = 0; i < c->count; i++) {
        const char *e = c->data + c->entries + i * c->entry_size;
        if (!is_string(c, load32(e + 4)) || !is_string(c, load32(e + 8)))
            return refuse(err, "an entry points outside its string table");
        const char *key = c->data + c->base + load32(e + 4);
        if (before && nvb_ldcache_compare_names(before, key) < 0)
            return refuse(err, "its entries are not in order");
        before = key;
    }
    return 0;
}

/*
 * The offsets of sections count from the file's beginning. The hwcap names in them count, like
 * those of the entries, from the new header: so ldconfig writes them, though what reads a combined
 * cache in glibc counts from the file's beginning.
 */
static int read_section(struct nvb_ldcache *c, const char *section, struct nvb_error **err)
{
    uint32_t tag = load32(section);
    size_t offset = load32(section + 8);
    size_t size = load32(section + 12);
    if (offset > c->size || size > c->size - offset)
        return refuse(err, "its extension points outside the file");
    if (tag == EXTENSION_GENERATOR) {
        c->generator = offset;
        c->generator_len = size;
    } else if (tag == EXTENSION_HWCAPS) {
        if (size % 4 != 0)
            return refuse(err, "its list of hwcap names has an odd size");
        c->hwcaps = offset;
        c->hwcaps_count = size / 4;
    }
    return 0;
}

static int read_extension(struct nvb_ldcache *c, struct nvb_error **err)
{
    if (c->entry_size != NEW_ENTRY_SIZE)
        return 0;
    size_t at = load32(c->data + c->base + NEW_EXTENSION);
    if (at == 0)
        return 0;
    if (at % 4 != 0 || at > c->size || c->size - at < EXTENSION_HEADER)
        return refuse(err, "its extension is not where it should be");
    if (load32(c->data + at) != EXTENSION_MAGIC)
        return refuse(err, "its extension is not one");
    size_t count = load32(c->data + at + 4);
    at += EXTENSION_HEADER;
    if (count > (c->size - at) / EXTENSION_SECTION_SIZE)
        return refuse(err, "its extension is cut short");
    for (size_t i = 0; i < count; i++)
        if (read_section(c, c->data + at + i * EXTENSION_SECTION_SIZE, err) < 0)
            return -1;
    for (size_t i = 0; i < c->hwcaps_count; i++)
        if (!is_string(c, load32(c->data + c->hwcaps + i * 4)))
            return refuse(err, "a hwcap name points outside its string table");
    return 0;
}

int nvb_ldcache_read(const void *data, size_t size, struct nvb_ldcache *ret, struct nvb_error **err)
{
    struct nvb_ldcache c = {.data = data, .size = size};
    int r;
    if (size > NVB_LDCACHE_MAX_SIZE)
        return refuse(err, "it is far too large");
    if (has_magic(data, size, 0, NEW_MAGIC))
        r = read_new_header(&c, 0, err);
    else if (has_magic(data, size, 0, OLD_MAGIC))
        r = read_old_header(&c, err);
    else
        return refuse(err, "it does not begin like one");
    if (r < 0 || check_entries(&c, err) < 0 || read_extension(&c, err) < 0)
        return -1;
    *ret = c;
    return 0;
}

void nvb_ldcache_get(const struct nvb_ldcache *c, size_t index, struct nvb_ldcache_entry *ret)
{
    const char *e = c->data + c->entries + index * c->entry_size;
    bool new = c->entry_size == NEW_ENTRY_SIZE;
    *ret = (struct nvb_ldcache_entry){
        .flags = load32(e),
        .key = c->data + c->base + load32(e + 4),
        .value = c->data + c->base + load32(e + 8),
        .osversion = new ? load32(e + 12) : 0,
        .hwcap = new ? load64(e + 16) : 0,
    };
}

/* glibc, sysdeps/generic/ldconfig.h: the low byte is the kind of library (1 ELF, 3 ELF of libc6),
 * the next one what the machine must be. */
static const struct {
    uint32_t flags;
    enum nvb_ldcache_class class;
} classes[] = {
    {0x0303, NVB_LDCACHE_X86_64},  {0x0803, NVB_LDCACHE_X32},   {0x0003, NVB_LDCACHE_I386},
    {0x0a03, NVB_LDCACHE_AARCH64}, {0x0903, NVB_LDCACHE_ARMHF},
};

enum nvb_ldcache_class nvb_ldcache_class_of(uint32_t flags)
{
    for (size_t i = 0; i < NVB_COUNT(classes); i++)
        if (classes[i].flags == flags)
            return classes[i].class;
    return NVB_LDCACHE_OTHER;
}

uint32_t nvb_ldcache_flags_of(enum nvb_ldcache_class class)
{
    for (size_t i = 0; i < NVB_COUNT(classes); i++)
        if (classes[i].class == class)
            return classes[i].flags;
    return 0;
}

/* Takes a run of digits off *p. It and the difference of two wrap at 32 bits, as in the loader,
 * whose order this must be. */
static uint32_t take_number(const char **p)
{
    uint32_t n = 0;
    for (; **p >= '0' && **p <= '9'; (*p)++)
        n = n * 10 + (uint32_t)(**p - '0');
    return n;
}

int nvb_ldcache_compare_names(const char *a, const char *b)
{
    while (*a != '\0') {
        bool digit_a = *a >= '0' && *a <= '9';
        bool digit_b = *b >= '0' && *b <= '9';
        if (digit_a != digit_b)
            return digit_a ? 1 : -1;
        if (!digit_a) {
            if (*a != *b)
                return *a - *b;
            a++;
            b++;
            continue;
        }
        uint32_t number_a = take_number(&a);
        uint32_t number_b = take_number(&b);
        if (number_a != number_b)
            return (int)(number_a - number_b);
    }
    return *a - *b;
}
