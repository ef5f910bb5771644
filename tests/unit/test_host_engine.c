#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "host/containers_conf.h"
#include "host/endpoint.h"
#include "host/engine_cache.h"
#include "host/engine_facts.h"
#include "scratch.h"

static int parse(enum nvb_engine_kind kind, const char *text, struct nvb_engine_facts *ret)
{
    return nvb_engine_facts_parse(kind, text, strlen(text), ret, NULL);
}

static void test_docker(void **state)
{
    (void)state;
    _cleanup_engine_facts_ struct nvb_engine_facts facts = {0};
    struct utsname name;
    assert_int_equal(uname(&name), 0);
    _cleanup_free_ char *text = nvb_strdupf(
        "{\"ServerVersion\":\"26.1.5+dfsg1\",\"KernelVersion\":\"%s\",\"CgroupVersion\":\"2\","
        "\"DefaultRuntime\":\"runc\",\"CDISpecDirs\":[\"/etc/cdi\",\"relative\",7],"
        "\"SecurityOptions\":[\"name=seccomp,profile=builtin\",\"name=rootless\"]}",
        name.release);
    assert_int_equal(parse(NVB_ENGINE_DOCKER, text, &facts), 0);
    assert_string_equal(facts.version, "26.1.5+dfsg1");
    assert_true(facts.rootless && facts.cdi && !facts.elsewhere);
    assert_int_equal(facts.cgroup, 2);
    assert_string_equal(facts.runtime, "runc");
    assert_int_equal(facts.cdi_folders.count, 1);
    assert_string_equal(facts.cdi_folders.items[0], "/etc/cdi");
}

static void test_docker_lacks(void **state)
{
    (void)state;
    static const char *const without[] = {
        "{\"ServerVersion\":\"20.10.24\"}",
        "{\"ServerVersion\":\"26.1\",\"CDISpecDirs\":[]}",
        "{\"ServerVersion\":\"26.1\",\"CDISpecDirs\":null,\"SecurityOptions\":{}}",
    };
    for (size_t i = 0; i < NVB_COUNT(without); i++) {
        _cleanup_engine_facts_ struct nvb_engine_facts facts = {0};
        assert_int_equal(parse(NVB_ENGINE_DOCKER, without[i], &facts), 0);
        assert_true(!facts.cdi && !facts.rootless && !facts.elsewhere && facts.cgroup == 0);
    }
    /* A client without a daemon prints a whole document, too. */
    static const char *const bad[] = {"",  "null", "[]",   "{\"ServerVersion\":\"\"}",
                                      "{", "{}",   "text", "{\"ServerVersion\":[\"26\"]}"};
    for (size_t i = 0; i < NVB_COUNT(bad); i++) {
        struct nvb_engine_facts facts = {0};
        assert_int_equal(parse(NVB_ENGINE_DOCKER, bad[i], &facts), -1);
        assert_int_equal(parse(NVB_ENGINE_PODMAN, bad[i], &facts), -1);
        assert_null(facts.version);
    }
}

static void test_desktop(void **state)
{
    (void)state;
    _cleanup_engine_facts_ struct nvb_engine_facts facts = {0};
    assert_int_equal(parse(NVB_ENGINE_DOCKER,
                           "{\"ServerVersion\":\"27.0\",\"OperatingSystem\":\"Docker Desktop\"}",
                           &facts),
                     0);
    assert_true(facts.elsewhere);
}

static void test_podman(void **state)
{
    (void)state;
    _cleanup_engine_facts_ struct nvb_engine_facts facts = {0};
    static const char text[] =
        "{\"host\":{\"cgroupVersion\":\"v2\",\"kernel\":\"0.0-none\",\"ociRuntime\":{\"name\":"
        "\"crun\",\"path\":\"/usr/bin/crun\"},\"security\":{\"rootless\":true},"
        "\"cdiSpecDirs\":[\"/a\",\"/b\"]},\"version\":{\"Version\":\"6.1.1\"}}";
    assert_int_equal(parse(NVB_ENGINE_PODMAN, text, &facts), 0);
    assert_string_equal(facts.version, "6.1.1");
    assert_string_equal(facts.runtime_path, "/usr/bin/crun");
    assert_true(facts.rootless && facts.elsewhere);
    assert_int_equal(facts.cgroup, 2);
    assert_int_equal(facts.cdi_folders.count, 2);
}

/* ---- the kept answer ---- */

struct setting {
    char *folder;
    char *program, *conf, *runtime, *cache, *calls;
    struct nvb_engine engine;
    struct nvb_user user;
    char *environment[3];
};

static void write_text(const char *path, const char *text, mode_t mode)
{
    assert_int_equal(nvb_file_write(path, text, strlen(text), mode, NULL), 0);
}

/* A program that counts how often it is asked. */
static void setting_init(struct setting *s)
{
    *s = (struct setting){0};
    s->folder = nvb_scratch_make();
    s->program = nvb_strdupf("%s/podman", s->folder);
    s->conf = nvb_strdupf("%s/containers.conf", s->folder);
    s->runtime = nvb_strdupf("%s/crun", s->folder);
    s->cache = nvb_strdupf("%s/cache", s->folder);
    s->calls = nvb_strdupf("%s/calls", s->folder);
    _cleanup_free_ char *script =
        nvb_strdupf("#!/bin/sh\necho \"$*\" >>'%s'\n"
                    "echo '{\"host\":{\"ociRuntime\":{\"name\":\"crun\",\"path\":\"%s\"}},"
                    "\"version\":{\"Version\":\"5.6.0\"}}'\n",
                    s->calls, s->runtime);
    write_text(s->program, script, 0755);
    write_text(s->conf, "[engine]\n", 0644);
    write_text(s->runtime, "x", 0755);
    s->environment[0] = nvb_strdupf("CONTAINERS_CONF=%s", s->conf);
    s->environment[1] = (char *)"PATH=/usr/bin:/bin";
    s->engine = (struct nvb_engine){NVB_ENGINE_PODMAN, s->program, (char *)"5.6.0", 506, s->cache};
    s->user = (struct nvb_user){.uid = getuid(), .home = s->folder, .cache = s->cache};
}

