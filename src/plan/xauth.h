#ifndef NVB_PLAN_XAUTH_H
#define NVB_PLAN_XAUTH_H

/*
 * The cookie that lets a container draw on the caller's X server. The caller's own file names each
 * cookie's machine, and a container has another name than that: so the cookies of the local display
 * are written anew for any machine (FamilyWild; X.Org, Xau(3), Xsecurity(7)).
 */

#include "base/str.h"

/*
 * Appends to *ret the file for a container of a caller with ENVIRONMENT (DISPLAY, XAUTHORITY,
 * HOME). Returns 0, or 1 where there is none to be made: no local display, no file, no cookie in it
 * for this display, or a file that is broken.
 */
int nvb_xauth_make(const char *const *environment, struct nvb_str *ret);

#endif
