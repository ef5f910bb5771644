/*
 * Runs a fuzz target over the files of folders, without libFuzzer: what a fuzzer once found stays
 * found. Speaks TAP, one test a file.
 */
#include <dirent.h>
#include <stdio.h>

#include "base/file.h"
#include "fuzz.h"

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay(const char *folder, const char *name, int number)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, name);
    _cleanup_str_ struct nvb_str bytes = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *err = NULL;
    if (nvb_file_read_path(path, (size_t)64 << 20, &bytes, &err) != 0) {
        printf("not ok %d - %s: %s\n", number, name, err ? err->message : "it is gone");
        return 1;
    }
    (void)LLVMFuzzerTestOneInput((const uint8_t *)bytes.data, bytes.len);
    printf("ok %d - %s\n", number, name);
    (void)fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    int number = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        struct dirent **entries = NULL;
        int count = scandir(argv[i], &entries, is_visible, by_name);
        if (count <= 0) {
            printf("not ok %d - no corpus in %s\n", ++number, argv[i]);
            failed = 1;
        }
        for (int k = 0; k < count; k++) {
            failed |= replay(argv[i], entries[k]->d_name, ++number);
            free(entries[k]);
        }
        free(entries);
    }
    printf("1..%d\n", number);
    return failed;
}
