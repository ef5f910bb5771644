/*
 * The user-space driver: what NVIDIA's 550 consists of. Its names, SONAMEs and places come from
 * driver_table.c, which discovery reads too; here stands which of them a machine has.
 */

#include "host/driver_table.h"
#include "host/elf_write.h"
#include "host/simulate_parts.h"
#include "ldcache/ldcache.h"

struct row {
    const char *stem;
    const char *own_version; /* of the file's name, where it is not the driver's */
    bool has_32bit;
    bool is_shared;  /* Debian's packages put it into the multiarch folder itself */
    bool is_desktop; /* comes with nvidia-settings: Debian has it in another package */
};

static const struct row rows[] = {
    {.stem = "libEGL_nvidia", .has_32bit = true},
    {.stem = "libGLESv1_CM_nvidia", .has_32bit = true},
    {.stem = "libGLESv2_nvidia", .has_32bit = true},
    {.stem = "libGLX_nvidia", .has_32bit = true},
    {.stem = "libcuda", .has_32bit = true},
    {.stem = "libcudadebugger"},
    {.stem = "libnvcuvid", .has_32bit = true},
    {.stem = "libnvidia-allocator", .has_32bit = true},
    {.stem = "libnvidia-api", .own_version = "1"},
    {.stem = "libnvidia-cfg"},
    {.stem = "libnvidia-egl-gbm", .own_version = "1.1.1", .is_shared = true},
    {.stem = "libnvidia-egl-wayland", .own_version = "1.1.13", .is_shared = true},
    {.stem = "libnvidia-eglcore", .has_32bit = true, .is_shared = true},
    {.stem = "libnvidia-encode", .has_32bit = true},
    {.stem = "libnvidia-fbc", .has_32bit = true},
    {.stem = "libnvidia-glcore", .has_32bit = true, .is_shared = true},
    {.stem = "libnvidia-glsi", .has_32bit = true, .is_shared = true},
    {.stem = "libnvidia-glvkspirv", .has_32bit = true, .is_shared = true},
    {.stem = "libnvidia-gpucomp", .has_32bit = true, .is_shared = true},
    {.stem = "libnvidia-gtk2", .is_desktop = true},
    {.stem = "libnvidia-gtk3", .is_desktop = true},
    {.stem = "libnvidia-ml", .has_32bit = true},
    {.stem = "libnvidia-ngx"},
    {.stem = "libnvidia-nvvm", .has_32bit = true},
    {.stem = "libnvidia-opencl", .has_32bit = true},
    {.stem = "libnvidia-opticalflow", .has_32bit = true},
    {.stem = "libnvidia-pkcs11", .is_desktop = true},
    {.stem = "libnvidia-pkcs11-openssl3", .is_shared = true},
    {.stem = "libnvidia-ptxjitcompiler", .has_32bit = true},
    {.stem = "libnvidia-rtcore", .is_shared = true},
    {.stem = "libnvidia-tls", .has_32bit = true, .is_shared = true},
    {.stem = "libnvidia-wayland-client", .is_desktop = true},
    {.stem = "libnvoptix"},
    {.stem = "libvdpau_nvidia", .has_32bit = true},
};

/* What a newer branch brought; the first row whose branch is not above the driver's counts. */
static const struct {
    unsigned branch;
    int32_t cuda;
} cuda_versions[] = {
    {590, 13010}, {580, 13000}, {575, 12090}, {570, 12080}, {565, 12070}, {560, 12060},
    {555, 12050}, {550, 12040}, {545, 12030}, {535, 12020}, {530, 12010}, {525, 12000},
    {520, 11080}, {515, 11070}, {510, 11060}, {495, 11050}, {470, 11040}, {465, 11030},
    {460, 11020}, {455, 11010}, {0, 11000},
};

/* What is being laid out. */
struct driver {
    const struct nvb_tree *tree;
    const struct nvb_simulate_options *options;
    struct nvb_strv names;          /* keys and values of the linker cache, in turn */
    struct NVB_VEC(uint32_t) flags; /* one a pair */
};

