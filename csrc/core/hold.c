/* The page in the mode "hold".
 *
 * The law: each frame's page is a beginning of the last one, in its text and
 * in its elements; but for a list that turns loose, a label that is defined
 * late, and a task that cmark-gfm marks late. So
 *   - a paragraph shows when it has ended: until then a line could underline
 *     it, or make its last line the header of a table;
 *   - headings, rows of tables, lines of code and of raw HTML show when their
 *     line has ended; the blank lines of indented code when text follows;
 *   - a list, an item or a quote shows with the first thing in it; at once
 *     where the page may be filled anew, which must end in the same elements.
 *
 * Checked by: tests/test_markdown_hold.py, tests/c/random_markdown.c.
 *
 * SPDX-License-Identifier: MIT */
#include "hold.h"
#include "alert.h"

static bool is_tag(const uint8_t *tag, size_t n, const char *name) {
    size_t len = strlen(name);
    return n > len + 1 && !memcmp(tag + 1, name, len) && (tag[len + 1] == '>' || tag[len + 1] == ' ');
}

/* Where html ends without the start tags of containers at its end. */
static size_t without_starts(const uint8_t *html, size_t n) {
    static const char *const names[] = {"ul", "ol", "li", "blockquote", "input"};
    while (n) {
        size_t tag = n, i = 0;
        if (html[n - 1] == ' ' && n > 1 && html[n - 2] == '>') tag--; /* after a checkbox */
        if (html[tag - 1] != '>') return n;
        size_t end = tag;
        while (html[--tag] != '<') {}
        while (i < sizeof names / sizeof *names && !is_tag(html + tag, end - tag, names[i])) i++;
        if (i == sizeof names / sizeof *names || (end < n && i != 4)) return n;
        n = tag;
    }
    return 0;
}

void djs_hold_show(djs_spine *s, bool empty) {
    size_t n = empty ? s->html.len : without_starts(s->html.ptr, s->html.len);
    djs_page_turn(s->page, s->html.ptr, s->mark < n ? s->mark : n, n, s->edits);
    djs_spine_check(&s->page->tail);
    djs_buf_drop(&s->html, n);
    s->mark -= s->mark < n ? s->mark : n;
}

/* Is the node still where it was? A paragraph of nothing but definitions has gone. */
static bool is_linked(const cmark_node *node) {
    return node->prev ? node->prev->next == node : node->parent && node->parent->first_child == node;
}

void djs_hold_prune(cmark_node *open, bool empty) {
    cmark_node *node = open, *parent;
    while ((parent = node->parent)) {
        bool container = node->type == CMARK_NODE_LIST || node->type == CMARK_NODE_ITEM ||
                         (node->type == CMARK_NODE_BLOCK_QUOTE && !djs_alert_of(node)); /* it has a title */
        if (node->type != CMARK_NODE_PARAGRAPH && !(container && !empty && !node->first_child)) return;
        if (is_linked(node)) cmark_node_unlink(node);
        node = parent;
    }
}
