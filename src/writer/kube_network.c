/* Names, ports and namespaces of a pod. */

#include <arpa/inet.h>
#include <string.h>

#include "data/kube_text.h"
#include "writer/kube_parts.h"

#define MAX_PORTS 1000

/* ---- names ---- */

int nvb_kube_add_hostname(struct nvb_kube *k, const struct nvb_plan_option *option,
                          const char *value, struct nvb_error **err)
{
    if (nvb_kube_is_cluster(k) ? !nvb_kube_is_label(value) : !*value)
        return nvb_kube_refuse(k, option, "a pod's host name is a label",
                               "small letters, digits and -, at most 63", err);
    nvb_doc_set_text(nvb_kube_place_at(k, "pod.hostname"), value);
    return 0;
}

static bool is_address(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

int nvb_kube_add_host(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                      struct nvb_error **err)
{
    const size_t len = strcspn(value, ":=");
    _cleanup_strv_ struct nvb_strv names = {0};
    const char *ip = value + len + (value[len] != '\0');
    if (!is_address(ip))
        return nvb_kube_refuse(k, option, "a host alias is a name and an address",
                               "--add-host NAME:ADDRESS", err);
    _cleanup_free_ char *words = nvb_strndup(value, len);
    nvb_strv_split(&names, words, ';');
    nvb_vec_foreach (name, &names)
        if (nvb_kube_is_cluster(k) && !nvb_kube_is_subdomain(*name))
            return nvb_kube_refuse(k, option, "that is no host name", NULL, err);
    struct nvb_doc *item = nvb_doc_push(nvb_kube_place_at(k, "pod.hostAliases"));
    nvb_doc_put_text(item, "ip", ip);
    nvb_doc_put_strv(item, "hostnames", &names);
    return 0;
}

int nvb_kube_add_dns(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                     struct nvb_error **err)
{
    if (!is_address(value))
        return nvb_kube_refuse(k, option, "a pod's name server is an address", "--dns 10.0.0.53",
                               err);
    /* As with an engine: these, and not the cluster's. */
    nvb_doc_set_text(nvb_kube_place_at(k, "pod.dnsPolicy"), "None");
    nvb_doc_set_text(nvb_doc_push(nvb_kube_place_at(k, "pod.dnsConfig.nameservers")), value);
    return 0;
}

int nvb_kube_add_dns_option(struct nvb_kube *k, const struct nvb_plan_option *option,
                            const char *value, struct nvb_error **err)
{
    const size_t len = strcspn(value, ":");
    _cleanup_free_ char *name = nvb_strndup(value, len);
    if (len == 0)
        return nvb_kube_refuse(k, option, "it is empty", "--dns-option ndots:2", err);
    struct nvb_doc *item =
        nvb_kube_place_named(nvb_kube_place_at(k, "pod.dnsConfig.options"), name);
    if (value[len])
        nvb_doc_set_text(nvb_doc_at(item, "value"), value + len + 1);
    return 0;
}

int nvb_kube_add_sysctl(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                        struct nvb_error **err)
{
    const size_t len = strcspn(value, "=");
    _cleanup_free_ char *name = nvb_strndup(value, len);
    if (len == 0 || !value[len])
        return nvb_kube_refuse(k, option, "it is not NAME=VALUE", NULL, err);
    struct nvb_doc *item =
        nvb_kube_place_named(nvb_kube_place_at(k, "pod.securityContext.sysctls"), name);
    nvb_doc_set_text(nvb_doc_at(item, "value"), value + len + 1);
    return 0;
}

/* ---- ports ---- */

struct range {
    unsigned first, last;
};

/* "80" or "80-90". Returns 0 or -1. */
static int read_range(const char *text, size_t len, struct range *ret)
{
    const char *dash = memchr(text, '-', len);
    const size_t first_len = dash ? (size_t)(dash - text) : len;
    uint64_t first, last;
    if (nvb_parse_u64(text, first_len, 10, &first) < 0)
        return -1;
    last = first;
    if (dash && nvb_parse_u64(dash + 1, len - first_len - 1, 10, &last) < 0)
        return -1;
    if (first == 0 || last > 65535 || last < first || last - first >= MAX_PORTS)
        return -1;
    ret->first = (unsigned)first;
    ret->last = (unsigned)last;
    return 0;
}

/* The protocol behind the "/", in capitals; *ret_len: what stands before. NULL: there is no such.
 */
static const char *protocol_of(const char *value, size_t *ret_len)
{
    static const char *const names[] = {"TCP", "UDP", "SCTP"};
    *ret_len = strcspn(value, "/");
    if (!value[*ret_len])
        return names[0];
    for (size_t i = 0; i < NVB_COUNT(names); i++)
        if (strcasecmp(value + *ret_len + 1, names[i]) == 0)
            return names[i];
    return NULL;
}

static void put_ports(struct nvb_kube *k, const struct range *host, const struct range *inside,
                      const char *protocol, const char *address)
{
    struct nvb_doc *ports = nvb_kube_place_at(k, "container.ports");
    for (unsigned i = 0; i <= inside->last - inside->first; i++) {
        struct nvb_doc *item = nvb_doc_push(ports);
        nvb_doc_put_int(item, "containerPort", inside->first + i);
        if (host)
            nvb_doc_put_int(item, "hostPort", host->first + i);
        if (address)
            nvb_doc_put_text(item, "hostIP", address);
        nvb_doc_put_text(item, "protocol", protocol);
    }
}

int nvb_kube_add_expose(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                        struct nvb_error **err)
{
    size_t len;
    struct range inside;
    const char *protocol = protocol_of(value, &len);
    if (!protocol || read_range(value, len, &inside) < 0)
        return nvb_kube_refuse(k, option, "that is no port", "--expose 8080", err);
    put_ports(k, NULL, &inside, protocol, NULL);
    return 0;
}

/* [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL] */
int nvb_kube_add_publish(struct nvb_kube *k, const struct nvb_plan_option *option,
                         const char *value, struct nvb_error **err)
{
    size_t len;
    struct range host, inside;
    const char *protocol = protocol_of(value, &len);
    _cleanup_free_ char *words = nvb_strndup(value, len);
    _cleanup_free_ char *address = NULL;
    char *colon = strrchr(words, ':');
    const char *port = colon ? colon + 1 : words;
    bool has_host = false;
    bool good = protocol && read_range(port, strlen(port), &inside) == 0;
    if (colon) {
        *colon = '\0';
        char *before = strrchr(words, ':');
        const char *outside = before ? before + 1 : words;
        has_host = *outside != '\0';
        good = good && (!has_host || read_range(outside, strlen(outside), &host) == 0);
        if (before) {
            const size_t n = (size_t)(before - words);
            address =
                words[0] == '[' && n > 1 ? nvb_strndup(words + 1, n - 2) : nvb_strndup(words, n);
        }
    }
    good = good && (!address || is_address(address)) &&
           (!has_host || host.last - host.first == inside.last - inside.first);
    if (!good)
        return nvb_kube_refuse(k, option, "that is no port",
                               "-p [[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]", err);
    if (!has_host && !nvb_kube_is_cluster(k))
        return nvb_kube_refuse(k, option, "kube play publishes what has a port of the host's",
                               "-p HOST:CONTAINER", err);
    put_ports(k, has_host ? &host : NULL, &inside, protocol, address);
    return 0;
}

/* ---- namespaces ---- */

int nvb_kube_add_network(struct nvb_kube *k, const struct nvb_plan_option *option,
                         const char *value, struct nvb_error **err)
{
    if (strcmp(value, "host") == 0) {
        nvb_doc_set_bool(nvb_kube_place_at(k, "pod.hostNetwork"), true);
        return 0;
    }
    if (strcmp(value, "bridge") == 0 || strcmp(value, "default") == 0 ||
        strcmp(value, "private") == 0 || !*value)
        return 0;
    return nvb_kube_refuse(k, option, "a pod's network is whoever plays it's to say",
                           nvb_kube_is_cluster(k) ? NULL : "podman kube play --network=… FILE",
                           err);
}

/* --ipc, --pid and --uts: the host's or the pod's own. */
int nvb_kube_add_namespace(struct nvb_kube *k, const struct nvb_plan_option *option,
                           const char *value, struct nvb_error **err)
{
    const struct nvb_kube_key *key = nvb_kube_find_key(nvb_plan_option_name(option));
    if (strcmp(value, "host") == 0 && key->path) {
        nvb_doc_set_bool(nvb_kube_place_at(k, key->path), true);
        return 0;
    }
    if (strcmp(value, "private") == 0 || strcmp(value, "shareable") == 0 || !*value)
        return 0;
    return nvb_kube_refuse(k, option, key->path ? NULL : "it goes with --network=host", NULL, err);
}
