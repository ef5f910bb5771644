#include <stdio.h>

#include "base/file.h"
#include "dump.h"
#include "lay.h"
#include "scratch.h"
#include "spec.h"

/* What there is now of the recorded host becomes what is expected of it. Look at the difference. */
static int accept_host(const char *recording, const char *first, const char *second,
                       struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str listing = NVB_STR_INIT;
    _cleanup_str_ struct nvb_str spec = NVB_STR_INIT;
    _cleanup_free_ char *expected = nvb_strdupf("%s/expected.txt", recording);
    _cleanup_free_ char *yaml = nvb_strdupf("%s/spec.yaml", recording);
    struct nvb_lay_options roots = {0};
    if (nvb_lay_host(recording, first, err) < 0 ||
        nvb_lay_read_options(recording, first, &roots, err) < 0)
        return -1;
    const struct nvb_host_options options = {
        .host_root = first,
        .driver_root = roots.driver_root,
        .dev_root = roots.dev_root,
    };
    (void)nvb_dump_host(&options, NVB_CAP_ALL, NULL, &listing);
    nvb_lay_options_done(&roots);
    if (nvb_dump_spec(recording, second, &spec, err) < 0 ||
        nvb_file_write(expected, listing.data, listing.len, 0644, err) < 0)
        return -1;
    return nvb_file_write(yaml, spec.data, spec.len, 0644, err);
}

/* accept-host RECORDING…: writes expected.txt and spec.yaml anew. */
int main(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++) {
        _cleanup_error_ struct nvb_error *error = NULL;
        char *first = nvb_scratch_make();
        char *second = nvb_scratch_make();
        int r = accept_host(argv[i], first, second, &error);
        nvb_scratch_remove(first);
        nvb_scratch_remove(second);
        if (r == 0)
            continue;
        (void)fprintf(stderr, "accept-host: error: %s:%u: %s\n",
                      error->file ? error->file : argv[i], error->line, error->message);
        return 1;
    }
    return 0;
}
