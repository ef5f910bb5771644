#include "cdi/consumer.h"

#include <string.h>

#include "base/nearest.h"
#include "cdi/need.h"

struct row {
    enum nvb_cdi_consumer_kind kind;
    unsigned from[3];
    const char *cap;
};

/* Ascending in each engine: the last row that is not above the version counts. */
static const struct row rows[] = {
    {NVB_CDI_PODMAN, {4, 1, 0}, "0.4.0"},      {NVB_CDI_PODMAN, {4, 3, 0}, "0.5.0"},
    {NVB_CDI_PODMAN, {4, 7, 0}, "0.6.0"},      {NVB_CDI_PODMAN, {5, 1, 0}, "0.7.0"},
    {NVB_CDI_PODMAN, {5, 2, 0}, "0.8.0"},      {NVB_CDI_PODMAN, {5, 5, 0}, "1.0.0"},
    {NVB_CDI_DOCKER, {25, 0, 0}, "0.6.0"},     {NVB_CDI_DOCKER, {26, 1, 0}, "0.7.0"},
    {NVB_CDI_DOCKER, {27, 5, 0}, "0.8.0"},     {NVB_CDI_DOCKER, {28, 1, 0}, "1.0.0"},
    {NVB_CDI_DOCKER, {29, 2, 0}, "1.1.0"},     {NVB_CDI_CONTAINERD, {1, 7, 0}, "0.5.0"},
    {NVB_CDI_CONTAINERD, {1, 7, 13}, "0.6.0"}, {NVB_CDI_CONTAINERD, {1, 7, 16}, "0.7.0"},
    {NVB_CDI_CONTAINERD, {1, 7, 27}, "0.8.0"}, {NVB_CDI_CONTAINERD, {2, 0, 5}, "1.0.0"},
    {NVB_CDI_CONTAINERD, {2, 2, 2}, "1.1.0"},  {NVB_CDI_CRIO, {1, 27, 0}, "0.5.0"},
    {NVB_CDI_CRIO, {1, 28, 0}, "0.6.0"},       {NVB_CDI_CRIO, {1, 30, 0}, "0.7.0"},
    {NVB_CDI_CRIO, {1, 31, 0}, "0.8.0"},       {NVB_CDI_CRIO, {1, 33, 0}, "1.0.0"},
    {NVB_CDI_CRIO, {1, 35, 0}, "1.1.0"},
};

static const char *const names[] = {
    [NVB_CDI_PODMAN] = "podman",
    [NVB_CDI_DOCKER] = "docker",
    [NVB_CDI_CONTAINERD] = "containerd",
    [NVB_CDI_CRIO] = "crio",
    NULL,
};

