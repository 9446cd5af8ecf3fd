/* Growable bytes: what was appended is there; an error sticks and loses nothing.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"

static void appends_and_cuts(void) {
    djs_buf b = {0};
    djs_buf_put(&b, NULL, 0); /* nothing, from nowhere */
    djs_buf_drop(&b, 5);
    djs_buf_cut(&b, 0);
    CHECK(holds_text(&b, "") && !b.ptr);
    djs_buf_lit(&b, "one");
    djs_buf_byte(&b, ' ');
    djs_buf_uint(&b, 0);
    djs_buf_byte(&b, ' ');
    djs_buf_uint(&b, UINT64_MAX);
    CHECK(holds_text(&b, "one 0 18446744073709551615"));
    djs_buf_drop(&b, 4);
    djs_buf_cut(&b, 4);
    CHECK(holds_text(&b, "0 18"));
    djs_buf_cut(&b, 9); /* more than there is */
    djs_buf_drop(&b, 9);
    CHECK(holds_text(&b, ""));
    djs_buf_free(&b);
    CHECK(!b.ptr && !b.cap);
}

static void grows_in_proportion(void) {
    djs_buf b = {0};
    size_t moves = 0, cap = 0;
    for (uint32_t i = 0; i < 1000000; i++) {
        djs_buf_byte(&b, (uint8_t)i);
        if (b.cap != cap) moves++;
        cap = b.cap;
    }
    bool same = b.len == 1000000;
    for (uint32_t i = 0; i < b.len; i++) same &= b.ptr[i] == (uint8_t)i;
    CHECK(same && moves < 40 && b.cap < 2 * b.len);
    djs_buf_free(&b);
}

/* Room that was made in passing must not lift the limit. */
static void the_limit_holds(void) {
    djs_buf b = {.len = DJS_MAX_BUF - 100, .cap = DJS_MAX_BUF - 100}; /* nothing in it to copy */
    CHECK(djs_buf_grow(&b, 10) && b.cap == DJS_MAX_BUF);
    CHECK(djs_buf_grow(&b, 100) && !djs_buf_grow(&b, 101) && b.status == DJS_ETOOBIG);
    djs_buf_free(&b);
}

static void an_error_sticks(void) {
    djs_buf b = {0};
    djs_buf_lit(&b, "kept");
    CHECK(!djs_buf_grow(&b, DJS_MAX_BUF - 3) && b.status == DJS_ETOOBIG);
    djs_buf_lit(&b, " not");
    CHECK(holds_text(&b, "kept") && !djs_buf_grow(&b, 1));
    djs_buf_clear(&b);
    djs_buf_lit(&b, "again");
    CHECK(holds_text(&b, "again") && b.status == DJS_OK);
    djs_alloc_fail_after = 0;
    CHECK(!djs_buf_grow(&b, 1000) && b.status == DJS_ENOMEM && holds_text(&b, "again"));
    djs_alloc_fail_after = -1;
    CHECK(!djs_calloc(DJS_MAX_BUF, 2));
    djs_buf_free(&b);
}

RUN {
    appends_and_cuts();
    grows_in_proportion();
    the_limit_holds();
    an_error_sticks();
}
