/* Text to HTML.
 *
 * The law: for every text, the output is what replacing each of the five
 * characters on its own would give, whatever the width of a character; working
 * on 16 characters at a time and on one agree on every character at every
 * offset. Everything over 0x7f passes.
 *
 * Nothing is read behind the text and nothing is written behind the n + growth
 * characters of the output; in between, a copy may run ahead of itself and be
 * overwritten.
 *
 * Checked by: tests/c/test_escape.c (every byte at every offset, all widths),
 * test_escape_scalar.c (the same, one character at a time).
 *
 * SPDX-License-Identifier: MIT */
#include "escape.h"

/* By character: its entity, and how much longer that is. Of eight bytes, so
 * that one store writes it. */
typedef struct {
    char text[7];
    uint8_t more;
} entity;

static const entity entities[64] = {
    ['&'] = {"&amp;", 4},  ['<'] = {"&lt;", 3},    ['>'] = {"&gt;", 3},
    ['"'] = {"&quot;", 5}, ['\''] = {"&#x27;", 5},
};

static inline size_t more_of(uint32_t c, bool markup) {
    return c < 64 && !(markup && c == '&') ? entities[c].more : 0;
}

/* ---- 16 characters at a time ----
 *
 * block        16 characters as bytes; those over 0xff become some byte that is not special
 * hits()       STEP bits for each byte, all set where it is special; FIRSTS: the first of each
 * grow()       adds what its bytes grow by; sum_of() all of that */

#if defined(DJS_SCALAR) /* as where neither is: test_escape_scalar.c */
#elif defined(__SSE2__)
#include <emmintrin.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif
#define DJS_BLOCKS 1
#define STEP       1
#define FIRSTS     0xFFFFu
typedef __m128i block, total;

static inline block load(const void *text, unsigned width, size_t i) {
    const __m128i *at = (const __m128i *)((const uint8_t *)text + i * width);
    if (width == 1) return _mm_loadu_si128(at);
    if (width == 2) return _mm_packus_epi16(_mm_loadu_si128(at), _mm_loadu_si128(at + 1));
    __m128i low = _mm_packs_epi32(_mm_loadu_si128(at), _mm_loadu_si128(at + 1));
    __m128i high = _mm_packs_epi32(_mm_loadu_si128(at + 2), _mm_loadu_si128(at + 3));
    return _mm_packus_epi16(low, high);
}

static inline block of_halves(uint64_t first, uint64_t last) {
    return _mm_set_epi64x((long long)last, (long long)first);
}

/* Eight characters, of which the entity's are the first. */
static inline void put_entity(void *out, unsigned width, const entity *e) {
    block v = _mm_loadl_epi64((const __m128i *)(const void *)e), zero = _mm_setzero_si128(), *at = out;
    if (width == 1) _mm_storel_epi64(at, v);
    else if (width == 2) _mm_storeu_si128(at, _mm_unpacklo_epi8(v, zero));
    else {
        v = _mm_unpacklo_epi8(v, zero);
        _mm_storeu_si128(at, _mm_unpacklo_epi16(v, zero));
        _mm_storeu_si128(at + 1, _mm_unpackhi_epi16(v, zero));
    }
}

static inline uint64_t hits(block v, bool markup) {
    /* & ' differ in one bit, < > in another: two compares for each pair. */
    block one = markup ? v : _mm_or_si128(v, _mm_set1_epi8(1));
    block amp = _mm_cmpeq_epi8(one, _mm_set1_epi8('\''));
    block angle = _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(2)), _mm_set1_epi8('>'));
    block quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    return (uint64_t)(unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(amp, angle), quote));
}

static inline total grow(total t, block v, bool markup) {
    block quotes =
        _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\'')));
    block angle = _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(2)), _mm_set1_epi8('>'));
    block sum = _mm_or_si128(_mm_and_si128(quotes, _mm_set1_epi8(5)), _mm_and_si128(angle, _mm_set1_epi8(3)));
    if (!markup)
        sum = _mm_or_si128(sum, _mm_and_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('&')), _mm_set1_epi8(4)));
    return _mm_add_epi64(t, _mm_sad_epu8(sum, _mm_setzero_si128()));
}

