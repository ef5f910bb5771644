#include "plan/parse.h"

#include <string.h>

#include "base/nearest.h"

/*
 * Theory of operation. The words are walked once, by the rules of the engines' flag parser (they
 * are listed in plan/option.h). The table tells for every option whether the next word is its
 * value, so the first word that is neither an option nor a value is IMAGE, and the walk ends there.
 * nvbind's own options are long ones only; they are taken out, and every other word is kept as it
 * is.
 */

enum own {
    OWN_CAPABILITIES,
    OWN_CDI,
    OWN_DRY_RUN,
    OWN_GPU,
    OWN_GPUS,
    OWN_HELP,
    OWN_ISOLATE,
    OWN_NO_CDI,
    OWN_PROFILE,
    OWN_ROOTLESS,
    OWN_RUNTIME,
};

const char *const nvb_parse_own_names[] = {
    [OWN_CAPABILITIES] = "capabilities",
    [OWN_CDI] = "cdi",
    [OWN_DRY_RUN] = "dry-run",
    [OWN_GPU] = "gpu",
    [OWN_GPUS] = "gpus",
    [OWN_HELP] = "help",
    [OWN_ISOLATE] = "isolate",
    [OWN_NO_CDI] = "no-cdi",
    [OWN_PROFILE] = "profile",
    [OWN_ROOTLESS] = "rootless",
    [OWN_RUNTIME] = "runtime",
    NULL,
};

static const enum nvb_option_arity own_arity[] = {
    [OWN_CAPABILITIES] = NVB_OPTION_VALUE, [OWN_CDI] = NVB_OPTION_BOOL,
    [OWN_DRY_RUN] = NVB_OPTION_OPTVALUE,   [OWN_GPU] = NVB_OPTION_VALUE,
    [OWN_GPUS] = NVB_OPTION_VALUE,         [OWN_HELP] = NVB_OPTION_BOOL,
    [OWN_ISOLATE] = NVB_OPTION_OPTVALUE,   [OWN_NO_CDI] = NVB_OPTION_BOOL,
    [OWN_PROFILE] = NVB_OPTION_VALUE,      [OWN_ROOTLESS] = NVB_OPTION_BOOL,
    [OWN_RUNTIME] = NVB_OPTION_VALUE,
};

/* A walk over the words. */
struct walk {
    const struct nvb_parse *parse;
    char *const *words;
    size_t count;
    size_t next;                 /* the word to be read */
    struct nvb_request *request; /* NULL: nvbind's own options do not belong here */
    struct nvb_plan_line *early; /* NULL: nor do those that stand before the command word */
    struct nvb_plan_line *line;
    bool exec; /* the words of exec, not of run */
};

void nvb_request_done(struct nvb_request *request)
{
    free(request->gpu);
    free(request->gpus);
    free(request->capabilities);
    free(request->profile);
    *request = (struct nvb_request){0};
}

/* ---- nvbind's own options ---- */

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = nvb_strdup(value);
}

/* The value of an own option: *ret is NULL for a bare one. The word itself is still w->next. */
static int read_own_value(struct walk *w, enum own own, const char *attached, const char **ret,
                          struct nvb_error **err)
{
    const char *name = nvb_parse_own_names[own];
    *ret = attached;
    if (own_arity[own] == NVB_OPTION_BOOL && attached)
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "option '--%s' takes no value", name);
    if (own_arity[own] != NVB_OPTION_VALUE)
        return 0;
    if (!attached) {
        if (w->next + 1 >= w->count)
            return nvb_error_make(err, NVB_ERROR_USAGE, 0, "option '--%s' needs a value", name);
        *ret = w->words[++w->next];
    }
    if (**ret == '\0')
        return nvb_error_make(err, NVB_ERROR_USAGE, 0,
                              "option '--%s' needs a value, not an empty "
                              "one",
                              name);
    return 0;
}

/* Sets *RET to the place of VALUE (NULL: the first) in WORDS, NULL-terminated. */
static int choose(const char *name, const char *value, const char *const *words, unsigned *ret,
                  struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str known = NVB_STR_INIT;
    for (unsigned i = 0; words[i]; i++) {
        if (!value || strcmp(value, words[i]) == 0) {
            *ret = i;
            return 0;
        }
        nvb_str_addf(&known, "%s%s", i ? ", " : "", words[i]);
    }
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'--%s=%s' is unknown", name, value);
    const char *near = nvb_nearest(value, words);
    if (near)
        return nvb_error_hint(err, "did you mean '--%s=%s'?", name, near);
    return nvb_error_hint(err, "--%s takes one of: %s", name, known.data);
}

