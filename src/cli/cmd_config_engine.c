/* nvbind config engine: nvbind's folder of specifications in Podman's own configuration, so that
 * containers that outlive their command start again without nvbind. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "cdi/consumer.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/help.h"
#include "config/conf_edit.h"
#include "plan/keep.h"

#define NEEDED_VERSION 506
#define MAX_CONF       ((size_t)1 << 20)

enum { OPT_HELP, OPT_WRITE };
const struct nvb_cli_option nvb_config_engine_options[] = {
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    [OPT_WRITE] = {"write", 0, NULL, "change the file; without it the change is only shown"},
    {0},
};

static const char help_text[] =
    "Names nvbind's folder of CDI specifications in your containers.conf(5), beside those that\n"
    "Podman (5.6 and later) reads already. Containers that outlive their command (create, --restart,\n"
    "run without --rm) then take their GPUs from there, and start again by 'podman start'. The rest\n"
    "of the file stays as it is.\n";

struct change {
    struct nvb_user user;
    struct nvb_engine engine;
    char *folder;            /* nvbind's */
    char *path;              /* the file */
    struct nvb_strv folders; /* what it is to name */
    bool is_there;           /* Podman reads the folder already */
    struct nvb_str old;
    struct nvb_str new;
    unsigned line;
};

static void change_done(struct change *c)
{
    nvb_user_done(&c->user);
    nvb_engine_done(&c->engine);
    free(c->folder);
    free(c->path);
    nvb_strv_done(&c->folders);
    nvb_str_done(&c->old);
    nvb_str_done(&c->new);
}

static int check_engine(struct change *c, struct nvb_error **err)
{
    if (c->user.uid == 0) {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0,
                             "root's containers take the system's specification");
        return nvb_error_hint(err, "nvbind cdi refresh");
    }
    if (nvb_engine_find(NVB_ENGINE_PODMAN, environ, &c->user, &c->engine, err) < 0)
        return -1;
    if (c->engine.version >= NEEDED_VERSION)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                         "Podman %s reads no folder of specifications that its configuration names "
                         "(5.6 does)",
                         c->engine.version_text);
    return nvb_error_hint(err, "for every user of this machine: sudo nvbind cdi refresh");
}

/* The file that counts: the one that alone is read, else the user's. */
static char *find_file(const struct nvb_user *user)
{
    const char *only = nvb_environment_get(environ, "CONTAINERS_CONF");
    const char *config = nvb_environment_get(environ, "XDG_CONFIG_HOME");
    if (only && only[0] == '/')
        return nvb_strdup(only);
    if (config && config[0] == '/')
        return nvb_strdupf("%s/containers/containers.conf", config);
    return user->home ? nvb_strdupf("%s/.config/containers/containers.conf", user->home) : NULL;
}

static int plan_change(struct change *c, struct nvb_notes *notes, struct nvb_error **err)
{
    _cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
    _cleanup_cdi_consumers_ struct nvb_cdi_consumers consumers = {0};
    nvb_user_read(environ, &c->user);
    if (check_engine(c, err) < 0 || nvb_root_open("/", &root, err) < 0)
        return -1;
    c->folder = nvb_plan_kept_folder(&c->user);
    c->path = find_file(&c->user);
    if (!c->folder || !c->path)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "HOME is not set");
    nvb_cdi_consumers_add(&consumers, &c->engine);
    const struct nvb_cdi_setting setting = {&root, environ, &c->user};
    nvb_cdi_consumer_folders(consumers.count ? &consumers.items[0] : NULL, &setting, &c->folders,
                             notes);
    c->is_there = nvb_strv_has(&c->folders, c->folder);
    if (c->is_there)
        return 0;
    nvb_strv_add(&c->folders, c->folder);
    if (nvb_file_read_path(c->path, MAX_CONF, &c->old, err) < 0)
        return -1;
    return nvb_conf_set_list(c->old.data, c->old.len, c->path, "engine", "cdi_spec_dirs",
                             &c->folders, &c->new, &c->line, err);
}

/* A link stays one: dotfiles are often kept elsewhere. */
static int write_change(const struct change *c, struct nvb_error **err)
{
    _cleanup_free_ char *folder = nvb_path_dir(c->path);
    _cleanup_free_ char *real = realpath(c->path, NULL);
    struct stat st;
    mode_t mode = stat(c->path, &st) == 0 ? st.st_mode & 0777 : 0644;
    if (nvb_file_make_folders(folder, 0755, err) < 0)
        return -1;
    return nvb_file_write(real ? real : c->path, c->new.data, c->new.len, mode, err);
}

/* The table's head and the line as it will stand there. */
static void show_change(const struct change *c, struct nvb_str *ret)
{
    const char *line = c->new.data;
    for (unsigned i = 1; i < c->line; i++)
        line = strchr(line, '\n') + 1;
    _cleanup_free_ char *text = nvb_strndup(line, strcspn(line, "\n"));
    nvb_cli_add_line(ret, c->path);
    nvb_str_addf(ret, ":%u\n  [engine]\n+ ", c->line);
    nvb_cli_add_line(ret, text);
    nvb_str_addc(ret, '\n');
}

int nvb_cmd_config_engine(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_notes_ struct nvb_notes notes = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_(change_done) struct change c = {.old = NVB_STR_INIT, .new = NVB_STR_INIT};
    int status;
    if (!nvb_config_begin(cli, nvb_config_engine_options, argc, argv, 0, "config engine [--write]",
                          help_text, &values, &status))
        return status;
    int r = plan_change(&c, &notes, &err);
    nvb_cli_print_notes(cli, &notes);
    if (r == 0 && !c.is_there && values.values[OPT_WRITE].count)
        r = write_change(&c, &err);
    if (r < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    if (c.is_there) {
        nvb_str_add(&text, "Podman reads ");
        nvb_cli_add_line(&text, c.folder);
        nvb_str_add(&text, " already\n");
    } else {
        show_change(&c, &text);
        nvb_str_add(&text, values.values[OPT_WRITE].count
                               ? "written\n"
                               : "nothing is changed yet: nvbind config engine --write\n");
    }
    return nvb_cli_print(cli, text.data, text.len);
}
