#include "cdi/validate.h"

#include <ctype.h>
#include <string.h>

#include "cdi/need.h"

/* The rules are those of the CDI project's own packages pkg/cdi, pkg/parser and specs-go, with
 * three more that no consumer checks and every container fails by: absolute paths, names of one
 * letter (they panic the parser in Podman 4.3), and what intelRdt has lost in 1.1. */

/* ---- faults -----------------------------------------------------------------------------------
 */

void nvb_cdi_faults_done(struct nvb_cdi_faults *faults)
{
    nvb_vec_foreach (fault, faults) {
        free(fault->where);
        free(fault->what);
        free(fault->hint);
    }
    nvb_vec_release(faults);
}

/* How deep edits lie: devices[0].containerEdits.hooks[0].env[0]. */
#define MAX_STEPS 4

struct step {
    const char *name;
    ptrdiff_t item; /* of a list; -1 for an object */
};

struct checker {
    struct nvb_cdi_faults *faults;
    struct step steps[MAX_STEPS]; /* to what is being checked; they become text for a fault alone */
    unsigned depth;
};

static void add_step(struct nvb_str *where, const struct step *step)
{
    nvb_str_addf(where, "%s%s", where->len ? "." : "", step->name);
    if (step->item >= 0)
        nvb_str_addf(where, "[%td]", step->item);
}

/* A fault of the field NAME (or of the object itself: NULL). */
static void __attribute__((format(printf, 3, 4)))
add_fault(struct checker *c, const char *name, const char *format, ...)
{
    if (c->faults->count == NVB_CDI_MAX_FAULTS)
        return;
    struct nvb_str what = NVB_STR_INIT;
    va_list args;
    va_start(args, format);
    nvb_str_addv(&what, format, args);
    va_end(args);
    struct nvb_str where = NVB_STR_INIT;
    for (unsigned i = 0; i < c->depth; i++)
        add_step(&where, &c->steps[i]);
    if (name)
        add_step(&where, &(struct step){name, -1});
    struct nvb_cdi_fault *fault = nvb_vec_add(c->faults);
    fault->where = nvb_str_steal(&where);
    fault->what = nvb_str_steal(&what);
}

/* Goes down into ITEM of the list NAME (-1: the object NAME), until leave(). */
static void enter(struct checker *c, const char *name, ptrdiff_t item)
{
    c->steps[c->depth++] = (struct step){name, item};
}

static void leave(struct checker *c)
{
    c->depth--;
}

static bool check_there(struct checker *c, const char *name, const char *text)
{
    if (text && *text)
        return true;
    add_fault(c, name, "'%s' is missing or empty", name);
    return false;
}

static void check_absolute(struct checker *c, const char *name, const char *path)
{
    if (check_there(c, name, path) && *path != '/')
        add_fault(c, name, "'%s' must be an absolute path, not '%s'", name, path);
}

static void check_env(struct checker *c, const struct nvb_strv *env)
{
    nvb_vec_foreach (item, env) {
        const char *equals = strchr(*item, '=');
        if (equals && equals != *item)
            continue;
        enter(c, "env", item - env->items);
        add_fault(c, NULL, "'%s' must be NAME=value", *item);
        leave(c);
    }
}

/* Whether VERSION, the declared one, is 1.1 or later: some rules changed then. */
static bool is_latest(const char *version)
{
    return version && nvb_cdi_compare_versions(version, "1.1.0") >= 0;
}

static void check_node(struct checker *c, const struct nvb_cdi_node *node, const char *version)
{
    check_absolute(c, "path", node->path);
    if (node->host_path)
        check_absolute(c, "hostPath", node->host_path);
    if (node->type && (strlen(node->type) != 1 || !strchr("bcup", node->type[0])))
        add_fault(c, "type", "'type' must be b, c, u or p, not '%s'", node->type);
    if (!node->permissions || (is_latest(version) && strcmp(node->permissions, "none") == 0))
        return;
    if (node->permissions[strspn(node->permissions, "rwm")] != '\0')
        add_fault(c, "permissions", "'permissions' must be made of r, w and m, not '%s'",
                  node->permissions);
}

static void check_mount(struct checker *c, const struct nvb_cdi_mount *mount)
{
    check_absolute(c, "containerPath", mount->container_path);
    /* Of a file system's own mount ("tmpfs") it is only a name. */
    if (mount->type && !strstr(mount->type, "bind"))
        (void)check_there(c, "hostPath", mount->host_path);
    else
        check_absolute(c, "hostPath", mount->host_path);
}

