/* A page that applies Markdown edits: the slow, obvious model that the C tests
 * compare with. tests/spec/wire.md says what each edit does.
 *
 *     dom d = {0};
 *     dom_apply(&d, edits);
 *     dom_html(&d, &out);                     // normal: one text node, one spelling
 *     if (d.broken) puts(d.broken);           // what no right edit does
 *     dom_free(&d);
 *
 * It reads only the HTML that the engine writes: a tag that is not closed, an
 * element that is not on the list, an edit that misses its node break it. Its
 * memory is malloc's, so that a test can let the core's allocations fail.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_TEST_DOM_H
#define DJS_TEST_DOM_H

#include <stdlib.h>
#include "markdown.h"
#include "utf8.h"

typedef struct node node;
struct node {
    node *parent, *first, *last, *next;
    bool text;
    size_t n, name_n; /* name_n: of the tag; bytes goes on with its attributes */
    uint8_t *bytes;
};

typedef struct {
    node root;
    const char *broken; /* the first thing that was wrong */
} dom;

static inline void dom_break(dom *d, const char *why) {
    if (!d->broken) d->broken = why;
}

/* ---- nodes ---- */

static inline node *node_new(bool text, const uint8_t *bytes, size_t n) {
    node *made = calloc(1, sizeof *made);
    if (!made || !(made->bytes = malloc(n + 1))) abort();
    memcpy(made->bytes, bytes, n);
    made->n = n;
    made->text = text;
    while (!text && made->name_n < n && bytes[made->name_n] != ' ') made->name_n++;
    return made;
}

static inline void node_free(node *dead) {
    for (node *child = dead->first, *next; child; child = next) {
        next = child->next;
        node_free(child);
    }
    free(dead->bytes);
    free(dead);
}

/* Appends child, which may end up in the text before it: then NULL. */
static inline node *node_put(node *parent, node *child) {
    node *last = parent->last;
    if (child->text && (!child->n || (last && last->text))) {
        if (child->n) {
            if (!(last->bytes = realloc(last->bytes, last->n + child->n))) abort();
            memcpy(last->bytes + last->n, child->bytes, child->n);
            last->n += child->n;
        }
        node_free(child);
        return NULL;
    }
    child->parent = parent;
    child->next = NULL;
    if (last) last->next = child;
    else parent->first = child;
    return parent->last = child;
}

/* All children, as a list; the parent has none afterwards. */
static inline node *node_take(node *parent) {
    node *list = parent->first;
    parent->first = parent->last = NULL;
    return list;
}

static inline void node_empty(node *parent) {
    for (node *child = node_take(parent), *next; child; child = next) {
        next = child->next;
        node_free(child);
    }
}

static inline bool node_in(const node *element, const char *names) {
    const char *at = names;
    if (element->text) return false;
    for (; *at; at += strcspn(at, " "), at += *at == ' ') {
        size_t n = strcspn(at, " ");
        if (n == element->name_n && !memcmp(at, element->bytes, n)) return true;
    }
    return false;
}

static inline bool node_void(const node *element) { return node_in(element, "br hr img input"); }
static inline bool node_block(const node *element) {
    return node_in(element, "p div h1 h2 h3 h4 h5 h6 ul ol li blockquote pre hr table thead tbody tr th td");
}
static inline bool node_known(const node *element) {
    return node_void(element) || node_block(element) ||
           node_in(element, "a code del em section span strong sup");
}

/* ---- HTML ---- */

/* Appends text with its entities read. */
static inline void dom_text(dom *d, node *parent, const uint8_t *html, size_t n) {
    static const struct {
        const char *name;
        uint8_t byte;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}};
    node *text = node_new(true, html, n);
    size_t to = 0;
    for (size_t i = 0; i < n; to++) {
        size_t e = 0, count = sizeof entities / sizeof *entities;
        while (html[i] == '&' && e < count &&
               (n - i < strlen(entities[e].name) ||
                memcmp(html + i, entities[e].name, strlen(entities[e].name))))
            e++;
        if (html[i] != '&') {
            text->bytes[to] = html[i++];
        } else if (e < count) {
            text->bytes[to] = entities[e].byte;
            i += strlen(entities[e].name);
        } else {
            dom_break(d, "an entity that is not ours");
            text->bytes[to] = html[i++];
        }
    }
    text->n = to;
    if (djs_utf8_valid(text->bytes, to) != to) dom_break(d, "not UTF-8");
    node_put(parent, text);
}

