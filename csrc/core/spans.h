/* Spans of a leaf that are read without a parser: "**strong**", "*emphasis*", "`code`", and what only looks
 * like markup. Each writes what shows, and says where that ends in the leaf (shown, seen, plain).
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_SPANS_H
#define DJS_SPANS_H

#include "cjk.h"
#include "words.h"

/* What was found at the place where it ended. */
typedef enum {
    DJS_ELSE,  /* something that may need a parser */
    DJS_TAKEN, /* nothing: all that can be shown is written */
    DJS_PARSE, /* nobody knows */
    DJS_BEGUN, /* a span that shows when more of it has come */
    DJS_WAITS  /* a span that shows when its end has come; what stands before it does */
} djs_ending;

/* What a run of `length` bytes c opens or closes. */
djs_span djs_span_of(uint8_t c, size_t length);

/* Text up to text[at] shows. */
void djs_span_put(djs_leaf *leaf, const uint8_t *text, size_t at, djs_buf *html);

/* So it does, and a span opens there; the one that is open ends before text[after]. */
void djs_span_open(djs_leaf *leaf, const uint8_t *text, size_t at, djs_span kind, djs_buf *html);
void djs_span_close(djs_leaf *leaf, djs_span kind, size_t after, djs_buf *html);

/* ---- stars.c ---- */

/* How the run text[at..after) of "*" flanks what stands around it, as CommonMark has it. false: that is not
 * known. */
bool djs_stars_flank(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t after, size_t n,
                     djs_flanks *can);

/* Does the run of "*" at text[at] begin a span, or end the one that is open, or mean itself? */
djs_ending djs_stars_take(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n, djs_buf *html);

/* ---- code.c ---- */

/* Where the run of one "`" that ends the code is, whose text begins before text[at]; n: not yet. */
size_t djs_code_end(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n);

/* More of the code that is open: DJS_BEGUN if its end is still to come, or held back like what seems a tag in
 * it. */
djs_ending djs_code_take(djs_leaf *leaf, const uint8_t *text, size_t n, djs_buf *html);

/* Does a "`" at text[at] begin code? */
djs_ending djs_code_begin(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n, djs_buf *html);

/* ---- literal.c ---- */

typedef struct {
    size_t length; /* of what stands for itself; 0: it does not */
    const char *html;
    size_t html_n;
} djs_literal;

/* What begins at text[at], if it means nothing whatever is around it, and how it shows. */
djs_literal djs_literal_at(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n, bool code);

/* Where the tag that begins at text[at] ends, if it is one of the usual kind: then it is text. Or at. */
size_t djs_tag_end(const uint8_t *text, size_t at, size_t n);

#endif
