/* Files to be rewritten: the first byte says what it is and for whom, the rest is the text. Edits
 * stand in order and inside of the text, nothing else changes, what was YAML stays YAML, and the
 * diff is one that patch(1) would take back to the same. */
#include "fuzz.h"

#include <string.h>

#include "base/mem.h"
#include "data/yaml.h"
#include "migrate/migrate.h"

static void check(int condition)
{
    if (!condition)
        abort();
}

static void check_edits(const struct nvb_migration *m)
{
    size_t at = 0;
    nvb_vec_foreach (edit, &m->edits) {
        check(edit->start >= at && edit->end >= edit->start && edit->end <= m->len && edit->text);
        at = edit->end;
    }
    unsigned lines = nvb_migrate_line_of(m, m->len);
    nvb_vec_foreach (finding, &m->findings)
        check(finding->line >= 1 && finding->line <= lines && finding->what && *finding->what);
}

/* The new text by the diff's lines, where the whole file is in its hunks. */
static void check_diff(const struct nvb_migration *m, const struct nvb_str *result)
{
    _cleanup_str_ struct nvb_str diff = NVB_STR_INIT;
    nvb_migrate_diff(m, "f", &diff);
    check((diff.len == 0) == (m->edits.count == 0 || (result->len == m->len &&
                                                      memcmp(result->data, m->text, m->len) == 0)));
    size_t removed = 0;
    size_t added = 0;
    for (const char *line = diff.data; *line;) {
        const char *end = strchr(line, '\n');
        check(end != NULL && strchr(" +-@\\", *line) != NULL);
        if (*line == '-' && strncmp(line, "--- ", 4) != 0)
            removed += (size_t)(end - line) - 1;
        if (*line == '+' && strncmp(line, "+++ ", 4) != 0)
            added += (size_t)(end - line) - 1;
        line = end + 1;
    }
    check(removed <= m->len && added <= result->len + 1);
}

static void check_yaml(const struct nvb_migration *m, const struct nvb_str *result)
{
    static const struct nvb_yaml_options all = {.aliases = true, .tags = true, .many = true};
    _cleanup_docs_ struct nvb_docs before = {0};
    _cleanup_docs_ struct nvb_docs after = {0};
    if (nvb_yaml_read_all(m->text, m->len, "f", &all, &before, NULL) == 0)
        check(nvb_yaml_read_all(result->data, result->len, "f", &all, &after, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || memchr(data, '\0', size)) /* refused when such a file is loaded */
        return 0;
    _cleanup_free_ char *text = nvb_strndup((const char *)data + 1, size - 1);
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_migration_ struct nvb_migration m = {
        .text = text,
        .len = size - 1,
        .kind = (enum nvb_migrate_kind)(data[0] % 5),
        .target = (enum nvb_migrate_target)(data[0] / 5 % 2),
    };
    if (nvb_migrate_read(&m, "f", &err) < 0) {
        check(m.kind == NVB_MIGRATE_COMPOSE && err->line > 0 && err->column > 0);
        return 0;
    }
    check_edits(&m);
    _cleanup_str_ struct nvb_str result = NVB_STR_INIT;
    nvb_migrate_apply(&m, &result);
    check(m.edits.count > 0 || (result.len == m.len && memcmp(result.data, text, m.len) == 0));
    check_diff(&m, &result);
    if (m.kind == NVB_MIGRATE_COMPOSE)
        check_yaml(&m, &result);
    return 0;
}
