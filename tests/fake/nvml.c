/*
 * An NVML that answers from a text file, for what only a machine with GPUs could tell. The file is
 * named by NVBIND_FAKE_NVML; its lines are
 *
 *     gpu ADDRESS UTILISATION MEMORY PROCESSES         percent, percent, number; "-": not supported
 *     mig ADDRESS GI CI UUID MEMORY PROCESSES [PROFILE]   in the order in which NVML counts them
 *     init CODE      what nvmlInit returns             hangs, dies, prints    what it does instead
 *     calls FILE     a line a call of nvmlInit is added to FILE
 *
 * Without the variable it has no GPU. A UUID may be any word: "%20" in it becomes a blank.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetHandleByPciBusId_v2(const char *address, void **ret);
int nvmlDeviceGetUtilizationRates(void *device, unsigned *ret);
int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *ret);
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, void *infos);
int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned *count, void *infos);
int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *ret);
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **ret);
int nvmlDeviceGetGpuInstanceId(void *device, unsigned *ret);
int nvmlDeviceGetComputeInstanceId(void *device, unsigned *ret);
int nvmlDeviceGetUUID(void *device, char *text, unsigned len);
int nvmlDeviceGetName(void *device, char *text, unsigned len);

enum { SUCCESS, UNINITIALIZED, INVALID_ARGUMENT, NOT_SUPPORTED, NOT_FOUND = 6, TOO_SMALL = 7 };

#define MAX 128

static struct device {
    char address[32], uuid[64], utilisation[8], profile[32];
    unsigned is_mig, gi, ci, memory, processes;
} devices[MAX];
static unsigned count;

static void read_line(const char *line)
{
    struct device *d = &devices[count];
    char word[256];
    int code;

    if (sscanf(line, "gpu %31s %7s %u %u", d->address, d->utilisation, &d->memory, &d->processes) ==
        4) {
        count += count + 1 < MAX;
    } else if (sscanf(line, "mig %31s %u %u %63s %u %u %31s", d->address, &d->gi, &d->ci, d->uuid,
                      &d->memory, &d->processes, d->profile) >= 6) {
        d->is_mig = 1;
        count += count + 1 < MAX;
    } else if (sscanf(line, "calls %255s", word) == 1) {
        FILE *file = fopen(word, "a");
        if (file) {
            fputs("nvmlInit\n", file);
            fclose(file);
        }
    } else if (sscanf(line, "init %d", &code) == 1) {
        count = MAX + (unsigned)code;
    } else if (strcmp(line, "prints\n") == 0) {
        puts("NVML speaks on standard output");
        fputs("NVML speaks on standard error\n", stderr);
        fflush(stdout);
    } else if (strcmp(line, "dies\n") == 0) {
        abort();
    } else if (strcmp(line, "hangs\n") == 0) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        for (;;)
            pause();
    }
}

int nvmlInit_v2(void)
{
    const char *name = getenv("NVBIND_FAKE_NVML");
    FILE *file = name ? fopen(name, "r") : NULL;
    char line[512];

    count = 0;
    while (file && count < MAX && fgets(line, sizeof(line), file))
        read_line(line);
    if (file)
        fclose(file);
    return count >= MAX ? (int)(count - MAX) : SUCCESS;
}

int nvmlShutdown(void)
{
    return SUCCESS;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *address, void **ret)
{
    for (unsigned i = 0; i < count; i++) {
        if (devices[i].is_mig || strcmp(devices[i].address, address) != 0)
            continue;
        *ret = &devices[i];
        return SUCCESS;
    }
    return NOT_FOUND;
}

int nvmlDeviceGetUtilizationRates(void *device, unsigned *ret)
{
    const struct device *d = device;

    if (d->is_mig || sscanf(d->utilisation, "%u", ret) != 1)
        return NOT_SUPPORTED;
    ret[1] = 0;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *ret)
{
    const struct device *d = device;

    if (d->memory > 100)
        return NOT_SUPPORTED;
    ret[0] = 40000000000u;
    ret[2] = ret[0] / 100 * d->memory;
    ret[1] = ret[0] - ret[2];
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *ret, void *infos)
{
    const struct device *d = device;
    unsigned room = *ret;

    *ret = d->processes;
    return infos || room ? INVALID_ARGUMENT : d->processes ? TOO_SMALL : SUCCESS;
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned *ret, void *infos)
{
    (void)device;
    (void)infos;
    *ret = 0;
    return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *ret)
{
    (void)device;
    *ret = 7;
    return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **ret)
{
    const struct device *gpu = device;

    for (unsigned i = 0; i < count; i++) {
        if (!devices[i].is_mig || strcmp(devices[i].address, gpu->address) != 0 || index--)
            continue;
        *ret = &devices[i];
        return SUCCESS;
    }
    return NOT_FOUND;
}

int nvmlDeviceGetGpuInstanceId(void *device, unsigned *ret)
{
    *ret = ((struct device *)device)->gi;
    return SUCCESS;
}

int nvmlDeviceGetComputeInstanceId(void *device, unsigned *ret)
{
    *ret = ((struct device *)device)->ci;
    return SUCCESS;
}

int nvmlDeviceGetUUID(void *device, char *text, unsigned len)
{
    const char *from = ((struct device *)device)->uuid;
    unsigned i = 0;

    for (; *from && i + 1 < len; from++) {
        int is_blank = strncmp(from, "%20", 3) == 0;
        text[i++] = is_blank ? ' ' : *from;
        from += is_blank ? 2 : 0;
    }
    text[i] = '\0';
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *text, unsigned len)
{
    const struct device *d = device;

    snprintf(text, len, "NVIDIA A100-SXM4-40GB%s%s", d->profile[0] ? " MIG " : "", d->profile);
    return SUCCESS;
}
