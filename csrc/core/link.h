/* A link that grows: "[text](address)", of plain text and a plain address.
 *
 * Its text shows when "](" has come, and its address when ")" has: both
 * without a parser.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_LINK_H
#define DJS_LINK_H

#include "leaf.h"

/* A "[" in the leaf waited for a byte that has come: brings the page up to date, if that is a link's and
 * simple. Else false, and a parser must. */
bool djs_link_show(djs_leaf *leaf, const djs_render *r, djs_page *page, djs_edits *edits);

#endif
