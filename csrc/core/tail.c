/* The tail.
 *
 * The law: a frame shows what the partial one-shot render of the text so far
 * shows, and touches nothing that has settled; but for a definition that is
 * still speculative, which reaches only the tail. The live tree stays as it is,
 * but for a paragraph that the unfinished line has ended for certain: it is
 * closed, and settles at once.
 *
 * The traps: finishing a fenced block expects its info line, so the copy of one
 * has an empty one; a list that was loose keeps that by an item of its own; a
 * paragraph whose content is known elsewhere (leaf.h) is copied as one "x",
 * which decides every line as the content would, since a heading's underline
 * and a table's delimiter row are held back until they end.
 *
 * Checked by: tests/test_markdown.py, tests/fuzz_markdown.py.
 *
 * SPDX-License-Identifier: MIT */
#include "tail.h"
#include "alert.h"
#include "begun.h"
#include "complete.h"
#include "follow.h"
#include "plain.h"
#include "row.h"
#include <cmark_ctype.h>
#include <inlines.h>

static char on_page; /* its address marks copies of what the page already has */

/* ---- the copy ---- */

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
    if (djs_after_note(node)) copy->footnote.def_count = true;
    return copy;
}

/* A closed last child, of which only the blank-line flag matters, and whether it is a footnote. */
static cmark_node *copy_closed(const cmark_node *node) {
    cmark_node *copy = cmark_node_new_with_mem(CMARK_NODE_CUSTOM_BLOCK, &djs_scratch);
    if (djs_is_note(node)) copy->type = CMARK_NODE_FOOTNOTE_DEFINITION;
    copy->flags = CMARK_NODE__LAST_LINE_CHECKED | (djs_ends_blank(node) ? CMARK_NODE__LAST_LINE_BLANK : 0);
    copy->user_data = &on_page;
    return copy;
}

/* The marker of a quote that may become an alert, closed by an empty line. */
static cmark_node *copy_marker(const cmark_node *node) {
    cmark_node *copy = copy_node(node, false);
    cmark_strbuf_put(&copy->content, node->content.ptr, node->content.size);
    return copy;
}

/* "[label]: address" and the end of the line, of the simplest kind: its length; else 0. */
static size_t plain_definition(const uint8_t *text, size_t n) {
    size_t i = 1;
    if (!n || text[0] != '[' || n < 2 || !cmark_isalnum(text[1])) return 0;
    while (i < n && i < 100 && (cmark_isalnum(text[i]) || strchr(" -_.", text[i]))) i++;
    if (i + 2 >= n || text[i] != ']' || text[i + 1] != ':' || text[i + 2] != ' ') return 0;
    size_t start = i += 3;
    i = djs_plain_address(text, i, n);
    if (i == start || i == n || text[i] != '\n') return 0;
    return i + 1 == n || text[i + 1] == '[' ? i + 1 : 0; /* no title follows */
}

/* One definition that begins here: its length, or 0. */
static size_t definition(const uint8_t *text, size_t n) {
    size_t length = plain_definition(text, n);
    if (length) return length;
    djs_refmap none = {.base = {.mem = &djs_scratch}};
    cmark_chunk rest = {(unsigned char *)text, (bufsize_t)n, 0};
    return (size_t)cmark_parse_reference_inline(&djs_scratch, &rest, &none.base);
}

/* The definitions from content[at] on that another one may follow end here. */
static size_t skip_definitions(const cmark_strbuf *content, size_t at) {
    for (size_t n, size = (size_t)content->size;; at += n) {
        if (at == size || content->ptr[at] != '[') return at;
        n = definition(content->ptr + at, size - at);
        if (!n || at + n >= size || content->ptr[at + n] != '[') return at;
    }
}

/* How much of the open paragraph is definitions that no later line can change:
 * each is followed by a line that begins another one. They show nothing, and
 * a long list of them is not parsed again for each frame. */
static size_t certain_definitions(djs_spine *s, const cmark_node *node) {
    if (s->defs_line != node->start_line) s->defs = 0;
    s->defs_line = node->start_line;
    if (!s->raw) s->defs = skip_definitions(&node->content, s->defs);
    return s->defs;
}

