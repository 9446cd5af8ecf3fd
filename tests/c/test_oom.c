/* No memory: the n-th allocation fails, for every n. A call that fails leaves
 * the batch as it was, so what was taken before is what the frame has; the
 * sanitizers watch that nothing leaks and nothing is read after free.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

static const char long_text[] =
    "a text that is long enough to need memory of its own, whatever was there before it";

static djs_status step(djs_batch *b, int i) {
    const uint32_t path[] = {1, 2};
    switch (i % 9) {
    case 0: return push(b, DJS_OP_TEXT, long_text);
    case 1: return push_at(b, DJS_OP_TEXT_PREPEND, "#an-element-with-a-name", long_text);
    case 2: return djs_batch_on(b, TEXT("#another-element-with-a-name"));
    case 3: return djs_batch_grow(b, 3, TEXT(long_text));
    case 4: return djs_batch_patch(b, path, 2, TEXT(long_text));
    case 5: return djs_batch_fill(b, TEXT(long_text));
    case 6: return push(b, DJS_OP_TEXT_APPEND, long_text);
    case 7: return push(b, DJS_OP_REPLACE, long_text);
    default: return push(b, DJS_OP_APPEND, long_text);
    }
}

static bool equal(const djs_buf *a, const djs_buf *b) {
    return a->len == b->len && !memcmp(a->ptr, b->ptr, a->len);
}

/* The frame, with memory at hand. */
static djs_buf frame(const djs_batch *b) {
    long before = djs_alloc_fail_after;
    djs_buf out = {0};
    djs_alloc_fail_after = -1;
    CHECK(djs_frame_write(b, 1, DJS_FORM_COMPACT, &out) == DJS_OK);
    djs_alloc_fail_after = before;
    return out;
}

/* One life of a batch in which only n allocations succeed. False when that was enough. */
static bool life(long n) {
    djs_batch b;
    djs_buf out = {0};
    bool failed = false;
    djs_alloc_fail_after = n;
    if (djs_batch_init(&b, TEXT("stream"), TEXT("[dj-stream='stream']"))) {
        djs_alloc_fail_after = -1;
        return true;
    }
    for (int i = 0; i < 45; i++) {
        djs_buf before = frame(&b);
        djs_status status = step(&b, i);
        djs_buf after = frame(&b);
        CHECK(status == DJS_OK || status == DJS_ENOMEM);
        if (status) CHECK(equal(&before, &after));
        failed |= status != DJS_OK;
        djs_buf_free(&before);
        djs_buf_free(&after);
    }
    djs_buf_lit(&out, "kept");
    djs_status status = djs_frame_write(&b, 1, DJS_FORM_COMPACT, &out);
    if (status) CHECK(status == DJS_ENOMEM && out.len <= 4);
    failed |= status != DJS_OK;
    djs_alloc_fail_after = -1;
    djs_buf_free(&out);
    djs_batch_free(&b);
    return failed;
}

static djs_status begin(djs_batch *b) {
    djs_status status = djs_batch_init(b, TEXT("stream"), TEXT("[dj-stream='stream']"));
    return status ? status : djs_batch_epoch(b, TEXT("an epoch that is longer than any of ours"));
}

/* The same, each frame's ops absorbed by a second batch. That has a part of them when it fails, and can
 * still be written; the first one keeps what it has. */
static bool absorbed(long n) {
    djs_batch b, all = {0};
    djs_alloc_fail_after = n;
    bool failed = begin(&b) || begin(&all);
    for (int i = 0; !failed && i < 45; i++) {
        failed = step(&b, i) != DJS_OK;
        djs_buf before = frame(&b);
        djs_status status = djs_batch_absorb(&all, &b);
        djs_buf after = frame(&b), merged = frame(&all);
        CHECK(status == DJS_OK || status == DJS_ENOMEM);
        CHECK(equal(&before, &after));
        failed |= status != DJS_OK;
        djs_buf_free(&before);
        djs_buf_free(&after);
        djs_buf_free(&merged);
        if (i % 4 == 3) djs_batch_clear(&b);
    }
    djs_alloc_fail_after = -1;
    djs_batch_free(&all);
    djs_batch_free(&b);
    return failed;
}

/* How many allocations a life needs. */
static long needs(bool (*fails)(long n)) {
    long n = 0;
    while (n < 1000 && fails(n)) n++;
    return n;
}

RUN {
    long alone = needs(life), both = needs(absorbed);
    CHECK(alone > 5);
    CHECK(both > alone && both < 1000);
}