/* Appends what html holds, which must be balanced. */
static inline void dom_parse(dom *d, node *parent, const uint8_t *html, size_t n) {
    node *open = parent;
    for (size_t at = 0, end; at < n && !d->broken; at = end) {
        if (html[at] != '<') {
            const uint8_t *tag = memchr(html + at, '<', n - at);
            end = tag ? (size_t)(tag - html) : n;
            if (memchr(html + at, '>', end - at)) dom_break(d, "a bare >");
            dom_text(d, open, html + at, end - at);
            continue;
        }
        const uint8_t *last = memchr(html + at, '>', n - at);
        if (!last || memchr(html + at + 1, '<', (size_t)(last - html) - at - 1)) {
            dom_break(d, "a tag that does not end");
            return;
        }
        end = (size_t)(last - html) + 1;
        if (html[at + 1] == '/') {
            size_t name_n = end - at - 3;
            if (open == parent || open->name_n != name_n || memcmp(open->bytes, html + at + 2, name_n))
                dom_break(d, "an end tag that closes nothing");
            else open = open->parent;
            continue;
        }
        node *element = node_put(open, node_new(false, html + at + 1, end - at - 2));
        if (!node_known(element)) dom_break(d, "an element that is not ours");
        if (!node_void(element)) open = element;
    }
    if (open != parent) dom_break(d, "an element stays open");
}

static inline void node_html(const node *parent, djs_buf *out) {
    for (const node *child = parent->first; child; child = child->next) {
        for (size_t i = 0; child->text && i < child->n; i++) {
            if (child->bytes[i] == '&') djs_buf_lit(out, "&amp;");
            else if (child->bytes[i] == '<') djs_buf_lit(out, "&lt;");
            else if (child->bytes[i] == '>') djs_buf_lit(out, "&gt;");
            else djs_buf_byte(out, child->bytes[i]);
        }
        if (child->text) continue;
        djs_buf_byte(out, '<');
        djs_buf_put(out, child->bytes, child->n);
        djs_buf_byte(out, '>');
        if (node_void(child)) continue;
        node_html(child, out);
        djs_buf_lit(out, "</");
        djs_buf_put(out, child->bytes, child->name_n);
        djs_buf_byte(out, '>');
    }
}

static inline void dom_html(const dom *d, djs_buf *out) { node_html(&d->root, out); }

static inline void dom_free(dom *d) {
    node_empty(&d->root);
    *d = (dom){0};
}

/* ---- edits ---- */

static inline node *dom_at(dom *d, uint32_t depth) {
    node *element = &d->root;
    for (; depth; depth--) {
        node *last = NULL;
        for (node *child = element->first; child; child = child->next)
            if (!child->text) last = child;
        if (!last) {
            dom_break(d, "no element so deep");
            return element;
        }
        element = last;
    }
    if (element->name_n && node_void(element)) dom_break(d, "an edit inside a void element");
    return element;
}

static inline void dom_cut(dom *d, node *target, uint32_t nodes, uint32_t units) {
    size_t count = 0, keep;
    for (node *child = target->first; child; child = child->next) count++;
    if (count < nodes + (units > 0)) {
        dom_break(d, "a cut of more nodes than there are");
        return;
    }
    node *list = node_take(target), *next;
    for (keep = count - nodes; list; list = next) {
        next = list->next;
        if (keep && keep--) node_put(target, list);
        else node_free(list);
    }
    node *last = target->last;
    if (!units) return;
    if (!last->text) {
        dom_break(d, "a cut of text in an element");
        return;
    }
    while (units && last->n) {
        while (--last->n && (last->bytes[last->n] & 0xC0) == 0x80) {}
        uint32_t wide = last->bytes[last->n] >= 0xF0 ? 2 : 1;
        if (wide > units) dom_break(d, "a cut inside a character");
        units -= wide > units ? units : wide;
    }
    if (units) dom_break(d, "a cut of more text than there is");
    if (last->n) return;
    list = node_take(target); /* an empty text is no node */
    for (; list; list = next) {
        next = list->next;
        if (list->text && !list->n) node_free(list);
        else node_put(target, list);
    }
}

static inline bool node_checkbox(const node *child) { return child && node_in(child, "input"); }

/* Puts the checkbox that leads the list back, and drops the space after it. Returns the rest. */
static inline node *dom_lead(node *item, node *list) {
    if (!node_in(item, "li") || !node_checkbox(list)) return list;
    node *rest = list->next;
    node_put(item, list);
    if (rest && rest->text && rest->bytes[0] == ' ') memmove(rest->bytes, rest->bytes + 1, --rest->n);
    if (!rest || !rest->text || rest->n) return rest;
    node *empty = rest;
    rest = rest->next;
    node_free(empty);
    return rest;
}

static inline void dom_loose(dom *d, node *target, bool on) {
    if (!target->name_n || !node_in(target, "ul ol")) dom_break(d, "loose, but no list");
    bool dir = target->n >= 10 && !memcmp(target->bytes + target->n - 10, "dir=\"auto\"", 10);
    const char *tag = dir ? "p dir=\"auto\"" : "p";
    for (node *item = target->first; item; item = item->next) {
        node *list = dom_lead(item, node_take(item)), *paragraph = NULL, *next;
        if (item->first && !on) node_put(item, node_new(true, (const uint8_t *)" ", 1));
        for (; list; list = next) {
            next = list->next;
            if (on && !node_block(list)) {
                if (!paragraph)
                    paragraph = node_put(item, node_new(false, (const uint8_t *)tag, strlen(tag)));
                node_put(paragraph, list);
                continue;
            }
            paragraph = NULL;
            if (on || !node_in(list, "p")) {
                node_put(item, list);
                continue;
            }
            for (node *child = node_take(list), *after; child; child = after) {
                after = child->next;
                node_put(item, child);
            }
            node_free(list);
        }
    }
}

