/* The key table and what is made from it; expansion; the hash. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "config/config.h"
#include "config/layers.h"
#include "config/sha256.h"
#include "config/toml.h"

static const char *const built_in[] = {"ai-ml", NULL};

static char *data_folder(const char *rest)
{
    const char *source = getenv("NVB_SOURCE");
    return nvb_strdupf("%s/tests/data/config/%s", source ? source : ".", rest);
}

static void read_file(const char *path, struct nvb_str *ret)
{
    if (nvb_file_read_path(path, (size_t)1 << 20, ret, NULL) != 0)
        fail_msg("cannot read %s", path);
}

/* ---- files with everything that is wrong with them beside them ------------------------------- */

static void add_faults(const struct nvb_faults *faults, struct nvb_str *ret)
{
    nvb_vec_foreach (fault, faults) {
        /* The library's own words change with its version. */
        bool own = !nvb_has_prefix((*fault)->message, "this is not TOML");
        nvb_str_addf(ret, "%u:%u: %s\n", (*fault)->line, (*fault)->column,
                     own ? (*fault)->message : "this is not TOML");
        if ((*fault)->hint)
            nvb_str_addf(ret, "  hint: %s\n", (*fault)->hint);
    }
}

static int compare_places(const void *a, const void *b)
{
    const struct nvb_error *one = *(const struct nvb_error *const *)a;
    const struct nvb_error *two = *(const struct nvb_error *const *)b;
    return one->line < two->line ? -1 : one->line > two->line;
}

static void check_case(const char *path, bool is_project)
{
    _cleanup_free_ char *expected = nvb_strdupf("%.*s.faults", (int)strlen(path) - 5, path);
    _cleanup_faults_ struct nvb_faults faults = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str have = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str want = NVB_STR_INIT;
    _cleanup_doc_ struct nvb_doc doc = {0};
    struct nvb_key_value values[NVB_CONFIG_KEYS] = {0};
    struct nvb_error *err = NULL;
    read_file(path, &text);
    read_file(expected, &want);
    if (nvb_toml_read(text.data, text.len, path, &doc, &err) < 0)
        nvb_vec_push(&faults, err);
    else
        nvb_keys_read(&nvb_config_keys, &doc, path, NVB_LAYER_PROJECT, values, &faults);
    if (is_project)
        nvb_config_check_project(values, NULL, built_in, &faults);
    if (faults.count)
        qsort(faults.items, faults.count, sizeof(*faults.items), compare_places);
    nvb_config_values_done(values);
    add_faults(&faults, &have);
    if (strcmp(have.data, want.data) != 0)
        fail_msg("%s:\n%s--- expected ---\n%s", path, have.data, want.data);
}

static size_t check_folder(const char *name, bool is_project)
{
    _cleanup_free_ char *folder = data_folder(name);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    size_t n = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, entry->d_name);
        if (!nvb_has_suffix(path, ".toml"))
            continue;
        check_case(path, is_project);
        n++;
    }
    (void)closedir(dir);
    return n;
}

static void test_bad_files(void **state)
{
    (void)state;
    assert_true(check_folder("bad", false) >= 30);
}

static void test_untrusted_files(void **state)
{
    (void)state;
    assert_true(check_folder("project", true) >= 10);
}

/* A file that is no configuration at all is told so often, and not half a million times. */
static void test_faults_are_bounded(void **state)
{
    (void)state;
    static const char *const forms[] = {"x%d = 1\n", "'%d', 7,", "A%d = 1\n"};
    static const char *const heads[] = {"[gpu]\n", "[gpu]\ncapabilities = [",
                                        "[runtime.environment]\n"};
    for (size_t i = 0; i < NVB_COUNT(forms); i++) {
        _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
        _cleanup_doc_ struct nvb_doc doc = {0};
        _cleanup_faults_ struct nvb_faults faults = {0};
        struct nvb_key_value values[NVB_CONFIG_KEYS] = {0};
        nvb_str_add(&s, heads[i]);
        const char *mark = strstr(forms[i], "%d");
        for (int n = 0; n < 2000; n++)
            nvb_str_addf(&s, "%.*s%d%s", (int)(mark - forms[i]), forms[i], n, mark + 2);
        nvb_str_add(&s, i == 1 ? "]\n" : "");
        assert_int_equal(nvb_toml_read(s.data, s.len, "t.toml", &doc, NULL), 0);
        nvb_keys_read(&nvb_config_keys, &doc, "t.toml", NVB_LAYER_FILE, values, &faults);
        assert_int_equal(faults.count, NVB_FAULTS_MAX);
        nvb_config_values_done(values);
    }
}

