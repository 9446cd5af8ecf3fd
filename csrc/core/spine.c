/* The open spine of a live cmark parser.
 *
 * The law: what settles is what cmark's whole-document render would put there,
 * but for a list that turns loose later and a label that is defined later, both
 * of which are mended by an edit of their own. The live tree always holds
 * enough for cmark's next decision: the last child of each open block, the
 * chain of last children in that (their blank-line flags decide tight or
 * loose), the open leaf.
 *
 * The traps, each a wrong page once:
 * - cmark leaves headings, rules and table rows open until the next line; they
 *   cannot change any more, so they settle at once.
 * - whether a list is tight is asked of all its items when it closes; they are
 *   gone by then, so one empty item with a blank line stands for a loose past.
 * - finishing a fenced block expects its info line; finishing an indented one
 *   takes trailing blank lines away and adds a newline.
 * - the task list extension can mark an item after its first line.
 *
 * Checked by: tests/test_markdown.py, tests/test_markdown_spec.py, tests/fuzz_markdown.py.
 *
 * SPDX-License-Identifier: MIT */
#include "spine.h"
#include "complete.h"
#include <cmark_ctype.h>
#include <houdini.h>

static char on_page; /* its address marks copies of what the page already has */

static djs_level *levels(const djs_spine *s) { return (djs_level *)(void *)s->levels.ptr; }
static size_t count(const djs_spine *s) { return s->levels.len / sizeof(djs_level); }
static djs_level *top(const djs_spine *s) { return levels(s) + count(s) - 1; }
static bool is_open(const cmark_node *node) { return node->flags & CMARK_NODE__OPEN; }
static bool is_list(const cmark_node *node) { return node->type == CMARK_NODE_LIST; }

static void check(const djs_buf *buf) {
    if (buf->status) djs_memory_fail(buf->status);
}

/* A parser that parses inlines, and throw-away copies, into scratch memory. */
static cmark_parser scratch_parser(const djs_spine *s) {
    cmark_parser parser = *s->live;
    parser.mem = &djs_scratch;
    return parser;
}

djs_render djs_spine_renderer(djs_spine *s, cmark_parser *parser, cmark_map *map) {
    return (djs_render){.out = &s->html,
                        .options = s->options,
                        .parser = parser,
                        .map = map,
                        .mark = s->mark,
                        .nesting = s->nesting,
                        .raw = s->raw};
}

static void push(djs_spine *s, cmark_node *node) {
    djs_buf_put(&s->levels, &(djs_level){.node = node, .depth = s->depth}, sizeof(djs_level));
    check(&s->levels);
}

djs_status djs_spine_start(djs_spine *s) {
    if (setjmp(*djs_memory_enter(s->memory))) return djs_memory_leave();
    s->live = djs_cmark_parser(&djs_live);
    ((djs_refmap *)s->live->refmap)->misses = &s->misses;
    push(s, s->live->root);
    return djs_memory_leave();
}

void djs_spine_free(djs_spine *s) {
    djs_buf_free(&s->levels);
    djs_buf_free(&s->html);
    djs_buf_free(&s->misses);
    djs_buf_free(&s->spare);
    djs_buf_free(&s->leaf.text);
}

void djs_spine_flush(djs_spine *s) {
    s->leaf.on = false;
    djs_page_turn(s->page, s->html.ptr, s->mark, s->html.len, s->edits);
    check(&s->html);
    djs_buf_clear(&s->html);
    s->mark = 0;
}

/* ---- tight and loose ---- */

/* cmark's S_ends_with_blank_line, without its marks. */
static bool ends_blank(const cmark_node *node) {
    while (!(node->flags & CMARK_NODE__LAST_LINE_CHECKED) &&
           (is_list(node) || node->type == CMARK_NODE_ITEM) && node->last_child)
        node = node->last_child;
    return node->flags & CMARK_NODE__LAST_LINE_BLANK;
}

