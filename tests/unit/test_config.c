/* The layers: which file counts, what wins, what an untrusted file may do. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "config/config.h"

static char *scratch; /* a folder of this run */

/* A home, a system file and a project of its own for each test. */
struct place {
    char *folder;
    char *system_file;
    char *user_file;
    char *project; /* the working folder */
    char *home;
    const char *environment[8];
    struct nvb_config_options options;
};

static const char *const built_in[] = {"ai-ml", "gaming", NULL};

static void put(const char *path, const char *text)
{
    _cleanup_free_ char *folder = nvb_path_dir(path);
    assert_int_equal(nvb_file_make_folders(folder, 0755, NULL), 0);
    assert_int_equal(nvb_file_write(path, text, strlen(text), 0644, NULL), 0);
}

static void put_project(const struct place *p, const char *text)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/nvbind.toml", p->project);
    put(path, text);
}

static void place_init(struct place *p, const char *name)
{
    *p = (struct place){.folder = nvb_strdupf("%s/%s", scratch, name)};
    p->system_file = nvb_strdupf("%s/etc/nvbind/config.toml", p->folder);
    p->user_file = nvb_strdupf("%s/home/.config/nvbind/config.toml", p->folder);
    p->project = nvb_strdupf("%s/project", p->folder);
    p->home = nvb_strdupf("HOME=%s/home", p->folder);
    p->environment[0] = p->home;
    p->options = (struct nvb_config_options){
        .environment = p->environment,
        .uid = geteuid() ? geteuid() : 12345, /* root reads no project; its files are well owned */
        .system_file = p->system_file,
        .working_folder = p->project,
        .profiles = built_in,
    };
    assert_int_equal(nvb_file_make_folders(p->project, 0755, NULL), 0);
}

static void place_done(struct place *p)
{
    free(p->folder);
    free(p->system_file);
    free(p->user_file);
    free(p->project);
    free(p->home);
}

#define _cleanup_place_ _cleanup_(place_done)

static void load_good(const struct place *p, struct nvb_config *ret)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    if (nvb_config_load(&p->options, ret, NULL, &err) < 0)
        fail_msg("%s:%u:%u: %s", err->file ? err->file : "", err->line, err->column, err->message);
}

static void load_bad(const struct place *p, const char *file, unsigned line, const char *part)
{
    struct nvb_config config = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    assert_int_equal(nvb_config_load(&p->options, &config, NULL, &err), -1);
    assert_non_null(err);
    assert_null(config.files.items);
    if (!strstr(err->message, part))
        fail_msg("'%s' is not in '%s'", part, err->message);
    if (file) {
        assert_non_null(err->file);
        assert_non_null(strstr(err->file, file));
    }
    assert_int_equal(err->line, line);
}

static void test_nothing(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    _cleanup_config_ struct nvb_config config = {0};
    place_init(&p, "nothing");
    load_good(&p, &config);
    assert_null(nvb_config_text(&config, NVB_CONFIG_DEFAULT_RUNTIME));
    assert_string_equal(nvb_config_text(&config, NVB_CONFIG_DEFAULT_SELECTION), "all");
    assert_false(nvb_config_flag(&config, NVB_CONFIG_ENABLE_ISOLATION));
    assert_true(nvb_config_flag(&config, NVB_CONFIG_ALLOW_ROOTLESS));
    assert_int_equal(nvb_config_items(&config, NVB_CONFIG_DEFAULT_ARGS)->count, 0);
    assert_null(nvb_config_place(&config, NVB_CONFIG_DEFAULT_SELECTION).file);
    assert_int_equal(config.files.count, 3);
    nvb_vec_foreach (file, &config.files)
        assert_int_equal(file->state, NVB_CONFIG_ABSENT);
}

static void test_no_home(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    _cleanup_config_ struct nvb_config config = {0};
    place_init(&p, "no-home");
    p.environment[0] = "HOME=relative";
    load_good(&p, &config);
    assert_null(config.files.items[1].path);
}

