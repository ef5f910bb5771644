/* GPUs, device nodes and versions, on trees that are laid for each test. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "host/host.h"
#include "host/version.h"
#include "lay.h"
#include "scratch.h"

static int set_up(void **state)
{
    *state = nvb_scratch_make();
    return 0;
}

static int tear_down(void **state)
{
    nvb_scratch_remove(*state);
    return 0;
}

static void lay(const char *tree, const char *lines)
{
    _cleanup_error_ struct nvb_error *error = NULL;
    if (nvb_lay_lines(lines, tree, &error) < 0)
        fail_msg("line %u: %s", error->line, error->message);
}

static void put(const char *tree, const char *path, const void *data, size_t len)
{
    _cleanup_free_ char *full = nvb_strdupf("%s%s", tree, path);
    _cleanup_free_ char *folder = nvb_path_dir(full);
    assert_int_equal(nvb_file_make_folders(folder, 0755, NULL), 0);
    assert_int_equal(nvb_file_write(full, data, len, 0644, NULL), 0);
}

static void put_text(const char *tree, const char *path, const char *text)
{
    put(tree, path, text, strlen(text));
}

#define GPUS "/proc/driver/nvidia/gpus/"
#define UUID "GPU-5d0c4b1e-3f6a-4c8e-9b27-7a1de05c9f00"

static struct nvb_host open_host(const char *root)
{
    struct nvb_host host = NVB_HOST_INIT;
    struct nvb_host_options options = {.host_root = root};
    assert_int_equal(nvb_host_open(&options, &host, NULL), 0);
    return host;
}

/* ---- the version --------------------------------------------------------------------------------
 */

static void test_version_span(void **state)
{
    (void)state;
    assert_int_equal(nvb_version_span("550.163.01"), 10);
    assert_int_equal(nvb_version_span("550.54 x"), 6);
    assert_int_equal(nvb_version_span("550"), 0);
    assert_int_equal(nvb_version_span("1"), 0);
    assert_int_equal(nvb_version_span(""), 0);
    assert_int_equal(nvb_version_span("550."), 0);
    assert_int_equal(nvb_version_span("550..1"), 0);
    assert_int_equal(nvb_version_span("x86_64"), 0);
}

static void assert_version(const char *tree, const char *text, const char *version,
                           const char *flavour)
{
    put_text(tree, "/proc/driver/nvidia/version", text);
    struct nvb_host host = open_host(tree);
    _cleanup_free_ char *got = NULL;
    _cleanup_free_ char *got_flavour = NULL;
    assert_int_equal(nvb_host_read_version(&host, &got, &got_flavour, NULL), 0);
    assert_string_equal(got, version);
    if (flavour)
        assert_string_equal(got_flavour, flavour);
    else
        assert_null(got_flavour);
    nvb_host_done(&host);
}

static void test_version(void **state)
{
    const char *tree = *state;
    struct nvb_host host = open_host(tree);
    char *version = NULL, *flavour = NULL;
    assert_int_equal(nvb_host_read_version(&host, &version, &flavour, NULL), 1);
    assert_null(version);
    nvb_host_done(&host);

    assert_version(
        tree,
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  Tue Apr  8 12:41:17 "
        "UTC 2025\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14) \n",
        "550.163.01", "proprietary");
    assert_version(tree,
                   "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release "
                   "Build  (dvs-builder@U22-I3-B17-02-5)  Tue Sep 23 09:55:41 UTC 2025\n"
                   "GCC version:  gcc version 11.4.0 (Ubuntu 11.4.0-1ubuntu1~22.04.2) \n",
                   "580.95.05", "open");
    assert_version(tree,
                   "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  550.120  Release\n",
                   "550.120", "open");
    assert_version(tree, "NVRM version: NVIDIA UNIX aarch64 Kernel Module  550.120  Fri Sep 13\n",
                   "550.120", "proprietary");
    assert_version(tree, "NVRM version: something else 1.2.3", "1.2.3", NULL);
}

