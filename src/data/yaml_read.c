#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/utf8.h"
#include "data/yaml_reader.h"

#define CORE_TAG   "tag:yaml.org,2002:"
#define PIPE_BYTES ((size_t)64 << 10)

static void reader_done(struct nvb_yaml_reader *r)
{
    yaml_parser_delete(&r->parser);
    nvb_yaml_anchors_done(&r->anchors);
}

static int place(struct nvb_yaml_reader *r, const yaml_mark_t *mark)
{
    return nvb_error_at(r->err, r->name, (unsigned)mark->line + 1, (unsigned)mark->column + 1);
}

int nvb_yaml_fail(struct nvb_yaml_reader *r, const yaml_mark_t *mark, const char *message,
                  const char *hint)
{
    nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "%s", message);
    if (hint)
        nvb_error_hint(r->err, "%s", hint);
    return place(r, mark);
}

int nvb_yaml_count(struct nvb_yaml_reader *r, const yaml_mark_t *mark, size_t nodes, size_t bytes)
{
    r->nodes += nodes;
    r->bytes += bytes;
    if (r->nodes > NVB_YAML_MAX_NODES)
        return nvb_yaml_fail(r, mark, "too many values in one file", NULL);
    if (r->bytes > NVB_DOC_MAX_BYTES)
        return nvb_yaml_fail(r, mark, "too much text in one file", NULL);
    return 0;
}

/* The next event, to be deleted by the caller. */
static int next_event(struct nvb_yaml_reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event))
        return 0;
    const yaml_parser_t *parser = &r->parser;
    const char *problem = parser->problem ? parser->problem : "not YAML";
    if (parser->context)
        nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "%s, %s", parser->context, problem);
    else
        nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "%s", problem);
    return place(r, parser->error == YAML_READER_ERROR ? &parser->mark : &parser->problem_mark);
}

/* ---- tags ------------------------------------------------------------------------------------ */

static const char *core_tag(const char *tag)
{
    size_t len = strlen(CORE_TAG);
    return tag && strncmp(tag, CORE_TAG, len) == 0 ? tag + len : NULL;
}

static bool is_tag_of(enum nvb_doc_type type, const char *core)
{
    switch (type) {
    case NVB_DOC_NULL:
        return strcmp(core, "null") == 0;
    case NVB_DOC_BOOL:
        return strcmp(core, "bool") == 0;
    case NVB_DOC_INT:
    case NVB_DOC_UINT:
        return strcmp(core, "int") == 0 || strcmp(core, "float") == 0;
    case NVB_DOC_REAL:
        return strcmp(core, "float") == 0;
    case NVB_DOC_LIST:
        return strcmp(core, "seq") == 0;
    case NVB_DOC_MAP:
        return strcmp(core, "map") == 0;
    case NVB_DOC_TEXT:
    case NVB_DOC_TIME:
        break;
    }
    return false;
}

/* Holds TAG, NULL for none, against what the value RET of EVENT is. */
static int apply_tag(struct nvb_yaml_reader *r, const yaml_event_t *event, const char *tag,
                     struct nvb_doc *ret)
{
    const char *core = core_tag(tag);
    bool is_scalar = event->type == YAML_SCALAR_EVENT;
    if (!tag || (is_scalar && (strcmp(tag, "!") == 0 || (core && strcmp(core, "str") == 0))))
        return 0;
    if (!r->options.tags)
        return nvb_yaml_fail(r, &event->start_mark, "tags are not allowed here",
                             "remove the word with '!'");
    if (strcmp(tag, "!reset") == 0 || strcmp(tag, "!override") == 0) {
        ret->tag = strcmp(tag, "!reset") == 0 ? NVB_DOC_RESET : NVB_DOC_OVERRIDE;
        return 0;
    }
    if (core && is_tag_of(ret->type, core)) {
        if (strcmp(core, "float") == 0 && ret->type != NVB_DOC_REAL) {
            ret->real = ret->type == NVB_DOC_INT ? (double)ret->integer : (double)ret->natural;
            ret->type = NVB_DOC_REAL;
        }
        return 0;
    }
    nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "the tag '%s%s' is not for %s", core ? "!!" : "",
                   core ? core : tag, nvb_doc_type_name(ret->type));
    nvb_error_hint(r->err, "remove the word with '!'");
    return place(r, &event->start_mark);
}

