/* Profiles: those in the program, and the rules by which files of others become one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "config/profile.h"
#include "config/toml.h"

/* A home with profiles, and the options that find them there. */
struct fixture {
    char *home;
    char *variable;
    const char *environment[2];
    char *system;
    struct nvb_profile_options options;
};

static int setup(void **state)
{
    struct fixture *f = nvb_calloc(1, sizeof(*f));
    char name[] = "/tmp/nvbind-profile-XXXXXX";
    assert_non_null(mkdtemp(name));
    f->home = nvb_strdup(name);
    f->variable = nvb_strdupf("XDG_CONFIG_HOME=%s", name);
    f->system = nvb_strdupf("%s/system", name);
    f->environment[0] = f->variable;
    f->options = (struct nvb_profile_options){f->environment, geteuid(), f->system};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *command = nvb_strdupf("rm -rf '%s'", f->home);
    assert_int_equal(system(command), 0);
    free(f->home);
    free(f->variable);
    free(f->system);
    free(f);
    return 0;
}

static void put(const struct fixture *f, const char *folder, const char *name, const char *text)
{
    _cleanup_free_ char *parent = nvb_strdupf("%s/%s", f->home, folder);
    _cleanup_free_ char *path = nvb_strdupf("%s/%s.toml", parent, name);
    assert_int_equal(nvb_file_make_folders(parent, 0755, NULL), 0);
    assert_int_equal(nvb_file_write(path, text, strlen(text), 0644, NULL), 0);
}

static void put_user(const struct fixture *f, const char *name, const char *text)
{
    put(f, "nvbind/profiles", name, text);
}

/* What "nvbind profile show NAME" prints, comments cut off. */
static char *show(const struct fixture *f, const char *name)
{
    _cleanup_profile_ struct nvb_profile profile = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    struct nvb_error *err = NULL;
    struct nvb_str plain = NVB_STR_INIT;
    if (nvb_profile_lay(&f->options, name, NULL, &profile, &err) < 0)
        fail_msg("%s: %s", name, err->message);
    nvb_profile_show(&profile, &text);
    for (const char *line = text.data; *line;) {
        size_t len = strcspn(line, "\n");
        const char *comment = strstr(line, "  # ");
        nvb_str_addn(&plain, line,
                     comment && comment < line + len ? (size_t)(comment - line) : len);
        nvb_str_addc(&plain, '\n');
        line += len + (line[len] == '\n');
    }
    return nvb_str_steal(&plain);
}

static void expect(const struct fixture *f, const char *name, const char *expected)
{
    _cleanup_free_ char *have = show(f, name);
    assert_string_equal(have, expected);
}

/* The one error of a profile, as "LINE:COLUMN: MESSAGE" and its hint. */
static void fails(const struct fixture *f, const char *name, const char *text, const char *expected,
                  const char *hint)
{
    _cleanup_profile_ struct nvb_profile profile = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    if (text)
        put_user(f, name, text);
    assert_int_equal(nvb_profile_lay(&f->options, name, NULL, &profile, &err), -1);
    _cleanup_free_ char *have = nvb_strdupf("%u:%u: %s", err->line, err->column, err->message);
    assert_string_equal(have, expected);
    if (hint)
        assert_string_equal(err->hint, hint);
    if (err->line)
        assert_true(nvb_has_suffix(err->file, ".toml"));
}

/* ---- those in the program ------------------------------------------------------------------- */

static void test_shipped(void **state)
{
    const struct fixture *f = *state;
    static const char *const names[] = {"ai-ml",   "compute", "gaming", "graphics",
                                        "jupyter", "llm",     "shared", "video"};
    assert_int_equal(nvb_profile_builtins_len, NVB_COUNT(names));
    for (size_t i = 0; i < NVB_COUNT(names); i++) {
        _cleanup_profile_ struct nvb_profile profile = {0};
        struct nvb_error *err = NULL;
        assert_string_equal(nvb_profile_builtins[i].name, names[i]);
        assert_string_equal(nvb_profile_builtin_names[i], names[i]);
        if (nvb_profile_lay(&f->options, names[i], NULL, &profile, &err) < 0)
            fail_msg("%s:%u: %s", err->file, err->line, err->message);
        assert_true(profile.values[NVB_PROFILE_DESCRIPTION].is_set);
        assert_true(profile.values[NVB_PROFILE_CAPABILITIES].is_set);
    }
    assert_null(nvb_profile_builtin_names[NVB_COUNT(names)]);
}

