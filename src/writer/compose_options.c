/* Options whose values Compose spells in another way. */

#include <string.h>

#include "base/file.h"
#include "data/json.h"
#include "plan/claims.h"
#include "writer/compose_parts.h"

/* ---- devices ---- */

/* Compose wants "capabilities" in a reservation; CDI's driver does not look at them. */
void nvb_compose_add_device_word(struct nvb_compose *c, const char *word)
{
    if (!nvb_claims_is_cdi_name(word) || nvb_compose_is(c, NVB_COMPOSE_ANY_PODMAN)) {
        nvb_compose_set(nvb_doc_push(nvb_compose_at(c, "devices")), word);
        return;
    }
    struct nvb_doc *requests = nvb_compose_at(c, "deploy.resources.reservations.devices");
    if (requests->type == NVB_DOC_NULL) {
        struct nvb_doc *request = nvb_doc_push(requests);
        nvb_doc_put_text(request, "driver", "cdi");
        nvb_doc_set_list(nvb_doc_put(request, "device_ids"));
        nvb_doc_set_text(nvb_doc_push(nvb_doc_put(request, "capabilities")), "gpu");
    }
    struct nvb_doc *ids = nvb_doc_at(&requests->list.items[0], "device_ids");
    nvb_compose_set(nvb_doc_push(ids), word);
}

int nvb_compose_add_device(struct nvb_compose *c, const struct nvb_plan_option *option,
                           const char *value, struct nvb_error **err)
{
    (void)option;
    (void)err;
    nvb_compose_add_device_word(c, value);
    return 0;
}

/* "PATH:VALUE" as a map of the list KEY. */
static int add_pair(struct nvb_compose *c, const struct nvb_plan_option *option, const char *value,
                    const char *what, struct nvb_error **err)
{
    const char *colon = strrchr(value, ':');
    if (!colon)
        return nvb_compose_refuse(c, option, "it is not PATH:NUMBER", NULL, err);
    _cleanup_free_ char *path = nvb_strndup(value, (size_t)(colon - value));
    const struct nvb_compose_key *key = nvb_compose_find(nvb_plan_option_name(option));
    struct nvb_doc *item = nvb_doc_push(nvb_compose_at(c, key->key));
    nvb_compose_set(nvb_doc_put(item, "path"), path);
    nvb_compose_set_number(nvb_doc_put(item, what), colon + 1);
    return 0;
}

int nvb_compose_add_rate(struct nvb_compose *c, const struct nvb_plan_option *option,
                         const char *value, struct nvb_error **err)
{
    return add_pair(c, option, value, "rate", err);
}

int nvb_compose_add_weight(struct nvb_compose *c, const struct nvb_plan_option *option,
                           const char *value, struct nvb_error **err)
{
    return add_pair(c, option, value, "weight", err);
}

/* ---- process ---- */

/* One word; Podman takes a list of JSON as well. */
int nvb_compose_add_entrypoint(struct nvb_compose *c, const struct nvb_plan_option *option,
                               const char *value, struct nvb_error **err)
{
    struct nvb_doc *list = nvb_compose_at(c, "entrypoint");
    _cleanup_doc_ struct nvb_doc words = {0};
    nvb_doc_set_list(list);
    if (value[0] != '[' || c->plan->engine->kind != NVB_ENGINE_PODMAN ||
        nvb_json_read(value, strlen(value), "--entrypoint", &words, NULL) < 0) {
        if (*value)
            nvb_compose_set(nvb_doc_push(list), value);
        return 0;
    }
    nvb_vec_foreach (word, &words.list) {
        if (word->type != NVB_DOC_TEXT)
            return nvb_compose_refuse(c, option, "it is no list of strings", NULL, err);
        nvb_compose_set(nvb_doc_push(list), word->text);
    }
    return 0;
}

/* "NAME*" is Podman's: every variable of the caller's that begins so. */
int nvb_compose_add_env(struct nvb_compose *c, const struct nvb_plan_option *option,
                        const char *value, struct nvb_error **err)
{
    if (!strchr(value, '=') && nvb_has_suffix(value, "*") &&
        nvb_compose_is(c, NVB_COMPOSE_ANY_DOCKER))
        return nvb_compose_refuse(c, option, "it has no word for several variables",
                                  "name each of them", err);
    nvb_compose_set(nvb_doc_push(nvb_compose_at(c, "environment")), value);
    return 0;
}

