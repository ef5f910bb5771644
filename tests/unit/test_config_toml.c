#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/str.h"
#include "config/toml.h"
#include "data/json.h"

/* ---- places and limits ---------------------------------------------------------------------- */

static void read_good(const char *text, struct nvb_doc *ret)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    if (nvb_toml_read(text, strlen(text), "t.toml", ret, &err) < 0)
        fail_msg("%u:%u: %s", err->line, err->column, err->message);
}

static void assert_fault(const char *text, size_t len, unsigned line, unsigned column,
                         const char *part)
{
    struct nvb_doc doc = {.type = NVB_DOC_INT, .integer = 7};
    _cleanup_error_ struct nvb_error *err = NULL;
    assert_int_equal(nvb_toml_read(text, len, "t.toml", &doc, &err), -1);
    assert_non_null(err);
    assert_int_equal(doc.integer, 7);
    assert_int_equal(err->kind, NVB_ERROR_CONFIG);
    assert_string_equal(err->file, "t.toml");
    if (!strstr(err->message, part))
        fail_msg("'%s' is not in '%s'", part, err->message);
    if (strchr(err->message, '\n'))
        fail_msg("more than one line: '%s'", err->message);
    if (line) {
        assert_int_equal(err->line, line);
        assert_int_equal(err->column, column);
    } else {
        assert_true(err->line > 0 && err->column > 0);
    }
}

static void test_places(void **state)
{
    (void)state;
    _cleanup_doc_ struct nvb_doc doc = {0};
    read_good("# ä comment\n[b]\nz = 1\n  a = [ 'ü', 'x',\n    'y' ]\n\n[a.c]\nd.e = true\n", &doc);
    assert_int_equal(doc.type, NVB_DOC_MAP);
    /* In the order of the file, not of the alphabet. */
    assert_string_equal(doc.map.items[0].key, "b");
    assert_int_equal(doc.map.items[0].line, 2);
    assert_int_equal(doc.map.items[0].column, 2);
    const struct nvb_doc *b = nvb_doc_find(&doc, "b");
    assert_string_equal(b->map.items[0].key, "z");
    const struct nvb_doc *a = nvb_doc_find(b, "a");
    assert_int_equal(b->map.items[1].line, 4);
    assert_int_equal(b->map.items[1].column, 3);
    assert_int_equal(a->line, 4);
    assert_int_equal(a->column, 7);
    assert_int_equal(a->list.items[1].line, 4);
    assert_int_equal(a->list.items[1].column, 14); /* characters, not bytes */
    assert_int_equal(a->list.items[2].line, 5);
    assert_int_equal(a->list.items[2].column, 5);
    const struct nvb_doc *e = nvb_doc_locate(&doc, "a.c.d.e");
    assert_int_equal(e->type, NVB_DOC_BOOL);
    assert_int_equal(e->line, 8);
    assert_int_equal(e->column, 7);
}

static void test_faults(void **state)
{
    (void)state;
    static const char bad_utf8[] = "a = 1\nb = 'ö\xff'\n";
    static const char zero[] = "a = 1\nb = \"x\\u0000\"\n";
    assert_fault(bad_utf8, sizeof(bad_utf8) - 1, 2, 7, "UTF-8");
    assert_fault(zero, sizeof(zero) - 1, 2, 5, "zero byte");
    assert_fault("\"a\\u0000\" = 1", 13, 1, 1, "zero byte");
    assert_fault("[@x]", 4, 0, 0, "");
    assert_fault("[a]\n[a]\n", 8, 2, 1, "redefine");
    assert_fault("a = 1\na = 2\n", 12, 0, 0, "");
    assert_fault("a", 1, 0, 0, "");
    assert_fault("a = \"\"\"x", 8, 0, 0, "");
    assert_fault("a = {", 5, 0, 0, "");
}

