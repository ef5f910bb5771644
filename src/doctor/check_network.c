/* Ports that are to be published: allowed, and free. */

#include <string.h>

#include "doctor/check.h"

struct port {
    unsigned number, last; /* of the host; a range */
    bool udp;
};

struct ports NVB_VEC(struct port);

/* Reads the host's part of "[[IP:]HOST:]CONTAINER[/PROTOCOL]" (podman-run(1), --publish). A port
 * that the engine chooses is left out. */
static void add_port(const char *text, struct ports *ret)
{
    const char *slash = strrchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    _cleanup_free_ char *copy = nvb_strndup(text, len);
    char *colon = strrchr(copy, ':');
    struct port port = {.udp = slash && strcmp(slash, "/udp") == 0};
    uint64_t first;
    uint64_t last;
    if (!colon)
        return;
    *colon = '\0';
    const char *host = strrchr(copy, ':');
    host = host ? host + 1 : copy;
    size_t n = strspn(host, "0123456789");
    if (nvb_parse_u64(host, n, 10, &first) < 0 || first == 0 || first > 65535)
        return;
    last = first;
    if (host[n] == '-' && (nvb_parse_u64(host + n + 1, strlen(host + n + 1), 10, &last) < 0 ||
                           last < first || last > 65535))
        return;
    if (host[n] != '-' && host[n] != '\0')
        return;
    port.number = (unsigned)first;
    port.last = (unsigned)last;
    nvb_vec_push(ret, port);
}

static void read_ports(struct nvb_doctor *d, struct ports *ret)
{
    _cleanup_strv_ struct nvb_strv values = {0};
    nvb_doctor_arguments(d, "publish", 'p', &values);
    for (size_t i = 0; i < values.count; i++)
        add_port(values.items[i], ret);
}

static void check_privileged(struct nvb_doctor *d, struct nvb_finding *f)
{
    static const char key[] = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    _cleanup_(nvb_free_p) struct port *items = NULL;
    struct ports ports = {0};
    uint64_t start;
    const struct port *low = NULL;
    if (!nvb_doctor_wants_rootless(d, f) || !nvb_doctor_wants(d, NVB_RECORDS_KERNEL, f))
        return;
    if (nvb_doctor_read_number(d, key, &start) != 0)
        start = 1024;
    read_ports(d, &ports);
    items = ports.items;
    nvb_vec_foreach (port, &ports)
        if (port->number < start && (!low || port->number < low->number))
            low = port;
    if (!low) {
        nvb_finding_ok(f, "rootless containers may publish ports from %llu on",
                       (unsigned long long)start);
        return;
    }
    nvb_finding_fail(f, "port %u is to be published, and users may open ports from %llu on",
                     low->number, (unsigned long long)start);
    _cleanup_free_ char *text =
        nvb_strdupf("net.ipv4.ip_unprivileged_port_start = %u\n", low->number);
    (void)nvb_fix_write(f, true, "/etc/sysctl.d/99-nvbind-ports.conf", text);
    (void)nvb_fix_root(f, "sysctl", "--system", NULL);
    (void)nvb_fix_text(f, "or publish a higher one: -p %u:%u", 8000 + low->number, low->number);
}

/* ---- who listens ---- */

/* The inode of a socket that listens on a port of PORT's, from proc_net(5); 0: none. */
static uint64_t find_listener(const char *table, const struct port *port, unsigned *ret_port)
{
    for (const char *line = table; *line; line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        _cleanup_free_ char *copy = nvb_strndup(line, len);
        _cleanup_strv_ struct nvb_strv words = {0};
        char *rest = NULL;
        for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
            nvb_strv_add(&words, word);
        line += len;
        const char *colon = words.count > 9 ? strrchr(words.items[1], ':') : NULL;
        uint64_t number;
        uint64_t inode;
        /* TCP: 0A is LISTEN; UDP: 07 is a socket that waits */
        if (!colon || strcmp(words.items[3], port->udp ? "07" : "0A") != 0 ||
            nvb_parse_u64(colon + 1, strlen(colon + 1), 16, &number) < 0 || number < port->number ||
            number > port->last ||
            nvb_parse_u64(words.items[9], strlen(words.items[9]), 10, &inode) < 0)
            continue;
        *ret_port = (unsigned)number;
        return inode;
    }
    return 0;
}

static bool has_socket(struct nvb_doctor *d, const char *pid, const char *target)
{
    _cleanup_free_ char *folder = nvb_strdupf("/proc/%s/fd", pid);
    _cleanup_strv_ struct nvb_strv fds = {0};
    nvb_doctor_list(d, folder, NULL, &fds);
    for (size_t i = 0; i < fds.count; i++) {
        _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, fds.items[i]);
        _cleanup_free_ char *link = NULL;
        if (nvb_root_readlink(&d->host.root, path, &link) == 0 && strcmp(link, target) == 0)
            return true;
    }
    return false;
}

/* "jupyter-lab (1234)", owned, or NULL: the process is another user's. */
static char *find_owner(struct nvb_doctor *d, uint64_t inode)
{
    _cleanup_strv_ struct nvb_strv pids = {0};
    _cleanup_free_ char *target = nvb_strdupf("socket:[%llu]", (unsigned long long)inode);
    nvb_doctor_list(d, "/proc", NULL, &pids);
    for (size_t i = 0; i < pids.count; i++) {
        if (strspn(pids.items[i], "0123456789") != strlen(pids.items[i]) ||
            !has_socket(d, pids.items[i], target))
            continue;
        _cleanup_free_ char *path = nvb_strdupf("/proc/%s/comm", pids.items[i]);
        _cleanup_free_ char *name = nvb_doctor_read_line(d, path);
        return nvb_strdupf("%s (%s)", name ? name : "process", pids.items[i]);
    }
    return NULL;
}

static uint64_t look_for(struct nvb_doctor *d, const struct ports *ports, unsigned *ret_port)
{
    static const char *const tables[][2] = {{"/proc/net/tcp", "/proc/net/tcp6"},
                                            {"/proc/net/udp", "/proc/net/udp6"}};
    nvb_vec_foreach (port, ports)
        for (size_t k = 0; k < 2; k++) {
            _cleanup_free_ char *table = nvb_doctor_read(d, tables[port->udp][k]);
            uint64_t inode = table ? find_listener(table, port, ret_port) : 0;
            if (inode)
                return inode;
        }
    return 0;
}

static void check_used(struct nvb_doctor *d, struct nvb_finding *f)
{
    struct ports ports = {0};
    unsigned number = 0;
    read_ports(d, &ports);
    uint64_t inode = look_for(d, &ports, &number);
    if (ports.count == 0) {
        nvb_finding_skip(f, "neither the configuration nor the last run publishes a port");
    } else if (!inode) {
        nvb_finding_ok(f, "the ports to be published are free");
    } else {
        _cleanup_free_ char *owner = find_owner(d, inode);
        nvb_finding_fail(f, "port %u is taken by %s", number,
                         owner ? owner : "another user's process");
        (void)nvb_fix_text(f,
                           "podman ps --format '{{.Names}} {{.Ports}}'  names a container that "
                           "has it; podman stop NAME, or publish another port: -p %u:%u",
                           number < 65535 ? number + 1 : number - 1, number);
    }
    nvb_vec_release(&ports);
}

const struct nvb_check nvb_checks_network[] = {
    NVB_CHECK("ports-privileged", "network",
              "ip_unprivileged_port_start against ports to be published", NULL, check_privileged),
    NVB_CHECK("ports-used", "network", "who listens on ports to be published", NULL, check_used),
    {0},
};
