/*
 * The engines' options and Compose's keys: the Compose specification's chapter on services, and,
 * because podman-compose drops what it does not know without a word, what its sources (1.0.3 and
 * 1.3.0, container_to_args()) hand on to "podman run". tests/engine/71-compose.bats holds the table
 * against the tools.
 */

#include <string.h>

#include "writer/compose_parts.h"

#define TEXT   NVB_COMPOSE_TEXT
#define NUMBER NVB_COMPOSE_NUMBER
#define FLAG   NVB_COMPOSE_FLAG
#define ITEM   NVB_COMPOSE_ITEM
#define CALL   NVB_COMPOSE_CALL
#define OWN    NVB_COMPOSE_OWN
#define NEVER  NVB_COMPOSE_NEVER

#define ALL    NVB_COMPOSE_ALL
#define PODMAN NVB_COMPOSE_ANY_PODMAN
#define NEW    NVB_COMPOSE_PODMAN
#define DOCKER NVB_COMPOSE_ANY_DOCKER
#define ENGINE NVB_COMPOSE_DOCKER
#define LATE   (NEW | DOCKER)

#define SERVICE "a service has neither terminal nor caller"

/* clang-format off */
static const struct nvb_compose_key keys[] = {
    {"add-host", ITEM, ALL, "extra_hosts", NULL},
    {"annotation", ITEM, ALL, "annotations", NULL},
    {"attach", NEVER, 0, SERVICE, NULL},
    {"blkio-weight", NUMBER, DOCKER, "blkio_config.weight", NULL},
    {"blkio-weight-device", CALL, DOCKER, "blkio_config.weight_device", nvb_compose_add_weight},
    {"cap-add", ITEM, ALL, "cap_add", NULL},
    {"cap-drop", ITEM, ALL, "cap_drop", NULL},
    {"cgroup-parent", TEXT, DOCKER, "cgroup_parent", NULL},
    {"cgroupns", TEXT, DOCKER, "cgroup", NULL},
    {"cidfile", NEVER, 0, SERVICE, NULL},
    {"cpu-period", NUMBER, DOCKER, "cpu_period", NULL},
    {"cpu-quota", NUMBER, DOCKER, "cpu_quota", NULL},
    {"cpu-rt-period", NUMBER, DOCKER, "cpu_rt_period", NULL},
    {"cpu-rt-runtime", NUMBER, DOCKER, "cpu_rt_runtime", NULL},
    {"cpu-shares", NUMBER, ALL, "cpu_shares", NULL},
    {"cpus", NUMBER, ALL, "cpus", NULL},
    {"cpuset-cpus", TEXT, DOCKER, "cpuset", NULL},
    {"detach", OWN, 0, NULL, NULL},
    {"detach-keys", NEVER, 0, SERVICE, NULL},
    {"device", CALL, ALL, "devices", nvb_compose_add_device},
    {"device-cgroup-rule", ITEM, LATE, "device_cgroup_rules", NULL},
    {"device-read-bps", CALL, DOCKER, "blkio_config.device_read_bps", nvb_compose_add_rate},
    {"device-read-iops", CALL, DOCKER, "blkio_config.device_read_iops", nvb_compose_add_rate},
    {"device-write-bps", CALL, DOCKER, "blkio_config.device_write_bps", nvb_compose_add_rate},
    {"device-write-iops", CALL, DOCKER, "blkio_config.device_write_iops", nvb_compose_add_rate},
    {"disable-content-trust", OWN, 0, NULL, NULL},
    {"dns", ITEM, LATE, "dns", NULL},
    {"dns-option", ITEM, LATE, "dns_opt", NULL},
    {"dns-search", ITEM, LATE, "dns_search", NULL},
    {"domainname", TEXT, ENGINE, "domainname", NULL},
    {"entrypoint", CALL, ALL, "entrypoint", nvb_compose_add_entrypoint},
    {"env", CALL, ALL, "environment", nvb_compose_add_env},
    {"env-file", CALL, ALL, "env_file", nvb_compose_add_env_file},
    {"expose", ITEM, ALL, "expose", NULL},
    {"gidmap", ITEM, NEW, "x-podman.gidmaps", NULL},
    {"group-add", CALL, LATE, "group_add", nvb_compose_add_group},
    {"health-cmd", CALL, ALL, "healthcheck.test", nvb_compose_add_health},
    {"health-interval", TEXT, ALL, "healthcheck.interval", NULL},
    {"health-retries", NUMBER, ALL, "healthcheck.retries", NULL},
    {"health-start-interval", TEXT, ENGINE, "healthcheck.start_interval", NULL},
    {"health-start-period", TEXT, ALL, "healthcheck.start_period", NULL},
    {"health-timeout", TEXT, ALL, "healthcheck.timeout", NULL},
    {"hostname", TEXT, ALL, "hostname", NULL},
    {"init", FLAG, ALL, "init", NULL},
    {"init-path", TEXT, PODMAN, "init-path", NULL},
    {"interactive", FLAG, ALL, "stdin_open", NULL},
    {"ip", CALL, LATE, "ipv4_address", nvb_compose_add_address},
    {"ip6", CALL, LATE, "ipv6_address", nvb_compose_add_address},
    {"ipc", TEXT, DOCKER, "ipc", NULL},
    {"isolation", TEXT, ENGINE, "isolation", NULL},
    {"label", ITEM, ALL, "labels", NULL},
    {"link", ITEM, ENGINE, "external_links", NULL},
    {"log-driver", TEXT, ALL, "logging.driver", NULL},
    {"log-opt", CALL, ALL, "logging.options", nvb_compose_add_log_option},
    {"mac-address", CALL, NEW | ENGINE, "mac_address", nvb_compose_add_mac},
    {"memory", TEXT, ALL, "mem_limit", NULL},
    {"memory-reservation", TEXT, ALL, "mem_reservation", NULL},
    {"memory-swap", NUMBER, DOCKER, "memswap_limit", NULL},
    {"memory-swappiness", NUMBER, DOCKER, "mem_swappiness", NULL},
    {"mount", CALL, ALL, "volumes", nvb_compose_add_mount},
    {"name", TEXT, ALL, "container_name", NULL},
    {"network", CALL, ALL, "network_mode", nvb_compose_add_network},
    {"network-alias", CALL, LATE, "aliases", nvb_compose_add_network_alias},
    {"no-hosts", FLAG, NEW, "x-podman.no_hosts", NULL},
    {"no-healthcheck", CALL, ALL, "healthcheck.test", nvb_compose_add_no_health},
    {"oom-kill-disable", FLAG, DOCKER, "oom_kill_disable", NULL},
    {"oom-score-adj", NUMBER, DOCKER, "oom_score_adj", NULL},
    {"pid", CALL, LATE, "pid", nvb_compose_add_pid},
    {"pids-limit", NUMBER, DOCKER, "pids_limit", NULL},
    {"platform", TEXT, LATE, "platform", NULL},
    {"preserve-fd", NEVER, 0, SERVICE, NULL},
    {"preserve-fds", NEVER, 0, SERVICE, NULL},
    {"privileged", FLAG, ALL, "privileged", NULL},
    {"publish", ITEM, ALL, "ports", NULL},
    {"publish-all", FLAG, PODMAN, "publishall", NULL},
    {"pull", CALL, ALL, "pull_policy", nvb_compose_add_pull},
    {"quiet", OWN, 0, NULL, NULL},
    {"read-only", FLAG, ALL, "read_only", NULL},
    {"replace", OWN, 0, NULL, NULL},
    {"restart", TEXT, ALL, "restart", NULL},
    {"rm", OWN, 0, NULL, NULL},
    {"rmi", NEVER, 0, "Compose removes containers, not images", NULL},
    {"runtime", TEXT, NEW | ENGINE, "runtime", NULL},
    {"secret", CALL, PODMAN, "secrets", nvb_compose_add_secret},
    {"security-opt", ITEM, ALL, "security_opt", NULL},
    {"shm-size", TEXT, ALL, "shm_size", NULL},
    {"sig-proxy", OWN, 0, NULL, NULL},
    {"stop-signal", TEXT, ALL, "stop_signal", NULL},
    {"stop-timeout", CALL, LATE, "stop_grace_period", nvb_compose_add_stop_timeout},
    {"storage-opt", CALL, ENGINE, "storage_opt", nvb_compose_add_storage},
    {"sysctl", ITEM, ALL, "sysctls", NULL},
    {"tmpfs", ITEM, ALL, "tmpfs", NULL},
    {"tty", FLAG, ALL, "tty", NULL},
    {"uidmap", ITEM, NEW, "x-podman.uidmaps", NULL},
    /* Podman's service drops them: what it gives is its own default. */
    {"ulimit", CALL, PODMAN | ENGINE, "ulimits", nvb_compose_add_ulimit},
    {"user", TEXT, ALL, "user", NULL},
    {"userns", CALL, LATE, "userns_mode", nvb_compose_add_userns},
    {"uts", TEXT, DOCKER, "uts", NULL},
    {"volume", CALL, ALL, "volumes", nvb_compose_add_volume},
    {"volumes-from", CALL, DOCKER, "volumes_from", nvb_compose_add_volumes_from},
    {"workdir", TEXT, ALL, "working_dir", NULL},
};
/* clang-format on */

const struct nvb_compose_key *nvb_compose_find(const char *option)
{
    for (size_t i = 0; i < NVB_COUNT(keys); i++)
        if (strcmp(keys[i].option, option) == 0)
            return &keys[i];
    return NULL;
}
