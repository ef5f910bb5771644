#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/claims.h"
#include "plan/parse.h"
#include "plan/resolve.h"

/* A command line that has been read. */
struct reading {
    struct nvb_request request;
    struct nvb_plan plan;
    struct nvb_error *err;
    int result;
};

static void done_reading(struct reading *r)
{
    nvb_request_done(&r->request);
    nvb_plan_done(&r->plan);
    nvb_error_free(r->err);
}

#define _cleanup_reading_ _cleanup_(done_reading)

/* Knows "--new-flag", "--new-value" and "-X", as an engine of tomorrow might. */
static int ask(void *data, const struct nvb_request *request, const char *name, size_t len,
               bool is_short, bool *ret_takes_value, struct nvb_error **err)
{
    (void)request;
    (void)err;
    ++*(int *)data;
    if (is_short && name[0] == 'X') {
        *ret_takes_value = true;
        return 0;
    }
    if (!is_short && len == 8 && strncmp(name, "new-flag", len) == 0) {
        *ret_takes_value = false;
        return 0;
    }
    if (!is_short && len == 9 && strncmp(name, "new-value", len) == 0) {
        *ret_takes_value = true;
        return 0;
    }
    return 1;
}

static int questions;

static struct reading read_words(const char *const *words)
{
    struct reading r = {0};
    const struct nvb_parse parse = {.ask = ask, .data = &questions};
    int count = 0;
    while (words[count])
        count++;
    questions = 0;
    r.result = nvb_parse_run(&parse, count, (char *const *)words, &r.request, &r.plan, &r.err);
    assert_int_equal(r.result < 0, r.err != NULL);
    return r;
}

#define READ(...) read_words((const char *const[]){__VA_ARGS__, NULL})

static void assert_words(const struct nvb_strv *words, const char *want)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    for (size_t i = 0; i < words->count; i++)
        nvb_str_addf(&s, "%s[%s]", i ? " " : "", words->items[i]);
    assert_string_equal(s.data, want);
}

static void assert_fails(const char *const *words, const char *message, const char *hint)
{
    _cleanup_reading_ struct reading r = read_words(words);
    assert_int_equal(r.result, -1);
    assert_string_equal(r.err->message, message);
    if (hint)
        assert_string_equal(r.err->hint, hint);
    assert_null(r.plan.image);
}

#define FAILS(message, hint, ...) \
    assert_fails((const char *const[]){__VA_ARGS__, NULL}, message, hint)

static void test_words_stay(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r =
        READ("-it", "--gpu", "0", "-v", "/a:/b", "--rm", "img", "--gpu", "9", "-x");
    assert_int_equal(r.result, 0);
    assert_words(&r.plan.user.words, "[-it] [-v] [/a:/b] [--rm]");
    assert_string_equal(r.plan.image, "img");
    assert_words(&r.plan.command, "[--gpu] [9] [-x]");
    assert_string_equal(r.request.gpu, "0");
    assert_int_equal(r.plan.user.options.count, 4);
    assert_string_equal(nvb_plan_option_name(&r.plan.user.options.items[0]), "interactive");
    assert_string_equal(nvb_plan_option_name(&r.plan.user.options.items[1]), "tty");
    assert_string_equal(nvb_plan_line_value(&r.plan.user, "volume"), "/a:/b");
    assert_true(nvb_plan_is_on(&r.plan, "rm"));
    assert_false(nvb_plan_is_on(&r.plan, "init"));
}

static void test_letters(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r =
        READ("-itv=/a:/b", "-eA=B", "-e=C=D", "-iteE=F", "-w=", "-w", "--", "img");
    assert_int_equal(r.result, 0);
    assert_string_equal(nvb_plan_line_value(&r.plan.user, "volume"), "/a:/b");
    assert_string_equal(nvb_claims_env_value(&r.plan.user, "A", NULL), "B");
    assert_string_equal(nvb_claims_env_value(&r.plan.user, "C", NULL), "D");
    assert_string_equal(nvb_claims_env_value(&r.plan.user, "E", NULL), "F");
    assert_string_equal(r.plan.user.options.items[8].value, "=");
    assert_string_equal(nvb_plan_line_value(&r.plan.user, "workdir"), "--");
}

