#ifndef NVB_BASE_NOTES_H
#define NVB_BASE_NOTES_H

/*
 * What a library has to say besides its result. Libraries do not log; they append to a list that
 * the caller handed in, and src/cli prints it by level. A list may be NULL: nothing is kept then.
 */

#include "base/str.h"

enum nvb_note_level {
    NVB_NOTE_WARNING, /* something the user should change or know */
    NVB_NOTE_NOTICE,  /* nothing to change, but to be known later */
    NVB_NOTE_INFO,    /* what was chosen and why (-v) */
    NVB_NOTE_DEBUG,   /* how it was found out (-vv) */
};

struct nvb_note {
    enum nvb_note_level level;
    char *text; /* owned */
    char *hint; /* owned, or NULL */
};

struct nvb_notes NVB_VEC(struct nvb_note);

#define _cleanup_notes_ _cleanup_(nvb_notes_done)

void nvb_notes_add(struct nvb_notes *notes, enum nvb_note_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives the note added last a hint. */
void nvb_notes_hint(struct nvb_notes *notes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void nvb_notes_done(struct nvb_notes *notes);

#endif
