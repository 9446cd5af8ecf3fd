/* What an unfinished line or leaf may already show.
 *
 * A line that has only begun, or a leaf whose rest is still to come, can be
 * read in more than one way. These functions say how much of it can be told.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_COMPLETE_H
#define DJS_COMPLETE_H

#include "cmark.h"

/* Is it settled what kind of block the unfinished line belongs to? parser has
 * just processed it; line is its text; before is the block that was current. */
bool djs_line_told(const cmark_parser *parser, cmark_node *before, const uint8_t *line, size_t n);

/* The block of raw HTML that the unfinished line ended, as its last line: the one that was current before, or
 * one that began in this line. NULL if there is none. */
cmark_node *djs_line_ends_html(const cmark_parser *parser, cmark_node *before);

/* cmark reads the line as text of a paragraph. Does it, whatever follows? */
bool djs_text_begun(const cmark_parser *parser, const uint8_t *text, size_t n);

/* How many bytes of an unfinished leaf can be shown: the rest is a marker,
 * entity, escape, tag or autolink that is not complete. */
size_t djs_text_told(const uint8_t *text, size_t n);

/* Is the word, which has not ended, the beginning of "https://", "www.", "support" or the like? What follows
 * may make it a link. */
bool djs_address_begun(const uint8_t *word, size_t n);

/* How many bytes of an unfinished paragraph can be shown when its last line
 * may turn out to be the header of a table. */
size_t djs_header_told(const uint8_t *text, size_t n);

/* After "[text" and "]": could what follows still make it a link? */
bool djs_link_open(const uint8_t *rest, size_t n);

/* The longest text between an open "[" and the end that is held back: link
 * texts are short, and an answer is not kept waiting for a bracket that nobody
 * closes; a linked image ("[![") has its address in it. Of 4,025 model answers
 * 1,759 had a literal "[", 195 a link. */
enum { DJS_HOLD_BRACKET = 160, DJS_HOLD_IMAGE = 1000, DJS_HOLD_TAG = 200, DJS_HOLD_HEADER = 1000 };

/* The longest text after a "*" or "~" inside a word that is held back: 2*x may
 * be a product, or, with a second one in the same paragraph, emphasis, as
 * cmark reads "2*x and 3*y". Where formulas are written so, the second one
 * comes within a line, if it comes.
 *
 * And after an opening "**" or "*" in Chinese, Japanese or Korean: spans are
 * short there, and end without a space, where CommonMark does not let a marker
 * close that stands between a bracket and a letter ("**名（name）**是"). */
enum { DJS_HOLD_STAR = 96, DJS_HOLD_CJK = 72 };

/* The first byte of a character of Chinese, Japanese or Korean. */
static inline bool djs_is_cjk(uint8_t c) { return (c >= 0xE3 && c <= 0xED) || c == 0xEF; }

/* Does the text begin with one, or with one in quotation marks or parentheses? */
bool djs_cjk_begins(const uint8_t *text, size_t n);

#endif
