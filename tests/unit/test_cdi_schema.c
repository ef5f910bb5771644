/*
 * What we write, against the CDI project's own JSON schema. The schema is not ours and not kept
 * here: it is read from $NVB_SHARED, or from ../shared beside the project, and where there is none
 * these tests are skipped. Of JSON Schema (draft 7) what that schema uses is understood; a word
 * that is not fails the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "base/process.h"
#include "cdi/build.h"
#include "cdi/codec.h"
#include "cdi/validate.h"
#include "data/json.h"
#include "host/simulate.h"

static char *folder; /* of the schema, or NULL */
static struct nvb_doc schema, defs;

static const char *problem; /* what check() did not like, a constant */

static bool check(const struct nvb_doc *rule, const struct nvb_doc *value);

static bool complain(const char *what)
{
    problem = what;
    return false;
}

static bool has_type(const struct nvb_doc *value, const char *type)
{
    if (strcmp(type, "object") == 0)
        return value->type == NVB_DOC_MAP;
    if (strcmp(type, "array") == 0)
        return value->type == NVB_DOC_LIST;
    if (strcmp(type, "string") == 0)
        return value->type == NVB_DOC_TEXT;
    if (strcmp(type, "boolean") == 0)
        return value->type == NVB_DOC_BOOL;
    if (strcmp(type, "integer") == 0)
        return value->type == NVB_DOC_INT || value->type == NVB_DOC_UINT;
    fail_msg("the schema has a type '%s', which this test does not know", type);
    return false;
}

static bool check_required(const struct nvb_doc *names, const struct nvb_doc *value)
{
    nvb_vec_foreach (name, &names->list) {
        if (!nvb_doc_find(value, name->text))
            return complain(name->text);
    }
    return true;
}

static bool check_properties(const struct nvb_doc *properties, const struct nvb_doc *value)
{
    nvb_vec_foreach (property, &properties->map) {
        const struct nvb_doc *member = nvb_doc_find(value, property->key);
        if (member && !check(&property->value, member))
            return false;
    }
    return true;
}

/* The one pattern is "any key". */
static bool check_pattern(const struct nvb_doc *patterns, const struct nvb_doc *value)
{
    assert_int_equal(patterns->map.count, 1);
    assert_string_equal(patterns->map.items[0].key, ".{1,}");
    nvb_vec_foreach (member, &value->map) {
        if (*member->key && !check(&patterns->map.items[0].value, &member->value))
            return false;
    }
    return true;
}

static bool check_reference(const char *reference, const struct nvb_doc *value)
{
    const char *name = strrchr(reference, '/');
    const struct nvb_doc *rule = nvb_doc_find(nvb_doc_find(&defs, "definitions"), name + 1);
    assert_non_null(rule);
    return check(rule, value);
}

static double number_of(const struct nvb_doc *doc)
{
    return doc->type == NVB_DOC_UINT   ? (double)doc->natural
           : doc->type == NVB_DOC_REAL ? doc->real
                                       : (double)doc->integer;
}

static bool check_word(const char *word, const struct nvb_doc *rule, const struct nvb_doc *value)
{
    static const char *const remarks[] = {"description", "$schema", "definitions", "ref"};
    if (strcmp(word, "type") == 0)
        return has_type(value, rule->text) || complain(rule->text);
    if (strcmp(word, "$ref") == 0)
        return check_reference(rule->text, value);
    if (strcmp(word, "required") == 0)
        return value->type != NVB_DOC_MAP || check_required(rule, value);
    if (strcmp(word, "properties") == 0)
        return value->type != NVB_DOC_MAP || check_properties(rule, value);
    if (strcmp(word, "patternProperties") == 0)
        return value->type != NVB_DOC_MAP || check_pattern(rule, value);
    if (strcmp(word, "minimum") == 0)
        return number_of(value) >= number_of(rule) || complain("minimum");
    if (strcmp(word, "maximum") == 0)
        return number_of(value) <= number_of(rule) || complain("maximum");
    if (strcmp(word, "items") == 0) {
        for (size_t i = 0; value->type == NVB_DOC_LIST && i < value->list.count; i++) {
            if (!check(rule, &value->list.items[i]))
                return false;
        }
        return true;
    }
    for (size_t i = 0; i < NVB_COUNT(remarks); i++) {
        if (strcmp(word, remarks[i]) == 0)
            return true;
    }
    fail_msg("the schema says '%s', which this test does not know", word);
    return false;
}

static bool check(const struct nvb_doc *rule, const struct nvb_doc *value)
{
    nvb_vec_foreach (word, &rule->map) {
        if (!check_word(word->key, &word->value, value))
            return false;
    }
    return true;
}

static int read_json(const char *path, struct nvb_doc *ret)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (nvb_file_read_path(path, NVB_DOC_MAX_BYTES, &text, &err) != 0)
        return -1;
    return nvb_json_read(text.data, text.len, path, ret, &err);
}

static int find_schema(void **state)
{
    (void)state;
    const char *shared = getenv("NVB_SHARED");
    const char *source = getenv("NVB_SOURCE");
    _cleanup_free_ char *beside = nvb_strdupf("%s/../shared", source ? source : ".");
    _cleanup_free_ char *found = nvb_strdupf("%s/cdi-schema", shared ? shared : beside);
    _cleanup_free_ char *main_file = nvb_strdupf("%s/schema.json", found);
    _cleanup_free_ char *defs_file = nvb_strdupf("%s/defs.json", found);
    if (read_json(main_file, &schema) < 0 || read_json(defs_file, &defs) < 0) {
        print_message("# skipped: no CDI schema in %s; NVB_SHARED names the folder above it\n",
                      found);
        return 0;
    }
    folder = TAKE_PTR(found);
    return 0;
}

