/* A link that grows.
 *
 * The law: the page shows what djs_leaf_show would show by parsing.
 *
 *     see [the docs](https://x.org/a).
 *         |         |             the text, as a link that leads nowhere yet
 *         |                     | the link
 *
 * Simple is a text without anything that could mean something, but code, and an
 * address that needs no second thought about where it ends. An image that is
 * shown as a link is one, and so is a badge, an image in a link; of that the
 * address of the link counts. Left to the parser: addresses with parentheses,
 * references, footnotes, links whose address the application rewrites.
 *
 * Checked by: tests/test_markdown.py, tests/c/random_markdown.c.
 *
 * SPDX-License-Identifier: MIT */
#include "link.h"
#include "complete.h"
#include "plain.h"
#include "url.h"
#include "wait.h"
#include <cmark_ctype.h>

#define LINK_BEGUN "<a href=\"#\">"

enum { MOST = 600 }; /* bytes of text and address */

/* The "*", "**" or "_" on both sides of text[from..to): how long it is, or 0. */
static size_t wrapped(const uint8_t *text, size_t from, size_t to) {
    uint8_t c = text[from];
    size_t n = (c == '*' || c == '_') && text[from + 1] == c ? 2 : c == '*' || c == '_';
    if (!n || to - from < 2 * n + 1 || text[from + n] == ' ' || text[to - n - 1] == ' ') return 0;
    for (size_t i = 1; i <= n; i++)
        if (text[to - i] != c) return 0;
    return n;
}

/* The text of a link, with code in it, or in a span. */
static void put_label(const uint8_t *text, size_t from, size_t to, djs_buf *html) {
    size_t n = wrapped(text, from, to);
    if (n) {
        djs_buf_put(html, n == 1 ? "<em>" : "<strong>", n == 1 ? 4 : 8);
        djs_buf_put(html, text + from + n, to - from - 2 * n);
        djs_buf_put(html, n == 1 ? "</em>" : "</strong>", n == 1 ? 5 : 9);
        return;
    }
    for (bool code = false; from < to; code = !code) {
        const uint8_t *tick = memchr(text + from, '`', to - from);
        size_t end = tick ? (size_t)(tick - text) : to;
        if (code) djs_buf_lit(html, "<code>");
        if (code) djs_text_html(html, text + from, end - from);
        else djs_buf_put(html, text + from, end - from);
        if (code) djs_buf_lit(html, "</code>");
        from = end + 1;
    }
}

static bool is_edge(uint8_t c) { return c != ' ' && c != '^'; }

/* What stands after "](": an address, maybe a title, and ")". */
typedef struct {
    enum { ODD, MORE, WHOLE } kind; /* not simple; not all of it has come; here it is */
    size_t at, n;                   /* the address */
    bool gap;                       /* a title may follow the address */
    size_t title, title_n;          /* 0: none */
    size_t end;                     /* after the ")" */
} djs_target;

static djs_target target(const uint8_t *text, size_t at, size_t n) {
    djs_target t = {.kind = ODD, .at = at};
    size_t i = djs_plain_address(text, at, n);
    while (i < n && text[i] == '&') i = djs_plain_address(text, i + 1, n);
    t.n = i - at;
    if (memchr(text + at, '&', t.n) && memchr(text + at, ';', t.n)) return t; /* an entity? */
    bool gap = i < n && i > at && text[i] == ' ';
    while (gap && i < n && text[i] == ' ') i++;
    if (gap && i < n && text[i] == '"') {
        t.title = ++i;
        while (i < n && !strchr("\"\\&<>\n", text[i])) i++;
        if (i < n && text[i] != '"') return t;
        t.title_n = i - t.title;
        i += i < n;
    }
    t.gap = gap;
    if (i == n) t.kind = MORE;
    else if (text[i] == ')' && t.n) t.kind = WHOLE, t.end = i + 1;
    return t;
}

static bool is_allowed(const uint8_t *address, size_t n) {
    djs_url url = {0};
    djs_url_feed(&url, address, n, 1, false);
    return djs_url_end(&url);
}