/* An open paragraph that may turn out to be definitions only, and vanish. */
static bool may_vanish(const cmark_node *node) {
    return is_open(node) && node->type == CMARK_NODE_PARAGRAPH && node->content.size &&
           node->content.ptr[0] == '[';
}

/* What cmark's finalize asks of a list, asked of the items that are left. */
static bool has_blank(const cmark_node *list) {
    for (const cmark_node *item = list->first_child; item; item = item->next) {
        if (item->next && item->flags & CMARK_NODE__LAST_LINE_BLANK) return true;
        for (const cmark_node *sub = item->first_child; sub; sub = sub->next)
            if ((item->next || (sub->next && !may_vanish(sub->next))) && ends_blank(sub)) return true;
    }
    return false;
}

static cmark_node *blank_item(cmark_mem *mem) {
    cmark_node *item = cmark_node_new_with_mem(CMARK_NODE_ITEM, mem);
    item->flags = CMARK_NODE__LAST_LINE_BLANK;
    return item;
}

static void put_first(cmark_node *parent, cmark_node *child) {
    child->parent = parent;
    child->next = parent->first_child;
    if (parent->first_child) parent->first_child->prev = child;
    else parent->last_child = child;
    parent->first_child = child;
}

/* Notes that a list has turned loose, before the items that show it are gone. */
static void watch_list(djs_level *level) {
    if (level->loose || !has_blank(level->node)) return;
    level->loose = true;
    cmark_node *item = blank_item(&djs_live);
    put_first(level->node, item);
    if (!level->settled) level->settled = item;
}

static void show_tight(djs_spine *s, djs_level *level, bool tight) {
    djs_spine_flush(s);
    djs_edit *edit = djs_edits_add(s->edits, DJS_LOOSE);
    if (edit) edit->depth = level->depth, edit->nodes = !tight;
    level->tight = tight;
}

static void show_task(djs_spine *s, djs_level *level) {
    djs_spine_flush(s);
    djs_edit *edit = djs_edits_add(s->edits, DJS_HEAD);
    level->task = true;
    level->checked = level->node->as.list.checked;
    if (!edit) return;
    edit->depth = level->depth;
    djs_buf_put(&s->edits->html, level->checked ? DJS_CHECKED : DJS_UNCHECKED,
                level->checked ? sizeof DJS_CHECKED - 1 : sizeof DJS_UNCHECKED - 1);
    if (levels(s)[level - levels(s) - 1].tight) djs_buf_byte(&s->edits->html, ' ');
    edit->n = s->edits->html.len - edit->html;
}

/* Mends what the page shows of containers that are on it. */
static void watch_levels(djs_spine *s) {
    for (size_t i = 1; i < count(s); i++) {
        djs_level *level = levels(s) + i;
        if (i > DJS_MAX_NESTING) return; /* has no tags */
        if (is_list(level->node)) {
            bool open = is_open(level->node);
            if (open) watch_list(level);
            bool tight = open ? level->tight && !level->loose : level->node->as.list.tight;
            if (tight != level->tight) show_tight(s, level, tight);
            level->node->as.list.tight = tight;
        } else if (level->node->type == CMARK_NODE_ITEM && level->node->extension &&
                   (!level->task || level->checked != level->node->as.list.checked)) {
            show_task(s, level);
        }
    }
}

/* ---- settling ---- */

/* Nothing can change this block any more, though cmark may not have closed it. */
static bool is_final(const cmark_node *node) {
    return !is_open(node) || node->type == CMARK_NODE_HEADING || node->type == CMARK_NODE_THEMATIC_BREAK ||
           node->type == CMARK_NODE_TABLE_ROW;
}

static bool is_leaf(const cmark_node *node) {
    return node->type == CMARK_NODE_PARAGRAPH || node->type == CMARK_NODE_CODE_BLOCK ||
           node->type == CMARK_NODE_HTML_BLOCK;
}

