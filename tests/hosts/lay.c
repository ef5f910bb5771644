#include "lay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "host/elf_write.h"
#include "ldcache/ldcache.h"

#define WORDS_MAX 5

struct lay {
    const char *host, *tree;
    const char *file; /* files.txt, for messages */
    unsigned line;
    size_t count;
    char *words[WORDS_MAX];
    const char *rest;      /* what stands behind the second word, as it is */
    struct nvb_strv cache; /* key, path, class; three items an entry */
    struct nvb_error **err;
};

static int fail(struct lay *lay, int errnum, const char *what)
{
    nvb_error_make(lay->err, NVB_ERROR_CONFIG, errnum, "%s", what);
    return nvb_error_at(lay->err, lay->file, lay->line, 0);
}

/* PATH inside the tree, with the folders above it made. */
static char *inside(struct lay *lay, const char *path)
{
    if (path[0] != '/' || strstr(path, "/../")) {
        (void)fail(lay, 0, "a path must begin with '/' and stay inside");
        return NULL;
    }
    _cleanup_free_ char *full = nvb_strdupf("%s%s", lay->tree, path);
    char *slash = strrchr(full, '/');
    *slash = '\0';
    int r = nvb_file_make_folders(full, 0755, lay->err);
    *slash = '/';
    return r < 0 ? NULL : TAKE_PTR(full);
}

static int put(struct lay *lay, const char *path, const void *data, size_t len, mode_t mode)
{
    _cleanup_free_ char *full = inside(lay, path);
    if (!full)
        return -1;
    _cleanup_close_ int fd = open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(lay, errno, full);
    int r = nvb_write_all(fd, data, len);
    if (r < 0)
        return fail(lay, -r, full);
    return fchmod(fd, mode) < 0 ? fail(lay, errno, full) : 0;
}

static int is_32bit(struct lay *lay, const char *word, bool *ret)
{
    *ret = strcmp(word, "32") == 0;
    return *ret || strcmp(word, "64") == 0 ? 0 : fail(lay, 0, "a class is 32 or 64");
}

static void make_elf(const char *soname, bool narrow, struct nvb_str *ret)
{
    struct nvb_elf_library library = {
        .machine = narrow ? NVB_ELF_I386 : nvb_elf_write_native(),
        .soname = strcmp(soname, "-") == 0 ? NULL : soname,
    };
    nvb_elf_write_library(&library, ret);
}

/* ---- one function a word ----------------------------------------------------------------------
 */

static int lay_folder(struct lay *lay)
{
    _cleanup_free_ char *full = nvb_strdupf("%s%s", lay->tree, lay->words[1]);
    return nvb_file_make_folders(full, 0755, lay->err);
}

static int lay_link(struct lay *lay)
{
    _cleanup_free_ char *full = inside(lay, lay->words[1]);
    if (!full)
        return -1;
    return symlink(lay->words[2], full) < 0 ? fail(lay, errno, full) : 0;
}

static int lay_text(struct lay *lay)
{
    _cleanup_free_ char *from = nvb_strdupf("%s/root%s", lay->host, lay->words[1]);
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int r = nvb_file_read_path(from, (size_t)1 << 20, &text, lay->err);
    if (r != 0)
        return r < 0 ? -1 : fail(lay, ENOENT, from);
    return put(lay, lay->words[1], text.data, text.len, 0644);
}

static int lay_empty(struct lay *lay)
{
    return put(lay, lay->words[1], "", 0, 0644);
}

static int lay_node(struct lay *lay)
{
    return put(lay, lay->words[1], "", 0, 0666);
}

static int lay_data(struct lay *lay)
{
    uint64_t size;
    if (nvb_parse_u64(lay->words[2], strlen(lay->words[2]), 10, &size) < 0)
        return fail(lay, 0, "a size is a number");
    if (put(lay, lay->words[1], "", 0, 0644) < 0)
        return -1;
    _cleanup_free_ char *full = nvb_strdupf("%s%s", lay->tree, lay->words[1]);
    return truncate(full, (off_t)size) < 0 ? fail(lay, errno, full) : 0;
}

static int lay_program(struct lay *lay)
{
    _cleanup_str_ struct nvb_str elf = NVB_STR_INIT;
    nvb_elf_write_program(nvb_elf_write_native(), "", 0, &elf);
    return put(lay, lay->words[1], elf.data, elf.len, 0755);
}

static int lay_library(struct lay *lay)
{
    bool narrow;
    if (is_32bit(lay, lay->words[3], &narrow) < 0)
        return -1;
    _cleanup_str_ struct nvb_str elf = NVB_STR_INIT;
    make_elf(lay->words[2], narrow, &elf);
    return put(lay, lay->words[1], elf.data, elf.len, 0644);
}