/* The link ends where the text, or more of it, says. Its page has the text already. */
static bool complete(djs_leaf *leaf, const djs_render *r, djs_page *page, djs_edits *edits) {
    const uint8_t *text = leaf->text.ptr;
    size_t n = leaf->text.len, from = leaf->link_text, to = leaf->link_end;
    djs_target t = target(text, to + 2, n);
    djs_buf *html = r->out;
    leaf->wake = djs_wait_for(')', leaf->stop);
    leaf->patience = n; /* the next byte tells */
    if (t.gap && n - leaf->link > MOST) t.kind = ODD;
    if (t.kind == WHOLE && leaf->badge) { /* that was the image's address */
        size_t i = t.end;
        if (i == n || (i + 1 == n && text[i] == ']')) return true;
        if (text[i] == ']' && text[i + 1] == '(') t = target(text, i + 2, n);
        else t.kind = ODD;
    }
    if (t.kind == MORE) {
        if (!t.gap) leaf->patience = SIZE_MAX;
        return true;
    }
    leaf->link_end = 0;
    if (t.kind == ODD || t.end - leaf->link > MOST || !is_allowed(text + t.at, t.n)) return false;
    djs_buf_clear(html);
    djs_buf_lit(html, "<a href=\"");
    djs_text_html(html, text + t.at, t.n);
    if (t.title_n) djs_buf_lit(html, "\" title=\"");
    djs_buf_put(html, text + t.title, t.title_n);
    djs_buf_lit(html, "\" rel=\"" DJS_LINK_REL "\">");
    put_label(text, from, to, html);
    djs_buf_lit(html, "</a>");
    djs_page_amend(page, leaf->firm + leaf->link_html, html->ptr, html->len, edits);
    leaf->plain = leaf->shown = leaf->seen = t.end;
    leaf->wake = 0;
    return djs_leaf_catch_up(leaf, page, edits);
}

/* The leaf was parsed: is what the page shows of it, from what is firm on, nothing but plain text, or that
 * and the text of a link? Then it is as if no parser had been needed. */
static bool recover(djs_leaf *leaf, const djs_page *page) {
    const uint8_t *text = leaf->text.ptr, *tail = page->tail.ptr + leaf->firm;
    size_t from = leaf->context, at = leaf->text.len, shown = page->tail.len - leaf->firm,
           n = sizeof LINK_BEGUN - 1;
    if (at - from > 4 * MOST) return false;
    while (at > from && text[at - 1] != '[') at--;
    if (at-- == from || !djs_is_plain(leaf, from, at)) return false;
    size_t told = at;
    while (told > from && (text[told - 1] == ' ' || text[told - 1] == '!')) told--;
    if (shown < told - from || memcmp(tail, text + from, told - from)) return false;
    leaf->link_end = 0;
    if (shown > told - from) {
        const uint8_t *close = memchr(text + at, ']', leaf->text.len - at);
        size_t inner = close ? (size_t)(close - text) - at - 1 : 0;
        if (!inner || close[1] != '(' || shown != at - from + n + inner ||
            memcmp(tail + told - from, text + told, at - told) || memcmp(tail + at - from, LINK_BEGUN, n) ||
            memcmp(tail + at - from + n, text + at + 1, inner) || !djs_is_plain(leaf, at + 1, at + 1 + inner))
            return false;
        leaf->link = at;
        leaf->link_text = at + 1;
        leaf->link_end = at + 1 + inner;
        leaf->badge = false;
        leaf->link_html = at - from;
        told = at;
    }
    leaf->quiet = leaf->settled = true;
    leaf->in_code = leaf->code = false;
    leaf->span = DJS_SPAN_NONE;
    leaf->base = 0;
    leaf->seen = at;
    leaf->plain = leaf->shown = told;
    return true;
}

/* Is nothing defined by this label (yet)? note: more text will not ask for it again. */
static bool is_undefined(const djs_render *r, const uint8_t *text, size_t from, size_t to, bool note) {
    djs_refmap *map = (djs_refmap *)r->map;
    cmark_chunk label = {(unsigned char *)text + from, (bufsize_t)(to - from), 0};
    djs_buf *misses = map->misses;
    if (!note) map->misses = NULL;
    bool found = cmark_map_lookup(&map->base, &label);
    map->misses = misses;
    return !found;
}

/* Is text[from..to) what may stand between brackets, and simple? */
static bool is_label(const djs_leaf *leaf, size_t from, size_t to) {
    const uint8_t *text = leaf->text.ptr;
    return from < to && to - from < MOST / 2 && is_edge(text[from]) && is_edge(text[to - 1]) &&
           djs_is_plain(leaf, from, to);
}

/* The same in a span, or with code in it, each between two single backticks. */
static bool is_coded(const djs_leaf *leaf, size_t from, size_t to) {
    const uint8_t *text = leaf->text.ptr, *tick, *end;
    if (from == to) return false;
    size_t n = wrapped(text, from, to);
    if (n && !leaf->cjk) return djs_is_plain(leaf, from + n, to - n);
    if (to - from > MOST / 10 || !is_edge(text[from]) || !is_edge(text[to - 1])) return false;
    while (from < to && (tick = memchr(text + from, '`', to - from))) {
        size_t at = (size_t)(tick - text);
        if (!djs_is_plain(leaf, from, at) || !(end = memchr(tick + 1, '`', to - at - 1))) return false;
        if (end == tick + 1 || end[1] == '`' || tick[1] == ' ' || memchr(tick, '\n', (size_t)(end - tick)))
            return false;
        from = (size_t)(end - text) + 1;
    }
    return djs_is_plain(leaf, from, to);
}

