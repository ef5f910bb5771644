#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "data/json.h"
#include "data/utf8.h"
#include "data/yaml.h"

typedef int reader(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                   struct nvb_error **err);

/* Reads what must be readable and returns it in one line of JSON. */
static char *read_back(reader *read, const char *text)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_doc_ struct nvb_doc doc = {0};
    struct nvb_str out = NVB_STR_INIT;
    if (read(text, strlen(text), "t", &doc, &err) < 0)
        fail_msg("'%s' is refused: %u:%u: %s", text, err->line, err->column, err->message);
    assert_int_equal(nvb_json_write(&doc, NVB_JSON_COMPACT, &out, &err), 0);
    nvb_str_truncate(&out, out.len - 1);
    return nvb_str_steal(&out);
}

static void assert_reads(reader *read, const char *text, const char *json)
{
    _cleanup_free_ char *got = read_back(read, text);
    assert_string_equal(got, json);
}

static void assert_refused_n(reader *read, const char *text, size_t len, unsigned line,
                             unsigned column, const char *part)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    struct nvb_doc doc = {.type = NVB_DOC_INT, .integer = 77};
    if (read(text, len, "some.file", &doc, &err) == 0) {
        nvb_doc_done(&doc);
        fail_msg("'%.*s' is taken", (int)len, text);
    }
    assert_int_equal(doc.type, NVB_DOC_INT); /* untouched */
    assert_int_equal(doc.integer, 77);
    assert_int_equal(err->kind, NVB_ERROR_CONFIG);
    assert_string_equal(err->file, "some.file");
    if (!strstr(err->message, part))
        fail_msg("'%.*s': '%s' does not say '%s'", (int)len, text, err->message, part);
    if (err->line != line || err->column != column)
        fail_msg("'%.*s': %u:%u instead of %u:%u", (int)len, text, err->line, err->column, line,
                 column);
}

static void assert_refused(reader *read, const char *text, unsigned line, unsigned column,
                           const char *part)
{
    assert_refused_n(read, text, strlen(text), line, column, part);
}

static const char *const good_json[] = {
    "null",
    "true",
    " false ",
    "0",
    "-0",
    "-1",
    "1.5",
    "1e3",
    "1E+2",
    "-2.25e-2",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "\"\"",
    "\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"",
    "\"\\u00e4\\u20ac\\ud83d\\ude00\"",
    "\"ä€😀\"",
    "[]",
    "[1, [2, [3]], {}]",
    "{}",
    "{\"a\": 1, \"b\": {\"c\": [true, null]}, \"\": 0}\n",
    "\t[\r\n1 ]",
};

static void compare_with_json_c(const char *text)
{
    struct json_tokener *tokener = json_tokener_new();
    /* In its strict mode json-c 0.18 refuses every byte beyond ASCII, as if it were a control. */
    bool ascii = true;
    for (const char *p = text; *p; p++)
        ascii = ascii && (unsigned char)*p < 0x80;
    json_tokener_set_flags(tokener, ascii ? JSON_TOKENER_STRICT : 0);
    struct json_object *theirs = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
    assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
    _cleanup_free_ char *ours = read_back(nvb_json_read, text);
    struct json_object *again = json_tokener_parse(ours);
    if (!json_object_equal(theirs, again))
        fail_msg("'%s' is '%s' here and '%s' there", text, ours,
                 json_object_to_json_string(theirs));
    json_object_put(theirs);
    json_object_put(again);
    json_tokener_free(tokener);
}

static void test_json_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < NVB_COUNT(good_json); i++)
        compare_with_json_c(good_json[i]);
    assert_reads(nvb_json_read, "[18446744073709551615, -9223372036854775808]",
                 "[18446744073709551615,-9223372036854775808]");
    assert_reads(nvb_json_read, "[18446744073709551616]", "[1.8446744073709552e+19]");
    assert_reads(nvb_json_read, "[0.1, 1e100, 1.0]", "[0.1,1e+100,1.0]");
}

