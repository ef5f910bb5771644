/* The engines, and the tools around them. */

#include <string.h>

#include "base/process.h"
#include "doctor/check.h"

static void check_engine(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_doctor_engine *podman = nvb_doctor_podman(d);
    const struct nvb_doctor_engine *docker = nvb_doctor_docker(d);
    const char *unknown = "of unknown version";
    if (podman->installed && docker->installed && docker->engine.kind == NVB_ENGINE_DOCKER)
        nvb_finding_ok(f, "Podman %s and Docker %s",
                       podman->engine.version_text ? podman->engine.version_text : unknown,
                       docker->engine.version_text ? docker->engine.version_text : unknown);
    else if (podman->installed)
        nvb_finding_ok(f, "Podman %s",
                       podman->engine.version_text ? podman->engine.version_text : unknown);
    else if (docker->installed)
        nvb_finding_ok(f, "Docker %s",
                       docker->engine.version_text ? docker->engine.version_text : unknown);
    else if (podman->trouble || docker->trouble)
        nvb_finding_fail(f, "%s", podman->trouble ? podman->trouble : docker->trouble);
    else
        nvb_finding_fail(f, "neither 'podman' nor 'docker' is in PATH");
    if (f->verdict == NVB_VERDICT_FAIL)
        nvb_fix_install(f, d, NVB_PACKAGE_PODMAN, "Podman");
}

static void check_answers(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_doctor_engine *podman = nvb_doctor_podman(d);
    if (!podman->installed) {
        nvb_finding_skip(f, "Podman is not installed");
    } else if (!podman->asked) {
        nvb_finding_skip(
            f, "Podman was not asked: it has no image store yet, which asking would make");
    } else if (podman->answered) {
        nvb_finding_ok(f, "'podman info' answers");
    } else {
        nvb_finding_fail(f, "'podman info' fails: %s", podman->trouble);
        (void)nvb_fix_text(f, "podman info 2>messages; nvbind doctor --last <messages");
    }
}

/* The versions that first read specifications: Podman 4.1, Docker 25 (their release notes). */
static void check_cdi(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_doctor_engine *engines[] = {nvb_doctor_podman(d), nvb_doctor_docker(d)};
    for (size_t i = 0; i < NVB_COUNT(engines); i++) {
        const struct nvb_engine *engine = &engines[i]->engine;
        bool podman = engine->kind == NVB_ENGINE_PODMAN;
        if (!engines[i]->installed)
            continue;
        if (!engine->version) {
            nvb_finding_skip(f, "the version of '%s' is not known", engine->path);
            return;
        }
        if (engine->version < (podman ? 401u : 2500u)) {
            nvb_finding_warn(f,
                             "%s %s has no CDI: nvbind passes devices and files directly, other "
                             "tools cannot",
                             podman ? "Podman" : "Docker", engine->version_text);
            (void)nvb_fix_text(f, "nothing for 'nvbind run'; for 'podman run --device "
                                  "nvidia.com/gpu=all' install Podman 4.1 or later, Docker 25");
            return;
        }
        if (podman && engine->version < 500 && !f->evidence)
            nvb_finding_ok(f,
                           "Podman %s has CDI; its own '--gpus' does nothing before 5.0, that of "
                           "'nvbind run' works",
                           engine->version_text);
        else if (!f->evidence)
            nvb_finding_ok(f, "%s %s has CDI", podman ? "Podman" : "Docker", engine->version_text);
    }
}

static void check_oci(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_doctor_engine *podman = nvb_doctor_podman(d);
    const char *name = nvb_doctor_oci_runtime(d);
    const struct nvb_doc *runtime = nvb_doc_find(nvb_doc_find(&podman->info, "host"), "ociRuntime");
    const char *path = nvb_doc_find_text(runtime, "path");
    if (!podman->installed) {
        nvb_finding_skip(f, "Podman is not installed");
    } else if (!podman->asked && name) {
        nvb_finding_ok(f, "%s is installed", name);
    } else if (!podman->answered) {
        nvb_finding_skip(f, "Podman did not say");
    } else if (!name || !*name || !path || !*path) {
        nvb_finding_fail(f, "Podman finds no OCI runtime");
        nvb_fix_install(f, d, NVB_PACKAGE_CRUN, "crun");
    } else if (strcmp(name, "crun") != 0 && strcmp(name, "runc") != 0) {
        nvb_finding_warn(f, "the OCI runtime is '%s', which nvbind was never tried with", name);
        nvb_fix_install(f, d, NVB_PACKAGE_CRUN, "crun");
    } else {
        nvb_finding_ok(f, "%s (%s)", name, path);
    }
}