/* What an untrusted folder may name has nothing that could be turned against its reader. */
static void test_harmless(void **state)
{
    const struct fixture *f = *state;
    assert_non_null(nvb_profile_harmless_names[0]);
    for (size_t i = 0; nvb_profile_harmless_names[i]; i++) {
        _cleanup_profile_ struct nvb_profile profile = {0};
        assert_int_equal(
            nvb_profile_lay(&f->options, nvb_profile_harmless_names[i], NULL, &profile, NULL), 0);
        assert_int_equal(profile.layer, NVB_PROFILE_BUILTIN);
        for (unsigned key = 0; key < NVB_PROFILE_KEYS; key++)
            assert_true(!profile.values[key].is_set || key == NVB_PROFILE_DESCRIPTION ||
                        key == NVB_PROFILE_EXTENDS || key == NVB_PROFILE_CAPABILITIES);
    }
}

/* A variable without a source is a rumour: each stands in the manual page's table. */
static void test_variables(void **state)
{
    const struct fixture *f = *state;
    const char *source = getenv("NVB_SOURCE");
    _cleanup_free_ char *path = nvb_strdupf("%s/man/nvbind-profiles.7.scd", source ? source : ".");
    _cleanup_str_ struct nvb_str page = NVB_STR_INIT;
    size_t count = 0;
    assert_int_equal(nvb_file_read_path(path, (size_t)1 << 20, &page, NULL), 0);
    for (size_t i = 0; i < nvb_profile_builtins_len; i++) {
        _cleanup_profile_ struct nvb_profile profile = {0};
        const char *name = nvb_profile_builtins[i].name;
        _cleanup_free_ char *heading = nvb_strdupf("\n*%s*\n", name);
        assert_non_null(strstr(page.data, heading));
        assert_int_equal(nvb_profile_lay(&f->options, name, NULL, &profile, NULL), 0);
        nvb_vec_foreach (item, &profile.values[NVB_PROFILE_ENVIRONMENT].items) {
            /* The page escapes two leading underscores. */
            bool escaped = nvb_has_prefix(item->name, "__");
            _cleanup_free_ char *row = nvb_strdupf("\n|  %s%s\n:  ", escaped ? "\\_\\_" : "",
                                                   item->name + (escaped ? 2 : 0));
            if (!strstr(page.data, row))
                fail_msg("%s sets %s, which %s does not tell", name, item->name, path);
            assert_false(nvb_has_prefix(item->name, "NVIDIA_"));
            count++;
        }
    }
    assert_true(count > 12);
}

/* All shipped profiles, at most 300 microseconds. The processor's time, and
 * the best of many: what another process took away says nothing about this one. */
static void test_time(void **state)
{
    const struct fixture *f = *state;
    double best = 1e9;
    for (int round = 0; round < 50; round++) {
        _cleanup_profile_ struct nvb_profile profile = {0};
        struct timespec begin;
        struct timespec end;
        assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin), 0);
        for (size_t i = 0; i < nvb_profile_builtins_len; i++)
            assert_int_equal(
                nvb_profile_lay(&f->options, nvb_profile_builtins[i].name, NULL, &profile, NULL),
                0);
        assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end), 0);
        assert_int_equal(profile.names.count, nvb_profile_builtins_len);
        double took =
            (double)(end.tv_sec - begin.tv_sec) * 1e6 + (double)(end.tv_nsec - begin.tv_nsec) / 1e3;
        best = took < best ? took : best;
    }
    print_message("# all shipped profiles: %.0f microseconds\n", best);
#if !defined(__SANITIZE_ADDRESS__) && defined(__OPTIMIZE__)
    assert_true(best <= 300);
#endif
}

/* What is shown is a profile that says the same. */
static void test_round_trip(void **state)
{
    const struct fixture *f = *state;
    for (size_t i = 0; i < nvb_profile_builtins_len; i++) {
        const char *name = nvb_profile_builtins[i].name;
        _cleanup_free_ char *first = show(f, name);
        put_user(f, "copy", first);
        expect(f, "copy", first);
    }
    put_user(f, "hostile",
             "description = \"\\\"#' é \\\\\"\nmounts = ['v:/a\"b', { value = \"/x:/y\", if_set = "
             "\"A.B\" }]\n[environment]\n\"a.b\" = \"\\u0007 # \\t\"\n");
    _cleanup_free_ char *first = show(f, "hostile");
    assert_non_null(strstr(first, "\\\"#' é \\\\"));
}

