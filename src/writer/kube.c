/*
 * The objects around a container: the parts are filled first, then laid into one another, with the
 * keys in the order that people write them.
 */

#include "writer/kube.h"

#include <string.h>

#include "data/kube_text.h"
#include "data/yaml.h"

/* "app" for the selector of a deployment; "app.kubernetes.io/name" is what the objects of one
 * application bear (Kubernetes documentation, "Recommended Labels"). */
#define LABEL "app.kubernetes.io/name"

struct kube {
    const struct nvb_plan *plan;
    const struct nvb_kube_options *options;
    const char *name;
    const struct nvb_kube_gpus *gpus;
    struct nvb_doc meta, pod, container;
};

static void kube_done(struct kube *k)
{
    nvb_doc_done(&k->meta);
    nvb_doc_done(&k->pod);
    nvb_doc_done(&k->container);
}

static void put_nulls(struct nvb_doc *map, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        nvb_doc_put_text(map, keys[i], NULL);
}

/* Takes out the places that nothing came to. */
static void prune(struct nvb_doc *map)
{
    size_t kept = 0;
    nvb_vec_foreach (member, &map->map) {
        if (member->value.type == NVB_DOC_NULL)
            free(member->key);
        else
            map->map.items[kept++] = *member;
    }
    map->map.count = kept;
}

static void lay_out(struct kube *k)
{
    static const char *const meta[] = {"name", "labels", "annotations"};
    static const char *const pod[] = {
        "restartPolicy",   "hostname",       "runtimeClassName",
        "nodeSelector",    "hostNetwork",    "terminationGracePeriodSeconds",
        "dnsPolicy",       "dnsConfig",      "hostAliases",
        "securityContext", "resourceClaims", "containers",
        "volumes",
    };
    static const char *const container[] = {
        "name",         "image",        "imagePullPolicy", "command",
        "args",         "workingDir",   "stdin",           "tty",
        "env",          "ports",        "resources",       "securityContext",
        "volumeMounts", "startupProbe", "readinessProbe",  "livenessProbe",
    };
    put_nulls(&k->meta, meta, NVB_COUNT(meta));
    put_nulls(&k->pod, pod, NVB_COUNT(pod));
    put_nulls(&k->container, container, NVB_COUNT(container));
}

/* What holds where no option says otherwise: an engine's defaults, which are not Kubernetes'. */
static void fill_defaults(struct kube *k)
{
    static const char *const policies[] = {
        [NVB_KUBE_POD] = "Never",
        [NVB_KUBE_DEPLOYMENT] = "Always",
        [NVB_KUBE_JOB] = "Never",
    };
    nvb_doc_set_text(nvb_doc_at(&k->meta, "name"), k->name);
    nvb_doc_set_text(nvb_doc_at(nvb_doc_at(&k->meta, "labels"), LABEL), k->name);
    nvb_doc_set_text(nvb_doc_at(&k->pod, "restartPolicy"), policies[k->options->kind]);
    nvb_doc_set_text(nvb_doc_at(&k->container, "name"), k->options->container);
    nvb_doc_set_text(nvb_doc_at(&k->container, "image"), k->plan->image);
    nvb_doc_set_text(nvb_doc_at(&k->container, "imagePullPolicy"), "IfNotPresent");
}

static void fill_gpus(struct kube *k)
{
    const struct nvb_kube_gpus *gpus = k->gpus;
    if (gpus->limits.count || gpus->claim.version) {
        struct nvb_doc *resources = nvb_doc_at(&k->container, "resources");
        nvb_vec_foreach (limit, &gpus->limits)
            nvb_doc_set_uint(nvb_doc_at(nvb_doc_at(resources, "limits"), limit->name),
                             limit->count);
        if (gpus->claim.version)
            nvb_doc_put_text(nvb_doc_push(nvb_doc_at(resources, "claims")), "name", "gpu");
    }
    if (gpus->claim.version) {
        struct nvb_doc *claim = nvb_doc_push(nvb_doc_at(&k->pod, "resourceClaims"));
        nvb_doc_put_text(claim, "name", "gpu");
        nvb_doc_put_text(claim, "resourceClaimTemplateName", k->name);
    }
    if (gpus->runtime_class)
        nvb_doc_set_text(nvb_doc_at(&k->pod, "runtimeClassName"), gpus->runtime_class);
    if (gpus->product)
        nvb_doc_set_text(nvb_doc_at(nvb_doc_at(&k->pod, "nodeSelector"), "nvidia.com/gpu.product"),
                         gpus->product);
}

