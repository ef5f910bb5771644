#include <stdarg.h>
#include <string.h>

#include "base/nearest.h"
#include "base/str.h"
#include "config/expand.h"
#include "config/keys.h"

struct reader {
    const struct nvb_key_table *table;
    const char *file;
    unsigned layer;
    struct nvb_faults *faults;
};

/* Appends a fault and returns where its error lies, for a hint. */
static struct nvb_error **add_fault(struct reader *r, unsigned line, unsigned column,
                                    const char *format, ...) __attribute__((format(printf, 4, 5)));

static struct nvb_error **add_fault(struct reader *r, unsigned line, unsigned column,
                                    const char *format, ...)
{
    _cleanup_str_ struct nvb_str s = NVB_STR_INIT;
    va_list args;
    va_start(args, format);
    nvb_str_addv(&s, format, args);
    va_end(args);
    struct nvb_error **fault = nvb_vec_add(r->faults);
    (void)nvb_error_make(fault, NVB_ERROR_CONFIG, 0, "%s", s.data);
    (void)nvb_error_at(fault, r->file, line, column);
    return fault;
}

/* "a string ("--rm")": what stands there, cut where it is long. */
static char *describe(const struct nvb_doc *doc)
{
    switch (doc->type) {
    case NVB_DOC_TEXT:
        return nvb_strdupf("a string (\"%.40s%s\")", doc->text,
                           strlen(doc->text) > 40 ? "..." : "");
    case NVB_DOC_BOOL:
        return nvb_strdup(doc->boolean ? "the truth value true" : "the truth value false");
    case NVB_DOC_INT:
        return nvb_strdupf("a whole number (%lld)", (long long)doc->integer);
    case NVB_DOC_TIME:
        return nvb_strdupf("a date or time (%s)", doc->text);
    case NVB_DOC_MAP:
        return nvb_strdup("a table");
    default:
        return nvb_strdup(nvb_doc_type_name(doc->type));
    }
}

static const char *last_part(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot ? dot + 1 : name;
}

/* A scalar as a string of it would be written, or NULL. */
static char *quote_scalar(const struct nvb_doc *doc)
{
    if (doc->type == NVB_DOC_BOOL)
        return nvb_strdup(doc->boolean ? "\"true\"" : "\"false\"");
    if (doc->type == NVB_DOC_INT)
        return nvb_strdupf("\"%lld\"", (long long)doc->integer);
    return doc->type == NVB_DOC_TIME ? nvb_strdupf("\"%s\"", doc->text) : NULL;
}

static void add_wrong_type(struct reader *r, const struct nvb_key *key, const struct nvb_doc *doc)
{
    _cleanup_free_ char *found = describe(doc);
    struct nvb_error **fault = add_fault(r, doc->line, doc->column, "%s is %s; it takes %s",
                                         key->name, found, nvb_key_type_name(key->type));
    _cleanup_free_ char *quoted = key->type == NVB_KEY_TEXT ? quote_scalar(doc) : NULL;
    if (key->type == NVB_KEY_MAP)
        (void)nvb_error_hint(fault, "[%s]", key->name);
    else if (quoted)
        (void)nvb_error_hint(fault, "%s = %s", last_part(key->name), quoted);
    else
        (void)nvb_error_hint(fault, "%s = %s", last_part(key->name), key->example);
}

static void join_words(struct nvb_str *s, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        nvb_str_addf(s, "%s%s", i ? ", " : "", words[i]);
}

static bool has_word(const char *const *words, const char *text)
{
    for (; *words; words++) {
        if (strcmp(*words, text) == 0)
            return true;
    }
    return false;
}

