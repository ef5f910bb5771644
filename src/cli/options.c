#include <string.h>

#include "base/nearest.h"
#include "cli/cli.h"

static size_t table_length(const struct nvb_cli_option *table)
{
    size_t n = 0;
    while (table[n].name)
        n++;
    return n;
}

static int unknown_option(const struct nvb_cli_option *table, size_t count, const char *word,
                          struct nvb_error **err)
{
    const char **names = nvb_calloc(count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = table[i].name;
    _cleanup_free_ char *name = nvb_strndup(word, strcspn(word, "="));
    const char *near = nvb_has_prefix(name, "--") ? nvb_nearest(name + 2, names) : NULL;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "unknown option '%s'", name);
    if (near)
        (void)nvb_error_hint(err, "did you mean --%s?", near);
    free(names);
    return -1;
}

struct reader {
    const struct nvb_cli_option *table;
    size_t count;
    int argc;
    char **argv;
    int next;
    struct nvb_cli_values *values;
};

/* Stores the value of option INDEX: the text behind "=" or the letter, or else the next word. */
static int take_value(struct reader *r, size_t index, const char *inline_value, const char *word,
                      struct nvb_error **err)
{
    const struct nvb_cli_option *option = &r->table[index];
    if (!option->value) {
        if (inline_value)
            return nvb_error_make(err, NVB_ERROR_USAGE, 0, "option --%s takes no value",
                                  option->name);
        nvb_strv_add(&r->values->values[index], "");
        return 0;
    }
    if (!inline_value && option->value[0] == '[') {
        nvb_strv_add(&r->values->values[index], "");
        return 0;
    }
    if (!inline_value) {
        if (r->next >= r->argc)
            return nvb_error_make(err, NVB_ERROR_USAGE, 0, "option '%s' needs a value: %s", word,
                                  option->value);
        inline_value = r->argv[r->next++];
    }
    nvb_strv_add(&r->values->values[index], inline_value);
    return 0;
}

static int read_long(struct reader *r, const char *word, struct nvb_error **err)
{
    const char *name = word + 2;
    size_t len = strcspn(name, "=");
    for (size_t i = 0; i < r->count; i++) {
        if (strlen(r->table[i].name) == len && memcmp(r->table[i].name, name, len) == 0)
            return take_value(r, i, name[len] == '=' ? name + len + 1 : NULL, word, err);
    }
    return unknown_option(r->table, r->count, word, err);
}

static int read_letters(struct reader *r, const char *word, struct nvb_error **err)
{
    for (const char *p = word + 1; *p; p++) {
        size_t i = 0;
        while (i < r->count && r->table[i].letter != *p)
            i++;
        if (i == r->count)
            return unknown_option(r->table, r->count, word, err);
        if (r->table[i].value && r->table[i].value[0] != '[') {
            const char *value = p[1] == '=' ? p + 2 : p + 1;
            return take_value(r, i, p[1] ? value : NULL, word, err);
        }
        if (take_value(r, i, NULL, word, err) < 0)
            return -1;
    }
    return 0;
}

int nvb_cli_parse(const struct nvb_cli_option *table, int argc, char **argv,
                  struct nvb_cli_values *ret, struct nvb_error **err)
{
    size_t count = table_length(table);
    _cleanup_cli_values_ struct nvb_cli_values values = {
        .values = nvb_calloc(count, sizeof(struct nvb_strv)),
        .count = count,
        .rest = nvb_calloc((size_t)argc + 1, sizeof(char *)),
    };
    struct reader r = {table, count, argc, argv, 0, &values};
    bool only_words = false;
    while (r.next < argc) {
        char *word = argv[r.next++];
        if (only_words || word[0] != '-' || word[1] == '\0') {
            values.rest[values.rest_count++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_words = true;
        } else if ((word[1] == '-' ? read_long(&r, word, err) : read_letters(&r, word, err)) < 0) {
            return -1;
        }
    }
    *ret = TAKE_STRUCT(values);
    return 0;
}

void nvb_cli_values_done(struct nvb_cli_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        nvb_strv_done(&values->values[i]);
    free(values->values);
    free(values->rest);
    *values = (struct nvb_cli_values){0};
}

const char *nvb_cli_value(const struct nvb_cli_values *values, size_t index)
{
    const struct nvb_strv *list = &values->values[index];
    return list->count ? list->items[list->count - 1] : NULL;
}
