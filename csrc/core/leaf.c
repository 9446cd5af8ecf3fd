/* The text that grows.
 *
 * The law: the page shows what rendering the whole leaf, a paragraph, heading
 * or cell, as unfinished would show. What is firm cannot be changed by any text that follows, but by
 * a definition, which patches the leaf when it has settled.
 *
 * Where nothing gets firm for long (an opener that nobody closes), the text is
 * parsed again only when it has grown by an eighth, so that a long line costs
 * a constant times its length; what is new appears with the next parse, so in
 * such a text it comes in larger steps.
 *
 * Checked by: tests/test_markdown.py, tests/fuzz_markdown.py.
 *
 * SPDX-License-Identifier: MIT */
#include "leaf.h"
#include "complete.h"
#include <cmark_ctype.h>

enum { PATIENCE = 1024, GROWTH = 8 };

djs_status djs_leaf_add(djs_leaf *leaf, const uint8_t *text, size_t n) {
    djs_buf_put(&leaf->text, text, n);
    leaf->taken += n;
    if (djs_buf_grow(&leaf->text, 1))
        leaf->text.ptr[leaf->text.len] = 0; /* what cmark_inlines.c writes over */
    return leaf->text.status;
}

/* The text that can be shown: not a line that may be the header of a table. */
static size_t told(const djs_leaf *leaf) {
    size_t n = leaf->text.len, start = leaf->paragraph ? djs_header_told(leaf->text.ptr, n) : n, line = start;
    if (start == n) return n;
    while (line && leaf->text.ptr[line - 1] != '\n') line--;
    return line || leaf->taken == n ? start : n; /* a line that began before the text is none */
}

/* ---- bytes that need no parser ---- */

enum {
    PLAIN = 0,  /* means nothing but itself, whatever is open before it */
    HELD = 1,   /* held back at the end of a text, and else not plain */
    OTHER = 2,  /* not plain */
    LINE = 4,   /* ends the line */
    AT = 8,     /* a link's destination cannot go on, or not simply */
    CLOSER = 16, /* a link's text or label may end */
    SPACE = 128
};

static const uint8_t class[256] = {
    ['\n'] = OTHER | LINE | AT | SPACE,
    ['\r'] = OTHER | LINE | AT,
    ['\t'] = OTHER | AT | SPACE,
    ['\v'] = OTHER | AT,
    ['\f'] = OTHER | AT,
    [' '] = AT | SPACE,
    ['"'] = AT,
    ['\''] = AT,
    ['('] = AT,
    [')'] = AT,
    ['<'] = OTHER | AT,
    ['>'] = OTHER | AT,
    ['\\'] = OTHER | AT | DJS_STOP_CELL,
    ['|'] = DJS_STOP_CELL,
    ['#'] = DJS_STOP_HEADING,
    ['!'] = HELD,
    ['*'] = HELD,
    ['_'] = HELD,
    ['`'] = HELD,
    ['~'] = HELD,
    ['&'] = OTHER,
    [':'] = OTHER,
    ['@'] = OTHER,
    ['['] = OTHER,
    [']'] = OTHER | CLOSER,
};

static bool has(const uint8_t *text, size_t n, uint8_t classes) {
    for (size_t i = 0; i < n; i++)
        if (class[text[i]] & classes) return true;
    return false;
}

/* Where plain text that begins at text[from] ends. */
static size_t plain_end(const uint8_t *text, size_t from, size_t n) {
    for (size_t i = from; i < n; i++) {
        uint8_t c = text[i];
        if (c == 'w' && text[i - 1] == 'w') return i; /* "www." */
        if (!(class[c] & (HELD | OTHER))) continue;
        if (c == ':' && !(i + 1 < n && text[i + 1] == '/')) continue; /* no address, or not yet */
        if (c == '!' && i + 1 < n && text[i + 1] != '[') continue;
        return i;
    }
    return n;
}

/* Shows what was added if it is plain text; false if it has to be parsed. */
static bool extend(djs_leaf *leaf, djs_page *page, djs_edits *edits) {
    enum { PATIENT = 16 };
    const uint8_t *text = leaf->text.ptr;
    size_t n = leaf->text.len, end = plain_end(text, leaf->seen, n), seen = end;
    for (size_t i = end; i < n; i++)
        if (!(class[text[i]] & HELD) || i - end == PATIENT) return false;
    while (end > leaf->shown && text[end - 1] == ' ') end--;
    size_t word = end;
    while (word && end - word < 8 && text[word - 1] != '(' && !(class[text[word - 1]] & (SPACE | HELD))) word--;
    if (word < end && word >= leaf->shown && djs_link_begun(text + word, end - word)) {
        for (end = seen = word; end > leaf->shown && text[end - 1] == ' ';) end--;
    } else if (seen == n && n > leaf->seen && text[n - 1] == ':') {
        seen--;
    }
    leaf->seen = seen;
    if (end == leaf->shown) return true;
    djs_page_extend(page, text + leaf->shown, end - leaf->shown, edits);
    leaf->shown = end;
    return true;
}

