/* Both wire forms, op by op, as tests/spec/wire.md tells them.
 *
 * SPDX-License-Identifier: MIT */
#include "ops.h"

static bool is(const djs_batch *b, djs_form form, const char *want) {
    djs_buf out = {0};
    bool ok = djs_frame_write(b, 12, form, &out) == DJS_OK && holds_text(&out, want);
    djs_buf_free(&out);
    return ok;
}

static void the_envelope(void) {
    djs_batch b;
    CHECK(djs_batch_init(&b, TEXT("a\"\xC3\xA9"), TEXT("[dj-stream='a\"']")) == DJS_OK);
    CHECK(is(&b, DJS_FORM_DJUST, "{\"type\":\"stream\",\"stream\":\"a\\\"\xC3\xA9\",\"seq\":12,\"ops\":[]}"));
    CHECK(is(&b, DJS_FORM_COMPACT, "{\"s\":\"a\\\"\xC3\xA9\",\"n\":12,\"o\":[]}"));
    CHECK(is(&b, DJS_FORM_COMPACT_TYPED, "{\"type\":\"stream\",\"s\":\"a\\\"\xC3\xA9\",\"n\":12,\"o\":[]}"));
    push(&b, DJS_OP_START, "");
    CHECK(is(&b, DJS_FORM_DJUST,
             "{\"type\":\"stream\",\"stream\":\"a\\\"\xC3\xA9\",\"seq\":12,\"ops\":["
             "{\"op\":\"start\",\"target\":\"[dj-stream='a\\\"']\"}]}"));
    djs_batch_free(&b);
}

#define ON "\",\"target\":\"[dj-stream='s']\""

static void every_op(void) {
    static const struct {
        djs_op op;
        const char *text, *djust, *compact;
    } rows[] = {
        {DJS_OP_START, "", "{\"op\":\"start" ON "}", "[\"start\"]"},
        {DJS_OP_TEXT, "T", "{\"op\":\"text" ON ",\"text\":\"T\",\"mode\":\"append\"}", "\"T\""},
        {DJS_OP_TEXT_APPEND, "T", "{\"op\":\"text" ON ",\"text\":\"T\",\"mode\":\"append\"}",
         "[\"ta\",\"T\"]"},
        {DJS_OP_TEXT_REPLACE, "T", "{\"op\":\"text" ON ",\"text\":\"T\",\"mode\":\"replace\"}",
         "[\"tr\",\"T\"]"},
        {DJS_OP_TEXT_PREPEND, "T", "{\"op\":\"text" ON ",\"text\":\"T\",\"mode\":\"prepend\"}",
         "[\"tp\",\"T\"]"},
        {DJS_OP_APPEND, "H", "{\"op\":\"append" ON ",\"html\":\"H\"}", "[\"a\",\"H\"]"},
        {DJS_OP_PREPEND, "H", "{\"op\":\"prepend" ON ",\"html\":\"H\"}", "[\"p\",\"H\"]"},
        {DJS_OP_REPLACE, "H", "{\"op\":\"replace" ON ",\"html\":\"H\"}", "[\"r\",\"H\"]"},
        {DJS_OP_DELETE, "", "{\"op\":\"delete" ON "}", "[\"delete\",\"[dj-stream='s']\"]"},
        {DJS_OP_PRUNE, "", "{\"op\":\"prune" ON ",\"limit\":0,\"edge\":\"top\"}", "[\"prune\",0,\"top\"]"},
        {DJS_OP_PRUNE, "bottom", "{\"op\":\"prune" ON ",\"limit\":0,\"edge\":\"bottom\"}",
         "[\"prune\",0,\"bottom\"]"},
        {DJS_OP_ERROR, "T", "{\"op\":\"error" ON ",\"error\":\"T\"}", "[\"error\",\"T\"]"},
        {DJS_OP_DONE, "", "{\"op\":\"done" ON "}", "[\"done\"]"},
        {DJS_OP_DONE, "stopped", "{\"op\":\"done" ON ",\"reason\":\"stopped\"}", "[\"done\",\"stopped\"]"},
    };
    bool seen[DJS_OP_CALLERS] = {false};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        djs_batch b = new_batch();
        char want[256];
        CHECK(push(&b, rows[i].op, rows[i].text) == DJS_OK);
        (void)snprintf(want, sizeof want, "{\"type\":\"stream\",\"stream\":\"s\",\"seq\":12,\"ops\":[%s]}",
                       rows[i].djust);
        CHECK(is(&b, DJS_FORM_DJUST, want));
        CHECK(has_ops(&b, rows[i].compact));
        seen[rows[i].op] = true;
        djs_batch_free(&b);
    }
    for (size_t i = 0; i < DJS_OP_CALLERS; i++) CHECK(seen[i]);
}