/* Why TEXT is no value of KEY: an error without a place. NAME is the variable's, in a map. */
static int check_text(const struct nvb_key *key, const char *name, const char *text,
                      struct nvb_error **err)
{
    if (key->expands && nvb_expand_check(text, err) < 0)
        return nvb_error_prefix(err, "%s%s%s", key->name, name ? "." : "", name ? name : "");
    if (key->words && !has_word(key->words, text)) {
        _cleanup_str_ struct nvb_str words = NVB_STR_INIT;
        join_words(&words, key->words);
        (void)nvb_error_make(err, NVB_ERROR_CONFIG, 0, "%s: '%s' is none of %s", key->name, text,
                             words.data);
        const char *near = nvb_nearest(text, key->words);
        return near ? nvb_error_hint(err, "did you mean '%s'?", near) : -1;
    }
    /* The name of a variable is checked in any case; of a text to be expanded nothing is known. */
    if (key->find_fault && (name || !key->expands || !nvb_expand_has_variable(text))) {
        const char *fault = key->find_fault(name, text);
        if (fault)
            return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "%s: '%s' %s", key->name,
                                  name ? name : text, fault);
    }
    return 0;
}

static const char *find_path_fault(const char *name, const char *text)
{
    (void)name;
    return *text == '/' ? NULL : "is not an absolute path";
}

static const char *find_set_fault(const char *name, const char *text)
{
    (void)name;
    return nvb_key_variable_fault(text, NULL);
}

/* Appends TEXT, which stands at PLACE, to VALUE's items. Returns false where there is a fault. */
static bool add_item(struct reader *r, const struct nvb_key *key,
                     const struct nvb_doc_member *member, const char *text,
                     const struct nvb_place *place, struct nvb_key_value *value)
{
    const char *name = member ? member->key : NULL;
    _cleanup_error_ struct nvb_error *err = NULL;
    if (check_text(key, name, text, &err) < 0) {
        bool key_is_wrong = member && key->find_fault && key->find_fault(name, text);
        (void)nvb_error_at(&err, r->file, key_is_wrong ? member->line : place->line,
                           key_is_wrong ? member->column : place->column);
        nvb_vec_push(r->faults, TAKE_PTR(err));
        return false;
    }
    nvb_vec_push(&value->items, ((struct nvb_key_item){
                                    .name = nvb_strdup(name),
                                    .text = nvb_strdup(text),
                                    .place = *place,
                                    .layer = r->layer,
                                }));
    return true;
}

/* {value = "...", if_path = "...", if_set = "..."}: the rows of a table of their own. */
static bool read_conditional(struct reader *r, const struct nvb_key *key,
                             const struct nvb_doc_member *member, const struct nvb_doc *doc,
                             struct nvb_key_value *value)
{
    enum { VALUE, IF_PATH, IF_SET, ROWS };
    static const struct nvb_key rows[ROWS] = {
        [VALUE] = {.name = "value", .type = NVB_KEY_TEXT, .example = "\"...\""},
        [IF_PATH] = {.name = "if_path",
                     .type = NVB_KEY_TEXT,
                     .expands = true,
                     .find_fault = find_path_fault,
                     .example = "\"/dev/dri\""},
        [IF_SET] = {.name = "if_set",
                    .type = NVB_KEY_TEXT,
                    .find_fault = find_set_fault,
                    .example = "\"DISPLAY\""},
    };
    static const struct nvb_key_table table = {rows, ROWS, "conditional value"};
    struct nvb_key_value found[ROWS] = {0};
    size_t before = r->faults->count;
    nvb_keys_read(&table, doc, r->file, r->layer, found, r->faults);
    if (r->faults->count == before && !found[VALUE].is_set)
        (void)nvb_error_hint(
            add_fault(r, doc->line, doc->column, "%s: this table has no value", key->name),
            "{ value = \"...\", if_path = \"/...\" }");
    bool good =
        r->faults->count == before && add_item(r, key, member, found[VALUE].items.items[0].text,
                                               &found[VALUE].items.items[0].place, value);
    if (good) {
        struct nvb_key_item *item = &value->items.items[value->items.count - 1];
        if (found[IF_PATH].is_set)
            item->if_path = TAKE_PTR(found[IF_PATH].items.items[0].text);
        if (found[IF_SET].is_set)
            item->if_set = TAKE_PTR(found[IF_SET].items.items[0].text);
    }
    for (size_t i = 0; i < ROWS; i++)
        nvb_key_value_done(&found[i]);
    return good;
}

