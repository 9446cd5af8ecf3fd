/* Mathematics in Markdown: where it begins and ends.
 *
 * The law: the answer for a marker depends on no more text than the longest
 * span, and once it is not OPEN no text that follows changes it. So what is on
 * the page is never taken back.
 *
 * A dollar sign is a currency far more often than mathematics. "$" opens as
 * Pandoc says: no white space after it, none before the next "$", no digit
 * after that; the next "$" alone decides. And it does not open an amount that
 * goes on in prose:
 *
 *     $5 and $10        the "$" after "and " closes nothing
 *     $5 is what x$     an amount and a word: text at once, without waiting for a "$"
 *     $5 \times 3$      mathematics
 *
 * Each kind of closing marker is searched from left to right once: where none
 * was found between two places is remembered, so a thousand openers cost no
 * more than one.
 *
 * Checked by: tests/test_markdown_math.py, tests/c/test_math.c.
 *
 * SPDX-License-Identifier: MIT */
#include "math.h"
#include <cmark_ctype.h>
#include <string.h>

/* ---- markers ---- */

enum { DOLLAR, DOLLARS, PAREN, BRACKET };

/* From `at` on: the first closing marker of this kind, or n. A backslash takes the byte after it along. */
static size_t find_marker(const uint8_t *text, size_t at, size_t n, int kind) {
    static const uint8_t first[] = {'$', '$', '\\', '\\'}, second[] = {0, '$', ')', ']'};
    for (; at < n; at++) {
        if (text[at] == first[kind] && (!second[kind] || (at + 1 < n && text[at + 1] == second[kind])))
            return at;
        if (text[at] == '\\') at++;
    }
    return n;
}

static size_t next_marker(djs_math_text *text, size_t at, int kind) {
    if (at < text->from[kind] || at > text->end[kind] || !text->from[kind]) {
        text->from[kind] = at;
        text->end[kind] = find_marker(text->text, at, text->n, kind);
    }
    return text->end[kind];
}

static bool is_space(int c) { return c > 0 && cmark_isspace((char)c); }

static bool is_blank(const uint8_t *text, size_t n) {
    while (n && is_space(text[n - 1])) n--;
    return !n;
}

/* ---- in text ---- */

/* Two letters of a word: ASCII, or one of a script that formulas do not use. */
static bool is_word(const uint8_t *text, size_t n) {
    if (n && text[0] >= 0xD0) return (text[0] < 0xE0 || text[0] > 0xE2) && text[0] < 0xEE;
    return n > 1 && cmark_isalpha((char)text[0]) && cmark_isalpha((char)text[1]);
}

/* After a "$": an amount, and then a word? */
static bool is_price(const uint8_t *text, size_t n) {
    size_t i = 0;
    if (!n || !cmark_isdigit((char)text[0])) return false;
    while (i < n && (cmark_isdigit((char)text[i]) || strchr(".,-", text[i]))) i++;
    while (i < n && strchr("kKmMbB+%", text[i])) i++;
    while (i < n && strchr(").;:!?*\"'", text[i])) i++;
    if (i < n && text[i] == '/') return i + 3 < n && is_word(text + i + 1, 2) && is_word(text + i + 2, 2);
    if (i < n && !is_space(text[i])) return text[i] >= 0x80 && is_word(text + i, n - i);
    while (i < n && is_space(text[i])) i++;
    return is_word(text + i, n - i);
}

/* The byte at `at`, also past the text: 0 there if it has ended, -1 if it cannot be told yet. */
static int byte_at(const djs_math_text *text, size_t at) {
    if (at < text->n) return text->text[at];
    return at == text->n || !text->next ? text->next : -1;
}