static void driver_done(struct driver *driver)
{
    nvb_strv_done(&driver->names);
    nvb_vec_release(&driver->flags);
}

/* ---- one library ---------------------------------------------------------------------------- */

static int32_t cuda_version(const char *driver_version)
{
    uint64_t branch = 0;
    size_t i = 0;

    (void)nvb_parse_u64(driver_version, strcspn(driver_version, "."), 10, &branch);
    while (cuda_versions[i].branch > branch)
        i++;
    return cuda_versions[i].cuda;
}

/* The few that programs ask first answer as without a kernel driver: CUDA_ERROR_NO_DEVICE,
 * CUDA_ERROR_NOT_INITIALIZED, NVML_ERROR_DRIVER_NOT_LOADED, NVML_ERROR_UNINITIALIZED. */
static void build_library(const char *stem, const char *soname, const char *version, bool is_32bit,
                          struct nvb_str *ret)
{
    struct nvb_elf_function functions[4] = {{.name = NVB_SIMULATED_SYMBOL, .result = 1}};
    struct nvb_elf_library library = {
        .machine = is_32bit ? NVB_ELF_I386 : nvb_elf_write_native(),
        .soname = soname,
        .functions = functions,
        .function_count = 1,
    };

    if (strcmp(stem, "libcuda") == 0) {
        functions[1] = (struct nvb_elf_function){.name = "cuInit", .result = 100};
        functions[2] = (struct nvb_elf_function){
            .name = "cuDriverGetVersion", .stores = true, .stored = cuda_version(version)};
        functions[3] = (struct nvb_elf_function){.name = "cuDeviceGetCount", .result = 3};
        library.function_count = 4;
    } else if (strcmp(stem, "libnvidia-ml") == 0) {
        functions[1] = (struct nvb_elf_function){.name = "nvmlInit_v2", .result = 9};
        functions[2] = (struct nvb_elf_function){.name = "nvmlDeviceGetCount_v2", .result = 1};
        functions[3] = (struct nvb_elf_function){.name = "nvmlShutdown", .result = 1};
        library.function_count = 4;
    }
    nvb_elf_write_library(&library, ret);
}

static int put_elf(const struct driver *driver, const char *path, const char *stem,
                   const char *soname, bool is_32bit, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str elf = NVB_STR_INIT;

    build_library(stem, soname, driver->options->version, is_32bit, &elf);
    return nvb_tree_put(driver->tree, path, elf.data, elf.len, 0644, err);
}

static int put_link(const struct driver *driver, const char *folder, const char *name,
                    const char *target, struct nvb_error **err)
{
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, name);

    return nvb_tree_link(driver->tree, path, target, err);
}

/* A name in a folder of Debian's that leads through /etc/alternatives to TARGET's folder. */
static int put_alternative(const struct driver *driver, const char *folder, const char *name,
                           const char *target, const char *suffix, struct nvb_error **err)
{
    _cleanup_free_ char *alternative = nvb_strdupf("/etc/alternatives/nvidia--%s%s", name, suffix);
    _cleanup_free_ char *end = nvb_strdupf("%s/%s", target, name);

    if (put_link(driver, folder, name, alternative, err))
        return -1;
    return nvb_tree_link(driver->tree, alternative + 1, end, err);
}

/* A line of the linker cache. ldconfig calls the folder by its place in ld.so.conf: "/lib/…". */
static void add_to_cache(struct driver *driver, const char *name, bool is_32bit)
{
    enum nvb_ldcache_class class = is_32bit                                    ? NVB_LDCACHE_I386
                                   : nvb_elf_write_native() == NVB_ELF_AARCH64 ? NVB_LDCACHE_AARCH64
                                                                               : NVB_LDCACHE_X86_64;

    nvb_strv_add(&driver->names, name);
    nvb_strv_addf(&driver->names, "/lib/%s/%s", is_32bit ? MULTIARCH_32 : MULTIARCH, name);
    nvb_vec_push(&driver->flags, nvb_ldcache_flags_of(class));
}

