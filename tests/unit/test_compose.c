/* What a Compose project asks for, form by form, and what it cannot make nvbind do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "compose/override.h"

static char folder[] = "/tmp/nvbind-test-compose.XXXXXX";
static char *no_environment[] = {NULL};

static void put(const char *name, const char *text)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, name);
    _cleanup_free_ char *dir = nvb_path_dir(path);
    assert_int_equal(nvb_file_make_folders(dir, 0700, NULL), 0);
    assert_int_equal(nvb_file_write(path, text, strlen(text), 0600, NULL), 0);
}

/* The model of the files compose.yaml and, where it is there, compose.override.yaml. */
static int read_model(char *const *environment, enum nvb_compose_flavour flavour,
                      struct nvb_compose_project *project, struct nvb_compose_model *model,
                      struct nvb_error **err)
{
    _cleanup_compose_call_ struct nvb_compose_call call = {0};
    char *words[] = {(char *)"--project-directory", folder, (char *)"up"};
    nvb_compose_call_read(3, words, &call);
    assert_int_equal(chdir(folder), 0);
    if (nvb_compose_project_find(&call, flavour, environment, project, err) < 0)
        return -1;
    return nvb_compose_model_read(project, flavour, model, err);
}

static void clean(void)
{
    _cleanup_free_ char *command = nvb_strdupf("rm -rf %s/* %s/.env", folder, folder);
    assert_int_equal(system(command), 0);
}

/* The words that the service "s" becomes, with a blank between them; "" for a request in the
 * service's other words, "-" for none, the error's message with its place. */
static char *ask(enum nvb_compose_flavour flavour, char *const *environment)
{
    _cleanup_compose_project_ struct nvb_compose_project project = {0};
    _cleanup_compose_model_ struct nvb_compose_model model = {0};
    _cleanup_compose_wish_ struct nvb_compose_wish wish = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    struct nvb_str s = NVB_STR_INIT;
    int r = read_model(environment, flavour, &project, &model, &err);
    const struct nvb_compose_service *service = r < 0 ? NULL : nvb_compose_model_find(&model, "s");
    if (service)
        r = nvb_compose_wish_read(service, flavour, &wish, &err);
    if (r < 0)
        return nvb_strdupf("%s:%u:%u: %s", err->file ? nvb_path_base(err->file) : "", err->line,
                           err->column, err->message);
    assert_non_null(service);
    if (r > 0)
        return nvb_strdup("-");
    nvb_vec_foreach (word, &wish.gpu)
        nvb_str_addf(&s, "%s%s", s.len ? " " : "", *word);
    return s.len ? nvb_str_steal(&s) : nvb_strdup("");
}

static void check(const char *what, enum nvb_compose_flavour flavour, char *const *environment,
                  const char *want)
{
    _cleanup_free_ char *got = ask(flavour, environment);
    if (strcmp(got, want) != 0)
        fail_msg("%s\n gives '%s'\n and not '%s'", what, got, want);
}

#define DEVICES(list) "{deploy: {resources: {reservations: {devices: " list "}}}}"

