#include <string.h>

#include "base/file.h"
#include "cli/complete.h"
#include "data/json.h"
#include "host/user.h"

extern char **environ;

/* One of containers/storage's lists: [{"id": …, "names": ["…"]}]. */
static void offer_from(struct nvb_completion *c, const char *path)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc list = {0};
    if (nvb_file_read_path(path, NVB_DOC_MAX_BYTES, &text, NULL) != 0 ||
        nvb_json_read(text.data, text.len, path, &list, NULL) < 0 || list.type != NVB_DOC_LIST)
        return;
    nvb_vec_foreach (item, &list.list) {
        const struct nvb_doc *names = nvb_doc_find(item, "names");
        if (!names || names->type != NVB_DOC_LIST)
            continue;
        nvb_vec_foreach (name, &names->list)
            if (name->type == NVB_DOC_TEXT)
                nvb_completion_offer(c, name->text, NULL);
    }
}

void nvb_completion_offer_containers(struct nvb_completion *c)
{
    static const char *const drivers[] = {"overlay", "vfs", "btrfs", "zfs"};
    static const char *const lists[] = {"containers.json", "volatile-containers.json"};
    _cleanup_user_ struct nvb_user user = {0};
    _cleanup_free_ char *store = NULL;
    nvb_user_read(environ, &user);
    const char *data = nvb_environment_get(environ, "XDG_DATA_HOME");
    if (user.uid == 0)
        store = nvb_strdup("/var/lib/containers/storage");
    else if (data && data[0] == '/')
        store = nvb_strdupf("%s/containers/storage", data);
    else if (user.home)
        store = nvb_strdupf("%s/.local/share/containers/storage", user.home);
    for (size_t i = 0; store && i < NVB_COUNT(drivers); i++)
        for (size_t k = 0; k < NVB_COUNT(lists); k++) {
            _cleanup_free_ char *path =
                nvb_strdupf("%s/%s-containers/%s", store, drivers[i], lists[k]);
            offer_from(c, path);
        }
}