/* A closed block with all that is in it: what a footnote says is not on the page for good before it ends. */
static cmark_node *copy_block(const cmark_node *node) {
    cmark_node *copy = djs_scratch.calloc(1, sizeof *copy);
    *copy = *node;
    copy->next = copy->prev = copy->parent = copy->first_child = copy->last_child = NULL;
    copy->user_data = NULL;
    copy->user_data_free_func = NULL;
    for (const cmark_node *child = node->first_child; child; child = child->next)
        adopt(copy, copy_block(child));
    return copy;
}

static void copy_content(djs_spine *s, cmark_node *copy, const cmark_node *node, bool whole) {
    if (s->leaf.on && node == s->leaf.node) {
        /* For all that is known of it. cmark's scanners stop at a newline, and not at the end of a text. */
        cmark_strbuf_puts(&copy->content, "x\n");
    } else if (whole) {
        cmark_strbuf_put(&copy->content, node->content.ptr, node->content.size);
    } else if (node->type == CMARK_NODE_PARAGRAPH) {
        bufsize_t from = (bufsize_t)certain_definitions(s, node);
        cmark_strbuf_put(&copy->content, node->content.ptr + from, node->content.size - from);
    } else if (node->type == CMARK_NODE_CODE_BLOCK && !node->as.code.fenced) {
        cmark_strbuf_put(&copy->content, node->content.ptr, node->content.size);
    } else if (node->type == CMARK_NODE_CODE_BLOCK) {
        cmark_strbuf_putc(&copy->content, '\n'); /* the info line that finishing expects */
    }
}

/* The copy of the spine; copies[i] is that of level i. whole: with all that open definitions of footnotes
 * say. */
static cmark_parser copy_spine(djs_spine *s, djs_refmap *map, cmark_node **copies, bool whole) {
    bool note = false;
    cmark_parser parser = djs_spine_scratch(s);
    cmark_node *node = s->live->root, *copy = copy_node(node, true);
    parser.root = parser.current = copies[0] = copy;
    parser.refmap = &map->base;
    cmark_strbuf_init(&djs_scratch, &parser.curline, 0);
    for (size_t i = 1; node->last_child; i++) {
        cmark_node *child = node->last_child;
        if (i <= djs_level_count(s) && djs_is_list(node) && djs_levels(s)[i - 1].loose) {
            cmark_node *item = djs_blank_item(&djs_scratch);
            item->user_data = &on_page;
            adopt(copy, item);
        }
        if (note)
            for (const cmark_node *before = node->first_child; before != child; before = before->next)
                adopt(copy, copy_block(before));
        if (!djs_is_open(child)) {
            bool marker = node == djs_alert_undecided(s->live);
            adopt(copy, marker ? copy_marker(child) : note ? copy_block(child) : copy_closed(child));
            break;
        }
        bool level = i < djs_level_count(s);
        cmark_node *below = copy_node(child, level || child == s->growing || djs_is_final(child) ||
                                                 copy->type == CMARK_NODE_TABLE_ROW);
        adopt(copy, below);
        copy_content(s, below, child, note);
        if (level) copies[i] = below;
        if (s->live->current == child) parser.current = below;
        node = child;
        copy = below;
        note |= whole && djs_is_note(node);
    }
    return parser;
}

/* The leaf that grows when the line goes on; without a line, only a paragraph can. */
static cmark_node *tail_leaf(const cmark_parser *parser, cmark_node *before, bool partial) {
    cmark_node *node = partial ? parser->current : before;
    cmark_node *html = partial ? djs_line_ends_html(parser, before) : NULL;
    if (html) return html;
    if (node->type == CMARK_NODE_PARAGRAPH) return node;
    if (!partial) return NULL;
    if (node->type != CMARK_NODE_TABLE_ROW)
        return djs_is_leaf(node) || node->type == CMARK_NODE_HEADING ? node : NULL;
    for (node = node->last_child; node && node->start_column == 0; node = node->prev) {}
    return node;
}

static bool is_blank(const uint8_t *line, size_t n) {
    while (n && cmark_isspace(line[n - 1])) n--;
    return !n;
}

static size_t skip(const uint8_t *line, size_t i, size_t n, uint8_t c) {
    while (i < n && line[i] == c) i++;
    return i;
}

