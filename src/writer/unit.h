#ifndef NVB_WRITER_UNIT_H
#define NVB_WRITER_UNIT_H

/*
 * Text for systemd's unit files and for Podman's Quadlet, whose files have the same syntax
 * (systemd.syntax(7), "Quoting" in systemd.service(5), podman-systemd.unit(5)). What a value holds
 * must reach the program to the byte: "%" begins a specifier and "$" a variable, so both are
 * doubled.
 */

#include <stdbool.h>

#include "base/str.h"

/*
 * Of a service that is a container. Pulling its image may take long; what is not there yet at boot
 * comes within minutes, and systemd gives up after five starts in ten seconds; and a container that
 * is told to end by SIGTERM ends with 143, as its engine tells it.
 */
#define NVB_UNIT_LIMITS \
    "RestartSec=10\nTimeoutStartSec=900\nTimeoutStopSec=70\nSuccessExitStatus=143\n"

/* Whether TEXT can stand behind "Key=" as it is, all of it one value: no line break, no control
 * character, no blank at either end, no backslash at the end. */
bool nvb_unit_is_plain(const char *text);

/* Appends TEXT, which must be plain, as a value that is not split into words. */
void nvb_unit_add_value(struct nvb_str *s, const char *text);

/* Appends WORD as one of several words: quoted where it must be, with C's escapes. */
void nvb_unit_add_word(struct nvb_str *s, const char *word);

/*
 * Whether NAME may be a unit's name (without its ending) and so a file's: letters, digits and
 * ":-_.@\" (systemd.unit(5)), of which we leave the backslash out; not empty, no dot in front, at
 * most 200 bytes.
 */
bool nvb_unit_is_name(const char *name);

#endif
