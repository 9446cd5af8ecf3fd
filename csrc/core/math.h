/* Mathematics in Markdown: where it begins and ends.
 *
 *     $x$   \(x\)          in a line
 *     $$x$$   \[x\]        displayed, also over several lines of a paragraph
 *     $$                   a block of its own: everything up to the closing marker is
 *     x                    TeX, whatever Markdown would make of its lines
 *     $$
 *
 * Nothing here knows cmark's trees. `n` and `at` count bytes of UTF-8.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_MATH_H
#define DJS_MATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest span in a line, the longest displayed one within a paragraph, and the longest line that opens a
 * block. What is longer is text; so nothing is held back for longer, either. */
enum { DJS_MATH_INLINE = 500, DJS_MATH_DISPLAY = 2000, DJS_MATH_LINE = 500 };

/* ---- in text ---- */

typedef enum { DJS_MATH_NONE, DJS_MATH_SPAN, DJS_MATH_OPEN } djs_math_answer;

typedef struct {
    const uint8_t *text;
    size_t n;
    int next;               /* the byte after the text; 0: none will follow; -1: not known yet */
    size_t from[4], end[4]; /* closing markers found: none in from..end */
} djs_math_text;

typedef struct {
    size_t start, end; /* in the text: of the whole */
    size_t tex, tex_n; /* of what is in it */
    bool display;
    uint8_t awaits; /* OPEN: the byte that alone may tell, or 0; or a text longer than end */
} djs_math_span;

/* text[at] is a "$", or a "\" and no escaped one. NONE: text, and so will it stay. OPEN: more text must tell.
 */
djs_math_answer djs_math_at(djs_math_text *text, size_t at, djs_math_span *span);

/* ---- blocks ---- */

/* Does this line, without indentation or line end, open a block? OPEN: it may when it goes on. */
djs_math_answer djs_math_opens(const uint8_t *line, size_t n);

/* Does a "$$" in this text, the last lines of a paragraph, wait for another one? */
bool djs_math_waits(const uint8_t *text, size_t n);

/* Where the first closing marker in line[from..n) of a block begins, n when there is none; fence is '$' or
 * '\\'. unfinished: a marker that may be complete when the line goes on is one, too. */
size_t djs_math_closes(const uint8_t *line, size_t from, size_t n, uint8_t fence, bool unfinished);

#endif