/* Frees what a settled block held, but for the chain of its last children. */
static void prune(cmark_node *node) {
    for (; node; node = node->last_child) {
        cmark_strbuf_free(&node->content);
        if (node->type == CMARK_NODE_CODE_BLOCK && !is_open(node))
            cmark_chunk_free(&djs_live, &node->as.code.literal);
        if (node->type == CMARK_NODE_HTML_BLOCK && !is_open(node))
            cmark_chunk_free(&djs_live, &node->as.literal);
        while (node->first_child != node->last_child) cmark_node_free(node->first_child);
    }
}

/* child is on the page: the sibling before it is not needed any more. */
static void take(djs_level *level, cmark_node *child) {
    cmark_node *before = level->settled;
    level->settled = child;
    level->children++;
    prune(child);
    if (before && !(level->loose && before == level->node->first_child)) cmark_node_free(before);
}

static void settle_block(djs_spine *s, djs_level *level, cmark_node *node) {
    cmark_parser parser = scratch_parser(s);
    djs_render r = djs_spine_renderer(s, &parser, s->live->refmap);
    r.on_leaf = s->on_leaf;
    r.context = s->context;
    node->user_data = (void *)(uintptr_t)level->children;
    if (node->type == CMARK_NODE_TABLE_ROW) {
        bool body = level->body;
        djs_render_row(&r, node, &level->body);
        s->depth += level->body != body;
    } else {
        djs_render_block(&r, node);
    }
    s->mark = r.mark;
    take(level, node);
}

static void open_level(djs_spine *s, cmark_node *node) {
    cmark_parser parser = scratch_parser(s);
    node->user_data = (void *)(uintptr_t)top(s)->children;
    push(s, node);
    djs_level *level = top(s);
    if (is_list(node)) {
        watch_list(level);
        node->as.list.tight = level->tight = !level->loose;
    }
    level->task = node->type == CMARK_NODE_ITEM && node->extension;
    level->checked = level->task && node->as.list.checked;
    djs_render r = djs_spine_renderer(s, &parser, s->live->refmap);
    size_t before = s->html.len;
    djs_render_open(&r, node);
    s->depth += s->html.len > before;
    level->depth = s->depth;
    s->mark = r.mark;
    s->nesting = r.nesting;
}

static void close_level(djs_spine *s) {
    cmark_parser parser = scratch_parser(s);
    djs_render r = djs_spine_renderer(s, &parser, s->live->refmap);
    djs_level closed = *top(s);
    size_t before = s->html.len;
    djs_render_close(&r, closed.node, closed.body);
    s->depth -= (s->html.len > before) + closed.body;
    s->nesting = r.nesting;
    djs_buf_cut(&s->levels, s->levels.len - sizeof closed);
    take(top(s), closed.node);
}

/* The start tag of an open code block: as cmark will render it when it knows all. */
static void open_code(djs_render *r, const cmark_node *node, size_t info) {
    cmark_node *copy = cmark_node_new_with_mem(CMARK_NODE_CODE_BLOCK, &djs_scratch);
    copy->as.code = node->as.code;
    copy->flags = CMARK_NODE__OPEN;
    if (node->as.code.fenced) {
        cmark_strbuf_put(&copy->content, node->content.ptr, (bufsize_t)info);
        djs_cmark_close(r->parser, copy);
    }
    djs_render_open(r, copy);
}

/* How much of an open block's content no later line can take back. */
static size_t firm(const cmark_node *node) {
    size_t n = (size_t)node->content.size, last = n;
    if (node->type != CMARK_NODE_CODE_BLOCK || node->as.code.fenced) return n;
    while (last && cmark_isspace(node->content.ptr[last - 1])) last--; /* trailing blank lines go */
    while (last && last < n && node->content.ptr[last - 1] != '\n') last++;
    return last;
}

