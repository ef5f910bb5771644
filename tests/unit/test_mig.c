/* MIG devices: what simulate makes of words, and what discovery finds of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/host.h"
#include "host/simulate.h"
#include "scratch.h"

static char *scratch; /* a folder of this run */

static int set_up(void **state)
{
    (void)state;
    scratch = nvb_scratch_make();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    nvb_scratch_remove(scratch);
    return 0;
}

static int simulate_mig(const char *folder, unsigned gpus, const char *mig, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv specs = {0};
    nvb_strv_split(&specs, mig, ' ');
    struct nvb_simulate_options options = {folder, gpus, NVB_SIMULATE_DRIVER, NVB_SIMULATE_RUN,
                                           &specs};

    return nvb_simulate_write(&options, err);
}

/* What discovery finds of the GPUs cut by MIG, as "0: 1/0 5/0, 1: 7/0". */
static char *find_migs(const char *folder)
{
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    struct nvb_str s = NVB_STR_INIT;

    struct nvb_host_options options = {.host_root = folder};
    if (nvb_host_open(&options, &host, &err) < 0 || nvb_host_find_gpus(&host, &gpus, &err) < 0)
        fail_msg("%s", err->message);
    nvb_vec_foreach (gpu, &gpus) {
        assert_int_equal(gpu->is_cut, gpu->migs.count > 0);
        if (gpu->is_cut)
            nvb_str_addf(&s, "%s%u:", s.len ? ", " : "", gpu->index);
        for (size_t i = 0; i < gpu->migs.count; i++) {
            const struct nvb_mig *mig = &gpu->migs.items[i];
            assert_int_equal(mig->index, i);
            assert_null(mig->uuid);
            assert_int_equal(mig->nodes.count, 2);
            assert_int_equal(mig->nodes.items[0].role, NVB_NODE_MIG_GI);
            assert_int_equal(mig->nodes.items[1].role, NVB_NODE_MIG_CI);
            nvb_vec_foreach (node, &mig->nodes) {
                assert_true(node->present);
                assert_int_equal(node->mode & 0777, 0444);
            }
            nvb_str_addf(&s, " %u/%u", mig->gi, mig->ci);
        }
    }
    return nvb_str_steal(&s);
}

static char *in_scratch(const char *name)
{
    return nvb_strdupf("%s/%s", scratch, name);
}

static void assert_refused(int rc, const struct nvb_error *err, const char *message)
{
    assert_int_equal(rc, -1);
    assert_int_equal(err->kind, NVB_ERROR_USAGE);
    if (!strstr(err->message, message))
        fail_msg("'%s' does not say '%s'", err->message, message);
    assert_non_null(err->hint);
}

static void test_migs_are_found(void **state)
{
    static const char *const table[][2] = {
        {"0:1g.5gb", "0: 7/0"},
        /* NVIDIA's MIG User Guide shows these three with 1, 5 and 13, however they were asked for.
         */
        {"0:4g.20gb,2g.10gb,1g.5gb", "0: 1/0 5/0 13/0"},
        {"0:1g.5gb,4g.20gb,2g.10gb", "0: 1/0 5/0 13/0"},
        {"0:7x1g.5gb 1:7g.40gb", "0: 7/0 8/0 9/0 10/0 11/0 12/0 13/0, 1: 0/0"},
        {"all:2x3g.20gb", "0: 1/0 2/0, 1: 1/0 2/0, 2: 1/0 2/0"},
        {"1-2:3g.20gb/3", "1: 1/0 1/1 1/2, 2: 1/0 1/1 1/2"},
        {"2:1g.10gb,1g.10gb,3x1g.5gb", "2: 3/0 4/0 11/0 12/0 13/0"},
        {"2:3x2g.10gb,1g.5gb", "2: 3/0 4/0 5/0 13/0"},
    };
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(table); i++) {
        _cleanup_free_ char *folder = in_scratch("mig");
        _cleanup_error_ struct nvb_error *err = NULL;
        if (simulate_mig(folder, 3, table[i][0], &err) < 0)
            fail_msg("%s: %s", table[i][0], err->message);
        _cleanup_free_ char *found = find_migs(folder);
        assert_string_equal(found, table[i][1]);
    }
}

static void test_refused_migs(void **state)
{
    static const char *const table[][2] = {
        {"", "does not begin with a GPU"},
        {"1g.5gb", "does not begin with a GPU"},
        {"x:1g.5gb", "does not begin with a GPU"},
        {"0-:1g.5gb", "does not begin with a GPU"},
        {"3:1g.5gb", "'3' is not among the 3 GPUs"},
        {"2-1:1g.5gb", "'2-1' is not among the 3 GPUs"},
        {"0:", "'' is no profile"},
        {"0:1g.6gb", "'1g.6gb' is no profile"},
        {"0:1g.5gb,", "'' is no profile"},
        {"0:0x1g.5gb", "is not 1 to 7 instances"},
        {"0:8x1g.5gb", "is not 1 to 7 instances"},
        {"0:99999999999999999999x1g.5gb", "is not 1 to 7 instances"},
        {"0:3g.20gb/4", "more compute instances"},
        {"0:3g.20gb/0", "more compute instances"},
        {"0:3g.20gb/", "more compute instances"},
        {"0:7x1g.5gb,1g.5gb", "does not fit"},
        {"0:4g.20gb,4g.20gb", "does not fit"},
        {"0:5x1g.10gb", "does not fit"},
        {"0:4x2g.10gb", "does not fit"},
    };
    (void)state;
    _cleanup_free_ char *folder = in_scratch("refused");
    for (size_t i = 0; i < NVB_COUNT(table); i++) {
        _cleanup_error_ struct nvb_error *err = NULL;
        int refused = simulate_mig(folder, 3, table[i][0], &err);
        assert_refused(refused, err, table[i][1]);
        assert_int_not_equal(access(folder, F_OK), 0);
    }
    _cleanup_error_ struct nvb_error *twice = NULL;
    int rc = simulate_mig(folder, 3, "0:1g.5gb all:1g.5gb", &twice);
    assert_refused(rc, twice, "names GPU 0 twice");
    _cleanup_error_ struct nvb_error *high = NULL;
    rc = simulate_mig(folder, 64, "32:1g.5gb", &high);
    assert_refused(rc, high, "no GPU beyond 31");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_migs_are_found),
        cmocka_unit_test(test_refused_migs),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
