/* Which lines of a file are commands: that depends on what the file is. */

#include <string.h>

#include "base/path.h"
#include "migrate/migrate.h"

/* ---- what a file is ---- */

static bool has_line_that_begins(const char *text, const char *word)
{
    for (const char *p = text; (p = strstr(p, word)); p++)
        if (p == text || p[-1] == '\n')
            return true;
    return false;
}

/* CI files have "services:" as well, for something else. */
static bool is_compose(const char *base, const char *text)
{
    static const char *const others[] = {"script:", "steps:", "jobs:", "stages:"};
    if (strstr(base, "compose"))
        return true;
    for (size_t i = 0; i < NVB_COUNT(others); i++)
        if (strstr(text, others[i]))
            return false;
    return has_line_that_begins(text, "services:");
}

enum nvb_migrate_kind nvb_migrate_kind_of(const char *name, const char *text)
{
    static const char *const units[] = {".service", ".socket",    ".timer",
                                        ".target",  ".container", ".conf"};
    const char *base = nvb_path_base(name);
    if (nvb_has_suffix(base, ".yml") || nvb_has_suffix(base, ".yaml"))
        return is_compose(base, text) ? NVB_MIGRATE_COMPOSE : NVB_MIGRATE_CI;
    if (nvb_has_suffix(base, ".mk") || nvb_has_prefix(base, "Makefile") ||
        nvb_has_prefix(base, "makefile") || strcmp(base, "GNUmakefile") == 0)
        return NVB_MIGRATE_MAKE;
    for (size_t i = 0; i < NVB_COUNT(units); i++)
        if (nvb_has_suffix(base, units[i]) && strstr(text, "[Service]"))
            return NVB_MIGRATE_UNIT;
    return NVB_MIGRATE_SHELL;
}

/* ---- lines ---- */

/* Behind the line that begins at AT, those that a backslash continues included. */
static size_t logical_end(const struct nvb_migration *m, size_t at)
{
    for (; at < m->len; at++)
        if (m->text[at] == '\n' && (at == 0 || m->text[at - 1] != '\\'))
            return at + 1;
    return m->len;
}

static size_t skip_set(const struct nvb_migration *m, size_t at, size_t end, const char *set)
{
    while (at < end && m->text[at] && strchr(set, m->text[at]))
        at++;
    return at;
}

/* A recipe line begins with a tab. Of the others only assignments hold commands. */
static void read_make_line(struct nvb_migration *m, size_t start, size_t end)
{
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-0123456789";
    if (m->text[start] == '\t') {
        nvb_migrate_scan(m, skip_set(m, start, end, "\t @-+"), end);
        return;
    }
    size_t word = skip_set(m, start, end, " ");
    if (strncmp(m->text + word, "export ", 7) == 0)
        word += 7;
    size_t name_end = skip_set(m, word, end, name);
    size_t op = skip_set(m, name_end, end, " \t");
    size_t value = skip_set(m, op, end, ":?+!");
    if (name_end == word || value >= end || m->text[value] != '=')
        return;
    value = skip_set(m, value + 1, end, " \t");
    size_t len = strcspn(m->text + value, " \t\n#");
    size_t rest = skip_set(m, value + len, end, " \t\r");
    if (len == strlen("docker") && strncmp(m->text + value, "docker", len) == 0 &&
        (rest >= end || strchr("\n#", m->text[rest]))) {
        nvb_migrate_edit(m, value, value + len, "podman");
        nvb_strv_addn(&m->variables, m->text + word, name_end - word);
        return;
    }
    if (m->text[value] == '-')
        nvb_migrate_scan_options(m, value, end);
    else
        nvb_migrate_scan(m, value, end);
}

