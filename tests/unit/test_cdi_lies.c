/* Specifications of roots that lie: something else stands where the kernel's, the driver's or a
 * device's file should be. Each ends in an error or a note that names the path, and in no time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "cdi/build.h"
#include "lay.h"
#include "scratch.h"

#define V     "550.163.01"
#define LIB   "/usr/lib/x86_64-linux-gnu"
#define GPU   "/proc/driver/nvidia/gpus/0000:01:00.0"
#define DRM   "/sys/bus/pci/devices/0000:01:00.0/drm"
#define HUGE_ "2147483648"

/* Beyond that a test hangs. Opening a FIFO to read it would, and so would reading 2 GiB of zeros.
 */
#define SECONDS_MAX 10

/* What a host has, a line a thing. A lie replaces the line of the same path. */
static const char *const truths[] = {
    "data " GPU "/information -",
    "data /proc/driver/nvidia/version -",
    "node /dev/nvidia0",
    "node /dev/nvidiactl",
    "node /dev/nvidia-uvm",
    "folder " DRM "/card0",
    "node /dev/dri/card0",
    "library " LIB "/libcuda.so." V " libcuda.so.1 64",
    "library " LIB "/libnvidia-ml.so." V " libnvidia-ml.so.1 64",
    "cache libcuda.so.1 " LIB "/libcuda.so.1 64",
    "cache libnvidia-ml.so.1 " LIB "/libnvidia-ml.so.1 64",
    "program /usr/bin/nvidia-smi",
};

static const struct lie {
    const char *path; /* whose truth is left out, and what a message names */
    const char *line; /* what is there instead */
    bool is_error;    /* else a note, and the rest is there */
} lies[] = {
    {"/proc/driver/nvidia/version", "fifo /proc/driver/nvidia/version", true},
    {"/proc/driver/nvidia/version", "data /proc/driver/nvidia/version " HUGE_, true},
    {"/proc/driver/nvidia/version", "data /proc/driver/nvidia/version 4096", true},
    {"/proc/driver/nvidia/version", "folder /proc/driver/nvidia/version", true},
    {"/proc/driver/nvidia/version", "link /proc/driver/nvidia/version version", true},
    {"/proc/driver/nvidia/version", "socket /proc/driver/nvidia/version", true},
    {GPU, "fifo " GPU "/information", true},
    {GPU, "data " GPU "/information " HUGE_, true},
    {GPU, "data " GPU "/information 4096", true},
    {GPU, "program " GPU "/information", true},
    {GPU, "folder " GPU "/information", true},
    {GPU, "link " GPU "/information information", true},
    {GPU, "link " GPU " 0000:01:00.0", true},
    {"/proc/driver/nvidia/gpus", "link /proc/driver/nvidia/gpus gpus", true},
    {"/proc/driver/nvidia/gpus", "link /proc/driver/nvidia/gpus ../nvidia/gpus/x", true},
    {"/dev/nvidia0", "link /dev/nvidia0 nvidia0", true},
    {"/dev/nvidia0", "folder /dev/nvidia0", true},
    {"/dev/nvidia0", "fifo /dev/nvidia0", true},
    {"/dev/nvidia-uvm", "link /dev/nvidia-uvm nvidia-uvm", true},
    {"/dev/nvidiactl", "socket /dev/nvidiactl", true},
    {"/dev", "link /dev dev", true},
    {"/dev/dri", "link /dev/dri dri", true},
    {DRM, "link " DRM " drm", true},
    {DRM, "fifo " DRM, true},
    {"/proc/driver/nvidia/gpus", "empty /proc/driver/nvidia/gpus", true},
    {"libcuda.so", "fifo " LIB "/libcuda.so." V, true},
    {"libcuda.so", "data " LIB "/libcuda.so." V " " HUGE_, true},
    {"libcuda.so", "cut " LIB "/libcuda.so." V " libcuda.so.1 64 80", true},
    {"libcuda.so", "empty " LIB "/libcuda.so." V, true},
    {"libcuda.so", "folder " LIB "/libcuda.so." V, true},
    {"libcuda.so", "link " LIB "/libcuda.so." V " libcuda.so." V, true},
    {"libcuda.so", "link " LIB "/libcuda.so." V " libnvidia-ml.so." V, true},
    {"/usr/bin/nvidia-smi", "fifo /usr/bin/nvidia-smi", false},
    {"/usr/bin/nvidia-smi", "link /usr/bin/nvidia-smi nvidia-smi", false},
    {"/usr/bin/nvidia-smi", "folder /usr/bin/nvidia-smi", false},
    {"/etc/ld.so.cache", "data /etc/ld.so.cache " HUGE_, false},
    {"/etc/ld.so.cache", "fifo /etc/ld.so.cache", false},
    {"/etc/ld.so.cache", "link /etc/ld.so.cache ld.so.cache", false},
    {"/usr/share/glvnd/egl_vendor.d", "link /usr/share/glvnd/egl_vendor.d egl_vendor.d", false},
    {"/lib/firmware/nvidia/" V, "fifo /lib/firmware/nvidia/" V "/gsp_ga10x.bin", false},
    {"/run/nvidia-persistenced", "fifo /run/nvidia-persistenced/socket", false},
    {"/usr/share/X11/xorg.conf.d", "fifo /usr/share/X11/xorg.conf.d/10-nvidia.conf", false},
};