/* ---- one over another ------------------------------------------------------------------------ */

static void test_layers(void **state)
{
    const struct fixture *f = *state;
    put(f, "system", "compute", "description = \"the machine's\"\n");
    expect(f, "compute", "description = \"the machine's\"\n");
    put_user(f, "compute", "description = \"mine\"\n");
    expect(f, "compute", "description = \"mine\"\n");
    _cleanup_strv_ struct nvb_strv names = {0};
    put_user(f, "new", "");
    put_user(f, ".hidden", "");
    nvb_profile_list(&f->options, &names);
    assert_int_equal(names.count, nvb_profile_builtins_len + 1);
    assert_true(nvb_strv_has(&names, "new"));
}

static void test_extends(void **state)
{
    const struct fixture *f = *state;
    put_user(f, "base",
             "description = \"base\"\nshm_size = \"1g\"\ndevices = [\"/dev/a\"]\n"
             "capabilities = [\"compute\", \"video\"]\n[environment]\nA = \"1\"\nB = \"1\"\n"
             "[ulimits]\nstack = \"1\"\nnofile = \"5:9\"\n");
    put_user(f, "over",
             "extends = \"base\"\nshm_size = \"2g\"\ndevices = [\"/dev/b\"]\n"
             "capabilities = [\"utility\"]\n[environment]\nB = \"2\"\nC = \"3\"\n"
             "[ulimits]\nstack = \"unlimited\"\n");
    expect(f, "over",
           "description = \"base\"\ncapabilities = [\n    \"utility\",\n]\nshm_size = \"2g\"\n"
           "devices = [\n    \"/dev/a\",\n    \"/dev/b\",\n]\n\n[ulimits]\n"
           "stack = \"unlimited\"\nnofile = \"5:9\"\n\n[environment]\n"
           "A = \"1\"\nB = \"2\"\nC = \"3\"\n");
}

/* A profile that two others extend lies below both, once. */
static void test_shared_base(void **state)
{
    const struct fixture *f = *state;
    _cleanup_profile_ struct nvb_profile profile = {0};
    put_user(f, "base", "shm_size = \"1g\"\nmounts = [\"v:/v\"]\n");
    put_user(f, "one", "extends = \"base\"\nshm_size = \"2g\"\n");
    put_user(f, "two", "extends = \"base\"\nipc = \"private\"\n");
    assert_int_equal(nvb_profile_lay(&f->options, "one", NULL, &profile, NULL), 0);
    assert_int_equal(nvb_profile_lay(&f->options, "two", NULL, &profile, NULL), 0);
    assert_int_equal(profile.names.count, 3);
    assert_string_equal(profile.values[NVB_PROFILE_SHM_SIZE].items.items[0].text, "2g");
    assert_int_equal(profile.values[NVB_PROFILE_MOUNTS].items.count, 1);
}

/* ---- what is refused --------------------------------------------------------------------------
 */

static void test_circles(void **state)
{
    const struct fixture *f = *state;
    fails(f, "a", "description = \"x\"\nextends = \"a\"\n", "2:11: the profile 'a' extends itself",
          NULL);
    put_user(f, "b", "extends = \"c\"\n");
    put_user(f, "c", "\nextends = \"b\"\n");
    fails(f, "b", NULL, "2:11: the profile 'c' extends 'b', which extends it in turn", NULL);
    fails(f, "d", "extends = \"gamin\"\n", "1:11: there is no profile 'gamin'",
          "did you mean 'gaming'?");
}