/* ---- the objects ---- */

/* resource.k8s.io: v1 and v1beta2 put the request into "exactly", v1beta1 does not. */
static void make_claim(const struct kube *k, struct nvb_doc *ret)
{
    const struct nvb_kube_claim *claim = &k->gpus->claim;
    _cleanup_free_ char *version = nvb_strdupf("resource.k8s.io/%s", claim->version);
    nvb_doc_put_text(ret, "apiVersion", version);
    nvb_doc_put_text(ret, "kind", "ResourceClaimTemplate");
    nvb_doc_put_text(nvb_doc_put(ret, "metadata"), "name", k->name);
    struct nvb_doc *devices = nvb_doc_put(nvb_doc_put(nvb_doc_put(ret, "spec"), "spec"), "devices");
    struct nvb_doc *request = nvb_doc_push(nvb_doc_put(devices, "requests"));
    nvb_doc_put_text(request, "name", "gpu");
    if (strcmp(claim->version, "v1beta1") != 0)
        request = nvb_doc_put(request, "exactly");
    nvb_doc_put_text(request, "deviceClassName", claim->class);
    nvb_doc_put_text(request, "allocationMode", claim->count ? "ExactCount" : "All");
    if (claim->count)
        nvb_doc_put_uint(request, "count", claim->count);
    if (claim->selector)
        nvb_doc_put_text(nvb_doc_put(nvb_doc_push(nvb_doc_put(request, "selectors")), "cel"),
                         "expression", claim->selector);
}

static void put_head(struct nvb_doc *doc, const char *version, const char *kind)
{
    nvb_doc_put_text(doc, "apiVersion", version);
    nvb_doc_put_text(doc, "kind", kind);
}

/* "on-failure:3": how often a job is tried again. */
static void put_retries(const struct kube *k, struct nvb_doc *spec)
{
    const char *restart = nvb_plan_value(k->plan, "restart");
    const char *colon = restart ? strchr(restart, ':') : NULL;
    uint64_t count;
    if (colon && nvb_parse_u64(colon + 1, strlen(colon + 1), 10, &count) == 0)
        nvb_doc_put_uint(spec, "backoffLimit", count);
    else
        nvb_doc_put_int(spec, "backoffLimit", 0);
    if (nvb_plan_is_on(k->plan, "rm"))
        nvb_doc_put_int(spec, "ttlSecondsAfterFinished", 0);
}

static void make_template(struct kube *k, struct nvb_doc *ret)
{
    const bool job = k->options->kind == NVB_KUBE_JOB;
    _cleanup_doc_ struct nvb_doc labels = {0};
    const struct nvb_doc *annotations = nvb_doc_find(&k->meta, "annotations");
    put_head(ret, job ? "batch/v1" : "apps/v1", job ? "Job" : "Deployment");
    struct nvb_doc *meta = nvb_doc_put(ret, "metadata");
    nvb_doc_put_text(meta, "name", k->name);
    nvb_doc_put_text(nvb_doc_put(meta, "labels"), LABEL, k->name);
    /* Podman reads those of the object, a cluster those of its template. */
    if (annotations && annotations->type == NVB_DOC_MAP && k->options->target == NVB_KUBE_PODMAN) {
        struct nvb_doc *copy = nvb_doc_put(meta, "annotations");
        nvb_vec_foreach (member, &annotations->map)
            nvb_doc_put_text(copy, member->key, member->value.text);
    }
    struct nvb_doc *spec = nvb_doc_put(ret, "spec");
    if (job) {
        put_retries(k, spec);
    } else {
        nvb_doc_put_int(spec, "replicas", 1);
        nvb_doc_put_text(nvb_doc_put(nvb_doc_put(spec, "selector"), "matchLabels"), LABEL, k->name);
    }
    struct nvb_doc *template = nvb_doc_put(spec, "template");
    nvb_doc_set_text(nvb_doc_at(&k->meta, "name"), NULL);
    prune(&k->meta);
    *nvb_doc_put(template, "metadata") = TAKE_STRUCT(k->meta);
    *nvb_doc_put(template, "spec") = TAKE_STRUCT(k->pod);
}

