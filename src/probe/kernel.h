#ifndef NVB_PROBE_KERNEL_H
#define NVB_PROBE_KERNEL_H

/* The part of the CUDA driver interface that the probe uses, and the kernel that it runs. */

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* NULL where the library has no such call. Every call returns a CUresult, 0 for success. */
struct nvb_cuda {
    int (*init)(unsigned flags);
    int (*driver_version)(int *ret);
    int (*count)(int *ret);
    int (*device)(int *ret, int ordinal);
    int (*device_name)(char *text, int len, int device);
    int (*retain)(void **ret_context, int device);
    int (*release)(int device);
    int (*set_current)(void *context);
    int (*load)(void **ret_module, const void *image);
    int (*unload)(void *module);
    int (*function)(void **ret, void *module, const char *name);
    int (*alloc)(unsigned long long *ret, size_t size);
    int (*free)(unsigned long long memory);
    int (*copy_out)(void *to, unsigned long long from, size_t size);
    int (*launch)(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                  unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                  void *stream, void **params, void **extra);
    int (*synchronize)(void);
};

/* Loads libcuda.so.1 for the rest of the process. False where there is none. */
bool nvb_cuda_open(struct nvb_cuda *ret);
bool nvb_cuda_is_complete(const struct nvb_cuda *cuda);

/* "no device" for 100, …; "error 42" is "error". */
const char *nvb_cuda_name(int code);

/*
 * Compiles a kernel from PTX on GPU ORDINAL, runs it and compares every number that it computed
 * with what it should be. Appends the GPU's name and the time, or what failed, to *ret.
 */
bool nvb_cuda_run_kernel(const struct nvb_cuda *cuda, int ordinal, struct nvb_str *ret);

#endif
