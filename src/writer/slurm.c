#include "writer/slurm.h"

#include <string.h>

#include "data/kube_text.h"

/* What goes against a job, which ends when its command does and has no terminal. */
static const struct {
    const char *option, *why;
} refused[] = {
    {"detach", "a job ends when its command does"},
    {"restart", "Slurm starts a job anew (sbatch --requeue)"},
    {"attach", "a job has no terminal"},
    {"detach-keys", "a job has no terminal"},
    {"preserve-fds", "a job has no caller"},
};

static bool is_terminal(const struct nvb_plan_option *option)
{
    return nvb_plan_option_is(option, "interactive") || nvb_plan_option_is(option, "tty");
}

static int refuse(const struct nvb_plan_option *option, const char *why, const char *hint,
                  struct nvb_error **err)
{
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "a job cannot have '%s%s': %s",
                         option->is_short ? "-" : "--", option->name, why);
    return nvb_error_hint(err, "%s", hint);
}

/* Whether VALUE can stand in a line of sbatch's, which knows no quoting for it. */
static int put_line(struct nvb_str *s, const char *option, const char *value,
                    struct nvb_error **err)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:+@/-";
    if (!value)
        return 0;
    if (!*value || strspn(value, plain) != strlen(value)) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "sbatch cannot have '--%s=%s'", option,
                             value);
        return nvb_error_hint(err, "letters, digits and _ . , : + @ / -");
    }
    nvb_str_addf(s, "#SBATCH --%s=%s\n", option, value);
    return 0;
}

/* CPUs of a job are whole; 0 where none are asked for. */
static int read_cpus(const struct nvb_plan *plan, uint64_t *ret, struct nvb_error **err)
{
    const struct nvb_plan_option *option = nvb_plan_line_find(&plan->user, "cpus");
    *ret = 0;
    if (!option)
        return 0;
    const char *value = option->value ? option->value : "";
    const size_t len = strcspn(value, ".");
    uint64_t whole = 0;
    if ((len && nvb_parse_u64(value, len, 10, &whole) < 0) || whole > 65536 ||
        strspn(value + len, ".0123456789") != strlen(value + len) || !*value)
        return refuse(option, "that is no number of CPUs", "--cpus 4", err);
    const bool more = value[len] && strspn(value + len, ".0") != strlen(value + len);
    *ret = whole + more;
    return 0;
}

static int add_limits(const struct nvb_plan *plan, uint64_t cpus, struct nvb_str *s,
                      struct nvb_error **err)
{
    const struct nvb_plan_option *memory = nvb_plan_line_find(&plan->user, "memory");
    uint64_t bytes;
    if (cpus)
        nvb_str_addf(s, "#SBATCH --cpus-per-task=%llu\n", (unsigned long long)cpus);
    if (!memory)
        return 0;
    if (nvb_kube_parse_size(memory->value ? memory->value : "", &bytes) < 0)
        return refuse(memory, "that is no size", "--memory 4g", err);
    nvb_str_addf(s, "#SBATCH --mem=%lluK\n", (unsigned long long)((bytes + 1023) / 1024));
    return 0;
}

static int add_head(const struct nvb_plan *plan, const struct nvb_slurm_options *options,
                    uint64_t cpus, struct nvb_str *s, struct nvb_error **err)
{
    nvb_str_add(s, "#!/bin/bash\n# Made by 'nvbind generate slurm'.\n");
    if (put_line(s, "job-name", options->job_name, err) < 0 ||
        put_line(s, "partition", options->partition, err) < 0 ||
        put_line(s, "account", options->account, err) < 0 ||
        put_line(s, "time", options->time, err) < 0)
        return -1;
    nvb_str_add(s, "#SBATCH --nodes=1\n#SBATCH --ntasks=1\n");
    if (options->gpus) {
        _cleanup_free_ char *gres =
            nvb_strdupf("gpu:%s%s%llu", options->gpu_type ? options->gpu_type : "",
                        options->gpu_type ? ":" : "", (unsigned long long)options->gpus);
        if (put_line(s, "gres", gres, err) < 0)
            return -1;
    }
    return add_limits(plan, cpus, s, err);
}

/* ---- the command ---- */

static void add_word(struct nvb_str *s, const char *word)
{
    nvb_str_add(s, " \\\n    ");
    nvb_str_add_shell(s, word);
}

static void add_option(struct nvb_str *s, const char *name, const char *value)
{
    _cleanup_free_ char *word =
        value ? nvb_strdupf("--%s=%s", name, value) : nvb_strdupf("--%s", name);
    add_word(s, word);
}

static void add_own_options(const struct nvb_request *request, uint64_t gpus, struct nvb_str *s)
{
    static const char *const isolation[] = {
        [NVB_ISOLATE_UNSAID] = NULL,
        [NVB_ISOLATE_NONE] = "none",
        [NVB_ISOLATE_DEVICE] = "device",
        [NVB_ISOLATE_STRICT] = "strict",
    };
    if (request->engines)
        add_option(s, "runtime", request->engines & NVB_OPTION_DOCKER ? "docker" : "podman");
    /* "all" is all that the job got (nvbind-run(1)). */
    add_option(s, "gpu", gpus ? "all" : "none");
    if (request->capabilities)
        add_option(s, "capabilities", request->capabilities);
    if (request->profile)
        add_option(s, "profile", request->profile);
    if (isolation[request->isolate])
        add_option(s, "isolate", isolation[request->isolate]);
    if (request->rootless)
        add_option(s, "rootless", NULL);
    if (request->cdi != NVB_CDI_AUTO)
        add_option(s, request->cdi == NVB_CDI_INSIST ? "cdi" : "no-cdi", NULL);
}

static int add_users_options(const struct nvb_plan_line *line, struct nvb_str *s,
                             struct nvb_error **err)
{
    nvb_vec_foreach (option, &line->options) {
        for (size_t i = 0; i < NVB_COUNT(refused); i++)
            if (nvb_plan_option_is(option, refused[i].option))
                return refuse(option, refused[i].why, "leave it out", err);
        if (is_terminal(option))
            continue;
        if (option->is_short) {
            _cleanup_free_ char *word =
                nvb_strdupf("-%s%s", option->name, option->value ? option->value : "");
            add_word(s, word);
        } else {
            add_option(s, option->name, option->value);
        }
    }
    return 0;
}

int nvb_writer_slurm(const struct nvb_request *request, const struct nvb_plan *plan,
                     const struct nvb_slurm_options *options, struct nvb_str *ret,
                     struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    uint64_t cpus;
    if (read_cpus(plan, &cpus, err) < 0 || add_head(plan, options, cpus, &s, err) < 0)
        return -1;
    nvb_str_add(&s, "\nexec srun");
    if (cpus) /* a step does not take them from its job */
        nvb_str_addf(&s, " --cpus-per-task=%llu", (unsigned long long)cpus);
    add_word(&s, options->nvbind);
    if (options->config)
        add_option(&s, "config", options->config);
    if (options->host_root)
        add_option(&s, "host-root", options->host_root);
    add_word(&s, "run");
    add_own_options(request, options->gpus, &s);
    if (!nvb_plan_line_find(&plan->user, "rm"))
        add_option(&s, "rm", NULL);
    if (add_users_options(&plan->early, &s, err) < 0 || add_users_options(&plan->user, &s, err) < 0)
        return -1;
    add_word(&s, "--");
    add_word(&s, plan->image);
    nvb_vec_foreach (word, &plan->command)
        add_word(&s, *word);
    nvb_str_addc(&s, '\n');
    nvb_str_addn(ret, s.data, s.len);
    return 0;
}
