#include <string.h>

#include "play/claim.h"
#include "play/play.h"
#include "play/request.h"
#include "play/tree.h"

/* Lists in lists are nobody's file. */
#define MAX_LISTS 4

/* Kinds with pods in them. */
static const struct {
    const char *kind;
    bool is_pod;         /* itself, without a template */
    unsigned since;      /* the Podman that plays it; 0: each. Tried on 4.3.1 and 5.4.2 */
    const char *instead; /* what a Podman that does not may be given */
} kinds[] = {
    {"Pod", true, 0, NULL},
    {"Deployment", false, 0, NULL},
    {"DaemonSet", false, 500, "kind: Deployment"},
    {"Job", false, 500, "kind: Pod, with restartPolicy: Never"},
    {"StatefulSet", false, 9999, "kind: Deployment"},
    {"ReplicaSet", false, 9999, "kind: Deployment"},
    {"ReplicationController", false, 9999, "kind: Deployment"},
};

/* Each may take a plan of its own: more than a machine starts, and soon done with. */
#define MAX_CONTAINERS 256

/* The first Podman that makes one pod of a Deployment, however many replicas it names. */
#define ONE_REPLICA_SINCE 500

struct reader {
    const char *file;
    unsigned version;
    struct nvb_docs *docs;
    struct nvb_play_pods *ret;
    size_t *looked; /* for claims */
    struct nvb_error **err;
};

static void container_done(struct nvb_play_container *container)
{
    nvb_vec_foreach (request, &container->requests)
        nvb_play_request_done(request);
    nvb_vec_release(&container->requests);
    nvb_strv_done(&container->own);
    nvb_strv_done(&container->chosen);
    nvb_strv_done(&container->held);
    free(container->name);
}

void nvb_play_pods_done(struct nvb_play_pods *pods)
{
    nvb_vec_foreach (pod, pods) {
        nvb_vec_foreach (container, &pod->containers)
            container_done(container);
        nvb_vec_release(&pod->containers);
        free(pod->name);
    }
    nvb_vec_release(pods);
}

static int fail_at(const struct reader *r, const struct nvb_doc *doc, const char *message,
                   const char *hint)
{
    (void)nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "%s", message);
    if (hint)
        (void)nvb_error_hint(r->err, "%s", hint);
    return nvb_error_at(r->err, r->file, doc->line, doc->column);
}

static int check_number(const struct reader *r, const struct nvb_doc *doc)
{
    size_t count = 0;
    nvb_vec_foreach (pod, r->ret)
        count += pod->containers.count;
    return count < MAX_CONTAINERS
               ? 0
               : fail_at(r, doc, "more than 256 containers in one go", "play them one by one");
}

static int read_container(const struct reader *r, struct nvb_play_pod *pod, struct nvb_doc *doc,
                          bool is_init)
{
    if (check_number(r, doc) < 0)
        return -1;
    const char *name = nvb_play_word(nvb_play_find(doc, "name"));
    if (doc->type != NVB_DOC_MAP)
        return fail_at(r, doc, "a container is a map", "- name: main\n    image: …");
    struct nvb_play_container *container = nvb_vec_add(&pod->containers);
    container->doc = doc;
    container->name = nvb_strdup(name ? name : "");
    container->is_init = is_init;
    if (nvb_play_read_requests(doc, r->file, &container->requests, r->err) < 0)
        return -1;
    return nvb_play_read_claims(r->docs, pod, container, r->looked, r->err);
}

static int read_containers(const struct reader *r, struct nvb_play_pod *pod, const char *key,
                           bool is_init)
{
    struct nvb_doc *list = nvb_play_find(nvb_play_find(pod->template, "spec"), key);
    if (!list || list->type == NVB_DOC_NULL)
        return 0;
    if (list->type != NVB_DOC_LIST)
        return fail_at(r, list, "this is a list of containers in a pod",
                       "a '-' before each container's name");
    nvb_vec_foreach (item, &list->list)
        if (read_container(r, pod, item, is_init) < 0)
            return -1;
    return 0;
}

static char *pod_name(const struct reader *r, struct nvb_doc *root, bool is_pod)
{
    const char *name = nvb_play_word(nvb_play_find(nvb_play_find(root, "metadata"), "name"));
    if (!name)
        name = "";
    if (is_pod)
        return nvb_strdup(name);
    return nvb_strdupf(r->version < ONE_REPLICA_SINCE ? "%s-pod-0" : "%s-pod", name);
}