static void test_later_wins(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    _cleanup_config_ struct nvb_config config = {0};
    place_init(&p, "later");
    put(p.system_file, "[runtime]\ndefault_runtime = 'docker'\ndefault_args = ['--rm', '-it']\n"
                       "[runtime.environment]\nA = 'system'\nB = 'system'\n"
                       "[gpu]\ndefault_selection = '0-3'\n[security]\nallow_rootless = false\n");
    put(p.user_file, "[runtime]\ndefault_args = ['-i']\n"
                     "[runtime.environment]\nB = 'user'\nC = 'user'\n");
    put_project(&p, "[gpu]\ndefault_selection = '1,3'\n[runtime.environment]\nC = 'project'\n");
    load_good(&p, &config);
    assert_string_equal(nvb_config_text(&config, NVB_CONFIG_DEFAULT_RUNTIME), "docker");
    const struct nvb_key_items *args = nvb_config_items(&config, NVB_CONFIG_DEFAULT_ARGS);
    assert_int_equal(args->count, 1); /* a list is replaced */
    assert_string_equal(args->items[0].text, "-i");
    assert_string_equal(args->items[0].place.file, p.user_file);
    assert_int_equal(args->items[0].place.line, 2);
    assert_int_equal(args->items[0].place.column, 17);
    assert_string_equal(nvb_config_text(&config, NVB_CONFIG_DEFAULT_SELECTION), "1,3");
    assert_false(nvb_config_flag(&config, NVB_CONFIG_ALLOW_ROOTLESS));
    static const char *const want[] = {"A=system", "B=user", "C=project"};
    const struct nvb_key_items *env = nvb_config_items(&config, NVB_CONFIG_ENVIRONMENT);
    assert_int_equal(env->count, NVB_COUNT(want)); /* variables are won one by one */
    for (size_t i = 0; i < NVB_COUNT(want); i++) {
        _cleanup_free_ char *have = nvb_strdupf("%s=%s", env->items[i].name, env->items[i].text);
        assert_string_equal(have, want[i]);
    }
    assert_int_equal(env->items[2].layer, NVB_LAYER_PROJECT);
    assert_non_null(nvb_config_find_item(&config, NVB_CONFIG_ENVIRONMENT, "B"));
    assert_null(nvb_config_find_item(&config, NVB_CONFIG_ENVIRONMENT, "D"));
}

static void test_xdg_config_home(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    _cleanup_config_ struct nvb_config config = {0};
    place_init(&p, "xdg");
    _cleanup_free_ char *variable = nvb_strdupf("XDG_CONFIG_HOME=%s/other", p.folder);
    _cleanup_free_ char *file = nvb_strdupf("%s/other/nvbind/config.toml", p.folder);
    p.environment[1] = variable;
    put(p.user_file, "[gpu]\ndefault_selection = '0'\n");
    put(file, "[gpu]\ndefault_selection = '1'\n");
    load_good(&p, &config);
    assert_string_equal(nvb_config_text(&config, NVB_CONFIG_DEFAULT_SELECTION), "1");
}

static void test_variables(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    _cleanup_config_ struct nvb_config config = {0};
    _cleanup_notes_ struct nvb_notes notes = {0};
    place_init(&p, "variables");
    put(p.user_file, "[gpu]\ndefault_selection = '0'\ncapabilities = ['all']\n");
    p.environment[1] = "NVBIND_GPU=2,3";
    p.environment[2] = "NVBIND_CAPABILITIES=compute,utility";
    p.environment[3] = "NVBIND_ISOLATE=yes";
    p.environment[4] = "NVBIND_RUNTIME="; /* empty is unset */
    p.environment[5] = "NVBIND_PROFIL=x";
    p.environment[6] = "NVBIND_LOG=info";
    assert_int_equal(nvb_config_load(&p.options, &config, &notes, NULL), 0);
    assert_string_equal(nvb_config_text(&config, NVB_CONFIG_DEFAULT_SELECTION), "2,3");
    assert_int_equal(nvb_config_items(&config, NVB_CONFIG_CAPABILITIES)->count, 2);
    assert_true(nvb_config_flag(&config, NVB_CONFIG_ENABLE_ISOLATION));
    assert_null(nvb_config_text(&config, NVB_CONFIG_DEFAULT_RUNTIME));
    assert_string_equal(nvb_config_place(&config, NVB_CONFIG_DEFAULT_SELECTION).file, "NVBIND_GPU");
    assert_int_equal(notes.count, 1);
    assert_non_null(strstr(notes.items[0].text, "NVBIND_PROFIL "));
    assert_non_null(strstr(notes.items[0].hint, "NVBIND_PROFILE?"));
    p.environment[1] = "NVBIND_RUNTIME=lxc";
    load_bad(&p, "NVBIND_RUNTIME", 0, "none of podman, docker");
    p.environment[1] = "NVBIND_ISOLATE=device";
    p.environment[3] = "X=y";
    load_bad(&p, "NVBIND_ISOLATE", 0, "neither true nor false");
}

