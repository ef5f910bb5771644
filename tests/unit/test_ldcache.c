#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ldcache/format.h"
#include "ldcache/ldcache.h"

#define X86_64 0x0303u
#define I386   0x0003u
#define HWCAP  (HWCAP_EXTENSION | 0) /* the first name */

struct made {
    const char *key;
    const char *value;
    uint32_t flags;
    uint64_t hwcap;
};

/* As ldconfig sorts them: names descending, flags descending, hwcaps first. */
static const struct made image[] = {
    {"libz.so.1", "/lib/x86_64-linux-gnu/libz.so.1", X86_64, 0},
    {"libm.so.6", "/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libm.so.6", X86_64, HWCAP},
    {"libm.so.6", "/lib/x86_64-linux-gnu/libm.so.6", X86_64, 0},
    {"libm.so.6", "/lib/i386-linux-gnu/libm.so.6", I386, 0},
    {"libcuda.so.1", "/opt/stubs/libcuda.so.1", X86_64, 0},
    {"ld-linux.so.2", "/lib/ld-linux.so.2", I386, 0},
};

static void add32(struct nvb_str *s, size_t value)
{
    char bytes[4];
    store32(bytes, (uint32_t)value);
    nvb_str_addn(s, bytes, 4);
}

/* A cache as glibc 2.36 writes one, by hand: OLD is the old format before it, with its padding. */
static void make_cache(struct nvb_str *out, const struct made *made, size_t count, bool combined)
{
    static const char generator[] = "ldconfig (test) 2.36";
    static const char name[] = "x86-64-v3";
    _cleanup_str_ struct nvb_str strings = NVB_STR_INIT;
    size_t base = NEW_HEADER + count * NEW_ENTRY_SIZE;
    if (combined) {
        nvb_str_add(out, OLD_MAGIC);
        nvb_str_addc(out, '\0');
        add32(out, 3);
        for (size_t i = 0; i < 3; i++) {
            add32(out, X86_64);
            add32(out, base);
            add32(out, base);
        }
        nvb_str_addn(out, "\0\0\0\0", 4); /* 52 is not a multiple of 8 */
    }
    size_t start = out->len;
    nvb_str_add(out, NEW_MAGIC);
    add32(out, count);
    size_t strings_size = sizeof(name);
    for (size_t i = 0; i < count; i++)
        strings_size += strlen(made[i].key) + strlen(made[i].value) + 2;
    add32(out, strings_size);
    add32(out, combined ? 0 : NEW_FLAGS_LITTLE); /* older writers do not tell the order */
    size_t end = start + base + strings_size;
    end += (4 - end % 4) % 4;
    add32(out, end);
    for (int i = 0; i < 3; i++)
        add32(out, 0);
    nvb_str_addn(&strings, name, sizeof(name));
    for (size_t i = 0; i < count; i++) {
        add32(out, made[i].flags);
        add32(out, base + strings.len);
        nvb_str_addn(&strings, made[i].key, strlen(made[i].key) + 1);
        add32(out, base + strings.len);
        nvb_str_addn(&strings, made[i].value, strlen(made[i].value) + 1);
        add32(out, 0);
        add32(out, (size_t)(made[i].hwcap & 0xffffffff));
        add32(out, (size_t)(made[i].hwcap >> 32));
    }
    nvb_str_addn(out, strings.data, strings.len);
    while (out->len < end)
        nvb_str_addc(out, '\0');
    add32(out, EXTENSION_MAGIC);
    add32(out, 2);
    add32(out, EXTENSION_GENERATOR);
    add32(out, 0);
    add32(out, end + 8 + 32 + 4);
    add32(out, strlen(generator));
    add32(out, EXTENSION_HWCAPS);
    add32(out, 0);
    add32(out, end + 8 + 32);
    add32(out, 4);
    add32(out, base);
    nvb_str_add(out, generator);
}

static void assert_entry(const struct nvb_ldcache *cache, size_t index, const char *key,
                         const char *value, uint32_t flags, uint64_t hwcap)
{
    struct nvb_ldcache_entry e;
    assert_true(index < cache->count);
    nvb_ldcache_get(cache, index, &e);
    assert_string_equal(e.key, key);
    assert_string_equal(e.value, value);
    assert_int_equal(e.flags, flags);
    assert_true(e.hwcap == hwcap);
}

