/*
 * The specification of the last run, where it still is this one's.
 *
 * What is built from a host is kept in the caller's private folder with the facts that it was made
 * from (cdi/witness.h) and the question that it answers: what was asked of the builder, by which
 * program, about which GPUs. The next run that asks the same looks at the facts, some fifty calls
 * of stat(), and builds nothing when they hold. Whatever else can change is part of the question.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/trust.h"
#include "cdi/compact.h"
#include "cdi/witness.h"
#include "plan/prune.h"
#include "plan/state.h"

#define MAX_KEPT ((size_t)4 << 20)
#define FACTS    "w "

/* ---- the question ---------------------------------------------------------------------------- */

static void add_text(struct nvb_str *s, const char *text)
{
    nvb_str_addc(s, ' ');
    nvb_str_add(s, text ? text : "-");
}

static void add_number(struct nvb_str *s, uint64_t number)
{
    char text[24];
    size_t at = sizeof(text);
    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    nvb_str_addc(s, ' ');
    nvb_str_addn(s, text + at, sizeof(text) - at);
}

static void add_gpu(struct nvb_str *s, const struct nvb_gpu *gpu)
{
    nvb_str_add(s, "\ngpu");
    add_number(s, gpu->index);
    add_text(s, gpu->pci);
    add_text(s, gpu->uuid);
    add_number(s, (uint64_t)(unsigned)gpu->minor);
    nvb_vec_foreach (node, &gpu->nodes) {
        add_text(s, node->path);
        add_number(s, (uint64_t)node->present * 2 + node->is_device);
    }
}

/* One line, and one for each GPU. Returns 0, or 1 where the question cannot be told apart from
 * another (a text in it has a line's end), or where more can change than the facts tell of: GPUs
 * that are cut, folders and libraries that the user names. */
static int ask(const struct nvb_plan_state *s, const struct nvb_cdi_build_options *options,
               struct nvb_str *ret)
{
    const struct nvb_host_options *host = s->input->host;
    struct stat program;
    if (stat("/proc/self/exe", &program) < 0 || (options->extra && options->extra->count) ||
        options->mps_folder)
        return 1;
    nvb_str_add(ret, "asked");
    add_number(ret, program.st_dev);
    add_number(ret, program.st_ino);
    add_number(ret,
               (uint64_t)program.st_mtim.tv_sec * 1000000000u + (uint64_t)program.st_mtim.tv_nsec);
    add_number(ret, options->naming);
    add_number(ret, options->capabilities);
    add_number(ret,
               (uint64_t)options->kept * 4 + (uint64_t)options->dri * 2 + options->mount_nodes);
    add_text(ret, options->hook);
    add_text(ret, host->host_root);
    add_text(ret, host->driver_root);
    add_text(ret, host->dev_root);
    if (strchr(ret->data, '\n'))
        return 1;
    nvb_vec_foreach (gpu, &s->gpus) {
        if (gpu->is_cut)
            return 1;
        add_gpu(ret, gpu);
    }
    nvb_str_addc(ret, '\n');
    return 0;
}

static char *name_file(const char *runtime, const struct nvb_str *question)
{
    return nvb_strdupf("%s/known/%016llx", runtime,
                       (unsigned long long)nvb_hash(NVB_HASH_INIT, question->data, question->len));
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* Every GPU that was chosen has its device: whoever lacks one is told why by the builder. */
static bool has_chosen(const struct nvb_plan_state *s, const struct nvb_cdi_spec *spec)
{
    nvb_vec_foreach (gpu, &s->plan->gpus) {
        _cleanup_free_ char *name = nvb_plan_gpu_name(gpu);
        if (!nvb_cdi_spec_find_device(spec, name))
            return false;
    }
    return true;
}

/* The end of the lines at TEXT that begin with the facts' prefix. */
static const char *skip_facts(const char *text, const char *end)
{
    while ((size_t)(end - text) >= sizeof(FACTS) - 1 &&
           memcmp(text, FACTS, sizeof(FACTS) - 1) == 0) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        text = stop ? stop + 1 : end;
    }
    return text;
}

/* Returns 0 with *ret, or 1. The file: the question, the facts, the specification. */
static int recall(const struct nvb_plan_state *s, const char *path, const struct nvb_str *question,
                  struct nvb_cdi_spec *ret)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    if (nvb_file_read_path(path, MAX_KEPT, &text, NULL) != 0 || text.len <= question->len ||
        memcmp(text.data, question->data, question->len) != 0)
        return 1;
    const char *facts = text.data + question->len;
    const char *end = text.data + text.len;
    const char *rest = skip_facts(facts, end);
    _cleanup_free_ char *why = NULL;
    if (!nvb_cdi_witness_holds(facts, (size_t)(rest - facts), FACTS, &s->host, &why)) {
        nvb_notes_add(s->notes, NVB_NOTE_DEBUG, "the last run's specification is out of date: %s",
                      why);
        return 1;
    }
    if (nvb_cdi_compact_read(rest, (size_t)(end - rest), &spec) != 0 || !has_chosen(s, &spec))
        return 1;
    nvb_prune_touch(path);
    nvb_notes_add(s->notes, NVB_NOTE_DEBUG, "nothing has changed since '%s' was made", path);
    *ret = TAKE_STRUCT(spec);
    return 0;
}

/* Best effort: what is not kept is made again. */
static void keep(const char *runtime, const char *path, const struct nvb_str *question,
                 const struct nvb_str *facts, const struct nvb_cdi_spec *spec)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *folder = nvb_path_dir(path);
    nvb_str_addn(&text, question->data, question->len);
    nvb_str_addn(&text, facts->data, facts->len);
    if (facts->len == 0 || nvb_cdi_compact_write(spec, &text) != 0 ||
        nvb_file_make_folders(folder, 0700, NULL) < 0)
        return;
    (void)nvb_file_write(path, text.data, text.len, 0600, NULL);
    nvb_prune_runtime(runtime);
}

int nvb_plan_build_spec(struct nvb_plan_state *s, const struct nvb_cdi_build_options *options,
                        struct nvb_error **err)
{
    const char *runtime = s->runtime ? s->runtime : s->hook_runtime;
    _cleanup_str_ struct nvb_str question = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str facts = NVB_STR_INIT;
    _cleanup_free_ char *path = NULL;
    if (runtime && ask(s, options, &question) == 0)
        path = name_file(runtime, &question);
    if (!path)
        return nvb_cdi_build(&s->host, options, &s->spec, s->notes, err);
    if (recall(s, path, &question, &s->spec) == 0)
        return 0;
    if (nvb_cdi_build_with_facts(&s->host, options, FACTS, &s->spec, &facts, s->notes, err) < 0)
        return -1;
    /* A dry run leaves no trace. */
    if (s->input->request->dry_run == NVB_DRY_RUN_OFF)
        keep(runtime, path, &question, &facts, &s->spec);
    return 0;
}