static void test_json_bad(void **state)
{
    (void)state;
    assert_refused(nvb_json_read, "", 1, 1, "ends too early");
    assert_refused(nvb_json_read, "  \n ", 2, 2, "ends too early");
    assert_refused(nvb_json_read, "{", 1, 2, "name in double quotes");
    assert_refused(nvb_json_read, "{a: 1}", 1, 2, "name in double quotes");
    assert_refused(nvb_json_read, "{'a': 1}", 1, 2, "name in double quotes");
    assert_refused(nvb_json_read, "{\"a\" 1}", 1, 6, "a colon is missing");
    assert_refused(nvb_json_read, "{\n  \"ä\": 1,\n}", 3, 1, "name in double quotes");
    assert_refused(nvb_json_read, "[1,]", 1, 4, "not a value");
    assert_refused(nvb_json_read, "[1 2]", 1, 4, "a comma");
    assert_refused(nvb_json_read, "[1]]", 1, 4, "something follows");
    assert_refused(nvb_json_read, "// x\n1", 1, 1, "not a value");
    assert_refused(nvb_json_read, "nul", 1, 1, "not a value");
    assert_refused(nvb_json_read, "truex", 1, 5, "something follows");
    assert_refused(nvb_json_read, "01", 1, 2, "something follows");
    assert_refused(nvb_json_read, "-", 1, 2, "not a number");
    assert_refused(nvb_json_read, "1.", 1, 3, "digits");
    assert_refused(nvb_json_read, ".5", 1, 1, "not a value");
    assert_refused(nvb_json_read, "1e", 1, 3, "digits");
    assert_refused(nvb_json_read, "+1", 1, 1, "not a value");
    assert_refused(nvb_json_read, "NaN", 1, 1, "not a value");
    assert_refused(nvb_json_read, "1e999", 1, 1, "too large");
    assert_refused(nvb_json_read, "\"abc", 1, 5, "has no end");
    assert_refused(nvb_json_read, "\"ab\\", 1, 4, "escape");
    assert_refused(nvb_json_read, "\"a\nb\"", 1, 3, "control character");
    assert_refused(nvb_json_read, "\"\\x41\"", 1, 2, "escape");
    assert_refused(nvb_json_read, "\"\\u12g4\"", 1, 2, "escape");
    assert_refused(nvb_json_read, "\"\\ud800\"", 1, 2, "escape");
    assert_refused(nvb_json_read, "\"\\ud800\\u0041\"", 1, 2, "escape");
    assert_refused(nvb_json_read, "\"\\udc00\"", 1, 2, "escape");
    assert_refused(nvb_json_read, "\"\\u0000\"", 1, 1, "zero character");
    assert_refused(nvb_json_read, "{\"\\u0000\":1}", 1, 2, "zero character");
    assert_refused(nvb_json_read, "[\"a\",\n \"\xff\"]", 2, 3, "UTF-8");
    assert_refused(nvb_json_read, "\"\xc0\x80\"", 1, 2, "UTF-8");
    assert_refused(nvb_json_read, "\"\xed\xa0\x80\"", 1, 2, "UTF-8");
    assert_refused(nvb_json_read, "\xef\xbb\xbf{}", 1, 1, "not a value");
    assert_refused_n(nvb_json_read, "1\0", 2, 1, 2, "something follows");
    assert_refused(nvb_json_read, "{\"a\": 1,\n \"b\": 2,\n \"a\": 3}", 3, 2,
                   "'a' is here a second");
    assert_refused(nvb_json_read, "[{\"k\":{\"x\":1,\"\\u0078\":2}}]", 1, 14,
                   "'x' is here a second");
}

static void test_json_limits(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    for (int i = 0; i < NVB_DOC_MAX_DEPTH; i++)
        nvb_str_addc(&s, '[');
    for (int i = 0; i < NVB_DOC_MAX_DEPTH; i++)
        nvb_str_addc(&s, ']');
    assert_reads(nvb_json_read, s.data, s.data);
    nvb_str_truncate(&s, 0);
    for (int i = 0; i < 1000000; i++)
        nvb_str_addc(&s, '[');
    assert_refused(nvb_json_read, s.data, 1, NVB_DOC_MAX_DEPTH + 1, "nested too deep");
    nvb_str_truncate(&s, 0);
    nvb_str_addc(&s, '[');
    for (size_t i = 0; i <= NVB_DOC_MAX_NODES; i++)
        nvb_str_add(&s, "0,");
    assert_refused(nvb_json_read, s.data, 1, (unsigned)NVB_DOC_MAX_NODES * 2, "too many values");
    nvb_str_grow(&s, NVB_DOC_MAX_BYTES + 2);
    memset(s.data, ' ', NVB_DOC_MAX_BYTES + 1);
    assert_refused_n(nvb_json_read, s.data, NVB_DOC_MAX_BYTES + 1, 1, 1, "too large");
    /* Many keys, none twice, in one line: neither quadratic in the keys nor in the columns. */
    nvb_str_truncate(&s, 0);
    nvb_str_addc(&s, '{');
    for (int i = 0; i < 200000; i++)
        nvb_str_addf(&s, "\"%d\":0,", i);
    nvb_str_add(&s, "\"0\":1}");
    assert_refused(nvb_json_read, s.data, 1, (unsigned)s.len - 5, "'0' is here a second time");
}

