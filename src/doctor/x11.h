#ifndef NVB_DOCTOR_X11_H
#define NVB_DOCTOR_X11_H

/* One question to an X server, by its own protocol (X Window System Protocol, X11R7.7): who may
 * connect without a cookie. */

#include <stdbool.h>
#include <stddef.h>

enum nvb_x11_access {
    NVB_X11_CLOSED, /* cookies, and single users at most */
    NVB_X11_LOCAL,  /* every local user: "xhost +local:" */
    NVB_X11_ANY,    /* everybody: "xhost +" */
};

/*
 * Asks the server at the socket PATH. COOKIE (LEN bytes, or NULL) is an MIT-MAGIC-COOKIE-1.
 * Returns 0; 1 where the server does not let us ask; or a negative errno. Waits a second at most.
 */
int nvb_x11_ask_access(const char *path, const void *cookie, size_t len, enum nvb_x11_access *ret);

/*
 * Finds the cookie for local display NUMBER ("0") in an Xauthority file's LEN bytes (Xau(3)): its
 * place and length. Returns 0, or 1 where there is none.
 */
int nvb_x11_find_cookie(const char *file, size_t len, const char *number, const char **ret,
                        size_t *ret_len);

#endif
