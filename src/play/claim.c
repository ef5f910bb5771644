#include "play/claim.h"

#include <string.h>

#include "play/request.h"
#include "play/tree.h"

/* What drivers call their classes of devices. */
static const struct {
    const char *class;
    enum nvb_play_kind kind;
    const char *what;
} classes[] = {
    {"gpu.nvidia.com", NVB_PLAY_GPU, NULL},
    {"gpu.amd.com", NVB_PLAY_FOREIGN, "amd.com/gpu"},
    {"gpu.intel.com", NVB_PLAY_FOREIGN, "intel.com/gpu"},
};

struct claims {
    const char *file;
    struct nvb_docs *docs;
    struct nvb_play_container *container;
    char *key; /* of the claim, for who shares it */
    struct nvb_error **err;
};

static int fail_at(const struct claims *c, const struct nvb_doc *doc)
{
    return nvb_error_at(c->err, c->file, doc->line, doc->column);
}

/* A short file can name a long one's requests again and again. */
static int check_number(const struct claims *c, const struct nvb_doc *list)
{
    if (list->list.count <= NVB_PLAY_MAX_REQUESTS &&
        c->container->requests.count <= NVB_PLAY_MAX_REQUESTS)
        return 0;
    (void)nvb_error_make(c->err, NVB_ERROR_CONFIG, 0, "more than %d claims", NVB_PLAY_MAX_REQUESTS);
    return fail_at(c, list);
}

/* The document of KIND and NAME, or NULL. */
static struct nvb_doc *find_document(struct nvb_docs *docs, const char *kind, const char *name)
{
    nvb_vec_foreach (doc, docs) {
        const char *its_kind = nvb_play_word(nvb_play_find(doc, "kind"));
        const char *its_name = nvb_play_word(nvb_play_find(nvb_play_find(doc, "metadata"), "name"));
        if (its_kind && its_name && strcmp(its_kind, kind) == 0 && strcmp(its_name, name) == 0)
            return doc;
    }
    return NULL;
}

static int add_request(const struct claims *c, struct nvb_doc *device)
{
    struct nvb_doc *exactly = nvb_play_find(device, "exactly"); /* v1 and v1beta2 */
    struct nvb_doc *wanted = exactly ? exactly : device;
    const struct nvb_doc *class = nvb_play_find(wanted, "deviceClassName");
    const struct nvb_doc *selectors = nvb_play_find(wanted, "selectors");
    const struct nvb_doc *mode = nvb_play_find(wanted, "allocationMode");
    const char *count = nvb_play_word(nvb_play_find(wanted, "count"));
    const char *word = nvb_play_word(class);
    uint64_t number = 1;
    size_t row = 0;
    while (word && row < NVB_COUNT(classes) && strcmp(word, classes[row].class) != 0)
        row++;
    if (!word || row == NVB_COUNT(classes)) {
        (void)nvb_error_make(c->err, NVB_ERROR_CONFIG, 0,
                             "%s%s%s is no class of devices that is known", word ? "'" : "",
                             word ? word : "this", word ? "'" : "");
        (void)nvb_error_hint(c->err,
                             "deviceClassName: gpu.nvidia.com, gpu.amd.com or gpu.intel.com");
        return fail_at(c, class ? class : device);
    }
    if (selectors && selectors->type != NVB_DOC_NULL) {
        (void)nvb_error_make(c->err, NVB_ERROR_CONFIG, 0,
                             "selectors are a cluster's business and are not evaluated here");
        (void)nvb_error_hint(c->err, "leave them out, or use resources.limits");
        return fail_at(c, selectors);
    }
    if ((mode && nvb_play_word(mode) && strcmp(nvb_play_word(mode), "ExactCount") != 0) ||
        (count && (nvb_parse_u64(count, strlen(count), 10, &number) < 0 || number > 4096))) {
        (void)nvb_error_make(c->err, NVB_ERROR_CONFIG, 0,
                             "a claim here is for a number of devices");
        (void)nvb_error_hint(c->err, "allocationMode: ExactCount, count: 1");
        return fail_at(c, mode ? mode : device);
    }
    struct nvb_play_request *request = nvb_vec_add(&c->container->requests);
    *request = (struct nvb_play_request){
        .kind = classes[row].kind,
        .resource = nvb_strdup(classes[row].class),
        .what = nvb_strdup(classes[row].what),
        .count = number,
        .claim = nvb_strdup(c->key),
        .line = class->line,
        .column = class->column,
    };
    return 0;
}

