#ifndef NVB_DATA_UTF8_H
#define NVB_DATA_UTF8_H

/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */

#include <stddef.h>
#include <stdint.h>

/* Reads the code point at TEXT, which has LEN bytes. Returns how many bytes it takes; 0 when LEN is
 * 0 or the bytes are not UTF-8 (*ret is then untouched). */
size_t nvb_utf8_read(const char *text, size_t len, uint32_t *ret);

/* How many bytes at the beginning of TEXT are UTF-8: LEN when all are. */
size_t nvb_utf8_check(const char *text, size_t len);

/* The line and the column (in characters, both from 1) of the byte OFFSET of TEXT. What is before
 * it need not be UTF-8. */
void nvb_utf8_place(const char *text, size_t offset, unsigned *ret_line, unsigned *ret_column);

#endif