static int drop_schema(void **state)
{
    (void)state;
    nvb_doc_done(&schema);
    nvb_doc_done(&defs);
    free(folder);
    return 0;
}

/* SPEC as JSON must be good by the schema, and as YAML read back the same. */
static void assert_good(const struct nvb_cdi_spec *spec)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc doc = {0};
    assert_int_equal(nvb_cdi_validate(spec, &err), 0);
    assert_int_equal(nvb_cdi_write(spec, NVB_CDI_JSON, &text, &err), 0);
    assert_int_equal(nvb_json_read(text.data, text.len, "spec", &doc, &err), 0);
    if (!check(&schema, &doc))
        fail_msg("the schema refuses (%s): %s", problem, text.data);
}

static void test_their_files(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool good;
    } cases[] = {
        {"testdata/good/minimal.json", true},
        {"testdata/good/spec-example.json", true},
        {"testdata/bad/empty.json", false},
        {"testdata/bad/explicit-empty.json", false},
    };
    if (!folder)
        skip();
    for (size_t i = 0; i < NVB_COUNT(cases); i++) {
        _cleanup_error_ struct nvb_error *err = NULL;
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, cases[i].path);
        _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
        _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
        _cleanup_doc_ struct nvb_doc doc = {0};
        assert_int_equal(nvb_file_read_path(path, NVB_DOC_MAX_BYTES, &text, &err), 0);
        int r = nvb_cdi_read(text.data, text.len, NVB_CDI_JSON, path, &spec, &err);
        if (r == 0)
            r = nvb_cdi_validate(&spec, &err);
        assert_int_equal(r, cases[i].good ? 0 : -1);
        /* The checker in this file agrees with the schema's authors. */
        bool is_json = nvb_json_read(text.data, text.len, path, &doc, NULL) == 0;
        assert_int_equal(is_json && check(&schema, &doc), cases[i].good);
        if (cases[i].good)
            assert_good(&spec);
    }
}

static void test_checker_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"cdiVersion\":1,\"kind\":\"a\",\"devices\":[]}",
        "{\"cdiVersion\":\"1\",\"kind\":\"a\",\"devices\":[{\"name\":\"x\"}]}",
        "{\"cdiVersion\":\"1\",\"kind\":\"a\",\"devices\":[],\"annotations\":{\"a\":1}}",
        "{\"cdiVersion\":\"1\",\"kind\":\"a\",\"devices\":[],\"containerEdits\":"
        "{\"additionalGids\":[4294967296]}}",
        "{\"cdiVersion\":\"1\",\"kind\":\"a\",\"devices\":[],\"containerEdits\":"
        "{\"mounts\":[{\"hostPath\":\"/a\"}]}}",
    };
    if (!folder)
        skip();
    for (size_t i = 0; i < NVB_COUNT(bad); i++) {
        _cleanup_doc_ struct nvb_doc doc = {0};
        assert_int_equal(nvb_json_read(bad[i], strlen(bad[i]), "bad", &doc, NULL), 0);
        assert_false(check(&schema, &doc));
    }
}

static void remove_tree(const char *path)
{
    char *argv[] = {(char *)"rm", (char *)"-rf", (char *)path, NULL};
    char *envp[] = {NULL};
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    int status = -1;
    assert_int_equal(
        nvb_process_capture("/bin/rm", argv, envp, 20000, 4096, &out, NULL, &status, NULL), 0);
    assert_int_equal(status, 0);
}

static void test_what_we_build(void **state)
{
    (void)state;
    _cleanup_error_ struct nvb_error *err = NULL;
    char place[] = "/tmp/nvbind-schema.XXXXXX";
    if (!folder)
        skip();
    assert_non_null(mkdtemp(place));
    static const enum nvb_simulate_layout layouts[] = {NVB_SIMULATE_RUN, NVB_SIMULATE_DEBIAN};
    static const unsigned counts[] = {1, 8};
    for (unsigned i = 0; i < 8; i++) {
        _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
        _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
        _cleanup_free_ char *root = nvb_strdupf("%s/%u", place, i);
        const struct nvb_simulate_options simulate = {
            .folder = root,
            .gpus = counts[i & 1],
            .version = NVB_SIMULATE_DRIVER,
            .layout = layouts[i >> 1 & 1],
        };
        const struct nvb_host_options roots = {.host_root = root};
        const struct nvb_cdi_build_options options = {
            .hook = i & 4 ? "/usr/libexec/nvbind/nvbind-hook" : NULL,
            .naming = NVB_CDI_BY_INDEX | NVB_CDI_BY_UUID | NVB_CDI_BY_TYPE_INDEX,
        };
        assert_int_equal(nvb_simulate_write(&simulate, &err), 0);
        assert_int_equal(nvb_host_open(&roots, &host, &err), 0);
        if (nvb_cdi_build(&host, &options, &spec, NULL, &err) < 0)
            fail_msg("%s", err->message);
        assert_int_equal(spec.devices.count, 3 * simulate.gpus + 1);
        assert_int_equal(spec.edits.hooks.count, options.hook ? 1 : 0);
        assert_good(&spec);
    }
    remove_tree(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_their_files),
        cmocka_unit_test(test_checker_refuses),
        cmocka_unit_test(test_what_we_build),
    };
    return cmocka_run_group_tests(tests, find_schema, drop_schema);
}