/* Code and HTML blocks: their lines settle one by one. */
static void settle_lines(djs_spine *s, cmark_node *node) {
    cmark_parser parser = scratch_parser(s);
    djs_render r = djs_spine_renderer(s, &parser, s->live->refmap);
    cmark_strbuf *content = &node->content;
    size_t info = 0;
    if (node->type == CMARK_NODE_CODE_BLOCK && node->as.code.fenced) {
        while (content->ptr[info] != '\n' && content->ptr[info] != '\r') info++;
        info += content->ptr[info] == '\r' && content->ptr[info + 1] == '\n' ? 2 : 1;
    }
    if (s->growing != node) {
        s->growing = node;
        if (node->type == CMARK_NODE_CODE_BLOCK) open_code(&r, node, info);
        else djs_render_open(&r, node);
        s->depth += node->type == CMARK_NODE_CODE_BLOCK ? 2 : 1;
    }
    size_t end = firm(node);
    djs_render_text(&r, content->ptr + info, end - info);
    s->mark = r.mark;
    if (info) cmark_strbuf_truncate(content, (bufsize_t)info);
    else cmark_strbuf_drop(content, (bufsize_t)end);
}

static void close_growing(djs_spine *s) {
    cmark_parser parser = scratch_parser(s);
    djs_render r = djs_spine_renderer(s, &parser, s->live->refmap);
    cmark_node *node = s->growing;
    bool indented = node->type == CMARK_NODE_CODE_BLOCK && !node->as.code.fenced;
    if (!indented) djs_render_literal(&r, node); /* of indented code only blank lines are left */
    s->mark = r.mark;
    djs_render_close(&r, node, false);
    s->depth -= node->type == CMARK_NODE_CODE_BLOCK ? 2 : 1;
    s->growing = NULL;
    take(top(s), node);
}

static void settle(djs_spine *s) {
    watch_levels(s);
    for (;;) {
        djs_level *level = top(s);
        cmark_node *child = level->settled ? level->settled->next : level->node->first_child;
        if (!child) {
            if (is_open(level->node) || count(s) == 1) break;
            close_level(s);
        } else if (child == s->growing && !is_open(child)) {
            close_growing(s);
        } else if (is_final(child)) {
            settle_block(s, level, child);
        } else if (!is_leaf(child)) {
            open_level(s, child);
        } else {
            if (child->type != CMARK_NODE_PARAGRAPH) settle_lines(s, child);
            break;
        }
    }
    check(&s->html);
}

/* More than DJS_MAX_NESTING ">" in a row would make a tree too deep for any
 * page: from there on they are text. */
void djs_spine_feed(cmark_parser *parser, const uint8_t *line, size_t n) {
    size_t quotes = 0, i = 0;
    for (; i < n && (line[i] == '>' || line[i] == ' ' || line[i] == '\t'); i++)
        if (line[i] == '>' && ++quotes > DJS_MAX_NESTING) break;
    if (quotes <= DJS_MAX_NESTING) {
        djs_cmark_line(parser, line, n);
        return;
    }
    uint8_t *tamed = djs_scratch.calloc(1, n + 1);
    memcpy(tamed, line, i);
    tamed[i] = '\\';
    memcpy(tamed + i + 1, line + i, n - i);
    djs_cmark_line(parser, tamed, n + 1);
}

void djs_spine_line(djs_spine *s, const uint8_t *line, size_t n) {
    djs_spine_feed(s->live, line, n);
    settle(s);
    djs_scratch_reset(s->memory);
}

void djs_spine_end(djs_spine *s) {
    djs_cmark_close_all(s->live);
    settle(s);
    djs_spine_flush(s);
}

/* ---- the tail ---- */

static void adopt(cmark_node *parent, cmark_node *child) {
    child->parent = parent;
    child->prev = parent->last_child;
    if (parent->last_child) parent->last_child->next = child;
    else parent->first_child = child;
    parent->last_child = child;
}

