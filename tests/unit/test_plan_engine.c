#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "engine/exec.h"
#include "host/engine_cache.h"
#include "plan/parse.h"
#include "plan/resolve.h"
#include "writer/writer.h"

static const struct nvb_engine podman = {
    .kind = NVB_ENGINE_PODMAN,
    .path = (char *)"/usr/bin/podman",
    .version_text = (char *)"4.3.1",
    .version = 403,
};

static const struct nvb_engine docker = {
    .kind = NVB_ENGINE_DOCKER,
    .path = (char *)"/usr/bin/docker",
    .version_text = (char *)"26.1.5",
    .version = 2601,
};

/* The plan for WORDS without GPUs, as one shell line; or "error: …". */
static char *line_for(const struct nvb_engine *engine, const char *const *words)
{
    /* What an image without a registry means is the subject of tests/cli/short_name.bats. */
    static char *const environment[] = {(char *)"CONTAINERS_REGISTRIES_CONF=/dev/null", NULL};
    static const struct nvb_host_options host = {0};
    const struct nvb_user user = {.uid = 1000};
    const struct nvb_parse parse = {0};
    _cleanup_request_ struct nvb_request request = {0};
    _cleanup_plan_ struct nvb_plan plan = {0};
    _cleanup_exec_ struct nvb_exec exec = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    int count = 0;
    while (words[count])
        count++;
    const struct nvb_plan_input input = {
        .request = &request,
        .engine = engine,
        .user = &user,
        .host = &host,
        .environment = environment,
    };
    struct nvb_str s = NVB_STR_INIT;
    if (nvb_parse_run(&parse, count, (char *const *)words, &request, &plan, &err) < 0 ||
        nvb_plan_resolve(&input, &plan, NULL, &err) < 0 || nvb_exec_build(&plan, &exec, &err) < 0)
        nvb_str_addf(&s, "error: %s", err->message);
    else
        nvb_writer_shell(&exec, &s);
    return nvb_str_steal(&s);
}

static void check_line(const struct nvb_engine *engine, const char *const *words, const char *want)
{
    _cleanup_free_ char *line = line_for(engine, words);
    assert_string_equal(line, want);
}

#define LINE(engine, want, ...) \
    check_line(engine, (const char *const[]){"--gpu=none", __VA_ARGS__, NULL}, want)

static void test_podman_words(void **state)
{
    (void)state;
    LINE(&podman, "/usr/bin/podman run -it --rm -- img -x\n", "-it", "--rm", "--", "img", "-x");
    LINE(&podman, "/usr/bin/podman --host=unix:///x run --rm img\n", "--host=unix:///x", "--rm",
         "img");
    LINE(&podman, "/usr/bin/podman run --runtime crun img\n", "--runtime", "crun", "img");
    LINE(&podman, "error: podman has no option '--link' and nothing like it", "--link", "a", "img");
    LINE(&podman, "error: podman has no option '--domainname' and nothing like it",
         "--domainname=x", "img");
}

static void test_docker_words(void **state)
{
    (void)state;
#define VOID "/usr/bin/docker run --env NVIDIA_VISIBLE_DEVICES=void "
    LINE(&docker, VOID "-it --rm img\n", "-it", "--rm", "img");
    LINE(&docker, VOID "--net host --dns-opt=x img\n", "--net", "host", "--dns-opt=x", "img");
    LINE(&docker,
         "/usr/bin/docker --host=unix:///x --log-level=debug run "
         "--env NVIDIA_VISIBLE_DEVICES=void -i img\n",
         "--url", "unix:///x", "-i", "--log-level", "debug", "img");
    LINE(&docker, VOID "--runtime crun img\n", "--runtime", "crun", "img");
    LINE(&docker, VOID "--hostname=x img\n", "--hostname=x", "img");
    LINE(&docker, "error: docker has no option '--pod' and nothing like it", "--pod=x", "img");
    LINE(&docker, "error: docker has no option '--replace' and nothing like it", "-it", "--replace",
         "img");
#undef VOID
}

/* ---- what is added ---- */

static void add_mount(struct nvb_cdi_edits *edits, const char *host, const char *container)
{
    struct nvb_cdi_mount *mount = nvb_vec_add(&edits->mounts);
    mount->host_path = nvb_strdup(host);
    mount->container_path = nvb_strdup(container);
    nvb_strv_add(&mount->options, "ro");
    nvb_strv_add(&mount->options, "nosuid");
    nvb_strv_add(&mount->options, "rbind");
    nvb_strv_add(&mount->options, "rprivate");
}

