#ifndef NVB_CONFIG_CONF_EDIT_H
#define NVB_CONFIG_CONF_EDIT_H

/* One change to somebody else's TOML file, which keeps every other byte of it. */

#include "base/error.h"
#include "base/str.h"

/*
 * Appends to *ret TEXT (LEN bytes; NAME is its file's, for messages) with the list of texts KEY of
 * the table TABLE set to ITEMS: in the place of a list that stands on one line, else as the first
 * line of that table, else in a new table at the end. *ret_line is the number of that line in
 * *ret. The result is read again, and must say just that. A file that is no TOML, or where it
 * cannot be done, is a configuration error. Returns 0 or -1.
 */
int nvb_conf_set_list(const char *text, size_t len, const char *name, const char *table,
                      const char *key, const struct nvb_strv *items, struct nvb_str *ret,
                      unsigned *ret_line, struct nvb_error **err);

#endif
