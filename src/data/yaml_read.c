#include <string.h>
#include <yaml.h>

#include "data/utf8.h"
#include "data/yaml.h"

struct reader {
    yaml_parser_t parser;
    const char *name;
    size_t nodes;
    struct nvb_error **err;
};

static void parser_done(struct reader *r)
{
    yaml_parser_delete(&r->parser);
}

static int place(struct reader *r, const yaml_mark_t *mark)
{
    return nvb_error_at(r->err, r->name, (unsigned)mark->line + 1, (unsigned)mark->column + 1);
}

static int fail(struct reader *r, const yaml_mark_t *mark, const char *message, const char *hint)
{
    nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "%s", message);
    if (hint)
        nvb_error_hint(r->err, "%s", hint);
    return place(r, mark);
}

/* The next event, to be deleted by the caller. */
static int next_event(struct reader *r, yaml_event_t *event)
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

static int check_node(struct reader *r, const yaml_event_t *event, const yaml_char_t *anchor,
                      const yaml_char_t *tag, unsigned depth)
{
    if (anchor)
        return fail(r, &event->start_mark, "anchors are not allowed here",
                    "write the value out wherever it is meant");
    if (tag && strcmp((const char *)tag, "tag:yaml.org,2002:str") != 0 &&
        strcmp((const char *)tag, "!") != 0)
        return fail(r, &event->start_mark, "tags are not allowed here", "remove the word with '!'");
    if (depth > NVB_DOC_MAX_DEPTH)
        return fail(r, &event->start_mark, "nested too deep", NULL);
    if (++r->nodes > NVB_DOC_MAX_NODES)
        return fail(r, &event->start_mark, "too many values in one file", NULL);
    return 0;
}

static int check_scalar(struct reader *r, const yaml_event_t *event)
{
    if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
        return fail(r, &event->start_mark, "a zero character is not allowed in a string", NULL);
    return 0;
}

static int read_scalar(struct reader *r, const yaml_event_t *event, unsigned depth,
                       struct nvb_doc *ret)
{
    const char *text = (const char *)event->data.scalar.value;
    if (check_node(r, event, event->data.scalar.anchor, event->data.scalar.tag, depth) < 0 ||
        check_scalar(r, event) < 0)
        return -1;
    if (event->data.scalar.plain_implicit)
        nvb_yaml_resolve(text, ret);
    else
        nvb_doc_set_text(ret, text);
    return 0;
}

static int read_value(struct reader *r, yaml_event_t *event, unsigned depth, struct nvb_doc *ret);

static int read_list(struct reader *r, const yaml_event_t *start, unsigned depth,
                     struct nvb_doc *ret)
{
    if (check_node(r, start, start->data.sequence_start.anchor, start->data.sequence_start.tag,
                   depth) < 0)
        return -1;
    nvb_doc_set_list(ret);
    for (;;) {
        _cleanup_(yaml_event_delete) yaml_event_t event = {0};
        if (next_event(r, &event) < 0)
            return -1;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        if (read_value(r, &event, depth + 1, nvb_doc_push(ret)) < 0)
            return -1;
    }
}

/* The key is in EVENT. */
static int read_member(struct reader *r, const yaml_event_t *event, unsigned depth,
                       struct nvb_doc *map)
{
    if (event->type == YAML_ALIAS_EVENT)
        return fail(r, &event->start_mark, "aliases are not allowed here",
                    "write the value out wherever it is meant");
    if (event->type != YAML_SCALAR_EVENT)
        return fail(r, &event->start_mark, "a key must be a word", NULL);
    if (check_node(r, event, event->data.scalar.anchor, event->data.scalar.tag, depth) < 0 ||
        check_scalar(r, event) < 0)
        return -1;
    const char *key = (const char *)event->data.scalar.value;
    if (event->data.scalar.plain_implicit && strcmp(key, "<<") == 0)
        return fail(r, &event->start_mark, "merge keys are not allowed here",
                    "write the values out wherever they are meant");
    struct nvb_doc_member *member = nvb_vec_add(&map->map);
    member->key = nvb_strdup(key);
    member->line = (unsigned)event->start_mark.line + 1;
    member->column = (unsigned)event->start_mark.column + 1;

