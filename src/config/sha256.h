#ifndef NVB_CONFIG_SHA256_H
#define NVB_CONFIG_SHA256_H

/*
 * SHA-256 (FIPS 180-4), for the record of trusted files. A few dozen lines of our own because a
 * library linked for it costs every start of the program 50 to 150 µs (libgcrypt, libnettle,
 * libcrypto are shared objects with their own dependencies), and the kernel's AF_ALG sockets are
 * shut in many containers and by many system call filters. Tested with NIST's vectors and against
 * sha256sum(1).
 */

#include <stddef.h>

#define NVB_SHA256_HEX 64 /* characters, without the closing zero */

/* The hash of DATA as lower-case hexadecimal digits with a closing zero. */
void nvb_sha256_hex(const void *data, size_t len, char ret[NVB_SHA256_HEX + 1]);

#endif
