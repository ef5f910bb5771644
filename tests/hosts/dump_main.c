#include <stdio.h>

#include "dump.h"

/* dump-host ROOT [CAPABILITIES [FOLDER…]]: prints what discovery finds under ROOT. */
int main(int argc, char *argv[])
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: dump-host ROOT [CAPABILITIES [FOLDER...]]\n");
        return 2;
    }
    _cleanup_error_ struct nvb_error *error = NULL;
    unsigned capabilities = NVB_CAP_ALL;
    if (argc > 2 && nvb_capabilities_parse(argv[2], &capabilities, &error) < 0) {
        (void)fprintf(stderr, "dump-host: error: %s\n", error->message);
        return 2;
    }
    _cleanup_strv_ struct nvb_strv folders = {0};
    for (int i = 3; i < argc; i++)
        nvb_strv_add(&folders, argv[i]);
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    const struct nvb_host_options options = {.host_root = argv[1]};
    int r = nvb_dump_host(&options, capabilities, &folders, &text);
    (void)fputs(text.data, stdout);
    return r == 0 ? 0 : 1;
}