/* Nothing but the beginning of a line, which nobody can tell yet? Where a paragraph is open, or the line is
 * not indented as code is. */
static bool is_marker(const uint8_t *line, size_t n) {
    size_t start = skip(line, 0, n, ' '), i = start;
    uint8_t c = i < n ? line[i] : ' ';
    if (c == '`' || c == '~') { /* the info string of a fence may still make it text */
        i = skip(line, i, n, c);
        return i == n || (i >= start + 3 && !memchr(line + i, '`', n - i));
    }
    if (strchr("#=_", c)) {
        i = skip(line, i, n, c);
        return !(c == '#' && (i > start + 6 || start > 3)) && skip(line, i, n, ' ') == n;
    }
    while (i < n && cmark_isdigit(line[i])) i++;
    if (i > start + 9) return false;
    if (i > start && i < n && (line[i] == '.' || line[i] == ')')) i++;
    else if (i == start && strchr("-*+", c)) i = skip(line, i, n, c);
    size_t space = i, run = skip(line, i, n, ' ');
    if (run == n) return true;
    if (run == space || run > space + 4) return false;                  /* "-     *" is code */
    if (!cmark_isdigit(line[start]) && space > start + 1) return false; /* "-- **" is text */
    if (cmark_isdigit(line[start]) && (line[start] != '1' || space > start + 2))
        return false;            /* "2. *" may be */
    if (start > 3) return false; /* no marker, if it goes on with a paragraph */
    return strchr("-*+_`~", line[run]) && skip(line, run, n, line[run]) == n;
}

/* The beginning of a table's delimiter row, with a "|" at its start? */
static bool is_rule(const uint8_t *line, size_t n) {
    size_t i = skip(line, 0, n, ' ');
    if (i == n || line[i] != '|') return false;
    while (i < n && strchr("|-: ", line[i])) i++;
    return i == n;
}

/* Does nothing stand in what is open that has not settled? code: it may be code. */
static bool is_settled(const djs_spine *s, bool code) {
    unsigned type = s->live->current->type;
    if (s->notes || s->raw) return false;
    if (s->growing &&
        !(code && type == CMARK_NODE_CODE_BLOCK && s->growing->as.code.fenced && !s->options->math))
        return false;
    bool closed = type == CMARK_NODE_CODE_BLOCK && !djs_is_open(s->live->current);
    if (type != CMARK_NODE_DOCUMENT && type != CMARK_NODE_LIST && type != CMARK_NODE_ITEM &&
        type != CMARK_NODE_HEADING && type != CMARK_NODE_THEMATIC_BREAK && type != CMARK_NODE_TABLE_ROW &&
        !closed && !s->growing)
        return false;
    for (size_t i = 1; i < djs_level_count(s); i++) {
        const djs_level *level = djs_levels(s) + i;
        bool plain = level->node->type == CMARK_NODE_ITEM || level->node->type == CMARK_NODE_TABLE;
        if (djs_is_list(level->node) ? level->tight == level->loose : !plain) return false;
    }
    return true;
}

/* Renders what the copies hold beyond the page. *notes: does the text end in definitions of footnotes that
 * are to be shown? */
static djs_render render_tail(djs_spine *s, cmark_parser *parser, cmark_node **copies, cmark_node *tail,
                              const cmark_node *growing, const cmark_node *untold, bool *notes) {
    djs_render r = djs_spine_renderer(s, parser, parser->refmap);
    r.tail = tail;
    r.passing = true;
    r.slugs = NULL; /* what is not settled takes none */
    bool after = s->notes && s->notes->after;
    uint32_t runs = s->notes ? s->notes->runs : 0;
    if (s->notes) djs_notes_forget(s->notes);
    if (growing) {
        bool indented = growing->type == CMARK_NODE_CODE_BLOCK && !growing->as.code.fenced;
        if (!indented || tail == growing) djs_render_literal(&r, growing);
        djs_render_close(&r, growing, false);
    }
    for (size_t i = djs_level_count(s); i-- > 0;) {
        bool body = djs_levels(s)[i].body;
        for (cmark_node *child = copies[i]->first_child; child; child = child->next) {
            if (child->user_data == &on_page || child == untold) continue;
            size_t start = s->html.len;
            if (child->type == CMARK_NODE_TABLE_ROW) djs_render_row(&r, child, &body);
            else djs_render_block(&r, child);
            if (!i && djs_is_note(child)) after = true;
            else if (s->html.len > start) runs += after, after = false;
        }
        if (i) djs_render_close(&r, copies[i], body);
    }
    *notes = after && runs < DJS_NOTES_RUNS;
    return r;
}