static void test_truth(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading a = READ("--rm", "--rm=false", "-t=0", "-i=T", "img");
    assert_int_equal(a.result, 0);
    assert_false(nvb_plan_is_on(&a.plan, "rm"));
    assert_false(nvb_plan_is_on(&a.plan, "tty"));
    assert_true(nvb_plan_is_on(&a.plan, "interactive"));
    FAILS("'perhaps' is neither true nor false in '--rm=perhaps'", NULL, "--rm=perhaps", "img");
    FAILS("'' is neither true nor false in '--rm='", NULL, "--rm=", "img");
    FAILS("'x' is neither true nor false in '-it=x'", "--tty, or --tty=false", "-it=x", "img");
}

static void test_end_of_options(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r = READ("--rm", "--", "img", "--", "-v");
    assert_int_equal(r.result, 0);
    assert_words(&r.plan.user.words, "[--rm] [--]");
    assert_string_equal(r.plan.image, "img");
    assert_words(&r.plan.command, "[--] [-v]");
    _cleanup_reading_ struct reading dash = READ("-");
    assert_string_equal(dash.plan.image, "-");
}

static void test_own_options(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r =
        READ("--runtime", "docker", "--rm", "--isolate", "--dry-run", "--capabilities=compute",
             "--rootless", "--no-cdi", "--gpus", "device=0", "--profile", "a,b", "--gpu=all",
             "--gpu", "1", "img");
    assert_int_equal(r.result, 0);
    assert_int_equal(r.request.engines, NVB_ENGINE_DOCKER);
    assert_int_equal(r.request.isolate, NVB_ISOLATE_DEVICE);
    assert_int_equal(r.request.dry_run, NVB_DRY_RUN_SHELL);
    assert_string_equal(r.request.capabilities, "compute");
    assert_true(r.request.rootless);
    assert_int_equal(r.request.cdi, NVB_CDI_REFUSE);
    assert_string_equal(r.request.gpus, "device=0");
    assert_string_equal(r.request.profile, "a,b");
    assert_string_equal(r.request.gpu, "1");
    assert_words(&r.plan.user.words, "[--rm]");
    /* Values by "=" only: the next word is IMAGE. */
    _cleanup_reading_ struct reading dry = READ("--dry-run", "json");
    assert_string_equal(dry.plan.image, "json");
    _cleanup_reading_ struct reading strict = READ("--isolate=strict", "--dry-run=json", "img");
    assert_int_equal(strict.request.isolate, NVB_ISOLATE_STRICT);
    assert_int_equal(strict.request.dry_run, NVB_DRY_RUN_JSON);
}

static void test_runtime(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading oci = READ("--runtime", "crun", "--runtime=podman", "img");
    assert_words(&oci.plan.user.words, "[--runtime] [crun]");
    assert_int_equal(oci.request.engines, NVB_ENGINE_PODMAN);
    assert_string_equal(nvb_plan_line_value(&oci.plan.user, "runtime"), "crun");
    _cleanup_reading_ struct reading gpu = READ("--runtime=nvidia", "img");
    assert_words(&gpu.plan.user.words, "");
    assert_true(gpu.request.gpu_runtime);
    assert_int_equal(gpu.request.engines, 0);
}

static void test_early(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r =
        READ("--rm", "--url", "unix:///x", "--log-level=debug", "--remote", "img");
    assert_int_equal(r.result, 0);
    assert_words(&r.plan.early.words, "[--url] [unix:///x] [--remote]");
    assert_words(&r.plan.user.words, "[--rm] [--log-level=debug]");
}

