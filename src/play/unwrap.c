/*
 * A pod whose container runs "nvbind run … IMAGE …": nvbind is not in the image, and a container in
 * a container is not needed. What those words mean is the container inside, which is what the pod
 * runs then.
 */
#include <string.h>

#include "base/path.h"
#include "plan/visible.h"
#include "play/play.h"
#include "play/tree.h"
#include "writer/kube.h"

static void add_words(struct nvb_doc *list, struct nvb_strv *ret)
{
    if (!list || list->type != NVB_DOC_LIST)
        return;
    nvb_vec_foreach (item, &list->list) {
        const char *word = nvb_play_word(item);
        nvb_strv_add(ret, word ? word : "");
    }
}

/* The words behind "nvbind run" are *RET_FIRST on; 0: it is no such command. */
static size_t read_words(const struct nvb_play_container *container, struct nvb_strv *ret)
{
    static const char *const plain[] = {"-v", "-q", "-vv", "--verbose", "--quiet"};
    size_t i = 1;
    add_words(nvb_play_find(container->doc, "command"), ret);
    add_words(nvb_play_find(container->doc, "args"), ret);
    if (ret->count < 2 || strcmp(nvb_path_base(ret->items[0]), "nvbind") != 0)
        return 0;
    for (size_t k = 0; k < NVB_COUNT(plain) && i < ret->count;)
        if (strcmp(ret->items[i], plain[k]) == 0) {
            i++;
            k = 0;
        } else {
            k++;
        }
    return i < ret->count && strcmp(ret->items[i], "run") == 0 ? i + 1 : 0;
}

bool nvb_play_is_wrapped(const struct nvb_play_container *container)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    return read_words(container, &words) > 0;
}

struct unwrapper {
    const struct nvb_play_unwrap *how;
    struct nvb_play_pod *pod;
    struct nvb_play_container *container;
    struct nvb_request request;
    struct nvb_plan plan;
    unsigned line, column; /* of the command */
    struct nvb_notes *notes;
    struct nvb_error **err;
};

static void unwrapper_done(struct unwrapper *u)
{
    nvb_request_done(&u->request);
    nvb_plan_done(&u->plan);
}

/* The error is about the command. */
static int at_command(const struct unwrapper *u)
{
    (void)nvb_error_prefix(u->err, "nvbind run in container '%s'", u->container->name);
    return nvb_error_at(u->err, u->pod->file, u->line, u->column);
}

/* ---- GPUs ---- */

/* The selection in nvbind's own words, owned: --gpu, --gpus, the variable, all. NULL: an error. */
static char *read_selection(const struct unwrapper *u)
{
    _cleanup_selection_ struct nvb_selection selection = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    struct nvb_doc *variable =
        nvb_play_find_item(nvb_play_find(u->container->doc, "env"), "name", NVB_VISIBLE);
    const char *value = nvb_play_word(nvb_play_find(variable, "value"));
    const char *said = u->request.gpu ? u->request.gpu : value && *value ? value : "all";
    if (u->request.gpu || !u->request.gpus) {
        if (nvb_selection_parse(strcmp(said, "void") == 0 ? "none" : said, &selection, u->err) < 0)
            return NULL;
        return nvb_strdup(strcmp(said, "void") == 0 ? "none" : said);
    }
    if (nvb_selection_parse_docker(u->request.gpus, &selection, u->err) < 0)
        return NULL;
    if (selection.kind == NVB_SELECT_COUNT)
        return nvb_strdupf("count=%llu", (unsigned long long)selection.count);
    nvb_vec_foreach (item, &selection.items)
        nvb_str_addf(&text, "%s%s", text.len ? "," : "",
                     item->kind == NVB_ITEM_ALL ? "all" : item->text);
    return nvb_strdup(text.len ? text.data : "none");
}

static void add_request(struct unwrapper *u, enum nvb_play_kind kind, const char *what,
                        uint64_t count)
{
    struct nvb_play_request *request = nvb_vec_add(&u->container->requests);
    *request = (struct nvb_play_request){
        .kind = kind,
        .resource = nvb_strdup(kind == NVB_PLAY_GPU ? "nvidia.com/gpu" : "--gpu"),
        .what = nvb_strdup(what),
        .count = count,
        .line = u->line,
        .column = u->column,
    };
}

/* Within a limit "all" and a number mean: of those. A list means what it names. */
static void merge_selection(struct unwrapper *u, const char *selection)
{
    struct nvb_play_requests *requests = &u->container->requests;
    uint64_t count = 0;
    bool limited = false;
    nvb_vec_foreach (request, requests) {
        limited = limited || (request->count > 0 && request->kind != NVB_PLAY_SELECTED);
        if (request->kind == NVB_PLAY_SELECTED)
            request->count = 0;
    }
    if (strcmp(selection, "all") == 0 && limited)
        return;
    nvb_vec_foreach (request, requests)
        request->count = 0;
    if (strcmp(selection, "none") == 0)
        return;
    if (nvb_has_prefix(selection, "count=") &&
        nvb_parse_u64(selection + 6, strlen(selection + 6), 10, &count) == 0)
        add_request(u, NVB_PLAY_GPU, NULL, count);
    else
        add_request(u, NVB_PLAY_SELECTED, selection, 1);
}

/* ---- options ---- */