    _cleanup_(yaml_event_delete) yaml_event_t value = {0};
    if (next_event(r, &value) < 0)
        return -1;
    return read_value(r, &value, depth + 1, &member->value);
}

static int read_map(struct reader *r, const yaml_event_t *start, unsigned depth,
                    struct nvb_doc *ret)
{
    if (check_node(r, start, start->data.mapping_start.anchor, start->data.mapping_start.tag,
                   depth) < 0)
        return -1;
    nvb_doc_set_map(ret);
    for (;;) {
        _cleanup_(yaml_event_delete) yaml_event_t event = {0};
        if (next_event(r, &event) < 0)
            return -1;
        if (event.type == YAML_MAPPING_END_EVENT)
            break;
        if (read_member(r, &event, depth, ret) < 0)
            return -1;
    }
    const struct nvb_doc_member *twice = nvb_doc_find_duplicate(ret);
    if (!twice)
        return 0;
    nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "the key '%s' is here a second time", twice->key);
    nvb_error_hint(r->err, "remove one of the two");
    return nvb_error_at(r->err, r->name, twice->line, twice->column);
}

static int read_value(struct reader *r, yaml_event_t *event, unsigned depth, struct nvb_doc *ret)
{
    ret->line = (unsigned)event->start_mark.line + 1;
    ret->column = (unsigned)event->start_mark.column + 1;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, event, depth, ret);
    case YAML_SEQUENCE_START_EVENT:
        return read_list(r, event, depth, ret);
    case YAML_MAPPING_START_EVENT:
        return read_map(r, event, depth, ret);
    case YAML_ALIAS_EVENT:
        return fail(r, &event->start_mark, "aliases are not allowed here",
                    "write the value out wherever it is meant");
    default:
        return fail(r, &event->start_mark, "not the place for this", NULL);
    }
}

/* Takes one event, which must be of the TYPE; otherwise the file holds a second document. */
static int expect_event(struct reader *r, yaml_event_type_t type)
{
    _cleanup_(yaml_event_delete) yaml_event_t event = {0};
    if (next_event(r, &event) < 0)
        return -1;
    if (event.type == type)
        return 0;
    if (event.type == YAML_STREAM_END_EVENT)
        return fail(r, &event.start_mark, "the file is empty", NULL);
    return fail(r, &event.start_mark, "a second document begins here",
                "keep one document in a file");
}

static int read_document(struct reader *r, struct nvb_doc *ret)
{
    if (expect_event(r, YAML_STREAM_START_EVENT) < 0 ||
        expect_event(r, YAML_DOCUMENT_START_EVENT) < 0)
        return -1;
    _cleanup_(yaml_event_delete) yaml_event_t event = {0};
    if (next_event(r, &event) < 0 || read_value(r, &event, 1, ret) < 0)
        return -1;
    if (expect_event(r, YAML_DOCUMENT_END_EVENT) < 0)
        return -1;
    return expect_event(r, YAML_STREAM_END_EVENT);
}

/* What libyaml does not see, or sees without a place. */
static int check_bytes(const char *text, size_t len, const char *name, struct nvb_error **err)
{
    size_t good = len > NVB_DOC_MAX_BYTES ? 0 : nvb_utf8_check(text, len);
    if (good == len)
        return 0;
    unsigned line;
    unsigned column;
    nvb_utf8_place(text, good, &line, &column);
    nvb_error_make(err, NVB_ERROR_CONFIG, 0, "%s",
                   len > NVB_DOC_MAX_BYTES ? "the file is too large to be what it should be"
                                           : "a byte that is not UTF-8");
    return nvb_error_at(err, name, line, column);
}

int nvb_yaml_read(const char *text, size_t len, const char *name, struct nvb_doc *ret,
                  struct nvb_error **err)
{
    if (check_bytes(text, len, name, err) < 0)
        return -1;
    _cleanup_(parser_done) struct reader r = {.name = name, .err = err};
    if (!yaml_parser_initialize(&r.parser))
        return nvb_error_make(err, NVB_ERROR_INTERNAL, 0, "out of memory");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);

    _cleanup_doc_ struct nvb_doc doc = {0};
    if (read_document(&r, &doc) < 0)
        return -1;
    *ret = TAKE_STRUCT(doc);
    return 0;
}
