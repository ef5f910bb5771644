/* The search for the driver's files, on trees that are laid for each test: layouts the recorded
 * hosts do not have, and trees that lie. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "host/driver_table.h"
#include "host/host.h"
#include "lay.h"
#include "scratch.h"

#define V   "550.163.01"
#define LIB "/usr/lib/x86_64-linux-gnu"

struct fixture {
    char *tree;
    struct nvb_driver driver;
    struct nvb_notes notes;
};

static int set_up(void **state)
{
    struct fixture *f = nvb_calloc(1, sizeof(*f));
    f->tree = nvb_scratch_make();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    nvb_driver_done(&f->driver);
    nvb_notes_done(&f->notes);
    nvb_scratch_remove(f->tree);
    free(f);
    return 0;
}

static void lay(const struct fixture *f, const char *lines)
{
    _cleanup_error_ struct nvb_error *error = NULL;
    if (nvb_lay_lines(lines, f->tree, &error) < 0)
        fail_msg("line %u: %s", error->line, error->message);
}

static void lay_module(const struct fixture *f)
{
    lay(f, "folder /proc/driver/nvidia\n");
    _cleanup_free_ char *path = nvb_strdupf("%s/proc/driver/nvidia/version", f->tree);
    static const char text[] = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  " V "  Tue\n";
    assert_int_equal(nvb_file_write(path, text, sizeof(text) - 1, 0644, NULL), 0);
}

static void find_in(struct fixture *f, unsigned capabilities, const char *folder)
{
    nvb_driver_done(&f->driver);
    nvb_notes_done(&f->notes);
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    struct nvb_host_options options = {.host_root = f->tree};
    _cleanup_strv_ struct nvb_strv folders = {0};
    if (folder)
        nvb_strv_add(&folders, folder);
    struct nvb_driver_query query = {.capabilities = capabilities,
                                     .library_folders = folder ? &folders : NULL};
    _cleanup_error_ struct nvb_error *error = NULL;
    assert_int_equal(nvb_host_open(&options, &host, NULL), 0);
    if (nvb_host_find_driver(&host, &query, &f->driver, &f->notes, &error) < 0)
        fail_msg("%s", error->message);
}

static void find(struct fixture *f)
{
    find_in(f, NVB_CAP_ALL, NULL);
}

static const struct nvb_driver_file *file_at(const struct fixture *f, const char *path)
{
    nvb_vec_foreach (file, &f->driver.files)
        if (strcmp(file->path, path) == 0)
            return file;
    return NULL;
}

static void assert_library(const struct fixture *f, const char *path, const char *soname)
{
    const struct nvb_driver_file *file = file_at(f, path);
    if (!file)
        fail_msg("%s was not found", path);
    assert_int_equal(file->kind, NVB_FILE_LIBRARY);
    assert_string_equal(file->soname, soname);
}

static bool has_note(const struct fixture *f, const char *one, const char *two)
{
    nvb_vec_foreach (note, &f->notes)
        if (strstr(note->text, one) && strstr(note->text, two))
            return true;
    return false;
}

#define CUDA                                                       \
    "library " LIB "/libcuda.so." V " libcuda.so.1 64\n"           \
    "link " LIB "/libcuda.so.1 libcuda.so." V "\n"                 \
    "library " LIB "/libnvidia-ml.so." V " libnvidia-ml.so.1 64\n" \
    "link " LIB "/libnvidia-ml.so.1 libnvidia-ml.so." V "\n"
#define CUDA_CACHE                                 \
    "cache libcuda.so.1 " LIB "/libcuda.so.1 64\n" \
    "cache libnvidia-ml.so.1 " LIB "/libnvidia-ml.so.1 64\n"

/* ---- where libraries are found ------------------------------------------------------------------
 */

static void test_without_a_cache(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA "library " LIB "/libnvidia-newthing.so." V " libnvidia-newthing.so.7 64\n"
                "library " LIB "/libother.so." V " libother.so.1 64\n");
    find(f);
    assert_int_equal(f->notes.count, 0);
    assert_library(f, LIB "/libcuda.so." V, "libcuda.so.1");
    assert_library(f, LIB "/libnvidia-ml.so." V, "libnvidia-ml.so.1");
    /* A library that a future driver brings is the driver's by its name, and is always wanted. */
    assert_library(f, LIB "/libnvidia-newthing.so." V, "libnvidia-newthing.so.7");
    assert_int_equal(file_at(f, LIB "/libnvidia-newthing.so." V)->capabilities, NVB_CAP_ANY);
    assert_int_equal(f->driver.files.count, 3);
}

static void test_a_cache_that_knows_nothing(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA "cache libc.so.6 " LIB "/libc.so.6 64\n");
    find(f);
    assert_library(f, LIB "/libcuda.so." V, "libcuda.so.1");
    assert_int_equal(f->driver.files.count, 2);
}

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

