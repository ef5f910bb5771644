#ifndef NVB_HOST_ELF_WRITE_H
#define NVB_HOST_ELF_WRITE_H

/*
 * Writes small, real ELF files without a compiler: shared objects that every loader accepts and
 * programs that run. Simulated hosts are made of them, and so are the tests' recorded ones.
 * (System V ABI, chapters 4 and 5, and its x86-64, aarch64 and i386 supplements.)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum nvb_elf_machine {
    NVB_ELF_X86_64,
    NVB_ELF_AARCH64,
    NVB_ELF_I386,
};

/* The machine this was compiled for. */
enum nvb_elf_machine nvb_elf_write_native(void);

/* An exported function: it returns RESULT, whatever its arguments are. */
struct nvb_elf_function {
    const char *name;
    int32_t result;
    bool stores; /* its first argument points to an int, which it sets to STORED */
    int32_t stored;
};

struct nvb_elf_library {
    enum nvb_elf_machine machine;
    const char *soname; /* DT_SONAME, or NULL for none */
    const struct nvb_elf_function *functions;
    size_t function_count;
};

/*
 * Appends a shared object to *ret. It needs no other, so dlopen() of it fails only where the
 * machine is another. *ret is empty before the call: places in the file count from its beginning.
 */
void nvb_elf_write_library(const struct nvb_elf_library *library, struct nvb_str *ret);

/*
 * Appends a static program to *ret (empty before the call) that writes TEXT (at most 64 KiB) to
 * standard output and exits with STATUS. MACHINE is one of the 64-bit ones.
 */
void nvb_elf_write_program(enum nvb_elf_machine machine, const char *text, uint8_t status,
                           struct nvb_str *ret);

#endif
