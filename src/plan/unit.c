#include "plan/unit.h"

#include <string.h>

#include "host/user.h"

bool nvb_plan_is_service(char *const *environment, pid_t self)
{
    const char *told = nvb_environment_get(environment, "SYSTEMD_EXEC_PID");
    uint64_t pid = 0;
    return told && nvb_parse_u64(told, strlen(told), 10, &pid) == 0 && pid == (uint64_t)self;
}

static void drop(struct nvb_plan_line *line, const char *name)
{
    _cleanup_free_ bool *drop = nvb_calloc(line->options.count + 1, sizeof(*drop));
    for (size_t i = 0; i < line->options.count; i++)
        drop[i] = nvb_plan_option_is(&line->options.items[i], name);
    nvb_plan_line_drop(line, drop);
}

/* A start that ended without its stop (a crash, a killed unit, a power cut) leaves the name taken.
 */
static void make_room(struct nvb_plan *plan, const struct nvb_engine *engine)
{
    const char *restart = nvb_plan_value(plan, "restart");
    if (!nvb_plan_value(plan, "name"))
        return;
    if (engine->kind == NVB_ENGINE_PODMAN) {
        if (!nvb_plan_value(plan, "replace"))
            nvb_plan_line_add_flag(&plan->defaults, "replace");
    } else if (!nvb_plan_value(plan, "rm") && (!restart || strcmp(restart, "no") == 0)) {
        /* Docker replaces nothing; its daemon removes what has ended. */
        nvb_plan_line_add_flag(&plan->defaults, "rm");
    }
}

void nvb_plan_fit_unit(struct nvb_plan *plan, const struct nvb_engine *engine,
                       char *const *environment, pid_t self, struct nvb_notes *notes)
{
    if (plan->verb != NVB_PLAN_RUN || !nvb_plan_is_service(environment, self) ||
        nvb_environment_get(environment, "NOTIFY_SOCKET") || nvb_plan_value(plan, "conmon-pidfile"))
        return;
    if (nvb_plan_is_on(plan, "detach")) {
        drop(&plan->user, "detach");
        drop(&plan->defaults, "detach");
        nvb_notes_add(notes, NVB_NOTE_WARNING,
                      "'-d' is left out: this is a systemd unit's main process, and the unit ends "
                      "with it");
        nvb_notes_hint(notes, "take '-d' out of the unit; nvbind doctor --unit FILE prints it "
                              "corrected");
    }
    make_room(plan, engine);
}