/* A folder behind alternatives that no list names. */
static void test_links_lead_to_the_folder(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, "library " LIB "/nvidia/tesla/libcuda.so." V " libcuda.so.1 64\n"
           "link " LIB "/nvidia/tesla/libcuda.so.1 libcuda.so." V "\n"
           "link /etc/alternatives/cuda " LIB "/nvidia/tesla/libcuda.so.1\n"
           "link " LIB "/libcuda.so.1 /etc/alternatives/cuda\n"
           "cache libcuda.so.1 " LIB "/libcuda.so.1 64\n");
    find(f);
    assert_library(f, LIB "/nvidia/tesla/libcuda.so." V, "libcuda.so.1");
    assert_int_equal(f->driver.files.count, 1);
    assert_int_equal(f->notes.count, 0);
}

static void test_nixos(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f,
        "library /nix/store/abc-nvidia/lib/libcuda.so." V " libcuda.so.1 64\n"
        "link /run/opengl-driver/lib/libcuda.so." V " /nix/store/abc-nvidia/lib/libcuda.so." V "\n"
        "link /run/opengl-driver/lib/libcuda.so.1 libcuda.so." V "\n"
        "program /nix/store/abc-bin/bin/nvidia-smi\n"
        "link /run/current-system/sw/bin/nvidia-smi /nix/store/abc-bin/bin/nvidia-smi\n");
    find(f);
    assert_library(f, "/nix/store/abc-nvidia/lib/libcuda.so." V, "libcuda.so.1");
    assert_non_null(file_at(f, "/nix/store/abc-bin/bin/nvidia-smi"));
    assert_string_equal(file_at(f, "/nix/store/abc-bin/bin/nvidia-smi")->container_path,
                        "/usr/bin/nvidia-smi");
}

static void test_folders_of_the_caller_come_first(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE "library /opt/driver/libcuda.so." V " libcuda.so.1 64\n");
    find_in(f, NVB_CAP_ALL, "/opt/driver");
    assert_library(f, "/opt/driver/libcuda.so." V, "libcuda.so.1");
    assert_null(file_at(f, LIB "/libcuda.so." V));
    assert_library(f, LIB "/libnvidia-ml.so." V, "libnvidia-ml.so.1");
}

/* ---- versions, classes, capabilities
 * --------------------------------------------------------------- */

static void test_no_other_version(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA "library " LIB "/libcuda.so.535.261.03 libcuda.so.1 64\n"
                "library " LIB "/libnvidia-glcore.so.535.261.03 libnvidia-glcore.so.535.261.03 64\n"
                "cache libnvidia-glcore.so.535.261.03 " LIB
                "/libnvidia-glcore.so.535.261.03 64\n" CUDA_CACHE);
    find(f);
    assert_int_equal(f->driver.files.count, 2);
    assert_library(f, LIB "/libcuda.so." V, "libcuda.so.1");
}

/* An older driver's key, and a library of ours that ldconfig has not seen. */
static void test_a_key_of_another_version(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE
        "library " LIB "/libnvidia-glcore.so." V " libnvidia-glcore.so." V " 64\n"
        "cache libnvidia-glcore.so.535.261.03 " LIB "/libnvidia-glcore.so.535.261.03 64\n");
    find(f);
    assert_library(f, LIB "/libnvidia-glcore.so." V, "libnvidia-glcore.so." V);
}

static void test_version_from_libcuda(void **state)
{
    struct fixture *f = *state;
    for (unsigned with_cache = 0; with_cache < 2; with_cache++) {
        lay(f, with_cache ? CUDA_CACHE : CUDA);
        find(f);
        assert_string_equal(f->driver.version, V);
        assert_false(f->driver.module_loaded);
        assert_null(f->driver.flavour);
        assert_int_equal(f->driver.files.count, 2);
    }
}

static void test_module_and_libraries_disagree(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, "library " LIB "/libcuda.so.535.261.03 libcuda.so.1 64\n"
           "link " LIB "/libcuda.so.1 libcuda.so.535.261.03\n"
           "cache libcuda.so.1 " LIB "/libcuda.so.1 64\n");
    find(f);
    assert_int_equal(f->driver.files.count, 0);
    assert_true(has_note(f, "kernel module is of driver " V, "libraries are of driver 535.261.03"));
}

static void test_classes(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA "library /usr/lib/i386-linux-gnu/libcuda.so." V " libcuda.so.1 32\n"
                "library /usr/lib32/libnvidia-ml.so." V " libnvidia-ml.so.1 32\n"
                "library " LIB "/libnvidia-tls.so." V " libnvidia-tls.so." V " 32\n");
    find(f);
    assert_false(file_at(f, LIB "/libcuda.so." V)->is_32bit);
    assert_true(file_at(f, "/usr/lib/i386-linux-gnu/libcuda.so." V)->is_32bit);
    assert_true(file_at(f, "/usr/lib32/libnvidia-ml.so." V)->is_32bit);
    /* Told by the file and not by the folder. */
    assert_true(file_at(f, LIB "/libnvidia-tls.so." V)->is_32bit);

    find_in(f, NVB_CAP_ANY, NULL);
    assert_int_equal(f->driver.files.count, 2);
    nvb_vec_foreach (file, &f->driver.files)
        assert_false(file->is_32bit);
}

