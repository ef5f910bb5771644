#include "host/simulate.h"

#include "host/simulate_parts.h"

static const char *const layouts[] = {
    [NVB_SIMULATE_RUN] = "run",
    [NVB_SIMULATE_DEBIAN] = "debian",
    NULL,
};

int nvb_simulate_parse_layout(const char *word, enum nvb_simulate_layout *ret,
                              struct nvb_error **err)
{
    for (size_t i = 0; layouts[i]; i++) {
        if (strcmp(layouts[i], word) == 0) {
            *ret = (enum nvb_simulate_layout)i;
            return 0;
        }
    }
    nvb_error_make(err, NVB_ERROR_USAGE, 0, "unknown layout '%s'", word);
    return nvb_error_hint(err,
                          "--layout run (NVIDIA's installer) or --layout debian (its packages)");
}

/* "550.54.14", "580.95": three digits, then one or two groups of one to three. */
static bool is_version(const char *text)
{
    static const char digits[] = "0123456789";
    size_t len = strspn(text, digits);
    unsigned groups = 0;

    if (len != 3 || text[0] == '0')
        return false;
    for (text += len; *text == '.'; text += len) {
        text++;
        len = strspn(text, digits);
        groups++;
        if (len < 1 || len > 3)
            return false;
    }
    return *text == '\0' && groups >= 1 && groups <= 2;
}

static int check(const struct nvb_simulate_options *options, struct nvb_error **err)
{
    if (options->folder[0] == '\0') {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "the folder's name is empty");
        return nvb_error_hint(err, "name a folder that does not exist yet");
    }
    if (options->gpus < 1 || options->gpus > NVB_SIMULATE_MAX_GPUS) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "%u GPUs cannot be simulated", options->gpus);
        return nvb_error_hint(err, "1 to %d: a render node's number ends at 191",
                              NVB_SIMULATE_MAX_GPUS);
    }
    if (!is_version(options->version)) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is no driver version", options->version);
        return nvb_error_hint(err, "digits and points, such as %s", NVB_SIMULATE_DRIVER);
    }
    return nvb_simulate_check_mig(options, err);
}

static int fill(struct nvb_tree *tree, const struct nvb_simulate_options *options,
                struct nvb_error **err)
{
    _cleanup_free_ char *mark =
        nvb_strdupf("A simulated host, made by 'nvbind simulate': %u GPUs, driver %s, layout %s.\n"
                    "It may be removed, and a new simulation here replaces it.\n",
                    options->gpus, options->version, layouts[options->layout]);

    if (nvb_simulate_kernel(tree, options, err) || nvb_simulate_driver(tree, options, err) ||
        nvb_simulate_files(tree, options, err))
        return -1;
    return nvb_tree_finish(tree, mark, err);
}

int nvb_simulate_write(const struct nvb_simulate_options *options, struct nvb_error **err)
{
    _cleanup_(nvb_tree_done) struct nvb_tree tree = NVB_TREE_INIT;

    if (check(options, err) || nvb_tree_begin(options->folder, &tree, err))
        return -1;
    if (fill(&tree, options, err)) {
        nvb_tree_abandon(&tree);
        return -1;
    }
    return 0;
}