static inline size_t sum_of(total t) {
    return (size_t)(_mm_cvtsi128_si64(t) + _mm_cvtsi128_si64(_mm_srli_si128(t, 8)));
}

#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#define DJS_BLOCKS 1
#define STEP       4
#define FIRSTS     0x1111111111111111u
typedef uint8x16_t block;
typedef uint64x2_t total;

static inline block load(const void *text, unsigned width, size_t i) {
    const uint8_t *at = (const uint8_t *)text + i * width;
    if (width == 1) return vld1q_u8(at);
    uint16x8_t low, high;
    if (width == 2) {
        low = vld1q_u16((const uint16_t *)(const void *)at);
        high = vld1q_u16((const uint16_t *)(const void *)at + 8);
    } else {
        const uint32_t *words = (const uint32_t *)(const void *)at;
        low = vcombine_u16(vqmovn_u32(vld1q_u32(words)), vqmovn_u32(vld1q_u32(words + 4)));
        high = vcombine_u16(vqmovn_u32(vld1q_u32(words + 8)), vqmovn_u32(vld1q_u32(words + 12)));
    }
    return vcombine_u8(vqmovn_u16(low), vqmovn_u16(high));
}

static inline block of_halves(uint64_t first, uint64_t last) {
    return vcombine_u8(vcreate_u8(first), vcreate_u8(last));
}

/* Eight characters, of which the entity's are the first. */
static inline void put_entity(void *out, unsigned width, const entity *e) {
    uint8x8_t v = vld1_u8((const uint8_t *)e);
    if (width == 1) vst1_u8(out, v);
    else if (width == 2) vst1q_u16(out, vmovl_u8(v));
    else {
        vst1q_u32(out, vmovl_u16(vget_low_u16(vmovl_u8(v))));
        vst1q_u32((uint32_t *)out + 4, vmovl_u16(vget_high_u16(vmovl_u8(v))));
    }
}

static inline uint64_t hits(block v, bool markup) {
    block amp = vceqq_u8(markup ? v : vorrq_u8(v, vdupq_n_u8(1)), vdupq_n_u8('\''));
    block angle = vceqq_u8(vorrq_u8(v, vdupq_n_u8(2)), vdupq_n_u8('>'));
    block hit = vorrq_u8(vorrq_u8(amp, angle), vceqq_u8(v, vdupq_n_u8('"')));
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(hit), 4)), 0);
}

static inline total grow(total t, block v, bool markup) {
    block quotes = vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')), vceqq_u8(v, vdupq_n_u8('\'')));
    block angle = vceqq_u8(vorrq_u8(v, vdupq_n_u8(2)), vdupq_n_u8('>'));
    block sum = vorrq_u8(vandq_u8(quotes, vdupq_n_u8(5)), vandq_u8(angle, vdupq_n_u8(3)));
    if (!markup) sum = vorrq_u8(sum, vandq_u8(vceqq_u8(v, vdupq_n_u8('&')), vdupq_n_u8(4)));
    return vpadalq_u32(t, vpaddlq_u16(vpaddlq_u8(sum)));
}

static inline size_t sum_of(total t) { return vaddvq_u64(t); }
#endif

#ifdef DJS_BLOCKS
/* The last n < 16 characters, and zeros; of wider ones there are none. */
static inline block load_rest(const uint8_t *text, size_t n) {
    uint64_t halves[2] = {0, 0};
    uint32_t a, b;
    if (n >= 8) {
        memcpy(halves, text, 8);
        memcpy(halves + 1, text + n - 8, 8);
        halves[1] = n == 8 ? 0 : halves[1] >> 8 * (16 - n); /* what the first half has already */
    } else if (n >= 4) {
        memcpy(&a, text, 4);
        memcpy(&b, text + n - 4, 4);
        halves[0] = a | (uint64_t)b << 8 * (n - 4);
    } else if (n) {
        halves[0] = text[0] | (uint64_t)text[n / 2] << 8 * (n / 2) | (uint64_t)text[n - 1] << 8 * (n - 1);
    }
    return of_halves(halves[0], halves[1]);
}
#endif

