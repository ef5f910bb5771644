#ifndef NVB_CONFIG_KEYS_H
#define NVB_CONFIG_KEYS_H

/*
 * Key tables: what a TOML file of nvbind's may hold, as data. One row says a key's type, values,
 * default, documentation and whether an untrusted folder may set it; reading, checking, "config
 * show", "config init" and the manual page all come from the rows. The configuration is one table
 * (nvb_config_keys); a profile's file is another, read by the same functions.
 *
 * A key's name is its path, at most one dot: "runtime.default_args" stands in [runtime], "extends"
 * at the top. Every value that was read carries its place, so that whoever finds a fault in it
 * later still names the file, the line and the column.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/vec.h"
#include "data/doc.h"

enum nvb_key_type {
    NVB_KEY_TEXT, /* one string */
    NVB_KEY_BOOL, /* true or false */
    NVB_KEY_LIST, /* a list of strings */
    NVB_KEY_MAP,  /* a table of strings: names are the user's, as in [runtime.environment] */
};

/* What a ./nvbind.toml that nobody vouched for may do with the key. */
enum nvb_key_trust {
    NVB_KEY_TRUST_NEEDED,   /* nothing: it could add a mount, a device, an argument, a privilege */
    NVB_KEY_TRUST_FREE,     /* set it */
    NVB_KEY_TRUST_NARROWER, /* set it to what grants no more than the layers below do */
    NVB_KEY_TRUST_BUILTIN,  /* name built-in profiles of capabilities alone */
    NVB_KEY_TRUST_LITERAL,  /* set variables outside the deny list, without expansion */
};

struct nvb_key {
    const char *name;
    enum nvb_key_type type;
    enum nvb_key_trust trust;
    bool expands;             /* $VAR in its texts is expanded at run time */
    bool conditional;         /* a text may be {value = ..., if_path = ..., if_set = ...} too */
    const char *const *words; /* the texts it takes, NULL-terminated; NULL: any */
    /* A fault of one text ("is not an absolute path"), a constant, or NULL. NAME is the variable's
     * in a NVB_KEY_MAP, else NULL. Not called for what holds an expansion; NULL: any text. */
    const char *(*find_fault)(const char *name, const char *text);
    const char *variable; /* the environment variable that sets it (lists: by commas); or NULL */
    const char *default_value; /* a TEXT's text, a BOOL's "true" or "false"; NULL: none */
    const char *example;       /* as TOML writes it; of a MAP, one line of it */
    const char *summary;       /* one sentence */
    const char *text;          /* more sentences, or NULL */
};

struct nvb_key_table {
    const struct nvb_key *keys;
    size_t count;
    const char *noun; /* "configuration": what such a file is, for messages */
};

/* Where a value was written. */
struct nvb_place {
    const char *file; /* borrowed: lives as long as what was read; NULL: no file */
    unsigned line, column;
};

struct nvb_key_item {
    char *name; /* NVB_KEY_MAP: the variable; else NULL */
    char *text;
    char *if_path; /* the item counts only where this path is there; or NULL */
    char *if_set;  /* and only where this variable is set and not empty; or NULL */
    struct nvb_place place;
    unsigned layer; /* the caller's number for the file it came from */
};

struct nvb_key_items NVB_VEC(struct nvb_key_item);

/* What one key was set to. All zero: nobody set it. */
struct nvb_key_value {
    bool is_set;
    bool flag;                  /* NVB_KEY_BOOL */
    struct nvb_key_items items; /* NVB_KEY_TEXT has one */
    struct nvb_place place;     /* of the value as a whole; of a map, the first item's */
    unsigned layer;
};

/* Everything that is wrong with a file, in its order. */
struct nvb_faults NVB_VEC(struct nvb_error *);

/* Behind so many nothing more is looked at: the file is not what somebody thinks it is. */
#define NVB_FAULTS_MAX 100

#define _cleanup_faults_ _cleanup_(nvb_faults_done)
void nvb_faults_done(struct nvb_faults *faults);

/* Moves the first fault into *err. Returns -1, or 0 where there is none. */
int nvb_faults_take_first(struct nvb_faults *faults, struct nvb_error **err);

/*
 * Reads DOC (a map) by TABLE into VALUES, one a row, which must be all zero. FILE is borrowed by
 * the places, LAYER is stored as it is. What is wrong (an unknown key, which names the nearest one;
 * a wrong type, which says what stood there; a text that the row refuses; a broken expansion) is
 * appended to FAULTS with file, line and column, and that key stays unset.
 */
void nvb_keys_read(const struct nvb_key_table *table, const struct nvb_doc *doc, const char *file,
                   unsigned layer, struct nvb_key_value *values, struct nvb_faults *faults);

/*
 * Reads the text of an environment variable as KEY's value: a list by commas, a truth value by
 * true, false, yes, no, on, off, 1, 0. Maps cannot be read so. Returns 0 or -1.
 */
int nvb_key_read_variable(const struct nvb_key *key, const char *text, unsigned layer,
                          struct nvb_key_value *ret, struct nvb_error **err);

/* Lays FROM over INTO and leaves FROM empty: a map variable by variable, the rest as a whole. */
void nvb_key_value_lay(const struct nvb_key *key, struct nvb_key_value *into,
                       struct nvb_key_value *from);

void nvb_key_item_done(struct nvb_key_item *item);
void nvb_key_value_done(struct nvb_key_value *value);

/* The row of a name, borrowed, or NULL. */
const struct nvb_key *nvb_keys_find(const struct nvb_key_table *table, const char *name);

/* For find_fault: texts that are one line, names of variables, of profiles, of devices. */
const char *nvb_key_plain_fault(const char *name, const char *text);
const char *nvb_key_variable_fault(const char *name, const char *text);
const char *nvb_key_profile_fault(const char *name, const char *text);
const char *nvb_key_device_fault(const char *name, const char *text);

/* "a list of strings": what a key of the type takes. A constant. */
const char *nvb_key_type_name(enum nvb_key_type type);

/* A new configuration error at PLACE. Returns -1. */
int nvb_place_fail(const struct nvb_place *place, struct nvb_error **err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