static void test_forms(void **state)
{
    static const struct {
        const char *service;
        const char *want;
    } rows[] = {
        {"{image: x}", "-"},
        {"", "-"},
        {"{gpus: all}", "--gpu=all"},
        {"{gpus: 2}", "--gpu=count=2"},
        {"{gpus: -1}", "--gpu=all"},
        {"{gpus: [{}]}", "--gpu=all"},
        {"{gpus: [{count: 1, capabilities: [gpu]}]}", "--gpu=count=1"},
        {"{gpus: [{device_ids: [0, GPU-1]}]}", "--gpu=0,GPU-1"},
        {"{gpus: null}", "-"},
        {DEVICES("[{driver: nvidia, count: 1, capabilities: [gpu]}]"), "--gpu=count=1"},
        {DEVICES("[{driver: nvidia, count: \"3\", capabilities: [gpu]}]"), "--gpu=count=3"},
        {DEVICES("[{driver: nvidia, count: all, capabilities: [gpu]}]"), "--gpu=all"},
        {DEVICES("[{capabilities: [gpu]}]"), "--gpu=all"},
        {DEVICES("[{capabilities: [gpu, utility, video], device_ids: [\"1\"]}]"),
         "--gpu=1 --capabilities=utility,video"},
        {DEVICES("[{driver: cdi, device_ids: [nvidia.com/gpu=0], capabilities: [gpu]}]"),
         "--gpu=nvidia.com/gpu=0"},
        {DEVICES("[{driver: nvidia, device_ids: [\"0\"]}, {driver: nvidia, device_ids: [\"2\"]}]"),
         "--gpu=0,2"},
        {DEVICES("[{driver: nvidia, count: 1}, {driver: nvidia, count: 2}]"), "--gpu=count=2"},
        {DEVICES("[{driver: nvidia, count: 1}, {driver: nvidia}]"), "--gpu=all"},
        {DEVICES("[{driver: tpu, capabilities: [tpu]}]"), "-"},
        {DEVICES("[{capabilities: [tpu]}]"), "-"},
        {"{runtime: nvidia}", "--gpu=all"},
        {"{runtime: runc}", "-"},
        {"{runtime: nvidia, environment: [NVIDIA_VISIBLE_DEVICES=1]}", ""},
        {"{runtime: nvidia, environment: {NVIDIA_VISIBLE_DEVICES: none}}", "-"},
        {"{runtime: nvidia, environment: {NVIDIA_VISIBLE_DEVICES: \"\"}}", "-"},
        {"{environment: {NVIDIA_VISIBLE_DEVICES: 0}}", ""},
        {"{environment: [NVIDIA_VISIBLE_DEVICES=void]}", "-"},
        {"{environment: [NVIDIA_VISIBLE_DEVICES]}", "-"},
        {"{env_file: visible.env}", ""},
        {"{env_file: [{path: visible.env, required: false}], environment: "
         "{NVIDIA_VISIBLE_DEVICES: void}}",
         "-"},
        {"{env_file: not-there.env}", "-"},
        {"{devices: [nvidia.com/gpu=all]}", ""},
        {"{devices: [/dev/nvidia0]}", ""},
        {"{devices: [{source: /dev/nvidia1, target: /dev/nvidia0}]}", ""},
        {"{devices: [/dev/fuse, /dev/nvidia-caps/nvidia-cap1, amd.com/gpu=0]}", "-"},
        {"{volumes: [/dev/null:/var/run/nvidia-container-devices/all]}", ""},
        {"{volumes: [{type: bind, source: /dev/null, target: "
         "/var/run/nvidia-container-devices/0}]}",
         ""},
        {"{gpus: all, environment: [NVIDIA_VISIBLE_DEVICES=0]}", "--gpu=all"},
        /* What cannot be a request. */
        {"{gpus: many}", "compose.yaml:2:13: 'many' is no number of GPUs: it is 'all' or a number"},
        {"{gpus: 0}", "compose.yaml:2:13: a request for no GPU at all"},
        {"{gpus: {count: 1}}",
         "compose.yaml:2:13: 'gpus' is a map, and 'all', a number or a list is wanted here"},
        {"{gpus: [{count: 1, device_ids: [0]}]}",
         "compose.yaml:2:14: a request has either 'count' or 'device_ids'"},
        {"{gpus: [{device_ids: [\"0,1\"]}]}", "compose.yaml:2:14: '0,1' is no GPU's name"},
        {"{gpus: [{count: 1}, {device_ids: [\"1\"]}]}",
         "compose.yaml:2:14: the service 's' asks for 1 by number and for '1' by name"},
        {"{gpus: [all]}", "compose.yaml:2:14: a device request is a string, and a map (driver, "
                          "count, device_ids, …) is wanted here"},
        {"[gpus]", "compose.yaml:2:6: a service is a list, and a map is wanted here"},
        {"{gpus: '${NUMBER?it is needed}'}",
         "compose.yaml:2:13: the variable NUMBER is not set: it is needed"},
        {"{gpus: '${'}", "compose.yaml:2:13: there is no variable's name before ''"},
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(rows); i++) {
        _cleanup_free_ char *text = nvb_strdupf("services:\n  s: %s\n", rows[i].service);
        clean();
        put("compose.yaml", text);
        put("visible.env", "# GPUs\nexport NVIDIA_VISIBLE_DEVICES='0' # one\n");
        check(text, NVB_COMPOSE_DOCKER, no_environment, rows[i].want);
    }
    put("compose.yaml", "services:\n  s: " DEVICES("[{driver: tpu, capabilities: [tpu]}]") "\n");
    check("a driver that podman-compose drops", NVB_COMPOSE_PODMAN, no_environment,
          "compose.yaml:2:53: the devices of driver 'tpu' are none that nvbind gives, and the tool "
          "would drop the request");
}

