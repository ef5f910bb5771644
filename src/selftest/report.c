#include "selftest/report.h"

#include <string.h>

#include "host/host.h"

/* A program asks for these first: without them nothing works at all. */
static const struct {
    unsigned capability;
    const char *soname;
    const char *what;
} essential[] = {
    {NVB_CAP_COMPUTE, "libcuda.so.1", "CUDA"},
    {NVB_CAP_UTILITY, "libnvidia-ml.so.1", "NVML"},
    {NVB_CAP_GRAPHICS, "libEGL_nvidia.so.0", "EGL"},
    {NVB_CAP_GRAPHICS, "libGLX_nvidia.so.0", "OpenGL and Vulkan"},
};

void nvb_selftest_report_done(struct nvb_selftest_report *report)
{
    nvb_vec_foreach (row, &report->rows) {
        free(row->name);
        free(row->detail);
    }
    nvb_vec_release(&report->rows);
}

const char *nvb_selftest_verdict_name(enum nvb_selftest_verdict verdict)
{
    static const char *const names[] = {"ok", "note", "skip", "fail"};
    return names[verdict];
}

size_t nvb_selftest_count(const struct nvb_selftest_report *report,
                          enum nvb_selftest_verdict verdict)
{
    size_t count = 0;
    nvb_vec_foreach (row, &report->rows)
        count += row->verdict == verdict;
    return count;
}

static void add(struct nvb_selftest_report *report, enum nvb_selftest_verdict verdict,
                const char *group, const char *name, char *detail)
{
    const struct nvb_selftest_row row = {verdict, group, nvb_strdup(name), detail};
    nvb_vec_push(&report->rows, row);
}

static bool is_true(const struct nvb_doc *map, const char *key)
{
    const struct nvb_doc *value = nvb_doc_find(map, key);
    return value && value->type == NVB_DOC_BOOL && value->boolean;
}

static const char *or_else(const char *text, const char *other)
{
    return text ? text : other;
}

/* The item of LIST whose text under KEY is VALUE, or NULL. */
static const struct nvb_doc *find_item(const struct nvb_doc *list, const char *key,
                                       const char *value)
{
    for (size_t i = 0; list && i < list->list.count; i++) {
        const char *text = nvb_doc_find_text(&list->list.items[i], key);
        if (text && strcmp(text, value) == 0)
            return &list->list.items[i];
    }
    return NULL;
}

/* ---- device nodes ---- */

static void judge_node(const char *path, const struct nvb_doc *node,
                       struct nvb_selftest_report *ret)
{
    const char *type = nvb_doc_find_text(node, "type");
    const char *open = nvb_doc_find_text(node, "open");
    const char *level = nvb_doc_find_text(node, "level");
    const char *remark = nvb_doc_find_text(node, "remark");
    if (!node)
        add(ret, NVB_SELFTEST_FAIL, "nodes", path, nvb_strdup("is not in the container"));
    else if (level && strcmp(level, "FAILED") == 0)
        add(ret, NVB_SELFTEST_FAIL, "nodes", path, nvb_strdup(or_else(remark, or_else(open, "-"))));
    else
        add(ret, NVB_SELFTEST_OK, "nodes", path,
            nvb_strdupf("%s, %s", or_else(type, "-"), or_else(remark, or_else(open, "-"))));
}

/* Everything that the plan brings is there, and of the driver's nodes nothing else. */
static void judge_nodes(const struct nvb_plan *plan, const struct nvb_doc *nodes,
                        struct nvb_selftest_report *ret)
{
    nvb_vec_foreach (node, &plan->edits.nodes)
        judge_node(node->path, find_item(nodes, "path", node->path), ret);
    nvb_vec_foreach (mount, &plan->edits.mounts) /* stand-ins come as mounts */
        if (nvb_has_prefix(mount->container_path, "/dev/"))
            judge_node(mount->container_path, find_item(nodes, "path", mount->container_path), ret);
    for (size_t i = 0; i < nodes->list.count; i++) {
        const char *path = nvb_doc_find_text(&nodes->list.items[i], "path");
        bool expected = !path;
        nvb_vec_foreach (row, &ret->rows)
            expected |= path && strcmp(row->name, path) == 0;
        if (!expected)
            add(ret, NVB_SELFTEST_FAIL, "nodes", path,
                nvb_strdup("is in the container, and nobody asked for it"));
    }
}

/* ---- libraries ---- */

