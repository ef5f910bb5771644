/* What checks read: files under the host's root, and facts that are gathered once. */

#include "doctor/context.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>

#include "host/folder.h"

#define TEXT_MAX ((size_t)1 << 20)

int nvb_doctor_open(const struct nvb_doctor_options *options, struct nvb_doctor *ret,
                    struct nvb_error **err)
{
    if (nvb_host_open(options->host, &ret->host, err) < 0)
        return -1;
    ret->options = options;
    nvb_user_read(options->environment, &ret->user);
    ret->user.uid = options->caller.uid;
    return 0;
}

static void engine_done(struct nvb_doctor_engine *e)
{
    nvb_engine_done(&e->engine);
    nvb_doc_done(&e->info);
    free(e->trouble);
}

void nvb_doctor_done(struct nvb_doctor *d)
{
    nvb_host_done(&d->host);
    nvb_user_done(&d->user);
    nvb_gpus_done(&d->gpus);
    nvb_nodes_done(&d->nodes);
    nvb_driver_done(&d->driver);
    free(d->module_version);
    free(d->gpu_trouble);
    free(d->driver_trouble);
    free(d->version_trouble);
    engine_done(&d->podman);
    engine_done(&d->docker);
    nvb_vec_foreach (mount, &d->mounts) {
        free(mount->point);
        free(mount->root);
        free(mount->type);
    }
    nvb_vec_release(&d->mounts);
    nvb_vec_foreach (pci, &d->pci) {
        free(pci->address);
        free(pci->driver);
    }
    nvb_vec_release(&d->pci);
    free(d->user_name);
    nvb_doctor_cdi_free(d->cdi);
    nvb_vec_foreach (finding, &d->done)
        nvb_finding_done(finding);
    nvb_vec_release(&d->done);
}

/* ---- files ---- */

bool nvb_doctor_records(const struct nvb_doctor *d, const char *mark)
{
    return nvb_root_is_host(&d->host.root) || nvb_doctor_exists(d, mark);
}

bool nvb_doctor_wants(const struct nvb_doctor *d, const char *mark, struct nvb_finding *f)
{
    if (nvb_doctor_records(d, mark))
        return true;
    nvb_finding_skip(f, "this root is not the machine and has no '%s'", mark);
    return false;
}

char *nvb_doctor_read(const struct nvb_doctor *d, const char *path)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (nvb_root_read(&d->host.root, path, TEXT_MAX, &text, NULL) != 0)
        return NULL;
    return nvb_str_steal(&text);
}

char *nvb_doctor_read_line(const struct nvb_doctor *d, const char *path)
{
    char *text = nvb_doctor_read(d, path);
    if (text)
        text[strcspn(text, "\r\n")] = '\0';
    return text;
}

int nvb_doctor_read_number(const struct nvb_doctor *d, const char *path, uint64_t *ret)
{
    _cleanup_free_ char *line = nvb_doctor_read_line(d, path);
    if (!line)
        return 1;
    return nvb_parse_u64(line, strcspn(line, " \t"), 10, ret) < 0;
}

bool nvb_doctor_exists(const struct nvb_doctor *d, const char *path)
{
    struct stat st;
    return nvb_root_stat(&d->host.root, path, &st) == 0;
}

struct listing {
    const char *suffix;
    struct nvb_strv *names;
};