/* Whether a line means the same to the engine, which takes it as it stands, and to Compose, which
 * reads quotes, variables, escapes and comments. */
static bool is_plain_line(const char *line, size_t len)
{
    const char *end = line + len;
    const char *equals = memchr(line, '=', len);
    if (len == 0 || line[0] == '#')
        return true;
    for (const char *p = line; p < end; p++)
        if (strchr("\"'$\\`#\r", *p) || (*p == ' ' && (p + 1 == end || p == line)) || *p == '\t')
            return false;
    return !equals ||
           (equals > line && equals[-1] != ' ' && (equals + 1 == end || equals[1] != ' '));
}

int nvb_compose_add_env_file(struct nvb_compose *c, const struct nvb_plan_option *option,
                             const char *value, struct nvb_error **err)
{
    _cleanup_free_ char *path = nvb_compose_absolute(c, value);
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int r = nvb_file_read_path(path, (size_t)1 << 20, &text, err);
    if (r > 0)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "there is no file '%s'", path);
    if (r < 0)
        return -1;
    unsigned line = 1;
    const char *end = text.data + text.len;
    for (const char *p = text.data; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const size_t len = (size_t)((newline ? newline : end) - p);
        if (!is_plain_line(p, len) && !nvb_compose_is(c, NVB_COMPOSE_PODMAN_OLD)) {
            (void)nvb_compose_refuse(
                c, option,
                "the engine takes this line as it stands, and Compose reads its quotes, "
                "variables and comments",
                "that variable by --env NAME=VALUE instead", err);
            return nvb_error_at(err, path, line, 1);
        }
        p = newline ? newline + 1 : end;
    }
    nvb_compose_set(nvb_doc_push(nvb_compose_at(c, "env_file")), path);
    return 0;
}

int nvb_compose_add_group(struct nvb_compose *c, const struct nvb_plan_option *option,
                          const char *value, struct nvb_error **err)
{
    (void)option;
    (void)err;
    nvb_compose_set(nvb_doc_push(nvb_compose_at(c, "group_add")), value);
    return 0;
}

int nvb_compose_add_pull(struct nvb_compose *c, const struct nvb_plan_option *option,
                         const char *value, struct nvb_error **err)
{
    static const char *const words[] = {"always", "missing", "never"};
    for (size_t i = 0; i < NVB_COUNT(words); i++) {
        if (strcmp(value, words[i]) == 0) {
            nvb_doc_set_text(nvb_compose_at(c, "pull_policy"), value);
            return 0;
        }
    }
    if (!nvb_compose_is(c, NVB_COMPOSE_ANY_PODMAN))
        return nvb_compose_refuse(c, option, "it knows always, missing and never", NULL, err);
    nvb_compose_set(nvb_compose_at(c, "pull_policy"), value);
    return 0;
}

int nvb_compose_add_stop_timeout(struct nvb_compose *c, const struct nvb_plan_option *option,
                                 const char *value, struct nvb_error **err)
{
    uint64_t seconds;
    if (nvb_parse_u64(value, strlen(value), 10, &seconds) < 0)
        return nvb_compose_refuse(c, option, "it is no number of seconds", NULL, err);
    _cleanup_free_ char *text = nvb_strdupf("%llus", (unsigned long long)seconds);
    nvb_doc_set_text(nvb_compose_at(c, "stop_grace_period"), text);
    return 0;
}

/* "NAME=SOFT[:HARD]"; Podman's "host" stands alone. */
int nvb_compose_add_ulimit(struct nvb_compose *c, const struct nvb_plan_option *option,
                           const char *value, struct nvb_error **err)
{
    const char *equals = strchr(value, '=');
    if (!equals && nvb_compose_is(c, NVB_COMPOSE_ANY_PODMAN)) {
        nvb_compose_set(nvb_compose_at(c, "ulimits"), value);
        return 0;
    }
    if (!equals)
        return nvb_compose_refuse(c, option, "it is not NAME=SOFT:HARD", NULL, err);
    _cleanup_free_ char *name = nvb_strndup(value, (size_t)(equals - value));
    const char *colon = strchr(equals + 1, ':');
    _cleanup_free_ char *soft =
        nvb_strndup(equals + 1, colon ? (size_t)(colon - equals) - 1 : strlen(equals + 1));
    struct nvb_doc *limit = nvb_doc_at(nvb_compose_at(c, "ulimits"), name);
    nvb_compose_set_number(nvb_doc_at(limit, "soft"), soft);
    nvb_compose_set_number(nvb_doc_at(limit, "hard"), colon ? colon + 1 : soft);
    return 0;
}

