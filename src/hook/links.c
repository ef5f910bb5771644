#include "hook/links.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "hook/say.h"

/* Nearly all links go into one folder, one after the other: it is opened once. */
struct place {
    char *folder; /* owned; NULL before the first one */
    int fd;
    int error;
};

static void place_done(struct place *p)
{
    free(p->folder);
    nvb_close_p(&p->fd);
}

static int go_to(struct hook_root *root, const char *folder, struct place *p)
{
    if (p->folder && strcmp(p->folder, folder) == 0)
        return p->error;
    nvb_close_p(&p->fd);
    p->fd = -1;
    free(p->folder);
    p->folder = nvb_strdup(folder);
    p->error = hook_root_enter(root, folder, true, &p->fd);
    if (p->error < 0 && !hook_is_refused(root, p->error))
        hook_say("no links in '%s': %s", folder, hook_reason(p->error));
    return p->error;
}

static void make(struct hook_root *root, const struct place *p, const char *name,
                 const char *target)
{
    int r = hook_make_link(p->fd, name, target);
    if (r < 0 && !hook_is_refused(root, r))
        hook_say("no link '%s/%s': %s", p->folder, name, hook_reason(r));
}

/* One hook serves every choice of devices, so it is told of all; links to nodes that this container
 * was not given are left out. */
static bool is_wanted(struct hook_root *root, const struct hook_link *link)
{
    const char *target = link->target;
    if (!nvb_has_prefix(link->path, "/dev/") || *target == '/')
        return true;
    _cleanup_free_ char *folder = nvb_path_dir(link->path);
    for (; nvb_has_prefix(target, "../"); target += 3) {
        char *above = nvb_path_dir(folder);
        free(folder);
        folder = above;
    }
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, target);
    return hook_root_has(root, path);
}

static void make_names(struct hook_root *root, const struct hook_library *library, struct place *p)
{
    const char *target = library->file;
    if (go_to(root, library->folder, p) < 0)
        return;
    nvb_vec_foreach (name, &library->names) {
        if (strcmp(*name, library->file) != 0)
            make(root, p, *name, target);
        /* Development names lead to the SONAME, which the first name is. */
        if (name == library->names.items)
            target = *name;
    }
}

void hook_make_links(struct hook_root *root, const struct hook_arguments *arguments)
{
    _cleanup_(place_done) struct place p = {.fd = -1};
    nvb_vec_foreach (library, &arguments->libraries)
        make_names(root, library, &p);
    nvb_vec_foreach (link, &arguments->links) {
        if (!is_wanted(root, link))
            continue;
        _cleanup_free_ char *folder = nvb_path_dir(link->path);
        if (go_to(root, folder, &p) == 0)
            make(root, &p, nvb_path_base(link->path), link->target);
    }
}
