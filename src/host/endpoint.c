#include "host/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "config/sha256.h"
#include "data/json.h"
#include "host/containers_conf.h"

#define DOCKER_SOCKET "unix:///var/run/docker.sock"
#define PODMAN_SOCKET "unix:///run/podman/podman.sock"
#define MAX_FILE      ((size_t)1 << 20)

void nvb_endpoint_done(struct nvb_endpoint *endpoint)
{
    free(endpoint->url);
    *endpoint = (struct nvb_endpoint){0};
}

const char *nvb_endpoint_socket(const struct nvb_endpoint *endpoint)
{
    const char *url = endpoint->url;
    if (!url || !nvb_has_prefix(url, "unix:"))
        return NULL;
    url += strlen("unix:");
    if (nvb_has_prefix(url, "//"))
        url += 2;
    return *url == '/' ? url : NULL;
}

/* A socket under a desktop program's folder leads into its virtual machine. */
static bool is_local_url(const char *url)
{
    return nvb_has_prefix(url, "unix:") && !strstr(url, "/.docker/desktop/");
}

/* Takes URL, which is owned, or NULL: a name that leads nowhere known. */
static void set(struct nvb_endpoint *ret, char *url, const char *source)
{
    const bool local = url && is_local_url(url);
    ret->kind = local ? NVB_ENDPOINT_LOCAL : NVB_ENDPOINT_REMOTE;
    ret->url = url;
    ret->source = source;
}

static int read_json(const char *path, struct nvb_doc *ret)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (nvb_file_read_path(path, MAX_FILE, &text, NULL) != 0)
        return -1;
    return nvb_json_read(text.data, text.len, path, ret, NULL);
}

static const char *get(char *const *environment, const char *name)
{
    const char *value = nvb_environment_get(environment, name);
    return value && value[0] != '\0' ? value : NULL;
}

/* ---- Docker ---- */

static char *docker_folder(char *const *environment, const struct nvb_user *user)
{
    const char *config = get(environment, "DOCKER_CONFIG");
    if (config)
        return nvb_strdup(config);
    return user->home ? nvb_strdupf("%s/.docker", user->home) : NULL;
}

/* The host of a context, owned, or NULL. */
static char *read_context(const char *folder, const char *name)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    char hash[NVB_SHA256_HEX + 1];
    if (!folder)
        return NULL;
    nvb_sha256_hex(name, strlen(name), hash);
    _cleanup_free_ char *path = nvb_strdupf("%s/contexts/meta/%s/meta.json", folder, hash);
    if (read_json(path, &doc) < 0)
        return NULL;
    const struct nvb_doc *endpoints = nvb_doc_find(&doc, "Endpoints");
    return nvb_strdup(nvb_doc_find_text(nvb_doc_find(endpoints, "docker"), "Host"));
}

static char *read_current_context(const char *folder)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (!folder)
        return NULL;
    _cleanup_free_ char *path = nvb_strdupf("%s/config.json", folder);
    return read_json(path, &doc) < 0 ? NULL : nvb_strdup(nvb_doc_find_text(&doc, "currentContext"));
}

/* The order is docker's: -H, --context, DOCKER_HOST, DOCKER_CONTEXT, config.json. */
static void find_docker(const struct nvb_endpoint_words *words, char *const *environment,
                        const struct nvb_user *user, struct nvb_endpoint *ret)
{
    _cleanup_free_ char *folder = docker_folder(environment, user);
    _cleanup_free_ char *current = NULL;
    const char *host = get(environment, "DOCKER_HOST");
    const char *name = words->name;
    const char *source = "--context";
    if (words->url) {
        set(ret, nvb_strdup(words->url), "--host");
        return;
    }
    if (!name && host) {
        set(ret, nvb_strdup(host), "DOCKER_HOST");
        return;
    }
    if (!name) {
        name = get(environment, "DOCKER_CONTEXT");
        source = "DOCKER_CONTEXT";
    }
    if (!name) {
        name = current = read_current_context(folder);
        source = "the current context";
    }
    if (name && name[0] != '\0' && strcmp(name, "default") != 0)
        set(ret, read_context(folder, name), source);
    else
        /* The default context is what the environment says, even where it was asked for. */
        set(ret, nvb_strdup(host ? host : DOCKER_SOCKET), host ? "DOCKER_HOST" : "the default");
}

/* ---- Podman ---- */

/* The URI of a connection (NULL: the default one), owned, or NULL. Those that stand in
 * containers.conf, as Podman 4 kept them, are left to Podman. */
static char *read_connection(char *const *environment, const struct nvb_user *user,
                             const char *name)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    _cleanup_free_ char *path = NULL;
    const char *named = get(environment, "PODMAN_CONNECTIONS_CONF");
    const char *config = get(environment, "XDG_CONFIG_HOME");
    if (named)
        path = nvb_strdup(named);
    else if (config)
        path = nvb_strdupf("%s/containers/podman-connections.json", config);
    else if (user->home)
        path = nvb_strdupf("%s/.config/containers/podman-connections.json", user->home);
    if (!path || read_json(path, &doc) < 0)
        return NULL;
    const struct nvb_doc *part = nvb_doc_find(&doc, "Connection");
    if (!name)
        name = nvb_doc_find_text(part, "Default");
    if (!name)
        return NULL;
    const struct nvb_doc *connection = nvb_doc_find(nvb_doc_find(part, "Connections"), name);
    return nvb_strdup(nvb_doc_find_text(connection, "URI"));
}

static char *podman_socket(const struct nvb_user *user)
{
    if (user->uid == 0 || !user->runtime_dir)
        return nvb_strdup(PODMAN_SOCKET);
    return nvb_strdupf("unix://%s/podman/podman.sock", user->runtime_dir);
}

/* The order is podman's: --connection, --url, CONTAINER_CONNECTION, CONTAINER_HOST, the default
 * connection. Any of the first four means a service, and so does --remote. */
static void find_podman(const struct nvb_endpoint_words *words, char *const *environment,
                        const struct nvb_user *user, struct nvb_endpoint *ret)
{
    const char *connection = nvb_environment_get(environment, "CONTAINER_CONNECTION");
    const char *host = nvb_environment_get(environment, "CONTAINER_HOST");
    const bool by_environment = (connection || host) && words->remote != 0;
    if (!words->name && !words->url && words->remote != 1 && !by_environment)
        return;
    if (words->name)
        set(ret, read_connection(environment, user, words->name), "--connection");
    else if (words->url)
        set(ret, nvb_strdup(words->url), "--url");
    else if (connection && connection[0] != '\0')
        set(ret, read_connection(environment, user, connection), "CONTAINER_CONNECTION");
    else if (host && host[0] != '\0')
        set(ret, nvb_strdup(host), "CONTAINER_HOST");
    else {
        char *url = read_connection(environment, user, NULL);
        _cleanup_free_ char *configured =
            url ? NULL : nvb_containers_conf_find(environment, user, "active_service");
        set(ret, url || configured ? url : podman_socket(user), "--remote");
    }
}

void nvb_endpoint_find(enum nvb_engine_kind engine, const struct nvb_endpoint_words *words,
                       char *const *environment, const struct nvb_user *user,
                       struct nvb_endpoint *ret)
{
    *ret = (struct nvb_endpoint){.kind = NVB_ENDPOINT_HERE};
    if (engine == NVB_ENGINE_DOCKER)
        find_docker(words, environment, user, ret);
    else
        find_podman(words, environment, user, ret);
}