static void make_object(struct kube *k, struct nvb_doc *ret)
{
    prune(&k->container);
    struct nvb_doc *containers = nvb_doc_at(&k->pod, "containers");
    *nvb_doc_push(containers) = TAKE_STRUCT(k->container);
    prune(&k->pod);
    if (k->options->kind != NVB_KUBE_POD) {
        make_template(k, ret);
        return;
    }
    prune(&k->meta);
    put_head(ret, "v1", "Pod");
    *nvb_doc_put(ret, "metadata") = TAKE_STRUCT(k->meta);
    *nvb_doc_put(ret, "spec") = TAKE_STRUCT(k->pod);
}

const char *nvb_kube_find_misread(const struct nvb_doc *doc)
{
    const char *found = NULL;
    if (doc->type == NVB_DOC_TEXT)
        return strchr(doc->text, '\n') && strchr(" \t\n", doc->text[0]) ? doc->text : NULL;
    if (doc->type == NVB_DOC_LIST)
        nvb_vec_foreach (item, &doc->list)
            found = found ? found : nvb_kube_find_misread(item);
    if (doc->type == NVB_DOC_MAP)
        nvb_vec_foreach (member, &doc->map)
            found = found ? found : nvb_kube_find_misread(&member->value);
    return found;
}

static int check_texts(const struct kube *k, const struct nvb_doc *object, struct nvb_error **err)
{
    const char *text = k->options->target == NVB_KUBE_PODMAN ? nvb_kube_find_misread(object) : NULL;
    _cleanup_str_ struct nvb_str quoted = NVB_STR_INIT;
    if (!text)
        return 0;
    nvb_str_add_shell(&quoted, text);
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                         "podman kube play misreads text of several lines that begins with a blank "
                         "or an empty line: %s",
                         quoted.data);
    return nvb_error_hint(err, "let it begin with something else, or: nvbind generate systemd …");
}

static int write_all(struct kube *k, struct nvb_str *ret, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc object = {0};
    _cleanup_doc_ struct nvb_doc claim = {0};
    nvb_str_addf(ret, "# Made by 'nvbind generate kube --target %s'.\n",
                 k->options->target == NVB_KUBE_CLUSTER ? "cluster" : "podman");
    if (k->gpus->claim.version) {
        make_claim(k, &claim);
        if (nvb_yaml_write(&claim, ret, err) < 0)
            return -1;
        nvb_str_add(ret, "---\n");
    }
    make_object(k, &object);
    if (check_texts(k, &object, err) < 0)
        return -1;
    return nvb_yaml_write(&object, ret, err);
}

int nvb_writer_kube(const struct nvb_plan *plan, const struct nvb_kube_options *options,
                    const char *name, const struct nvb_kube_gpus *gpus, struct nvb_str *ret,
                    struct nvb_notes *notes, struct nvb_error **err)
{
    struct kube k = {.plan = plan, .options = options, .name = name, .gpus = gpus};
    const struct nvb_kube_place place = {&k.meta, &k.pod, &k.container};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    lay_out(&k);
    fill_defaults(&k);
    int r = nvb_kube_add_options(plan, options, &place, notes, err);
    if (r == 0)
        r = nvb_kube_add_command(plan, options, &k.container, err);
    if (r == 0) {
        fill_gpus(&k);
        r = write_all(&k, &text, err);
    }
    if (r == 0)
        nvb_str_addn(ret, text.data, text.len);
    kube_done(&k);
    return r;
}
