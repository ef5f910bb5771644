#ifndef NVB_DOCTOR_UNIT_FILE_H
#define NVB_DOCTOR_UNIT_FILE_H

/* A unit taken apart so that it can be written again with only the changed lines changed. For
 * unit*.c alone. */

#include "doctor/unit.h"

struct nvb_unit_entry {
    char *section; /* "Service"; NULL before the first one */
    char *key;     /* NULL: a comment, an empty line, a section's head */
    char *value;   /* with its continuations, each a space */
    unsigned line;
    char *raw; /* all its lines, newlines included; what is written. NULL: it was taken out */
    struct nvb_str after; /* lines that follow it now */
};

struct nvb_unit_file {
    const char *name; /* borrowed */
    struct NVB_VEC(struct nvb_unit_entry) entries;
    struct nvb_unit_remarks *remarks; /* borrowed */
};

/* Returns 0, or -1 with NAME and line of what is neither a section, a comment nor KEY=VALUE. */
int nvb_unit_parse(const char *text, const char *name, struct nvb_unit_file *ret,
                   struct nvb_error **err);
void nvb_unit_file_done(struct nvb_unit_file *file);

/* The last entry KEY of SECTION that is still there, or NULL. */
struct nvb_unit_entry *nvb_unit_find(struct nvb_unit_file *file, const char *section,
                                     const char *key);

/* The last entry of any key in SECTION, or NULL. */
struct nvb_unit_entry *nvb_unit_last(struct nvb_unit_file *file, const char *section);

void nvb_unit_remark(struct nvb_unit_file *file, bool changed, unsigned line, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

/* Gives ENTRY another value, or takes it out. */
void nvb_unit_set(struct nvb_unit_entry *entry, const char *value);
void nvb_unit_drop(struct nvb_unit_entry *entry);

/* ---- a command line in a unit (systemd.service(5), "Command lines") ---- */

struct nvb_unit_word {
    char *raw;  /* as it stands, quotes and all */
    char *text; /* what it means */
    unsigned line;
    bool dropped;
};

struct nvb_unit_words NVB_VEC(struct nvb_unit_word);

void nvb_unit_words_done(struct nvb_unit_words *words);

/* Splits the value of ENTRY. */
void nvb_unit_split(const struct nvb_unit_entry *entry, struct nvb_unit_words *ret);

/* Writes WORDS back into ENTRY: a line's end stays where one was. */
void nvb_unit_join(struct nvb_unit_entry *entry, const struct nvb_unit_words *words);

/* One use of an option in WORDS. */
struct nvb_unit_option {
    char *name;        /* without dashes; a letter's long name where the table has it. Owned */
    const char *value; /* borrowed; NULL: none */
    size_t word;       /* its first word */
    size_t words;      /* 1 or 2 */
    char letter;       /* it stands in a word of letters; or 0 */
};

struct nvb_unit_options NVB_VEC(struct nvb_unit_option);

/* A command line that runs a container. */
struct nvb_unit_run {
    bool is_nvbind, is_docker;
    size_t verb; /* the word "run" */
    struct nvb_unit_options options;
    size_t image; /* the word IMAGE, or words.count */
};

void nvb_unit_run_done(struct nvb_unit_run *run);

/* Returns 0, or 1 where WORDS run no container by nvbind, podman or docker. */
int nvb_unit_read_run(const struct nvb_unit_words *words, struct nvb_unit_run *ret);

/* The last use of NAME, or NULL. */
const struct nvb_unit_option *nvb_unit_run_find(const struct nvb_unit_run *run, const char *name);

/* Takes OPTION out of WORDS: its words, or its letter alone. */
void nvb_unit_run_drop(struct nvb_unit_words *words, const struct nvb_unit_option *option);

#endif
