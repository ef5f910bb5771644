/*
 * Resolving a path inside a root: openat2(2), and the same walk made by hand.
 *
 * Theory of operation of the walk. It keeps a stack of O_PATH descriptors, one a folder between the
 * root and where it stands, so that ".." pops the stack instead of asking the file system, and a
 * folder that somebody moves away meanwhile cannot carry it outside. Each component is opened with
 * O_PATH | O_NOFOLLOW from the folder above. A symbolic link's text replaces the component in the
 * rest of the path; an absolute text first empties the stack down to the root. Links are counted
 * (40, as the kernel does). Links on procfs are magic (their text is not where they lead) and are
 * refused. With NO_XDEV the mount id of every component must be the root's (statx, Linux 5.8;
 * before that name_to_handle_at). The last component, once it is known not to be a link, is opened
 * for real from its folder with O_NOFOLLOW; should it have become a link in between, that open
 * fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"

#define PROC_MAGIC 0x9fa0 /* linux/magic.h, PROC_SUPER_MAGIC */
#define MAX_LINKS  40     /* include/linux/namei.h, MAXSYMLINKS */
#define MAX_DEPTH  512

static int sys_openat2(int dir, const char *path, const struct open_how *how)
{
    long fd = syscall(SYS_openat2, dir, path, how, sizeof(*how));
    return fd < 0 ? -errno : (int)fd;
}

static bool has_openat2(void)
{
    /* 0: not asked yet. One constant answer a process; asking twice at once does no harm. */
    static int known;
    if (known == 0) {
        struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
        int fd = sys_openat2(AT_FDCWD, "/", &how);
        known = fd >= 0 ? 1 : -1;
        nvb_close_p(&fd);
    }
    return known > 0;
}

void nvb_path_probe(void)
{
    (void)has_openat2();
}

struct walk {
    int stack[MAX_DEPTH]; /* [0] is the root, borrowed; the others are ours */
    size_t depth;
    char *rest; /* what is still to be walked; owned */
    unsigned links;
    unsigned resolve;
    uint64_t mount;
};

static void walk_done(struct walk *w)
{
    while (w->depth > 0)
        (void)close(w->stack[w->depth--]);
    free(w->rest);
}

static int mount_id(int fd, uint64_t *ret)
{
    struct statx sx;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) == 0 && (sx.stx_mask & STATX_MNT_ID)) {
        *ret = sx.stx_mnt_id;
        return 0;
    }
    struct file_handle handle = {.handle_bytes = 0};
    int id = 0;
    if (name_to_handle_at(fd, "", &handle, &id, AT_EMPTY_PATH) < 0 && errno != EOVERFLOW)
        return -errno;
    *ret = (uint64_t)id;
    return 0;
}

static int check_mount(const struct walk *w, int fd)
{
    uint64_t id = 0;
    if (!(w->resolve & NVB_RESOLVE_NO_XDEV))
        return 0;
    int r = mount_id(fd, &id);
    if (r < 0)
        return r;
    return id == w->mount ? 0 : -EXDEV;
}

/* Puts the link's text before what is still to be walked. */
static int follow_link(struct walk *w, int link_fd)
{
    struct statfs fs;
    if (w->resolve & NVB_RESOLVE_NO_SYMLINKS)
        return -ELOOP;
    if (++w->links > MAX_LINKS)
        return -ELOOP;
    if (fstatfs(link_fd, &fs) < 0)
        return -errno;
    if ((unsigned long)fs.f_type == PROC_MAGIC)
        return -ELOOP;
    _cleanup_free_ char *text = NULL;
    int r = nvb_readlinkat(link_fd, "", &text);
    if (r < 0)
        return r;
    if (*text == '\0')
        return -ENOENT;
    if (*text == '/') {
        while (w->depth > 0)
            (void)close(w->stack[w->depth--]);
    }
    /* No slash behind a final link's text: it would demand that the link lead to a folder. */
    char *joined = nvb_strdupf("%s%s%s", text, *w->rest ? "/" : "", w->rest);
    free(w->rest);
    w->rest = joined;
    return 0;
}

