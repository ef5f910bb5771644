/* docker run and docker create: the options, by the option table, and the request for GPUs. */

#include <string.h>

#include "migrate/migrate.h"
#include "plan/option.h"

#define IS(word, s) (strcmp((word), (s)) == 0)

/* An option of the line: the words that hold it. */
struct use {
    const struct nvb_option *row;
    const char *value;   /* borrowed; NULL: a flag, or something the shell puts in */
    bool is_known_value; /* value can be told */
    size_t first, words;
};

struct request {
    const struct nvb_shell_words *words;
    size_t at; /* the next word */
    struct NVB_VEC(struct use) gpus;
    bool asked;
    char *selection; /* in nvbind's words; owned */
    bool is_unclear; /* the shell puts it in */
};

/* The name in "--name=value": its length. */
static size_t name_length(const char *word)
{
    return strcspn(word, "=");
}

/* Reads the option at r->at. Returns 0; 1 where the table has no such option; 2 at the image; 3 at
 * something that the shell puts in. */
static int read_option(struct request *r, struct use *ret)
{
    const struct nvb_shell_word *word = &r->words->items[r->at];
    const char *text = word->text;
    *ret = (struct use){.first = r->at, .words = 1};
    if (!text)
        return r->words->count - r->at > 1 ? 3 : 2;
    if (text[0] != '-' || !text[1] || IS(text, "--"))
        return 2;
    const bool is_long = text[1] == '-';
    const char *value = NULL;
    if (is_long) {
        size_t len = name_length(text + 2);
        ret->row = nvb_option_find(text + 2, len, NVB_OPTION_DOCKER);
        value = text[2 + len] == '=' ? text + 3 + len : NULL;
    } else {
        const char *p = text + 1;
        do
            ret->row = nvb_option_find_short(*p++, NVB_OPTION_DOCKER);
        while (*p && ret->row && ret->row->arity == NVB_OPTION_BOOL);
        value = *p ? p + (*p == '=') : NULL;
    }
    if (!ret->row)
        return 1;
    ret->row = nvb_option_canonical(ret->row);
    if (!value && ret->row->arity == NVB_OPTION_VALUE && r->at + 1 < r->words->count) {
        value = r->words->items[r->at + 1].text;
        ret->words = 2;
    }
    ret->value = value;
    ret->is_known_value = value || ret->row->arity == NVB_OPTION_BOOL;
    r->at += ret->words;
    return 0;
}

/* --gpus in Docker's grammar, in nvbind's words. Returns NULL where they have none. */
static char *selection_of_gpus(const char *value)
{
    size_t len = strlen(value);
    if (len > 1 && value[0] == '"' && value[len - 1] == '"') { /* CSV: '"device=0,1"' */
        value++;
        len -= 2;
    }
    _cleanup_free_ char *inner = nvb_strndup(value, len);
    if (IS(inner, "all") || IS(inner, "-1"))
        return nvb_strdup("all");
    if (nvb_has_prefix(inner, "device=") && !strchr(inner + 7, '='))
        return nvb_strdup(inner + 7);
    if (*inner && strspn(inner, "0123456789") == strlen(inner))
        return IS(inner, "0") ? nvb_strdup("none") : nvb_strdupf("count=%s", inner);
    return NULL;
}

static void take_selection(struct request *r, char *selection)
{
    free(r->selection);
    r->selection = selection;
    r->is_unclear = !selection;
}

/* Whether the use is a request for GPUs, which then goes. */
static bool take_gpus(struct request *r, const struct use *use)
{
    const char *value = use->value;
    if (IS(use->row->name, "gpus")) {
        take_selection(r, value ? selection_of_gpus(value) : NULL);
    } else if (IS(use->row->name, "runtime") && value && IS(value, "nvidia")) {
        if (!r->selection && !r->is_unclear)
            take_selection(r, nvb_strdup("all"));
    } else if (IS(use->row->name, "env") && value &&
               nvb_has_prefix(value, "NVIDIA_VISIBLE_DEVICES=")) {
        const char *list = strchr(value, '=') + 1;
        take_selection(r, nvb_strdup(*list && !IS(list, "void") ? list : "none"));
    } else {
        return false;
    }
    r->asked = true;
    nvb_vec_push(&r->gpus, *use);
    return true;
}

/* Why an option cannot go over to Podman, or NULL. */
static const char *reason_against(const struct use *use)
{
    if (!nvb_option_translate(use->row, NVB_OPTION_PODMAN))
        return "Podman has nothing like it";
    if (IS(use->row->name, "volume") && use->value && strstr(use->value, "docker.sock"))
        return "Docker's socket is not Podman's";
    return NULL;
}

static void rename_option(struct nvb_migration *m, const struct nvb_shell_words *words,
                          const struct use *use)
{
    const struct nvb_option *there = nvb_option_translate(use->row, NVB_OPTION_PODMAN);
    const struct nvb_shell_word *word = &words->items[use->first];
    if (there == use->row || !word->text || IS(there->name, use->row->name))
        return;
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    nvb_str_addf(&s, "--%s", there->name);
    size_t len = word->text[1] == '-' ? name_length(word->text + 2) + 2 : 2;
    nvb_migrate_edit(m, word->start, word->start + len, s.data);
}

