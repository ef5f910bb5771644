/* nvbind cdi: writes and checks CDI specifications. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "cdi/build.h"
#include "cdi/codec.h"
#include "cdi/hook.h"
#include "cli/cdi.h"
#include "host/modprobe.h"

/* ---- generate ---------------------------------------------------------------------------------
 */

enum {
    OPT_OUTPUT,
    OPT_FORMAT,
    OPT_NAMING,
    OPT_VENDOR,
    OPT_CLASS,
    OPT_DRIVER_ROOT,
    OPT_DEV_ROOT,
    OPT_LIBRARIES,
    OPT_CAPABILITIES,
    OPT_DISABLE_HOOK,
    OPT_HOOKLESS,
    OPT_VERSION,
    OPT_FOR,
    OPT_PARTIAL,
    OPT_LOAD,
    OPT_HELP,
};

/* Names and meanings are nvidia-ctk's where it has the option. */
static const struct nvb_cli_option generate_options[] = {
    [OPT_OUTPUT] = {"output", 0, "FILE", "write there instead of to standard output ('-')"},
    [OPT_FORMAT] = {"format", 0, "json|yaml|hook",
                    "default: by the ending of FILE, else yaml; hook: for nvbind-hook(8) alone"},
    [OPT_NAMING] = {"device-name-strategy", 0, "index|uuid|type-index",
                    "how devices are named; may be repeated (default: index and uuid)"},
    [OPT_VENDOR] = {"vendor", 0, "NAME", "of the kind VENDOR/CLASS (default: nvidia.com)"},
    [OPT_CLASS] = {"class", 0, "NAME", "of the kind VENDOR/CLASS (default: gpu)"},
    [OPT_DRIVER_ROOT] = {"driver-root", 0, "DIR", "the driver's files alone are in DIR"},
    [OPT_DEV_ROOT] = {"dev-root", 0, "DIR", "the device nodes alone are in DIR"},
    [OPT_LIBRARIES] = {"library-search-path", 0, "DIR",
                       "look there first, inside the driver root; may be repeated"},
    [OPT_CAPABILITIES] =
        {"capabilities", 0, "LIST",
         "compute, compat32, graphics, utility, video, display, ngx, all (default)"},
    [OPT_DISABLE_HOOK] = {"disable-hook", 0, "NAME",
                          "leave out links, ldcache, cuda-compat or params; may be repeated"},
    [OPT_HOOKLESS] = {"hookless", 0, NULL, "run nothing: mount libraries by the names they have"},
    [OPT_VERSION] = {"cdi-version", 0, "auto|VERSION", "auto (default): the lowest that is needed"},
    [OPT_FOR] = {"for", 0, "ENGINES",
                 "these must take it: podman@4.9,docker@27,containerd@1.7,crio@1.30"},
    [OPT_PARTIAL] = {"partial", 0, NULL, "what is missing on this host is a warning"},
    [OPT_LOAD] = {"load", 0, NULL, "call nvidia-modprobe first for a missing module or node"},
    [OPT_HELP] = {"help", 'h', NULL, "show this help"},
    {0},
};

static const char generate_text[] =
    "Writes a CDI specification of this host's NVIDIA GPUs. Nothing is written when the host lacks\n"
    "what a container needs.\n";

struct generate {
    struct nvb_host_options host;
    bool load;
    struct nvb_cdi_build_options build;
    struct nvb_strv library_folders;
    struct nvb_strv disabled_hooks;
    const char *output;      /* NULL: standard output */
    const char *for_engines; /* or NULL: those that are installed here */
    enum nvb_cdi_format format;
    bool for_hook; /* the installed hook's arguments instead */
};

static void generate_done(struct generate *generate)
{
    nvb_strv_done(&generate->library_folders);
    nvb_strv_done(&generate->disabled_hooks);
}

/* The values of a repeatable option, each of which may be a list with commas. */
static void split_values(const struct nvb_cli_values *values, size_t index, struct nvb_strv *ret)
{
    nvb_vec_foreach (value, &values->values[index])
        nvb_strv_split(ret, *value, ',');
}

static int read_format(const char *format, struct generate *ret, struct nvb_error **err)
{
    if (!format) {
        int by_name = ret->output ? nvb_cdi_format_of(ret->output) : -1;
        ret->format = by_name < 0 ? NVB_CDI_YAML : (enum nvb_cdi_format)by_name;
        return 0;
    }
    if (strcmp(format, "json") == 0)
        ret->format = NVB_CDI_JSON;
    else if (strcmp(format, "yaml") == 0)
        ret->format = NVB_CDI_YAML;
    else if (strcmp(format, "hook") == 0)
        ret->for_hook = true;
    else {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "--format is '%s'", format);
        return nvb_error_hint(err, "--format json, yaml or hook");
    }
    return 0;
}