/* Returns 0, 1 when the value makes it the engine's own option, or -1. */
static int take_runtime(struct nvb_request *request, const char *value)
{
    if (strcmp(value, "podman") == 0)
        request->engines = NVB_ENGINE_PODMAN;
    else if (strcmp(value, "docker") == 0)
        request->engines = NVB_ENGINE_DOCKER;
    else if (strcmp(value, "nvidia") == 0 || strcmp(value, "nvbind") == 0)
        request->gpu_runtime = true;
    else
        return 1;
    return 0;
}

static int take_cdi(struct nvb_request *request, enum nvb_request_cdi cdi, struct nvb_error **err)
{
    if (request->cdi != NVB_CDI_AUTO && request->cdi != cdi)
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "'--cdi' and '--no-cdi' exclude each other");
    request->cdi = cdi;
    return 0;
}

/* Each use adds one or more. */
static void add_profile(struct nvb_request *request, const char *value)
{
    char *all =
        request->profile ? nvb_strdupf("%s,%s", request->profile, value) : nvb_strdup(value);
    free(request->profile);
    request->profile = all;
}

static int take_own(struct nvb_request *request, enum own own, const char *value,
                    struct nvb_error **err)
{
    static const char *const isolate_words[] = {"device", "strict", "none", NULL};
    static const char *const dry_run_words[] = {"shell", "json", NULL};
    unsigned chosen = 0;

    switch (own) {
    case OWN_CAPABILITIES:
        set_text(&request->capabilities, value);
        return 0;
    case OWN_CDI:
        return take_cdi(request, NVB_CDI_INSIST, err);
    case OWN_NO_CDI:
        return take_cdi(request, NVB_CDI_REFUSE, err);
    case OWN_DRY_RUN:
        if (choose("dry-run", value, dry_run_words, &chosen, err) < 0)
            return -1;
        request->dry_run = chosen == 0 ? NVB_DRY_RUN_SHELL : NVB_DRY_RUN_JSON;
        return 0;
    case OWN_GPU:
        set_text(&request->gpu, value);
        return 0;
    case OWN_GPUS:
        set_text(&request->gpus, value);
        return 0;
    case OWN_HELP:
        request->help = true;
        return 0;
    case OWN_ISOLATE:
        if (choose("isolate", value, isolate_words, &chosen, err) < 0)
            return -1;
        request->isolate = chosen == 0   ? NVB_ISOLATE_DEVICE
                           : chosen == 1 ? NVB_ISOLATE_STRICT
                                         : NVB_ISOLATE_NONE;
        return 0;
    case OWN_PROFILE:
        add_profile(request, value);
        return 0;
    case OWN_ROOTLESS:
        request->rootless = true;
        return 0;
    case OWN_RUNTIME:
        return take_runtime(request, value);
    }
    return 0;
}

/* Returns 0 when the word was an own option and is read, 1 when it is not, or -1. */
static int read_own(struct walk *w, const char *name, size_t len, const char *attached,
                    struct nvb_error **err)
{
    const char *value = NULL;
    unsigned own = 0;
    size_t before = w->next;
    while (nvb_parse_own_names[own] && (strlen(nvb_parse_own_names[own]) != len ||
                                        memcmp(nvb_parse_own_names[own], name, len) != 0))
        own++;
    /* "--help=false" is nobody's request for help. */
    if (!nvb_parse_own_names[own] || (own == OWN_HELP && attached) ||
        (w->exec && own != OWN_RUNTIME && own != OWN_HELP && own != OWN_DRY_RUN))
        return 1;
    if (!w->request) {
        if (own == OWN_RUNTIME)
            return 1;
        return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'--%s' is not an option of the engine",
                              nvb_parse_own_names[own]);
    }
    if (read_own_value(w, own, attached, &value, err) < 0)
        return -1;
    int r = take_own(w->request, own, value, err);
    if (r == 0)
        w->next++;
    else
        w->next = before;
    return r;
}

/* ---- the engines' options ---- */

static int fail_unknown(struct walk *w, const char *word, const char *name, size_t len,
                        struct nvb_error **err)
{
    _cleanup_free_ char *copy = nvb_strndup(name, len);
    const char *engine = nvb_option_nearest(copy, NVB_OPTION_ANY);
    const char *own = w->request ? nvb_nearest(copy, nvb_parse_own_names) : NULL;
    const char *near = engine;
    if (own && (!engine || nvb_edit_distance(copy, own) <= nvb_edit_distance(copy, engine)))
        near = own;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "unknown option '%.*s'", (int)strcspn(word, "="),
                         word);
    if (w->exec)
        return nvb_error_hint(err, "nvbind exec --help");
    if (near)
        return nvb_error_hint(err, "did you mean '--%s'?", near);
    return nvb_error_hint(err, "nvbind run --help");
}

