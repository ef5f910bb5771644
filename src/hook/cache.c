/*
 * The linker cache in the container.
 *
 * Theory of operation. The image wrote /etc/ld.so.cache, so its bytes are hostile until
 * nvb_ldcache_read() has checked them; what cannot be trusted stays as it is. The cache is read
 * whole and bounded into our own memory, merged there, and written under a new name beside the old
 * one, then renamed: a program in another container on the same root finds the old or the new one.
 * Nothing is written when the merge changes nothing, so a second start leaves the file alone. The
 * image's ld.so.conf is never read: it can be a FIFO, a device, or include the whole file system.
 */
#include "hook/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "hook/compat.h"
#include "hook/say.h"
#include "ldcache/ldcache.h"

#define CACHE_FOLDER "/etc"
#define CACHE_NAME   "ld.so.cache"
#define CONF_FOLDER  "/etc/ld.so.conf.d"
#define CONF_NAME    "00-nvbind.conf" /* read first, so that its folders come first */

struct items NVB_VEC(struct nvb_ldcache_item);

struct work {
    struct hook_root *root;
    struct items items;      /* strings borrowed from the next */
    struct nvb_strv values;  /* the items' paths */
    struct nvb_strv folders; /* where they are, each once, in the order of preference */
};

static void work_done(struct work *w)
{
    nvb_vec_release(&w->items);
    nvb_strv_done(&w->values);
    nvb_strv_done(&w->folders);
}

static void add_item(struct work *w, const char *folder, const char *name, uint32_t flags)
{
    nvb_strv_addf(&w->values, "%s/%s", folder, name);
    const char *value = w->values.items[w->values.count - 1];
    nvb_vec_push(&w->items, ((struct nvb_ldcache_item){
                                .key = nvb_path_base(value), .value = value, .flags = flags}));
    if (!nvb_strv_has(&w->folders, folder))
        nvb_strv_add(&w->folders, folder);
}

static void collect_items(struct work *w, const struct hook_arguments *arguments)
{
    if (arguments->driver_version) {
        _cleanup_strv_ struct nvb_strv names = {0};
        hook_find_compat(w->root, arguments->driver_version, &names);
        nvb_vec_foreach (name, &names)
            add_item(w, HOOK_COMPAT_FOLDER, *name, hook_compat_flags());
    }
    nvb_vec_foreach (library, &arguments->libraries) {
        nvb_vec_foreach (name, &library->names)
            add_item(w, library->folder, *name, library->flags);
    }
}

/* ---- the folders that an ldconfig inside must be told of ---------------------------------------
 */

