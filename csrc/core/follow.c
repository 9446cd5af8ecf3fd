/* The open paragraph, followed from line to line.
 *
 * The law: what has got firm in it is never parsed again, not when a line
 * ends, and not when it settles; and what settles is still what cmark's
 * whole-document render would put there. Whatever is not plainly the same
 * paragraph is left to those who render it anew.
 *
 * Checked by: tests/test_markdown.py, tests/fuzz_markdown.py.
 *
 * SPDX-License-Identifier: MIT */
#include "follow.h"
#include "plain.h"

void djs_follow_add(djs_spine *s, const uint8_t *text, size_t n) {
    djs_status status = djs_leaf_add(&s->leaf, text, n);
    if (status) djs_memory_fail(status);
}

/* Is the content the end of the line, but for spaces? */
static bool ends_line(const cmark_strbuf *content, const uint8_t *line, size_t n) {
    size_t size = (size_t)content->size;
    if (size && content->ptr[size - 1] == '\n') size--;
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t')) n--;
    return size && size <= n && !memcmp(line + n - size, content->ptr, size);
}

int djs_follow_stops(const cmark_node *tail, const uint8_t *line, size_t n) {
    if (tail->type == CMARK_NODE_PARAGRAPH) return 0;
    if (!ends_line(&tail->content, line, n)) return -1;
    if (tail->type == CMARK_NODE_HEADING) /* closing ones go, and may have gone already: "# # #" */
        return tail->content.ptr[tail->content.size - 1] == '#' ? -1 : DJS_STOP_HEADING;
    if (tail->parent->type != CMARK_NODE_TABLE_ROW || memchr(line, '\\', n)) return -1;
    size_t start = 0, pipes = 0;
    while (start < n && (line[start] == ' ' || line[start] == '\t' || line[start] == '>')) start++;
    if (start < n && line[start] == '|') start++;
    for (size_t i = start; i < n; i++) pipes += line[i] == '|';
    return pipes == (size_t)tail->as.cell_index ? DJS_STOP_CELL : -1; /* not one cell too many */
}

