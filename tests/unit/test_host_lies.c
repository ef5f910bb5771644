/* The search for the driver's files on trees that lie: nothing hangs, nothing leads outside, and
 * what is left out is named. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "fixture.h"

static void test_a_cache_that_is_broken(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA "folder /etc\n");
    _cleanup_free_ char *path = nvb_strdupf("%s/etc/ld.so.cache", f->tree);
    static const char garbage[] = "glibc-ld.so.cache1.1\377\377\377\377\377\377\377\377";
    assert_int_equal(nvb_file_write(path, garbage, sizeof(garbage), 0644, NULL), 0);
    find(f);
    assert_library(f, LIB "/libcuda.so." V, "libcuda.so.1");
    assert_true(has_note(f, "/etc/ld.so.cache", "cannot be used"));
}

static void test_a_cache_that_is_no_file(void **state)
{
    struct fixture *f = *state;
    static const char *const lines[] = {"fifo /etc/ld.so.cache", "folder /etc/ld.so.cache",
                                        "link /etc/ld.so.cache ld.so.cache",
                                        "data /etc/ld.so.cache 2147483648"};
    lay_module(f);
    lay(f, CUDA);
    for (size_t i = 0; i < NVB_COUNT(lines); i++) {
        lay(f, lines[i]);
        find(f);
        assert_library(f, LIB "/libcuda.so." V, "libcuda.so.1");
        assert_true(has_note(f, "/etc/ld.so.cache", "cannot be used"));
        _cleanup_free_ char *path = nvb_strdupf("%s/etc/ld.so.cache", f->tree);
        assert_int_equal(remove(path), 0);
    }
}

/* ---- files that are not what they seem
 * --------------------------------------------------------------- */

static void test_libraries_that_are_none(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA "empty " LIB "/libnvidia-cfg.so." V "\n"
                "cut " LIB "/libnvidia-nvvm.so." V " libnvidia-nvvm.so.4 64 100\n"
                "data " LIB "/libnvidia-opencl.so." V " 2147483648\n"
                "folder " LIB "/libnvidia-ngx.so." V "\n"
                "fifo " LIB "/libnvcuvid.so." V "\n"
                "link " LIB "/libnvoptix.so." V " libnvoptix.so." V "\n"
                "link " LIB "/libnvidia-tls.so." V " /nowhere/libnvidia-tls.so." V "\n"
                "link " LIB "/libnvidia-fbc.so." V " libcuda.so.1\n"
                "program " LIB "/libnvidia-glsi.so." V "\n");
    find(f);
    assert_non_null(file_at(f, LIB "/libcuda.so." V));
    assert_non_null(file_at(f, LIB "/libnvidia-ml.so." V));
    assert_int_equal(f->driver.files.count, 2);
    assert_true(has_note(f, "/libnvidia-cfg.so." V, "no ELF"));
    assert_true(has_note(f, "/libnvidia-nvvm.so." V, "cut short"));
    assert_true(has_note(f, "/libnvidia-opencl.so." V, "no ELF"));
    assert_true(has_note(f, "/libnvidia-ngx.so." V, "no file"));
    assert_true(has_note(f, "/libnvcuvid.so." V, "no file"));
    assert_true(has_note(f, "/libnvoptix.so." V, "symbolic links"));
    assert_true(has_note(f, "/libnvidia-glsi.so." V, "no shared object"));
}

static void test_cached_libraries_that_are_none(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE "empty " LIB "/libnvidia-cfg.so." V "\n"
                           "folder " LIB "/libnvidia-ngx.so." V "\n"
                           "fifo " LIB "/libnvcuvid.so." V "\n"
                           "link " LIB "/libnvoptix.so." V " libnvoptix.so." V "\n"
                           "cache libnvidia-cfg.so.1 " LIB "/libnvidia-cfg.so.1 64\n"
                           "cache libnvidia-ngx.so.1 " LIB "/libnvidia-ngx.so.1 64\n"
                           "cache libnvcuvid.so.1 " LIB "/libnvcuvid.so.1 64\n"
                           "cache libnvoptix.so.1 " LIB "/libnvoptix.so.1 64\n"
                           "cache libnvidia-fbc.so.1 relative/libnvidia-fbc.so.1 64\n"
                           "cache libnvidia-encode.so.1 /etc/../../../libnvidia-encode.so.1 64\n");
    find(f);
    assert_int_equal(f->driver.files.count, 2);
    assert_true(has_note(f, "/libnvidia-cfg.so." V, "empty"));
    assert_true(has_note(f, "/libnvidia-ngx.so." V, "no file"));
    assert_true(has_note(f, "/libnvcuvid.so." V, "no file"));
    assert_true(has_note(f, "/libnvoptix.so." V, "symbolic links"));
}

