#include "host/engine_facts.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "config/toml.h"
#include "data/json.h"
#include "host/containers_conf.h"
#include "host/engine_cache.h"

#define PROBE_TIMEOUT_MS 20000
#define MAX_ANSWER       ((size_t)1 << 20)

void nvb_engine_facts_done(struct nvb_engine_facts *facts)
{
    free(facts->version);
    free(facts->runtime);
    free(facts->runtime_path);
    nvb_strv_done(&facts->cdi_folders);
    *facts = (struct nvb_engine_facts){0};
}

/* ---- what the engines print ---- */

static bool is_true(const struct nvb_doc *value)
{
    return value && value->type == NVB_DOC_BOOL && value->boolean;
}

static void take_texts(const struct nvb_doc *list, struct nvb_strv *ret)
{
    if (!list || list->type != NVB_DOC_LIST)
        return;
    nvb_vec_foreach (item, &list->list)
        if (item->type == NVB_DOC_TEXT && item->text[0] == '/')
            nvb_strv_add(ret, item->text);
}

/* "v2", "2". */
static unsigned read_cgroup(const char *text)
{
    text += text && *text == 'v';
    return text && (*text == '1' || *text == '2') ? (unsigned)(*text - '0') : 0;
}

static bool is_other_kernel(const char *release)
{
    struct utsname name;
    return release && uname(&name) == 0 && strcmp(release, name.release) != 0;
}

static int parse_podman(const struct nvb_doc *doc, struct nvb_engine_facts *ret)
{
    const struct nvb_doc *host = nvb_doc_find(doc, "host");
    const struct nvb_doc *runtime = nvb_doc_find(host, "ociRuntime");
    ret->version = nvb_strdup(nvb_doc_find_text(nvb_doc_find(doc, "version"), "Version"));
    ret->rootless = is_true(nvb_doc_find(nvb_doc_find(host, "security"), "rootless"));
    ret->elsewhere = is_other_kernel(nvb_doc_find_text(host, "kernel"));
    ret->cgroup = read_cgroup(nvb_doc_find_text(host, "cgroupVersion"));
    ret->runtime = nvb_strdup(nvb_doc_find_text(runtime, "name"));
    ret->runtime_path = nvb_strdup(nvb_doc_find_text(runtime, "path"));
    take_texts(nvb_doc_find(host, "cdiSpecDirs"), &ret->cdi_folders);
    return ret->version ? 0 : -1;
}

/* An empty list, or none, means that the daemon takes "nvidia.com/gpu=0" for a path. */
static int parse_docker(const struct nvb_doc *doc, struct nvb_engine_facts *ret)
{
    const struct nvb_doc *security = nvb_doc_find(doc, "SecurityOptions");
    const char *system = nvb_doc_find_text(doc, "OperatingSystem");
    ret->version = nvb_strdup(nvb_doc_find_text(doc, "ServerVersion"));
    ret->elsewhere = is_other_kernel(nvb_doc_find_text(doc, "KernelVersion")) ||
                     (system && nvb_has_prefix(system, "Docker Desktop"));
    ret->cgroup = read_cgroup(nvb_doc_find_text(doc, "CgroupVersion"));
    ret->runtime = nvb_strdup(nvb_doc_find_text(doc, "DefaultRuntime"));
    take_texts(nvb_doc_find(doc, "CDISpecDirs"), &ret->cdi_folders);
    ret->cdi = ret->cdi_folders.count > 0;
    if (security && security->type == NVB_DOC_LIST)
        nvb_vec_foreach (item, &security->list)
            ret->rootless = ret->rootless || (item->type == NVB_DOC_TEXT &&
                                              nvb_has_prefix(item->text, "name=rootless"));
    return ret->version && ret->version[0] != '\0' ? 0 : -1;
}