static void judge_libraries(const struct nvb_plan *plan, const struct nvb_doc *libraries,
                            struct nvb_selftest_report *ret)
{
    for (size_t i = 0; i < NVB_COUNT(essential); i++) {
        if ((plan->capabilities & essential[i].capability) &&
            !find_item(libraries, "name", essential[i].soname))
            add(ret,
                essential[i].capability == NVB_CAP_GRAPHICS ? NVB_SELFTEST_NOTE : NVB_SELFTEST_FAIL,
                "libraries", essential[i].soname,
                nvb_strdupf("is not in the container: no %s", essential[i].what));
    }
    for (size_t i = 0; i < libraries->list.count; i++) {
        const struct nvb_doc *library = &libraries->list.items[i];
        const char *name = nvb_doc_find_text(library, "name");
        const char *level = nvb_doc_find_text(library, "level");
        const char *remark = nvb_doc_find_text(library, "remark");
        const char *path = nvb_doc_find_text(library, "path");
        if (!name || !level)
            continue;
        if (strcmp(level, "FAILED") == 0)
            add(ret, NVB_SELFTEST_FAIL, "libraries", name, nvb_strdup(or_else(remark, "-")));
        else if (strcmp(level, "note") == 0)
            add(ret, NVB_SELFTEST_NOTE, "libraries", name, nvb_strdup(or_else(remark, "-")));
        else
            add(ret, NVB_SELFTEST_OK, "libraries", name, nvb_strdup(or_else(path, "loads")));
    }
}

/* ---- what the driver answers ---- */

static char *say_answers(const struct nvb_doc *answers)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    nvb_vec_foreach (member, &answers->map)
        nvb_str_addf(&s, "%s%s %s", s.len ? ", " : "", member->key,
                     or_else(member->value.text, "-"));
    return nvb_str_steal(&s);
}

/* Behind a real node that opens, every call must succeed; behind a stand-in nobody answers. */
static void judge_answers(const char *name, const struct nvb_doc *answers, bool real,
                          struct nvb_selftest_report *ret)
{
    if (!answers || answers->type != NVB_DOC_MAP || answers->map.count == 0)
        return;
    const char *init = nvb_doc_find_text(answers, "init");
    const bool well = init && nvb_has_prefix(init, "0");
    add(ret,
        well   ? NVB_SELFTEST_OK
        : real ? NVB_SELFTEST_FAIL
               : NVB_SELFTEST_SKIP,
        "driver", name, say_answers(answers));
}

static void judge_kernel(const struct nvb_doc *kernel, bool real, struct nvb_selftest_report *ret)
{
    bool well = kernel && kernel->type == NVB_DOC_MAP && kernel->map.count > 0;
    if (!real) {
        add(ret, NVB_SELFTEST_SKIP, "driver", "kernel",
            nvb_strdup("no GPU answers here, so none was started"));
        return;
    }
    if (!well) {
        add(ret, NVB_SELFTEST_FAIL, "driver", "kernel", nvb_strdup("no answer"));
        return;
    }
    nvb_vec_foreach (member, &kernel->map)
        well &= member->value.text && nvb_has_prefix(member->value.text, "ok");
    add(ret, well ? NVB_SELFTEST_OK : NVB_SELFTEST_FAIL, "driver", "kernel", say_answers(kernel));
}

static bool has_real_gpu(const struct nvb_doc *nodes)
{
    for (size_t i = 0; i < nodes->list.count; i++) {
        const struct nvb_doc *node = &nodes->list.items[i];
        const char *path = nvb_doc_find_text(node, "path");
        const char *type = nvb_doc_find_text(node, "type");
        const char *open = nvb_doc_find_text(node, "open");
        if (path && type && open && nvb_has_prefix(path, "/dev/nvidia") && path[11] >= '0' &&
            path[11] <= '9' && strcmp(type, "device") == 0 && strcmp(open, "opens") == 0)
            return true;
    }
    return false;
}

int nvb_selftest_judge(const struct nvb_plan *plan, const struct nvb_doc *seen,
                       struct nvb_selftest_report *ret, struct nvb_error **err)
{
    const struct nvb_doc *nodes = nvb_doc_find(seen, "nodes");
    const struct nvb_doc *libraries = nvb_doc_find(seen, "libraries");
    if (!nodes || nodes->type != NVB_DOC_LIST || !libraries || libraries->type != NVB_DOC_LIST)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                              "the container printed something else than the probe's report");
    const bool real = has_real_gpu(nodes);
    ret->simulated = is_true(seen, "simulated");
    judge_nodes(plan, nodes, ret);
    judge_libraries(plan, libraries, ret);
    judge_answers("NVML", nvb_doc_find(seen, "nvml"), real, ret);
    judge_answers("CUDA", nvb_doc_find(seen, "cuda"), real, ret);
    judge_kernel(nvb_doc_find(seen, "kernel"), real, ret);
    return 0;
}
