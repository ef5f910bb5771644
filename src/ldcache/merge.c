/*
 * Writing a linker cache: an old one and new libraries become one in the new format.
 *
 * Theory of operation. Both lists are in the loader's order, the old one because it was checked,
 * the new one because it is sorted here, so one walk over both merges them. The old string table is
 * carried over as it is, in one piece: strings of a hostile cache may overlap, and taking them
 * apart would make a large result out of a small file. The new strings follow it, but for an item
 * that the old cache already lists: that takes the old entry's strings, so that a second merge of
 * the same items finds nothing to add and gives the same bytes.
 */
#include "ldcache/ldcache.h"

#include <stdbool.h>

#include "ldcache/format.h"

/* An entry of the result. Offsets count from the string table's beginning. */
struct line {
    uint32_t flags;
    uint32_t key;
    uint32_t value;
    uint32_t osversion;
    uint64_t hwcap;
    const struct nvb_ldcache_item *fresh; /* its strings are still to be added */
};

struct lines NVB_VEC(struct line);

static void lines_done(struct lines *lines)
{
    nvb_vec_release(lines);
}

struct sorted {
    const struct nvb_ldcache_item *item;
    size_t line; /* where it went */
};

/* glibc's elf/cache.c, compare(): names, then flags, both descending. */
static int compare_place(const char *key_a, uint32_t flags_a, const char *key_b, uint32_t flags_b)
{
    int r = nvb_ldcache_compare_names(key_b, key_a);
    if (r != 0 || flags_a == flags_b)
        return r;
    return (int32_t)flags_a < (int32_t)flags_b ? 1 : -1;
}

static bool is_same_item(const struct nvb_ldcache_item *a, const struct nvb_ldcache_item *b)
{
    return a->flags == b->flags && strcmp(a->key, b->key) == 0 && strcmp(a->value, b->value) == 0;
}

/* Sorts, keeping equal ones in their order, and leaves out what was said before. The list is short
 * and mostly falls into place, so inserting is the cheapest way. Returns how many are left. */
static size_t sort_items(const struct nvb_ldcache_item *items, size_t count, struct sorted *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        bool repeated = false;
        for (size_t k = 0; k < n && !repeated; k++)
            repeated = is_same_item(ret[k].item, &items[i]);
        if (repeated)
            continue;
        size_t at = n;
        while (at > 0 && compare_place(ret[at - 1].item->key, ret[at - 1].item->flags, items[i].key,
                                       items[i].flags) > 0)
            at--;
        memmove(ret + at + 1, ret + at, (n - at) * sizeof(*ret));
        ret[at] = (struct sorted){.item = &items[i]};
        n++;
    }
    return n;
}

/* Entries for some CPUs only stand before those for all, or the loader would not look at them. */
static bool belongs_before(const struct nvb_ldcache_item *item, const struct nvb_ldcache_entry *e)
{
    int r = compare_place(item->key, item->flags, e->key, e->flags);
    return r < 0 || (r == 0 && e->hwcap == 0);
}

/* The old entry E says what one of the items just placed says: that one takes over its strings. */
static bool take_over(const struct nvb_ldcache *old, const struct nvb_ldcache_entry *e,
                      const struct sorted *sorted, size_t placed, struct lines *lines)
{
    if (e->hwcap != 0 || e->osversion != 0)
        return false;
    const char *strings = old->data + old->strings;
    for (size_t i = placed; i-- > 0;) {
        const struct nvb_ldcache_item *item = sorted[i].item;
        if (compare_place(item->key, item->flags, e->key, e->flags) != 0)
            return false;
        if (strcmp(item->key, e->key) != 0 || strcmp(item->value, e->value) != 0)
            continue;
        struct line *line = &lines->items[sorted[i].line];
        line->fresh = NULL;
        line->key = (uint32_t)(e->key - strings);
        line->value = (uint32_t)(e->value - strings);
        return true;
    }
    return false;
}

static void place_item(struct sorted *s, struct lines *lines)
{
    s->line = lines->count;
    nvb_vec_push(lines, ((struct line){.flags = s->item->flags, .fresh = s->item}));
}

static void merge_lines(const struct nvb_ldcache *old, struct sorted *sorted, size_t count,
                        struct lines *lines)
{
    size_t placed = 0;
    for (size_t i = 0; old && i < old->count; i++) {
        struct nvb_ldcache_entry e;
        nvb_ldcache_get(old, i, &e);
        while (placed < count && belongs_before(sorted[placed].item, &e))
            place_item(&sorted[placed++], lines);
        if (take_over(old, &e, sorted, placed, lines))
            continue;
        nvb_vec_push(lines, ((struct line){
                                .flags = e.flags,
                                .key = (uint32_t)(e.key - (old->data + old->strings)),
                                .value = (uint32_t)(e.value - (old->data + old->strings)),
                                .osversion = e.osversion,
                                .hwcap = e.hwcap,
                            }));
    }
    while (placed < count)
        place_item(&sorted[placed++], lines);
}

