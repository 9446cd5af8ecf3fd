/* A line that has begun.
 *
 * The law: the live tree is the one that cmark would have after the whole line,
 * but for the end of the open paragraph's content. So only a beginning that
 * means the same whatever follows may be given: nothing but the markers of
 * containers, one to three spaces each, and then a letter or what begins text
 * as certainly. Whether what is open goes on, ends, or takes the line as a lazy
 * one is cmark's own decision.
 *
 *     "- **a"     an item, a paragraph in it
 *     "  3. a"    an item of a list, or more of a paragraph that it cannot end
 *     "- ", "3."  not yet
 *     "## a"      a heading; its closing "#" are taken away as cmark does
 *     "- [a"      a paragraph, of which nothing shows: it may be a definition
 *     "- [ ", "[" left to the copy: it may be a task, or many definitions
 *
 * Checked by: tests/test_markdown.py, tests/c/random_markdown.c.
 *
 * SPDX-License-Identifier: MIT */
#include "begun.h"
#include "complete.h"
#include "follow.h"
#include "plain.h"
#include <cmark_ctype.h>

static size_t spaces(const uint8_t *line, size_t i, size_t n) {
    size_t from = i;
    while (i < n && line[i] == ' ') i++;
    return i - from;
}

/* Where the containers that go on in the line end in it. SIZE_MAX: nothing can be said. */
static size_t skip_open(const djs_spine *s, const uint8_t *line, size_t n) {
    size_t at = 0;
    for (size_t i = 1; i < djs_level_count(s); i++) {
        const cmark_node *node = djs_levels(s)[i].node;
        size_t indent = spaces(line, at, n);
        if (node->type == CMARK_NODE_ITEM) {
            size_t width = (size_t)(node->as.list.marker_offset + node->as.list.padding);
            if (indent < width) return at;
            at += width;
        } else if (node->type == CMARK_NODE_BLOCK_QUOTE) {
            if (indent > 3 || at + indent >= n || line[at + indent] != '>') return at;
            at += indent + 1;
            at += at < n && line[at] == ' ';
        } else if (!djs_is_list(node)) {
            return SIZE_MAX;
        }
    }
    return at;
}

/* The bytes of the container's marker at line[at], with the spaces after it; 0: there is none, or it may be
 * code that follows. */
static size_t marker(const uint8_t *line, size_t at, size_t n) {
    size_t i = at;
    if (line[i] == '>') return 1 + (i + 1 < n && line[i + 1] == ' ');
    if (strchr("-+*", line[i])) {
        i++;
    } else {
        while (i < n && i - at < 10 && cmark_isdigit(line[i])) i++;
        if (i == at || i - at > 9 || i == n || (line[i] != '.' && line[i] != ')')) return 0;
        i++;
    }
    size_t gap = spaces(line, i, n);
    return gap && gap < 5 ? i + gap - at : 0;
}

/* Is this the beginning of a text, whatever follows? Not where it looks like a marker with code after it.
 * inside: a container's marker stands before it. */
static bool is_text(const cmark_parser *parser, const uint8_t *text, size_t n, bool inside) {
    uint8_t c = text[0];
    if (cmark_isalpha(c)) return true;
    if (c >= 0xC0) return parser->line_number; /* else it may be a byte order mark */
    if (cmark_isdigit(c)) {
        size_t i = 0;
        while (i < n && cmark_isdigit(text[i])) i++;
        return i < n && text[i] != '.' && text[i] != ')';
    }
    if (c == '[') { /* "[x] " may be a task, "[x]:" a definition */
        const uint8_t *end = memchr(text, ']', n);
        if (end && end + 1 < text + n && end[1] == '(') return true;
        if (n > 2 && text[1] == '!' && text[2] == '[') return true; /* no label has a bracket in it */
        return inside && n > 1 && !strchr(" \txX!", text[1]);
    }
    if (c && strchr("!\"'(),./;?@%^&{}])", c)) return true;
    return c && strchr("*_`", c) && djs_text_begun(parser, text, n);
}

/* Where the heading's text ends in the line: as cmark's chop_trailing_hashtags has it. */
static size_t title_end(const uint8_t *line, size_t n) {
    while (n && cmark_isspace(line[n - 1])) n--;
    size_t end = n;
    while (end && line[end - 1] == '#') end--;
    if (end == n || !end || (line[end - 1] != ' ' && line[end - 1] != '\t')) return n;
    while (end && cmark_isspace(line[end - 1])) end--;
    return end;
}