/* ONE: the request of the claim that the container has alone, or NULL: all. */
static int add_requests(const struct claims *c, struct nvb_doc *spec, const char *one)
{
    struct nvb_doc *list = nvb_play_find(nvb_play_find(spec, "devices"), "requests");
    const char *key = c->key;
    if (!list || list->type != NVB_DOC_LIST)
        return 0;
    if (check_number(c, list) < 0)
        return -1;
    nvb_vec_foreach (item, &list->list) {
        const char *name = nvb_play_word(nvb_play_find(item, "name"));
        if (one && (!name || strcmp(name, one) != 0))
            continue;
        _cleanup_free_ char *own = nvb_strdupf("%s %s", key, name ? name : "");
        struct claims with = *c;
        with.key = own;
        if (add_request(&with, item) < 0)
            return -1;
    }
    return 0;
}

/* The specification that POD's claim NAME stands for. Returns 0 or -1. */
static int find_spec(struct claims *c, struct nvb_play_pod *pod, const struct nvb_doc *where,
                     const char *name, struct nvb_doc **ret)
{
    struct nvb_doc *claim = nvb_play_find_item(
        nvb_play_find(nvb_play_find(pod->template, "spec"), "resourceClaims"), "name", name);
    const struct nvb_doc *own = nvb_play_find(claim, "resourceClaimName");
    const struct nvb_doc *made = nvb_play_find(claim, "resourceClaimTemplateName");
    const struct nvb_doc *source = own ? own : made;
    const char *word = nvb_play_word(source);
    if (!claim || !word) {
        (void)nvb_error_make(c->err, NVB_ERROR_CONFIG, 0, "the pod has no claim '%s'", name);
        (void)nvb_error_hint(
            c->err, "resourceClaims: [{name: %s, resourceClaimTemplateName: …}] in its spec", name);
        return fail_at(c, claim ? claim : where);
    }
    const char *kind = own ? "ResourceClaim" : "ResourceClaimTemplate";
    struct nvb_doc *document = find_document(c->docs, kind, word);
    if (!document) {
        (void)nvb_error_make(c->err, NVB_ERROR_CONFIG, 0, "there is no %s '%s' in this file", kind,
                             word);
        (void)nvb_error_hint(c->err, "put it there, with '---' between");
        return fail_at(c, source);
    }
    /* A template's is each pod's own. */
    free(c->key);
    c->key = own ? nvb_strdupf("%s", word) : nvb_strdupf("%s/%s", pod->name, name);
    *ret = nvb_play_find(document, "spec");
    if (!own)
        *ret = nvb_play_find(*ret, "spec");
    return 0;
}

int nvb_play_read_claims(struct nvb_docs *docs, struct nvb_play_pod *pod,
                         struct nvb_play_container *container, struct nvb_error **err)
{
    struct nvb_doc *list = nvb_play_find(nvb_play_find(container->doc, "resources"), "claims");
    struct claims c = {pod->file, docs, container, NULL, err};
    int r = 0;
    if (!list || list->type != NVB_DOC_LIST)
        return 0;
    if (check_number(&c, list) < 0)
        return -1;
    nvb_vec_foreach (item, &list->list) {
        const char *name = nvb_play_word(nvb_play_find(item, "name"));
        struct nvb_doc *spec = NULL;
        if (!name)
            continue;
        r = find_spec(&c, pod, item, name, &spec);
        if (r == 0)
            r = add_requests(&c, spec, nvb_play_word(nvb_play_find(item, "request")));
        if (r < 0)
            break;
    }
    free(c.key);
    return r;
}
