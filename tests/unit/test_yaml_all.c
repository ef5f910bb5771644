/* Other people's YAML: many documents, anchors, merge keys, tags; and hostile files, whose time and
 * memory are measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "data/json.h"
#include "data/yaml.h"

static const struct nvb_yaml_options all = {.aliases = true, .tags = true, .many = true};

/* The documents as JSON, one behind the other. */
static void assert_reads(const char *text, const char *json)
{
    _cleanup_docs_ struct nvb_docs docs = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    if (nvb_yaml_read_all(text, strlen(text), "t", &all, &docs, &err) < 0)
        fail_msg("'%s' is refused: %u:%u: %s", text, err->line, err->column, err->message);
    nvb_vec_foreach (doc, &docs) {
        assert_int_equal(nvb_json_write(doc, NVB_JSON_COMPACT, &out, &err), 0);
        out.data[out.len - 1] = ' ';
    }
    nvb_str_truncate(&out, out.len - 1);
    assert_string_equal(out.data, json);
}

static void assert_refused(const char *text, unsigned line, unsigned column, const char *part)
{
    _cleanup_docs_ struct nvb_docs docs = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    if (nvb_yaml_read_all(text, strlen(text), "some.file", &all, &docs, &err) == 0)
        fail_msg("'%s' is taken", text);
    assert_null(docs.items);
    assert_string_equal(err->file, "some.file");
    if (!strstr(err->message, part))
        fail_msg("'%s': '%s' does not say '%s'", text, err->message, part);
    if (err->line != line || err->column != column)
        fail_msg("'%s': %u:%u instead of %u:%u", text, err->line, err->column, line, column);
}

static void test_documents(void **state)
{
    (void)state;
    assert_reads("a: 1\n---\nb: 2\n--- c\n...\n# d\n", "{\"a\":1} {\"b\":2} \"c\"");
    assert_reads("---\n---\na: 1\n", "null {\"a\":1}");
    assert_reads("%YAML 1.1\n---\na: 1\n...\n%YAML 1.2\n---\nb\n", "{\"a\":1} \"b\"");
    assert_refused("", 1, 1, "empty");
    assert_refused("a: 1\n---\nb: [\n", 4, 1, "did not find");
    /* a name is its document's */
    assert_refused("a: &x 1\n---\nb: *x\n", 3, 4, "'*x' repeats what nothing before it is called");
}

static void test_aliases(void **state)
{
    (void)state;
    assert_reads("a: &x [1, {b: ~}]\nc: *x\nd: [*x, *x]\n",
                 "{\"a\":[1,{\"b\":null}],\"c\":[1,{\"b\":null}],"
                 "\"d\":[[1,{\"b\":null}],[1,{\"b\":null}]]}");
    assert_reads("[&x a, *x, &x b, *x]", "[\"a\",\"a\",\"b\",\"b\"]");
    assert_reads("&k a: b\nc: *k\n? d\n: *k\n", "{\"a\":\"b\",\"c\":\"a\",\"d\":\"a\"}");
    assert_reads("x: &k 0x10\n*k : d\n", "{\"x\":16,\"0x10\":\"d\"}");
    assert_refused("a: *x\n", 1, 4, "'*x' repeats what nothing before it is called");
    assert_refused("a: &x [1, *x]\n", 1, 11, "inside the very value");
    assert_refused("a: &x 1\nb: &x {c: *x}\n", 2, 11, "inside the very value");
    assert_refused("a: &x []\n*x : 1\n", 2, 1, "a key must be a word");
    assert_refused("a: &x 1\n*x : 1\n\"1\": 2\n", 3, 1, "'1' is here a second");
}

