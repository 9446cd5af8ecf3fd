/* A batch as the bytes of one message. tests/spec/wire.md has every op in both forms.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_FRAME_H
#define DJS_FRAME_H

#include "batch.h"

typedef enum {
    DJS_FORM_DJUST,        /* what djust's stock client applies */
    DJS_FORM_COMPACT,      /* what djust-stream.js asks for */
    DJS_FORM_COMPACT_TYPED /* the same, routed by djust's client */
} djs_form;

/* Appends the message. DJS_EINVAL when the djust form cannot say an edit in it. */
djs_status djs_frame_write(const djs_batch *b, uint64_t seq, djs_form form, djs_buf *out);

#endif
