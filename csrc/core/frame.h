/* A batch as the bytes of one message: tests/spec/wire.md.
 *
 *     djs_frame_write(&batch, 7, DJS_FORM_DJUST, &out);
 *     // {"type":"stream","stream":"reply","seq":7,"ops":[{"op":"text","target":"[dj-stream='reply']", ...
 *
 * The batch is not changed: each wire form can be written from it in turn.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_FRAME_H
#define DJS_FRAME_H

#include "batch.h"

typedef enum {
    DJS_FORM_DJUST,        /* ops as objects: what djust's own client reads */
    DJS_FORM_COMPACT,      /* ops as arrays: what djust-stream.js asks for */
    DJS_FORM_COMPACT_TYPED /* the same behind "type":"stream", for a djust socket */
} djs_form;

/* Appends the message to out; nothing when it fails. DJS_EINVAL: an edit waits
 * that the djust form cannot say (cut, loose, head, patch). */
djs_status djs_frame_write(const djs_batch *b, uint64_t seq, djs_form form, djs_buf *out);

#endif