static void test_version_of_nonsense(void **state)
{
    const char *tree = *state;
    static const char *const bad[] = {"", "\n\n", "GCC version: gcc version 12.2.0\n",
                                      "NVRM version: NVIDIA UNIX x86_64 Kernel Module\n"
                                      "GCC version: 12.2.0\n"};
    for (size_t i = 0; i < NVB_COUNT(bad); i++) {
        put_text(tree, "/proc/driver/nvidia/version", bad[i]);
        struct nvb_host host = open_host(tree);
        _cleanup_error_ struct nvb_error *error = NULL;
        char *version = NULL, *flavour = NULL;
        assert_int_equal(nvb_host_read_version(&host, &version, &flavour, &error), -1);
        assert_non_null(strstr(error->message, "/proc/driver/nvidia/version"));
        assert_null(version);
        nvb_host_done(&host);
    }
}

/* ---- GPUs
 * ---------------------------------------------------------------------------------------- */

static struct nvb_gpus find_gpus(const char *tree)
{
    struct nvb_host host = open_host(tree);
    struct nvb_gpus gpus = {0};
    _cleanup_error_ struct nvb_error *error = NULL;
    if (nvb_host_find_gpus(&host, &gpus, &error) < 0)
        fail_msg("%s", error->message);
    nvb_host_done(&host);
    return gpus;
}

static void test_gpus_are_sorted_as_numbers(void **state)
{
    const char *tree = *state;
    static const char *const addresses[] = {"10000:01:00.0", "0000:a0:00.0", "0000:0b:00.0",
                                            "0001:01:00.0",  "0000:0b:1f.0", "0000:0b:02.1"};
    for (size_t i = 0; i < NVB_COUNT(addresses); i++) {
        _cleanup_free_ char *path = nvb_strdupf(GPUS "%s/information", addresses[i]);
        put_text(tree, path, "Device Minor: \t 0\n");
    }
    _cleanup_gpus_ struct nvb_gpus gpus = find_gpus(tree);
    static const char *const want[] = {"0000:0b:00.0", "0000:0b:02.1", "0000:0b:1f.0",
                                       "0000:a0:00.0", "0001:01:00.0", "10000:01:00.0"};
    assert_int_equal(gpus.count, NVB_COUNT(want));
    for (size_t i = 0; i < gpus.count; i++) {
        assert_string_equal(gpus.items[i].pci, want[i]);
        assert_int_equal(gpus.items[i].index, i);
    }
}

static void test_gpu_fields(void **state)
{
    const char *tree = *state;
    put_text(tree, GPUS "0000:65:00.0/information",
             "Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ:   \t\t 42\nGPU UUID: \t " UUID "\n"
             "Video BIOS: \t 92.00.45.00.03\nBus Type: \t PCIe\nBus Location: \t 0000:65:00.0\n"
             "Device Minor: \t 3\nGPU Firmware: \t 550.163.01\nGPU Excluded:\t No\n");
    lay(tree, "link /sys/bus/pci/devices/0000:65:00.0 ../../../devices/x\n"
              "folder /sys/devices/x/drm/card1\nfolder /sys/devices/x/drm/card1-DP-1\n"
              "folder /sys/devices/x/drm/controlD65\nfolder /sys/devices/x/drm/renderD129\n"
              "node /dev/nvidia3\nnode /dev/dri/card1\n");
    _cleanup_gpus_ struct nvb_gpus gpus = find_gpus(tree);
    assert_int_equal(gpus.count, 1);
    const struct nvb_gpu *gpu = &gpus.items[0];
    assert_string_equal(gpu->model, "NVIDIA A100-SXM4-40GB");
    assert_string_equal(gpu->uuid, UUID);
    assert_int_equal(gpu->minor, 3);
    assert_false(gpu->minor_is_deduced);
    assert_int_equal(gpu->nodes.count, 3);
    assert_string_equal(gpu->nodes.items[0].path, "/dev/nvidia3");
    assert_true(gpu->nodes.items[0].present);
    assert_false(gpu->nodes.items[0].is_device);
    assert_int_equal(gpu->nodes.items[0].mode, 0666);
    assert_int_equal(gpu->nodes.items[1].role, NVB_NODE_CARD);
    assert_string_equal(gpu->nodes.items[1].path, "/dev/dri/card1");
    assert_true(gpu->nodes.items[1].present);
    assert_int_equal(gpu->nodes.items[2].role, NVB_NODE_RENDER);
    assert_string_equal(gpu->nodes.items[2].path, "/dev/dri/renderD129");
    assert_false(gpu->nodes.items[2].present);
}

