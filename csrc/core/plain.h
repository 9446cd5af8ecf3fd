/* Text that needs no parser.
 *
 * A leaf whose end is plain text takes more of it at the price of a copy.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_PLAIN_H
#define DJS_PLAIN_H

#include "words.h"

/* Takes more of the unfinished line; false if the leaf may end in it. *all: what kinds of bytes came. */
bool djs_leaf_take(djs_leaf *leaf, const uint8_t *line, size_t n, unsigned *all);

/* The same, and shows it, if it is plain text that cannot mean anything else: true. Else djs_tail_show must.
 */
bool djs_leaf_more(djs_leaf *leaf, const uint8_t *line, size_t n, djs_page *page, djs_edits *edits);

/* The same for text that is known already. */
bool djs_leaf_catch_up(djs_leaf *leaf, djs_page *page, djs_edits *edits);

/* Nothing of its text is on the page yet, which begins at `from`, and with a letter or digit. */
void djs_leaf_at_start(djs_leaf *leaf, size_t from);

/* The same for a text of any beginning: writes what of it can be shown, if that is something and needs no
 * parser. Else false. */
bool djs_leaf_begin(djs_leaf *leaf, djs_buf *html);

/* Its text was parsed as `in` says, and is on the page: notes whether more of it needs a parser. */
void djs_leaf_parsed(djs_leaf *leaf, const djs_inlines *in);

/* Nothing more of it is shown before n more bytes came, or its end. */
void djs_leaf_wait(djs_leaf *leaf, size_t n);

/* Is all of it on the page, as it will be when nothing follows? */
bool djs_leaf_is_shown(const djs_leaf *leaf);

#endif