static int list_one(void *arg, const char *name, unsigned char type)
{
    struct listing *l = arg;
    (void)type;
    if (!l->suffix || nvb_has_suffix(name, l->suffix))
        nvb_strv_add(l->names, name);
    return 0;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

void nvb_doctor_list(const struct nvb_doctor *d, const char *path, const char *suffix,
                     struct nvb_strv *ret)
{
    struct listing l = {suffix, ret};
    size_t first = ret->count;
    _cleanup_close_ int fd =
        nvb_root_openat(&d->host.root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    if (fd < 0)
        return;
    (void)nvb_folder_list(fd, list_one, &l);
    if (ret->count > first)
        qsort(ret->items + first, ret->count - first, sizeof(*ret->items), by_name);
}

/* ---- the caller ---- */

const char *nvb_doctor_env(const struct nvb_doctor *d, const char *name)
{
    const char *value = nvb_environment_get(d->options->environment, name);
    return value && *value ? value : NULL;
}

char *nvb_doctor_home(const struct nvb_doctor *d, const char *rest)
{
    return d->user.home ? nvb_strdupf("%s/%s", d->user.home, rest) : NULL;
}

static char *xdg_path(const struct nvb_doctor *d, const char *variable, const char *below_home,
                      const char *rest)
{
    const char *folder = nvb_doctor_env(d, variable);
    if (folder && folder[0] == '/')
        return nvb_strdupf("%s/%s", folder, rest);
    return d->user.home ? nvb_strdupf("%s/%s/%s", d->user.home, below_home, rest) : NULL;
}

char *nvb_doctor_config_path(const struct nvb_doctor *d, const char *rest)
{
    return xdg_path(d, "XDG_CONFIG_HOME", ".config", rest);
}

char *nvb_doctor_data_path(const struct nvb_doctor *d, const char *rest)
{
    return xdg_path(d, "XDG_DATA_HOME", ".local/share", rest);
}

char *nvb_doctor_find_name(const char *text, unsigned id)
{
    for (const char *line = text; *line; line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        _cleanup_free_ char *copy = nvb_strndup(line, len);
        _cleanup_strv_ struct nvb_strv fields = {0};
        uint64_t n;
        nvb_strv_split(&fields, copy, ':');
        if (fields.count >= 3 &&
            nvb_parse_u64(fields.items[2], strlen(fields.items[2]), 10, &n) == 0 && n == id)
            return nvb_strdup(fields.items[0]);
        line += len;
    }
    return NULL;
}

const char *nvb_doctor_user_name(struct nvb_doctor *d)
{
    if (d->known & NVB_FACT_NAME)
        return d->user_name;
    d->known |= NVB_FACT_NAME;
    _cleanup_free_ char *passwd = nvb_doctor_read(d, "/etc/passwd");
    if (passwd)
        d->user_name = nvb_doctor_find_name(passwd, d->options->caller.uid);
    /* Other databases (LDAP) are the machine's own alone. */
    const struct passwd *entry =
        d->user_name || !nvb_root_is_host(&d->host.root) ? NULL : getpwuid(d->options->caller.uid);
    if (entry)
        d->user_name = nvb_strdup(entry->pw_name);
    if (!d->user_name)
        d->user_name = nvb_strdupf("%u", (unsigned)d->options->caller.uid);
    return d->user_name;
}

bool nvb_doctor_is_rootless(struct nvb_doctor *d)
{
    if (d->options->caller.uid == 0)
        return false;
    return nvb_doctor_podman(d)->installed || !nvb_doctor_docker(d)->installed;
}

bool nvb_doctor_wants_rootless(struct nvb_doctor *d, struct nvb_finding *f)
{
    if (nvb_doctor_is_rootless(d))
        return true;
    if (d->options->caller.uid == 0)
        nvb_finding_skip(f, "root's containers do not need it");
    else
        nvb_finding_skip(f, "Docker is the only engine, and its service runs as root");
    return false;
}

/* ---- facts of nvbind's own discovery ---- */

const struct nvb_distribution *nvb_doctor_distribution(struct nvb_doctor *d)
{
    if (!(d->known & NVB_FACT_DISTRIBUTION))
        nvb_distribution_read(&d->host.root, &d->distribution);
    d->known |= NVB_FACT_DISTRIBUTION;
    return &d->distribution;
}

const struct nvb_gpus *nvb_doctor_gpus(struct nvb_doctor *d)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    if (!(d->known & NVB_FACT_GPUS) && nvb_host_find_gpus(&d->host, &d->gpus, &err) < 0)
        d->gpu_trouble = nvb_strdup(err->message);
    d->known |= NVB_FACT_GPUS;
    return &d->gpus;
}

const struct nvb_nodes *nvb_doctor_nodes(struct nvb_doctor *d)
{
    if (!(d->known & NVB_FACT_NODES))
        (void)nvb_host_find_control_nodes(&d->host, &d->nodes, NULL);
    d->known |= NVB_FACT_NODES;
    return &d->nodes;
}

const struct nvb_driver *nvb_doctor_driver(struct nvb_doctor *d)
{
    static const struct nvb_driver_query query = {.capabilities =
                                                      NVB_CAP_COMPUTE | NVB_CAP_UTILITY};
    _cleanup_error_ struct nvb_error *err = NULL;
    if (!(d->known & NVB_FACT_DRIVER) &&
        nvb_host_find_driver(&d->host, &query, &d->driver, NULL, &err) < 0)
        d->driver_trouble = nvb_strdup(err->message);
    d->known |= NVB_FACT_DRIVER;
    return &d->driver;
}

const char *nvb_doctor_module(struct nvb_doctor *d)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_free_ char *flavour = NULL;
    if (!(d->known & NVB_FACT_VERSION) &&
        nvb_host_read_version(&d->host, &d->module_version, &flavour, &err) < 0)
        d->version_trouble = nvb_strdup(err->message);
    d->known |= NVB_FACT_VERSION;
    return d->module_version;
}

/* ---- PCI ---- */

/* A hexadecimal number as sysfs has it: "0x10de". */
static unsigned read_hex(const struct nvb_doctor *d, const char *folder, const char *name)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, name);
    _cleanup_free_ char *line = nvb_doctor_read_line(d, path);
    uint64_t n = 0;
    if (!line || !nvb_has_prefix(line, "0x") ||
        nvb_parse_u64(line + 2, strlen(line + 2), 16, &n) < 0 || n > UINT32_MAX)
        return 0;
    return (unsigned)n;
}

const struct nvb_doctor_pcis *nvb_doctor_pci(struct nvb_doctor *d)
{
    static const char devices[] = "/sys/bus/pci/devices";
    _cleanup_strv_ struct nvb_strv names = {0};
    if (d->known & NVB_FACT_PCI)
        return &d->pci;
    d->known |= NVB_FACT_PCI;
    nvb_doctor_list(d, devices, NULL, &names);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *folder = nvb_strdupf("%s/%s", devices, names.items[i]);
        unsigned class = read_hex(d, folder, "class");
        /* displays (03), processing accelerators (12), and bridges, which NVSwitches are (06) */
        if (class >> 16 != 0x03 && class >> 16 != 0x12 && class >> 16 != 0x06)
            continue;
        _cleanup_free_ char *link = nvb_strdupf("%s/driver", folder);
        _cleanup_free_ char *target = NULL;
        struct nvb_doctor_pci *pci = nvb_vec_add(&d->pci);
        pci->address = nvb_strdup(names.items[i]);
        pci->class = class;
        pci->vendor = read_hex(d, folder, "vendor");
        pci->device = read_hex(d, folder, "device");
        if (nvb_root_readlink(&d->host.root, link, &target) == 0)
            pci->driver = nvb_strdup(nvb_path_base(target));
    }
    return &d->pci;
}