static void test_projects(void **state)
{
    static const struct {
        const char *files[8]; /* name, text, … */
        const char *want;
    } rows[] = {
        {{"compose.yaml", "x-g: &g {gpus: all}\nservices:\n  s: {<<: *g, image: x}\n"},
         "--gpu=all"},
        {{"compose.yaml", "services:\n  b: {gpus: 3}\n  s: {extends: b}\n"}, "--gpu=count=3"},
        {{"compose.yaml", "services:\n  s: {extends: {file: d/b.yaml, service: b}}\n", "d/b.yaml",
          "services:\n  b: {extends: {file: c.yaml, service: c}}\n", "d/c.yaml",
          "services:\n  c: {runtime: nvidia, env_file: v.env}\n"},
         "--gpu=all"},
        {{"compose.yaml", "services:\n  s: {extends: {file: d/b.yaml, service: b}}\n", "d/b.yaml",
          "services:\n  b: {runtime: nvidia, env_file: v.env}\n", "d/v.env",
          "NVIDIA_VISIBLE_DEVICES=void\n"},
         "-"},
        {{"compose.yaml", "services:\n  s: {extends: s}\n"},
         "compose.yaml:2:16: services extend each other in a circle, or more than 32 times"},
        {{"compose.yaml", "include: [d/i.yaml]\n", "d/i.yaml", "services:\n  s: {gpus: '${N}'}\n",
          "d/.env", "N=2\n"},
         "--gpu=count=2"},
        {{"compose.yaml", "include: [{path: [d/i.yaml, d/j.yaml], env_file: v.env}]\n", "d/i.yaml",
          "services:\n  s: {image: x}\n", "d/j.yaml", "services:\n  s: {gpus: '${N}'}\n"},
         "j.yaml:2:13: '' is no number of GPUs: it is 'all' or a number"},
        {{"compose.yaml", "include: [compose.yaml]\n"},
         "compose.yaml:1:1: files include each other in a circle, or more than 32 times"},
        {{"compose.yaml", "services:\n  s: {gpus: 1}\n", "compose.override.yaml",
          "services:\n  s: {gpus: all}\n"},
         "--gpu=all"},
        {{"compose.yaml", "services:\n  s: {gpus: all, runtime: nvidia}\n", "compose.override.yaml",
          "services:\n  s: {gpus: !reset null, runtime: !reset null}\n"},
         "-"},
        {{"compose.yaml", "services:\n  s: " DEVICES("[{count: 1}]") "\n", "compose.override.yaml",
          "services:\n  s: " DEVICES("!override [{count: 2}]") "\n"},
         "--gpu=count=2"},
        {{"compose.yaml", "services:\n  s: " DEVICES("[{count: 3}]") "\n", "compose.override.yaml",
          "services:\n  s: {deploy: !reset null}\n"},
         "-"},
        {{"compose.yaml", "services:\n  s: {gpus: '${A:-${B:-${C-4}}}'}\n", ".env", "A=\n"},
         "--gpu=count=4"},
        {{"compose.yaml", "services:\n  s: {gpus: \"$N\"}\n", ".env", "M=3\nN=\"${M}\"\n"},
         "--gpu=count=3"},
        {{"compose.yaml", "services:\n  s: {gpus: \"${N+2}\"}\n", ".env", "N: x # y\n"},
         "--gpu=count=2"},
        {{"compose.yaml", "services:\n  s: {extends: {file: /dev/zero, service: b}}\n"},
         "zero:1:1: it is not a regular file"},
        {{"compose.yaml", "- a\n"},
         "compose.yaml:1:1: a Compose file is a map, and this is a list"},
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(rows); i++) {
        clean();
        for (size_t k = 0; rows[i].files[k]; k += 2)
            put(rows[i].files[k], rows[i].files[k + 1]);
        check(rows[i].files[1], NVB_COMPOSE_DOCKER, no_environment, rows[i].want);
    }
}

