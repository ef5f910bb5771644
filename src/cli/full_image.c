#include "cli/full_image.h"

#include <string.h>

#include "base/process.h"
#include "plan/short_name.h"

extern char **environ;

#define ASK_MS  10000
#define ASK_MAX ((size_t)1 << 20)

/* Whether the full name TAG is what Podman finds for the short name IMAGE. */
static bool is_name_of(const char *tag, const char *image)
{
    const char *base = strrchr(image, '/');
    const bool tagged = strpbrk(base ? base : image, ":@") != NULL;
    _cleanup_free_ char *end = nvb_strdupf("/%s%s", image, tagged ? "" : ":latest");
    return nvb_has_suffix(tag, end);
}

/* The full name of the local image IMAGE. Owned; NULL: there is none. */
static char *ask_local(const struct nvb_engine *engine, const char *image)
{
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str complaints = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv tags = {0};
    const char *const argv[] = {
        engine->path, "image", "inspect", "--format", "{{range .RepoTags}}{{println .}}{{end}}",
        image,        NULL,
    };
    int status = 0;
    if (nvb_process_capture(engine->path, (char *const *)argv, environ, ASK_MS, ASK_MAX, &out,
                            &complaints, &status, NULL) < 0 ||
        status != 0)
        return NULL;
    nvb_strv_split(&tags, out.data, '\n');
    nvb_vec_foreach (tag, &tags)
        if (is_name_of(*tag, image))
            return nvb_strdup(*tag);
    return NULL;
}

int nvb_cli_name_image(struct nvb_cli_planning *planning, struct nvb_plan *plan,
                       struct nvb_exec *exec, struct nvb_error **err)
{
    if (!plan->registries.path)
        return 0;
    char *name = ask_local(&planning->engine, plan->image);
    const char *where = name ? "the local image of that name" : "no local image has that name";
    if (!name)
        name = nvb_strdupf("%s/%s%s", NVB_DOCKER_REGISTRY,
                           strchr(plan->image, '/') ? "" : "library/", plan->image);
    nvb_notes_add(&planning->notes, NVB_NOTE_NOTICE, "'%s' is written down as '%s': %s",
                  plan->image, name, where);
    free(plan->image);
    plan->image = name;
    free(plan->registries.path);
    free(plan->registries.text);
    plan->registries = (struct nvb_plan_spec){0};
    nvb_strv_done(&plan->added_environment);
    plan->added_environment = (struct nvb_strv){0};
    nvb_exec_done(exec);
    *exec = (struct nvb_exec){0};
    return nvb_exec_build(plan, exec, err);
}
