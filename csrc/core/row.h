/* A table's row that grows, cell by cell.
 *
 * Once a line is known to be a row, a cell is what stands between two "|":
 * no block parser has to see the line again with each character.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_ROW_H
#define DJS_ROW_H

#include "spine.h"

/* The unfinished line is a row whose last cell is s->leaf, the cell-th of its table. */
void djs_row_begin(djs_spine *s, size_t cell, size_t line);

/* Shows more of the row; or, where a line begins that can only be one, its beginning. Otherwise false: cmark
 * has to look. */
bool djs_row_show(djs_spine *s, const uint8_t *line, size_t n);

#endif
