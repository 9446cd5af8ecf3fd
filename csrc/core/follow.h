/* The open paragraph, followed from line to line.
 *
 * leaf.h knows a text that grows, and nothing of lines and blocks. This is
 * what ties it to a live paragraph: where it begins, whether the next line
 * still belongs to it, and how it settles.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_FOLLOW_H
#define DJS_FOLLOW_H

#include "spine.h"

/* What may end the text of this leaf before its line ends, as djs_leaf.stop; -1 if the line does not end in
 * it. */
int djs_follow_stops(const cmark_node *tail, const uint8_t *line, size_t n);

/* The page was just turned, and its tail ends in this leaf, the copy of node or NULL when only the unfinished
 * line makes it. line: that one, if it belongs to it. settled: where the tail begins in what r rendered. */
void djs_follow_begin(djs_spine *s, const djs_render *r, const cmark_node *tail, const cmark_node *node,
                      size_t settled, const uint8_t *line, size_t n);

/* The same where nothing of the leaf can be shown: what its line waits for. */
djs_wait djs_follow_wait(const djs_render *r, const cmark_node *tail, const uint8_t *line, size_t n);

/* The unfinished line begins with a letter: it goes on with the paragraph, whatever it stands in. */
void djs_follow_go_on(djs_spine *s, const uint8_t *line, size_t n);

/* More of its content, which is not on the page yet. */
void djs_follow_add(djs_spine *s, const uint8_t *text, size_t n);

/* Brings the page up to date. */
void djs_follow_show(djs_spine *s);

/* A whole line came: is the open paragraph still the leaf? Then what the line brought is added. */
void djs_follow_line(djs_spine *s);

/* The paragraph has closed: renders it with r into s->html, from what is on the page. False when that is not
 * known, and nothing is done. */
bool djs_follow_settle(djs_spine *s, djs_render *r, cmark_node *node);

#endif