/* Where the text of the heading that begins at line[at] begins; 0: there is none, or not yet. */
static size_t title(const uint8_t *line, size_t at, size_t n) {
    size_t start = at;
    while (at < n && line[at] == '#') at++;
    if (at == start || at > start + 6 || !spaces(line, at, n)) return 0;
    at += spaces(line, at, n);
    if (at == n || line[at] == '#' || line[at] == '\t') return 0;
    return title_end(line, n) > at + 1 ? at : 0; /* as djs_line_told has it */
}

/* May the open paragraph define something? Not if it begins with a link. */
static bool may_define(const cmark_strbuf *content) {
    const uint8_t *text = content->ptr, *end;
    if (text[0] != '[') return false;
    size_t n = (size_t)content->size, most = MAX_LINK_LABEL_LENGTH + 3;
    end = memchr(text, ']', n < most ? n : most);
    return !end || end[-1] == '\\' || end[1] != '(';
}

static bool is_certain(djs_spine *s, const uint8_t *line, size_t n) {
    enum { MOST = 16 }; /* containers that begin in one line */
    const cmark_node *open = s->live->current;
    const djs_render_options *options = s->options;
    if (s->raw || s->notes || options->math || options->alerts || s->growing) return false;
    if (s->strict && open != s->live->root) return false; /* what the line ends would settle too early */
    if (open->type == CMARK_NODE_PARAGRAPH) {
        if (!djs_is_open(open)) return false;
        if (may_define(&open->content)) return false;
    } else if (open->type == CMARK_NODE_CODE_BLOCK) {
        if (djs_is_open(open)) return false;
    } else if (open->type != CMARK_NODE_DOCUMENT && open->type != CMARK_NODE_BLOCK_QUOTE &&
               open->type != CMARK_NODE_ITEM && open->type != CMARK_NODE_HEADING &&
               open->type != CMARK_NODE_THEMATIC_BREAK && !djs_is_list(open)) {
        return false;
    }
    size_t at = skip_open(s, line, n), length;
    if (at == SIZE_MAX) return false;
    for (size_t inside = 0; inside < MOST; inside++) {
        size_t indent = spaces(line, at, n);
        at += indent;
        if (indent > 3 || at == n) return false; /* code */
        s->title = title(line, at, n);
        if (s->title) return true;
        if (!(length = marker(line, at, n))) return is_text(s->live, line + at, n - at, inside);
        at += length;
        if (at == n) return false;
    }
    return false;
}

/* The content is to be what the line says so far. */
static void add_rest(djs_spine *s, const uint8_t *line, size_t n) {
    cmark_strbuf *content = &s->live->current->content;
    if (n == s->begun) return;
    if (s->heading) {
        cmark_strbuf_set(content, line + s->title, (bufsize_t)(title_end(line, n) - s->title));
        s->begun = n;
        return;
    }
    cmark_strbuf_truncate(content, content->size - 1); /* its newline */
    cmark_strbuf_put(content, line + s->begun, (bufsize_t)(n - s->begun));
    cmark_strbuf_putc(content, '\n');
    s->begun = n;
}

/* ---- what has settled, and the paragraph after it, on the page ---- */

static void turn(djs_spine *s, djs_render *r, size_t settled) {
    djs_spine_check(&s->html);
    djs_page_turn(s->page, s->html.ptr, r->mark, settled, s->edits);
    djs_spine_check(&s->page->tail);
}

/* Does the leaf begin with a link's text that has ended? */
static bool opens_link(const djs_leaf *leaf) {
    const uint8_t *end = leaf->wake ? memchr(leaf->text.ptr, ']', leaf->text.len) : NULL;
    return end && end[1] == '(' && strchr("[!", leaf->text.ptr[leaf->seen]);
}