/* Takes the next component off the rest. Returns NULL at the end; *last tells a final one. */
static char *next_component(struct walk *w, bool *last)
{
    const char *p = w->rest + strspn(w->rest, "/");
    if (*p == '\0')
        return NULL;
    size_t n = strcspn(p, "/");
    char *name = nvb_strndup(p, n);
    const char *after = p + n;
    *last = *after == '\0';
    char *rest = nvb_strdup(after);
    free(w->rest);
    w->rest = rest;
    return name;
}

static int open_final(struct walk *w, const char *name, int flags, mode_t mode)
{
    int fd = openat(w->stack[w->depth], name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    int r = check_mount(w, fd);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

/* One component. Returns a descriptor when it was the last and is open, -EAGAIN to go on, or an
 * error. */
static int walk_step(struct walk *w, const char *name, bool last, int flags, mode_t mode)
{
    if (strcmp(name, ".") == 0)
        return -EAGAIN;
    if (strcmp(name, "..") == 0) {
        if (w->depth > 0)
            (void)close(w->stack[w->depth--]);
        return -EAGAIN;
    }
    _cleanup_close_ int fd = openat(w->stack[w->depth], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT && last && (flags & O_CREAT))
            return open_final(w, name, flags, mode);
        return -errno;
    }
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    int r = check_mount(w, fd);
    if (r < 0)
        return r;
    if (S_ISLNK(st.st_mode) && !(last && (flags & O_NOFOLLOW))) {
        if ((flags & O_CREAT) && (flags & O_EXCL) && last)
            return -EEXIST;
        r = follow_link(w, fd);
        return r < 0 ? r : -EAGAIN;
    }
    if (last && !S_ISDIR(st.st_mode))
        return open_final(w, name, flags, mode);
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    if (w->depth + 1 >= MAX_DEPTH)
        return -ENAMETOOLONG;
    w->stack[++w->depth] = TAKE_FD(fd);
    return -EAGAIN;
}

static int walk_open(int root_fd, const char *path, int flags, mode_t mode, unsigned resolve)
{
    _cleanup_(walk_done) struct walk w = {.resolve = resolve, .rest = nvb_strdup(path)};
    w.stack[0] = root_fd;
    if (resolve & NVB_RESOLVE_NO_XDEV) {
        int r = mount_id(root_fd, &w.mount);
        if (r < 0)
            return r;
    }
    bool trailing = nvb_has_suffix(path, "/");
    for (;;) {
        bool last = false;
        _cleanup_free_ char *name = next_component(&w, &last);
        if (!name)
            break;
        int fd = walk_step(&w, name, last && !trailing, flags, mode);
        if (fd != -EAGAIN)
            return fd;
    }
    /* It ended on a folder (the root, ".", ".." or a folder's own name): open it for real. */
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    int fd = openat(w.stack[w.depth], ".", (flags & ~(O_CREAT | O_NOFOLLOW)) | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int nvb_path_open_in(int root_fd, const char *path, int flags, mode_t mode, unsigned resolve)
{
    if (*path == '\0')
        return -ENOENT;
    if ((resolve & NVB_RESOLVE_FALLBACK) || !has_openat2())
        return walk_open(root_fd, path, flags, mode, resolve);

    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    if (resolve & NVB_RESOLVE_NO_XDEV)
        how.resolve |= RESOLVE_NO_XDEV;
    if (resolve & NVB_RESOLVE_NO_SYMLINKS)
        how.resolve |= RESOLVE_NO_SYMLINKS;
    /* EAGAIN: a rename or mount elsewhere raced with a "..". The kernel asks for another try. */
    int fd = -EAGAIN;
    for (int tries = 0; fd == -EAGAIN && tries < 32; tries++)
        fd = sys_openat2(root_fd, path, &how);
    return fd;
}
