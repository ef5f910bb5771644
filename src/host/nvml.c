#include "host/nvml.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/trust.h"

/*
 * Theory of operation. The child loads the library by its path, asks about each GPU by its PCI
 * address, and writes lines of text, which the parent reads:
 *
 *     init CODE
 *     load PLACE MIG PROCESSES UTILISATION MEMORY     MIG is "-" for the whole GPU
 *     uuid PLACE MIG UUID
 *     profile PLACE MIG PROFILE                       the end of its name: "1g.5gb"
 *
 * PLACE and MIG are places in the lists of the parent: MIG devices are matched by the numbers of
 * their instances. Every call but nvmlInit may fail, or not be there in an older library: then the
 * line is not written. Signatures are those of NVIDIA's NVML API Reference.
 */

#define LIBRARY    "libnvidia-ml.so.1"
#define ANSWER_MAX ((size_t)256 << 10)
#define UUID_MAX   96 /* NVML_DEVICE_UUID_V2_BUFFER_SIZE */
#define NAME_SIZE  96 /* NVML_DEVICE_NAME_V2_BUFFER_SIZE */

/* nvmlReturn_t */
#define SUCCESS           0
#define INSUFFICIENT_SIZE 7

struct utilisation {
    unsigned gpu, memory;
};

struct memory {
    unsigned long long total, free, used;
};

struct library {
    int (*init)(void);
    int (*by_pci)(const char *address, void **ret);
    int (*utilisation)(void *device, struct utilisation *ret);
    int (*memory)(void *device, struct memory *ret);
    int (*computing)(void *device, unsigned *count, void *infos);
    int (*drawing)(void *device, unsigned *count, void *infos);
    int (*mig_max)(void *device, unsigned *ret);
    int (*mig_by_index)(void *device, unsigned index, void **ret);
    int (*gi)(void *device, unsigned *ret);
    int (*ci)(void *device, unsigned *ret);
    int (*uuid)(void *device, char *text, unsigned len);
    int (*name)(void *device, char *text, unsigned len);
};

struct question {
    const char *path;
    unsigned questions;
    const struct nvb_gpus *gpus;
};

void nvb_nvml_done(struct nvb_nvml *nvml)
{
    free(nvml->why);
    *nvml = (struct nvb_nvml)NVB_NVML_INIT;
}

/* ---- in the child --------------------------------------------------------------------------- */

/* Data pointers become function pointers here, as POSIX has dlsym(3) do it. */
static void find_calls(void *handle, struct library *ret)
{
    *ret = (struct library){
        .init = (int (*)(void))dlsym(handle, "nvmlInit_v2"),
        .by_pci = (int (*)(const char *, void **))dlsym(handle, "nvmlDeviceGetHandleByPciBusId_v2"),
        .utilisation =
            (int (*)(void *, struct utilisation *))dlsym(handle, "nvmlDeviceGetUtilizationRates"),
        .memory = (int (*)(void *, struct memory *))dlsym(handle, "nvmlDeviceGetMemoryInfo"),
        .computing = (int (*)(void *, unsigned *, void *))dlsym(
            handle, "nvmlDeviceGetComputeRunningProcesses_v3"),
        .drawing = (int (*)(void *, unsigned *, void *))dlsym(
            handle, "nvmlDeviceGetGraphicsRunningProcesses_v3"),
        .mig_max = (int (*)(void *, unsigned *))dlsym(handle, "nvmlDeviceGetMaxMigDeviceCount"),
        .mig_by_index = (int (*)(void *, unsigned, void **))dlsym(
            handle, "nvmlDeviceGetMigDeviceHandleByIndex"),
        .gi = (int (*)(void *, unsigned *))dlsym(handle, "nvmlDeviceGetGpuInstanceId"),
        .ci = (int (*)(void *, unsigned *))dlsym(handle, "nvmlDeviceGetComputeInstanceId"),
        .uuid = (int (*)(void *, char *, unsigned))dlsym(handle, "nvmlDeviceGetUUID"),
        .name = (int (*)(void *, char *, unsigned))dlsym(handle, "nvmlDeviceGetName"),
    };
}

/* How many processes CALL counts; asked without room for them, it says how many there are. */
static unsigned count_processes(int (*call)(void *, unsigned *, void *), void *device)
{
    unsigned count = 0;
    int code = call ? call(device, &count, NULL) : -1;
    return code == SUCCESS || code == INSUFFICIENT_SIZE ? count : 0;
}

