/*
 * nvbind info: what nvbind sees of this machine. One document is gathered; --json prints it, and
 * the text for people is made from the same one, so the two cannot disagree.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/help.h"
#include "cli/info.h"
#include "data/json.h"
#include "host/engine.h"
#include "host/host.h"
#include "host/nvml.h"
#include "host/user.h"

enum { OPT_JSON, OPT_DETAILED, OPT_HELP };

const struct nvb_cli_option nvb_info_options[] = {
    [OPT_JSON] = {"json", 0, NULL, "print one JSON object"},
    [OPT_DETAILED] = {"detailed", 0, NULL, "also what the doctor's checks find"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static void put_node(struct nvb_doc *list, const struct nvb_node *node)
{
    struct nvb_doc *doc = nvb_doc_push(list);
    nvb_doc_put_text(doc, "path", node->path);
    nvb_doc_put_bool(doc, "present", node->present);
    nvb_doc_put_bool(doc, "device", node->is_device);
    if (node->present) {
        _cleanup_free_ char *mode = nvb_strdupf("%04o", (unsigned)node->mode & 07777);
        nvb_doc_put_text(doc, "mode", mode);
    } else {
        nvb_doc_put_text(doc, "mode", NULL);
    }
}

static void put_migs(struct nvb_doc *item, const struct nvb_gpu *gpu)
{
    struct nvb_doc *list = nvb_doc_put(item, "mig");
    nvb_doc_set_list(list);
    nvb_vec_foreach (mig, &gpu->migs) {
        struct nvb_doc *doc = nvb_doc_push(list);
        nvb_doc_put_int(doc, "index", mig->index);
        nvb_doc_put_int(doc, "gpu_instance", mig->gi);
        nvb_doc_put_int(doc, "compute_instance", mig->ci);
        nvb_doc_put_text(doc, "uuid", mig->uuid);
        struct nvb_doc *nodes = nvb_doc_put(doc, "nodes");
        nvb_doc_set_list(nodes);
        nvb_vec_foreach (node, &mig->nodes)
            put_node(nodes, node);
    }
}

static void ask_for_uuids(const struct nvb_host *host, struct nvb_gpus *gpus,
                          struct nvb_notes *notes)
{
    _cleanup_nvml_ struct nvb_nvml nvml = NVB_NVML_INIT;
    bool is_cut = false;
    nvb_vec_foreach (gpu, gpus)
        is_cut = is_cut || gpu->migs.count;
    if (!is_cut)
        return;
    nvb_nvml_ask(host, NULL, NVB_NVML_MIG_UUIDS, NVB_NVML_NAME_MS, gpus, &nvml);
    if (!nvml.answered)
        nvb_notes_add(notes, NVB_NOTE_INFO, "the UUIDs of MIG devices are not known: %s", nvml.why);
}

static int put_gpus(struct nvb_doc *doc, const struct nvb_host *host, struct nvb_notes *notes,
                    struct nvb_error **err)
{
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    if (nvb_host_find_gpus(host, &gpus, err) < 0)
        return -1;
    ask_for_uuids(host, &gpus, notes);
    struct nvb_doc *list = nvb_doc_put(doc, "gpus");
    nvb_doc_set_list(list);
    nvb_vec_foreach (gpu, &gpus) {
        struct nvb_doc *item = nvb_doc_push(list);
        nvb_doc_put_int(item, "index", (int64_t)gpu->index);
        nvb_doc_put_text(item, "model", gpu->model);
        nvb_doc_put_text(item, "uuid", gpu->uuid);
        nvb_doc_put_text(item, "pci", gpu->pci);
        if (gpu->minor >= 0)
            nvb_doc_put_int(item, "minor", gpu->minor);
        else
            nvb_doc_put_text(item, "minor", NULL);
        struct nvb_doc *nodes = nvb_doc_put(item, "nodes");
        nvb_doc_set_list(nodes);
        nvb_vec_foreach (node, &gpu->nodes)
            put_node(nodes, node);
        nvb_doc_put_bool(item, "cut", gpu->is_cut);
        put_migs(item, gpu);
    }
    return 0;
}

static int put_nodes(struct nvb_doc *doc, const struct nvb_host *host, struct nvb_error **err)
{
    _cleanup_(nvb_nodes_done) struct nvb_nodes nodes = {0};
    if (nvb_host_find_control_nodes(host, &nodes, err) < 0)
        return -1;
    struct nvb_doc *list = nvb_doc_put(doc, "nodes");
    nvb_doc_set_list(list);
    nvb_vec_foreach (node, &nodes)
        put_node(list, node);
    return 0;
}

static int put_driver(struct nvb_doc *doc, const struct nvb_host *host, struct nvb_notes *notes,
                      struct nvb_error **err)
{
    _cleanup_driver_ struct nvb_driver driver = {0};
    struct nvb_driver_query query = {.capabilities = NVB_CAP_ALL};
    _cleanup_free_ char *loaded = NULL;
    _cleanup_free_ char *flavour = NULL;
    if (nvb_host_read_version(host, &loaded, &flavour, err) < 0 ||
        nvb_host_find_driver(host, &query, &driver, notes, err) < 0)
        return -1;
    int64_t libraries = 0;
    nvb_vec_foreach (file, &driver.files)
        libraries += file->kind == NVB_FILE_LIBRARY;
    struct nvb_doc *item = nvb_doc_put(doc, "driver");
    nvb_doc_put_text(item, "version", driver.version);
    nvb_doc_put_text(item, "flavour", driver.flavour);
    nvb_doc_put_bool(item, "loaded", loaded != NULL);
    nvb_doc_put_int(item, "libraries", libraries);
    nvb_doc_put_int(item, "files", (int64_t)driver.files.count);
    return 0;
}

static void put_engines(struct nvb_doc *doc, const struct nvb_user *user)
{
    struct nvb_doc *list = nvb_doc_put(doc, "engines");
    nvb_doc_set_list(list);
    static const enum nvb_engine_kind kinds[] = {NVB_ENGINE_PODMAN, NVB_ENGINE_DOCKER};
    for (size_t i = 0; i < NVB_COUNT(kinds); i++) {
        _cleanup_engine_ struct nvb_engine engine = {0};
        if (nvb_engine_find(kinds[i], environ, user, &engine, NULL) != 0)
            continue;
        struct nvb_doc *item = nvb_doc_push(list);
        nvb_doc_put_text(item, "name", nvb_engine_name(engine.kind));
        nvb_doc_put_text(item, "path", engine.path);
        nvb_doc_put_text(item, "version", engine.version_text);
    }
}

/* The specification files that every consumer reads, by folder (CDI SPEC.md, "Format"). */
static void put_cdi(struct nvb_doc *doc, const struct nvb_host *host)
{
    static const char *const folders[] = {"/etc/cdi", "/var/run/cdi"};
    struct nvb_doc *list = nvb_doc_put(doc, "cdi");
    nvb_doc_set_list(list);
    for (size_t i = 0; i < NVB_COUNT(folders); i++) {
        int fd = nvb_root_openat(&host->root, folders[i], O_RDONLY | O_DIRECTORY);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
            nvb_close_p(&fd);
            continue;
        }
        _cleanup_strv_ struct nvb_strv names = {0};
        for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
            if (nvb_has_suffix(entry->d_name, ".json") || nvb_has_suffix(entry->d_name, ".yaml"))
                nvb_strv_add(&names, entry->d_name);
        }
        (void)closedir(dir);
        struct nvb_doc *item = nvb_doc_push(list);
        nvb_doc_put_text(item, "folder", folders[i]);
        nvb_doc_put_strv(item, "files", &names);
    }
}

