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
#include "alert.h"
#include "follow.h"
#include <cmark_ctype.h>

djs_render djs_spine_renderer(djs_spine *s, cmark_parser *parser, cmark_map *map) {
    return (djs_render){.out = &s->html,
                        .options = s->options,
                        .parser = parser,
                        .map = map,
                        .slugs = s->slugs,
                        .mark = s->mark,
                        .position = s->position,
                        .nesting = s->nesting,
                        .notes = s->notes,
                        .raw = s->raw};
}

static void push(djs_spine *s, cmark_node *node) {
    djs_buf_put(&s->levels, &(djs_level){.node = node, .depth = s->depth}, sizeof(djs_level));
    djs_spine_check(&s->levels);
}

djs_status djs_spine_start(djs_spine *s) {
    if (setjmp(*djs_memory_enter(s->memory))) return djs_memory_leave();
    s->live = djs_cmark_parser(&djs_live);
    s->live->options |= djs_render_syntax(s->options);
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
    djs_buf_free(&s->leaf.misses);
}

void djs_spine_flush(djs_spine *s) {
    s->leaf.on = false;
    if (s->notes && !s->html.len && djs_notes_last(s->page)) return; /* nothing comes before the footnotes */
    djs_page_turn(s->page, s->html.ptr, s->mark, s->html.len, s->edits);
    djs_spine_check(&s->html);
    djs_buf_clear(&s->html);
    s->mark = 0;
}

/* ---- tight and loose ---- */

/* cmark's S_ends_with_blank_line, without its marks. */
bool djs_ends_blank(const cmark_node *node) {
    while (!(node->flags & CMARK_NODE__LAST_LINE_CHECKED) &&
           (djs_is_list(node) || node->type == CMARK_NODE_ITEM) && node->last_child)
        node = node->last_child;
    return node->flags & CMARK_NODE__LAST_LINE_BLANK;
}

/* An open paragraph that may turn out to be definitions only, and vanish. */
static bool may_vanish(const cmark_node *node) {
    return djs_is_open(node) && node->type == CMARK_NODE_PARAGRAPH && node->content.size &&
           node->content.ptr[0] == '[';
}

/* What cmark's finalize asks of a list, asked of the items that are left. */
static bool has_blank(const cmark_node *list) {
    for (const cmark_node *item = list->first_child; item; item = item->next) {
        if (item->next && item->flags & CMARK_NODE__LAST_LINE_BLANK) return true;
        for (const cmark_node *sub = item->first_child; sub; sub = sub->next)
            if ((item->next || (sub->next && !may_vanish(sub->next))) && djs_ends_blank(sub)) return true;
    }
    return false;
}

cmark_node *djs_blank_item(cmark_mem *mem) {
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
    cmark_node *item = djs_blank_item(&djs_live);
    put_first(level->node, item);
    if (!level->settled) level->settled = item;
}

void djs_spine_show_tight(djs_spine *s, djs_level *level, bool tight) {
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
    if (djs_levels(s)[level - djs_levels(s) - 1].tight) djs_buf_byte(&s->edits->html, ' ');
    edit->n = s->edits->html.len - edit->html;
}

/* Mends what the page shows of containers that are on it. */
static void watch_levels(djs_spine *s) {
    for (size_t i = 1; i < djs_level_count(s); i++) {
        djs_level *level = djs_levels(s) + i;
        if (i > DJS_MAX_NESTING) return; /* has no tags */
        if (djs_is_list(level->node)) {
            bool open = djs_is_open(level->node);
            if (open) watch_list(level);
            bool tight = open ? level->tight && !level->loose : level->node->as.list.tight;
            if (tight != level->tight) djs_spine_show_tight(s, level, tight);
            level->node->as.list.tight = tight;
        } else if (level->node->type == CMARK_NODE_ITEM && level->node->extension &&
                   (!level->task || level->checked != level->node->as.list.checked)) {
            show_task(s, level);
        }
    }
}

/* ---- settling ---- */

/* Nothing can change this block any more, though cmark may not have closed it. */
bool djs_is_final(const cmark_node *node) {
    return !djs_is_open(node) || node->type == CMARK_NODE_HEADING ||
           node->type == CMARK_NODE_THEMATIC_BREAK || node->type == CMARK_NODE_TABLE_ROW;
}