/* ---- values ---------------------------------------------------------------------------------- */

static int check_node(struct nvb_yaml_reader *r, const yaml_event_t *event,
                      const yaml_char_t *anchor, size_t bytes, unsigned depth)
{
    if (anchor && !r->options.aliases)
        return nvb_yaml_fail(r, &event->start_mark, "anchors are not allowed here",
                             "write the value out wherever it is meant");
    if (depth > r->max_depth)
        return nvb_yaml_fail(r, &event->start_mark, "nested too deep", NULL);
    if (nvb_yaml_count(r, &event->start_mark, 1, bytes) < 0)
        return -1;
    return anchor ? nvb_yaml_anchor_begin(r, &event->start_mark, (const char *)anchor) : 0;
}

static int read_scalar(struct nvb_yaml_reader *r, const yaml_event_t *event, unsigned depth,
                       struct nvb_doc *ret)
{
    const char *text = (const char *)event->data.scalar.value;
    const char *tag = (const char *)event->data.scalar.tag;
    const char *core = core_tag(tag);
    if (check_node(r, event, event->data.scalar.anchor, event->data.scalar.length, depth) < 0)
        return -1;
    if (memchr(text, '\0', event->data.scalar.length))
        return nvb_yaml_fail(r, &event->start_mark, "a zero character is not allowed in a string",
                             NULL);
    if (event->data.scalar.length > NVB_YAML_MAX_TEXT)
        return nvb_yaml_fail(r, &event->start_mark, "a text of more than 4 MiB", NULL);
    bool is_plain = event->data.scalar.plain_implicit ||
                    (tag && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && tag[0] == '!' &&
                     tag[1] != '\0');
    if (is_plain || (core && strcmp(core, "str") != 0))
        nvb_yaml_resolve(text, ret);
    else
        nvb_doc_set_text(ret, text);
    return apply_tag(r, event, tag, ret);
}

static int read_value(struct nvb_yaml_reader *r, yaml_event_t *event, unsigned depth,
                      struct nvb_doc *ret);

static int read_list(struct nvb_yaml_reader *r, const yaml_event_t *start, unsigned depth,
                     struct nvb_doc *ret)
{
    nvb_doc_set_list(ret);
    if (check_node(r, start, start->data.sequence_start.anchor, 0, depth) < 0 ||
        apply_tag(r, start, (const char *)start->data.sequence_start.tag, ret) < 0)
        return -1;
    for (;;) {
        _cleanup_(yaml_event_delete) yaml_event_t event = {0};
        if (next_event(r, &event) < 0)
            return -1;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (read_value(r, &event, depth + 1, nvb_doc_push(ret)) < 0)
            return -1;
    }
    nvb_vec_trim(&ret->list);
    return 0;
}

/* Reads the key that is in EVENT, as it is spelled. *ret_merge says whether it is the plain "<<" */
static int read_key(struct nvb_yaml_reader *r, yaml_event_t *event, unsigned depth, char **ret,
                    bool *ret_merge)
{
    if (event->type != YAML_SCALAR_EVENT && event->type != YAML_ALIAS_EVENT)
        return nvb_yaml_fail(r, &event->start_mark, "a key must be a word", NULL);
    _cleanup_doc_ struct nvb_doc key = {0};
    if (read_value(r, event, depth, &key) < 0)
        return -1;
    if (key.type == NVB_DOC_LIST || key.type == NVB_DOC_MAP || key.tag)
        return nvb_yaml_fail(r, &event->start_mark, "a key must be a word", NULL);
    *ret_merge = event->type == YAML_SCALAR_EVENT && event->data.scalar.plain_implicit &&
                 strcmp(key.text, "<<") == 0;
    if (*ret_merge && !r->options.aliases)
        return nvb_yaml_fail(r, &event->start_mark, "merge keys are not allowed here",
                             "write the values out wherever they are meant");
    *ret = TAKE_PTR(key.text);
    return 0;
}

/* Reads one key, which is in EVENT, and its value into MAP; what "<<" has is read into *merged,
 * which has its place then. */