/* Four question marks: written together with a dash behind them they would be a trigraph. */
#define Q4 \
    "?"    \
    "?"    \
    "?"    \
    "?"

static void test_gpus_not_initialised(void **state)
{
    const char *tree = *state;
    put_text(tree, GPUS "0000:01:00.0/information",
             "Model: \t\t Tesla V100\nGPU UUID: \t GPU-" Q4 Q4 "-" Q4 "-" Q4 "-" Q4 "-" Q4 Q4 Q4
             "\n"
             "Device Minor: \t 0\n");
    put_text(tree, GPUS "0000:02:00.0/information", "Model: \t\t Tesla V100\nDevice Minor: \t 2\n");
    put_text(tree, GPUS "0000:03:00.0/information", "");
    put_text(tree, GPUS "0000:04:00.0/information",
             "Model: \t\t Unknown\nGPU UUID: \t \n"
             "Device Minor: \t 3\n");
    lay(tree, "folder " GPUS "0000:05:00.0\n");
    _cleanup_gpus_ struct nvb_gpus gpus = find_gpus(tree);
    static const int minors[] = {0, 2, 1, 3, 4};
    assert_int_equal(gpus.count, NVB_COUNT(minors));
    for (size_t i = 0; i < gpus.count; i++) {
        assert_null(gpus.items[i].uuid);
        assert_int_equal(gpus.items[i].minor, minors[i]);
        assert_int_equal(gpus.items[i].minor_is_deduced, i == 2 || i == 4);
    }
    assert_null(gpus.items[2].model);
}

static void test_excluded_gpus_do_not_count(void **state)
{
    const char *tree = *state;
    put_text(tree, GPUS "0000:01:00.0/information", "Device Minor: \t 0\nGPU Excluded:\t Yes\n");
    put_text(tree, GPUS "0000:02:00.0/information", "Device Minor: \t 1\nBlacklisted:\t Yes\n");
    put_text(tree, GPUS "0000:03:00.0/information", "Device Minor: \t 2\nGPU Excluded:\t No\n");
    _cleanup_gpus_ struct nvb_gpus gpus = find_gpus(tree);
    assert_int_equal(gpus.count, 1);
    assert_int_equal(gpus.items[0].index, 0);
    assert_int_equal(gpus.items[0].minor, 2);
}

static void test_other_names_are_no_gpus(void **state)
{
    const char *tree = *state;
    static const char *const names[] = {"0",
                                        "README",
                                        "0000:01:00",
                                        "0000:01:00.8",
                                        "0000:01:20.0",
                                        "0000:100:00.0",
                                        ":01:00.0",
                                        "00000:01:00.0",
                                        "0000:01:00.0.0"};
    for (size_t i = 0; i < NVB_COUNT(names); i++) {
        _cleanup_free_ char *line = nvb_strdupf("folder " GPUS "%s\n", names[i]);
        lay(tree, line);
    }
    _cleanup_gpus_ struct nvb_gpus gpus = find_gpus(tree);
    assert_int_equal(gpus.count, 0);
}

/* Puts DATA as a GPU's file; discovery must fail and name it. */
static void assert_bad_information(const char *tree, const char *data, size_t len)
{
    put(tree, GPUS "0000:01:00.0/information", data, len);
    struct nvb_host host = open_host(tree);
    struct nvb_gpus gpus = {0};
    _cleanup_error_ struct nvb_error *error = NULL;
    assert_int_equal(nvb_host_find_gpus(&host, &gpus, &error), -1);
    assert_true(strstr(error->message, "0000:01:00.0/information") ||
                (error->file && strstr(error->file, "0000:01:00.0/information")));
    assert_int_equal(gpus.count, 0);
    nvb_host_done(&host);
}

