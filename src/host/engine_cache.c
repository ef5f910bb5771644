#include "host/engine_cache.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/trust.h"

#define HEADER     "nvbind engine 1\n"
#define MAX_ANSWER (256u * 1024)

static void add_identity(const char *path, const struct stat *st, struct nvb_str *ret)
{
    nvb_str_addf(ret, "%s\n%llu %llu %lld %lld.%09ld %lld.%09ld\n", path,
                 (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
                 (long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                 (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

int nvb_engine_cache_identify(const char *program, struct nvb_str *ret)
{
    struct stat st;
    if (strchr(program, '\n') || stat(program, &st) < 0)
        return -1;
    nvb_str_add(ret, HEADER);
    add_identity(program, &st, ret);
    return 0;
}

void nvb_engine_cache_identify_file(const char *path, struct nvb_str *ret)
{
    struct stat st;
    if (stat(path, &st) < 0)
        nvb_str_addf(ret, "%s\n-\n", path);
    else
        add_identity(path, &st, ret);
}

static char *name_file(const char *folder, const char *program, const char *question)
{
    uint64_t hash = nvb_hash(NVB_HASH_INIT, program, strlen(program));
    return nvb_strdupf("%s/engine-%016llx-%s", folder, (unsigned long long)hash, question);
}

int nvb_engine_cache_read(const char *folder, const char *program, const char *question,
                          const char *more, struct nvb_str *ret)
{
    _cleanup_str_ struct nvb_str identity = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (!folder || nvb_engine_cache_identify(program, &identity) < 0)
        return 1;
    nvb_str_add(&identity, more);
    _cleanup_free_ char *path = name_file(folder, program, question);
    /* The answers decide what is executed and how: whoever could write the file could change it. */
    if (access(path, R_OK) < 0 || nvb_trust_check_path(path, geteuid(), NULL) < 0 ||
        nvb_file_read_path(path, MAX_ANSWER, &text, NULL) != 0)
        return 1;
    if (text.len < identity.len || memcmp(text.data, identity.data, identity.len) != 0 ||
        strlen(text.data) != text.len)
        return 1;
    nvb_str_add(ret, text.data + identity.len);
    return 0;
}

void nvb_engine_cache_write(const char *folder, const char *program, const char *question,
                            const char *more, const char *answer)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    if (!folder || nvb_engine_cache_identify(program, &text) < 0 ||
        !nvb_trust_is_own_place(folder) || nvb_file_make_folders(folder, 0700, NULL) < 0)
        return;
    nvb_str_add(&text, more);
    nvb_str_add(&text, answer);
    _cleanup_free_ char *path = name_file(folder, program, question);
    (void)nvb_file_write(path, text.data, text.len, 0600, NULL);
}