static cmark_node *copy_node(const cmark_node *node, bool shown) {
    cmark_node *copy = djs_scratch.calloc(1, sizeof *copy);
    *copy = *node;
    cmark_strbuf_init(&djs_scratch, &copy->content, 0);
    copy->next = copy->prev = copy->parent = copy->first_child = copy->last_child = NULL;
    copy->user_data = shown ? &on_page : NULL;
    copy->user_data_free_func = NULL;
    djs_cmark_clone_table(&djs_scratch, copy, node);
    if (node->type == CMARK_NODE_CODE_BLOCK) copy->as.code.literal = (cmark_chunk){0};
    if (node->type == CMARK_NODE_HTML_BLOCK) copy->as.html_block_type = node->as.html_block_type;
    return copy;
}

/* A closed last child, of which only the blank-line flag matters. */
static cmark_node *copy_closed(const cmark_node *node) {
    cmark_node *copy = cmark_node_new_with_mem(CMARK_NODE_CUSTOM_BLOCK, &djs_scratch);
    copy->flags = CMARK_NODE__LAST_LINE_CHECKED | (ends_blank(node) ? CMARK_NODE__LAST_LINE_BLANK : 0);
    copy->user_data = &on_page;
    return copy;
}

static void copy_content(const djs_spine *s, cmark_node *copy, const cmark_node *node) {
    if (s->leaf.on && node == s->leaf.node)
        cmark_strbuf_putc(&copy->content, 'x'); /* for all that is known of it */
    else if (node->type == CMARK_NODE_PARAGRAPH ||
             (node->type == CMARK_NODE_CODE_BLOCK && !node->as.code.fenced))
        cmark_strbuf_put(&copy->content, node->content.ptr, node->content.size);
    else if (node->type == CMARK_NODE_CODE_BLOCK)
        cmark_strbuf_putc(&copy->content, '\n'); /* the info line that finishing expects */
}

/* The copy of the spine; copies[i] is that of level i. */
static cmark_parser copy_spine(const djs_spine *s, djs_refmap *map, cmark_node **copies) {
    cmark_parser parser = scratch_parser(s);
    cmark_node *node = s->live->root, *copy = copy_node(node, true);
    parser.root = parser.current = copies[0] = copy;
    parser.refmap = &map->base;
    cmark_strbuf_init(&djs_scratch, &parser.curline, 0);
    for (size_t i = 1; node->last_child; i++) {
        cmark_node *child = node->last_child;
        if (i <= count(s) && is_list(node) && levels(s)[i - 1].loose) {
            cmark_node *item = blank_item(&djs_scratch);
            item->user_data = &on_page;
            adopt(copy, item);
        }
        if (!is_open(child)) {
            adopt(copy, copy_closed(child));
            break;
        }
        bool level = i < count(s);
        cmark_node *below = copy_node(child, level || child == s->growing || is_final(child) ||
                                                 copy->type == CMARK_NODE_TABLE_ROW);
        adopt(copy, below);
        copy_content(s, below, child);
        if (level) copies[i] = below;
        if (s->live->current == child) parser.current = below;
        node = child;
        copy = below;
    }
    return parser;
}

/* The leaf that grows when the line goes on; without a line, only a paragraph can. */
static cmark_node *tail_leaf(const cmark_parser *parser, cmark_node *before, bool partial) {
    cmark_node *node = partial ? parser->current : before;
    if (partial && djs_line_ends_html(parser, before)) return before;
    if (node->type == CMARK_NODE_PARAGRAPH) return node;
    if (!partial) return NULL;
    if (node->type != CMARK_NODE_TABLE_ROW)
        return is_leaf(node) || node->type == CMARK_NODE_HEADING ? node : NULL;
    for (node = node->last_child; node && node->start_column == 0; node = node->prev) {}
    return node;
}

static bool is_blank(const uint8_t *line, size_t n) {
    while (n && cmark_isspace(line[n - 1])) n--;
    return !n;
}

