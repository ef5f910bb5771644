#ifndef NVB_CDI_WITNESS_H
#define NVB_CDI_WITNESS_H

/*
 * What a specification was made from, so that it can be told in microseconds whether it still is
 * what would be made now: the loaded driver, its GPUs by PCI address and how they are cut, and the
 * identity (device, inode, times) of every folder in which discovery looked for something, among
 * them those that were not there. Whatever comes, goes or is replaced changes its folder.
 *
 * It is text, a line a fact, and stands as comments at the head of a specification in YAML: strict
 * consumers know nothing of it, and it is replaced in one step with the file. Folders that change
 * all the time (/run, /tmp) are not among the facts; what is looked for below them is.
 */

#include "host/host.h"

/* Before a line in a YAML file. */
#define NVB_CDI_WITNESS_MARK "# nvbind: "

/*
 * Appends the facts to *ret, each line with PREFIX before it. GPUS and LOOKED (nvb_driver_query)
 * are what discovery found on HOST; STARTED is the time (CLOCK_REALTIME_COARSE) before it began.
 * Returns 0, or 1 with nothing appended where the facts would not be worth anything: something
 * changed while it was looked at, or the driver has not told all yet.
 */
int nvb_cdi_witness_write(const struct nvb_host *host, const struct nvb_gpus *gpus,
                          const struct nvb_strv *looked, const struct timespec *started,
                          const char *prefix, struct nvb_str *ret);

/*
 * Whether the facts in the LEN bytes of TEXT, the lines that begin with PREFIX up to the first that
 * does not, still hold on HOST. No facts at all do not. *ret_why, where that is not NULL, becomes
 * what has changed, in words, owned.
 */
bool nvb_cdi_witness_holds(const char *text, size_t len, const char *prefix,
                           const struct nvb_host *host, char **ret_why);

#endif
