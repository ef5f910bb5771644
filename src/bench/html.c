/*
 * One file that needs nothing but itself. The document's figures are drawn as outlines, ours as
 * bars with a line from quartile to quartile, so that the two cannot be taken for each other.
 */
#include "bench/report.h"

#define WIDTH      880
#define LABEL      290 /* where bars begin */
#define BAR_SPACE  400
#define ROW_HEIGHT 44

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" "
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>nvbind bench</title>\n<style>\n"
    "body { font: 16px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; "
    "padding: 0 1em; color: #1c2733; background: #fff }\n"
    "h1 { font-size: 1.6em } h2 { font-size: 1.2em; margin: 2em 0 .3em }\n"
    "svg { width: 100%; height: auto; display: block } svg text { font: 14px system-ui, "
    "sans-serif; fill: #1c2733 }\n"
    ".bar { fill: #2f7d4f } .less { fill: #3566a8 } .spread { stroke: #10301d; stroke-width: 2 }\n"
    ".document { fill: none; stroke: #b3541e; stroke-width: 1.5; stroke-dasharray: 4 3 }\n"
    "svg .said { fill: #8f4216; font-size: 12px } svg .none { fill: #68737d }\n"
    "dl { margin: .3em 0; font-size: .9em } dt { font-weight: 600 } dd { margin: 0 0 .4em 1em }\n"
    ".about { color: #46525e; font-size: .9em; padding-left: 1.2em }\n"
    "</style>\n</head>\n<body>\n";

static void add_text(struct nvb_str *s, const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '&')
            nvb_str_add(s, "&amp;");
        else if (c == '<')
            nvb_str_add(s, "&lt;");
        else if (c == '>')
            nvb_str_add(s, "&gt;");
        else if (c == '"')
            nvb_str_add(s, "&quot;");
        else
            nvb_str_addc(s, c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
}

static double size_of(double value)
{
    return value < 0 ? -value : value;
}

/* The unit's scale within a group: the largest of what is drawn in it. */
static double largest(const struct nvb_bench_report *report, enum nvb_bench_group group,
                      enum nvb_bench_unit unit)
{
    double most = 0;
    nvb_vec_foreach (row, &report->rows) {
        if (row->item->group != group || row->unit != unit)
            continue;
        const double values[] = {size_of(row->figure.median), size_of(row->figure.high),
                                 size_of(row->figure.low), size_of(row->item->document_value)};
        for (size_t i = 0; i < NVB_COUNT(values); i++)
            if (values[i] > most && (i == NVB_COUNT(values) - 1 || !row->why))
                most = values[i];
    }
    return most > 0 ? most : 1;
}

static void draw_document(const struct nvb_bench_row *row, double scale, unsigned y,
                          struct nvb_str *ret)
{
    const double width = size_of(row->item->document_value) * scale;
    if (!row->item->document)
        return;
    if (row->item->document_value != 0)
        nvb_str_addf(ret,
                     "<rect class=\"document\" x=\"%d\" y=\"%u\" width=\"%.1f\" height=\"8\"/>\n",
                     LABEL, y + 26, width);
    nvb_str_addf(ret, "<text class=\"said\" x=\"%.1f\" y=\"%u\">the document: ", LABEL + width + 8,
                 y + 35);
    add_text(ret, row->item->document);
    nvb_str_add(ret, "</text>\n");
}

static void draw_row(const struct nvb_bench_row *row, double scale, unsigned y, struct nvb_str *ret)
{
    const struct nvb_bench_figure *f = &row->figure;
    nvb_str_addf(ret, "<text x=\"0\" y=\"%u\">", y + 19);
    add_text(ret, row->item->title);
    nvb_str_add(ret, "</text>\n");
    draw_document(row, scale, y, ret);
    if (row->why) {
        nvb_str_addf(ret, "<text class=\"none\" x=\"%d\" y=\"%u\">not measured</text>\n", LABEL,
                     y + 19);
        return;
    }
    const double low = size_of(f->low) * scale;
    const double high = size_of(f->high) * scale;
    const double end = high > low ? high : low;
    nvb_str_addf(ret, "<rect class=\"%s\" x=\"%d\" y=\"%u\" width=\"%.1f\" height=\"18\"/>\n",
                 f->median < 0 ? "less" : "bar", LABEL, y + 5, size_of(f->median) * scale);
    if ((f->low < 0) == (f->high < 0))
        nvb_str_addf(ret, "<path class=\"spread\" d=\"M%.1f %u H%.1f\"/>\n", LABEL + low, y + 14,
                     LABEL + high);
    nvb_str_addf(ret, "<text x=\"%.1f\" y=\"%u\">%s", LABEL + end + 8, y + 19,
                 row->at_most ? "at most " : "");
    nvb_bench_format(row->unit, f->median,
                     row->unit == NVB_BENCH_PERCENT || row->item->kind == NVB_BENCH_ADDED, ret);
    nvb_str_add(ret, "</text>\n");
}