static void test_one_file_alone(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    _cleanup_config_ struct nvb_config config = {0};
    place_init(&p, "alone");
    _cleanup_free_ char *file = nvb_strdupf("%s/x.toml", p.folder);
    put(p.system_file, "not toml at all\n");
    put(p.user_file, "[gpu]\ndefault_selection = '0'\n");
    put_project(&p, "[runtime]\ndefault_args = ['--privileged']\n");
    p.options.file = file;
    load_bad(&p, NULL, 0, "cannot read"); /* it must be there */
    put(file, "[runtime]\ndefault_args = ['--rm']\n");
    load_good(&p, &config);
    assert_string_equal(nvb_config_text(&config, NVB_CONFIG_DEFAULT_SELECTION), "all");
    assert_int_equal(config.files.count, 4);
    assert_int_equal(config.files.items[0].state, NVB_CONFIG_IGNORED);
    assert_int_equal(config.files.items[3].state, NVB_CONFIG_READ);
    assert_int_equal(config.files.items[3].layer, NVB_LAYER_FILE);
}

static void test_writable_by_others(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    place_init(&p, "writable");
    put(p.user_file, "[gpu]\ndefault_selection = '0'\n");
    assert_int_equal(chmod(p.user_file, 0646), 0);
    load_bad(&p, NULL, 0, "can be written by others");
    assert_int_equal(chmod(p.user_file, 0644), 0);
    _cleanup_free_ char *folder = nvb_path_dir(p.user_file);
    assert_int_equal(chmod(folder, 0757), 0);
    load_bad(&p, NULL, 0, "can be written by others");
    assert_int_equal(chmod(folder, 0755), 0);
    if (geteuid() != 0) {
        print_message("# skipped in part: only root can give a file away\n");
        return;
    }
    assert_int_equal(chown(p.user_file, 54321, 54321), 0);
    load_bad(&p, NULL, 0, "belongs to user 54321");
    p.options.uid = 0; /* as root: only root's */
    assert_int_equal(chown(p.user_file, 12345, 12345), 0);
    load_bad(&p, NULL, 0, "belongs to user 12345");
}

static void test_not_a_file(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    place_init(&p, "not-a-file");
    assert_int_equal(nvb_file_make_folders(p.user_file, 0755, NULL), 0);
    load_bad(&p, NULL, 0, "not a regular file");
    assert_int_equal(rmdir(p.user_file), 0);
    assert_int_equal(mkfifo(p.user_file, 0600), 0);
    load_bad(&p, NULL, 0, "not a regular file");
}

static void test_project_is_not_roots(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    _cleanup_config_ struct nvb_config config = {0};
    place_init(&p, "root");
    put_project(&p, "[runtime]\ndefault_args = ['--privileged']\n");
    p.options.uid = 0;
    if (geteuid() != 0)
        skip(); /* a user's folders are not root's */
    load_good(&p, &config);
    assert_int_equal(config.files.items[2].state, NVB_CONFIG_IGNORED);
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_faults_ struct nvb_faults needs = {0};
    _cleanup_free_ char *real = NULL;
    assert_int_equal(nvb_config_trust(&p.options, config.files.items[2].path, &real, &needs, &err),
                     -1);
    assert_non_null(strstr(err->message, "never read"));
}

