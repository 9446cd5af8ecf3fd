/* UTF-8 at the edges: what may be cut, and what is not UTF-8 at all.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_UTF8_H
#define DJS_UTF8_H

#include "buf.h"

/* How many bytes at the end of text are the beginning of a character whose
 * rest has not come yet: 0 to 3. */
size_t djs_utf8_unfinished(const uint8_t *text, size_t n);

/* Appends text, each byte that belongs to no valid character replaced: one
 * U+FFFD for every maximal part of an ill-formed sequence (Unicode 15, 3.9). */
void djs_utf8_clean(djs_buf *out, const uint8_t *text, size_t n);

/* Of the machine in utf8.c that reads UTF-8 without NUL: between two characters; nothing valid. */
enum { DJS_UTF8_START = 0, DJS_UTF8_BAD = 48 };

extern const uint64_t djs_utf8_rows[256];

/* Copies text, in which the state goes on from what it was before; 63 masks what is of it. */
static inline uint64_t djs_utf8_copy(uint64_t state, uint8_t *to, const uint8_t *text, size_t n) {
    for (size_t i = 0; i < n; i++) state = djs_utf8_rows[to[i] = text[i]] >> (state & 63);
    return state & 63;
}

/* The length of the valid prefix. */
size_t djs_utf8_valid(const uint8_t *text, size_t n);

/* How many UTF-16 units valid text has: what JavaScript calls its length. */
size_t djs_utf8_units(const uint8_t *text, size_t n);

#endif