/* What the "[" at text[at] is, whose "]" is at text[end]. */
typedef enum { LINK, LITERAL, WAITS, PARSE } djs_bracket;

/* undefined: its label is known to be. */
static djs_bracket bracket(djs_leaf *leaf, const djs_render *r, size_t at, size_t end, bool undefined) {
    const uint8_t *text = leaf->text.ptr, *close;
    size_t n = leaf->text.len, next = end + 1;
    if (!is_label(leaf, at + 1, end))
        return next < n && text[next] == '(' && is_coded(leaf, at + 1, end) ? LINK : PARSE;
    if (next < n && text[next] == '(') return LINK;
    if (next < n && text[next] == '[') {
        leaf->wake = djs_wait_for(']', leaf->stop);
        leaf->patience = next + MOST;
        if (!(close = memchr(text + next, ']', n - next))) return WAITS;
        size_t to = (size_t)(close - text);
        return is_label(leaf, next + 1, to) && is_undefined(r, text, next + 1, to, true) ? LITERAL : PARSE;
    }
    while (next < n && text[next] == ' ') next++;
    if (!leaf->final && (next == n || djs_text_told(text, n) <= end + 1)) { /* what follows decides */
        leaf->patience = n;
        return undefined || is_undefined(r, text, at + 1, end, false) ? WAITS : PARSE;
    }
    if (end + 1 < n && strchr(":!*_`~\\", text[end + 1])) return PARSE;
    return undefined || is_undefined(r, text, at + 1, end, true) ? LITERAL : PARSE;
}

/* The same for an image, whose text begins at text[from]. */
static djs_bracket image(djs_leaf *leaf, size_t from, size_t end) {
    if (!is_label(leaf, from, end)) return PARSE;
    if (end + 1 == leaf->text.len) return leaf->patience = end + 1, WAITS;
    return leaf->text.ptr[end + 1] == '(' ? LINK : PARSE;
}

/* The text of the link whose "]" is at text[end] shows; it begins at text[from]. */
static void open_link(djs_leaf *leaf, size_t from, size_t end, djs_buf *tail) {
    const uint8_t *text = leaf->text.ptr;
    size_t at = leaf->seen;
    djs_buf_put(tail, text + leaf->shown, at - leaf->shown);
    leaf->link = at;
    leaf->link_text = from;
    leaf->link_end = end;
    leaf->badge = from > at + 2;
    leaf->link_html = tail->len - leaf->firm;
    djs_buf_lit(tail, LINK_BEGUN);
    put_label(text, from, end, tail);
    leaf->plain = leaf->shown = at;
}

/* Where the text of the link, of the image that is shown as one, or of the badge at text[at] begins; 0: it is
 * none of these. */
static size_t inside(const djs_render *r, const uint8_t *text, size_t at, size_t n) {
    bool images = r->options->images == DJS_IMAGES_LINK;
    if (n - at > 2 && text[at] == '[' && text[at + 1] == '!' && text[at + 2] == '[')
        return images ? at + 3 : 0;
    if (text[at] == '[') return at + 1;
    return images && n - at > 1 && text[at] == '!' && text[at + 1] == '[' ? at + 2 : 0;
}

bool djs_link_show(djs_leaf *leaf, const djs_render *r, djs_page *page, djs_edits *edits) {
    if (!leaf->wake || r->notes || r->options->links || (!leaf->quiet && !recover(leaf, page))) return false;
    if (leaf->link_end) return complete(leaf, r, page, edits);
    const uint8_t *text = leaf->text.ptr, *close;
    size_t n = leaf->text.len, start, end, from = page->tail.len - leaf->unsent;
    djs_bracket kind = PARSE;
    do {
        size_t at = leaf->seen;
        if (!(leaf->settled || leaf->span) || at >= n || !(start = inside(r, text, at, n)) ||
            !(close = memchr(text + start, ']', n - start)))
            return false;
        end = (size_t)(close - text);
        if (start == at + 1) kind = bracket(leaf, r, at, end, kind == LITERAL);
        else kind = image(leaf, start, end);
        if (kind == LITERAL) {
            djs_buf_put(&page->tail, text + leaf->shown, end + 1 - leaf->shown);
            leaf->plain = leaf->shown = leaf->seen = end + 1;
        }
    } while (kind == LITERAL && end + 1 < n && text[end + 1] == '[');
    if (kind == LINK && target(text, end + 2, n).kind == ODD) kind = PARSE;
    if (kind == LINK) open_link(leaf, start, end, &page->tail);
    if (page->tail.len > from) djs_page_grow(page, from, edits);
    leaf->unsent = 0;
    if (kind == LITERAL) {
        leaf->wake = 0;
        return djs_leaf_catch_up(leaf, page, edits);
    }
    return kind == LINK ? complete(leaf, r, page, edits) : kind == WAITS;
}
