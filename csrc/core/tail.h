/* The tail: what the unfinished line, and a paragraph that may go on, show.
 *
 * To see what an unfinished line means, the open spine is copied into scratch
 * memory; the copy gets the line, is finished, shown and thrown away. So cmark
 * itself decides, with its own code. The cost is the depth, the open leaf and
 * the line: not the document, the list or the table. And most lines need that
 * only once: more of a line that is known to be text is just more text.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_TAIL_H
#define DJS_TAIL_H

#include "spine.h"

/* Shows more of the unfinished line, if that needs no parser. Otherwise
 * false, and djs_tail_show must. Line ends among it are seen. */
bool djs_tail_more(djs_spine *s, const uint8_t *line, size_t n);

/* Settles a whole line that is known to be code, without a parser. Otherwise
 * false, and djs_spine_line must. */
bool djs_tail_line(djs_spine *s, const uint8_t *line, size_t n);

/* Shows the page with what is settled and the unfinished line. lines: whole
 * ones came since it was shown last. */
void djs_tail_show(djs_spine *s, const uint8_t *line, size_t n, bool lines);

/* The unfinished line into a parser of the whole document in scratch memory,
 * unless it cannot be told yet. Returns the leaf that grows, or NULL. */
const cmark_node *djs_tail_try(cmark_parser *parser, const uint8_t *line, size_t n, bool raw);

#endif
