/*
 * A Compose file's GPU requests become CDI names in "devices:", the one form that Compose on Podman
 * honours: "runtime: nvidia", "gpus:" and "deploy.resources.reservations.devices" (Compose
 * specification) are dropped there, by most versions without a word.
 *
 * The document tells where things are; the edits are made in the text, so that comments stay.
 */

#include <string.h>

#include "data/yaml.h"
#include "migrate/migrate.h"

struct compose {
    struct nvb_migration *m;
    struct NVB_VEC(size_t) lines; /* where each begins */
};

static size_t line_at(const struct compose *c, size_t line)
{
    return line - 1 < c->lines.count ? c->lines.items[line - 1] : c->m->len;
}

static size_t indent_of(const struct compose *c, size_t line)
{
    size_t at = line_at(c, line);
    return strspn(c->m->text + at, " ");
}

static bool is_empty_line(const struct compose *c, size_t line)
{
    char first = c->m->text[line_at(c, line) + indent_of(c, line)];
    return first == '\n' || first == '#' || first == '\r' || first == '\0';
}

/* The first line behind the block that begins at LINE with its key INDENT characters in. Lines that
 * are empty or comments belong to what follows. */
static size_t block_end(const struct compose *c, size_t line, size_t indent)
{
    size_t end = line + 1;
    for (size_t i = line + 1; i <= c->lines.count && line_at(c, i) < c->m->len; i++) {
        const char *text = c->m->text + line_at(c, i);
        size_t own = indent_of(c, i);
        if (is_empty_line(c, i))
            continue;
        if (own < indent || (own == indent && strncmp(text + own, "- ", 2) != 0))
            break;
        end = i + 1;
    }
    return end;
}

static const struct nvb_doc_member *find_member(const struct nvb_doc *map, const char *key)
{
    if (!map || map->type != NVB_DOC_MAP)
        return NULL;
    nvb_vec_foreach (member, &map->map)
        if (strcmp(member->key, key) == 0)
            return member;
    return NULL;
}

/* Whether the key is the first thing on its line: only such a block can be taken out by lines. */
static bool is_block(const struct compose *c, const struct nvb_doc_member *member)
{
    return indent_of(c, member->line) + 1 == member->column;
}

/* ---- what is asked for ---- */

static bool is_gpu_request(const struct nvb_doc *item)
{
    const char *driver = nvb_doc_find_text(item, "driver");
    const struct nvb_doc *capabilities = nvb_doc_find(item, "capabilities");
    if (driver && (strcmp(driver, "nvidia") == 0 || strcmp(driver, "cdi") == 0))
        return true;
    for (size_t i = 0;
         capabilities && capabilities->type == NVB_DOC_LIST && i < capabilities->list.count; i++) {
        const char *text = capabilities->list.items[i].text;
        if (text && (strcmp(text, "gpu") == 0 || strcmp(text, "nvidia") == 0))
            return true;
    }
    return false;
}

static void add_name(struct nvb_strv *names, const char *device)
{
    _cleanup_free_ char *name =
        strchr(device, '=') ? nvb_strdup(device) : nvb_strdupf("nvidia.com/gpu=%s", device);
    if (!nvb_strv_has(names, name))
        nvb_strv_add(names, name);
}

/* One request's devices. Returns 0, or -1 where it asks for a number of them. */
static int add_request(const struct nvb_doc *item, struct nvb_strv *names)
{
    const struct nvb_doc *ids = nvb_doc_find(item, "device_ids");
    const struct nvb_doc *count = nvb_doc_find(item, "count");
    for (size_t i = 0; ids && ids->type == NVB_DOC_LIST && i < ids->list.count; i++)
        if (ids->list.items[i].text)
            add_name(names, ids->list.items[i].text);
    if (ids)
        return 0;
    if (count && !(count->text && strcmp(count->text, "all") == 0) &&
        !(count->type == NVB_DOC_INT && count->integer == -1))
        return -1;
    add_name(names, "all");
    return 0;
}

static void add_visible(const char *value, struct nvb_strv *names)
{
    _cleanup_strv_ struct nvb_strv ids = {0};
    nvb_strv_split(&ids, value, ',');
    nvb_vec_foreach (id, &ids)
        if (**id && strcmp(*id, "void") != 0 && strcmp(*id, "none") != 0)
            add_name(names, *id);
}

