#ifndef NVB_HOOK_LINKS_H
#define NVB_HOOK_LINKS_H

#include "hook/arguments.h"
#include "hook/root.h"

/* Makes the libraries' names and the further links. What cannot be made is said and left. */
void hook_make_links(struct hook_root *root, const struct hook_arguments *arguments);

#endif
