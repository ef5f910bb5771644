#include "hook/words_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "hook/root.h"

#define MAX_FILE   ((size_t)1 << 20)
#define UNMAPPED   65534 /* the kernel's overflow user */
#define ALL_MAPPED "         0          0 4294967295\n"

/* Whether every user of the machine has his own number here. In doubt, that is so: it is stricter.
 */
static bool is_first_namespace(void)
{
    _cleanup_str_ struct nvb_str map = NVB_STR_INIT;
    _cleanup_close_ int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
    return fd < 0 || hook_read_all(fd, MAX_FILE, &map) < 0 || strcmp(map.data, ALL_MAPPED) == 0;
}

static const char *find_fault(const struct stat *st, bool is_first)
{
    if (st->st_uid != 0 && (is_first || st->st_uid != UNMAPPED))
        return "is not root's";
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return "can be written by others";
    return NULL;
}

static int refuse(const char *path, size_t len, const char *fault, struct nvb_error **err)
{
    nvb_error_make(err, NVB_ERROR_PERMISSION, 0,
                   "the file of arguments '%s' does not count: '%.*s' %s", path, len ? (int)len : 1,
                   path, fault);
    return nvb_error_hint(err, "it and every folder above it must be root's, without a link: "
                               "nvbind-hook(8)");
}

static int fail_missing(const char *path, struct nvb_error **err)
{
    /* Without the errno's text, from which engines guess that the program is missing. */
    nvb_error_make(err, NVB_ERROR_CONFIG, 0, "there is no file of arguments '%s'", path);
    return nvb_error_hint(err, "make it: sudo nvbind cdi generate --format hook --output %s", path);
}

/* Opens PATH component by component, each looked at before the next one is. */
static int open_checked(const char *path, struct nvb_error **err)
{
    struct stat st;
    const bool is_first = is_first_namespace();
    const char *p = path;
    _cleanup_close_ int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (;;) {
        if (fd < 0 && errno == ENOENT)
            return fail_missing(path, err);
        const char *fault = NULL;
        if (fd < 0 || fstat(fd, &st) < 0)
            fault = errno == ELOOP ? "is a link" : strerror(errno);
        if (!fault)
            fault = S_ISLNK(st.st_mode) ? "is a link" : find_fault(&st, is_first);
        if (fault)
            return refuse(path, (size_t)(p - path), fault, err);
        p += strspn(p, "/");
        if (*p == '\0')
            break;
        size_t len = strcspn(p, "/");
        bool is_last = p[len] == '\0';
        _cleanup_free_ char *name = nvb_strndup(p, len);
        int next =
            openat(fd, name,
                   O_NOFOLLOW | O_CLOEXEC | (is_last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH));
        int saved = errno;
        (void)close(fd);
        fd = next;
        p += len;
        errno = saved;
    }
    return S_ISREG(st.st_mode) ? TAKE_FD(fd) : refuse(path, strlen(path), "is no file", err);
}

int hook_read_words_file(const char *path, struct nvb_strv *ret, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_close_ int fd = open_checked(path, err);
    if (fd < 0)
        return -1;
    int r = hook_read_all(fd, MAX_FILE, &text);
    if (r == 0 && text.len != strlen(text.data))
        r = -EINVAL;
    if (r < 0)
        return nvb_error_make(err, nvb_error_kind_of(-r), -r, "cannot read '%s'", path);
    for (const char *p = text.data; *p; p += *p == '\n') {
        size_t len = strcspn(p, "\n");
        if (len > 0 && *p != '#') {
            _cleanup_free_ char *word = nvb_strndup(p, len);
            nvb_strv_add(ret, word);
        }
        p += len;
    }
    return 0;
}