/* ---- for one width; the callers below give it as a constant ---- */

/* Where from i on the next special character is, or n. */
static inline __attribute__((always_inline)) size_t next(const void *text, size_t i, size_t n, unsigned width,
                                                         bool markup) {
#ifdef DJS_BLOCKS
    for (; n - i >= 16; i += 16) {
        uint64_t mask = hits(load(text, width, i), markup);
        if (mask) return i + (size_t)__builtin_ctzll(mask) / STEP;
    }
#endif
#ifdef DJS_BLOCKS
    if (width == 1) {
        uint64_t mask = hits(load_rest((const uint8_t *)text + i, n - i), markup);
        return mask ? i + (size_t)__builtin_ctzll(mask) / STEP : n;
    }
#endif
    while (i < n && !more_of(djs_character(text, width, i), markup)) i++;
    return i;
}

static inline __attribute__((always_inline)) size_t growth_of(const void *text, size_t n, unsigned width,
                                                              bool markup) {
    size_t more = 0, i = 0;
#ifdef DJS_BLOCKS
    total t = {0};
#ifdef __AVX2__
    for (; width == 1 && n - i >= 32; i += 32) { /* over clean text, twice as fast */
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)((const uint8_t *)text + i));
        __m256i amp = _mm256_cmpeq_epi8(_mm256_or_si256(v, _mm256_set1_epi8(1)), _mm256_set1_epi8('\''));
        __m256i angle = _mm256_cmpeq_epi8(_mm256_or_si256(v, _mm256_set1_epi8(2)), _mm256_set1_epi8('>'));
        __m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
        if (!_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(amp, angle), quote))) continue;
        t = grow(grow(t, load(text, 1, i), markup), load(text, 1, i + 16), markup);
    }
#endif
    for (; n - i >= 16; i += 16) t = grow(t, load(text, width, i), markup);
    if (width == 1) {
        t = grow(t, load_rest((const uint8_t *)text + i, n - i), markup);
        i = n;
    }
    more = sum_of(t);
#endif
    for (; i < n; i++) more += more_of(djs_character(text, width, i), markup);
    return more;
}

static inline __attribute__((always_inline)) void put(void *out, unsigned width, size_t i, uint32_t c) {
    if (width == 1) ((uint8_t *)out)[i] = (uint8_t)c;
    else if (width == 2) ((uint16_t *)out)[i] = (uint16_t)c;
    else ((uint32_t *)out)[i] = c;
}

static inline __attribute__((always_inline)) void
copy(void *out, unsigned out_width, size_t o, const void *text, unsigned width, size_t from, size_t n) {
    if (out_width == width)
        memcpy((uint8_t *)out + o * width, (const uint8_t *)text + from * width, n * width);
    else
        for (size_t i = 0; i < n; i++) put(out, out_width, o + i, djs_character(text, width, from + i));
}

#ifdef DJS_BLOCKS
/* Escapes the block that lies at `in` and, as it is, at `out`: what follows a special character is copied
 * again behind its entity, a whole block of it. Returns where the character behind the block goes. */
static inline __attribute__((always_inline)) uint8_t *spread(uint8_t *out, const uint8_t *in, uint64_t mask,
                                                             unsigned width) {
    for (; mask; mask &= mask - 1) {
        const size_t at = (size_t)__builtin_ctzll(mask) / STEP;
        const entity *e = &entities[djs_character(in, width, at)];
        put_entity(out + at * width, width, e);
        out += e->more * width;
        memcpy(out + (at + 1) * width, in + (at + 1) * width, 16 * width);
    }
    return out + 16 * width;
}

/* As write(), of characters as wide as the output's. A copy runs ahead by a block at most, and behind the
 * last is still one, whose output is no shorter. *from and *to say how far it came. */