/* Renders what the copies hold beyond the page. */
static djs_render render_tail(djs_spine *s, cmark_parser *parser, cmark_node **copies, cmark_node *tail,
                              const cmark_node *growing) {
    djs_render r = djs_spine_renderer(s, parser, parser->refmap);
    r.tail = tail;
    if (growing) {
        bool indented = growing->type == CMARK_NODE_CODE_BLOCK && !growing->as.code.fenced;
        if (!indented || tail == growing) djs_render_literal(&r, growing);
        djs_render_close(&r, growing, false);
    }
    for (size_t i = count(s); i-- > 0;) {
        bool body = levels(s)[i].body;
        for (cmark_node *child = copies[i]->first_child; child; child = child->next) {
            if (child->user_data == &on_page) continue;
            if (child->type == CMARK_NODE_TABLE_ROW) djs_render_row(&r, child, &body);
            else djs_render_block(&r, child);
        }
        if (i) djs_render_close(&r, copies[i], body);
    }
    return r;
}

/* ---- the paragraph that grows ---- */

static void show_leaf(djs_spine *s) {
    /* Over the live definitions, because that map notes what it does not find. */
    djs_refmap map = {.base = {.mem = &djs_scratch}, .below = (djs_refmap *)s->live->refmap};
    cmark_parser parser = scratch_parser(s);
    djs_render r = djs_spine_renderer(s, &parser, &map.base);
    r.out = &s->spare;
    djs_leaf_show(&s->leaf, &r, s->page, s->edits);
    check(&s->spare);
}

static void add_to_leaf(djs_spine *s, const uint8_t *text, size_t n) {
    djs_status status = djs_leaf_add(&s->leaf, text, n);
    if (status) djs_memory_fail(status);
}

/* After whole lines: is the open paragraph still the one we know, and nothing
 * else new? Then what its last lines brought is added. */
static bool keep_leaf(djs_spine *s) {
    djs_leaf *leaf = &s->leaf;
    djs_level *level = top(s);
    cmark_node *child = level->settled ? level->settled->next : level->node->first_child;
    leaf->line = 0;
    if (!leaf->on || !child || !is_open(child) || child->type != CMARK_NODE_PARAGRAPH ||
        child != s->live->current)
        return false;
    if (leaf->node ? child != leaf->node || s->html.len : s->html.len != leaf->start) return false;
    size_t size = (size_t)child->content.size, known = leaf->text.len;
    if (size && child->content.ptr[size - 1] == '\n')
        size--; /* not before the next line shows that there is one */
    if (leaf->taken > size || memcmp(child->content.ptr + leaf->taken - known, leaf->text.ptr, known))
        return false;
    if (leaf->start) {
        if (memcmp(s->page->tail.ptr, s->html.ptr, leaf->start)) return false;
        djs_page_settle(s->page, leaf->start);
        leaf->firm -= leaf->start;
        leaf->start = 0;
        djs_buf_clear(&s->html);
        s->mark = 0;
    }
    leaf->node = child;
    add_to_leaf(s, child->content.ptr + leaf->taken, size - leaf->taken);
    return true;
}

/* The page was just turned, and its tail ends in this paragraph. */
static void begin_leaf(djs_spine *s, const djs_render *r, const cmark_node *paragraph, const cmark_node *node,
                       size_t settled, size_t line) {
    djs_leaf *leaf = &s->leaf;
    const djs_inlines *in = &r->tail_inlines;
    djs_buf text = leaf->text;
    size_t size = (size_t)paragraph->content.size, context = 0;
    if (size && paragraph->content.ptr[size - 1] == '\n') size--;
    if (in->firm) { /* one character before what is not firm */
        do context++;
        while (context < in->firm && (paragraph->content.ptr[in->firm - context] & 0xC0) == 0x80);
    }
    djs_buf_clear(&text);
    *leaf = (djs_leaf){.on = true, .node = node, .text = text, .context = context, .line = line};
    leaf->start = r->tail_start - settled;
    leaf->firm = r->tail_firm - settled;
    leaf->depth = s->page->depth + djs_page_depth(s->page, 0, leaf->firm);
    leaf->taken = in->firm - context;
    add_to_leaf(s, paragraph->content.ptr + leaf->taken, size - leaf->taken);
    leaf->parsed = leaf->text.len;
}

