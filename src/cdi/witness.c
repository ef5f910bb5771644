#include "cdi/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/folder.h"

/*
 * The lines:
 *
 *     facts 1                        the form
 *     driver-version 550.163.01
 *     gpus 0000:10:00.0 0000:18:00.0
 *     parts /proc/…/gpu0/mig gi1 gi2 the entries of a folder of the driver's own
 *     root|driver|dev PATH 8:1f:6743…:6743…
 *                                    a file or folder of that root; "-" where it is not there
 *
 * Paths are written with %XX for blanks and control characters.
 */
#define FORM "facts 1"

#define GPUS_FOLDER "/proc/driver/nvidia/gpus"

/* ---- identities ------------------------------------------------------------------------------
 */

/* In hexadecimal, without the formatter: a check makes fifty of them. */
static void add_hex(struct nvb_str *s, uint64_t value, char end)
{
    static const char digits[] = "0123456789abcdef";
    char text[17];
    size_t at = sizeof(text);
    text[--at] = end;
    do {
        text[--at] = digits[value & 15];
        value >>= 4;
    } while (value && at > 0);
    nvb_str_addn(s, text + at, sizeof(text) - at);
}

static uint64_t nanoseconds(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_nsec;
}

static void add_identity(struct nvb_str *s, const struct stat *st)
{
    add_hex(s, st->st_dev, ':');
    add_hex(s, st->st_ino, ':');
    add_hex(s, nanoseconds(&st->st_mtim), ':');
    add_hex(s, nanoseconds(&st->st_ctim), '\n');
    s->len--;
    s->data[s->len] = '\0';
}

static const struct nvb_root *root_of(const struct nvb_host *host, const char *name, size_t len)
{
    if (len == 4 && memcmp(name, "root", 4) == 0)
        return &host->root;
    if (len == 6 && memcmp(name, "driver", 6) == 0)
        return &host->driver;
    return len == 3 && memcmp(name, "dev", 3) == 0 ? &host->dev : NULL;
}

/* On the machine itself a path is followed as everybody's is, which is one call. */
static int look(const struct nvb_root *root, const char *path, struct stat *ret)
{
    if (nvb_root_is_host(root))
        return stat(path, ret) < 0 ? -errno : 0;
    return nvb_root_stat(root, path, ret);
}

/* ---- lists -----------------------------------------------------------------------------------
 */

