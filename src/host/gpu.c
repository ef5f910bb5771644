#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "host/folder.h"
#include "host/host.h"
#include "host/mig.h"
#include "host/node.h"

#define GPUS_FOLDER     "/proc/driver/nvidia/gpus"
#define INFORMATION_MAX ((size_t)64 << 10)

/* A folder with more than this was not made by a driver. */
#define GPUS_MAX 1024

/* The minor 255 of the driver's major is nvidiactl's; newer drivers have more, but never so many.
 */
#define MINOR_MAX 65535

struct address {
    uint64_t domain, bus, device, function;
};

/* Reads "0000:65:00.0". Domains above ffff exist behind Intel's VMD. Returns 0 or -1. */
static int parse_address(const char *text, struct address *ret)
{
    const char *bus = strchr(text, ':');
    const char *device = bus ? strchr(bus + 1, ':') : NULL;
    const char *function = device ? strchr(device + 1, '.') : NULL;
    if (!function)
        return -1;
    struct address a;
    if (nvb_parse_u64(text, (size_t)(bus - text), 16, &a.domain) < 0 || a.domain > UINT32_MAX ||
        nvb_parse_u64(bus + 1, (size_t)(device - bus - 1), 16, &a.bus) < 0 || a.bus > 0xff ||
        nvb_parse_u64(device + 1, (size_t)(function - device - 1), 16, &a.device) < 0 ||
        a.device > 0x1f || nvb_parse_u64(function + 1, strlen(function + 1), 16, &a.function) < 0 ||
        a.function > 7)
        return -1;
    *ret = a;
    return 0;
}

/* A GPU while it is read: the sort key beside it. */
struct reading {
    struct address address;
    char *folder; /* its name as it stands in the file system */
    struct nvb_gpu gpu;
    bool is_excluded;
};

struct readings NVB_VEC(struct reading);

static void gpu_done(struct nvb_gpu *gpu)
{
    free(gpu->pci);
    free(gpu->uuid);
    free(gpu->model);
    nvb_nodes_done(&gpu->nodes);
    nvb_migs_done(&gpu->migs);
}

static void readings_done(struct readings *readings)
{
    nvb_vec_foreach (r, readings) {
        free(r->folder);
        gpu_done(&r->gpu);
    }
    nvb_vec_release(readings);
}

void nvb_gpus_done(struct nvb_gpus *gpus)
{
    nvb_vec_foreach (gpu, gpus)
        gpu_done(gpu);
    nvb_vec_release(gpus);
}

static int by_address(const void *left, const void *right)
{
    const struct address *a = &((const struct reading *)left)->address;
    const struct address *b = &((const struct reading *)right)->address;
    if (a->domain != b->domain)
        return a->domain < b->domain ? -1 : 1;
    if (a->bus != b->bus)
        return a->bus < b->bus ? -1 : 1;
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    if (a->function != b->function)
        return a->function < b->function ? -1 : 1;
    return 0;
}

/* ---- the information file ------------------------------------------------------------------ */

/* "GPU-" and a UUID of hexadecimal digits. */
static bool is_uuid(const char *text)
{
    if (strncmp(text, "GPU-", 4) != 0 || strlen(text) != 40)
        return false;
    for (size_t i = 4; i < 40; i++) {
        bool dash = i == 12 || i == 17 || i == 22 || i == 27;
        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return true;
}

/* What the driver writes before it has initialised a GPU: a question mark for each digit. */
static bool is_unknown(const char *text)
{
    return text[0] == '\0' || (strchr(text, '?') && strspn(text, "GPU-?") == strlen(text));
}

static int bad_value(struct nvb_error **err, const char *file, unsigned line, const char *key,
                     const char *value)
{
    nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "'%s' is not what a driver writes as %s", value,
                   key);
    return nvb_error_at(err, file, line, 0);
}

static int read_field(struct reading *reading, const char *key, const char *value, const char *file,
                      unsigned line, struct nvb_error **err)
{
    struct nvb_gpu *gpu = &reading->gpu;
    if (strcmp(key, "Model") == 0) {
        free(gpu->model);
        gpu->model = is_unknown(value) ? NULL : nvb_strdup(value);
    } else if (strcmp(key, "GPU UUID") == 0) {
        if (!is_unknown(value) && !is_uuid(value))
            return bad_value(err, file, line, key, value);
        free(gpu->uuid);
        gpu->uuid = is_unknown(value) ? NULL : nvb_strdup(value);
    } else if (strcmp(key, "Device Minor") == 0) {
        uint64_t n;
        if (nvb_parse_u64(value, strlen(value), 10, &n) < 0 || n > MINOR_MAX)
            return bad_value(err, file, line, key, value);
        gpu->minor = (int)n;
    } else if (strcmp(key, "GPU Excluded") == 0 || strcmp(key, "Blacklisted") == 0) {
        reading->is_excluded = strcmp(value, "Yes") == 0;
    }
    return 0;
}