static int gather(const struct nvb_cli *cli, struct nvb_doc *doc, struct nvb_notes *notes,
                  struct nvb_error **err)
{
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_(nvb_user_done) struct nvb_user user = {0};
    if (nvb_host_open(&cli->host, &host, err) < 0)
        return -1;
    nvb_user_read(environ, &user);
    nvb_doc_put_bool(doc, "simulated", host.simulated);
    if (put_driver(doc, &host, notes, err) < 0 || put_gpus(doc, &host, notes, err) < 0 ||
        put_nodes(doc, &host, err) < 0)
        return -1;
    put_engines(doc, &user);
    put_cdi(doc, &host);
    struct nvb_doc *who = nvb_doc_put(doc, "user");
    nvb_doc_put_uint(who, "uid", user.uid);
    nvb_doc_put_bool(who, "rootless", user.uid != 0);
    return 0;
}

/* What the doctor's checks find, fixes apart: those are the doctor's. */
static int put_found(const struct nvb_cli *cli, struct nvb_doc *doc, struct nvb_error **err)
{
    _cleanup_report_ struct nvb_report report = {0};
    static const struct nvb_strv all = {0};
    if (nvb_doctor_examine(cli, NULL, NULL, &all, &report, err) < 0)
        return -1;
    struct nvb_doc *list = nvb_doc_put(doc, "found");
    nvb_doc_set_list(list);
    nvb_vec_foreach (finding, &report.findings) {
        struct nvb_check_info check = nvb_finding_check(finding);
        struct nvb_doc *item = nvb_doc_push(list);
        nvb_doc_put_text(item, "group", check.group);
        nvb_doc_put_text(item, "name", check.name);
        nvb_doc_put_text(item, "verdict", nvb_verdict_name(finding->verdict));
        nvb_doc_put_text(item, "evidence", finding->evidence);
    }
    return 0;
}

