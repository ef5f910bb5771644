#ifndef NVB_CLI_INFO_H
#define NVB_CLI_INFO_H

#include "data/doc.h"

/* Appends what "nvbind info --json" says as text for people. */
void nvb_info_format(const struct nvb_doc *doc, struct nvb_str *ret);

#endif
