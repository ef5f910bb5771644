#ifndef NVB_HOST_ENGINE_CACHE_H
#define NVB_HOST_ENGINE_CACHE_H

/*
 * What an engine answered, kept in the caller's cache folder: one file a program and question. The
 * file begins with the program's identity; everything behind it is the answer.
 */

#include "base/error.h"
#include "base/str.h"

/*
 * Appends the identity of PROGRAM: its path and what stat(2) says of it, a line each. Returns 0, or
 * -1 where it cannot be told apart from another (it is not there, its name holds a line's end).
 */
int nvb_engine_cache_identify(const char *program, struct nvb_str *ret);

/* Appends what stat(2) says of any file PATH, in the same way; one that is not there has an
 * identity too. */
void nvb_engine_cache_identify_file(const char *path, struct nvb_str *ret);

/*
 * Reads the answer to QUESTION ("version", "run") that PROGRAM gave, into *ret. FOLDER may be NULL.
 * MORE is what else the answer depends on, as text; "" where that is nothing.
 * Returns 0, or 1 when there is no answer that can be trusted: none is kept, it is another
 * program's or was given under other circumstances, others could have written it.
 */
int nvb_engine_cache_read(const char *folder, const char *program, const char *question,
                          const char *more, struct nvb_str *ret);

/*
 * Keeps ANSWER, which depends on MORE. Best effort: a folder that cannot be written, or that lies
 * where others can write or another user's files are (root with a user's HOME), is left alone and
 * nothing is kept.
 */
void nvb_engine_cache_write(const char *folder, const char *program, const char *question,
                            const char *more, const char *answer);

#endif
