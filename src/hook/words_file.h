#ifndef NVB_HOOK_WORDS_FILE_H
#define NVB_HOOK_WORDS_FILE_H

/* A file of arguments, for a hook whose own file cannot know the machine's libraries. */

#include "base/error.h"
#include "base/str.h"

/*
 * Reads the file at the absolute PATH and appends its words to *ret: one a line, no quoting; empty
 * lines and those that begin with '#' are none.
 *
 * Its words are as good as the hook's own arguments, so the file and every folder above it must be
 * root's, closed to others' writing, and reached without a link. In a user namespace root's files
 * have the number of a user that is not mapped, or, for who made the namespace, may be his own.
 *
 * Returns 0, or -1 with an error that names the first offender and says what makes the file.
 */
int hook_read_words_file(const char *path, struct nvb_strv *ret, struct nvb_error **err);

#endif