int nvb_engine_facts_parse(enum nvb_engine_kind kind, const char *text, size_t len,
                           struct nvb_engine_facts *ret, struct nvb_error **err)
{
    _cleanup_engine_facts_ struct nvb_engine_facts facts = {0};
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (nvb_json_read(text, len, "info", &doc, err) < 0)
        return nvb_error_prefix(err, "%s", nvb_engine_name(kind));
    int r = kind == NVB_ENGINE_DOCKER ? parse_docker(&doc, &facts) : parse_podman(&doc, &facts);
    if (r < 0)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "'%s info' names no version",
                              nvb_engine_name(kind));
    *ret = TAKE_STRUCT(facts);
    return 0;
}

/* ---- Podman's folders ---- */

/* The value of [engine] cdi_spec_dirs in the last of its files that has one. CONTAINERS_CONF stands
 * for all files of the system's and the user's. */
static void read_configured(char *const *environment, const struct nvb_user *user,
                            struct nvb_strv *ret)
{
    _cleanup_strv_ struct nvb_strv files = {0};
    const char *alone = nvb_environment_get(environment, "CONTAINERS_CONF");
    nvb_containers_conf_list(environment, user, &files);
    for (size_t i = 0; i < files.count; i++) {
        _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
        _cleanup_doc_ struct nvb_doc doc = {0};
        if (alone && alone[0] != '\0' && strcmp(files.items[i], alone) != 0)
            continue;
        if (nvb_file_read_path(files.items[i], NVB_TOML_MAX_BYTES, &text, NULL) != 0 ||
            nvb_toml_read(text.data, text.len, files.items[i], &doc, NULL) < 0)
            continue;
        const struct nvb_doc *value = nvb_doc_find(nvb_doc_find(&doc, "engine"), "cdi_spec_dirs");
        if (value) {
            nvb_strv_done(ret);
            take_texts(value, ret);
        }
    }
}

/* Podman has CDI from 4.1 on; 5.5 reads the first folder alone; 5.6 honours the configuration. */
static void settle_podman(const struct nvb_engine *engine, char *const *environment,
                          const struct nvb_user *user, struct nvb_engine_facts *facts)
{
    struct nvb_strv *folders = &facts->cdi_folders;
    facts->cdi = engine->version >= 401;
    if (!facts->cdi || folders->count > 0)
        return;
    if (engine->version >= 506)
        read_configured(environment, user, folders);
    if (folders->count > 0)
        return;
    nvb_strv_add(folders, "/etc/cdi");
    if (engine->version != 505)
        nvb_strv_add(folders, "/var/run/cdi");
}

/* ---- the kept answer ---- */

static void identify_docker(const struct nvb_endpoint *endpoint, char *const *environment,
                            const struct nvb_user *user, struct nvb_str *ret)
{
    const char *socket = nvb_endpoint_socket(endpoint);
    _cleanup_free_ char *daemon = NULL;
    nvb_str_addf(ret, "%s\n", endpoint->url);
    if (socket)
        nvb_engine_cache_identify_file(socket, ret);
    nvb_engine_cache_identify_file("/etc/docker/daemon.json", ret);
    /* Where systemd listens for it, the socket outlives the daemon; this does not. */
    nvb_engine_cache_identify_file("/run/docker.pid", ret);
    if (user->home) {
        _cleanup_free_ char *own = nvb_strdupf("%s/.config/docker/daemon.json", user->home);
        nvb_engine_cache_identify_file(own, ret);
    }
    if (nvb_process_find("dockerd", nvb_environment_get(environment, "PATH"), &daemon, NULL) == 0)
        nvb_engine_cache_identify_file(daemon, ret);
}

static void identify_podman(const struct nvb_endpoint *endpoint, char *const *environment,
                            const struct nvb_user *user, struct nvb_str *ret)
{
    _cleanup_strv_ struct nvb_strv files = {0};
    const char *socket = nvb_endpoint_socket(endpoint);
    nvb_containers_conf_list(environment, user, &files);
    for (size_t i = 0; i < files.count; i++)
        nvb_engine_cache_identify_file(files.items[i], ret);
    if (socket)
        nvb_engine_cache_identify_file(socket, ret);
    nvb_str_addf(ret, "%u\n", (unsigned)user->uid);
}