static int read_naming(const struct nvb_cli_values *values, unsigned *ret, struct nvb_error **err)
{
    static const struct {
        const char *word;
        unsigned naming;
    } words[] = {
        {"index", NVB_CDI_BY_INDEX},
        {"uuid", NVB_CDI_BY_UUID},
        {"type-index", NVB_CDI_BY_TYPE_INDEX},
    };
    _cleanup_strv_ struct nvb_strv given = {0};
    unsigned naming = 0;
    split_values(values, OPT_NAMING, &given);
    nvb_vec_foreach (word, &given) {
        unsigned found = 0;
        for (size_t i = 0; i < NVB_COUNT(words); i++)
            found |= strcmp(words[i].word, *word) == 0 ? words[i].naming : 0;
        if (!found) {
            nvb_error_make(err, NVB_ERROR_USAGE, 0, "--device-name-strategy is '%s'", *word);
            return nvb_error_hint(err, "--device-name-strategy index, uuid or type-index");
        }
        naming |= found;
    }
    *ret = naming;
    return 0;
}

/* Refused here, before the host is looked at: a wrong word is wrong on every host. */
static int check_words(const struct generate *generate, struct nvb_error **err)
{
    unsigned part;
    nvb_vec_foreach (name, &generate->disabled_hooks) {
        if (nvb_cdi_hook_part(*name, &part, err) < 0)
            return -1;
    }
    nvb_vec_foreach (folder, &generate->library_folders) {
        if (**folder != '/') {
            nvb_error_make(err, NVB_ERROR_USAGE, 0,
                           "--library-search-path is '%s', which is not absolute", *folder);
            return nvb_error_hint(err, "name it as it is seen from the driver root");
        }
    }
    if (generate->build.version && !nvb_cdi_known_version(generate->build.version)) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "--cdi-version is '%s'", generate->build.version);
        return nvb_error_hint(err, "--cdi-version auto, or 0.3 to 0.8, 1.0 or 1.1");
    }
    if (generate->output && !*nvb_path_base(generate->output)) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "--output is %s",
                       *generate->output ? "a folder" : "empty");
        return nvb_error_hint(err, "--output /etc/cdi/nvidia.yaml, or '-' for standard output");
    }
    return 0;
}

static int read_generate(const struct nvb_cli *cli, const struct nvb_cli_values *values,
                         struct generate *ret, struct nvb_error **err)
{
    if (values->rest_count) {
        nvb_error_make(err, NVB_ERROR_USAGE, 0, "'%s' is no option", values->rest[0]);
        return nvb_error_hint(err, "nvbind cdi generate --output /etc/cdi/nvidia.yaml");
    }
    const char *version = nvb_cli_value(values, OPT_VERSION);
    const char *capabilities = nvb_cli_value(values, OPT_CAPABILITIES);
    const char *driver_root = nvb_cli_value(values, OPT_DRIVER_ROOT);
    const char *dev_root = nvb_cli_value(values, OPT_DEV_ROOT);
    ret->output = nvb_cli_value(values, OPT_OUTPUT);
    if (ret->output && (strcmp(ret->output, "-") == 0 || strcmp(ret->output, "/dev/stdout") == 0))
        ret->output = NULL;
    ret->for_engines = nvb_cli_value(values, OPT_FOR);
    split_values(values, OPT_LIBRARIES, &ret->library_folders);
    split_values(values, OPT_DISABLE_HOOK, &ret->disabled_hooks);
    ret->host = cli->host;
    if (driver_root)
        ret->host.driver_root = driver_root;
    if (dev_root)
        ret->host.dev_root = dev_root;
    ret->build.vendor = nvb_cli_value(values, OPT_VENDOR);
    ret->build.class = nvb_cli_value(values, OPT_CLASS);
    ret->build.library_folders = &ret->library_folders;
    ret->build.disabled_hooks = &ret->disabled_hooks;
    ret->build.partial = values->values[OPT_PARTIAL].count > 0;
    ret->build.kept = true;
    ret->build.mps_folder = getenv("CUDA_MPS_PIPE_DIRECTORY");
    ret->load = values->values[OPT_LOAD].count > 0;
    ret->build.version = version && strcmp(version, "auto") == 0 ? NULL : version;
    if (read_format(nvb_cli_value(values, OPT_FORMAT), ret, err) < 0 ||
        read_naming(values, &ret->build.naming, err) < 0)
        return -1;
    if (capabilities && nvb_capabilities_parse(capabilities, &ret->build.capabilities, err) < 0)
        return -1;
    return check_words(ret, err);
}

