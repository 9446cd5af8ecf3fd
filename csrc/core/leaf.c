/* The paragraph that grows.
 *
 * The law: the page shows what rendering the whole paragraph as unfinished
 * would show. What is firm cannot be changed by any text that follows, but by
 * a definition, which patches the leaf when it has settled.
 *
 * Where nothing gets firm for long (an opener that nobody closes), the text is
 * parsed again only when it has grown by an eighth, so that a long line costs
 * a constant times its length; what is new appears with the next parse.
 *
 * Checked by: tests/test_markdown.py, tests/fuzz_markdown.py.
 *
 * SPDX-License-Identifier: MIT */
#include "leaf.h"
#include "complete.h"

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
    size_t n = leaf->text.len, start = djs_header_told(leaf->text.ptr, n), line = start;
    if (start == n) return n;
    while (line && leaf->text.ptr[line - 1] != '\n') line--;
    return line || leaf->taken == n ? start : n; /* a line that began before the text is none */
}

void djs_leaf_show(djs_leaf *leaf, djs_render *r, djs_page *page, djs_edits *edits) {
    size_t n = told(leaf);
    if (n > PATIENCE && n >= leaf->parsed && n - leaf->parsed < leaf->parsed / GROWTH) return;
    leaf->parsed = n;
    djs_inlines in = {.text = leaf->text.ptr, .n = n, .from = leaf->context, .unfinished = true};
    size_t firm_html = djs_render_split(r, &in);
    if (n <= leaf->context) firm_html = r->mark = 0;
    djs_page_amend(page, leaf->firm, leaf->depth, r->out->ptr, r->mark, edits);
    leaf->firm += firm_html;
    if (in.firm <= leaf->context) return;
    size_t keep =
        in.firm - 1; /* one character before what is not firm tells whether a marker opens or closes */
    while (keep && (leaf->text.ptr[keep] & 0xC0) == 0x80) keep--;
    leaf->context = in.firm - keep;
    leaf->parsed -= keep;
    djs_buf_drop(&leaf->text, keep);
}
