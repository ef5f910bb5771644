/* The search for the driver's files: layouts that the recorded hosts do not have, versions, classes
 * and capabilities. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "fixture.h"

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

    /* A folder that another user made in /tmp is that user's word. */
    _cleanup_free_ char *path = nvb_strdupf("%s/tmp/nvidia-mps", f->tree);
    if (chown(path, 12345, 12345) < 0)
        return;
    find(f);
    assert_int_equal(f->driver.files.count, 3);
    assert_true(has_note(f, "/tmp/nvidia-mps", "another user"));
}

/* ---- other distributions */

/* RPM packages lay X.Org's GLX module without a version; a link tells one. */
static void test_xorg_modules(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE
        "library /usr/lib64/xorg/modules/drivers/nvidia_drv.so - 64\n"
        "library /usr/lib/xorg/modules/extensions/libglxserver_nvidia.so.535.1 - 64\n"
        "link /usr/lib/xorg/modules/extensions/libglxserver_nvidia.so "
        "libglxserver_nvidia.so.535.1\n");
    find(f);
    assert_int_equal(f->driver.files.count, 2);
    lay(f, "library /usr/lib64/xorg/modules/extensions/libglxserver_nvidia.so - 64\n");
    find(f);
    assert_int_equal(f->driver.files.count, 4);
    assert_non_null(file_at(f, "/usr/lib64/xorg/modules/extensions/libglxserver_nvidia.so"));
    assert_non_null(file_at(f, "/usr/lib64/xorg/modules/drivers/nvidia_drv.so"));
}

static void put(const struct fixture *f, const char *path, const char *text)
{
    _cleanup_free_ char *full = nvb_strdupf("%s%s", f->tree, path);
    _cleanup_free_ char *folder = nvb_path_dir(full);
    assert_int_equal(nvb_file_make_folders(folder, 0755, NULL), 0);
    assert_int_equal(nvb_file_write(full, text, strlen(text), 0644, NULL), 0);
}

static void test_firmware_elsewhere(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE "empty /lib/firmware/6.1.0-9/nvidia/" V "/gsp_ga10x.bin\n"
                           "empty /opt/firmware/nvidia/" V "/gsp_tu10x.bin\n");
    put(f, "/proc/sys/kernel/osrelease", "6.1.0-9\n");
    put(f, "/sys/module/firmware_class/parameters/path", "\n");
    find(f);
    assert_int_equal(f->driver.files.count, 3);
    const struct nvb_driver_file *file =
        file_at(f, "/lib/firmware/6.1.0-9/nvidia/" V "/gsp_ga10x.bin");
    assert_non_null(file);
    assert_string_equal(file->container_path, "/lib/firmware/nvidia/" V "/gsp_ga10x.bin");

    put(f, "/sys/module/firmware_class/parameters/path", "/opt/firmware\n");
    find(f);
    assert_non_null(file_at(f, "/opt/firmware/nvidia/" V "/gsp_tu10x.bin"));
    assert_int_equal(f->driver.files.count, 4);

    /* What names no folder of the root's is not followed. */
    put(f, "/sys/module/firmware_class/parameters/path", "opt/firmware\n");
    put(f, "/proc/sys/kernel/osrelease", "../../opt/firmware\n");
    find(f);
    assert_int_equal(f->driver.files.count, 2);

    /* Where the usual folder has it, that is all. */
    put(f, "/sys/module/firmware_class/parameters/path", "/opt/firmware\n");
    lay(f, "empty /lib/firmware/nvidia/" V "/gsp_ga10x.bin\n");
    find(f);
    assert_int_equal(f->driver.files.count, 3);
    assert_non_null(file_at(f, "/lib/firmware/nvidia/" V "/gsp_ga10x.bin"));
}

static void test_programs_of_a_store(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE
        "program /nix/store/x-bin/bin/nvidia-smi\n"
        "program /nix/store/x-bin/bin/nvidia-debugdump\n"
        "link /run/current-system/sw/bin/nvidia-smi /nix/store/x-bin/bin/nvidia-smi\n"
        "link /run/current-system/sw/bin/nvidia-debugdump "
        "/nix/store/x-bin/bin/nvidia-debugdump\n"
        "program /nix/store/x-bin/origBin/nvidia-smi\n"
        "empty /nix/store/x-bin/origBin/nvidia-debugdump\n");
    find(f);
    assert_non_null(file_at(f, "/nix/store/x-bin/origBin/nvidia-smi"));
    assert_non_null(file_at(f, "/nix/store/x-bin/bin/nvidia-debugdump"));
}

static void test_32bit_configuration(void **state)
{
    struct fixture *f = *state;
    lay_module(f);
    lay(f, CUDA CUDA_CACHE "empty /usr/share/vulkan/icd.d/nvidia_icd.i686.json\n");
    find_in(f, NVB_CAP_ALL & ~(unsigned)NVB_CAP_COMPAT32, NULL);
    assert_null(file_at(f, "/usr/share/vulkan/icd.d/nvidia_icd.i686.json"));
    find(f);
    assert_non_null(file_at(f, "/usr/share/vulkan/icd.d/nvidia_icd.i686.json"));
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
    assert_int_equal(f->driver.files.count, 6);
    for (size_t i = 1; i < f->driver.files.count; i++) {
        const struct nvb_driver_file *a = &f->driver.files.items[i - 1];
        const struct nvb_driver_file *b = &f->driver.files.items[i];
        int r = strcmp(a->path, b->path);
        /* The allocator is there again: as a library, and as the GBM backend in two folders. */
        if (r == 0)
            r = strcmp(a->container_path ? a->container_path : "", b->container_path);
        assert_true(r < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_TREE(test_without_a_cache),
        ON_A_TREE(test_a_cache_that_knows_nothing),
        ON_A_TREE(test_links_lead_to_the_folder),
        ON_A_TREE(test_nixos),
        ON_A_TREE(test_folders_of_the_caller_come_first),
        ON_A_TREE(test_no_other_version),
        ON_A_TREE(test_a_key_of_another_version),
        ON_A_TREE(test_version_from_libcuda),
        ON_A_TREE(test_module_and_libraries_disagree),
        ON_A_TREE(test_classes),
        ON_A_TREE(test_capabilities_choose),
        ON_A_TREE(test_sockets),
        ON_A_TREE(test_xorg_modules),
        ON_A_TREE(test_firmware_elsewhere),
        ON_A_TREE(test_programs_of_a_store),
        ON_A_TREE(test_32bit_configuration),
        ON_A_TREE(test_sorted_and_without_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