static void test_capabilities_choose(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE "program /usr/bin/nvidia-smi\nprogram /usr/bin/nvidia-cuda-mps-server\n"
                           "empty /usr/share/glvnd/egl_vendor.d/10_nvidia.json\n");
    find_in(f, NVB_CAP_UTILITY, NULL);
    assert_int_equal(f->driver.files.count, 2);
    assert_non_null(file_at(f, "/usr/bin/nvidia-smi"));
    assert_non_null(file_at(f, LIB "/libnvidia-ml.so." V));
    find_in(f, NVB_CAP_COMPUTE, NULL);
    assert_int_equal(f->driver.files.count, 2);
    find_in(f, NVB_CAP_GRAPHICS, NULL);
    assert_int_equal(f->driver.files.count, 1);
    find_in(f, 0, NULL);
    assert_int_equal(f->driver.files.count, 0);
    assert_string_equal(f->driver.version, V);
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

static void test_sockets(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE "folder /run/nvidia-persistenced\nlink /var/run ../run\n"
                           "folder /tmp/nvidia-mps\n");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len = snprintf(address.sun_path, sizeof(address.sun_path),
                       "%s/run/nvidia-persistenced/socket", f->tree);
    assert_in_range(len, 1, sizeof(address.sun_path) - 1);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    find(f);
    assert_int_equal(f->driver.files.count, 4);
    assert_int_equal(file_at(f, "/run/nvidia-persistenced/socket")->kind, NVB_FILE_SOCKET);
    assert_int_equal(file_at(f, "/tmp/nvidia-mps")->kind, NVB_FILE_SOCKET);
}

/* A folder that another user made in /tmp is that user's word. */
static void test_mps_of_another_user(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE "folder /tmp/nvidia-mps\n");
    _cleanup_free_ char *path = nvb_strdupf("%s/tmp/nvidia-mps", f->tree);
    if (chown(path, 12345, 12345) < 0)
        skip();
    find(f);
    assert_int_equal(f->driver.files.count, 2);
    assert_true(has_note(f, "/tmp/nvidia-mps", "another user"));
}

/* ---- the result as a whole */

static void test_sorted_and_without_doubles(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE
        "cache libcuda.so " LIB "/libcuda.so 64\n"
        "library " LIB "/nvidia/current/libcuda.so." V " libcuda.so.1 64\n"
        "library " LIB "/nvidia/current/libnvidia-tls.so." V " libnvidia-tls.so." V " 64\n"
        "library " LIB "/libnvidia-allocator.so." V " libnvidia-allocator.so.1 64\n"
        "cache libnvidia-allocator.so.1 " LIB "/libnvidia-allocator.so.1 64\n"
        "link /lib usr/lib\nlink /usr/lib64 lib\n");
    find(f);
    assert_null(file_at(f, LIB "/nvidia/current/libcuda.so." V));
    assert_int_equal(f->driver.files.count, 5);
    for (size_t i = 1; i < f->driver.files.count; i++) {
        const struct nvb_driver_file *a = &f->driver.files.items[i - 1];
        const struct nvb_driver_file *b = &f->driver.files.items[i];
        int r = strcmp(a->path, b->path);
        /* The allocator is there twice: as a library, and as the GBM backend. */
        assert_true(r < 0 || (r == 0 && !a->container_path && b->container_path));
    }
}

int main(void)
{
#define ON_A_TREE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ON_A_TREE(test_without_a_cache),
        ON_A_TREE(test_a_cache_that_knows_nothing),
        ON_A_TREE(test_a_cache_that_is_broken),
        ON_A_TREE(test_a_cache_that_is_no_file),
        ON_A_TREE(test_links_lead_to_the_folder),
        ON_A_TREE(test_nixos),
        ON_A_TREE(test_folders_of_the_caller_come_first),
        ON_A_TREE(test_no_other_version),
        ON_A_TREE(test_a_key_of_another_version),
        ON_A_TREE(test_version_from_libcuda),
        ON_A_TREE(test_module_and_libraries_disagree),
        ON_A_TREE(test_classes),
        ON_A_TREE(test_capabilities_choose),
        ON_A_TREE(test_libraries_that_are_none),
        ON_A_TREE(test_cached_libraries_that_are_none),
        ON_A_TREE(test_folders_that_are_loops),
        ON_A_TREE(test_links_stay_inside),
        ON_A_TREE(test_places_that_are_something_else),
        ON_A_TREE(test_sockets),
        ON_A_TREE(test_mps_of_another_user),
        ON_A_TREE(test_sorted_and_without_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