/* The reference document's blocks. */
static void test_documents_blocks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t args, variables, options;
    } blocks[] = {
        {"podman-default.toml", 2, 2, 1},
        {"podman-rootless.toml", 8, 0, 0},
        {"podman-gaming.toml", 0, 10, 0},
    };
    for (size_t i = 0; i < NVB_COUNT(blocks); i++) {
        _cleanup_free_ char *path = data_folder(blocks[i].name);
        struct nvb_config_options options = {.file = path, .uid = 12345};
        struct nvb_config config = {0};
        _cleanup_error_ struct nvb_error *err = NULL;
        if (nvb_config_load(&options, &config, NULL, &err) < 0 &&
            err->kind == NVB_ERROR_PERMISSION) {
            /* The checkout is some user's: read it as that file's content alone. */
            _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
            _cleanup_doc_ struct nvb_doc doc = {0};
            _cleanup_faults_ struct nvb_faults faults = {0};
            read_file(path, &text);
            assert_int_equal(nvb_toml_read(text.data, text.len, path, &doc, NULL), 0);
            nvb_keys_read(&nvb_config_keys, &doc, path, NVB_LAYER_FILE, config.values, &faults);
            assert_int_equal(faults.count, 0);
        } else if (err) {
            fail_msg("%s:%u: %s", path, err->line, err->message);
        }
        assert_int_equal(nvb_config_items(&config, NVB_CONFIG_DEFAULT_ARGS)->count, blocks[i].args);
        assert_int_equal(nvb_config_items(&config, NVB_CONFIG_ENVIRONMENT)->count,
                         blocks[i].variables);
        assert_int_equal(nvb_config_items(&config, NVB_CONFIG_SECURITY_OPTS)->count,
                         blocks[i].options);
        nvb_config_done(&config);
    }
}

/* ---- the table ------------------------------------------------------------------------------ */

static void read_text(const char *text, struct nvb_config *ret)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_faults_ struct nvb_faults faults = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    if (nvb_toml_read(text, strlen(text), "t.toml", &doc, &err) < 0)
        fail_msg("%u: %s\n%s", err->line, err->message, text);
    nvb_keys_read(&nvb_config_keys, &doc, "t.toml", NVB_LAYER_FILE, ret->values, &faults);
    if (faults.count)
        fail_msg("%u: %s\n%s", faults.items[0]->line, faults.items[0]->message, text);
}

static void test_rows_are_whole(void **state)
{
    (void)state;
    assert_int_equal(nvb_config_keys.count, NVB_CONFIG_KEYS);
    for (size_t i = 0; i < nvb_config_keys.count; i++) {
        const struct nvb_key *key = &nvb_config_keys.keys[i];
        assert_non_null(key->name);
        assert_non_null(strchr(key->name, '.'));
        assert_non_null(key->summary);
        assert_non_null(key->example);
        assert_true(nvb_has_suffix(key->summary, "."));
        assert_ptr_equal(nvb_keys_find(&nvb_config_keys, key->name), key);
        if (key->variable)
            assert_true(nvb_has_prefix(key->variable, "NVBIND_"));
        if (key->type == NVB_KEY_LIST || key->type == NVB_KEY_MAP)
            assert_null(key->default_value);
        /* A map is a section of its own and has to be its section's last, or it would take the
         * keys behind it. */
        bool ends = i + 1 == nvb_config_keys.count ||
                    strcspn(key->name, ".") != strcspn(key[1].name, ".") ||
                    strncmp(key->name, key[1].name, strcspn(key->name, ".")) != 0;
        if (key->type == NVB_KEY_MAP)
            assert_true(ends);
        /* A variable that the shell has expanded is not expanded again. */
        assert_false(key->variable && key->expands);
    }
}

/* "init" with every "# " before a key taken away is a sound configuration that sets every key. */
static void test_example_is_sound(void **state)
{
    (void)state;
    _cleanup_str_ struct nvb_str example = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str bare = NVB_STR_INIT;
    _cleanup_strv_ struct nvb_strv lines = {0};
    struct nvb_config config = {0};
    nvb_config_write_example(&example);
    read_text(example.data, &config);
    for (size_t i = 0; i < NVB_CONFIG_KEYS; i++)
        assert_false(config.values[i].is_set);
    nvb_strv_split(&lines, example.data, '\n');
    nvb_vec_foreach (line, &lines) {
        assert_true(strlen(*line) <= 80);
        bool is_key = nvb_has_prefix(*line, "# ") && strstr(*line, " = ");
        nvb_str_addf(&bare, "%s\n", is_key || nvb_has_prefix(*line, "# [") ? *line + 2 : *line);
    }
    read_text(bare.data, &config);
    for (size_t i = 0; i < NVB_CONFIG_KEYS; i++)
        assert_true(config.values[i].is_set);
    nvb_config_done(&config);
}