/* A hook that is not there, or that root cannot trust, is left out, and that is said. */
static char *find_hook(struct nvb_notes *notes)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    char *hook = NULL;
    int r = nvb_cdi_find_hook(&hook, &err);
    if (r == 0)
        return hook;
    if (r < 0)
        nvb_notes_add(notes, NVB_NOTE_WARNING, "nvbind-hook is left out: %s", err->message);
    else
        nvb_notes_add(notes, NVB_NOTE_WARNING, "nvbind-hook is not installed, and left out");
    nvb_notes_hint(notes, "--hookless says that this is meant; programs that read "
                          "'ldconfig -p' need the hook");
    return NULL;
}

/* ---- writing it -------------------------------------------------------------------------------
 */

static int fail_output(const char *output, struct nvb_error **err, int errnum)
{
    if (err && !*err)
        nvb_error_make(err, nvb_error_kind_of(errnum), errnum, "cannot write '%s'", output);
    if (err && (*err)->kind == NVB_ERROR_PERMISSION && (*err)->errnum != EROFS && geteuid() != 0)
        return nvb_error_hint(err, "write it as root: sudo nvbind cdi generate --output=%s",
                              output);
    _cleanup_free_ char *folder = nvb_path_dir(output);
    return nvb_error_hint(err, "look at the folder: ls -ld %s; or --output to another one", folder);
}