/* The live node that was copied, if it was the open leaf. */
static cmark_node *open_paragraph(const djs_spine *s) {
    cmark_node *node = s->live->current;
    return node->type == CMARK_NODE_PARAGRAPH && djs_is_open(node) ? node : NULL;
}

/* ---- code and raw HTML, line by line ---- */

/* Text of the growing block follows what is on the page. */
static void grow_raw(djs_spine *s, const uint8_t *text, size_t n, bool end) {
    djs_edit *edit = djs_edits_add(s->edits, DJS_GROW);
    djs_text_html(&s->edits->html, text, n);
    if (end) djs_buf_byte(&s->edits->html, '\n');
    if (!edit) return;
    edit->depth = s->page->end;
    edit->n = s->edits->html.len - edit->html;
    djs_buf_put(&s->page->tail, s->edits->html.ptr + edit->html, edit->n);
    if (s->page->tail.status) s->edits->html.status = s->page->tail.status;
}

static bool is_code_block(const cmark_node *node) {
    return node && node->type == CMARK_NODE_CODE_BLOCK && !djs_cmark_is_math(node);
}

/* Code, or raw HTML after a line that was not blank: a blank one may make a list loose. */
static bool takes_lines(const cmark_node *node) {
    return is_code_block(node) || (node && node->type == CMARK_NODE_HTML_BLOCK && djs_is_open(node) &&
                                   !(node->flags & CMARK_NODE__LAST_LINE_BLANK));
}

/* Can this line not be the last one? Raw HTML ends with a blank line or, of most kinds, with one that has a
 * ">" after something. */
static bool goes_on(const cmark_node *node, const uint8_t *line, size_t n) {
    if (is_code_block(node)) return true;
    if (node->as.html_block_type <= 5 && memchr(line, '>', n)) return false;
    while (n && (cmark_isspace(line[n - 1]) || line[n - 1] == '>')) n--; /* a quote's lines begin so */
    return n;
}

/* A line of code or of raw HTML that stands in nothing but list items: is it text of it for sure, and not
 * what closes a fence? It begins at line[*start]. */
static bool is_text(const djs_spine *s, const uint8_t *line, size_t n, size_t *start) {
    const cmark_node *node = s->growing;
    bool fence = is_code_block(node) && node->as.code.fenced;
    size_t need = 0, spaces = 0, offset = fence ? node->as.code.fence_offset : 0;
    for (size_t i = 1; i < djs_level_count(s); i++) {
        const cmark_node *container = djs_levels(s)[i].node;
        if (container->type == CMARK_NODE_ITEM)
            need += (size_t)(container->as.list.marker_offset + container->as.list.padding);
        else if (!djs_is_list(container)) return false;
    }
    while (spaces < n && line[spaces] == ' ') spaces++;
    if (!fence && is_code_block(node)) {
        *start = need + 4;
        return spaces >= need + 4 && !is_blank(line + spaces, n - spaces);
    }
    *start = spaces < need ? n : need;
    if (spaces < need) return fence && spaces == n;
    /* The width of a tab depends on where it stands. */
    if (need + offset && spaces < n && line[spaces] == '\t') return false;
    if (!fence) return true;
    while (offset-- && *start < spaces) ++*start;
    return spaces - *start > 3 || spaces == n || line[spaces] != node->as.code.fence_char;
}

/* Blank lines that are not code before a line of code follows. */
static const cmark_strbuf *blank_lines(const djs_spine *s) {
    static const cmark_strbuf none;
    bool code = s->growing->type == CMARK_NODE_CODE_BLOCK && !s->growing->as.code.fenced;
    return code ? &s->growing->content : &none;
}

/* Does the line, which is told, go on as text of this block of code or raw HTML? Not right after a quote's
 * ">", which takes a space with it. last: its last byte. */
