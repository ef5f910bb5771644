/* nvbind generate kube: which GPUs an object asks for, by whose names. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/full_image.h"
#include "cli/generate.h"
#include "data/kube_text.h"
#include "host/host.h"
#include "host/nvml.h"
#include "plan/selection.h"
#include "writer/kube.h"

extern char **environ;

#define OWN_GPUS "nvidia.com/gpu"
#define DRA_GPU  "gpu.nvidia.com"
#define DRA_MIG  "mig.nvidia.com"

struct kube {
    struct nvb_generate *g;
    struct nvb_kube_options options;
    struct nvb_kube_gpus gpus;
    struct nvb_strv names; /* what the limits borrow */
    char *name, *folder, *selector, *product;
    uint64_t count; /* "count=N" of the request */
    bool counted;   /* that it was, or that --resource says what to ask for */
};

static void kube_done(struct kube *k)
{
    nvb_vec_release(&k->gpus.limits);
    nvb_strv_done(&k->names);
    free(k->name);
    free(k->folder);
    free(k->selector);
    free(k->product);
}

/* ---- options ---- */

static int read_word(const struct nvb_generate *g, size_t option, const char *const *words,
                     size_t count, size_t *ret, struct nvb_error **err)
{
    const char *value = nvb_cli_value(&g->values, option);
    const struct nvb_cli_option *row = &g->options[option];
    *ret = 0;
    if (!value)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], value) == 0) {
            *ret = i;
            return 0;
        }
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--%s is '%s'", row->name, value);
    return nvb_error_hint(err, "--%s %s", row->name, row->value);
}

static int refuse_on_podman(const struct nvb_generate *g, struct nvb_error **err)
{
    static const size_t clusters[] = {NVB_GENERATE_KUBE_DRA, NVB_GENERATE_KUBE_DRA_VERSION,
                                      NVB_GENERATE_KUBE_PRODUCT, NVB_GENERATE_KUBE_RESOURCE,
                                      NVB_GENERATE_KUBE_RUNTIME_CLASS};
    for (size_t i = 0; i < NVB_COUNT(clusters); i++)
        if (g->values.values[clusters[i]].count) {
            (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--%s is a cluster's",
                                 g->options[clusters[i]].name);
            return nvb_error_hint(err, "--target cluster");
        }
    return 0;
}

static int read_options(struct kube *k, struct nvb_error **err)
{
    static const char *const targets[] = {"podman", "cluster"};
    static const char *const kinds[] = {"pod", "deployment", "job"};
    static const char *const versions[] = {"v1", "v1beta1", "v1beta2"};
    struct nvb_generate *g = k->g;
    size_t target, kind, version;
    if (read_word(g, NVB_GENERATE_KUBE_TARGET, targets, NVB_COUNT(targets), &target, err) < 0 ||
        read_word(g, NVB_GENERATE_KUBE_KIND, kinds, NVB_COUNT(kinds), &kind, err) < 0 ||
        read_word(g, NVB_GENERATE_KUBE_DRA_VERSION, versions, NVB_COUNT(versions), &version, err) <
            0)
        return -1;
    k->options.target = target ? NVB_KUBE_CLUSTER : NVB_KUBE_PODMAN;
    k->options.kind = (enum nvb_kube_kind)kind;
    k->gpus.runtime_class = nvb_cli_value(&g->values, NVB_GENERATE_KUBE_RUNTIME_CLASS);
    if (g->values.values[NVB_GENERATE_KUBE_DRA].count)
        k->gpus.claim.version = versions[version];
    if (!target && refuse_on_podman(g, err) < 0)
        return -1;
    if (k->gpus.runtime_class && !nvb_kube_is_subdomain(k->gpus.runtime_class))
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "--runtime-class is '%s'",
                              k->gpus.runtime_class);
    return 0;
}

static int read_version(struct kube *k, struct nvb_error **err)
{
    const char *word = nvb_cli_value(&k->g->values, NVB_GENERATE_KUBE_PODMAN_VERSION);
    k->options.version = k->g->planning.engine.version;
    if (!word || nvb_generate_parse_version(word, &k->options.version) == 0)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--podman-version is '%s'", word);
    return nvb_error_hint(err, "--podman-version 5.4");
}

static void add_limit(struct kube *k, const char *name, uint64_t count)
{
    nvb_vec_foreach (limit, &k->gpus.limits)
        if (strcmp(limit->name, name) == 0) {
            limit->count += count;
            return;
        }
    nvb_strv_add(&k->names, name);
    struct nvb_kube_limit *limit = nvb_vec_add(&k->gpus.limits);
    limit->name = k->names.items[k->names.count - 1];
    limit->count = count;
}