static void test_unknown(void **state)
{
    (void)state;
    FAILS("unknown option '--volum'", "did you mean '--volume'?", "--volum=/a:/b", "img");
    FAILS("unknown option '--gpuu'", "did you mean '--gpu'?", "--gpuu", "0", "img");
    FAILS("unknown option '--isolat'", "did you mean '--isolate'?", "--isolat", "img");
    FAILS("unknown option '--rootles'", "did you mean '--rootless'?", "--rootles", "img");
    FAILS("unknown option '--zzzzzzzzzz'", "nvbind run --help", "--zzzzzzzzzz", "img");
    FAILS("unknown option '-x' in '-itx'", NULL, "-itx", "img");
    FAILS("'---rm' is not an option", NULL, "---rm", "img");
    FAILS("'--=x' is not an option", NULL, "--=x", "img");
}

static void test_asks_the_engine(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r = READ("--new-flag", "--new-value", "a", "-X", "b", "img");
    assert_int_equal(r.result, 0);
    assert_int_equal(questions, 3);
    assert_words(&r.plan.user.words, "[--new-flag] [--new-value] [a] [-X] [b]");
    assert_string_equal(r.plan.image, "img");
    assert_null(r.plan.user.options.items[1].row);
    _cleanup_reading_ struct reading known = READ("--rm", "-v", "/a:/a", "--gpu=none", "img");
    assert_int_equal(known.result, 0);
    assert_int_equal(questions, 0);
}

static void test_bad_words(void **state)
{
    (void)state;
    const char *usage = "nvbind run [OPTIONS] [ENGINE OPTIONS] IMAGE [COMMAND...]";
    FAILS("no IMAGE is given", usage, "--rm");
    FAILS("no IMAGE is given", usage, "-it", "--name", "web");
    FAILS("no IMAGE is given", usage, "--");
    FAILS("option '--name' needs a value", NULL, "--name");
    FAILS("option '-e' needs a value", NULL, "-e");
    FAILS("option '-itv' needs a value", NULL, "-itv");
    FAILS("option '--gpu' needs a value", NULL, "--gpu");
    FAILS("option '--gpu' needs a value, not an empty one", NULL, "--gpu=", "img");
    FAILS("option '--rootless' takes no value", NULL, "--rootless=yes", "img");
    FAILS("'--cdi' and '--no-cdi' exclude each other", NULL, "--cdi", "--no-cdi", "img");
    FAILS("'--isolate=hard' is unknown", "--isolate takes one of: device, strict, none",
          "--isolate=hard", "img");
    FAILS("'--dry-run=yaml' is unknown", "--dry-run takes one of: shell, json", "--dry-run=yaml",
          "img");
}

static void test_help(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r = READ("--rm", "--help", "--nonsense");
    assert_int_equal(r.result, 0);
    assert_true(r.request.help);
    _cleanup_reading_ struct reading off = READ("--help=false", "img");
    assert_false(off.request.help);
    assert_words(&off.plan.user.words, "[--help=false]");
}

/* ---- defaults ---- */

static struct nvb_plan_line read_defaults(const char *const *words)
{
    _cleanup_strv_ struct nvb_strv list = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    struct nvb_plan_line line = {0};
    for (; *words; words++)
        nvb_strv_add(&list, *words);
    size_t word = 0;
    assert_int_equal(nvb_parse_defaults(&list, &line, &word, &err), 0);
    return line;
}

