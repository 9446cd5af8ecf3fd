/* Growable bytes.
 *
 * The law: after any call, ptr[0..len) holds what was appended before the
 * first error, and status says what that error was. Capacity doubles while
 * it is small, then grows by half, so n appended bytes cost O(n) in all.
 *
 * Limits: DJS_MAX_BUF, then DJS_ETOOBIG.
 * Checked by: tests/c/test_buf.c, and test_oom.c for every allocation.
 *
 * SPDX-License-Identifier: MIT */
#include "buf.h"
#include <stdlib.h>

#ifdef DJS_TEST_OOM
long djs_alloc_fail_after = -1;
bool djs_alloc_fail_once;
#endif

void *djs_realloc(void *ptr, size_t size) {
    if (!size) {
        free(ptr);
        return NULL;
    }
#ifdef DJS_TEST_OOM
    if (djs_alloc_fail_after == 0) {
        if (djs_alloc_fail_once) djs_alloc_fail_after = -1;
        return NULL;
    }
    if (djs_alloc_fail_after > 0) djs_alloc_fail_after--;
#endif
    return realloc(ptr, size);
}

void *djs_calloc(size_t count, size_t size) {
    if (size && count > DJS_MAX_BUF / size) return NULL;
    size_t bytes = count * size;
    void *ptr = djs_realloc(NULL, bytes ? bytes : 1);
    if (ptr) memset(ptr, 0, bytes);
    return ptr;
}

/* Room for cap bytes in all, or the error. */
static bool resize(djs_buf *b, size_t cap) {
    uint8_t *ptr = djs_realloc(b->ptr, cap);
    if (!ptr) {
        b->status = DJS_ENOMEM;
        return false;
    }
    b->ptr = ptr;
    b->cap = cap;
    return true;
}

bool djs_buf_more(djs_buf *b, size_t n) {
    enum { SMALL = 4096 };
    if (b->status) return false;
    if (n <= b->cap - b->len) return true;
    if (n > DJS_MAX_BUF - b->len) {
        b->status = DJS_ETOOBIG;
        return false;
    }
    size_t cap = b->cap + (b->cap < SMALL ? b->cap : b->cap / 2);
    if (cap > DJS_MAX_BUF) cap = DJS_MAX_BUF;
    if (cap < b->len + n) cap = b->len + n;
    if (cap < 128) cap = 128;
    return resize(b, cap);
}

void djs_buf_uint(djs_buf *b, uint64_t value) {
    uint8_t digits[20];
    size_t i = sizeof digits;
    do digits[--i] = (uint8_t)('0' + value % 10);
    while (value /= 10);
    djs_buf_put(b, digits + i, sizeof digits - i);
}

void djs_buf_drop(djs_buf *b, size_t n) {
    if (n > b->len) n = b->len;
    if (!n) return;
    b->len -= n;
    memmove(b->ptr, b->ptr + n, b->len);
}

bool djs_buf_trim(djs_buf *b) {
    enum { LARGE = 512, SMALL = LARGE / 4 };
    return b->cap <= LARGE || b->len > SMALL || resize(b, SMALL);
}

void djs_buf_free(djs_buf *b) {
    djs_realloc(b->ptr, 0);
    *b = (djs_buf){0};
}