/* "podman_compose-1.0.3.egg-info" -> 100; 0: none of that name. */
static unsigned compose_version(const struct nvb_strv *names, char **ret)
{
    static const char stem[] = "podman_compose-";
    for (size_t i = 0; i < names->count; i++) {
        const char *text = names->items[i] + sizeof(stem) - 1;
        uint64_t major;
        uint64_t minor;
        if (!nvb_has_prefix(names->items[i], stem))
            continue;
        size_t len = strspn(text, "0123456789");
        if (nvb_parse_u64(text, len, 10, &major) < 0 || text[len] != '.' ||
            nvb_parse_u64(text + len + 1, strspn(text + len + 1, "0123456789"), 10, &minor) < 0)
            continue;
        *ret = nvb_strndup(text, strspn(text, "0123456789."));
        size_t n = strlen(*ret);
        if (n && (*ret)[n - 1] == '.')
            (*ret)[n - 1] = '\0';
        return (unsigned)(major * 100 + minor);
    }
    return 0;
}

static void check_compose(struct nvb_doctor *d, struct nvb_finding *f)
{
    _cleanup_strv_ struct nvb_strv names = {0};
    _cleanup_free_ char *text = NULL;
    nvb_doctor_list(d, "/usr/lib/python3/dist-packages", "-info", &names);
    unsigned version = compose_version(&names, &text);
    if (version && version < 102) {
        nvb_finding_warn(f, "podman-compose %s drops GPU requests of compose files", text);
        (void)nvb_fix_text(f, "install podman-compose 1.2 or later, or write "
                              "'devices: [nvidia.com/gpu=all]' in the compose file");
    } else if (version) {
        nvb_finding_ok(f, "podman-compose %s", text);
    } else if (nvb_doctor_exists(d, "/usr/libexec/docker/cli-plugins/docker-compose") ||
               nvb_doctor_exists(d, "/usr/lib/docker/cli-plugins/docker-compose")) {
        nvb_finding_ok(f, "docker compose");
    } else {
        nvb_finding_skip(f, "no tool for compose files is installed");
    }
}

static void check_buildx(struct nvb_doctor *d, struct nvb_finding *f)
{
    const struct nvb_doctor_engine *docker = nvb_doctor_docker(d);
    const bool real = docker->installed && docker->engine.kind == NVB_ENGINE_DOCKER;
    _cleanup_free_ char *own = nvb_doctor_home(d, ".docker/cli-plugins/docker-buildx");
    const bool plugin = nvb_doctor_exists(d, "/usr/libexec/docker/cli-plugins/docker-buildx") ||
                        nvb_doctor_exists(d, "/usr/lib/docker/cli-plugins/docker-buildx") ||
                        nvb_doctor_exists(d, "/usr/local/lib/docker/cli-plugins/docker-buildx") ||
                        (own && nvb_doctor_exists(d, own));
    if (real && plugin) {
        nvb_finding_ok(f, "docker buildx is installed");
    } else if (real && docker->engine.version >= 2300) {
        nvb_finding_warn(f, "Docker %s without its plugin buildx builds in the old way",
                         docker->engine.version_text);
        (void)nvb_fix_text(f, "install docker-buildx, or build with 'podman build'");
    } else if (nvb_doctor_podman(d)->installed) {
        nvb_finding_ok(f, "'podman build' does it; 'podman buildx build' is another name for it");
    } else {
        nvb_finding_skip(f, "nothing here builds images");
    }
}

const struct nvb_check nvb_checks_engine[] = {
    NVB_CHECK("engine", "engine", "podman and docker in PATH", NULL, check_engine),
    NVB_CHECK("engine-answers", "engine", "whether 'podman info' works", "engine", check_answers),
    NVB_CHECK("engine-cdi", "engine", "whether the engines' versions know CDI", "engine",
              check_cdi),
    NVB_CHECK("oci-runtime", "engine", "the OCI runtime that Podman names", "engine", check_oci),
    NVB_CHECK("compose", "engine", "tools for compose files and their versions", "engine",
              check_compose),
    NVB_CHECK("buildx", "engine", "whether 'docker buildx' has an answer here", "engine",
              check_buildx),
    {0},
};