static int read_member(struct nvb_yaml_reader *r, yaml_event_t *event, unsigned depth,
                       struct nvb_doc *map, struct nvb_doc *merged)
{
    _cleanup_free_ char *key = NULL;
    bool is_merge = false;
    if (read_key(r, event, depth, &key, &is_merge) < 0)
        return -1;
    struct nvb_doc *ret = merged;
    if (!is_merge) {
        struct nvb_doc_member *member = nvb_vec_add(&map->map);
        member->key = TAKE_PTR(key);
        member->line = (unsigned)event->start_mark.line + 1;
        member->column = (unsigned)event->start_mark.column + 1;
        ret = &member->value;
    } else if (merged->line) {
        return nvb_yaml_fail(r, &event->start_mark, "the key '<<' is here a second time",
                             "'<<: [*one, *two]' merges two");
    }
    _cleanup_(yaml_event_delete) yaml_event_t value = {0};
    if (next_event(r, &value) < 0)
        return -1;
    return read_value(r, &value, depth + 1, ret);
}

static int read_map(struct nvb_yaml_reader *r, const yaml_event_t *start, unsigned depth,
                    struct nvb_doc *ret)
{
    nvb_doc_set_map(ret);
    if (check_node(r, start, start->data.mapping_start.anchor, 0, depth) < 0 ||
        apply_tag(r, start, (const char *)start->data.mapping_start.tag, ret) < 0)
        return -1;
    _cleanup_doc_ struct nvb_doc merged = {0};
    for (;;) {
        _cleanup_(yaml_event_delete) yaml_event_t event = {0};
        if (next_event(r, &event) < 0)
            return -1;
        if (event.type == YAML_MAPPING_END_EVENT)
            break;
        if (read_member(r, &event, depth, ret, &merged) < 0)
            return -1;
    }
    nvb_vec_trim(&ret->map);
    const struct nvb_doc_member *twice = nvb_doc_find_duplicate(ret);
    if (!twice)
        return merged.line ? nvb_yaml_merge(r, &merged, ret) : 0;
    nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "the key '%s' is here a second time", twice->key);
    nvb_error_hint(r->err, "remove one of the two");
    return nvb_error_at(r->err, r->name, twice->line, twice->column);
}

static int read_value(struct nvb_yaml_reader *r, yaml_event_t *event, unsigned depth,
                      struct nvb_doc *ret)
{
    const yaml_mark_t *mark = &event->start_mark;
    ret->line = (unsigned)mark->line + 1;
    ret->column = (unsigned)mark->column + 1;
    const yaml_char_t *anchor = NULL;
    int result;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        result = read_scalar(r, event, depth, ret);
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        result = read_list(r, event, depth, ret);
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        result = read_map(r, event, depth, ret);
        break;
    case YAML_ALIAS_EVENT:
        return nvb_yaml_alias(r, event, depth, ret);
    default:
        return nvb_yaml_fail(r, mark, "not the place for this", NULL);
    }
    if (result < 0 || !anchor)
        return result;
    return nvb_yaml_anchor_end(r, mark, (const char *)anchor, ret);
}

/* ---- documents ------------------------------------------------------------------------------- */

void nvb_docs_done(struct nvb_docs *docs)
{
    nvb_vec_foreach (doc, docs)
        nvb_doc_done(doc);
    nvb_vec_release(docs);
}

/* Takes the event that begins the stream, or that ends a document: libyaml gives no other there. */
static int skip_event(struct nvb_yaml_reader *r)
{
    _cleanup_(yaml_event_delete) yaml_event_t event = {0};
    return next_event(r, &event);
}

static int read_documents(struct nvb_yaml_reader *r, struct nvb_docs *ret)
{
    if (skip_event(r) < 0)
        return -1;
    for (;;) {
        _cleanup_(yaml_event_delete) yaml_event_t start = {0};
        _cleanup_(yaml_event_delete) yaml_event_t event = {0};
        if (next_event(r, &start) < 0)
            return -1;
        if (start.type == YAML_STREAM_END_EVENT)
            return ret->count ? 0 : nvb_yaml_fail(r, &start.start_mark, "the file is empty", NULL);
        if (ret->count && !r->options.many)
            return nvb_yaml_fail(r, &start.start_mark, "a second document begins here",
                                 "keep one document in a file");
        if (next_event(r, &event) < 0 || read_value(r, &event, 1, nvb_vec_add(ret)) < 0 ||
            skip_event(r) < 0)
            return -1;
        nvb_yaml_anchors_done(&r->anchors);
    }
}