static void add_line(struct nvb_str *s, const char *key, const char *value)
{
    if (value && !strchr(value, '\n'))
        nvb_str_addf(s, "%s %s\n", key, value);
}

static void format_facts(const struct nvb_engine_facts *facts, struct nvb_str *ret)
{
    _cleanup_str_ struct nvb_str runtime = NVB_STR_INIT;
    add_line(ret, "version", facts->version);
    nvb_str_addf(ret, "rootless %d\nelsewhere %d\ncgroup %u\ncdi %d\n", facts->rootless,
                 facts->elsewhere, facts->cgroup, facts->cdi);
    add_line(ret, "runtime", facts->runtime);
    add_line(ret, "runtime_path", facts->runtime_path);
    if (facts->runtime_path)
        nvb_engine_cache_identify_file(facts->runtime_path, &runtime);
    nvb_str_addf(ret, "runtime_identity %016llx\n",
                 (unsigned long long)nvb_hash(NVB_HASH_INIT, runtime.data, runtime.len));
    for (size_t i = 0; i < facts->cdi_folders.count; i++)
        add_line(ret, "folder", facts->cdi_folders.items[i]);
}

static void take_line(char *line, struct nvb_engine_facts *facts)
{
    char *value = line + strcspn(line, " ");
    if (*value == '\0')
        return;
    *value++ = '\0';
    const struct {
        const char *key;
        char **text;
        bool *flag;
    } fields[] = {
        {"version", &facts->version, NULL},     {"rootless", NULL, &facts->rootless},
        {"elsewhere", NULL, &facts->elsewhere}, {"cdi", NULL, &facts->cdi},
        {"runtime", &facts->runtime, NULL},     {"runtime_path", &facts->runtime_path, NULL},
    };
    for (size_t i = 0; i < NVB_COUNT(fields); i++) {
        if (strcmp(line, fields[i].key) != 0)
            continue;
        if (fields[i].flag)
            *fields[i].flag = strcmp(value, "1") == 0;
        else if (!*fields[i].text)
            *fields[i].text = nvb_strdup(value);
    }
    if (strcmp(line, "cgroup") == 0)
        facts->cgroup = read_cgroup(value);
    if (strcmp(line, "folder") == 0)
        nvb_strv_add(&facts->cdi_folders, value);
}

/* 0, or 1: it is not whole, or the OCI runtime has been replaced since. */
static int read_kept(const char *text, struct nvb_engine_facts *ret)
{
    _cleanup_engine_facts_ struct nvb_engine_facts facts = {0};
    _cleanup_strv_ struct nvb_strv lines = {0};
    _cleanup_str_ struct nvb_str again = NVB_STR_INIT;
    nvb_strv_split(&lines, text, '\n');
    for (size_t i = 0; i < lines.count; i++)
        take_line(lines.items[i], &facts);
    format_facts(&facts, &again);
    if (!facts.version || strcmp(again.data, text) != 0)
        return 1;
    *ret = TAKE_STRUCT(facts);
    return 0;
}

/* ---- asking ---- */

static int ask(const struct nvb_engine *engine, const struct nvb_endpoint *endpoint,
               char *const *environment, struct nvb_engine_facts *ret, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str answer = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str messages = NVB_STR_INIT;
    const bool docker = engine->kind == NVB_ENGINE_DOCKER;
    char *words[] = {
        engine->path,       (char *)(docker ? "--host" : "--url"),    endpoint->url, (char *)"info",
        (char *)"--format", (char *)(docker ? "{{json .}}" : "json"), NULL};
    if (endpoint->kind == NVB_ENDPOINT_HERE)
        for (size_t i = 1; i < NVB_COUNT(words); i++)
            words[i] = i + 2 < NVB_COUNT(words) ? words[i + 2] : NULL;
    int status = 0;
    if (nvb_process_capture(engine->path, words, environment, PROBE_TIMEOUT_MS, MAX_ANSWER, &answer,
                            &messages, &status, err) < 0)
        return -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        messages.data[strcspn(messages.data, "\n")] = '\0';
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "'%s info' failed%s%s", engine->path,
                              messages.data[0] ? ": " : "", messages.data);
    }
    return nvb_engine_facts_parse(engine->kind, answer.data, answer.len, ret, err);
}

