/*
 * A CUDA driver library of two GPUs, made of the processor: what it is asked to launch, it computes
 * itself. It shows that nvbind-probe passes its kernel's arguments rightly, and that it notices
 * what goes wrong: NVBIND_FAKE_CUDA is "wrong" (one number is), "fails" (the launch does) or
 * "dies".
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cuInit(unsigned flags);
int cuDriverGetVersion(int *ret);
int cuDeviceGetCount(int *ret);
int cuDeviceGet(int *ret, int ordinal);
int cuDeviceGetName(char *text, int len, int device);
int cuDevicePrimaryCtxRetain(void **ret, int device);
int cuDevicePrimaryCtxRelease_v2(int device);
int cuCtxSetCurrent(void *context);
int cuModuleLoadData(void **ret, const void *image);
int cuModuleUnload(void *module);
int cuModuleGetFunction(void **ret, void *module, const char *name);
int cuMemAlloc_v2(unsigned long long *ret, size_t size);
int cuMemFree_v2(unsigned long long memory);
int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t size);
int cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                   void *stream, void **params, void **extra);
int cuCtxSynchronize(void);

enum { SUCCESS, INVALID_VALUE, NOT_INITIALIZED = 3, INVALID_PTX = 218, LAUNCH_FAILED = 719 };

static bool is_ready, is_current;
static int context;

static bool acts(const char *how)
{
    const char *wanted = getenv("NVBIND_FAKE_CUDA");

    return wanted && strcmp(wanted, how) == 0;
}

int cuInit(unsigned flags)
{
    is_ready = flags == 0;
    return is_ready ? SUCCESS : INVALID_VALUE;
}

int cuDriverGetVersion(int *ret)
{
    *ret = 12040;
    return SUCCESS;
}

int cuDeviceGetCount(int *ret)
{
    *ret = 2;
    return is_ready ? SUCCESS : NOT_INITIALIZED;
}

int cuDeviceGet(int *ret, int ordinal)
{
    *ret = ordinal;
    return ordinal < 2 ? SUCCESS : INVALID_VALUE;
}

int cuDeviceGetName(char *text, int len, int device)
{
    snprintf(text, (size_t)len, "Processor %d", device);
    return SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **ret, int device)
{
    *ret = &context;
    return device < 2 ? SUCCESS : INVALID_VALUE;
}

int cuDevicePrimaryCtxRelease_v2(int device)
{
    is_current = false;
    return device < 2 ? SUCCESS : INVALID_VALUE;
}

int cuCtxSetCurrent(void *wanted)
{
    is_current = wanted == &context;
    return is_current ? SUCCESS : INVALID_VALUE;
}

int cuModuleLoadData(void **ret, const void *image)
{
    if (!is_current || strncmp(image, ".version", strlen(".version")) != 0)
        return INVALID_PTX;
    *ret = strdup(image);
    return SUCCESS;
}

int cuModuleUnload(void *module)
{
    free(module);
    return SUCCESS;
}

int cuModuleGetFunction(void **ret, void *module, const char *name)
{
    *ret = strstr(module, name);
    return *ret ? SUCCESS : INVALID_VALUE;
}

int cuMemAlloc_v2(unsigned long long *ret, size_t size)
{
    *ret = (unsigned long long)(uintptr_t)calloc(1, size);
    return SUCCESS;
}

int cuMemFree_v2(unsigned long long memory)
{
    free((void *)(uintptr_t)memory);
    return SUCCESS;
}

int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t size)
{
    memcpy(to, (const void *)(uintptr_t)from, size);
    return SUCCESS;
}

int cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                   void *stream, void **params, void **extra)
{
    unsigned long long out;
    uint32_t count, seed;

    if (acts("dies"))
        abort();
    if (acts("fails"))
        return LAUNCH_FAILED;
    if (!is_current || !function || stream || extra || shared ||
        grid_y * grid_z * block_y * block_z != 1)
        return INVALID_VALUE;
    memcpy(&out, params[0], sizeof(out));
    memcpy(&count, params[1], sizeof(count));
    memcpy(&seed, params[2], sizeof(seed));
    for (uint32_t i = 0; i < grid_x * block_x; i++) {
        if (i < count)
            ((uint32_t *)(uintptr_t)out)[i] = i * i + seed + (acts("wrong") && i == 700);
    }
    return SUCCESS;
}

int cuCtxSynchronize(void)
{
    return SUCCESS;
}
