/* Which folders an engine reads specifications from. */

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cdi/consumer.h"
#include "config/toml.h"
#include "data/json.h"

#define MAX_CONF ((size_t)1 << 20)

/* Reads PATH of the setting's root where it is there and speaks of KEY at all. Returns 0, 1 when
 * not, or -1. */
static int read_if_named(const struct nvb_cdi_setting *setting, const char *path, const char *key,
                         struct nvb_str *ret, struct nvb_error **err)
{
    int r = nvb_root_read(setting->root, path, MAX_CONF, ret, err);
    if (r != 0)
        return r;
    return memmem(ret->data, ret->len, key, strlen(key)) ? 0 : 1;
}

static void note_unreadable(struct nvb_notes *notes, const char *path, const struct nvb_error *err)
{
    nvb_notes_add(notes, NVB_NOTE_WARNING,
                  "the folders of CDI specifications in '%s' are not "
                  "known: %s",
                  path, err ? err->message : "it cannot be read");
}

/* Replaces *ret by the absolute paths in LIST. Returns whether it is a list. */
static bool take_list(const struct nvb_doc *list, struct nvb_strv *ret)
{
    if (!list || list->type != NVB_DOC_LIST)
        return false;
    nvb_strv_done(ret);
    nvb_vec_foreach (item, &list->list)
        if (item->type == NVB_DOC_TEXT && item->text[0] == '/')
            nvb_strv_add(ret, item->text);
    return true;
}

/* ---- Docker: daemon.json ----------------------------------------------------------------------
 */

static char *find_daemon_file(const struct nvb_cdi_setting *setting)
{
    const char *host = nvb_environment_get(setting->environment, "DOCKER_HOST");
    const char *config = nvb_environment_get(setting->environment, "XDG_CONFIG_HOME");
    if (setting->user->uid == 0 || !host || !nvb_has_prefix(host, "unix:///run/user/"))
        return nvb_strdup("/etc/docker/daemon.json");
    if (config && config[0] == '/')
        return nvb_strdupf("%s/docker/daemon.json", config);
    return setting->user->home ? nvb_strdupf("%s/.config/docker/daemon.json", setting->user->home)
                               : NULL;
}

static void read_daemon(const struct nvb_cdi_setting *setting, struct nvb_strv *ret,
                        struct nvb_notes *notes)
{
    static const char key[] = "cdi-spec-dirs";
    _cleanup_free_ char *path = find_daemon_file(setting);
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc doc = {0};
    int r = path ? read_if_named(setting, path, key, &text, &err) : 1;
    if (r == 0)
        r = nvb_json_read(text.data, text.len, path, &doc, &err);
    if (r < 0)
        note_unreadable(notes, path, err);
    else if (r == 0)
        (void)take_list(nvb_doc_find(&doc, key), ret);
}

/* ---- Podman: containers.conf ------------------------------------------------------------------
 */

static void read_conf(const struct nvb_cdi_setting *setting, const char *path, struct nvb_strv *ret,
                      struct nvb_notes *notes)
{
    static const char key[] = "cdi_spec_dirs";
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc doc = {0};
    int r = read_if_named(setting, path, key, &text, &err);
    if (r == 0)
        r = nvb_toml_read(text.data, text.len, path, &doc, &err);
    if (r < 0)
        note_unreadable(notes, path, err);
    else if (r == 0)
        (void)take_list(nvb_doc_find(nvb_doc_find(&doc, "engine"), key), ret);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The files of a containers.conf.d, in the order of their names. */
static void read_conf_folder(const struct nvb_cdi_setting *setting, const char *folder,
                             struct nvb_strv *ret, struct nvb_notes *notes)
{
    _cleanup_strv_ struct nvb_strv paths = {0};
    int fd = nvb_root_openat(setting->root, folder, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!dir)
        return;
    while ((entry = readdir(dir)))
        if (nvb_has_suffix(entry->d_name, ".conf"))
            nvb_strv_addf(&paths, "%s/%s", folder, entry->d_name);
    (void)closedir(dir);
    if (paths.count)
        qsort(paths.items, paths.count, sizeof(*paths.items), compare_texts);
    nvb_vec_foreach (path, &paths)
        read_conf(setting, *path, ret, notes);
}

/* containers.conf(5): the later file's list replaces the earlier one's. */
static void read_containers(const struct nvb_cdi_setting *setting, struct nvb_strv *ret,
                            struct nvb_notes *notes)
{
    const char *only = nvb_environment_get(setting->environment, "CONTAINERS_CONF");
    const char *last = nvb_environment_get(setting->environment, "CONTAINERS_CONF_OVERRIDE");
    const char *config = nvb_environment_get(setting->environment, "XDG_CONFIG_HOME");
    if (only && *only) {
        read_conf(setting, only, ret, notes);
    } else {
        _cleanup_free_ char *own = NULL;
        if (config && config[0] == '/')
            own = nvb_strdupf("%s/containers", config);
        else if (setting->user->home)
            own = nvb_strdupf("%s/.config/containers", setting->user->home);
        const char *const folders[] = {"/usr/share/containers", "/etc/containers",
                                       setting->user->uid ? own : NULL};
        for (size_t i = 0; i < NVB_COUNT(folders) && folders[i]; i++) {
            _cleanup_free_ char *file = nvb_strdupf("%s/containers.conf", folders[i]);
            _cleanup_free_ char *more = nvb_strdupf("%s/containers.conf.d", folders[i]);
            read_conf(setting, file, ret, notes);
            read_conf_folder(setting, more, ret, notes);
        }
    }
    if (last && *last)
        read_conf(setting, last, ret, notes);
}

/* ---- all together ----------------------------------------------------------------------------
 */

void nvb_cdi_consumer_folders(const struct nvb_cdi_consumer *consumer,
                              const struct nvb_cdi_setting *setting, struct nvb_strv *ret,
                              struct nvb_notes *notes)
{
    _cleanup_strv_ struct nvb_strv folders = {0};
    const bool podman = consumer && consumer->kind == NVB_CDI_PODMAN;
    const unsigned version = consumer ? consumer->version[0] * 100 + consumer->version[1] : 0;
    if (consumer && !consumer->cap)
        return;
    nvb_strv_add(&folders, "/etc/cdi");
    /* Podman 5.5 reads the first folder alone; before, neither is to be configured. */
    if (!(podman && version == 505))
        nvb_strv_add(&folders, "/var/run/cdi");
    if (podman && version >= 506)
        read_containers(setting, &folders, notes);
    else if (consumer && consumer->kind == NVB_CDI_DOCKER)
        read_daemon(setting, &folders, notes);
    nvb_vec_foreach (folder, &folders)
        nvb_strv_add(ret, *folder);
}
