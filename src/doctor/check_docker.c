/* Docker's service. */

#include <string.h>

#include "data/json.h"
#include "doctor/check.h"

#define DAEMON_JSON "/etc/docker/daemon.json"

/* Whether there is a Docker to look at; else F is skipped. */
static bool wants_docker(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_doctor_engine *docker = nvb_doctor_docker(d);
    if (docker->installed && docker->engine.kind == NVB_ENGINE_DOCKER)
        return true;
    nvb_finding_skip(f, "Docker is not installed");
    return false;
}

/* The daemon's own configuration. Returns 0, 1 where there is none, or -1 with its fault in F. */
static int read_daemon(struct nvb_doctor *d, struct nvb_doc *ret, struct nvb_finding *f)
{
    _cleanup_free_ char *text = nvb_doctor_read(d, DAEMON_JSON);
    _cleanup_error_ struct nvb_error *err = NULL;
    if (!text)
        return 1;
    if (nvb_json_read(text, strlen(text), DAEMON_JSON, ret, &err) == 0)
        return 0;
    nvb_finding_fail(f, "%s:%u:%u: %s", DAEMON_JSON, err->line, err->column, err->message);
    (void)nvb_fix_text(f, "mend that file, then: sudo systemctl restart docker");
    return -1;
}

static void check_daemon(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_doctor_engine *docker = nvb_doctor_docker(d);
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (!wants_docker(d, f) || read_daemon(d, &doc, f) < 0)
        return;
    if (docker->answered) {
        nvb_finding_ok(f, "Docker's service answers");
    } else if (!docker->asked) {
        nvb_finding_skip(f, "it was not asked: two calls of engines are the most");
    } else if (docker->trouble && strcasestr(docker->trouble, "permission denied")) {
        nvb_finding_skip(f, "the caller may not ask Docker's service");
    } else {
        const char *trouble = docker->trouble ? docker->trouble : "it gave no answer";
        if (nvb_doctor_podman(d)->installed)
            nvb_finding_warn(f, "Docker's service does not answer: %s", trouble);
        else
            nvb_finding_fail(f, "Docker's service does not answer: %s", trouble);
        (void)nvb_fix_root(f, "systemctl", "enable", "--now", "docker", NULL);
    }
}

static void check_socket(struct nvb_doctor *d, struct nvb_finding *f)
{
    static const char path[] = "/var/run/docker.sock";
    const struct nvb_caller *caller = &d->options->caller;
    struct stat st;
    if (!wants_docker(d, f))
        return;
    if (nvb_root_stat(&d->host.root, path, &st) < 0) {
        nvb_finding_skip(f, "there is no %s", path);
        return;
    }
    bool member = caller->gid == st.st_gid;
    for (size_t i = 0; i < caller->group_count; i++)
        member = member || caller->groups[i] == st.st_gid;
    if (caller->uid == 0 || caller->uid == st.st_uid || (member && st.st_mode & 020) ||
        st.st_mode & 02) {
        nvb_finding_ok(f, "the caller may use %s", path);
        return;
    }
    if (nvb_doctor_podman(d)->installed)
        nvb_finding_warn(f, "%s may not use %s; Podman needs no service", nvb_doctor_user_name(d),
                         path);
    else
        nvb_finding_fail(f, "%s may not use %s", nvb_doctor_user_name(d), path);
    nvb_fix_root(f, "usermod", "-aG", "docker", nvb_doctor_user_name(d), NULL)->text =
        nvb_strdup("the group docker is as good as root; rootless Podman needs none");
}

/* Docker 25 has CDI behind a feature of the daemon, 28.2 has it on by default. */
static void check_cdi(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_doctor_engine *docker = nvb_doctor_docker(d);
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (!wants_docker(d, f))
        return;
    int r = read_daemon(d, &doc, f);
    if (r < 0)
        return;
    const struct nvb_doc *folders = nvb_doc_find(&docker->info, "CDISpecDirs");
    const struct nvb_doc *feature = nvb_doc_find(nvb_doc_find(&doc, "features"), "cdi");
    const bool set = feature && feature->type == NVB_DOC_BOOL && feature->boolean;
    const bool unset = feature && feature->type == NVB_DOC_BOOL && !feature->boolean;
    const unsigned version = docker->engine.version;
    if (!version) {
        nvb_finding_skip(f, "Docker's version is not known");
    } else if (version < 2500) {
        nvb_finding_warn(f,
                         "Docker %s has no CDI: 'nvbind run --runtime docker' passes devices and "
                         "files directly",
                         docker->engine.version_text);
        (void)nvb_fix_text(f, "nothing for 'nvbind run'; CDI needs Docker 25 or later");
    } else if (set || (version >= 2802 && !unset) ||
               (folders && folders->type == NVB_DOC_LIST && folders->list.count > 0)) {
        nvb_finding_ok(f, "Docker %s has CDI, and it is on", docker->engine.version_text);
    } else {
        nvb_finding_warn(f, "Docker %s has CDI, and its daemon has it off",
                         docker->engine.version_text);
        if (r == 1)
            (void)nvb_fix_write(f, true, DAEMON_JSON,
                                "{\n    \"features\": {\n        \"cdi\": true\n    }\n}\n");
        else
            (void)nvb_fix_text(f, "in %s: \"features\": {\"cdi\": true}", DAEMON_JSON);
        nvb_fix_root(f, "systemctl", "restart", "docker", NULL)->by_hand = true;
    }
}

