/* Text as JSON: every byte at every offset, the wide scan against the plain
 * one; whatever goes in, what comes out is a JSON string in valid UTF-8.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "json.h"
#include "utf8.h"

static void both_scans_agree(void) {
    int wrong = 0;
    for (int c = 0; c < 256; c++)
        for (size_t n = 1; n <= 40; n++)
            for (size_t at = 0; at < n; at++) {
                uint8_t *text = malloc(n); /* exactly n: a read past it is seen by ASan */
                if (!text) abort();
                memset(text, 'x', n);
                text[at] = (uint8_t)c;
                size_t clean = djs_json_clean(text, n);
                bool stops = c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
                wrong += clean != djs_json_clean_scalar(text, n) || clean != (stops ? at : n);
                free(text);
            }
    CHECK(wrong == 0);
}

static bool writes(const char *text, size_t n, const char *want) {
    djs_buf out = {0};
    djs_json_string(&out, U(text), n);
    bool ok = holds_text(&out, want);
    djs_buf_free(&out);
    return ok;
}

static void examples(void) {
    CHECK(writes("", 0, "\"\""));
    CHECK(writes("say \"hi\"\n", 9, "\"say \\\"hi\\\"\\n\""));
    CHECK(writes("\0\x01\b\f\r\t\x1f\x7f\\/<", 11, "\"\\u0000\\u0001\\b\\f\\r\\t\\u001f\x7f\\\\/<\""));
    CHECK(writes("\xC3\xA9 \xE2\x80\xA8 \xF0\x9F\x98\x80", 11, "\"\xC3\xA9 \xE2\x80\xA8 \xF0\x9F\x98\x80\""));
    CHECK(writes("a\xFFz\xC3", 4, "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\""));
}

/* A JSON string by RFC 8259: between the quotes no bare quote, no control
 * character, and every backslash begins an escape. */
static bool is_json_string(const djs_buf *b) {
    if (b->len < 2 || b->ptr[0] != '"' || b->ptr[b->len - 1] != '"') return false;
    for (size_t i = 1; i < b->len - 1; i++) {
        if (b->ptr[i] < 0x20 || b->ptr[i] == '"') return false;
        if (b->ptr[i] != '\\') continue;
        if (!strchr("\"\\/bfnrtu", b->ptr[++i]) || i >= b->len - 1) return false;
    }
    return djs_utf8_valid(b->ptr, b->len) == b->len;
}

static void any_bytes_make_json(void) {
    uint32_t seed = 3;
    int wrong = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t text[48];
        size_t n = chance(&seed) % sizeof text;
        uint32_t narrow = chance(&seed) % 2; /* half of them mostly ASCII */
        for (size_t i = 0; i < n; i++) text[i] = (uint8_t)(narrow && chance(&seed) % 8 ? 'a' : chance(&seed));
        djs_buf out = {0};
        djs_json_string(&out, text, n);
        wrong += !is_json_string(&out);
        djs_buf_free(&out);
    }
    CHECK(wrong == 0);
}

RUN {
    both_scans_agree();
    examples();
    any_bytes_make_json();
}
