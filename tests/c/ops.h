/* Short words for pushing into a batch and looking at its frame.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_TEST_OPS_H
#define DJS_TEST_OPS_H

#include "test.h"
#include "frame.h"

static inline djs_batch new_batch(void) {
    djs_batch b;
    CHECK(djs_batch_init(&b, TEXT("s"), TEXT("[dj-stream='s']")) == DJS_OK);
    return b;
}

static inline djs_status push_at(djs_batch *b, djs_op op, const char *target, const char *text) {
    return djs_batch_push(
        b, op,
        &(djs_arg){.text = U(text), .n = strlen(text), .target = U(target), .target_n = strlen(target)});
}

static inline djs_status push(djs_batch *b, djs_op op, const char *text) { return push_at(b, op, "", text); }

/* Is the compact frame of seq 1 made of these ops? Clears the batch. */
static inline bool has_ops(djs_batch *b, const char *ops) {
    char want[4096];
    djs_buf out = {0};
    (void)snprintf(want, sizeof want, "{\"s\":\"s\",\"n\":1,\"o\":[%s]}", ops);
    bool ok = djs_frame_write(b, 1, DJS_FORM_COMPACT, &out) == DJS_OK && holds_text(&out, want);
    djs_buf_free(&out);
    djs_batch_clear(b);
    return ok;
}

#endif
