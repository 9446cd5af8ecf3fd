/* UTF-8 at the edges.
 *
 * The law: djs_utf8_clean gives valid UTF-8 for every byte string, changes
 * none that is valid, and gives the same for a text fed in pieces that were
 * cut with djs_utf8_unfinished as for the whole.
 *
 * Checked by: tests/c/test_utf8.c.
 *
 * SPDX-License-Identifier: MIT */
#include "utf8.h"

/* Length of the valid character at text[0]; 0 when there is none. *bad then
 * says how many bytes one U+FFFD stands for. Unicode 15, table 3-7. */
static size_t character(const uint8_t *text, size_t n, size_t *bad) {
    uint8_t lead = text[0], low = 0x80, high = 0xBF;
    size_t need;
    if (lead < 0x80) return 1;
    *bad = 1;
    if (lead >= 0xC2 && lead <= 0xDF) need = 2;
    else if (lead >= 0xE0 && lead <= 0xEF) need = 3;
    else if (lead >= 0xF0 && lead <= 0xF4) need = 4;
    else return 0;
    if (lead == 0xE0) low = 0xA0;  /* overlong */
    if (lead == 0xED) high = 0x9F; /* surrogates */
    if (lead == 0xF0) low = 0x90;  /* overlong */
    if (lead == 0xF4) high = 0x8F; /* past U+10FFFF */
    for (size_t i = 1; i < need; i++) {
        if (i >= n || text[i] < low || text[i] > high) return 0;
        *bad = i + 1;
        low = 0x80;
        high = 0xBF;
    }
    return need;
}

size_t djs_utf8_unfinished(const uint8_t *text, size_t n) {
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        const uint8_t *lead = text + n - back;
        if ((*lead & 0xC0) == 0x80) continue;
        size_t bad, need = *lead >= 0xF0 ? 4 : *lead >= 0xE0 ? 3 : *lead >= 0xC0 ? 2 : 1;
        /* Unfinished only if the bytes so far could still become a character. */
        return need > back && !character(lead, back, &bad) && bad == back ? back : 0;
    }
    return 0;
}

/* Unicode's table 3-7 as a machine, NUL not allowed. A state says how many bytes of the character are to
 * come, or which lead byte narrows the next one. A byte has a row with the state that follows each, in 6 bits
 * that stand where the state says. */
enum {
    START = DJS_UTF8_START,
    ONE = 6,
    TWO = 12,
    THREE = 18,
    E0 = 24,
    ED = 30,
    F0 = 36,
    F4 = 42,
    BAD = DJS_UTF8_BAD
};

#define TO(state, next) ((uint64_t)(next) << (state))
#define ROW(start, one, two, three, e0, ed, f0, f4)                                                          \
    (TO(START, start) | TO(ONE, one) | TO(TWO, two) | TO(THREE, three) | TO(E0, e0) | TO(ED, ed) |           \
     TO(F0, f0) | TO(F4, f4) | TO(BAD, BAD))
#define FIRST(next) ROW(next, BAD, BAD, BAD, BAD, BAD, BAD, BAD)

const uint64_t djs_utf8_rows[256] = {
    [0x00] = FIRST(BAD),
    [0x01 ... 0x7F] = FIRST(START),
    [0x80 ... 0x8F] = ROW(BAD, START, ONE, TWO, BAD, ONE, BAD, TWO),
    [0x90 ... 0x9F] = ROW(BAD, START, ONE, TWO, BAD, ONE, TWO, BAD),
    [0xA0 ... 0xBF] = ROW(BAD, START, ONE, TWO, ONE, BAD, TWO, BAD),
    [0xC0 ... 0xC1] = FIRST(BAD),
    [0xC2 ... 0xDF] = FIRST(ONE),
    [0xE0] = FIRST(E0),
    [0xE1 ... 0xEC] = FIRST(TWO),
    [0xED] = FIRST(ED),
    [0xEE ... 0xEF] = FIRST(TWO),
    [0xF0] = FIRST(F0),
    [0xF1 ... 0xF3] = FIRST(THREE),
    [0xF4] = FIRST(F4),
    [0xF5 ... 0xFF] = FIRST(BAD),
};

size_t djs_utf8_valid(const uint8_t *text, size_t n) {
    size_t i = 0, len, bad;
    while (i < n) {
        uint64_t word;
        while (n - i >= 8 && (memcpy(&word, text + i, 8), !(word & 0x8080808080808080u))) i += 8;
        if (i >= n || !(len = character(text + i, n - i, &bad))) break;
        i += len;
    }
    return i;
}

void djs_utf8_clean(djs_buf *out, const uint8_t *text, size_t n) {
    while (n) {
        size_t good = djs_utf8_valid(text, n), bad = 0;
        djs_buf_put(out, text, good);
        if (good == n) return;
        (void)character(text + good, n - good, &bad);
        djs_buf_lit(out, "\xEF\xBF\xBD");
        text += good + bad;
        n -= good + bad;
    }
}

size_t djs_utf8_units(const uint8_t *text, size_t n) {
    size_t units = 0;
    for (size_t i = 0; i < n; i++) units += ((text[i] & 0xC0) != 0x80) + (text[i] >= 0xF0);
    return units;
}