static void say_load(const struct library *library, void *device, const char *name,
                     struct nvb_str *out)
{
    struct memory memory = {0};
    struct utilisation utilisation = {0};
    if (!library->memory || library->memory(device, &memory) != SUCCESS || memory.total < 100)
        return;
    if (library->utilisation && library->utilisation(device, &utilisation) != SUCCESS)
        utilisation.gpu = 0;
    nvb_str_addf(out, "load %s %u %u %llu\n", name,
                 count_processes(library->computing, device) +
                     count_processes(library->drawing, device),
                 utilisation.gpu, memory.used / (memory.total / 100));
}

static const struct nvb_mig *find_mig(const struct nvb_gpu *gpu, unsigned gi, unsigned ci)
{
    nvb_vec_foreach (mig, &gpu->migs)
        if (mig->gi == gi && mig->ci == ci)
            return mig;
    return NULL;
}

/* A MIG device's name is its GPU's and its profile: "NVIDIA A100-SXM4-40GB MIG 1g.5gb". */
static void say_profile(const struct library *library, void *part, const char *name,
                        struct nvb_str *out)
{
    char text[NAME_SIZE] = "";
    if (!library->name || library->name(part, text, sizeof(text)) != SUCCESS)
        return;
    text[sizeof(text) - 1] = '\0';
    const char *mark = strstr(text, " MIG ");
    if (mark)
        nvb_str_addf(out, "profile %s %s\n", name, mark + strlen(" MIG "));
}

static void say_migs(const struct library *library, const struct question *question,
                     const struct nvb_gpu *gpu, size_t place, void *device, struct nvb_str *out)
{
    unsigned count = 0;
    if (!gpu->migs.count || !library->mig_max || !library->mig_by_index || !library->gi ||
        !library->ci || library->mig_max(device, &count) != SUCCESS)
        return;
    for (unsigned i = 0; i < count; i++) {
        char uuid[UUID_MAX] = "";
        void *part = NULL;
        unsigned gi = 0;
        unsigned ci = 0;
        if (library->mig_by_index(device, i, &part) != SUCCESS ||
            library->gi(part, &gi) != SUCCESS || library->ci(part, &ci) != SUCCESS)
            continue;
        const struct nvb_mig *mig = find_mig(gpu, gi, ci);
        if (!mig)
            continue;
        _cleanup_free_ char *name = nvb_strdupf("%zu %u", place, mig->index);
        if (library->uuid && library->uuid(part, uuid, sizeof(uuid)) == SUCCESS)
            nvb_str_addf(out, "uuid %s %.*s\n", name, UUID_MAX - 1, uuid);
        say_profile(library, part, name, out);
        if (question->questions & NVB_NVML_LOAD)
            say_load(library, part, name, out);
    }
}