static void test_merges(void **state)
{
    (void)state;
    assert_reads("x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\n"
                 "one: {<<: *x, a: 5}\ntwo: {a: 6, <<: [*y, *x]}\nthree: {<<: {d: 7}}\n",
                 "{\"x\":{\"a\":1,\"b\":2},\"y\":{\"b\":3,\"c\":4},\"one\":{\"a\":5,\"b\":2},"
                 "\"two\":{\"a\":6,\"b\":3,\"c\":4},\"three\":{\"d\":7}}");
    /* what is merged in may be merged itself, and named again */
    assert_reads("- &a {k: 1}\n- &b {<<: *a, l: 2}\n- {<<: *b, m: 3}\n- {\"<<\": 1}\n",
                 "[{\"k\":1},{\"l\":2,\"k\":1},{\"m\":3,\"l\":2,\"k\":1},{\"<<\":1}]");
    assert_refused("<<: 1\n", 1, 5, "'<<' takes a map or a list of maps, not a whole number");
    assert_refused("<<: [{}, x]\n", 1, 10, "'<<' takes a map or a list of maps, not a string");
    assert_refused("x: &x {}\ny:\n  <<: *x\n  <<: *x\n", 4, 3, "'<<' is here a second time");
    assert_refused("x: &x {a: 1}\ny: {<<: *x, a: 1, a: 2}\n", 2, 19, "'a' is here a second");
}

static void test_tags(void **state)
{
    (void)state;
    const char *text = "ports: !reset null\nlist: !override\n  - a\nmap: !override {}\n"
                       "word: !reset []\nin: [{x: !override 7}]\n";
    _cleanup_docs_ struct nvb_docs docs = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    assert_int_equal(nvb_yaml_read_all(text, strlen(text), "t", &all, &docs, &err), 0);
    assert_int_equal(docs.count, 1);
    assert_int_equal(nvb_doc_find(&docs.items[0], "ports")->tag, NVB_DOC_RESET);
    assert_int_equal(nvb_doc_find(&docs.items[0], "ports")->type, NVB_DOC_NULL);
    assert_int_equal(nvb_doc_find(&docs.items[0], "list")->tag, NVB_DOC_OVERRIDE);
    assert_int_equal(nvb_doc_locate(&docs.items[0], "in[0].x")->type, NVB_DOC_INT);
    assert_int_equal(docs.items[0].tag, NVB_DOC_NO_TAG);
    /* written and read again it is the same */
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    assert_int_equal(nvb_yaml_write(&docs.items[0], &out, &err), 0);
    assert_string_equal(out.data, "ports: !reset null\nlist: !override\n  - a\nmap: !override {}\n"
                                  "word: !reset []\nin:\n  - x: !override 7\n");
    docs.items[0].tag = NVB_DOC_RESET;
    assert_int_equal(nvb_yaml_write(&docs.items[0], &out, &err), -1);
    assert_non_null(strstr(err->message, "no place for the tag '!reset'"));

    assert_reads(
        "[!!str 1, !!int 2, !!int '3', !!float 4, !!bool yes, !!null ~, !!map {}, !!seq []]",
        "[\"1\",2,3,4.0,true,null,{},[]]");
    assert_refused("a: !!int x\n", 1, 4, "the tag '!!int' is not for a string");
    assert_refused("a: !!binary aGk=\n", 1, 4, "the tag '!!binary' is not for");
    assert_refused("a: !vault x\n", 1, 4, "the tag '!vault' is not for");
    assert_refused("!reset a: x\n", 1, 1, "a key must be a word");
}

/* What is not allowed by the options is as for the strict reader. */
static void test_options(void **state)
{
    (void)state;
    static const struct {
        struct nvb_yaml_options options;
        const char *text;
        const char *part;
    } rows[] = {
        {{.tags = true, .many = true}, "a: &x 1\n", "anchors are not allowed"},
        {{.tags = true, .many = true}, "<<: {}\n", "merge keys are not allowed"},
        {{.aliases = true, .many = true}, "a: !reset 1\n", "tags are not allowed"},
        {{.aliases = true, .tags = true}, "a\n---\nb\n", "a second document"},
    };
    for (size_t i = 0; i < NVB_COUNT(rows); i++) {
        _cleanup_docs_ struct nvb_docs docs = {0};
        _cleanup_error_ struct nvb_error *err = NULL;
        assert_int_equal(nvb_yaml_read_all(rows[i].text, strlen(rows[i].text), "t",
                                           &rows[i].options, &docs, &err),
                         -1);
        assert_non_null(strstr(err->message, rows[i].part));
        assert_true(err->line > 0 && err->column > 0);
    }
}