bool djs_leaf_take(djs_leaf *leaf, const uint8_t *line, size_t n) {
    if (has(line + leaf->line, n - leaf->line, LINE | leaf->stop)) return false;
    djs_leaf_add(leaf, line + leaf->line, n - leaf->line);
    leaf->line = n;
    return true;
}

bool djs_leaf_more(djs_leaf *leaf, const uint8_t *line, size_t n, djs_page *page, djs_edits *edits) {
    size_t before = leaf->text.len;
    if (!leaf->on || !leaf->line || !(leaf->quiet || leaf->wake) || !djs_leaf_take(leaf, line, n)) return false;
    if (leaf->text.status) edits->html.status = leaf->text.status;
    if (!leaf->wake) return extend(leaf, page, edits);
    return leaf->text.len <= leaf->patience && !has(leaf->text.ptr + before, leaf->text.len - before, leaf->wake);
}

/* After a parse: may plain text follow as it is? Not near an address, whose end depends on what follows. */
static bool is_quiet(const djs_leaf *leaf, const djs_inlines *in) {
    const uint8_t *text = leaf->text.ptr;
    size_t n = in->told, words = 0;
    if (n <= leaf->context || !in->open_end) return false;
    for (size_t i = n; i-- > 0 && words < 1;) {
        if ((text[i] == ':' && text[i + 1] == '/') || text[i] == '@' || text[i] == '&' ||
            (text[i] == 'w' && i && text[i - 1] == 'w'))
            return false;
        words += cmark_isspace(text[i]) != 0;
    }
    return true;
}

/* ---- all other text ---- */

/* Forgets what is firm: html bytes of the tail, and all text before `firm` but one character, which tells
 * whether a marker opens or closes. */
static void forget(djs_leaf *leaf, size_t html, size_t firm) {
    size_t keep = firm - 1;
    leaf->firm += html;
    while (keep && (leaf->text.ptr[keep] & 0xC0) == 0x80) keep--;
    leaf->context = firm - keep;
    leaf->parsed = leaf->parsed > keep ? leaf->parsed - keep : 0;
    leaf->patience -= keep;
    leaf->seen -= keep;
    leaf->shown -= keep;
    leaf->plain -= keep;
    djs_buf_drop(&leaf->text, keep);
}

/* Plain text that was shown as it is, after a place where nothing is open, is firm up to its last word. */
static void settle_plain(djs_leaf *leaf, const djs_page *page) {
    const uint8_t *text = leaf->text.ptr;
    size_t word = leaf->shown;
    if (!leaf->quiet || !leaf->settled) return;
    while (word > leaf->plain && text[word - 1] != ' ') word--;
    if (word == leaf->plain || word == leaf->shown) return;
    leaf->missed = leaf->misses.len;
    forget(leaf, page->tail.len - (leaf->shown - word) - leaf->firm, word);
}

void djs_leaf_show(djs_leaf *leaf, djs_render *r, djs_page *page, djs_edits *edits) {
    settle_plain(leaf, page);
    size_t n = told(leaf);
    leaf->quiet = false;
    leaf->wake = 0;
    if (n > PATIENCE && n >= leaf->parsed && n - leaf->parsed < leaf->parsed / GROWTH) return;
    leaf->parsed = n;
    djs_inlines in = {.text = leaf->text.ptr, .n = n, .from = leaf->context, .unfinished = true};
    djs_buf_cut(&leaf->misses, leaf->missed);
    djs_buf_clear(r->out);
    r->mark = 0;
    size_t firm_html = djs_render_split(r, &in);
    if (n <= leaf->context) firm_html = r->mark = 0;
    djs_page_amend(page, leaf->firm, r->out->ptr, r->mark, edits);
    if (n == leaf->text.len && in.held) {
        leaf->wake = in.held == ']' ? CLOSER : in.held == ')' ? AT : 0;
        leaf->patience = in.patience;
    } else if (n == leaf->text.len && is_quiet(leaf, &in)) {
        leaf->quiet = true;
        leaf->settled = in.settled;
        leaf->seen = leaf->shown = leaf->plain = in.told;
    }
    if (in.firm > leaf->context) leaf->missed = in.misses;
    if (in.firm > leaf->context) forget(leaf, firm_html, in.firm);
    else leaf->firm += firm_html;
}
