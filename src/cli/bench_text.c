/* The report in a terminal. */
#include <stdarg.h>
#include <string.h>

#include "cli/bench.h"

#define LINE 96

/* The width of TEXT in columns: continuation bytes of UTF-8 take none. */
static int columns(const char *text)
{
    int count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static void add_left(struct nvb_str *s, const char *text, int width)
{
    nvb_cli_add_line(s, text);
    for (int i = columns(text); i < width; i++)
        nvb_str_addc(s, ' ');
}

static void add_right(struct nvb_str *s, const char *text, int width)
{
    for (int i = columns(text); i < width; i++)
        nvb_str_addc(s, ' ');
    nvb_str_add(s, text);
}

/* Words of TEXT in lines, each six blanks in. */
static void add_wrapped(struct nvb_str *s, const char *text)
{
    int at = 0;
    while (*text) {
        const size_t n = strcspn(text, " ");
        _cleanup_free_ char *word = nvb_strndup(text, n);
        const int width = columns(word);
        if (at == 0 || at + 1 + width > LINE) {
            nvb_str_add(s, at ? "\n      " : "      ");
            at = 6;
        } else {
            nvb_str_addc(s, ' ');
            at++;
        }
        nvb_cli_add_line(s, word);
        at += width;
        text += n + strspn(text + n, " ");
    }
    nvb_str_addc(s, '\n');
}

static void add_cell(struct nvb_str *s, const struct nvb_bench_row *row, double value, int width)
{
    _cleanup_str_ struct nvb_str cell = NVB_STR_INIT;
    nvb_bench_format(row->unit, value,
                     row->unit == NVB_BENCH_PERCENT || row->item->kind == NVB_BENCH_ADDED, &cell);
    add_right(s, cell.data, width);
}

/* Returns why it was not measured, which is said once where it is the same for several rows (SAID:
 * what the row before returned). */
static const char *add_row(const struct nvb_bench_row *row, const char *said, struct nvb_str *s)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    nvb_str_add(s, "  ");
    add_left(s, row->item->title, 36);
    if (row->why) {
        add_right(s, "not measured", 12);
        add_right(s, "", 26);
    } else {
        add_cell(s, row, row->figure.median, 12);
        add_cell(s, row, row->figure.low, 12);
        nvb_str_add(s, " .. ");
        add_cell(s, row, row->figure.high, 10);
    }
    add_right(s, row->item->document ? row->item->document : "", 16);
    nvb_str_addc(s, '\n');
    if (row->why) {
        if (!said || strcmp(said, row->why) != 0)
            add_wrapped(s, row->why);
        return row->why;
    }
    if (row->at_most)
        nvb_str_add(&text, "At most: the system tells no less than bench's own size. ");
    if (row->added.runs > 0) {
        nvb_bench_format(row->unit, row->added.median, true, &text);
        nvb_str_add(&text, " over the row above, pair by pair (half: ");
        nvb_bench_format(row->unit, row->added.low, true, &text);
        nvb_str_add(&text, " .. ");
        nvb_bench_format(row->unit, row->added.high, true, &text);
        nvb_str_add(&text, "). ");
    }
    nvb_str_add(&text, row->item->means);
    add_wrapped(s, text.data);
    return NULL;
}

void nvb_bench_add_table(const struct nvb_bench_report *report, struct nvb_str *s)
{
    unsigned group = 0;
    const char *said = NULL;
    if (report->simulated)
        nvb_str_add(s, "simulated host: no GPU stands behind these figures\n");
    for (size_t i = 0; i < report->about.count; i++) {
        nvb_cli_add_line(s, report->about.items[i]);
        nvb_str_addc(s, '\n');
    }
    nvb_str_addf(s, "\n  %-36s%12s%26s%16s\n", "", "MEDIAN", "HALF OF ALL RUNS", "THE DOCUMENT");
    nvb_vec_foreach (row, &report->rows) {
        if (row->item->group != group)
            nvb_str_addf(s, "%s%s\n", group ? "\n" : "", nvb_bench_group_title(row->item->group));
        group = row->item->group;
        said = add_row(row, said, s);
    }
    nvb_str_add(s, "\nThe document's figures are beside ours for their order of size: they were "
                   "taken on another\nmachine, and it does not say how. Nothing here says how fast "
                   "programs are on a GPU.\n");
}