static inline void dom_head(dom *d, node *target, const uint8_t *html, size_t n) {
    node *list = node_take(target), *next;
    if (node_checkbox(list)) {
        list = dom_lead(target, list);
        node_empty(target);
    }
    dom_parse(d, target, html, n);
    for (; list; list = next) {
        next = list->next;
        node_put(target, list);
    }
}

static inline void dom_patch(dom *d, const uint8_t *path, size_t steps, const uint8_t *html, size_t n) {
    node *element = &d->root;
    for (size_t i = 0; i < steps; i++) {
        uint32_t step;
        memcpy(&step, path + i * sizeof step, sizeof step);
        node *part = element->first, *end;
        bool lead = element->name_n && node_in(element, "li") && node_checkbox(part);
        if (lead) part = part->next;
        const node *after_box = lead ? part : NULL;
        if (lead && part && part->text && part->n == 1 && part->bytes[0] == ' ' &&
            (!part->next || node_block(part->next)))
            part = part->next; /* a space alone is no part */
        for (; part; part = end) {
            for (end = part->next; !node_block(part) && end && !node_block(end);) end = end->next;
            if (!step--) break;
        }
        if (!part) {
            dom_break(d, "a path to nowhere");
            return;
        }
        if (node_block(part)) {
            element = part;
            continue;
        }
        if (i + 1 < steps) dom_break(d, "a path inside a run");
        node *list = node_take(element), *next;
        bool inside = false;
        for (; list; list = next) {
            next = list->next;
            if (list == part) {
                inside = true;
                if (part == after_box) node_put(element, node_new(true, (const uint8_t *)" ", 1));
                dom_parse(d, element, html, n);
            }
            if (list == end) inside = false;
            if (inside) node_free(list);
            else node_put(element, list);
        }
        return;
    }
    node_empty(element);
    dom_parse(d, element, html, n);
}

static inline void dom_apply(dom *d, const djs_edits *edits) {
    for (size_t i = 0; i < djs_edits_count(edits) && !d->broken; i++) {
        djs_edit e;
        memcpy(&e, edits->list.ptr + i * sizeof e, sizeof e);
        const uint8_t *html = e.n ? edits->html.ptr + e.html : (const uint8_t *)"";
        node *target = e.kind == DJS_PATCH || e.kind == DJS_FILL ? &d->root : dom_at(d, e.depth);
        if (d->broken) return;
        switch (e.kind) {
        case DJS_GROW: dom_parse(d, target, html, e.n); break;
        case DJS_CUT: dom_cut(d, target, e.nodes, e.units); break;
        case DJS_LOOSE: dom_loose(d, target, e.nodes); break;
        case DJS_HEAD: dom_head(d, target, html, e.n); break;
        case DJS_PATCH: dom_patch(d, edits->paths.ptr + e.path, e.steps, html, e.n); break;
        case DJS_FILL:
            node_empty(target);
            dom_parse(d, target, html, e.n);
            break;
        }
    }
}

/* ---- a text, streamed and all at once ---- */

/* The page after text came in pieces, a frame after each; size(state) is the next piece's. The status of
 * the first call that failed. */
static inline djs_status dom_stream(dom *d, const djs_markdown_options *options, const uint8_t *text,
                                    size_t n, size_t (*size)(void *), void *state) {
    const djs_edits *edits;
    djs_markdown *md = djs_markdown_new(options);
    if (!md) return DJS_ENOMEM;
    djs_status status = DJS_OK;
    for (size_t at = 0; at < n && !status;) {
        size_t piece = size(state);
        if (piece > n - at) piece = n - at;
        status = djs_markdown_feed(md, text + at, piece);
        if (!status) status = djs_markdown_frame(md, &edits);
        if (!status) dom_apply(d, edits);
        at += piece;
    }
    if (!status) status = djs_markdown_finish(md, &edits);
    if (!status) dom_apply(d, edits);
    djs_markdown_free(md);
    return status;
}

/* The page that the whole text makes. */
static inline djs_status dom_whole(dom *d, const djs_markdown_options *options, const uint8_t *text, size_t n,
                                   bool partial) {
    djs_buf html = {0};
    djs_status status = djs_markdown_render(options, text, n, partial, &html);
    if (!status) dom_parse(d, &d->root, html.ptr, html.len);
    djs_buf_free(&html);
    return status;
}

static inline bool dom_equal(const dom *a, const dom *b) {
    djs_buf left = {0}, right = {0};
    dom_html(a, &left);
    dom_html(b, &right);
    bool equal = !a->broken && !b->broken && left.len == right.len &&
                 (!left.len || !memcmp(left.ptr, right.ptr, left.len));
    djs_buf_free(&left);
    djs_buf_free(&right);
    return equal;
}

#endif
