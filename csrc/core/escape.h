/* Text to HTML: the five characters that mean something, spelled as
 * django.utils.html.escape spells them, so that both give the same bytes.
 *
 *     djs_escape(&out, (const uint8_t *)"a < b", 5);      // a &lt; b
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_ESCAPE_H
#define DJS_ESCAPE_H

#include "buf.h"

/* Appends text with & < > " ' as entities; everything else unchanged. */
void djs_escape(djs_buf *out, const uint8_t *text, size_t n);

/* The length of the longest prefix that needs no escaping. */
size_t djs_escape_clean(const uint8_t *text, size_t n);

#endif
