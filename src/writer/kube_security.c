/* Users, capabilities and the security modules. */

#include <ctype.h>
#include <string.h>

#include "writer/kube_parts.h"

#define ID_MAX 4294967294u

/* "NET_ADMIN" of "cap_net_admin", as Kubernetes writes it. */
int nvb_kube_add_capability(struct nvb_kube *k, const struct nvb_plan_option *option,
                            const char *value, struct nvb_error **err)
{
    _cleanup_free_ char *name = nvb_strdup(value);
    for (char *p = name; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    const char *word = nvb_has_prefix(name, "CAP_") ? name + 4 : name;
    if (!*word || strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != strlen(word))
        return nvb_kube_refuse(k, option, "that is no capability", "NET_ADMIN, ALL", err);
    struct nvb_doc *list =
        nvb_kube_place_at(k, nvb_kube_find_key(nvb_plan_option_name(option))->path);
    nvb_doc_set_text(nvb_doc_push(list), word);
    return 0;
}

static int read_id(const char *text, size_t len, uint64_t *ret)
{
    return nvb_parse_u64(text, len, 10, ret) < 0 || *ret > ID_MAX ? -1 : 0;
}

int nvb_kube_add_user(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                      struct nvb_error **err)
{
    const size_t len = strcspn(value, ":");
    uint64_t user, group = 0;
    if (read_id(value, len, &user) < 0 ||
        (value[len] && read_id(value + len + 1, strlen(value + len + 1), &group) < 0))
        return nvb_kube_refuse(k, option, "a pod's users are numbers",
                               "--user UID[:GID], numbers of the image's /etc/passwd", err);
    nvb_doc_set_uint(nvb_kube_place_at(k, "container.securityContext.runAsUser"), user);
    if (value[len])
        nvb_doc_set_uint(nvb_kube_place_at(k, "container.securityContext.runAsGroup"), group);
    return 0;
}

int nvb_kube_add_group(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                       struct nvb_error **err)
{
    uint64_t group;
    if (strcmp(value, "keep-groups") == 0 && !nvb_kube_is_cluster(k)) {
        /* What the option itself sets (crun(1)). */
        nvb_kube_annotate(k, "run.oci.keep_original_groups", false, "1");
        return 0;
    }
    if (read_id(value, strlen(value), &group) < 0)
        return nvb_kube_refuse(k, option, "a pod's groups are numbers", "--group-add GID", err);
    nvb_doc_set_uint(nvb_doc_push(nvb_kube_place_at(k, "pod.securityContext.supplementalGroups")),
                     group);
    return 0;
}

int nvb_kube_add_userns(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                        struct nvb_error **err)
{
    if (!nvb_kube_is_cluster(k)) {
        nvb_kube_annotate(k, "io.podman.annotations.userns", false, value);
        return 0;
    }
    if (strcmp(value, "auto") == 0)
        nvb_doc_set_bool(nvb_kube_place_at(k, "pod.hostUsers"), false);
    else if (strcmp(value, "host") != 0 && *value)
        return nvb_kube_refuse(k, option, "the kubelet maps users", "--userns auto", err);
    return 0;
}

/* ---- --security-opt ---- */

static void put_selinux(struct nvb_kube *k, const char *key, const char *value)
{
    struct nvb_doc *options = nvb_kube_place_at(k, "container.securityContext.seLinuxOptions");
    nvb_doc_set_text(nvb_doc_at(options, key), value);
}

static int add_label(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                     struct nvb_error **err)
{
    static const char *const keys[] = {"user", "role", "type", "level"};
    if (strcmp(value, "disable") == 0 || strcmp(value, "nested") == 0) {
        if (!nvb_kube_is_cluster(k))
            nvb_kube_annotate(k, "io.podman.annotations.label", true, value);
        else if (strcmp(value, "disable") == 0)
            put_selinux(k, "type", "spc_t"); /* what disabling is (container_selinux(8)) */
        else
            return nvb_kube_refuse(k, option, NULL, NULL, err);
        return 0;
    }
    for (size_t i = 0; i < NVB_COUNT(keys); i++) {
        const size_t len = strlen(keys[i]);
        if (strncmp(value, keys[i], len) == 0 && value[len] == ':' && value[len + 1]) {
            put_selinux(k, keys[i], value + len + 1);
            return 0;
        }
    }
    return nvb_kube_refuse(k, option, NULL, NULL, err);
}

static int add_seccomp(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                       struct nvb_error **err)
{
    struct nvb_doc *profile;
    if (strcmp(value, "unconfined") != 0)
        return nvb_kube_refuse(k, option, "profiles lie on the node, below the kubelet's folder",
                               "leave it out: the engine's own profile is the default", err);
    if (!nvb_kube_is_cluster(k)) {
        nvb_kube_annotate(k, "container.seccomp.security.alpha.kubernetes.io", true, value);
        return 0;
    }
    profile = nvb_kube_place_at(k, "container.securityContext.seccompProfile");
    nvb_doc_set_text(nvb_doc_at(profile, "type"), "Unconfined");
    return 0;
}

static int add_apparmor(struct nvb_kube *k, const struct nvb_plan_option *option, const char *value,
                        struct nvb_error **err)
{
    if (!nvb_kube_is_cluster(k) || !*value)
        return nvb_kube_refuse(k, option, NULL, NULL, err);
    struct nvb_doc *profile = nvb_kube_place_at(k, "container.securityContext.appArmorProfile");
    const bool free = strcmp(value, "unconfined") == 0;
    nvb_doc_set_text(nvb_doc_at(profile, "type"), free ? "Unconfined" : "Localhost");
    if (!free)
        nvb_doc_set_text(nvb_doc_at(profile, "localhostProfile"), value);
    return 0;
}

int nvb_kube_add_security(struct nvb_kube *k, const struct nvb_plan_option *option,
                          const char *value, struct nvb_error **err)
{
    const size_t len = strcspn(value, "=:");
    const char *rest = value + len + (value[len] != '\0');
    if (strncmp(value, "no-new-privileges", len) == 0 && len == strlen("no-new-privileges")) {
        nvb_doc_set_bool(nvb_kube_place_at(k, "container.securityContext.allowPrivilegeEscalation"),
                         strcmp(rest, "false") == 0);
        return 0;
    }
    if (nvb_has_prefix(value, "label"))
        return add_label(k, option, rest, err);
    if (nvb_has_prefix(value, "seccomp"))
        return add_seccomp(k, option, rest, err);
    if (nvb_has_prefix(value, "apparmor"))
        return add_apparmor(k, option, rest, err);
    if (strcmp(value, "unmask=ALL") == 0 && !nvb_kube_is_cluster(k)) {
        nvb_doc_set_text(nvb_kube_place_at(k, "container.securityContext.procMount"), "Unmasked");
        return 0;
    }
    return nvb_kube_refuse(k, option, NULL, NULL, err);
}
