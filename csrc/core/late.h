/* Leaves that used a label before it was defined.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_LATE_H
#define DJS_LATE_H

#include "buf.h"

/* A settled leaf: its source, and where it stands. */
typedef struct {
    size_t text, n;      /* in djs_late.texts */
    size_t path, steps;  /* in djs_late.paths */
    size_t position;     /* as djs_render.position */
    size_t uses, uses_n; /* its references to footnotes: notes.h */
    uint32_t id;         /* of a heading, as djs_render.id */
    bool due;            /* one of its labels was defined */
} djs_late_leaf;

typedef struct {
    djs_buf leaves; /* djs_late_leaf */
    djs_buf texts, paths;
    djs_buf labels; /* chained by hash */
    uint32_t *heads;
    size_t heads_n;
    djs_buf due; /* uint32_t: the leaves that are due, in the order of the text */
} djs_late;

/* Notes a leaf; its path has been appended to paths. misses: uint64_t label hashes. */
djs_status djs_late_add(djs_late *late, const uint8_t *text, size_t n, size_t path, size_t steps,
                        const djs_buf *misses);

/* Marks the leaves that used one of these labels as due; true if there are any.
 * What was marked goes with due.status. */
bool djs_late_define(djs_late *late, const djs_buf *fresh);

/* Marks this one. */
void djs_late_due(djs_late *late, uint32_t leaf);

void djs_late_free(djs_late *late);

#endif
