/* The page as the reader has it, and the edits that change it.
 *
 * The law: applying the edits to a page that reads as before makes it read as
 * said, and touches no node before the first difference. Each grow carries
 * balanced HTML: what the string leaves open is closed in the edit, and found
 * again by its depth the next time.
 *
 *     <p>a <em>b         then       <p>a <em>bc</em> d
 *     grow 2 "c", grow 1 " d"
 *
 * The HTML is our own: tags hold no ">" but their last byte, text no "<".
 *
 * Checked by: tests/test_markdown.py (a DOM that applies edits), tests/c/test_page.c.
 *
 * SPDX-License-Identifier: MIT */
#include "page.h"
#include "utf8.h"

djs_edit *djs_edits_add(djs_edits *edits, djs_edit_kind kind) {
    if (!djs_buf_grow(&edits->list, sizeof(djs_edit))) return NULL;
    djs_edit *edit = (djs_edit *)(void *)(edits->list.ptr + edits->list.len);
    *edit = (djs_edit){.kind = kind, .html = edits->html.len, .path = edits->paths.len};
    edits->list.len += sizeof *edit;
    return edit;
}

void djs_edits_free(djs_edits *edits) {
    djs_buf_free(&edits->list);
    djs_buf_free(&edits->html);
    djs_buf_free(&edits->paths);
}

/* ---- reading our own HTML ---- */

typedef enum { TEXT, OPEN, CLOSE, VOID_ } token_kind;

typedef struct {
    token_kind kind;
    size_t start, end;
} token;

static bool is_void(const uint8_t *tag, size_t n) {
    static const char *const names[] = {"<br>", "<hr>", "<img ", "<input "};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = strlen(names[i]);
        if (n >= len && !memcmp(tag, names[i], len)) return true;
    }
    return false;
}

/* The token at html[at]; a text ends at a tag, or at n. */
static token next_token(const uint8_t *html, size_t at, size_t n) {
    token t = {TEXT, at, n};
    const uint8_t *end;
    if (html[at] != '<') {
        if ((end = memchr(html + at, '<', n - at))) t.end = (size_t)(end - html);
        return t;
    }
    if ((end = memchr(html + at, '>', n - at))) t.end = (size_t)(end - html) + 1;
    t.kind = html[at + 1] == '/' ? CLOSE : is_void(html + at, t.end - at) ? VOID_ : OPEN;
    return t;
}

/* How much deeper one is after html[0..n). */
static int32_t net_depth(const uint8_t *html, size_t n) {
    int32_t depth = 0;
    for (size_t at = 0; at < n;) {
        token t = next_token(html, at, n);
        depth += (t.kind == OPEN) - (t.kind == CLOSE);
        at = t.end;
    }
    return depth;
}

/* UTF-16 units of the text that html, with entities, stands for. */
static uint32_t text_units(const uint8_t *html, size_t n) {
    size_t units = djs_utf8_units(html, n);
    for (size_t i = 0; i < n; i++)
        if (html[i] == '&')
            while (i + 1 < n && html[i] != ';') units--, i++;
    return (uint32_t)units;
}

/* ---- the difference ---- */

/* The longest common prefix that ends between tags, entities and characters. */
static size_t common(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
    size_t n = a_len < b_len ? a_len : b_len, i = 0, back;
    while (i + 8 <= n && !memcmp(a + i, b + i, 8)) i += 8;
    while (i < n && a[i] == b[i]) i++;
    if (i == a_len) return i; /* the whole old tail, which ends well */
    for (back = i; back && a[back - 1] != '<' && a[back - 1] != '>'; back--) {}
    if (back && a[back - 1] == '<') return back - 1;
    for (back = i; back && i - back < 8 && a[back - 1] != '&' && a[back - 1] != ';' && a[back - 1] != '>';
         back--) {}
    if (back && a[back - 1] == '&') return back - 1;
    while (i && i < a_len && (a[i] & 0xC0) == 0x80) i--;
    return i;
}

/* What stands in html[from..n) goes; `depth` elements are open at `from`. */
static void cut(const uint8_t *html, size_t from, size_t n, uint32_t depth, djs_edits *edits) {
    uint32_t units = 0, nodes = 0, level = depth, inside = 0;
    size_t first = edits->list.len;
    for (size_t at = from; at < n;) {
        token t = next_token(html, at, n);
        at = t.end;
        if (t.kind == CLOSE && inside) {
            inside--;
        } else if (t.kind == CLOSE) {
            djs_edit *edit = nodes || units ? djs_edits_add(edits, DJS_CUT) : NULL;
            if (edit) edit->depth = level, edit->nodes = nodes, edit->units = units;
            level--;
            nodes = units = 0;
        } else if (t.kind == TEXT && t.start == from) {
            units = text_units(html + t.start, t.end - t.start);
        } else {
            if (!inside) nodes++;
            inside += t.kind == OPEN;
        }
    }
    djs_edit *edit = nodes || units ? djs_edits_add(edits, DJS_CUT) : NULL;
    if (edit) edit->depth = level, edit->nodes = nodes, edit->units = units;
    /* They were found from the inside out; they are made from the outside in. */
    if (edits->list.status) return;
    djs_edit *low = (djs_edit *)(void *)(edits->list.ptr + first),
             *high = (djs_edit *)(void *)(edits->list.ptr + edits->list.len);
    while (low < --high) {
        djs_edit swap = *low;
        *low++ = *high;
        *high = swap;
    }
}

