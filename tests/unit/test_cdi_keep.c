/* What is kept of a specification between two runs, and the facts that say whether it still holds;
 * which engine takes which version. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cdi/codec.h"
#include "cdi/compact.h"
#include "cdi/consumer.h"
#include "cdi/diff.h"
#include "cdi/witness.h"
#include "host/simulate.h"
#include "scratch.h"

static const char text[] =
    "{\"cdiVersion\":\"0.5.0\",\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":\"0\","
    "\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/a\",\"hostPath\":\"/host/a\","
    "\"permissions\":\"rw\"},{\"path\":\"/dev/b\"}]}},{\"name\":\"all\",\"containerEdits\":{"
    "\"env\":[\"A=b c\"]}}],\"containerEdits\":{\"env\":[\"X=\"],\"mounts\":[{\"hostPath\":\"/m\","
    "\"containerPath\":\"/n\",\"options\":[\"ro\",\"bind\"]},{\"hostPath\":\"/o\","
    "\"containerPath\":\"/p\"}],\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"/h\","
    "\"args\":[\"h\",\"\",\"x y\"],\"env\":[\"L=C\"]}]}}";

static void read_spec(const char *json, struct nvb_cdi_spec *ret)
{
    assert_int_equal(nvb_cdi_read(json, strlen(json), NVB_CDI_JSON, "t", ret, NULL), 0);
}

static void test_kept_and_read_back(void **state)
{
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    _cleanup_cdi_spec_ struct nvb_cdi_spec back = {0};
    _cleanup_str_ struct nvb_str kept = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str before = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str after = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv lines = {0};
    (void)state;
    read_spec(text, &spec);
    assert_int_equal(nvb_cdi_compact_write(&spec, &kept), 0);
    assert_int_equal(nvb_cdi_compact_read(kept.data, kept.len, &back), 0);
    assert_int_equal(nvb_cdi_write(&spec, NVB_CDI_JSON, &before, NULL), 0);
    assert_int_equal(nvb_cdi_write(&back, NVB_CDI_JSON, &after, NULL), 0);
    assert_string_equal(before.data, after.data);
    nvb_cdi_diff(&back, &spec, &lines);
    assert_int_equal(lines.count, 0);
    /* Cut anywhere, or with a byte of another value, it is refused or read: never a crash. */
    for (size_t i = 0; i < kept.len; i++) {
        for (int c = 0; c < 3; c++) {
            _cleanup_cdi_spec_ struct nvb_cdi_spec other = {0};
            const char saved = kept.data[i];
            kept.data[i] = "\n\tD"[c];
            (void)nvb_cdi_compact_read(kept.data, kept.len, &other);
            kept.data[i] = saved;
        }
        _cleanup_cdi_spec_ struct nvb_cdi_spec cut = {0};
        (void)nvb_cdi_compact_read(kept.data, i, &cut);
    }
    assert_int_equal(nvb_cdi_compact_read("", 0, &back), 1);
}

static void test_what_is_not_kept(void **state)
{
    static const char *const edits[] = {
        "{\"env\":[\"A=\\t\"]}",
        "{\"env\":[\"A=\\n\"]}",
        "{\"deviceNodes\":[{\"path\":\"/a\",\"major\":1}]}",
        "{\"deviceNodes\":[{\"path\":\"/a\",\"type\":\"c\"}]}",
        "{\"mounts\":[{\"hostPath\":\"/a\",\"containerPath\":\"/a\",\"type\":\"bind\"}]}",
        "{\"additionalGids\":[1]}",
        "{\"intelRdt\":{\"closID\":\"x\"}}",
        "{\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"/h\",\"timeout\":3}]}",
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(edits); i++) {
        _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
        _cleanup_str_ struct nvb_str kept = NVB_STR_INIT;
        _cleanup_free_ char *json =
            nvb_strdupf("{\"cdiVersion\":\"0.7.0\",\"kind\":\"a/b\",\"devices\":[{\"name\":\"0\","
                        "\"containerEdits\":%s}]}",
                        edits[i]);
        read_spec(json, &spec);
        assert_int_equal(nvb_cdi_compact_write(&spec, &kept), 1);
        assert_int_equal(kept.len, 0);
    }
}

/* ---- facts ---- */

static void look_at(const char *tree, struct nvb_host *host, struct nvb_gpus *gpus)
{
    const struct nvb_host_options options = {.host_root = tree};
    assert_int_equal(nvb_host_open(&options, host, NULL), 0);
    assert_int_equal(nvb_host_find_gpus(host, gpus, NULL), 0);
}

