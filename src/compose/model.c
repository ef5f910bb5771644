#include "compose/model.h"

#include <string.h>
#include <sys/stat.h>

#include "base/path.h"

#define MAX_EXTENDS 32
/* How many of them cost as much as a value. */
#define LOOKUP_NAMES 256
/* An include reads files of variables, which are dear however little is in them. */
#define INCLUDE_NODES (NVB_YAML_MAX_NODES / 512)

/*
 * Theory of operation. Every file is read once. A service is made of layers, laid over each other
 * in the order of the files: what one file's service extends, then that service itself. A hostile
 * project can make a few lines stand for millions (anchors, extends, variables), so whatever grows
 * is paid for out of one budget.
 */

struct loader {
    enum nvb_compose_flavour flavour;
    struct nvb_compose_model *model;
    size_t budget; /* bytes of values */
    size_t nodes;  /* of documents that are read, or laid over each other */
    struct nvb_error **err;
};

static void file_free(struct nvb_compose_file *file)
{
    free(file->path);
    free(file->folder);
    nvb_docs_done(&file->docs);
    free(file);
}

void nvb_compose_model_done(struct nvb_compose_model *model)
{
    nvb_vec_foreach (service, &model->services)
        nvb_compose_service_done(service);
    nvb_vec_release(&model->services);
    nvb_vec_foreach (file, &model->files)
        file_free(*file);
    nvb_vec_release(&model->files);
    nvb_strv_done(&model->elsewhere);
}

static struct nvb_compose_service *find_service(const struct nvb_compose_model *model,
                                                const char *name)
{
    nvb_vec_foreach (service, &model->services)
        if (strcmp(service->name, name) == 0)
            return service;
    return NULL;
}

const struct nvb_compose_service *nvb_compose_model_find(const struct nvb_compose_model *model,
                                                         const char *name)
{
    return find_service(model, name);
}

/* ---- files ---- */

static size_t count_nodes(const struct nvb_doc *doc)
{
    size_t count = 1;
    if (doc->type == NVB_DOC_LIST)
        nvb_vec_foreach (item, &doc->list)
            count += count_nodes(item);
    else if (doc->type == NVB_DOC_MAP)
        nvb_vec_foreach (member, &doc->map)
            count += count_nodes(&member->value);
    return count;
}

static int spend_nodes(struct loader *l, const struct nvb_doc *doc, const char *path)
{
    l->nodes += count_nodes(doc);
    if (l->nodes <= NVB_YAML_MAX_NODES)
        return 0;
    (void)nvb_error_make(l->err, NVB_ERROR_CONFIG, 0, "the project has more than %zu values",
                         NVB_YAML_MAX_NODES);
    return nvb_error_at(l->err, path, doc->line, doc->column);
}

/* Reads PATH, unless it is read already. Returns 0 or -1. */
static int load(struct loader *l, const char *path, const char *folder, bool is_top,
                struct nvb_compose_file **ret)
{
    static const struct nvb_yaml_options options = {.aliases = true, .tags = true};
    struct stat st;
    nvb_vec_foreach (file, &l->model->files)
        if (strcmp((*file)->path, path) == 0) {
            *ret = *file;
            return 0;
        }
    if (l->model->files.count >= NVB_COMPOSE_MAX_FILES) {
        (void)nvb_error_make(l->err, NVB_ERROR_CONFIG, 0, "the project has more than %d files",
                             NVB_COMPOSE_MAX_FILES);
        return nvb_error_at(l->err, path, 1, 1);
    }
    /* A pipe or a device that a project names could be waited for without end. */
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        (void)nvb_error_make(l->err, NVB_ERROR_CONFIG, 0, "it is not a regular file");
        return nvb_error_at(l->err, path, 1, 1);
    }
    struct nvb_compose_file *file = nvb_calloc(1, sizeof(*file));
    file->path = nvb_strdup(path);
    file->folder = nvb_strdup(folder);
    file->is_top = is_top;
    if (nvb_yaml_read_path(path, &options, &file->docs, l->err) < 0) {
        file_free(file);
        return -1;
    }
    nvb_vec_push(&l->model->files, file);
    *ret = file;
    const struct nvb_doc *root = &file->docs.items[0];
    if (root->type != NVB_DOC_MAP && root->type != NVB_DOC_NULL) {
        (void)nvb_error_make(l->err, NVB_ERROR_CONFIG, 0, "a Compose file is a map, and this is %s",
                             nvb_doc_type_name(root->type));
        return nvb_error_at(l->err, path, root->line, root->column);
    }
    return spend_nodes(l, root, path);
}

/* ---- services ---- */

