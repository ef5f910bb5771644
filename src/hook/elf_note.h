#ifndef NVB_HOOK_ELF_NOTE_H
#define NVB_HOOK_ELF_NOTE_H

#include "base/str.h"

/*
 * Finds in the ELF file FD the note section NAME and appends the description of its first note, if
 * that is by OWNER, to *ret. FD is the image's and hostile: nothing in it is believed before it is
 * bounded. Returns 0, 1 when there is no such note, or a negative errno (-EINVAL: not a whole
 * 64-bit little-endian ELF file).
 */
int hook_find_note(int fd, const char *name, const char *owner, struct nvb_str *ret);

#endif