static void setting_done(struct setting *s)
{
    free(s->program);
    free(s->conf);
    free(s->runtime);
    free(s->cache);
    free(s->calls);
    free(s->environment[0]);
    nvb_scratch_remove(s->folder);
}

/* How often the program has been asked once one more probe is done. */
static size_t probe(struct setting *s, struct nvb_engine_facts *ret)
{
    const struct nvb_endpoint here = {.kind = NVB_ENDPOINT_HERE};
    _cleanup_str_ struct nvb_str calls = NVB_STR_INIT;
    size_t count = 0;
    nvb_engine_facts_done(ret);
    assert_int_equal(nvb_engine_probe(&s->engine, &here, s->environment, &s->user, ret, NULL), 0);
    assert_int_equal(nvb_file_read_path(s->calls, 65536, &calls, NULL), 0);
    for (const char *p = calls.data; *p; p++)
        count += *p == '\n';
    assert_memory_equal(calls.data, "info --format json\n", 19);
    return count;
}

static void test_kept(void **state)
{
    (void)state;
    struct setting s;
    _cleanup_engine_facts_ struct nvb_engine_facts facts = {0};
    struct stat st;
    setting_init(&s);
    assert_int_equal(probe(&s, &facts), 1);
    assert_int_equal(probe(&s, &facts), 1);
    assert_string_equal(facts.runtime_path, s.runtime);
    assert_true(facts.cdi && (facts.cgroup == 1 || facts.cgroup == 2));
    assert_int_equal(facts.cdi_folders.count, 2);
    assert_string_equal(facts.cdi_folders.items[1], "/var/run/cdi");
    /* Any layer of the configuration, and the OCI runtime. */
    write_text(s.conf, "[engine]\ncdi_spec_dirs = [\"/my/cdi\"]\n", 0644);
    assert_int_equal(probe(&s, &facts), 2);
    assert_int_equal(facts.cdi_folders.count, 1);
    assert_string_equal(facts.cdi_folders.items[0], "/my/cdi");
    assert_int_equal(probe(&s, &facts), 2);
    write_text(s.runtime, "another", 0755);
    assert_int_equal(probe(&s, &facts), 3);
    _cleanup_free_ char *own = nvb_strdupf("%s/.config/containers/containers.conf.d", s.folder);
    assert_int_equal(nvb_file_make_folders(own, 0755, NULL), 0);
    _cleanup_free_ char *layer = nvb_strdupf("%s/10.conf", own);
    write_text(layer, "", 0644);
    assert_int_equal(probe(&s, &facts), 4);
    assert_int_equal(probe(&s, &facts), 4);
    /* One file, the caller's alone; what others could have written does not count. */
    _cleanup_free_ char *name =
        nvb_strdupf("%s/engine-%016llx-facts-%016llx", s.cache,
                    (unsigned long long)nvb_hash(NVB_HASH_INIT, s.program, strlen(s.program)),
                    (unsigned long long)nvb_hash(NVB_HASH_INIT, "", 0));
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(name, 0606), 0);
    assert_int_equal(probe(&s, &facts), 5);
    /* A file that was cut short. */
    assert_int_equal(truncate(name, st.st_size - 3), 0);
    assert_int_equal(probe(&s, &facts), 6);
    setting_done(&s);
}

static void test_layers(void **state)
{
    (void)state;
    struct setting s;
    setting_init(&s);
    _cleanup_strv_ struct nvb_strv files = {0};
    _cleanup_free_ char *found = NULL;
    nvb_containers_conf_list(s.environment, &s.user, &files);
    assert_true(files.count >= 1);
    assert_string_equal(files.items[0], s.conf);
    assert_null(nvb_containers_conf_find(s.environment, &s.user, "no_such_key"));
    write_text(s.conf, "  # hooks_dirs = []\n[engine]\nno_such_key=[\"/x\"]\n", 0644);
    found = nvb_containers_conf_find(s.environment, &s.user, "no_such_key");
    assert_string_equal(found, s.conf);
    write_text(s.conf, "\t# no_such_key = []\n", 0644);
    assert_null(nvb_containers_conf_find(s.environment, &s.user, "no_such_key"));
    setting_done(&s);
}

static void test_sockets(void **state)
{
    (void)state;
    struct nvb_endpoint endpoint = {.url = (char *)"unix:///run/docker.sock"};
    assert_string_equal(nvb_endpoint_socket(&endpoint), "/run/docker.sock");
    endpoint.url = (char *)"unix:/run/x";
    assert_string_equal(nvb_endpoint_socket(&endpoint), "/run/x");
    endpoint.url = (char *)"tcp://x";
    assert_null(nvb_endpoint_socket(&endpoint));
    endpoint.url = NULL;
    assert_null(nvb_endpoint_socket(&endpoint));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_docker),  cmocka_unit_test(test_docker_lacks),
        cmocka_unit_test(test_desktop), cmocka_unit_test(test_podman),
        cmocka_unit_test(test_kept),    cmocka_unit_test(test_layers),
        cmocka_unit_test(test_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