static void test_information_of_nonsense(void **state)
{
    const char *tree = *state;
    static const char zeros[] = "Model: \t\t X\0\0\0\n";
    static const char *const bad[] = {
        "\001\002\003\004",
        "\177ELF\002\001\001",
        "GPU UUID: \t GPU-nonsense\n",
        "GPU UUID: \t 5d0c4b1e-3f6a-4c8e-9b27-7a1de05c9f00\n",
        "GPU UUID: \t " UUID "0\n",
        "GPU UUID: \t GPU-5d0c4b1e-3f6a-4c8e-9b27-7a1de05c9f0/\n",
        "Device Minor: \t -1\n",
        "Device Minor: \t 1000000\n",
        "Device Minor: \t 99999999999999999999999\n",
        "Device Minor: \t \n",
        "Device Minor: \t 0x1\n",
    };
    assert_bad_information(tree, zeros, sizeof(zeros) - 1);
    for (size_t i = 0; i < NVB_COUNT(bad); i++)
        assert_bad_information(tree, bad[i], strlen(bad[i]));
    _cleanup_free_ char *huge = nvb_malloc(100000);
    memset(huge, 'x', 100000);
    assert_bad_information(tree, huge, 100000);
}

static void assert_gpus_fail(const char *tree, const char *name)
{
    struct nvb_host host = open_host(tree);
    struct nvb_gpus gpus = {0};
    _cleanup_error_ struct nvb_error *error = NULL;
    assert_int_equal(nvb_host_find_gpus(&host, &gpus, &error), -1);
    if (!strstr(error->message, name))
        fail_msg("'%s' does not name %s", error->message, name);
    nvb_host_done(&host);
}

static void test_information_that_is_no_file(void **state)
{
    const char *tree = *state;
    static const char file[] = GPUS "0000:01:00.0/information";
    static const char *const lines[] = {
        "fifo " GPUS "0000:01:00.0/information",
        "folder " GPUS "0000:01:00.0/information",
        "link " GPUS "0000:01:00.0/information information",
        "data " GPUS "0000:01:00.0/information 2147483648",
    };
    for (size_t i = 0; i < NVB_COUNT(lines); i++) {
        lay(tree, lines[i]);
        assert_gpus_fail(tree, "0000:01:00.0/information");
        _cleanup_free_ char *full = nvb_strdupf("%s%s", tree, file);
        assert_int_equal(remove(full), 0);
    }
}

static void test_folder_that_is_a_loop(void **state)
{
    const char *tree = *state;
    lay(tree, "link /proc/driver/nvidia/gpus gpus");
    assert_gpus_fail(tree, "/proc/driver/nvidia/gpus");
}

static void test_folder_of_too_many_gpus(void **state)
{
    const char *tree = *state;
    _cleanup_str_ struct nvb_str lines = NVB_STR_INIT;
    for (unsigned i = 0; i < 1100; i++)
        nvb_str_addf(&lines, "folder " GPUS "%04x:%02x:00.0\n", i / 256, i % 256);
    lay(tree, lines.data);
    assert_gpus_fail(tree, "/proc/driver/nvidia/gpus");
}

/* ---- nodes
 * ---------------------------------------------------------------------------------------- */

static void test_control_nodes_of_a_tree(void **state)
{
    const char *tree = *state;
    lay(tree, "node /dev/nvidiactl\nfolder /dev/nvidia-uvm\nlink /dev/nvidia-modeset /dev/x\n"
              "node /dev/x\n");
    struct nvb_host host = open_host(tree);
    _cleanup_(nvb_nodes_done) struct nvb_nodes nodes = {0};
    assert_int_equal(nvb_host_find_control_nodes(&host, &nodes, NULL), 0);
    assert_int_equal(nodes.count, 4);
    assert_true(nodes.items[0].present && nodes.items[0].role == NVB_NODE_CTL);
    assert_int_equal(nodes.items[0].capabilities, 0);
    assert_false(nodes.items[1].present);
    assert_false(nodes.items[2].present);
    assert_true(nodes.items[3].present && nodes.items[3].role == NVB_NODE_MODESET);
    nvb_host_done(&host);
}

