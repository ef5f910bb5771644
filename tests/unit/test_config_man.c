/*
 * The manual page's section KEYS is made from the key table. This test holds the two against each
 * other; with NVB_UPDATE=1 in its environment it writes the section anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/str.h"
#include "config/config.h"

/* Appends TEXT with what scdoc would read as markup escaped. */
static void add_plain(struct nvb_str *s, const char *text)
{
    for (; *text; text++) {
        if (strchr("*_\\#", *text))
            nvb_str_addc(s, '\\');
        nvb_str_addc(s, *text);
    }
}

/* Appends TEXT as an indented paragraph of at most 100 columns. */
static void add_paragraph(struct nvb_str *s, const char *text)
{
    size_t column = 0;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, " ");
        if (column == 0 || column + 1 + len > 96) {
            nvb_str_add(s, column ? "\n\t" : "\t");
            column = 4;
        } else {
            nvb_str_addc(s, ' ');
            column++;
        }
        _cleanup_free_ char *word = nvb_strndup(p, len);
        if (*p == '-' || *p == '[') /* at the beginning of a line, a list or a table */
            nvb_str_addc(s, '\\');
        add_plain(s, word);
        column += len;
        p += len + (p[len] == ' ');
    }
    nvb_str_add(s, "\n\n");
}

static const char *trust_of(const struct nvb_key *key)
{
    switch (key->trust) {
    case NVB_KEY_TRUST_FREE:
        return "./nvbind.toml may set it.";
    case NVB_KEY_TRUST_NARROWER:
        return "./nvbind.toml may narrow it.";
    case NVB_KEY_TRUST_BUILTIN:
        return "./nvbind.toml may name compute alone.";
    case NVB_KEY_TRUST_LITERAL:
        return "./nvbind.toml may set some variables, see above.";
    case NVB_KEY_TRUST_NEEDED:
        break;
    }
    return "In ./nvbind.toml it needs trust.";
}

static void add_key(struct nvb_str *s, const struct nvb_key *key)
{
    const char *name = strchr(key->name, '.') + 1;
    _cleanup_str_ struct nvb_str facts = NVB_STR_INIT;
    _cleanup_free_ char *text =
        nvb_strdupf("%s%s%s", key->summary, key->text ? " " : "", key->text ? key->text : "");
    nvb_str_addc(s, '*');
    add_plain(s, name);
    nvb_str_addf(s, "* (%s)\n", nvb_key_type_name(key->type));
    add_paragraph(s, text);
    if (key->default_value)
        nvb_str_addf(&facts, "Default: %s. ", key->default_value);
    if (key->variable)
        nvb_str_addf(&facts, "Environment: %s%s. ", key->variable,
                     key->type == NVB_KEY_LIST ? ", with commas" : "");
    if (key->expands)
        nvb_str_add(&facts, "Variables are expanded. ");
    nvb_str_add(&facts, trust_of(key));
    add_paragraph(s, facts.data);
    if (key->type == NVB_KEY_MAP)
        nvb_str_addf(s, "\tExample, in [%s]: ", key->name);
    else
        nvb_str_add(s, "\tExample: ");
    if (key->type != NVB_KEY_MAP) {
        add_plain(s, name);
        nvb_str_add(s, " = ");
    }
    add_plain(s, key->example);
    nvb_str_add(s, "\n\n");
}

static void write_section(struct nvb_str *s)
{
    nvb_str_add(s, "# KEYS\n\n");
    for (size_t i = 0; i < nvb_config_keys.count; i++) {
        const struct nvb_key *key = &nvb_config_keys.keys[i];
        size_t len = strcspn(key->name, ".") + 1;
        if (i == 0 || strncmp(key->name, key[-1].name, len) != 0)
            nvb_str_addf(s, "## [%.*s]\n\n", (int)len - 1, key->name);
        add_key(s, key);
    }
}

static void test_keys_section(void **state)
{
    (void)state;
    const char *source = getenv("NVB_SOURCE");
    _cleanup_free_ char *path = nvb_strdupf("%s/man/nvbind.toml.5.scd", source ? source : ".");
    _cleanup_str_ struct nvb_str page = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str want = NVB_STR_INIT;
    assert_int_equal(nvb_file_read_path(path, (size_t)1 << 20, &page, NULL), 0);
    const char *begin = strstr(page.data, "\n# KEYS\n");
    const char *end = begin ? strstr(begin, "\n# EXPANSION\n") : NULL;
    assert_non_null(end);
    write_section(&want);
    _cleanup_free_ char *have = nvb_strndup(begin + 1, (size_t)(end - begin));
    const char *update = getenv("NVB_UPDATE");
    if (update && strcmp(update, "1") == 0) {
        _cleanup_free_ char *all =
            nvb_strdupf("%.*s%s%s", (int)(begin + 1 - page.data), page.data, want.data, end + 1);
        assert_int_equal(nvb_file_write(path, all, strlen(all), 0644, NULL), 0);
    } else if (strcmp(have, want.data) != 0) {
        fail_msg("%s does not say what the key table says; NVB_UPDATE=1 writes it anew", path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keys_section)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
