/* Late definitions: exactly the leaves that asked for a label are due.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "late.h"

static djs_buf labels(uint64_t a, uint64_t b) {
    djs_buf list = {0};
    if (a) djs_buf_put(&list, &a, sizeof a);
    if (b) djs_buf_put(&list, &b, sizeof b);
    return list;
}

static void add(djs_late *late, const char *text, uint32_t step, uint64_t a, uint64_t b) {
    djs_buf misses = labels(a, b);
    size_t path = late->paths.len;
    djs_buf_put(&late->paths, &step, sizeof step);
    CHECK(djs_late_add(late, U(text), strlen(text), path, 1, &misses) == DJS_OK);
    djs_buf_free(&misses);
}

static bool define(djs_late *late, uint64_t a, uint64_t b) {
    djs_buf fresh = labels(a, b);
    bool due = djs_late_define(late, &fresh);
    djs_buf_free(&fresh);
    return due;
}

/* The texts of the leaves that are due, which then are not any more. */
static bool due_are(djs_late *late, const char *want) {
    djs_buf got = {0};
    djs_late_leaf *leaves = (djs_late_leaf *)(void *)late->leaves.ptr;
    const uint32_t *due = (const uint32_t *)(const void *)late->due.ptr;
    for (size_t k = 0; k < late->due.len / sizeof *due; k++) {
        uint32_t step, i = due[k];
        memcpy(&step, late->paths.ptr + leaves[i].path, sizeof step);
        CHECK(leaves[i].due);
        leaves[i].due = false;
        djs_buf_uint(&got, step);
        djs_buf_put(&got, late->texts.ptr + leaves[i].text, leaves[i].n);
        djs_buf_byte(&got, ' ');
    }
    bool ok = holds_text(&got, want);
    djs_buf_clear(&late->due);
    djs_buf_free(&got);
    return ok;
}

static void only_who_asked(void) {
    djs_late late = {0};
    CHECK(!define(&late, 1, 2)); /* nobody has asked for anything */
    add(&late, "[a]", 0, 1, 0);
    add(&late, "[b] [a]", 1, 2, 1);
    add(&late, "[c]", 2, 3, 0);
    add(&late, "[c] [c]", 3, 3, 3);
    CHECK(define(&late, 1, 0) && due_are(&late, "0[a] 1[b] [a] "));
    CHECK(define(&late, 3, 4) && due_are(&late, "2[c] 3[c] [c] "));
    CHECK(!define(&late, 5, 0) && due_are(&late, ""));
    CHECK(!define(&late, 0, 0) && due_are(&late, ""));
    djs_late_free(&late);
    djs_late_free(&late); /* once more is nothing */
}

/* Labels in one chain (256 apart) are told from each other. */
static void chains(void) {
    djs_late late = {0};
    for (uint32_t i = 0; i < 2000; i++) add(&late, "x", i, 1 + 256 * (uint64_t)i, 0);
    CHECK(define(&late, 1 + 256 * 1500, 1 + 256 * 3) && due_are(&late, "3x 1500x "));
    CHECK(!define(&late, 2, 0));
    djs_late_free(&late);
}

static void no_memory(void) {
    djs_late late = {0};
    djs_buf misses = labels(1, 0);
    djs_status status = DJS_ENOMEM;
    long n = 0;
    for (; status && n < 20; n++) {
        djs_late_free(&late);
        djs_alloc_fail_after = n;
        status = djs_late_add(&late, TEXT("text"), 0, 0, &misses);
        djs_alloc_fail_after = -1;
        CHECK(status == DJS_OK || status == DJS_ENOMEM);
    }
    CHECK(n == 5 && status == DJS_OK && define(&late, 1, 0));
    djs_late_free(&late);
    djs_buf_free(&misses);
}

RUN {
    only_who_asked();
    chains();
    no_memory();
}
