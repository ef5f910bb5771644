/* The configuration's keys. Adding one: a row here, its name in enum nvb_config_key, and whoever
 * acts on it. Everything that is said about a key anywhere is said here. */
#include "config/keys.h"

#include <string.h>

#include "base/str.h"
#include "config/config.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

const char *nvb_key_plain_fault(const char *name, const char *text)
{
    (void)name;
    if (*text == '\0')
        return "is empty";
    return has_control(text) ? "has a control character in it" : NULL;
}

/* Engines split at the first "=", and Podman reads a "*" behind a name as a pattern. */
const char *nvb_key_variable_fault(const char *name, const char *text)
{
    (void)text;
    if (*name == '\0' || is_digit(*name))
        return "is no variable's name";
    for (; *name; name++) {
        if (!is_letter(*name) && !is_digit(*name) && !strchr("_.-", *name))
            return "is no variable's name";
    }
    return NULL;
}

const char *nvb_key_profile_fault(const char *name, const char *text)
{
    (void)name;
    if (!is_letter(*text) && !is_digit(*text))
        return "is no profile's name";
    for (; *text; text++) {
        if (!is_letter(*text) && !is_digit(*text) && !strchr("_.-", *text))
            return "is no profile's name";
    }
    return NULL;
}

const char *nvb_key_device_fault(const char *name, const char *text)
{
    const char *fault = nvb_key_plain_fault(name, text);
    if (fault || *text == '/')
        return fault;
    const char *slash = strchr(text, '/');
    const char *equals = slash ? strchr(slash, '=') : NULL;
    if (slash && slash != text && equals && equals > slash + 1 && equals[1])
        return NULL;
    return "is neither an absolute path nor a CDI name (vendor.com/class=device)";
}

static const char *find_library_fault(const char *name, const char *text)
{
    const char *fault = nvb_key_plain_fault(name, text);
    if (fault || *text == '/')
        return fault;
    if (!strchr(text, '/') && strstr(text, ".so"))
        return NULL;
    return "is neither an absolute path nor a library's name (libexample.so.1)";
}

static const char *const runtime_words[] = {"podman", "docker", NULL};
static const char *const capability_words[] = {
    "compute", "compat32", "graphics", "utility", "video", "display", "ngx", "all", NULL};

