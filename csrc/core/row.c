/* A table's row that grows, cell by cell.
 *
 * The law: the page shows what rendering the line as a row of the table would
 * show. A cell whose "|" has come is still shown as the last one, so that it
 * may be, until the next one begins.
 *
 * A "|" after a backslash is text, and the backslash goes.
 *
 * Left to cmark: lines that begin in a container; footnotes, which are counted
 * by leaf.
 *
 * Checked by: tests/test_markdown.py (every prefix of every example),
 * tests/c/random_markdown.c.
 *
 * SPDX-License-Identifier: MIT */
#include "row.h"
#include "follow.h"
#include "plain.h"
#include <cmark_ctype.h>

static const cmark_node *table_of(const djs_spine *s) {
    const cmark_node *node = djs_level_top(s)->node;
    return node->type == CMARK_NODE_TABLE && djs_is_open(node) ? node : NULL;
}

static void put(djs_spine *s, const djs_buf *html) {
    djs_page_amend(s->page, s->page->tail.len, html->ptr, html->len, s->edits);
    djs_spine_check(&s->page->tail);
}

static djs_render renderer(djs_spine *s, cmark_parser *parser, djs_refmap *map) {
    *map = (djs_refmap){.base = {.mem = &djs_scratch}, .below = (djs_refmap *)s->live->refmap};
    *parser = djs_spine_scratch(s);
    djs_render r = djs_spine_renderer(s, parser, &map->base);
    r.out = &s->spare;
    djs_buf_clear(r.out);
    r.mark = 0;
    return r;
}

/* A cell opens, with nothing in it yet. The space before its text is the cell's edge. */
static void open_cell(djs_spine *s, const char *before) {
    djs_refmap map;
    cmark_parser parser;
    djs_leaf *leaf = &s->leaf;
    djs_buf text = leaf->text, misses = leaf->misses;
    const uint8_t *alignments;
    djs_render r = renderer(s, &parser, &map);
    djs_cmark_columns(table_of(s), &alignments);
    djs_buf_put(r.out, before, strlen(before));
    djs_render_cell(&r, false, alignments[s->row.cell]);
    djs_spine_check(r.out);
    djs_buf_put(&s->page->tail, r.out->ptr, r.out->len);
    djs_spine_check(&s->page->tail);
    djs_buf_clear(&text);
    djs_buf_clear(&misses);
    *leaf = (djs_leaf){.stop = DJS_STOP_CELL,
                       .math = s->options->math,
                       .cjk = s->options->cjk_emphasis,
                       .text = text,
                       .misses = misses,
                       .firm = s->page->tail.len,
                       .unsent = r.out->len,
                       .context = 1};
    djs_follow_add(s, (const uint8_t *)" ", 1);
    djs_leaf_at_start(leaf, 1);
}

static void send_tag(djs_spine *s) {
    if (s->leaf.unsent) djs_page_grow(s->page, s->page->tail.len - s->leaf.unsent, s->edits);
    s->leaf.unsent = 0;
}

/* The cell has ended, and another follows: what was held back in it shows. */
static void close_cell(djs_spine *s) {
    djs_leaf *leaf = &s->leaf;
    while (leaf->text.len > leaf->context && cmark_isspace(leaf->text.ptr[leaf->text.len - 1])) {
        leaf->text.len--;
        leaf->taken--;
    }
    djs_refmap map;
    cmark_parser parser;
    djs_render r = renderer(s, &parser, &map);
    bool shown = djs_leaf_end(leaf, &r, s->page, s->edits);
    send_tag(s);
    djs_buf_clear(r.out);
    if (!shown) {
        djs_inlines in = {.text = leaf->text.ptr, .n = leaf->text.len, .from = leaf->context};
        if (in.n > in.from) djs_render_split(&r, &in);
        djs_spine_check(r.out);
        djs_page_amend(s->page, leaf->firm, r.out->ptr, r.out->len, s->edits);
        djs_buf_clear(r.out);
    }
    djs_buf_lit(r.out, "</td>");
    put(s, r.out);
}

void djs_row_begin(djs_spine *s, size_t cell, size_t line) {
    if (!table_of(s) || s->notes) return;
    s->row.on = s->row.inside = true;
    s->row.full = false;
    s->row.cell = cell;
    s->row.line = line;
}

/* Where a line begins that can only be a row: its first cell opens. */
static bool begin_line(djs_spine *s, const uint8_t *line, size_t n) {
    size_t i = 0;
    while (i < 3 && i < n && line[i] == ' ') i++;
    if (i == n || line[i++] != '|') return false;
    while (i < n && (line[i] == ' ' || line[i] == '\t')) i++;
    if (djs_level_count(s) != 2 || !table_of(s)) return false;
    if (i == n) { /* a row or no row, but nothing to show */
        djs_spine_flush(s);
        return true;
    }
    if (line[i] == '|' || line[i] == '\\') return false;
    djs_spine_flush(s);
    djs_row_begin(s, 0, i);
    open_cell(s, djs_level_top(s)->body ? "<tr>" : "<tbody><tr>");
    return true;
}

bool djs_row_show(djs_spine *s, const uint8_t *line, size_t n) {
    djs_leaf *leaf = &s->leaf;
    const uint8_t *alignments;
    if (s->raw || s->notes) return false;
    if (!s->row.on && !begin_line(s, line, n)) return false;
    if (!s->row.on) return true;
    size_t i = s->row.inside && leaf->line ? leaf->line : s->row.line;
    if (s->row.full) return true;
    while (i < n) {
        if (s->row.inside) {
            size_t end = i;
            while (end < n && line[end] != '|' && line[end] != '\\') end++;
            djs_follow_add(s, line + i, end - i);
            i = end;
            if (i == n) break;
            if (line[i] == '\\') {
                if (i + 1 == n) break; /* the next byte tells */
                djs_follow_add(s, line + i + (line[i + 1] == '|'), 1);
                i += 1 + (line[i + 1] == '|');
            } else {
                s->row.inside = false;
                i++;
            }
        } else if (line[i] == ' ' || line[i] == '\t') {
            i++;
        } else {
            s->row.full = s->row.cell + 1 == djs_cmark_columns(table_of(s), &alignments);
            if (s->row.full) break;
            close_cell(s);
            s->row.cell++;
            open_cell(s, "");
            s->row.inside = line[i] != '|';
            i += line[i] == '|';
        }
    }
    s->row.line = i;
    djs_follow_show(s);
    leaf->on = s->row.inside;
    leaf->line = leaf->on ? i : 0;
    return true;
}
