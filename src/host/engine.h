#ifndef NVB_HOST_ENGINE_H
#define NVB_HOST_ENGINE_H

/*
 * The container engines that are installed. An engine's start takes tens of milliseconds, so it is
 * asked for its version once and the answer is kept in the caller's cache folder together with the
 * program's identity (path, device, inode, size, both times). Another identity, a file that others
 * could have written, or one that does not read as it should: the engine is asked again.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "host/user.h"

enum nvb_engine_kind {
    NVB_ENGINE_PODMAN = 1 << 0,
    NVB_ENGINE_DOCKER = 1 << 1,
};

struct nvb_engine {
    enum nvb_engine_kind kind;
    char *path;         /* absolute; what is executed. Owned */
    char *version_text; /* "4.3.1", "26.1.5+dfsg1". Owned */
    unsigned version;   /* major * 100 + minor: 403 */
    char *cache;        /* nvbind's cache folder, or NULL: nothing is kept. Owned */
};

#define _cleanup_engine_ _cleanup_(nvb_engine_done)

/* "podman" or "docker": the program's name. A constant. */
const char *nvb_engine_name(enum nvb_engine_kind kind);

/*
 * Finds an engine in the PATH of ENVIRONMENT (absolute elements only) and its version. KINDS is the
 * set that will do; Podman is taken first. A "docker" that turns out to be Podman (Debian's
 * podman-docker and the like) is Podman under that path.
 * No such engine: a not-found error whose hint is the install command of this distribution.
 */
int nvb_engine_find(unsigned kinds, char *const *environment, const struct nvb_user *user,
                    struct nvb_engine *ret, struct nvb_error **err);
void nvb_engine_done(struct nvb_engine *engine);

/*
 * Asks the engine's own "VERB --help" whether it has the option NAME (LEN bytes, no dashes), or,
 * where LEN is 1 and SHORT_NAME is set, that letter. The answer is kept as the version is.
 * Returns 0 and whether the option takes a value, 1 when the engine has no such option, or -1.
 */
int nvb_engine_find_option(const struct nvb_engine *engine, const char *verb, const char *name,
                           size_t len, bool short_name, char *const *environment,
                           bool *ret_takes_value, struct nvb_error **err);

/*
 * Reads one line of an engine's help (spf13/pflag, FlagUsages) into a letter (0 if none), a name
 * (borrowed from LINE, not terminated) and whether a value follows. Returns 0, or 1 when LINE
 * describes no option.
 */
int nvb_engine_parse_help_line(const char *line, char *ret_letter, const char **ret_name,
                               size_t *ret_len, bool *ret_takes_value);

#endif
