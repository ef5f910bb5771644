#include "examine.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "data/json.h"
#include "lay.h"
#include "scratch.h"

const char nvb_examine_base[] =
    "write /etc/os-release ID=debian\\n\n"
    "write /etc/passwd root:x:0:0::/root:/bin/sh\\nada:x:4711:4711::/home/ada:/bin/sh\\n\n"
    "write /etc/group root:x:0:\\nvideo:x:44:ada\\n\n"
    "write /etc/subuid ada:100000:65536\\n\n"
    "write /etc/subgid ada:100000:65536\\n\n"
    "write /usr/bin/newuidmap x\nmode /usr/bin/newuidmap 4755\n"
    "write /usr/bin/newgidmap x\nmode /usr/bin/newgidmap 4755\n"
    "write /proc/sys/user/max_user_namespaces 15000\\n\n"
    "write /proc/sys/net/ipv4/ip_unprivileged_port_start 1024\\n\n"
    "write /proc/version Linux version 6.1.0 (debian)\\n\n"
    "write /proc/self/mountinfo "
    "21 1 8:1 / / rw - ext4 /dev/sda1 rw\\n"
    "22 21 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\\n\n"
    "write /proc/self/status Name:\\tnvbind\\nCapEff:\\t000001ffffffffff\\n\n"
    "write /proc/self/limits Max locked memory         unlimited            unlimited            "
    "bytes\\n\n"
    "write /etc/containers/registries.conf unqualified-search-registries = "
    "[\"docker.io\"]\\n\n"
    "node /dev/null\nnode /dev/net/tun\nnode /dev/fuse\nfolder /home/ada\nfolder /dev/shm\n";

/* ---- the host ---- */

/* A GPU and as much of its driver as checks look at: a simulated host has ten times as many files.
 */
static const char gpu_lines[] =
    "write /proc/driver/nvidia/version NVRM version: NVIDIA UNIX x86_64 Kernel Module  "
    "550.163.01  Tue Apr  8 12:41:17 UTC 2025\\n\n"
    "write /proc/driver/nvidia/params DeviceFileUID: 0\\nDeviceFileGID: 0\\nDeviceFileMode: "
    "438\\n\n"
    "write /proc/driver/nvidia/gpus/0000:07:00.0/information Model: \\t NVIDIA A100\\nGPU UUID: \\t "
    "GPU-5a1c9a2e-3b1f-4c59-9b1d-0123456789ab\\nDevice Minor: \\t 0\\n\n"
    "write /proc/devices Character devices:\\n195 nvidia\\n226 drm\\n234 nvidia-uvm\\n\\nBlock "
    "devices:\\n  8 sd\\n\n"
    "write /sys/bus/pci/devices/0000:07:00.0/vendor 0x10de\\n\n"
    "write /sys/bus/pci/devices/0000:07:00.0/class 0x030200\\n\n"
    "link /sys/bus/pci/devices/0000:07:00.0/driver ../../../bus/pci/drivers/nvidia\n"
    "folder /sys/bus/pci/devices/0000:07:00.0/drm/card1\n"
    "folder /sys/bus/pci/devices/0000:07:00.0/drm/renderD128\n"
    "node /dev/nvidiactl\nnode /dev/nvidia0\nnode /dev/nvidia-uvm\nnode /dev/nvidia-uvm-tools\n"
    "node /dev/nvidia-modeset\nnode /dev/dri/card1\nnode /dev/dri/renderD128\n"
    "library /usr/lib/x86_64-linux-gnu/libcuda.so.550.163.01 libcuda.so.1 64\n"
    "link /usr/lib/x86_64-linux-gnu/libcuda.so.1 libcuda.so.550.163.01\n"
    "library /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.163.01 libnvidia-ml.so.1 64\n"
    "link /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1 libnvidia-ml.so.550.163.01\n";

static bool needs_gpu(const struct examine_row *row)
{
    const struct examine_row *own = nvb_examine_driver;
    if (row->no_gpu)
        return false;
    if (!row->check || nvb_has_prefix(row->check, "cdi-"))
        return true;
    while (own->check && own != row)
        own++;
    return own == row;
}

static char *make_tree(const struct examine_row *row, struct nvb_error **err)
{
    char *scratch = nvb_scratch_make();
    _cleanup_free_ char *tree = nvb_strdupf("%s/tree", scratch);
    int r = nvb_file_make_folders(tree, 0755, err);
    if (r == 0 && needs_gpu(row))
        r = nvb_lay_lines(gpu_lines, tree, err);
    if (r == 0)
        r = nvb_lay_lines(nvb_examine_base, tree, err);
    if (r == 0 && row->lines)
        r = nvb_lay_lines(row->lines, tree, err);
    if (r == 0)
        return scratch;
    nvb_scratch_remove(scratch);
    return NULL;
}

static void put_file(const char *path, const char *text, mode_t mode)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    if (fd < 0 || nvb_write_all(fd, text, strlen(text)) < 0)
        abort();
}