/* The names of a library: its file's, its SONAME, and the development names, which lead to it. */
static int put_names(const struct driver *driver, const char *folder, const char *file,
                     const char *soname, const char *const *devnames, struct nvb_error **err)
{
    if (strcmp(file, soname) != 0 && put_link(driver, folder, soname, file, err))
        return -1;
    for (size_t i = 0; devnames && devnames[i]; i++) {
        if (put_link(driver, folder, devnames[i], soname, err))
            return -1;
    }
    return 0;
}

/* ---- the two layouts ------------------------------------------------------------------------ */

/* Everything in the multiarch folder; modules below it, with their development name above. */
static int put_as_run(struct driver *driver, const struct nvb_driver_library *library,
                      const char *file, const char *soname, bool is_32bit, struct nvb_error **err)
{
    const char *multiarch = is_32bit ? MULTIARCH_32 : MULTIARCH;
    _cleanup_free_ char *folder =
        nvb_strdupf("usr/lib/%s%s%s", multiarch, library->subfolder ? "/" : "",
                    library->subfolder ? library->subfolder : "");
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", folder, file);

    if (put_elf(driver, path, library->stem, soname, is_32bit, err))
        return -1;
    if (library->subfolder) {
        _cleanup_free_ char *above = nvb_strdupf("usr/lib/%s", multiarch);
        _cleanup_free_ char *name = nvb_strdupf("%s.so", library->stem);
        _cleanup_free_ char *target = nvb_strdupf("%s/%s", library->subfolder, file);

        if (put_link(driver, above, name, target, err))
            return -1;
        add_to_cache(driver, name, is_32bit);
        return put_names(driver, folder, file, soname, NULL, err);
    }
    add_to_cache(driver, soname, is_32bit);
    /* ldconfig lists "libx.so", and leaves out a link named like another SONAME. */
    for (size_t i = 0; library->devnames && library->devnames[i]; i++) {
        if (nvb_has_suffix(library->devnames[i], ".so"))
            add_to_cache(driver, library->devnames[i], is_32bit);
    }
    return put_names(driver, folder, file, soname, library->devnames, err);
}

/* In a folder of its own, with alternatives in the multiarch folder. */
static int put_as_debian(struct driver *driver, const struct nvb_driver_library *library,
                         const char *file, const char *soname, bool is_shared,
                         struct nvb_error **err)
{
    static const char folder[] = "usr/lib/" MULTIARCH;
    static const char own[] = "usr/lib/" MULTIARCH "/nvidia/current";
    _cleanup_free_ char *path = nvb_strdupf("%s/%s", is_shared ? folder : own, file);
    _cleanup_free_ char *place = nvb_strdupf("%s%s%s", folder, library->subfolder ? "/" : "",
                                             library->subfolder ? library->subfolder : "");

    if (put_elf(driver, path, library->stem, soname, false, err))
        return -1;
    if (!library->subfolder)
        add_to_cache(driver, soname, false);
    if (is_shared)
        return put_names(driver, folder, file, soname, library->devnames, err);
    if (put_names(driver, own, file, soname, library->devnames, err) ||
        put_alternative(driver, place, soname, "/usr/lib/" MULTIARCH "/nvidia/current",
                        "-" MULTIARCH, err))
        return -1;
    if (!library->by_file_name)
        return 0;
    return put_alternative(driver, place, file, "/usr/lib/" MULTIARCH "/nvidia/current",
                           "-" MULTIARCH, err);
}

