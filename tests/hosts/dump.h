#ifndef NVB_TESTS_HOSTS_DUMP_H
#define NVB_TESTS_HOSTS_DUMP_H

#include "host/host.h"

/*
 * Appends what discovery finds with OPTIONS to *ret, one line a thing; an error is a line as well.
 * The host root's own path is left out, so that the text is the same wherever a recorded host is
 * laid. FOLDERS may be NULL. Returns 0, or -1 when discovery failed.
 */
int nvb_dump_host(const struct nvb_host_options *options, unsigned capabilities,
                  const struct nvb_strv *folders, struct nvb_str *ret);

#endif