static const char too_large[] = "the file is too large: 16 MiB are the most";

static int fail_text(const char *text, size_t at, const char *name, const char *problem,
                     struct nvb_error **err)
{
    unsigned line;
    unsigned column;
    nvb_utf8_place(text, at, &line, &column);
    nvb_error_make(err, NVB_ERROR_CONFIG, 0, "%s", problem);
    return nvb_error_at(err, name, line, column);
}

/*
 * What libyaml does not see, or sees without a place; and the directives, each of which it compares
 * with all before it.
 */
static int check_text(const char *text, size_t len, const char *name, struct nvb_error **err)
{
    if (len > NVB_DOC_MAX_BYTES)
        return fail_text(text, 0, name, too_large, err);
    size_t good = nvb_utf8_check(text, len);
    if (good < len)
        return fail_text(text, good, name, "a byte that is not UTF-8", err);
    unsigned directives = 0;
    const char *end = text + len;
    for (const char *line = text; line < end;) {
        if (end - line > 4 && memcmp(line, "%TAG", 4) == 0 && ++directives > 64)
            return fail_text(text, (size_t)(line - text), name, "too many %TAG directives", err);
        line = memchr(line, '\n', (size_t)(end - line));
        line = line ? line + 1 : end;
    }
    return 0;
}

static int read_text(const char *text, size_t len, const char *name, unsigned max_depth,
                     const struct nvb_yaml_options *options, struct nvb_docs *ret,
                     struct nvb_error **err)
{
    if (check_text(text, len, name, err) < 0)
        return -1;
    _cleanup_(reader_done) struct nvb_yaml_reader r = {
        .name = name, .options = *options, .max_depth = max_depth, .err = err};
    if (!yaml_parser_initialize(&r.parser))
        return nvb_error_make(err, NVB_ERROR_INTERNAL, 0, "out of memory");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);

    _cleanup_docs_ struct nvb_docs docs = {0};
    if (read_documents(&r, &docs) < 0)
        return -1;
    *ret = TAKE_STRUCT(docs);
    return 0;
}

int nvb_yaml_read(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                  struct nvb_error **err)
{
    static const struct nvb_yaml_options plain = {0};
    _cleanup_docs_ struct nvb_docs docs = {0};
    if (read_text(text, len, name, NVB_DOC_MAX_DEPTH, &plain, &docs, err) < 0)
        return -1;
    *ret = TAKE_STRUCT(docs.items[0]);
    return 0;
}

int nvb_yaml_read_all(const char *text, size_t len, const char *name,
                      const struct nvb_yaml_options *options, struct nvb_docs *ret,
                      struct nvb_error **err)
{
    return read_text(text, len, name, NVB_YAML_MAX_DEPTH, options, ret, err);
}

int nvb_yaml_read_path(const char *path, const struct nvb_yaml_options *options,
                       struct nvb_docs *ret, struct nvb_error **err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    _cleanup_close_ int opened = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (!is_stdin && opened < 0)
        return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot open '%s'", path);
    int fd = is_stdin ? STDIN_FILENO : opened;
    struct stat st = {0};
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > (off_t)NVB_DOC_MAX_BYTES)
        return fail_text("", 0, name, too_large, err);
    /* No more than there is: what a growing text leaves unused is memory too. */
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    for (size_t cap = 0; len <= NVB_DOC_MAX_BYTES;) {
        if (len == cap) {
            cap = cap ? cap * 2 : S_ISREG(st.st_mode) ? (size_t)st.st_size + 1 : PIPE_BYTES;
            cap = cap < NVB_DOC_MAX_BYTES ? cap : NVB_DOC_MAX_BYTES + 1;
            text = nvb_realloc(text, cap, 1);
        }
        ssize_t n = read(fd, text + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return nvb_error_make(err, nvb_error_kind_of(errno), errno, "cannot read '%s'", name);
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return nvb_yaml_read_all(text, len, name, options, ret, err);
}
