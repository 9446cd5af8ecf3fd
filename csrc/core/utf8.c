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

/* Of a lead byte: how long its character is, which second byte it may have first, and how many more. */
typedef struct {
    uint8_t need, low, more;
} lead;

static lead lead_of(uint8_t c) {
    if (c < 0xC2 || c > 0xF4) return (lead){0, 0, 0};
    if (c < 0xE0) return (lead){2, 0x80, 0x3F};
    if (c < 0xF0) return (lead){3, c == 0xE0 ? 0xA0 : 0x80, c == 0xE0 || c == 0xED ? 0x1F : 0x3F};
    return (lead){4, c == 0xF0 ? 0x90 : 0x80, c == 0xF0 ? 0x2F : c == 0xF4 ? 0x0F : 0x3F};
}

bool djs_utf8_plain(const uint8_t *text, size_t n, size_t *cut) {
    size_t i = 0;
    while (i < n) {
        uint8_t c = text[i];
        if (c < 0x80) {
            if (!c) return false;
            i++;
            continue;
        }
        size_t left = n - i;
        /* Most characters: of two bytes, or of three without an exception. */
        if (left > 1 && c < 0xE0 && c >= 0xC2 && (text[i + 1] & 0xC0) == 0x80) {
            i += 2;
            continue;
        }
        if (left > 2 && (uint8_t)(c - 0xE1) < 12 && (text[i + 1] & text[i + 2] & 0xC0) == 0x80 &&
            ((text[i + 1] | text[i + 2]) & 0x40) == 0) {
            i += 3;
            continue;
        }
        lead l = lead_of(c);
        if (!l.need || (left > 1 && (uint8_t)(text[i + 1] - l.low) > l.more)) return false;
        if (l.need > 2 && left > 2 && (text[i + 2] & 0xC0) != 0x80) return false;
        if (l.need > 3 && left > 3 && (text[i + 3] & 0xC0) != 0x80) return false;
        if (l.need > left) break;
        i += l.need;
    }
    *cut = n - i;
    return true;
}

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