/* The name by which a program's module folder knows the library. */
static int put_module(const struct driver *driver, const struct nvb_driver_library *library,
                      const char *file, struct nvb_error **err)
{
    static const char mark[] = "@multiarch@";
    const char *place = library->module_paths ? strstr(library->module_paths[0], mark) : NULL;

    if (!place)
        return 0;

    _cleanup_free_ char *path =
        nvb_strdupf("%.*s" MULTIARCH "%s", (int)(place - library->module_paths[0] - 1),
                    library->module_paths[0] + 1, place + strlen(mark));
    _cleanup_free_ char *folder = nvb_path_dir(path);
    _cleanup_free_ char *target = nvb_strdupf("../%s", file);

    if (driver->options->layout == NVB_SIMULATE_RUN)
        return nvb_tree_link(driver->tree, path, target, err);
    if (put_link(driver, "usr/lib/" MULTIARCH "/nvidia/current", nvb_path_base(path), file, err))
        return -1;
    return put_alternative(driver, folder, nvb_path_base(path),
                           "/usr/lib/" MULTIARCH "/nvidia/current", "-" MULTIARCH, err);
}

static int put_library(struct driver *driver, const struct row *row, struct nvb_error **err)
{
    const struct nvb_driver_library *library =
        nvb_driver_library_find(row->stem, strlen(row->stem));
    bool debian = driver->options->layout == NVB_SIMULATE_DEBIAN;
    const char *version = driver->options->version;

    if (!library)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, 0, "the driver table has no '%s'",
                              row->stem);
    if (debian && row->is_desktop)
        return 0;

    _cleanup_free_ char *file =
        nvb_strdupf("%s.so.%s", row->stem, row->own_version ? row->own_version : version);
    _cleanup_free_ char *soname = library->soname ? nvb_strdupf("%s%s", row->stem, library->soname)
                                                  : nvb_strdupf("%s.so.%s", row->stem, version);
    int rc = debian ? put_as_debian(driver, library, file, soname, row->is_shared, err)
                    : put_as_run(driver, library, file, soname, false, err);

    if (rc == 0)
        rc = put_module(driver, library, file, err);
    if (rc == 0 && !debian && row->has_32bit && nvb_elf_write_native() == NVB_ELF_X86_64)
        rc = put_as_run(driver, library, file, soname, true, err);
    return rc;
}

/* ---- the cache ------------------------------------------------------------------------------ */

static int put_cache(const struct driver *driver, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str cache = NVB_STR_INIT;
    size_t count = driver->flags.count;
    _cleanup_free_ struct nvb_ldcache_item *items = nvb_calloc(count, sizeof(*items));

    for (size_t i = 0; i < count; i++) {
        items[i] = (struct nvb_ldcache_item){
            .key = driver->names.items[2 * i],
            .value = driver->names.items[2 * i + 1],
            .flags = driver->flags.items[i],
        };
    }
    if (nvb_ldcache_merge(NULL, items, count, &cache, err))
        return -1;
    return nvb_tree_put(driver->tree, "etc/ld.so.cache", cache.data, cache.len, 0644, err);
}

static int put_loader(const struct driver *driver, struct nvb_error **err)
{
    static const char native[] =
        "/usr/local/lib/" MULTIARCH "\n/lib/" MULTIARCH "\n/usr/lib/" MULTIARCH "\n";
    static const char other[] =
        "/usr/local/lib/" MULTIARCH_32 "\n/lib/" MULTIARCH_32 "\n/usr/lib/" MULTIARCH_32 "\n";
    bool has_32bit =
        driver->options->layout == NVB_SIMULATE_RUN && nvb_elf_write_native() == NVB_ELF_X86_64;

    if (nvb_tree_put_text(driver->tree, "etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n",
                          err) ||
        nvb_tree_put_text(driver->tree, "etc/ld.so.conf.d/" MULTIARCH ".conf", native, err))
        return -1;
    if (has_32bit &&
        nvb_tree_put_text(driver->tree, "etc/ld.so.conf.d/" MULTIARCH_32 ".conf", other, err))
        return -1;
    return put_cache(driver, err);
}

int nvb_simulate_driver(const struct nvb_tree *tree, const struct nvb_simulate_options *options,
                        struct nvb_error **err)
{
    _cleanup_(driver_done) struct driver driver = {.tree = tree, .options = options};

    for (size_t i = 0; i < NVB_COUNT(rows); i++) {
        if (put_library(&driver, &rows[i], err))
            return -1;
    }
    return put_loader(&driver, err);
}
