#include "cli/checklist.h"

#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "cdi/hook.h"
#include "data/json.h"
#include "host/engine.h"
#include "migrate/migrate.h"

extern char **environ;

#define MAX_FILE    ((size_t)1 << 20)
#define PATIENCE_MS 20000

enum state {
    DONE,
    TO_DO,
    DOES_NOT_APPLY,
};

struct item {
    enum state state;
    const char *what; /* a constant */
    char *found;      /* owned */
    char *command;    /* what does it; owned, or NULL */
};

struct list {
    struct nvb_engine podman;
    bool has_podman, has_gpu;
    char *container; /* a running lab, or NULL */
    struct NVB_VEC(struct item) items;
};

static void add(struct list *list, enum state state, const char *what, char *found, char *command)
{
    const struct item item = {state, what, found, command};
    nvb_vec_push(&list->items, item);
}

static void list_done(struct list *list)
{
    nvb_vec_foreach (item, &list->items) {
        free(item->found);
        free(item->command);
    }
    nvb_vec_release(&list->items);
    nvb_engine_done(&list->podman);
    free(list->container);
}

/* What Podman prints, or NULL where it fails. */
static char *ask(const struct list *list, const char *const *words)
{
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str complaints = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv argv = {0};
    int status = -1;
    if (!list->has_podman)
        return NULL;
    nvb_strv_add(&argv, list->podman.path);
    for (; *words; words++)
        nvb_strv_add(&argv, *words);
    if (nvb_process_capture(list->podman.path, nvb_strv_terminate(&argv), environ, PATIENCE_MS,
                            MAX_FILE, &out, &complaints, &status, NULL) < 0 ||
        status != 0)
        return NULL;
    return nvb_str_steal(&out);
}

/* ---- the machine ---- */

static void look_at_podman(struct list *list)
{
    static const char what[] = "Install Podman";
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_user_ struct nvb_user user = {0};
    nvb_user_read(environ, &user);
    list->has_podman = nvb_engine_find(NVB_ENGINE_PODMAN, environ, &user, &list->podman, &err) == 0;
    if (list->has_podman)
        add(list, DONE, what,
            nvb_strdupf("%s, version %s", list->podman.path, list->podman.version_text), NULL);
    else
        add(list, TO_DO, what, nvb_strdup(err ? err->message : "is not here"),
            err && err->hint ? nvb_strdup(err->hint) : NULL);
}

static void look_at_toolkit(struct list *list, const struct nvb_cli *cli)
{
    static const char toolkit[] = "Install nvidia-container-toolkit (if using GPU)";
    static const char spec[] = "Generate CDI spec for NVIDIA GPUs";
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    _cleanup_free_ char *hook = NULL;
    list->has_gpu = nvb_host_open(&cli->host, &host, NULL) == 0 &&
                    nvb_host_find_gpus(&host, &gpus, NULL) == 0 && gpus.count > 0;
    if (!list->has_gpu) {
        add(list, DOES_NOT_APPLY, toolkit, nvb_strdup("no NVIDIA GPU with its driver is here"),
            NULL);
        add(list, DOES_NOT_APPLY, spec, nvb_strdup("no NVIDIA GPU with its driver is here"), NULL);
        return;
    }
    if (nvb_cdi_find_hook(&hook, NULL) == 0)
        add(list, DONE, toolkit, nvb_strdup("not needed: nvbind does its work"), NULL);
    else
        add(list, TO_DO, toolkit, nvb_strdup("nvbind is here without its hook"),
            nvb_strdup("sudo make install"));
    if (access("/etc/cdi/nvidia.yaml", F_OK) == 0 || access("/etc/cdi/nvidia.json", F_OK) == 0 ||
        access("/var/run/cdi/nvidia.yaml", F_OK) == 0 ||
        access("/var/run/cdi/nvidia.json", F_OK) == 0)
        add(list, DONE, spec, nvb_strdup("there is one; 'nvbind run' needs none"), NULL);
    else
        add(list, TO_DO, spec, nvb_strdup("'nvbind run' needs none, plain podman does"),
            nvb_strdup("sudo nvbind cdi generate --output /etc/cdi/nvidia.yaml"));
}

/* ---- the working folder ---- */