static void add_meaning(const struct nvb_bench_row *row, struct nvb_str *ret)
{
    nvb_str_add(ret, "<dt>");
    add_text(ret, row->item->title);
    nvb_str_add(ret, "</dt><dd>");
    if (row->why) {
        nvb_str_add(ret, "Not measured: ");
        add_text(ret, row->why);
        nvb_str_add(ret, "</dd>\n");
        return;
    }
    nvb_str_add(ret, "Half of the runs: ");
    nvb_bench_format(row->unit, row->figure.low, false, ret);
    nvb_str_add(ret, " to ");
    nvb_bench_format(row->unit, row->figure.high, false, ret);
    nvb_str_addf(ret, " (%zu runs). ", row->figure.runs);
    if (row->added.runs > 0) {
        nvb_str_add(ret, "Pair by pair ");
        nvb_bench_format(row->unit, row->added.median, true, ret);
        nvb_str_add(ret, " (half: ");
        nvb_bench_format(row->unit, row->added.low, true, ret);
        nvb_str_add(ret, " to ");
        nvb_bench_format(row->unit, row->added.high, true, ret);
        nvb_str_add(ret, ") over the row above. ");
    }
    add_text(ret, row->item->means);
    nvb_str_add(ret, "</dd>\n");
}

static void draw_group(const struct nvb_bench_report *report, enum nvb_bench_group group,
                       struct nvb_str *ret)
{
    _cleanup_str_ struct nvb_str drawn = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str meant = NVB_STR_INIT;
    unsigned y = 0;
    nvb_vec_foreach (row, &report->rows) {
        if (row->item->group != group)
            continue;
        draw_row(row, BAR_SPACE / largest(report, group, row->unit), y, &drawn);
        add_meaning(row, &meant);
        y += ROW_HEIGHT;
    }
    if (y == 0)
        return;
    nvb_str_addf(ret, "<h2>%s</h2>\n<svg viewBox=\"0 0 %d %u\" role=\"img\" aria-label=\"%s\">\n%s",
                 nvb_bench_group_title(group), WIDTH, y, nvb_bench_group_title(group), drawn.data);
    nvb_str_addf(ret, "</svg>\n<dl>\n%s</dl>\n", meant.data);
}

void nvb_bench_report_draw(const struct nvb_bench_report *report, struct nvb_str *ret)
{
    nvb_str_add(ret, head);
    nvb_str_add(ret, "<h1>nvbind bench</h1>\n");
    if (report->simulated)
        nvb_str_add(ret, "<p><strong>A simulated host: no GPU stands behind these figures."
                         "</strong></p>\n");
    nvb_str_add(ret, "<ul class=\"about\">\n");
    for (size_t i = 0; i < report->about.count; i++) {
        nvb_str_add(ret, "<li>");
        add_text(ret, report->about.items[i]);
        nvb_str_add(ret, "</li>\n");
    }
    nvb_str_add(ret, "</ul>\n<p>Bars are medians of this machine, the line on them goes from "
                     "quartile to quartile. Dashed outlines are the document's figures, taken on "
                     "another machine: they show its order of size and are no yardstick.</p>\n");
    for (unsigned group = 1; group < NVB_BENCH_ALL; group <<= 1)
        draw_group(report, (enum nvb_bench_group)group, ret);
    nvb_str_add(ret, "</body>\n</html>\n");
}