/* A key is nearly always the end of its value, and then shares its bytes. */
static void add_strings(struct lines *lines, struct nvb_str *strings)
{
    nvb_vec_foreach (line, lines) {
        if (!line->fresh)
            continue;
        const struct nvb_ldcache_item *item = line->fresh;
        size_t value = strings->len;
        nvb_str_addn(strings, item->value, strlen(item->value) + 1);
        line->value = (uint32_t)value;
        if (nvb_has_suffix(item->value, item->key)) {
            line->key = (uint32_t)(value + strlen(item->value) - strlen(item->key));
        } else {
            line->key = (uint32_t)strings->len;
            nvb_str_addn(strings, item->key, strlen(item->key) + 1);
        }
    }
}

static void add32(struct nvb_str *s, size_t value)
{
    char bytes[4];
    store32(bytes, (uint32_t)value);
    nvb_str_addn(s, bytes, sizeof(bytes));
}

static void write_header(struct nvb_str *out, size_t count, size_t strings_size, size_t extension)
{
    char header[NEW_HEADER] = {0};
    memcpy(header, NEW_MAGIC, strlen(NEW_MAGIC));
    store32(header + NEW_COUNT, (uint32_t)count);
    store32(header + NEW_STRINGS_SIZE, (uint32_t)strings_size);
    header[NEW_FLAGS] = NEW_FLAGS_LITTLE;
    store32(header + NEW_EXTENSION, (uint32_t)extension);
    nvb_str_addn(out, header, sizeof(header));
}

static void write_lines(struct nvb_str *out, const struct lines *lines, size_t strings)
{
    nvb_vec_foreach (line, lines) {
        char bytes[NEW_ENTRY_SIZE];
        store32(bytes, line->flags);
        store32(bytes + 4, (uint32_t)(strings + line->key));
        store32(bytes + 8, (uint32_t)(strings + line->value));
        store32(bytes + 12, line->osversion);
        store64(bytes + 16, line->hwcap);
        nvb_str_addn(out, bytes, sizeof(bytes));
    }
}

/* START is where the cache begins in OUT, STRINGS where its string table begins in the cache. */
static void write_extension(struct nvb_str *out, size_t start, size_t strings,
                            const struct nvb_ldcache *old)
{
    size_t sections = (old->generator_len > 0) + (size_t)(old->hwcaps_count > 0);
    size_t hwcaps = out->len - start + EXTENSION_HEADER + sections * EXTENSION_SECTION_SIZE;
    size_t generator = hwcaps + old->hwcaps_count * 4;
    add32(out, EXTENSION_MAGIC);
    add32(out, sections);
    if (old->generator_len > 0) {
        add32(out, EXTENSION_GENERATOR);
        add32(out, 0);
        add32(out, generator);
        add32(out, old->generator_len);
    }
    if (old->hwcaps_count > 0) {
        add32(out, EXTENSION_HWCAPS);
        add32(out, 0);
        add32(out, hwcaps);
        add32(out, old->hwcaps_count * 4);
    }
    for (size_t i = 0; i < old->hwcaps_count; i++)
        add32(out, old->base + load32(old->data + old->hwcaps + i * 4) - old->strings + strings);
    nvb_str_addn(out, old->data + old->generator, old->generator_len);
}

static int check_items(const struct nvb_ldcache_item *items, size_t count, struct nvb_error **err)
{
    for (size_t i = 0; i < count; i++)
        if (strnlen(items[i].key, NVB_LDCACHE_MAX_STRING) == NVB_LDCACHE_MAX_STRING ||
            strnlen(items[i].value, NVB_LDCACHE_MAX_STRING) == NVB_LDCACHE_MAX_STRING)
            return nvb_error_make(err, NVB_ERROR_USAGE, 0, "a library's name is far too long");
    return 0;
}

int nvb_ldcache_merge(const struct nvb_ldcache *old, const struct nvb_ldcache_item *items,
                      size_t count, struct nvb_str *ret, struct nvb_error **err)
{
    if (check_items(items, count, err) < 0)
        return -1;
    _cleanup_free_ struct sorted *sorted = nvb_calloc(count, sizeof(*sorted));
    _cleanup_(lines_done) struct lines lines = {0};
    nvb_vec_reserve(&lines, count + (old ? old->count : 0));
    count = sort_items(items, count, sorted);
    merge_lines(old, sorted, count, &lines);

    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (old)
        nvb_str_addn(&text, old->data + old->strings, old->strings_end - old->strings);
    add_strings(&lines, &text);

    size_t strings = NEW_HEADER + lines.count * NEW_ENTRY_SIZE;
    size_t end = strings + text.len;
    size_t padding = (4 - end % 4) % 4;
    bool extended = old && (old->generator_len > 0 || old->hwcaps_count > 0);
    size_t most = end + padding + EXTENSION_HEADER + (size_t)2 * EXTENSION_SECTION_SIZE +
                  (old ? old->hwcaps_count * 4 + old->generator_len : 0);
    if (most > NVB_LDCACHE_MAX_SIZE)
        return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "the linker cache would be far too large");

    size_t start = ret->len;
    nvb_str_grow(ret, most);
    write_header(ret, lines.count, text.len, extended ? end + padding : 0);
    write_lines(ret, &lines, strings);
    nvb_str_addn(ret, text.data, text.len);
    if (extended) {
        nvb_str_addn(ret, "\0\0\0", padding);
        write_extension(ret, start, strings, old);
    }
    return 0;
}