/* The live node that was copied, if it was the open leaf. */
static cmark_node *open_paragraph(const djs_spine *s) {
    cmark_node *node = s->live->current;
    return node->type == CMARK_NODE_PARAGRAPH && is_open(node) ? node : NULL;
}

/* ---- code and raw HTML, line by line ---- */

/* More of a line that is known to be the growing block's: shown as it is. */
static void show_more_raw(djs_spine *s, const uint8_t *line, size_t n) {
    djs_edit *edit = djs_edits_add(s->edits, DJS_GROW);
    djs_render r = {.out = &s->edits->html};
    size_t before = s->edits->html.len;
    djs_render_text(&r, line + s->raw_line, n - s->raw_line);
    if (!edit) return;
    edit->depth = s->page->depth;
    edit->n = s->edits->html.len - before;
    djs_buf_put(&s->page->tail, s->edits->html.ptr + before, edit->n);
    check(&s->page->tail);
    s->raw_line = n;
}

/* The beginning of a line in a fence that stands in no container: code, unless it may close the fence. */
static bool show_fence(djs_spine *s, const uint8_t *line, size_t n) {
    const cmark_node *node = s->growing;
    size_t indent = 0;
    if (!node || count(s) > 1 || node->type != CMARK_NODE_CODE_BLOCK || !node->as.code.fenced ||
        node->as.code.fence_offset)
        return false;
    while (indent < n && line[indent] == ' ') indent++;
    if (is_blank(line, n) || (indent < 4 && line[indent] == node->as.code.fence_char)) return false;
    size_t settled = s->html.len;
    djs_render r = {.out = &s->html, .mark = s->mark};
    djs_render_text(&r, line, n);
    check(&s->html);
    djs_page_turn(s->page, s->html.ptr, r.mark, settled, s->edits);
    djs_buf_clear(&s->html);
    s->mark = 0;
    s->raw_line = n;
    return true;
}

/* ---- frames ---- */

/* A copy of the spine gets the unfinished line, and is shown in place of the
 * tail. known: the open paragraph is s->leaf, and up to date but for the line. */
static void show_copy(djs_spine *s, const uint8_t *line, size_t n, bool known) {
    djs_refmap map = {.base = {.mem = &djs_scratch}, .below = (djs_refmap *)s->live->refmap};
    djs_leaf *leaf = &s->leaf;
    cmark_node **copies = djs_scratch.calloc(count(s), sizeof *copies);
    cmark_parser parser = copy_spine(s, &map, copies);
    cmark_node *before = parser.current;
    bool partial = !is_blank(line, n);
    if (partial) {
        djs_spine_feed(&parser, line, n);
        if (!s->raw && !djs_line_told(&parser, before, line, n)) partial = false;
    }
    if (known && (!partial || parser.current == before)) {
        if (partial) {
            add_to_leaf(s, (const uint8_t *)"\n", 1);
            add_to_leaf(s, before->content.ptr + 1,
                        (size_t)before->content.size - 2); /* the x, and a newline of cmark's */
            leaf->line = n;
        }
        show_leaf(s);
        return;
    }
    leaf->on = false;
    if (known || !partial) { /* the copy has an x for the paragraph, or a line that is not told */
        map = (djs_refmap){.base = {.mem = &djs_scratch}, .below = (djs_refmap *)s->live->refmap};
        parser = copy_spine(s, &map, copies);
        before = parser.current;
        if (partial) djs_spine_feed(&parser, line, n);
    }
    cmark_node *tail = tail_leaf(&parser, before, partial);
    const cmark_node *growing = NULL;
    if (s->growing) growing = copies[count(s) - 1]->last_child;
    while (growing && growing->user_data != &on_page) growing = growing->prev;
    bool text = tail && tail->type == CMARK_NODE_PARAGRAPH && !s->raw &&
                !djs_cmark_may_define(&djs_scratch, tail->content.ptr, (size_t)tail->content.size);
    djs_cmark_close_all(&parser);
    for (size_t i = 1; i < count(s) && i <= DJS_MAX_NESTING; i++)
        if (is_list(copies[i]) && copies[i]->as.list.tight != levels(s)[i].tight) {
            show_tight(s, levels(s) + i, copies[i]->as.list.tight);
            levels(s)[i].node->as.list.tight = levels(s)[i].tight;
        }
    size_t settled = s->html.len;
    djs_render r = render_tail(s, &parser, copies, tail, growing);
    check(&s->html);
    djs_page_turn(s->page, s->html.ptr, r.mark, settled, s->edits);
    if (tail && tail == growing && partial && !s->raw) s->raw_line = n;
    if (text && r.tail_inlines.text && r.mark > r.tail_inside)
        begin_leaf(s, &r, tail, tail == before ? open_paragraph(s) : NULL, settled, partial ? n : 0);
    djs_buf_clear(&s->html);
    s->mark = 0;
}