static void test_facts(void **state)
{
    static const char *const folders[] = {"/usr/lib", "/not/there", "/usr/lib/with blank", "/run"};
    char *tree = nvb_scratch_make();
    _cleanup_free_ char *made = nvb_strdupf("%s/host", tree);
    _cleanup_free_ char *blank = nvb_strdupf("%s/usr/lib/with blank", made);
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    _cleanup_str_ struct nvb_str facts = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str soon = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv looked = {0};
    _cleanup_free_ char *why = NULL;
    const struct nvb_simulate_options options = {
        .folder = made,
        .gpus = 2,
        .version = NVB_SIMULATE_DRIVER,
    };
    struct timespec started;
    (void)state;
    assert_int_equal(nvb_simulate_write(&options, NULL), 0);
    assert_int_equal(mkdir(blank, 0755), 0);
    for (size_t i = 0; i < NVB_COUNT(folders); i++)
        nvb_strv_add(&looked, folders[i]);
    look_at(made, &host, &gpus);
    /* What has just changed may change again within the same tick of the clock. */
    assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &started), 0);
    assert_int_equal(nvb_cdi_witness_write(&host, &gpus, &looked, &started, "# ", &soon), 1);
    assert_int_equal(soon.len, 0);
    (void)usleep(60000);
    assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &started), 0);
    assert_int_equal(nvb_cdi_witness_write(&host, &gpus, &looked, &started, "# ", &facts), 0);
    assert_non_null(strstr(facts.data, "# driver /usr/lib/with%20blank "));
    assert_non_null(strstr(facts.data, "# driver /not/there -\n"));
    assert_null(strstr(facts.data, " /run "));
    nvb_str_add(&facts, "cdiVersion: 0.5.0\n");
    assert_true(nvb_cdi_witness_holds(facts.data, facts.len, "# ", &host, &why));
    assert_null(why);
    assert_false(nvb_cdi_witness_holds("", 0, "# ", &host, NULL));
    assert_false(nvb_cdi_witness_holds("# facts 2\n", 10, "# ", &host, NULL));
    assert_false(nvb_cdi_witness_holds("# facts 1\n# x\n", 14, "# ", &host, NULL));
    /* Cut anywhere but at a line's end it does not hold, or has fewer lines: never a crash. */
    for (size_t i = 0; i < facts.len; i++)
        (void)nvb_cdi_witness_holds(facts.data, i, "# ", &host, NULL);
    assert_int_equal(rmdir(blank), 0);
    assert_false(nvb_cdi_witness_holds(facts.data, facts.len, "# ", &host, &why));
    assert_non_null(strstr(why, "has changed"));
    nvb_scratch_remove(tree);
}

/* ---- engines ---- */

static void assert_cap(const char *engine, const char *cap)
{
    _cleanup_cdi_consumers_ struct nvb_cdi_consumers consumers = {0};
    const struct nvb_user user = {0};
    char *environment[] = {NULL};
    assert_int_equal(nvb_cdi_consumers_parse(engine, environment, &user, &consumers, NULL), 0);
    assert_int_equal(consumers.count, 1);
    if (cap)
        assert_string_equal(consumers.items[0].cap, cap);
    else
        assert_null(consumers.items[0].cap);
}

static void test_caps(void **state)
{
    static const struct {
        const char *engine, *cap;
    } rows[] = {
        {"podman@4.0", NULL},
        {"podman@4.1", "0.4.0"},
        {"podman@4.3.1", "0.5.0"},
        {"podman@4.9.3", "0.6.0"},
        {"podman@5.0", "0.6.0"},
        {"podman@5.1", "0.7.0"},
        {"podman@5.4.2", "0.8.0"},
        {"podman@5.8", "1.0.0"},
        {"podman@6.1.1", "1.0.0"},
        {"docker@20.10", NULL},
        {"docker@25", "0.6.0"},
        {"docker@26.0", "0.6.0"},
        {"docker@26.1.5", "0.7.0"},
        {"docker@27.4", "0.7.0"},
        {"docker@27.5", "0.8.0"},
        {"docker@28", "0.8.0"},
        {"docker@28.2.2", "1.0.0"},
        {"docker@29.2", "1.1.0"},
        {"containerd@1.6", NULL},
        {"containerd@1.7", "0.5.0"},
        {"containerd@1.7.25", "0.7.0"},
        {"containerd@1.7.27", "0.8.0"},
        {"containerd@2.0.4", "0.8.0"},
        {"containerd@2.0.5", "1.0.0"},
        {"containerd@2.2.0", "1.0.0"},
        {"containerd@2.3", "1.1.0"},
        {"crio@1.26", NULL},
        {"cri-o@1.27", "0.5.0"},
        {"crio@1.29", "0.6.0"},
        {"crio@1.32", "0.8.0"},
        {"crio@1.34", "1.0.0"},
        {"crio@1.35", "1.1.0"},
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(rows); i++)
        assert_cap(rows[i].engine, rows[i].cap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_and_read_back),
        cmocka_unit_test(test_what_is_not_kept),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
