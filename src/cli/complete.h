#ifndef NVB_CLI_COMPLETE_H
#define NVB_CLI_COMPLETE_H

/*
 * What "nvbind __complete" prints. Lines for a shell's completion: a candidate for the whole word,
 * and, behind a tab, what it is. A last line that begins with ":" asks the shell for more of its
 * own: ":files" or ":folders".
 */

#include "cli/cli.h"

struct nvb_completion {
    const struct nvb_host_options *host; /* borrowed */
    const char *word;                    /* what stands there of it: borrowed */
    size_t prefix;                       /* bytes of it that stand before the value: "--gpu=" */
    struct nvb_str lines;
    const char *directive; /* "files" or "folders", a constant; or NULL */
};

/*
 * Offers CANDIDATE, to stand behind the prefix, where it begins as the word does. NOTE may be NULL;
 * it may come from an untrusted file, and so may CANDIDATE: one with blanks or control characters
 * is left out.
 */
void nvb_completion_offer(struct nvb_completion *c, const char *candidate, const char *note);

/* Offers what a value is that the help shows as SPEC (struct nvb_cli_option). */
void nvb_completion_offer_value(struct nvb_completion *c, const char *spec);

/* Offers the names of the caller's containers, read from where Podman keeps them by default: no
 * engine is started. Docker's are root's secret. */
void nvb_completion_offer_containers(struct nvb_completion *c);

#endif
