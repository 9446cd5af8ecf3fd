/* The op batcher: what merges, what must not, and what it costs in memory.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

static void adjacent_text_is_one_op(void) {
    djs_batch b = new_batch();
    push_at(&b, DJS_OP_TEXT_APPEND, "#a", "Hel");
    push_at(&b, DJS_OP_TEXT_APPEND, "#a", "lo");
    push_at(&b, DJS_OP_DONE, "#a", "");
    push_at(&b, DJS_OP_TEXT_APPEND, "#a", "x");
    CHECK(djs_batch_count(&b) == 3 && b.pushed == 4);
    CHECK(has_ops(&b, "[\"on\",\"#a\"],[\"ta\",\"Hello\"],[\"done\"],[\"ta\",\"x\"]"));
    CHECK(djs_batch_pending_bytes(&b) == 0 && b.pushed == 0);
    push(&b, DJS_OP_TEXT_REPLACE, "a");
    push(&b, DJS_OP_TEXT_APPEND, "b");
    CHECK(has_ops(&b, "[\"tr\",\"ab\"]"));
    djs_batch_free(&b);
}

static void pieces_stay_apart(void) {
    djs_batch b = new_batch();
    push(&b, DJS_OP_TEXT, "");
    push(&b, DJS_OP_TEXT, "a");
    push(&b, DJS_OP_TEXT, "");
    CHECK(has_ops(&b, "\"\",\"a\",\"\""));
    push(&b, DJS_OP_TEXT_PREPEND, "c");
    push(&b, DJS_OP_TEXT_PREPEND, "");
    push(&b, DJS_OP_TEXT_PREPEND, "ab");
    CHECK(djs_batch_count(&b) == 1);
    CHECK(has_ops(&b, "[\"tp\",\"abc\"]"));
    push(&b, DJS_OP_TEXT, "a"); /* one mode after another: two ops */
    push(&b, DJS_OP_TEXT_APPEND, "b");
    push(&b, DJS_OP_TEXT_PREPEND, "c");
    CHECK(has_ops(&b, "\"a\",[\"ta\",\"b\"],[\"tp\",\"c\"]"));
    djs_batch_free(&b);
}

static void the_last_supersedes(void) {
    djs_batch b = new_batch();
    push(&b, DJS_OP_REPLACE, "old");
    push(&b, DJS_OP_REPLACE, "new");
    CHECK(has_ops(&b, "[\"r\",\"new\"]"));
    push(&b, DJS_OP_TEXT, "a"); /* which makes the element active; replace does not */
    push(&b, DJS_OP_TEXT_PREPEND, "b");
    push(&b, DJS_OP_REPLACE, "x");
    push(&b, DJS_OP_REPLACE, "y");
    CHECK(has_ops(&b, "[\"ta\",\"\"],[\"r\",\"y\"]"));
    push(&b, DJS_OP_REPLACE, "x");
    push(&b, DJS_OP_TEXT_REPLACE, "y");
    CHECK(has_ops(&b, "[\"tr\",\"y\"]"));
    push(&b, DJS_OP_REPLACE, "1");
    push(&b, DJS_OP_APPEND, "2"); /* nothing merges across it */
    push(&b, DJS_OP_REPLACE, "3");
    push(&b, DJS_OP_REPLACE, "4");
    CHECK(has_ops(&b, "[\"r\",\"1\"],[\"a\",\"2\"],[\"r\",\"4\"]"));
    push_at(&b, DJS_OP_REPLACE, "#a", "1");
    push_at(&b, DJS_OP_REPLACE, "#b", "2"); /* which may lie in #a, or be made by it */
    push_at(&b, DJS_OP_REPLACE, "#a", "3");
    push_at(&b, DJS_OP_REPLACE, "#a", "4");
    CHECK(has_ops(
        &b, "[\"on\",\"#a\"],[\"r\",\"1\"],[\"on\",\"#b\"],[\"r\",\"2\"],[\"on\",\"#a\"],[\"r\",\"4\"]"));
    djs_batch_free(&b);
}

static void a_target_that_asks_for_state_does_not_merge(void) {
    djs_batch b = new_batch();
    const char *const targets[] = {"#a:empty", "p:last-child", "[data-stream-error]", "[aria-busy]"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        push_at(&b, DJS_OP_TEXT_APPEND, targets[i], "a");
        push_at(&b, DJS_OP_TEXT_APPEND, targets[i], "b");
        push_at(&b, DJS_OP_REPLACE, targets[i], "c");
        CHECK(djs_batch_count(&b) == 3);
        djs_batch_clear(&b);
    }
    push(&b, DJS_OP_TEXT_APPEND, "a"); /* the root by its own selector is the root */
    push_at(&b, DJS_OP_TEXT_APPEND, "[dj-stream='s']", "b");
    CHECK(has_ops(&b, "[\"ta\",\"ab\"]"));
    djs_batch_free(&b);
}

