/* Facts of the machine that several checks ask for: mounts, cgroups, engines, arguments. */

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "data/json.h"
#include "doctor/check.h"
#include "host/engine_cache.h"

/* What "info" may take before a check is told that the engine does not answer, and its size. */
#define INFO_TIMEOUT_MS 15000
#define INFO_MAX        ((size_t)4 << 20)
#define MAX_CALLS       2

/* ---- mounts ---- */

/* Reads one line of mountinfo (proc_pid_mountinfo(5)). */
static void read_mount(const char *line, size_t len, struct nvb_doctor_mounts *ret)
{
    _cleanup_free_ char *copy = nvb_strndup(line, len);
    _cleanup_strv_ struct nvb_strv words = {0};
    size_t dash = 6;
    nvb_strv_split(&words, copy, ' ');
    while (dash < words.count && strcmp(words.items[dash], "-") != 0)
        dash++;
    if (dash + 1 >= words.count)
        return;
    struct nvb_doctor_mount *mount = nvb_vec_add(ret);
    mount->root = nvb_strdup(words.items[3]);
    mount->point = nvb_strdup(words.items[4]);
    mount->type = nvb_strdup(words.items[dash + 1]);
}

const struct nvb_doctor_mounts *nvb_doctor_mounts(struct nvb_doctor *d)
{
    if (d->known & NVB_FACT_MOUNTS)
        return &d->mounts;
    d->known |= NVB_FACT_MOUNTS;
    _cleanup_free_ char *text = nvb_doctor_read(d, "/proc/self/mountinfo");
    for (const char *line = text ? text : ""; *line; line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        read_mount(line, len, &d->mounts);
        line += len;
    }
    return &d->mounts;
}

unsigned nvb_doctor_cgroups(struct nvb_doctor *d)
{
    bool v2 = false;
    bool hybrid = false;
    bool v1 = false;
    nvb_vec_foreach (mount, nvb_doctor_mounts(d)) {
        if (!nvb_has_prefix(mount->point, "/sys/fs/cgroup"))
            continue;
        bool top = strcmp(mount->point, "/sys/fs/cgroup") == 0;
        if (strcmp(mount->type, "cgroup2") == 0) {
            v2 = top;
            hybrid = hybrid || !top;
        } else if (strcmp(mount->type, "cgroup") == 0 ||
                   (top && strcmp(mount->type, "tmpfs") == 0)) {
            v1 = true;
            v2 = v2 && !top; /* what is mounted last at the top is what is seen */
        }
    }
    if (v2)
        return 2;
    if (hybrid)
        return 3;
    return v1 ? 1 : 0;
}

/* ---- engines ---- */

static void keep_trouble(struct nvb_doctor_engine *e, const char *text)
{
    free(e->trouble);
    e->trouble = nvb_strndup(text, strcspn(text, "\n"));
}

/* "info" as JSON: Podman's and Docker's words for it are the same by now. */
static void ask(struct nvb_doctor *d, struct nvb_doctor_engine *e)
{
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str messages = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *err = NULL;
    bool docker = e->engine.kind == NVB_ENGINE_DOCKER;
    char info[] = "info";
    char option[] = "--format";
    char json[] = "json";
    char template[] = "{{json .}}";
    char *words[] = {e->engine.path, info, option, docker ? template : json, NULL};
    int status = 0;
    if (!d->options->ask_engines || d->calls >= MAX_CALLS)
        return;
    d->calls++;
    e->asked = true;
    if (nvb_process_capture(e->engine.path, words, d->options->environment, INFO_TIMEOUT_MS,
                            INFO_MAX, &out, &messages, &status, &err) < 0) {
        keep_trouble(e, err->message);
        return;
    }
    const bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const bool read = out.len > 0 && nvb_json_read(out.data, out.len, "info", &e->info, NULL) == 0;
    e->answered = well && read;
    /* Docker's client prints what it knows with the service's errors in it and still exits 0. */
    const struct nvb_doc *errors = nvb_doc_find(&e->info, "ServerErrors");
    if (read && errors && errors->type == NVB_DOC_LIST && errors->list.count > 0 &&
        errors->list.items[0].text) {
        e->answered = false;
        keep_trouble(e, errors->list.items[0].text);
    } else if (!e->answered) {
        keep_trouble(e, messages.len ? messages.data : "it gave no answer");
    }
}

