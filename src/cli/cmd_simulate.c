/* nvbind simulate: a host tree for machines without a GPU. */
#include <limits.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "host/simulate.h"

enum { OPT_GPUS, OPT_MIG, OPT_DRIVER, OPT_LAYOUT, OPT_HELP };

const struct nvb_cli_option nvb_simulate_options[] = {
    [OPT_GPUS] = {"gpus", 0, "N", "how many GPUs, 1 to 64 (default: 1)"},
    [OPT_MIG] = {"mig", 0, "GPUS:INSTANCES",
                 "cut GPUs into MIG devices, such as all:7x1g.5gb; may be repeated"},
    [OPT_DRIVER] = {"driver", 0, "VERSION",
                    "the driver's version (default: " NVB_SIMULATE_DRIVER ")"},
    [OPT_LAYOUT] = {"layout", 0, "run|debian",
                    "run: as NVIDIA's installer (default); debian: as its packages"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char text[] =
    "Makes DIR a host with everything that nvbind discovers: --host-root DIR then stands for it.\n"
    "Its libraries are real ELF files, its device nodes are stand-ins. DIR must be new or empty;\n"
    "an earlier simulation there is replaced.\n";

static int read_words(const struct nvb_cli_values *values, struct nvb_strv *mig,
                      struct nvb_simulate_options *ret, struct nvb_error **err)
{
    const char *gpus = nvb_cli_value(values, OPT_GPUS);
    const char *version = nvb_cli_value(values, OPT_DRIVER);
    const char *layout = nvb_cli_value(values, OPT_LAYOUT);
    uint64_t count = 1;

    if (values->rest_count != 1) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0,
                       values->rest_count ? "more than one folder: '%s'" : "no folder%s",
                       values->rest_count ? values->rest[1] : "");
        return nvb_error_hint(err, "nvbind simulate DIR --gpus 2");
    }
    if (gpus && nvb_parse_u64(gpus, strlen(gpus), 10, &count)) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "--gpus is '%s', which is no number", gpus);
        return nvb_error_hint(err, "--gpus 2, at most %d", NVB_SIMULATE_MAX_GPUS);
    }
    ret->folder = values->rest[0];
    ret->gpus = count > UINT_MAX ? UINT_MAX : (unsigned)count;
    ret->version = version ? version : NVB_SIMULATE_DRIVER;
    ret->layout = NVB_SIMULATE_RUN;
    nvb_vec_foreach (value, &values->values[OPT_MIG])
        nvb_strv_add(mig, *value);
    ret->mig = mig;
    return layout ? nvb_simulate_parse_layout(layout, &ret->layout, err) : 0;
}

int nvb_cmd_simulate(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    struct nvb_simulate_options simulate = {0};
    _cleanup_strv_ struct nvb_strv mig = {0};
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;

    if (nvb_cli_parse(nvb_simulate_options, argc - 1, argv + 1, &values, &err))
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(cli, "simulate DIR [OPTIONS]", text, nvb_simulate_options);
    if (read_words(&values, &mig, &simulate, &err) || nvb_simulate_write(&simulate, &err))
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));

    nvb_str_addf(&out, "simulated host: %s (GPUs: %u, driver %s)\ntry: nvbind --host-root ",
                 simulate.folder, simulate.gpus, simulate.version);
    nvb_str_add_shell(&out, simulate.folder);
    nvb_str_add(&out, " info\n");
    return nvb_cli_print(cli, out.data, out.len);
}
