/* Every recorded host of tests/hosts is laid out and looked at; what is found must be what its
 * expected.txt says, line by line. */

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

static void test_recorded_host(void **state)
{
    const char *recording = *state;
    _cleanup_free_ char *readme = nvb_strdupf("%s/README", recording);
    assert_int_equal(access(readme, R_OK), 0);
    _cleanup_free_ char *file = nvb_strdupf("%s/expected.txt", recording);
    _cleanup_str_ struct nvb_str want = NVB_STR_INIT;
    assert_int_equal(nvb_file_read_path(file, (size_t)1 << 20, &want, NULL), 0);

    char *tree = nvb_scratch_make();
    _cleanup_error_ struct nvb_error *error = NULL;
    _cleanup_str_ struct nvb_str got = NVB_STR_INIT;
    int r = nvb_lay_host(recording, tree, &error);
    if (r == 0)
        (void)nvb_dump_host(tree, NVB_CAP_ALL, NULL, &got);
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
    for (size_t i = 0; i < recordings.count; i++)
        nvb_vec_push(&tests, ((struct CMUnitTest){.name = strrchr(recordings.items[i], '/') + 1,
                                                  .test_func = test_recorded_host,
                                                  .initial_state = recordings.items[i]}));
    if (tests.count < 6) {
        printf("Bail out! %zu recorded hosts in %s\n", tests.count, folder);
        return 1;
    }
    int r = _cmocka_run_group_tests("recorded hosts", tests.items, tests.count, NULL, NULL);
    nvb_vec_release(&tests);
    return r;
}
