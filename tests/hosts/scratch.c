#include "scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

char *nvb_scratch_make(void)
{
    const char *parent = getenv("TMPDIR");
    char *path = nvb_strdupf("%s/nvb-test-XXXXXX", parent && parent[0] == '/' ? parent : "/tmp");
    if (!mkdtemp(path))
        abort();
    return path;
}

static int open_up(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)at;
    if (kind == FTW_DNR || (kind == FTW_D && (st->st_mode & 0700) != 0700))
        (void)chmod(path, 0700);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void nvb_scratch_remove(char *path)
{
    (void)nftw(path, open_up, 16, FTW_PHYS);
    (void)nftw(path, remove_one, 16, FTW_PHYS | FTW_DEPTH);
    free(path);
}