static void check_hook(struct checker *c, const struct nvb_cdi_hook *hook)
{
    static const char *const names[] = {
        "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
    };
    bool known = false;
    for (size_t i = 0; i < NVB_COUNT(names); i++)
        known = known || (hook->hook_name && strcmp(hook->hook_name, names[i]) == 0);
    if (check_there(c, "hookName", hook->hook_name) && !known)
        add_fault(c, "hookName",
                  "'%s' is not a hook's name; there are prestart, createRuntime, "
                  "createContainer, startContainer, poststart and poststop",
                  hook->hook_name);
    check_absolute(c, "path", hook->path);
    check_env(c, &hook->env);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(**(char *const *const *)a, **(char *const *const *)b);
}

/*
 * Sets twice[i] for each of the COUNT texts that has a double before it. The first text is at
 * TEXTS, each further one STRIDE bytes on; NULL is never a double. Sorted, as a file may hold many.
 */
static void find_doubles(char *const *texts, size_t stride, size_t count, bool *twice)
{
    size_t n = 0;
    _cleanup_free_ char *const **sorted = nvb_calloc(count, sizeof(*sorted));
    for (size_t i = 0; i < count; i++) {
        char *const *text = (char *const *)((const char *)texts + i * stride);
        if (*text)
            sorted[n++] = text;
    }
    qsort(sorted, n, sizeof(*sorted), compare_texts);
    char *const *first = n ? sorted[0] : NULL;
    for (size_t i = 1; i < n; i++) {
        if (strcmp(*first, *sorted[i]) != 0) {
            first = sorted[i];
            continue;
        }
        /* qsort() does not keep the order of equals: the one that stands first is the good one. */
        char *const *later = first < sorted[i] ? sorted[i] : first;
        first = first < sorted[i] ? first : sorted[i];
        twice[(size_t)((const char *)later - (const char *)texts) / stride] = true;
    }
}

static void check_nets(struct checker *c, const struct nvb_cdi_nets *nets)
{
    if (nets->count == 0)
        return;
    size_t count = nets->count;
    _cleanup_free_ bool *host_twice = nvb_calloc(count, sizeof(bool));
    _cleanup_free_ bool *name_twice = nvb_calloc(count, sizeof(bool));
    find_doubles(&nets->items->host_name, sizeof(*nets->items), count, host_twice);
    find_doubles(&nets->items->container_name, sizeof(*nets->items), count, name_twice);
    for (size_t i = 0; i < count; i++) {
        const struct nvb_cdi_net *net = &nets->items[i];
        enter(c, "netDevices", (ptrdiff_t)i);
        (void)check_there(c, "hostInterfaceName", net->host_name);
        (void)check_there(c, "name", net->container_name);
        if (host_twice[i])
            add_fault(c, "hostInterfaceName", "'%s' is here a second time", net->host_name);
        if (name_twice[i])
            add_fault(c, "name", "'%s' is here a second time", net->container_name);
        leave(c);
    }
}

static void check_rdt(struct checker *c, const struct nvb_cdi_rdt *rdt, const char *version)
{
    enter(c, "intelRdt", -1);
    const char *id = rdt->clos_id;
    bool latest = is_latest(version);
    if (id && !(latest && strcmp(id, "/") == 0) &&
        (strlen(id) >= 4096 || strcmp(id, ".") == 0 || strcmp(id, "..") == 0 || strpbrk(id, "/\n")))
        add_fault(c, "closID", "'closID' must be a file's name, not '%s'", id);
    if (latest && rdt->enable_cmt >= 0)
        add_fault(c, "enableCMT",
                  "'enableCMT' is no longer there in 1.1.0; it is enableMonitoring");
    if (latest && rdt->enable_mbm >= 0)
        add_fault(c, "enableMBM",
                  "'enableMBM' is no longer there in 1.1.0; it is enableMonitoring");
    leave(c);
}

static void check_edits(struct checker *c, const struct nvb_cdi_edits *edits, const char *version)
{
    enter(c, "containerEdits", -1);
    check_env(c, &edits->env);
    nvb_vec_foreach (node, &edits->nodes) {
        enter(c, "deviceNodes", node - edits->nodes.items);
        check_node(c, node, version);
        leave(c);
    }
    check_nets(c, &edits->nets);
    nvb_vec_foreach (hook, &edits->hooks) {
        enter(c, "hooks", hook - edits->hooks.items);
        check_hook(c, hook);
        leave(c);
    }
    nvb_vec_foreach (mount, &edits->mounts) {
        enter(c, "mounts", mount - edits->mounts.items);
        check_mount(c, mount);
        leave(c);
    }
    if (edits->rdt)
        check_rdt(c, edits->rdt, version);
    leave(c);
}

