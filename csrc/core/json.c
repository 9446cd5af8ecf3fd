/* Text as JSON strings.
 *
 * The law: for every byte string the output is valid JSON and valid UTF-8;
 * a JSON parser reads from it the text that went in, with U+FFFD for what was
 * not UTF-8. Escaped are the quote, the backslash and what is below U+0020,
 * nothing else: a frame is a message, it is never put into HTML.
 *
 * Most text is ASCII with nothing to escape. So: find how far that goes, 16
 * bytes at a time; copy it; deal with the byte that stopped it. Bytes over
 * 0x7f are taken as a run, since only they can be ill-formed.
 *
 * Checked by: tests/c/test_json.c (every byte at every offset, both scans),
 * tests/test_batch.py (Python's json reads back what was pushed).
 *
 * SPDX-License-Identifier: MIT */
#include "json.h"
#include "utf8.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

static bool stops(uint8_t c) { return c < 0x20 || c == '"' || c == '\\' || c >= 0x80; }

size_t djs_json_clean_scalar(const uint8_t *text, size_t n) {
    size_t i = 0;
    while (i < n && !stops(text[i])) i++;
    return i;
}

size_t djs_json_clean(const uint8_t *text, size_t n) {
    size_t i = 0;
#if defined(__SSE2__)
    for (; i + 16 <= n; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(text + i));
        /* As signed bytes, those over 0x7f are below 0x20 too: one compare for both. */
        __m128i outside = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));
        __m128i marks =
            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        int mask = _mm_movemask_epi8(_mm_or_si128(outside, marks));
        if (mask) return i + (size_t)__builtin_ctz((unsigned)mask);
    }
#elif defined(__ARM_NEON) && defined(__aarch64__)
    for (; i + 16 <= n; i += 16) {
        uint8x16_t v = vld1q_u8(text + i);
        uint8x16_t outside = vcltq_s8(vreinterpretq_s8_u8(v), vdupq_n_s8(0x20));
        uint8x16_t marks = vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')), vceqq_u8(v, vdupq_n_u8('\\')));
        if (vmaxvq_u8(vorrq_u8(outside, marks))) break; /* the scalar scan finds which */
    }
#endif
    return i + djs_json_clean_scalar(text + i, n - i);
}

static size_t beyond_ascii(const uint8_t *text, size_t n) {
    size_t i = 0;
    while (i < n && text[i] >= 0x80) i++;
    return i;
}

static void escape(djs_buf *out, uint8_t c) {
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"': djs_buf_lit(out, "\\\""); break;
    case '\\': djs_buf_lit(out, "\\\\"); break;
    case '\b': djs_buf_lit(out, "\\b"); break;
    case '\f': djs_buf_lit(out, "\\f"); break;
    case '\n': djs_buf_lit(out, "\\n"); break;
    case '\r': djs_buf_lit(out, "\\r"); break;
    case '\t': djs_buf_lit(out, "\\t"); break;
    default:
        djs_buf_lit(out, "\\u00");
        djs_buf_byte(out, (uint8_t)hex[c >> 4]);
        djs_buf_byte(out, (uint8_t)hex[c & 15]);
    }
}

void djs_json_text(djs_buf *out, const uint8_t *text, size_t n) {
    while (n) {
        size_t run = djs_json_clean(text, n);
        djs_buf_put(out, text, run);
        if (run < n && text[run] < 0x80) {
            escape(out, text[run++]);
        } else if (run < n) {
            size_t more = beyond_ascii(text + run, n - run);
            djs_utf8_clean(out, text + run, more);
            run += more;
        }
        text += run;
        n -= run;
    }
}

void djs_json_string(djs_buf *out, const uint8_t *text, size_t n) {
    djs_buf_byte(out, '"');
    djs_json_text(out, text, n);
    djs_buf_byte(out, '"');
}