static const struct nvb_key keys[] = {
    [NVB_CONFIG_DEFAULT_RUNTIME] =
        {
            .name = "runtime.default_runtime",
            .type = NVB_KEY_TEXT,
            .words = runtime_words,
            .variable = "NVBIND_RUNTIME",
            .example = "\"podman\"",
            .summary = "The engine that runs containers: podman or docker.",
            .text = "Where it is not set, the first engine that is there, Podman first. On the "
                    "command line: --runtime.",
        },
    [NVB_CONFIG_DEFAULT_ARGS] =
        {
            .name = "runtime.default_args",
            .type = NVB_KEY_LIST,
            .expands = true,
            .example = "[\"--rm\", \"-it\"]",
            .summary = "Options of the engine that every container gets, one word an item.",
            .text =
                "What stands on the command line wins over them, and one that it contradicts is "
                "dropped: --restart drops --rm, -d drops -it, and -t needs a terminal.",
        },
    [NVB_CONFIG_PROFILES] =
        {
            .name = "runtime.profiles",
            .type = NVB_KEY_LIST,
            .trust = NVB_KEY_TRUST_BUILTIN,
            .find_fault = nvb_key_profile_fault,
            .variable = "NVBIND_PROFILE",
            .example = "[\"ai-ml\"]",
            .summary = "Workload profiles of every container, later over earlier.",
            .text = "On the command line: --profile, which replaces the list.",
        },
    [NVB_CONFIG_ENVIRONMENT] =
        {
            .name = "runtime.environment",
            .type = NVB_KEY_MAP,
            .trust = NVB_KEY_TRUST_LITERAL,
            .expands = true,
            .find_fault = nvb_key_variable_fault,
            .example = "TZ = \"Europe/Berlin\"",
            .summary = "Environment variables of every container.",
            .text = "Layers add to each other here, variable by variable. "
                    "NVIDIA_VISIBLE_DEVICES selects GPUs and NVIDIA_DRIVER_CAPABILITIES "
                    "capabilities, as they do with other GPU runtimes.",
        },
    [NVB_CONFIG_DEFAULT_SELECTION] =
        {
            .name = "gpu.default_selection",
            .type = NVB_KEY_TEXT,
            .trust = NVB_KEY_TRUST_NARROWER,
            .find_fault = nvb_key_plain_fault,
            .variable = "NVBIND_GPU",
            .default_value = "all",
            .example = "\"0\"",
            .summary = "The GPUs of a container whose command line names none.",
            .text = "all, none, an index, a list, a range, a UUID, a PCI address, a MIG device or "
                    "count=N, as --gpu takes them.",
        },
    [NVB_CONFIG_ENABLE_ISOLATION] =
        {
            .name = "gpu.enable_isolation",
            .type = NVB_KEY_BOOL,
            .trust = NVB_KEY_TRUST_NARROWER,
            .variable = "NVBIND_ISOLATE",
            .default_value = "false",
            .example = "true",
            .summary = "Keep a container away from the GPUs that it did not select.",
            .text = "true is --isolate=device; --isolate=none on the command line wins over it.",
        },
    [NVB_CONFIG_CAPABILITIES] =
        {
            .name = "gpu.capabilities",
            .type = NVB_KEY_LIST,
            .trust = NVB_KEY_TRUST_FREE,
            .words = capability_words,
            .variable = "NVBIND_CAPABILITIES",
            .example = "[\"compute\", \"utility\"]",
            .summary = "The parts of the driver that go into a container.",
            .text = "compute, compat32, graphics, utility, video, display, ngx or all. On the "
                    "command line: --capabilities.",
        },
    [NVB_CONFIG_ADDITIONAL_DEVICES] =
        {
            .name = "gpu.additional_devices",
            .type = NVB_KEY_LIST,
            .expands = true,
            .find_fault = nvb_key_device_fault,
            .example = "[\"/dev/infiniband/uverbs0\"]",
            .summary = "Devices that a container with GPUs gets besides them.",
            .text = "Each as the engine's --device takes it: a node, node:node:rwm or a CDI name.",
        },
    [NVB_CONFIG_ADDITIONAL_LIBRARIES] =
        {
            .name = "gpu.additional_libraries",
            .type = NVB_KEY_LIST,
            .expands = true,
            .find_fault = find_library_fault,
            .example = "[\"libnvidia-example.so.1\"]",
            .summary =
                "Libraries of the host that a container with GPUs gets besides the driver's.",
            .text = "Each an absolute path, or a name that the host's linker cache knows.",
        },
    [NVB_CONFIG_ALLOW_ROOTLESS] =
        {
            .name = "security.allow_rootless",
            .type = NVB_KEY_BOOL,
            .default_value = "true",
            .example = "true",
            .summary = "Whether containers may be run without root.",
            .text = "false refuses to run as a user.",
        },
    [NVB_CONFIG_RESTRICT_DEVICES] =
        {
            .name = "security.restrict_devices",
            .type = NVB_KEY_BOOL,
            .trust = NVB_KEY_TRUST_NARROWER,
            .default_value = "false",
            .example = "true",
            .summary = "Give a container the device nodes of the selected GPUs and no others.",
            .text = "The device part of isolation alone.",
        },
    [NVB_CONFIG_SECURITY_OPTS] =
        {
            .name = "security.security_opts",
            .type = NVB_KEY_LIST,
            .expands = true,
            .find_fault = nvb_key_plain_fault,
            .example = "[\"label=type:container_runtime_t\"]",
            .summary = "Security options of every container.",
            .text = "Each as the engine's --security-opt takes it.",
        },
};

const struct nvb_key_table nvb_config_keys = {keys, NVB_COUNT(keys), "configuration"};
