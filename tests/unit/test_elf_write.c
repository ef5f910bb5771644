#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/process.h"
#include "host/elf_read.h"
#include "host/elf_write.h"

static char *scratch; /* a folder of this run */

static char *in_scratch(const char *name)
{
    return nvb_strdupf("%s/%s", scratch, name);
}

static void put_file(const char *path, const void *data, size_t len, mode_t mode)
{
    struct nvb_error *err = NULL;

    assert_int_equal(nvb_file_write(path, data, len, mode, &err), 0);
}

static const struct nvb_elf_function functions[] = {
    {.name = "seven", .result = 7},
    {.name = "minus", .result = -70042},
    {.name = "stores", .result = 5, .stores = true, .stored = 12040},
};

static void test_library_loads(void **state)
{
    (void)state;
    _cleanup_free_ char *path = in_scratch("native.so");
    _cleanup_str_ struct nvb_str elf = NVB_STR_INIT;
    struct nvb_elf_library library = {nvb_elf_write_native(), "libnative.so.3", functions, 3};
    int stored = 0;

    nvb_elf_write_library(&library, &elf);
    put_file(path, elf.data, elf.len, 0644);

    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        fail_msg("%s", dlerror());

    int (*seven)(void) = (int (*)(void))dlsym(handle, "seven");
    int (*minus)(void) = (int (*)(void))dlsym(handle, "minus");
    int (*stores)(int *) = (int (*)(int *))dlsym(handle, "stores");

    assert_true(seven && minus && stores);
    assert_null(dlsym(handle, "absent"));
    assert_int_equal(seven(), 7);
    assert_int_equal(minus(), -70042);
    assert_int_equal(stores(&stored), 5);
    assert_int_equal(stored, 12040);
    dlclose(handle);
}

static void test_library_is_read(void **state)
{
    (void)state;
    for (int machine = NVB_ELF_X86_64; machine <= NVB_ELF_I386; machine++) {
        for (int named = 0; named < 2; named++) {
            _cleanup_free_ char *path = in_scratch("other.so");
            _cleanup_str_ struct nvb_str elf = NVB_STR_INIT;
            struct nvb_elf_library library = {(enum nvb_elf_machine)machine,
                                              named ? "libother.so.1" : NULL, functions,
                                              named ? 3 : 0};
            struct nvb_elf read = {0};
            const char *why = NULL;

            nvb_elf_write_library(&library, &elf);
            put_file(path, elf.data, elf.len, 0644);

            _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

            assert_int_equal(nvb_elf_read(fd, true, &read, &why), 0);
            assert_int_equal(read.is_32bit, machine == NVB_ELF_I386);
            if (named)
                assert_string_equal(read.soname, "libother.so.1");
            else
                assert_null(read.soname);
            free(read.soname);
        }
    }
}

static void test_program_runs(void **state)
{
    (void)state;
    _cleanup_free_ char *path = in_scratch("program");
    _cleanup_str_ struct nvb_str elf = NVB_STR_INIT, out = NVB_STR_INIT;
    struct nvb_error *err = NULL;
    int status = 0;

    nvb_elf_write_program(nvb_elf_write_native(), "what it says\n", 9, &elf);
    put_file(path, elf.data, elf.len, 0755);
    assert_int_equal(nvb_process_capture(path, (char *[]){path, NULL}, (char *[]){NULL}, 5000, 4096,
                                         &out, NULL, &status, &err),
                     0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 9);
    assert_string_equal(out.data, "what it says\n");
}

static int set_up(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");

    scratch = nvb_strdupf("%s/nvbind-elf.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return mkdtemp(scratch) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    int rc = nftw(scratch, remove_one, 16, FTW_PHYS | FTW_DEPTH);

    free(scratch);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library_loads),
        cmocka_unit_test(test_library_is_read),
        cmocka_unit_test(test_program_runs),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