static bool pod_wants(const struct nvb_play_pod *pod)
{
    nvb_vec_foreach (container, &pod->containers)
        nvb_vec_foreach (request, &container->requests)
            if (request->count > 0)
                return true;
    return false;
}

bool nvb_play_wants(const struct nvb_play_pods *pods)
{
    nvb_vec_foreach (pod, pods)
        if (pod_wants(pod))
            return true;
    return false;
}

static int check_replicas(const struct reader *r, const struct nvb_play_pod *pod,
                          struct nvb_doc *root)
{
    const struct nvb_doc *replicas = nvb_play_find(nvb_play_find(root, "spec"), "replicas");
    uint64_t count = 1;
    const char *word = nvb_play_word(replicas);
    if (!word || r->version >= ONE_REPLICA_SINCE || !pod_wants(pod) ||
        nvb_parse_u64(word, strlen(word), 10, &count) < 0 || count <= 1)
        return 0;
    return fail_at(r, replicas, "this Podman would give each replica the same GPUs",
                   "replicas: 1, or a document of its own for each pod");
}

static int check_kind(const struct reader *r, size_t row, const struct nvb_doc *root)
{
    const struct nvb_doc *kind = nvb_doc_find(root, "kind");
    if (r->version >= kinds[row].since)
        return 0;
    (void)nvb_error_make(r->err, NVB_ERROR_CONFIG, 0,
                         "Podman %u.%u plays no %s, and GPUs are asked for in it", r->version / 100,
                         r->version % 100, kinds[row].kind);
    (void)nvb_error_hint(r->err, "%s", kinds[row].instead);
    return nvb_error_at(r->err, r->file, kind->line, kind->column);
}

static int read_pod(const struct reader *r, size_t row, struct nvb_doc *root)
{
    struct nvb_doc *template =
        kinds[row].is_pod ? root : nvb_play_find(nvb_play_find(root, "spec"), "template");
    if (!template || template->type != NVB_DOC_MAP)
        return 0; /* Podman says what is wrong with it */
    struct nvb_play_pod *pod = nvb_vec_add(r->ret);
    pod->file = r->file;
    pod->kind = kinds[row].kind;
    pod->template = template;
    pod->name = pod_name(r, root, kinds[row].is_pod);
    if (read_containers(r, pod, "containers", false) < 0 ||
        read_containers(r, pod, "initContainers", true) < 0)
        return -1;
    if (pod_wants(pod) && check_kind(r, row, root) < 0)
        return -1;
    return check_replicas(r, pod, root);
}

static int read_document(const struct reader *r, struct nvb_doc *root, unsigned depth)
{
    const char *kind = nvb_play_word(nvb_play_find(root, "kind"));
    struct nvb_doc *items = nvb_play_find(root, "items");
    for (size_t i = 0; kind && i < NVB_COUNT(kinds); i++)
        if (strcmp(kind, kinds[i].kind) == 0)
            return read_pod(r, i, root);
    if (!kind || strcmp(kind, "List") != 0 || !items || items->type != NVB_DOC_LIST)
        return 0;
    if (depth == MAX_LISTS)
        return fail_at(r, root, "lists in lists in lists", "a document of its own for each");
    nvb_vec_foreach (item, &items->list)
        if (read_document(r, item, depth + 1) < 0)
            return -1;
    return 0;
}

int nvb_play_read(struct nvb_docs *docs, const char *file, unsigned version,
                  struct nvb_play_pods *ret, struct nvb_error **err)
{
    size_t looked = 0;
    const struct reader r = {file, version, docs, ret, &looked, err};
    bool any = false;
    nvb_vec_foreach (doc, docs) {
        any = any || doc->type != NVB_DOC_NULL;
        if (doc->type != NVB_DOC_NULL && doc->type != NVB_DOC_MAP)
            return fail_at(&r, doc, "this is no document of a cluster's: it is no map",
                           "apiVersion: v1, kind: Pod, …");
        if (read_document(&r, doc, 0) < 0)
            return -1;
    }
    if (any)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0, "there is no document in it");
    return nvb_error_at(err, file, 1, 1);
}
