/*
 * The engines' options and Kubernetes' fields (API reference, "Pod v1 core"; what Podman reads of
 * them: podman-kube-play(1), and its annotations: libpod/define/annotations.go). What is not here
 * has no field. tests/engine/74-generate-kube.bats holds the table against Podman, tests/cli/
 * generate_kube.bats against Kubernetes' own types.
 */

#include <string.h>

#include "writer/kube_parts.h"

#define TEXT   NVB_KUBE_TEXT
#define NUMBER NVB_KUBE_NUMBER
#define FLAG   NVB_KUBE_FLAG
#define NAMES  NVB_KUBE_NAMES
#define CALL   NVB_KUBE_CALL
#define LATER  NVB_KUBE_LATER
#define NEVER  NVB_KUBE_NEVER

#define PODMAN  NVB_KUBE_PODMAN
#define CLUSTER NVB_KUBE_CLUSTER
#define BOTH    (NVB_KUBE_PODMAN | NVB_KUBE_CLUSTER)

/* clang-format off */
static const struct nvb_kube_key keys[] = {
    {"add-host", CALL, BOTH, "pod.hostAliases", nvb_kube_add_host},
    {"annotation", CALL, BOTH, "meta.annotations", nvb_kube_add_annotation},
    {"arch", CALL, CLUSTER, "pod.nodeSelector", nvb_kube_add_arch},
    {"attach", NEVER, 0, "kubectl attach, once it runs", NULL},
    {"cap-add", CALL, BOTH, "container.securityContext.capabilities.add", nvb_kube_add_capability},
    {"cap-drop", CALL, BOTH, "container.securityContext.capabilities.drop", nvb_kube_add_capability},
    {"cpus", CALL, BOTH, "container.resources.limits.cpu", nvb_kube_add_cpus},
    {"detach", LATER, BOTH, NULL, NULL},
    {"device", CALL, BOTH, NULL, nvb_kube_add_device},
    {"dns", CALL, BOTH, "pod.dnsConfig.nameservers", nvb_kube_add_dns},
    {"dns-option", CALL, BOTH, "pod.dnsConfig.options", nvb_kube_add_dns_option},
    {"dns-search", NAMES, BOTH, "pod.dnsConfig.searches", NULL},
    {"entrypoint", LATER, BOTH, NULL, NULL},
    {"env", CALL, BOTH, "container.env", nvb_kube_add_env},
    {"env-file", CALL, BOTH, "container.env", nvb_kube_add_env_file},
    {"expose", CALL, BOTH, "container.ports", nvb_kube_add_expose},
    {"group-add", CALL, BOTH, "pod.securityContext.supplementalGroups", nvb_kube_add_group},
    {"health-cmd", LATER, BOTH, NULL, NULL},
    {"health-interval", LATER, BOTH, NULL, NULL},
    {"health-on-failure", LATER, BOTH, NULL, NULL},
    {"health-retries", LATER, BOTH, NULL, NULL},
    {"health-start-period", LATER, BOTH, NULL, NULL},
    {"health-startup-cmd", LATER, BOTH, NULL, NULL},
    {"health-startup-interval", LATER, BOTH, NULL, NULL},
    {"health-startup-retries", LATER, BOTH, NULL, NULL},
    {"health-startup-timeout", LATER, BOTH, NULL, NULL},
    {"health-timeout", LATER, BOTH, NULL, NULL},
    {"hostname", CALL, BOTH, "pod.hostname", nvb_kube_add_hostname},
    {"init", CALL, PODMAN, NULL, nvb_kube_add_init},
    {"interactive", FLAG, BOTH, "container.stdin", NULL},
    {"ipc", CALL, BOTH, "pod.hostIPC", nvb_kube_add_namespace},
    {"label", CALL, BOTH, "meta.labels", nvb_kube_add_label},
    {"log-driver", NEVER, 0, "podman kube play --log-driver=… FILE", NULL},
    {"log-opt", NEVER, 0, "podman kube play --log-opt=… FILE", NULL},
    {"memory", CALL, BOTH, "container.resources.limits.memory", nvb_kube_add_size_limit},
    {"memory-reservation", CALL, BOTH, "container.resources.requests.memory",
        nvb_kube_add_size_limit},
    {"mount", CALL, BOTH, NULL, nvb_kube_add_mount},
    {"name", LATER, BOTH, NULL, NULL},
    {"network", CALL, BOTH, "pod.hostNetwork", nvb_kube_add_network},
    {"no-healthcheck", LATER, CLUSTER, NULL, NULL},
    {"pid", CALL, BOTH, "pod.hostPID", nvb_kube_add_namespace},
    {"platform", CALL, CLUSTER, "pod.nodeSelector", nvb_kube_add_platform},
    {"privileged", FLAG, BOTH, "container.securityContext.privileged", NULL},
    {"publish", CALL, BOTH, "container.ports", nvb_kube_add_publish},
    {"pull", CALL, BOTH, "container.imagePullPolicy", nvb_kube_add_pull},
    {"quiet", LATER, BOTH, NULL, NULL},
    {"read-only", FLAG, BOTH, "container.securityContext.readOnlyRootFilesystem", NULL},
    {"read-only-tmpfs", LATER, CLUSTER, NULL, NULL},
    {"replace", LATER, BOTH, NULL, NULL},
    {"restart", LATER, BOTH, NULL, NULL},
    {"rm", LATER, BOTH, NULL, NULL},
    {"security-opt", CALL, BOTH, NULL, nvb_kube_add_security},
    {"shm-size", CALL, BOTH, NULL, nvb_kube_add_shm},
    {"sig-proxy", LATER, BOTH, NULL, NULL},
    {"stop-timeout", NUMBER, BOTH, "pod.terminationGracePeriodSeconds", NULL},
    {"sysctl", CALL, BOTH, "pod.securityContext.sysctls", nvb_kube_add_sysctl},
    {"timeout", NUMBER, CLUSTER, "pod.activeDeadlineSeconds", NULL},
    {"tls-verify", NEVER, 0, "podman kube play --tls-verify=… FILE", NULL},
    {"tmpfs", CALL, BOTH, NULL, nvb_kube_add_tmpfs},
    {"tty", FLAG, BOTH, "container.tty", NULL},
    {"ulimit", CALL, PODMAN, NULL, nvb_kube_add_ulimit},
    {"user", CALL, BOTH, "container.securityContext", nvb_kube_add_user},
    {"userns", CALL, BOTH, NULL, nvb_kube_add_userns},
    {"uts", CALL, BOTH, NULL, nvb_kube_add_namespace},
    {"volume", CALL, BOTH, NULL, nvb_kube_add_volume},
    {"workdir", TEXT, BOTH, "container.workingDir", NULL},
};
/* clang-format on */

const struct nvb_kube_key *nvb_kube_find_key(const char *option)
{
    for (size_t i = 0; i < NVB_COUNT(keys); i++)
        if (strcmp(keys[i].option, option) == 0)
            return &keys[i];
    return NULL;
}