/* Cuts blanks off both ends of the LEN bytes at TEXT, in place. */
static char *trim(char *text, size_t len)
{
    while (len && strchr(" \t\r", text[len - 1]))
        len--;
    text[len] = '\0';
    return text + strspn(text, " \t\r");
}

/* Control characters other than these never stand in the file: it is something else then. */
static bool is_text(const struct nvb_str *s)
{
    for (size_t i = 0; i < s->len; i++) {
        unsigned char c = (unsigned char)s->data[i];
        if (c == 0x7f || (c < 0x20 && !strchr("\t\n\r", c)) || c == '\0')
            return false;
    }
    return true;
}

static int parse_information(struct nvb_str *text, const char *file, struct reading *reading,
                             struct nvb_error **err)
{
    if (!is_text(text))
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                              "'%s' is no text: the driver did not write this", file);
    unsigned line = 0;
    for (char *at = text->data; *at;) {
        size_t len = strcspn(at, "\n");
        char *next = at + len + (at[len] == '\n');
        line++;
        char *colon = memchr(at, ':', len);
        if (colon) {
            const char *value = trim(colon + 1, (size_t)(at + len - colon - 1));
            const char *key = trim(at, (size_t)(colon - at));
            if (read_field(reading, key, value, file, line, err) < 0)
                return -1;
        }
        at = next;
    }
    return 0;
}

static int read_gpu(const struct nvb_host *host, struct reading *reading, struct nvb_error **err)
{
    _cleanup_free_ char *path = nvb_strdupf(GPUS_FOLDER "/%s/information", reading->folder);
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    /* No file, as an empty one: the driver knows the GPU and nothing of it yet. */
    if (nvb_root_read(&host->root, path, INFORMATION_MAX, &text, err) < 0)
        return -1;
    _cleanup_free_ char *file = nvb_root_outside(&host->root, path);
    return parse_information(&text, file, reading, err);
}

/* ---- device nodes --------------------------------------------------------------------------- */

struct drm {
    char *card;
    char *render;
};

static void drm_done(struct drm *drm)
{
    free(drm->card);
    free(drm->render);
}

static bool is_numbered(const char *name, const char *prefix)
{
    uint64_t n;
    size_t len = strlen(prefix);
    return strncmp(name, prefix, len) == 0 &&
           nvb_parse_u64(name + len, strlen(name + len), 10, &n) == 0;
}

/* connectors ("card0-DP-1") and controlD nodes are not among what a program opens. */
static int drm_entry(void *arg, const char *name, unsigned char type)
{
    (void)type;
    struct drm *drm = arg;
    char **place = is_numbered(name, "card")      ? &drm->card
                   : is_numbered(name, "renderD") ? &drm->render
                                                  : NULL;
    if (place && !*place)
        *place = nvb_strdupf("/dev/dri/%s", name);
    return 0;
}

