/*
 * One service in one file, laid over what earlier files say of it. Lists grow, maps and single
 * values are replaced name by name, !reset takes away and !override replaces (Compose
 * specification, "Merge").
 */

#include <string.h>
#include <unistd.h>

#include "compose/model.h"

#define FILE_COST ((size_t)16384)

static void texts_done(struct nvb_compose_texts *texts)
{
    nvb_vec_foreach (text, texts)
        free(text->text);
    nvb_vec_release(texts);
}

static void request_done(struct nvb_compose_request *request)
{
    free(request->driver);
    nvb_strv_done(&request->ids);
    nvb_strv_done(&request->capabilities);
}

void nvb_compose_service_done(struct nvb_compose_service *service)
{
    free(service->name);
    nvb_vec_foreach (request, &service->requests)
        request_done(request);
    nvb_vec_release(&service->requests);
    free(service->runtime.text);
    free(service->user.text);
    free(service->userns.text);
    texts_done(&service->devices);
    texts_done(&service->volumes);
    texts_done(&service->environment);
    texts_done(&service->groups);
    nvb_strv_done(&service->profiles);
}

const char *nvb_compose_service_variable(const struct nvb_compose_service *service,
                                         const char *name, const struct nvb_place **ret_place)
{
    const size_t len = strlen(name);
    for (size_t i = service->environment.count; i-- > 0;) {
        const struct nvb_compose_text *word = &service->environment.items[i];
        if (strncmp(word->text, name, len) != 0 || word->text[len] != '=')
            continue;
        if (ret_place)
            *ret_place = &word->place;
        return word->text + len + 1;
    }
    return NULL;
}

/* ---- values ---- */

static int spend(const struct nvb_compose_layer *layer, const struct nvb_doc *doc, const char *text,
                 struct nvb_error **err)
{
    const struct nvb_place place = {layer->file, doc->line, doc->column};
    const size_t size = strlen(text) + 32; /* and what holds it */
    if (size > *layer->budget)
        return nvb_place_fail(&place, err, "the project's values come to more than %zu MiB",
                              NVB_COMPOSE_MAX_BYTES >> 20);
    *layer->budget -= size;
    return 0;
}

static struct nvb_place place_of(const struct nvb_compose_layer *layer, const struct nvb_doc *doc)
{
    return (struct nvb_place){layer->file, doc->line, doc->column};
}

static int fail_type(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                     const char *what, const char *wanted, struct nvb_error **err)
{
    const struct nvb_place place = place_of(layer, doc);
    return nvb_place_fail(&place, err, "%s is %s, and %s is wanted here", what,
                          nvb_doc_type_name(doc->type), wanted);
}

int nvb_compose_layer_text(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                           char **ret, struct nvb_error **err)
{
    if (doc->type == NVB_DOC_NULL) {
        *ret = NULL;
        return 0;
    }
    if (doc->type == NVB_DOC_LIST || doc->type == NVB_DOC_MAP || !doc->text)
        return fail_type(layer, doc, "this", "a word", err);
    char *text = NULL;
    if (nvb_compose_interpolate(layer->variables, doc->text, &text, err) < 0)
        return nvb_error_at(err, layer->file, doc->line, doc->column);
    if (spend(layer, doc, text, err) < 0) {
        free(text);
        return -1;
    }
    *ret = text;
    return 0;
}

char *nvb_compose_layer_path(const struct nvb_compose_layer *layer, const char *path)
{
    return path[0] == '/' ? nvb_strdup(path) : nvb_strdupf("%s/%s", layer->folder, path);
}

static int set_text(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                    struct nvb_compose_text *ret, struct nvb_error **err)
{
    char *text = NULL;
    if (doc->tag != NVB_DOC_RESET && nvb_compose_layer_text(layer, doc, &text, err) < 0)
        return -1;
    free(ret->text);
    *ret = (struct nvb_compose_text){text, place_of(layer, doc)};
    return 0;
}

/* Takes over TEXT. */
static void push(const struct nvb_compose_layer *layer, const struct nvb_doc *doc, char *text,
                 struct nvb_compose_texts *ret)
{
    struct nvb_compose_text *item = nvb_vec_add(ret);
    item->text = text;
    item->place = place_of(layer, doc);
}

/* Whether DOC, by its tag, takes away what is there; *ret_more: and has something itself. */
static bool replaces(const struct nvb_doc *doc, bool *ret_more)
{
    *ret_more = doc->tag != NVB_DOC_RESET;
    return doc->tag != NVB_DOC_NO_TAG;
}

