#include "host/modprobe.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process.h"
#include "base/trust.h"

/* Eight GPUs take some seconds to wake up. */
#define TIMEOUT_MS 30000
#define OUTPUT_MAX ((size_t)4 << 10)

/* What libcuda's own call hands on comes from the program; a setuid program gets nothing from us
 * that could lead it elsewhere. */
static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};

static bool has_node(const struct nvb_gpu *gpu)
{
    nvb_vec_foreach (node, &gpu->nodes)
        if (node->role == NVB_NODE_GPU && node->present)
            return true;
    return false;
}

/* The machine's own node: no root to be kept in, so one call does. */
static bool is_device(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISCHR(st.st_mode);
}

void nvb_modprobe_find_missing(const struct nvb_host *host, const struct nvb_gpus *gpus,
                               unsigned capabilities, struct nvb_strv *ret)
{
    const unsigned through_cuda = NVB_CAP_COMPUTE | NVB_CAP_VIDEO | NVB_CAP_GRAPHICS | NVB_CAP_NGX;
    if (!nvb_root_is_host(&host->root) || !nvb_root_is_host(&host->dev))
        return;
    bool is_any_there = false;
    nvb_vec_foreach (gpu, gpus)
        is_any_there = is_any_there || has_node(gpu);

    _cleanup_str_ struct nvb_str nodes = NVB_STR_INIT;
    /* 255 is nvidiactl's number (Linux's devices.txt). */
    if (!is_device("/dev/nvidiactl"))
        nvb_str_add(&nodes, " -c255");
    nvb_vec_foreach (gpu, gpus)
        if (!is_any_there && gpu->minor >= 0)
            nvb_str_addf(&nodes, " -c%d", gpu->minor);
    if (nodes.len)
        nvb_strv_add(ret, nodes.data + 1);
    /* With -u, -c is about the nodes of UVM. */
    if ((capabilities & through_cuda) && !is_device("/dev/nvidia-uvm"))
        nvb_strv_add(ret, "-u -c0");
}

bool nvb_modprobe_is_there(const struct nvb_host *host)
{
    struct stat st;
    return nvb_root_is_host(&host->root) && nvb_root_is_host(&host->dev) &&
           stat(NVB_MODPROBE_PATH, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
           (geteuid() == 0 ? (st.st_mode & S_IXUSR) : (st.st_mode & S_ISUID)) &&
           nvb_trust_check_path(NVB_MODPROBE_PATH, 0, NULL) == 0;
}

/* Calls the helper with WORDS ("-u -c0"). */
static void call(const char *words, struct nvb_notes *notes)
{
    _cleanup_strv_ struct nvb_strv args = {0};
    _cleanup_str_ struct nvb_str said = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *error = NULL;
    nvb_strv_add(&args, NVB_MODPROBE_PATH);
    nvb_strv_split(&args, words, ' ');
    int status = 0;
    int r = nvb_process_capture(NVB_MODPROBE_PATH, nvb_strv_terminate(&args),
                                (char *const *)environment, TIMEOUT_MS, OUTPUT_MAX, &out, &said,
                                &status, &error);
    if (r == 0 && status == 0) {
        nvb_notes_add(notes, NVB_NOTE_INFO, "called nvidia-modprobe %s", words);
        return;
    }
    /* Its first words, without the blank lines around them. */
    const char *text = said.len ? said.data + strspn(said.data, " \t\n") : "";
    _cleanup_free_ char *line = nvb_strndup(text, strcspn(text, "\n"));
    const char *why = r < 0 ? error->message : line[0] ? line : "it does not say why";
    nvb_notes_add(notes, NVB_NOTE_WARNING, "nvidia-modprobe %s has failed: %s", words, why);
    nvb_notes_hint(notes, "sudo nvidia-modprobe %s", words);
}

int nvb_modprobe_find_gpus(const struct nvb_host *host, unsigned capabilities, struct nvb_gpus *ret,
                           struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    if (nvb_host_find_gpus(host, &gpus, err) < 0)
        return -1;
    /* Twice: before the module is there nobody knows which nodes there will be. */
    for (unsigned pass = gpus.count ? 1 : 0; pass < 2; pass++) {
        _cleanup_strv_ struct nvb_strv calls = {0};
        nvb_modprobe_find_missing(host, &gpus, capabilities, &calls);
        if (calls.count == 0 || !nvb_modprobe_is_there(host))
            break;
        if (pass == 0)
            call("-c255", notes);
        else
            nvb_vec_foreach (words, &calls)
                call(*words, notes);
        nvb_gpus_done(&gpus);
        gpus = (struct nvb_gpus){0};
        if (nvb_host_find_gpus(host, &gpus, err) < 0)
            return -1;
        if (gpus.count == 0)
            break;
    }
    *ret = TAKE_STRUCT(gpus);
    return 0;
}