static void test_a_node_that_is_a_loop(void **state)
{
    const char *tree = *state;
    lay(tree, "link /dev/nvidiactl nvidiactl\n");
    struct nvb_host host = open_host(tree);
    struct nvb_nodes nodes = {0};
    _cleanup_error_ struct nvb_error *error = NULL;
    assert_int_equal(nvb_host_find_control_nodes(&host, &nodes, &error), -1);
    assert_non_null(strstr(error->message, "/dev/nvidiactl"));
    nvb_host_done(&host);
}

static void test_device_nodes(void **state)
{
    const char *tree = *state;
    lay(tree, "folder /dev\n");
    char *path = nvb_strdupf("%s/dev/nvidiactl", tree);
    int r = mknod(path, S_IFCHR | 0600, makedev(195, 255));
    free(path); /* skip() leaves by a jump */
    if (r < 0)
        skip();
    struct nvb_host host = open_host(tree);
    _cleanup_(nvb_nodes_done) struct nvb_nodes nodes = {0};
    assert_int_equal(nvb_host_find_control_nodes(&host, &nodes, NULL), 0);
    assert_true(nodes.items[0].present && nodes.items[0].is_device);
    assert_int_equal(nodes.items[0].major, 195);
    assert_int_equal(nodes.items[0].minor, 255);
    nvb_host_done(&host);
}

static void test_roots_apart(void **state)
{
    const char *tree = *state;
    lay(tree, "node /devices/dev/nvidiactl\nfolder /host\nfolder /driver\n");
    _cleanup_free_ char *host_root = nvb_strdupf("%s/host", tree);
    _cleanup_free_ char *driver_root = nvb_strdupf("%s/driver", tree);
    _cleanup_free_ char *dev_root = nvb_strdupf("%s/devices", tree);
    struct nvb_host_options options = {
        .host_root = host_root, .driver_root = driver_root, .dev_root = dev_root};
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    assert_int_equal(nvb_host_open(&options, &host, NULL), 0);
    _cleanup_(nvb_nodes_done) struct nvb_nodes nodes = {0};
    assert_int_equal(nvb_host_find_control_nodes(&host, &nodes, NULL), 0);
    assert_true(nodes.items[0].present);
    assert_false(host.simulated);

    options.dev_root = "/nonexistent/root";
    _cleanup_error_ struct nvb_error *error = NULL;
    struct nvb_host other = NVB_HOST_INIT;
    assert_int_equal(nvb_host_open(&options, &other, &error), -1);
    assert_non_null(strstr(error->message, "/nonexistent/root"));
    assert_int_equal(other.root.fd, -1);
}

static void test_the_mark_of_a_simulation(void **state)
{
    const char *tree = *state;
    put_text(tree, NVB_SIMULATED_MARK, "by hand\n");
    struct nvb_host host = open_host(tree);
    assert_true(host.simulated);
    nvb_host_done(&host);
}

int main(void)
{
#define ON_A_TREE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_span),
        ON_A_TREE(test_version),
        ON_A_TREE(test_version_of_nonsense),
        ON_A_TREE(test_gpus_are_sorted_as_numbers),
        ON_A_TREE(test_gpu_fields),
        ON_A_TREE(test_gpus_not_initialised),
        ON_A_TREE(test_excluded_gpus_do_not_count),
        ON_A_TREE(test_other_names_are_no_gpus),
        ON_A_TREE(test_information_of_nonsense),
        ON_A_TREE(test_information_that_is_no_file),
        ON_A_TREE(test_folder_that_is_a_loop),
        ON_A_TREE(test_folder_of_too_many_gpus),
        ON_A_TREE(test_control_nodes_of_a_tree),
        ON_A_TREE(test_a_node_that_is_a_loop),
        ON_A_TREE(test_device_nodes),
        ON_A_TREE(test_roots_apart),
        ON_A_TREE(test_the_mark_of_a_simulation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
