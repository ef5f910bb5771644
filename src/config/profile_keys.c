/* What a profile may hold. */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/str.h"
#include "config/profile.h"

/* The names that both engines take (docker/go-units, ulimit.go). */
static const struct {
    const char *name;
    int number;
} limits[] = {
    {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},         {"fsize", RLIMIT_FSIZE},
    {"locks", RLIMIT_LOCKS},       {"memlock", RLIMIT_MEMLOCK},
    {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},     {"nproc", RLIMIT_NPROC},
    {"rss", RLIMIT_RSS},           {"rtprio", RLIMIT_RTPRIO},
    {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
};

int nvb_profile_find_limit(const char *name)
{
    for (size_t i = 0; i < NVB_COUNT(limits); i++)
        if (strcmp(limits[i].name, name) == 0)
            return limits[i].number;
    return -1;
}

static int parse_one_limit(const char *text, size_t len, uint64_t *ret)
{
    static const char word[] = "unlimited";
    if (len == sizeof(word) - 1 && memcmp(text, word, len) == 0) {
        *ret = UINT64_MAX;
        return 0;
    }
    return nvb_parse_u64(text, len, 10, ret);
}

int nvb_profile_parse_limit(const char *text, uint64_t *ret_soft, uint64_t *ret_hard)
{
    size_t len = strcspn(text, ":");
    const char *rest = text[len] ? text + len + 1 : text;
    uint64_t soft = 0;
    uint64_t hard = 0;
    if (parse_one_limit(text, len, &soft) < 0 || parse_one_limit(rest, strlen(rest), &hard) < 0 ||
        soft > hard)
        return -1;
    *ret_soft = soft;
    *ret_hard = hard;
    return 0;
}

static uint64_t memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : (uint64_t)1 << 30;
}

int nvb_profile_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "bkmg";
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits;
    uint64_t n = 0;
    if (nvb_parse_u64(text, digits, 10, &n) < 0 || n == 0 || n > UINT32_MAX)
        return -1;
    if (strcmp(unit, "%") == 0) {
        if (n > 100)
            return -1;
        *ret_bytes = memory() / 100 * n;
        return 0;
    }
    const char *found = *unit && !unit[1] ? strchr(units, *unit) : NULL;
    if (*unit && !found)
        return -1;
    *ret_bytes = n << (found ? 10 * (found - units) : 0);
    return 0;
}

static const char *find_size_fault(const char *name, const char *text)
{
    uint64_t bytes;
    (void)name;
    return nvb_profile_parse_size(text, &bytes) < 0
               ? "is no size: a number with b, k, m or g, or a percentage of the memory (50%)"
               : NULL;
}

static const char *find_limit_fault(const char *name, const char *text)
{
    uint64_t soft;
    uint64_t hard;
    if (nvb_profile_find_limit(name) < 0)
        return "is no limit: memlock, stack, nofile, nproc, core, rtprio ...";
    return nvb_profile_parse_limit(text, &soft, &hard) < 0
               ? "takes SOFT or SOFT:HARD, numbers or unlimited"
               : NULL;
}

