#include <string.h>

#include "cli/cli.h"
#include "cli/info.h"

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static bool flag(const struct nvb_doc *map, const char *key)
{
    const struct nvb_doc *value = nvb_doc_find(map, key);
    return value && value->type == NVB_DOC_BOOL && value->boolean;
}

static int64_t number(const struct nvb_doc *map, const char *key)
{
    const struct nvb_doc *value = nvb_doc_find(map, key);
    return value && value->type == NVB_DOC_INT ? value->integer : 0;
}

static void add_driver(const struct nvb_doc *doc, struct nvb_str *ret)
{
    const struct nvb_doc *driver = nvb_doc_find(doc, "driver");
    const char *version = nvb_doc_find_text(driver, "version");
    const char *flavour = nvb_doc_find_text(driver, "flavour");
    nvb_str_addf(ret, "driver    %s", version ? version : "none");
    if (flavour)
        nvb_str_addf(ret, " (%s kernel module)", flavour);
    else if (version && !flag(driver, "loaded"))
        nvb_str_add(ret, " (kernel module not loaded)");
    nvb_str_addf(ret, ", %lld libraries, %lld files\n", (long long)number(driver, "libraries"),
                 (long long)number(driver, "files"));
}

/* "0666", or what keeps a node from use. */
static const char *node_state(const struct nvb_doc *node)
{
    if (!flag(node, "present"))
        return "missing";
    return or_dash(nvb_doc_find_text(node, "mode"));
}

static void add_node_names(const struct nvb_doc *device, struct nvb_strv *cells)
{
    _cleanup_str_ struct nvb_str nodes = NVB_STR_INIT;
    nvb_vec_foreach (node, &nvb_doc_find(device, "nodes")->list) {
        nvb_str_addf(&nodes, "%s%s", nodes.len ? " " : "",
                     or_dash(nvb_doc_find_text(node, "path")));
        if (!flag(node, "present"))
            nvb_str_add(&nodes, " (missing)");
    }
    nvb_strv_add(cells, nodes.len ? nodes.data : "-");
}

/* The MIG devices of a GPU, a row each below its own. */
static void add_migs(const struct nvb_doc *gpu, struct nvb_strv *cells)
{
    nvb_vec_foreach (mig, &nvb_doc_find(gpu, "mig")->list) {
        nvb_strv_addf(cells, "%lld:%lld", (long long)number(gpu, "index"),
                      (long long)number(mig, "index"));
        nvb_strv_addf(cells, "  MIG, instance %lld/%lld", (long long)number(mig, "gpu_instance"),
                      (long long)number(mig, "compute_instance"));
        nvb_strv_add(cells, or_dash(nvb_doc_find_text(mig, "uuid")));
        nvb_strv_add(cells, or_dash(nvb_doc_find_text(gpu, "pci")));
        add_node_names(mig, cells);
    }
}

static void add_gpus(const struct nvb_doc *doc, struct nvb_str *ret)
{
    static const char *const headers[] = {"GPU", "MODEL", "UUID", "PCI", "NODES"};
    const struct nvb_doc *gpus = nvb_doc_find(doc, "gpus");
    _cleanup_strv_ struct nvb_strv cells = {0};
    if (!gpus || gpus->list.count == 0) {
        nvb_str_add(ret, "gpus      none\n");
        return;
    }
    nvb_vec_foreach (gpu, &gpus->list) {
        const char *uuid = nvb_doc_find_text(gpu, "uuid");
        nvb_strv_addf(&cells, "%lld", (long long)number(gpu, "index"));
        nvb_strv_addf(&cells, "%s%s", or_dash(nvb_doc_find_text(gpu, "model")),
                      flag(gpu, "cut") ? ", cut by MIG" : "");
        nvb_strv_add(&cells, uuid ? uuid : "not initialised yet");
        nvb_strv_add(&cells, or_dash(nvb_doc_find_text(gpu, "pci")));
        add_node_names(gpu, &cells);
        add_migs(gpu, &cells);
    }
    nvb_str_addc(ret, '\n');
    nvb_cli_table(ret, headers, NVB_COUNT(headers), &cells);
    nvb_str_addc(ret, '\n');
}

static void add_nodes(const struct nvb_doc *doc, struct nvb_str *ret)
{
    const struct nvb_doc *nodes = nvb_doc_find(doc, "nodes");
    const char *separator = "nodes     ";
    nvb_vec_foreach (node, &nodes->list) {
        nvb_str_addf(ret, "%s%s %s%s", separator, or_dash(nvb_doc_find_text(node, "path")),
                     node_state(node),
                     flag(node, "present") && !flag(node, "device") ? " (stand-in)" : "");
        separator = ", ";
    }
    nvb_str_addc(ret, '\n');
}

static void add_engines(const struct nvb_doc *doc, struct nvb_str *ret)
{
    const struct nvb_doc *engines = nvb_doc_find(doc, "engines");
    const char *separator = "engines   ";
    if (engines->list.count == 0)
        nvb_str_addf(ret, "%snone", separator);
    nvb_vec_foreach (engine, &engines->list) {
        nvb_str_addf(ret, "%s%s %s (%s)", separator, or_dash(nvb_doc_find_text(engine, "name")),
                     or_dash(nvb_doc_find_text(engine, "version")),
                     or_dash(nvb_doc_find_text(engine, "path")));
        separator = ", ";
    }
    nvb_str_addc(ret, '\n');
}

static void add_cdi(const struct nvb_doc *doc, struct nvb_str *ret)
{
    const struct nvb_doc *folders = nvb_doc_find(doc, "cdi");
    size_t count = 0;
    nvb_vec_foreach (folder, &folders->list) {
        nvb_vec_foreach (file, &nvb_doc_find(folder, "files")->list) {
            nvb_str_addf(ret, "%s%s/%s", count++ ? ", " : "cdi       ",
                         or_dash(nvb_doc_find_text(folder, "folder")), file->text);
        }
    }
    nvb_str_add(ret, count ? "\n" : "cdi       no specification in /etc/cdi or /var/run/cdi\n");
}

/* Of checks that found nothing to look at nothing is said. */
static void add_found(const struct nvb_doc *doc, struct nvb_str *ret)
{
    const struct nvb_doc *list = nvb_doc_find(doc, "found");
    const char *group = "";
    if (!list)
        return;
    nvb_vec_foreach (item, &list->list) {
        const char *own = or_dash(nvb_doc_find_text(item, "group"));
        if (strcmp(or_dash(nvb_doc_find_text(item, "verdict")), "skip") == 0)
            continue;
        if (strcmp(group, own) != 0)
            nvb_str_addf(ret, "\n%s\n", own);
        group = own;
        nvb_str_addf(ret, "  %-20s %s\n", or_dash(nvb_doc_find_text(item, "name")),
                     or_dash(nvb_doc_find_text(item, "evidence")));
    }
}

void nvb_info_format(const struct nvb_doc *doc, struct nvb_str *ret)
{
    const struct nvb_doc *user = nvb_doc_find(doc, "user");
    if (flag(doc, "simulated"))
        nvb_str_add(ret, "This is a simulated host: its files are real, its GPUs are not.\n\n");
    add_driver(doc, ret);
    add_gpus(doc, ret);
    add_nodes(doc, ret);
    add_engines(doc, ret);
    add_cdi(doc, ret);
    nvb_str_addf(ret, "user      uid %lld, %s\n", (long long)number(user, "uid"),
                 flag(user, "rootless") ? "rootless" : "root");
    add_found(doc, ret);
}
