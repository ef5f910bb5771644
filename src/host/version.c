#include "host/version.h"

#include <string.h>

#include "host/host.h"

#define VERSION_FILE "/proc/driver/nvidia/version"
#define VERSION_MAX  ((size_t)16 << 10)

size_t nvb_version_span(const char *text)
{
    size_t len = 0, dots = 0;
    for (;;) {
        size_t digits = strspn(text + len, "0123456789");
        if (digits == 0)
            return 0;
        len += digits;
        if (text[len] != '.')
            break;
        dots++;
        len++;
    }
    return dots ? len : 0;
}

/*
 * The version in the line "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  DATE", or
 * "… UNIX Open Kernel Module for x86_64  550.163.01  Release Build  (BUILDER)  DATE": the first
 * word that is a version. The GCC line below it has versions of its own. Returns 0 or -1.
 */
static int parse_version(char *text, char **ret_version, char **ret_flavour)
{
    static const char key[] = "NVRM version:";
    char *line = text;
    while (line && strncmp(line, key, sizeof(key) - 1) != 0) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line)
        return -1;
    line[strcspn(line, "\n")] = '\0';
    line += sizeof(key) - 1;

    for (char *word = line + strspn(line, " \t"); *word; word += strspn(word, " \t")) {
        size_t len = strcspn(word, " \t");
        if (nvb_version_span(word) != len) {
            word += len;
            continue;
        }
        *ret_version = nvb_strndup(word, len);
        *word = '\0';
        const char *flavour = strstr(line, " Open ")           ? "open"
                              : strstr(line, " Kernel Module") ? "proprietary"
                                                               : NULL;
        *ret_flavour = nvb_strdup(flavour);
        return 0;
    }
    return -1;
}

int nvb_host_read_version(const struct nvb_host *host, char **ret_version, char **ret_flavour,
                          struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int r = nvb_root_read(&host->root, VERSION_FILE, VERSION_MAX, &text, err);
    if (r != 0)
        return r;
    _cleanup_free_ char *version = NULL;
    _cleanup_free_ char *flavour = NULL;
    if (parse_version(text.data, &version, &flavour) < 0) {
        _cleanup_free_ char *name = nvb_root_outside(&host->root, VERSION_FILE);
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0,
                              "'%s' names no driver version: the driver did not write this", name);
    }
    *ret_version = TAKE_PTR(version);
    *ret_flavour = TAKE_PTR(flavour);
    return 0;
}