/* A program of an engine's name that answers as the row says. */
static void put_engine(const char *bin, const char *name, const char *answer)
{
    if (!answer)
        return;
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", bin, name);
    _cleanup_free_ char *file = nvb_strdupf("%s/%s.answer", bin, name);
    _cleanup_free_ char *script =
        strcmp(answer, "-") == 0
            ? nvb_strdup("#!/bin/sh\necho 'Error: it is broken' >&2\nexit 125\n")
            : nvb_strdupf("#!/bin/sh\necho call >>'%s/calls'\nexec /bin/cat '%s'\n", bin, file);
    put_file(file, answer, 0644);
    put_file(path, script, 0755);
}

/* ---- the caller ---- */

static void put_environment(const struct examine_row *row, const char *bin, const char *tree,
                            struct nvb_strv *ret)
{
    nvb_strv_addf(ret, "PATH=%s", bin);
    nvb_strv_add(ret, "HOME=/home/ada");
    _cleanup_strv_ struct nvb_strv lines = {0};
    nvb_strv_split(&lines, row->environment ? row->environment : "", '\n');
    for (size_t i = 0; i < lines.count; i++) {
        const char *at = strstr(lines.items[i], "@tree@");
        if (at)
            nvb_strv_addf(ret, "%.*s%s%s", (int)(at - lines.items[i]), lines.items[i], tree,
                          at + strlen("@tree@"));
        else if (*lines.items[i])
            nvb_strv_add(ret, lines.items[i]);
    }
}

static void put_last(const struct examine_row *row, struct nvb_doc *ret)
{
    struct nvb_doc *list = nvb_doc_put(nvb_doc_put(ret, "plan"), "options");
    _cleanup_strv_ struct nvb_strv lines = {0};
    nvb_doc_set_list(list);
    nvb_strv_split(&lines, row->options, '\n');
    for (size_t i = 0; i < lines.count; i++) {
        size_t len = strcspn(lines.items[i], " ");
        _cleanup_free_ char *name = nvb_strndup(lines.items[i], len);
        if (len == 0)
            continue;
        struct nvb_doc *item = nvb_doc_push(list);
        nvb_doc_put_text(item, "name", name);
        nvb_doc_put_text(item, "value", lines.items[i][len] ? lines.items[i] + len + 1 : NULL);
    }
}

static int examine_at(const struct examine_row *row, const char *scratch,
                      const struct nvb_strv *names, struct nvb_report *ret, struct nvb_error **err)
{
    _cleanup_free_ char *tree = nvb_strdupf("%s/tree", scratch);
    _cleanup_free_ char *bin = nvb_strdupf("%s/bin", scratch);
    _cleanup_strv_ struct nvb_strv environment = {0};
    _cleanup_doc_ struct nvb_doc last = {0};
    const struct nvb_host_options host = {.host_root = tree};
    const gid_t group = getegid();
    if (nvb_file_make_folders(bin, 0755, err) < 0)
        return -1;
    put_engine(bin, "podman", row->podman);
    put_engine(bin, "docker", row->docker);
    put_environment(row, bin, tree, &environment);
    if (row->options)
        put_last(row, &last);
    const struct nvb_doctor_options options = {
        .host = &host,
        .environment = nvb_strv_terminate(&environment),
        .caller = {row->is_root ? 0 : 4711, row->is_root ? 0 : 4711, &group, row->in_group},
        .last = row->options ? &last : NULL,
        .ask_engines = true,
    };
    return nvb_doctor_run(&options, names, ret, err);
}

int nvb_examine_report(const struct examine_row *row, const struct nvb_strv *names,
                       struct nvb_report *ret, struct nvb_error **err)
{
    char *scratch = make_tree(row, err);
    if (!scratch)
        return -1;
    int r = examine_at(row, scratch, names, ret, err);
    nvb_scratch_remove(scratch);
    return r;
}

/* ---- judging ---- */

static char *compare(const struct examine_row *row, const struct nvb_finding *f)
{
    _cleanup_str_ struct nvb_str fixes = NVB_STR_INIT;
    nvb_vec_foreach (step, &f->fix) {
        nvb_fix_step_format(step, row->is_root ? 0 : 4711, &fixes);
        nvb_str_addc(&fixes, '\n');
    }
    if (f->verdict != row->verdict)
        return nvb_strdupf("verdict %s, not %s: %s", nvb_verdict_name(f->verdict),
                           nvb_verdict_name(row->verdict), f->evidence);
    if (!strstr(f->evidence, row->evidence))
        return nvb_strdupf("evidence '%s' has no '%s'", f->evidence, row->evidence);
    if (row->fix && !strstr(fixes.data, row->fix))
        return nvb_strdupf("fix '%s' has no '%s'", fixes.data, row->fix);
    if (!row->fix && f->verdict == NVB_VERDICT_OK && f->fix.count)
        return nvb_strdupf("what is well has a fix: '%s'", fixes.data);
    if (f->verdict == NVB_VERDICT_FAIL && f->fix.count == 0)
        return nvb_strdup("what fails has no fix");
    return NULL;
}

char *nvb_examine(const struct examine_row *row)
{
    _cleanup_report_ struct nvb_report report = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_strv_ struct nvb_strv names = {0};
    nvb_strv_add(&names, row->check);
    if (nvb_examine_report(row, &names, &report, &err) < 0)
        return nvb_strdup(err->message);
    /* a check may bear its group's name */
    nvb_vec_foreach (finding, &report.findings)
        if (strcmp(nvb_finding_check(finding).name, row->check) == 0)
            return compare(row, finding);
    return nvb_strdup("the check did not run");
}