static const char *find_mount_fault(const char *name, const char *text)
{
    (void)name;
    const char *colon = strchr(text, ':');
    if (!colon || colon == text || colon[1] != '/')
        return "is no mount: SOURCE:/DESTINATION[:OPTIONS]";
    if (*text == '/')
        return NULL;
    for (const char *p = text; p < colon; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", *p))
            return "mounts neither an absolute path nor a named volume";
    return *text == '.' ? "mounts neither an absolute path nor a named volume" : NULL;
}

static const char *find_argument_fault(const char *name, const char *text)
{
    (void)name;
    if (text[0] != '-' || text[1] != '-' || text[2] == '\0' || text[2] == '=')
        return "is no option in one word (--name or --name=value)";
    return NULL;
}

/* Which checks there are is doctor's to know: a profile may be older or younger than it. */
static const char *find_check_fault(const char *name, const char *text)
{
    (void)name;
    return *text && !text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")]
               ? NULL
               : "is no check's name";
}

static const char *const capability_words[] = {
    "compute", "compat32", "graphics", "utility", "video", "display", "ngx", "all", NULL};
static const char *const ipc_words[] = {"host", "private", "shareable", "none", NULL};

static const struct nvb_key keys[] = {
    [NVB_PROFILE_DESCRIPTION] = {.name = "description",
                                 .type = NVB_KEY_TEXT,
                                 .find_fault = nvb_key_plain_fault,
                                 .example = "\"one line\"",
                                 .summary = "What the profile is for, in one line."},
    [NVB_PROFILE_EXTENDS] = {.name = "extends",
                             .type = NVB_KEY_TEXT,
                             .find_fault = nvb_key_profile_fault,
                             .example = "\"ai-ml\"",
                             .summary = "The profile that this one lies over."},
    [NVB_PROFILE_CAPABILITIES] = {.name = "capabilities",
                                  .type = NVB_KEY_LIST,
                                  .words = capability_words,
                                  .example = "[\"compute\", \"utility\"]",
                                  .summary = "The driver capabilities, all of them."},
    [NVB_PROFILE_SHM_SIZE] = {.name = "shm_size",
                              .type = NVB_KEY_TEXT,
                              .conditional = true,
                              .find_fault = find_size_fault,
                              .example = "\"50%\"",
                              .summary = "The size of /dev/shm: 8g, or a share of the memory."},
    [NVB_PROFILE_IPC] = {.name = "ipc",
                         .type = NVB_KEY_TEXT,
                         .conditional = true,
                         .words = ipc_words,
                         .example = "\"host\"",
                         .summary = "The engine's --ipc."},
    [NVB_PROFILE_KEEP_GROUPS] = {.name = "keep_groups",
                                 .type = NVB_KEY_BOOL,
                                 .example = "true",
                                 .summary = "Rootless Podman keeps the caller's groups where one "
                                            "of the devices needs them."},
    [NVB_PROFILE_X11_COOKIE] = {.name = "x11_cookie",
                                .type = NVB_KEY_BOOL,
                                .example = "true",
                                .summary = "The container gets the caller's X11 cookie."},
    [NVB_PROFILE_DEVICES] = {.name = "devices",
                             .type = NVB_KEY_LIST,
                             .expands = true,
                             .conditional = true,
                             .find_fault = nvb_key_device_fault,
                             .example = "[\"/dev/dri\"]",
                             .summary = "Device nodes or folders of them."},
    [NVB_PROFILE_MOUNTS] = {.name = "mounts",
                            .type = NVB_KEY_LIST,
                            .expands = true,
                            .conditional = true,
                            .find_fault = find_mount_fault,
                            .example = "[\"/data:/data:ro\"]",
                            .summary = "Paths, which must be there, or named volumes."},
    [NVB_PROFILE_ARGUMENTS] = {.name = "arguments",
                               .type = NVB_KEY_LIST,
                               .expands = true,
                               .conditional = true,
                               .find_fault = find_argument_fault,
                               .example = "[\"--init\", \"--network=host\"]",
                               .summary = "Options of the engine, each in one word."},
    [NVB_PROFILE_CHECKS] = {.name = "checks",
                            .type = NVB_KEY_LIST,
                            .find_fault = find_check_fault,
                            .example = "[\"memlock\", \"display\"]",
                            .summary = "What 'nvbind doctor' looks at for this kind of work."},
    [NVB_PROFILE_ULIMITS] = {.name = "ulimits",
                             .type = NVB_KEY_MAP,
                             .conditional = true,
                             .find_fault = find_limit_fault,
                             .example = "memlock = \"unlimited\"",
                             .summary = "Limits of the container's processes."},
    [NVB_PROFILE_ENVIRONMENT] = {.name = "environment",
                                 .type = NVB_KEY_MAP,
                                 .expands = true,
                                 .conditional = true,
                                 .find_fault = nvb_key_variable_fault,
                                 .example = "NAME = \"value\"",
                                 .summary = "Variables in the container."},
};

const struct nvb_key_table nvb_profile_keys = {keys, NVB_COUNT(keys), "profile"};
