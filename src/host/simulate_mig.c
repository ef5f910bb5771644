#include <string.h>

#include "host/simulate_parts.h"

/*
 * Theory of operation. A GPU of the simulated model has seven compute slices and eight of memory. A
 * profile takes some of each, in one of a few places. The number of a GPU instance tells its size
 * and place: 0 is the whole, 1 and 2 are the halves, 3 to 6 the quarters, 7 to 14 the eighths. So
 * "nvidia-smi mig -cgi" with 4g.20gb, 2g.10gb and 1g.5gb makes the instances 1, 5 and 13, as
 * NVIDIA's MIG User Guide shows.
 */

#define COMPUTE_SLICES 7
#define MEMORY_SLICES  8

/* The driver's static table of minors: config, monitor, then each GPU's 15 GPU instances with 8
 * compute instances each (kernel-open/nvidia/nv-caps.c). */
#define CONFIG_MINOR  1
#define MONITOR_MINOR 2
#define GI_MINORS     9
#define GPU_MINORS    (15 * GI_MINORS)
#define TABLE_GPUS    32

static const struct profile {
    const char *name;
    unsigned compute, memory;
    unsigned places; /* a bit for each memory slice where it may begin */
} profiles[] = {
    {"1g.5gb", 1, 1, 0x7f},  {"1g.10gb", 1, 2, 0x55}, {"2g.10gb", 2, 2, 0x15},
    {"3g.20gb", 3, 4, 0x11}, {"4g.20gb", 4, 4, 0x01}, {"7g.40gb", 7, 8, 0x01},
};

struct instance {
    const struct profile *profile;
    unsigned cis;
    unsigned gi;
};

struct cut {
    unsigned first, last; /* GPUs */
    struct NVB_VEC(struct instance) instances;
};

static void cut_done(struct cut *cut)
{
    nvb_vec_release(&cut->instances);
}

/* ---- words ---------------------------------------------------------------------------------- */

static int fail_word(const char *word, const char *what, struct nvb_error **err)
{
    nvb_error_make(err, NVB_ERROR_USAGE, 0, "--mig: '%s' %s", word, what);
    return nvb_error_hint(err, "--mig 0:3g.20gb,2x1g.5gb, with 1g.5gb, 1g.10gb, 2g.10gb, 3g.20gb, "
                               "4g.20gb or 7g.40gb");
}

/* "3x1g.5gb", "3g.20gb/2". */
static int read_instance(const char *word, struct cut *cut, struct nvb_error **err)
{
    const char *name = word;
    size_t digits = strspn(word, "0123456789");
    uint64_t count = 1;
    uint64_t cis = 1;
    if (digits && word[digits] == 'x') {
        if (nvb_parse_u64(word, digits, 10, &count) < 0 || count < 1 || count > COMPUTE_SLICES)
            return fail_word(word, "is not 1 to 7 instances", err);
        name = word + digits + 1;
    }
    size_t len = strcspn(name, "/");
    const struct profile *profile = NULL;
    for (size_t i = 0; i < NVB_COUNT(profiles); i++)
        if (strlen(profiles[i].name) == len && memcmp(profiles[i].name, name, len) == 0)
            profile = &profiles[i];
    if (!profile)
        return fail_word(word, "is no profile of the simulated GPU", err);
    if (name[len] && (nvb_parse_u64(name + len + 1, strlen(name + len + 1), 10, &cis) < 0 ||
                      cis < 1 || cis > profile->compute))
        return fail_word(word, "asks for more compute instances than it has slices, or for none",
                         err);
    while (count--)
        nvb_vec_push(&cut->instances,
                     ((struct instance){.profile = profile, .cis = (unsigned)cis}));
    return 0;
}

static int read_gpus(const char *word, size_t len, unsigned gpus, struct cut *ret,
                     struct nvb_error **err)
{
    const char *dash = memchr(word, '-', len);
    size_t first_len = dash ? (size_t)(dash - word) : len;
    uint64_t first = 0;
    uint64_t last = gpus - 1;
    if (len != 3 || memcmp(word, "all", 3) != 0) {
        if (nvb_parse_u64(word, first_len, 10, &first) < 0)
            return fail_word(word, "does not begin with a GPU and ':'", err);
        last = first;
        if (dash && nvb_parse_u64(dash + 1, len - first_len - 1, 10, &last) < 0)
            return fail_word(word, "does not begin with a GPU and ':'", err);
    }
    if (first > last || last >= gpus) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "--mig: '%.*s' is not among the %u GPUs", (int)len,
                       word, gpus);
        return nvb_error_hint(err, "--gpus %u",
                              last < NVB_SIMULATE_MAX_GPUS ? (unsigned)last + 1
                                                           : NVB_SIMULATE_MAX_GPUS);
    }
    if (last >= TABLE_GPUS) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "--mig: the driver cuts no GPU beyond %d: '%.*s'",
                       TABLE_GPUS - 1, (int)len, word);
        return nvb_error_hint(err, "--mig 0-%d:1g.5gb", TABLE_GPUS - 1);
    }
    ret->first = (unsigned)first;
    ret->last = (unsigned)last;
    return 0;
}

/* ---- places --------------------------------------------------------------------------------- */

/* As the driver numbers them: halves from 1, quarters from 3, eighths from 7. */
static unsigned instance_number(const struct profile *profile, unsigned place)
{
    return MEMORY_SLICES / profile->memory - 1 + place / profile->memory;
}

static bool find_place(struct instance *instance, unsigned *taken)
{
    for (unsigned place = 0; place < MEMORY_SLICES; place++) {
        unsigned slices = ((1u << instance->profile->memory) - 1) << place;
        if (!(instance->profile->places & 1u << place) || (*taken & slices))
            continue;
        *taken |= slices;
        instance->gi = instance_number(instance->profile, place);
        return true;
    }
    return false;
}