static struct nvb_plan make_plan(const struct nvb_engine *engine)
{
    struct nvb_plan plan = {.engine = engine, .mode = NVB_PLAN_DIRECT};
    plan.image = nvb_strdup("img");
    nvb_strv_add(&plan.edits.env, "A=b c");
    struct nvb_cdi_node *plain = nvb_vec_add(&plan.edits.nodes);
    plain->path = nvb_strdup("/dev/nvidia0");
    struct nvb_cdi_node *moved = nvb_vec_add(&plan.edits.nodes);
    moved->path = nvb_strdup("/dev/nvidia1");
    moved->host_path = nvb_strdup("/h/dev/nvidia1");
    moved->permissions = nvb_strdup("rw");
    add_mount(&plan.edits, "/lib/a", "/usr/lib/a");
    add_mount(&plan.edits, "/od:d/a,\"b", "/x");
    return plan;
}

static void check_added(const struct nvb_engine *engine, const char *want)
{
    _cleanup_plan_ struct nvb_plan plan = make_plan(engine);
    _cleanup_exec_ struct nvb_exec exec = {0};
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    assert_int_equal(nvb_exec_build(&plan, &exec, NULL), 0);
    for (size_t i = 2; i + 1 < exec.argv.count; i++)
        nvb_str_addf(&s, "%s\n", exec.argv.items[i]);
    assert_string_equal(s.data, want);
}

static void test_added(void **state)
{
    (void)state;
    check_added(&podman,
                "--env\nA=b c\n--device\n/dev/nvidia0\n--device\n/h/dev/nvidia1:/dev/nvidia1:rw\n"
                "--volume\n/lib/a:/usr/lib/a:ro,nosuid,rbind,rprivate\n"
                "--mount\ntype=bind,\"source=/od:d/a,\"\"b\",destination=/x,ro,nosuid,rprivate\n");
    check_added(&docker,
                "--env\nA=b c\n--device\n/dev/nvidia0\n--device\n/h/dev/nvidia1:/dev/nvidia1:rw\n"
                "--mount\ntype=bind,source=/lib/a,target=/usr/lib/a,readonly,"
                "bind-propagation=rprivate\n"
                "--mount\ntype=bind,\"source=/od:d/a,\"\"b\",target=/x,readonly,"
                "bind-propagation=rprivate\n");
}

static void test_cannot_be_said(void **state)
{
    (void)state;
    _cleanup_plan_ struct nvb_plan hook = make_plan(&podman);
    _cleanup_plan_ struct nvb_plan colon = make_plan(&podman);
    _cleanup_exec_ struct nvb_exec exec = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    (void)nvb_vec_add(&hook.edits.hooks);
    assert_int_equal(nvb_exec_build(&hook, &exec, &err), -1);
    assert_string_equal(err->message, "hooks and network devices cannot be passed without CDI");
    nvb_error_free(TAKE_PTR(err));
    nvb_vec_add(&colon.edits.nodes)->path = nvb_strdup("/dev/a:b");
    assert_int_equal(nvb_exec_build(&colon, &exec, &err), -1);
    assert_string_equal(err->message,
                        "the engine cannot take a device whose path has a colon: '/dev/a:b'");
    assert_null(exec.program);
}

static void test_cdi_mode(void **state)
{
    (void)state;
    _cleanup_plan_ struct nvb_plan plan = make_plan(&podman);
    _cleanup_exec_ struct nvb_exec exec = {0};
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    plan.mode = NVB_PLAN_CDI;
    plan.verb = NVB_PLAN_CREATE;
    nvb_strv_add(&plan.cdi_devices, "nvidia.com/gpu=0");
    nvb_strv_add(&plan.cdi_folders, "/etc/cdi");
    nvb_strv_add(&plan.cdi_folders, "/run/x");
    nvb_strv_add(&plan.hidden_environment, "CUDA_VISIBLE_DEVICES");
    assert_int_equal(nvb_exec_build(&plan, &exec, NULL), 0);
    nvb_writer_shell(&exec, &s);
    assert_string_equal(s.data, "env -u CUDA_VISIBLE_DEVICES /usr/bin/podman --cdi-spec-dir "
                                "/etc/cdi --cdi-spec-dir /run/x create --device nvidia.com/gpu=0 "
                                "img\n");
}

/* ---- help and cache ---- */

static void check_help(const char *line, char letter, const char *name, bool takes_value)
{
    char found_letter = 0;
    const char *found = NULL;
    size_t len = 0;
    bool value = !takes_value;
    int r = nvb_engine_parse_help_line(line, &found_letter, &found, &len, &value);
    if (!name) {
        assert_int_equal(r, 1);
        return;
    }
    assert_int_equal(r, 0);
    assert_int_equal(found_letter, letter);
    assert_int_equal(len, strlen(name));
    assert_memory_equal(found, name, len);
    assert_int_equal(value, takes_value);
}