/* --resource NAME=N. Returns 0 or -1. */
static int read_resources(struct kube *k, struct nvb_error **err)
{
    const struct nvb_strv *words = &k->g->values.values[NVB_GENERATE_KUBE_RESOURCE];
    nvb_vec_foreach (word, words) {
        const size_t len = strcspn(*word, "=");
        _cleanup_free_ char *name = nvb_strndup(*word, len);
        const char *number = *word + len + ((*word)[len] != '\0');
        uint64_t count;
        if (!strchr(name, '/') || !nvb_kube_is_key(name) ||
            nvb_parse_u64(number, strlen(number), 10, &count) < 0 || count == 0) {
            (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--resource is '%s'", *word);
            return nvb_error_hint(err, "--resource nvidia.com/mig-1g.5gb=1");
        }
        add_limit(k, name, count);
    }
    k->counted = words->count > 0;
    if (!k->counted || !k->gpus.claim.version)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--resource and --dra are two ways");
    return nvb_error_hint(err, "leave one out");
}

/* ---- the request, as far as no GPU has to be here ---- */

/* "count=2" of --gpu, "2" and "count=2" of --gpus; "all" where a claim can say so. */
static int read_count(struct kube *k, struct nvb_error **err)
{
    _cleanup_selection_ struct nvb_selection selection = {0};
    const struct nvb_request *request = &k->g->request;
    int r = 1;
    if (request->gpu)
        r = nvb_selection_parse(request->gpu, &selection, err);
    else if (request->gpus)
        r = nvb_selection_parse_docker(request->gpus, &selection, err);
    if (r < 0)
        return -1;
    const bool all = r == 0 && selection.kind == NVB_SELECT_ITEMS && selection.items.count == 1 &&
                     selection.items.items[0].kind == NVB_ITEM_ALL;
    if (r == 0 && selection.kind == NVB_SELECT_COUNT) {
        k->counted = true;
        k->count = selection.count;
        if (!k->gpus.claim.version)
            add_limit(k, OWN_GPUS, selection.count);
    }
    if (all && k->gpus.claim.version)
        k->counted = true;
    return 0;
}

/* What only a machine's own GPUs can be told is not for a cluster. */
static int check_request(const struct kube *k, struct nvb_error **err)
{
    const struct nvb_request *request = &k->g->request;
    const bool cluster = k->options.target == NVB_KUBE_CLUSTER;
    const char *option = NULL;
    if (request->isolate == NVB_ISOLATE_STRICT ||
        (!cluster && request->isolate == NVB_ISOLATE_DEVICE))
        option = "--isolate";
    else if (!cluster && request->capabilities)
        option = "--capabilities";
    else if (!cluster && request->cdi == NVB_CDI_REFUSE)
        option = "--no-cdi";
    if (!option)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                         "a pod cannot have '%s': %s brings all that belongs to a GPU", option,
                         cluster ? "the node's device plugin" : "the machine's CDI specification");
    return nvb_error_hint(err, "leave it out, or: nvbind generate systemd …");
}

/* Plans without GPUs: those of the cluster's nodes are asked for by number. */
static void ask_for_none(struct nvb_request *request)
{
    free(request->gpu);
    request->gpu = nvb_strdup("none");
    free(TAKE_PTR(request->gpus));
    request->gpu_runtime = false;
}

/* ---- a cluster's names ---- */

/* Whether the user named GPUs, and so their model, rather than a number of them. */
static bool is_specific(const struct nvb_plan *plan)
{
    const char *words = plan->selection ? plan->selection : "";
    return !nvb_has_prefix(words, "count=") && strcmp(words, "all") != 0 && *words;
}

static int read_profiles(const struct kube *k, struct nvb_strv *ret, struct nvb_error **err)
{
    const struct nvb_generate *g = k->g;
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    _cleanup_nvml_ struct nvb_nvml nvml = NVB_NVML_INIT;
    if (nvb_host_open(&g->cli->host, &host, err) < 0 || nvb_host_find_gpus(&host, &gpus, err) < 0)
        return -1;
    nvb_nvml_ask(&host, NULL, NVB_NVML_MIG_UUIDS, NVB_NVML_NAME_MS, &gpus, &nvml);
    nvb_vec_foreach (chosen, &g->plan.gpus) {
        const char *profile = NULL;
        nvb_vec_foreach (gpu, &gpus)
            nvb_vec_foreach (mig, &gpu->migs)
                if (strcmp(gpu->pci, chosen->pci) == 0 && mig->gi == chosen->gi &&
                    mig->ci == chosen->ci)
                    profile = mig->profile;
        if (chosen->is_mig && !profile) {
            _cleanup_free_ char *name = nvb_plan_gpu_name(chosen);
            (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                                 "the profile of MIG device %s is not known: %s", name,
                                 nvml.why ? nvml.why : "NVML does not tell it");
            return nvb_error_hint(err, "nvbind generate kube --target cluster --resource "
                                       "nvidia.com/mig-1g.5gb=1 …");
        }
        nvb_strv_add(ret, chosen->is_mig ? profile : "");
    }
    return 0;
}