static int find_drm(const struct nvb_host *host, const char *pci, struct drm *ret,
                    struct nvb_error **err)
{
    _cleanup_free_ char *path = nvb_strdupf("/sys/bus/pci/devices/%s/drm", pci);
    int fd = nvb_root_openat(&host->root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    if (fd == -ENOENT)
        return 0;
    _cleanup_close_ int keep = fd;
    int r = fd < 0 ? fd : nvb_folder_list(keep, drm_entry, ret);
    if (r < 0) {
        _cleanup_free_ char *name = nvb_root_outside(&host->root, path);
        return nvb_error_make(err, nvb_error_kind_of(-r), -r, "cannot read '%s'", name);
    }
    return 0;
}

static int find_nodes(const struct nvb_host *host, const struct nvb_dev_folders *folders,
                      struct nvb_gpu *gpu, struct nvb_error **err)
{
    if (gpu->minor >= 0) {
        _cleanup_free_ char *path = nvb_strdupf("/dev/nvidia%d", gpu->minor);
        if (nvb_node_look(host, folders, NVB_NODE_GPU, path, &gpu->nodes, err) < 0)
            return -1;
    }
    _cleanup_(drm_done) struct drm drm = {0};
    if (find_drm(host, gpu->pci, &drm, err) < 0)
        return -1;
    if (drm.card && nvb_node_look(host, folders, NVB_NODE_CARD, drm.card, &gpu->nodes, err) < 0)
        return -1;
    if (drm.render &&
        nvb_node_look(host, folders, NVB_NODE_RENDER, drm.render, &gpu->nodes, err) < 0)
        return -1;
    return 0;
}

/*
 * The driver numbers GPUs as it meets them. So where it does not tell a number yet, the GPU has one
 * of those that no other has. With one such GPU that is certain; of several the one with the lower
 * address is taken to have been met first, which a few boards belie: hence the flag. Excluded GPUs
 * have numbers as well, so this comes before they are dropped.
 */
static void deduce_minors(struct readings *readings)
{
    int next = 0;
    nvb_vec_foreach (r, readings) {
        if (r->gpu.minor >= 0)
            continue;
        for (size_t i = 0; i < readings->count;) {
            if (readings->items[i].gpu.minor == next) {
                next++;
                i = 0;
            } else {
                i++;
            }
        }
        r->gpu.minor = next;
        r->gpu.minor_is_deduced = true;
    }
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int gpu_entry(void *arg, const char *name, unsigned char type)
{
    (void)type;
    struct readings *readings = arg;
    struct reading reading = {.gpu = {.minor = -1}};
    if (parse_address(name, &reading.address) < 0)
        return 0;
    const struct address *a = &reading.address;
    reading.folder = nvb_strdup(name);
    reading.gpu.pci = nvb_strdupf("%04x:%02x:%02x.%x", (unsigned)a->domain, (unsigned)a->bus,
                                  (unsigned)a->device, (unsigned)a->function);
    /* One spelling an address: nothing else can stand there twice. */
    if (strcasecmp(reading.folder, reading.gpu.pci) != 0 || readings->count == GPUS_MAX) {
        bool is_full = readings->count == GPUS_MAX;
        free(reading.folder);
        free(reading.gpu.pci);
        return is_full ? -E2BIG : 0;
    }
    nvb_vec_push(readings, reading);
    return 0;
}

static int list_gpus(const struct nvb_host *host, struct readings *ret, struct nvb_error **err)
{
    int fd = nvb_root_openat(&host->root, GPUS_FOLDER, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    if (fd == -ENOENT)
        return 0;
    _cleanup_close_ int keep = fd;
    int r = fd < 0 ? fd : nvb_folder_list(keep, gpu_entry, ret);
    if (r < 0) {
        _cleanup_free_ char *name = nvb_root_outside(&host->root, GPUS_FOLDER);
        return nvb_error_make(err, nvb_error_kind_of(-r), -r, "cannot read '%s'", name);
    }
    if (ret->count)
        qsort(ret->items, ret->count, sizeof(*ret->items), by_address);
    return 0;
}

int nvb_host_find_gpus(const struct nvb_host *host, struct nvb_gpus *ret, struct nvb_error **err)
{
    _cleanup_(readings_done) struct readings readings = {0};
    if (list_gpus(host, &readings, err) < 0)
        return -1;
    nvb_vec_foreach (r, &readings)
        if (read_gpu(host, r, err) < 0)
            return -1;
    deduce_minors(&readings);

    _cleanup_dev_folders_ struct nvb_dev_folders folders = NVB_DEV_FOLDERS_INIT;
    if (readings.count && nvb_dev_folders_open(host, &folders, err) < 0)
        return -1;
    _cleanup_mig_reader_ struct nvb_mig_reader mig = NVB_MIG_READER_INIT;
    if (readings.count && nvb_mig_open(host, &mig, err) < 0)
        return -1;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    nvb_vec_foreach (r, &readings) {
        if (r->is_excluded)
            continue;
        if (find_nodes(host, &folders, &r->gpu, err) < 0 ||
            nvb_mig_find(&mig, &folders, &r->gpu, err) < 0)
            return -1;
        r->gpu.index = (unsigned)gpus.count;
        nvb_vec_push(&gpus, r->gpu);
        r->gpu = (struct nvb_gpu){0};
    }
    *ret = TAKE_STRUCT(gpus);
    return 0;
}
