#include "host/crun.h"

#include <string.h>
#include <sys/wait.h>

#include "base/process.h"

#define TIMEOUT_MS 5000
#define MAX_ANSWER ((size_t)64 << 10)

/* Where Podman looks by itself (containers.conf(5), engine.runtimes). */
#define PLACES "/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin:/sbin:/bin"

/* "crun version 1.21": 0, or -1. */
static int parse(const char *text, unsigned *ret)
{
    static const char start[] = "crun version ";
    uint64_t major = 0;
    uint64_t minor = 0;
    if (!nvb_has_prefix(text, start))
        return -1;
    const char *p = text + strlen(start);
    size_t len = strspn(p, "0123456789");
    if (nvb_parse_u64(p, len, 10, &major) < 0 || p[len] != '.')
        return -1;
    p += len + 1;
    if (nvb_parse_u64(p, strspn(p, "0123456789"), 10, &minor) < 0 || major > 99 || minor > 99)
        return -1;
    *ret = (unsigned)(major * 100 + minor);
    return 0;
}

int nvb_crun_find_version(const char *runtime, char *const *environment, unsigned *ret,
                          struct nvb_error **err)
{
    _cleanup_free_ char *program = NULL;
    _cleanup_str_ struct nvb_str answer = NVB_STR_INIT;
    int status = 0;
    int r = nvb_process_find(runtime ? runtime : "crun", PLACES, &program, err);
    if (r != 0)
        return r;
    char *words[] = {program, (char *)"--version", NULL};
    if (nvb_process_capture(program, words, environment, TIMEOUT_MS, MAX_ANSWER, &answer, NULL,
                            &status, err) < 0)
        return -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || parse(answer.data, ret) < 0)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "'%s --version' gave no version", program);
    return 0;
}
