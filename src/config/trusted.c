#include "config/trusted.h"

#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "base/trust.h"
#include "config/config.h"
#include "config/layers.h"
#include "config/sha256.h"

#define MAX_BYTES ((size_t)1 << 20)

char *nvb_trusted_path(const char *const *environment)
{
    return nvb_config_home(environment, "XDG_STATE_HOME", ".local/state", "nvbind/trusted");
}

/* Appends the record to *ret. Returns 0, 1 where there is none, or -1. */
static int read_record(const char *path, uid_t uid, struct nvb_str *ret, struct nvb_error **err)
{
    int r = nvb_file_read_path(path, MAX_BYTES, ret, err);
    if (r != 0)
        return r;
    return nvb_trust_check_path(path, uid, err);
}

/* The length of the line at TEXT without its end. */
static size_t line_length(const char *text)
{
    return strcspn(text, "\n");
}

/* Whether the line (LEN bytes) is about FILE. */
static bool is_about(const char *line, size_t len, const char *file)
{
    size_t before = NVB_SHA256_HEX + 2;
    return len == before + strlen(file) && memcmp(line + before, file, len - before) == 0;
}

int nvb_trusted_has(const char *path, uid_t uid, const char *file, const char *hex,
                    struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str record = NVB_STR_INIT;
    int r = read_record(path, uid, &record, err);
    if (r != 0)
        return r > 0 ? 0 : -1;
    for (const char *p = record.data; *p;) {
        size_t len = line_length(p);
        if (is_about(p, len, file) && memcmp(p, hex, NVB_SHA256_HEX) == 0)
            return 1;
        p += len + (p[len] == '\n');
    }
    return 0;
}

int nvb_trusted_set(const char *path, uid_t uid, const char *file, const char *hex,
                    struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str record = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    /* sha256sum(1) writes such names in a way of its own; no project is called so. */
    if (strpbrk(file, "\n\\"))
        return nvb_error_make(err, NVB_ERROR_USAGE, 0,
                              "'%s' has a line end or a backslash in its path", file);
    if (read_record(path, uid, &record, err) < 0)
        return -1;
    bool was_there = false;
    for (const char *p = record.data; *p;) {
        size_t len = line_length(p);
        if (is_about(p, len, file))
            was_there = true;
        else if (len > 0)
            nvb_str_addf(&out, "%.*s\n", (int)len, p);
        p += len + (p[len] == '\n');
    }
    if (hex)
        nvb_str_addf(&out, "%s  %s\n", hex, file);
    else if (!was_there)
        return 1;
    _cleanup_free_ char *folder = nvb_path_dir(path);
    if (nvb_file_make_folders(folder, 0700, err) < 0)
        return -1;
    return nvb_file_write(path, out.data, out.len, 0600, err);
}