static void test_environment_goes_first(void **state)
{
    char *environment[] = {(char *)"N=1", NULL};
    (void)state;
    clean();
    put("compose.yaml", "services:\n  s: {gpus: \"$N\"}\n");
    put(".env", "N=2\n");
    check("N outside and in .env", NVB_COMPOSE_DOCKER, environment, "--gpu=count=1");
}

static void test_call(void **state)
{
    _cleanup_compose_call_ struct nvb_compose_call call = {0};
    static const struct nvb_strv none = {0};
    struct nvb_compose_variables variables = {.environment = no_environment};
    char *words[] = {(char *)"-fa.yml",
                     (char *)"--file",
                     (char *)"b.yml",
                     (char *)"--ansi=never",
                     (char *)"--profile",
                     (char *)"gpu",
                     (char *)"-p",
                     (char *)"up",
                     (char *)"--verbose",
                     (char *)"--podman-args",
                     (char *)"--log-level=info",
                     (char *)"run",
                     (char *)"-f",
                     (char *)"train"};
    (void)state;
    nvb_compose_call_read((int)NVB_COUNT(words), words, &call);
    assert_int_equal(call.files.count, 2);
    assert_string_equal(call.files.items[0], "a.yml");
    assert_string_equal(call.files.items[1], "b.yml");
    assert_int_equal(call.globals.count, 11);
    assert_string_equal(nvb_compose_call_command(&call), "run");
    assert_int_equal(call.words.count, 3);
    assert_true(nvb_compose_call_makes(&call));
    assert_true(nvb_compose_call_wants(&call, &variables, "other", &none));
    struct nvb_strv profiles = {0};
    nvb_strv_add(&profiles, "debug");
    assert_false(nvb_compose_call_wants(&call, &variables, "other", &profiles));
    assert_true(nvb_compose_call_wants(&call, &variables, "train", &profiles));
    nvb_strv_add(&profiles, "gpu");
    assert_true(nvb_compose_call_wants(&call, &variables, "other", &profiles));
    nvb_strv_done(&profiles);
}

/* A plan without a host: what it brings is laid over what the file asks by. */
static void test_override(void **state)
{
    _cleanup_compose_project_ struct nvb_compose_project project = {0};
    _cleanup_compose_model_ struct nvb_compose_model model = {0};
    _cleanup_compose_override_ struct nvb_compose_override override = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    struct nvb_plan plan = {.mode = NVB_PLAN_DIRECT};
    (void)state;
    clean();
    put("compose.yaml",
        "services:\n  s:\n    runtime: nvidia\n    gpus: all\n    devices: [nvidia.com/gpu=0, "
        "'/dev/$$x:/dev/y']\n    deploy: {resources: {reservations: {devices: [{count: 1}, "
        "{driver: tpu, count: 1, capabilities: [tpu]}]}}}\n");
    assert_int_equal(read_model(no_environment, NVB_COMPOSE_DOCKER, &project, &model, NULL), 0);
    static const char *const options[] = {"ro", "nosuid", "rprivate", NULL};
    nvb_cdi_edits_add_node(&plan.edits, "/dev/nvidia0");
    nvb_cdi_edits_add_mount(&plan.edits, "/usr/lib/lib$a.so", "/usr/lib/a.so", options);
    nvb_strv_add(&plan.edits.env, "A=$b");
    assert_int_equal(
        nvb_compose_override_add(&override, nvb_compose_model_find(&model, "s"), &plan, NULL), 0);
    assert_int_equal(override.removed.line, 4);
    assert_int_equal(nvb_compose_override_write(&override, &text, NULL), 0);
    const char *yaml = strchr(text.data, '\n') + 1;
    assert_string_equal(yaml, "services:\n"
                              "  s:\n"
                              "    gpus: !reset null\n"
                              "    deploy:\n"
                              "      resources:\n"
                              "        reservations:\n"
                              "          devices: !override\n"
                              "            - driver: tpu\n"
                              "              count: 1\n"
                              "              capabilities:\n"
                              "                - tpu\n"
                              "    runtime: !reset null\n"
                              "    devices: !override\n"
                              "      - \"/dev/$$x:/dev/y\"\n"
                              "      - /dev/nvidia0:/dev/nvidia0:rwm\n"
                              "    volumes:\n"
                              "      - type: bind\n"
                              "        source: \"/usr/lib/lib$$a.so\"\n"
                              "        target: /usr/lib/a.so\n"
                              "        read_only: true\n"
                              "        bind:\n"
                              "          create_host_path: false\n"
                              "          propagation: rprivate\n"
                              "    environment:\n"
                              "      A: \"$$b\"\n"
                              "      NVIDIA_VISIBLE_DEVICES: void\n");
    nvb_plan_done(&plan);
}

