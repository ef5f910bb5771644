/* The ELF reader: on files the project writes, on real ones of this machine, and on lies. */

#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "host/elf_read.h"
#include "host/elf_write.h"

static int file_of(const void *data, size_t len)
{
    int fd = memfd_create("elf", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(nvb_write_all(fd, data, len), 0);
    return fd;
}

static int read_bytes(const void *data, size_t len, struct nvb_elf *ret, const char **ret_why)
{
    _cleanup_close_ int fd = file_of(data, len);
    *ret_why = NULL;
    int r = nvb_elf_read(fd, true, ret, ret_why);
    if (r == 1)
        assert_non_null(*ret_why);
    return r;
}

static void write_library(enum nvb_elf_machine machine, const char *soname, struct nvb_str *ret)
{
    struct nvb_elf_library library = {.machine = machine, .soname = soname};
    nvb_elf_write_library(&library, ret);
}

static void test_written_libraries(void **state)
{
    (void)state;
    static const enum nvb_elf_machine machines[] = {NVB_ELF_X86_64, NVB_ELF_AARCH64, NVB_ELF_I386};
    for (size_t i = 0; i < NVB_COUNT(machines); i++) {
        _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
        write_library(machines[i], "libcuda.so.1", &bytes);
        struct nvb_elf elf = {0};
        const char *why;
        assert_int_equal(read_bytes(bytes.data, bytes.len, &elf, &why), 0);
        _cleanup_free_ char *soname = elf.soname;
        assert_string_equal(soname, "libcuda.so.1");
        assert_int_equal(elf.is_32bit, machines[i] == NVB_ELF_I386);
    }
}

static void test_no_soname(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    write_library(NVB_ELF_X86_64, NULL, &bytes);
    struct nvb_elf elf = {0};
    const char *why;
    assert_int_equal(read_bytes(bytes.data, bytes.len, &elf, &why), 0);
    assert_null(elf.soname);
}

static void test_class_alone(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    write_library(NVB_ELF_I386, "libcuda.so.1", &bytes);
    _cleanup_close_ int fd = file_of(bytes.data, bytes.len);
    struct nvb_elf elf = {0};
    const char *why = NULL;
    assert_int_equal(nvb_elf_read(fd, false, &elf, &why), 0);
    assert_true(elf.is_32bit);
    assert_null(elf.soname);
}

/* A linker's own work: the C library that this test runs with. */
static void test_a_real_library(void **state)
{
    (void)state;
    static const char *const paths[] = {"/lib/x86_64-linux-gnu/libc.so.6",
                                        "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6",
                                        "/usr/lib/libc.so.6"};
    _cleanup_close_ int fd = -1;
    for (size_t i = 0; i < NVB_COUNT(paths) && fd < 0; i++)
        fd = open(paths[i], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        skip();
    struct nvb_elf elf = {0};
    const char *why = NULL;
    assert_int_equal(nvb_elf_read(fd, true, &elf, &why), 0);
    _cleanup_free_ char *soname = elf.soname;
    assert_string_equal(soname, "libc.so.6");
    assert_false(elf.is_32bit);
}

static void test_other_files(void **state)
{
    (void)state;
    struct nvb_elf elf = {0};
    const char *why;
    static const char text[] = "/* GNU ld script */\nINPUT ( /usr/lib/libcuda.so.1 )\n";
    assert_int_equal(read_bytes("", 0, &elf, &why), 1);
    assert_int_equal(read_bytes(text, sizeof(text) - 1, &elf, &why), 1);
    assert_string_equal(why, "it is no ELF file");

    _cleanup_str_ struct nvb_str program = NVB_STR_INIT;
    nvb_elf_write_program(nvb_elf_write_native(), "hello", 0, &program);
    assert_int_equal(read_bytes(program.data, program.len, &elf, &why), 1);
    assert_string_equal(why, "it is no shared object");

    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(nvb_elf_read(ends[0], true, &elf, &why), 1);
    assert_string_equal(why, "it is no file");
    (void)close(ends[0]);
    (void)close(ends[1]);
    _cleanup_close_ int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(nvb_elf_read(folder, true, &elf, &why), 1);
}

static void test_sparse_file(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    write_library(NVB_ELF_X86_64, "libcuda.so.1", &bytes);
    _cleanup_close_ int fd = file_of(bytes.data, sizeof(Elf64_Ehdr));
    assert_int_equal(ftruncate(fd, (off_t)2 << 30), 0);
    struct nvb_elf elf = {0};
    const char *why = NULL;
    assert_int_equal(nvb_elf_read(fd, true, &elf, &why), 1);
}

/* Cut anywhere: refused, or read right because what is missing was not needed. */
static void test_cut_files(void **state)
{
    (void)state;
    static const enum nvb_elf_machine machines[] = {NVB_ELF_X86_64, NVB_ELF_I386};
    for (size_t i = 0; i < NVB_COUNT(machines); i++) {
        _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
        write_library(machines[i], "libcuda.so.1", &bytes);
        for (size_t len = 0; len < bytes.len; len++) {
            struct nvb_elf elf = {0};
            const char *why;
            int r = read_bytes(bytes.data, len, &elf, &why);
            assert_true(r == 0 || r == 1);
            if (r == 0) {
                assert_non_null(elf.soname);
                assert_string_equal(elf.soname, "libcuda.so.1");
            }
            free(elf.soname);
            if (len < 200)
                assert_int_equal(r, 1);
        }
    }
}

/* Every byte of the file in turn is set to every one of some nasty values. */
static void test_changed_bytes(void **state)
{
    (void)state;
    static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
    static const enum nvb_elf_machine machines[] = {NVB_ELF_X86_64, NVB_ELF_I386};
    for (size_t i = 0; i < NVB_COUNT(machines); i++) {
        _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
        write_library(machines[i], "libcuda.so.1", &bytes);
        _cleanup_close_ int fd = file_of(bytes.data, bytes.len);
        for (size_t at = 0; at < bytes.len; at++) {
            for (size_t v = 0; v < NVB_COUNT(values); v++) {
                assert_int_equal(pwrite(fd, &values[v], 1, (off_t)at), 1);
                struct nvb_elf elf = {0};
                const char *why = NULL;
                int r = nvb_elf_read(fd, true, &elf, &why);
                assert_true(r == 0 || (r == 1 && why));
                free(elf.soname);
            }
            assert_int_equal(pwrite(fd, bytes.data + at, 1, (off_t)at), 1);
        }
    }
}

static void assert_soname_refused(const char *name)
{
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    write_library(NVB_ELF_X86_64, name, &bytes);
    struct nvb_elf elf = {0};
    const char *why;
    assert_int_equal(read_bytes(bytes.data, bytes.len, &elf, &why), 1);
    assert_string_equal(why, "its SONAME is no name");
    assert_null(elf.soname);
}

static void test_sonames_that_are_no_names(void **state)
{
    (void)state;
    assert_soname_refused("");
    assert_soname_refused(".");
    assert_soname_refused("../libcuda.so.1");
    assert_soname_refused("/etc/passwd");
    assert_soname_refused("lib cuda.so.1");
    assert_soname_refused("libcuda.so.1\n");
    assert_soname_refused("libcud\303\244.so.1");
    char longest[300];
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    assert_soname_refused(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_libraries),
        cmocka_unit_test(test_no_soname),
        cmocka_unit_test(test_class_alone),
        cmocka_unit_test(test_a_real_library),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_sparse_file),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_sonames_that_are_no_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
