/* UTF-8 at the edges, against a decoder that knows only the definition.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "utf8.h"

/* Writes a code point in UTF-8, also one that UTF-8 does not allow; its length. */
static size_t spell(uint32_t c, uint8_t *to) {
    if (c < 0x80) return to[0] = (uint8_t)c, 1;
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; --i; c >>= 6) to[i] = (uint8_t)(0x80 | (c & 0x3F));
    to[0] = (uint8_t)(lead[n] | c);
    return n;
}

static void every_code_point(void) {
    int wrong = 0;
    for (uint32_t c = 0; c < 0x120000; c++) {
        uint8_t text[4];
        size_t n = spell(c, text);
        bool lawful = c < 0x110000 && (c < 0xD800 || c > 0xDFFF);
        wrong += (djs_utf8_valid(text, n) == n) != lawful;
        if (lawful) wrong += djs_utf8_units(text, n) != (c < 0x10000 ? 1u : 2u);
        for (size_t cut = 1; lawful && cut < n; cut++) wrong += djs_utf8_unfinished(text, cut) != cut;
    }
    CHECK(wrong == 0);
}

static bool cleans_to(const char *text, size_t n, const char *want) {
    djs_buf out = {0};
    djs_utf8_clean(&out, U(text), n);
    bool ok = holds_text(&out, want);
    djs_buf_free(&out);
    return ok;
}

#define CLEANS(text, want) CHECK(cleans_to((text), sizeof(text) - 1, (want)))
#define BAD                "\xEF\xBF\xBD"

/* Unicode 15, section 3.9, tables 3-8 to 3-11. */
static void the_standard_s_examples(void) {
    CLEANS("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", BAD BAD BAD BAD BAD BAD BAD BAD "A");
    CLEANS("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", BAD BAD BAD BAD BAD BAD BAD BAD "A");
    CLEANS("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", BAD BAD BAD BAD BAD "A" BAD BAD "B");
    CLEANS("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", BAD BAD BAD BAD "A");
    CLEANS("", "");
}

/* Cut anywhere, and the unfinished end kept for the next piece: the same text. */
static void any_cut_gives_the_same(void) {
    uint32_t seed = 7;
    for (int round = 0; round < 3000; round++) {
        uint8_t text[24];
        size_t n = chance(&seed) % sizeof text;
        static const uint8_t likely[] = {'a',  0x80, 0xBF, 0xC3, 0xE2, 0x82, 0xAC,
                                         0xED, 0xA0, 0xF0, 0x9F, 0x98, 0xF4, 0xFF};
        for (size_t i = 0; i < n; i++) text[i] = likely[chance(&seed) % sizeof likely];
        djs_buf whole = {0}, pieces = {0};
        djs_utf8_clean(&whole, text, n);
        size_t from = 0;
        for (size_t i = 1; i <= n; i++) {
            if (chance(&seed) % 2 && i < n) continue;
            size_t end = i - (i < n ? djs_utf8_unfinished(text + from, i - from) : 0);
            djs_utf8_clean(&pieces, text + from, end - from);
            from = end;
        }
        CHECK(whole.len == pieces.len && (!whole.len || !memcmp(whole.ptr, pieces.ptr, whole.len)));
        CHECK(djs_utf8_valid(whole.ptr, whole.len) == whole.len);
        djs_buf_free(&whole);
        djs_buf_free(&pieces);
    }
}

RUN {
    every_code_point();
    the_standard_s_examples();
    any_cut_gives_the_same();
}
