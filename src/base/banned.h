#ifndef NVB_BASE_BANNED_H
#define NVB_BASE_BANNED_H

/*
 * Functions that invite a bug each time they are called. The compiler is told to include this file
 * before everything else, so a call to one of them does not build. What to use instead:
 *
 *   strcpy strcat stpcpy strncpy strncat   struct nvb_str (base/str.h)
 *   sprintf vsprintf                       nvb_str_addf(), nvb_strdupf()
 *   strtok                                 strcspn(), or strtok_r() on a string one owns
 *   atoi atol atoll atof                   nvb_parse_u64() (base/str.h)
 *   gets tmpnam mktemp alloca              getline(), O_EXCL names (base/file.h), the heap
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Macros where clang meets a fortified libc; a macro cannot be poisoned. */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat stpcpy strncpy strncat
#pragma GCC poison sprintf vsprintf
#pragma GCC poison strtok
#pragma GCC poison atoi atol atoll atof
#pragma GCC poison gets tmpnam mktemp

#endif