static int lay_cut(struct lay *lay)
{
    bool narrow;
    uint64_t size;
    if (is_32bit(lay, lay->words[3], &narrow) < 0)
        return -1;
    _cleanup_str_ struct nvb_str elf = NVB_STR_INIT;
    make_elf(lay->words[2], narrow, &elf);
    if (nvb_parse_u64(lay->words[4], strlen(lay->words[4]), 10, &size) < 0 || size > elf.len)
        return fail(lay, 0, "a size is a number, and no more than the whole");
    return put(lay, lay->words[1], elf.data, (size_t)size, 0644);
}

/* What an earlier line, or a simulation, has laid there goes. */
static int clear(struct lay *lay, const char *path)
{
    _cleanup_free_ char *full = nvb_strdupf("%s%s", lay->tree, path);
    return remove(full) < 0 && errno != ENOENT && errno != ENOTDIR ? fail(lay, errno, full) : 0;
}

/* "\\n" is a line's end and "\\t" a tab. */
static int lay_write(struct lay *lay)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    for (const char *p = lay->rest; *p; p++) {
        if (p[0] == '\\' && (p[1] == 'n' || p[1] == 't'))
            nvb_str_addc(&text, *++p == 'n' ? '\n' : '\t');
        else
            nvb_str_addc(&text, *p);
    }
    if (clear(lay, lay->words[1]) < 0)
        return -1;
    return put(lay, lay->words[1], text.data, text.len, 0644);
}

static int lay_mode(struct lay *lay)
{
    unsigned mode = 0;
    for (const char *p = lay->words[2]; *p >= '0' && *p <= '7'; p++)
        mode = mode * 8 + (unsigned)(*p - '0');
    _cleanup_free_ char *full = nvb_strdupf("%s%s", lay->tree, lay->words[1]);
    return chmod(full, mode) < 0 ? fail(lay, errno, full) : 0;
}

/* For root alone: a character device that is really one. */
static int lay_device(struct lay *lay)
{
    uint64_t numbers[2];
    for (size_t i = 0; i < 2; i++)
        if (nvb_parse_u64(lay->words[2 + i], strlen(lay->words[2 + i]), 10, &numbers[i]) < 0)
            return fail(lay, 0, "major and minor are numbers");
    _cleanup_free_ char *full = inside(lay, lay->words[1]);
    if (!full || clear(lay, lay->words[1]) < 0)
        return -1;
    if (mknod(full, S_IFCHR | 0600, makedev((unsigned)numbers[0], (unsigned)numbers[1])) < 0)
        return fail(lay, errno, full);
    return chmod(full, 0666) < 0 ? fail(lay, errno, full) : 0;
}

static int lay_remove(struct lay *lay)
{
    return clear(lay, lay->words[1]);
}

static int lay_fifo(struct lay *lay)
{
    _cleanup_free_ char *full = inside(lay, lay->words[1]);
    if (!full)
        return -1;
    return mkfifo(full, 0644) < 0 ? fail(lay, errno, full) : 0;
}

/* Nobody listens, as a socket of a daemon that died. */
static int lay_socket(struct lay *lay)
{
    _cleanup_free_ char *full = inside(lay, lay->words[1]);
    if (!full)
        return -1;
    return mknod(full, S_IFSOCK | 0666, 0) < 0 ? fail(lay, errno, full) : 0;
}

static int lay_cache(struct lay *lay)
{
    bool narrow;
    if (is_32bit(lay, lay->words[3], &narrow) < 0)
        return -1;
    for (size_t i = 1; i <= 3; i++)
        nvb_strv_add(&lay->cache, lay->words[i]);
    return 0;
}

static const struct {
    const char *word;
    size_t count; /* with the word itself */
    int (*lay)(struct lay *lay);
} kinds[] = {
    {"folder", 2, lay_folder},   {"link", 3, lay_link},       {"text", 2, lay_text},
    {"empty", 2, lay_empty},     {"data", 3, lay_data},       {"node", 2, lay_node},
    {"program", 2, lay_program}, {"library", 4, lay_library}, {"cut", 5, lay_cut},
    {"fifo", 2, lay_fifo},       {"socket", 2, lay_socket},   {"cache", 4, lay_cache},
    {"mode", 3, lay_mode},       {"device", 4, lay_device},   {"remove", 2, lay_remove},
};

/* ---- the whole --------------------------------------------------------------------------------
 */