/* A list of words, or one word in its place. */
static int read_words(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                      struct nvb_strv *ret, struct nvb_error **err)
{
    _cleanup_free_ char *text = NULL;
    if (doc->type != NVB_DOC_LIST) {
        if (nvb_compose_layer_text(layer, doc, &text, err) < 0)
            return -1;
        if (text)
            nvb_strv_add(ret, text);
        return 0;
    }
    nvb_vec_foreach (item, &doc->list) {
        _cleanup_free_ char *word = NULL;
        if (nvb_compose_layer_text(layer, item, &word, err) < 0)
            return -1;
        if (word)
            nvb_strv_add(ret, word);
    }
    return 0;
}

/* ---- requests ---- */

static int read_count(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                      struct nvb_compose_request *ret, struct nvb_error **err)
{
    _cleanup_free_ char *text = NULL;
    if (nvb_compose_layer_text(layer, doc, &text, err) < 0)
        return -1;
    ret->has_count = text != NULL;
    ret->all = text && (strcmp(text, "all") == 0 || strcmp(text, "-1") == 0);
    if (!text || ret->all || nvb_parse_u64(text, strlen(text), 10, &ret->count) == 0)
        return 0;
    const struct nvb_place place = place_of(layer, doc);
    return nvb_place_fail(&place, err, "'%s' is no number of GPUs: it is 'all' or a number", text);
}

static int read_request(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                        struct nvb_compose_request *ret, struct nvb_error **err)
{
    int r = 0;
    if (doc->type != NVB_DOC_MAP)
        return fail_type(layer, doc, "a device request", "a map (driver, count, device_ids, …)",
                         err);
    ret->raw = doc;
    nvb_vec_foreach (member, &doc->map) {
        const struct nvb_doc *value = &member->value;
        if (strcmp(member->key, "driver") == 0) {
            free(TAKE_PTR(ret->driver));
            r = nvb_compose_layer_text(layer, value, &ret->driver, err);
        } else if (strcmp(member->key, "count") == 0) {
            r = read_count(layer, value, ret, err);
        } else if (strcmp(member->key, "device_ids") == 0) {
            r = read_words(layer, value, &ret->ids, err);
        } else if (strcmp(member->key, "capabilities") == 0) {
            r = read_words(layer, value, &ret->capabilities, err);
        }
        if (r < 0)
            return -1;
    }
    if (!ret->has_count || ret->ids.count == 0)
        return 0;
    (void)nvb_place_fail(&ret->place, err, "a request has either 'count' or 'device_ids'");
    return nvb_error_hint(err, "leave 'count' out where 'device_ids' says which");
}

static int add_request(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                       bool by_gpus, struct nvb_compose_service *service, struct nvb_error **err)
{
    struct nvb_compose_request request = {.place = place_of(layer, doc), .by_gpus = by_gpus};
    if (read_request(layer, doc, &request, err) < 0) {
        request_done(&request);
        return -1;
    }
    nvb_vec_push(&service->requests, request);
    return 0;
}

static void drop_requests(struct nvb_compose_service *service, bool by_gpus)
{
    size_t kept = 0;
    nvb_vec_foreach (request, &service->requests) {
        if (request->by_gpus == by_gpus)
            request_done(request);
        else
            service->requests.items[kept++] = *request;
    }
    service->requests.count = kept;
}

static int add_requests(const struct nvb_compose_layer *layer, const struct nvb_doc *list,
                        bool by_gpus, struct nvb_compose_service *service, struct nvb_error **err)
{
    bool more = true;
    if (replaces(list, &more))
        drop_requests(service, by_gpus);
    if (!more || list->type == NVB_DOC_NULL)
        return 0;
    if (list->type != NVB_DOC_LIST)
        return fail_type(layer, list, by_gpus ? "'gpus'" : "'devices'",
                         by_gpus ? "'all', a number or a list" : "a list", err);
    nvb_vec_foreach (item, &list->list)
        if (add_request(layer, item, by_gpus, service, err) < 0)
            return -1;
    return 0;
}

/* "all", a number, or a list. Of two single values the later counts. */
static int add_gpus(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                    struct nvb_compose_service *service, struct nvb_error **err)
{
    struct nvb_compose_request request = {.place = place_of(layer, doc), .by_gpus = true};
    if (doc->type == NVB_DOC_LIST || doc->type == NVB_DOC_MAP || doc->type == NVB_DOC_NULL ||
        doc->tag == NVB_DOC_RESET)
        return add_requests(layer, doc, true, service, err);
    request.raw = doc;
    if (read_count(layer, doc, &request, err) < 0)
        return -1;
    drop_requests(service, true);
    nvb_vec_push(&service->requests, request);
    return 0;
}

