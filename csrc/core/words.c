/* Words, and plain text.
 *
 * The law: what is plain shows as it is, wherever it stands; and a word that begins tells that what stands
 * before it has ended.
 *
 * Checked by: as plain.c.
 *
 * SPDX-License-Identifier: MIT */
#include "words.h"
#include "bytes.h"
#include "complete.h"
#include <cmark_ctype.h>
#include <../src/utf8.h> /* cmark's, not ours of the same name */

/* Is this the beginning of a line of text, and nothing else? */
static bool begins_line(uint8_t c) { return cmark_isalpha(c) || c >= 0x80; }

/* Is the end of a line, after a word and before one, nothing but itself? */
static bool is_soft(const uint8_t *text, size_t at) {
    return at && text[at - 1] != ' ' && !(djs_class[text[at - 1]] & (DJS_HELD | DJS_OTHER)) &&
           begins_line(text[at + 1]);
}

size_t djs_plain_end(const uint8_t *text, size_t from, size_t n, unsigned odd) {
    for (size_t i = from; i < n; i++) {
        uint8_t c = text[i];
        if (!(djs_class[c] & odd)) continue;
        if (c == 'w' && !(i && text[i - 1] == 'w')) continue;
        if (c == '\n' && !(odd & DJS_LINE) && i + 1 < n && is_soft(text, i)) continue;
        if (c == ':' && !(i + 1 < n && text[i + 1] == '/')) continue; /* no address, or not yet */
        if (c == '!' && i + 1 < n && text[i + 1] != '[') continue;
        return i;
    }
    return n;
}

unsigned djs_odd(const djs_leaf *leaf) {
    return DJS_HELD | DJS_OTHER | DJS_WWW | (leaf->math ? DJS_DOLLAR : 0) | (leaf->breaks ? DJS_LINE : 0);
}

bool djs_is_plain(const djs_leaf *leaf, size_t from, size_t n) {
    return djs_plain_end(leaf->text.ptr, from, n, djs_odd(leaf) | DJS_LINE) == n;
}

size_t djs_plain_address(const uint8_t *text, size_t at, size_t n) {
    /* letters, digits and -._/:?#=%+,;~@ */
    static const uint64_t plain[4] = {0xAFFFF82800000000, 0x47FFFFFE87FFFFFF};
    while (at < n && plain[text[at] >> 6] >> (text[at] & 63) & 1) at++;
    return at;
}

size_t djs_word(const uint8_t *text, size_t n) {
    while (n && !(djs_class[text[n - 1]] & DJS_BREAK)) n--;
    return n;
}

size_t djs_leaf_told(djs_leaf *leaf, const uint8_t *text, size_t n) {
    if (leaf->told_for != n) leaf->told = djs_text_told(text, leaf->told_for = n);
    return leaf->told;
}

size_t djs_repeats(const uint8_t *text, size_t at, size_t n) {
    size_t i = at;
    while (i < n && text[i] == text[at]) i++;
    return i - at;
}

/* What stands before text[at], or begins there, is not ASCII: is it punctuation or space to CommonMark? A
 * letter else; and what is ASCII is neither. */
typedef enum { NEITHER, LETTER, SIGN } djs_sort;

static djs_sort sort_of(const uint8_t *text, size_t at, size_t n) {
    int32_t c;
    if (at >= n || text[at] < 0xC0 || cmark_utf8proc_iterate(text + at, (bufsize_t)(n - at), &c) < 0)
        return NEITHER;
    if (cmark_utf8proc_is_space(c) || cmark_utf8proc_is_punctuation(c)) return SIGN;
    return (c >= 0x200B && c <= 0x206F) || (c >= 0xFE00 && c <= 0xFEFF) ? NEITHER
                                                                        : LETTER; /* seen by nobody */
}

static bool is_letter(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    return at < n && (cmark_isalnum(text[at]) || (!leaf->cjk && sort_of(text, at, n) == LETTER));
}

size_t djs_before(const uint8_t *text, size_t at) {
    do at--;
    while (at && (text[at] & 0xC0) == 0x80);
    return at;
}

bool djs_is_word(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    at += at < n && text[at] == ' ';
    if (!is_letter(leaf, text, at, n)) return false;
    if (text[at] >= 0x80) return true;
    while (n > at && text[n - 1] == '_') n--;
    return text[n - 1] == ' ' || djs_class[text[n - 1]] & DJS_HELD || !djs_address_begun(text + at, n - at);
}
