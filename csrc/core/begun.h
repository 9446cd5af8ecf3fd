/* A line that has begun.
 *
 * Most lines say with their first letter what they are: "- T" is an item with
 * a paragraph in it, whatever follows. So the live parser gets the beginning
 * at once, and what follows is only more of the paragraph's content: no copy
 * of the spine, and no parser when the line ends.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_BEGUN_H
#define DJS_BEGUN_H

#include "spine.h"

/* Gives the live parser the beginning of the unfinished line, if it is one that only text can follow, and
 * shows it. Or shows more of such a line. False: it is none, and nothing is done. */
bool djs_begun_show(djs_spine *s, const uint8_t *line, size_t n);

/* The line has ended: true if it was one that had begun, and nothing else has to be done. */
bool djs_begun_line(djs_spine *s, const uint8_t *line, size_t n);

#endif