/* Appends DOC, a string, to VALUE's items. Returns false where there is a fault. */
static bool read_item(struct reader *r, const struct nvb_key *key,
                      const struct nvb_doc_member *member, const struct nvb_doc *doc,
                      struct nvb_key_value *value)
{
    const char *name = member ? member->key : NULL;
    if (r->faults->count >= NVB_FAULTS_MAX)
        return false;
    if (key->conditional && doc->type == NVB_DOC_MAP)
        return read_conditional(r, key, member, doc, value);
    if (doc->type != NVB_DOC_TEXT) {
        _cleanup_free_ char *found = describe(doc);
        struct nvb_error **fault =
            add_fault(r, doc->line, doc->column, "%s%s%s is %s; it takes a string", key->name,
                      name ? "." : "", name ? name : "", found);
        _cleanup_free_ char *quoted = quote_scalar(doc);
        if (quoted)
            (void)nvb_error_hint(fault, "%s%s%s", name ? name : "", name ? " = " : "", quoted);
        return false;
    }
    const struct nvb_place place = {r->file, doc->line, doc->column};
    return add_item(r, key, member, doc->text, &place, value);
}

static void read_value(struct reader *r, const struct nvb_key *key,
                       const struct nvb_doc_member *member, struct nvb_key_value *ret)
{
    static const enum nvb_doc_type needed[] = {
        [NVB_KEY_TEXT] = NVB_DOC_TEXT,
        [NVB_KEY_BOOL] = NVB_DOC_BOOL,
        [NVB_KEY_LIST] = NVB_DOC_LIST,
        [NVB_KEY_MAP] = NVB_DOC_MAP,
    };
    const struct nvb_doc *doc = &member->value;
    struct nvb_key_value value = {
        .is_set = true,
        .place = {r->file, doc->line, doc->column},
        .layer = r->layer,
    };
    bool conditional = key->conditional && key->type == NVB_KEY_TEXT && doc->type == NVB_DOC_MAP;
    if (doc->type != needed[key->type] && !conditional) {
        add_wrong_type(r, key, doc);
        return;
    }
    bool good = true;
    if (key->type == NVB_KEY_BOOL) {
        value.flag = doc->boolean;
    } else if (key->type == NVB_KEY_TEXT) {
        good = read_item(r, key, NULL, doc, &value);
    } else if (key->type == NVB_KEY_LIST) {
        nvb_vec_foreach (item, &doc->list)
            good = read_item(r, key, NULL, item, &value) && good;
    } else {
        nvb_vec_foreach (item, &doc->map)
            good = read_item(r, key, item, &item->value, &value) && good;
    }
    if (good)
        *ret = TAKE_STRUCT(value);
    nvb_key_value_done(&value);
}

/* ---- unknown keys --------------------------------------------------------------------------- */

static bool is_in_section(const struct nvb_key *key, const char *section, size_t len)
{
    return strncmp(key->name, section, len) == 0 && key->name[len] == '.';
}

static bool is_section(const struct nvb_key_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (is_in_section(&table->keys[i], name, strlen(name)))
            return true;
    }
    return false;
}

/* The names that may stand in SECTION (NULL: at the top), NULL-terminated. */
static void list_names(const struct nvb_key_table *table, const char *section, struct nvb_strv *ret)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *name = table->keys[i].name;
        if (section && is_in_section(&table->keys[i], section, strlen(section)))
            nvb_strv_add(ret, last_part(name));
        if (section)
            continue;
        size_t len = strcspn(name, ".");
        _cleanup_free_ char *top = nvb_strndup(name, len);
        if (!nvb_strv_has(ret, top))
            nvb_strv_add(ret, top);
    }
    (void)nvb_strv_terminate(ret);
}

/* The row whose last part is nearest to WORD, in any section. */
static const struct nvb_key *find_elsewhere(const struct nvb_key_table *table, const char *word)
{
    const char **names = nvb_calloc(table->count + 1, sizeof(*names));
    for (size_t i = 0; i < table->count; i++)
        names[i] = last_part(table->keys[i].name);
    const char *near = nvb_nearest(word, names);
    const struct nvb_key *found = NULL;
    for (size_t i = 0; near && i < table->count && !found; i++) {
        if (names[i] == near)
            found = &table->keys[i];
    }
    free(names);
    return found;
}

