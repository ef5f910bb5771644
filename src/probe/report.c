#include "probe/probe.h"

/* ---- for people ----------------------------------------------------------------------------- */

/* Rows of COLUMNS cells each, padded to the widest; the last column is not padded. */
static void format_table(const struct nvb_strv *cells, size_t columns, struct nvb_str *ret)
{
    _cleanup_free_ size_t *widths = nvb_calloc(columns, sizeof(*widths));

    for (size_t i = 0; i < cells->count; i++) {
        size_t len = strlen(cells->items[i]);

        if (len > widths[i % columns])
            widths[i % columns] = len;
    }
    for (size_t i = 0; i < cells->count; i++) {
        bool last = i % columns == columns - 1;

        nvb_str_addf(ret, "  %-*s", last ? 0 : (int)widths[i % columns], cells->items[i]);
        if (!last)
            continue;
        while (ret->len > 0 && ret->data[ret->len - 1] == ' ')
            nvb_str_truncate(ret, ret->len - 1);
        nvb_str_addc(ret, '\n');
    }
}

static const char *level_name(enum nvb_probe_level level)
{
    return level == NVB_PROBE_OK ? "ok" : level == NVB_PROBE_NOTE ? "note" : "FAILED";
}

static const char *open_name(const struct nvb_probe_node *node)
{
    if (node->type == NVB_PROBE_OTHER)
        return "-";
    return node->errnum == 0 ? "opens" : strerrorname_np(node->errnum);
}

static void format_nodes(const struct nvb_probe_nodes *nodes, struct nvb_str *ret)
{
    static const char *const types[] = {"device", "stand-in", "other"};
    _cleanup_strv_ struct nvb_strv cells = {0};

    nvb_str_addf(ret, "device nodes: %zu\n", nodes->count);
    nvb_vec_foreach (node, nodes) {
        nvb_strv_add(&cells, node->path);
        if (node->type == NVB_PROBE_DEVICE)
            nvb_strv_addf(&cells, "device %u:%u", node->major, node->minor);
        else
            nvb_strv_add(&cells, types[node->type]);
        nvb_strv_addf(&cells, "%04o", node->mode);
        nvb_strv_add(&cells, open_name(node));
        nvb_strv_add(&cells, level_name(node->level));
        nvb_strv_add(&cells, node->remark ? node->remark : "");
    }
    format_table(&cells, 6, ret);
}

static void format_libraries(const struct nvb_probe_libraries *libraries, struct nvb_str *ret)
{
    _cleanup_strv_ struct nvb_strv cells = {0};

    nvb_str_addf(ret, "driver libraries: %zu\n", libraries->count);
    nvb_vec_foreach (library, libraries) {
        nvb_strv_add(&cells, library->name);
        nvb_strv_add(&cells, library->path ? library->path : "-");
        nvb_strv_add(&cells, level_name(library->level));
        nvb_strv_add(&cells, library->remark      ? library->remark
                             : library->simulated ? "simulated"
                                                  : "");
    }
    format_table(&cells, 4, ret);
}

static void format_answers(const char *title, const struct nvb_strv *answers, struct nvb_str *ret)
{
    if (answers->count == 0)
        return;
    nvb_str_addf(ret, "%s:", title);
    nvb_vec_foreach (line, answers) {
        size_t key = strcspn(*line, "=");

        nvb_str_addf(ret, "%s %.*s %s", line == answers->items ? "" : ",", (int)key, *line,
                     *line + key + ((*line)[key] == '='));
    }
    nvb_str_addc(ret, '\n');
}

static size_t loaded(const struct nvb_probe_report *report)
{
    size_t count = 0;

    nvb_vec_foreach (library, &report->libraries)
        count += library->loaded;
    return count;
}

void nvb_probe_format_verdict(const struct nvb_probe_report *report, struct nvb_str *ret)
{
    const struct nvb_strv *failures = &report->failures;

    if (failures->count == 0) {
        nvb_str_addf(ret, "verdict: ok: %zu GPU%s, %zu device nodes, %zu of %zu libraries load%s",
                     report->gpus, report->gpus == 1 ? "" : "s", report->nodes.count,
                     loaded(report), report->libraries.count,
                     report->kernel_wanted ? ", a kernel ran on every GPU" : "");
    } else {
        nvb_str_addf(ret, "verdict: failed: %s", failures->items[0]);
        if (failures->count > 1)
            nvb_str_addf(ret, " (and %zu more)", failures->count - 1);
    }
    nvb_str_add(ret, report->simulated ? " (simulated host: no GPU behind it)\n" : "\n");
}

