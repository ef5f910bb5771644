#include "hook/args.h"

#include <string.h>

#include "hook/words.h"

static const struct {
    const char *name;
    unsigned part;
} parts[] = {
    {"links", NVB_HOOK_LINKS},
    {"ldcache", NVB_HOOK_CACHE},
    {"cuda-compat", NVB_HOOK_COMPAT},
    {"params", NVB_HOOK_PARAMS},
};

int nvb_hook_part_parse(const char *name, unsigned *ret, struct nvb_error **err)
{
    for (size_t i = 0; i < NVB_COUNT(parts); i++) {
        if (strcmp(parts[i].name, name) == 0) {
            *ret = parts[i].part;
            return 0;
        }
    }
    nvb_error_make(err, NVB_ERROR_USAGE, 0, "the hook has no part called '%s'", name);
    return nvb_error_hint(err, "its parts are links, ldcache, cuda-compat and params");
}

/* What the hook would refuse or misread is refused here, where somebody reads the message. */
static int check_word(const char *word, bool is_path, bool is_name, struct nvb_error **err)
{
    const char *problem = NULL;
    if (*word == '\0')
        problem = "it is empty";
    else if (strstr(word, NVB_HOOK_SEPARATOR) || word[0] == ':' || word[strlen(word) - 1] == ':')
        problem = "it has colons where the hook's arguments are divided by them";
    else if (is_path && *word != '/')
        problem = "it is not absolute";
    else if (is_name && strchr(word, '/'))
        problem = "a name with a slash is none";
    for (const char *p = word; *p && !problem; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            problem = "it has a control character";
    if (!problem)
        return 0;
    return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'%s' cannot be given to nvbind-hook: %s", word,
                          problem);
}

static int add_library(struct nvb_strv *v, const struct nvb_hook_library *library, bool links,
                       struct nvb_error **err)
{
    if (check_word(library->path, true, false, err) < 0 ||
        check_word(library->soname, false, true, err) < 0)
        return -1;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    nvb_str_addf(&s, "%s%s%s%s%s%s", NVB_HOOK_LIBRARY,
                 library->is_32bit ? NVB_HOOK_CLASS_32 : NVB_HOOK_CLASS_NATIVE, NVB_HOOK_SEPARATOR,
                 library->path, NVB_HOOK_SEPARATOR, library->soname);
    for (const char *const *name = library->devnames; name && *name && links; name++) {
        if (check_word(*name, false, true, err) < 0)
            return -1;
        nvb_str_addf(&s, "%s%s", NVB_HOOK_SEPARATOR, *name);
    }
    nvb_strv_add(v, s.data);
    return 0;
}

static int add_link(struct nvb_strv *v, const struct nvb_hook_link *link, struct nvb_error **err)
{
    if (check_word(link->target, false, false, err) < 0 ||
        check_word(link->path, true, false, err) < 0)
        return -1;
    nvb_strv_addf(v, "%s%s%s%s", NVB_HOOK_LINK, link->target, NVB_HOOK_SEPARATOR, link->path);
    return 0;
}

int nvb_hook_build_args(const struct nvb_hook_plan *plan, struct nvb_strv *ret,
                        struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv v = {0};
    bool links = plan->parts & NVB_HOOK_LINKS;
    bool cache = plan->parts & NVB_HOOK_CACHE;
    for (size_t i = 0; i < plan->library_count && (links || cache); i++)
        if (add_library(&v, &plan->libraries[i], links, err) < 0)
            return -1;
    for (size_t i = 0; i < plan->link_count && links; i++)
        if (add_link(&v, &plan->links[i], err) < 0)
            return -1;
    if (v.count > 0 && !links)
        nvb_strv_add(&v, NVB_HOOK_NO_LINKS);
    if (v.count > 0 && !cache)
        nvb_strv_add(&v, NVB_HOOK_NO_CACHE);
    if (plan->driver_version && cache && (plan->parts & NVB_HOOK_COMPAT)) {
        if (check_word(plan->driver_version, false, true, err) < 0)
            return -1;
        nvb_strv_addf(&v, "%s%s", NVB_HOOK_CUDA_COMPAT, plan->driver_version);
    }
    if (plan->parts & NVB_HOOK_PARAMS)
        nvb_strv_add(&v, NVB_HOOK_NO_DEVICE_FILES);
    if (v.count == 0)
        return 1;
    nvb_strv_add(ret, NVB_HOOK_NAME);
    nvb_strv_add(ret, NVB_HOOK_CREATE);
    nvb_vec_foreach (word, &v)
        nvb_strv_add(ret, *word);
    return 0;
}

int nvb_hook_build_mount(const char *source, const char *path, struct nvb_strv *ret,
                         struct nvb_error **err)
{
    if (check_word(source, true, false, err) < 0 || check_word(path, true, false, err) < 0)
        return -1;
    nvb_strv_addf(ret, "%s%s%s%s", NVB_HOOK_MOUNT, source, NVB_HOOK_SEPARATOR, path);
    return 0;
}
