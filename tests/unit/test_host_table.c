/* The words for capabilities, and the rules that every row of the driver's tables keeps. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/driver_table.h"
#include "host/host.h"

/* ---- capabilities ------------------------------------------------------------------------------
 */

static void test_capabilities(void **state)
{
    (void)state;
    unsigned set = 12345;
    assert_int_equal(nvb_capabilities_parse("compute,utility", &set, NULL), 0);
    assert_int_equal(set, NVB_CAP_COMPUTE | NVB_CAP_UTILITY);
    assert_int_equal(nvb_capabilities_parse("utility,compute,compute", &set, NULL), 0);
    assert_int_equal(set, NVB_CAP_COMPUTE | NVB_CAP_UTILITY);
    assert_int_equal(nvb_capabilities_parse("all", &set, NULL), 0);
    assert_int_equal(set, NVB_CAP_ALL);

    static const char *const bad[] = {"", "comput", "compute,", "compute utility", "ALL", "gpu"};
    for (size_t i = 0; i < NVB_COUNT(bad); i++) {
        _cleanup_error_ struct nvb_error *error = NULL;
        set = 77;
        assert_int_equal(nvb_capabilities_parse(bad[i], &set, &error), -1);
        assert_int_equal(set, 77);
        assert_int_equal(error->kind, NVB_ERROR_USAGE);
        assert_non_null(error->hint);
    }
    _cleanup_error_ struct nvb_error *error = NULL;
    assert_int_equal(nvb_capabilities_parse("compute,utilty", &set, &error), -1);
    assert_string_equal(error->message, "'utilty' is not a driver capability");
    assert_string_equal(error->hint, "did you mean 'utility'?");
}

static void test_capabilities_are_written_as_read(void **state)
{
    (void)state;
    for (unsigned set = 0; set <= NVB_CAP_ALL; set++) {
        _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
        nvb_capabilities_format(set, &text);
        unsigned again = ~set;
        if (set == 0) {
            assert_string_equal(text.data, "");
            continue;
        }
        assert_int_equal(nvb_capabilities_parse(text.data, &again, NULL), 0);
        assert_int_equal(again, set);
    }
}

static void test_the_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < nvb_driver_library_count; i++) {
        const struct nvb_driver_library *row = &nvb_driver_libraries[i];
        assert_true(nvb_has_prefix(row->stem, "lib"));
        assert_null(strstr(row->stem, ".so"));
        assert_true(row->capabilities != 0 && (row->capabilities & ~NVB_CAP_ANY) == 0);
        assert_true(!row->soname || nvb_has_prefix(row->soname, ".so."));
        assert_true(row->soname || !row->own_version);
        assert_ptr_equal(nvb_driver_library_find(row->stem, strlen(row->stem)), row);
    }
    for (size_t i = 0; i < nvb_driver_place_count; i++) {
        const struct nvb_driver_place *row = &nvb_driver_places[i];
        assert_true(row->capabilities != 0 && (row->capabilities & ~NVB_CAP_ANY) == 0);
        assert_int_not_equal(row->name[0], '/');
        for (size_t k = 0; row->folders[k]; k++)
            assert_int_equal(row->folders[k][0], '/');
        assert_non_null(row->folders[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_capabilities_are_written_as_read),
        cmocka_unit_test(test_the_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