/* After=, Requires= and their kin: Docker's units go, and with the last of them the line. */
static void read_dependencies(struct nvb_migration *m, size_t start, size_t value, size_t end)
{
    static const char *const ours[] = {"docker.service", "docker.socket", "containerd.service"};
    size_t kept = 0;
    size_t gone = 0;
    for (size_t at = value; at < end;) {
        at = skip_set(m, at, end, " \t\n\\");
        size_t len = strcspn(m->text + at, " \t\n");
        bool is_ours = false;
        for (size_t i = 0; i < NVB_COUNT(ours); i++)
            is_ours |= len == strlen(ours[i]) && strncmp(m->text + at, ours[i], len) == 0;
        if (len == 0)
            break;
        gone += is_ours;
        kept += !is_ours;
        at += len;
    }
    if (gone == 0)
        return;
    if (kept == 0) {
        nvb_migrate_edit(m, start, end, "");
        return;
    }
    for (size_t at = value; at < end;) {
        size_t len = strcspn(m->text + at, " \t\n");
        size_t next = skip_set(m, at + len, end, " \t");
        for (size_t i = 0; i < NVB_COUNT(ours); i++)
            if (len == strlen(ours[i]) && strncmp(m->text + at, ours[i], len) == 0) {
                /* The last one goes with the blanks before it. */
                bool last = next >= end || m->text[next] == '\n';
                size_t from = at;
                while (last && from > value && strchr(" \t", m->text[from - 1]))
                    from--;
                nvb_migrate_edit(m, from, last ? at + len : next, "");
            }
        at = next > at ? next : at + 1;
    }
}

static void read_unit_line(struct nvb_migration *m, size_t start, size_t end)
{
    static const char *const dependencies[] = {"After",   "Before", "Requires", "Wants",
                                               "BindsTo", "PartOf", "Requisite"};
    size_t key = strcspn(m->text + start, "=\n");
    if (m->text[start + key] != '=' || strchr("#;", m->text[start]))
        return;
    if (strncmp(m->text + start, "Exec", 4) == 0) {
        nvb_migrate_scan(m, skip_set(m, start + key + 1, end, " \t-@:+!"), end);
        return;
    }
    while (key > 0 && m->text[start + key - 1] == ' ')
        key--;
    for (size_t i = 0; i < NVB_COUNT(dependencies); i++)
        if (strlen(dependencies[i]) == key && strncmp(m->text + start, dependencies[i], key) == 0)
            read_dependencies(
                m, start, skip_set(m, start + strcspn(m->text + start, "=") + 1, end, " \t"), end);
}

/* "- command", "run: command", or a line of a block of commands. */
static void read_ci_line(struct nvb_migration *m, size_t start, size_t end)
{
    static const char *const keys[] = {
        "run:", "script:", "command:", "before_script:", "after_script:"};
    static const char *const images[] = {"image:", "name:"};
    size_t at = skip_set(m, start, end, " ");
    while (m->text[at] == '-' && m->text[at + 1] == ' ')
        at = skip_set(m, at + 1, end, " ");
    for (size_t i = 0; i < NVB_COUNT(images); i++)
        if (strncmp(m->text + at, images[i], strlen(images[i])) == 0)
            return;
    for (size_t i = 0; i < NVB_COUNT(keys); i++)
        if (strncmp(m->text + at, keys[i], strlen(keys[i])) == 0)
            at = skip_set(m, at + strlen(keys[i]), end, " ");
    if (strncmp(m->text + at, "docker:", 7) == 0) {
        nvb_migrate_leave(m, at, "Podman runs as the job's own user and needs no service",
                          "an image that brings Docker's daemon");
        return;
    }
    const char quote = m->text[at];
    if (quote == '"' || quote == '\'') {
        const char *close = memchr(m->text + at + 1, quote, end - at - 1);
        if (close)
            nvb_migrate_scan(m, at + 1, (size_t)(close - m->text));
        return;
    }
    nvb_migrate_scan(m, at, end);
}

int nvb_migrate_read(struct nvb_migration *m, const char *name, struct nvb_error **err)
{
    if (m->kind == NVB_MIGRATE_COMPOSE) {
        if (nvb_migrate_compose(m, name, err) < 0)
            return -1;
    } else if (m->kind == NVB_MIGRATE_SHELL) {
        nvb_migrate_scan(m, 0, m->len);
    }
    for (size_t at = 0, end; m->kind != NVB_MIGRATE_SHELL && at < m->len; at = end) {
        end = logical_end(m, at);
        if (m->kind == NVB_MIGRATE_MAKE)
            read_make_line(m, at, end);
        else if (m->kind == NVB_MIGRATE_UNIT)
            read_unit_line(m, at, end);
        else if (m->kind == NVB_MIGRATE_CI)
            read_ci_line(m, at, end);
    }
    nvb_migrate_sort(m);
    return 0;
}