static void test_show_is_read_back(void **state)
{
    (void)state;
    static const char text[] =
        "[runtime]\ndefault_runtime = 'docker'\ndefault_args = ['a\"b', 'c\\d', '\\n', \"\\n\"]\n"
        "[runtime.environment]\nA = 'ü'\n'b.c' = \"\\u007f\"\n[gpu]\nenable_isolation = true\n"
        "capabilities = []\n";
    for (int with_origin = 0; with_origin < 2; with_origin++) {
        _cleanup_str_ struct nvb_str once = NVB_STR_INIT;
        _cleanup_str_ struct nvb_str twice = NVB_STR_INIT;
        struct nvb_config config = {0};
        struct nvb_config again = {0};
        read_text(text, &config);
        nvb_config_show(&config, with_origin, &once);
        read_text(once.data, &again);
        nvb_config_show(&again, false, &twice);
        if (with_origin) {
            assert_non_null(strstr(once.data, "default_runtime = \"docker\"  # t.toml:2\n"));
            assert_non_null(strstr(once.data, "A = \"ü\"  # t.toml:5\n"));
            assert_non_null(strstr(once.data, "default_selection = \"all\"  # default\n"));
        } else {
            assert_string_equal(once.data, twice.data);
        }
        assert_int_equal(again.values[NVB_CONFIG_CAPABILITIES].is_set, true);
        assert_string_equal(nvb_config_items(&again, NVB_CONFIG_DEFAULT_ARGS)->items[3].text, "\n");
        nvb_config_done(&config);
        nvb_config_done(&again);
    }
}

/* ---- expansion ------------------------------------------------------------------------------ */

static const char *const environment[] = {"HOME=/home/u", "EMPTY=",     "COLON=a:b", "DOLLAR=$HOME",
                                          "_x1=x",        "SPACE=a  b", NULL};

static void assert_expands(const char *text, const char *separators, const char *want)
{
    _cleanup_free_ char *have = NULL;
    _cleanup_free_ char *unset = NULL;
    _cleanup_error_ struct nvb_error *err = NULL;
    assert_int_equal(nvb_expand_check(text, NULL), 0);
    int r = nvb_expand(text, environment, separators, &have, &unset, &err);
    if (r != 0)
        fail_msg("%s: %d %s", text, r, err ? err->message : unset);
    assert_string_equal(have, want);
}

static void assert_unset(const char *text, const char *name)
{
    _cleanup_free_ char *unset = NULL;
    char *have = NULL;
    assert_int_equal(nvb_expand(text, environment, NULL, &have, &unset, NULL), 1);
    assert_null(have);
    assert_string_equal(unset, name);
}

static void assert_no_expansion(const char *text, const char *separators, const char *part)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    char *have = NULL;
    char *unset = NULL;
    assert_int_equal(nvb_expand(text, environment, separators, &have, &unset, &err), -1);
    assert_null(have);
    if (!strstr(err->message, part))
        fail_msg("%s: %s", text, err->message);
}

static void test_expansion(void **state)
{
    (void)state;
    assert_expands("", NULL, "");
    assert_expands("plain", NULL, "plain");
    assert_expands("$HOME/x:${HOME}", NULL, "/home/u/x:/home/u");
    assert_expands("${NO:-x}${EMPTY:-y}${HOME:-z}", NULL, "xy/home/u");
    assert_expands("[$EMPTY]", NULL, "[]");
    assert_expands("${NO:-}", NULL, "");
    assert_expands("${NO:-$HOME/a}", NULL, "/home/u/a");
    assert_expands("${NO:-${NOR:-${HOME}}}!", NULL, "/home/u!");
    assert_expands("${NO:-a$$}", NULL, "a$");
    assert_expands("$_x1$", NULL, "x$");
    assert_expands("5 $ $5 $$HOME $$$HOME", NULL, "5 $ $5 $HOME $/home/u");
    assert_expands("$DOLLAR", NULL, "$HOME"); /* never expanded again */
    assert_expands("$SPACE", NULL, "a  b");   /* never split */
    assert_expands("${HOME:?not used}", NULL, "/home/u");
    assert_unset("a $NO b", "NO");
    assert_unset("${NO}", "NO");
    assert_unset("${NO:-$NOR}", "NOR");
    assert_no_expansion("${NO:?set it}", NULL, "NO is not set: set it");
    assert_no_expansion("${EMPTY:?set it}", NULL, "EMPTY is not set: set it");
    /* A separator comes from the one who wrote the value, never from a variable. */
    assert_expands("$HOME:/x:ro", ":", "/home/u:/x:ro");
    assert_expands("$COLON", ",", "a:b");
    assert_expands("${NO:-a:b}", ":", "a:b");
    assert_no_expansion("$COLON:/x", ":", "another field");
    assert_no_expansion("${COLON:-z}", ":", "another field");
}