/* Gives every instance its place, the largest first. */
static int place_instances(const char *word, struct cut *cut, struct nvb_error **err)
{
    unsigned taken = 0;
    unsigned compute = 0;
    for (unsigned memory = MEMORY_SLICES; memory > 0; memory /= 2) {
        nvb_vec_foreach (instance, &cut->instances) {
            if (instance->profile->memory != memory)
                continue;
            compute += instance->profile->compute;
            if (compute > COMPUTE_SLICES || !find_place(instance, &taken))
                return fail_word(word, "does not fit on one GPU of 7 compute and 8 memory slices",
                                 err);
        }
    }
    return 0;
}

static int read_cut(const char *word, unsigned gpus, struct cut *ret, struct nvb_error **err)
{
    _cleanup_(cut_done) struct cut cut = {0};
    _cleanup_strv_ struct nvb_strv words = {0};
    const char *colon = strchr(word, ':');
    if (!colon)
        return fail_word(word, "does not begin with a GPU and ':'", err);
    if (read_gpus(word, (size_t)(colon - word), gpus, &cut, err) < 0)
        return -1;
    nvb_strv_split(&words, colon + 1, ',');
    nvb_vec_foreach (instance, &words)
        if (read_instance(*instance, &cut, err) < 0)
            return -1;
    if (place_instances(word, &cut, err) < 0)
        return -1;
    *ret = TAKE_STRUCT(cut);
    return 0;
}

static int fail_twice(unsigned gpu, struct nvb_error **err)
{
    nvb_error_make(err, NVB_ERROR_USAGE, 0, "--mig names GPU %u twice", gpu);
    return nvb_error_hint(err, "--mig %u:2g.10gb,1g.5gb says all that is on it", gpu);
}

int nvb_simulate_check_mig(const struct nvb_simulate_options *options, struct nvb_error **err)
{
    uint64_t named = 0; /* a bit a GPU */
    for (size_t i = 0; options->mig && i < options->mig->count; i++) {
        _cleanup_(cut_done) struct cut cut = {0};
        if (read_cut(options->mig->items[i], options->gpus, &cut, err) < 0)
            return -1;
        for (unsigned gpu = cut.first; gpu <= cut.last; gpu++) {
            if (named & UINT64_C(1) << gpu)
                return fail_twice(gpu, err);
            named |= UINT64_C(1) << gpu;
        }
    }
    return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

static unsigned gi_minor(unsigned gpu, unsigned gi)
{
    return MONITOR_MINOR + 1 + gpu * GPU_MINORS + gi * GI_MINORS;
}

static int put_minors(const struct nvb_tree *tree, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    nvb_str_addf(&text, "config %d\nmonitor %d\n", CONFIG_MINOR, MONITOR_MINOR);
    for (unsigned gpu = 0; gpu < TABLE_GPUS; gpu++) {
        for (unsigned gi = 0; gi < GPU_MINORS / GI_MINORS; gi++) {
            unsigned minor = gi_minor(gpu, gi);
            nvb_str_addf(&text, "gpu%u/gi%u/access %u\n", gpu, gi, minor);
            for (unsigned ci = 0; ci + 1 < GI_MINORS; ci++)
                nvb_str_addf(&text, "gpu%u/gi%u/ci%u/access %u\n", gpu, gi, ci, minor + 1 + ci);
        }
    }
    return nvb_tree_put(tree, "proc/driver/nvidia-caps/mig-minors", text.data, text.len, 0444, err);
}

static int put_instance(const struct nvb_tree *tree, unsigned gpu, const struct instance *instance,
                        struct nvb_error **err)
{
    unsigned minor = gi_minor(gpu, instance->gi);
    _cleanup_free_ char *name = nvb_strdupf("gpu%u/mig/gi%u/access", gpu, instance->gi);
    if (nvb_simulate_capability(tree, name, minor, NVB_SIMULATE_CAP_ALL, err) < 0)
        return -1;
    for (unsigned ci = 0; ci < instance->cis; ci++) {
        _cleanup_free_ char *file =
            nvb_strdupf("gpu%u/mig/gi%u/ci%u/access", gpu, instance->gi, ci);
        if (nvb_simulate_capability(tree, file, minor + 1 + ci, NVB_SIMULATE_CAP_ALL, err) < 0)
            return -1;
    }
    return 0;
}

static int put_gpus(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                    struct nvb_error **err)
{
    /* The folder is there in every mode. */
    for (unsigned gpu = 0; gpu < options->gpus; gpu++) {
        _cleanup_free_ char *folder = nvb_strdupf("proc/driver/nvidia/capabilities/gpu%u/mig", gpu);
        if (nvb_tree_folder(tree, folder, err) < 0)
            return -1;
    }
    for (size_t i = 0; options->mig && i < options->mig->count; i++) {
        _cleanup_(cut_done) struct cut cut = {0};
        if (read_cut(options->mig->items[i], options->gpus, &cut, err) < 0)
            return -1;
        for (unsigned gpu = cut.first; gpu <= cut.last; gpu++)
            nvb_vec_foreach (instance, &cut.instances)
                if (put_instance(tree, gpu, instance, err) < 0)
                    return -1;
    }
    return 0;
}

int nvb_simulate_mig(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                     struct nvb_error **err)
{
    if (nvb_simulate_capability(tree, "mig/config", CONFIG_MINOR, NVB_SIMULATE_CAP_ROOT, err) < 0 ||
        nvb_simulate_capability(tree, "mig/monitor", MONITOR_MINOR, NVB_SIMULATE_CAP_ALL, err) <
            0 ||
        put_minors(tree, err) < 0)
        return -1;
    return put_gpus(tree, options, err);
}
