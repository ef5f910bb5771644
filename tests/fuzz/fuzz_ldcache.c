/* The linker cache: any bytes are refused or can be merged, and the result is sound and stable. */
#include "fuzz.h"

#include "ldcache/ldcache.h"

static const struct nvb_ldcache_item items[] = {
    {"libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", 0x0303},
    {"libcuda.so", "/usr/lib/x86_64-linux-gnu/libcuda.so", 0x0303},
    {"libcuda.so.1", "/usr/lib/i386-linux-gnu/libcuda.so.1", 0x0003},
    {"libnvidia-ml.so.1", "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1", 0x0303},
    {"libc.so.6", "/elsewhere/libc.so.6", 0x0303},
};

static void check(int condition)
{
    if (!condition)
        abort();
}

static int is_item(const struct nvb_ldcache_entry *e)
{
    for (size_t n = 0; n < NVB_COUNT(items); n++)
        if (e->flags == items[n].flags && e->hwcap == 0 && e->osversion == 0 &&
            strcmp(e->key, items[n].key) == 0 && strcmp(e->value, items[n].value) == 0)
            return 1;
    return 0;
}

/* Every item is there once, and beside them what was listed is listed still, in its order. */
static void compare(const struct nvb_ldcache *old, const struct nvb_ldcache *new)
{
    size_t k = 0, found = 0;
    struct nvb_ldcache_entry o, e;
    for (size_t i = 0; i < new->count; i++) {
        nvb_ldcache_get(new, i, &e);
        if (is_item(&e)) {
            found++;
            continue;
        }
        do {
            check(k < old->count);
            nvb_ldcache_get(old, k++, &o);
        } while (is_item(&o));
        check(o.flags == e.flags && o.hwcap == e.hwcap && o.osversion == e.osversion &&
              strcmp(o.key, e.key) == 0 && strcmp(o.value, e.value) == 0);
    }
    for (; k < old->count; k++) {
        nvb_ldcache_get(old, k, &o);
        check(is_item(&o));
    }
    check(found == NVB_COUNT(items));
    check(new->hwcaps_count == old->hwcaps_count);
    check(new->generator_len == old->generator_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvb_ldcache old, once_read, twice_read;
    _cleanup_str_ struct nvb_str once = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str twice = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *err = NULL;
    if (nvb_ldcache_read(data, size, &old, &err) < 0) {
        check(err != NULL && err->message[0] != '\0');
        return 0;
    }
    check(nvb_ldcache_merge(&old, items, NVB_COUNT(items), &once, NULL) == 0);
    check(nvb_ldcache_read(once.data, once.len, &once_read, NULL) == 0);
    compare(&old, &once_read);
    check(nvb_ldcache_merge(&once_read, items, NVB_COUNT(items), &twice, NULL) == 0);
    check(nvb_ldcache_read(twice.data, twice.len, &twice_read, NULL) == 0);
    check(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    return 0;
}
