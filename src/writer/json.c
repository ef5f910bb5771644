#include "writer/writer.h"

#include "data/json.h"
#include "host/host.h"

static const char *mode_name(enum nvb_plan_mode mode)
{
    switch (mode) {
    case NVB_PLAN_NOTHING:
        return "none";
    case NVB_PLAN_CDI:
        return "cdi";
    case NVB_PLAN_DIRECT:
        return "direct";
    }
    return NULL;
}

static void put_options(struct nvb_doc *list, const struct nvb_plan_line *line, const char *from)
{
    nvb_vec_foreach (option, &line->options) {
        struct nvb_doc *doc = nvb_doc_push(list);
        nvb_doc_put_text(doc, "name", nvb_plan_option_name(option));
        nvb_doc_put_text(doc, "written", option->name);
        nvb_doc_put_text(doc, "value", option->value);
        nvb_doc_put_text(doc, "from", from);
    }
}

static void put_gpus(struct nvb_doc *doc, const struct nvb_plan *plan)
{
    _cleanup_str_ struct nvb_str capabilities = NVB_STR_INIT;
    struct nvb_doc *list;
    if (plan->capabilities)
        nvb_capabilities_format(plan->capabilities, &capabilities);
    nvb_doc_put_text(doc, "decided_by", plan->source);
    nvb_doc_put_text(doc, "selection", plan->selection);
    nvb_doc_put_text(doc, "capabilities", capabilities.len ? capabilities.data : NULL);
    list = nvb_doc_put(doc, "devices");
    nvb_doc_set_list(list);
    nvb_vec_foreach (gpu, &plan->gpus) {
        struct nvb_doc *item = nvb_doc_push(list);
        nvb_doc_put_int(item, "index", gpu->index);
        nvb_doc_put_text(item, "pci", gpu->pci);
        nvb_doc_put_text(item, "uuid", gpu->uuid);
        nvb_doc_put_text(item, "model", gpu->model);
        if (gpu->is_mig) {
            struct nvb_doc *mig = nvb_doc_put(item, "mig");
            nvb_doc_put_int(mig, "index", gpu->mig);
            nvb_doc_put_int(mig, "gpu_instance", gpu->gi);
            nvb_doc_put_int(mig, "compute_instance", gpu->ci);
        } else {
            nvb_doc_put_text(item, "mig", NULL);
        }
    }
}

static void put_edits(struct nvb_doc *doc, const struct nvb_cdi_edits *edits)
{
    struct nvb_doc *nodes;
    struct nvb_doc *mounts;
    struct nvb_doc *hooks;
    nvb_doc_put_strv(doc, "env", &edits->env);
    nodes = nvb_doc_put(doc, "devices");
    nvb_doc_set_list(nodes);
    nvb_vec_foreach (node, &edits->nodes) {
        struct nvb_doc *item = nvb_doc_push(nodes);
        nvb_doc_put_text(item, "host", node->host_path ? node->host_path : node->path);
        nvb_doc_put_text(item, "container", node->path);
        nvb_doc_put_text(item, "permissions", node->permissions ? node->permissions : "rwm");
    }
    mounts = nvb_doc_put(doc, "mounts");
    nvb_doc_set_list(mounts);
    nvb_vec_foreach (mount, &edits->mounts) {
        struct nvb_doc *item = nvb_doc_push(mounts);
        nvb_doc_put_text(item, "host", mount->host_path);
        nvb_doc_put_text(item, "container", mount->container_path);
        nvb_doc_put_strv(item, "options", &mount->options);
    }
    hooks = nvb_doc_put(doc, "hooks");
    nvb_doc_set_list(hooks);
    nvb_vec_foreach (hook, &edits->hooks) {
        struct nvb_doc *item = nvb_doc_push(hooks);
        nvb_doc_put_text(item, "stage", hook->hook_name);
        nvb_doc_put_text(item, "path", hook->path);
        nvb_doc_put_strv(item, "args", &hook->args);
        nvb_doc_put_strv(item, "env", &hook->env);
    }
}

void nvb_writer_doc(const struct nvb_plan *plan, const struct nvb_exec *exec, struct nvb_doc *ret)
{
    struct nvb_doc *part;
    nvb_doc_put_text(ret, "verb", nvb_plan_verb_name(plan->verb));
    part = nvb_doc_put(ret, "engine");
    nvb_doc_put_text(part, "name", nvb_engine_name(plan->engine->kind));
    nvb_doc_put_text(part, "path", plan->engine->path);
    nvb_doc_put_text(part, "version", plan->engine->version_text);
    nvb_doc_put_text(ret, "mode", mode_name(plan->mode));
    nvb_doc_put_text(ret, "image", plan->image);
    nvb_doc_put_strv(ret, "command", &plan->command);
    put_gpus(nvb_doc_put(ret, "gpus"), plan);
    put_edits(nvb_doc_put(ret, "edits"), &plan->edits);
    part = nvb_doc_put(ret, "cdi");
    nvb_doc_put_strv(part, "devices", &plan->cdi_devices);
    nvb_doc_put_strv(part, "folders", &plan->cdi_folders);
    nvb_doc_put_text(part, "file", plan->mode == NVB_PLAN_CDI ? plan->spec.path : NULL);
    part = nvb_doc_put(ret, "hook");
    nvb_doc_put_strv(part, "folders", &plan->hook_folders);
    nvb_doc_put_text(part, "annotation", plan->hook_mark);
    nvb_doc_put_text(part, "file", plan->mode == NVB_PLAN_DIRECT ? plan->spec.path : NULL);
    part = nvb_doc_put(ret, "options");
    nvb_doc_set_list(part);
    put_options(part, &plan->early, "user");
    put_options(part, &plan->defaults, "default");
    put_options(part, &plan->user, "user");
    nvb_doc_put_strv(ret, "hidden_environment", &exec->hidden);
    nvb_doc_put_strv(ret, "added_environment", &exec->added);
    nvb_doc_put_strv(ret, "argv", &exec->argv);
}

int nvb_writer_json(const struct nvb_plan *plan, const struct nvb_exec *exec, struct nvb_str *ret,
                    struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    nvb_writer_doc(plan, exec, &doc);
    return nvb_json_write(&doc, NVB_JSON_INDENTED, ret, err);
}