/* Elements that a grow opens and leaves open: no page nests so deeply, see DJS_MAX_NESTING. */
enum { MOST_OPEN = 512 };

/* Ends the grow that began at html[start]: closes what it opened. `open` holds
 * the offsets of the start tags that have no end tag in it. */
static void grown(const uint8_t *html, size_t start, size_t end, uint32_t depth, const size_t *open,
                  size_t opened, djs_edits *edits) {
    if (start == end) return;
    djs_edit *edit = djs_edits_add(edits, DJS_GROW);
    if (!edit) return;
    edit->depth = depth;
    djs_buf_put(&edits->html, html + start, end - start);
    while (opened--) {
        const uint8_t *tag = html + open[opened];
        size_t len = 1;
        while (tag[len] != '>' && tag[len] != ' ') len++;
        djs_buf_lit(&edits->html, "</");
        djs_buf_put(&edits->html, tag + 1, len - 1);
        djs_buf_byte(&edits->html, '>');
    }
    edit->n = edits->html.len - edit->html;
}

/* html[from..n) follows; returns how many elements are open then. */
static uint32_t grow(const uint8_t *html, size_t from, size_t n, uint32_t depth, djs_edits *edits) {
    size_t open[MOST_OPEN], opened = 0, start = from;
    for (size_t at = from; at < n;) {
        token t = next_token(html, at, n);
        at = t.end;
        if (t.kind == OPEN && opened == MOST_OPEN) {
            edits->html.status = DJS_ETOOBIG;
            break;
        } else if (t.kind == OPEN) {
            open[opened++] = t.start;
        } else if (t.kind == CLOSE && opened) {
            opened--;
        } else if (t.kind == CLOSE) {
            grown(html, start, t.start, depth, open, opened, edits);
            depth--;
            start = t.end;
        }
    }
    grown(html, start, n, depth, open, opened, edits);
    return depth + (uint32_t)opened;
}

void djs_page_amend(djs_page *page, size_t at, const uint8_t *html, size_t n, djs_edits *edits) {
    const uint8_t *old = page->tail.len > at ? page->tail.ptr + at : NULL;
    size_t old_n = page->tail.len - at;
    size_t same = old_n ? common(old, old_n, html, n) : 0;
    if (same < old_n) {
        page->end -= (uint32_t)net_depth(old + same, old_n - same);
        cut(old, same, old_n, page->end, edits);
        djs_buf_cut(&page->tail, at + same);
    }
    if (same < n) { /* else html may be NULL */
        page->end = grow(html, same, n, page->end, edits);
        djs_buf_put(&page->tail, html + same, n - same);
    }
    if (page->tail.status) edits->html.status = page->tail.status;
}

void djs_page_text(djs_page *page, const uint8_t *text, size_t n, djs_edits *edits) {
    djs_edit *edit = djs_edits_add(edits, DJS_GROW);
    djs_buf_put(&page->tail, text, n);
    djs_buf_put(&edits->html, text, n);
    if (page->tail.status) edits->html.status = page->tail.status;
    if (edit) edit->depth = page->end, edit->n = n;
}

void djs_page_grow(djs_page *page, size_t from, djs_edits *edits) {
    const uint8_t *html = page->tail.ptr;
    size_t n = page->tail.len;
    if (page->tail.status) edits->html.status = page->tail.status;
    else if (memchr(html + from, '<', n - from)) page->end = grow(html, from, n, page->end, edits);
    else grown(html, from, n, page->end, NULL, 0, edits);
}

void djs_page_settle(djs_page *page, size_t n) {
    page->depth += (uint32_t)net_depth(page->tail.ptr, n);
    djs_buf_drop(&page->tail, n);
}

void djs_page_turn(djs_page *page, const uint8_t *html, size_t n, size_t settled, djs_edits *edits) {
    djs_page_amend(page, 0, html, n, edits);
    if (settled > n) page->end += (uint32_t)net_depth(html + n, settled - n); /* by end tags */
    page->depth = page->end - (settled < n ? (uint32_t)net_depth(html + settled, n - settled) : 0);
    djs_buf_drop(&page->tail, settled);
}