static void assert_hwcap_name(const struct nvb_ldcache *cache)
{
    assert_int_equal(cache->hwcaps_count, 1);
    const char *name = cache->data + cache->base + load32(cache->data + cache->hwcaps);
    assert_string_equal(name, "x86-64-v3");
}

static void test_names(void **state)
{
    (void)state;
    assert_true(nvb_ldcache_compare_names("libc.so.10", "libc.so.9") > 0);
    assert_true(nvb_ldcache_compare_names("libc.so.6", "libc.so") > 0);
    assert_true(nvb_ldcache_compare_names("liba.so", "libb.so") < 0);
    assert_true(nvb_ldcache_compare_names("lib1.so", "liba.so") > 0);
    assert_true(nvb_ldcache_compare_names("liba.so", "lib1.so") < 0);
    assert_int_equal(nvb_ldcache_compare_names("lib01.so", "lib1.so"), 0);
    assert_int_equal(nvb_ldcache_compare_names("", ""), 0);
    assert_true(nvb_ldcache_compare_names("a", "") > 0);
    /* Wraps at 32 bits, as in the loader. */
    assert_int_equal(nvb_ldcache_compare_names("a4294967297", "a1"), 0);
}

static void test_classes(void **state)
{
    (void)state;
    assert_int_equal(nvb_ldcache_class_of(0x0303), NVB_LDCACHE_X86_64);
    assert_int_equal(nvb_ldcache_class_of(0x0803), NVB_LDCACHE_X32);
    assert_int_equal(nvb_ldcache_class_of(0x0a03), NVB_LDCACHE_AARCH64);
    assert_int_equal(nvb_ldcache_class_of(0x0003), NVB_LDCACHE_I386);
    assert_int_equal(nvb_ldcache_class_of(0x1003), NVB_LDCACHE_OTHER);
    assert_int_equal(nvb_ldcache_flags_of(NVB_LDCACHE_AARCH64), 0x0a03);
    assert_int_equal(nvb_ldcache_flags_of(NVB_LDCACHE_OTHER), 0);
}

static void read_both(bool combined)
{
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    struct nvb_ldcache cache;
    make_cache(&bytes, image, NVB_COUNT(image), combined);
    assert_int_equal(nvb_ldcache_read(bytes.data, bytes.len, &cache, NULL), 0);
    assert_int_equal(cache.count, NVB_COUNT(image));
    for (size_t i = 0; i < NVB_COUNT(image); i++)
        assert_entry(&cache, i, image[i].key, image[i].value, image[i].flags, image[i].hwcap);
    assert_hwcap_name(&cache);
    assert_int_equal(cache.generator_len, strlen("ldconfig (test) 2.36"));
}

static void test_read_new(void **state)
{
    (void)state;
    read_both(false);
}

static void test_read_combined(void **state)
{
    (void)state;
    read_both(true);
}

static void test_read_old(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    struct nvb_ldcache cache;
    nvb_str_add(&bytes, OLD_MAGIC);
    nvb_str_addc(&bytes, '\0');
    add32(&bytes, 1);
    add32(&bytes, X86_64);
    add32(&bytes, 6);
    add32(&bytes, 0);
    nvb_str_addn(&bytes, "/lib/libz.so.1\0", 15);
    assert_int_equal(nvb_ldcache_read(bytes.data, bytes.len, &cache, NULL), 0);
    assert_int_equal(cache.count, 1);
    struct nvb_ldcache_entry e;
    nvb_ldcache_get(&cache, 0, &e);
    assert_string_equal(e.value, "/lib/libz.so.1");
    assert_string_equal(e.key, "ibz.so.1");
}

static const struct nvb_ldcache_item items[] = {
    {"libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", X86_64},
    {"libcuda.so", "/usr/lib/x86_64-linux-gnu/libcuda.so", X86_64},
    {"libcuda.so.1", "/usr/lib/i386-linux-gnu/libcuda.so.1", I386},
    {"libm.so.6", "/opt/m/libm.so.6", X86_64},
    {"libzz.so.1", "/opt/last/other-name", X86_64},
    {"libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", X86_64}, /* said twice */
};