static void test_expansion_form(void **state)
{
    (void)state;
    static const char *const bad[] = {"${",     "${A",       "${}",       "${A-x}",
                                      "${A:x}", "${A:+x}",   "${A:=x}",   "${A B}",
                                      "${1}",   "${A:-${B}", "${A:-${}}", "x${"};
    for (size_t i = 0; i < NVB_COUNT(bad); i++) {
        _cleanup_error_ struct nvb_error *err = NULL;
        if (nvb_expand_check(bad[i], &err) != -1)
            fail_msg("'%s' is let through", bad[i]);
        assert_int_equal(err->kind, NVB_ERROR_CONFIG);
    }
    _cleanup_str_ struct nvb_str deep = NVB_STR_INIT;
    for (int i = 0; i < 100000; i++)
        nvb_str_add(&deep, "${A:-");
    for (int i = 0; i < 100000; i++)
        nvb_str_addc(&deep, '}');
    _cleanup_error_ struct nvb_error *err = NULL;
    assert_int_equal(nvb_expand_check(deep.data, &err), -1);
    assert_true(nvb_expand_has_variable("a$$$b"));
    assert_true(nvb_expand_has_variable("${"));
    assert_false(nvb_expand_has_variable("a$$b $ $1 $"));
}

static void test_left_out_entry(void **state)
{
    (void)state;
    struct nvb_config config = {.environment = environment};
    _cleanup_notes_ struct nvb_notes notes = {0};
    _cleanup_error_ struct nvb_error *err = NULL;
    char *text = NULL;
    read_text("[runtime.environment]\nDISPLAY = '$DISPLAY'\nX = '${Y:?say Y}'\n", &config);
    const struct nvb_key_items *items = nvb_config_items(&config, NVB_CONFIG_ENVIRONMENT);
    assert_int_equal(nvb_config_expand(&config, &items->items[0], items->items[0].text, NULL, &text,
                                       &notes, &err),
                     1);
    assert_int_equal(notes.count, 1);
    assert_string_equal(notes.items[0].text,
                        "t.toml:2: 'DISPLAY=$DISPLAY' is left out: DISPLAY is not set");
    assert_int_equal(nvb_config_expand(&config, &items->items[1], items->items[1].text, NULL, &text,
                                       &notes, &err),
                     -1);
    assert_int_equal(err->line, 3);
    assert_string_equal(err->file, "t.toml");
    nvb_config_done(&config);
}

/* ---- SHA-256 -------------------------------------------------------------------------------- */

static void assert_hash(const void *data, size_t len, const char *want)
{
    char hex[NVB_SHA256_HEX + 1];
    nvb_sha256_hex(data, len, hex);
    assert_string_equal(hex, want);
}

/* FIPS 180-4's examples and NIST's long message; 55, 56, 63, 64 and 65 bytes are the padding's
 * edges, their hashes are sha256sum(1)'s. */
static void test_sha256(void **state)
{
    (void)state;
    static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_hash("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_hash(two, sizeof(two) - 1,
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    _cleanup_free_ char *million = nvb_malloc(1000000);
    memset(million, 'a', 1000000);
    assert_hash(million, 1000000,
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_hash(million, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    assert_hash(million, 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
    assert_hash(million, 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
    assert_hash(million, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
    assert_hash(million, 65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0");
    assert_hash(million, 119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb");
    assert_hash(million, 120, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_untrusted_files),
        cmocka_unit_test(test_faults_are_bounded),
        cmocka_unit_test(test_documents_blocks),
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test(test_example_is_sound),
        cmocka_unit_test(test_show_is_read_back),
        cmocka_unit_test(test_expansion),
        cmocka_unit_test(test_expansion_form),
        cmocka_unit_test(test_left_out_entry),
        cmocka_unit_test(test_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