bool djs_is_leaf(const cmark_node *node) {
    return node->type == CMARK_NODE_PARAGRAPH || node->type == CMARK_NODE_CODE_BLOCK ||
           node->type == CMARK_NODE_HTML_BLOCK;
}

/* Frees what a settled block held, but for the chain of its last children. */
static void prune(cmark_node *node) {
    for (; node; node = node->last_child) {
        cmark_strbuf_free(&node->content);
        if (node->type == CMARK_NODE_CODE_BLOCK && !djs_is_open(node))
            cmark_chunk_free(&djs_live, &node->as.code.literal);
        if (node->type == CMARK_NODE_HTML_BLOCK && !djs_is_open(node))
            cmark_chunk_free(&djs_live, &node->as.literal);
        while (node->first_child != node->last_child) cmark_node_free(node->first_child);
    }
}

/* Is it shown in a <p>, in a tight list, too? */
static bool is_raw(const cmark_node *block) {
    return block->type == CMARK_NODE_HTML_BLOCK || djs_cmark_is_math(block) || djs_after_note(block);
}

/* Notes such a block in an item, of which the page shows at least the beginning. */
static void note_raw(djs_spine *s, const djs_level *level, const cmark_node *child) {
    if (level->node->type == CMARK_NODE_ITEM && is_raw(child))
        djs_levels(s)[level - djs_levels(s) - 1].raw = true;
}

/* child is on the page: the sibling before it is not needed any more. */
static void take(djs_spine *s, djs_level *level, cmark_node *child) {
    cmark_node *before = level->settled;
    note_raw(s, level, child);
    if (djs_is_list(level->node))
        for (const cmark_node *block = child->first_child; block; block = block->next)
            level->raw |= is_raw(block);
    level->settled = child;
    level->children++;
    prune(child);
    if (before && !(level->loose && before == level->node->first_child)) cmark_node_free(before);
}

/* Something settles here: what the tail used of the footnotes is not used yet. And footnotes that something
 * follows are not last any more. */
static void settle_notes(djs_spine *s, const cmark_node *node) {
    djs_notes *notes = s->notes;
    if (djs_notes_forget(notes)) s->leaf.on = false;
    if (djs_level_count(s) > 1) return;
    if (!djs_is_note(node)) notes->runs += notes->after;
    notes->after = djs_is_note(node);
}

static void settle_block(djs_spine *s, djs_level *level, cmark_node *node) {
    if (s->notes) settle_notes(s, node);
    cmark_parser parser = djs_spine_scratch(s);
    djs_render r = djs_spine_renderer(s, &parser, s->live->refmap);
    r.on_leaf = s->on_leaf;
    r.context = s->context;
    node->user_data = (void *)(uintptr_t)level->children;
    if (node->type == CMARK_NODE_TABLE_ROW) {
        bool body = level->body;
        djs_render_row(&r, node, &level->body);
        s->depth += level->body != body;
    } else if (!djs_follow_settle(s, &r, node)) {
        djs_render_block(&r, node);
    }
    s->mark = r.mark;
    s->position = r.position;
    take(s, level, node);
    level->children -= djs_is_note(node); /* has no element here */
}

