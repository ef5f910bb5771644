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

/* Members that are looked at for all claims of a file: each claim goes through its documents. */
#define MAX_LOOKED ((size_t)8 << 20)

struct claims {
    const char *file;
    struct nvb_docs *docs;
    struct nvb_play_container *container;
    char *key; /* of the claim, for who shares it */
    size_t *looked;
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

/* The same as nvb_play_find(), charged. */
static struct nvb_doc *look(const struct claims *c, struct nvb_doc *map, const char *key)
{
    *c->looked += 1 + (map && map->type == NVB_DOC_MAP ? map->map.count : 0);
    return nvb_play_find(map, key);
}

/* The item of LIST with NAME, or NULL. */
static struct nvb_doc *look_item(const struct claims *c, struct nvb_doc *list, const char *name)
{
    if (!list || list->type != NVB_DOC_LIST)
        return NULL;
    nvb_vec_foreach (item, &list->list) {
        const char *word = nvb_play_word(look(c, item, "name"));
        if (word && strcmp(word, name) == 0)
            return item;
    }
    return NULL;
}

/* The document of KIND and NAME, or NULL. */
static struct nvb_doc *find_document(const struct claims *c, const char *kind, const char *name)
{
    nvb_vec_foreach (doc, c->docs) {
        const char *its_kind = nvb_play_word(look(c, doc, "kind"));
        const char *its_name = nvb_play_word(look(c, look(c, doc, "metadata"), "name"));
        if (its_kind && its_name && strcmp(its_kind, kind) == 0 && strcmp(its_name, name) == 0)
            return doc;
    }
    return NULL;
}

static int add_request(const struct claims *c, struct nvb_doc *device)
{
    struct nvb_doc *exactly = look(c, device, "exactly"); /* v1 and v1beta2 */
    struct nvb_doc *wanted = exactly ? exactly : device;
    const struct nvb_doc *class = look(c, wanted, "deviceClassName");
    const struct nvb_doc *selectors = look(c, wanted, "selectors");
    const struct nvb_doc *mode = look(c, wanted, "allocationMode");
    const char *count = nvb_play_word(look(c, wanted, "count"));
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
    struct nvb_doc *list = look(c, look(c, spec, "devices"), "requests");
    const char *key = c->key;
    if (!list || list->type != NVB_DOC_LIST)
        return 0;
    if (check_number(c, list) < 0)
        return -1;
    nvb_vec_foreach (item, &list->list) {
        const char *name = nvb_play_word(look(c, item, "name"));
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
    struct nvb_doc *claim =
        look_item(c, look(c, look(c, pod->template, "spec"), "resourceClaims"), name);
    const struct nvb_doc *own = look(c, claim, "resourceClaimName");
    const struct nvb_doc *made = look(c, claim, "resourceClaimTemplateName");
    const struct nvb_doc *source = own ? own : made;
    const char *word = nvb_play_word(source);
    if (!claim || !word) {
        (void)nvb_error_make(c->err, NVB_ERROR_CONFIG, 0, "the pod has no claim '%s'", name);
        (void)nvb_error_hint(
            c->err, "resourceClaims: [{name: %s, resourceClaimTemplateName: …}] in its spec", name);
        return fail_at(c, claim ? claim : where);
    }
    const char *kind = own ? "ResourceClaim" : "ResourceClaimTemplate";
    struct nvb_doc *document = find_document(c, kind, word);
    if (!document) {
        (void)nvb_error_make(c->err, NVB_ERROR_CONFIG, 0, "there is no %s '%s' in this file", kind,
                             word);
        (void)nvb_error_hint(c->err, "put it there, with '---' between");
        return fail_at(c, source);
    }
    /* A template's is each pod's own. */
    free(c->key);
    c->key = own ? nvb_strdupf("%s", word) : nvb_strdupf("%s/%s", pod->name, name);
    *ret = look(c, document, "spec");
    if (!own)
        *ret = look(c, *ret, "spec");
    return 0;
}

int nvb_play_read_claims(struct nvb_docs *docs, struct nvb_play_pod *pod,
                         struct nvb_play_container *container, size_t *looked,
                         struct nvb_error **err)
{
    struct nvb_doc *list = nvb_play_find(nvb_play_find(container->doc, "resources"), "claims");
    struct claims c = {pod->file, docs, container, NULL, looked, err};
    int r = 0;
    if (!list || list->type != NVB_DOC_LIST)
        return 0;
    if (check_number(&c, list) < 0)
        return -1;
    nvb_vec_foreach (item, &list->list) {
        const char *name = nvb_play_word(look(&c, item, "name"));
        struct nvb_doc *spec = NULL;
        if (*looked > MAX_LOOKED) {
            (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0,
                                 "the claims of this file are too many to look for in it");
            (void)nvb_error_hint(err, "a file of its own for each pod, with its claims");
            r = fail_at(&c, item);
            break;
        }
        if (!name)
            continue;
        r = find_spec(&c, pod, item, name, &spec);
        if (r == 0)
            r = add_requests(&c, spec, nvb_play_word(look(&c, item, "request")));
        if (r < 0)
            break;
    }
    free(c.key);
    return r;
}