/* A device plugin's resource for a MIG profile: "nvidia.com/mig-1g.10gb.me" of "1g.10gb+me". */
static char *mig_resource(const char *profile)
{
    char *name = nvb_strdupf("nvidia.com/mig-%s", profile);
    for (char *p = name; *p; p++)
        *p = *p == '+' ? '.' : *p;
    return name;
}

static int differ(const char *what, const char *one, const char *other, struct nvb_error **err)
{
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "a pod gets GPUs of one %s, not '%s' and '%s'",
                         what, one, other);
    return nvb_error_hint(err, "--gpu count=N, or GPUs that are alike");
}

/* The one model of the plan's GPUs, borrowed, or NULL where it is not known. Returns 0 or -1. */
static int find_model(const struct nvb_plan *plan, const char **ret, struct nvb_error **err)
{
    *ret = NULL;
    nvb_vec_foreach (gpu, &plan->gpus) {
        if (*ret && gpu->model && strcmp(*ret, gpu->model) != 0)
            return differ("model", *ret, gpu->model, err);
        *ret = gpu->model ? gpu->model : *ret;
    }
    return 0;
}

/* A string of CEL. */
static void add_quoted(struct nvb_str *s, const char *text)
{
    nvb_str_addc(s, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            nvb_str_addc(s, '\\');
        nvb_str_addc(s, *text);
    }
    nvb_str_addc(s, '"');
}

static void add_condition(struct nvb_str *s, const char *attribute, const char *value)
{
    nvb_str_addf(s, "%sdevice.attributes[\"" DRA_GPU "\"].%s == ", s->len ? " && " : "", attribute);
    add_quoted(s, value);
}

/* MODEL and PROFILE may be NULL: any. */
static int fill_claim(struct kube *k, const char *model, const struct nvb_strv *profiles,
                      struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    struct nvb_kube_claim *claim = &k->gpus.claim;
    const char *profile = profiles->count ? profiles->items[0] : "";
    nvb_vec_foreach (other, profiles)
        if (strcmp(*other, profile) != 0)
            return differ("kind", *profile ? profile : "whole", **other ? *other : "whole", err);
    claim->class = *profile ? DRA_MIG : DRA_GPU;
    claim->count = k->counted ? k->count : k->g->plan.gpus.count;
    if (model)
        add_condition(&s, "productName", model);
    if (*profile)
        add_condition(&s, "profile", profile);
    if (s.len)
        claim->selector = k->selector = nvb_str_steal(&s);
    return 0;
}

static int fill_cluster(struct kube *k, struct nvb_error **err)
{
    const struct nvb_plan *plan = &k->g->plan;
    const char *model = nvb_cli_value(&k->g->values, NVB_GENERATE_KUBE_PRODUCT);
    _cleanup_strv_ struct nvb_strv profiles = {0};
    if (!k->counted && plan->gpus.count == 0) {
        k->gpus.claim.version = NULL;
        return 0;
    }
    if (!k->counted && read_profiles(k, &profiles, err) < 0)
        return -1;
    if (!model && !k->counted && is_specific(plan) && find_model(plan, &model, err) < 0)
        return -1;
    if (k->gpus.claim.version)
        return fill_claim(k, model, &profiles, err);
    nvb_vec_foreach (profile, &profiles) {
        _cleanup_free_ char *name = **profile ? mig_resource(*profile) : nvb_strdup(OWN_GPUS);
        add_limit(k, name, 1);
    }
    if (model) {
        k->gpus.product = k->product = nvb_kube_make_product(model);
        if (!*k->product || !nvb_kube_is_label_value(k->product))
            return nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is no GPU's model", model);
    }
    return 0;
}

/* ---- Podman's names ---- */

static int no_way(const struct kube *k, const char *why, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str words = NVB_STR_INIT;
    nvb_vec_foreach (word, &k->g->words) {
        nvb_str_addc(&words, ' ');
        nvb_str_add_shell(&words, *word);
    }
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "%s", why);
    return nvb_error_hint(err,
                          "nvbind generate kube --target cluster%s | nvbind kube play -, which "
                          "brings GPUs on every Podman",
                          words.data);
}

