#ifndef NVB_CONFIG_PROFILE_H
#define NVB_CONFIG_PROFILE_H

/*
 * Profiles: what a kind of work needs beside the GPU, as TOML. A name is looked for in
 *
 *   $XDG_CONFIG_HOME/nvbind/profiles/NAME.toml    the user's (~/.config/nvbind/profiles)
 *   /etc/nvbind/profiles/NAME.toml                the machine's
 *   the program itself                            profiles/NAME.toml of the source
 *
 * and the first file that is there is the profile: it replaces the others. Who may have written a
 * file is checked as for the configuration (config/config.h).
 *
 * A profile lies over the one that it extends, and one profile over another, by the same rule: a
 * text replaces, a variable or a limit replaces the one of its name, and of capabilities the whole
 * list; devices, mounts, arguments and checks add up.
 */

#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "config/keys.h"

/* The rows of nvb_profile_keys, in its order. */
enum nvb_profile_key {
    NVB_PROFILE_DESCRIPTION,
    NVB_PROFILE_EXTENDS,
    NVB_PROFILE_CAPABILITIES,
    NVB_PROFILE_SHM_SIZE,
    NVB_PROFILE_IPC,
    NVB_PROFILE_KEEP_GROUPS,
    NVB_PROFILE_X11_COOKIE,
    NVB_PROFILE_DEVICES,
    NVB_PROFILE_MOUNTS,
    NVB_PROFILE_ARGUMENTS,
    NVB_PROFILE_CHECKS,
    NVB_PROFILE_ULIMITS,
    NVB_PROFILE_ENVIRONMENT,
    NVB_PROFILE_KEYS, /* how many */
};

extern const struct nvb_key_table nvb_profile_keys;

/* The profiles in the program, by name (byte order). */
struct nvb_profile_builtin {
    const char *name;
    const unsigned char *text;
    size_t len;
};

extern const struct nvb_profile_builtin nvb_profile_builtins[];
extern const size_t nvb_profile_builtins_len;
extern const char *const nvb_profile_builtin_names[]; /* NULL-terminated */

enum nvb_profile_layer {
    NVB_PROFILE_BUILTIN,
    NVB_PROFILE_SYSTEM,
    NVB_PROFILE_USER,
};

/* Those that bring capabilities and nothing else, so that a folder that nobody vouched for may name
 * them; NULL-terminated. */
extern const char *const nvb_profile_harmless_names[];

struct nvb_profile_options {
    const char *const *environment; /* the caller's */
    uid_t uid;                      /* geteuid() */
    const char *system_folder;      /* NULL: /etc/nvbind/profiles */
};

/* One profile, or several that lie over one another. All zero: nothing. */
struct nvb_profile {
    struct nvb_key_value values[NVB_PROFILE_KEYS];
    struct nvb_strv names;        /* those it is made of, lowest first */
    struct nvb_strv files;        /* what the places borrow their paths from */
    enum nvb_profile_layer layer; /* where the one that was laid last was found */
};

#define _cleanup_profile_ _cleanup_(nvb_profile_done)

void nvb_profile_done(struct nvb_profile *profile);

/*
 * Reads the profile NAME and all that it extends and lays them over PROFILE; what PROFILE is made
 * of already is not laid again. PLACE is where the name was written, for the error that there is no
 * such profile (NULL: on the command line). Returns 0, or -1 with one error at file:line:column;
 * PROFILE is then good for nothing but nvb_profile_done().
 */
int nvb_profile_lay(const struct nvb_profile_options *options, const char *name,
                    const struct nvb_place *place, struct nvb_profile *profile,
                    struct nvb_error **err);

/* Appends the names of all profiles of all layers, each once, in byte order. */
void nvb_profile_list(const struct nvb_profile_options *options, struct nvb_strv *ret);

/* Appends PROFILE as one TOML file that extends nothing; comments say where each value is from. */
void nvb_profile_show(const struct nvb_profile *profile, struct nvb_str *ret);

/* "built in", "system", "user": a constant. */
const char *nvb_profile_layer_name(enum nvb_profile_layer layer);

/* A size: bytes with b, k, m or g behind them, or a percentage of the machine's memory ("50%").
 * Returns 0, or -1 where TEXT is none. */
int nvb_profile_parse_size(const char *text, uint64_t *ret_bytes);

/* A limit: SOFT or SOFT:HARD, each a number or "unlimited" (UINT64_MAX). 0, or -1 for no such. */
int nvb_profile_parse_limit(const char *text, uint64_t *ret_soft, uint64_t *ret_hard);

/* The RLIMIT_ number of a limit as engines name it ("memlock"), or -1. */
int nvb_profile_find_limit(const char *name);

#endif
