/* Emphasis that is friendly to Chinese, Japanese and Korean text.
 *
 * CommonMark tells by the white space and the punctuation around "**" whether
 * it opens or closes. Text in these scripts has no spaces, and its full stop
 * is punctuation, so "**A.**B" in them is not strong. The CommonMark
 * CJK-friendly amendments (the remedy for commonmark-spec issue 650) let a
 * CJK character beside the marker count like a space.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_CJK_H
#define DJS_CJK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a run of delimiters can do. */
typedef struct {
    bool open, close;
} djs_flanks;

/* The run text[start..end) of the delimiter c, in a text of n bytes. */
djs_flanks djs_cjk_flanks(const uint8_t *text, size_t start, size_t end, size_t n, uint8_t c);

/* Is the character before text[at] a variation selector, so that the rule asks for the one before that, too?
 */
bool djs_cjk_varied(const uint8_t *text, size_t at);

#endif