static inline __attribute__((always_inline)) void
write_blocks(void *out, const void *text, size_t n, unsigned width, bool markup, size_t *from, size_t *to) {
    const uint8_t *in = text;
    uint8_t *at = out;
    for (; n >= 32; n -= 16, in += 16 * width) {
        const uint64_t mask = hits(load(in, width, 0), markup) & FIRSTS;
        memcpy(at, in, 16 * width);
        at = spread(at, in, mask, width);
    }
    *from = (size_t)(in - (const uint8_t *)text) / width;
    *to = (size_t)(at - (uint8_t *)out) / width;
}
#endif

static inline __attribute__((always_inline)) void write(void *out, unsigned out_width, const void *text,
                                                        size_t n, unsigned width, bool markup) {
    size_t i = 0, o = 0;
#ifdef DJS_BLOCKS
    if (out_width == width) write_blocks(out, text, n, width, markup, &i, &o);
#endif
    for (;;) {
        size_t at = next(text, i, n, width, markup);
        copy(out, out_width, o, text, width, i, at - i);
        if (at == n) return;
        const entity *e = &entities[djs_character(text, width, at)];
        o += at - i;
        copy(out, out_width, o, e->text, 1, 0, 1u + e->more);
        o += 1u + e->more;
        i = at + 1;
    }
}

/* ---- for all widths ---- */

size_t djs_escape_growth(const void *text, size_t n, unsigned width, bool markup) {
    if (width == 1) return markup ? growth_of(text, n, 1, true) : growth_of(text, n, 1, false);
    if (width == 2) return growth_of(text, n, 2, markup);
    return growth_of(text, n, 4, markup);
}

void djs_escape_write(void *out, unsigned out_width, const void *text, size_t n, unsigned width, bool markup,
                      size_t more) {
    if (out_width == 1 && !more) memcpy(out, text, n);
    else if (out_width == 1) write(out, 1, text, n, 1, markup);
    else if (!more && out_width == width) memcpy(out, text, n * width);
    else if (!more && width == 1 && out_width == 2) copy(out, 2, 0, text, 1, 0, n);
    else if (!more && width == 1) copy(out, 4, 0, text, 1, 0, n);
    else if (!more) copy(out, 4, 0, text, 2, 0, n);
    else if (out_width == 2 && width == 1) write(out, 2, text, n, 1, markup);
    else if (out_width == 2) write(out, 2, text, n, 2, markup);
    else if (width == 1) write(out, 4, text, n, 1, markup);
    else if (width == 2) write(out, 4, text, n, 2, markup);
    else write(out, 4, text, n, 4, markup);
}

size_t djs_escape_short(uint8_t *out, const uint8_t *text, size_t n, bool markup) {
    uint8_t *const begin = out;
#ifdef DJS_BLOCKS
    for (size_t here; n; text += here, n -= here) {
        here = n < 16 ? n : 16;
        const block v = here == 16 ? load(text, 1, 0) : load_rest(text, here);
        const uint64_t mask = hits(v, markup) & FIRSTS;
        memcpy(out, &v, 16);
        if (mask) {
            uint8_t in[32] = {0};
            memcpy(in, &v, 16);
            out = spread(out, in, mask, 1) - 16;
        }
        out += here;
    }
#else
    for (size_t i = 0; i < n; i++) {
        const size_t more = more_of(text[i], markup);
        if (more) memcpy(out, entities[text[i]].text, 1 + more);
        else *out = text[i];
        out += 1 + more;
    }
#endif
    return (size_t)(out - begin);
}

size_t djs_escape_clean(const uint8_t *text, size_t n) { return next(text, 0, n, 1, false); }

void djs_escape(djs_buf *out, const uint8_t *text, size_t n) {
    while (n) {
        size_t clean = djs_escape_clean(text, n);
        djs_buf_put(out, text, clean);
        if (clean == n) return;
        const entity *e = &entities[text[clean]];
        djs_buf_put(out, e->text, 1u + e->more);
        text += clean + 1;
        n -= clean + 1;
    }
}
