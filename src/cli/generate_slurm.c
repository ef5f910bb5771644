/* nvbind generate slurm: how many GPUs a job asks for. Nothing of this machine is looked at but,
 * for "all", how many it has. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/generate.h"
#include "plan/selection.h"
#include "writer/slurm.h"
#include "writer/unit.h"

/* More are in no node. */
#define MAX_GPUS 1024

const struct nvb_cli_option nvb_generate_slurm_options[] = {
    [NVB_GENERATE_OUTPUT] = {"output", 'o', "FILE", "write to FILE (default: standard output)"},
    [NVB_GENERATE_SLURM_JOB] = {"job-name", 0, "NAME",
                                "the job's name (default: the container's, or the image's)"},
    [NVB_GENERATE_SLURM_PARTITION] = {"partition", 0, "NAME", "where it is to run"},
    [NVB_GENERATE_SLURM_ACCOUNT] = {"account", 0, "NAME", "who pays"},
    [NVB_GENERATE_SLURM_TIME] = {"time", 0, "LIMIT", "how long it may run, such as 2:00:00"},
    [NVB_GENERATE_SLURM_TYPE] = {"gpu-type", 0, "TYPE", "of the cluster's GPUs, such as a100"},
    [NVB_GENERATE_SLURM_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static int ask_for_number(const char *words, struct nvb_error **err)
{
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "which GPUs a job gets is Slurm's to say: '%s'",
                         words);
    return nvb_error_hint(err, "--gpu count=N");
}

static int count_here(const struct nvb_generate *g, uint64_t *ret, struct nvb_error **err)
{
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    if (nvb_host_open(&g->cli->host, &host, err) < 0 || nvb_host_find_gpus(&host, &gpus, err) < 0)
        return -1;
    *ret = gpus.count;
    return gpus.count ? 0 : ask_for_number("all", err);
}

static int count_items(const struct nvb_generate *g, const struct nvb_selection *selection,
                       const char *words, uint64_t *ret, struct nvb_error **err)
{
    uint64_t count = 0;
    nvb_vec_foreach (item, &selection->items) {
        if (item->kind == NVB_ITEM_ALL)
            return count_here(g, ret, err);
        if (item->kind != NVB_ITEM_INDEX || item->last - item->first >= MAX_GPUS)
            return ask_for_number(words, err);
        count += item->last - item->first + 1;
    }
    *ret = count;
    return 0;
}

/* GPUs that the engine's own options name: the value, borrowed, or NULL. */
static const char *find_named(const struct nvb_plan_line *line)
{
    nvb_vec_foreach (option, &line->options) {
        const char *value = option->value ? option->value : "";
        if (nvb_plan_option_is(option, "device") &&
            (nvb_has_prefix(value, "nvidia.com/gpu=") || nvb_has_prefix(value, "/dev/nvidia")))
            return value;
        if (nvb_plan_option_is(option, "env") && nvb_has_prefix(value, "NVIDIA_VISIBLE_DEVICES="))
            return value;
    }
    return NULL;
}

static int count_gpus(const struct nvb_generate *g, uint64_t *ret, struct nvb_error **err)
{
    _cleanup_(nvb_selection_done) struct nvb_selection selection = {0};
    const struct nvb_request *request = &g->request;
    const char *words = request->gpu ? request->gpu : request->gpus;
    int r;
    if (!words && find_named(&g->plan.user))
        return ask_for_number(find_named(&g->plan.user), err);
    if (!words)
        words = "all";
    if (request->gpus && !request->gpu)
        r = nvb_selection_parse_docker(words, &selection, err);
    else
        r = nvb_selection_parse(words, &selection, err);
    if (r < 0)
        return -1;
    *ret = 0;
    if (selection.kind == NVB_SELECT_COUNT)
        *ret = selection.count;
    if (selection.kind == NVB_SELECT_ITEMS && count_items(g, &selection, words, ret, err) < 0)
        return -1;
    return *ret > MAX_GPUS ? ask_for_number(words, err) : 0;
}

/* Letters of which a job's name may be: others become "-". Owned by the caller. */
static char *make_name(const struct nvb_generate *g)
{
    const char *wanted = nvb_cli_value(&g->values, NVB_GENERATE_SLURM_JOB);
    const char *container = nvb_plan_line_value(&g->plan.user, "name");
    if (wanted)
        return nvb_strdup(wanted);
    if (container && nvb_unit_is_name(container))
        return nvb_strdup(container);
    return nvb_generate_name_of_image(g->plan.image);
}

static int absolute(const char *path, char **ret, struct nvb_error **err)
{
    if (!path)
        return 0;
    *ret = realpath(path, NULL);
    return *ret ? 0 : nvb_error_make(err, NVB_ERROR_NOT_FOUND, errno, "cannot look at '%s'", path);
}

int nvb_generate_slurm(struct nvb_generate *g, struct nvb_error **err)
{
    _cleanup_free_ char *self = NULL;
    _cleanup_free_ char *config = NULL;
    _cleanup_free_ char *root = NULL;
    struct nvb_slurm_options options = {
        .partition = nvb_cli_value(&g->values, NVB_GENERATE_SLURM_PARTITION),
        .account = nvb_cli_value(&g->values, NVB_GENERATE_SLURM_ACCOUNT),
        .time = nvb_cli_value(&g->values, NVB_GENERATE_SLURM_TIME),
        .gpu_type = nvb_cli_value(&g->values, NVB_GENERATE_SLURM_TYPE),
    };
    if (nvb_generate_read(g, err) < 0 || count_gpus(g, &options.gpus, err) < 0 ||
        absolute(g->cli->config, &config, err) < 0 ||
        absolute(g->cli->host.host_root, &root, err) < 0 ||
        absolute("/proc/self/exe", &self, err) < 0)
        return -1;
    _cleanup_free_ char *name = make_name(g);
    options.nvbind = self;
    options.config = config;
    options.host_root = root;
    options.job_name = name;
    if (nvb_writer_slurm(&g->request, &g->plan, &options, &g->text, err) < 0)
        return -1;
    return nvb_generate_put(g, 0700, err);
}