static void test_faults(void **state)
{
    const struct fixture *f = *state;
    fails(f, "p", "descripton = \"x\"\n", "1:1: unknown key 'descripton'",
          "did you mean 'description'?");
    fails(f, "p", "devices = \"/dev/dri\"\n",
          "1:11: devices is a string (\"/dev/dri\"); it takes a list of strings", NULL);
    fails(f, "p", "devices = [{ path = \"/dev/dri\" }]\n", "1:14: unknown key 'path'", NULL);
    fails(f, "p", "devices = [{ if_path = \"/dev/dri\" }]\n",
          "1:12: devices: this table has no "
          "value",
          NULL);
    fails(f, "p", "mounts = [{ value = \"/a:/b\", if_path = \"a\" }]\n",
          "1:40: if_path: 'a' is not an absolute path", NULL);
    fails(f, "p", "mounts = [{ value = \"/a:/b\", if_set = \"1\" }]\n",
          "1:39: if_set: '1' is no variable's name", NULL);
    fails(f, "p", "mounts = [\"data:/data\", \"./data:/data\"]\n",
          "1:25: mounts: './data:/data' mounts neither an absolute path nor a named volume", NULL);
    fails(f, "p", "mounts = [\"/data\"]\n",
          "1:11: mounts: '/data' is no mount: SOURCE:/DESTINATION[:OPTIONS]", NULL);
    fails(f, "p", "arguments = [\"--init\", \"image\"]\n",
          "1:24: arguments: 'image' is no option in one word (--name or --name=value)", NULL);
    fails(f, "p", "shm_size = \"8 GB\"\n",
          "1:12: shm_size: '8 GB' is no size: a number with b, k, m or g, or a percentage of the "
          "memory (50%)",
          NULL);
    fails(f, "p", "[ulimits]\nmemlok = \"1\"\n",
          "2:1: ulimits: 'memlok' is no limit: memlock, stack, nofile, nproc, core, rtprio ...",
          NULL);
    fails(f, "p", "ipc = \"hots\"\n", "1:7: ipc: 'hots' is none of host, private, shareable, none",
          "did you mean 'host'?");
    fails(f, "p", "[environment]\n\"A=B\" = \"1\"\n",
          "2:1: environment: 'A=B' is no variable's name", NULL);
    fails(f, "p", "environment.A = \"${B\"\n", "1:17: environment.A: '${' without its '}'", NULL);
}

static void test_names(void **state)
{
    const struct fixture *f = *state;
    static const char *const names[] = {"", ".", "..", "../compute", "a/b", "/etc/passwd", "-x"};
    for (size_t i = 0; i < NVB_COUNT(names); i++) {
        _cleanup_free_ char *expected = nvb_strdupf("0:0: there is no profile '%s'", names[i]);
        fails(f, names[i], NULL, expected, NULL);
    }
}

/* What another user could write is that user's word. */
static void test_trust(void **state)
{
    const struct fixture *f = *state;
    _cleanup_profile_ struct nvb_profile profile = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_free_ char *path = nvb_strdupf("%s/nvbind/profiles/open.toml", f->home);
    put_user(f, "open", "description = \"x\"\n");
    assert_int_equal(chmod(path, 0646), 0);
    assert_int_equal(nvb_profile_lay(&f->options, "open", NULL, &profile, &err), -1);
    assert_int_equal(err->kind, NVB_ERROR_PERMISSION);
    assert_non_null(strstr(err->message, path));
}

static void test_values(void **state)
{
    uint64_t one = 0;
    uint64_t two = 0;
    (void)state;
    assert_int_equal(nvb_profile_parse_size("8g", &one), 0);
    assert_true(one == (uint64_t)8 << 30);
    assert_int_equal(nvb_profile_parse_size("100", &one), 0);
    assert_true(one == 100);
    assert_int_equal(nvb_profile_parse_size("100%", &one), 0);
    assert_int_equal(nvb_profile_parse_size("50%", &two), 0);
    assert_true(two == one / 2);
    static const char *const no_sizes[] = {"",    "0", "g",    "8gb", "-1",
                                           "8 g", "%", "101%", "0%",  "99999999999g"};
    for (size_t i = 0; i < NVB_COUNT(no_sizes); i++)
        assert_int_equal(nvb_profile_parse_size(no_sizes[i], &one), -1);
    assert_int_equal(nvb_profile_parse_limit("5", &one, &two), 0);
    assert_true(one == 5 && two == 5);
    assert_int_equal(nvb_profile_parse_limit("5:unlimited", &one, &two), 0);
    assert_true(one == 5 && two == UINT64_MAX);
    static const char *const no_limits[] = {"", "-1", "9:5", "unlimited:5", "5:", ":5", "5:5:5"};
    for (size_t i = 0; i < NVB_COUNT(no_limits); i++)
        assert_int_equal(nvb_profile_parse_limit(no_limits[i], &one, &two), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_harmless, setup, teardown),
        cmocka_unit_test_setup_teardown(test_variables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_layers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_extends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shared_base, setup, teardown),
        cmocka_unit_test_setup_teardown(test_circles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trust, setup, teardown),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