static void test_project_link(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    place_init(&p, "link");
    _cleanup_free_ char *target = nvb_strdupf("%s/other.toml", p.folder);
    _cleanup_free_ char *path = nvb_strdupf("%s/nvbind.toml", p.project);
    put(target, "");
    assert_int_equal(symlink(target, path), 0);
    load_bad(&p, NULL, 0, "symbolic link");
}

/* Only the working folder counts: a file above it is nobody's business. */
static void test_project_not_above(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    _cleanup_config_ struct nvb_config config = {0};
    place_init(&p, "above");
    put_project(&p, "[gpu]\ndefault_selection = '5'\n");
    _cleanup_free_ char *below = nvb_strdupf("%s/src", p.project);
    assert_int_equal(mkdir(below, 0755), 0);
    p.options.working_folder = below;
    load_good(&p, &config);
    assert_string_equal(nvb_config_text(&config, NVB_CONFIG_DEFAULT_SELECTION), "all");
}

static void test_project_narrows(void **state)
{
    (void)state;
    static const struct {
        const char *below, *project;
        bool allowed;
    } cases[] = {
        {"", "[gpu]\ndefault_selection = 'all'\n", true},
        {"", "[gpu]\ndefault_selection = 'GPU-1234'\n", true},
        {"", "[gpu]\ndefault_selection = 'nvidia.com/gpu=0'\n", true},
        {"", "[gpu]\ndefault_selection = 'other.com/disk=all'\n", false},
        {"", "[gpu]\ndefault_selection = 'nvidia.com/gpu=0,other.com/disk=all'\n", false},
        {"", "[gpu]\ndefault_selection = 'nvidia.com/other=0'\n", false},
        {"", "[gpu]\ndefault_selection = 'nvidia.com/gpu=other.com/disk=all'\n", false},
        {"[gpu]\ndefault_selection = '0-3'\n", "[gpu]\ndefault_selection = 'gpu1,3'\n", true},
        {"[gpu]\ndefault_selection = '0-3'\n", "[gpu]\ndefault_selection = '2-4'\n", false},
        {"[gpu]\ndefault_selection = '0'\n", "[gpu]\ndefault_selection = 'all'\n", false},
        {"[gpu]\ndefault_selection = '0'\n", "[gpu]\ndefault_selection = 'none'\n", true},
        {"[gpu]\ndefault_selection = 'none'\n", "[gpu]\ndefault_selection = '0'\n", false},
        {"[gpu]\ndefault_selection = '0'\n", "[gpu]\ndefault_selection = 'GPU-1'\n", false},
        {"[gpu]\ndefault_selection = 'GPU-1'\n", "[gpu]\ndefault_selection = 'GPU-1'\n", true},
        {"[gpu]\ndefault_selection = 'count=2'\n", "[gpu]\ndefault_selection = 'count=1'\n", true},
        {"[gpu]\ndefault_selection = 'count=2'\n", "[gpu]\ndefault_selection = 'count=3'\n", false},
        {"[gpu]\ndefault_selection = '0-99'\n", "[gpu]\ndefault_selection = '1'\n", false},
        {"[gpu]\nenable_isolation = false\n", "[gpu]\nenable_isolation = true\n", true},
        {"[gpu]\nenable_isolation = true\n", "[gpu]\nenable_isolation = false\n", false},
        {"", "[gpu]\nenable_isolation = false\n", true},
        {"[security]\nrestrict_devices = true\n", "[security]\nrestrict_devices = false\n", false},
        {"[security]\nrestrict_devices = false\n", "[security]\nrestrict_devices = true\n", true},
    };
    for (size_t i = 0; i < NVB_COUNT(cases); i++) {
        _cleanup_place_ struct place p;
        struct nvb_config config = {0};
        _cleanup_free_ char *name = nvb_strdupf("narrow-%zu", i);
        place_init(&p, name);
        put(p.user_file, cases[i].below);
        put_project(&p, cases[i].project);
        if (cases[i].allowed)
            load_good(&p, &config);
        else
            load_bad(&p, "nvbind.toml", 2, "needs trust");
        nvb_config_done(&config);
    }
}

