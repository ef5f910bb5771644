#include <stdio.h>
#include <string.h>

#include "host/host.h"

/*
 * Prints what discovery finds under a root, one line a thing, so that a recorded host's listing can
 * be compared with the one kept beside it: dump ROOT [CAPABILITIES [FOLDER…]]
 */

static const char *const roles[] = {"ctl", "uvm", "uvm-tools", "modeset", "gpu", "card", "render"};
static const char *const kinds[] = {"library", "module", "binary", "config", "firmware", "socket"};

static void print_nodes(const struct nvb_nodes *nodes, const char *indent)
{
    nvb_vec_foreach (node, nodes) {
        _cleanup_str_ struct nvb_str capabilities = NVB_STR_INIT;
        nvb_capabilities_format(node->capabilities, &capabilities);
        printf("%snode %s %s %s", indent, roles[node->role], node->path,
               capabilities.len ? capabilities.data : "-");
        if (!node->present)
            printf(" missing");
        else if (node->is_device)
            printf(" %u:%u", node->major, node->minor);
        else
            printf(" stand-in");
        printf("\n");
    }
}

static void print_gpus(const struct nvb_gpus *gpus)
{
    nvb_vec_foreach (gpu, gpus) {
        printf("gpu %u %s %s minor %d%s %s\n", gpu->index, gpu->pci, gpu->uuid ? gpu->uuid : "-",
               gpu->minor, gpu->minor_is_deduced ? " (deduced)" : "",
               gpu->model ? gpu->model : "-");
        print_nodes(&gpu->nodes, "  ");
    }
}

static void print_driver(const struct nvb_driver *driver)
{
    printf("driver %s %s %s\n", driver->version ? driver->version : "-",
           driver->flavour ? driver->flavour : "-",
           driver->module_loaded ? "loaded" : "not-loaded");
    nvb_vec_foreach (file, &driver->files) {
        _cleanup_str_ struct nvb_str capabilities = NVB_STR_INIT;
        nvb_capabilities_format(file->capabilities, &capabilities);
        printf("%s %s", kinds[file->kind], file->path);
        if (file->container_path && strcmp(file->path, file->container_path) != 0)
            printf(" at %s", file->container_path);
        if (file->soname)
            printf(" soname %s", file->soname);
        for (size_t i = 0; file->devnames && file->devnames[i]; i++)
            printf(" name %s", file->devnames[i]);
        printf(" %s%s%s\n", capabilities.data, file->by_file_name ? " by-file-name" : "",
               file->is_32bit ? " 32" : "");
    }
}

static int dump(const char *root, unsigned capabilities, const struct nvb_strv *folders,
                struct nvb_error **err)
{
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    _cleanup_(nvb_nodes_done) struct nvb_nodes nodes = {0};
    _cleanup_driver_ struct nvb_driver driver = {0};
    _cleanup_notes_ struct nvb_notes notes = {0};
    struct nvb_host_options options = {.host_root = root};
    struct nvb_driver_query query = {.capabilities = capabilities, .library_folders = folders};

    if (nvb_host_open(&options, &host, err) < 0 || nvb_host_find_gpus(&host, &gpus, err) < 0 ||
        nvb_host_find_control_nodes(&host, &nodes, err) < 0 ||
        nvb_host_find_driver(&host, &query, &driver, &notes, err) < 0)
        return -1;
    if (host.simulated)
        printf("simulated\n");
    print_gpus(&gpus);
    print_nodes(&nodes, "");
    print_driver(&driver);
    nvb_vec_foreach (note, &notes) {
        /* Where the tree lies is not the host's. */
        const char *text = note->text;
        const char *at = strstr(text, host.root.path);
        if (at && !nvb_root_is_host(&host.root))
            printf("note %.*s%s\n", (int)(at - text), text, at + strlen(host.root.path));
        else
            printf("note %s\n", text);
    }
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: dump ROOT [CAPABILITIES [FOLDER...]]\n");
        return 2;
    }
    _cleanup_error_ struct nvb_error *error = NULL;
    _cleanup_strv_ struct nvb_strv folders = {0};
    unsigned capabilities = NVB_CAP_ALL;
    for (int i = 3; i < argc; i++)
        nvb_strv_add(&folders, argv[i]);
    if ((argc > 2 && nvb_capabilities_parse(argv[2], &capabilities, &error) < 0) ||
        dump(argv[1], capabilities, &folders, &error) < 0) {
        printf("error %s\n", error->message);
        if (error->hint)
            printf("hint %s\n", error->hint);
        if (error->file)
            printf("file %s:%u\n", error->file, error->line);
        return 1;
    }
    return 0;
}
