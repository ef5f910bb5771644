#ifndef NVB_HOST_ELF_READ_H
#define NVB_HOST_ELF_READ_H

/*
 * A small reader of ELF shared objects: the class and the SONAME, nothing else, by a few pread(2)s
 * (System V ABI, chapters "Object files" and "Dynamic linking"). The file is hostile: every offset
 * and size is checked against what was read, and at most some 80 KiB are read of any file.
 */

#include <stdbool.h>

struct nvb_elf {
    bool is_32bit;
    char *soname; /* DT_SONAME, owned; NULL: it has none, or it was not asked for */
};

/*
 * Reads the file open on FD. Returns 0; 1 when it is no whole shared object for x86-64, i386,
 * AArch64 or ARM, little endian, with *ret_why saying in a few words why (constant text); or a
 * negative errno from reading.
 */
int nvb_elf_read(int fd, bool want_soname, struct nvb_elf *ret, const char **ret_why);

#endif