void nvb_probe_format(const struct nvb_probe_report *report, struct nvb_str *ret)
{
    format_nodes(&report->nodes, ret);
    format_libraries(&report->libraries, ret);
    format_answers("NVML", &report->answers.nvml, ret);
    format_answers("CUDA", &report->answers.cuda, ret);
    format_answers("kernel on GPU", &report->answers.kernel, ret);
    for (size_t i = 0; report->failures.count > 1 && i < report->failures.count; i++)
        nvb_str_addf(ret, "failed: %s\n", report->failures.items[i]);
    nvb_probe_format_verdict(report, ret);
}

/* ---- for programs --------------------------------------------------------------------------- */

static void add_json(struct nvb_str *ret, const char *text)
{
    if (!text) {
        nvb_str_add(ret, "null");
        return;
    }
    nvb_str_addc(ret, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            nvb_str_addf(ret, "\\%c", c);
        else if (c < 0x20)
            nvb_str_addf(ret, "\\u%04x", c);
        else
            nvb_str_addc(ret, *text);
    }
    nvb_str_addc(ret, '"');
}

static void add_member(struct nvb_str *ret, const char *key, const char *text)
{
    nvb_str_addf(ret, ", \"%s\": ", key);
    add_json(ret, text);
}

static void add_json_nodes(const struct nvb_probe_nodes *nodes, struct nvb_str *ret)
{
    static const char *const types[] = {"device", "stand-in", "other"};

    nvb_str_add(ret, ", \"nodes\": [");
    nvb_vec_foreach (node, nodes) {
        nvb_str_add(ret, node == nodes->items ? "{\"path\": " : ", {\"path\": ");
        add_json(ret, node->path);
        add_member(ret, "type", types[node->type]);
        nvb_str_addf(ret, ", \"mode\": \"%04o\", \"uid\": %u, \"gid\": %u", node->mode, node->uid,
                     node->gid);
        if (node->type == NVB_PROBE_DEVICE)
            nvb_str_addf(ret, ", \"major\": %u, \"minor\": %u", node->major, node->minor);
        add_member(ret, "open", node->type == NVB_PROBE_OTHER ? NULL : open_name(node));
        add_member(ret, "level", level_name(node->level));
        add_member(ret, "remark", node->remark);
        nvb_str_addc(ret, '}');
    }
    nvb_str_addc(ret, ']');
}

static void add_json_libraries(const struct nvb_probe_libraries *libraries, struct nvb_str *ret)
{
    nvb_str_add(ret, ", \"libraries\": [");
    nvb_vec_foreach (library, libraries) {
        nvb_str_add(ret, library == libraries->items ? "{\"name\": " : ", {\"name\": ");
        add_json(ret, library->name);
        add_member(ret, "path", library->path);
        add_member(ret, "level", level_name(library->level));
        nvb_str_addf(ret, ", \"loaded\": %s, \"simulated\": %s", library->loaded ? "true" : "false",
                     library->simulated ? "true" : "false");
        add_member(ret, "remark", library->remark);
        nvb_str_addc(ret, '}');
    }
    nvb_str_addc(ret, ']');
}

static void add_json_answers(const char *key, const struct nvb_strv *answers, struct nvb_str *ret)
{
    nvb_str_addf(ret, ", \"%s\": {", key);
    nvb_vec_foreach (line, answers) {
        size_t len = strcspn(*line, "=");
        _cleanup_free_ char *name = nvb_strndup(*line, len);

        if (line != answers->items)
            nvb_str_add(ret, ", ");
        add_json(ret, name);
        nvb_str_add(ret, ": ");
        add_json(ret, *line + len + ((*line)[len] == '='));
    }
    nvb_str_addc(ret, '}');
}

void nvb_probe_format_json(const struct nvb_probe_report *report, struct nvb_str *ret)
{
    nvb_str_addf(ret, "{\"verdict\": \"%s\", \"simulated\": %s, \"gpus\": %zu",
                 report->failures.count ? "failed" : "ok", report->simulated ? "true" : "false",
                 report->gpus);
    add_json_nodes(&report->nodes, ret);
    add_json_libraries(&report->libraries, ret);
    add_json_answers("nvml", &report->answers.nvml, ret);
    add_json_answers("cuda", &report->answers.cuda, ret);
    if (report->kernel_wanted)
        add_json_answers("kernel", &report->answers.kernel, ret);
    nvb_str_add(ret, ", \"failures\": [");
    nvb_vec_foreach (failure, &report->failures) {
        if (failure != report->failures.items)
            nvb_str_add(ret, ", ");
        add_json(ret, *failure);
    }
    nvb_str_add(ret, "]}\n");
}
