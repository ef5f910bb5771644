#include "hook/links.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "hook/say.h"

/* Nearly all links go into one folder, one after the other: it is opened once. */
struct place {
    const char *folder; /* borrowed; NULL before the first one */
    int fd;
    int error;
};

static void place_done(struct place *p)
{
    nvb_close_p(&p->fd);
}

static int go_to(struct hook_root *root, const char *folder, struct place *p)
{
    if (p->folder && strcmp(p->folder, folder) == 0)
        return p->error;
    nvb_close_p(&p->fd);
    p->fd = -1;
    p->folder = folder;
    p->error = hook_root_enter(root, folder, true, &p->fd);
    if (p->error < 0)
        hook_say("no links in '%s': %s", folder, hook_reason(p->error));
    return p->error;
}

static void make(const struct place *p, const char *name, const char *target)
{
    int r = hook_make_link(p->fd, name, target);
    if (r < 0)
        hook_say("no link '%s/%s': %s", p->folder, name, hook_reason(r));
}

void hook_make_links(struct hook_root *root, const struct hook_arguments *arguments)
{
    _cleanup_(place_done) struct place p = {.fd = -1};
    nvb_vec_foreach (library, &arguments->libraries) {
        const char *target = library->file;
        if (go_to(root, library->folder, &p) < 0)
            continue;
        nvb_vec_foreach (name, &library->names) {
            if (strcmp(*name, library->file) != 0)
                make(&p, *name, target);
            /* Development names lead to the SONAME, which the first name is. */
            if (name == library->names.items)
                target = *name;
        }
    }
    _cleanup_free_ char *folder = NULL; /* outlives the place that borrows it, declared after */
    _cleanup_(place_done) struct place other = {.fd = -1};
    nvb_vec_foreach (link, &arguments->links) {
        char *next = nvb_path_dir(link->path);
        if (folder && strcmp(folder, next) == 0) {
            free(next);
        } else {
            other.folder = NULL;
            free(folder);
            folder = next;
        }
        if (go_to(root, folder, &other) == 0)
            make(&other, nvb_path_base(link->path), link->target);
    }
}
