/*
 * What podman-compose calls in Podman's place. It is told by the list that
 * nvb_compose_write_stand_in() wrote which services ask for GPUs, and knows a service's container
 * by the label that every version of podman-compose gives it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "cli/compose.h"
#include "cli/doctor.h"
#include "data/json.h"
#include "writer/record.h"

extern char **environ;

#define SERVICE_LABEL "com.docker.compose.service="

/* ---- writing it ---- */

static int find_podman(const struct nvb_compose_run *run, char **ret, struct nvb_error **err)
{
    const char *name = run->call.podman ? run->call.podman : "podman";
    int r = nvb_process_find(name, nvb_environment_get(environ, "PATH"), ret, err);
    if (r > 0)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "there is no '%s'", name);
    return r;
}

int nvb_compose_make_stand_in(struct nvb_compose_run *run, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *podman = NULL;
    _cleanup_free_ char *self = NULL;
    int r = nvb_readlinkat(AT_FDCWD, "/proc/self/exe", &self);
    if (r < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, -r, "cannot read '/proc/self/exe'");
    if (find_podman(run, &podman, err) != 0)
        return -1;
    nvb_doc_put_text(&doc, "podman", podman);
    struct nvb_doc *services = nvb_doc_put(&doc, "services");
    nvb_vec_foreach (part, &run->parts)
        nvb_doc_put_strv(services, (*part)->service->name, &(*part)->wish.gpu);
    if (nvb_json_write(&doc, NVB_JSON_INDENTED, &text, err) < 0)
        return -1;
    run->services = nvb_str_steal(&text);
    run->self = TAKE_PTR(self);
    return 0;
}

int nvb_compose_write_stand_in(const struct nvb_compose_run *run, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *list = nvb_strdupf("%s/services.json", run->folder);
    _cleanup_free_ char *program = nvb_strdupf("%s/podman", run->folder);
    nvb_str_add(&text,
                "#!/bin/sh\n# Made by 'nvbind compose': what podman-compose calls as Podman.\n"
                "exec ");
    nvb_str_add_shell(&text, run->self);
    nvb_str_add(&text, " __podman ");
    nvb_str_add_shell(&text, list);
    nvb_str_add(&text, " \"$@\"\n");
    if (nvb_file_write(list, run->services, strlen(run->services), 0600, err) < 0)
        return -1;
    return nvb_file_write(program, text.data, text.len, 0700, err);
}

/* ---- being it ---- */

/* What the list says of the service that the words make a container of, borrowed, or NULL. */
static const struct nvb_doc *find_service(const struct nvb_doc *list, int argc, char **argv)
{
    const char *name = NULL;
    if (argc == 0 || (strcmp(argv[0], "run") != 0 && strcmp(argv[0], "create") != 0))
        return NULL;
    for (int i = 1; i < argc; i++) {
        const char *label = nvb_has_prefix(argv[i], "--label=")   ? argv[i] + strlen("--label=")
                            : strcmp(argv[i - 1], "--label") == 0 ? argv[i]
                                                                  : "";
        if (nvb_has_prefix(label, SERVICE_LABEL))
            name = label + strlen(SERVICE_LABEL);
    }
    return name ? nvb_doc_find(nvb_doc_find(list, "services"), name) : NULL;
}

/* The names that podman-compose makes of "driver: nvidia" are its own guess. */
static bool is_guess(int argc, char **argv, int i)
{
    return i + 1 < argc && strcmp(argv[i], "--device") == 0 && nvb_compose_is_cdi_gpu(argv[i + 1]);
}

/* How many words there are before the container's own command, which is nobody's to change. */
static int count_options(const struct nvb_parse *parse, int argc, char **argv, int *ret,
                         struct nvb_error **err)
{
    _cleanup_request_ struct nvb_request request = {0};
    _cleanup_plan_ struct nvb_plan plan = {0};
    if (nvb_parse_run(parse, argc - 1, argv + 1, &request, &plan, err) < 0)
        return -1;
    *ret = argc - (int)plan.command.count;
    return 0;
}