/* ---- health ---- */

int nvb_compose_add_health(struct nvb_compose *c, const struct nvb_plan_option *option,
                           const char *value, struct nvb_error **err)
{
    struct nvb_doc *test = nvb_compose_at(c, "healthcheck.test");
    if (value[0] == '[' && c->plan->engine->kind == NVB_ENGINE_PODMAN)
        return nvb_compose_refuse(c, option, "Podman reads it as a list of words",
                                  "write it as one command line", err);
    nvb_doc_set_list(test);
    if (strcmp(value, "none") == 0) {
        nvb_doc_set_text(nvb_doc_push(test), "NONE");
        return 0;
    }
    nvb_doc_set_text(nvb_doc_push(test), "CMD-SHELL");
    nvb_compose_set(nvb_doc_push(test), value);
    return 0;
}

int nvb_compose_add_no_health(struct nvb_compose *c, const struct nvb_plan_option *option,
                              const char *value, struct nvb_error **err)
{
    (void)option;
    (void)err;
    if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
        return 0;
    struct nvb_doc *test = nvb_compose_at(c, "healthcheck.test");
    nvb_doc_set_list(test);
    nvb_doc_set_text(nvb_doc_push(test), "NONE");
    return 0;
}

/* ---- NAME=VALUE ---- */

static int add_named(struct nvb_compose *c, const struct nvb_plan_option *option, const char *path,
                     const char *value, struct nvb_error **err)
{
    const char *equals = strchr(value, '=');
    if (!equals)
        return nvb_compose_refuse(c, option, "it is not NAME=VALUE", NULL, err);
    _cleanup_free_ char *name = nvb_strndup(value, (size_t)(equals - value));
    nvb_compose_set(nvb_doc_at(nvb_compose_at(c, path), name), equals + 1);
    return 0;
}

int nvb_compose_add_log_option(struct nvb_compose *c, const struct nvb_plan_option *option,
                               const char *value, struct nvb_error **err)
{
    return add_named(c, option, "logging.options", value, err);
}

int nvb_compose_add_storage(struct nvb_compose *c, const struct nvb_plan_option *option,
                            const char *value, struct nvb_error **err)
{
    return add_named(c, option, "storage_opt", value, err);
}

/* "NAME[,uid=…,gid=…,mode=…]": one of Podman's own secrets, mounted under its name. */
int nvb_compose_add_secret(struct nvb_compose *c, const struct nvb_plan_option *option,
                           const char *value, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv fields = {0};
    nvb_claims_split_csv(value, &fields);
    const char *name = fields.items[0];
    if (nvb_has_prefix(name, "source="))
        name += strlen("source=");
    struct nvb_doc *item = nvb_doc_push(nvb_compose_at(c, "secrets"));
    nvb_compose_set(nvb_doc_put(item, "source"), name);
    for (size_t i = 1; i < fields.count; i++) {
        static const char *const taken[] = {"uid", "gid", "mode"};
        const char *field = fields.items[i];
        bool is_known = strcmp(field, "type=mount") == 0;
        for (size_t k = 0; k < NVB_COUNT(taken); k++) {
            const size_t len = strlen(taken[k]);
            if (strncmp(field, taken[k], len) != 0 || field[len] != '=')
                continue;
            nvb_compose_set(nvb_doc_at(item, taken[k]), field + len + 1);
            is_known = true;
        }
        if (!is_known)
            return nvb_compose_refuse(c, option, "it takes a secret's name, uid, gid and mode",
                                      "leave the rest out", err);
    }
    nvb_doc_set_bool(nvb_doc_at(nvb_doc_at(&c->secrets, name), "external"), true);
    return 0;
}
