/*
 * Finding commands in text that a shell will read. Not a shell: it knows words, quotes, operators
 * and substitutions, which is what it takes to tell a command's name from the same word elsewhere.
 * In a Makefile $(X) is make's, $$(X) the shell's.
 */

#include <string.h>

#include "migrate/migrate.h"

#define MAX_DEPTH 16 /* of substitutions in each other; what is deeper is not looked at */

typedef void nvb_scan_fn(struct nvb_migration *m, const struct nvb_shell_words *words);

struct scan {
    struct nvb_migration *m;
    size_t end;
    int depth;
};

static void scan_range(struct nvb_migration *m, size_t start, size_t end, int depth,
                       nvb_scan_fn *found);

static bool is_blank(const struct scan *s, size_t i, size_t *ret_len)
{
    const char *text = s->m->text + i;
    *ret_len = 1;
    if (*text == ' ' || *text == '\t' || *text == '\r')
        return true;
    *ret_len = 2;
    return *text == '\\' && i + 1 < s->end && text[1] == '\n';
}

static bool is_operator(char c)
{
    return c == '\n' || c == ';' || c == '&' || c == '|' || c == '(' || c == ')' || c == '<' ||
           c == '>';
}

/* Behind the closer that belongs to the opener at I (a parenthesis or brace); quotes are minded. */
static size_t skip_pair(const struct scan *s, size_t i, char opener, char closer)
{
    int depth = 0;
    char quote = '\0';
    for (; i < s->end; i++) {
        char c = s->m->text[i];
        if (c == '\\' && quote != '\'') {
            i++;
        } else if (quote) {
            quote = c == quote ? '\0' : quote;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == opener) {
            depth++;
        } else if (c == closer && --depth == 0) {
            return i + 1;
        }
    }
    return s->end;
}

/* What begins with '$' or a backquote at I: scans commands in it, and returns where it ends. */
static size_t skip_expansion(const struct scan *s, size_t i)
{
    const char *text = s->m->text;
    const bool make = s->m->kind == NVB_MIGRATE_MAKE;
    size_t open = i + 1 + (make && i + 1 < s->end && text[i + 1] == '$');
    if (text[i] == '`') {
        const char *close = memchr(text + i + 1, '`', s->end - i - 1);
        size_t end = close ? (size_t)(close - text) : s->end;
        scan_range(s->m, i + 1, end, s->depth + 1, nvb_migrate_command);
        return close ? end + 1 : end;
    }
    if (open >= s->end)
        return s->end;
    if (text[open] == '{')
        return skip_pair(s, open, '{', '}');
    if (text[open] != '(')
        return open;
    size_t end = skip_pair(s, open, '(', ')');
    size_t inside = open + 1;
    bool commands = !make || open == i + 2;
    if (make && open == i + 1 && nvb_has_prefix(text + inside, "shell ")) {
        commands = true;
        inside += strlen("shell ");
    }
    if (commands && end > inside)
        scan_range(s->m, inside, end - (text[end - 1] == ')'), s->depth + 1, nvb_migrate_command);
    return end;
}

/* Reads the quoted part at I. Returns where it ends. */
static size_t read_quoted(const struct scan *s, size_t i, struct nvb_str *cooked, bool *plain)
{
    const char *text = s->m->text;
    const char quote = text[i++];
    while (i < s->end && text[i] != quote) {
        if (quote == '"' && text[i] == '\\' && i + 1 < s->end) {
            if (!strchr("\"\\$`\n", text[i + 1]))
                nvb_str_addc(cooked, '\\');
            if (text[i + 1] != '\n')
                nvb_str_addc(cooked, text[i + 1]);
            i += 2;
        } else if (quote == '"' && (text[i] == '$' || text[i] == '`')) {
            *plain = false;
            i = skip_expansion(s, i);
        } else {
            nvb_str_addc(cooked, text[i++]);
        }
    }
    return i < s->end ? i + 1 : i;
}

static size_t read_word(const struct scan *s, size_t i, struct nvb_shell_word *ret)
{
    _cleanup_str_ struct nvb_str cooked = NVB_STR_INIT;
    const char *text = s->m->text;
    bool plain = true;
    size_t blank;
    ret->start = i;
    while (i < s->end && !is_blank(s, i, &blank) && !is_operator(text[i])) {
        if (text[i] == '\'' || text[i] == '"') {
            i = read_quoted(s, i, &cooked, &plain);
        } else if (text[i] == '$' || text[i] == '`') {
            plain = false;
            i = skip_expansion(s, i);
        } else if (text[i] == '\\' && i + 1 < s->end) {
            nvb_str_addc(&cooked, text[i + 1]);
            i += 2;
        } else {
            nvb_str_addc(&cooked, text[i++]);
        }
    }
    ret->end = i;
    ret->text = plain ? nvb_str_steal(&cooked) : NULL;
    return i;
}

static void end_command(struct nvb_migration *m, struct nvb_shell_words *words, nvb_scan_fn *found)
{
    if (words->count > 0)
        found(m, words);
    nvb_vec_foreach (word, words)
        free(word->text);
    words->count = 0;
}

/* A redirection's target is no word of the command. */
static size_t skip_redirection(const struct scan *s, size_t i)
{
    struct nvb_shell_word target = {0};
    size_t blank;
    while (i < s->end && strchr("<>&|", s->m->text[i]))
        i++;
    while (i < s->end && is_blank(s, i, &blank))
        i += blank;
    i = read_word(s, i, &target);
    free(target.text);
    return i;
}

static void scan_range(struct nvb_migration *m, size_t start, size_t end, int depth,
                       nvb_scan_fn *found)
{
    const struct scan s = {m, end, depth};
    struct nvb_shell_words words = {0};
    size_t blank;
    if (depth > MAX_DEPTH)
        return;
    for (size_t i = start; i < end;) {
        char c = m->text[i];
        if (is_blank(&s, i, &blank)) {
            i += blank;
        } else if (c == '#') {
            while (i < end && m->text[i] != '\n')
                i++;
        } else if (c == '<' || c == '>') {
            i = skip_redirection(&s, i);
        } else if (is_operator(c)) {
            end_command(m, &words, found);
            i++;
        } else {
            struct nvb_shell_word word = {0};
            i = read_word(&s, i, &word);
            nvb_vec_push(&words, word);
        }
    }
    end_command(m, &words, found);
    nvb_vec_release(&words);
}

void nvb_migrate_scan(struct nvb_migration *m, size_t start, size_t end)
{
    scan_range(m, start, end, 0, nvb_migrate_command);
}

void nvb_migrate_scan_options(struct nvb_migration *m, size_t start, size_t end)
{
    scan_range(m, start, end, 0, nvb_migrate_option_words);
}