static void test_json_writes(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_add(&words, "one");
    nvb_doc_put_text(&doc, "text", "a\"\\\n\t\001\x7fä\xc2\x85\xe2\x80\xa8\xf4\x8f\xbf\xbf");
    nvb_doc_put_strv(&doc, "list", &words);
    nvb_doc_set_list(nvb_doc_put(&doc, "none"));
    nvb_doc_set_map(nvb_doc_put(&doc, "empty"));
    nvb_doc_put_uint(&doc, "most", UINT64_MAX);
    nvb_doc_put_bool(&doc, "yes", true);
    nvb_doc_put_text(&doc, "nothing", NULL);
    assert_int_equal(nvb_json_write(&doc, NVB_JSON_INDENTED, &s, &err), 0);
    assert_string_equal(s.data, "{\n"
                                "  \"text\": \"a\\\"\\\\\\n\\t\\u0001\\u007fä\\u0085\\u2028"
                                "\xf4\x8f\xbf\xbf\",\n"
                                "  \"list\": [\n    \"one\"\n  ],\n"
                                "  \"none\": [],\n"
                                "  \"empty\": {},\n"
                                "  \"most\": 18446744073709551615,\n"
                                "  \"yes\": true,\n"
                                "  \"nothing\": null\n"
                                "}\n");
    compare_with_json_c(s.data);

    size_t before = s.len;
    nvb_doc_set_text(&doc, "caf\xe9");
    assert_int_equal(nvb_json_write(&doc, NVB_JSON_COMPACT, &s, &err), -1);
    assert_non_null(strstr(err->message, "not UTF-8"));
    assert_int_equal(nvb_yaml_write(&doc, &s, &err), -1);
    nvb_doc_set_real(&doc, __builtin_inf());
    assert_int_equal(nvb_json_write(&doc, NVB_JSON_COMPACT, &s, &err), -1);
    assert_int_equal(s.len, before);
}

static void test_yaml_good(void **state)
{
    (void)state;
    assert_reads(nvb_yaml_read, "a: 1\nb:\n  - x\n  - {c: [true, ~]}\n# end\n",
                 "{\"a\":1,\"b\":[\"x\",{\"c\":[true,null]}]}");
    assert_reads(nvb_yaml_read, "---\n'a': \"b\\n\"\n...\n", "{\"a\":\"b\\n\"}");
    assert_reads(nvb_yaml_read, "%YAML 1.2\n---\nx: |\n  two\n  lines\n",
                 "{\"x\":\"two\\nlines\\n\"}");
    assert_reads(nvb_yaml_read, "[yes, No, on, y, 'yes', !!str yes]",
                 "[true,false,true,true,\"yes\",\"yes\"]");
    assert_reads(nvb_yaml_read, "[0, 0777, 0o17, 0x1F, 0b11, 1_000, -5, +5, 09, 1.5, .5, 1e3]",
                 "[0,511,15,31,3,1000,-5,5,9.0,1.5,0.5,1000.0]");
    assert_reads(nvb_yaml_read, "[18446744073709551615, -9223372036854775808, 0x, 1.2.3, 1-2, e5]",
                 "[18446744073709551615,-9223372036854775808,\"0x\",\"1.2.3\",\"1-2\",\"e5\"]");
    assert_reads(nvb_yaml_read, "{1: a, true: b}", "{\"1\":\"a\",\"true\":\"b\"}");
    assert_reads(nvb_yaml_read, "\xef\xbb\xbf{a: ä}", "{\"a\":\"ä\"}");
    for (size_t i = 0; i < NVB_COUNT(good_json); i++) {
        /* YAML indents by spaces alone and has no surrogate pairs. */
        if (strchr(good_json[i], '\t') || strstr(good_json[i], "\\ud"))
            continue;
        _cleanup_free_ char *json = read_back(nvb_json_read, good_json[i]);
        assert_reads(nvb_yaml_read, good_json[i], json);
    }
}