static int plan_words(struct nvb_cli_planning *s, const struct nvb_doc *gpu, int argc, char **argv,
                      struct nvb_request *request, struct nvb_plan *plan, struct nvb_exec *exec,
                      struct nvb_error **err)
{
    const struct nvb_parse parse = {.ask = nvb_cli_ask_engine, .data = s};
    const bool decides = gpu->type == NVB_DOC_LIST && gpu->list.count > 0;
    _cleanup_strv_ struct nvb_strv words = {0};
    int options = argc;
    if (decides && count_options(&parse, argc, argv, &options, err) < 0)
        return -1;
    nvb_strv_add(&words, "--runtime=podman");
    if (decides)
        nvb_vec_foreach (word, &gpu->list)
            nvb_strv_add(&words, word->text);
    for (int i = 1; i < argc; i++) {
        if (decides && is_guess(options, argv, i))
            i++;
        else
            nvb_strv_add(&words, argv[i]);
    }
    if (nvb_parse_run(&parse, (int)words.count, nvb_strv_terminate(&words), request, plan, err) < 0)
        return -1;
    plan->verb = strcmp(argv[0], "create") == 0 ? NVB_PLAN_CREATE : NVB_PLAN_RUN;
    return nvb_cli_plan(s, request, plan, exec, err);
}

static int run_service(struct nvb_cli *cli, const char *podman, const struct nvb_doc *gpu, int argc,
                       char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_planning_ struct nvb_cli_planning s = {.cli = cli, .verb = argv[0], .gpus_only = true};
    _cleanup_request_ struct nvb_request request = {0};
    _cleanup_plan_ struct nvb_plan plan = {0};
    _cleanup_exec_ struct nvb_exec exec = {0};
    nvb_user_read(environ, &s.user);
    if (plan_words(&s, gpu, argc, argv, &request, &plan, &exec, &err) < 0)
        return nvb_doctor_fail(cli, err, NVB_EXIT_ENGINE);
    /* Everything else was said when all services were planned. */
    nvb_vec_foreach (note, &s.notes)
        if (note->level == NVB_NOTE_NOTICE || note->level == NVB_NOTE_WARNING)
            note->level = NVB_NOTE_INFO;
    nvb_cli_print_notes(cli, &s.notes);
    free(exec.program);
    exec.program = nvb_strdup(podman);
    if (nvb_plan_write_spec(&plan, &err) == 0 && nvb_plan_write_cookie(&plan, &err) == 0) {
        nvb_record_write(&plan, &exec, argv, &s.user);
        (void)nvb_exec_run(&exec, environ, &err);
    }
    return nvb_cli_fail(cli, err, NVB_EXIT_ENGINE);
}

int nvb_cmd_podman(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc list = {0};
    if (argc < 2)
        return NVB_EXIT_ENGINE;
    int r = nvb_file_read_path(argv[1], NVB_DOC_MAX_BYTES, &text, &err);
    if (r > 0)
        (void)nvb_error_make(&err, NVB_ERROR_NOT_FOUND, 0, "there is no '%s'", argv[1]);
    if (r != 0 || nvb_json_read(text.data, text.len, argv[1], &list, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_ENGINE);
    const char *podman = nvb_doc_find_text(&list, "podman");
    const struct nvb_doc *gpu = find_service(&list, argc - 2, argv + 2);
    if (podman && gpu)
        return run_service(cli, podman, gpu, argc - 2, argv + 2);
    argv[1] = (char *)(podman ? podman : "podman");
    if (podman)
        (void)execve(podman, argv + 1, environ);
    (void)nvb_error_make(&err, NVB_ERROR_ENGINE, errno, "cannot run '%s'", argv[1]);
    return nvb_cli_fail(cli, err, NVB_EXIT_ENGINE);
}