static void test_folders_that_are_loops(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA "link /usr/lib64 lib64\nlink /usr/bin bin\n"
                "link /usr/share share\nfolder /usr/lib/firmware/nvidia\n"
                "link /lib usr/lib\nlink /usr/lib/firmware/nvidia/" V " " V "\n");
    find(f);
    assert_int_equal(f->driver.files.count, 2);
    assert_true(has_note(f, "/usr/lib64", "symbolic links"));
    assert_true(has_note(f, "/usr/bin", "symbolic links"));
    assert_true(has_note(f, "/lib/firmware/nvidia/" V, "symbolic links"));
}

static void test_a_folder_of_too_many(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    _cleanup_str_ struct nvb_str lines = NVB_STR_INIT;
    for (unsigned i = 0; i < 600; i++)
        nvb_str_addf(&lines, "empty /usr/local/nvidia/lib64/libnvidia-%u.so." V "\n", i);
    nvb_str_add(&lines, CUDA CUDA_CACHE);
    lay(f, lines.data);
    find(f);
    assert_int_equal(f->driver.files.count, 2);
    assert_true(has_note(f, "/usr/local/nvidia/lib64'", "too long"));
}

/* Absolute links end at the tree's root and never reach the machine's own files. */
static void test_links_stay_inside(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, "link " LIB "/libcuda.so." V " /proc/self/exe\n"
           "link " LIB "/libnvidia-ml.so." V " ../../../../../../../../../../bin/sh\n"
           "link /usr/bin/nvidia-smi /bin/sh\n" CUDA_CACHE);
    find(f);
    assert_int_equal(f->driver.files.count, 0);
}

static void test_places_that_are_something_else(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE
        "folder /usr/bin/nvidia-smi\nempty /usr/bin/nvidia-debugdump\n"
        "fifo /usr/share/glvnd/egl_vendor.d/10_nvidia.json\n"
        "folder /lib/firmware/nvidia/" V "/gsp_ga10x.bin\nempty /run/nvidia-persistenced/socket\n"
        "library /usr/lib/xorg/modules/drivers/nvidia_drv.so - 64\n"
        "empty /usr/lib/xorg/modules/extensions/libglxserver_nvidia.so.535.1\n"
        "link /usr/lib/xorg/modules/extensions/libglxserver_nvidia.so libglxserver_nvidia.so.535.1\n"
        "empty /tmp/nvidia-mps\n");
    find(f);
    /* X.Org's module of another version is left out, and with it the one that does not tell. */
    assert_int_equal(f->driver.files.count, 2);
    assert_true(has_note(f, "/usr/bin/nvidia-smi", "no file"));
    assert_true(has_note(f, "/usr/bin/nvidia-debugdump", "no program"));
    assert_true(has_note(f, "/10_nvidia.json", "no file"));
    assert_true(has_note(f, "/gsp_ga10x.bin", "no file"));
    assert_true(has_note(f, "/nvidia-persistenced/socket", "no socket"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_TREE(test_a_cache_that_is_broken),  ON_A_TREE(test_a_cache_that_is_no_file),
        ON_A_TREE(test_libraries_that_are_none), ON_A_TREE(test_cached_libraries_that_are_none),
        ON_A_TREE(test_folders_that_are_loops),  ON_A_TREE(test_a_folder_of_too_many),
        ON_A_TREE(test_links_stay_inside),       ON_A_TREE(test_places_that_are_something_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