static void merge_both(bool combined)
{
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str once = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str twice = NVB_STR_INIT;
    struct nvb_ldcache cache, merged;
    make_cache(&bytes, image, NVB_COUNT(image), combined);
    assert_int_equal(nvb_ldcache_read(bytes.data, bytes.len, &cache, NULL), 0);
    assert_int_equal(nvb_ldcache_merge(&cache, items, NVB_COUNT(items), &once, NULL), 0);
    assert_memory_equal(once.data, NEW_MAGIC, strlen(NEW_MAGIC));
    assert_int_equal(nvb_ldcache_read(once.data, once.len, &merged, NULL), 0);
    assert_int_equal(merged.count, NVB_COUNT(image) + NVB_COUNT(items) - 1);
    assert_entry(&merged, 0, "libzz.so.1", "/opt/last/other-name", X86_64, 0);
    assert_entry(&merged, 1, image[0].key, image[0].value, X86_64, 0);
    /* What is for some CPUs stays first; ours stands before the image's own, which stays. */
    assert_entry(&merged, 2, "libm.so.6", image[1].value, X86_64, HWCAP);
    assert_entry(&merged, 3, "libm.so.6", "/opt/m/libm.so.6", X86_64, 0);
    assert_entry(&merged, 4, "libm.so.6", image[2].value, X86_64, 0);
    assert_entry(&merged, 5, "libm.so.6", image[3].value, I386, 0);
    assert_entry(&merged, 6, "libcuda.so.1", items[0].value, X86_64, 0);
    assert_entry(&merged, 7, "libcuda.so.1", image[4].value, X86_64, 0);
    assert_entry(&merged, 8, "libcuda.so.1", items[2].value, I386, 0);
    assert_entry(&merged, 9, "libcuda.so", items[1].value, X86_64, 0);
    assert_hwcap_name(&merged);
    assert_int_equal(merged.generator_len, cache.generator_len);
    assert_memory_equal(merged.data + merged.generator, cache.data + cache.generator,
                        cache.generator_len);
    /* The same again changes nothing. */
    assert_int_equal(nvb_ldcache_merge(&merged, items, NVB_COUNT(items), &twice, NULL), 0);
    assert_int_equal(once.len, twice.len);
    assert_memory_equal(once.data, twice.data, once.len);
}

static void test_merge_new(void **state)
{
    (void)state;
    merge_both(false);
}

static void test_merge_combined(void **state)
{
    (void)state;
    merge_both(true);
}

static void test_merge_into_nothing(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    struct nvb_ldcache cache;
    assert_int_equal(nvb_ldcache_merge(NULL, items, 2, &bytes, NULL), 0);
    assert_int_equal(nvb_ldcache_read(bytes.data, bytes.len, &cache, NULL), 0);
    assert_int_equal(cache.count, 2);
    assert_entry(&cache, 0, "libcuda.so.1", items[0].value, X86_64, 0);
    assert_entry(&cache, 1, "libcuda.so", items[1].value, X86_64, 0);
    assert_int_equal(cache.generator_len, 0);
}

/* An item that says what the image says takes that entry's place in front of the others. */
static void test_merge_takes_over(void **state)
{
    (void)state;
    static const struct made same[] = {
        {"libcuda.so.1", "/opt/stubs/libcuda.so.1", X86_64, 0},
        {"libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", X86_64, 0},
    };
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str once = NVB_STR_INIT;
    struct nvb_ldcache cache;
    make_cache(&bytes, same, 2, false);
    assert_int_equal(nvb_ldcache_read(bytes.data, bytes.len, &cache, NULL), 0);
    assert_int_equal(nvb_ldcache_merge(&cache, items, 1, &once, NULL), 0);
    assert_int_equal(once.len, bytes.len);
    assert_int_equal(nvb_ldcache_read(once.data, once.len, &cache, NULL), 0);
    assert_int_equal(cache.count, 2);
    assert_entry(&cache, 0, "libcuda.so.1", same[1].value, X86_64, 0);
    assert_entry(&cache, 1, "libcuda.so.1", same[0].value, X86_64, 0);
}