static void put(const char *tree, const char *path, const char *text)
{
    _cleanup_free_ char *full = nvb_strdupf("%s%s", tree, path);
    _cleanup_free_ char *folder = nvb_path_dir(full);
    assert_int_equal(nvb_file_make_folders(folder, 0755, NULL), 0);
    assert_int_equal(nvb_file_write(full, text, strlen(text), 0644, NULL), 0);
}

/* Lays all truths but those that LIE replaces, then LIE (NULL: none). */
static void lay(const char *tree, const struct lie *lie)
{
    _cleanup_str_ struct nvb_str lines = NVB_STR_INIT;
    for (size_t i = 0; i < NVB_COUNT(truths); i++) {
        const char *truth = truths[i];
        bool is_cache =
            lie && strcmp(lie->path, "/etc/ld.so.cache") == 0 && nvb_has_prefix(truth, "cache ");
        if ((lie && strstr(truth, lie->path) && !nvb_has_prefix(truth, "cache ")) || is_cache)
            continue;
        if (nvb_has_prefix(truth, "data " GPU))
            put(tree, GPU "/information", "Model: \t\t X\nDevice Minor: \t 0\n");
        else if (nvb_has_prefix(truth, "data "))
            put(tree, "/proc/driver/nvidia/version",
                "NVRM version: NVIDIA UNIX x86_64 Kernel Module  " V "  Tue\n");
        else
            nvb_str_addf(&lines, "%s\n", truth);
    }
    if (lie)
        nvb_str_addf(&lines, "%s\n", lie->line);
    _cleanup_error_ struct nvb_error *error = NULL;
    if (nvb_lay_lines(lines.data, tree, &error) < 0)
        fail_msg("line %u: %s", error->line, error->message);
}

static int build(const char *tree, struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    const struct nvb_host_options options = {.host_root = tree};
    const struct nvb_cdi_build_options wanted = {0};
    int r = nvb_host_open(&options, &host, err);
    return r < 0 ? r : nvb_cdi_build(&host, &wanted, &spec, notes, err);
}

static bool names(const char *text, const char *path)
{
    return text && strstr(text, path);
}

static void test_lie(void **state)
{
    const struct lie *lie = *state;
    char *tree = nvb_scratch_make();
    lay(tree, lie);
    _cleanup_notes_ struct nvb_notes notes = {0};
    _cleanup_error_ struct nvb_error *error = NULL;
    (void)alarm(SECONDS_MAX);
    int r = build(tree, &notes, &error);
    (void)alarm(0);
    nvb_scratch_remove(tree);

    bool is_named = error && (names(error->message, lie->path) || names(error->file, lie->path));
    nvb_vec_foreach (note, &notes)
        is_named = is_named || names(note->text, lie->path);
    if ((r < 0) != lie->is_error)
        fail_msg("'%s' gives %s", lie->line, error ? error->message : "no error");
    if (!is_named)
        fail_msg("'%s' is not named: %s", lie->line, error ? error->message : "no error");
}

static void test_truth(void **state)
{
    (void)state;
    char *tree = nvb_scratch_make();
    lay(tree, NULL);
    _cleanup_notes_ struct nvb_notes notes = {0};
    _cleanup_error_ struct nvb_error *error = NULL;
    int r = build(tree, &notes, &error);
    nvb_scratch_remove(tree);
    if (r < 0)
        fail_msg("%s", error->message);
    assert_int_equal(notes.count, 0);
}

int main(void)
{
    struct NVB_VEC(struct CMUnitTest) tests = {0};
    nvb_vec_push(&tests, ((struct CMUnitTest){.name = "a host as it is", .test_func = test_truth}));
    for (size_t i = 0; i < NVB_COUNT(lies); i++)
        nvb_vec_push(&tests, ((struct CMUnitTest){.name = lies[i].line,
                                                  .test_func = test_lie,
                                                  .initial_state = (void *)&lies[i]}));
    int r = _cmocka_run_group_tests("roots that lie", tests.items, tests.count, NULL, NULL);
    nvb_vec_release(&tests);
    return r;
}
