/* libFuzzer on the op batcher and its frames: `make -C tests/c fuzz`.
 *
 * The law: whatever is pushed, a call succeeds or says why and changes
 * nothing, and every frame is JSON: its strings end and its brackets balance.
 * Four bytes of the input make one op: which, its target, its payload's
 * length, a number; the payload follows.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "frame.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Balanced, with nothing raw in strings that JSON does not allow there. */
static bool is_json(const djs_buf *text) {
    uint8_t open[64];
    size_t depth = 0;
    bool string = false;
    for (size_t i = 0; i < text->len; i++) {
        uint8_t c = text->ptr[i];
        if (string) {
            if (c < 0x20) return false;
            if (c == '\\') {
                if (++i == text->len || !text->ptr[i] || !strchr("\"\\/bfnrtu", text->ptr[i])) return false;
            } else if (c == '"') string = false;
        } else if (c == '"') {
            string = true;
        } else if (c == '[' || c == '{') {
            if (depth == sizeof open) return false;
            open[depth++] = c;
        } else if (c == ']' || c == '}') {
            if (!depth || open[--depth] != (c == ']' ? '[' : '{')) return false;
            if (!depth && i + 1 != text->len) return false;
        }
    }
    return !string && !depth && text->len && djs_utf8_valid(text->ptr, text->len) == text->len;
}

static void expect(bool ok) {
    if (!ok) abort();
}

static void check_frames(const djs_batch *b, bool edits) {
    static const djs_form forms[] = {DJS_FORM_DJUST, DJS_FORM_COMPACT, DJS_FORM_COMPACT_TYPED};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        djs_buf out = {0};
        djs_status status = djs_frame_write(b, 7, forms[i], &out);
        if (status) expect(status == DJS_EINVAL && edits && forms[i] == DJS_FORM_DJUST && !out.len);
        else expect(is_json(&out));
        djs_buf_free(&out);
    }
}

static djs_status step(djs_batch *b, const uint8_t *word, const djs_arg *arg) {
    const uint32_t path[] = {word[3], 70000, word[3], 1};
    switch (word[0] & 31) {
    case 24: return djs_batch_on(b, arg->target, arg->target_n);
    case 25: return djs_batch_grow(b, word[3], arg->text, arg->n);
    case 26: return djs_batch_cut(b, word[3], word[1], word[2]);
    case 27: return djs_batch_loose(b, word[3], word[1]);
    case 28: return djs_batch_head(b, word[3], arg->text, arg->n);
    case 29: return djs_batch_patch(b, path, word[1] & 3, arg->text, arg->n);
    case 30: return djs_batch_fill(b, arg->text, arg->n);
    default: return djs_batch_push(b, (djs_op)(word[0] & 31), arg);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char *const targets[] = {"",        "#a",     "[dj-stream='s']", "[dj-stream=\"s\"]",
                                          "p:empty", "#\"\\\n"};
    djs_batch b;
    djs_buf text = {0};
    bool edits = false;
    expect(!djs_batch_init(&b, (const uint8_t *)"s", 1, (const uint8_t *)"[dj-stream='s']", 15));
    while (n >= 4) {
        const uint8_t *word = data;
        const char *target = targets[word[1] % (sizeof targets / sizeof *targets)];
        size_t size = word[2] < n - 4 ? word[2] : n - 4;
        djs_buf_clear(&text);
        djs_utf8_clean(&text, data + 4, size);
        data += 4 + size;
        n -= 4 + size;
        djs_arg arg = {.text = text.ptr,
                       .n = text.len,
                       .target = (const uint8_t *)target,
                       .target_n = strlen(target),
                       .number = word[3]};
        size_t count = djs_batch_count(&b), bytes = djs_batch_pending_bytes(&b);
        djs_status status = step(&b, word, &arg);
        if (status) expect(djs_batch_count(&b) == count && djs_batch_pending_bytes(&b) == bytes);
        edits |= (word[0] & 31) >= 24;
        if ((word[0] & 31) == 31) djs_batch_clear(&b), edits = false;
        if (word[0] & 128) check_frames(&b, edits);
    }
    check_frames(&b, edits);
    djs_batch_free(&b);
    djs_buf_free(&text);
    return 0;
}