static void test_nesting(void **state)
{
    (void)state;
    static const struct {
        const char *before, *again, *after;
    } shapes[] = {{"a = ", "[", ""},     {"a = ", "{ a = ", "1"}, {"", "a.", "a = 1"},
                  {"[", "a.", "a]"},     {"[[", "a.", "a]]"},     {"a = { ", "b.", "b = 1 }"},
                  {"", "'a' . ", "a=1"}, {"a = [1, {", "b.", "b"}};
    for (size_t i = 0; i < NVB_COUNT(shapes); i++) {
        _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
        nvb_str_add(&s, "x = 1\n");
        nvb_str_add(&s, shapes[i].before);
        for (int n = 0; n < 10000; n++)
            nvb_str_add(&s, shapes[i].again);
        nvb_str_add(&s, shapes[i].after);
        assert_fault(s.data, s.len, 0, 0, "32 deep");
    }
    /* Every level of its own is within the bound, all together are not. */
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    for (int n = 0; n < 8; n++)
        nvb_str_add(&s, "a.a.a.a.a = {");
    assert_fault(s.data, s.len, 0, 0, "");
    nvb_str_truncate(&s, 0);
    nvb_str_add(&s, "[a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a]\n"
                    "b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b = 1\n");
    assert_fault(s.data, s.len, 2, 25, "32 deep");
}

static void test_size(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    while (s.len < (size_t)10 << 20)
        nvb_str_add(&s, "# a line of a file that is far too long\n");
    assert_fault(s.data, s.len, 26215, 17, "larger than 1 MiB");
    nvb_str_truncate(&s, NVB_TOML_MAX_BYTES);
    s.data[s.len - 1] = '\n';
    _cleanup_doc_ struct nvb_doc doc = {0};
    read_good(s.data, &doc);
    assert_int_equal(doc.map.count, 0);
}

/* Strings that hold what looks like structure must not be counted as such. */
static void test_scan_knows_strings(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str deep = NVB_STR_INIT;
    for (int i = 0; i < 100; i++)
        nvb_str_add(&deep, "[{a.b.");
    static const char *const forms[] = {
        "a = \"%s\"\nb = 1\n",
        "a = '%s'\nb = 1\n",
        "a = \"\"\"\n%s \\\" \"\" \\\\\"\"\"\"\"\nb = 1\n",
        "a = '''\n%s \"\" '' \\'''''\nb = 1\n",
        "a = 0 # %s ''' \"\"\"\nb = 1\n",
        "\"%s\" = 1\nb = 1\n",
        "a = \"\\\"%s\\\\\"\nb = 1\n",
    };
    for (size_t i = 0; i < NVB_COUNT(forms); i++) {
        const char *mark = strstr(forms[i], "%s");
        _cleanup_free_ char *text =
            nvb_strdupf("%.*s%s%s", (int)(mark - forms[i]), forms[i], deep.data, mark + 2);
        _cleanup_doc_ struct nvb_doc doc = {0};
        read_good(text, &doc);
        assert_non_null(nvb_doc_find(&doc, "b"));
    }
}

/* ---- the cases of toml-test ----------------------------------------------------------------- */

/*
 * Cases that toml++ itself fails, 3.3 or 3.4, by name. A name that fails and does not stand here
 * fails the test; one that stands here and passes, with a newer library, is only said.
 */
static const char *const library_fails[] = {
    NULL, /* none of the 709 */
};

/* Valid TOML that nvbind refuses on purpose: strings and keys with a zero byte. */
static const char *const refused[] = {
    "valid/key/quoted-unicode.toml",
    "valid/string/quoted-unicode.toml",
    "valid/string/unicode-escape.toml",
    NULL,
};

static bool is_listed(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

/* The type as toml-test calls it. */
static const char *type_of(const struct nvb_doc *doc)
{
    switch (doc->type) {
    case NVB_DOC_TEXT:
        return "string";
    case NVB_DOC_INT:
        return "integer";
    case NVB_DOC_REAL:
        return "float";
    case NVB_DOC_BOOL:
        return "bool";
    case NVB_DOC_TIME: {
        const char *t = strchr(doc->text, 'T');
        if (!t)
            return strchr(doc->text, ':') ? "time-local" : "date-local";
        return strpbrk(t, "Z+-") ? "datetime" : "datetime-local";
    }
    default:
        return "none";
    }
}

static bool is_same_real(double have, const char *want)
{
    if (strcmp(want, "nan") == 0)
        return isnan(have);
    if (strstr(want, "inf"))
        return isinf(have) && (have < 0) == (want[0] == '-');
    return have == strtod(want, NULL);
}

/* Without the zeros at the end of the fraction, which both sides are free to write. */
static char *plain_time(const char *text)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    const char *dot = strchr(text, '.');
    size_t head = dot ? (size_t)(dot - text) : strlen(text);
    nvb_str_addn(&s, text, head);
    if (dot) {
        size_t digits = 1 + strspn(dot + 1, "0123456789");
        size_t keep = digits;
        while (keep > 1 && dot[keep - 1] == '0')
            keep--;
        if (keep > 1)
            nvb_str_addn(&s, dot, keep);
        nvb_str_add(&s, dot + digits);
    }
    return nvb_str_steal(&s);
}

