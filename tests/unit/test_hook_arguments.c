/* nvbind-hook's arguments: written, read again, refused; and files of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "hook/args.h"
#include "hook/arguments.h"

static void test_arguments_round(void **state)
{
    (void)state;
    static const char *const names[] = {"libcuda.so", NULL};
    static const struct nvb_hook_library libraries[] = {
        {"/usr/lib/libcuda.so.550.163.01", "libcuda.so.1", names, false},
        {"/usr/lib32/libcuda.so.550.163.01", "libcuda.so.1", NULL, true},
    };
    static const struct nvb_hook_link links[] = {
        {"../card1", "/dev/dri/by-path/pci-0000:65:00.0-card"},
    };
    const struct nvb_hook_plan plan = {libraries, 2, links, 1, "550.163.01", NVB_HOOK_ALL};
    _cleanup_strv_ struct nvb_strv v = {0};
    _cleanup_(hook_arguments_done) struct hook_arguments a = {0};
    assert_int_equal(nvb_hook_build_args(&plan, &v, NULL), 0);
    assert_string_equal(v.items[0], "nvbind-hook");
    assert_int_equal(hook_arguments_parse((int)v.count, nvb_strv_terminate(&v), &a, NULL), 0);
    assert_int_equal(a.libraries.count, 2);
    assert_string_equal(a.libraries.items[0].folder, "/usr/lib");
    assert_string_equal(a.libraries.items[0].file, "libcuda.so.550.163.01");
    assert_int_equal(a.libraries.items[0].names.count, 2);
    assert_string_equal(a.libraries.items[0].names.items[1], "libcuda.so");
    assert_true(a.libraries.items[0].flags != a.libraries.items[1].flags);
    assert_string_equal(a.links.items[0].path, links[0].path);
    assert_string_equal(a.driver_version, "550.163.01");
    assert_true(a.no_device_files && !a.no_cache && !a.no_links && !a.no_openat2);
}

static void test_arguments_parts(void **state)
{
    (void)state;
    static const struct nvb_hook_library library = {"/l/libcuda.so.5", "libcuda.so.1", NULL, false};
    struct nvb_hook_plan plan = {&library, 1, NULL, 0, "550.1", NVB_HOOK_LINKS};
    _cleanup_strv_ struct nvb_strv v = {0};
    assert_int_equal(nvb_hook_build_args(&plan, &v, NULL), 0);
    assert_true(nvb_strv_has(&v, "--no-cache"));
    assert_false(nvb_strv_has(&v, "--cuda-compat=550.1"));
    plan.parts = 0;
    assert_int_equal(nvb_hook_build_args(&plan, &v, NULL), 1);
    unsigned part = 0;
    assert_int_equal(nvb_hook_part_parse("ldcache", &part, NULL), 0);
    assert_int_equal(part, NVB_HOOK_CACHE);
    assert_int_equal(nvb_hook_part_parse("all", &part, NULL), -1);
}

static void test_arguments_refused(void **state)
{
    (void)state;
    static const struct nvb_hook_library bad[] = {
        {"relative", "libx.so.1", NULL, false}, {"/a::b", "libx.so.1", NULL, false},
        {"/a/b", "../libx.so.1", NULL, false},  {"/a/b", "", NULL, false},
        {"/a\nb", "libx.so.1", NULL, false},    {"/a/b:", "libx.so.1", NULL, false},
    };
    for (size_t i = 0; i < NVB_COUNT(bad); i++) {
        const struct nvb_hook_plan plan = {&bad[i], 1, NULL, 0, NULL, NVB_HOOK_ALL};
        _cleanup_strv_ struct nvb_strv v = {0};
        assert_int_equal(nvb_hook_build_args(&plan, &v, NULL), -1);
        assert_int_equal(v.count, 0);
    }
    static const char *const words[] = {
        "--library=x86_64::/a/b",
        "--library=vax::/a/b::libx.so",
        "--library=x86_64::a/b::libx.so",
        "--library=x86_64::/a/..::libx.so",
        "--library=x86_64::/a/b::..",
        "--library=x86_64::/a/b::a/b",
        "--link=x",
        "--link=::/a",
        "--link=x::a",
        "--link=x::/",
        "--cuda-compat=",
        "--mount=/a",
        "--mount=a::/b",
        "--mount=/a::b",
        "--mount=/a::/",
        "--mount=/a::/b/..",
        "--arguments=x",
        "--arguments=/",
        "--unknown",
    };
    for (size_t i = 0; i < NVB_COUNT(words); i++) {
        _cleanup_error_ struct nvb_error *err = NULL;
        struct hook_arguments a = {0};
        char *argv[] = {(char *)"nvbind-hook", (char *)"create", (char *)words[i], NULL};
        assert_int_equal(hook_arguments_parse(3, argv, &a, &err), -1);
        assert_non_null(err->hint);
        assert_int_equal(a.libraries.count, 0);
    }
}

static void test_arguments_mount(void **state)
{
    (void)state;
    _cleanup_strv_ struct nvb_strv v = {0};
    _cleanup_(hook_arguments_done) struct hook_arguments a = {0};
    nvb_strv_add(&v, "nvbind-hook");
    nvb_strv_add(&v, "create");
    assert_int_equal(nvb_hook_build_mount("/opt/a", "/usr/lib/b", &v, NULL), 0);
    assert_int_equal(nvb_hook_build_mount("/opt::a", "/usr/lib/b", &v, NULL), -1);
    assert_int_equal(nvb_hook_build_mount("/opt/a", "b", &v, NULL), -1);
    assert_int_equal(v.count, 3);
    assert_int_equal(hook_arguments_parse((int)v.count, nvb_strv_terminate(&v), &a, NULL), 0);
    assert_int_equal(a.mounts.count, 1);
    assert_string_equal(a.mounts.items[0].source, "/opt/a");
    assert_string_equal(a.mounts.items[0].path, "/usr/lib/b");
}

/* A file of arguments counts where nobody but root could have written it. The tests' folder is
 * never such a place: below /tmp, which is everybody's, or below a user's home. */
static void test_arguments_file(void **state)
{
    (void)state;
    char path[] = "/tmp/nvbind-test-args.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    static const char *const missing = "/nvbind-no-such-folder/args";
    const char *const files[] = {path, missing, "/proc/self/exe", "/dev/null"};
    static const char *const words[] = {"others", "no file of arguments", "does not count",
                                        "does not count"};
    for (size_t i = 0; i < NVB_COUNT(files); i++) {
        _cleanup_error_ struct nvb_error *err = NULL;
        struct hook_arguments a = {0};
        _cleanup_free_ char *word = nvb_strdupf("--arguments=%s", files[i]);
        char *argv[] = {(char *)"nvbind-hook", (char *)"create", word, NULL};
        assert_int_equal(hook_arguments_parse(3, argv, &a, &err), -1);
        assert_non_null(err->hint);
        if (!strstr(err->message, words[i]) && !strstr(err->message, "does not count"))
            fail_msg("%s", err->message);
    }
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_round),   cmocka_unit_test(test_arguments_parts),
        cmocka_unit_test(test_arguments_refused), cmocka_unit_test(test_arguments_mount),
        cmocka_unit_test(test_arguments_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
