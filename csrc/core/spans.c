/* Spans of a leaf that are read without a parser.
 *
 * The law: where one begins while nothing is open, what stands before it is firm as soon as the parser is
 * needed again (djs_leaf.base).
 *
 * Checked by: as plain.c.
 *
 * SPDX-License-Identifier: MIT */
#include "spans.h"

djs_span djs_span_of(uint8_t c, size_t length) {
    if (c == '`') return length == 1 ? DJS_SPAN_CODE : DJS_SPAN_NONE;
    if (c != '*') return DJS_SPAN_NONE;
    return length == 1 ? DJS_SPAN_EMPH : length == 2 ? DJS_SPAN_STRONG : DJS_SPAN_NONE;
}

static const char *const tags[][2] = {
    [DJS_SPAN_CODE] = {"<code>", "</code>"},
    [DJS_SPAN_EMPH] = {"<em>", "</em>"},
    [DJS_SPAN_STRONG] = {"<strong>", "</strong>"},
};

void djs_span_put(djs_leaf *leaf, const uint8_t *text, size_t at, djs_buf *html) {
    if (at > leaf->shown) djs_buf_put(html, text + leaf->shown, at - leaf->shown);
    leaf->plain = leaf->shown = leaf->seen = at;
}

void djs_span_open(djs_leaf *leaf, const uint8_t *text, size_t at, djs_span kind, djs_buf *html) {
    djs_span_put(leaf, text, at, html);
    if (leaf->settled) leaf->base = at, leaf->base_html = html->len - leaf->firm;
    djs_buf_put(html, tags[kind][0], strlen(tags[kind][0]));
    leaf->settled = false;
}

void djs_span_close(djs_leaf *leaf, djs_span kind, size_t after, djs_buf *html) {
    djs_buf_put(html, tags[kind][1], strlen(tags[kind][1]));
    if (kind == DJS_SPAN_CODE) leaf->code = false;
    else leaf->span = DJS_SPAN_NONE;
    leaf->settled = !leaf->span;
    leaf->plain = leaf->shown = leaf->seen = after;
}
