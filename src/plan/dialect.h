#ifndef NVB_PLAN_DIALECT_H
#define NVB_PLAN_DIALECT_H

/*
 * Values of options that both engines have (NVB_OPTION_DIALECT) and that one of them alone
 * understands: "--userns=keep-id" is Podman's, "--log-driver=gelf" Docker's. As data, like the
 * options themselves.
 */

#include "plan/option.h"

enum nvb_dialect_match {
    NVB_DIALECT_IS,     /* the value is TEXT */
    NVB_DIALECT_BEGINS, /* … begins with TEXT */
    NVB_DIALECT_MODE,   /* TEXT is among the words behind the last ":", which commas separate */
    NVB_DIALECT_FIELD,  /* TEXT is one of the fields that commas separate */
};

struct nvb_dialect {
    const char *option; /* canonical */
    uint8_t match;      /* enum nvb_dialect_match */
    uint8_t engines;    /* who understands it */
    const char *text;
    const char *other; /* what the other engine calls it, or NULL: nothing */
};

/* The row by which ENGINE (one bit) does not understand VALUE of the option; NULL: none is known.
 */
const struct nvb_dialect *nvb_dialect_find(const char *option, const char *value, unsigned engine);

#endif
