/* How much a stream may parse again.
 *
 * The law: all that is parsed more than once is at most DJS_EFFORT times the text, and DJS_EFFORT_FREE. Each
 * byte that is fed earns DJS_EFFORT; parsing n bytes that were parsed before takes n, and DJS_EFFORT_ONCE.
 * Plain text earns, and takes next to nothing, so that what comes after it is shown with each frame; where
 * nothing gets firm for long, an emphasis or a marker that never ends, the bytes run out, and the page grows
 * in larger steps: a quarter of what is open each.
 *
 *     10,000 times "*a "    parsed with each frame of 4 bytes: 112 million bytes; so 168 thousand
 *
 * What was saved up is no more than DJS_EFFORT_FREE, or what is asked for. Short texts are parsed in any case
 * (look_again of tail.c): a few bytes a frame, and 4 KiB in mode raw.
 *
 * Checked by: tests/test_markdown_hostile.py.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_EFFORT_H
#define DJS_EFFORT_H

#include <stdbool.h>
#include <stddef.h>

enum { DJS_EFFORT = 4, DJS_EFFORT_FREE = 48 << 10, DJS_EFFORT_ONCE = 24 };

typedef struct {
    size_t fed;   /* bytes of text in all */
    size_t spent; /* at most what they have earned */
} djs_effort;

/* What is left, of which no more than `most` was saved up. */
static inline size_t djs_effort_left(djs_effort *e, size_t most) {
    size_t earned = DJS_EFFORT_FREE + DJS_EFFORT * e->fed;
    if (most < DJS_EFFORT_FREE) most = DJS_EFFORT_FREE;
    if (earned - e->spent > most) e->spent = earned - most;
    return earned - e->spent;
}

/* Takes n, if they are there. */
static inline bool djs_effort_take(djs_effort *e, size_t n) {
    if (n > djs_effort_left(e, n)) return false;
    e->spent += n;
    return true;
}

/* After it could not take n: how many more bytes must come for it to take n and those. */
static inline size_t djs_effort_wait(djs_effort *e, size_t n) {
    return (n - djs_effort_left(e, n)) / (DJS_EFFORT - 1) + 1;
}

/* Takes n, or what is left: this cannot wait. */
static inline void djs_effort_use(djs_effort *e, size_t n) {
    size_t left = djs_effort_left(e, n);
    e->spent += n < left ? n : left;
}

#endif