/* The option that brings the GPUs, for one engine. Returns 0, or -1 where it has no word for it. */
static int write_request(const struct request *r, enum nvb_migrate_target target,
                         struct nvb_str *ret)
{
    if (target == NVB_MIGRATE_TO_NVBIND) {
        nvb_str_add(ret, "--gpu ");
        nvb_str_add_shell(ret, r->selection);
        return 0;
    }
    if (nvb_has_prefix(r->selection, "count="))
        return -1; /* which ones would be a guess that stays in the file */
    if (IS(r->selection, "none"))
        return 0;
    _cleanup_strv_ struct nvb_strv names = {0};
    nvb_strv_split(&names, r->selection, ',');
    nvb_vec_foreach (name, &names) {
        nvb_str_addf(ret, "%s--device nvidia.com/gpu=", ret->len ? " " : "");
        nvb_str_add_shell(ret, *name);
    }
    return 0;
}

/* Behind the blanks and ends of line that begin at AT: what stands there may be a redirection. */
static size_t skip_blanks(const struct nvb_migration *m, size_t at)
{
    for (;;)
        if (m->text[at] == ' ' || m->text[at] == '\t')
            at++;
        else if (m->text[at] == '\\' && m->text[at + 1] == '\n')
            at += 2;
        else
            return at;
}

static void replace_request(struct nvb_migration *m, const struct request *r, const char *text)
{
    const struct nvb_shell_words *words = r->words;
    for (size_t i = 0; i < r->gpus.count; i++) {
        const struct use *use = &r->gpus.items[i];
        const struct nvb_shell_word *last = &words->items[use->first + use->words - 1];
        size_t next = use->first + use->words;
        if (i == 0 && *text)
            nvb_migrate_edit(m, words->items[use->first].start, last->end, text);
        else if (next < words->count) /* with the blanks, or the end of line, behind it */
            nvb_migrate_edit(m, words->items[use->first].start, skip_blanks(m, last->end), "");
        else if (use->first > 0 && skip_blanks(m, words->items[use->first - 1].end) ==
                                       words->items[use->first].start) /* or with those before it */
            nvb_migrate_edit(m, words->items[use->first - 1].end, last->end, "");
        else
            nvb_migrate_edit(m, words->items[use->first].start, last->end, "");
    }
}

static void insert_request(struct nvb_migration *m, const struct nvb_shell_words *words, size_t run,
                           const char *text)
{
    _cleanup_free_ char *behind = nvb_strdupf(" %s", text);
    nvb_migrate_edit(m, words->items[run].end, words->items[run].end, behind);
}

/* Nothing of a command that cannot be rewritten as a whole is touched. */
static void forget_edits(struct nvb_migration *m, size_t kept)
{
    while (m->edits.count > kept)
        free(m->edits.items[--m->edits.count].text);
}

/* Reads the options up to IMAGE. Returns whether all of them can go over. */
static bool read_options(struct nvb_migration *m, struct request *r)
{
    struct use use;
    bool odd = false; /* a variable stood there, which may have been the image */
    while (r->at < r->words->count) {
        const size_t start = r->words->items[r->at].start;
        int is = read_option(r, &use);
        if (is == 2)
            break;
        if (is == 3) { /* a variable may hold options, the image or nothing: read on behind it */
            odd = true;
            r->at++;
            continue;
        }
        if (is == 1 && odd)
            break;
        const char *reason = is == 1 ? "Docker has no such option" : NULL;
        if (is == 0 && take_gpus(r, &use))
            continue;
        if (is == 0)
            reason = reason_against(&use);
        if (reason) {
            nvb_migrate_leave(m, start, NULL, "'%s': %s; the command is left as it is",
                              r->words->items[is == 1 ? r->at : use.first].text, reason);
            return false;
        }
        rename_option(m, r->words, &use);
    }
    return true;
}

void nvb_migrate_option_words(struct nvb_migration *m, const struct nvb_shell_words *words)
{
    struct request r = {.words = words};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    const size_t edits = m->edits.count;
    bool well = read_options(m, &r);
    if (well && r.asked && (r.is_unclear || write_request(&r, NVB_MIGRATE_TO_PODMAN, &text) < 0)) {
        well = false;
        nvb_migrate_leave(m, words->items[r.gpus.items[0].first].start,
                          "--device nvidia.com/gpu=0 and so on by name",
                          "Podman's devices cannot be asked for by their number");
    }
    if (well && r.asked)
        replace_request(m, &r, text.data);
    if (!well)
        forget_edits(m, edits);
    free(r.selection);
    nvb_vec_release(&r.gpus);
}

bool nvb_migrate_run(struct nvb_migration *m, const struct nvb_shell_words *words, size_t run,
                     enum nvb_migrate_target target, bool all_gpus, bool *ret_well)
{
    struct request r = {.words = words, .at = run + 1};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    const size_t edits = m->edits.count;
    *ret_well = read_options(m, &r);
    if (*ret_well && all_gpus && !r.asked)
        take_selection(&r, nvb_strdup("all"));
    const bool gpus = r.asked || all_gpus;
    if (*ret_well && gpus && r.is_unclear) {
        /* nvbind reads Docker's own words, whatever the shell puts in. */
        *ret_well = target == NVB_MIGRATE_TO_NVBIND;
        if (!*ret_well)
            nvb_migrate_leave(m, words->items[r.gpus.items[0].first].start,
                              "--device nvidia.com/gpu=all, or --to nvbind",
                              "what this asks for cannot be told from the file");
    } else if (*ret_well && gpus && write_request(&r, target, &text) < 0) {
        *ret_well = false;
        nvb_migrate_leave(m, words->items[run].start,
                          "--device nvidia.com/gpu=0 and so on by name, or --to nvbind",
                          "Podman's devices cannot be asked for by their number");
    } else if (*ret_well && r.gpus.count > 0) {
        replace_request(m, &r, text.data);
    } else if (*ret_well && gpus) {
        insert_request(m, words, run, text.data);
    }
    if (!*ret_well)
        forget_edits(m, edits);
    free(r.selection);
    nvb_vec_release(&r.gpus);
    return gpus;
}