static bool is_file(const struct hook_root *root, const char *path)
{
    struct stat st;
    _cleanup_close_ int fd =
        nvb_path_open_in(root->fd, path, O_PATH, 0, NVB_RESOLVE_NO_XDEV | root->resolve);
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_same_folder(struct hook_root *root, const char *a, const char *b)
{
    struct stat sa, sb;
    _cleanup_close_ int fa = -1;
    _cleanup_close_ int fb = -1;
    if (strcmp(a, b) == 0)
        return true;
    return hook_root_look(root, a, &fa) == 0 && hook_root_look(root, b, &fb) == 0 &&
           fstat(fa, &sa) == 0 && fstat(fb, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* An entry of the image's own lies in FOLDER. */
static bool is_named(const struct work *w, const struct nvb_ldcache *cache, const char *folder)
{
    size_t len = strlen(folder);
    for (size_t i = 0; cache && i < cache->count; i++) {
        struct nvb_ldcache_entry e;
        nvb_ldcache_get(cache, i, &e);
        if (strncmp(e.value, folder, len) == 0 && e.value[len] == '/' &&
            !strchr(e.value + len + 1, '/') && !nvb_strv_has(&w->values, e.value))
            return true;
    }
    return false;
}

/* glibc's ldconfig always looks into these two. Where others are built in (/usr/lib64, Debian's
 * multiarch folders), the loader and the C library lie there and the cache names them. */
static bool is_default(struct hook_root *root, const char *folder)
{
    return is_same_folder(root, folder, "/usr/lib") || is_same_folder(root, folder, "/lib");
}

/* On a merged /usr a folder has two names, and the cache uses either. */
static char *other_name(struct hook_root *root, const char *folder)
{
    char *other = nvb_has_prefix(folder, "/usr/") ? nvb_strdup(folder + strlen("/usr"))
                                                  : nvb_strdupf("/usr%s", folder);
    if (is_same_folder(root, folder, other))
        return other;
    free(other);
    return NULL;
}

static bool is_known(struct work *w, const struct nvb_ldcache *cache, const char *folder)
{
    if (is_named(w, cache, folder) || is_default(w->root, folder))
        return true;
    _cleanup_free_ char *other = other_name(w->root, folder);
    return other && is_named(w, cache, other);
}

static bool has_text(const struct hook_root *root, int dir, const char *name,
                     const struct nvb_str *text)
{
    struct stat st;
    _cleanup_close_ int fd = -1;
    _cleanup_str_ struct nvb_str old = NVB_STR_INIT;
    return hook_open_regular(root, dir, name, &fd, &st) == 0 &&
           hook_read_all(fd, text->len, &old) == 0 && old.len == text->len &&
           memcmp(old.data, text->data, old.len) == 0;
}

static void write_conf(struct work *w, const struct nvb_ldcache *cache)
{
    static const struct stat like = {.st_mode = 0644};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    nvb_str_add(&text, "# Folders of the GPU driver; written by nvbind-hook.\n");
    size_t empty = text.len;
    nvb_vec_foreach (folder, &w->folders) {
        if (!is_known(w, cache, *folder))
            nvb_str_addf(&text, "%s\n", *folder);
    }
    if (text.len == empty)
        return;
    _cleanup_close_ int look = -1;
    _cleanup_close_ int dir = -1;
    int r = hook_root_look(w->root, CONF_FOLDER, &look);
    if (r == -ENOENT || (r == 0 && has_text(w->root, look, CONF_NAME, &text)))
        return;
    if (r == 0)
        r = hook_root_enter(w->root, CONF_FOLDER, false, &dir);
    if (r == 0)
        r = hook_write_file(dir, CONF_NAME, &text, &like);
    if (r < 0 && !hook_is_refused(w->root, r))
        hook_say("no '%s/%s' for an ldconfig inside: %s", CONF_FOLDER, CONF_NAME, hook_reason(r));
}

/* ---- the cache ---------------------------------------------------------------------------------
 */

/* Without a cache it is glibc's loader that tells whether one would be read. musl has none, and
 * images of it may bring a stand-in for glibc's loader. */
static bool wants_cache(const struct hook_root *root)
{
    static const char *const glibc[] = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1",
                                        "/lib/ld-linux.so.2", "/lib/ld-linux-armhf.so.3"};
    static const char *const musl[] = {"/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-aarch64.so.1"};
    for (size_t i = 0; i < NVB_COUNT(musl); i++)
        if (is_file(root, musl[i]))
            return false;
    for (size_t i = 0; i < NVB_COUNT(glibc); i++)
        if (is_file(root, glibc[i]))
            return true;
    return false;
}

/* Returns 0 with the bytes (none: there is no cache, or an empty file), or a negative errno. */
static int read_cache(struct hook_root *root, struct nvb_str *ret, struct stat *ret_st)
{
    _cleanup_close_ int dir = -1;
    _cleanup_close_ int fd = -1;
    int r = hook_root_look(root, CACHE_FOLDER, &dir);
    if (r < 0)
        return r;
    r = hook_open_regular(root, dir, CACHE_NAME, &fd, ret_st);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    if (ret_st->st_size > (off_t)NVB_LDCACHE_MAX_SIZE)
        return -EFBIG;
    return hook_read_all(fd, NVB_LDCACHE_MAX_SIZE, ret);
}

static void merge(struct work *w, const struct nvb_ldcache *cache, const struct nvb_str *old,
                  const struct stat *like)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_close_ int dir = -1;
    if (nvb_ldcache_merge(cache, w->items.items, w->items.count, &text, &err) < 0) {
        hook_say("the linker cache is left as it is: %s", err->message);
        return;
    }
    if (text.len == old->len && memcmp(text.data, old->data, text.len) == 0)
        return;
    int r = hook_root_enter(w->root, CACHE_FOLDER, false, &dir);
    if (r == 0)
        r = hook_write_file(dir, CACHE_NAME, &text, like);
    if (r < 0 && !hook_is_refused(w->root, r))
        hook_say("the linker cache is left as it is: %s/%s: %s", CACHE_FOLDER, CACHE_NAME,
                 hook_reason(r));
}

void hook_update_cache(struct hook_root *root, const struct hook_arguments *arguments)
{
    _cleanup_(work_done) struct work w = {.root = root};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str old = NVB_STR_INIT;
    struct stat like = {.st_mode = 0644};
    struct nvb_ldcache cache;

    collect_items(&w, arguments);
    if (w.items.count == 0)
        return;
    int r = read_cache(root, &old, &like);
    if (r < 0) {
        hook_say("the linker cache is left as it is: %s/%s: %s", CACHE_FOLDER, CACHE_NAME,
                 hook_reason(r));
        return;
    }
    if (old.len == 0 && !wants_cache(root))
        return;
    if (old.len > 0 && nvb_ldcache_read(old.data, old.len, &cache, &err) < 0) {
        hook_say("the linker cache is left as it is: %s/%s is %s", CACHE_FOLDER, CACHE_NAME,
                 err->message);
        return;
    }
    merge(&w, old.len > 0 ? &cache : NULL, &old, &like);
    write_conf(&w, old.len > 0 ? &cache : NULL);
}
