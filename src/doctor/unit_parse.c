#include <stdarg.h>
#include <string.h>

#include "doctor/unit_file.h"

void nvb_unit_remarks_done(struct nvb_unit_remarks *remarks)
{
    nvb_vec_foreach (remark, remarks)
        free(remark->text);
    nvb_vec_release(remarks);
}

void nvb_unit_file_done(struct nvb_unit_file *file)
{
    nvb_vec_foreach (entry, &file->entries) {
        free(entry->section);
        free(entry->key);
        free(entry->value);
        free(entry->raw);
        nvb_str_done(&entry->after);
    }
    nvb_vec_release(&file->entries);
}

static bool is_comment(const char *line)
{
    line += strspn(line, " \t");
    return *line == '#' || *line == ';';
}

static bool is_blank(const char *line, size_t len)
{
    return strspn(line, " \t\r") >= len;
}

/* A line that ends in a backslash goes on in the next one that is no comment. */
static size_t entry_length(const char *text, unsigned *ret_lines)
{
    size_t len = 0;
    bool more = true;
    *ret_lines = 0;
    while (more && text[len]) {
        size_t n = strcspn(text + len, "\n");
        bool comment = *ret_lines > 0 && is_comment(text + len);
        more = comment || (n > 0 && text[len + n - 1] == '\\');
        len += n + (text[len + n] == '\n');
        ++*ret_lines;
    }
    return len;
}

/* The value behind "=": continuations become spaces, blanks at both ends go. */
static char *read_value(const char *raw)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    const char *line = raw;
    bool first = true;
    while (*line) {
        size_t n = strcspn(line, "\n");
        bool goes_on = n > 0 && line[n - 1] == '\\';
        if (first || !is_comment(line)) {
            nvb_str_addn(&s, line, goes_on ? n - 1 : n);
            if (goes_on)
                nvb_str_addc(&s, ' ');
        }
        first = false;
        line += n + (line[n] == '\n');
    }
    while (s.len && strchr(" \t\r", s.data[s.len - 1]))
        nvb_str_truncate(&s, s.len - 1);
    return nvb_strdup(s.data + strspn(s.data, " \t"));
}

static int read_assignment(struct nvb_unit_entry *entry, const char *name, struct nvb_error **err)
{
    const char *equals = strchr(entry->raw, '=');
    const char *end = entry->raw + strcspn(entry->raw, "\n");
    if (!equals || equals > end || equals == entry->raw) {
        nvb_error_make(err, NVB_ERROR_CONFIG, 0, "this is neither a section nor KEY=VALUE");
        (void)nvb_error_at(err, name, entry->line, 1);
        return nvb_error_hint(err, "a comment begins with '#'; a line that goes on ends in '\\'");
    }
    const char *key = entry->raw + strspn(entry->raw, " \t");
    size_t len = (size_t)(equals - key);
    while (len && strchr(" \t", key[len - 1]))
        len--;
    entry->key = nvb_strndup(key, len);
    entry->value = read_value(equals + 1);
    return 0;
}

int nvb_unit_parse(const char *text, const char *name, struct nvb_unit_file *ret,
                   struct nvb_error **err)
{
    _cleanup_free_ char *section = NULL;
    unsigned line = 1;
    while (*text) {
        size_t n = strcspn(text, "\n");
        size_t len = n + (text[n] == '\n');
        unsigned lines = 1;
        const bool empty = is_blank(text, n) || is_comment(text);
        const bool head = !empty && text[0] == '[';
        if (!empty && !head)
            len = entry_length(text, &lines);
        struct nvb_unit_entry *entry = nvb_vec_add(&ret->entries);
        entry->after = (struct nvb_str)NVB_STR_INIT;
        entry->line = line;
        entry->raw = nvb_strndup(text, len);
        if (head) {
            const char *close = memchr(text, ']', n);
            if (!close) {
                nvb_error_make(err, NVB_ERROR_CONFIG, 0, "a section ends with ']'");
                return nvb_error_at(err, name, line, 1);
            }
            free(section);
            section = nvb_strndup(text + 1, (size_t)(close - text - 1));
        }
        entry->section = nvb_strdup(section);
        if (!empty && !head && read_assignment(entry, name, err) < 0)
            return -1;
        text += len;
        line += lines;
    }
    return 0;
}

struct nvb_unit_entry *nvb_unit_find(struct nvb_unit_file *file, const char *section,
                                     const char *key)
{
    struct nvb_unit_entry *found = NULL;
    nvb_vec_foreach (entry, &file->entries)
        if (entry->raw && entry->key && entry->section && strcmp(entry->section, section) == 0 &&
            strcmp(entry->key, key) == 0)
            found = entry;
    return found;
}

struct nvb_unit_entry *nvb_unit_last(struct nvb_unit_file *file, const char *section)
{
    struct nvb_unit_entry *found = NULL;
    nvb_vec_foreach (entry, &file->entries)
        if (entry->key && entry->section && strcmp(entry->section, section) == 0)
            found = entry;
    return found;
}

void nvb_unit_remark(struct nvb_unit_file *file, bool changed, unsigned line, const char *format,
                     ...)
{
    struct nvb_unit_remark *remark = nvb_vec_add(file->remarks);
    va_list args;
    va_start(args, format);
    *remark = (struct nvb_unit_remark){line, nvb_vstrdupf(format, args), changed};
    va_end(args);
}

void nvb_unit_set(struct nvb_unit_entry *entry, const char *value)
{
    free(entry->raw);
    entry->raw = nvb_strdupf("%s=%s\n", entry->key, value);
    free(entry->value);
    entry->value = nvb_strdup(value);
}

void nvb_unit_drop(struct nvb_unit_entry *entry)
{
    free(entry->raw);
    entry->raw = NULL;
}