static int take_name(void *arg, const char *name, unsigned char type)
{
    (void)type;
    nvb_strv_add(arg, name);
    return 0;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Appends the entries of a folder of ROOT, sorted, each behind a blank. Returns 0 or a negative
 * errno. */
static int add_entries(const struct nvb_root *root, const char *path, struct nvb_str *ret)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    _cleanup_close_ int fd = nvb_root_openat(root, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    int r = nvb_folder_list(fd, take_name, &names);
    if (r < 0)
        return r;
    if (names.count)
        qsort(names.items, names.count, sizeof(*names.items), compare_texts);
    nvb_vec_foreach (name, &names) {
        nvb_str_addc(ret, ' ');
        nvb_str_add(ret, *name);
    }
    return 0;
}

/* ---- writing ---------------------------------------------------------------------------------
 */

struct writer {
    const struct nvb_host *host;
    const char *prefix;
    uint64_t started; /* what changed since, or shortly before, may have been missed */
    struct nvb_str text;
    struct nvb_strv seen;
    bool is_quiet;
};

static void add_path(struct nvb_str *s, const char *path)
{
    static const char digits[] = "0123456789abcdef";
    for (; *path; path++) {
        const unsigned char c = (unsigned char)*path;
        if (c <= ' ' || c == '%' || c == 0x7f) {
            nvb_str_addc(s, '%');
            nvb_str_addc(s, digits[c >> 4]);
            nvb_str_addc(s, digits[c & 15]);
        } else {
            nvb_str_addc(s, *path);
        }
    }
}

static bool is_busy(const char *path)
{
    static const char *const busy[] = {"/", "/run", "/var/run", "/tmp", "/var/tmp"};
    for (size_t i = 0; i < NVB_COUNT(busy); i++)
        if (strcmp(busy[i], path) == 0)
            return true;
    return false;
}

static void write_place(struct writer *w, const char *root, const char *path)
{
    struct stat st;
    _cleanup_free_ char *key = nvb_strdupf("%s %s", root, path);
    if (is_busy(path) || nvb_strv_has(&w->seen, key))
        return;
    nvb_strv_add(&w->seen, key);
    nvb_str_addf(&w->text, "%s%s ", w->prefix, root);
    add_path(&w->text, path);
    nvb_str_addc(&w->text, ' ');
    if (look(root_of(w->host, root, strlen(root)), path, &st) < 0) {
        nvb_str_add(&w->text, "-\n");
        return;
    }
    add_identity(&w->text, &st);
    nvb_str_addc(&w->text, '\n');
    /* A folder in /proc and /sys is as new as the look at it; those are not among the places. */
    if (nanoseconds(&st.st_ctim) >= w->started || nanoseconds(&st.st_mtim) >= w->started)
        w->is_quiet = false;
}

static int write_list(struct writer *w, const char *word, const char *path)
{
    nvb_str_addf(&w->text, "%s%s", w->prefix, word);
    if (strcmp(word, "parts") == 0) {
        nvb_str_addc(&w->text, ' ');
        add_path(&w->text, path);
    }
    int r = add_entries(&w->host->root, path, &w->text);
    nvb_str_addc(&w->text, '\n');
    return r;
}

/* How a GPU is cut: its GPU instances, and the compute instances of each. */
static void write_parts(struct writer *w, const struct nvb_gpu *gpu)
{
    _cleanup_str_ struct nvb_str names = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv parts = {0};
    if (gpu->minor < 0)
        return;
    _cleanup_free_ char *folder =
        nvb_strdupf("/proc/driver/nvidia/capabilities/gpu%d/mig", gpu->minor);
    if (add_entries(&w->host->root, folder, &names) < 0)
        return;
    (void)write_list(w, "parts", folder);
    nvb_strv_split(&parts, names.data, ' ');
    nvb_vec_foreach (part, &parts) {
        _cleanup_free_ char *below = nvb_strdupf("%s/%s", folder, *part);
        if (nvb_has_prefix(*part, "gi"))
            (void)write_list(w, "parts", below);
    }
}

int nvb_cdi_witness_write(const struct nvb_host *host, const struct nvb_gpus *gpus,
                          const struct nvb_strv *looked, const struct timespec *started,
                          const char *prefix, struct nvb_str *ret)
{
    /* Two ticks of the slowest clock that stamps files. */
    static const uint64_t margin = 20000000;
    static const char *const always[] = {"/etc/ld.so.cache", "/etc/alternatives",
                                         "/etc/ld.so.conf.d", NVB_MPS_FOLDER};
    static const char *const nodes[] = {"/dev", "/dev/dri", "/dev/nvidia-caps"};
    _cleanup_free_ char *version = NULL;
    _cleanup_free_ char *flavour = NULL;
    for (size_t i = 0; gpus && i < gpus->count; i++)
        if (!gpus->items[i].uuid || gpus->items[i].minor < 0)
            return 1;
    if (nvb_host_read_version(host, &version, &flavour, NULL) != 0)
        return 1;
    struct writer w = {
        .host = host,
        .prefix = prefix,
        .started = nanoseconds(started) - margin,
        .text = NVB_STR_INIT,
        .is_quiet = true,
    };
    nvb_str_addf(&w.text, "%s" FORM "\n%sdriver-version %s\n", prefix, prefix, version);
    if (gpus && write_list(&w, "gpus", GPUS_FOLDER) < 0)
        w.is_quiet = false;
    for (size_t i = 0; gpus && i < gpus->count; i++)
        write_parts(&w, &gpus->items[i]);
    for (size_t i = 0; i < NVB_COUNT(always); i++)
        write_place(&w, "driver", always[i]);
    for (size_t i = 0; i < NVB_COUNT(nodes); i++)
        write_place(&w, "dev", nodes[i]);
    nvb_vec_foreach (folder, looked)
        write_place(&w, "driver", *folder);
    if (w.is_quiet)
        nvb_str_addn(ret, w.text.data, w.text.len);
    nvb_str_done(&w.text);
    nvb_strv_done(&w.seen);
    return w.is_quiet ? 0 : 1;
}

/* ---- checking --------------------------------------------------------------------------------
 */

/* PATH (LEN bytes) as it was before add_path(). */
static char *read_path(const char *path, size_t len)
{
    struct nvb_str s = NVB_STR_INIT;
    for (size_t i = 0; i < len; i++) {
        uint64_t value;
        if (path[i] == '%' && i + 2 < len && nvb_parse_u64(path + i + 1, 2, 16, &value) == 0 &&
            value) {
            nvb_str_addc(&s, (char)value);
            i += 2;
        } else {
            nvb_str_addc(&s, path[i]);
        }
    }
    return nvb_str_steal(&s);
}

static char *check_version(const char *value, size_t len, const struct nvb_host *host)
{
    _cleanup_free_ char *version = NULL;
    _cleanup_free_ char *flavour = NULL;
    if (nvb_host_read_version(host, &version, &flavour, NULL) != 0)
        return nvb_strdup("no driver is loaded now");
    if (strlen(version) == len && memcmp(version, value, len) == 0)
        return NULL;
    return nvb_strdupf("the driver was %.*s, and %s is loaded", (int)len, value, version);
}

static char *check_list(const char *path, const char *value, size_t len,
                        const struct nvb_host *host)
{
    _cleanup_str_ struct nvb_str now = NVB_STR_INIT;
    nvb_str_addc(&now, '.');
    (void)add_entries(&host->root, path, &now);
    if (now.len - 1 == len && memcmp(now.data + 1, value, len) == 0)
        return NULL;
    return nvb_strdup(strcmp(path, GPUS_FOLDER) == 0 ? "there are other GPUs"
                                                     : "the GPUs are cut otherwise");
}

static char *check_place(const struct nvb_root *root, const char *line, size_t len)
{
    const char *blank = memchr(line, ' ', len);
    struct stat st;
    if (!blank)
        return nvb_strdup("what it was made from is not known");
    _cleanup_free_ char *path = read_path(line, (size_t)(blank - line));
    const char *value = blank + 1;
    const size_t value_len = len - (size_t)(value - line);
    _cleanup_str_ struct nvb_str now = NVB_STR_INIT;
    if (look(root, path, &st) < 0)
        nvb_str_addc(&now, '-');
    else
        add_identity(&now, &st);
    if (now.len == value_len && memcmp(now.data, value, value_len) == 0)
        return NULL;
    return nvb_strdupf("'%s' has changed", path);
}

/* NULL where the fact in LINE still holds, else what has changed, owned. */
static char *check_line(const char *line, size_t len, const struct nvb_host *host)
{
    static const char version[] = "driver-version ";
    static const char gpus[] = "gpus";
    static const char parts[] = "parts ";
    const char *blank = memchr(line, ' ', len);
    const size_t word = blank ? (size_t)(blank - line) : len;
    if (len > sizeof(version) - 1 && memcmp(line, version, sizeof(version) - 1) == 0)
        return check_version(line + sizeof(version) - 1, len - (sizeof(version) - 1), host);
    if (word == sizeof(gpus) - 1 && memcmp(line, gpus, word) == 0)
        return check_list(GPUS_FOLDER, line + word, len - word, host);
    if (len > sizeof(parts) - 1 && memcmp(line, parts, sizeof(parts) - 1) == 0) {
        const char *path = line + sizeof(parts) - 1;
        const char *end = memchr(path, ' ', len - (sizeof(parts) - 1));
        const size_t path_len = end ? (size_t)(end - path) : len - (sizeof(parts) - 1);
        _cleanup_free_ char *plain = read_path(path, path_len);
        return check_list(plain, path + path_len, len - (sizeof(parts) - 1) - path_len, host);
    }
    const struct nvb_root *root = root_of(host, line, word);
    if (root && blank)
        return check_place(root, blank + 1, len - word - 1);
    return nvb_strdup("what it was made from is not known");
}

bool nvb_cdi_witness_holds(const char *text, size_t len, const char *prefix,
                           const struct nvb_host *host, char **ret_why)
{
    const char *const end = text + len;
    const size_t prefix_len = strlen(prefix);
    bool is_first = true;
    char *why = NULL;
    while (!why && (size_t)(end - text) > prefix_len && memcmp(text, prefix, prefix_len) == 0) {
        text += prefix_len;
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        const size_t line_len = (size_t)((stop ? stop : end) - text);
        if (!is_first)
            why = check_line(text, line_len, host);
        else if (line_len != sizeof(FORM) - 1 || memcmp(text, FORM, line_len) != 0)
            why = nvb_strdup("what it was made from is told in another form");
        is_first = false;
        text = stop ? stop + 1 : end;
    }
    if (is_first)
        why = nvb_strdup("what it was made from is not known");
    const bool holds = !why;
    if (ret_why && why)
        *ret_why = TAKE_PTR(why);
    free(why);
    return holds;
}
