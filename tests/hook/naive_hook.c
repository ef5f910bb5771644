/*
 * naive_hook: what nvbind-hook must not be. It does the same work with the same arguments the way
 * the hooks did that got CVEs: it glues the root and a path together, lets the kernel follow what
 * the image laid there, checks before it uses, and is linked dynamically. The tests of the hook run
 * their attacks against this one too: an attack that does not work here proves nothing there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "hook/arguments.h"
#include "hook/root.h"
#include "hook/state.h"
#include "ldcache/ldcache.h"

struct items NVB_VEC(struct nvb_ldcache_item);

static void make_link(const char *root, const char *folder, const char *name, const char *target)
{
    _cleanup_free_ char *dir = nvb_strdupf("%s%s", root, folder);
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", dir, name);
    (void)nvb_file_make_folders(dir, 0755, NULL);
    (void)unlink(path);
    if (symlink(target, path) < 0)
        fprintf(stderr, "naive_hook: %s: %s\n", path, strerror(errno));
}

static void make_links(const char *root, const struct hook_arguments *a)
{
    nvb_vec_foreach (library, &a->libraries) {
        nvb_vec_foreach (name, &library->names) {
            if (strcmp(*name, library->file) != 0)
                make_link(root, library->folder, *name, library->file);
        }
    }
    nvb_vec_foreach (link, &a->links) {
        _cleanup_free_ char *folder = nvb_path_dir(link->path);
        make_link(root, folder, nvb_path_base(link->path), link->target);
    }
}

/* Any libcuda of three digits and more that the folder seems to have is newer. */
static bool has_compat(const char *root)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/usr/local/cuda/compat", root);
    DIR *dir = opendir(path);
    bool found = false;
    for (struct dirent *e; dir && (e = readdir(dir));)
        found = found || nvb_has_prefix(e->d_name, "libcuda.so.9");
    if (dir)
        (void)closedir(dir);
    return found;
}

static void add_items(const char *root, const struct hook_arguments *a, struct items *items,
                      struct nvb_strv *values)
{
    /* Values move while the list grows, so it is made first. */
    if (a->driver_version && has_compat(root))
        nvb_strv_add(values, "/usr/local/cuda/compat/libcuda.so.1");
    nvb_vec_foreach (library, &a->libraries) {
        nvb_vec_foreach (name, &library->names)
            nvb_strv_addf(values, "%s/%s", library->folder, *name);
    }
    nvb_vec_foreach (value, values)
        nvb_vec_push(items, ((struct nvb_ldcache_item){nvb_path_base(*value), *value, 0x0303}));
}

static int update_cache(const char *root, const struct hook_arguments *a)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/etc/ld.so.cache", root);
    _cleanup_str_ struct nvb_str old = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str new = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv values = {0};
    struct items items = {0};
    struct nvb_ldcache cache;
    struct stat st;
    /* It even checks, as the repaired hooks did; then the path is walked again. */
    if (!getenv("NAIVE_UNCHECKED") && lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return 0;
    add_items(root, a, &items, &values);
    bool known = nvb_file_read_path(path, NVB_LDCACHE_MAX_SIZE, &old, NULL) == 0 &&
                 nvb_ldcache_read(old.data, old.len, &cache, NULL) == 0;
    int r = nvb_ldcache_merge(known ? &cache : NULL, items.items, items.count, &new, NULL);
    nvb_vec_release(&items);
    /* The fault is that there is a window, not how wide it is. On an idle machine this one is so
     * narrow that tens of thousands of starts may miss it, and the test would prove nothing. */
    (void)usleep(300);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return r < 0 || fd < 0 ? -1 : nvb_write_all(fd, new.data, new.len);
}

int main(int argc, char **argv)
{
    _cleanup_(hook_arguments_done) struct hook_arguments arguments = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_free_ char *root = NULL;
    if (hook_arguments_parse(argc, argv, &arguments, &err) < 0 ||
        hook_state_read(STDIN_FILENO, &root, &err) < 0) {
        fprintf(stderr, "naive_hook: %s\n", err->message);
        return 1;
    }
    if (!arguments.no_links)
        make_links(root, &arguments);
    return !arguments.no_cache && update_cache(root, &arguments) < 0 ? 1 : 0;
}
