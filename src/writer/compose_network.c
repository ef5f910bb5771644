/* Networks and the other namespaces. Without a word of the user's the service is in its project's
 * own network, as every service of Compose's is. */

#include <string.h>

#include "plan/claims.h"
#include "writer/compose_parts.h"

/* ---- modes ---- */

/* Podman's own modes, which podman-compose 1.3 hands on. */
static bool is_podman_mode(const char *value)
{
    return nvb_has_prefix(value, "slirp4netns") || nvb_has_prefix(value, "pasta") ||
           nvb_has_prefix(value, "ns:") || strcmp(value, "private") == 0;
}

static bool is_mode(const char *value)
{
    return strcmp(value, "host") == 0 || strcmp(value, "none") == 0 ||
           strcmp(value, "bridge") == 0 || strcmp(value, "default") == 0 ||
           nvb_has_prefix(value, "container:");
}

static int add_mode(struct nvb_compose *c, const struct nvb_plan_option *option, const char *value,
                    struct nvb_error **err)
{
    if (nvb_compose_is(c, NVB_COMPOSE_PODMAN_OLD))
        return nvb_compose_refuse(c, option, "it adds the project's network to each mode",
                                  "leave it out, or a network of your own; podman-compose 1.3 has "
                                  "it (--compose-version 1.3)",
                                  err);
    if (is_podman_mode(value) && !nvb_compose_is(c, NVB_COMPOSE_PODMAN))
        return nvb_compose_refuse(c, option, "Docker's interface has no such mode", NULL, err);
    nvb_compose_set(nvb_compose_at(c, "network_mode"), value);
    return 0;
}

/* ---- networks with names ---- */

/* The service's entry for the network NAME; NULL: for the last one that it has. */
static struct nvb_doc *find_network(struct nvb_compose *c, const char *name)
{
    struct nvb_doc *networks = nvb_doc_at(&c->service, "networks");
    if (name)
        return nvb_doc_at(networks, name);
    return networks->type == NVB_DOC_MAP ? &networks->map.items[networks->map.count - 1].value
                                         : nvb_doc_at(networks, "default");
}

static void declare(struct nvb_compose *c, const char *name)
{
    struct nvb_doc *network = nvb_doc_at(&c->networks, name);
    if (network->type != NVB_DOC_NULL)
        return;
    nvb_doc_put_bool(network, "external", true);
    nvb_compose_set(nvb_doc_put(network, "name"), name);
}

/* One "KEY=VALUE" of a network's. */
static bool take_field(struct nvb_doc *network, const char *field)
{
    static const struct {
        const char *name, *key;
    } keys[] = {{"ip=", "ipv4_address"},
                {"ip6=", "ipv6_address"},
                {"mac=", "mac_address"},
                {"mac-address=", "mac_address"}};
    if (nvb_has_prefix(field, "alias=")) {
        nvb_compose_set(nvb_doc_push(nvb_doc_at(network, "aliases")), field + strlen("alias="));
        return true;
    }
    for (size_t i = 0; i < NVB_COUNT(keys); i++) {
        if (!nvb_has_prefix(field, keys[i].name))
            continue;
        nvb_compose_set(nvb_doc_at(network, keys[i].key), field + strlen(keys[i].name));
        return true;
    }
    return false;
}

/* "NAME", Podman's "NAME:ip=…,alias=…", Docker's "name=NAME,ip=…". */
int nvb_compose_add_network(struct nvb_compose *c, const struct nvb_plan_option *option,
                            const char *value, struct nvb_error **err)
{
    if (is_mode(value) || is_podman_mode(value))
        return add_mode(c, option, value, err);
    const bool is_docker = nvb_has_prefix(value, "name=");
    const char *colon = is_docker ? NULL : strchr(value, ':');
    _cleanup_strv_ struct nvb_strv fields = {0};
    _cleanup_free_ char *name = nvb_strndup(value, colon ? (size_t)(colon - value) : strlen(value));
    if (colon || is_docker)
        nvb_claims_split_csv(colon ? colon + 1 : value, &fields);
    if (is_docker) {
        free(name);
        name = nvb_strdup(fields.items[0] + strlen("name="));
    }
    if (strcmp(name, "bridge") == 0)
        return nvb_compose_refuse(c, option, "a bridge's options have no key",
                                  "make a network: podman network create NAME", err);
    declare(c, name);
    /* A list of names is all that podman-compose 1.0 reads. */
    if (nvb_compose_is(c, NVB_COMPOSE_PODMAN_OLD)) {
        if (colon)
            return nvb_compose_refuse(c, option, "it takes a network's name alone",
                                      "leave out what stands behind ':'", err);
        nvb_compose_set(nvb_doc_push(nvb_compose_at(c, "networks")), name);
        return 0;
    }
    struct nvb_doc *network = find_network(c, name);
    for (size_t i = is_docker; i < fields.count; i++) {
        if (take_field(network, fields.items[i]))
            continue;
        _cleanup_free_ char *why = nvb_strdupf("there is no key for its '%s'", fields.items[i]);
        return nvb_compose_refuse(c, option, why, NULL, err);
    }
    return 0;
}

int nvb_compose_add_network_alias(struct nvb_compose *c, const struct nvb_plan_option *option,
                                  const char *value, struct nvb_error **err)
{
    (void)option;
    (void)err;
    nvb_compose_set(nvb_doc_push(nvb_doc_at(find_network(c, NULL), "aliases")), value);
    return 0;
}

int nvb_compose_add_address(struct nvb_compose *c, const struct nvb_plan_option *option,
                            const char *value, struct nvb_error **err)
{
    (void)err;
    const struct nvb_compose_key *key = nvb_compose_find(nvb_plan_option_name(option));
    nvb_compose_set(nvb_doc_at(find_network(c, NULL), key->key), value);
    return 0;
}

int nvb_compose_add_mac(struct nvb_compose *c, const struct nvb_plan_option *option,
                        const char *value, struct nvb_error **err)
{
    (void)option;
    (void)err;
    nvb_compose_set(nvb_compose_at(c, "mac_address"), value);
    return 0;
}

/* ---- other namespaces ---- */

int nvb_compose_add_pid(struct nvb_compose *c, const struct nvb_plan_option *option,
                        const char *value, struct nvb_error **err)
{
    if (strcmp(value, "host") != 0 && !nvb_has_prefix(value, "container:") &&
        nvb_compose_is(c, NVB_COMPOSE_ANY_DOCKER))
        return nvb_compose_refuse(c, option, "it knows host and container:NAME", NULL, err);
    nvb_compose_set(nvb_compose_at(c, "pid"), value);
    return 0;
}

int nvb_compose_add_userns(struct nvb_compose *c, const struct nvb_plan_option *option,
                           const char *value, struct nvb_error **err)
{
    (void)option;
    (void)err;
    nvb_compose_set(nvb_compose_at(c, "userns_mode"), value);
    return 0;
}
