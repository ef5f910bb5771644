#ifndef NVB_CONFIG_CONFIG_H
#define NVB_CONFIG_CONFIG_H

/*
 * The configuration: TOML files in layers, the environment over them. Later wins:
 *
 *   /etc/nvbind/config.toml                the machine's
 *   $XDG_CONFIG_HOME/nvbind/config.toml    the user's (~/.config/nvbind/config.toml)
 *   ./nvbind.toml                          the working folder's, never its parents', never as root
 *   NVBIND_RUNTIME, NVBIND_GPU …           the variables that the key table names
 *   the command line                       laid over by who reads it
 *
 * Of [runtime.environment] each variable is won alone, of everything else the whole value: a list
 * is replaced, not continued. --config FILE (NVBIND_CONFIG) is read instead of the three files.
 *
 * A file is used only where nobody but its owner, the caller or root, can write it or a folder
 * above it; as root, only root's (base/trust.h). A ./nvbind.toml of another user's is passed
 * over with a warning: it may stand in any folder that others can write. One's own came with
 * whatever the folder came with, a cloned repository say. Until "nvbind config trust" has recorded
 * its path and content it may narrow what is granted, choose capabilities and built-in profiles of
 * nothing else, and set literal variables (enum nvb_key_trust); anything else in it is an error.
 */

#include <sys/types.h>

#include "base/error.h"
#include "base/notes.h"
#include "config/expand.h"
#include "config/keys.h"

/* The rows of nvb_config_keys, in its order. */
enum nvb_config_key {
    NVB_CONFIG_DEFAULT_RUNTIME,
    NVB_CONFIG_DEFAULT_ARGS,
    NVB_CONFIG_PROFILES,
    NVB_CONFIG_ENVIRONMENT,
    NVB_CONFIG_DEFAULT_SELECTION,
    NVB_CONFIG_ENABLE_ISOLATION,
    NVB_CONFIG_CAPABILITIES,
    NVB_CONFIG_ADDITIONAL_DEVICES,
    NVB_CONFIG_ADDITIONAL_LIBRARIES,
    NVB_CONFIG_ALLOW_ROOTLESS,
    NVB_CONFIG_RESTRICT_DEVICES,
    NVB_CONFIG_SECURITY_OPTS,
    NVB_CONFIG_KEYS, /* how many */
};

extern const struct nvb_key_table nvb_config_keys;

/* In the order in which they are laid. */
enum nvb_config_layer {
    NVB_LAYER_DEFAULT,
    NVB_LAYER_SYSTEM,
    NVB_LAYER_USER,
    NVB_LAYER_PROJECT,
    NVB_LAYER_FILE, /* --config FILE: alone */
    NVB_LAYER_ENVIRONMENT,
};

enum nvb_config_state {
    NVB_CONFIG_ABSENT,     /* it is not there */
    NVB_CONFIG_READ,       /* it counts */
    NVB_CONFIG_TRUSTED,    /* ./nvbind.toml: it counts, and its content was vouched for */
    NVB_CONFIG_UNREADABLE, /* the caller may not read it, */
    NVB_CONFIG_REFUSED,    /* others could have written it, */
    NVB_CONFIG_WRONG,      /* or what it says is: nothing is run then */
    NVB_CONFIG_IGNORED,    /* ./nvbind.toml as root or another user's; any layer beside --config */
};

struct nvb_config_file {
    enum nvb_config_layer layer;
    enum nvb_config_state state;
    char *path; /* owned; NULL where there is none: no HOME */
};

struct nvb_config_files NVB_VEC(struct nvb_config_file);

struct nvb_config {
    struct nvb_key_value values[NVB_CONFIG_KEYS];
    struct nvb_config_files files;  /* those looked at, in layer order; places borrow their paths */
    const char *const *environment; /* borrowed from the options */
};

#define _cleanup_config_ _cleanup_(nvb_config_done)

struct nvb_config_options {
    const char *file;               /* --config or NVBIND_CONFIG, or NULL */
    const char *const *environment; /* the caller's, environ: "NAME=VALUE" …, NULL */
    uid_t uid;                      /* the caller: geteuid() */
    const char *system_file;        /* NULL: /etc/nvbind/config.toml */
    const char *working_folder;     /* NULL: the process's */
    const char *const *profiles;    /* that need no trust, NULL-terminated; or NULL */
};