/* Why nobody answered: the socket tells it better than what the program printed. Replaces *ERR. */
static int explain_silence(const struct nvb_engine *engine, const struct nvb_endpoint *endpoint,
                           const struct nvb_user *user, struct nvb_error **err)
{
    const bool docker = engine->kind == NVB_ENGINE_DOCKER;
    const char *path = nvb_endpoint_socket(endpoint);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || strlen(path) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = fd < 0 ? 0 : connect(fd, (const struct sockaddr *)&address, sizeof(address));
    int saved = errno;
    if (fd >= 0)
        (void)close(fd);
    if (r == 0 || (saved != EACCES && saved != ENOENT && saved != ECONNREFUSED))
        return -1;
    if (err)
        nvb_error_free(TAKE_PTR(*err));
    if (saved == EACCES) {
        (void)nvb_error_make(err, NVB_ERROR_PERMISSION, saved,
                             "the socket of %s's service, '%s', is closed to this user",
                             nvb_engine_name(engine->kind), path);
        return nvb_error_hint(err, docker ? "sudo usermod -aG docker $USER, and log in again"
                                          : "name a socket of your own");
    }
    (void)nvb_error_make(err, NVB_ERROR_NOT_FOUND, saved,
                         "%s's service does not run: nothing listens at '%s'",
                         nvb_engine_name(engine->kind), path);
    if (docker)
        return nvb_error_hint(err, "sudo systemctl start docker");
    return nvb_error_hint(err, user->uid ? "systemctl --user start podman.socket"
                                         : "systemctl start podman.socket");
}

/* Of this machine the kernel tells it, and a reboot may have changed it. */
static void read_own_cgroup(struct nvb_engine_facts *facts)
{
    struct statfs fs;
    if (statfs("/sys/fs/cgroup", &fs) == 0)
        facts->cgroup = fs.f_type == CGROUP2_SUPER_MAGIC ? 2 : 1;
}

int nvb_engine_probe(const struct nvb_engine *engine, const struct nvb_endpoint *endpoint,
                     char *const *environment, const struct nvb_user *user,
                     struct nvb_engine_facts *ret, struct nvb_error **err)
{
    _cleanup_engine_facts_ struct nvb_engine_facts facts = {0};
    _cleanup_str_ struct nvb_str more = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    const bool docker = engine->kind == NVB_ENGINE_DOCKER;
    if (endpoint->kind == NVB_ENDPOINT_REMOTE)
        return 1;
    if (docker)
        identify_docker(endpoint, environment, user, &more);
    else
        identify_podman(endpoint, environment, user, &more);
    const char *url = endpoint->url ? endpoint->url : "";
    _cleanup_free_ char *question =
        nvb_strdupf("facts-%016llx", (unsigned long long)nvb_hash(NVB_HASH_INIT, url, strlen(url)));
    if (nvb_engine_cache_read(engine->cache, engine->path, question, more.data, &text) != 0 ||
        read_kept(text.data, &facts) != 0) {
        if (ask(engine, endpoint, environment, &facts, err) < 0)
            return explain_silence(engine, endpoint, user, err);
        if (!docker)
            settle_podman(engine, environment, user, &facts);
        nvb_str_truncate(&text, 0);
        format_facts(&facts, &text);
        nvb_engine_cache_write(engine->cache, engine->path, question, more.data, text.data);
    }
    if (endpoint->kind == NVB_ENDPOINT_HERE)
        read_own_cgroup(&facts);
    *ret = TAKE_STRUCT(facts);
    return 0;
}