static bool is_raw_text(const cmark_parser *parser, const cmark_node *tail, size_t n, uint8_t last) {
    if (!tail || (tail->type != CMARK_NODE_CODE_BLOCK && tail->type != CMARK_NODE_HTML_BLOCK)) return false;
    return last != '>' || (size_t)parser->offset < n;
}

/* May the line, so far, be the end of the code, and nothing else that shows? */
static bool is_fence(const cmark_node *code, const uint8_t *line, size_t n) {
    size_t i = skip(line, 0, n, ' ');
    if (code->type != CMARK_NODE_CODE_BLOCK || !code->as.code.fenced || i == n || i > 3) return false;
    return skip(line, i, n, code->as.code.fence_char) == n;
}

/* More of a line that is known to be the growing block's, or of one that began in it: shown as it is. Or
 * the beginning of one, where nothing waits for being shown before it. */
static bool show_raw(djs_spine *s, const uint8_t *line, size_t n) {
    size_t from = s->raw_line;
    for (size_t i = s->raw_line; i < n; i++)
        if (line[i] == '\n' || line[i] == '\r') return false;
    if (!s->raw_line) {
        if (s->html.len || s->page->tail.len || !takes_lines(s->growing)) return false;
        if (is_blank(line, n)) return true;
        if (!is_text(s, line, n, &from)) return !s->raw && is_fence(s->growing, line, n);
        const cmark_strbuf *blank = blank_lines(s);
        if (blank->size) grow_raw(s, blank->ptr, (size_t)blank->size, false);
    } else if (s->options->math && !s->raw_new) {
        n = djs_cmark_math_told(s->live, line, s->raw_line, n);
        if (n == s->raw_line) return true;
    }
    grow_raw(s, line + from, n - from, false);
    s->raw_line = n;
    return true;
}

/* Does the unfinished line go on with the growing block for sure, so that what has settled is all there is
 * before it? */
static bool goes_on_raw(const djs_spine *s, const uint8_t *line, size_t n) {
    size_t start;
    return takes_lines(s->growing) && !is_blank(line, n) && is_text(s, line, n, &start);
}

bool djs_tail_more(djs_spine *s, const uint8_t *line, size_t n) {
    if ((s->growing || s->raw_line) && show_raw(s, line, n)) return true;
    if (s->wait.wake && djs_wait_on(&s->wait, line, n)) return true;
    return djs_leaf_more(&s->leaf, line, n, s->page, s->edits);
}

bool djs_tail_line(djs_spine *s, const uint8_t *line, size_t n) {
    size_t from = s->raw_line;
    if (s->begun) return djs_begun_line(s, line, n);
    if (!takes_lines(s->growing) || s->raw_new || s->html.len || blank_lines(s)->size ||
        !goes_on(s->growing, line, n))
        return false;
    if (!from && (s->page->tail.len || !is_text(s, line, n, &from))) return false;
    grow_raw(s, line + from, n - from, true);
    djs_buf_clear(&s->page->tail); /* it is settled */
    s->live->line_number++;
    s->raw_line = 0;
    return true;
}

/* ---- footnotes ---- */

static bool in_note(const cmark_parser *parser) {
    for (const cmark_node *node = parser->current; node; node = node->parent)
        if (djs_is_note(node)) return true;
    return false;
}

/* A long definition is not rendered for each frame, but when it has grown by an eighth. */
static bool wait_for_note(const djs_spine *s, size_t n) {
    enum { PATIENCE = 512, GROWTH = 8 };
    if (!s->notes || !in_note(s->live)) return false;
    size_t size = s->notes->open + n, shown = s->notes->shown;
    return size > PATIENCE && size >= shown && size - shown < shown / GROWTH;
}

/* Puts the section with the footnotes after the tail, if the text ends in definitions: `last`. Returns false
 * when what the page shows of them is to stay as it is. */
static bool add_notes(djs_spine *s, djs_render *r, bool last, size_t n, bool *text) {
    djs_notes *notes = s->notes;
    size_t before = s->html.len;
    bool small = djs_notes_small(notes), tail_last = false;
    notes->shown = notes->open + n;
    if (last && !small && !before && djs_notes_last(s->page)) return false;
    if (last && small) tail_last = djs_notes_section(r);
    if (r->tail_note ? !tail_last : s->html.len > before) *text = false;
    return true;
}