/* NVIDIA_VISIBLE_DEVICES in "environment:", a map or a list; NULL without. */
static const char *find_visible(const struct nvb_doc *service)
{
    static const char name[] = "NVIDIA_VISIBLE_DEVICES";
    const struct nvb_doc *environment = nvb_doc_find(service, "environment");
    if (!environment)
        return NULL;
    if (environment->type == NVB_DOC_MAP)
        return nvb_doc_find_text(environment, name);
    for (size_t i = 0; environment->type == NVB_DOC_LIST && i < environment->list.count; i++) {
        const char *text = environment->list.items[i].text;
        if (text && nvb_has_prefix(text, name) && text[strlen(name)] == '=')
            return text + strlen(name) + 1;
    }
    return NULL;
}

/* ---- taking out and putting in ---- */

struct removal {
    size_t first, end; /* lines */
    size_t put;        /* where a key of the service's own may stand instead: a line */
};

struct service {
    const struct nvb_doc *doc;
    struct nvb_strv names;
    struct NVB_VEC(struct removal) removals;
    const struct nvb_doc_member *unclear; /* asks for a number of GPUs, or is not in block style */
};

/* TOP is the service's own key that MEMBER is, or is inside of. */
static void take_out(const struct compose *c, struct service *s, const struct nvb_doc_member *top,
                     const struct nvb_doc_member *member)
{
    if (!is_block(c, member) || !is_block(c, top)) {
        s->unclear = member;
        return;
    }
    struct removal removal = {member->line, block_end(c, member->line, member->column - 1),
                              member->line};
    /* What else is in TOP may stand behind it. */
    if (member != top)
        removal.put = block_end(c, top->line, top->column - 1);
    nvb_vec_push(&s->removals, removal);
}

static void read_gpus(const struct compose *c, struct service *s)
{
    const struct nvb_doc_member *gpus = find_member(s->doc, "gpus");
    if (!gpus)
        return;
    if (gpus->value.type == NVB_DOC_LIST) {
        for (size_t i = 0; i < gpus->value.list.count; i++)
            if (add_request(&gpus->value.list.items[i], &s->names) < 0)
                s->unclear = gpus;
    } else if (gpus->value.text && strcmp(gpus->value.text, "all") == 0) {
        add_name(&s->names, "all");
    } else {
        s->unclear = gpus;
    }
    take_out(c, s, gpus, gpus);
}

/* Of deploy, resources, reservations and devices the outermost goes that holds nothing else. */
static void read_deploy(const struct compose *c, struct service *s)
{
    static const char *const path[] = {"deploy", "resources", "reservations", "devices"};
    const struct nvb_doc_member *chain[NVB_COUNT(path)];
    const struct nvb_doc *at = s->doc;
    size_t outer = NVB_COUNT(path) - 1;
    for (size_t i = 0; i < NVB_COUNT(path); i++) {
        chain[i] = find_member(at, path[i]);
        if (!chain[i])
            return;
        at = &chain[i]->value;
    }
    size_t requests = 0;
    for (size_t i = 0; at->type == NVB_DOC_LIST && i < at->list.count; i++) {
        if (!is_gpu_request(&at->list.items[i]))
            continue;
        requests++;
        if (add_request(&at->list.items[i], &s->names) < 0)
            s->unclear = chain[NVB_COUNT(path) - 1];
    }
    if (requests == 0)
        return;
    if (requests < at->list.count)
        s->unclear = chain[NVB_COUNT(path) - 1];
    while (outer > 0 && chain[outer - 1]->value.map.count == 1)
        outer--;
    take_out(c, s, chain[0], chain[outer]);
}

static void read_runtime(const struct compose *c, struct service *s)
{
    const struct nvb_doc_member *runtime = find_member(s->doc, "runtime");
    if (!runtime || !runtime->value.text || strcmp(runtime->value.text, "nvidia") != 0)
        return;
    if (s->names.count == 0)
        add_visible(find_visible(s->doc) ? find_visible(s->doc) : "all", &s->names);
    take_out(c, s, runtime, runtime);
}

static void add_items(const struct nvb_strv *names, size_t indent, struct nvb_str *ret)
{
    for (size_t i = 0; i < names->count; i++)
        nvb_str_addf(ret, "%*s- %s\n", (int)indent, "", names->items[i]);
}

