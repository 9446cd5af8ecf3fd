/* The text that grows.
 *
 * The law: the page shows what rendering the whole leaf, a paragraph, heading
 * or cell, as unfinished would show. What is firm cannot be changed by any text that follows, but by
 * a definition, which patches the leaf when it has settled.
 *
 * Where nothing gets firm for long (an opener that nobody closes), effort.h
 * says when the text is parsed again; what is new appears with the next parse.
 *
 * Checked by: tests/test_markdown.py, tests/fuzz_markdown.py.
 *
 * SPDX-License-Identifier: MIT */
#include "leaf.h"
#include "complete.h"
#include "link.h"
#include "notes.h"
#include "plain.h"
#include <cmark_ctype.h>

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

/* Forgets what is firm: html bytes of the tail, and all text before `firm` but one character, which tells
 * whether a marker opens or closes. */
static void forget(djs_leaf *leaf, size_t html, size_t firm) {
    size_t keep = firm - 1;
    leaf->firm += html;
    while (keep && (leaf->text.ptr[keep] & 0xC0) == 0x80) keep--;
    leaf->context = firm - keep;
    leaf->patience -= keep;
    leaf->known = leaf->known > keep ? leaf->known - keep : 0;
    leaf->held = 0;
    leaf->seen -= keep;
    leaf->shown -= keep;
    leaf->plain -= keep;
    leaf->word = leaf->word > keep ? leaf->word - keep : 0;
    leaf->base = 0;
    djs_buf_drop(&leaf->text, keep);
}

/* Plain text that was shown as it is, after a place where nothing is open, is firm up to its last word, or to
 * where a span begins. */
static void settle_plain(djs_leaf *leaf, const djs_page *page, const djs_notes *notes) {
    const uint8_t *text = leaf->text.ptr;
    size_t word = leaf->shown;
    if (!leaf->quiet) return;
    while (word > leaf->plain && text[word - 1] != ' ') word--;
    bool plain = leaf->settled && word > leaf->plain && word < leaf->shown;
    if (!plain && !leaf->base) return;
    leaf->missed = leaf->misses.len;
    if (notes) leaf->uses = djs_notes_uses(notes, true);
    if (plain) forget(leaf, page->tail.len - (leaf->shown - word) - leaf->firm, word);
    else forget(leaf, leaf->base_html, leaf->base);
}

void djs_leaf_show(djs_leaf *leaf, djs_render *r, djs_effort *effort, djs_page *page, djs_edits *edits) {
    if (leaf->known == leaf->text.len) return;
    if (djs_link_show(leaf, r, page, edits) || djs_leaf_catch_up(leaf, page, edits)) {
        leaf->known = leaf->text.len;
        return;
    }
    settle_plain(leaf, page, r->notes);
    leaf->known = leaf->text.len;
    leaf->quiet = false;
    leaf->wake = 0;
    leaf->mailbox = 0;
    size_t cost = leaf->known - leaf->context + DJS_EFFORT_ONCE;
    if (!djs_effort_take(effort, cost)) {
        djs_leaf_wait(leaf, djs_effort_wait(effort, cost));
        return;
    }
    size_t n = told(leaf);
    djs_inlines in = {.text = leaf->text.ptr, .n = n, .from = leaf->context, .unfinished = true};
    in.before = leaf->taken - leaf->text.len;
    djs_buf_cut(&leaf->misses, leaf->missed);
    djs_buf_clear(r->out);
    r->mark = 0;
    if (r->notes) djs_notes_keep(r->notes, leaf->uses);
    size_t firm_html = djs_render_split(r, &in);
    if (r->notes && n > leaf->context) leaf->uses = r->notes->firm;
    if (n <= leaf->context) firm_html = r->mark = 0;
    if (!r->mark && leaf->head && leaf->firm == leaf->start + leaf->head) {
        djs_page_amend(page, leaf->start, NULL, 0, edits); /* nothing of it can be told any more */
        leaf->on = false;
        return;
    }
    djs_page_amend(page, leaf->firm, r->out->ptr, in.closed && r->mark ? r->out->len : r->mark, edits);
    if (n == leaf->text.len) djs_leaf_parsed(leaf, &in);
    if (in.firm > leaf->context) leaf->missed = in.misses;
    if (in.firm > leaf->context) forget(leaf, firm_html, in.firm);
    else leaf->firm += firm_html;
}

bool djs_leaf_end(djs_leaf *leaf, djs_render *r, djs_page *page, djs_edits *edits) {
    leaf->final = true;
    return (leaf->known == leaf->text.len || djs_link_show(leaf, r, page, edits) ||
            djs_leaf_catch_up(leaf, page, edits)) &&
           djs_leaf_is_shown(leaf);
}
