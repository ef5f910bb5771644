#include "hook/arguments.h"

#include <string.h>

#include "base/path.h"
#include "hook/words.h"
#include "hook/words_file.h"
#include "ldcache/ldcache.h"

static const struct {
    const char *name;
    enum nvb_ldcache_class class;
} classes[] = {
    {"x86_64", NVB_LDCACHE_X86_64},
    {"i386", NVB_LDCACHE_I386},
    {"aarch64", NVB_LDCACHE_AARCH64},
    {"armhf", NVB_LDCACHE_ARMHF},
};

static int refuse(const char *word, struct nvb_error **err)
{
    nvb_error_make(err, NVB_ERROR_USAGE, 0, "cannot read the argument '%s'", word);
    return nvb_error_hint(err, "the file that names this hook was written for another version: "
                               "make it again (nvbind cdi generate)");
}

/* Takes the piece before the next separator off *rest; NULL at the end. */
static char *take_piece(const char **rest)
{
    const char *start = *rest;
    if (!start)
        return NULL;
    const char *end = strstr(start, NVB_HOOK_SEPARATOR);
    *rest = end ? end + strlen(NVB_HOOK_SEPARATOR) : NULL;
    return nvb_strndup(start, end ? (size_t)(end - start) : strlen(start));
}

/* A name in a folder, which cannot lead anywhere else. */
static bool is_name(const char *s)
{
    return s && *s && !strchr(s, '/') && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static bool is_path(const char *s)
{
    return s && *s == '/' && is_name(nvb_path_base(s));
}

static uint32_t flags_of(const char *class)
{
    for (size_t i = 0; class && i < NVB_COUNT(classes); i++)
        if (strcmp(classes[i].name, class) == 0)
            return nvb_ldcache_flags_of(classes[i].class);
    return 0;
}

static int parse_library(const char *word, const char *value, struct hook_libraries *libraries,
                         struct nvb_error **err)
{
    _cleanup_free_ char *class = take_piece(&value);
    _cleanup_free_ char *path = take_piece(&value);
    uint32_t flags = flags_of(class);
    if (flags == 0 || !is_path(path))
        return refuse(word, err);
    struct hook_library *library = nvb_vec_add(libraries);
    library->flags = flags;
    library->folder = nvb_path_dir(path);
    library->file = nvb_strdup(nvb_path_base(path));
    for (;;) {
        _cleanup_free_ char *name = take_piece(&value);
        if (!name)
            break;
        if (!is_name(name))
            return refuse(word, err);
        nvb_strv_add(&library->names, name);
    }
    return library->names.count > 0 ? 0 : refuse(word, err);
}

static int parse_link(const char *word, const char *value, struct hook_links *links,
                      struct nvb_error **err)
{
    _cleanup_free_ char *target = take_piece(&value);
    if (!target || !*target || !value || !is_path(value))
        return refuse(word, err);
    struct hook_link *link = nvb_vec_add(links);
    link->target = TAKE_PTR(target);
    link->path = nvb_strdup(value);
    return 0;
}

static int parse_mount(const char *word, const char *value, struct hook_mounts *mounts,
                       struct nvb_error **err)
{
    _cleanup_free_ char *source = take_piece(&value);
    if (*source != '/' || !value || !is_path(value))
        return refuse(word, err);
    struct hook_mount *mount = nvb_vec_add(mounts);
    mount->source = TAKE_PTR(source);
    mount->path = nvb_strdup(value);
    return 0;
}

static const char *after(const char *word, const char *prefix)
{
    return nvb_has_prefix(word, prefix) ? word + strlen(prefix) : NULL;
}

static int parse_word(const char *word, struct hook_arguments *a, struct nvb_error **err)
{
    const char *value = after(word, NVB_HOOK_LIBRARY);
    if (value)
        return parse_library(word, value, &a->libraries, err);
    if ((value = after(word, NVB_HOOK_LINK)))
        return parse_link(word, value, &a->links, err);
    if ((value = after(word, NVB_HOOK_MOUNT)))
        return parse_mount(word, value, &a->mounts, err);
    if ((value = after(word, NVB_HOOK_CUDA_COMPAT)) && *value) {
        free(a->driver_version);
        a->driver_version = nvb_strdup(value);
    } else if (strcmp(word, NVB_HOOK_NO_LINKS) == 0) {
        a->no_links = true;
    } else if (strcmp(word, NVB_HOOK_NO_CACHE) == 0) {
        a->no_cache = true;
    } else if (strcmp(word, NVB_HOOK_NO_DEVICE_FILES) == 0) {
        a->no_device_files = true;
    } else if (strcmp(word, NVB_HOOK_NO_OPENAT2) == 0) {
        a->no_openat2 = true;
    } else {
        return refuse(word, err);
    }
    return 0;
}

/* A file's words name no further file. */
static int parse_file(const char *word, const char *path, struct hook_arguments *a,
                      struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    if (!is_path(path))
        return refuse(word, err);
    if (hook_read_words_file(path, &words, err) < 0)
        return -1;
    nvb_vec_foreach (item, &words)
        if (parse_word(*item, a, err) < 0)
            return -1;
    return 0;
}

int hook_arguments_parse(int argc, char **argv, struct hook_arguments *ret, struct nvb_error **err)
{
    _cleanup_(hook_arguments_done) struct hook_arguments a = {0};
    if (argc < 2 || strcmp(argv[1], NVB_HOOK_CREATE) != 0) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "this is a hook of container engines");
        return nvb_error_hint(err, "it is started by an OCI runtime with 'create' and a "
                                   "container's state on its standard input: nvbind-hook(8)");
    }
    for (int i = 2; i < argc; i++) {
        const char *file = after(argv[i], NVB_HOOK_ARGUMENTS);
        if ((file ? parse_file(argv[i], file, &a, err) : parse_word(argv[i], &a, err)) < 0)
            return -1;
    }
    *ret = TAKE_STRUCT(a);
    return 0;
}

void hook_arguments_done(struct hook_arguments *a)
{
    nvb_vec_foreach (library, &a->libraries) {
        free(library->folder);
        free(library->file);
        nvb_strv_done(&library->names);
    }
    nvb_vec_foreach (link, &a->links) {
        free(link->target);
        free(link->path);
    }
    nvb_vec_foreach (mount, &a->mounts) {
        free(mount->source);
        free(mount->path);
    }
    nvb_vec_release(&a->libraries);
    nvb_vec_release(&a->mounts);
    nvb_vec_release(&a->links);
    free(a->driver_version);
    *a = (struct hook_arguments){0};
}