static int fill_podman(struct kube *k, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv devices = {0};
    const struct nvb_generate *g = k->g;
    if (g->planning.engine.kind != NVB_ENGINE_PODMAN) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "Docker plays no pods");
        return nvb_error_hint(err, "--target cluster, or --runtime podman");
    }
    if (nvb_generate_name_devices(g, &devices, NULL) > 0)
        return no_way(k,
                      "no CDI specification that Podman reads by itself has these GPUs, so that "
                      "'podman kube play' would find none ('sudo nvbind cdi refresh' writes one)",
                      err);
    if (devices.count && k->options.version < NVB_KUBE_CDI_SINCE)
        return no_way(k, "'podman kube play' brings GPUs from Podman 5.4 on", err);
    nvb_vec_foreach (device, &devices)
        add_limit(k, *device, 1);
    return 0;
}

/* ---- all together ---- */

static int choose_name(struct kube *k, struct nvb_error **err)
{
    const char *wanted = nvb_plan_value(&k->g->plan, "name");
    _cleanup_free_ char *image = nvb_generate_name_of_image(k->g->plan.image);
    if (!wanted || !*wanted)
        wanted = image;
    k->name = nvb_kube_make_label(wanted, 63);
    k->options.container = k->name;
    if (!k->name) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is no name for a pod", wanted);
        return nvb_error_hint(err, "--name NAME, of small letters, digits and -");
    }
    if (wanted != image && strcmp(wanted, k->name) != 0)
        nvb_notes_add(&k->g->planning.notes, NVB_NOTE_NOTICE,
                      "the pod's name is '%s': Kubernetes' names are of small letters, digits and "
                      "-",
                      k->name);
    return 0;
}

/* How a container outlives this driver, and where Podman alone would look for its image: nothing of
 * that holds for who plays a pod. */
static void drop_notices(struct nvb_notes *notes)
{
    size_t kept = 0;
    for (size_t i = 0; i < notes->count; i++) {
        struct nvb_note *note = &notes->items[i];
        if (note->level == NVB_NOTE_NOTICE) {
            free(note->text);
            free(note->hint);
        } else {
            notes->items[kept++] = *note;
        }
    }
    notes->count = kept;
}

static int resolve(struct kube *k, struct nvb_error **err)
{
    struct nvb_generate *g = k->g;
    const bool cluster = k->options.target == NVB_KUBE_CLUSTER;
    if (cluster && (read_resources(k, err) < 0 || (!k->counted && read_count(k, err) < 0)))
        return -1;
    if (k->counted)
        ask_for_none(&g->request);
    if (nvb_generate_resolve(g, true, err) < 0) {
        if (cluster && !k->counted && err && *err && (*err)->kind == NVB_ERROR_NOT_FOUND)
            (void)nvb_error_hint(err, "--gpu count=N: a cluster is asked for a number of GPUs");
        return -1;
    }
    drop_notices(&g->planning.notes);
    if (!cluster && nvb_cli_name_image(&g->planning, &g->plan, &g->exec, err) < 0)
        return -1;
    if (cluster && g->request.capabilities) {
        _cleanup_free_ char *pair =
            nvb_strdupf("NVIDIA_DRIVER_CAPABILITIES=%s", g->request.capabilities);
        nvb_plan_line_add(&g->plan.user, "env", pair);
    }
    return 0;
}

static int fill(struct kube *k, struct nvb_error **err)
{
    struct nvb_generate *g = k->g;
    if (read_options(k, err) < 0 || nvb_generate_read(g, err) < 0 || check_request(k, err) < 0 ||
        resolve(k, err) < 0 || choose_name(k, err) < 0 || read_version(k, err) < 0)
        return -1;
    k->folder = getcwd(NULL, 0);
    k->options.folder = k->folder ? k->folder : "/";
    const int r =
        k->options.target == NVB_KUBE_CLUSTER ? fill_cluster(k, err) : fill_podman(k, err);
    if (r < 0)
        return -1;
    return nvb_writer_kube(&g->plan, &k->options, k->name, &k->gpus, &g->text, &g->planning.notes,
                           err);
}

int nvb_generate_kube(struct nvb_generate *g, struct nvb_error **err)
{
    struct kube k = {.g = g};
    int r = fill(&k, err);
    nvb_cli_print_notes(g->cli, &g->planning.notes);
    if (r == 0)
        r = nvb_generate_put(g, 0644, err);
    kube_done(&k);
    return r;
}
