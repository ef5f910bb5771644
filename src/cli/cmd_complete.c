/*
 * nvbind __complete WORDS...: candidates for the last word (which may be empty) of the command line
 * "nvbind WORDS...", for the scripts in completions/. The tables that the commands are read by are
 * walked as reading walks them, so what is offered is what would be taken. No engine is started,
 * and nothing is said on standard error: there is a prompt.
 */
#include <string.h>

#include "cli/complete.h"
#include "cli/help.h"
#include "plan/option.h"

/* Who reads the words that come now. */
struct grammar {
    const struct nvb_cli_option *options; /* or NULL */
    unsigned engines;                     /* whose options are read as well; 0: nobody's */
    unsigned scope;                       /* of those: NVB_OPTION_RUN or NVB_OPTION_CREATE */
    bool ends_at_word;                    /* the first plain word ends it */
};

struct walk {
    char **words;
    int last; /* the word to be completed */
    int next;
    struct nvb_host_options host;
    struct nvb_completion completion;
};

/* Where the last word stands, once the grammar has been walked. */
struct place {
    const struct nvb_cli_option *own; /* it is the value of this option, or NULL */
    bool is_engine_value;             /* it is the value of an engine's option */
    bool behind_dashes;               /* "--" stands before it: no option */
    bool found_word;                  /* ended at a plain word, which is the walk's next one */
};

static const struct nvb_cli_option *find_own(const struct nvb_cli_option *table, const char *name,
                                             size_t len, char letter)
{
    for (; table && table->name; table++) {
        if (letter ? table->letter == letter
                   : strlen(table->name) == len && memcmp(table->name, name, len) == 0)
            return table;
    }
    return NULL;
}

/* An option whose value may be left out takes it by "=" only, so never the next word. */
static bool needs_value(const struct nvb_cli_option *option)
{
    return option->value && option->value[0] != '[';
}

/* What PLACE says of the word behind the option WORD; false when that word is not its value. */
static bool takes_next(const struct grammar *g, const char *word, struct place *place)
{
    const struct nvb_option *row;
    if (nvb_has_prefix(word, "--")) {
        if (strchr(word, '='))
            return false;
        place->own = find_own(g->options, word + 2, strlen(word + 2), 0);
        if (place->own)
            return needs_value(place->own);
        row = nvb_option_find(word + 2, strlen(word + 2), g->engines);
        place->is_engine_value = row && row->arity == NVB_OPTION_VALUE;
        return place->is_engine_value;
    }
    for (const char *p = word + 1; *p && *p != '='; p++) {
        place->own = find_own(g->options, NULL, 0, *p);
        row = place->own ? NULL : nvb_option_find_short(*p, g->engines);
        place->is_engine_value = row && row->arity == NVB_OPTION_VALUE;
        if (place->is_engine_value || (place->own && needs_value(place->own)))
            return p[1] == '\0';
    }
    return false;
}

/* Some values change what is offered later: where the host is, and which engine will run. */
static void note_value(struct walk *w, struct grammar *g, const char *name, size_t len,
                       const char *value)
{
    const struct {
        const char *name;
        const char **place;
    } roots[] = {
        {"host-root", &w->host.host_root},
        {"driver-root", &w->host.driver_root},
        {"dev-root", &w->host.dev_root},
    };
    if (g->engines) {
        if (len != strlen("runtime") || memcmp(name, "runtime", len) != 0)
            return;
        if (strcmp(value, "podman") == 0)
            g->engines = NVB_OPTION_PODMAN;
        else if (strcmp(value, "docker") == 0)
            g->engines = NVB_OPTION_DOCKER;
        return;
    }
    for (size_t i = 0; i < NVB_COUNT(roots); i++) {
        if (strlen(roots[i].name) == len && memcmp(name, roots[i].name, len) == 0)
            *roots[i].place = value;
    }
}

/* Walks the words before the last one, or up to the first plain one where that ends the grammar. */
static struct place walk(struct walk *w, struct grammar *g)
{
    struct place place = {0};
    while (w->next < w->last) {
        const char *word = w->words[w->next];
        if (word[0] != '-' || word[1] == '\0' || place.behind_dashes) {
            if (g->ends_at_word) {
                place.found_word = true;
                return place;
            }
        } else if (strcmp(word, "--") == 0) {
            place.behind_dashes = true;
        } else {
            struct place value = {0};
            const char *equals = strchr(word, '=');
            bool is_long = nvb_has_prefix(word, "--");
            if (takes_next(g, word, &value)) {
                if (++w->next == w->last)
                    return value;
                if (is_long)
                    note_value(w, g, word + 2, strlen(word + 2), w->words[w->next]);
            } else if (is_long && equals) {
                note_value(w, g, word + 2, (size_t)(equals - word - 2), equals + 1);
            }
        }
        w->next++;
    }
    return place;
}

static void offer_option(struct nvb_completion *c, const char *name, const char *note)
{
    _cleanup_free_ char *word = nvb_strdupf("--%s", name);
    nvb_completion_offer(c, word, note);
}

static bool is_offered(const struct nvb_option *row, const struct grammar *g)
{
    const unsigned never =
        NVB_OPTION_HIDDEN | NVB_OPTION_DEPRECATED | NVB_OPTION_NOOP | NVB_OPTION_WINDOWS;
    return (row->engines & g->engines) && (row->scope & (g->scope | NVB_OPTION_GLOBAL)) &&
           !(row->flags & never) && !row->alias_of &&
           !find_own(g->options, row->name, strlen(row->name), 0);
}

