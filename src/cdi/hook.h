#ifndef NVB_CDI_HOOK_H
#define NVB_CDI_HOOK_H

/* Where nvbind-hook is installed. */

#include "base/error.h"
#include "cdi/spec.h"

/* What the installed hook of folders of hooks (oci-hooks(5)) reads; root's, like the folder. */
#define NVB_CDI_HOOK_ARGUMENTS_FILE "/run/cdi/nvbind-hook.args"

/*
 * Finds nvbind-hook beside the running program (a build folder), else in the libexec/nvbind of its
 * prefix. Returns 0 with an owned absolute path, 1 when it is not there, or -1 with a
 * permission error when the caller is root and others could change what lies there: it would run as
 * root for every container.
 */
int nvb_cdi_find_hook(char **ret, struct nvb_error **err);

/*
 * The part of the hook's work (hook/args.h) that NAME means: one of its own names, or of
 * nvidia-ctk's, whose scripts move over ("create-symlinks" is "links"; "chmod", which nothing here
 * does, is no part: 0; "all" is every part). Returns 0, or -1 with a usage error that lists ours.
 */
int nvb_cdi_hook_part(const char *name, unsigned *ret, struct nvb_error **err);

/*
 * Appends to *ret the text of that file (hook/words_file.h): what SPEC, made with the hook, brings
 * besides nodes and variables. Its files are mounts of the hook's own, because nobody else makes
 * them for a container that has no more than the hook's annotation. Returns 0, 1 where SPEC has no
 * hook of ours (nothing is appended), or -1 where a path cannot be given to the hook.
 */
int nvb_cdi_hook_arguments(const struct nvb_cdi_spec *spec, struct nvb_str *ret,
                           struct nvb_error **err);

#endif
