#include "dump.h"

#include <string.h>

static const char *const roles[] = {"ctl",  "uvm",    "uvm-tools", "modeset", "gpu",
                                    "card", "render", "gi",        "ci"};
static const char *const kinds[] = {"library", "module", "binary", "config", "firmware", "socket"};

/* Appends TEXT without every place where ROOT stands in it. */
static void add_text(struct nvb_str *s, const char *text, const char *root)
{
    size_t len = strlen(root);
    while (*text) {
        if (len > 1 && strncmp(text, root, len) == 0)
            text += len;
        else
            nvb_str_addc(s, *text++);
    }
}

static void add_capabilities(struct nvb_str *s, unsigned capabilities)
{
    size_t before = s->len;
    nvb_capabilities_format(capabilities, s);
    if (s->len == before)
        nvb_str_addc(s, '-');
}

static void add_nodes(struct nvb_str *s, const struct nvb_nodes *nodes, const char *indent)
{
    nvb_vec_foreach (node, nodes) {
        nvb_str_addf(s, "%snode %s %s ", indent, roles[node->role], node->path);
        add_capabilities(s, node->capabilities);
        if (!node->present)
            nvb_str_add(s, " missing\n");
        else if (node->is_device)
            nvb_str_addf(s, " %u:%u\n", node->major, node->minor);
        else
            nvb_str_add(s, " stand-in\n");
    }
}

static void add_gpus(struct nvb_str *s, const struct nvb_gpus *gpus)
{
    nvb_vec_foreach (gpu, gpus) {
        nvb_str_addf(s, "gpu %u %s %s minor %d%s %s%s\n", gpu->index, gpu->pci,
                     gpu->uuid ? gpu->uuid : "-", gpu->minor,
                     gpu->minor_is_deduced ? " (deduced)" : "", gpu->model ? gpu->model : "-",
                     gpu->is_cut ? " (cut)" : "");
        add_nodes(s, &gpu->nodes, "  ");
        nvb_vec_foreach (mig, &gpu->migs) {
            nvb_str_addf(s, "  mig %u:%u gi %u ci %u %s\n", gpu->index, mig->index, mig->gi,
                         mig->ci, mig->uuid ? mig->uuid : "-");
            add_nodes(s, &mig->nodes, "    ");
        }
    }
}

static void add_driver(struct nvb_str *s, const struct nvb_driver *driver)
{
    nvb_str_addf(s, "driver %s %s %s\n", driver->version ? driver->version : "-",
                 driver->flavour ? driver->flavour : "-",
                 driver->module_loaded ? "loaded" : "not-loaded");
    nvb_vec_foreach (file, &driver->files) {
        nvb_str_addf(s, "%s %s", kinds[file->kind], file->path);
        if (file->container_path && strcmp(file->path, file->container_path) != 0)
            nvb_str_addf(s, " at %s", file->container_path);
        if (file->soname)
            nvb_str_addf(s, " soname %s", file->soname);
        for (size_t i = 0; file->devnames && file->devnames[i]; i++)
            nvb_str_addf(s, " name %s", file->devnames[i]);
        nvb_str_addc(s, ' ');
        add_capabilities(s, file->capabilities);
        nvb_str_addf(s, "%s%s\n", file->by_file_name ? " by-file-name" : "",
                     file->is_32bit ? " 32" : "");
    }
}

static int find(const struct nvb_host_options *options, unsigned capabilities,
                const struct nvb_strv *folders, struct nvb_str *ret, struct nvb_error **err)
{
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    _cleanup_(nvb_nodes_done) struct nvb_nodes nodes = {0};
    _cleanup_driver_ struct nvb_driver driver = {0};
    _cleanup_notes_ struct nvb_notes notes = {0};
    struct nvb_driver_query query = {.capabilities = capabilities, .library_folders = folders};

    if (nvb_host_open(options, &host, err) < 0 || nvb_host_find_gpus(&host, &gpus, err) < 0 ||
        nvb_host_find_control_nodes(&host, &nodes, err) < 0 ||
        nvb_host_find_driver(&host, &query, &driver, &notes, err) < 0)
        return -1;
    if (host.simulated)
        nvb_str_add(ret, "simulated\n");
    add_gpus(ret, &gpus);
    add_nodes(ret, &nodes, "");
    add_driver(ret, &driver);
    nvb_vec_foreach (note, &notes) {
        nvb_str_add(ret, "note ");
        add_text(ret, note->text, host.root.path);
        nvb_str_addc(ret, '\n');
    }
    return 0;
}

int nvb_dump_host(const struct nvb_host_options *options, unsigned capabilities,
                  const struct nvb_strv *folders, struct nvb_str *ret)
{
    const char *root = options->host_root;
    _cleanup_error_ struct nvb_error *error = NULL;
    if (find(options, capabilities, folders, ret, &error) == 0)
        return 0;
    _cleanup_free_ char *real = realpath(root, NULL);
    nvb_str_add(ret, "error ");
    add_text(ret, error->message, real ? real : root);
    if (error->file) {
        nvb_str_add(ret, "\nat ");
        add_text(ret, error->file, real ? real : root);
        nvb_str_addf(ret, ":%u", error->line);
    }
    if (error->hint)
        nvb_str_addf(ret, "\nhint %s", error->hint);
    nvb_str_addc(ret, '\n');
    return -1;
}