/* Whether a further line can be a further item: not in "[a, b]", and not where there is none. */
static bool is_list_of_lines(const struct compose *c, const struct nvb_doc_member *member)
{
    if (member->value.type != NVB_DOC_LIST || member->value.list.count == 0 || !is_block(c, member))
        return false;
    const size_t line = member->value.list.items[0].line;
    const char *text = c->m->text + line_at(c, line) + indent_of(c, line);
    return line > member->line && text[0] == '-' && strchr(" \t", text[1]);
}

/* Puts LINES, whole ones, before the line LINE. */
static void put_in(const struct compose *c, size_t line, const struct nvb_str *lines)
{
    const size_t at = line_at(c, line);
    const bool open = at == c->m->len && at > 0 && c->m->text[at - 1] != '\n';
    _cleanup_free_ char *text = nvb_strdupf("%s%s", open ? "\n" : "", lines->data);
    if (open)
        text[strlen(text) - 1] = '\0';
    nvb_migrate_edit(c->m, at, at, text);
}

/* The lines that go leave their place to the first new ones. */
static void write_edits(const struct compose *c, const struct service *s)
{
    const struct nvb_doc_member *devices = find_member(s->doc, "devices");
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    size_t indent = s->doc->map.items[0].column - 1;
    if (devices && devices->value.type == NVB_DOC_LIST && devices->value.list.count > 0) {
        add_items(&s->names, indent_of(c, devices->value.list.items[0].line), &text);
        put_in(c, block_end(c, devices->line, devices->column - 1), &text);
        nvb_str_truncate(&text, 0);
    } else if (s->names.count > 0) {
        nvb_str_addf(&text, "%*sdevices:\n", (int)indent, "");
        add_items(&s->names, indent + 2, &text);
    }
    for (size_t i = 0; i < s->removals.count; i++) {
        const struct removal *r = &s->removals.items[i];
        const bool in_place = i == 0 && (r->put == r->first || r->put == r->end);
        nvb_migrate_edit(c->m, line_at(c, r->first), line_at(c, r->end), in_place ? text.data : "");
        if (i == 0 && !in_place && text.len > 0)
            put_in(c, r->put, &text);
    }
}

static void read_service(const struct compose *c, const struct nvb_doc *doc)
{
    struct service s = {.doc = doc};
    const struct nvb_doc *volumes = nvb_doc_find(doc, "volumes");
    for (size_t i = 0; volumes && volumes->type == NVB_DOC_LIST && i < volumes->list.count; i++) {
        const struct nvb_doc *item = &volumes->list.items[i];
        const char *text = item->text ? item->text : nvb_doc_find_text(item, "source");
        if (text && strstr(text, "docker.sock"))
            nvb_migrate_leave(c->m, line_at(c, item->line),
                              "systemctl --user enable --now podman.socket, and that socket",
                              "Docker's socket is not Podman's");
    }
    read_gpus(c, &s);
    read_deploy(c, &s);
    read_runtime(c, &s);
    const struct nvb_doc_member *devices = find_member(doc, "devices");
    const bool odd = devices && s.names.count > 0 && !is_list_of_lines(c, devices);
    if (odd && !s.unclear && s.removals.count > 0)
        nvb_migrate_leave(c->m, line_at(c, devices->line), "one line for each: - nvidia.com/gpu=0",
                          "'devices:' is not a list of lines");
    else if (s.unclear)
        nvb_migrate_leave(c->m, line_at(c, s.unclear->line),
                          "devices: [nvidia.com/gpu=0], one name for each GPU",
                          "'%s' asks in a way that 'devices:' has no word for", s.unclear->key);
    else if (s.removals.count > 0)
        write_edits(c, &s);
    nvb_strv_done(&s.names);
    nvb_vec_release(&s.removals);
}

int nvb_migrate_compose(struct nvb_migration *m, const char *name, struct nvb_error **err)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    struct compose c = {.m = m};
    if (nvb_yaml_read(m->text, m->len, name, &doc, err) < 0)
        return -1;
    for (size_t at = 0; at < m->len; at++)
        if (at == 0 || m->text[at - 1] == '\n')
            nvb_vec_push(&c.lines, at);
    const struct nvb_doc *services = nvb_doc_find(&doc, "services");
    if (services && services->type == NVB_DOC_MAP)
        nvb_vec_foreach (service, &services->map)
            if (service->value.type == NVB_DOC_MAP && service->value.map.count > 0)
                read_service(&c, &service->value);
    nvb_vec_release(&c.lines);
    return 0;
}
