/*
 * Prints the engines' option table, one row a line, for tests/engine/10-options.bats. Fields are
 * parted by tabs; "-" stands for nothing:
 *
 *   name letter arity repeat engines scope flags podman-since podman-until docker-since
 *   docker-until alias-of other
 *
 * engines, scope and flags are lists with commas before, between and behind (",podman,docker,"), so
 * that a search for ",podman," finds the word and nothing else.
 */

#include <inttypes.h>
#include <stdio.h>

#include "plan/option.h"

struct word {
    unsigned bit;
    const char *text;
};

static const struct word engine_words[] = {
    {NVB_OPTION_PODMAN, "podman"}, {NVB_OPTION_DOCKER, "docker"}, {0, NULL}};

static const struct word scope_words[] = {{NVB_OPTION_RUN, "run"},
                                          {NVB_OPTION_CREATE, "create"},
                                          {NVB_OPTION_EXEC, "exec"},
                                          {NVB_OPTION_GLOBAL, "global"},
                                          {0, NULL}};

static const struct word flag_words[] = {{NVB_OPTION_EARLY, "early"},
                                         {NVB_OPTION_HIDDEN, "hidden"},
                                         {NVB_OPTION_DEPRECATED, "deprecated"},
                                         {NVB_OPTION_NOOP, "noop"},
                                         {NVB_OPTION_REMOTE, "remote"},
                                         {NVB_OPTION_WINDOWS, "windows"},
                                         {NVB_OPTION_DIALECT, "dialect"},
                                         {NVB_OPTION_APART, "apart"},
                                         {0, NULL}};

static const char *const arity_words[] = {
    [NVB_OPTION_BOOL] = "bool", [NVB_OPTION_VALUE] = "value", [NVB_OPTION_OPTVALUE] = "optvalue"};

static const char *const repeat_words[] = {[NVB_OPTION_LAST] = "last",
                                           [NVB_OPTION_LIST] = "list",
                                           [NVB_OPTION_CSV] = "csv",
                                           [NVB_OPTION_CSV4] = "csv4"};

static void print_set(unsigned set, const struct word *words)
{
    putchar('\t');
    putchar(',');
    for (; words->text != NULL; words++) {
        if (set & words->bit)
            printf("%s,", words->text);
    }
}

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

int main(void)
{
    for (size_t i = 0; i < nvb_options_len; i++) {
        const struct nvb_option *option = &nvb_options[i];

        printf("%s\t%c\t%s\t%s", option->name, option->letter != '\0' ? option->letter : '-',
               arity_words[option->arity], repeat_words[option->repeat]);
        print_set(option->engines, engine_words);
        print_set(option->scope, scope_words);
        print_set(option->flags, flag_words);
        printf("\t%" PRIu16 "\t%" PRIu16 "\t%" PRIu16 "\t%" PRIu16 "\t%s\t%s\n",
               option->podman.since, option->podman.until, option->docker.since,
               option->docker.until, or_dash(option->alias_of), or_dash(option->other));
    }
    return 0;
}
