/*
 * Podman's options and Quadlet's keys (podman-systemd.unit(5) of 4.4 to 6.1, and the generator's
 * own source: which splitting it applies to which key). A version is the first release whose
 * generator takes the key; tests/engine/70-quadlet.bats holds the table against the generators.
 */

#include <string.h>

#include "writer/quadlet.h"

#define VALUE NVB_QUADLET_VALUE
#define LIST  NVB_QUADLET_LIST
#define WORDS NVB_QUADLET_WORDS
#define FLAG  NVB_QUADLET_FLAG
#define OWN   NVB_QUADLET_OWN
#define NEVER NVB_QUADLET_NEVER
#define SPLIT NVB_QUADLET_SPLIT

/* clang-format off */
static const struct nvb_quadlet_key keys[] = {
    {"add-host", "AddHost", 503, LIST},
    {"annotation", "Annotation", 404, WORDS},
    {"attach", NULL, 0, NEVER},
    {"cap-add", "AddCapability", 404, WORDS},
    {"cap-drop", "DropCapability", 404, WORDS},
    {"cgroups", "CgroupsMode", 503, VALUE},
    {"cidfile", NULL, 0, NEVER},
    {"detach", NULL, 0, OWN},
    {"detach-keys", NULL, 0, NEVER},
    {"device", "AddDevice", 404, WORDS},
    {"dns", "DNS", 407, LIST},
    {"dns-option", "DNSOption", 407, LIST},
    {"dns-search", "DNSSearch", 407, LIST},
    {"entrypoint", "Entrypoint", 500, VALUE},
    {"env", "Environment", 404, SPLIT},
    {"env-file", "EnvironmentFile", 404, WORDS},
    {"env-host", "EnvironmentHost", 404, FLAG},
    {"expose", "ExposeHostPort", 404, LIST},
    {"gidmap", "GIDMap", 408, WORDS},
    {"group-add", "GroupAdd", 501, LIST},
    {"health-cmd", "HealthCmd", 405, VALUE},
    {"health-interval", "HealthInterval", 405, VALUE},
    {"health-log-destination", "HealthLogDestination", 503, VALUE},
    {"health-max-log-count", "HealthMaxLogCount", 503, VALUE},
    {"health-max-log-size", "HealthMaxLogSize", 503, VALUE},
    {"health-on-failure", "HealthOnFailure", 405, VALUE},
    {"health-retries", "HealthRetries", 405, VALUE},
    {"health-start-period", "HealthStartPeriod", 405, VALUE},
    {"health-startup-cmd", "HealthStartupCmd", 405, VALUE},
    {"health-startup-interval", "HealthStartupInterval", 405, VALUE},
    {"health-startup-retries", "HealthStartupRetries", 405, VALUE},
    {"health-startup-success", "HealthStartupSuccess", 405, VALUE},
    {"health-startup-timeout", "HealthStartupTimeout", 405, VALUE},
    {"health-timeout", "HealthTimeout", 405, VALUE},
    {"hostname", "HostName", 406, VALUE},
    {"init", "RunInit", 406, FLAG},
    {"ip", "IP", 405, VALUE},
    {"ip6", "IP6", 405, VALUE},
    {"label", "Label", 404, SPLIT},
    {"log-driver", "LogDriver", 405, VALUE},
    {"log-opt", "LogOpt", 502, LIST},
    {"memory", "Memory", 506, VALUE},
    {"mount", "Mount", 405, WORDS},
    {"name", "ContainerName", 404, VALUE},
    {"network", "Network", 405, LIST},
    {"network-alias", "NetworkAlias", 502, LIST},
    {"no-healthcheck", NULL, 0, SPLIT},
    {"pids-limit", "PidsLimit", 407, VALUE},
    {"preserve-fds", NULL, 0, NEVER},
    {"publish", "PublishPort", 404, LIST},
    {"pull", "Pull", 406, VALUE},
    {"read-only", "ReadOnly", 404, FLAG},
    {"read-only-tmpfs", "ReadOnlyTmpfs", 408, FLAG},
    {"replace", NULL, 0, OWN},
    {"restart", NULL, 0, SPLIT},
    {"retry", "Retry", 505, VALUE},
    {"retry-delay", "RetryDelay", 505, VALUE},
    {"rm", NULL, 0, OWN},
    {"rmi", NULL, 0, NEVER},
    {"rootfs", NULL, 0, SPLIT},
    {"sdnotify", NULL, 0, SPLIT},
    {"secret", "Secret", 405, WORDS},
    {"security-opt", NULL, 0, SPLIT},
    {"shm-size", "ShmSize", 407, VALUE},
    {"sig-proxy", NULL, 0, OWN},
    {"stop-signal", "StopSignal", 503, VALUE},
    {"stop-timeout", "StopTimeout", 500, VALUE},
    {"subgidname", "SubGIDMap", 408, VALUE},
    {"subuidname", "SubUIDMap", 408, VALUE},
    {"sysctl", "Sysctl", 406, WORDS},
    {"tmpfs", "Tmpfs", 405, LIST},
    {"tz", "Timezone", 405, VALUE},
    {"uidmap", "UIDMap", 408, WORDS},
    {"ulimit", "Ulimit", 407, LIST},
    {"user", NULL, 0, SPLIT},
    {"userns", "UserNS", 405, VALUE},
    {"volume", "Volume", 404, LIST},
    {"workdir", "WorkingDir", 406, VALUE},
};

static const struct nvb_quadlet_key security[] = {
    {"label=disable", "SecurityLabelDisable", 404, FLAG},
    {"label=nested", "SecurityLabelNested", 406, FLAG},
    {"label=filetype:", "SecurityLabelFileType", 404, VALUE},
    {"label=level:", "SecurityLabelLevel", 404, VALUE},
    {"label=type:", "SecurityLabelType", 404, VALUE},
    {"mask=", "Mask", 407, WORDS},
    {"no-new-privileges", "NoNewPrivileges", 404, FLAG},
    {"seccomp=", "SeccompProfile", 404, VALUE},
    {"unmask=", "Unmask", 407, WORDS},
};
/* clang-format on */

const struct nvb_quadlet_key *nvb_quadlet_find(const char *option)
{
    for (size_t i = 0; i < NVB_COUNT(keys); i++)
        if (strcmp(keys[i].option, option) == 0)
            return &keys[i];
    return NULL;
}

const struct nvb_quadlet_key *nvb_quadlet_find_security(const char *value, const char **ret_rest)
{
    for (size_t i = 0; i < NVB_COUNT(security); i++) {
        size_t len = strlen(security[i].option);
        bool is_prefix = strchr("=:", security[i].option[len - 1]) != NULL;
        if (strncmp(value, security[i].option, len) != 0 || (!is_prefix && value[len]))
            continue;
        *ret_rest = is_prefix ? value + len : "true";
        return &security[i];
    }
    return NULL;
}
