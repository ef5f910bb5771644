#include "cdi/registry.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cdi/codec.h"
#include "data/doc.h"

void nvb_cdi_registry_done(struct nvb_cdi_registry *registry)
{
    nvb_vec_foreach (file, &registry->files) {
        free(file->path);
        free(file->kind);
        free(file->version);
        nvb_error_free(file->error);
    }
    nvb_vec_release(&registry->files);
    nvb_vec_foreach (entry, &registry->entries)
        free(entry->name);
    nvb_vec_release(&registry->entries);
    nvb_strv_done(&registry->folders);
    nvb_strv_done(&registry->problems);
}

/* ---- one file --------------------------------------------------------------------------------
 */

static int parse_text(const struct nvb_str *text, const char *path, struct nvb_cdi_spec *ret,
                      struct nvb_error **err)
{
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    const int format = nvb_cdi_format_of(path);
    if (nvb_cdi_read(text->data, text->len, format < 0 ? NVB_CDI_YAML : (enum nvb_cdi_format)format,
                     path, &spec, err) < 0)
        return -1;
    if (nvb_cdi_validate(&spec, err) < 0)
        return nvb_error_at(err, path, 0, 0);
    *ret = TAKE_STRUCT(spec);
    return 0;
}

int nvb_cdi_read_file(const struct nvb_root *root, const char *path, struct nvb_cdi_spec *ret,
                      struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int r = nvb_root_read(root, path, NVB_DOC_MAX_BYTES, &text, err);
    return r != 0 ? r : parse_text(&text, path, ret, err);
}

static int read_stream(int fd, struct nvb_str *ret, struct nvb_error **err)
{
    for (;;) {
        char buffer[16384];
        ssize_t n = read(fd, buffer, sizeof(buffer));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot read standard input");
        if (n == 0)
            return 0;
        nvb_str_addn(ret, buffer, (size_t)n);
        if (ret->len > NVB_DOC_MAX_BYTES)
            return nvb_error_make(
                err, NVB_ERROR_CONFIG, 0,
                "standard input has more than 16 MiB, which no specification has");
    }
}

int nvb_cdi_read_path(const char *path, struct nvb_cdi_spec *ret, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (strcmp(path, "-") == 0)
        return read_stream(STDIN_FILENO, &text, err) < 0
                   ? -1
                   : parse_text(&text, "standard input", ret, err);
    int r = nvb_file_read_path(path, NVB_DOC_MAX_BYTES, &text, err);
    return r != 0 ? r : parse_text(&text, path, ret, err);
}

struct reader {
    struct nvb_cdi_registry *registry;
    const struct nvb_cdi_consumer *consumer;
    struct nvb_str text; /* one buffer for all files */
    size_t bytes;
};

/* Thousands of these are made. */
static char *join(const char *a, char between, const char *b)
{
    const size_t len = strlen(a);
    const size_t rest = strlen(b) + 1;
    char *both = nvb_malloc(len + 1 + rest);
    memcpy(both, a, len);
    both[len] = between;
    memcpy(both + len + 1, b, rest);
    return both;
}

static void take_spec(struct reader *r, struct nvb_cdi_file *file, struct nvb_cdi_spec *spec)
{
    _cleanup_free_ char *refusal =
        r->consumer ? nvb_cdi_consumer_refusal(r->consumer, spec->version) : NULL;
    file->kind = TAKE_PTR(spec->kind);
    file->version = TAKE_PTR(spec->version);
    file->devices = spec->devices.count;
    if (refusal) {
        (void)nvb_error_make(&file->error, NVB_ERROR_ENGINE, 0, "CDI %s is declared, and %s",
                             file->version, refusal);
        return;
    }
    nvb_vec_foreach (device, &spec->devices) {
        struct nvb_cdi_entry *entry = nvb_vec_add(&r->registry->entries);
        entry->name = join(file->kind, '=', device->name);
        entry->file = r->registry->files.count - 1;
    }
}

/* PATH becomes the new file's. */
static void read_file(struct reader *r, size_t folder, char *path)
{
    struct nvb_cdi_registry *registry = r->registry;
    struct nvb_cdi_file *file = nvb_vec_add(&registry->files);
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    file->path = path;
    file->folder = folder;
    if (registry->files.count > NVB_CDI_REGISTRY_MAX_FILES ||
        r->bytes > NVB_CDI_REGISTRY_MAX_BYTES) {
        (void)nvb_error_make(&file->error, NVB_ERROR_CONFIG, 0,
                             "not read: there are too many specifications");
        return;
    }
    nvb_str_truncate(&r->text, 0);
    int n = nvb_root_read(registry->root, path, NVB_DOC_MAX_BYTES, &r->text, &file->error);
    if (n > 0)
        (void)nvb_error_make(&file->error, NVB_ERROR_NOT_FOUND, ENOENT, "'%s' cannot be read",
                             path);
    r->bytes += r->text.len;
    if (n == 0 && parse_text(&r->text, path, &spec, &file->error) == 0)
        take_spec(r, file, &spec);
}

