/* Memory for cmark: what is allocated is there, and after a failure all of it
 * is given back (LeakSanitizer watches).
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "memory.h"

static bool all(const uint8_t *bytes, size_t n, uint8_t value) {
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != value) return false;
    return true;
}

/* Runs act with m as the current memory; the status it ended with. */
static djs_status within(djs_memory *m, void (*act)(void)) {
    if (setjmp(*djs_memory_enter(m))) return djs_memory_leave();
    act();
    return djs_memory_leave();
}

static cmark_mem *mem;
static uint8_t *kept[64];

/* Grows, shrinks and frees in a random order; each block holds its own number. */
static void churn(void) {
    uint32_t state = 1;
    size_t sizes[64] = {0};
    memset(kept, 0, sizeof kept);
    bool right = true;
    for (int i = 0; i < 20000; i++) {
        size_t at = chance(&state) % 64, size = 1 + chance(&state) % (i % 100 ? 300 : 30000);
        if (kept[at]) right &= all(kept[at], sizes[at], (uint8_t)at);
        if (chance(&state) % 3 == 0) {
            mem->free(kept[at]);
            kept[at] = NULL;
            continue;
        }
        if (!kept[at] && chance(&state) % 2) {
            kept[at] = mem->calloc(size, 1);
            right &= all(kept[at], size, 0);
        } else {
            size_t before = kept[at] ? sizes[at] : 0;
            kept[at] = mem->realloc(kept[at], size);
            right &= all(kept[at], before < size ? before : size, (uint8_t)at);
        }
        right &= (uintptr_t)kept[at] % 16 == 0;
        memset(kept[at], (int)at, sizes[at] = size);
    }
    CHECK(right);
    mem->free(NULL);
}

static void free_kept(void) {
    for (size_t i = 0; i < 64; i++) mem->free(kept[i]);
}

static void what_is_allocated_is_there(void) {
    djs_memory m = {0};
    mem = &djs_live;
    CHECK(within(&m, churn) == DJS_OK && m.live && m.live_bytes);
    CHECK(within(&m, free_kept) == DJS_OK && !m.live && !m.live_bytes);
    mem = &djs_scratch;
    CHECK(within(&m, churn) == DJS_OK && m.scratch);
    djs_scratch_reset(&m);
    CHECK(m.scratch); /* one chunk stays */
    CHECK(within(&m, churn) == DJS_OK);
    djs_scratch_free(&m);
    CHECK(!m.scratch);
    djs_scratch_free(&m);
    djs_memory_free(&m);
}

/* ---- limits ---- */

static void live_big(void) { djs_live.calloc(1, DJS_MAX_BUF); }
static void live_overflow(void) { djs_live.calloc(SIZE_MAX / 4, 8); }
static void live_grown(void) { djs_live.realloc(djs_live.calloc(1, 8), SIZE_MAX); }
static void scratch_big(void) { djs_scratch.calloc(1, DJS_MAX_BUF); }
static void scratch_overflow(void) { djs_scratch.calloc(SIZE_MAX / 4, 8); }
static void scratch_grown(void) { djs_scratch.realloc(djs_scratch.calloc(1, 8), SIZE_MAX); }
static void nothing(void) {
    CHECK(djs_live.calloc(0, 0) && djs_live.calloc(0, 8) && djs_live.calloc(8, 0));
    CHECK(djs_scratch.calloc(0, 0) && djs_scratch.calloc(0, 8) && djs_scratch.calloc(8, 0));
}

static void limits(void) {
    void (*const acts[])(void) = {live_big,    live_overflow,    live_grown,
                                  scratch_big, scratch_overflow, scratch_grown};
    djs_memory m = {0};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) CHECK(within(&m, acts[i]) == DJS_ETOOBIG);
    CHECK(within(&m, nothing) == DJS_OK);
    djs_memory_free(&m);
    CHECK(!m.live && !m.scratch && !m.live_bytes);
}

/* ---- failures ---- */

static void both(void) {
    mem = &djs_live;
    churn();
    mem = &djs_scratch;
    churn();
}

static void fails_late(void) {
    djs_live.calloc(1, 100);
    djs_scratch.calloc(1, 100000);
    djs_memory_fail(DJS_EINVAL);
}

/* A failure leaves everything reachable; freeing it gives all of it back, and the memory can be used again.
 */
static void a_failure_frees_everything(void) {
    djs_memory m = {0}, other = {0};
    CHECK(within(&m, fails_late) == DJS_EINVAL && m.why == DJS_EINVAL);
    CHECK(m.live && m.scratch);
    djs_memory_free(&m);
    djs_status status = DJS_ENOMEM;
    for (long n = 0; status && n < 100000; n = n * 2 + 1) {
        djs_alloc_fail_after = n;
        status = within(&m, both);
        djs_alloc_fail_after = -1;
        CHECK(status == DJS_OK || status == DJS_ENOMEM);
        CHECK(within(&other, nothing) == DJS_OK); /* one that failed is no other's business */
        djs_memory_free(&m);
        CHECK(!m.live && !m.scratch && within(&m, nothing) == DJS_OK);
        djs_memory_free(&m);
    }
    CHECK(status == DJS_OK);
    djs_memory_free(&other);
}

RUN {
    what_is_allocated_is_there();
    limits();
    a_failure_frees_everything();
}