/* ---- hostile projects ---- */

/* PATTERN with the number in the place of each "@". */
static void add_times(struct nvb_str *s, const char *pattern, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        for (const char *p = pattern; *p; p++) {
            if (*p == '@')
                nvb_str_addf(s, "%08u", i);
            else
                nvb_str_addc(s, *p);
        }
}

static void expect_refusal(const char *text, const char *part)
{
    _cleanup_free_ char *got = NULL;
    clean();
    put("compose.yaml", text);
    got = ask(NVB_COMPOSE_DOCKER, no_environment);
    if (!strstr(got, part))
        fail_msg("'%.200s' does not say '%s'", got, part);
}

static void test_hostile(void **state)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    (void)state;
    /* One long list, extended by many. */
    nvb_str_add(&s, "services:\n  b:\n    environment:\n");
    add_times(&s, "      - A@=@\n", 20000);
    add_times(&s, "  s@: {extends: b, image: x@}\n", 4000);
    expect_refusal(s.data, "the project's values come to more than 8 MiB");
    nvb_str_truncate(&s, 0);
    /* A long variable, used often. */
    nvb_str_add(&s, "services:\n  s:\n    environment:\n");
    add_times(&s, "      - A@=${L}@\n", 20000);
    clean();
    put("compose.yaml", s.data);
    nvb_str_truncate(&s, 0);
    nvb_str_add(&s, "L=");
    add_times(&s, "@@", 4000);
    put(".env", s.data);
    _cleanup_free_ char *got = ask(NVB_COMPOSE_DOCKER, no_environment);
    assert_non_null(strstr(got, "the project's values come to more than 8 MiB"));
    /* A variable that doubles with each line. */
    clean();
    nvb_str_truncate(&s, 0);
    nvb_str_add(&s, "A0=0123456789\n");
    for (unsigned i = 1; i < 40; i++)
        nvb_str_addf(&s, "A%u=${A%u}${A%u}\n", i, i - 1, i - 1);
    put("compose.yaml", "services: {s: {gpus: all}}\n");
    put(".env", s.data);
    free(got);
    got = ask(NVB_COMPOSE_DOCKER, no_environment);
    assert_non_null(strstr(got, "MiB"));
    /* Many services; files that include each other, twice each. */
    nvb_str_truncate(&s, 0);
    nvb_str_add(&s, "services:\n");
    add_times(&s, "  s@: {image: x@}\n", 5000);
    expect_refusal(s.data, "more than 4096 services");
    expect_refusal("include: [compose.yaml, compose.yaml]\nservices: {s: {gpus: all}}\n",
                   "include each other");
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    clean();
    return chdir("/") < 0 || rmdir(folder) < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_projects),
        cmocka_unit_test(test_environment_goes_first),
        cmocka_unit_test(test_call),
        cmocka_unit_test(test_override),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