/* A text that is plain, or begins with a link: no parser has to see it. */
static bool show_plain(djs_spine *s, djs_render *r, const uint8_t *line, size_t n) {
    const cmark_node *node = s->live->current;
    djs_leaf *leaf = &s->leaf;
    djs_buf text = leaf->text, misses = leaf->misses;
    size_t settled = s->html.len, mark = r->mark;
    djs_render_open(r, s->live->current);
    djs_buf_clear(&text);
    djs_buf_clear(&misses);
    *leaf = (djs_leaf){.on = true,
                       .paragraph = !s->heading,
                       .stop = s->heading ? DJS_STOP_HEADING : 0,
                       .breaks = s->options->breaks,
                       .cjk = s->options->cjk_emphasis,
                       .node = node,
                       .text = text,
                       .misses = misses,
                       .definitions = s->live->refmap->size,
                       .head = s->html.len - settled,
                       .firm = s->html.len,
                       .line = n};
    if (s->heading) djs_follow_add(s, line + s->title, n - s->title);
    else djs_follow_add(s, node->content.ptr, (size_t)node->content.size - 1);
    bool odd = s->heading && memchr(leaf->text.ptr, '#', leaf->text.len);
    bool plain = !odd && djs_leaf_begin(leaf, &s->html), link = !odd && !plain && opens_link(leaf);
    if (!plain && !link) {
        leaf->on = false;
        djs_buf_cut(&s->html, settled);
        r->mark = mark;
        return false;
    }
    if (!link) leaf->known = leaf->text.len;
    leaf->firm -= settled;
    r->mark = s->html.len;
    turn(s, r, settled);
    if (link) djs_follow_show(s);
    return true;
}

/* Does nothing of the text show before the end of the span that it begins with? */
static bool waits(const djs_leaf *leaf) {
    return leaf->wake && !leaf->shown && !leaf->seen && leaf->text.ptr[0] == '*' &&
           leaf->patience > leaf->text.len;
}

/* Nothing of what begins with a bracket shows before its "]": how long it may get; 0: it does not. */
static size_t label(const djs_spine *s) {
    const cmark_strbuf *content = &s->live->current->content;
    const uint8_t *text = content->ptr;
    if (s->heading || memchr(text, ']', (size_t)content->size)) return 0;
    size_t most = text[0] == '!' || text[1] == '!' ? DJS_HOLD_IMAGE : DJS_HOLD_BRACKET;
    bool begins = text[0] == '[' || (text[0] == '!' && text[1] == '[' && !strchr("^\n", text[2]));
    return begins && (size_t)content->size < most ? most : 0;
}

static void show_parsed(djs_spine *s, djs_render *r, const uint8_t *line, size_t n) {
    cmark_node *node = s->live->current;
    size_t settled = s->html.len;
    r->tail = node;
    djs_render_block(r, node);
    turn(s, r, settled);
    if (r->mark > r->tail_inside && r->mark >= r->tail_firm)
        djs_follow_begin(s, r, node, node, settled, line, n);
    else s->wait = djs_follow_wait(r, node, line, n);
}

static void show(djs_spine *s, const uint8_t *line, size_t n) {
    djs_refmap map = {
        .base = {.mem = &djs_scratch}, .below = (djs_refmap *)s->live->refmap, .misses = &s->leaf.misses};
    cmark_parser parser = djs_spine_scratch(s);
    djs_render r = djs_spine_renderer(s, &parser, &map.base);
    r.passing = true;
    r.slugs = NULL;
    s->leaf.on = false;
    add_rest(s, line, n);
    size_t most = label(s);
    if (most) {
        turn(s, &r, s->html.len);
        s->wait = (djs_wait){djs_wait_for(']', 0), n, n + most};
    } else if (!show_plain(s, &r, line, n)) {
        if (waits(&s->leaf)) {
            turn(s, &r, s->html.len);
            s->wait = (djs_wait){s->leaf.wake, n, n + s->leaf.patience - s->leaf.text.len};
        } else {
            show_parsed(s, &r, line, n);
        }
    }
    djs_buf_clear(&s->html);
    s->mark = 0;
}

bool djs_begun_show(djs_spine *s, const uint8_t *line, size_t n) {
    djs_leaf *leaf = &s->leaf;
    if (!s->begun) {
        if (!is_certain(s, line, n)) return false;
        djs_spine_feed(s->live, line, n);
        s->begun = n;
        s->heading = s->live->current->type == CMARK_NODE_HEADING ? s->live->current : NULL;
        djs_spine_settle(s);
        djs_follow_line(s);
        if (leaf->on) leaf->line = n; /* it goes on */
    }
    if (leaf->on && leaf->line) djs_follow_show(s);
    else show(s, line, n);
    return true;
}

bool djs_begun_line(djs_spine *s, const uint8_t *line, size_t n) {
    if (!s->begun) return false;
    add_rest(s, line, n);
    s->begun = 0;
    if (s->heading) {
        s->heading = NULL;
        djs_spine_settle(s);
    }
    djs_follow_line(s);
    return true;
}