static void an_error_tells_when_to_try_again(void) {
    static const struct {
        uint32_t number;
        const char *djust, *compact;
    } rows[] = {
        {1, ",\"retry\":0", ",0"},
        {8, ",\"retry\":7", ",7"},
        {INT32_MAX, ",\"retry\":2147483646", ",2147483646"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        djs_batch b = new_batch();
        djs_arg arg = {.text = (const uint8_t *)"T", .n = 1, .number = rows[i].number};
        CHECK(djs_batch_push(&b, DJS_OP_ERROR, &arg) == DJS_OK);
        char want[256];
        (void)snprintf(want, sizeof want,
                       "{\"type\":\"stream\",\"stream\":\"s\",\"seq\":12,\"ops\":[{\"op\":\"error" ON
                       ",\"error\":\"T\"%s}]}",
                       rows[i].djust);
        CHECK(is(&b, DJS_FORM_DJUST, want));
        (void)snprintf(want, sizeof want, "[\"error\",\"T\"%s]", rows[i].compact);
        CHECK(has_ops(&b, want));
        djs_batch_free(&b);
    }
}

static void text_without_a_mode_is_appended_for_djust(void) {
    djs_batch b = new_batch();
    push(&b, DJS_OP_TEXT, "a");
    push(&b, DJS_OP_TEXT, "");
    push(&b, DJS_OP_TEXT, "b");
    CHECK(is(&b, DJS_FORM_DJUST,
             "{\"type\":\"stream\",\"stream\":\"s\",\"seq\":12,\"ops\":["
             "{\"op\":\"text" ON ",\"text\":\"ab\",\"mode\":\"append\"}]}"));
    djs_batch_free(&b);
}

static void targets(void) {
    djs_batch b = new_batch();
    push_at(&b, DJS_OP_APPEND, "#a", "1");
    push_at(&b, DJS_OP_DELETE, "#b", "");
    push_at(&b, DJS_OP_APPEND, "#a", "2");
    push_at(&b, DJS_OP_APPEND, "", "3");
    djs_batch_on(&b, TEXT(".a, .b"));
    djs_batch_grow(&b, 2, TEXT("4"));
    CHECK(is(&b, DJS_FORM_DJUST,
             "{\"type\":\"stream\",\"stream\":\"s\",\"seq\":12,\"ops\":["
             "{\"op\":\"append\",\"target\":\"#a\",\"html\":\"1\"},{\"op\":\"delete\",\"target\":\"#b\"},"
             "{\"op\":\"append\",\"target\":\"#a\",\"html\":\"2\"},{\"op\":\"append" ON ",\"html\":\"3\"},"
             "{\"op\":\"append\",\"target\":\":is(.a, .b)>:last-child>:last-child\",\"html\":\"4\"}]}"));
    CHECK(has_ops(
        &b, "[\"on\",\"#a\"],[\"a\",\"1\"],[\"delete\",\"#b\"],[\"a\",\"2\"],[\"on\",\"\"],[\"a\",\"3\"],"
            "[\"on\",\".a, .b\"],[2,\"4\"]"));
    djs_batch_free(&b);
}

static void djust_cannot_say_every_edit(void) {
    djs_batch b = new_batch();
    djs_buf out = {0};
    djs_buf_lit(&out, "before");
    djs_batch_grow(&b, 0, TEXT("x"));
    djs_batch_cut(&b, 0, 1, 0);
    CHECK(djs_frame_write(&b, 1, DJS_FORM_DJUST, &out) == DJS_EINVAL && holds_text(&out, "before"));
    djs_buf_free(&out);
    CHECK(has_ops(&b, "[0,\"x\"],[\"x\",0,1,0]"));
    djs_batch_free(&b);
}

RUN {
    the_envelope();
    every_op();
    an_error_tells_when_to_try_again();
    text_without_a_mode_is_appended_for_djust();
    targets();
    djust_cannot_say_every_edit();
}