/* ---- frames ---- */

/* What an unfinished line waits for that cannot be told yet: the end of a tag that is text of a paragraph, or
 * raw HTML if nothing follows it. */
static djs_wait line_wait(const cmark_parser *parser, const uint8_t *line, size_t n) {
    size_t start = (size_t)parser->first_nonspace, i = start + 1;
    djs_wait none = {0};
    if (parser->current->type != CMARK_NODE_PARAGRAPH || start >= n || line[start] != '<') return none;
    if (i < n && line[i] == '/') i++;
    if (i == n || !cmark_isalpha(line[i])) return none;
    while (i < n && cmark_isalnum(line[i])) i++;
    if (i == n || memchr(line + i, '>', n - i) || n - start > DJS_HOLD_TAG) return none;
    return (djs_wait){djs_wait_for('>', 0), n, start + DJS_HOLD_TAG};
}

/* A copy of the spine gets the unfinished line, and is shown in place of the
 * tail. known: the open paragraph is s->leaf, and up to date but for the line. */
static void show_copy(djs_spine *s, const uint8_t *line, size_t n, bool known) {
    s->row.on = false;
    djs_leaf *leaf = &s->leaf;
    djs_refmap fresh = {.base = {.mem = &djs_scratch}, .below = (djs_refmap *)s->live->refmap}, map = fresh;
    cmark_node **copies = djs_scratch.calloc(djs_level_count(s), sizeof *copies);
    bool thin = wait_for_note(s, n), ends_in_notes;
    cmark_parser parser = copy_spine(s, &map, copies, !known && !thin);
    cmark_node *before = parser.current;
    size_t all = n;
    if (s->options->math && !s->raw) n = djs_cmark_math_told(s->live, line, 0, n);
    bool partial = !is_blank(line, n), decided = djs_alert_decided(&parser);
    if (partial) {
        djs_spine_feed(&parser, line, n);
        if (n < all && parser.current != before) { /* the line is not in that block of mathematics */
            map = fresh;
            parser = copy_spine(s, &map, copies, !known && !thin);
            before = parser.current;
            djs_spine_feed(&parser, line, n = all);
        }
        if (!s->raw && !(djs_line_told(&parser, before, line, n) && djs_alert_told(&parser, decided))) {
            partial = false;
            s->wait = line_wait(&parser, line, n);
        }
    }
    if (known && (!partial || parser.current == before)) {
        if (partial) {
            djs_follow_add(s, (const uint8_t *)"\n", 1);
            djs_follow_add(s, before->content.ptr + 2,
                           (size_t)before->content.size - 3); /* the x and its newline, and one of cmark's */
            leaf->line = n;
        }
        djs_follow_show(s);
        return;
    }
    if (known && !s->strict) { /* the line has ended the paragraph, which need not be shown again */
        s->live->current = djs_cmark_close(s->live, s->live->current);
        djs_spine_settle(s);
    }
    leaf->on = false;
    if (thin && (!partial || in_note(&parser))) return;
    fresh.misses = map.misses = &leaf->misses;
    if (known || thin || !partial) { /* the copy has an x for the paragraph, or a line that is not told */
        map = fresh;
        parser = copy_spine(s, &map, copies, true);
        before = parser.current;
        if (partial) djs_spine_feed(&parser, line, n);
    }
    if (s->notes) djs_notes_mark_open(parser.current);
    cmark_node *tail = tail_leaf(&parser, before, partial);
    const cmark_node *growing = NULL;
    if (s->growing) growing = copies[djs_level_count(s) - 1]->last_child;
    while (growing && growing->user_data != &on_page) growing = growing->prev;
    bool whole = tail != before || tail->start_line != s->defs_line || !s->defs;
    bool inlines = tail && !s->raw && djs_cmark_has_inlines(tail), text = inlines && whole;
    djs_wait wait = {.line = n, .most = SIZE_MAX};
    if (inlines && tail->type == CMARK_NODE_PARAGRAPH) {
        char held;
        size_t size = (size_t)tail->content.size;
        size -= size && tail->content.ptr[size - 1] == '\n';
        if (djs_cmark_may_define(&djs_scratch, tail->content.ptr, size, &held)) {
            size_t last = skip_definitions(&tail->content, 0);
            if (last && last < size)
                (void)djs_cmark_may_define(&djs_scratch, tail->content.ptr + last, size - last, &held);
            text = false;
            wait.wake = djs_wait_for(held, 0);
            if (held == ']') wait.most = n + DJS_HOLD_BRACKET;
        }
    }
    const cmark_node *untold = s->raw ? NULL : djs_alert_undecided(&parser);
    djs_cmark_close_all(&parser);
    for (size_t i = 1; i < djs_level_count(s) && i <= DJS_MAX_NESTING; i++)
        if (djs_levels(s)[i].raw) { /* what may have to be undone would take its <p> away */
            copies[i]->as.list.tight = djs_levels(s)[i].tight;
        } else if (djs_is_list(copies[i]) && copies[i]->as.list.tight != djs_levels(s)[i].tight) {
            djs_spine_show_tight(s, djs_levels(s) + i, copies[i]->as.list.tight);
            djs_levels(s)[i].node->as.list.tight = djs_levels(s)[i].tight;
        }
    size_t settled = s->html.len;
    djs_render r = render_tail(s, &parser, copies, tail, growing, untold, &ends_in_notes);
    if (s->notes && !add_notes(s, &r, ends_in_notes, n, &text)) return;
    djs_spine_check(&s->html);
    djs_page_turn(s->page, s->html.ptr, r.mark, settled, s->edits);
    djs_spine_check(&s->page->tail);
    bool at_end = tail == growing || (!r.tail_note && !ends_in_notes); /* no footnotes follow it */
    if (partial && !s->raw && at_end && is_raw_text(&parser, tail, n, line[n - 1])) {
        s->raw_line = n;
        s->raw_new = tail != growing;
    }
    if (text && r.tail_inlines.text && r.mark > r.tail_inside && r.mark >= r.tail_firm) {
        djs_follow_begin(s, &r, tail, tail == before ? open_paragraph(s) : NULL, settled, line,
                         partial ? n : 0);
        if (leaf->on && leaf->stop == DJS_STOP_CELL) djs_row_begin(s, (size_t)tail->as.cell_index, n);
    } else if (text && partial && r.tail_inlines.text) {
        wait = djs_follow_wait(&r, tail, line, n);
    }
    if (partial && inlines && tail->type == CMARK_NODE_PARAGRAPH && line[skip(line, 0, n, ' ')] == '|' &&
        djs_header_told(tail->content.ptr, (size_t)tail->content.size) < (size_t)tail->content.size)
        wait = (djs_wait){.wake = djs_wait_for('\n', 0), .line = n, .most = DJS_HOLD_HEADER};
    if (partial) s->wait = wait;
    djs_buf_clear(&s->html);
    s->mark = 0;
}

