/* The op batcher: the ops of one stream that wait for its next frame.
 *
 *     djs_batch b;
 *     djs_batch_init(&b, "reply", 5, "[dj-stream='reply']", 19);
 *     djs_batch_push(&b, DJS_OP_TEXT, &(djs_arg){.text = "Hel", .n = 3});
 *     djs_batch_push(&b, DJS_OP_TEXT, &(djs_arg){.text = "lo", .n = 2});      // still one op
 *     djs_frame_write(&b, 1, DJS_FORM_COMPACT, &out);                         // frame.h
 *     djs_batch_clear(&b);
 *
 * Texts are UTF-8 and copied. A call that fails leaves the batch as it was.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_BATCH_H
#define DJS_BATCH_H

#include "buf.h"

typedef enum {
#define OP(id, name, wire, mode, compact, carries, merges) DJS_OP_##id,
#include "ops.def"
#undef OP
    DJS_OP_COUNT
} djs_op;

#define DJS_OP_CALLERS DJS_OP_GROW /* how many of them a caller may push; the rest are the engine's */

typedef enum {
    DJS_NOTHING,
    DJS_TEXT,
    DJS_PIECES,
    DJS_REVERSED,
    DJS_HTML,
    DJS_SELECTOR,
    DJS_LIMIT,
    DJS_MESSAGE,
    DJS_REASON,
    DJS_DEEP,
    DJS_LENGTHS,
    DJS_FLAG,
    DJS_PATH
} djs_carries;

typedef enum { DJS_KEEP, DJS_APART, DJS_JOIN, DJS_LAST } djs_merges;

/* A row of ops.def. */
typedef struct {
    const char *name, *wire, *mode, *compact;
    djs_carries carries;
    djs_merges merges;
} djs_op_info;

extern const djs_op_info djs_ops[DJS_OP_COUNT];

/* What parts the pieces of DJS_PIECES and DJS_REVERSED: no byte of UTF-8. */
#define DJS_BETWEEN 0xFF

/* One waiting op; offsets are into djs_batch.bytes. */
typedef struct {
    uint32_t at, n;            /* the payload, for a patch after its path */
    uint32_t target, target_n; /* no bytes: the root element */
    uint32_t depth;            /* for a patch: the steps of its path */
    uint32_t x, y;             /* limit; nodes and units; loose; retry */
    djs_op op;
} djs_entry;

typedef struct {
    djs_buf id; /* the name, then the root's selector, then the epoch */
    size_t name_n, selector_n;
    djs_buf bytes;   /* targets and payloads, in order: the last payload ends it */
    djs_buf entries; /* djs_entry, in order */
    djs_buf on;      /* where edits go */
    size_t pushed;   /* since the last clear */
} djs_batch;

typedef struct {
    const uint8_t *text; /* what the op carries; for prune the edge: top (or nothing), bottom */
    size_t n;
    const uint8_t *target; /* no bytes: the root element */
    size_t target_n;
    uint32_t number; /* prune's limit; error's retry: 0 none, else the seconds to wait and one */
} djs_arg;

/* selector: what selects the root element, ready escaped. */
djs_status djs_batch_init(djs_batch *b, const uint8_t *name, size_t name_n, const uint8_t *selector,
                          size_t selector_n);
/* Which of the streams of that name it is: every frame says so. Once; without, no frame does. */
djs_status djs_batch_epoch(djs_batch *b, const uint8_t *epoch, size_t n);
void djs_batch_free(djs_batch *b);

/* DJS_EINVAL when op is none, or prune's edge is none; DJS_ETOOBIG past DJS_MAX_BUF in all. */
djs_status djs_batch_push(djs_batch *b, djs_op op, const djs_arg *arg);

/* Edits of the Markdown engine. On: the target of those that follow, no bytes
 * for the root; clear forgets it. */
djs_status djs_batch_on(djs_batch *b, const uint8_t *target, size_t n);
djs_status djs_batch_grow(djs_batch *b, uint32_t depth, const uint8_t *html, size_t n);
djs_status djs_batch_cut(djs_batch *b, uint32_t depth, uint32_t nodes, uint32_t units);
djs_status djs_batch_loose(djs_batch *b, uint32_t depth, uint32_t loose);
djs_status djs_batch_head(djs_batch *b, uint32_t depth, const uint8_t *html, size_t n);
djs_status djs_batch_patch(djs_batch *b, const uint32_t *path, size_t steps, const uint8_t *html, size_t n);
djs_status djs_batch_fill(djs_batch *b, const uint8_t *html, size_t n);

/* Pushes all that waits in `more`, of the same stream: one frame after the other, and b is the frame that
 * stands for them all. After a failure b holds a part of it, and is of no use. */
djs_status djs_batch_absorb(djs_batch *b, const djs_batch *more);

/* Nothing is pending any more. Memory is kept when it is little. */
void djs_batch_clear(djs_batch *b);

static inline size_t djs_batch_count(const djs_batch *b) { return b->entries.len / sizeof(djs_entry); }

/* Payloads, targets and what the batch itself needs for each op. */
static inline size_t djs_batch_pending_bytes(const djs_batch *b) { return b->bytes.len + b->entries.len; }

#endif