/* "4.3.1" into 403. */
static unsigned version_number(const char *text)
{
    uint64_t major = 0;
    uint64_t minor = 0;
    size_t len = strspn(text, "0123456789");
    if (nvb_parse_u64(text, len, 10, &major) < 0 || text[len] != '.')
        return 0;
    const char *rest = text + len + 1;
    if (nvb_parse_u64(rest, strspn(rest, "0123456789"), 10, &minor) < 0 || major > 99 || minor > 99)
        return 0;
    return (unsigned)(major * 100 + minor);
}

static void take_version(struct nvb_doctor_engine *e, const char *text)
{
    if (!text || e->engine.version)
        return;
    e->engine.version = version_number(text);
    e->engine.version_text = nvb_strdup(text);
}

static const char *version_in_info(const struct nvb_doctor_engine *e)
{
    if (e->engine.kind == NVB_ENGINE_DOCKER) {
        const char *client = nvb_doc_find_text(nvb_doc_find(&e->info, "ClientInfo"), "Version");
        const char *server = nvb_doc_find_text(&e->info, "ServerVersion");
        return server && *server ? server : client;
    }
    return nvb_doc_find_text(nvb_doc_find(&e->info, "version"), "Version");
}

/*
 * Whether Podman would be asked for the first time by this caller: "podman info" then makes an
 * image store, with whatever driver it picks, and as a user leaves a process behind that keeps the
 * namespaces. The doctor changes nothing, so it does not ask.
 */
static bool would_make_store(const struct nvb_doctor *d)
{
    struct stat st;
    if (nvb_doctor_env(d, "CONTAINERS_STORAGE_CONF"))
        return false; /* then the store is elsewhere, and its driver chosen */
    if (d->options->caller.uid == 0)
        return stat("/var/lib/containers/storage", &st) < 0 && geteuid() == 0;
    _cleanup_free_ char *store = nvb_doctor_data_path(d, "containers/storage");
    return store && d->user.home && stat(d->user.home, &st) == 0 && stat(store, &st) < 0;
}

static void find_engine(struct nvb_doctor *d, enum nvb_engine_kind kind,
                        struct nvb_doctor_engine *e)
{
    const char *path = nvb_environment_get(d->options->environment, "PATH");
    _cleanup_str_ struct nvb_str known = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *err = NULL;
    e->engine.kind = kind;
    int r = nvb_process_find(nvb_engine_name(kind), path, &e->engine.path, &err);
    if (r < 0)
        keep_trouble(e, err->message);
    if (r != 0)
        return;
    e->installed = true;
    e->engine.cache = nvb_strdup(d->user.cache);
    /* A "docker" that is Podman (podman-docker) says so. */
    if (nvb_engine_cache_read(e->engine.cache, e->engine.path, "version", "", &known) == 0) {
        const char *number = strstr(known.data, "version ");
        if (number)
            number += strlen("version ");
        _cleanup_free_ char *text = number ? nvb_strndup(number, strcspn(number, " ,\r\n")) : NULL;
        take_version(e, text);
    }
    if (kind == NVB_ENGINE_DOCKER || !would_make_store(d))
        ask(d, e);
    if (nvb_doc_find(&e->info, "host") && kind == NVB_ENGINE_DOCKER)
        e->engine.kind = NVB_ENGINE_PODMAN;
    take_version(e, version_in_info(e));
    if (e->engine.version || !d->options->ask_engines || d->calls >= MAX_CALLS)
        return;
    struct nvb_engine engine = {0};
    d->calls++;
    if (nvb_engine_find(kind, d->options->environment, &d->user, &engine, NULL) == 0) {
        take_version(e, engine.version_text);
        nvb_engine_done(&engine);
    }
}