static void add_unknown(struct reader *r, const char *section, const struct nvb_doc_member *member)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    list_names(r->table, section, &names);
    bool is_table = member->value.type == NVB_DOC_MAP && !section;
    struct nvb_error **fault = add_fault(r, member->line, member->column, "unknown %s '%s%s%s'",
                                         is_table ? "section" : "key", section ? section : "",
                                         section ? "." : "", member->key);
    const char *near = nvb_nearest(member->key, (const char *const *)names.items);
    if (near) {
        (void)nvb_error_hint(fault, is_table ? "did you mean [%s]?" : "did you mean '%s'?", near);
        return;
    }
    const struct nvb_key *other = find_elsewhere(r->table, member->key);
    if (other) {
        (void)nvb_error_hint(fault, "did you mean '%s' in [%.*s]?", last_part(other->name),
                             (int)strcspn(other->name, "."), other->name);
        return;
    }
    _cleanup_str_ struct nvb_str all = NVB_STR_INIT;
    join_words(&all, (const char *const *)names.items);
    (void)nvb_error_hint(fault, "%s%s%s takes %s", section ? "[" : "a ",
                         section ? section : r->table->noun, section ? "]" : "", all.data);
}

static void read_member(struct reader *r, const char *section, const struct nvb_doc_member *member,
                        struct nvb_key_value *values)
{
    _cleanup_free_ char *name =
        section ? nvb_strdupf("%s.%s", section, member->key) : nvb_strdup(member->key);
    const struct nvb_key *key = strchr(member->key, '.') ? NULL : nvb_keys_find(r->table, name);
    if (key) {
        read_value(r, key, member, &values[key - r->table->keys]);
    } else if (section || !is_section(r->table, member->key)) {
        add_unknown(r, section, member);
    } else if (member->value.type != NVB_DOC_MAP) {
        _cleanup_free_ char *found = describe(&member->value);
        (void)nvb_error_hint(add_fault(r, member->value.line, member->value.column,
                                       "%s is %s; it takes a table of keys", member->key, found),
                             "[%s]", member->key);
    } else {
        nvb_vec_foreach (inner, &member->value.map) {
            if (r->faults->count < NVB_FAULTS_MAX)
                read_member(r, member->key, inner, values);
        }
    }
}

void nvb_keys_read(const struct nvb_key_table *table, const struct nvb_doc *doc, const char *file,
                   unsigned layer, struct nvb_key_value *values, struct nvb_faults *faults)
{
    struct reader r = {table, file, layer, faults};
    nvb_vec_foreach (member, &doc->map) {
        if (faults->count < NVB_FAULTS_MAX)
            read_member(&r, NULL, member, values);
    }
}

/* ---- environment variables ------------------------------------------------------------------ */

static int read_flag(const char *text, bool *ret)
{
    static const char *const words[] = {"false", "no", "off", "0", "true", "yes", "on", "1"};
    for (size_t i = 0; i < NVB_COUNT(words); i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = i >= NVB_COUNT(words) / 2;
            return 0;
        }
    }
    return -1;
}

int nvb_key_read_variable(const struct nvb_key *key, const char *text, unsigned layer,
                          struct nvb_key_value *ret, struct nvb_error **err)
{
    struct nvb_place place = {key->variable, 0, 0};
    struct nvb_key_value value = {.is_set = true, .place = place, .layer = layer};
    if (key->type == NVB_KEY_BOOL) {
        if (read_flag(text, &value.flag) < 0)
            return nvb_place_fail(&place, err, "'%s' is neither true nor false", text);
        *ret = value;
        return 0;
    }
    _cleanup_strv_ struct nvb_strv pieces = {0};
    nvb_strv_split(&pieces, text, key->type == NVB_KEY_LIST ? ',' : '\0');
    nvb_vec_foreach (piece, &pieces) {
        if (check_text(key, NULL, *piece, err) < 0) {
            nvb_key_value_done(&value);
            return nvb_error_at(err, key->variable, 0, 0);
        }
        nvb_vec_push(&value.items, ((struct nvb_key_item){
                                       .text = TAKE_PTR(*piece), .place = place, .layer = layer}));
    }
    *ret = value;
    return 0;
}
