/* Letters that follow text: what most frames bring.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_LETTERS_H
#define DJS_LETTERS_H

#include "spine.h"

/* May the unfinished line go on with letters? */
static inline bool djs_letters_may(const djs_spine *s) {
    const djs_leaf *leaf = &s->leaf;
    return leaf->on && leaf->quiet && leaf->line && !leaf->wake && !leaf->unsent &&
           leaf->seen >= leaf->text.len && !s->growing && !s->wait.wake;
}

/* Shows more of it, if it does; the edits are empty. Otherwise nothing is done, and djs_tail_more is to be
 * asked. */
bool djs_letters_more(djs_spine *s, djs_buf *line);

/* The same in code. */
static inline bool djs_letters_may_code(const djs_spine *s) { return s->raw_line && !s->options->math; }
bool djs_letters_code(djs_spine *s, djs_buf *line);

#endif