const struct nvb_doctor_engine *nvb_doctor_podman(struct nvb_doctor *d)
{
    if (!(d->known & NVB_FACT_PODMAN)) {
        d->known |= NVB_FACT_PODMAN;
        find_engine(d, NVB_ENGINE_PODMAN, &d->podman);
    }
    return &d->podman;
}

const struct nvb_doctor_engine *nvb_doctor_docker(struct nvb_doctor *d)
{
    (void)nvb_doctor_podman(
        d); /* first, so that what the calls allow does not depend on the rows */
    if (!(d->known & NVB_FACT_DOCKER)) {
        d->known |= NVB_FACT_DOCKER;
        find_engine(d, NVB_ENGINE_DOCKER, &d->docker);
    }
    return &d->docker;
}

/* Podman's own order where nothing is configured (containers.conf(5), runtime). */
static const char *guess_runtime(const struct nvb_doctor *d)
{
    static const char *const paths[] = {"/usr/bin/crun", "/usr/local/bin/crun", "/usr/bin/runc",
                                        "/usr/sbin/runc"};
    for (size_t i = 0; i < NVB_COUNT(paths); i++)
        if (nvb_doctor_exists(d, paths[i]))
            return nvb_path_base(paths[i]);
    return NULL;
}

const char *nvb_doctor_oci_runtime(struct nvb_doctor *d)
{
    const struct nvb_doctor_engine *podman = nvb_doctor_podman(d);
    const struct nvb_doc *host = nvb_doc_find(&podman->info, "host");
    if (podman->installed && !podman->asked)
        return guess_runtime(d);
    return nvb_doc_find_text(nvb_doc_find(host, "ociRuntime"), "name");
}

/* ---- what containers are started with ---- */

/* Where the value of option NAME stands in WORD: "--name=value", "-nvalue"; "": it is the next
 * word; NULL: it is another option. */
static const char *value_in(const char *word, const char *name, char letter)
{
    size_t len = strlen(name);
    if (nvb_has_prefix(word, "--"))
        return strncmp(word + 2, name, len) != 0 ? NULL
               : word[2 + len] == '='            ? word + 2 + len + 1
               : word[2 + len] == '\0'           ? word + 2 + len
                                                 : NULL;
    return letter && word[0] == '-' && word[1] == letter ? word + 2 + (word[2] == '=') : NULL;
}

static void configured_arguments(const struct nvb_config *config, const char *name, char letter,
                                 struct nvb_strv *ret)
{
    const struct nvb_key_items *items = nvb_config_items(config, NVB_CONFIG_DEFAULT_ARGS);
    for (size_t i = 0; i < items->count; i++) {
        const char *value = value_in(items->items[i].text, name, letter);
        if (value && *value)
            nvb_strv_add(ret, value);
        else if (value)
            nvb_strv_add(ret, i + 1 < items->count ? items->items[i + 1].text : "");
    }
}

void nvb_doctor_arguments(const struct nvb_doctor *d, const char *name, char letter,
                          struct nvb_strv *ret)
{
    const struct nvb_doc *last = d->options->last;
    const struct nvb_doc *options = nvb_doc_find(nvb_doc_find(last, "plan"), "options");
    if (d->options->config)
        configured_arguments(d->options->config, name, letter, ret);
    if (!options || options->type != NVB_DOC_LIST)
        return;
    nvb_vec_foreach (option, &options->list) {
        const char *option_name = nvb_doc_find_text(option, "name");
        const char *value = nvb_doc_find_text(option, "value");
        if (option_name && strcmp(option_name, name) == 0)
            nvb_strv_add(ret, value ? value : "");
    }
}
