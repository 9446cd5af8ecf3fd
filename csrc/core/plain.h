/* Text that needs no parser.
 *
 * A leaf whose end is plain text takes more of it at the price of a copy; and a
 * line that waits for a certain byte is not looked at until it comes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_PLAIN_H
#define DJS_PLAIN_H

#include "leaf.h"

/* A line in which something is held back that only certain bytes can show. */
typedef struct {
    unsigned wake; /* their classes; 0: not known */
    size_t line;   /* how much of it was seen */
    size_t most;   /* and how long it may get */
} djs_wait;

/* Where the simplest of addresses ends, which begins at text[at] and needs no escaping; or n. */
size_t djs_plain_address(const uint8_t *text, size_t at, size_t n);

/* Where the last word of the text begins. */
size_t djs_word(const uint8_t *text, size_t n);

/* held: as djs_inlines says. stop: as djs_leaf says. */
unsigned djs_wait_for(char held, uint8_t stop);

/* Nothing is to be done before the line is longer than `most`, or ends. */
djs_wait djs_wait_until(size_t n, size_t most);

/* Does what was added to the line change nothing? */
bool djs_wait_on(djs_wait *wait, const uint8_t *line, size_t n);

/* Takes more of the unfinished line; false if the leaf may end in it. *all: what kinds of bytes came. */
bool djs_leaf_take(djs_leaf *leaf, const uint8_t *line, size_t n, unsigned *all);

/* The same, and shows it, if it is plain text that cannot mean anything else: true. Else djs_tail_show must.
 */
bool djs_leaf_more(djs_leaf *leaf, const uint8_t *line, size_t n, djs_page *page, djs_edits *edits);

/* Does text[from..n) of the leaf mean nothing but itself? */
bool djs_is_plain(const djs_leaf *leaf, size_t from, size_t n);

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