static int compare(const unsigned a[3], const unsigned b[3])
{
    for (int i = 0; i < 3; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static const char *find_cap(const struct nvb_cdi_consumer *consumer)
{
    const char *cap = NULL;
    for (size_t i = 0; i < NVB_COUNT(rows); i++)
        if (rows[i].kind == consumer->kind && compare(rows[i].from, consumer->version) <= 0)
            cap = rows[i].cap;
    return cap;
}

void nvb_cdi_consumers_done(struct nvb_cdi_consumers *consumers)
{
    nvb_vec_foreach (consumer, consumers)
        free(consumer->text);
    nvb_vec_release(consumers);
}

/* "4", "4.9", "4.3.1", "26.1.5+dfsg1": up to three numbers. What an engine says of itself (not
 * STRICT) may have something else behind the first one. Returns 0 or -1. */
static int read_version(const char *text, bool strict, unsigned ret[3])
{
    unsigned version[3] = {0};
    for (int i = 0; i < 3; i++) {
        uint64_t number;
        size_t len = strspn(text, "0123456789");
        if (len > 4 || nvb_parse_u64(text, len, 10, &number) < 0) {
            if (strict || i == 0)
                return -1;
            break;
        }
        version[i] = (unsigned)number;
        text += len;
        if (*text != '.')
            break;
        text++;
    }
    if (strict && *text)
        return -1;
    memcpy(ret, version, sizeof(version));
    return 0;
}

void nvb_cdi_consumers_add(struct nvb_cdi_consumers *consumers, const struct nvb_engine *engine)
{
    struct nvb_cdi_consumer consumer = {
        .kind = engine->kind == NVB_ENGINE_DOCKER ? NVB_CDI_DOCKER : NVB_CDI_PODMAN,
    };
    if (read_version(engine->version_text, false, consumer.version) < 0)
        return;
    consumer.text = nvb_strdupf("%s %s", names[consumer.kind], engine->version_text);
    consumer.cap = find_cap(&consumer);
    nvb_vec_push(consumers, consumer);
}

void nvb_cdi_consumers_find(char *const *environment, const struct nvb_user *user,
                            struct nvb_cdi_consumers *ret)
{
    static const enum nvb_engine_kind kinds[] = {NVB_ENGINE_PODMAN, NVB_ENGINE_DOCKER};
    for (size_t i = 0; i < NVB_COUNT(kinds); i++) {
        _cleanup_engine_ struct nvb_engine engine = {0};
        /* A "docker" that is Podman is there already. */
        if (nvb_engine_find(kinds[i], environment, user, &engine, NULL) == 0 &&
            (engine.kind == kinds[i] || ret->count == 0))
            nvb_cdi_consumers_add(ret, &engine);
    }
}

/* ---- --for ------------------------------------------------------------------------------------
 */

static int fail_word(const char *word, const char *why, struct nvb_error **err)
{
    (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "--for: '%s' %s", word, why);
    return nvb_error_hint(err, "--for podman@4.9,docker@27,containerd@1.7,crio@1.30; podman alone "
                               "is the one that is installed here");
}

static int add_installed(const char *word, enum nvb_cdi_consumer_kind kind,
                         char *const *environment, const struct nvb_user *user,
                         struct nvb_cdi_consumers *ret, struct nvb_error **err)
{
    _cleanup_engine_ struct nvb_engine engine = {0};
    if (kind != NVB_CDI_PODMAN && kind != NVB_CDI_DOCKER)
        return fail_word(word, "needs its version, such as @1.7", err);
    if (nvb_engine_find(kind == NVB_CDI_PODMAN ? NVB_ENGINE_PODMAN : NVB_ENGINE_DOCKER, environment,
                        user, &engine, err) < 0)
        return -1;
    nvb_cdi_consumers_add(ret, &engine);
    return 0;
}

static int parse_one(const char *word, char *const *environment, const struct nvb_user *user,
                     struct nvb_cdi_consumers *ret, struct nvb_error **err)
{
    size_t len = strcspn(word, "@");
    _cleanup_free_ char *name = nvb_strndup(word, len);
    for (size_t kind = 0; names[kind]; kind++) {
        struct nvb_cdi_consumer consumer = {.kind = (enum nvb_cdi_consumer_kind)kind};
        if (strcmp(names[kind], name) != 0 && !(kind == NVB_CDI_CRIO && strcmp(name, "cri-o") == 0))
            continue;
        if (word[len] == '\0')
            return add_installed(word, consumer.kind, environment, user, ret, err);
        if (read_version(word + len + 1, true, consumer.version) < 0)
            return fail_word(word, "has no version that can be read", err);
        consumer.text = nvb_strdupf("%s %s", names[kind], word + len + 1);
        consumer.cap = find_cap(&consumer);
        nvb_vec_push(ret, consumer);
        return 0;
    }
    const char *near = nvb_nearest(name, (const char **)names);
    _cleanup_free_ char *why =
        near ? nvb_strdupf("is no engine; did you mean '%s'?", near) : nvb_strdup("is no engine");
    return fail_word(word, why, err);
}

int nvb_cdi_consumers_parse(const char *list, char *const *environment, const struct nvb_user *user,
                            struct nvb_cdi_consumers *ret, struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    nvb_strv_split(&words, list, ',');
    nvb_vec_foreach (word, &words)
        if (parse_one(*word, environment, user, ret, err) < 0)
            return -1;
    return 0;
}

char *nvb_cdi_consumer_refusal(const struct nvb_cdi_consumer *consumer, const char *version)
{
    if (!consumer->cap)
        return nvb_strdupf("%s knows no CDI", consumer->text);
    if (!version || nvb_cdi_compare_versions(version, consumer->cap) <= 0)
        return NULL;
    return nvb_strdupf("%s takes CDI up to %s", consumer->text, consumer->cap);
}

bool nvb_cdi_consumer_takes_folder(const struct nvb_cdi_consumer *consumer)
{
    static const unsigned first[3] = {5, 5, 0};
    return consumer->kind == NVB_CDI_PODMAN && compare(consumer->version, first) >= 0;
}