static void assert_merged(const char *const *defaults, const char *const *user, bool terminal,
                          const char *want)
{
    const struct nvb_engine engine = {.kind = NVB_ENGINE_PODMAN, .version = 403};
    _cleanup_reading_ struct reading r = read_words(user);
    assert_int_equal(r.result, 0);
    r.plan.engine = &engine;
    r.plan.defaults = read_defaults(defaults);
    nvb_defaults_merge(&r.plan, terminal);
    assert_words(&r.plan.defaults.words, want);
    nvb_vec_foreach (option, &r.plan.defaults.options)
        assert_true(option->first + option->words <= r.plan.defaults.words.count);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_defaults(void **state)
{
    (void)state;
    assert_merged(LIST("--rm", "-it"), LIST("img"), true, "[--rm] [-it]");
    assert_merged(LIST("--rm", "-it"), LIST("img"), false, "[--rm] [-i]");
    assert_merged(LIST("--rm", "-it"), LIST("--restart=always", "img"), true, "[-it]");
    assert_merged(LIST("--rm", "-it"), LIST("-d", "img"), true, "[--rm]");
    assert_merged(LIST("-ite", "A=1", "--rm"), LIST("-eA=2", "img"), true, "[-i] [-t] [--rm]");
    assert_merged(LIST("-e", "A=1", "-e", "B=1"), LIST("-eA=2", "img"), true, "[-e] [B=1]");
    assert_merged(LIST("-v", "/x:/y", "-v", "/x:/z"), LIST("--tmpfs=/y/", "img"), true,
                  "[-v] [/x:/z]");
    assert_merged(LIST("--shm-size", "8g"), LIST("--ipc=host", "img"), true, "");
    assert_merged(LIST("--shm-size", "8g"), LIST("--ipc=private", "img"), true,
                  "[--shm-size] [8g]");
    assert_merged(LIST("--shm-size", "8g"), LIST("--shm-size=1g", "img"), true, "");
    assert_merged(LIST("--shm-size", "8g"), LIST("--ipc=none", "img"), true, "");
    assert_merged(LIST("--net=host", "-p", "80:80", "--userns=keep-id", "--rm"),
                  LIST("--pod", "p", "img"), true, "[--rm]");
    assert_merged(LIST("--pod", "p", "--rm"), LIST("--network=none", "img"), true, "[--rm]");
    assert_merged(LIST("--pod", "p", "--rm"), LIST("--userns=host", "img"), true, "[--rm]");
    assert_merged(LIST("-p", "80:80", "--rm"), LIST("--net", "host", "img"), true, "[--rm]");
    assert_merged(LIST("--rm"), LIST("--restart=no", "img"), true, "[--rm]");
    assert_merged(LIST("--restart=always"), LIST("--rm", "img"), true, "");
    assert_merged(LIST("--rm", "-t", "-i"), LIST("-d", "img"), false, "[--rm]");
    assert_merged(LIST("-it"), LIST("-d=false", "img"), true, "[-it]");
    assert_merged(LIST("--security-opt", "label=disable", "--device", "/dev/fuse"),
                  LIST("--device=/dev/fuse:/dev/fuse:rw", "img"), true,
                  "[--security-opt] [label=disable]");
}

static void test_bad_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *words[2];
        const char *message;
        size_t word;
    } bad[] = {
        {{"--rm", "alpine"}, "'alpine' is not an option of the engine", 1},
        {{"--gpu", "all"}, "'--gpu' is not an option of the engine", 0},
        {{"--rm", "--"}, "'--' is not an option of the engine", 1},
        {{"--rm", "--volum=x"}, "unknown option '--volum'", 1},
        {{"--rm", "-v"}, "option '-v' needs a value", 1},
        {{"--", "img"}, "'--' is not an option of the engine", 0},
        {{"--rm", "--url=x"}, "'--url' stands before the engine's command word", 1},
    };
    for (size_t i = 0; i < NVB_COUNT(bad); i++) {
        _cleanup_strv_ struct nvb_strv list = {0};
        _cleanup_error_ struct nvb_error *err = NULL;
        struct nvb_plan_line line = {0};
        size_t word = 99;
        nvb_strv_add(&list, bad[i].words[0]);
        nvb_strv_add(&list, bad[i].words[1]);
        assert_int_equal(nvb_parse_defaults(&list, &line, &word, &err), -1);
        assert_string_equal(err->message, bad[i].message);
        assert_int_equal(word, bad[i].word);
        assert_int_equal(line.words.count, 0);
    }
}

/* ---- claims ---- */

