/* Code between single backticks.
 *
 * The law: it shows at once, as no lone backtick of the answers was left literal (complete.c); the end of a
 * line in it is a space. What may begin a table's header is left to the parser, and so are longer runs.
 *
 * Checked by: as plain.c.
 *
 * SPDX-License-Identifier: MIT */
#include "spans.h"
#include "complete.h"

size_t djs_code_end(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    const uint8_t *tick;
    while (at < n && (tick = memchr(text + at, '`', n - at))) {
        size_t length = djs_repeats(text, (size_t)(tick - text), n);
        at = (size_t)(tick - text) + length;
        if (length == 1 && (at < n || leaf->final)) return at - 1;
    }
    return n;
}

/* Code up to text[at] shows, where the end of a line is a space. */
static void put_code(djs_leaf *leaf, const uint8_t *text, size_t at, djs_buf *html) {
    for (size_t from = leaf->shown; from < at; from++) {
        const uint8_t *line = memchr(text + from, '\n', at - from);
        size_t end = line ? (size_t)(line - text) : at;
        djs_text_html(html, text + from, end - from);
        if (line) djs_buf_byte(html, ' ');
        from = end;
    }
    leaf->plain = leaf->shown = leaf->seen = at;
}

/* How much of the code that has not ended can be told. SIZE_MAX: a "`" after a backslash may end it. */
static size_t code_told(djs_leaf *leaf, const uint8_t *text, size_t n) {
    size_t told = djs_leaf_told(leaf, text, n);
    return told && text[told - 1] == '`' ? SIZE_MAX : told;
}

/* Does a line begin in text[from..n) that may be a table's header? */
static bool may_head(const uint8_t *text, size_t from, size_t n) {
    const uint8_t *line;
    while (from < n && (line = memchr(text + from, '\n', n - from))) {
        from = (size_t)(line - text) + 1;
        while (from < n && (text[from] == ' ' || text[from] == '\t')) from++;
        if (from < n && text[from] == '|') return true;
    }
    return false;
}

djs_ending djs_code_take(djs_leaf *leaf, const uint8_t *text, size_t n, djs_buf *html) {
    size_t end = djs_code_end(leaf, text, leaf->seen, n), told = leaf->final ? n : code_told(leaf, text, n);
    if (end < n && told > end && !may_head(text, leaf->shown, n)) {
        put_code(leaf, text, end, html);
        djs_span_close(leaf, DJS_SPAN_CODE, end + 1, html);
        return DJS_TAKEN;
    }
    if (told == SIZE_MAX || may_head(text, leaf->shown, told)) return DJS_PARSE;
    if (told > leaf->shown) put_code(leaf, text, told, html);
    return DJS_BEGUN;
}

djs_ending djs_code_begin(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n, djs_buf *html) {
    size_t after = at + 1, end, told;
    if (after == n || strchr("` \n", text[after])) return DJS_ELSE;
    if (at && (text[at - 1] == '`' || text[at - 1] == '\\')) return DJS_ELSE;
    end = djs_code_end(leaf, text, after, n);
    if (end == n && leaf->final) return DJS_ELSE;
    told = leaf->final ? n : code_told(leaf, text, n);
    if ((end == n && told == SIZE_MAX) || may_head(text, after, n)) return DJS_PARSE;
    if (told <= after || (end < n && told <= end)) return DJS_BEGUN;
    djs_span_open(leaf, text, at, DJS_SPAN_CODE, html);
    leaf->code = true;
    leaf->shown = leaf->seen = after;
    return DJS_TAKEN;
}
