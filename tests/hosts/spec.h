#ifndef NVB_TESTS_HOSTS_SPEC_H
#define NVB_TESTS_HOSTS_SPEC_H

#include "base/error.h"
#include "base/str.h"

/*
 * Lays the recorded host RECORDING out in the empty folder TREE and appends the specification that
 * is built of it to *ret, as YAML: all capabilities, with the hook at a made-up place. TREE's own
 * path is left out, so that the text is the same wherever the host is laid. Notes come first, as
 * comments; a host of which there is no specification gives its error as comments. Returns 0, or -1
 * where the recording cannot be laid.
 */
int nvb_dump_spec(const char *recording, const char *tree, struct nvb_str *ret,
                  struct nvb_error **err);

#endif