/* Does the line begin or go on with definitions, so that nothing shows until certain bytes come? After a
 * whole one, what may be its title is text of the same paragraph, and shows nothing before its line has
 * ended. */
static bool defines(djs_spine *s, const uint8_t *line, size_t n) {
    const cmark_node *node = s->live->current;
    size_t start = skip(line, 0, n, ' ');
    bool title = start < n && strchr("\"'(", line[start]);
    char held;
    if ((n && line[0] != '[' && !title) || s->raw || s->notes || s->leaf.on) return false;
    if (node->type == CMARK_NODE_PARAGRAPH) {
        size_t at = certain_definitions(s, node), rest = (size_t)node->content.size - at;
        if (definition(node->content.ptr + at, rest) != rest) return false;
        if (!n) return true;
    } else if (title || !is_settled(s, false) || djs_level_count(s) > 1) {
        return false;
    }
    if (title) {
        s->wait = djs_wait_until(n, SIZE_MAX);
        return true;
    }
    if (!djs_cmark_may_define(&djs_scratch, line, n, &held)) return false;
    s->wait = (djs_wait){djs_wait_for(held, 0), n, held == ']' ? n + DJS_HOLD_BRACKET : SIZE_MAX};
    return true;
}

/* To look at a line that is not told takes effort. More of a short one is always worth that, and a new one
 * where little is open; raw, where nothing gets firm, all of a paragraph that somebody would read. Else the
 * page stays behind for a while. */
