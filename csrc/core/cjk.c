/* Emphasis that is friendly to Chinese, Japanese and Korean text.
 *
 * The law: without a CJK character or a variation selector beside it, a run
 * flanks as cmark-gfm says. With one, as the amendments say:
 *
 *     left-flanking    no white space after it; and after it no non-CJK punctuation, unless before it stands
 *                      white space, such punctuation, a CJK character or an ideographic variation selector
 *     right-flanking   no white space before it; and before it no non-CJK punctuation, unless after it
 *                      stands white space, such punctuation or a CJK character
 *
 * A character before the run may carry a variation selector (U+FE00 to U+FE0E), which is looked through. A
 * curly quote with U+FE01 is full-width, so it is CJK. A wrong version stops at one character, and takes
 * U+3002 U+FE00 for a letter.
 *
 * What is punctuation, and what white space, is asked of cmark-gfm: its table is older than the amendments'
 * base (symbols are no punctuation), and the rest of the parse uses it.
 *
 * Checked by: tests/test_markdown_cjk.py, tests/fuzz_markdown.py.
 *
 * SPDX-License-Identifier: MIT */
#include "cjk.h"
#include <config.h>
#include <../src/utf8.h> /* cmark's, not ours of the same name */

/* East Asian Width W, F or H and not Emoji_Presentation, or Script Hangul: Unicode 17.0 (EastAsianWidth.txt,
 * emoji-data.txt, Scripts.txt), as the amendments define it. Runs are joined over code points that are not
 * assigned. */
static const uint32_t ranges[][2] = {
    {0x1100, 0x11FF},   {0x20A9, 0x20A9},   {0x2329, 0x232A},   {0x2630, 0x2637},   {0x268A, 0x268F},
    {0x2E80, 0x2E99},   {0x2E9B, 0x2EF3},   {0x2F00, 0x2FD5},   {0x2FF0, 0x303E},   {0x3041, 0x3096},
    {0x3099, 0x30FF},   {0x3105, 0x312F},   {0x3131, 0x318E},   {0x3190, 0x31E5},   {0x31EF, 0x321E},
    {0x3220, 0x3247},   {0x3250, 0xA48C},   {0xA490, 0xA4C6},   {0xA960, 0xA97C},   {0xAC00, 0xD7A3},
    {0xD7B0, 0xD7C6},   {0xD7CB, 0xD7FB},   {0xF900, 0xFAFF},   {0xFE10, 0xFE19},   {0xFE30, 0xFE52},
    {0xFE54, 0xFE66},   {0xFE68, 0xFE6B},   {0xFF01, 0xFFBE},   {0xFFC2, 0xFFC7},   {0xFFCA, 0xFFCF},
    {0xFFD2, 0xFFD7},   {0xFFDA, 0xFFDC},   {0xFFE0, 0xFFE6},   {0xFFE8, 0xFFEE},   {0x16FE0, 0x16FE4},
    {0x16FF0, 0x16FF6}, {0x17000, 0x18CD5}, {0x18CFF, 0x18D1E}, {0x18D80, 0x18DF2}, {0x1AFF0, 0x1AFF3},
    {0x1AFF5, 0x1AFFB}, {0x1AFFD, 0x1AFFE}, {0x1B000, 0x1B122}, {0x1B132, 0x1B132}, {0x1B150, 0x1B152},
    {0x1B155, 0x1B155}, {0x1B164, 0x1B167}, {0x1B170, 0x1B2FB}, {0x1D300, 0x1D356}, {0x1D360, 0x1D376},
    {0x1F200, 0x1F200}, {0x1F202, 0x1F202}, {0x1F210, 0x1F219}, {0x1F21B, 0x1F22E}, {0x1F230, 0x1F231},
    {0x1F237, 0x1F237}, {0x1F23B, 0x1F23B}, {0x1F240, 0x1F248}, {0x1F260, 0x1F265}, {0x20000, 0x3FFFD},
};

static bool is_cjk(int32_t c) {
    size_t low = 0, high = sizeof ranges / sizeof *ranges;
    if (c < 0x1100) return false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((uint32_t)c > ranges[middle][1]) low = middle + 1;
        else high = middle;
    }
    return low < sizeof ranges / sizeof *ranges && (uint32_t)c >= ranges[low][0];
}

/* The character that ends before text[*at], which moves to its first byte; a line end at the beginning. */
static int32_t character_before(const uint8_t *text, size_t *at, uint8_t skip) {
    int32_t c;
    size_t end = *at;
    if (!end) return '\n';
    do --*at;
    while (*at && ((text[*at] & 0xC0) == 0x80 || (skip && text[*at] == skip)));
    if (cmark_utf8proc_iterate(text + *at, (bufsize_t)(end - *at), &c) < 0 || c == skip) return '\n';
    return c;
}

static int32_t character_after(const uint8_t *text, size_t at, size_t n, uint8_t skip) {
    int32_t c;
    while (skip && at < n && text[at] == skip) at++;
    return at == n || cmark_utf8proc_iterate(text + at, (bufsize_t)(n - at), &c) < 0 ? '\n' : c;
}

static bool is_selector(int32_t c) { return c >= 0xFE00 && c <= 0xFE0E; }
static bool is_ideographic_selector(int32_t c) { return c >= 0xE0100 && c <= 0xE01EF; }
static bool is_curly_quote(int32_t c) { return c == 0x2018 || c == 0x2019 || c == 0x201C || c == 0x201D; }

bool djs_cjk_varied(const uint8_t *text, size_t at) {
    return at && is_selector(character_before(text, &at, 0));
}

djs_flanks djs_cjk_flanks(const uint8_t *text, size_t start, size_t end, size_t n, uint8_t c) {
    uint8_t skip = c == '~' ? 0 : '~'; /* as cmark: strikethrough's marker is no character to emphasis */
    int32_t before = character_before(text, &start, skip), after = character_after(text, end, n, skip);
    bool varied = is_selector(before), full_width = false, space_before = cmark_utf8proc_is_space(before);
    if (varied) {
        int32_t selector = before;
        before = character_before(text, &start, 0);
        full_width = selector == 0xFE01 && is_curly_quote(before);
    }
    bool punct_before = cmark_utf8proc_is_punctuation(before);
    bool cjk_before = full_width || is_cjk(before), foreign_before = punct_before && !cjk_before;
    bool space_after = cmark_utf8proc_is_space(after), punct_after = cmark_utf8proc_is_punctuation(after);
    bool cjk_after = is_cjk(after), foreign_after = punct_after && !cjk_after;
    bool left = !space_after && (!foreign_after || space_before || foreign_before || cjk_before ||
                                 is_ideographic_selector(before));
    bool right = !space_before && (!foreign_before || space_after || foreign_after || cjk_after);
    if (c != '_') return (djs_flanks){left, right};
    return (djs_flanks){left && (!right || punct_before), right && (!left || punct_after)};
}
