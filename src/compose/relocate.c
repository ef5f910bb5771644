#include "compose/relocate.h"

#include <string.h>

#include "base/path.h"
#include "compose/request.h"

struct mover {
    struct nvb_compose_layer layer; /* the file's */
    size_t budget;
    struct nvb_error **err;
};

static struct nvb_doc *find(struct nvb_doc *map, const char *key)
{
    if (map && map->type == NVB_DOC_MAP)
        nvb_vec_foreach (member, &map->map)
            if (strcmp(member->key, key) == 0)
                return &member->value;
    return NULL;
}

static struct nvb_compose_file *find_file(const struct nvb_compose_model *model, const char *path)
{
    nvb_vec_foreach (file, &model->files)
        if (strcmp((*file)->path, path) == 0)
            return *file;
    return NULL;
}

/* ---- counts ---- */

static bool is_text_count(const struct nvb_compose_request *request)
{
    const struct nvb_doc *count = nvb_doc_find(request->raw, "count");
    return !request->by_gpus && request->has_count && !request->all && count &&
           count->type == NVB_DOC_TEXT && nvb_compose_request_is_gpu(request);
}

int nvb_compose_must_relocate(const struct nvb_compose_model *model, struct nvb_error **err)
{
    int r = 0;
    nvb_vec_foreach (service, &model->services)
        nvb_vec_foreach (request, &service->requests) {
            if (!is_text_count(request))
                continue;
            r = 1;
            if (find_file(model, request->place.file)->is_top)
                continue;
            (void)nvb_place_fail(&request->place, err,
                                 "podman-compose takes this count, which is text, for no number");
            return nvb_error_hint(err, "count: %llu, or 'count: all'",
                                  (unsigned long long)request->count);
        }
    return r;
}

/* What an anchor stands for is there more than once: each is made a number. */
static void number_counts(const struct nvb_compose_model *model)
{
    nvb_vec_foreach (service, &model->services)
        nvb_vec_foreach (request, &service->requests)
            if (is_text_count(request)) {
                struct nvb_doc *count = (struct nvb_doc *)nvb_doc_find(request->raw, "count");
                nvb_doc_set_int(count, (int64_t)request->count);
            }
}

/* ---- paths ---- */

/* Makes the path in DOC absolute where it is one: it must be (IS_PATH), or begins with a dot. What
 * stands behind it (":/data:ro") stays. */
static int move_text(struct mover *m, struct nvb_doc *doc, bool is_path)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_str_ struct nvb_str moved = NVB_STR_INIT;
    if (!doc || doc->type != NVB_DOC_TEXT)
        return 0;
    if (nvb_compose_layer_text(&m->layer, doc, &text, m->err) < 0)
        return -1;
    if (text[0] == '/' || text[0] == '~' || strstr(text, "://") || (!is_path && text[0] != '.'))
        return 0;
    _cleanup_free_ char *path = nvb_compose_layer_path(&m->layer, text);
    nvb_compose_escape(path, &moved);
    const unsigned line = doc->line;
    const unsigned column = doc->column;
    nvb_doc_set_text(doc, moved.data);
    doc->line = line;
    doc->column = column;
    return 0;
}

/* One path, or a list; an item may be a map that has it under KEY. */
static int move_list(struct mover *m, struct nvb_doc *doc, const char *key, bool is_path)
{
    if (!doc || doc->type != NVB_DOC_LIST)
        return move_text(m, doc, is_path);
    nvb_vec_foreach (item, &doc->list)
        if (move_text(m, item->type == NVB_DOC_MAP ? find(item, key) : item, is_path) < 0)
            return -1;
    return 0;
}

static int move_build(struct mover *m, struct nvb_doc *build)
{
    struct nvb_doc *contexts = find(build, "additional_contexts");
    if (!build)
        return 0;
    if (build->type == NVB_DOC_MAP && !find(build, "context"))
        nvb_doc_put_text(build, "context", ".");
    if (move_text(m, build->type == NVB_DOC_MAP ? find(build, "context") : build, true) < 0)
        return -1;
    if (contexts && contexts->type == NVB_DOC_MAP)
        nvb_vec_foreach (member, &contexts->map)
            if (move_text(m, &member->value, false) < 0)
                return -1;
    return 0;
}

static int move_service(struct mover *m, struct nvb_doc *service)
{
    struct nvb_doc *extends = find(service, "extends");
    return move_build(m, find(service, "build")) < 0 ||
                   move_list(m, find(service, "env_file"), "path", true) < 0 ||
                   move_list(m, find(service, "volumes"), "source", false) < 0 ||
                   move_list(m, find(service, "label_file"), "path", true) < 0 ||
                   move_text(m, find(extends, "file"), true) < 0 ||
                   move_text(m, find(find(service, "x-podman"), "rootfs"), true) < 0
               ? -1
               : 0;
}

static int move_file(struct mover *m, struct nvb_doc *root)
{
    static const char *const with_file[] = {"secrets", "configs"};
    struct nvb_doc *services = find(root, "services");
    if (services && services->type == NVB_DOC_MAP)
        nvb_vec_foreach (member, &services->map)
            if (move_service(m, &member->value) < 0)
                return -1;
    for (size_t i = 0; i < NVB_COUNT(with_file); i++) {
        struct nvb_doc *all = find(root, with_file[i]);
        if (all && all->type == NVB_DOC_MAP)
            nvb_vec_foreach (member, &all->map)
                if (move_text(m, find(&member->value, "file"), true) < 0)
                    return -1;
    }
    return move_list(m, find(root, "include"), "path", true);
}

int nvb_compose_relocate(struct nvb_compose_model *model, const struct nvb_compose_project *project,
                         struct nvb_strv *ret_texts, struct nvb_error **err)
{
    number_counts(model);
    nvb_vec_foreach (path, &project->files) {
        _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
        struct nvb_compose_file *file = find_file(model, *path);
        struct mover m = {
            .layer = {file->path, project->directory, &project->variables, NULL},
            .budget = NVB_COMPOSE_MAX_BYTES,
            .err = err,
        };
        m.layer.budget = &m.budget;
        nvb_str_add(&text, "# Made by 'nvbind compose' of a project's own file.\n");
        if (move_file(&m, &file->docs.items[0]) < 0 ||
            nvb_yaml_write_as_read(&file->docs.items[0], &text, err) < 0)
            return -1;
        nvb_strv_add(ret_texts, text.data);
    }
    return 0;
}

char *nvb_compose_relocate_name(const struct nvb_compose_model *model,
                                const struct nvb_compose_project *project)
{
    _cleanup_str_ struct nvb_str name = NVB_STR_INIT;
    nvb_vec_foreach (file, &model->files)
        if (nvb_doc_find(&(*file)->docs.items[0], "name"))
            return NULL;
    if (nvb_compose_variables_get(&project->variables, "COMPOSE_PROJECT_NAME"))
        return NULL;
    for (const char *p = nvb_path_base(project->directory); *p; p++) {
        const char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
            nvb_str_addc(&name, c);
    }
    return name.len ? nvb_str_steal(&name) : NULL;
}