/* An option whose value may be left out is offered without one and with each. */
static void offer_own(struct nvb_completion *c, const struct nvb_cli_option *option)
{
    offer_option(c, option->name, option->help);
    if (!option->value || needs_value(option))
        return;
    struct nvb_completion values = {.host = c->host, .word = "", .lines = NVB_STR_INIT};
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_completion_offer_value(&values, option->value);
    nvb_strv_split(&words, values.lines.data, '\n');
    nvb_str_done(&values.lines);
    nvb_vec_foreach (word, &words) {
        _cleanup_free_ char *both = nvb_strdupf("%s=%s", option->name, *word);
        if (**word)
            offer_option(c, both, option->help);
    }
}

/* Which engines have it: worth a word only while it is open which one will run. */
static const char *engine_note(unsigned engines, const struct grammar *g)
{
    if (g->engines != NVB_OPTION_ANY)
        return NULL;
    if (engines == NVB_OPTION_ANY)
        return "podman, docker";
    return engines == NVB_OPTION_PODMAN ? "podman" : "docker";
}

static void offer_options(struct nvb_completion *c, const struct grammar *g)
{
    for (const struct nvb_cli_option *o = g->options; o && o->name; o++)
        offer_own(c, o);
    for (size_t i = 0; i < nvb_options_len;) {
        const char *name = nvb_options[i].name; /* of one name there may be several rows */
        unsigned engines = 0;
        for (; i < nvb_options_len && strcmp(nvb_options[i].name, name) == 0; i++) {
            if (is_offered(&nvb_options[i], g))
                engines |= nvb_options[i].engines;
        }
        if (engines)
            offer_option(c, name, engine_note(engines, g));
    }
}

/* The table of the engines' options does not say what a value is: most often it is a path. */
static void offer_engine_value(struct nvb_completion *c)
{
    c->directive = "files";
}

/* Offers for a word that begins with "-": an option's name, or its value behind "=". */
static void offer_dashed(struct nvb_completion *c, const struct grammar *g)
{
    const char *equals = nvb_has_prefix(c->word, "--") ? strchr(c->word, '=') : NULL;
    if (!equals) {
        offer_options(c, g);
        return;
    }
    const char *name = c->word + 2;
    size_t len = (size_t)(equals - name);
    const struct nvb_cli_option *own = find_own(g->options, name, len, 0);
    c->prefix = (size_t)(equals + 1 - c->word);
    if (own && own->value)
        nvb_completion_offer_value(c, own->value);
    else if (!own && nvb_option_find(name, len, g->engines))
        offer_engine_value(c);
}

static void offer_subcommands(struct nvb_completion *c, const struct nvb_command *table)
{
    for (; table->name; table++) {
        if (!table->hidden)
            nvb_completion_offer(c, table->name, table->summary);
    }
}

static void complete_command(struct walk *w, const struct nvb_command *command);

/* The words that choose a command of TABLE, with OPTIONS before it, and then that command's. */
static void complete_table(struct walk *w, const struct nvb_command *table,
                           const struct nvb_cli_option *options)
{
    struct grammar g = {.options = options, .ends_at_word = true};
    struct place place = walk(w, &g);
    struct nvb_completion *c = &w->completion;
    if (place.found_word) {
        const struct nvb_command *command = nvb_command_find(table, w->words[w->next++]);
        if (command && !command->hidden)
            complete_command(w, command);
    } else if (place.own) {
        nvb_completion_offer_value(c, place.own->value);
    } else if (c->word[0] == '-' && !place.behind_dashes) {
        offer_dashed(c, &g);
    } else {
        offer_subcommands(c, table);
    }
}

static void complete_command(struct walk *w, const struct nvb_command *command)
{
    if (command->commands) {
        complete_table(w, command->commands, command->options);
        return;
    }
    struct nvb_completion *c = &w->completion;
    struct grammar g = {.options = command->options};
    if (command->takes_engine_options) {
        g.engines = NVB_OPTION_ANY;
        g.scope = strcmp(command->name, "create") == 0 ? NVB_OPTION_CREATE
                  : strcmp(command->name, "exec") == 0 ? NVB_OPTION_EXEC
                                                       : NVB_OPTION_RUN;
        g.ends_at_word = true;
    }
    struct place place = walk(w, &g);
    if (place.found_word) /* behind IMAGE: a command of the container's */
        c->directive = "files";
    else if (place.own)
        nvb_completion_offer_value(c, place.own->value);
    else if (place.is_engine_value)
        offer_engine_value(c);
    else if (c->word[0] == '-' && !place.behind_dashes)
        offer_dashed(c, &g);
    else if (command->operand)
        nvb_completion_offer_value(c, command->operand);
}

int nvb_cmd_complete(struct nvb_cli *cli, int argc, char **argv)
{
    if (argc < 2) {
        _cleanup_error_ struct nvb_error *err = NULL;
        (void)nvb_error_make(&err, NVB_ERROR_USAGE, 0, "__complete needs the words of a command");
        (void)nvb_error_hint(&err, "nvbind __complete run --gpu ''");
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    }
    struct walk w = {
        .words = argv + 1,
        .last = argc - 2,
        .host = cli->host,
        .completion = {.word = argv[argc - 1], .lines = NVB_STR_INIT},
    };
    w.completion.host = &w.host;
    complete_table(&w, nvb_commands, nvb_global_options);
    if (w.completion.directive)
        nvb_str_addf(&w.completion.lines, ":%s\n", w.completion.directive);
    int status = nvb_cli_print(cli, w.completion.lines.data, w.completion.lines.len);
    nvb_str_done(&w.completion.lines);
    return status;
}