djs_math_answer djs_math_at(djs_math_text *text, size_t at, djs_math_span *span) {
    int second = byte_at(text, at + 1), kind = DOLLAR;
    size_t opener = 2, most = DJS_MATH_DISPLAY;
    *span = (djs_math_span){.start = at, .end = SIZE_MAX};
    if (text->text[at] == '\\') {
        if (second != '(' && second != '[') return DJS_MATH_NONE;
        kind = second == '(' ? PAREN : BRACKET;
        if (kind == PAREN) most = DJS_MATH_INLINE;
    } else if (second == '$') {
        int third = byte_at(text, at + 2);
        if (third == '$') return DJS_MATH_NONE; /* a longer run is none of ours */
        if (third < 0) return DJS_MATH_OPEN;
        kind = DOLLARS;
    } else {
        opener = 1, most = DJS_MATH_INLINE;
        if (second < 0) return DJS_MATH_OPEN;
        if (!second || is_space(second)) return DJS_MATH_NONE;
    }
    size_t tex = at + opener, end = next_marker(text, tex, kind);
    if (end == text->n && text->next) most++; /* its last byte may begin the marker */
    if (end - tex > most) return DJS_MATH_NONE;
    if (kind == DOLLAR && is_price(text->text + tex, end - tex)) return DJS_MATH_NONE;
    if (end == text->n) {
        bool price = kind == DOLLAR && end > tex && cmark_isdigit((char)text->text[tex]);
        span->awaits = price ? 0 : kind == PAREN ? ')' : kind == BRACKET ? ']' : '$';
        span->end = tex + most;
        return text->next ? DJS_MATH_OPEN : DJS_MATH_NONE;
    }
    if (kind == DOLLAR) {
        int after = byte_at(text, end + 1);
        if (is_space(text->text[end - 1]) || (after > 0 && cmark_isdigit((char)after))) return DJS_MATH_NONE;
        if (after < 0) return DJS_MATH_OPEN;
    }
    if (is_blank(text->text + tex, end - tex)) return DJS_MATH_NONE;
    *span = (djs_math_span){.start = at, .end = end + opener, .tex = tex, .tex_n = end - tex};
    span->display = kind == DOLLARS || kind == BRACKET;
    return DJS_MATH_SPAN;
}

/* ---- blocks ---- */

/* Two plain words in a row, in no braces: prose. */
static bool is_prose(const uint8_t *text, size_t n) {
    size_t words = 0, letters = 0;
    int depth = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = text[i];
        depth += (c == '{') - (c == '}');
        if (cmark_isalpha((char)c) && depth <= 0) {
            if (++letters == 2 && ++words == 2) return true;
            continue;
        }
        if (c != ' ' || letters < 2) words = 0;
        letters = 0;
        if (c == '\\')
            while (i + 1 < n && cmark_isalpha((char)text[i + 1])) i++;
    }
    return false;
}

djs_math_answer djs_math_opens(const uint8_t *line, size_t n) {
    static const char begin[] = "\\begin{";
    if (!n || (line[0] != '$' && line[0] != '\\')) return DJS_MATH_NONE;
    if (n == 1) return DJS_MATH_OPEN;
    bool dollars = line[0] == '$';
    if (line[1] != (dollars ? '$' : '[') || n > DJS_MATH_LINE) return DJS_MATH_NONE;
    if (is_blank(line + 2, n - 2)) return DJS_MATH_SPAN;
    if (line[2] == '$' || find_marker(line, 2, n, dollars ? DOLLARS : BRACKET) < n) return DJS_MATH_NONE;
    size_t i = 2;
    while (is_space(line[i])) i++;
    if (n - i >= strlen(begin) && !memcmp(line + i, begin, strlen(begin))) return DJS_MATH_SPAN;
    if (is_prose(line + i, n - i) || (!dollars && memchr(line + i, ']', n - i))) return DJS_MATH_NONE;
    for (; i < n; i++)
        if (strchr("=\\^_&<>+", line[i])) return DJS_MATH_SPAN;
    return DJS_MATH_OPEN;
}

bool djs_math_waits(const uint8_t *text, size_t n) {
    size_t at = n > DJS_MATH_DISPLAY ? n - DJS_MATH_DISPLAY : 0;
    bool open = false;
    while ((at = find_marker(text, at, n, DOLLARS)) < n) open = !open, at += 2;
    return open;
}

size_t djs_math_closes(const uint8_t *line, size_t from, size_t n, uint8_t fence, bool unfinished) {
    uint8_t second = fence == '$' ? '$' : ']';
    for (size_t i = from; i < n; i++) {
        if (line[i] == fence && (i + 1 < n ? line[i + 1] == second : unfinished)) return i;
        if (line[i] != '\\') continue;
        if (i + 1 == n && unfinished) return i;
        i++;
    }
    return n;
}