static void test_help_lines(void **state)
{
    (void)state;
    check_help("      --add-host strings        Add a mapping (host:ip)", 0, "add-host", true);
    check_help("  -a, --attach strings          Attach", 'a', "attach", true);
    check_help("  -d, --detach                  Run", 'd', "detach", false);
    check_help("      --help                    ", 0, "help", false);
    check_help("      --help", 0, "help", false);
    check_help("  -m, --memory <number>[<unit>]   Limit", 'm', "memory", true);
    check_help("      --pull string[=\"always\"]   Pull", 0, "pull", false);
    check_help("  podman run --network=host image", 0, NULL, false);
    check_help("Options:", 0, NULL, false);
    check_help("", 0, NULL, false);
    check_help("      --", 0, NULL, false);
}

static void test_cache(void **state)
{
    (void)state;
    char folder[] = "/tmp/nvbind-engine-XXXXXX";
    assert_non_null(mkdtemp(folder));
    _cleanup_free_ char *program = nvb_strdupf("%s/podman", folder);
    _cleanup_free_ char *cache = nvb_strdupf("%s/a/b", folder);
    _cleanup_str_ struct nvb_str answer = NVB_STR_INIT;
    assert_int_equal(nvb_file_write(program, "one", 3, 0755, NULL), 0);

    assert_int_equal(nvb_engine_cache_read(cache, program, "version", "", &answer), 1);
    assert_int_equal(nvb_engine_cache_read(NULL, program, "version", "", &answer), 1);
    nvb_engine_cache_write(cache, program, "version", "", "podman version 4.3.1");
    assert_int_equal(nvb_engine_cache_read(cache, program, "version", "", &answer), 0);
    assert_string_equal(answer.data, "podman version 4.3.1");
    assert_int_equal(nvb_engine_cache_read(cache, program, "run", "", &answer), 1);

    struct stat st;
    assert_int_equal(stat(cache, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);

    /* Others could have written it. */
    assert_int_equal(chmod(cache, 0770), 0);
    assert_int_equal(nvb_engine_cache_read(cache, program, "version", "", &answer), 1);
    assert_int_equal(chmod(cache, 0700), 0);
    /* Another program of that name. */
    assert_int_equal(unlink(program), 0);
    assert_int_equal(nvb_engine_cache_read(cache, program, "version", "", &answer), 1);
    assert_int_equal(nvb_file_write(program, "two", 3, 0755, NULL), 0);
    assert_int_equal(nvb_engine_cache_read(cache, program, "version", "", &answer), 1);

    /* Where others can write, nothing is kept at all. */
    _cleanup_free_ char *open_folder = nvb_strdupf("%s/open", folder);
    _cleanup_free_ char *below = nvb_strdupf("%s/open/cache", folder);
    assert_int_equal(mkdir(open_folder, 0777), 0);
    assert_int_equal(chmod(open_folder, 0777), 0);
    nvb_engine_cache_write(below, program, "version", "", "x");
    assert_int_equal(access(below, F_OK), -1);

    _cleanup_free_ char *remove = nvb_strdupf("rm -rf '%s'", folder);
    assert_int_equal(system(remove), 0);
}

static void test_user(void **state)
{
    (void)state;
    char *const environment[] = {(char *)"HOME=/home/a", (char *)"XDG_CACHE_HOME=relative",
                                 (char *)"XDG_RUNTIME_DIR=/run/user/1", (char *)"EMPTY=", NULL};
    char *const other[] = {(char *)"HOME=/home/a", (char *)"XDG_CACHE_HOME=/var/c", NULL};
    _cleanup_user_ struct nvb_user user = {0};
    _cleanup_user_ struct nvb_user cached = {0};
    nvb_user_read(environment, &user);
    assert_string_equal(user.home, "/home/a");
    assert_string_equal(user.cache, "/home/a/.cache/nvbind");
    assert_string_equal(user.runtime_dir, "/run/user/1");
    nvb_user_read(other, &cached);
    assert_string_equal(cached.cache, "/var/c/nvbind");
    assert_null(cached.runtime_dir);
    assert_string_equal(nvb_environment_get(environment, "EMPTY"), "");
    assert_null(nvb_environment_get(environment, "EMP"));
    assert_null(nvb_environment_get(NULL, "HOME"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_podman_words), cmocka_unit_test(test_docker_words),
        cmocka_unit_test(test_added),        cmocka_unit_test(test_cannot_be_said),
        cmocka_unit_test(test_cdi_mode),     cmocka_unit_test(test_help_lines),
        cmocka_unit_test(test_cache),        cmocka_unit_test(test_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
