/* Every recorded host of tests/hosts is laid out and looked at; what is found must be what its
 * expected.txt says, line by line, and the specification that is made of it what its spec.yaml
 * says.
 */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "dump.h"
#include "lay.h"
#include "scratch.h"
#include "spec.h"

/* The first line in which two texts differ, for the message. */
static void fail_at_difference(const char *got, const char *want)
{
    unsigned line = 1;
    for (;; line++) {
        size_t n = strcspn(got, "\n");
        size_t m = strcspn(want, "\n");
        if (n != m || memcmp(got, want, n) != 0 || !got[n] || !want[m])
            fail_msg("line %u: found '%.*s', expected '%.*s'", line, (int)n, got, (int)m, want);
        got += n + 1;
        want += m + 1;
    }
}

/* The text of the recording's file NAME. */
static void read_expected(const char *recording, const char *name, struct nvb_str *ret)
{
    _cleanup_free_ char *file = nvb_strdupf("%s/%s", recording, name);
    if (nvb_file_read_path(file, (size_t)1 << 20, ret, NULL) != 0)
        fail_msg("cannot read %s", file);
}

static void test_recorded_host(void **state)
{
    const char *recording = *state;
    _cleanup_free_ char *readme = nvb_strdupf("%s/README", recording);
    assert_int_equal(access(readme, R_OK), 0);
    _cleanup_str_ struct nvb_str want = NVB_STR_INIT;
    read_expected(recording, "expected.txt", &want);

    char *tree = nvb_scratch_make();
    _cleanup_error_ struct nvb_error *error = NULL;
    _cleanup_str_ struct nvb_str got = NVB_STR_INIT;
    struct nvb_lay_options roots = {0};
    int r = nvb_lay_host(recording, tree, &error);
    if (r == 0)
        r = nvb_lay_read_options(recording, tree, &roots, &error);
    const struct nvb_host_options options = {
        .host_root = tree,
        .driver_root = roots.driver_root,
        .dev_root = roots.dev_root,
    };
    if (r == 0)
        (void)nvb_dump_host(&options, NVB_CAP_ALL, NULL, &got);
    nvb_lay_options_done(&roots);
    nvb_scratch_remove(tree);
    if (r < 0)
        fail_msg("line %u: %s", error->line, error->message);
    if (strcmp(got.data, want.data) != 0)
        fail_at_difference(got.data, want.data);
}

static void test_specification(void **state)
{
    const char *recording = *state;
    _cleanup_str_ struct nvb_str want = NVB_STR_INIT;
    read_expected(recording, "spec.yaml", &want);

    char *tree = nvb_scratch_make();
    _cleanup_error_ struct nvb_error *error = NULL;
    _cleanup_str_ struct nvb_str got = NVB_STR_INIT;
    int r = nvb_dump_spec(recording, tree, &got, &error);
    nvb_scratch_remove(tree);
    if (r < 0)
        fail_msg("line %u: %s", error->line, error->message);
    if (strcmp(got.data, want.data) != 0)
        fail_at_difference(got.data, want.data);
}

int main(void)
{
    const char *source = getenv("NVB_SOURCE");
    if (!source) {
        printf("Bail out! NVB_SOURCE is not set\n");
        return 1;
    }
    _cleanup_free_ char *folder = nvb_strdupf("%s/tests/hosts", source);
    _cleanup_strv_ struct nvb_strv recordings = {0};
    struct NVB_VEC(struct CMUnitTest) tests = {0};
    struct dirent **names = NULL;
    int count = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *list = nvb_strdupf("%s/%s/files.txt", folder, names[i]->d_name);
        if (access(list, F_OK) == 0)
            nvb_strv_addf(&recordings, "%s/%s", folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    nvb_vec_foreach (recording, &recordings) {
        const char *name = strrchr(*recording, '/') + 1;
        nvb_vec_push(&tests, ((struct CMUnitTest){.name = name,
                                                  .test_func = test_recorded_host,
                                                  .initial_state = *recording}));
        nvb_vec_push(&tests, ((struct CMUnitTest){.name = name,
                                                  .test_func = test_specification,
                                                  .initial_state = *recording}));
    }
    if (recordings.count < 16) {
        printf("Bail out! %zu recorded hosts in %s\n", tests.count, folder);
        return 1;
    }
    int r = _cmocka_run_group_tests("recorded hosts", tests.items, tests.count, NULL, NULL);
    nvb_vec_release(&tests);
    return r;
}