static void open_level(djs_spine *s, cmark_node *node) {
    if (s->notes) settle_notes(s, node);
    cmark_parser parser = djs_spine_scratch(s);
    node->user_data = (void *)(uintptr_t)djs_level_top(s)->children;
    push(s, node);
    djs_level *level = djs_level_top(s);
    if (djs_is_list(node)) {
        watch_list(level);
        node->as.list.tight = level->tight = !level->loose;
    }
    if (node->type == CMARK_NODE_BLOCK_QUOTE && djs_alert_of(node)) level->children = 1; /* its title */
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
    cmark_parser parser = djs_spine_scratch(s);
    djs_render r = djs_spine_renderer(s, &parser, s->live->refmap);
    djs_level closed = *djs_level_top(s);
    size_t before = s->html.len;
    djs_render_close(&r, closed.node, closed.body);
    s->depth -= (s->html.len > before) + closed.body;
    s->nesting = r.nesting;
    djs_buf_cut(&s->levels, s->levels.len - sizeof closed);
    take(s, djs_level_top(s), closed.node);
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
    cmark_parser parser = djs_spine_scratch(s);
    djs_render r = djs_spine_renderer(s, &parser, s->live->refmap);
    cmark_strbuf *content = &node->content;
    size_t info = 0;
    if (node->type == CMARK_NODE_CODE_BLOCK && node->as.code.fenced) {
        while (content->ptr[info] != '\n' && content->ptr[info] != '\r') info++;
        info += content->ptr[info] == '\r' && content->ptr[info + 1] == '\n' ? 2 : 1;
    }
    if (s->growing != node) {
        if (s->notes) settle_notes(s, node);
        s->growing = node;
        note_raw(s, djs_level_top(s), node);
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
    cmark_parser parser = djs_spine_scratch(s);
    djs_render r = djs_spine_renderer(s, &parser, s->live->refmap);
    cmark_node *node = s->growing;
    bool indented = node->type == CMARK_NODE_CODE_BLOCK && !node->as.code.fenced;
    if (!indented) djs_render_literal(&r, node); /* of indented code only blank lines are left */
    s->mark = r.mark;
    djs_render_close(&r, node, false);
    s->depth -= node->type == CMARK_NODE_CODE_BLOCK ? 2 : 1;
    s->growing = NULL;
    take(s, djs_level_top(s), node);
}

void djs_spine_settle(djs_spine *s) {
    watch_levels(s);
    for (;;) {
        djs_level *level = djs_level_top(s);
        cmark_node *child = level->settled ? level->settled->next : level->node->first_child;
        if (!child) {
            if (djs_is_open(level->node) || djs_level_count(s) == 1) break;
            close_level(s);
        } else if (child == s->growing && !djs_is_open(child)) {
            close_growing(s);
        } else if (child == s->heading) {
            break;
        } else if (djs_is_final(child)) {
            settle_block(s, level, child);
        } else if (djs_is_note(child)) {
            break; /* settles as a whole: its text goes elsewhere */
        } else if (!djs_is_leaf(child)) {
            if (child == djs_alert_undecided(s->live)) break;
            open_level(s, child);
        } else {
            if (child->type != CMARK_NODE_PARAGRAPH) settle_lines(s, child);
            break;
        }
    }
    djs_spine_check(&s->html);
}

/* More than DJS_MAX_NESTING ">" in a row would make a tree too deep for any
 * page: from there on they are text. */
void djs_spine_feed(cmark_parser *parser, const uint8_t *line, size_t n) {
    size_t quotes = 0, i = 0;
    for (; i < n && (line[i] == '>' || line[i] == ' ' || line[i] == '\t'); i++)
        if (line[i] == '>' && ++quotes > DJS_MAX_NESTING) break;
    if (quotes <= DJS_MAX_NESTING) {
        djs_cmark_line(parser, line, n);
        djs_cmark_cap_padding((djs_refmap *)parser->refmap, parser->current);
    } else {
        djs_cmark_capped((djs_refmap *)parser->refmap);
        uint8_t *tamed = djs_scratch.calloc(1, n + 1);
        memcpy(tamed, line, i);
        tamed[i] = '\\';
        memcpy(tamed + i + 1, line + i, n - i);
        djs_cmark_line(parser, tamed, n + 1);
    }
    if (parser->options & DJS_OPT_ALERTS) djs_alert_line(parser);
}

void djs_spine_line(djs_spine *s, const uint8_t *line, size_t n) {
    djs_spine_feed(s->live, line, n);
    if (s->notes) djs_notes_watch(s->notes, s->live, n);
    djs_spine_settle(s);
    djs_follow_line(s);
    s->raw_line = 0;
    s->raw_new = false;
    djs_scratch_reset(s->memory);
}

void djs_spine_end(djs_spine *s) {
    djs_cmark_close_all(s->live);
    djs_spine_settle(s);
}

/* ---- paths ---- */

size_t djs_spine_path(const cmark_node *leaf, djs_buf *path) {
    size_t start = path->len, steps = 0;
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