/* What is missing for a GPU container; NULL when nothing is. */
static const char *what_is_missing(const struct nvb_doc *doc)
{
    const struct nvb_doc *driver = nvb_doc_find(doc, "driver");
    const struct nvb_doc *loaded = nvb_doc_find(driver, "loaded");
    const struct nvb_doc *libraries = nvb_doc_find(driver, "libraries");
    const struct nvb_doc *gpus = nvb_doc_find(doc, "gpus");
    if (!loaded || !loaded->boolean)
        return "no NVIDIA driver is loaded";
    if (!gpus || gpus->list.count == 0)
        return "the NVIDIA driver has no GPU";
    if (!libraries || libraries->integer == 0)
        return "the NVIDIA driver's libraries were not found";
    return NULL;
}

/* Names of files come from anybody who may write in those folders. */
static void format(const struct nvb_doc *doc, struct nvb_str *ret)
{
    _cleanup_str_ struct nvb_str raw = NVB_STR_INIT;
    nvb_info_format(doc, &raw);
    nvb_cli_add_printable(ret, raw.data);
}

int nvb_cmd_info(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_notes_ struct nvb_notes notes = {0};
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;

    if (nvb_cli_parse(nvb_info_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(cli, "info [--detailed] [--json]",
                                "Shows the GPUs, the driver and the engines of this machine.\n",
                                nvb_info_options);
    if (values.rest_count > 0) {
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "info takes no '%s'", values.rest[0]);
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    int r = gather(cli, &doc, &notes, &err);
    if (r == 0 && values.values[OPT_DETAILED].count)
        r = put_found(cli, &doc, &err);
    nvb_cli_print_notes(cli, &notes);
    if (r < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    if (!values.values[OPT_JSON].count)
        format(&doc, &text);
    else if (nvb_json_write(&doc, NVB_JSON_INDENTED, &text, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_FOUND);
    int status = nvb_cli_print(cli, text.data, text.len);
    const char *missing = what_is_missing(&doc);
    if (status != NVB_EXIT_OK || !missing)
        return status;
    (void)nvb_error_make(&err, NVB_ERROR_NOT_FOUND, 0, "%s", missing);
    (void)nvb_error_hint(&err, "without a GPU, try: nvbind simulate /tmp/gpus --gpus 2 && nvbind "
                               "--host-root /tmp/gpus info");
    return nvb_cli_fail(cli, err, NVB_EXIT_FOUND);
}
