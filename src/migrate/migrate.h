#ifndef NVB_MIGRATE_MIGRATE_H
#define NVB_MIGRATE_MIGRATE_H

/*
 * From Docker to Podman: scripts, Makefiles, systemd units, CI files and Compose files, rewritten
 * in place as far as the meaning is certain. What is not certain is left as it was and told.
 *
 * The text is never parsed into a tree and printed again: a rewrite is a list of byte ranges and
 * what stands there instead, so that everything else (comments, quoting, layout) stays to the byte.
 */

#include <stddef.h>

#include "base/error.h"
#include "base/str.h"
#include "base/vec.h"

enum nvb_migrate_kind {
    NVB_MIGRATE_SHELL,
    NVB_MIGRATE_MAKE,
    NVB_MIGRATE_UNIT,    /* a systemd unit */
    NVB_MIGRATE_CI,      /* YAML whose values are commands: GitLab's, GitHub's … */
    NVB_MIGRATE_COMPOSE, /* the Compose specification's */
};

/* What runs GPU containers afterwards. */
enum nvb_migrate_target {
    NVB_MIGRATE_TO_NVBIND,
    NVB_MIGRATE_TO_PODMAN, /* with CDI names */
};

struct nvb_migrate_edit {
    size_t start, end; /* bytes of the old text */
    char *text;        /* what stands there instead; owned */
};

/* Something that was left as it is. */
struct nvb_migrate_finding {
    unsigned line; /* from 1 */
    char *what;    /* owned */
    char *hint;    /* what to do about it; owned, or NULL */
};

struct nvb_migration {
    const char *text; /* the file, zero-terminated; borrowed */
    size_t len;
    enum nvb_migrate_kind kind;
    enum nvb_migrate_target target;
    struct nvb_strv variables; /* names that stand for "docker" in this file */
    struct NVB_VEC(struct nvb_migrate_edit) edits;
    struct NVB_VEC(struct nvb_migrate_finding) findings;
};

#define _cleanup_migration_ _cleanup_(nvb_migration_done)

void nvb_migration_done(struct nvb_migration *m);

/* What a file is, by its NAME and, where that does not tell, by its text. */
enum nvb_migrate_kind nvb_migrate_kind_of(const char *name, const char *text);

/*
 * Fills edits and findings of M, whose text, len, kind and target are set. NAME is for messages.
 * Returns 0, or -1 where the text cannot be read at all (YAML that is none).
 */
int nvb_migrate_read(struct nvb_migration *m, const char *name, struct nvb_error **err);

/* Appends the new text. */
void nvb_migrate_apply(const struct nvb_migration *m, struct nvb_str *ret);

/* Appends a unified diff with NAME in its head, as patch(1) reads it; nothing without edits. */
void nvb_migrate_diff(const struct nvb_migration *m, const char *name, struct nvb_str *ret);

/* ---- one file a part; private to src/migrate ---- */

/* Records that [START, END) becomes TEXT; ranges may not overlap. */
void nvb_migrate_edit(struct nvb_migration *m, size_t start, size_t end, const char *text);

/* Brings the edits, which stand in the order of their making until then, into the text's. */
void nvb_migrate_sort(struct nvb_migration *m);

/* Records something at byte AT that is left. */
void nvb_migrate_leave(struct nvb_migration *m, size_t at, const char *hint, const char *format,
                       ...) __attribute__((format(printf, 4, 5)));

/* The number of the line that byte AT stands in, from 1. */
unsigned nvb_migrate_line_of(const struct nvb_migration *m, size_t at);

/* A word of a command line. */
struct nvb_shell_word {
    size_t start, end;
    char *text; /* without quotes; NULL where the shell or make puts something in. Owned */
};

struct nvb_shell_words NVB_VEC(struct nvb_shell_word);

/* Finds the commands in [START, END) of the text, those inside of $(…) too, and rewrites each. */
void nvb_migrate_scan(struct nvb_migration *m, size_t start, size_t end);

/* A variable that holds options for "docker run" and nothing else: its GPU requests are rewritten
 * to words that both nvbind and Podman take. */
void nvb_migrate_scan_options(struct nvb_migration *m, size_t start, size_t end);

/* One simple command: its words, redirections left out. */
void nvb_migrate_command(struct nvb_migration *m, const struct nvb_shell_words *words);

/* The words of such a variable. */
void nvb_migrate_option_words(struct nvb_migration *m, const struct nvb_shell_words *words);

/* The words behind "docker run": the options, IMAGE, the container's. RUN is the index of "run".
 * Returns whether the command asks for GPUs; *RET_WELL says that it could be rewritten. */
bool nvb_migrate_run(struct nvb_migration *m, const struct nvb_shell_words *words, size_t run,
                     enum nvb_migrate_target target, bool all_gpus, bool *ret_well);

/* A Compose file's GPU requests. */
int nvb_migrate_compose(struct nvb_migration *m, const char *name, struct nvb_error **err);

/* ---- writing ---- */

/* What a file was when it was read. */
struct nvb_migrate_file {
    unsigned long long device, inode, size;
    long long seconds, nanoseconds; /* of its last change */
};

/* Reads the regular file PATH (no link) whole. Returns 0 or -1. */
int nvb_migrate_load(const char *path, struct nvb_str *ret, struct nvb_migrate_file *ret_file,
                     struct nvb_error **err);

/*
 * Replaces PATH by TEXT, keeping mode and owner, and leaves the old content as PATH.orig, which
 * must not be there yet. Refused where PATH is no longer the FILE that was read. Returns 0 or -1;
 * on failure PATH is as it was.
 */
int nvb_migrate_store(const char *path, const struct nvb_migrate_file *file, const char *old,
                      size_t old_len, const char *text, size_t len, struct nvb_error **err);

#endif
