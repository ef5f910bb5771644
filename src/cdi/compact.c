#include "cdi/compact.h"

#include <string.h>

/*
 * Lines: a letter, then fields that end with a tab or the line.
 *
 *     V version    K kind    D device's name: what follows is its    S what follows is for all
 *     e variable   n path, host path, permissions   m host path, container path, options
 *     h stage, path, then its   a argument   x variable
 *
 * A field that is not given is empty.
 */

/* ---- writing ---- */

struct writer {
    struct nvb_str *out;
    bool is_plain;
};

static void begin(struct writer *w, char letter, const char *field)
{
    w->is_plain = w->is_plain && (!field || !strpbrk(field, "\t\n"));
    nvb_str_addc(w->out, letter);
    nvb_str_add(w->out, field ? field : "");
}

static void add(struct writer *w, const char *field)
{
    w->is_plain = w->is_plain && (!field || !strpbrk(field, "\t\n"));
    nvb_str_addc(w->out, '\t');
    nvb_str_add(w->out, field ? field : "");
}

static void end(struct writer *w)
{
    nvb_str_addc(w->out, '\n');
}

static void write_texts(struct writer *w, char letter, const struct nvb_strv *texts)
{
    nvb_vec_foreach (text, texts) {
        begin(w, letter, *text);
        end(w);
    }
}

static void write_mount(struct writer *w, const struct nvb_cdi_mount *mount)
{
    begin(w, 'm', mount->host_path);
    add(w, mount->container_path);
    w->is_plain = w->is_plain && !mount->type;
    nvb_vec_foreach (option, &mount->options)
        add(w, *option);
    end(w);
}

static void write_edits(struct writer *w, const struct nvb_cdi_edits *edits)
{
    w->is_plain = w->is_plain && edits->nets.count == 0 && edits->gids.count == 0 && !edits->rdt;
    write_texts(w, 'e', &edits->env);
    nvb_vec_foreach (node, &edits->nodes) {
        begin(w, 'n', node->path);
        add(w, node->host_path);
        add(w, node->permissions);
        end(w);
        w->is_plain = w->is_plain && !node->type && node->major < 0 && node->minor < 0 &&
                      node->file_mode < 0 && node->uid < 0 && node->gid < 0;
    }
    nvb_vec_foreach (mount, &edits->mounts)
        write_mount(w, mount);
    nvb_vec_foreach (hook, &edits->hooks) {
        begin(w, 'h', hook->hook_name);
        add(w, hook->path);
        end(w);
        w->is_plain = w->is_plain && hook->timeout < 0;
        write_texts(w, 'a', &hook->args);
        write_texts(w, 'x', &hook->env);
    }
}

int nvb_cdi_compact_write(const struct nvb_cdi_spec *spec, struct nvb_str *ret)
{
    const size_t start = ret->len;
    struct writer w = {ret, spec->annotations.count == 0};
    begin(&w, 'V', spec->version);
    end(&w);
    begin(&w, 'K', spec->kind);
    end(&w);
    nvb_vec_foreach (device, &spec->devices) {
        w.is_plain = w.is_plain && device->annotations.count == 0;
        begin(&w, 'D', device->name);
        end(&w);
        write_edits(&w, &device->edits);
    }
    begin(&w, 'S', NULL);
    end(&w);
    write_edits(&w, &spec->edits);
    if (w.is_plain)
        return 0;
    nvb_str_truncate(ret, start);
    return 1;
}

/* ---- reading ---- */

struct line {
    const char *at;
    const char *end;
};

/* The next field, owned, or NULL where it is empty or there is none. */
static char *take(struct line *line)
{
    const char *start = line->at;
    const char *tab = start < line->end ? memchr(start, '\t', (size_t)(line->end - start)) : NULL;
    const char *stop = tab ? tab : line->end;
    line->at = tab ? tab + 1 : line->end;
    return stop > start ? nvb_strndup(start, (size_t)(stop - start)) : NULL;
}

static void read_mount(struct line *line, struct nvb_cdi_edits *edits)
{
    struct nvb_cdi_mount *mount = nvb_vec_add(&edits->mounts);
    mount->host_path = take(line);
    mount->container_path = take(line);
    while (line->at < line->end) {
        char *option = take(line);
        if (option)
            nvb_vec_push(&mount->options, option);
    }
}

static void read_node(struct line *line, struct nvb_cdi_edits *edits)
{
    struct nvb_cdi_node *node = nvb_vec_add(&edits->nodes);
    node->path = take(line);
    node->host_path = take(line);
    node->permissions = take(line);
    node->major = node->minor = node->file_mode = node->uid = node->gid = -1;
}

static int push_text(struct nvb_strv *texts, struct line *line)
{
    char *text = nvb_strndup(line->at, (size_t)(line->end - line->at));
    nvb_vec_push(texts, text);
    return 0;
}

/* Reads one line into SPEC; *edits is whose edits they are. Returns 0 or -1. */
static int read_line(char letter, struct line *line, struct nvb_cdi_spec *spec,
                     struct nvb_cdi_edits **edits)
{
    struct nvb_cdi_hooks *hooks = *edits ? &(*edits)->hooks : NULL;
    struct nvb_cdi_hook *hook = hooks && hooks->count ? &hooks->items[hooks->count - 1] : NULL;
    switch (letter) {
    case 'V':
        return spec->version || !(spec->version = take(line)) ? -1 : 0;
    case 'K':
        return spec->kind || !(spec->kind = take(line)) ? -1 : 0;
    case 'D': {
        struct nvb_cdi_device *device = nvb_vec_add(&spec->devices);
        device->name = take(line);
        *edits = &device->edits;
        return device->name ? 0 : -1;
    }
    case 'S':
        *edits = &spec->edits;
        return 0;
    default:
        break;
    }
    if (!*edits)
        return -1;
    switch (letter) {
    case 'e':
        return push_text(&(*edits)->env, line);
    case 'n':
        read_node(line, *edits);
        return 0;
    case 'm':
        read_mount(line, *edits);
        return 0;
    case 'h':
        hook = nvb_vec_add(hooks);
        hook->hook_name = take(line);
        hook->path = take(line);
        hook->timeout = -1;
        return hook->hook_name && hook->path ? 0 : -1;
    case 'a':
        return hook ? push_text(&hook->args, line) : -1;
    case 'x':
        return hook ? push_text(&hook->env, line) : -1;
    default:
        return -1;
    }
}

/* Whether what the lines left out is there. */
static bool is_whole(const struct nvb_cdi_edits *edits)
{
    nvb_vec_foreach (node, &edits->nodes)
        if (!node->path)
            return false;
    nvb_vec_foreach (mount, &edits->mounts)
        if (!mount->host_path || !mount->container_path)
            return false;
    return true;
}

int nvb_cdi_compact_read(const char *text, size_t len, struct nvb_cdi_spec *ret)
{
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    struct nvb_cdi_edits *edits = NULL;
    const char *const end = text + len;
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        struct line line = {text + 1, stop};
        if (!stop || stop == text || read_line(*text, &line, &spec, &edits) < 0)
            return 1;
        text = stop + 1;
    }
    if (!spec.version || !spec.kind || spec.devices.count == 0 || edits != &spec.edits ||
        !is_whole(&spec.edits))
        return 1;
    nvb_vec_foreach (device, &spec.devices)
        if (!is_whole(&device->edits))
            return 1;
    *ret = TAKE_STRUCT(spec);
    return 0;
}
