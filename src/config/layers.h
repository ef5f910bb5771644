#ifndef NVB_CONFIG_LAYERS_H
#define NVB_CONFIG_LAYERS_H

/* What the files of src/config share and nobody else needs. */

#include "config/config.h"

#define NVB_CONFIG_SYSTEM_FILE  "/etc/nvbind/config.toml"
#define NVB_CONFIG_PROJECT_FILE "nvbind.toml"

/*
 * "$VARIABLE/REST", or "$HOME/UNDER_HOME/REST" where VARIABLE is unset, empty or not absolute (XDG
 * base directory specification). Owned; NULL where HOME is no absolute path either.
 */
char *nvb_config_home(const char *const *environment, const char *variable, const char *under_home,
                      const char *rest);

/*
 * Appends to *ret the content of a file that only UID or root can write (base/trust.h). Returns 0,
 * 1 when it is not there, or -1.
 */
int nvb_config_read_text(const char *path, enum nvb_config_layer layer, uid_t uid,
                         struct nvb_str *ret, struct nvb_error **err);

/*
 * Reads the file PATH of LAYER into VALUES, one a row and all zero, held against BELOW, the layers
 * under it (NULL: not held). All faults are kept. A file that is not there is NVB_CONFIG_ABSENT, in
 * NVB_LAYER_FILE a fault. The places borrow PATH.
 */
void nvb_config_read_file(const struct nvb_config_options *options, const char *path,
                          enum nvb_config_layer layer, const struct nvb_key_value *below,
                          struct nvb_key_value *values, enum nvb_config_state *ret_state,
                          struct nvb_faults *faults);
void nvb_config_values_done(struct nvb_key_value *values);

/*
 * Checks what an untrusted ./nvbind.toml set, VALUES, against BELOW, the layers under it, and
 * appends one fault for each value that goes beyond what enum nvb_key_trust allows. BELOW may be
 * NULL: what depends on it is then let through.
 */
void nvb_config_check_project(const struct nvb_key_value *values, const struct nvb_key_value *below,
                              const char *const *profiles, struct nvb_faults *faults);

/* Whether every GPU of the selection INNER is surely one of OUTER's, by their words alone. */
bool nvb_config_is_narrower(const char *inner, const char *outer);

/*
 * The absolute path, without links in its folders, of the project file PATH. It must not be a link
 * itself. Owned. Returns 0 or -1.
 */
int nvb_config_project_path(const char *path, char **ret, struct nvb_error **err);

#endif
