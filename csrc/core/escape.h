/* Text to HTML: the five characters that mean something, spelled as
 * django.utils.html.escape spells them, so that both give the same bytes.
 *
 *     djs_escape(&out, (const uint8_t *)"a < b", 5);      // a &lt; b
 *
 * Text that lies in memory as characters of 1, 2 or 4 bytes (as a Python str
 * does) is escaped in two steps, so that its room is known before it is made:
 *
 *     size_t more = djs_escape_growth(text, n, 2, false);
 *     uint16_t *out = ...;                                // n + more characters
 *     djs_escape_write(out, 2, text, n, 2, false, more);
 *
 * A short one of bytes is escaped at once, where there is room for the worst:
 *
 *     uint8_t out[DJS_ESCAPE_ROOM(5)];
 *     size_t len = djs_escape_short(out, (const uint8_t *)"a < b", 5, false);
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_ESCAPE_H
#define DJS_ESCAPE_H

#include "buf.h"

/* Appends text with & < > " ' as entities; everything else unchanged. */
void djs_escape(djs_buf *out, const uint8_t *text, size_t n);

/* The length of the longest prefix that needs no escaping. */
size_t djs_escape_clean(const uint8_t *text, size_t n);

/* How many characters the escaped text has more than its n. width: bytes of a
 * character. markup: the text is HTML already, and goes where only text may
 * be; then & stays, because it begins an entity. */
size_t djs_escape_growth(const void *text, size_t n, unsigned width, bool markup);

/* Writes the escaped text as n + growth characters of out_width >= width bytes;
 * growth is what djs_escape_growth said, or 0 to copy the text as it is. */
void djs_escape_write(void *out, unsigned out_width, const void *text, size_t n, unsigned width, bool markup,
                      size_t growth);

/* What djs_escape_short may need for n bytes: each becomes 6 at most, and a copy runs ahead by 16. */
#define DJS_ESCAPE_ROOM(n) (6 * (n) + 16)

/* Writes the escaped bytes; returns how many. Behind them, up to DJS_ESCAPE_ROOM(n), is anything. */
size_t djs_escape_short(uint8_t *out, const uint8_t *text, size_t n, bool markup);

/* Character i of a text. */
static inline uint32_t djs_character(const void *text, unsigned width, size_t i) {
    if (width == 1) return ((const uint8_t *)text)[i];
    if (width == 2) return ((const uint16_t *)text)[i];
    return ((const uint32_t *)text)[i];
}

#endif