static void test_yaml_bad(void **state)
{
    (void)state;
    assert_refused(nvb_yaml_read, "", 1, 1, "empty");
    assert_refused(nvb_yaml_read, "# only a comment\n", 2, 1, "empty");
    assert_refused(nvb_yaml_read, "a: &x 1\n", 1, 4, "anchors");
    assert_refused(nvb_yaml_read, "a: *x\n", 1, 4, "aliases");
    assert_refused(nvb_yaml_read, "*x : 1\n", 1, 1, "aliases");
    assert_refused(nvb_yaml_read, "a: [1, &b {c: 1}]\n", 1, 8, "anchors");
    assert_refused(nvb_yaml_read, "<<: {a: 1}\n", 1, 1, "merge");
    assert_refused(nvb_yaml_read, "a: !!binary aGk=\n", 1, 4, "tags");
    assert_refused(nvb_yaml_read, "a: !x {}\n", 1, 4, "tags");
    assert_refused(nvb_yaml_read, "? [a]\n: 1\n", 1, 3, "a key must be a word");
    assert_refused(nvb_yaml_read, "a: 1\n---\nb: 1\n", 2, 1, "a second document");
    assert_refused(nvb_yaml_read, "a: 1\nb: 2\n\"a\": 3\n", 3, 1, "'a' is here a second");
    assert_refused(nvb_yaml_read, "a: [1\n", 2, 1, "did not find expected");
    assert_refused(nvb_yaml_read, "a: 1\n\tb: 2\n", 2, 1, "tab character");
    assert_refused(nvb_yaml_read, "a: \"\\0\"\n", 1, 4, "zero character");
    assert_refused(nvb_yaml_read, "a: x\nb: \xff\n", 2, 4, "UTF-8");
    assert_refused_n(nvb_yaml_read, "\xff\xfe{\0}\0", 6, 1, 1, "UTF-8");
    assert_refused(nvb_yaml_read, "a: \x01\n", 1, 1, "control characters");
}

static void test_yaml_limits(void **state)
{
    (void)state;
    static const char *const openers[] = {"[", "{", "- ", "? ", "{a: ", "[{"};
    for (size_t i = 0; i < NVB_COUNT(openers); i++) {
        _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
        _cleanup_error_ struct nvb_error *err = NULL;
        struct nvb_doc doc = {0};
        for (int n = 0; n < 200000; n++)
            nvb_str_add(&s, openers[i]);
        assert_int_equal(nvb_yaml_read(s.data, s.len, "t", &doc, &err), -1);
    }
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    for (int i = 0; i <= NVB_DOC_MAX_DEPTH; i++)
        nvb_str_addf(&s, "%*sa:\n", i, "");
    assert_refused(nvb_yaml_read, s.data, NVB_DOC_MAX_DEPTH + 1, NVB_DOC_MAX_DEPTH + 1,
                   "nested too deep");
    nvb_str_truncate(&s, 0);
    for (size_t i = 0; i <= NVB_YAML_MAX_NODES; i++)
        nvb_str_add(&s, "- 0\n");
    assert_refused(nvb_yaml_read, s.data, (unsigned)NVB_YAML_MAX_NODES, 3, "too many values");
}

static void test_yaml_quotes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool plain;
    } cases[] = {
        {"void", true},
        {"nvidia.com/gpu", true},
        {"/dev/nvidia0", true},
        {"A=b,c", true},
        {"GPU-0a1b", true},
        {"NVIDIA_VISIBLE_DEVICES=void", true},
        {"yes", false},
        {"No", false},
        {"ON", false},
        {"off", false},
        {"y", false},
        {"N", false},
        {"true", false},
        {"null", false},
        {"NULL", false},
        {"~", false},
        {"", false},
        {"0", false},
        {"0777", false},
        {"0.5.0", false},
        {"1e3", false},
        {"0x1f", false},
        {".inf", false},
        {"2026-01-01", false},
        {"- a", false},
        {"a: b", false},
        {"a #b", false},
        {"a:", false},
        {" a", false},
        {"a ", false},
        {"*a", false},
        {"&a", false},
        {"!a", false},
        {"%a", false},
        {"@a", false},
        {"'a'", false},
        {"\"a\"", false},
        {"a\nb", false},
        {"ä", false},
        {"\x7f", false},
        {"\xc2\x85", false},
        {"\xef\xbb\xbf", false},
        {"<<", false},
        {"=", false},
        {"[a]", false},
        {"12:30:45", false},
        {"a\\b", false},
        {"\xf0\x9f\x98\x80", false},
    };
    for (size_t i = 0; i < NVB_COUNT(cases); i++) {
        _cleanup_error_ struct nvb_error *err = NULL;
        _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
        _cleanup_doc_ struct nvb_doc doc = {0};
        _cleanup_doc_ struct nvb_doc back = {0};
        nvb_doc_set_text(nvb_doc_put(&doc, cases[i].text), cases[i].text);
        assert_int_equal(nvb_yaml_write(&doc, &s, &err), 0);
        if (cases[i].plain == (s.data[0] == '"'))
            fail_msg("'%s' is written as %s", cases[i].text, s.data);
        assert_int_equal(nvb_yaml_read(s.data, s.len, "t", &back, &err), 0);
        assert_string_equal(back.map.items[0].key, cases[i].text);
        assert_int_equal(back.map.items[0].value.type, NVB_DOC_TEXT);
        assert_string_equal(back.map.items[0].value.text, cases[i].text);
    }
}

