#include "selftest/import.h"

#include <unistd.h>

#include "base/process.h"
#include "host/user.h"

#define PATIENCE_MS 60000
#define MAX_OUTPUT  ((size_t)1 << 20)

static int call(struct nvb_strv *words, char *const *environment, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str complaints = NVB_STR_INIT;
    int status = 0;
    char **argv = nvb_strv_terminate(words);
    if (nvb_process_capture(argv[0], argv, environment, PATIENCE_MS, MAX_OUTPUT, &out, &complaints,
                            &status, err) < 0)
        return -1;
    while (complaints.len > 0 && complaints.data[complaints.len - 1] == '\n')
        nvb_str_truncate(&complaints, complaints.len - 1);
    if (status != 0)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "'%s %s' failed: %s", argv[0], argv[1],
                              complaints.data);
    return 0;
}

static void add_words(struct nvb_strv *ret, const struct nvb_strv *engine, const char *const *words)
{
    nvb_vec_foreach (word, engine)
        nvb_strv_add(ret, *word);
    for (; *words; words++)
        nvb_strv_add(ret, *words);
}

static int pack(const struct nvb_selftest_root *root, const char *archive, char *const *environment,
                struct nvb_error **err)
{
    static const struct nvb_strv none = {0};
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_free_ char *tar = NULL;
    int r = nvb_process_find("tar", nvb_environment_get(environment, "PATH"), &tar, err);
    if (r > 0)
        return nvb_error_make(err, NVB_ERROR_NOT_FOUND, 0, "there is no tar");
    if (r < 0)
        return -1;
    const char *const argv[] = {tar,         "--create",    "--file",
                                archive,     "--directory", root->path,
                                "--owner=0", "--group=0",   "--exclude=./selftest.tar",
                                ".",         NULL};
    add_words(&words, &none, argv);
    return call(&words, environment, err);
}

int nvb_selftest_import(const struct nvb_selftest_root *root, const struct nvb_strv *engine,
                        const char *name, char *const *environment, char **ret,
                        struct nvb_error **err)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    _cleanup_free_ char *archive = nvb_strdupf("%s/selftest.tar", root->path);
    *ret = nvb_strdupf("%s:%d", name, (int)getpid());
    if (pack(root, archive, environment, err) < 0)
        return -1;
    const char *const import[] = {"import", archive, *ret, NULL};
    add_words(&words, engine, import);
    int r = call(&words, environment, err);
    (void)unlink(archive); /* it is in the engine's store, or of no use */
    return r;
}

void nvb_selftest_forget(const struct nvb_strv *engine, const char *image, char *const *environment)
{
    _cleanup_strv_ struct nvb_strv words = {0};
    if (!image)
        return;
    const char *const forget[] = {"image", "rm", "--force", image, NULL};
    add_words(&words, engine, forget);
    (void)call(&words, environment, NULL);
}