/* Into a pipe or a terminal (/dev/stdout): a rename would put a file in its place. */
static int write_into(const char *output, const struct nvb_str *text, struct nvb_error **err)
{
    _cleanup_close_ int fd = open(output, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    int r = fd < 0 ? -errno : nvb_write_all(fd, text->data, text->len);
    return r < 0 ? fail_output(output, err, -r) : 0;
}

/* Names of open files. Where one leads to a regular file, a rename would put ours in the place of
 * the name itself, which the whole machine writes through. */
static bool is_descriptor(const char *output)
{
    return strcmp(output, "/dev/stderr") == 0 || nvb_has_prefix(output, "/dev/fd/") ||
           nvb_has_prefix(output, "/proc/");
}

/* A link to a file is replaced, not followed: in a folder such as /tmp it may be another user's. */
static int write_file(const char *output, const struct nvb_str *text, struct nvb_error **err)
{
    /* Engines of every user read it, whatever the umask of who writes it. */
    mode_t old = umask(022);
    _cleanup_free_ char *folder = nvb_path_dir(output);
    int r = nvb_file_make_folders(folder, 0755, err);
    if (r == 0)
        r = nvb_file_write(output, text->data, text->len, 0644, err);
    (void)umask(old);
    return r < 0 ? fail_output(output, err, 0) : 0;
}

static int write_output(const char *output, const struct nvb_str *text, struct nvb_error **err)
{
    struct stat st;
    if (is_descriptor(output))
        return write_into(output, text, err);
    if (stat(output, &st) < 0 || S_ISREG(st.st_mode))
        return write_file(output, text, err);
    if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
        return write_into(output, text, err);
    return fail_output(output, err, S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
}

static int write_text(const struct generate *generate, const struct nvb_cdi_spec *spec,
                      struct nvb_str *ret, struct nvb_error **err)
{
    if (!generate->for_hook)
        return nvb_cdi_write(spec, generate->format, ret, err);
    int r = nvb_cdi_hook_arguments(spec, ret, err);
    if (r <= 0)
        return r;
    nvb_error_make(err, NVB_ERROR_USAGE, 0, "--format hook, and there is no hook to be used");
    return nvb_error_hint(err, "without --hookless, with nvbind-hook installed beside nvbind");
}

/*
 * For the engines that are named, or are here. The specification may be for another machine, so
 * what an engine here does not take is only told. Every version that knows CDI and is still about
 * takes 0.5.0; the engines are not looked for then.
 */
static int fit(const struct generate *generate, struct nvb_cdi_spec *spec, struct nvb_notes *notes,
               struct nvb_error **err)
{
    _cleanup_cdi_view_ struct nvb_cdi_view view = {.root = NVB_ROOT_INIT};
    const struct nvb_cli here = {0};
    if (!generate->for_engines && nvb_cdi_compare_versions(spec->version, "0.5.0") <= 0)
        return 0;
    if (nvb_cdi_view_open(&here, generate->for_engines, &view, err) < 0)
        return -1;
    nvb_vec_foreach (consumer, &view.consumers) {
        _cleanup_free_ char *refusal = nvb_cdi_consumer_refusal(consumer, spec->version);
        if (refusal && consumer->cap && generate->for_engines && generate->build.version) {
            (void)nvb_error_make(err, NVB_ERROR_USAGE, 0, "%s, not %s", refusal, spec->version);
            return nvb_error_hint(err, "--cdi-version auto");
        }
        if (!refusal || !consumer->cap || generate->for_engines)
            continue;
        const char *needed = nvb_cdi_needed_version(spec, NULL);
        nvb_notes_add(notes, NVB_NOTE_WARNING, "%s, and this specification %s %s", refusal,
                      strcmp(needed, spec->version) == 0 ? "needs" : "declares", spec->version);
    }
    return generate->for_engines ? nvb_cdi_fit(spec, &view.consumers, notes, err) : 0;
}

static int generate(struct generate *generate, struct nvb_str *ret, struct nvb_notes *notes,
                    struct nvb_error **err)
{
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    _cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
    _cleanup_gpus_ struct nvb_gpus gpus = {0};
    if (nvb_host_open(&generate->host, &host, err) < 0)
        return -1;
    if (generate->load) {
        const unsigned capabilities =
            generate->build.capabilities ? generate->build.capabilities : NVB_CAP_ALL;
        if (nvb_modprobe_find_gpus(&host, capabilities, &gpus, notes, err) < 0)
            return -1;
        generate->build.gpus = &gpus;
    }
    if (nvb_cdi_build(&host, &generate->build, &spec, notes, err) < 0 ||
        fit(generate, &spec, notes, err) < 0 || write_text(generate, &spec, ret, err) < 0)
        return -1;
    const char *output = generate->output;
    if (!output)
        return 0;
    if (nvb_cdi_format_of(output) < 0 && !nvb_has_prefix(output, "/dev/") && !generate->for_hook)
        nvb_notes_add(notes, NVB_NOTE_WARNING,
                      "engines read only files that end in .json or .yaml, not '%s'", output);
    return write_output(output, ret, err);
}

static int main_generate(struct nvb_cli *cli, int argc, char **argv)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_cli_values_ struct nvb_cli_values values = {0};
    _cleanup_(generate_done) struct generate options = {0};
    _cleanup_notes_ struct nvb_notes notes = {0};
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *hook = NULL;

    if (nvb_cli_parse(generate_options, argc - 1, argv + 1, &values, &err) < 0)
        return nvb_cli_fail(cli, err, NVB_EXIT_USAGE);
    if (values.values[OPT_HELP].count)
        return nvb_help_command(cli, "cdi generate [OPTIONS]", generate_text, generate_options);
    if (read_generate(cli, &values, &options, &err) < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    if (values.values[OPT_HOOKLESS].count == 0)
        options.build.hook = hook = find_hook(&notes);

    int r = generate(&options, &text, &notes, &err);
    nvb_cli_print_notes(cli, &notes);
    if (r < 0)
        return nvb_cli_fail(cli, err, nvb_cli_status_of(err));
    return options.output ? NVB_EXIT_OK : nvb_cli_print(cli, text.data, text.len);
}

/* ---- the command ------------------------------------------------------------------------------
 */

const struct nvb_command nvb_cdi_commands[] = {
    {
        .name = "generate",
        .summary = "write a specification of this host's GPUs",
        .main = main_generate,
        .options = generate_options,
    },
    {
        .name = "refresh",
        .summary = "keep the machine's, or the user's, specification as it should be",
        .main = nvb_cmd_cdi_refresh,
        .options = nvb_cdi_refresh_options,
    },
    {
        .name = "list",
        .summary = "the devices of all specifications, and which are in force",
        .main = nvb_cmd_cdi_list,
        .options = nvb_cdi_list_options,
    },
    {
        .name = "show",
        .summary = "all that a device brings into a container",
        .main = nvb_cmd_cdi_show,
        .options = nvb_cdi_show_options,
        .operand = "CDI|FILE",
    },
    {
        .name = "validate",
        .summary = "check specifications of any vendor",
        .main = nvb_cmd_cdi_validate,
        .options = nvb_cdi_validate_options,
        .operand = "FILE",
    },
    {
        .name = "diff",
        .summary = "what another specification brings otherwise, in words",
        .main = nvb_cmd_cdi_diff,
        .options = nvb_cdi_diff_options,
        .operand = "FILE",
    },
    {0},
};

int nvb_cmd_cdi(struct nvb_cli *cli, int argc, char **argv)
{
    return nvb_run_subcommand(
        cli, "cdi",
        "Container Device Interface: files by which engines bring GPUs into containers.",
        nvb_cdi_commands, argc, argv);
}