/*
 * Reads all layers. A file that is not there is no error, --config FILE excepted. Returns 0, or -1
 * with one error at file:line:column; *ret is then untouched. OPTIONS' environment must outlive
 * *ret. NOTES (may be NULL): a variable of the environment that looks like a misspelt NVBIND_ one,
 * another user's ./nvbind.toml.
 */
int nvb_config_load(const struct nvb_config_options *options, struct nvb_config *ret,
                    struct nvb_notes *notes, struct nvb_error **err);
void nvb_config_done(struct nvb_config *config);

/* The files alone, each with its state: one that cannot be used hides none of the others. */
void nvb_config_find_files(const struct nvb_config_options *options, struct nvb_config *ret,
                           struct nvb_notes *notes);

/* The text of a NVB_KEY_TEXT, borrowed; NULL where nobody set it and the table has no default. */
const char *nvb_config_text(const struct nvb_config *config, enum nvb_config_key key);

/* The value of a NVB_KEY_BOOL, else the table's default. */
bool nvb_config_flag(const struct nvb_config *config, enum nvb_config_key key);

/* The items of a NVB_KEY_LIST or NVB_KEY_MAP, borrowed; none where nobody set it. */
const struct nvb_key_items *nvb_config_items(const struct nvb_config *config,
                                             enum nvb_config_key key);

/* The item of that name in a NVB_KEY_MAP, borrowed, or NULL. */
const struct nvb_key_item *nvb_config_find_item(const struct nvb_config *config,
                                                enum nvb_config_key key, const char *name);

/* Where the key's value was written, for messages: nvb_place_fail(). All zero: a default. */
struct nvb_place nvb_config_place(const struct nvb_config *config, enum nvb_config_key key);

/*
 * Expands TEXT, which is ITEM's text or one field of it, with the caller's environment. SEPARATORS
 * as for nvb_expand(). Returns 0 with an owned text; 1 where a variable is unset and the entry has
 * to be left out: NOTES got one warning that says so; or -1 at ITEM's place.
 */
int nvb_config_expand(const struct nvb_config *config, const struct nvb_key_item *item,
                      const char *text, const char *separators, char **ret, struct nvb_notes *notes,
                      struct nvb_error **err);

/* The same with the variables of ENVIRONMENT: for items that are no configuration's. */
int nvb_item_expand(const struct nvb_key_item *item, const char *text,
                    const char *const *environment, const char *separators, char **ret,
                    struct nvb_notes *notes, struct nvb_error **err);

/* ---- for the config command ----------------------------------------------------------------- */

/*
 * Appends everything that is wrong with the one file PATH to FAULTS, sorted by place; that it is
 * not there is a fault too. Every key may be set in it.
 */
void nvb_config_validate(const struct nvb_config_options *options, const char *path,
                         struct nvb_faults *faults);

/*
 * The same for the file of a layer, which may be absent, by that layer's rules; only what depends
 * on the layers below is left to nvb_config_load().
 */
void nvb_config_validate_layer(const struct nvb_config_options *options,
                               enum nvb_config_layer layer, struct nvb_faults *faults);

/*
 * Records that the user vouches for the ./nvbind.toml PATH as it is now; it must be sound. Returns
 * 0 with its owned real path, and in *ret_needs (nvb_faults_done()) what it says that needed trust;
 * or -1.
 */
int nvb_config_trust(const struct nvb_config_options *options, const char *path, char **ret_real,
                     struct nvb_faults *ret_needs, struct nvb_error **err);

/* Takes it back. Returns 0, 1 where PATH was not recorded, or -1. */
int nvb_config_revoke(const struct nvb_config_options *options, const char *path, char **ret_real,
                      struct nvb_error **err);

/* Where the user's file stands or would stand; owned, or NULL where neither variable says. */
char *nvb_config_user_path(const char *const *environment);

/* The configuration as a TOML text; WITH_ORIGIN adds to every value where it comes from. */
void nvb_config_show(const struct nvb_config *config, bool with_origin, struct nvb_str *ret);

/* The same as a document, for JSON: values, or {"value", "layer", "file", "line"} each. */
void nvb_config_show_doc(const struct nvb_config *config, bool with_origin, struct nvb_doc *ret);

/* A file that holds every key as a comment, with its documentation: what "config init" writes. */
void nvb_config_write_example(struct nvb_str *ret);

/* "system", "user" …: a constant. */
const char *nvb_config_layer_name(enum nvb_config_layer layer);

#endif