static void test_yaml_writes(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc doc = {0};
    const char *json = "{\"a\":[{\"b\":1,\"c\":[[1,2],[],{}]},null],\"d\":{\"e\":{\"f\":-1.5}}}";
    assert_int_equal(nvb_json_read(json, strlen(json), "t", &doc, &err), 0);
    assert_int_equal(nvb_yaml_write(&doc, &s, &err), 0);
    assert_string_equal(s.data, "a:\n"
                                "  - b: 1\n"
                                "    c:\n"
                                "      - - 1\n"
                                "        - 2\n"
                                "      - []\n"
                                "      - {}\n"
                                "  - null\n"
                                "d:\n"
                                "  e:\n"
                                "    f: -1.5\n");
    assert_reads(nvb_yaml_read, s.data, json);
}

static void test_places(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    const char *texts[] = {"{\n \"ä\": [1,\n  {\"b\": true}]}", "ä:\n- 1\n-   b: true\n"};
    for (size_t i = 0; i < 2; i++) {
        _cleanup_doc_ struct nvb_doc doc = {0};
        reader *read = i ? nvb_yaml_read : nvb_json_read;
        assert_int_equal(read(texts[i], strlen(texts[i]), "t", &doc, &err), 0);
        const struct nvb_doc *found = nvb_doc_locate(&doc, "ä[1].b");
        assert_int_equal(found->type, NVB_DOC_BOOL);
        assert_int_equal(found->line, 3);
        assert_int_equal(found->column, i ? 8 : 9);
        assert_ptr_equal(nvb_doc_locate(&doc, "ä[1].c.d"), nvb_doc_locate(&doc, "ä[1]"));
        assert_ptr_equal(nvb_doc_locate(&doc, "ä[7]"), nvb_doc_find(&doc, "ä"));
        assert_ptr_equal(nvb_doc_locate(&doc, "x"), &doc);
        assert_ptr_equal(nvb_doc_locate(&doc, "[x"), &doc);
        assert_null(nvb_doc_find(nvb_doc_find(&doc, "x"), "y"));
        assert_null(nvb_doc_find_text(&doc, "ä"));
    }
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t code;
    } cases[] = {
        {"$", 0x24},
        {"\x7f", 0x7f},
        {"\xc2\x80", 0x80},
        {"\xdf\xbf", 0x7ff},
        {"\xe0\xa0\x80", 0x800},
        {"\xef\xbf\xbf", 0xffff},
        {"\xed\x9f\xbf", 0xd7ff},
        {"\xf0\x90\x80\x80", 0x10000},
        {"\xf4\x8f\xbf\xbf", 0x10ffff},
    };
    for (size_t i = 0; i < NVB_COUNT(cases); i++) {
        uint32_t code = 0;
        size_t len = strlen(cases[i].text);
        assert_int_equal(nvb_utf8_read(cases[i].text, len, &code), len);
        assert_int_equal(code, cases[i].code);
        for (size_t n = 0; n < len; n++)
            assert_int_equal(nvb_utf8_read(cases[i].text, n, &code), 0);
    }
    assert_int_equal(nvb_utf8_check("a\xf4\x90\x80\x80", 5), 1);
    assert_int_equal(nvb_utf8_check("ab\x80", 3), 2);
    assert_int_equal(nvb_utf8_check("\xe0\x9f\xbf", 3), 0);
    assert_int_equal(nvb_utf8_check("\xed\xa0\x80", 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_good),   cmocka_unit_test(test_json_bad),
        cmocka_unit_test(test_json_limits), cmocka_unit_test(test_json_writes),
        cmocka_unit_test(test_yaml_good),   cmocka_unit_test(test_yaml_bad),
        cmocka_unit_test(test_yaml_limits), cmocka_unit_test(test_yaml_quotes),
        cmocka_unit_test(test_yaml_writes), cmocka_unit_test(test_places),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
