/* Rewrites as byte ranges: recorded, laid into the text, shown as a unified diff. */

#include <string.h>

#include "migrate/migrate.h"

#define CONTEXT 3 /* lines around a change, as diff -u has them */

void nvb_migration_done(struct nvb_migration *m)
{
    nvb_vec_foreach (edit, &m->edits)
        free(edit->text);
    nvb_vec_foreach (finding, &m->findings) {
        free(finding->what);
        free(finding->hint);
    }
    nvb_vec_release(&m->edits);
    nvb_vec_release(&m->findings);
    nvb_strv_done(&m->variables);
}

static int compare_edits(const void *a, const void *b)
{
    const struct nvb_migrate_edit *x = a;
    const struct nvb_migrate_edit *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    /* What is put in before what begins there is taken away. */
    return (x->end > y->end) - (x->end < y->end);
}

void nvb_migrate_edit(struct nvb_migration *m, size_t start, size_t end, const char *text)
{
    const struct nvb_migrate_edit edit = {start, end, nvb_strdup(text)};
    nvb_vec_push(&m->edits, edit);
}

/* An edit inside of what another one takes away has nothing left to change: "docker run --gpus all
 * >$(docker ps) IMAGE". */
static void drop_overlaps(struct nvb_migration *m)
{
    size_t kept = 0;
    size_t end = 0;
    for (size_t i = 0; i < m->edits.count; i++) {
        struct nvb_migrate_edit *edit = &m->edits.items[i];
        if (edit->start < end) {
            nvb_migrate_leave(m, edit->start, "look at what became of it",
                              "two changes meet here, and one of them was made");
            free(edit->text);
            continue;
        }
        end = edit->end;
        m->edits.items[kept++] = *edit;
    }
    m->edits.count = kept;
}

void nvb_migrate_sort(struct nvb_migration *m)
{
    if (m->edits.count > 0)
        qsort(m->edits.items, m->edits.count, sizeof(*m->edits.items), compare_edits);
    drop_overlaps(m);
}

unsigned nvb_migrate_line_of(const struct nvb_migration *m, size_t at)
{
    unsigned line = 1;
    for (size_t i = 0; i < at && i < m->len; i++)
        line += m->text[i] == '\n';
    return line;
}

void nvb_migrate_leave(struct nvb_migration *m, size_t at, const char *hint, const char *format,
                       ...)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    va_list args;
    va_start(args, format);
    nvb_str_addv(&s, format, args);
    va_end(args);
    const struct nvb_migrate_finding finding = {nvb_migrate_line_of(m, at), nvb_str_steal(&s),
                                                hint ? nvb_strdup(hint) : NULL};
    nvb_vec_push(&m->findings, finding);
}

/* Appends [START, END) of the text with the edits that begin in it laid in. */
static void apply_range(const struct nvb_migration *m, size_t start, size_t end,
                        struct nvb_str *ret)
{
    size_t at = start;
    nvb_vec_foreach (edit, &m->edits) {
        if (edit->start < start || edit->start > end || (edit->start == end && end < m->len))
            continue;
        nvb_str_addn(ret, m->text + at, edit->start - at);
        nvb_str_add(ret, edit->text);
        at = edit->end;
    }
    if (at < end)
        nvb_str_addn(ret, m->text + at, end - at);
}

void nvb_migrate_apply(const struct nvb_migration *m, struct nvb_str *ret)
{
    apply_range(m, 0, m->len, ret);
}

/* ---- the diff ---- */

static size_t line_start(const struct nvb_migration *m, size_t at)
{
    while (at > 0 && m->text[at - 1] != '\n')
        at--;
    return at;
}

static size_t line_end(const struct nvb_migration *m, size_t at)
{
    while (at < m->len && m->text[at] != '\n')
        at++;
    return at < m->len ? at + 1 : at;
}

static size_t count_lines(const char *text, size_t len)
{
    size_t lines = 0;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines + (len > 0 && text[len - 1] != '\n');
}

