#include "play/request.h"

#include <string.h>

#include "plan/visible.h"
#include "play/tree.h"

void nvb_play_request_done(struct nvb_play_request *request)
{
    free(request->resource);
    free(request->what);
    free(request->claim);
    *request = (struct nvb_play_request){0};
}

/* Names that a device plugin gives what CDI's files call otherwise. */
static const struct {
    const char *resource;
    const char *kind;
} aliases[] = {
    {"gpu.intel.com/i915", "intel.com/gpu"},
    {"gpu.intel.com/xe", "intel.com/gpu"},
};

/* Whether RESOURCE is an extended one, a device plugin's: "domain/name", and not Kubernetes' own
 * (kubernetes.io/docs/concepts/configuration/manage-resources-containers). */
static bool is_extended(const char *resource)
{
    const char *slash = strchr(resource, '/');
    if (!slash || slash == resource || !slash[1] || strchr(slash + 1, '/'))
        return false;
    _cleanup_free_ char *domain = nvb_strndup(resource, (size_t)(slash - resource));
    return strchr(domain, '.') && strcmp(domain, "kubernetes.io") != 0 &&
           !nvb_has_suffix(domain, ".kubernetes.io");
}

/* Whether RESOURCE is a device, and which kind. */
static bool classify(const char *resource, enum nvb_play_kind *ret, char **ret_what)
{
    static const char nvidia[] = "nvidia.com/";
    const char *name = resource + strlen(nvidia);
    if (!is_extended(resource))
        return false;
    if (strchr(resource, '=')) {
        *ret = NVB_PLAY_NAMED;
    } else if (!nvb_has_prefix(resource, nvidia)) {
        *ret = NVB_PLAY_FOREIGN;
        *ret_what = nvb_strdup(resource);
        for (size_t i = 0; i < NVB_COUNT(aliases); i++)
            if (strcmp(resource, aliases[i].resource) == 0) {
                free(*ret_what);
                *ret_what = nvb_strdup(aliases[i].kind);
            }
    } else if (strcmp(name, "gpu") == 0) {
        *ret = NVB_PLAY_GPU;
    } else if (strcmp(name, "gpu.shared") == 0) {
        *ret = NVB_PLAY_SHARED;
    } else if (nvb_has_prefix(name, "mig-")) {
        *ret = NVB_PLAY_MIG;
        *ret_what = nvb_strdup(name + strlen("mig-"));
    } else {
        *ret = NVB_PLAY_FOREIGN;
        *ret_what = nvb_strdup(resource);
    }
    return true;
}

static int fail_count(const struct nvb_doc_member *member, const char *file, struct nvb_error **err)
{
    const char *word = nvb_play_word(&member->value);
    (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'%s' is %s%s%s, not a number of devices",
                         member->key, word ? "'" : nvb_doc_type_name(member->value.type),
                         word ? word : "", word ? "'" : "");
    (void)nvb_error_hint(err, "%s: 1", member->key);
    return nvb_error_at(err, file, member->value.line, member->value.column);
}

static int read_count(const struct nvb_doc_member *member, const char *file, uint64_t *ret,
                      struct nvb_error **err)
{
    const char *word = nvb_play_word(&member->value);
    if (!word || nvb_parse_u64(word, strlen(word), 10, ret) < 0 || *ret > 4096)
        return fail_count(member, file, err);
    return 0;
}

static struct nvb_play_request *find(struct nvb_play_requests *requests, const char *resource)
{
    nvb_vec_foreach (request, requests)
        if (strcmp(request->resource, resource) == 0)
            return request;
    return NULL;
}

static int check_shares(const struct nvb_play_request *request, const char *file,
                        struct nvb_error **err)
{
    if (request->kind != NVB_PLAY_SHARED || request->count <= 1)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0,
                         "'%s' is %llu: more than one share of a GPU is no more of it",
                         request->resource, (unsigned long long)request->count);
    (void)nvb_error_hint(err, "%s: 1, or nvidia.com/gpu: %llu for GPUs of its own",
                         request->resource, (unsigned long long)request->count);
    return nvb_error_at(err, file, request->line, request->column);
}

/* A device cannot be promised more than once: where both are given they are the same
 * (kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus). */
static int add(const struct nvb_doc_member *member, const char *file, struct nvb_play_requests *ret,
               struct nvb_error **err)
{
    enum nvb_play_kind kind = NVB_PLAY_GPU;
    _cleanup_free_ char *what = NULL;
    uint64_t count = 0;
    if (!classify(member->key, &kind, &what))
        return 0;
    if (read_count(member, file, &count, err) < 0)
        return -1;
    struct nvb_play_request *there = find(ret, member->key);
    if (there && there->count != count) {
        (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0,
                             "'%s' is %llu in requests and %llu in limits", member->key,
                             (unsigned long long)count, (unsigned long long)there->count);
        (void)nvb_error_hint(err, "leave it out of requests");
        return nvb_error_at(err, file, member->line, member->column);
    }
    if (there)
        return 0;
    if (ret->count >= NVB_PLAY_MAX_REQUESTS) {
        (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0, "a container asks for more than %d kinds",
                             NVB_PLAY_MAX_REQUESTS);
        return nvb_error_at(err, file, member->line, member->column);
    }
    struct nvb_play_request *request = nvb_vec_add(ret);
    *request = (struct nvb_play_request){
        .kind = kind,
        .resource = nvb_strdup(member->key),
        .what = TAKE_PTR(what),
        .count = count,
        .line = member->line,
        .column = member->column,
    };
    return check_shares(request, file, err);
}

static int read_list(struct nvb_doc *resources, const char *key, const char *file,
                     struct nvb_play_requests *ret, struct nvb_error **err)
{
    const struct nvb_doc *list = nvb_doc_find(resources, key);
    if (!list || list->type == NVB_DOC_NULL)
        return 0;
    if (list->type != NVB_DOC_MAP) {
        (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'%s' is %s, not a map of resources", key,
                             nvb_doc_type_name(list->type));
        (void)nvb_error_hint(err, "%s: {nvidia.com/gpu: 1}", key);
        return nvb_error_at(err, file, list->line, list->column);
    }
    nvb_vec_foreach (member, &list->map)
        if (add(member, file, ret, err) < 0)
            return -1;
    return 0;
}

/* NVIDIA's runtimes, as a node's default, read the variable (plan/visible.h). */
static void read_variable(struct nvb_doc *container, struct nvb_play_requests *ret)
{
    struct nvb_doc *item = nvb_play_find_item(nvb_play_find(container, "env"), "name", NVB_VISIBLE);
    const struct nvb_doc *value = nvb_play_find(item, "value");
    const char *word = nvb_play_word(value);
    if (ret->count || !word || !*word || strcmp(word, "void") == 0 || strcmp(word, "none") == 0)
        return;
    struct nvb_play_request *request = nvb_vec_add(ret);
    *request = (struct nvb_play_request){
        .kind = NVB_PLAY_SELECTED,
        .resource = nvb_strdup(NVB_VISIBLE),
        .what = nvb_strdup(word),
        .count = 1,
        .line = value->line,
        .column = value->column,
    };
}

int nvb_play_read_requests(struct nvb_doc *container, const char *file,
                           struct nvb_play_requests *ret, struct nvb_error **err)
{
    struct nvb_doc *resources = nvb_play_find(container, "resources");
    if (read_list(resources, "limits", file, ret, err) < 0)
        return -1;
    if (read_list(resources, "requests", file, ret, err) < 0)
        return -1;
    if (!nvb_play_find(resources, "claims"))
        read_variable(container, ret);
    return 0;
}
