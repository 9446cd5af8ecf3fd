/* Growable bytes with a sticky error: append as often as you like, ask once.
 *
 *     djs_buf b = {0};
 *     djs_buf_lit(&b, "<p>");
 *     djs_escape(&b, text, n);
 *     djs_buf_lit(&b, "</p>");
 *     if (b.status) ...                       // one question for three calls
 *     djs_buf_free(&b);
 *
 * After an error nothing more is appended and `len` bytes stay readable.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_BUF_H
#define DJS_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "status.h"

typedef struct {
    uint8_t *ptr; /* NULL while nothing was allocated */
    size_t len, cap;
    djs_status status;
} djs_buf;

/* The only allocator of the core. NULL when there is no memory; size 0 frees. */
void *djs_realloc(void *ptr, size_t size);
void *djs_calloc(size_t count, size_t size);

#ifdef DJS_TEST_OOM
/* Tests: the n-th allocation from now fails, and all after it, unless once; < 0 never. */
extern long djs_alloc_fail_after;
extern bool djs_alloc_fail_once;
#endif

/* Room for n more bytes; false when the error is set, now or before. */
bool djs_buf_more(djs_buf *b, size_t n);
static inline bool djs_buf_grow(djs_buf *b, size_t n) {
    return !b->status && n <= b->cap - b->len ? true : djs_buf_more(b, n);
}

static inline void djs_buf_put(djs_buf *b, const void *bytes, size_t n) {
    /* memcpy(NULL, x, 0) is undefined, and an empty buf has a NULL ptr. */
    if (n && djs_buf_grow(b, n)) {
        memcpy(b->ptr + b->len, bytes, n);
        b->len += n;
    }
}

static inline void djs_buf_byte(djs_buf *b, uint8_t byte) {
    if (djs_buf_grow(b, 1)) b->ptr[b->len++] = byte;
}

#define djs_buf_lit(b, literal) djs_buf_put((b), "" literal, sizeof(literal) - 1)

/* A number in decimal digits. */
void djs_buf_uint(djs_buf *b, uint64_t value);

/* Forget all but the first len bytes. */
static inline void djs_buf_cut(djs_buf *b, size_t len) {
    if (len < b->len) b->len = len;
}

/* Forget the first n bytes. */
void djs_buf_drop(djs_buf *b, size_t n);

/* Empty, error forgotten, memory kept. */
static inline void djs_buf_clear(djs_buf *b) {
    b->len = 0;
    b->status = DJS_OK;
}

/* Gives most of the memory back that a long text has taken, when little of it is in use. False, and the error
 * is set: there was no memory for what is left. */
bool djs_buf_trim(djs_buf *b);

void djs_buf_free(djs_buf *b);

#endif
