#ifndef NVB_COMPOSE_PROJECT_H
#define NVB_COMPOSE_PROJECT_H

/* Which files a compose tool would read for a command line, found as the tool itself finds them. */

#include "compose/variables.h"

/* Whose rules. */
enum nvb_compose_flavour {
    NVB_COMPOSE_DOCKER, /* Docker Compose */
    NVB_COMPOSE_PODMAN, /* podman-compose */
};

/* The words behind "nvbind compose": the tool's own, in its grammar. */
struct nvb_compose_call {
    struct nvb_strv globals; /* the words before the command word, as written */
    struct nvb_strv words;   /* the command word and what stands behind it */
    struct nvb_strv files;   /* -f */
    struct nvb_strv env_files;
    struct nvb_strv profiles;
    char *directory; /* --project-directory, or NULL */
    char *podman;    /* --podman-path, or NULL */
};

#define _cleanup_compose_call_ _cleanup_(nvb_compose_call_done)

/* Reads ARGV by the global options of every version of the tools: which of them take a value is
 * the same in all. Nothing is refused: the tool does that. */
void nvb_compose_call_read(int argc, char *const *argv, struct nvb_compose_call *ret);
void nvb_compose_call_done(struct nvb_compose_call *call);

/* The command word, borrowed, or NULL. */
const char *nvb_compose_call_command(const struct nvb_compose_call *call);

/* Whether the command may make containers, or shows what they would be. */
bool nvb_compose_call_makes(const struct nvb_compose_call *call);

/* Whether the tool would start a service of these PROFILES (none: always) that is called NAME. */
bool nvb_compose_call_wants(const struct nvb_compose_call *call,
                            const struct nvb_compose_variables *variables, const char *name,
                            const struct nvb_strv *profiles);

struct nvb_compose_project {
    struct nvb_strv files; /* to be read, in this order; as the user wrote them, or absolute */
    bool found;            /* they were looked for: no option and no variable names them */
    char *directory;       /* absolute: what relative paths in them are relative to */
    struct nvb_compose_variables variables;
};

#define _cleanup_compose_project_ _cleanup_(nvb_compose_project_done)

/*
 * Finds the files: -f, COMPOSE_FILE (also in .env), the default names in the working folder and,
 * for Docker Compose, in those above it with the override beside it. podman-compose.yaml is also
 * taken for Docker Compose where there is no other. A file that is none, and the standard input,
 * which could be read only once, are errors; no file at all is a not-found error.
 */
int nvb_compose_project_find(const struct nvb_compose_call *call, enum nvb_compose_flavour flavour,
                             char *const *environment, struct nvb_compose_project *ret,
                             struct nvb_error **err);
void nvb_compose_project_done(struct nvb_compose_project *project);

#endif