static int lay_line(struct lay *lay, char *text)
{
    if (text[0] == '#')
        return 0;
    char *rest = NULL;
    lay->count = 0;
    if (strncmp(text, "write ", 6) == 0) {
        lay->words[1] = strtok_r(text + 6, " ", &rest);
        lay->rest = rest ? rest : "";
        return lay->words[1] ? lay_write(lay) : fail(lay, 0, "a path is missing");
    }
    for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        if (lay->count == WORDS_MAX)
            return fail(lay, 0, "too many words");
        lay->words[lay->count++] = word;
    }
    if (lay->count == 0)
        return 0;
    for (size_t i = 0; i < NVB_COUNT(kinds); i++) {
        if (strcmp(kinds[i].word, lay->words[0]) != 0)
            continue;
        return kinds[i].count == lay->count ? kinds[i].lay(lay)
                                            : fail(lay, 0, "too few or too many words");
    }
    return fail(lay, 0, "unknown word");
}

static int write_cache(struct lay *lay)
{
    size_t count = lay->cache.count / 3;
    if (count == 0)
        return 0;
    enum nvb_ldcache_class wide =
        nvb_elf_write_native() == NVB_ELF_AARCH64 ? NVB_LDCACHE_AARCH64 : NVB_LDCACHE_X86_64;
    _cleanup_free_ struct nvb_ldcache_item *items = nvb_calloc(count, sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        char **entry = lay->cache.items + 3 * i;
        bool narrow = strcmp(entry[2], "32") == 0;
        items[i] = (struct nvb_ldcache_item){
            .key = entry[0],
            .value = entry[1],
            .flags = nvb_ldcache_flags_of(narrow ? NVB_LDCACHE_I386 : wide),
        };
    }
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    if (nvb_ldcache_merge(NULL, items, count, &bytes, lay->err) < 0)
        return -1;
    return put(lay, "/etc/ld.so.cache", bytes.data, bytes.len, 0644);
}

static int lay_lines(struct lay *lay, char *text)
{
    int r = 0;
    while (r == 0 && text) {
        char *line = strsep(&text, "\n");
        lay->line++;
        r = lay_line(lay, line);
    }
    if (r == 0)
        r = write_cache(lay);
    nvb_strv_done(&lay->cache);
    return r;
}

int nvb_lay_host(const char *host, const char *tree, struct nvb_error **err)
{
    _cleanup_free_ char *file = nvb_strdupf("%s/files.txt", host);
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int r = nvb_file_read_path(file, (size_t)1 << 20, &text, err);
    if (r < 0)
        return -1;
    if (r > 0)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "'%s' has no files.txt", host);
    struct lay lay = {.host = host, .tree = tree, .file = file, .err = err};
    return lay_lines(&lay, text.data);
}

int nvb_lay_lines(const char *lines, const char *tree, struct nvb_error **err)
{
    _cleanup_free_ char *text = nvb_strdup(lines);
    struct lay lay = {.host = "", .tree = tree, .file = "lines", .err = err};
    return lay_lines(&lay, text);
}

/* ---- its roots ----------------------------------------------------------------------------------
 */

void nvb_lay_options_done(struct nvb_lay_options *options)
{
    free(options->host_root);
    free(options->driver_root);
    free(options->dev_root);
}

int nvb_lay_read_options(const char *host, const char *tree, struct nvb_lay_options *ret,
                         struct nvb_error **err)
{
    static const char driver_root[] = "driver-root ";
    static const char dev_root[] = "dev-root ";
    _cleanup_free_ char *file = nvb_strdupf("%s/options.txt", host);
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (nvb_file_read_path(file, 4096, &text, err) < 0)
        return -1;
    struct nvb_lay_options options = {.host_root = nvb_strdup(tree)};
    unsigned line = 0;
    char *rest = text.len ? text.data : NULL;
    while (rest) {
        const char *word = strsep(&rest, "\n");
        line++;
        if (nvb_has_prefix(word, driver_root) && !options.driver_root) {
            options.driver_root = nvb_strdupf("%s%s", tree, word + sizeof(driver_root) - 1);
        } else if (nvb_has_prefix(word, dev_root) && !options.dev_root) {
            options.dev_root = nvb_strdupf("%s%s", tree, word + sizeof(dev_root) - 1);
        } else if (*word) {
            nvb_lay_options_done(&options);
            nvb_error_make(err, NVB_ERROR_CONFIG, 0, "neither driver-root nor dev-root");
            return nvb_error_at(err, file, line, 0);
        }
    }
    *ret = options;
    return 0;
}