void djs_spine_show(djs_spine *s, const uint8_t *line, size_t n, bool lines) {
    djs_leaf *leaf = &s->leaf;
    if (lines) s->raw_line = 0;
    if (s->raw_line) {
        show_more_raw(s, line, n);
        return;
    }
    if (show_fence(s, line, n)) return;
    if (leaf->on && lines) leaf->on = keep_leaf(s);
    if (leaf->on && leaf->line) { /* more of a line that is known to be text */
        add_to_leaf(s, line + leaf->line, n - leaf->line);
        leaf->line = n;
        if (!djs_leaf_extend(leaf, s->page, s->edits)) show_leaf(s);
        return;
    }
    show_copy(s, line, n, leaf->on);
}

const cmark_node *djs_spine_try(cmark_parser *parser, const uint8_t *line, size_t n, bool raw) {
    djs_level root = {.node = parser->root};
    djs_spine s = {.live = parser,
                   .levels = {.ptr = (uint8_t *)&root, .len = sizeof root, .cap = sizeof root}};
    djs_refmap map = {.base = {.mem = &djs_scratch}, .below = (djs_refmap *)parser->refmap};
    cmark_node *copies[1], *before = parser->current;
    if (is_blank(line, n)) return tail_leaf(parser, before, false);
    if (!raw) {
        cmark_parser copy = copy_spine(&s, &map, copies);
        cmark_node *current = copy.current;
        djs_spine_feed(&copy, line, n);
        if (!djs_line_told(&copy, current, line, n)) return tail_leaf(parser, before, false);
    }
    djs_spine_feed(parser, line, n);
    return tail_leaf(parser, before, true);
}

/* ---- paths ---- */

size_t djs_spine_path(const djs_spine *s, const cmark_node *leaf, djs_buf *path) {
    size_t start = path->len, steps = 0;
    (void)s;
    for (const cmark_node *node = leaf; node->parent; node = node->parent) {
        uint32_t index = (uint32_t)(uintptr_t)node->user_data, part = 0;
        bool row = node->type == CMARK_NODE_TABLE_ROW;
        if (row && !cmark_gfm_extensions_get_table_row_is_header((cmark_node *)node)) part = 1, index--;
        djs_buf_put(path, &index, sizeof index);
        if (row) djs_buf_put(path, &part, sizeof part);
        steps += 1 + row;
    }
    if (path->status) return 0;
    uint32_t *low = (uint32_t *)(void *)(path->ptr + start), *high = low + steps;
    while (low < --high) {
        uint32_t swap = *low;
        *low++ = *high;
        *high = swap;
    }
    return steps;
}
