/* The page in the mode "hold": what is shown stays.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_HOLD_H
#define DJS_HOLD_H

#include "spine.h"

/* Shows what has settled, and nothing of the tail. empty: also containers that have nothing in them yet. */
void djs_hold_show(djs_spine *s, bool empty);

/* Takes out of a finished tree, whose text ended here, what djs_hold_show would not show yet. open: the
 * block that was open at the end of the last whole line. */
void djs_hold_prune(cmark_node *open, bool empty);

#endif
