#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data/kube_text.h"

static void test_names(void **state)
{
    (void)state;
    static const char *const labels[] = {"a", "a-1", "0", "x0123456789-y"};
    static const char *const none[] = {"", "-a", "a-", "A", "a.b", "a_b", "é", "a/b"};
    for (size_t i = 0; i < NVB_COUNT(labels); i++)
        assert_true(nvb_kube_is_label(labels[i]));
    for (size_t i = 0; i < NVB_COUNT(none); i++)
        assert_false(nvb_kube_is_label(none[i]));
    assert_true(nvb_kube_is_subdomain("a.b-c.d"));
    assert_false(nvb_kube_is_subdomain("a..b"));
    assert_false(nvb_kube_is_subdomain("a."));
    assert_false(nvb_kube_is_subdomain("a/b"));
    assert_true(nvb_kube_is_key("a.b/C_d.e"));
    assert_true(nvb_kube_is_key("C"));
    assert_false(nvb_kube_is_key("/C"));
    assert_false(nvb_kube_is_key("A.b/c"));
    assert_false(nvb_kube_is_key("a/b/c"));
    assert_true(nvb_kube_is_label_value(""));
    assert_false(nvb_kube_is_label_value("a b"));
    assert_true(nvb_kube_is_variable("_A-b.c1"));
    assert_false(nvb_kube_is_variable("1A"));
    assert_false(nvb_kube_is_variable("A B"));
    assert_false(nvb_kube_is_variable(""));
}

static void assert_label(const char *from, size_t max, const char *to)
{
    _cleanup_free_ char *made = nvb_kube_make_label(from, max);
    if (!to) {
        assert_null(made);
        return;
    }
    assert_string_equal(made, to);
    assert_true(nvb_kube_is_label(made));
}

static void test_made_names(void **state)
{
    (void)state;
    assert_label("My_App v2", 63, "my-app-v2");
    assert_label("--a--", 63, "a");
    assert_label("abc-def", 4, "abc");
    assert_label("_", 63, NULL);
    assert_label("", 63, NULL);
    _cleanup_free_ char *product = nvb_kube_make_product(" NVIDIA  A100 (SXM4)/40GB ");
    assert_string_equal(product, "NVIDIA-A100-SXM440GB");
}

/* What Kubernetes' expansion makes of it: "$$" is "$", "$(NAME)" the variable's value. */
static void test_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"$X ${X}", "$X ${X}"}, {"$(X)", "$$(X)"}, {"$$", "$$$"},    {"$$(X)", "$$$$(X)"},
        {"a$", "a$"},           {"$é", "$$é"},     {"$$$", "$$$$$"}, {"", ""},
    };
    for (size_t i = 0; i < NVB_COUNT(cases); i++) {
        _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
        nvb_kube_add_escaped(&s, cases[i].from);
        assert_string_equal(s.data, cases[i].to);
    }
}

static void test_quantities(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } sizes[] = {
        {"100", "100"},         {"1k", "1Ki"},    {"512m", "512Mi"},  {"1.5g", "1536Mi"},
        {"64MiB", "64Mi"},      {"64mb", "64Mi"}, {"0", "0"},         {"1b", "1"},
        {"1048577", "1048577"}, {"2t", "2Ti"},    {"1.5T", "1536Gi"},
    };
    static const char *const none[] = {
        "",    "m", "-1", "1x", "1mm", "1.g", "99999999999999999999g", "18446744073709551615g",
        "1 gg"};
    uint64_t bytes;
    for (size_t i = 0; i < NVB_COUNT(sizes); i++) {
        _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
        assert_int_equal(nvb_kube_parse_size(sizes[i].from, &bytes), 0);
        nvb_kube_add_size(&s, bytes);
        assert_string_equal(s.data, sizes[i].to);
    }
    for (size_t i = 0; i < NVB_COUNT(none); i++)
        assert_int_equal(nvb_kube_parse_size(none[i], &bytes), -1);
}

static void test_durations(void **state)
{
    (void)state;
    uint64_t seconds = 0;
    assert_int_equal(nvb_kube_parse_seconds("1m30s", &seconds), 0);
    assert_int_equal(seconds, 90);
    assert_int_equal(nvb_kube_parse_seconds("0.5m", &seconds), 0);
    assert_int_equal(seconds, 30);
    assert_int_equal(nvb_kube_parse_seconds("2000ms", &seconds), 0);
    assert_int_equal(seconds, 2);
    assert_int_equal(nvb_kube_parse_seconds("0", &seconds), 0);
    assert_int_equal(seconds, 0);
    assert_int_equal(nvb_kube_parse_seconds("500ms", &seconds), 1);
    assert_int_equal(nvb_kube_parse_seconds("1us", &seconds), 1);
    assert_int_equal(nvb_kube_parse_seconds("30", &seconds), -1);
    assert_int_equal(nvb_kube_parse_seconds("", &seconds), -1);
    assert_int_equal(nvb_kube_parse_seconds("1d", &seconds), -1);
    assert_int_equal(nvb_kube_parse_seconds("99999999999h", &seconds), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),     cmocka_unit_test(test_made_names),
        cmocka_unit_test(test_escapes),   cmocka_unit_test(test_quantities),
        cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