/* The row of an option, and whether it takes a value; asks where the table does not know it. */
static int find_row(struct walk *w, const char *name, size_t len, bool is_short,
                    const struct nvb_option **ret_row, bool *ret_takes_value,
                    struct nvb_error **err)
{
    const struct nvb_option *row = w->exec    ? nvb_option_find_exec(name, len, is_short)
                                   : is_short ? nvb_option_find_short(name[0], NVB_OPTION_ANY)
                                              : nvb_option_find(name, len, NVB_OPTION_ANY);
    const char *word = w->words[w->next];
    *ret_row = row;
    if (row) {
        *ret_takes_value = row->arity == NVB_OPTION_VALUE;
        return 0;
    }
    int r = 1;
    if (w->parse && w->parse->ask)
        r = w->parse->ask(w->parse->data, w->request, name, len, is_short, ret_takes_value, err);
    if (r < 0)
        return -1;
    if (r == 0)
        return 0;
    if (is_short && word[2] != '\0') {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "unknown option '-%c' in '%s'", name[0],
                             word);
        return nvb_error_hint(err, "nvbind run --help");
    }
    return fail_unknown(w, word, name, len, err);
}

static void add_option(struct nvb_plan_line *line, const struct nvb_option *row, const char *name,
                       size_t len, bool is_short, const char *value, size_t words)
{
    struct nvb_plan_option *option = nvb_vec_add(&line->options);
    option->row = row;
    option->name = nvb_strndup(name, len);
    option->is_short = is_short;
    option->value = nvb_strdup(value);
    option->first = line->words.count;
    option->words = words;
}

/* Copies the word that has been read, and its value where that is a word of its own. */
static void take_words(struct walk *w, struct nvb_plan_line *line, size_t words)
{
    for (size_t i = 0; i < words; i++)
        nvb_strv_add(&line->words, w->words[w->next++]);
}

/* The engines refuse anything else. */
static int check_flag(const struct nvb_option *row, const char *word, const char *value,
                      struct nvb_error **err)
{
    bool known;
    if (!value || !row || row->arity != NVB_OPTION_BOOL || nvb_parse_bool(value, &known) == 0)
        return 0;
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is neither true nor false in '%s'", value,
                         word);
    return nvb_error_hint(err, "--%s, or --%s=false", row->name, row->name);
}

static int fail_no_value(const char *word, struct nvb_error **err)
{
    return nvb_error_make(err, NVB_ERROR_USAGE, 0, "option '%s' needs a value", word);
}

static int read_long(struct walk *w, struct nvb_error **err)
{
    const char *word = w->words[w->next];
    const char *name = word + 2;
    size_t len = strcspn(name, "=");
    const char *attached = name[len] == '=' ? name + len + 1 : NULL;
    const struct nvb_option *row;
    bool takes_value = false;

    if (len == 0 || name[0] == '-')
        return nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is not an option", word);
    int r = read_own(w, name, len, attached, err);
    if (r <= 0)
        return r;
    if (find_row(w, name, len, false, &row, &takes_value, err) < 0)
        return -1;
    struct nvb_plan_line *line = w->line;
    if (row && (row->flags & NVB_OPTION_EARLY)) {
        if (!w->early)
            return nvb_error_make(err, NVB_ERROR_CONFIG, 0,
                                  "'--%s' stands before the engine's command word", row->name);
        line = w->early;
    }
    if (check_flag(row, word, attached, err) < 0)
        return -1;
    size_t words = takes_value && !attached ? 2 : 1;
    if (w->next + words > w->count)
        return fail_no_value(word, err);
    if (words == 2)
        attached = w->words[w->next + 1];
    add_option(line, row, name, len, false, attached, words);
    take_words(w, line, words);
    return 0;
}

