/* Text to HTML.
 *
 * The law: for every byte string, the output is what replacing each of the
 * five characters on its own would give; the 16-bytes-at-a-time scan and the
 * scalar one agree on every byte at every offset. Bytes over 0x7f pass.
 *
 * Checked by: tests/c/test_escape.c (every byte at every offset, both scans).
 *
 * SPDX-License-Identifier: MIT */
#include "escape.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

static const uint8_t special[256] = {['&'] = 1, ['<'] = 1, ['>'] = 1, ['"'] = 1, ['\''] = 1};

static size_t clean_scalar(const uint8_t *text, size_t i, size_t n) {
    while (i < n && !special[text[i]]) i++;
    return i;
}

size_t djs_escape_clean(const uint8_t *text, size_t n) {
    size_t i = 0;
#if defined(__SSE2__)
    for (; i + 16 <= n; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(text + i));
        /* & ' differ in one bit, < > in another: two compares for each pair. */
        __m128i amp = _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(1)), _mm_set1_epi8('\''));
        __m128i angle = _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(2)), _mm_set1_epi8('>'));
        __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
        int mask = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(amp, angle), quote));
        if (mask) return i + (size_t)__builtin_ctz((unsigned)mask);
    }
#elif defined(__ARM_NEON) && defined(__aarch64__)
    for (; i + 16 <= n; i += 16) {
        uint8x16_t v = vld1q_u8(text + i);
        uint8x16_t amp = vceqq_u8(vorrq_u8(v, vdupq_n_u8(1)), vdupq_n_u8('\''));
        uint8x16_t angle = vceqq_u8(vorrq_u8(v, vdupq_n_u8(2)), vdupq_n_u8('>'));
        uint8x16_t hit = vorrq_u8(vorrq_u8(amp, angle), vceqq_u8(v, vdupq_n_u8('"')));
        if (vmaxvq_u8(hit)) break; /* the scalar scan finds which */
    }
#endif
    return clean_scalar(text, i, n);
}

void djs_escape(djs_buf *out, const uint8_t *text, size_t n) {
    while (n) {
        size_t clean = djs_escape_clean(text, n);
        djs_buf_put(out, text, clean);
        if (clean == n) return;
        switch (text[clean]) {
        case '&': djs_buf_lit(out, "&amp;"); break;
        case '<': djs_buf_lit(out, "&lt;"); break;
        case '>': djs_buf_lit(out, "&gt;"); break;
        case '"': djs_buf_lit(out, "&quot;"); break;
        default: djs_buf_lit(out, "&#x27;"); break;
        }
        text += clean + 1;
        n -= clean + 1;
    }
}
