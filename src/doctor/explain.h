#ifndef NVB_DOCTOR_EXPLAIN_H
#define NVB_DOCTOR_EXPLAIN_H

/* Engines' own messages, and which check each of them is about. */

#include <stddef.h>

#include "base/vec.h"

struct nvb_explanation {
    const char *pattern; /* a piece of the message; "*" stands for any text of the same line */
    const char *check;   /* the row, or the group of rows, that looks at the cause */
    const char *text;    /* what the message means, in one line */
};

struct nvb_explanations NVB_VEC(const struct nvb_explanation *);

/*
 * Appends the rows whose pattern occurs in MESSAGE (what an engine, an OCI runtime or a program in
 * the container wrote; any number of lines, untrusted), in the table's order, one a check. Returns
 * 0, or 1 where no row knows it.
 */
int nvb_explain(const char *message, struct nvb_explanations *ret);

/* Row INDEX of the table, or NULL behind the last. A constant. */
const struct nvb_explanation *nvb_explain_get(size_t index);

#endif