static int lay(struct loader *l, const struct nvb_compose_layer *layer, const struct nvb_doc *root,
               const struct nvb_doc *map, unsigned depth, struct nvb_compose_service *service);

/* What MAP extends, which may be in another file. What is not there is the tool's to complain of.
 */
static int lay_extended(struct loader *l, const struct nvb_compose_layer *layer,
                        const struct nvb_doc *root, const struct nvb_doc *extends, unsigned depth,
                        struct nvb_compose_service *service)
{
    struct nvb_compose_layer below = *layer;
    _cleanup_free_ char *name = NULL;
    _cleanup_free_ char *file = NULL;
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ char *folder = NULL;
    const bool is_map = extends->type == NVB_DOC_MAP;
    const struct nvb_doc *named = is_map ? nvb_doc_find(extends, "service") : extends;
    const struct nvb_doc *where = is_map ? nvb_doc_find(extends, "file") : NULL;
    struct nvb_compose_file *other = NULL;
    if (!named || nvb_compose_layer_text(layer, named, &name, l->err) < 0 ||
        (where && nvb_compose_layer_text(layer, where, &file, l->err) < 0))
        return named ? -1 : 0;
    if (depth >= MAX_EXTENDS) {
        (void)nvb_error_make(l->err, NVB_ERROR_CONFIG, 0,
                             "services extend each other in a circle, or more than %d times",
                             MAX_EXTENDS);
        return nvb_error_at(l->err, layer->file, extends->line, extends->column);
    }
    if (file) {
        path = nvb_compose_layer_path(layer, file);
        folder = l->flavour == NVB_COMPOSE_DOCKER ? nvb_path_dir(path) : nvb_strdup(layer->folder);
        if (load(l, path, folder, false, &other) < 0)
            return -1;
        root = &other->docs.items[0];
        below.file = other->path;
        below.folder = other->folder;
    }
    const struct nvb_doc *services = nvb_doc_find(root, "services");
    const struct nvb_doc *all = services ? services : root;
    /* Names are looked for one by one, and a file may hold very many that nothing starts. */
    l->nodes += all->type == NVB_DOC_MAP ? all->map.count / LOOKUP_NAMES : 0;
    const struct nvb_doc *map = name ? nvb_doc_find(all, name) : NULL;
    return map ? lay(l, &below, root, map, depth + 1, service) : 0;
}

static int lay(struct loader *l, const struct nvb_compose_layer *layer, const struct nvb_doc *root,
               const struct nvb_doc *map, unsigned depth, struct nvb_compose_service *service)
{
    const struct nvb_doc *extends = nvb_doc_find(map, "extends");
    if (spend_nodes(l, map, layer->file) < 0)
        return -1;
    if (extends && lay_extended(l, layer, root, extends, depth, service) < 0)
        return -1;
    return nvb_compose_layer_add(layer, map, service, l->err);
}

static int add_service(struct loader *l, const struct nvb_compose_layer *layer,
                       const struct nvb_doc *root, const struct nvb_doc_member *member)
{
    struct nvb_compose_service *service = find_service(l->model, member->key);
    if (service && member->value.tag != NVB_DOC_NO_TAG) {
        char *name = TAKE_PTR(service->name);
        nvb_compose_service_done(service);
        *service = (struct nvb_compose_service){.name = name};
    }
    if (!service && l->model->services.count >= NVB_COMPOSE_MAX_SERVICES) {
        (void)nvb_error_make(l->err, NVB_ERROR_CONFIG, 0, "the project has more than %d services",
                             NVB_COMPOSE_MAX_SERVICES);
        return nvb_error_at(l->err, layer->file, member->line, member->column);
    }
    if (!service) {
        service = nvb_vec_add(&l->model->services);
        service->name = nvb_strdup(member->key);
    }
    service->place = (struct nvb_place){layer->file, member->line, member->column};
    return lay(l, layer, root, &member->value, 0, service);
}

/* ---- include ---- */

static int add_file(struct loader *l, const char *path, const char *folder, bool is_top,
                    const struct nvb_compose_variables *variables, unsigned depth);

static bool is_elsewhere(const char *path)
{
    return strstr(path, "://") || nvb_has_prefix(path, "git@") || nvb_has_prefix(path, "oci:");
}

/* The paths under KEY: one word or a list. */
static int read_paths(struct loader *l, const struct nvb_compose_layer *layer,
                      const struct nvb_doc *doc, struct nvb_strv *ret)
{
    const bool is_list = doc && doc->type == NVB_DOC_LIST;
    const size_t count = is_list ? doc->list.count : doc ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *path = NULL;
        if (nvb_compose_layer_text(layer, is_list ? &doc->list.items[i] : doc, &path, l->err) < 0)
            return -1;
        if (path && is_elsewhere(path))
            nvb_strv_add(&l->model->elsewhere, path);
        else if (path)
            nvb_strv_add(ret, path);
    }
    return 0;
}

