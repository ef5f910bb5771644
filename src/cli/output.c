#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"

/* In UTF-8 the second set of controls, U+0080 to U+009F, takes two bytes; terminals obey both. */
static bool is_second_control(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    return p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f;
}

static void add_printable(struct nvb_str *s, const char *text, const char *kept)
{
    const char *plain = text; /* what was not added yet and goes in as it is */
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool second = is_second_control(text);
        if (!second && c != 0x7f && (c >= 0x20 || strchr(kept, c)))
            continue;
        nvb_str_addn(s, plain, (size_t)(text - plain));
        nvb_str_addc(s, '?');
        text += second;
        plain = text + 1;
    }
    nvb_str_addn(s, plain, (size_t)(text - plain));
}

void nvb_cli_add_printable(struct nvb_str *s, const char *text)
{
    add_printable(s, text, "\n\t");
}

void nvb_cli_add_line(struct nvb_str *s, const char *text)
{
    add_printable(s, text, "");
}

static void message(const struct nvb_cli *cli, const char *label, const char *colour,
                    const char *text, const char *hint)
{
    /* One write a message, so that lines of parallel runs do not mix. */
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    if (cli->color)
        nvb_str_addf(&s, "nvbind: %s%s:\033[0m ", colour, label);
    else
        nvb_str_addf(&s, "nvbind: %s: ", label);
    nvb_cli_add_line(&s, text);
    nvb_str_addc(&s, '\n');
    if (hint) {
        nvb_str_add(&s, "  hint: ");
        nvb_cli_add_line(&s, hint);
        nvb_str_addc(&s, '\n');
    }
    (void)nvb_write_all(STDERR_FILENO, s.data, s.len);
}

int nvb_cli_fail(const struct nvb_cli *cli, const struct nvb_error *error, int status)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (error->file) {
        nvb_str_addf(&text, "%s:", error->file);
        if (error->line)
            nvb_str_addf(&text, "%u:", error->line);
        if (error->line && error->column)
            nvb_str_addf(&text, "%u:", error->column);
        nvb_str_addc(&text, ' ');
    }
    nvb_str_add(&text, error->message);
    message(cli, "error", "\033[1;31m", text.data, error->hint);
    return status;
}

void nvb_cli_print_notes(const struct nvb_cli *cli, const struct nvb_notes *notes)
{
    static const struct {
        enum nvb_log_level needed;
        const char *label;
        const char *colour;
    } levels[] = {
        [NVB_NOTE_WARNING] = {NVB_LOG_WARN, "warning", "\033[1;33m"},
        [NVB_NOTE_NOTICE] = {NVB_LOG_WARN, "note", "\033[1m"},
        [NVB_NOTE_INFO] = {NVB_LOG_INFO, "info", "\033[1m"},
        [NVB_NOTE_DEBUG] = {NVB_LOG_DEBUG, "debug", "\033[2m"},
    };
    nvb_vec_foreach (note, notes) {
        if (cli->level >= levels[note->level].needed)
            message(cli, levels[note->level].label, levels[note->level].colour, note->text,
                    note->hint);
    }
}

int nvb_cli_status_of(const struct nvb_error *error)
{
    return error->kind == NVB_ERROR_USAGE || error->kind == NVB_ERROR_CONFIG ? NVB_EXIT_USAGE
                                                                             : NVB_EXIT_FOUND;
}

int nvb_cli_print(const struct nvb_cli *cli, const char *text, size_t len)
{
    int r = nvb_write_all(STDOUT_FILENO, text, len);
    if (r == 0)
        return NVB_EXIT_OK;
    _cleanup_error_ struct nvb_error *err = NULL;
    (void)nvb_error_make(&err, NVB_ERROR_INTERNAL, -r, "cannot write to standard output");
    return nvb_cli_fail(cli, err, NVB_EXIT_FOUND);
}

/* Columns a terminal shows for TEXT: UTF-8 continuation bytes take none. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

void nvb_cli_table(struct nvb_str *ret, const char *const *headers, size_t columns,
                   const struct nvb_strv *cells)
{
    size_t *widths = nvb_calloc(columns, sizeof(*widths));
    for (size_t c = 0; c < columns; c++) {
        widths[c] = width_of(headers[c]);
        for (size_t i = c; i < cells->count; i += columns) {
            size_t w = width_of(cells->items[i]);
            widths[c] = w > widths[c] ? w : widths[c];
        }
    }
    size_t rows = cells->count / columns;
    for (size_t row = 0; row <= rows; row++) {
        for (size_t c = 0; c < columns; c++) {
            const char *cell = row == 0 ? headers[c] : cells->items[(row - 1) * columns + c];
            nvb_cli_add_line(ret, cell);
            for (size_t pad = widths[c] - width_of(cell) + 2; c + 1 < columns && pad > 0; pad--)
                nvb_str_addc(ret, ' ');
        }
        nvb_str_addc(ret, '\n');
    }
    free(widths);
}
