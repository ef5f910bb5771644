#include "plan/option.h"

#include <string.h>

/* Orders a word of len bytes against a name as strcmp() would. */
static int compare_word(const char *word, size_t len, const char *name)
{
    int order = strncmp(word, name, len);

    if (order != 0)
        return order;
    return name[len] == '\0' ? 0 : -1;
}

/* The index of the first row that is not before the word. */
static size_t lower_bound(const char *word, size_t len)
{
    size_t low = 0;
    size_t high = nvb_options_len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_word(word, len, nvb_options[middle].name) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct nvb_option *nvb_option_find(const char *name, size_t len, unsigned engines)
{
    /* strncmp() would stop at a zero byte in the word and take what follows for equal. */
    if (len == 0 || len > NVB_OPTION_NAME_MAX || memchr(name, '\0', len) != NULL)
        return NULL;

    for (size_t i = lower_bound(name, len); i < nvb_options_len; i++) {
        if (compare_word(name, len, nvb_options[i].name) != 0)
            return NULL;
        if (nvb_options[i].engines & engines)
            return &nvb_options[i];
    }
    return NULL;
}

const struct nvb_option *nvb_option_find_short(char letter, unsigned engines)
{
    if (letter == '\0')
        return NULL;

    for (size_t i = 0; i < nvb_options_len; i++) {
        const struct nvb_option *option = &nvb_options[i];

        if (option->letter == letter && (option->engines & engines) &&
            !(option->flags & NVB_OPTION_EARLY))
            return option;
    }
    return NULL;
}

/* Not in the table: -l is another option after run. */
static const struct nvb_option exec_alone[] = {
    {.name = "latest",
     .letter = 'l',
     .arity = NVB_OPTION_BOOL,
     .engines = NVB_OPTION_PODMAN,
     .scope = NVB_OPTION_EXEC},
    {.name = "no-session",
     .arity = NVB_OPTION_BOOL,
     .engines = NVB_OPTION_PODMAN,
     .scope = NVB_OPTION_EXEC},
};

const struct nvb_option *nvb_option_find_exec(const char *name, size_t len, bool is_short)
{
    for (size_t i = 0; i < sizeof(exec_alone) / sizeof(*exec_alone); i++) {
        const struct nvb_option *option = &exec_alone[i];
        if (is_short ? option->letter == name[0]
                     : strlen(option->name) == len && memcmp(option->name, name, len) == 0)
            return option;
    }
    const struct nvb_option *found = is_short ? nvb_option_find_short(name[0], NVB_OPTION_ANY)
                                              : nvb_option_find(name, len, NVB_OPTION_ANY);
    return found && (found->scope & (NVB_OPTION_EXEC | NVB_OPTION_GLOBAL)) ? found : NULL;
}

const struct nvb_option *nvb_option_canonical(const struct nvb_option *option)
{
    if (option->alias_of == NULL)
        return option;
    return nvb_option_find(option->alias_of, strlen(option->alias_of), option->engines);
}

static bool is_between(const struct nvb_option_versions *versions, unsigned version)
{
    return version >= versions->since && (versions->until == 0 || version <= versions->until);
}

bool nvb_option_is_in(const struct nvb_option *option, unsigned engine, unsigned version)
{
    if (!(option->engines & engine))
        return false;
    return is_between(engine == NVB_OPTION_PODMAN ? &option->podman : &option->docker, version);
}

bool nvb_option_is_available(const struct nvb_option *option, unsigned engine, unsigned version,
                             unsigned *ret_since)
{
    *ret_since = 0;
    /* A row that stands beside the table is the only one of its name. */
    if (option->scope == NVB_OPTION_EXEC && nvb_option_is_in(option, engine, version))
        return true;
    for (size_t i = lower_bound(option->name, strlen(option->name)); i < nvb_options_len; i++) {
        const struct nvb_option *row = &nvb_options[i];

        if (strcmp(row->name, option->name) != 0)
            break;
        if (!(row->engines & engine))
            continue;
        if (nvb_option_is_in(row, engine, version))
            return true;
        unsigned since = engine == NVB_OPTION_PODMAN ? row->podman.since : row->docker.since;
        if (since > version)
            *ret_since = since;
    }
    return false;
}

const struct nvb_option *nvb_option_translate(const struct nvb_option *option, unsigned engine)
{
    const struct nvb_option *own = nvb_option_canonical(option);
    const struct nvb_option *there;
    const char *name;

    if (own->engines & engine)
        return own;
    if (own->flags & NVB_OPTION_APART)
        return NULL;

    name = own->other != NULL ? own->other : own->name;
    there = nvb_option_find(name, strlen(name), engine);
    if (there == NULL || (there->flags & NVB_OPTION_APART))
        return NULL;
    return nvb_option_canonical(there);
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/*
 * The optimal string alignment distance of a word from a table name: edits of one letter, and swaps
 * of two neighbours, that no later edit touches. Three rows of the matrix are alive at a time, each
 * as wide as the name, which is at most NVB_OPTION_NAME_MAX letters; the word may be of any length.
 */
static size_t distance(const char *word, size_t word_len, const char *name, size_t name_len)
{
    size_t rows[3][NVB_OPTION_NAME_MAX + 1];
    size_t *before = rows[0];
    size_t *above = rows[1];
    size_t *row = rows[2];

    for (size_t j = 0; j <= name_len; j++)
        above[j] = j;

    for (size_t i = 1; i <= word_len; i++) {
        size_t *spare = before;

        row[0] = i;
        for (size_t j = 1; j <= name_len; j++) {
            size_t replaced = above[j - 1] + (word[i - 1] != name[j - 1]);

            row[j] = min3(above[j] + 1, row[j - 1] + 1, replaced);
            if (i > 1 && j > 1 && word[i - 1] == name[j - 2] && word[i - 2] == name[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        before = above;
        above = row;
        row = spare;
    }
    return above[name_len];
}

const char *nvb_option_nearest(const char *name, unsigned engines)
{
    const unsigned never = NVB_OPTION_HIDDEN | NVB_OPTION_DEPRECATED | NVB_OPTION_EARLY;
    size_t len = strlen(name);
    size_t allowed = len / 3;
    const char *nearest = NULL;

    /* Nothing is that near to a word so long: its length alone is too far off. */
    if (len > 2 * NVB_OPTION_NAME_MAX)
        return NULL;

    for (size_t i = 0; i < nvb_options_len; i++) {
        const struct nvb_option *option = &nvb_options[i];
        size_t edits;

        if (!(option->engines & engines) || (option->flags & never) || option->alias_of != NULL)
            continue;
        edits = distance(name, len, option->name, strlen(option->name));
        if (edits < allowed || (edits == allowed && nearest == NULL)) {
            nearest = option->name;
            allowed = edits;
        }
    }
    return nearest;
}