/* The variables of an included project: its own files', then those of the one that includes it. */
static int read_own_variables(struct loader *l, const struct nvb_compose_layer *layer,
                              const struct nvb_doc *doc, const char *folder,
                              struct nvb_compose_variables *ret)
{
    _cleanup_strv_ struct nvb_strv paths = {0};
    if (doc && read_paths(l, layer, doc, &paths) < 0)
        return -1;
    if (!doc)
        nvb_strv_addf(&paths, "%s/.env", folder);
    nvb_vec_foreach (path, &paths) {
        _cleanup_free_ char *whole = nvb_compose_layer_path(layer, *path);
        if (nvb_compose_variables_read(ret, whole, l->err) < 0)
            return -1;
    }
    return 0;
}

static int add_included(struct loader *l, const struct nvb_compose_layer *layer,
                        const struct nvb_doc *item, unsigned depth)
{
    const bool is_map = item->type == NVB_DOC_MAP;
    _cleanup_strv_ struct nvb_strv paths = {0};
    _cleanup_free_ char *named = NULL;
    _cleanup_free_ char *folder = NULL;
    _cleanup_compose_variables_ struct nvb_compose_variables own = {
        .environment = layer->variables->environment,
        .parent = layer->variables,
    };
    const struct nvb_doc *directory = is_map ? nvb_doc_find(item, "project_directory") : NULL;
    if (read_paths(l, layer, is_map ? nvb_doc_find(item, "path") : item, &paths) < 0 ||
        (directory && nvb_compose_layer_text(layer, directory, &named, l->err) < 0))
        return -1;
    if (paths.count == 0)
        return 0;
    l->nodes += INCLUDE_NODES;
    if (spend_nodes(l, item, layer->file) < 0)
        return -1;
    _cleanup_free_ char *first = nvb_compose_layer_path(layer, paths.items[0]);
    if (l->flavour == NVB_COMPOSE_PODMAN)
        folder = nvb_strdup(layer->folder);
    else
        folder = named ? nvb_compose_layer_path(layer, named) : nvb_path_dir(first);
    if (read_own_variables(l, layer, is_map ? nvb_doc_find(item, "env_file") : NULL, folder, &own) <
        0)
        return -1;
    nvb_vec_foreach (path, &paths) {
        _cleanup_free_ char *whole = nvb_compose_layer_path(layer, *path);
        if (add_file(l, whole, folder, false, &own, depth + 1) < 0)
            return -1;
    }
    return 0;
}

/* ---- all together ---- */

static int add_file(struct loader *l, const char *path, const char *folder, bool is_top,
                    const struct nvb_compose_variables *variables, unsigned depth)
{
    struct nvb_compose_file *file = NULL;
    if (depth >= MAX_EXTENDS) {
        (void)nvb_error_make(l->err, NVB_ERROR_CONFIG, 0,
                             "files include each other in a circle, or more than %d times",
                             MAX_EXTENDS);
        return nvb_error_at(l->err, path, 1, 1);
    }
    if (load(l, path, folder, is_top, &file) < 0 || spend_nodes(l, &file->docs.items[0], path) < 0)
        return -1;
    const struct nvb_doc *root = &file->docs.items[0];
    const struct nvb_compose_layer layer = {file->path, file->folder, variables, &l->budget};
    const struct nvb_doc *include = nvb_doc_find(root, "include");
    const struct nvb_doc *services = nvb_doc_find(root, "services");
    if (include && include->type == NVB_DOC_LIST)
        nvb_vec_foreach (item, &include->list)
            if (add_included(l, &layer, item, depth) < 0)
                return -1;
    if (services && services->type == NVB_DOC_MAP)
        nvb_vec_foreach (member, &services->map)
            if (add_service(l, &layer, root, member) < 0)
                return -1;
    return 0;
}

int nvb_compose_model_read(const struct nvb_compose_project *project,
                           enum nvb_compose_flavour flavour, struct nvb_compose_model *ret,
                           struct nvb_error **err)
{
    _cleanup_compose_model_ struct nvb_compose_model model = {0};
    struct loader l = {
        .flavour = flavour,
        .model = &model,
        .budget = NVB_COMPOSE_MAX_BYTES,
        .err = err,
    };
    nvb_vec_foreach (path, &project->files)
        if (add_file(&l, *path, project->directory, true, &project->variables, 0) < 0)
            return -1;
    *ret = TAKE_STRUCT(model);
    return 0;
}
