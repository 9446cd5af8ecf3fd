/* A line in which something is held back, which only certain bytes can show: it is not looked at until they
 * come.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_WAIT_H
#define DJS_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    unsigned wake; /* their classes; 0: not known */
    size_t line;   /* how much of it was seen */
    size_t most;   /* and how long it may get */
} djs_wait;

/* held: as djs_inlines says. stop: as djs_leaf says. */
unsigned djs_wait_for(char held, uint8_t stop);

/* Nothing is to be done before the line is longer than `most`, or ends. */
djs_wait djs_wait_until(size_t n, size_t most);

/* Does what was added to the line change nothing? */
bool djs_wait_on(djs_wait *wait, const uint8_t *line, size_t n);

#endif