void djs_follow_begin(djs_spine *s, const djs_render *r, const cmark_node *tail, const cmark_node *node,
                      size_t settled, const uint8_t *line, size_t n) {
    djs_leaf *leaf = &s->leaf;
    const djs_inlines *in = &r->tail_inlines;
    int stop = djs_follow_stops(tail, line, n);
    djs_buf text = leaf->text, misses = leaf->misses;
    size_t size = (size_t)tail->content.size, context = 0;
    if (stop < 0) return;
    if (size && tail->content.ptr[size - 1] == '\n') size--;
    if (in->firm) { /* one character before what is not firm */
        do context++;
        while (context < in->firm && (tail->content.ptr[in->firm - context] & 0xC0) == 0x80);
    }
    djs_buf_clear(&text);
    *leaf = (djs_leaf){.on = true,
                       .math = s->options->math,
                       .breaks = s->options->breaks,
                       .cjk = s->options->cjk_emphasis,
                       .stop = (uint8_t)stop,
                       .node = node,
                       .text = text,
                       .context = context,
                       .misses = misses,
                       .missed = in->misses,
                       .definitions = s->live->refmap->size,
                       .uncertain = r->map->size,
                       .uses = s->notes ? s->notes->firm : 0,
                       .line = n};
    leaf->paragraph = tail->type == CMARK_NODE_PARAGRAPH;
    leaf->start = r->tail_start - settled;
    leaf->head = r->tail_inside - r->tail_start;
    leaf->firm = r->tail_firm - settled;
    leaf->taken = in->firm - context;
    djs_follow_add(s, tail->content.ptr + leaf->taken, size - leaf->taken);
    leaf->known = leaf->text.len;
    if (!leaf->paragraph) {
        while (n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
            n--; /* cmark has taken them from the content */
        djs_follow_add(s, line + n, leaf->line - n);
    }
    if (in->n < size) return; /* not all of it was parsed */
    djs_inlines known = *in;
    known.text = leaf->text.ptr;
    size_t gone = leaf->taken - leaf->text.len;
    known.told -= gone;
    known.firm = context;
    known.closed = false; /* the page shows it without its end tag */
    known.apart = in->apart > gone ? in->apart - gone : 0;
    if (in->patience < SIZE_MAX) known.patience -= gone;
    djs_leaf_parsed(leaf, &known);
}

djs_wait djs_follow_wait(const djs_render *r, const cmark_node *tail, const uint8_t *line, size_t n) {
    const djs_inlines *in = &r->tail_inlines;
    djs_wait wait = {.line = n, .most = SIZE_MAX};
    int stop = djs_follow_stops(tail, line, n);
    size_t more = (size_t)tail->content.size;
    if (stop >= 0) wait.wake = djs_wait_for(in->held, (uint8_t)stop);
    if (in->patience < SIZE_MAX) wait.most = n + (in->patience > more ? in->patience - more : 0);
    return wait;
}

void djs_follow_go_on(djs_spine *s, const uint8_t *line, size_t n) {
    djs_follow_add(s, (const uint8_t *)"\n", 1);
    djs_follow_add(s, line, n);
    s->leaf.line = n;
    djs_follow_show(s);
}

/* Does the node's content begin with what is known of the leaf? The first `same` bytes do. */
static bool is_known(const djs_leaf *leaf, const cmark_node *node, size_t size, size_t same) {
    size_t n = leaf->text.len, skip = same + n > leaf->taken ? same + n - leaf->taken : 0;
    if (leaf->taken > size) return false;
    return !memcmp(node->content.ptr + leaf->taken - n + skip, leaf->text.ptr + skip, n - skip);
}

/* Were labels defined that the leaf, as the page shows it, may have asked for in vain, or found where they
 * are defined again? They are not late: the leaf has not settled. */
static bool is_outdated(const djs_spine *s) {
    return (s->leaf.misses.len || s->leaf.uncertain) && s->leaf.definitions != s->live->refmap->size;
}

/* Is the open paragraph the leaf, and nothing else new? */
static bool goes_on(djs_spine *s) {
    djs_leaf *leaf = &s->leaf;
    if (is_outdated(s)) return false;
    djs_level *level = djs_level_top(s);
    cmark_node *child = level->settled ? level->settled->next : level->node->first_child;
    if (!child || !djs_is_open(child) || child->type != CMARK_NODE_PARAGRAPH || child != s->live->current)
        return false;
    if (leaf->node ? child != leaf->node || s->html.len : s->html.len != leaf->start) return false;
    size_t size = (size_t)child->content.size;
    if (size && child->content.ptr[size - 1] == '\n')
        size--; /* not before the next line shows that there is one */
    if (!is_known(leaf, child, size, leaf->same)) return false;
    if (leaf->start) {
        if (memcmp(s->page->tail.ptr, s->html.ptr, leaf->start)) return false;
        djs_page_settle(s->page, leaf->start);
        leaf->firm -= leaf->start;
        leaf->start = 0;
        djs_buf_clear(&s->html);
        s->mark = 0;
    }
    leaf->node = child;
    djs_follow_add(s, child->content.ptr + leaf->taken, size - leaf->taken);
    leaf->same = size; /* an open paragraph's content only grows */
    return true;
}

void djs_follow_line(djs_spine *s) {
    s->leaf.line = 0;
    if (s->leaf.on) s->leaf.on = goes_on(s);
}

void djs_follow_show(djs_spine *s) {
    /* Over the live definitions, because that map notes what it does not find. */
    djs_refmap map = {
        .base = {.mem = &djs_scratch}, .below = (djs_refmap *)s->live->refmap, .misses = &s->leaf.misses};
    cmark_parser parser = djs_spine_scratch(s);
    djs_render r = djs_spine_renderer(s, &parser, &map.base);
    r.out = &s->spare;
    r.passing = true;
    djs_leaf_show(&s->leaf, &r, &s->effort, s->page, s->edits);
    djs_spine_check(&s->spare);
    djs_spine_check(&s->page->tail);
}

bool djs_follow_settle(djs_spine *s, djs_render *r, cmark_node *node) {
    djs_leaf *leaf = &s->leaf;
    size_t size = (size_t)node->content.size, head;
    bool fits = node->type == CMARK_NODE_PARAGRAPH || (node->type == CMARK_NODE_HEADING && !r->slugs);
    if (!leaf->on || is_outdated(s) || leaf->node != node || !fits || s->html.len ||
        !is_known(leaf, node, size, 0))
        return false;
    djs_render_open(r, node);
    head = s->html.len;
    if (head != leaf->head || memcmp(s->page->tail.ptr, s->html.ptr, head)) {
        djs_buf_clear(&s->html);
        return false;
    }
    size_t end = size;
    while (end > leaf->taken && node->content.ptr[end - 1] == '\n') end--;
    djs_follow_add(s, node->content.ptr + leaf->taken, end - leaf->taken);
    djs_render rest = *r;
    rest.out = &s->spare;
    bool shown = !r->notes && djs_leaf_end(leaf, &rest, s->page, s->edits);
    djs_spine_check(&s->page->tail);
    if (!shown) djs_buf_clear(&s->misses); /* they will be noted again */
    djs_buf_put(&s->html, s->page->tail.ptr + head, (shown ? s->page->tail.len : leaf->firm) - head);
    r->mark = s->html.len;
    djs_buf_put(&s->misses, leaf->misses.ptr, shown ? leaf->misses.len : leaf->missed);
    djs_spine_check(&s->misses);
    djs_inlines in = {.text = leaf->text.ptr,
                      .n = leaf->text.len,
                      .from = leaf->context,
                      .before = leaf->taken - leaf->text.len};
    if (r->notes) r->leaf_uses = djs_notes_uses(r->notes, false);
    if (!shown) djs_render_split(r, &in);
    djs_render_close(r, node, false);
    if (r->on_leaf) r->on_leaf(r, node);
    r->position += size;
    leaf->on = false;
    return true;
}
