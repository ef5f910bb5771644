#include "host/containers_conf.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define MAX_CONF   (1u << 20)
#define SCAN_DEPTH 3 /* containers, containers.rootless.conf.d, a user's number */

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_folder(const char *folder, const char *prefix, int depth, struct nvb_strv *ret)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.' || !nvb_has_prefix(entry->d_name, prefix))
            continue;
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, entry->d_name);
        if (nvb_has_suffix(path, ".conf"))
            nvb_strv_add(ret, path);
        else if (depth > 1 && entry->d_type != DT_REG)
            list_folder(path, "", depth - 1, ret);
    }
    (void)closedir(dir);
}

void nvb_containers_conf_list(char *const *environment, const struct nvb_user *user,
                              struct nvb_strv *ret)
{
    static const char *const variables[] = {"CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE"};
    const char *config = nvb_environment_get(environment, "XDG_CONFIG_HOME");
    _cleanup_free_ char *own = NULL;
    for (size_t i = 0; i < NVB_COUNT(variables); i++) {
        const char *path = nvb_environment_get(environment, variables[i]);
        if (path && path[0] != '\0')
            nvb_strv_add(ret, path);
    }
    if (config && config[0] == '/')
        own = nvb_strdupf("%s/containers", config);
    else if (user->home)
        own = nvb_strdupf("%s/.config/containers", user->home);
    const char *const folders[] = {"/usr/share/containers", "/etc/containers", own};
    for (size_t i = 0; i < NVB_COUNT(folders) && folders[i]; i++) {
        size_t first = ret->count;
        list_folder(folders[i], "containers.", SCAN_DEPTH, ret);
        if (ret->count > first)
            qsort(ret->items + first, ret->count - first, sizeof(*ret->items), compare);
    }
}

static bool file_speaks_of(const char *path, const char *key)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int r = nvb_file_read_path(path, MAX_CONF, &text, NULL);
    if (r != 0)
        return r < 0;
    const char *end = text.data + text.len;
    for (const char *p = text.data; p < end; p += strlen(key)) {
        p = memmem(p, (size_t)(end - p), key, strlen(key));
        if (!p)
            return false;
        const char *line = memrchr(text.data, '\n', (size_t)(p - text.data));
        line = line ? line + 1 : text.data;
        line += strspn(line, " \t");
        if (*line != '#')
            return true;
    }
    return false;
}

char *nvb_containers_conf_find(char *const *environment, const struct nvb_user *user,
                               const char *key)
{
    _cleanup_strv_ struct nvb_strv files = {0};
    nvb_containers_conf_list(environment, user, &files);
    for (size_t i = 0; i < files.count; i++)
        if (file_speaks_of(files.items[i], key))
            return nvb_strdup(files.items[i]);
    return NULL;
}