static void edits(void) {
    djs_batch b = new_batch();
    const uint32_t path[] = {0, 70000, 2};
    push(&b, DJS_OP_REPLACE, "");
    djs_batch_grow(&b, 2, TEXT("a"));
    djs_batch_grow(&b, 2, TEXT("<i>b</i>"));
    djs_batch_grow(&b, 1, TEXT("c"));
    djs_batch_cut(&b, 1, 2, 3);
    djs_batch_cut(&b, 1, 2, 3);
    djs_batch_loose(&b, 4, 7);
    djs_batch_head(&b, 1, TEXT("h"));
    djs_batch_patch(&b, path, 3, TEXT("\"p\""));
    djs_batch_patch(&b, NULL, 0, TEXT("q"));
    CHECK(has_ops(
        &b,
        "[\"r\",\"\"],[2,\"a<i>b</i>\"],[1,\"c\"],[\"x\",1,2,3],[\"x\",1,2,3],[\"l\",4,1],[\"h\",1,\"h\"],"
        "[\"@\",[0,70000,2],\"\\\"p\\\"\"],[\"@\",[],\"q\"]"));
    djs_batch_on(&b, TEXT("#x"));
    push_at(&b, DJS_OP_REPLACE, "#x", "");
    djs_batch_patch(&b, path, 3, TEXT("p"));
    djs_batch_grow(&b, 2, TEXT("a"));
    djs_batch_fill(&b, TEXT("<p>all</p>"));
    djs_batch_fill(&b, TEXT("<p>all of it</p>"));
    djs_batch_on(&b, NULL, 0);
    djs_batch_grow(&b, 0, TEXT("z"));
    CHECK(has_ops(&b, "[\"on\",\"#x\"],[\"r\",\"<p>all of it</p>\"],[\"on\",\"\"],[0,\"z\"]"));
    djs_batch_free(&b);
}

/* A batch that a thousand prepends went into costs what they hold, and one that is idle next to nothing. */
static void memory(void) {
    djs_batch b = new_batch();
    for (int i = 0; i < 100000; i++) push(&b, DJS_OP_TEXT_PREPEND, "token");
    CHECK(djs_batch_pending_bytes(&b) < 600100 && djs_batch_count(&b) == 1);
    djs_batch_clear(&b);
    CHECK(b.bytes.cap + b.entries.cap <= 1024);
    for (int i = 0; i < 100000; i++) push(&b, DJS_OP_REPLACE, "the whole page");
    CHECK(djs_batch_pending_bytes(&b) < 100 && b.bytes.cap < 1000);
    for (int i = 0; i < 1000; i++) {
        push_at(&b, DJS_OP_TEXT, "#a", "text");
        push_at(&b, DJS_OP_REPLACE, "#a", "html");
    }
    CHECK(djs_batch_pending_bytes(&b) < 200);
    djs_batch_free(&b);
}

static void refusals(void) {
    djs_batch b = new_batch();
    push(&b, DJS_OP_TEXT, "kept");
    CHECK(push(&b, DJS_OP_GROW, "x") == DJS_EINVAL && push(&b, DJS_OP_COUNT, "x") == DJS_EINVAL);
    CHECK(push(&b, DJS_OP_PRUNE, "left") == DJS_EINVAL && push(&b, DJS_OP_PRUNE, "to") == DJS_EINVAL);
    /* Sizes are looked at before the bytes are. */
    CHECK(djs_batch_push(&b, DJS_OP_TEXT, &(djs_arg){.text = U("x"), .n = DJS_MAX_BUF}) == DJS_ETOOBIG);
    CHECK(djs_batch_push(&b, DJS_OP_APPEND, &(djs_arg){.text = U("x"), .n = SIZE_MAX}) == DJS_ETOOBIG);
    CHECK(djs_batch_push(&b, DJS_OP_TEXT, &(djs_arg){.text = U("x"), .n = SIZE_MAX}) == DJS_ETOOBIG);
    CHECK(djs_batch_patch(&b, NULL, SIZE_MAX / 2, TEXT("x")) == DJS_ETOOBIG);
    CHECK(has_ops(&b, "\"kept\""));
    djs_batch_free(&b);
}

RUN {
    adjacent_text_is_one_op();
    pieces_stay_apart();
    the_last_supersedes();
    a_target_that_asks_for_state_does_not_merge();
    edits();
    memory();
    refusals();
}