/* deploy.resources.reservations.devices; each step may be taken away. */
static int add_deploy(const struct nvb_compose_layer *layer, const struct nvb_doc *deploy,
                      struct nvb_compose_service *service, struct nvb_error **err)
{
    static const char *const steps[] = {"resources", "reservations", "devices"};
    bool more = true;
    for (size_t i = 0; deploy; i++) {
        if (i == NVB_COUNT(steps))
            return add_requests(layer, deploy, false, service, err);
        if (replaces(deploy, &more))
            drop_requests(service, false);
        deploy = more ? nvb_doc_find(deploy, steps[i]) : NULL;
    }
    return 0;
}

/* ---- devices, volumes ---- */

static int find_text(const struct nvb_compose_layer *layer, const struct nvb_doc *map,
                     const char *key, char **ret, struct nvb_error **err)
{
    const struct nvb_doc *value = nvb_doc_find(map, key);
    *ret = NULL;
    return value ? nvb_compose_layer_text(layer, value, ret, err) : 0;
}

/* An item in its long form: source, target and, of a device, permissions. */
static int read_long(const struct nvb_compose_layer *layer, const struct nvb_doc *map,
                     struct nvb_str *ret, struct nvb_error **err)
{
    _cleanup_free_ char *source = NULL;
    _cleanup_free_ char *target = NULL;
    _cleanup_free_ char *mode = NULL;
    if (find_text(layer, map, "source", &source, err) < 0 ||
        find_text(layer, map, "target", &target, err) < 0 ||
        find_text(layer, map, "permissions", &mode, err) < 0)
        return -1;
    if (!source && !target)
        return 0;
    nvb_str_add(ret, source ? source : target);
    if (source && target)
        nvb_str_addf(ret, ":%s", target);
    if (source && target && mode)
        nvb_str_addf(ret, ":%s", mode);
    return 0;
}

static int add_texts(const struct nvb_compose_layer *layer, const struct nvb_doc *list,
                     struct nvb_compose_texts *ret, struct nvb_error **err)
{
    bool more = true;
    if (replaces(list, &more))
        texts_done(ret);
    if (!more || list->type != NVB_DOC_LIST)
        return 0;
    nvb_vec_foreach (item, &list->list) {
        _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
        char *word = NULL;
        if (item->type == NVB_DOC_MAP) {
            if (read_long(layer, item, &text, err) < 0)
                return -1;
            word = text.len ? nvb_str_steal(&text) : NULL;
        } else if (nvb_compose_layer_text(layer, item, &word, err) < 0) {
            return -1;
        }
        if (word)
            push(layer, item, word, ret);
    }
    return 0;
}

/* ---- environment ---- */

/* A name alone takes the value that it has outside. */
static int add_variable(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                        const char *name, const char *value, struct nvb_compose_texts *ret,
                        struct nvb_error **err)
{
    /* What stands in the file itself is paid for. */
    const char *outside = value ? NULL : nvb_compose_variables_get(layer->variables, name);
    if (outside && spend(layer, doc, outside, err) < 0)
        return -1;
    if (value || outside)
        push(layer, doc, nvb_strdupf("%s=%s", name, value ? value : outside), ret);
    return 0;
}