static int read_short(struct walk *w, struct nvb_error **err)
{
    const char *word = w->words[w->next];
    size_t words = 1;
    for (const char *p = word + 1; *p;) {
        const struct nvb_option *row;
        const char *value = NULL;
        bool takes_value = false;
        if (find_row(w, p, 1, true, &row, &takes_value, err) < 0)
            return -1;
        const char *rest = p + 1;
        if (rest[0] == '=' && rest[1] != '\0') {
            value = rest + 1;
        } else if (takes_value && rest[0] != '\0') {
            value = rest;
        } else if (takes_value) {
            if (w->next + 1 >= w->count)
                return fail_no_value(word, err);
            value = w->words[w->next + 1];
            words = 2;
        }
        if (check_flag(row, word, value, err) < 0)
            return -1;
        add_option(w->line, row, p, 1, true, value, value && words == 2 ? 2 : 1);
        p = value ? "" : rest;
    }
    take_words(w, w->line, words);
    return 0;
}

/* Reads options up to IMAGE, which w->next then is. A "--" is kept and ends them. */
static int read_options(struct walk *w, struct nvb_error **err)
{
    while (w->next < w->count) {
        const char *word = w->words[w->next];
        if (w->request && w->request->help)
            return 0;
        if (word[0] != '-' || word[1] == '\0')
            return 0;
        if (strcmp(word, "--") == 0) {
            take_words(w, w->line, 1);
            return 0;
        }
        if ((word[1] == '-' ? read_long(w, err) : read_short(w, err)) < 0)
            return -1;
    }
    return 0;
}

static int read_words(struct walk *w, struct nvb_request *request, struct nvb_plan *plan,
                      struct nvb_error **err)
{
    w->request = request;
    w->early = &plan->early;
    w->line = &plan->user;
    if (read_options(w, err) < 0)
        return -1;
    if (request->help || (w->exec && nvb_plan_line_is_on(&plan->user, "latest")))
        return 0;
    if (w->next >= w->count || w->words[w->next][0] == '\0') {
        (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "no %s is given",
                             w->exec ? "CONTAINER" : "IMAGE");
        return nvb_error_hint(err, w->exec ? "nvbind exec [ENGINE OPTIONS] CONTAINER COMMAND..."
                                           : "nvbind run [OPTIONS] [ENGINE OPTIONS] IMAGE "
                                             "[COMMAND...]");
    }
    plan->image = nvb_strdup(w->words[w->next++]);
    return 0;
}

static int parse_words(struct walk *w, struct nvb_request *ret_request, struct nvb_plan *ret_plan,
                       struct nvb_error **err)
{
    _cleanup_request_ struct nvb_request request = {0};
    _cleanup_plan_ struct nvb_plan plan = {0};
    if (read_words(w, &request, &plan, err) < 0)
        return -1;
    while (!request.help && w->next < w->count)
        nvb_strv_add(&plan.command, w->words[w->next++]);
    *ret_request = TAKE_STRUCT(request);
    *ret_plan = TAKE_STRUCT(plan);
    return 0;
}

int nvb_parse_run(const struct nvb_parse *parse, int argc, char *const *argv,
                  struct nvb_request *ret_request, struct nvb_plan *ret_plan,
                  struct nvb_error **err)
{
    struct walk w = {.parse = parse, .words = argv, .count = argc > 0 ? (size_t)argc : 0};
    return parse_words(&w, ret_request, ret_plan, err);
}

int nvb_parse_exec(const struct nvb_parse *parse, int argc, char *const *argv,
                   struct nvb_request *ret_request, struct nvb_plan *ret_plan,
                   struct nvb_error **err)
{
    struct walk w = {
        .parse = parse, .words = argv, .count = argc > 0 ? (size_t)argc : 0, .exec = true};
    return parse_words(&w, ret_request, ret_plan, err);
}

int nvb_parse_defaults(const struct nvb_strv *words, struct nvb_plan_line *ret, size_t *ret_word,
                       struct nvb_error **err)
{
    struct nvb_plan_line line = {0};
    struct walk w = {.words = words->items, .count = words->count, .line = &line};
    int r = read_options(&w, err);
    /* A closing "--" has been taken as a word that no option owns. */
    if (r == 0 && line.words.count > 0 && strcmp(words->items[w.next - 1], "--") == 0 &&
        (line.options.count == 0 || line.options.items[line.options.count - 1].first +
                                            line.options.items[line.options.count - 1].words <
                                        w.next))
        w.next--;
    if (r == 0 && w.next < w.count)
        r = nvb_error_make(err, NVB_ERROR_CONFIG, 0, "'%s' is not an option of the engine",
                           words->items[w.next]);
    if (r < 0) {
        nvb_plan_line_done(&line);
        *ret_word = w.next < w.count ? w.next : w.count - 1;
        return -1;
    }
    *ret = line;
    return 0;
}