static bool is_same_scalar(const struct nvb_doc *have, const char *type, const char *want)
{
    if (strcmp(type_of(have), type) != 0)
        return false;
    if (have->type == NVB_DOC_TEXT)
        return strcmp(have->text, want) == 0;
    if (have->type == NVB_DOC_INT)
        return have->integer == strtoll(want, NULL, 10);
    if (have->type == NVB_DOC_REAL)
        return is_same_real(have->real, want);
    if (have->type == NVB_DOC_BOOL)
        return have->boolean == (strcmp(want, "true") == 0);
    _cleanup_free_ char *a = plain_time(have->text);
    _cleanup_free_ char *b = plain_time(want);
    return strcmp(a, b) == 0;
}

static bool is_same(const struct nvb_doc *have, const struct nvb_doc *want)
{
    const char *type = nvb_doc_find_text(want, "type");
    const char *value = nvb_doc_find_text(want, "value");
    if (type && value && want->map.count == 2 && have->type != NVB_DOC_MAP)
        return is_same_scalar(have, type, value);
    if (have->type != want->type)
        return false;
    if (have->type == NVB_DOC_LIST) {
        if (have->list.count != want->list.count)
            return false;
        for (size_t i = 0; i < have->list.count; i++) {
            if (!is_same(&have->list.items[i], &want->list.items[i]))
                return false;
        }
        return true;
    }
    if (have->type != NVB_DOC_MAP || have->map.count != want->map.count)
        return false;
    nvb_vec_foreach (member, &want->map) {
        const struct nvb_doc *other = nvb_doc_find(have, member->key);
        if (!other || !is_same(other, &member->value))
            return false;
    }
    return true;
}

static bool read_case(const char *folder, const char *name, struct nvb_str *ret)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, name);
    return nvb_file_read_path(path, (size_t)1 << 20, ret, NULL) == 0;
}

static bool passes_valid(const char *folder, const char *name, const struct nvb_str *text)
{
    _cleanup_doc_ struct nvb_doc have = {0};
    _cleanup_doc_ struct nvb_doc want = {0};
    _cleanup_str_ struct nvb_str json = NVB_STR_INIT;
    _cleanup_free_ char *other = nvb_strdupf("%.*s.json", (int)strlen(name) - 5, name);
    if (nvb_toml_read(text->data, text->len, name, &have, NULL) < 0)
        return false;
    if (!read_case(folder, other, &json) ||
        nvb_json_read(json.data, json.len, other, &want, NULL) < 0)
        return false;
    return is_same(&have, &want);
}

static bool passes_invalid(const char *name, const struct nvb_str *text)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    return nvb_toml_read(text->data, text->len, name, &doc, &err) < 0 && err && err->line > 0 &&
           err->column > 0 && err->file;
}

static char *suite_folder(void)
{
    const char *shared = getenv("NVB_SHARED");
    const char *source = getenv("NVB_SOURCE");
    if (shared)
        return nvb_strdupf("%s/toml-test", shared);
    return nvb_strdupf("%s/../shared/toml-test", source ? source : ".");
}

static void test_suite(void **state)
{
    (void)state;
    _cleanup_free_ char *folder = suite_folder();
    _cleanup_str_ struct nvb_str list = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv names = {0};
    if (!read_case(folder, "files-toml-1.0.0", &list)) {
        print_message("# skipped: %s, the cases of toml-test, is not beside the project\n", folder);
        skip();
    }
    nvb_strv_split(&names, list.data, '\n');
    size_t run = 0, failed = 0;
    nvb_vec_foreach (name, &names) {
        _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
        if (!nvb_has_suffix(*name, ".toml"))
            continue;
        assert_true(read_case(folder, *name, &text));
        bool passed = nvb_has_prefix(*name, "valid/") ? passes_valid(folder, *name, &text)
                                                      : passes_invalid(*name, &text);
        bool known = is_listed(library_fails, *name) || is_listed(refused, *name);
        run++;
        if (passed && known)
            print_message("# passes here: %s\n", *name);
        if (!passed && !known) {
            print_message("# fails: %s\n", *name);
            failed++;
        }
    }
    print_message("# %zu cases of toml-test\n", run);
    assert_true(run > 600);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_scan_knows_strings),
        cmocka_unit_test(test_suite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
