/* Command lines in units. */

#include <string.h>

#include "doctor/unit_file.h"
#include "plan/option.h"

void nvb_unit_words_done(struct nvb_unit_words *words)
{
    nvb_vec_foreach (word, words) {
        free(word->raw);
        free(word->text);
    }
    nvb_vec_release(words);
}

/* What "\X" stands for; the letters that people use. */
static char unescape(char c)
{
    return c == 'n' ? '\n' : c == 't' ? '\t' : c == 's' ? ' ' : c;
}

/* Reads the word at AT, which begins with no blank. Returns what follows it. */
static const char *read_word(const char *at, unsigned line, struct nvb_unit_words *ret)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    const char *start = at;
    char quote = 0;
    while (*at && *at != '\n' && (quote || !strchr(" \t\r", *at))) {
        if (*at == '\\' && (at[1] == '\n' || !at[1]))
            break;
        if (*at == '\\') {
            nvb_str_addc(&text, unescape(at[1]));
            at += 2;
            continue;
        }
        if (quote ? *at == quote : *at == '"' || *at == '\'')
            quote = quote ? 0 : *at;
        else
            nvb_str_addc(&text, *at);
        at++;
    }
    struct nvb_unit_word *word = nvb_vec_add(ret);
    word->raw = nvb_strndup(start, (size_t)(at - start));
    word->text = nvb_str_steal(&text);
    word->line = line;
    return at;
}

void nvb_unit_split(const struct nvb_unit_entry *entry, struct nvb_unit_words *ret)
{
    const char *at = strchr(entry->raw, '=') + 1;
    unsigned line = entry->line;
    while (*at) {
        if (*at == '\n') {
            line++;
            at++;
            const char *text = at + strspn(at, " \t");
            if (*text == '#' || *text == ';') /* a comment between continuations */
                at += strcspn(at, "\n");
        } else if (strchr(" \t\r", *at) || (*at == '\\' && (at[1] == '\n' || !at[1]))) {
            at++;
        } else {
            at = read_word(at, line, ret);
        }
    }
}

void nvb_unit_join(struct nvb_unit_entry *entry, const struct nvb_unit_words *words)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    unsigned line = entry->line;
    bool first = true;
    nvb_vec_foreach (word, words) {
        if (word->dropped)
            continue;
        if (!first && word->line != line)
            nvb_str_add(&s, " \\\n  ");
        else if (!first)
            nvb_str_addc(&s, ' ');
        nvb_str_add(&s, word->raw);
        line = word->line;
        first = false;
    }
    nvb_unit_set(entry, s.data);
}

/* ---- options ---- */

void nvb_unit_run_done(struct nvb_unit_run *run)
{
    nvb_vec_foreach (option, &run->options)
        free(option->name);
    nvb_vec_release(&run->options);
}

/* nvbind's own options that take a value by the next word. */
static bool takes_own_value(const char *name, size_t len)
{
    static const char *const names[] = {"gpu", "gpus", "runtime", "profile", "capabilities"};
    for (size_t i = 0; i < NVB_COUNT(names); i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
            return true;
    return false;
}

static size_t read_long(const struct nvb_unit_words *words, size_t at, struct nvb_unit_options *ret)
{
    const char *text = words->items[at].text + 2;
    size_t len = strcspn(text, "=");
    const struct nvb_option *row = nvb_option_find(text, len, NVB_OPTION_ANY);
    const bool takes = (row && row->arity == NVB_OPTION_VALUE) || takes_own_value(text, len);
    struct nvb_unit_option *option = nvb_vec_add(ret);
    option->name = nvb_strndup(text, len);
    option->word = at;
    option->words = 1;
    if (text[len] == '=')
        option->value = text + len + 1;
    else if (takes && at + 1 < words->count) {
        option->value = words->items[at + 1].text;
        option->words = 2;
    }
    return option->words;
}

static size_t read_letters(const struct nvb_unit_words *words, size_t at,
                           struct nvb_unit_options *ret)
{
    const char *text = words->items[at].text + 1;
    for (; *text && *text != '='; text++) {
        const struct nvb_option *row = nvb_option_find_short(*text, NVB_OPTION_ANY);
        struct nvb_unit_option *option = nvb_vec_add(ret);
        option->name = row ? nvb_strdup(row->name) : nvb_strndup(text, 1);
        option->letter = *text;
        option->word = at;
        option->words = 1;
        if (!row || row->arity != NVB_OPTION_VALUE)
            continue;
        if (text[1]) {
            option->value = text + 1 + (text[1] == '=' && text[2]);
        } else if (at + 1 < words->count) {
            option->value = words->items[at + 1].text;
            option->words = 2;
        }
        return option->words;
    }
    return 1;
}

static const char *program_name(const char *text)
{
    text += strspn(text, "@-:+!|");
    const char *slash = strrchr(text, '/');
    return slash ? slash + 1 : text;
}

int nvb_unit_read_run(const struct nvb_unit_words *words, struct nvb_unit_run *ret)
{
    const char *program = words->count ? program_name(words->items[0].text) : "";
    size_t at = 1;
    ret->is_nvbind = strcmp(program, "nvbind") == 0;
    ret->is_docker = strcmp(program, "docker") == 0;
    if (!ret->is_nvbind && !ret->is_docker && strcmp(program, "podman") != 0)
        return 1;
    while (at < words->count && at < 8 && strcmp(words->items[at].text, "run") != 0)
        at++;
    if (at >= words->count || at == 8)
        return 1;
    ret->verb = at++;
    while (at < words->count) {
        const char *text = words->items[at].text;
        if (text[0] != '-' || !text[1])
            break;
        if (strcmp(text, "--") == 0) {
            at++;
            break;
        }
        at += text[1] == '-' ? read_long(words, at, &ret->options)
                             : read_letters(words, at, &ret->options);
    }
    ret->image = at < words->count ? at : words->count;
    const struct nvb_unit_option *runtime = nvb_unit_run_find(ret, "runtime");
    if (ret->is_nvbind && runtime && runtime->value && strcmp(runtime->value, "docker") == 0)
        ret->is_docker = true;
    return 0;
}

const struct nvb_unit_option *nvb_unit_run_find(const struct nvb_unit_run *run, const char *name)
{
    const struct nvb_unit_option *found = NULL;
    nvb_vec_foreach (option, &run->options)
        if (strcmp(option->name, name) == 0)
            found = option;
    return found;
}

void nvb_unit_run_drop(struct nvb_unit_words *words, const struct nvb_unit_option *option)
{
    struct nvb_unit_word *word = &words->items[option->word];
    char *at = option->letter ? strchr(word->text + 1, option->letter) : NULL;
    if (at && strlen(word->text) > 2 && option->words == 1) {
        memmove(at, at + 1, strlen(at));
        free(word->raw);
        word->raw = nvb_strdup(word->text);
        return;
    }
    for (size_t i = 0; i < option->words; i++)
        words->items[option->word + i].dropped = true;
}
