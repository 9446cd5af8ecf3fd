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

/* ---- plain text that follows plain text ---- */

/* Bytes that mean nothing but themselves, whatever is open before them. */
static bool plain(uint8_t c) {
    return cmark_isalnum(c) || c >= 0x80 || (c && strchr(" \"'(),./;=?%+-#$^{}|", c));
}

bool djs_leaf_extend(djs_leaf *leaf, djs_page *page, djs_edits *edits) {
    const uint8_t *text = leaf->text.ptr;
    size_t n = leaf->text.len, end = n;
    if (!leaf->quiet) return false;
    for (size_t i = leaf->seen; i < n; i++) {
        if (!plain(text[i]) || (text[i] == 'w' && text[i - 1] == 'w')) return false;
        if (text[i - 1] == ' ' && djs_link_begun(text + i, n - i)) return false;
    }
    while (end > leaf->shown && text[end - 1] == ' ') end--;
    leaf->seen = n;
    if (end == leaf->shown) return true;
    djs_edit *edit = djs_edits_add(edits, DJS_GROW);
    if (edit) edit->depth = leaf->end, edit->n = end - leaf->shown;
    djs_buf_put(&edits->html, text + leaf->shown, end - leaf->shown);
    djs_buf_put(&page->tail, text + leaf->shown, end - leaf->shown);
    if (page->tail.status) edits->html.status = page->tail.status;
    leaf->shown = end;
    return true;
}

/* After a parse: may plain text follow as it is? Not when something is held back, nor near an address, whose
 * end depends on what follows. */
static bool is_quiet(const djs_leaf *leaf, const djs_inlines *in) {
    const uint8_t *text = leaf->text.ptr;
    size_t n = leaf->text.len, words = 0;
    while (n > leaf->context && text[n - 1] == ' ') n--;
    if (n == leaf->context || in->told < n || !in->open_end) return false;
    for (size_t i = n; i-- > 0 && words < 2;) {
        if (text[i] == ':' || text[i] == '@' || text[i] == '&' || (text[i] == 'w' && i && text[i - 1] == 'w'))
            return false;
        words += cmark_isspace(text[i]) != 0;
    }
    return true;
}

/* ---- all other text ---- */

void djs_leaf_show(djs_leaf *leaf, djs_render *r, djs_page *page, djs_edits *edits) {
    size_t n = told(leaf);
    leaf->quiet = false;
    if (n > PATIENCE && n >= leaf->parsed && n - leaf->parsed < leaf->parsed / GROWTH) return;
    leaf->parsed = n;
    djs_inlines in = {.text = leaf->text.ptr, .n = n, .from = leaf->context, .unfinished = true};
    size_t firm_html = djs_render_split(r, &in);
    if (n <= leaf->context) firm_html = r->mark = 0;
    djs_page_amend(page, leaf->firm, leaf->depth, r->out->ptr, r->mark, edits);
    leaf->firm += firm_html;
    if (n == leaf->text.len && is_quiet(leaf, &in)) {
        leaf->quiet = true;
        leaf->end = leaf->depth + djs_page_depth(page, leaf->firm, page->tail.len);
        leaf->seen = n;
        leaf->shown = in.told;
    }
    if (in.firm <= leaf->context) return;
    size_t keep =
        in.firm - 1; /* one character before what is not firm tells whether a marker opens or closes */
    while (keep && (leaf->text.ptr[keep] & 0xC0) == 0x80) keep--;
    leaf->context = in.firm - keep;
    leaf->parsed -= keep;
    leaf->seen -= leaf->quiet ? keep : 0;
    leaf->shown -= leaf->quiet ? keep : 0;
    djs_buf_drop(&leaf->text, keep);
}