static void test_trust(void **state)
{
    (void)state;
    static const char text[] = "[runtime]\ndefault_args = ['-v', '/:/host']\n";
    _cleanup_place_ struct place p;
    _cleanup_config_ struct nvb_config config = {0};
    _cleanup_faults_ struct nvb_faults needs = {0};
    _cleanup_free_ char *real = NULL;
    place_init(&p, "trust");
    _cleanup_free_ char *path = nvb_strdupf("%s/nvbind.toml", p.project);
    put_project(&p, text);
    load_bad(&p, "nvbind.toml", 2, "needs trust");
    assert_int_equal(nvb_config_trust(&p.options, path, &real, &needs, NULL), 0);
    assert_string_equal(real, path);
    assert_int_equal(needs.count, 1);
    load_good(&p, &config);
    assert_int_equal(config.files.items[2].state, NVB_CONFIG_TRUSTED);
    assert_int_equal(nvb_config_items(&config, NVB_CONFIG_DEFAULT_ARGS)->count, 2);

    /* One byte more and it is another file; a copy elsewhere is another file too. */
    put_project(&p, "[runtime]\ndefault_args = ['-v', '/:/hosT']\n");
    load_bad(&p, "nvbind.toml", 2, "needs trust");
    put_project(&p, text);
    _cleanup_free_ char *copy = nvb_strdupf("%s/copy", p.folder);
    _cleanup_free_ char *copied = nvb_strdupf("%s/nvbind.toml", copy);
    put(copied, text);
    char *own = p.project;
    p.project = copy;
    p.options.working_folder = copy;
    load_bad(&p, "nvbind.toml", 2, "needs trust");
    p.project = own;
    p.options.working_folder = own;

    /* A record that somebody else could write is worth nothing. */
    _cleanup_free_ char *record = nvb_strdupf("%s/home/.local/state/nvbind/trusted", p.folder);
    assert_int_equal(chmod(record, 0666), 0);
    load_bad(&p, NULL, 0, "can be written by others");
    assert_int_equal(chmod(record, 0600), 0);

    _cleanup_free_ char *again = NULL;
    assert_int_equal(nvb_config_revoke(&p.options, path, &again, NULL), 0);
    load_bad(&p, "nvbind.toml", 2, "needs trust");
    _cleanup_free_ char *nothing = NULL;
    assert_int_equal(nvb_config_revoke(&p.options, path, &nothing, NULL), 1);
}

static void test_trust_needs_a_sound_file(void **state)
{
    (void)state;
    _cleanup_place_ struct place p;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_faults_ struct nvb_faults needs = {0};
    char *real = NULL;
    place_init(&p, "unsound");
    _cleanup_free_ char *path = nvb_strdupf("%s/nvbind.toml", p.project);
    put_project(&p, "[runtime]\ndefault_arg = []\n");
    assert_int_equal(nvb_config_trust(&p.options, path, &real, &needs, &err), -1);
    assert_int_equal(err->line, 2);
    nvb_error_free(TAKE_PTR(err));
    assert_int_equal(nvb_config_trust(&p.options, p.user_file, &real, &needs, &err), -1);
    assert_int_equal(err->kind, NVB_ERROR_USAGE);
    assert_null(real);
}

static int make_scratch(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    _cleanup_free_ char *made = nvb_strdupf("%s/nvbind-config-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(made))
        return -1;
    scratch = realpath(made, NULL);
    return scratch && chmod(scratch, 0755) == 0 ? 0 : -1;
}

static int remove_scratch(void **state)
{
    (void)state;
    _cleanup_free_ char *command = nvb_strdupf("rm -rf '%s'", scratch);
    int r = system(command);
    free(scratch);
    return r;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_no_home),
        cmocka_unit_test(test_later_wins),
        cmocka_unit_test(test_xdg_config_home),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_one_file_alone),
        cmocka_unit_test(test_writable_by_others),
        cmocka_unit_test(test_not_a_file),
        cmocka_unit_test(test_project_is_not_roots),
        cmocka_unit_test(test_project_link),
        cmocka_unit_test(test_project_not_above),
        cmocka_unit_test(test_project_narrows),
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_trust_needs_a_sound_file),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