static void check_annotations(struct checker *c, const struct nvb_cdi_annotations *annotations)
{
    size_t size = 0;
    nvb_vec_foreach (annotation, annotations) {
        size += strlen(annotation->key) + strlen(annotation->value);
        if (!*annotation->key)
            add_fault(c, "annotations", "an annotation's key must not be empty");
    }
    if (size > (size_t)256 << 10)
        add_fault(c, "annotations", "the annotations are %zu bytes; 256 KiB is the limit", size);
}

/* Whether the LEN bytes of NAME begin with a letter (or a digit, where allowed), end with a letter
 * or digit and have only these and MIDDLE's between. */
static bool is_name(const char *name, size_t len, bool digit_first, const char *middle)
{
    if (len == 0 ||
        !(isalpha((unsigned char)name[0]) || (digit_first && isdigit((unsigned char)name[0]))))
        return false;
    for (size_t i = 1; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && (i == len - 1 || !strchr(middle, name[i])))
            return false;
    }
    return true;
}

static void check_kind(struct checker *c, const char *kind)
{
    static const char *const parts[] = {"vendor", "class"};
    if (!check_there(c, "kind", kind))
        return;
    const char *slash = strchr(kind, '/');
    if (!slash) {
        add_fault(c, "kind", "'%s' must be VENDOR/CLASS, such as nvidia.com/gpu", kind);
        return;
    }
    for (int i = 0; i < 2; i++) {
        const char *part = i ? slash + 1 : kind;
        size_t len = i ? strlen(part) : (size_t)(slash - kind);
        if (!is_name(part, len, false, "_-."))
            add_fault(c, "kind",
                      "the %s '%.*s' must begin with a letter, end with a letter or digit and have "
                      "only letters, digits, '_', '-' and '.' between",
                      parts[i], (int)len, part);
        else if (len < 2)
            add_fault(c, "kind", "the %s '%.*s' must have two characters: engines fail on one",
                      parts[i], (int)len, part);
    }
}

static void check_version(struct checker *c, const struct nvb_cdi_spec *spec)
{
    if (!check_there(c, "cdiVersion", spec->version))
        return;
    const char *known = nvb_cdi_known_version(spec->version);
    if (!known || strcmp(known, spec->version) != 0) {
        add_fault(c, "cdiVersion", "'%s' is not a version of CDI; the latest is 1.1.0",
                  spec->version);
        return;
    }
    const char *why;
    const char *needed = nvb_cdi_needed_version(spec, &why);
    if (nvb_cdi_compare_versions(spec->version, needed) < 0)
        add_fault(c, "cdiVersion", "%s is declared, but %s is needed: %s", spec->version, needed,
                  why);
}

static void check_device(struct checker *c, const struct nvb_cdi_device *device, bool is_double,
                         const char *version)
{
    if (check_there(c, "name", device->name) &&
        !is_name(device->name, strlen(device->name), true, "_-.:"))
        add_fault(c, "name",
                  "the name '%s' must begin and end with a letter or digit and have only letters, "
                  "digits, '_', '-', '.' and ':' between",
                  device->name);
    if (is_double)
        add_fault(c, "name", "the device '%s' is here a second time", device->name);
    check_annotations(c, &device->annotations);
    if (nvb_cdi_edits_is_empty(&device->edits))
        add_fault(c, "containerEdits", "the device '%s' changes nothing in a container",
                  device->name ? device->name : "");
    check_edits(c, &device->edits, version);
}

static void check_devices(struct checker *c, const struct nvb_cdi_spec *spec)
{
    const struct nvb_cdi_devices *devices = &spec->devices;
    if (devices->count == 0) {
        add_fault(c, "devices", "there is no device");
        return;
    }
    _cleanup_free_ bool *twice = nvb_calloc(devices->count, sizeof(bool));
    find_doubles(&devices->items->name, sizeof(*devices->items), devices->count, twice);
    for (size_t i = 0; i < devices->count; i++) {
        enter(c, "devices", (ptrdiff_t)i);
        check_device(c, &devices->items[i], twice[i], spec->version);
        leave(c);
    }
}

void nvb_cdi_find_faults(const struct nvb_cdi_spec *spec, struct nvb_cdi_faults *ret)
{
    struct checker c = {.faults = ret};
    check_version(&c, spec);
    check_kind(&c, spec->kind);
    check_annotations(&c, &spec->annotations);
    check_devices(&c, spec);
    check_edits(&c, &spec->edits, spec->version);
}

int nvb_cdi_validate(const struct nvb_cdi_spec *spec, struct nvb_error **err)
{
    _cleanup_cdi_faults_ struct nvb_cdi_faults faults = {0};
    nvb_cdi_find_faults(spec, &faults);
    if (faults.count == 0)
        return 0;
    const struct nvb_cdi_fault *fault = &faults.items[0];
    return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "%s: %s", fault->where, fault->what);
}