/* The value that NAME is given in a makefile, owned, or NULL: "NAME := value". */
static char *find_variable(const char *path, const char *name)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    char *found = NULL;
    if (nvb_file_read_path(path, MAX_FILE, &text, NULL) != 0)
        return NULL;
    for (const char *line = text.data; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!nvb_has_prefix(line, name))
            continue;
        const char *p = line + strlen(name);
        p += strspn(p, " \t");
        p += strspn(p, ":?+");
        if (*p != '=')
            continue;
        p += 1 + strspn(p + 1, " \t");
        size_t len = strcspn(p, "\n#");
        while (len > 0 && strchr(" \t\r", p[len - 1]))
            len--;
        free(found);
        found = nvb_strndup(p, len);
    }
    return found;
}

static void look_at_settings(struct list *list)
{
    static const char file[] = "Configuration.mk";
    static const char engine[] = "Update CONTAINER_RUNTIME in Configuration.mk";
    static const char gpus[] = "Update DOCKER_ARGS for GPU access";
    if (access(file, F_OK) != 0) {
        add(list, DOES_NOT_APPLY, engine, nvb_strdup("there is no Configuration.mk here"), NULL);
        add(list, DOES_NOT_APPLY, gpus, nvb_strdup("there is no Configuration.mk here"), NULL);
        return;
    }
    _cleanup_free_ char *runtime = find_variable(file, "CONTAINER_RUNTIME");
    _cleanup_free_ char *args = find_variable(file, "DOCKER_ARGS");
    if (runtime && strcmp(runtime, "podman") == 0)
        add(list, DONE, engine, nvb_strdup("podman"), NULL);
    else
        add(list, TO_DO, engine,
            nvb_strdup(runtime && *runtime ? runtime : "it is not set: docker"),
            runtime ? nvb_strdup("sed -i 's/^CONTAINER_RUNTIME.*/CONTAINER_RUNTIME := podman/' "
                                 "Configuration.mk")
                    : nvb_strdup("echo 'CONTAINER_RUNTIME := podman' >>Configuration.mk"));
    if (args && (strstr(args, "--gpus") || strstr(args, "nvidia ") ||
                 nvb_has_suffix(args, "--runtime=nvidia")))
        add(list, TO_DO, gpus, nvb_strdupf("'%s' is Docker's", args),
            nvb_strdup("sed -i 's|^DOCKER_ARGS.*|DOCKER_ARGS := --device nvidia.com/gpu=all|' "
                       "Configuration.mk"));
    else if (args && *args)
        add(list, DONE, gpus, nvb_strdup(args), NULL);
    else
        add(list, list->has_gpu ? DONE : DOES_NOT_APPLY, gpus,
            nvb_strdup("empty: nvbind gives the GPUs where it is installed"), NULL);
}

static void look_at_images(struct list *list)
{
    static const char *const words[] = {"image", "ls", "--format", "{{.Repository}}:{{.Tag}}",
                                        NULL};
    static const char *const running[] = {"ps", "--format", "{{.Names}}", NULL};
    _cleanup_free_ char *images = ask(list, words);
    _cleanup_free_ char *names = ask(list, running);
    const char *lab = names ? strstr(names, "pylab") : NULL;
    const char *image = images ? strstr(images, "pylab") : NULL;
    if (image)
        add(list, DONE, "Test build: make build_base",
            nvb_strdupf("the image %.*s is here", (int)strcspn(image, "\n"), image), NULL);
    else
        add(list, TO_DO, "Test build: make build_base",
            nvb_strdup("no image of a lab is in Podman's store"),
            nvb_strdup("make CONTAINER_RUNTIME=podman build_base"));
    if (lab) {
        list->container = nvb_strndup(lab, strcspn(lab, "\n"));
        add(list, DONE, "Test run: make pylab", nvb_strdupf("%s runs", list->container), NULL);
    } else {
        add(list, TO_DO, "Test run: make pylab", nvb_strdup("no lab runs"),
            nvb_strdup("make CONTAINER_RUNTIME=podman pylab"));
    }
}

static void look_inside(struct list *list)
{
    static const char what[] = "Verify GPU: podman exec <container> nvidia-smi";
    if (!list->has_gpu) {
        add(list, DOES_NOT_APPLY, what, nvb_strdup("no NVIDIA GPU with its driver is here"), NULL);
        return;
    }
    if (!list->container) {
        add(list, TO_DO, what, nvb_strdup("no lab runs"), nvb_strdup("nvbind selftest"));
        return;
    }
    const char *const words[] = {"exec", list->container, "nvidia-smi", "-L", NULL};
    _cleanup_free_ char *gpus = ask(list, words);
    if (gpus)
        add(list, DONE, what, nvb_strndup(gpus, strcspn(gpus, "\n")), NULL);
    else
        add(list, TO_DO, what, nvb_strdupf("nvidia-smi fails in %s", list->container),
            nvb_strdup("nvbind doctor"));
}

