/* nvbind cdi list: the devices of all specifications, and which of them an engine would take. */
#include <string.h>

#include "cli/cdi.h"
#include "data/json.h"

/* What "run" writes for a single container of Docker's: nobody else's to name. */
#define SINGLE_START "nvbind.local/gpu"

enum { OPT_JSON, OPT_FOR, OPT_HELP };

const struct nvb_cli_option nvb_cdi_list_options[] = {
    [OPT_JSON] = {"json", 0, NULL, "print one JSON object"},
    [OPT_FOR] = {"for", 0, "ENGINES", "as this engine reads them, such as docker or podman@5.5"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char list_text[] =
    "Lists the devices of the CDI specifications, of every vendor, in the folders that the engine\n"
    "reads (the first that is installed here). A device that the engine would not take says why.\n";

static const char *state_name(enum nvb_cdi_state state)
{
    static const char *const names[] = {
        [NVB_CDI_IN_FORCE] = "in force",
        [NVB_CDI_SHADOWED] = "shadowed",
        [NVB_CDI_CONFLICT] = "conflict",
    };
    return names[state];
}

/* ---- for people ------------------------------------------------------------------------------
 */

static char *describe_state(const struct nvb_cdi_registry *registry,
                            const struct nvb_cdi_entry *entry)
{
    const char *other = registry->files.items[entry->other].path;
    switch (entry->state) {
    case NVB_CDI_SHADOWED:
        return nvb_strdupf("shadowed by %s", other);
    case NVB_CDI_CONFLICT:
        return entry->other == entry->file ? nvb_strdup("dropped: this file gives it twice")
                                           : nvb_strdupf("dropped: in conflict with %s", other);
    case NVB_CDI_IN_FORCE:
        break;
    }
    return nvb_strdup("");
}

static void add_table(const struct nvb_cdi_registry *registry, struct nvb_str *ret)
{
    static const char *const headers[] = {"DEVICE", "CDI", "FILE", "STATE"};
    _cleanup_strv_ struct nvb_strv cells = {0};
    bool good = true;
    nvb_vec_foreach (entry, &registry->entries)
        good = good && entry->state == NVB_CDI_IN_FORCE;
    nvb_vec_foreach (entry, &registry->entries) {
        const struct nvb_cdi_file *file = &registry->files.items[entry->file];
        if (strcmp(file->kind, SINGLE_START) == 0)
            continue;
        _cleanup_free_ char *state = describe_state(registry, entry);
        nvb_strv_add(&cells, entry->name);
        nvb_strv_add(&cells, file->version);
        nvb_strv_add(&cells, file->path);
        if (!good)
            nvb_strv_add(&cells, state);
    }
    if (cells.count)
        nvb_cli_table(ret, headers, good ? 3 : 4, &cells);
}

static void note_faults(const struct nvb_cdi_registry *registry, struct nvb_notes *notes)
{
    nvb_vec_foreach (problem, &registry->problems)
        nvb_notes_add(notes, NVB_NOTE_WARNING, "%s", *problem);
    nvb_vec_foreach (file, &registry->files) {
        const struct nvb_error *error = file->error;
        if (!error)
            continue;
        if (error->line)
            nvb_notes_add(notes, NVB_NOTE_WARNING, "%s:%u:%u: %s: no engine takes this file",
                          file->path, error->line, error->column, error->message);
        else
            nvb_notes_add(notes, NVB_NOTE_WARNING, "%s: %s: %s", file->path, error->message,
                          error->kind == NVB_ERROR_ENGINE ? "it drops this file"
                                                          : "no engine takes this file");
        if (error->kind == NVB_ERROR_CONFIG)
            nvb_notes_hint(notes, "nvbind cdi validate %s", file->path);
    }
}

static void note_nothing(const struct nvb_cdi_registry *registry,
                         const struct nvb_cdi_consumer *consumer, struct nvb_notes *notes)
{
    _cleanup_str_ struct nvb_str folders = NVB_STR_INIT;
    if (registry->entries.count)
        return;
    nvb_vec_foreach (folder, &registry->folders)
        nvb_str_addf(&folders, "%s%s", folders.len ? ", " : "", *folder);
    if (registry->folders.count == 0)
        nvb_notes_add(notes, NVB_NOTE_NOTICE, "%s knows no CDI", consumer->text);
    else
        nvb_notes_add(notes, NVB_NOTE_NOTICE, "no devices in %s", folders.data);
    nvb_notes_hint(notes, "'nvbind run' needs no specification; for other programs: sudo nvbind "
                          "cdi refresh");
}

/* ---- for programs ----------------------------------------------------------------------------
 */

static void put_list(struct nvb_doc *doc, const char *key, const struct nvb_strv *texts)
{
    nvb_doc_set_list(nvb_doc_put(doc, key));
    struct nvb_doc *list = &doc->map.items[doc->map.count - 1].value;
    nvb_vec_foreach (text, texts)
        nvb_doc_set_text(nvb_doc_push(list), *text);
}

static void put_files(struct nvb_doc *doc, const struct nvb_cdi_registry *registry)
{
    struct nvb_doc *list = nvb_doc_put(doc, "files");
    nvb_doc_set_list(list);
    nvb_vec_foreach (file, &registry->files) {
        struct nvb_doc *item = nvb_doc_push(list);
        const struct nvb_error *error = file->error;
        nvb_doc_put_text(item, "path", file->path);
        nvb_doc_put_int(item, "precedence", (int64_t)file->folder);
        nvb_doc_put_text(item, "kind", file->kind);
        nvb_doc_put_text(item, "cdiVersion", file->version);
        nvb_doc_put_int(item, "devices", (int64_t)file->devices);
        nvb_doc_put_text(item, "error", error ? error->message : NULL);
        if (error && error->line) {
            nvb_doc_put_int(item, "line", error->line);
            nvb_doc_put_int(item, "column", error->column);
        }
    }
}

static void put_devices(struct nvb_doc *doc, const struct nvb_cdi_registry *registry)
{
    struct nvb_doc *list = nvb_doc_put(doc, "devices");
    nvb_doc_set_list(list);
    nvb_vec_foreach (entry, &registry->entries) {
        struct nvb_doc *item = nvb_doc_push(list);
        const bool good = entry->state == NVB_CDI_IN_FORCE;
        nvb_doc_put_text(item, "name", entry->name);
        nvb_doc_put_text(item, "file", registry->files.items[entry->file].path);
        nvb_doc_put_text(item, "state", state_name(entry->state));
        nvb_doc_put_text(item, "other", good ? NULL : registry->files.items[entry->other].path);
    }
}

static int print_json(const struct nvb_cli *cli, const struct nvb_cdi_registry *registry,
                      const struct nvb_cdi_consumer *consumer, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    nvb_doc_put_text(&doc, "engine", consumer ? consumer->text : NULL);
    put_list(&doc, "folders", &registry->folders);
    put_files(&doc, registry);
    put_devices(&doc, registry);
    put_list(&doc, "problems", &registry->problems);
    if (nvb_json_write(&doc, NVB_JSON_INDENTED, &text, err) < 0)
        return nvb_cli_fail(cli, *err, NVB_EXIT_FOUND);
    return nvb_cli_print(cli, text.data, text.len);
}

int nvb_cmd_cdi_list(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_cdi_view_ struct nvb_cdi_view view = {.root = NVB_ROOT_INIT};
    _cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
    _cleanup_notes_ struct nvb_notes notes = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    const struct nvb_cdi_consumer *consumer;

    if (nvb_cli_parse(nvb_cdi_list_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(cli, "cdi list [OPTIONS]", list_text, nvb_cdi_list_options);
    if (values.rest_count) {
        nvb_error_make(&err, NVB_ERROR_USAGE, 0, "'%s' is no option", values.rest[0]);
        nvb_error_hint(&err, "nvbind cdi show %s", values.rest[0]);
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    if (nvb_cdi_view_open(cli, nvb_cli_value(&values, OPT_FOR), &view, &err) < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    nvb_cdi_view_read(&view, &registry, &consumer, &notes);
    if (values.values[OPT_JSON].count) {
        nvb_cli_print_notes(cli, &notes);
        return print_json(cli, &registry, consumer, &err);
    }
    note_faults(&registry, &notes);
    note_nothing(&registry, consumer, &notes);
    nvb_cli_print_notes(cli, &notes);
    add_table(&registry, &text);
    return text.len ? nvb_cli_print(cli, text.data, text.len) : NVB_EXIT_OK;
}