/* nvbind's own that its plan is to know, and those that a file cannot have. */
static int keep_own(struct unwrapper *u)
{
    static const char *const isolation[] = {NULL, "none", "device", "strict"};
    const struct nvb_request *request = &u->request;
    struct nvb_strv *own = &u->container->own;
    if (request->help || request->dry_run != NVB_DRY_RUN_OFF) {
        (void)nvb_error_make(u->err, NVB_ERROR_CONFIG, 0, "'%s' is nothing for a pod",
                             request->help ? "--help" : "--dry-run");
        return nvb_error_hint(u->err, "leave it out; nvbind kube play --dry-run shows the pod");
    }
    if (request->capabilities)
        nvb_strv_addf(own, "--capabilities=%s", request->capabilities);
    if (request->profile)
        nvb_strv_addf(own, "--profile=%s", request->profile);
    u->container->has_profile = request->profile != NULL;
    if (isolation[request->isolate])
        nvb_strv_addf(own, "--isolate=%s", isolation[request->isolate]);
    if (request->cdi != NVB_CDI_AUTO)
        nvb_strv_add(own, request->cdi == NVB_CDI_INSIST ? "--cdi" : "--no-cdi");
    if (request->rootless)
        nvb_strv_add(own, "--rootless");
    return 0;
}

static struct nvb_kube_place find_place(struct nvb_play_pod *pod,
                                        struct nvb_play_container *container)
{
    (void)nvb_play_at(pod->template, "metadata");
    (void)nvb_play_at(pod->template, "spec");
    return (struct nvb_kube_place){
        .meta = nvb_play_find(pod->template, "metadata"),
        .pod = nvb_play_find(pod->template, "spec"),
        .container = container->doc,
    };
}

static struct nvb_kube_options find_options(const struct nvb_play_unwrap *how,
                                            const struct nvb_play_container *container)
{
    return (struct nvb_kube_options){
        .target = NVB_KUBE_PODMAN,
        .version = how->engine->version,
        .container = container->name,
        .folder = how->folder,
        .environment = how->environment,
    };
}

static int lay_inside(struct unwrapper *u)
{
    struct nvb_doc *doc = u->container->doc;
    const char *name = nvb_plan_line_value(&u->plan.user, "name");
    if (name && *name) {
        nvb_doc_set_text(nvb_play_at(doc, "name"), name);
        free(u->container->name);
        u->container->name = nvb_strdup(name);
    }
    u->plan.engine = u->how->engine;
    const struct nvb_kube_options options = find_options(u->how, u->container);
    const struct nvb_kube_place place = find_place(u->pod, u->container);
    nvb_doc_set_text(nvb_play_at(doc, "image"), u->plan.image);
    nvb_play_remove(doc, "command");
    nvb_play_remove(doc, "args");
    if (nvb_kube_add_options(&u->plan, &options, &place, u->notes, u->err) < 0)
        return -1;
    return nvb_kube_add_command(&u->plan, &options, doc, u->err);
}

/* ---- what is said ---- */

static void add_list(struct nvb_str *s, struct nvb_doc *doc, const char *key)
{
    struct nvb_doc *list = nvb_play_find(doc, key);
    if (!list || list->type != NVB_DOC_LIST || list->list.count == 0)
        return;
    nvb_str_addf(s, ", %s: [", key);
    nvb_vec_foreach (item, &list->list)
        nvb_str_addf(s, "%s\"%s\"", item == list->list.items ? "" : ", ",
                     nvb_play_word(item) ? nvb_play_word(item) : "");
    nvb_str_addc(s, ']');
}

static void warn(const struct unwrapper *u)
{
    _cleanup_str_ struct nvb_str lines = NVB_STR_INIT;
    struct nvb_doc *doc = u->container->doc;
    nvb_str_addf(&lines, "image: %s", u->plan.image);
    add_list(&lines, doc, "command");
    add_list(&lines, doc, "args");
    nvb_notes_add(
        u->notes, NVB_NOTE_WARNING,
        "%s:%u:%u: container '%s' runs nvbind, which its image need not have: the pod runs "
        "'%s' with its GPUs in its place",
        u->pod->file, u->line, u->column, u->container->name, u->plan.image);
    nvb_notes_hint(u->notes, "what says so without nvbind: %s", lines.data);
}

int nvb_play_unwrap(const struct nvb_play_unwrap *how, struct nvb_play_pod *pod,
                    struct nvb_play_container *container, struct nvb_notes *notes,
                    struct nvb_error **err)
{
    _cleanup_(unwrapper_done) struct unwrapper u = {
        .how = how, .pod = pod, .container = container, .notes = notes, .err = err};
    _cleanup_strv_ struct nvb_strv words = {0};
    const size_t first = read_words(container, &words);
    const struct nvb_doc *command = nvb_play_find(container->doc, "command");
    if (!command || command->type == NVB_DOC_NULL)
        command = nvb_play_find(container->doc, "args");
    u.line = command->line;
    u.column = command->column;
    if (nvb_parse_run(how->parse, (int)(words.count - first), nvb_strv_terminate(&words) + first,
                      &u.request, &u.plan, err) < 0 ||
        keep_own(&u) < 0 || lay_inside(&u) < 0)
        return at_command(&u);
    _cleanup_free_ char *selection = read_selection(&u);
    if (!selection)
        return at_command(&u);
    merge_selection(&u, selection);
    warn(&u);
    return 0;
}

int nvb_play_add_profile(const struct nvb_play_unwrap *how, const struct nvb_plan *plan,
                         struct nvb_play_pod *pod, struct nvb_play_container *container,
                         struct nvb_notes *notes, struct nvb_error **err)
{
    const struct nvb_kube_options options = find_options(how, container);
    const struct nvb_kube_place place = find_place(pod, container);
    const struct nvb_plan defaults = {
        .verb = plan->verb, .engine = plan->engine, .defaults = plan->defaults, /* borrowed */
    };
    return nvb_kube_add_options(&defaults, &options, &place, notes, err);
}