/* ---- hostile files --------------------------------------------------------------------------- */

static void add_times(struct nvb_str *s, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        nvb_str_add(s, text);
}

static void fill(struct nvb_str *s, size_t len, const char *text)
{
    size_t step = strlen(text);
    size_t start = s->len;
    nvb_str_addn(s, text, step);
    nvb_str_grow(s, len);
    while (s->len - start < len) {
        size_t n = s->len - start;
        nvb_str_addn(s, s->data + start, n < len - n ? n : len - n);
    }
    nvb_str_truncate(s, start + len / step * step);
}

static void make_laughs(struct nvb_str *s)
{
    nvb_str_add(s, "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (int i = 1; i < 10; i++) {
        nvb_str_addf(s, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            nvb_str_addf(s, "*a%d, ", i - 1);
        nvb_str_add(s, "]\n");
    }
}

static void make_merges(struct nvb_str *s)
{
    nvb_str_add(s, "a0: &a0 {");
    for (int i = 0; i < 5000; i++)
        nvb_str_addf(s, "k%d: 1, ", i);
    nvb_str_add(s, "}\n");
    for (int i = 1; i < 1000; i++)
        nvb_str_addf(s, "a%d: &a%d {<<: [*a%d, *a0], x%d: 1}\n", i, i, i - 1, i);
}

static void make_long_text(struct nvb_str *s)
{
    nvb_str_add(s, "a: &a \"");
    fill(s, (size_t)1 << 20, "x");
    nvb_str_add(s, "\"\nb: [");
    add_times(s, 100000, "*a, ");
    nvb_str_add(s, "]\n");
}

static void make_tower(struct nvb_str *s)
{
    nvb_str_add(s, "- &a0 [x]\n");
    for (int i = 1; i < 1000; i++)
        nvb_str_addf(s, "- &a%d [*a%d]\n", i, i - 1);
}

static void make_anchors(struct nvb_str *s)
{
    for (int i = 0; i < 200000; i++)
        nvb_str_addf(s, "- &a%d x\n", i);
}

static void make_directives(struct nvb_str *s)
{
    for (int i = 0; i < 900000; i++)
        nvb_str_addf(s, "%%TAG !%d! x\n", i);
    nvb_str_add(s, "--- a\n");
}

static void make_keys(struct nvb_str *s)
{
    for (int i = 0; s->len < ((size_t)15 << 20); i++)
        nvb_str_addf(s, "%0800d%07d: &a x\n", 0, i);
}

static const struct {
    const char *name;
    void (*make)(struct nvb_str *s);
    const char *unit; /* repeated to the size, where nothing makes it */
    size_t size;
    const char *part; /* of the error; NULL: it is taken */
} hostile[] = {
    {"billion laughs", make_laughs, NULL, 0, "too many values"},
    {"merges of merges", make_merges, NULL, 0, "too many values"},
    {"a long text, repeated", make_long_text, NULL, 0, "too much text"},
    {"a tower of aliases", make_tower, NULL, 0, "nested too deep"},
    {"anchors", make_anchors, NULL, 0, "too many anchors"},
    {"one anchor", NULL, "- &a x\n", 16 << 20, "too many values"},
    {"directives", make_directives, NULL, 0, "too many %TAG"},
    {"long keys", make_keys, NULL, 0, NULL},
    {"100 MiB", NULL, "- a\n", 100 << 20, "too large"},
    {"deep: [", NULL, "[", 100000, "nested too deep"},
    {"deep: {a:", NULL, "{a: ", 400000, "nested too deep"},
    {"deep: -", NULL, "- ", 200000, "nested too deep"},
    {"deep: ?", NULL, "? ", 200000, "a key must be a word"},
    {"deep: &a [", NULL, "&a [", 400000, "nested too deep"},
    {"wide: x", NULL, "- x\n", 16 << 20, "too many values"},
    {"wide: []", NULL, "- []\n", 16 << 20, "too many values"},
    {"wide: [x]", NULL, "- [x]\n", 16 << 20, "too many values"},
    {"wide: {a: x}", NULL, "- {a: x}\n", 16 << 20, "too many values"},
    {"wide: text", NULL, "- 0123456789012345678901234567890123456789\n", 16 << 20,
     "too many values"},
    {"documents", NULL, "---\n", 16 << 20, "too many values"},
    {"one plain text", NULL, "a", 16 << 20, "a text of more than 4 MiB"},
    {"one plain text of words", NULL, "a ", 16 << 20, "a text of more than 4 MiB"},
    {"one plain text of lines", NULL, "a\n", 16 << 20, "a text of more than 4 MiB"},
    {"a comment", NULL, "#", 16 << 20, "empty"},
    {"spaces", NULL, " ", 16 << 20, "empty"},
    {"newlines", NULL, "\n", 16 << 20, "empty"},
    {"an anchor's name", NULL, "&aaaaaaaaaaaaaaaa", 16 << 20, "did not find"},
    {"keys in a row", NULL, "a: ", 16 << 20, "not allowed in this context"},
    {"colons", NULL, ":", 16 << 20, "a text of more than 4 MiB"},
    {"quotes", NULL, "''", 16 << 20, "a text of more than 4 MiB"},
    {"commas", NULL, "[,", 16 << 20, "did not find expected"},
};

/* In a process of its own, so that time and memory are those of the one file. */
static int read_hostile(size_t row)
{
    struct nvb_str s = NVB_STR_INIT;
    if (hostile[row].make)
        hostile[row].make(&s);
    else
        fill(&s, hostile[row].size, hostile[row].unit);
    int fd = memfd_create("hostile.yaml", 0);
    if (fd < 0 || nvb_write_all(fd, s.data, s.len) < 0)
        return 2;
    nvb_str_done(&s);
    _cleanup_free_ char *path = nvb_strdupf("/proc/self/fd/%d", fd);

    pid_t child = fork();
    if (child == 0) {
        struct nvb_docs docs = {0};
        struct nvb_error *err = NULL;
        int r = nvb_yaml_read_path(path, &all, &docs, &err);
        if (r < 0 && (err->line == 0 || err->column == 0 || !hostile[row].part ||
                      !strstr(err->message, hostile[row].part))) {
            fprintf(stderr, "%s: %u:%u: %s\n", hostile[row].name, err->line, err->column,
                    err->message);
            _exit(1);
        }
        _exit(r == 0 && hostile[row].part ? 3 : 0);
    }
    int status;
    struct rusage used;
    pid_t got = wait4(child, &status, 0, &used);
    if (got != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return 1;
    double seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    if (getenv("NVB_TEST_FIGURES"))
        fprintf(stderr, "%-26s %6.3f s %6ld KiB\n", hostile[row].name, seconds, used.ru_maxrss);
#ifndef __SANITIZE_ADDRESS__
    if (seconds > 1.0 || used.ru_maxrss > 64 << 10) {
        fprintf(stderr, "%s: %.3f s, %ld KiB\n", hostile[row].name, seconds, used.ru_maxrss);
        return 4;
    }
#endif
    return 0;
}

static void test_hostile(void **state)
{
    (void)state;
    int failed = 0;
    for (size_t i = 0; i < NVB_COUNT(hostile); i++) {
        fflush(NULL);
        int status;
        pid_t child = fork();
        if (child == 0)
            _exit(read_hostile(i));
        assert_int_equal(waitpid(child, &status, 0), child);
        if (status != 0) {
            fprintf(stderr, "%s: status %x\n", hostile[i].name, (unsigned)status);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents), cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_merges),    cmocka_unit_test(test_tags),
        cmocka_unit_test(test_options),   cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