/* A CI file that still calls Docker. */
static bool mentions_docker(const char *path)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_migration_ struct nvb_migration m = {0};
    struct nvb_migrate_file file;
    if (nvb_migrate_load(path, &text, &file, NULL) < 0)
        return false;
    m.text = text.data;
    m.len = text.len;
    m.kind = nvb_has_suffix(path, "Jenkinsfile") ? NVB_MIGRATE_SHELL : NVB_MIGRATE_CI;
    return nvb_migrate_read(&m, path, NULL) == 0 && m.edits.count + m.findings.count > 0;
}

static void look_at_ci(struct list *list)
{
    static const char what[] = "Update CI/CD if applicable";
    static const char *const patterns[] = {".gitlab-ci.yml",       ".github/workflows/*.y*ml",
                                           ".circleci/config.yml", "Jenkinsfile",
                                           ".woodpecker/*.y*ml",   ".drone.yml"};
    _cleanup_str_ struct nvb_str command = NVB_STR_INIT;
    size_t seen = 0;
    size_t old = 0;
    for (size_t i = 0; i < NVB_COUNT(patterns); i++) {
        glob_t found;
        if (glob(patterns[i], 0, NULL, &found) != 0)
            continue;
        for (size_t k = 0; k < found.gl_pathc; k++) {
            seen++;
            if (!mentions_docker(found.gl_pathv[k]))
                continue;
            old++;
            nvb_str_add(&command, command.len ? " " : "nvbind migrate --write ");
            nvb_str_add_shell(&command, found.gl_pathv[k]);
        }
        globfree(&found);
    }
    if (seen == 0)
        add(list, DOES_NOT_APPLY, what, nvb_strdup("there is no CI file here"), NULL);
    else if (old == 0)
        add(list, DONE, what,
            nvb_strdupf("%zu file%s, none calls Docker", seen, seen == 1 ? "" : "s"), NULL);
    else
        add(list, TO_DO, what, nvb_strdupf("%zu of %zu call Docker", old, seen),
            nvb_str_steal(&command));
}

/* ---- showing it ---- */

static int show_json(const struct nvb_cli *cli, const struct list *list)
{
    static const char *const names[] = {"done", "to do", "does not apply"};
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *err = NULL;
    struct nvb_doc *items = nvb_doc_put(&doc, "items");
    nvb_doc_set_list(items);
    nvb_vec_foreach (item, &list->items) {
        struct nvb_doc *map = nvb_doc_push(items);
        nvb_doc_put_text(map, "what", item->what);
        nvb_doc_put_text(map, "state", names[item->state]);
        nvb_doc_put_text(map, "found", item->found);
        nvb_doc_put_text(map, "command", item->command);
    }
    if (nvb_json_write(&doc, NVB_JSON_INDENTED, &out, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_FOUND);
    return nvb_cli_print(cli, out.data, out.len);
}

static int show(const struct nvb_cli *cli, const struct list *list, size_t left)
{
    static const char *const marks[] = {"[x]", "[ ]", "[-]"};
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    nvb_vec_foreach (item, &list->items) {
        nvb_str_addf(&out, "%s %s: ", marks[item->state], item->what);
        nvb_cli_add_line(&out, item->found);
        nvb_str_addc(&out, '\n');
        if (item->command) {
            nvb_str_add(&out, "      ");
            nvb_cli_add_line(&out, item->command);
            nvb_str_addc(&out, '\n');
        }
    }
    if (left)
        nvb_str_addf(&out, "%zu of %zu to do\n", left, list->items.count);
    else
        nvb_str_add(&out, "all done\n");
    return nvb_cli_print(cli, out.data, out.len);
}

int nvb_cli_checklist(struct nvb_cli *cli, bool json)
{
    _cleanup_(list_done) struct list list = {0};
    size_t left = 0;
    look_at_podman(&list);
    look_at_toolkit(&list, cli);
    look_at_settings(&list);
    look_at_images(&list);
    look_inside(&list);
    look_at_ci(&list);
    nvb_vec_foreach (item, &list.items)
        left += item->state == TO_DO;
    int status = json ? show_json(cli, &list) : show(cli, &list, left);
    return status == NVB_EXIT_OK && left > 0 ? NVB_EXIT_FOUND : status;
}