static bool has_nvidia_runtime(const struct nvb_doc *daemon)
{
    return nvb_doc_find(nvb_doc_find(daemon, "runtimes"), "nvidia") != NULL;
}

static bool is_systemd(const struct nvb_doc *daemon, const struct nvb_doctor_engine *docker)
{
    const struct nvb_doc *options = nvb_doc_find(daemon, "exec-opts");
    const char *driver = nvb_doc_find_text(&docker->info, "CgroupDriver");
    if (options && options->type == NVB_DOC_LIST)
        nvb_vec_foreach (item, &options->list)
            if (item->text && strstr(item->text, "native.cgroupdriver="))
                return strstr(item->text, "=systemd") != NULL;
    return driver && strcmp(driver, "systemd") == 0;
}

/* NVIDIA's runtime opens the nodes behind systemd's back, which closes them at daemon-reload
 * ("Failed to initialize NVML: Unknown Error"); nodes that the engine passes survive. */
static void check_cgroup(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (!wants_docker(d, f) || read_daemon(d, &doc, f) < 0)
        return;
    if (!has_nvidia_runtime(&doc)) {
        nvb_finding_ok(f, "no runtime of NVIDIA's is configured that systemd could take GPUs from");
    } else if (!is_systemd(&doc, nvb_doctor_docker(d))) {
        nvb_finding_ok(f, "the cgroup driver is not systemd");
    } else {
        nvb_finding_warn(f, "NVIDIA's runtime with the cgroup driver systemd: its containers lose "
                            "their GPUs at 'systemctl daemon-reload'");
        (void)nvb_fix_text(f,
                           "start them with 'nvbind run --runtime docker', or in %s: "
                           "\"exec-opts\": [\"native.cgroupdriver=cgroupfs\"]",
                           DAEMON_JSON);
    }
}

static void check_runtime(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_doc_ struct nvb_doc doc = {0};
    if (!wants_docker(d, f) || read_daemon(d, &doc, f) < 0)
        return;
    const char *runtime = nvb_doc_find_text(&doc, "default-runtime");
    const char *path =
        nvb_doc_find_text(nvb_doc_find(nvb_doc_find(&doc, "runtimes"), "nvidia"), "path");
    _cleanup_free_ char *full =
        path && path[0] != '/' ? nvb_strdupf("/usr/bin/%s", path) : nvb_strdup(path);
    if (full && !nvb_doctor_exists(d, full)) {
        nvb_finding_fail(f, "the runtime 'nvidia' of %s is %s, which is not there", DAEMON_JSON,
                         full);
        (void)nvb_fix_text(f,
                           "take \"runtimes\": {\"nvidia\": …} and \"default-runtime\" out of %s, "
                           "then: sudo systemctl restart docker",
                           DAEMON_JSON);
    } else if (runtime && strcmp(runtime, "nvidia") == 0) {
        nvb_finding_warn(f, "Docker's default runtime is NVIDIA's: any image that sets "
                            "NVIDIA_VISIBLE_DEVICES gets GPUs unasked");
        (void)nvb_fix_text(f,
                           "take \"default-runtime\" out of %s, then: sudo systemctl restart "
                           "docker",
                           DAEMON_JSON);
    } else {
        nvb_finding_ok(f, "Docker's default runtime is an ordinary one");
    }
}

const struct nvb_check nvb_checks_docker[] = {
    NVB_CHECK("docker-daemon", "docker", "whether Docker's service answers; its daemon.json", NULL,
              check_daemon),
    NVB_CHECK("docker-socket", "docker", "the caller's right on Docker's socket", NULL,
              check_socket),
    NVB_CHECK("docker-cdi", "docker", "Docker's version and its daemon's feature CDI", NULL,
              check_cdi),
    NVB_CHECK("docker-cgroup", "docker", "NVIDIA's runtime with the cgroup driver systemd", NULL,
              check_cgroup),
    NVB_CHECK("docker-runtime", "docker", "Docker's runtimes and its default one", NULL,
              check_runtime),
    {0},
};