static int answer(const void *arg, int fd)
{
    const struct question *question = arg;
    _cleanup_str_ struct nvb_str out = NVB_STR_INIT;
    struct library library;
    void *handle = dlopen(question->path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return 1;
    find_calls(handle, &library);
    int code = library.init ? library.init() : -1;
    nvb_str_addf(&out, "init %d\n", code);
    for (size_t i = 0; code == SUCCESS && library.by_pci && i < question->gpus->count; i++) {
        const struct nvb_gpu *gpu = &question->gpus->items[i];
        _cleanup_free_ char *name = nvb_strdupf("%zu -", i);
        void *device = NULL;
        if (library.by_pci(gpu->pci, &device) != SUCCESS)
            continue;
        if (question->questions & NVB_NVML_LOAD)
            say_load(&library, device, name, &out);
        say_migs(&library, question, gpu, i, device, &out);
    }
    return nvb_write_all(fd, out.data, out.len) < 0 ? 1 : 0;
}

/* ---- in the parent -------------------------------------------------------------------------- */

/* "MIG-" and what a name is made of: the text comes from a library that is not ours. */
static bool is_uuid(const char *text)
{
    return nvb_has_prefix(text, "MIG-") && strlen(text) < UUID_MAX &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/") ==
               strlen(text);
}

static bool is_profile(const char *text)
{
    return *text && strlen(text) < 32 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.+-") == strlen(text);
}

static bool read_number(const char *word, unsigned *ret)
{
    uint64_t n;
    if (nvb_parse_u64(word, strlen(word), 10, &n) < 0 || n > UINT32_MAX)
        return false;
    *ret = (unsigned)n;
    return true;
}

/* Takes one line's words into GPUS; a line that is none of ours is passed over. */
static void take_line(const struct nvb_strv *words, struct nvb_gpus *gpus)
{
    struct nvb_load load = {.known = true};
    unsigned place = 0;
    unsigned index = 0;
    if (words->count < 4 || !read_number(words->items[1], &place) || place >= gpus->count)
        return;
    struct nvb_gpu *gpu = &gpus->items[place];
    struct nvb_mig *mig = NULL;
    if (read_number(words->items[2], &index) && index < gpu->migs.count)
        mig = &gpu->migs.items[index];
    else if (strcmp(words->items[2], "-") != 0)
        return;
    if (strcmp(words->items[0], "uuid") == 0 && words->count == 4 && mig &&
        is_uuid(words->items[3])) {
        free(mig->uuid);
        mig->uuid = nvb_strdup(words->items[3]);
    } else if (strcmp(words->items[0], "profile") == 0 && words->count == 4 && mig &&
               is_profile(words->items[3])) {
        free(mig->profile);
        mig->profile = nvb_strdup(words->items[3]);
    } else if (strcmp(words->items[0], "load") == 0 && words->count == 6 &&
               read_number(words->items[3], &load.processes) &&
               read_number(words->items[4], &load.utilisation) &&
               read_number(words->items[5], &load.memory)) {
        if (mig)
            mig->load = load;
        else
            gpu->load = load;
    }
}

static void take_answer(const char *text, struct nvb_gpus *gpus, struct nvb_nvml *ret)
{
    _cleanup_strv_ struct nvb_strv lines = {0};
    nvb_strv_split(&lines, text, '\n');
    if (strcmp(lines.items[0], "init 0") != 0) {
        const char *code =
            nvb_has_prefix(lines.items[0], "init ") ? lines.items[0] + strlen("init ") : "nothing";
        ret->why = nvb_strdupf("NVML does not start (nvmlInit: %s)", code);
        return;
    }
    for (size_t i = 1; i < lines.count; i++) {
        _cleanup_strv_ struct nvb_strv words = {0};
        nvb_strv_split(&words, lines.items[i], ' ');
        take_line(&words, gpus);
    }
    ret->answered = true;
}

/* The library's path, owned; else NULL with *ret_why. */
static char *find_library(const struct nvb_driver *driver, char **ret_why)
{
    _cleanup_error_ struct nvb_error *err = NULL;
    nvb_vec_foreach (file, &driver->files) {
        if (file->kind != NVB_FILE_LIBRARY || file->is_32bit || !file->soname ||
            strcmp(file->soname, LIBRARY) != 0)
            continue;
        if (geteuid() != 0 || nvb_trust_check_path(file->path, 0, &err) == 0)
            return nvb_strdup(file->path);
        *ret_why = nvb_strdupf("NVML is not asked: %s", err->message);
        return NULL;
    }
    *ret_why = nvb_strdup("there is no " LIBRARY);
    return NULL;
}

static char *find_in_host(const struct nvb_host *host, const struct nvb_driver *driver,
                          char **ret_why)
{
    const struct nvb_driver_query query = {.capabilities = NVB_CAP_UTILITY};
    _cleanup_driver_ struct nvb_driver found = {0};
    if (!nvb_root_is_host(&host->root) || !nvb_root_is_host(&host->driver)) {
        *ret_why = nvb_strdup("NVML is not asked about another root");
        return NULL;
    }
    if (!driver && nvb_host_find_driver(host, &query, &found, NULL, NULL) < 0) {
        *ret_why = nvb_strdup("the driver's files cannot be read");
        return NULL;
    }
    return find_library(driver ? driver : &found, ret_why);
}

void nvb_nvml_ask(const struct nvb_host *host, const struct nvb_driver *driver, unsigned questions,
                  unsigned timeout_ms, struct nvb_gpus *gpus, struct nvb_nvml *ret)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_error_ struct nvb_error *err = NULL;
    int status = 0;
    nvb_nvml_done(ret);
    _cleanup_free_ char *path = find_in_host(host, driver, &ret->why);
    if (!path)
        return;
    const struct question question = {path, questions, gpus};
    if (nvb_process_ask(answer, &question, timeout_ms, ANSWER_MAX, &text, &status, &err) < 0)
        ret->why = nvb_strdupf("NVML gave %s", err->message);
    else if (WIFSIGNALED(status))
        ret->why = nvb_strdupf("NVML died of signal %d", WTERMSIG(status));
    else if (status != 0)
        ret->why = nvb_strdupf("'%s' cannot be loaded", path);
    else
        take_answer(text.data, gpus, ret);
}
