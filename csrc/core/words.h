/* Words, and plain text: what means nothing but itself, whatever is open before it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_WORDS_H
#define DJS_WORDS_H

#include "leaf.h"

/* Where plain text that begins at text[from] ends; bytes of other classes than `odd` are plain, and ends of
 * lines, unless DJS_LINE is among them. */
size_t djs_plain_end(const uint8_t *text, size_t from, size_t n, unsigned odd);

/* What is odd in this leaf. */
unsigned djs_odd(const djs_leaf *leaf);

/* Does text[from..n) of the leaf mean nothing but itself? */
bool djs_is_plain(const djs_leaf *leaf, size_t from, size_t n);

/* Where the simplest of addresses ends, which begins at text[at] and needs no escaping; or n. */
size_t djs_plain_address(const uint8_t *text, size_t at, size_t n);

/* Where the last word of the text begins. */
size_t djs_word(const uint8_t *text, size_t n);

/* djs_text_told of the leaf's text[0..n), remembered. */
size_t djs_leaf_told(djs_leaf *leaf, const uint8_t *text, size_t n);

/* How often the byte at text[at] stands there. */
size_t djs_repeats(const uint8_t *text, size_t at, size_t n);

/* Where the character before text[at] begins. */
size_t djs_before(const uint8_t *text, size_t at);

/* Does a word begin here, or after a space, that is no address, not even the beginning of one? Then what
 * stands before it shows. */
bool djs_is_word(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n);

#endif