static void assert_refused(const struct nvb_str *bytes, const char *why)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    struct nvb_ldcache cache;
    assert_int_equal(nvb_ldcache_read(bytes->data, bytes->len, &cache, &err), -1);
    assert_non_null(strstr(err->message, why));
}

static void test_hostile(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint32_t value;
        const char *why;
    } bad[] = {
        {0, 0, "does not begin like one"},
        {NEW_COUNT, 0xffffffff, "more entries"},
        {NEW_COUNT, 0x10000000, "more entries"},
        {NEW_STRINGS_SIZE, 0xfffffff0, "cut short"},
        {NEW_FLAGS, 1, "invalid"},
        {NEW_FLAGS, 3, "big endian"},
        {NEW_EXTENSION, 0xfffffffc, "not where it should be"},
        {NEW_EXTENSION, 2, "not where it should be"},
        {NEW_EXTENSION, 4, "is not one"},
        {NEW_HEADER + 4, 0xfffffff0, "outside"},
        {NEW_HEADER + 4, 0, "outside"},
        {NEW_HEADER + 8, NEW_HEADER, "outside"},
    };
    for (size_t i = 0; i < NVB_COUNT(bad); i++) {
        _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
        make_cache(&bytes, image, NVB_COUNT(image), false);
        store32(bytes.data + bad[i].at, bad[i].value);
        assert_refused(&bytes, bad[i].why);
    }
}

static void test_unsorted(void **state)
{
    (void)state;
    static const struct made unsorted[] = {
        {"liba.so.1", "/lib/liba.so.1", X86_64, 0},
        {"libz.so.1", "/lib/libz.so.1", X86_64, 0},
    };
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    make_cache(&bytes, unsorted, 2, false);
    assert_refused(&bytes, "not in order");
}

static void test_endless_string(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str value = NVB_STR_INIT;
    for (size_t i = 0; i < NVB_LDCACHE_MAX_STRING; i++)
        nvb_str_addc(&value, 'a');
    const struct made long_one[] = {{"liba.so.1", value.data, X86_64, 0}};
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    make_cache(&bytes, long_one, 1, false);
    assert_refused(&bytes, "outside its string table");
    const struct nvb_ldcache_item item = {"liba.so.1", value.data, X86_64};
    assert_int_equal(nvb_ldcache_merge(NULL, &item, 1, &bytes, NULL), -1);
}

/* Every beginning of a cache, and every cache with one byte changed: an answer, never a crash, and
 * whatever is accepted can be merged and read again. Under the sanitizers this is a real test. */
static void test_damage(void **state)
{
    (void)state;
    for (int combined = 0; combined < 2; combined++) {
        _cleanup_str_ struct nvb_str good = NVB_STR_INIT;
        make_cache(&good, image, NVB_COUNT(image), combined);
        for (size_t i = 0; i < 2 * good.len; i++) {
            size_t len = i < good.len ? i : good.len;
            char *bytes = nvb_malloc(len);
            memcpy(bytes, good.data, len);
            if (i >= good.len)
                bytes[i - good.len] = (char)(bytes[i - good.len] ^ (1 << i % 8));
            struct nvb_ldcache cache;
            _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
            if (nvb_ldcache_read(bytes, len, &cache, NULL) == 0) {
                assert_int_equal(nvb_ldcache_merge(&cache, items, 6, &out, NULL), 0);
                assert_int_equal(nvb_ldcache_read(out.data, out.len, &cache, NULL), 0);
            }
            free(bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_read_new),
        cmocka_unit_test(test_read_combined),
        cmocka_unit_test(test_read_old),
        cmocka_unit_test(test_merge_new),
        cmocka_unit_test(test_merge_combined),
        cmocka_unit_test(test_merge_into_nothing),
        cmocka_unit_test(test_merge_takes_over),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_unsorted),
        cmocka_unit_test(test_endless_string),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
