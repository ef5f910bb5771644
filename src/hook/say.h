#ifndef NVB_HOOK_SAY_H
#define NVB_HOOK_SAY_H

/* What the hook says on standard error: one line a message, which engines show or keep. */

/* Writes "nvbind-hook: TEXT". Names come from images, so what is not printable becomes '?'. */
void hook_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
