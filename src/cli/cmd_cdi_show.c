/* nvbind cdi show: what one device, or a whole file, brings into a container. */
#include <string.h>

#include "base/nearest.h"
#include "cli/cdi.h"

enum { OPT_FORMAT, OPT_JSON, OPT_FOR, OPT_HELP };

const struct nvb_cli_option nvb_cdi_show_options[] = {
    [OPT_FORMAT] = {"format", 0, "json|yaml", "default: yaml"},
    [OPT_JSON] = {"json", 0, NULL, "the same as --format json"},
    [OPT_FOR] = {"for", 0, "ENGINES", "look where this engine does"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char show_text[] =
    "Shows all that a CDI device brings into a container, its own edits and those of its file\n"
    "together, as a specification of that device alone; or a file as it is understood.\n"
    "\n"
    "  nvbind cdi show nvidia.com/gpu=0\n"
    "  nvbind cdi show /etc/cdi/nvidia.yaml\n";

/* Keeps the device NAME alone, with the edits for all devices among its own. */
static void reduce(struct nvb_cdi_spec *spec, const char *name)
{
    struct nvb_cdi_spec one = {0};
    one.version = TAKE_PTR(spec->version);
    one.kind = TAKE_PTR(spec->kind);
    one.annotations = TAKE_STRUCT(spec->annotations);
    struct nvb_cdi_device *device = nvb_vec_add(&one.devices);
    device->name = nvb_strdup(name);
    /* In this order engines lay them in: the device's own, then the file's (cache.go). */
    nvb_vec_foreach (given, &spec->devices) {
        if (strcmp(given->name, name) != 0)
            continue;
        device->annotations = TAKE_STRUCT(given->annotations);
        nvb_cdi_edits_merge(&device->edits, &given->edits);
    }
    nvb_cdi_edits_merge(&device->edits, &spec->edits);
    nvb_cdi_spec_done(spec);
    *spec = one;
}

static int fail_unknown(const struct nvb_cdi_registry *registry, const char *name,
                        struct nvb_error **err)
{
    const size_t count = registry->entries.count;
    _cleanup_free_ const char **names = nvb_calloc(count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = registry->entries.items[i].name;
    const char *near = nvb_nearest(name, names);
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "no specification gives the device '%s'",
                         name);
    if (near)
        return nvb_error_hint(err, "did you mean '%s'?", near);
    return nvb_error_hint(err, "nvbind cdi list");
}

static int read_device(const struct nvb_cdi_registry *registry, const char *name,
                       struct nvb_cdi_spec *ret, const char **ret_path, struct nvb_notes *notes,
                       struct nvb_error **err)
{
    const struct nvb_cdi_entry *entry = nvb_cdi_registry_find(registry, name);
    if (!entry)
        return fail_unknown(registry, name, err);
    const char *path = registry->files.items[entry->file].path;
    if (entry->state == NVB_CDI_CONFLICT)
        nvb_notes_add(notes, NVB_NOTE_WARNING,
                      "no engine takes '%s': '%s' and '%s' are in conflict about it", name, path,
                      registry->files.items[entry->other].path);
    int r = nvb_cdi_read_file(registry->root, path, ret, err);
    if (r > 0)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "'%s' is gone", path);
    if (r < 0)
        return -1;
    reduce(ret, strchr(name, '=') + 1);
    *ret_path = path;
    return 0;
}

static int read_named(const char *path, struct nvb_cdi_spec *ret, struct nvb_error **err)
{
    int r = nvb_cdi_read_path(path, ret, err);
    if (r > 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "there is no file '%s'", path);
        return nvb_error_hint(err, "a device is named VENDOR/CLASS=NAME: nvbind cdi list");
    }
    return r;
}

static int look(const struct nvb_cli *cli, const struct nvb_cli_values *values, struct nvb_str *ret,
                struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_cdi_view_ struct nvb_cdi_view view = {.root = NVB_ROOT_INIT};
    _cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    const struct nvb_cdi_consumer *consumer;
    const char *word = values->rest[0];
    const char *path = NULL;
    enum nvb_cdi_format format;
    if (nvb_cdi_parse_format(nvb_cli_value(values, OPT_FORMAT),
                             values->values[OPT_JSON].count ? NVB_CDI_JSON : NVB_CDI_YAML, &format,
                             err) < 0 ||
        nvb_cdi_view_open(cli, nvb_cli_value(values, OPT_FOR), &view, err) < 0)
        return -1;
    if (strchr(word, '=') && *word != '/' && *word != '.') {
        nvb_cdi_view_read(&view, &registry, &consumer, notes);
        if (read_device(&registry, word, &spec, &path, notes, err) < 0)
            return -1;
    } else if (read_named(word, &spec, err) < 0) {
        return -1;
    }
    if (path && format == NVB_CDI_YAML) {
        nvb_str_add(ret, "# ");
        nvb_cli_add_line(ret, path);
        nvb_str_addc(ret, '\n');
    }
    return nvb_cdi_write(&spec, format, ret, err);
}

int nvb_cmd_cdi_show(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_notes_ struct nvb_notes notes = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (nvb_cli_parse(nvb_cdi_show_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(cli, "cdi show [OPTIONS] NAME|FILE", show_text,
                                nvb_cdi_show_options);
    if (values.rest_count != 1) {
        nvb_error_make(&err, NVB_ERROR_USAGE, 0, "cdi show takes one device or file");
        nvb_error_hint(&err, "nvbind cdi show nvidia.com/gpu=all");
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    int r = look(cli, &values, &text, &notes, &err);
    nvb_cli_print_notes(cli, &notes);
    if (r < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    return nvb_cli_print(cli, text.data, text.len);
}