/* ---- folders ---------------------------------------------------------------------------------
 */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_folder(struct reader *r, size_t folder)
{
    const char *path = r->registry->folders.items[folder];
    _cleanup_strv_ struct nvb_strv names = {0};
    /* A folder that is a link is not walked through by engines (Go's filepath.Walk). */
    int fd = nvb_root_openat(r->registry->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!dir) {
        if (fd != -ENOENT)
            nvb_strv_addf(&r->registry->problems, "'%s' is not read: %s", path,
                          fd == -ELOOP || fd == -ENOTDIR ? "engines follow no link there"
                                                         : strerror(fd < 0 ? -fd : errno));
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    while ((entry = readdir(dir)))
        if (entry->d_type != DT_DIR && nvb_cdi_format_of(entry->d_name) >= 0)
            nvb_vec_push(&names, join(path, '/', entry->d_name));
    (void)closedir(dir);
    if (names.count)
        qsort(names.items, names.count, sizeof(*names.items), compare_texts);
    nvb_vec_foreach (name, &names)
        read_file(r, folder, TAKE_PTR(*name));
}

/* ---- which is in force -----------------------------------------------------------------------
 */

/* As people count: gpu=2 before gpu=10. Equal texts alone are equal. */
static int compare_names(const char *a, const char *b)
{
    const char *x = a;
    const char *y = b;
    while (*x && *y) {
        if (isdigit((unsigned char)*x) && isdigit((unsigned char)*y)) {
            size_t n = strspn(x, "0123456789");
            size_t m = strspn(y, "0123456789");
            int order = n != m ? (n < m ? -1 : 1) : strncmp(x, y, n);
            if (order)
                return order;
            x += n;
            y += m;
        } else if (*x != *y) {
            break;
        } else {
            x++;
            y++;
        }
    }
    return strcmp(x, y);
}

static int compare_entries(const void *a, const void *b)
{
    const struct nvb_cdi_entry *x = a;
    const struct nvb_cdi_entry *y = b;
    int order = compare_names(x->name, y->name);
    if (order)
        return order;
    return x->file < y->file ? -1 : x->file > y->file;
}

/* The COUNT entries of one name, in the order in which an engine meets them. */
static void settle(const struct nvb_cdi_registry *registry, struct nvb_cdi_entry *entries,
                   size_t count)
{
    const struct nvb_cdi_file *files = registry->files.items;
    size_t in_conflict = entries[count - 1].file;
    bool conflict = false;
    for (size_t i = 1; i < count; i++) {
        if (files[entries[i - 1].file].folder != files[entries[i].file].folder)
            continue;
        if (entries[i - 1].state != NVB_CDI_CONFLICT)
            entries[i - 1].other = entries[i].file;
        entries[i].other = entries[i - 1].file;
        entries[i - 1].state = entries[i].state = NVB_CDI_CONFLICT;
        in_conflict = entries[i].file;
        conflict = true;
    }
    for (size_t i = 0; i < count; i++) {
        if (entries[i].state == NVB_CDI_CONFLICT)
            continue;
        /* One that is in nobody's way goes with the others of its name all the same. */
        if (conflict || i + 1 < count)
            entries[i].other = in_conflict;
        if (conflict)
            entries[i].state = NVB_CDI_CONFLICT;
        else if (i + 1 < count)
            entries[i].state = NVB_CDI_SHADOWED;
    }
}

static void settle_all(struct nvb_cdi_registry *registry)
{
    struct nvb_cdi_entries *entries = &registry->entries;
    if (entries->count)
        qsort(entries->items, entries->count, sizeof(*entries->items), compare_entries);
    for (size_t i = 0; i < entries->count;) {
        size_t end = i + 1;
        while (end < entries->count &&
               strcmp(entries->items[i].name, entries->items[end].name) == 0)
            end++;
        if (end > i + 1)
            settle(registry, &entries->items[i], end - i);
        i = end;
    }
}

void nvb_cdi_registry_read(const struct nvb_root *root, const struct nvb_strv *folders,
                           const struct nvb_cdi_consumer *consumer, struct nvb_cdi_registry *ret)
{
    struct reader reader = {.registry = ret, .consumer = consumer, .text = NVB_STR_INIT};
    *ret = (struct nvb_cdi_registry){.root = root};
    nvb_vec_foreach (folder, folders)
        nvb_strv_add(&ret->folders, *folder);
    for (size_t i = 0; i < ret->folders.count; i++)
        read_folder(&reader, i);
    nvb_str_done(&reader.text);
    settle_all(ret);
}

const struct nvb_cdi_entry *nvb_cdi_registry_find(const struct nvb_cdi_registry *registry,
                                                  const char *name)
{
    const struct nvb_cdi_entry *found = NULL;
    nvb_vec_foreach (entry, &registry->entries) {
        if (strcmp(entry->name, name) != 0)
            continue;
        if (entry->state == NVB_CDI_IN_FORCE)
            return entry;
        found = entry;
    }
    return found;
}

bool nvb_cdi_registry_has(const struct nvb_cdi_registry *registry, const char *name)
{
    const struct nvb_cdi_entry *entry = nvb_cdi_registry_find(registry, name);
    return entry && entry->state == NVB_CDI_IN_FORCE;
}