static int add_environment(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                           struct nvb_compose_texts *ret, struct nvb_error **err)
{
    bool more = true;
    if (replaces(doc, &more))
        texts_done(ret);
    if (!more)
        return 0;
    if (doc->type == NVB_DOC_MAP) {
        nvb_vec_foreach (member, &doc->map) {
            _cleanup_free_ char *value = NULL;
            if (nvb_compose_layer_text(layer, &member->value, &value, err) < 0 ||
                add_variable(layer, &member->value, member->key, value, ret, err) < 0)
                return -1;
        }
    } else if (doc->type == NVB_DOC_LIST) {
        nvb_vec_foreach (item, &doc->list) {
            _cleanup_free_ char *word = NULL;
            if (nvb_compose_layer_text(layer, item, &word, err) < 0)
                return -1;
            char *equals = word ? strchr(word, '=') : NULL;
            if (equals)
                *equals = '\0';
            if (word && add_variable(layer, item, word, equals ? equals + 1 : NULL, ret, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* Reading a file is dear however little is in it. */
static int spend_file(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                      struct nvb_error **err)
{
    const struct nvb_place place = place_of(layer, doc);
    if (*layer->budget < FILE_COST)
        return nvb_place_fail(&place, err, "the project names too many files of variables");
    *layer->budget -= FILE_COST;
    return 0;
}

/* What stands in files goes below what the service itself says: it is put in front. */
static int add_env_file(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                        struct nvb_compose_texts *ret, struct nvb_error **err)
{
    _cleanup_free_ char *named = NULL;
    const struct nvb_doc *path = doc->type == NVB_DOC_MAP ? nvb_doc_find(doc, "path") : doc;
    _cleanup_compose_variables_ struct nvb_compose_variables inside = {.parent = layer->variables};
    if (!path || nvb_compose_layer_text(layer, path, &named, err) < 0)
        return path ? -1 : 0;
    if (!named)
        return 0;
    if (spend_file(layer, doc, err) < 0)
        return -1;
    /* One that is not there, or that is none, is for the tool to speak of. */
    _cleanup_free_ char *whole = nvb_compose_layer_path(layer, named);
    if (nvb_compose_variables_read(&inside, whole, NULL) != 0)
        return 0;
    struct nvb_compose_texts all = {0};
    nvb_vec_foreach (word, &inside.words)
        if (spend(layer, doc, *word, err) < 0)
            return -1;
    nvb_vec_foreach (word, &inside.words)
        push(layer, doc, nvb_strdup(*word), &all);
    nvb_vec_foreach (text, ret)
        nvb_vec_push(&all, *text);
    nvb_vec_release(ret);
    *ret = all;
    return 0;
}

static int add_env_files(const struct nvb_compose_layer *layer, const struct nvb_doc *doc,
                         struct nvb_compose_service *service, struct nvb_error **err)
{
    if (doc->tag == NVB_DOC_RESET)
        return 0;
    if (doc->type != NVB_DOC_LIST)
        return add_env_file(layer, doc, &service->environment, err);
    for (size_t i = doc->list.count; i-- > 0;)
        if (add_env_file(layer, &doc->list.items[i], &service->environment, err) < 0)
            return -1;
    return 0;
}

/* ---- all together ---- */

static int add_key(const struct nvb_compose_layer *layer, const char *key,
                   const struct nvb_doc *value, struct nvb_compose_service *service,
                   struct nvb_error **err)
{
    _cleanup_free_ char *text = NULL;
    if (strcmp(key, "gpus") == 0)
        return add_gpus(layer, value, service, err);
    if (strcmp(key, "deploy") == 0)
        return add_deploy(layer, value, service, err);
    if (strcmp(key, "runtime") == 0)
        return set_text(layer, value, &service->runtime, err);
    if (strcmp(key, "user") == 0)
        return set_text(layer, value, &service->user, err);
    if (strcmp(key, "userns_mode") == 0)
        return set_text(layer, value, &service->userns, err);
    if (strcmp(key, "devices") == 0)
        return add_texts(layer, value, &service->devices, err);
    if (strcmp(key, "volumes") == 0)
        return add_texts(layer, value, &service->volumes, err);
    if (strcmp(key, "group_add") == 0)
        return add_texts(layer, value, &service->groups, err);
    if (strcmp(key, "environment") == 0)
        return add_environment(layer, value, &service->environment, err);
    if (strcmp(key, "profiles") == 0)
        return read_words(layer, value, &service->profiles, err);
    if (strcmp(key, "privileged") != 0)
        return 0;
    if (nvb_compose_layer_text(layer, value, &text, err) < 0)
        return -1;
    service->privileged = text && strcmp(text, "true") == 0;
    return 0;
}

int nvb_compose_layer_add(const struct nvb_compose_layer *layer, const struct nvb_doc *map,
                          struct nvb_compose_service *service, struct nvb_error **err)
{
    if (map->type == NVB_DOC_NULL)
        return 0;
    if (map->type != NVB_DOC_MAP)
        return fail_type(layer, map, "a service", "a map", err);
    nvb_vec_foreach (member, &map->map)
        if (add_key(layer, member->key, &member->value, service, err) < 0)
            return -1;
    /* Below all that the keys said, whatever their order. */
    const struct nvb_doc *files = nvb_doc_find(map, "env_file");
    return files ? add_env_files(layer, files, service, err) : 0;
}