static void test_claims(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r =
        READ("-v", "/a:/b/./c//:ro", "-v", "/anon", "-v", "named:/n", "--mount",
             "type=bind,\"src=/x,y\",target=/m", "--tmpfs", "/t:size=1g", "--device",
             "/dev/nvidia0:/dev/gpu:rw", "--device=/dev/fuse:r", "--device",
             "amd.com/gpu=0,/dev/kfd", "-eA=B", "--env", "HOME", "--unsetenv=X", "img");
    _cleanup_claims_ struct nvb_claims claims = {0};
    nvb_claims_read(&r.plan.user, 403, &claims);
    assert_words(&claims.mounts, "[/b/c] [/anon] [/n] [/m] [/t]");
    assert_words(&claims.devices, "[/dev/nvidia0] [/dev/fuse] [/dev/kfd]");
    assert_words(&claims.places, "[/dev/gpu] [/dev/fuse] [/dev/kfd]");
    assert_words(&claims.cdi, "[amd.com/gpu=0]");
    assert_words(&claims.environment, "[A] [HOME] [X]");
    /* From 5.0 on the comma is part of the one word. */
    _cleanup_claims_ struct nvb_claims newer = {0};
    nvb_claims_read(&r.plan.user, 500, &newer);
    assert_words(&newer.cdi, "[amd.com/gpu=0,/dev/kfd]");
}

static void add_mount(struct nvb_cdi_edits *edits, const char *path)
{
    struct nvb_cdi_mount *mount = nvb_vec_add(&edits->mounts);
    mount->host_path = nvb_strdup(path);
    mount->container_path = nvb_strdup(path);
}

static void add_node(struct nvb_cdi_edits *edits, const char *path)
{
    struct nvb_cdi_node *node = nvb_vec_add(&edits->nodes);
    node->path = nvb_strdup(path);
}

static void test_claims_filter(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading r =
        READ("-v", "/a:/usr/lib/x.so", "--device", "/dev/nvidia1:/dev/other", "-eN=1", "img");
    _cleanup_claims_ struct nvb_claims claims = {0};
    struct nvb_cdi_edits edits = {0};
    nvb_claims_read(&r.plan.user, 403, &claims);
    nvb_strv_add(&edits.env, "N=void");
    nvb_strv_add(&edits.env, "NN=2");
    add_mount(&edits, "/usr/lib/x.so");
    add_mount(&edits, "/usr/lib/x.so.1");
    add_node(&edits, "/dev/nvidia0");
    add_node(&edits, "/dev/nvidia1");
    assert_int_equal(nvb_claims_filter(&claims, &edits), 2);
    assert_words(&edits.env, "[NN=2]");
    assert_int_equal(edits.mounts.count, 1);
    assert_string_equal(edits.mounts.items[0].container_path, "/usr/lib/x.so.1");
    assert_int_equal(edits.nodes.count, 1);
    assert_string_equal(edits.nodes.items[0].path, "/dev/nvidia0");
    nvb_cdi_edits_done(&edits);
}

static void test_outlives(void **state)
{
    (void)state;
    _cleanup_reading_ struct reading kept = READ("img");
    _cleanup_reading_ struct reading gone = READ("--rm", "img");
    _cleanup_reading_ struct reading back = READ("--rm", "--restart", "always", "img");
    _cleanup_reading_ struct reading no = READ("--rm", "--restart=no", "img");
    assert_true(nvb_plan_outlives(&kept.plan));
    assert_false(nvb_plan_outlives(&gone.plan));
    assert_true(nvb_plan_outlives(&back.plan));
    assert_false(nvb_plan_outlives(&no.plan));
    gone.plan.verb = NVB_PLAN_CREATE;
    assert_true(nvb_plan_outlives(&gone.plan));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_stay),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_truth),
        cmocka_unit_test(test_end_of_options),
        cmocka_unit_test(test_own_options),
        cmocka_unit_test(test_runtime),
        cmocka_unit_test(test_early),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_asks_the_engine),
        cmocka_unit_test(test_bad_words),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_bad_defaults),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_claims_filter),
        cmocka_unit_test(test_outlives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