static bool look_again(djs_spine *s, size_t n, bool lines) {
    enum { SHORT = 32, LITTLE = 1024, RAW = 4096, LEVEL = 2 };
    const cmark_node *open = s->live->current;
    size_t effort = n + LEVEL * djs_level_count(s);
    if (open->type == CMARK_NODE_PARAGRAPH && !s->leaf.on)
        effort += (size_t)open->content.size - (s->defs_line == open->start_line ? s->defs : 0);
    if (effort <= (s->raw ? RAW : lines ? LITTLE : SHORT)) {
        djs_effort_use(&s->effort, effort);
        return true;
    }
    if (djs_effort_take(&s->effort, effort)) return true;
    s->wait = djs_wait_until(n, n + djs_effort_wait(&s->effort, effort));
    return false;
}

/* A letter begins nothing but text; what looks like one may be a byte order mark. */
static bool is_letter(const djs_spine *s, const uint8_t *line) {
    return cmark_isalpha(line[0]) || (line[0] >= 0xC0 && s->live->line_number);
}

void djs_tail_show(djs_spine *s, const uint8_t *line, size_t n, bool lines) {
    djs_leaf *leaf = &s->leaf;
    if (lines) s->raw_line = 0;
    s->wait.wake = 0;
    if (lines && goes_on_raw(s, line, n)) djs_spine_flush(s);
    if ((s->growing || s->raw_line) && show_raw(s, line, n)) return;
    if (lines) s->row.on = false;
    if (djs_row_show(s, line, n)) return;
    unsigned all;
    if (leaf->on && leaf->line) { /* more of a line that is known to be text */
        leaf->on = djs_leaf_take(leaf, line, n, &all);
        djs_spine_check(&leaf->text);
    }
    if (!(leaf->on && leaf->line) && !look_again(s, n, lines)) return;
    bool rule = !s->raw && s->live->current->type == CMARK_NODE_PARAGRAPH && is_rule(line, n);
    if (rule && s->rule && !lines) return;
    s->rule = rule;
    if (leaf->on && leaf->line) djs_follow_show(s);
    else if (djs_begun_show(s, line, n)) return;
    else if (leaf->on && is_marker(line, n)) djs_follow_show(s);
    else if (leaf->on && n && !s->raw && is_letter(s, line)) djs_follow_go_on(s, line, n);
    else if (is_settled(s, is_blank(line, n)) &&
             (is_blank(line, n) || (is_marker(line, n) && skip(line, 0, n, ' ') < 4)))
        djs_spine_flush(s);
    else if (defines(s, line, n)) djs_spine_flush(s);
    else show_copy(s, line, n, leaf->on);
}

const cmark_node *djs_tail_try(cmark_parser *parser, const uint8_t *line, size_t n, bool raw) {
    djs_level root = {.node = parser->root};
    djs_spine s = {.live = parser,
                   .levels = {.ptr = (uint8_t *)&root, .len = sizeof root, .cap = sizeof root}};
    djs_refmap map = {.base = {.mem = &djs_scratch}, .below = (djs_refmap *)parser->refmap};
    cmark_node *copies[1], *before = parser->current;
    size_t all = n;
    if (parser->options & DJS_OPT_MATH && !raw) n = djs_cmark_math_told(parser, line, 0, n);
    if (is_blank(line, n)) return tail_leaf(parser, before, false);
    if (!raw) {
        cmark_parser copy = copy_spine(&s, &map, copies, false);
        cmark_node *current = copy.current;
        bool decided = djs_alert_decided(&copy);
        djs_spine_feed(&copy, line, n);
        if (n < all && copy.current != current) {
            copy = copy_spine(&s, &map, copies, false);
            current = copy.current;
            djs_spine_feed(&copy, line, n = all);
        }
        if (!djs_line_told(&copy, current, line, n) || !djs_alert_told(&copy, decided))
            return tail_leaf(parser, before, false);
    }
    djs_spine_feed(parser, line, n);
    return tail_leaf(parser, before, true);
}
