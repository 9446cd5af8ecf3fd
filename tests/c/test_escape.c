/* Text to HTML: every byte at every offset, at every width, against the plain way.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "escape.h"

static bool special(int c) { return c == '&' || c == '<' || c == '>' || c == '"' || c == '\''; }

static void every_byte_at_every_offset(void) {
    int wrong = 0;
    for (int c = 0; c < 256; c++)
        for (size_t n = 1; n <= 40; n++)
            for (size_t at = 0; at < n; at++) {
                uint8_t *text = malloc(n); /* exactly n: a read past it is seen by ASan */
                if (!text) abort();
                memset(text, 'x', n);
                text[at] = (uint8_t)c;
                wrong += djs_escape_clean(text, n) != (special(c) ? at : n);
                free(text);
            }
    CHECK(wrong == 0);
}

static void escapes(void) {
    djs_buf out = {0};
    djs_escape(&out, TEXT("<a href=\"x\">it's & \xC3\xA9</a>"));
    CHECK(holds_text(&out, "&lt;a href=&quot;x&quot;&gt;it&#x27;s &amp; \xC3\xA9&lt;/a&gt;"));
    djs_buf_clear(&out);
    djs_escape(&out, NULL, 0);
    CHECK(holds_text(&out, ""));
    djs_buf_free(&out);
}

/* ---- escaping of characters of 1, 2 and 4 bytes ---- */

static const struct {
    char c;
    const char *entity;
} table[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#x27;"}};

static size_t plain(const uint32_t *text, size_t n, bool markup, uint32_t *out) {
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        const char *entity = NULL;
        for (size_t k = markup; k < 5; k++)
            if (text[i] == (uint8_t)table[k].c) entity = table[k].entity;
        if (!entity) out[o++] = text[i];
        else
            while (*entity) out[o++] = (uint8_t)*entity++;
    }
    return o;
}

static void *narrow(const uint32_t *text, size_t n, unsigned width) {
    uint8_t *out = malloc(n * width + !n); /* exactly n: ASan sees what goes past it */
    if (!out) abort();
    for (size_t i = 0; i < n; i++) {
        uint8_t one = (uint8_t)text[i];
        uint16_t two = (uint16_t)text[i];
        memcpy(out + i * width,
               width == 1   ? (void *)&one
               : width == 2 ? (void *)&two
                            : (void *)&text[i],
               width);
    }
    return out;
}

static bool same_when_short(const uint8_t *in, size_t n, bool markup, const uint32_t *want, size_t len) {
    void *expected = narrow(want, len, 1), *out = malloc(DJS_ESCAPE_ROOM(n));
    if (!out) abort();
    bool ok = djs_escape_short(out, in, n, markup) == len && !memcmp(out, expected, len);
    free(expected);
    free(out);
    return ok;
}

/* As the plain way, for every pair of widths? */
static bool same(const uint32_t *text, size_t n, unsigned width) {
    uint32_t want[6 * 1024];
    bool ok = true;
    void *in = narrow(text, n, width);
    for (int markup = 0; markup < 2; markup++) {
        size_t len = plain(text, n, markup, want), more = djs_escape_growth(in, n, width, markup);
        ok &= len == n + more;
        for (unsigned out_width = width; ok && out_width <= 4; out_width *= 2) {
            void *expected = narrow(want, len, out_width), *out = malloc(len * out_width + !len);
            if (!out) abort();
            djs_escape_write(out, out_width, in, n, width, markup, more);
            ok &= !len || !memcmp(out, expected, len * out_width);
            free(expected);
            free(out);
        }
        ok &= width > 1 || same_when_short(in, n, markup, want, len);
    }
    free(in);
    return ok;
}

static void every_character_at_every_offset(void) {
    uint32_t text[200];
    int wrong = 0;
    for (unsigned width = 1; width <= 4; width *= 2)
        for (uint32_t c = 0; c < 0x80; c++)
            for (size_t n = 1; n <= 40; n++)
                for (size_t at = 0; at < n; at++) {
                    for (size_t i = 0; i < n; i++) text[i] = 'x';
                    text[at] = c;
                    wrong += !same(text, n, width);
                }
    CHECK(wrong == 0);
}

static void any_text(void) {
    static const uint32_t wide[] = {0x80,   0xFF,   0x126,  0x226,   0x3C00,  0xFF22,   0x2626,
                                    0x8027, 0xD83C, 0xFFFF, 0x10026, 0x1F33C, 0x100022, 0x10FFFF};
    uint32_t text[1024], state = 7;
    int wrong = 0;
    for (int round = 0; round < 3000; round++) {
        size_t n = chance(&state) % (round % 2 ? 1024 : 100);
        unsigned width = 1u << round % 3;
        uint32_t dense = (const uint32_t[]){1, 3, 20, 20}[chance(&state) % 4];
        for (size_t i = 0; i < n; i++) {
            uint32_t kind = chance(&state) % dense;
            text[i] = kind == 0   ? (uint8_t)table[chance(&state) % 5].c
                      : kind == 1 ? wide[chance(&state) % (width == 1   ? 2
                                                           : width == 2 ? 10
                                                                        : 14)]
                                  : 'a' + chance(&state) % 26;
        }
        wrong += !same(text, n, width);
    }
    CHECK(wrong == 0);
}

RUN {
    every_byte_at_every_offset();
    escapes();
    every_character_at_every_offset();
    any_text();
}