static void add_lines(struct nvb_str *ret, char mark, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        const char *end = memchr(text + i, '\n', len - i);
        size_t next = end ? (size_t)(end - text) + 1 : len;
        nvb_str_addc(ret, mark);
        nvb_str_addn(ret, text + i, next - i);
        if (!end)
            nvb_str_add(ret, "\n\\ No newline at end of file\n");
        i = next;
    }
}

/* Lines of the old text that change together: their bytes, and those of the context around. */
struct range {
    size_t start, end;
};

static struct range range_of(const struct nvb_migration *m, const struct nvb_migrate_edit *edit)
{
    if (edit->start == edit->end && edit->start == line_start(m, edit->start) &&
        nvb_has_suffix(edit->text, "\n"))
        return (struct range){edit->start, edit->start}; /* lines between two others */
    /* A range that ends behind a newline has taken that line and no other. */
    bool whole = edit->end > edit->start && m->text[edit->end - 1] == '\n';
    return (struct range){line_start(m, edit->start), whole && edit->end == line_start(m, edit->end)
                                                          ? edit->end
                                                          : line_end(m, edit->end)};
}

static size_t context_before(const struct nvb_migration *m, size_t at)
{
    for (int i = 0; i < CONTEXT && at > 0; i++)
        at = line_start(m, at - 1);
    return at;
}

static size_t context_behind(const struct nvb_migration *m, size_t at)
{
    for (int i = 0; i < CONTEXT && at < m->len; i++)
        at = line_end(m, at);
    return at;
}

/* Appends the hunk's lines from FIRST on, which is moved behind the last edit that belongs to it,
 * and the hunk's end in the old text to *RET_END. */
static void add_hunk_body(const struct nvb_migration *m, size_t *first, size_t begin,
                          struct nvb_str *ret, size_t *ret_end)
{
    size_t at = begin;
    while (*first < m->edits.count) {
        struct range range = range_of(m, &m->edits.items[*first]);
        if (at > begin && context_before(m, range.start) > context_behind(m, at))
            break;
        size_t next = *first + 1;
        while (next < m->edits.count && range_of(m, &m->edits.items[next]).start < range.end)
            range.end = range_of(m, &m->edits.items[next++]).end;
        _cleanup_str_ struct nvb_str now = NVB_STR_INIT;
        if (range.start == range.end)
            nvb_str_add(&now, m->edits.items[*first].text);
        else
            apply_range(m, range.start, range.end, &now);
        add_lines(ret, ' ', m->text + at, range.start - at);
        add_lines(ret, '-', m->text + range.start, range.end - range.start);
        add_lines(ret, '+', now.data, now.len);
        at = range.end;
        *first = next;
    }
    *ret_end = context_behind(m, at);
    add_lines(ret, ' ', m->text + at, *ret_end - at);
}

static size_t count_marked(const struct nvb_str *body, char mark)
{
    size_t count = 0;
    for (size_t i = 0; i < body->len; i++)
        if (i == 0 || body->data[i - 1] == '\n')
            count += body->data[i] == ' ' || body->data[i] == mark;
    return count;
}

void nvb_migrate_diff(const struct nvb_migration *m, const char *name, struct nvb_str *ret)
{
    long moved = 0; /* how many lines further down the new text is */
    if (m->edits.count == 0)
        return;
    nvb_str_addf(ret, "--- %s\n+++ %s\n", name, name);
    for (size_t edit = 0; edit < m->edits.count;) {
        _cleanup_str_ struct nvb_str body = NVB_STR_INIT;
        size_t begin = context_before(m, range_of(m, &m->edits.items[edit]).start);
        size_t end = begin;
        add_hunk_body(m, &edit, begin, &body, &end);
        size_t first = count_lines(m->text, begin) + 1;
        size_t old = count_marked(&body, '-');
        size_t new = count_marked(&body, '+');
        nvb_str_addf(ret, "@@ -%zu,%zu +%ld,%zu @@\n", old ? first : first - 1, old,
                     (long)first + moved - (new ? 0 : 1), new);
        nvb_str_addn(ret, body.data, body.len);
        moved += (long)new - (long)old;
    }
}
