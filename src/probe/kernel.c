#include "probe/kernel.h"

#include <dlfcn.h>
#include <stdint.h>
#include <time.h>

/*
 * out[i] = i * i + seed, for i below count. PTX of the oldest architecture that current drivers
 * still translate, so that every GPU takes it; translating it needs libnvidia-ptxjitcompiler, which
 * is a library that injection may forget.
 */
static const char ptx[] = ".version 6.0\n"
                          ".target sm_50\n"
                          ".address_size 64\n"
                          ".visible .entry nvbind_probe(\n"
                          "    .param .u64 out, .param .u32 count, .param .u32 seed)\n"
                          "{\n"
                          "    .reg .pred %p<2>;\n"
                          "    .reg .b32 %r<9>;\n"
                          "    .reg .b64 %rd<5>;\n"
                          "    ld.param.u64 %rd1, [out];\n"
                          "    ld.param.u32 %r1, [count];\n"
                          "    ld.param.u32 %r2, [seed];\n"
                          "    mov.u32 %r3, %ctaid.x;\n"
                          "    mov.u32 %r4, %ntid.x;\n"
                          "    mov.u32 %r5, %tid.x;\n"
                          "    mad.lo.u32 %r6, %r3, %r4, %r5;\n"
                          "    setp.ge.u32 %p1, %r6, %r1;\n"
                          "    @%p1 bra done;\n"
                          "    mad.lo.u32 %r7, %r6, %r6, %r2;\n"
                          "    cvta.to.global.u64 %rd2, %rd1;\n"
                          "    mul.wide.u32 %rd3, %r6, 4;\n"
                          "    add.u64 %rd4, %rd2, %rd3;\n"
                          "    st.global.u32 [%rd4], %r7;\n"
                          "done:\n"
                          "    ret;\n"
                          "}\n";

enum { COUNT = 1000, BLOCK = 256, SEED = 20 };

bool nvb_cuda_open(struct nvb_cuda *ret)
{
    const struct {
        const char *name;
        void *place; /* of a function pointer in *ret */
    } calls[] = {
        {"cuInit", &ret->init},
        {"cuDriverGetVersion", &ret->driver_version},
        {"cuDeviceGetCount", &ret->count},
        {"cuDeviceGet", &ret->device},
        {"cuDeviceGetName", &ret->device_name},
        {"cuDevicePrimaryCtxRetain", &ret->retain},
        {"cuDevicePrimaryCtxRelease_v2", &ret->release},
        {"cuCtxSetCurrent", &ret->set_current},
        {"cuModuleLoadData", &ret->load},
        {"cuModuleUnload", &ret->unload},
        {"cuModuleGetFunction", &ret->function},
        {"cuMemAlloc_v2", &ret->alloc},
        {"cuMemFree_v2", &ret->free},
        {"cuMemcpyDtoH_v2", &ret->copy_out},
        {"cuLaunchKernel", &ret->launch},
        {"cuCtxSynchronize", &ret->synchronize},
    };
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);

    if (!library)
        return false;
    for (size_t i = 0; i < NVB_COUNT(calls); i++) {
        void *call = dlsym(library, calls[i].name);

        memcpy(calls[i].place, &call, sizeof(call));
    }
    return true;
}

bool nvb_cuda_is_complete(const struct nvb_cuda *cuda)
{
    return cuda->init && cuda->driver_version && cuda->count && cuda->device && cuda->device_name &&
           cuda->retain && cuda->release && cuda->set_current && cuda->load && cuda->unload &&
           cuda->function && cuda->alloc && cuda->free && cuda->copy_out && cuda->launch &&
           cuda->synchronize;
}

const char *nvb_cuda_name(int code)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {
        {0, "success"},
        {1, "invalid value"},
        {2, "out of memory"},
        {3, "not initialized"},
        {34, "stub library"},
        {46, "device unavailable"},
        {100, "no device"},
        {101, "invalid device"},
        {200, "invalid image"},
        {209, "no binary for this GPU"},
        {218, "invalid PTX"},
        {221, "no PTX compiler found"},
        {222, "PTX version not supported"},
        {304, "operating system call failed"},
        {700, "illegal address"},
        {702, "launch timed out"},
        {719, "launch failed"},
        {800, "not permitted"},
        {802, "system not ready"},
        {803, "driver and library versions differ"},
        {804, "forward compatibility not supported on this GPU"},
        {999, "unknown error"},
    };

    for (size_t i = 0; i < NVB_COUNT(names); i++) {
        if (names[i].code == code)
            return names[i].name;
    }
    return "error";
}

/* ---- the kernel ----------------------------------------------------------------------------- */

static bool failed(struct nvb_str *out, const char *what, int code)
{
    if (code != 0)
        nvb_str_addf(out, ": %s gave %d (%s)", what, code, nvb_cuda_name(code));
    return code != 0;
}

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static bool launch(const struct nvb_cuda *cuda, void *function, unsigned long long memory,
                   struct nvb_str *out)
{
    uint32_t numbers[COUNT] = {0};
    unsigned count = COUNT, seed = SEED;
    void *params[] = {&memory, &count, &seed};
    double before = now_us();

    if (failed(out, "cuLaunchKernel",
               cuda->launch(function, (COUNT + BLOCK - 1) / BLOCK, 1, 1, BLOCK, 1, 1, 0, NULL,
                            params, NULL)) ||
        failed(out, "cuCtxSynchronize", cuda->synchronize()))
        return false;

    double after = now_us();

    if (failed(out, "cuMemcpyDtoH", cuda->copy_out(numbers, memory, sizeof(numbers))))
        return false;
    for (unsigned i = 0; i < COUNT; i++) {
        if (numbers[i] != i * i + SEED) {
            nvb_str_addf(out, ": number %u is %u, not %u", i, numbers[i], i * i + SEED);
            return false;
        }
    }
    nvb_str_addf(out, ", %u numbers right, %.0f us", count, after - before);
    return true;
}

static bool run_module(const struct nvb_cuda *cuda, void *module, struct nvb_str *out)
{
    void *function = NULL;
    unsigned long long memory = 0;

    if (failed(out, "cuModuleGetFunction", cuda->function(&function, module, "nvbind_probe")) ||
        failed(out, "cuMemAlloc", cuda->alloc(&memory, COUNT * sizeof(uint32_t))))
        return false;

    bool ok = launch(cuda, function, memory, out);

    (void)cuda->free(memory);
    return ok;
}

bool nvb_cuda_run_kernel(const struct nvb_cuda *cuda, int ordinal, struct nvb_str *ret)
{
    char name[256] = "";
    void *context = NULL, *module = NULL;
    int device = 0;

    if (failed(ret, "cuDeviceGet", cuda->device(&device, ordinal)) ||
        failed(ret, "cuDeviceGetName", cuda->device_name(name, (int)sizeof(name) - 1, device)))
        return false;
    nvb_str_add(ret, name);
    if (failed(ret, "cuDevicePrimaryCtxRetain", cuda->retain(&context, device)))
        return false;

    bool ok = !failed(ret, "cuCtxSetCurrent", cuda->set_current(context)) &&
              !failed(ret, "cuModuleLoadData", cuda->load(&module, ptx)) &&
              run_module(cuda, module, ret);

    if (module)
        (void)cuda->unload(module);
    (void)cuda->release(device);
    return ok;
}
