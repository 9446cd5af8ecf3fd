/* A cmark tree as HTML.
 *
 * The law: the output is well-formed, and holds no element, attribute or URL
 * scheme but those named here, whatever the tree holds. As a DOM it equals
 * what cmark_render_html makes of the same tree, but for: raw HTML (text), URLs
 * that are not allowed (the link's text stays), images (links, unless shown),
 * rel and dir.
 *
 * Checked by: tests/test_markdown_spec.py, tests/test_markdown_safe.py.
 *
 * SPDX-License-Identifier: MIT */
#include "render_html.h"
#include "alert.h"
#include "complete.h"
#include "memory.h"
#include "notes.h"
#include "url.h"
#include <cmark_ctype.h>
#include <houdini.h>

int djs_render_syntax(const djs_render_options *options) {
    return (options->alerts ? DJS_OPT_ALERTS : 0) | (options->cjk_emphasis ? DJS_OPT_CJK : 0) |
           (options->math ? DJS_OPT_MATH : 0) | (options->footnotes ? CMARK_OPT_FOOTNOTES : 0);
}

static void lit(djs_render *r, const char *html) {
    djs_buf_put(r->out, html, strlen(html));
    r->mark = r->out->len;
}

static void closing(djs_render *r, const char *tag) { djs_buf_put(r->out, tag, strlen(tag)); }

/* cmark-gfm 0.29.0.gfm.13 encodes U+FFFE and U+FFFF as the single bytes FE and
 * FF, which no valid UTF-8 contains. Input is valid, so they can only be these. */
static void put_mended(djs_buf *out, const uint8_t *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (text[i] >= 0xFE) {
            djs_buf_put(out, text, i);
            djs_buf_put(out, text[i] == 0xFE ? "\xEF\xBF\xBE" : "\xEF\xBF\xBF", 3);
            text += i + 1;
            n -= i + 1;
            i = (size_t)-1;
        }
    djs_buf_put(out, text, n);
}

static const char *const entity[256] = {['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;"};

void djs_text_html(djs_buf *out, const uint8_t *text, size_t n) {
    static const bool odd[256] = {['&'] = true, ['<'] = true, ['>'] = true, [0xFE] = true, [0xFF] = true};
    for (size_t i = 0;; i++) {
        size_t from = i;
        while (i < n && !odd[text[i]]) i++;
        djs_buf_put(out, text + from, i - from);
        if (i >= n) return;
        if (text[i] >= 0xFE) put_mended(out, text + i, 1);
        else djs_buf_put(out, entity[text[i]], strlen(entity[text[i]]));
    }
}

void djs_render_text(djs_render *r, const uint8_t *text, size_t n) {
    if (!n) return;
    djs_text_html(r->out, text, n);
    r->mark = r->out->len;
}

static void attribute_text(djs_render *r, const uint8_t *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"') djs_buf_lit(r->out, "&quot;");
        else if (entity[text[i]]) djs_buf_put(r->out, entity[text[i]], strlen(entity[text[i]]));
        else put_mended(r->out, text + i, 1);
    }
}

/* ---- URLs ---- */

static bool url_allowed(const cmark_chunk *address) {
    djs_url state = {0};
    djs_url_feed(&state, address->data, (size_t)address->len, 1, false);
    return djs_url_end(&state);
}

/* The address as it goes into an attribute: percent-encoded, & and ' as entities. */
static cmark_strbuf escaped(djs_render *r, const cmark_chunk *chunk) {
    cmark_strbuf href = CMARK_BUF_INIT(r->parser->mem);
    for (bufsize_t from = 0, i = 0; i <= chunk->len; i++) {
        if (i < chunk->len && chunk->data[i] < 0xFE) continue;
        if (i > from) houdini_escape_href(&href, chunk->data + from, i - from);
        if (i < chunk->len) cmark_strbuf_puts(&href, chunk->data[i] == 0xFE ? "%EF%BF%BE" : "%EF%BF%BF");
        from = i + 1; /* see put_mended */
    }
    return href;
}

static void url(djs_render *r, const cmark_chunk *chunk) {
    cmark_strbuf href = escaped(r, chunk);
    djs_buf_put(r->out, href.ptr, (size_t)href.size);
    cmark_strbuf_free(&href);
}

/* The same as a browser has it, without entities. */
static cmark_strbuf href_of(djs_render *r, const cmark_chunk *chunk) {
    cmark_strbuf href = escaped(r, chunk);
    bufsize_t to = 0;
    for (bufsize_t i = 0; i < href.size; i++) {
        uint8_t c = href.ptr[i];
        if (c == '&' && href.ptr[i + 1] == 'a') i += 4; /* &amp; */
        else if (c == '&') c = '\'', i += 5;            /* &#x27; */
        href.ptr[to++] = c;
    }
    href.size = to;
    return href;
}

/* What is to take the place of the address, if anything; false: the link goes. */
static bool rewrite(djs_render *r, cmark_chunk *address) {
    const djs_links *links = r->options->links;
    cmark_strbuf href = href_of(r, address);
    djs_address parts = djs_address_of(href.ptr, (size_t)href.size);
    size_t key = djs_address_find(&parts, links->keys, links->n);
    if (key == links->n) return true;
    const djs_buf *out;
    djs_memory *memory = djs_memory_pause(); /* it may render, too */
    bool linked = links->rewrite(links->context, key, href.ptr, (size_t)href.size, &out);
    djs_memory_resume(memory);
    if (linked) *address = (cmark_chunk){out->ptr, (bufsize_t)out->len, 0};
    return linked;
}

static bool in_link(const cmark_node *node);

/* Begins a link, if there may be one: a link cannot stand in a link. */
static bool link_open(djs_render *r, const cmark_node *node) {
    cmark_chunk address = node->as.link.url;
    if (in_link(node)) return false;
    if (node->flags & CMARK_NODE__OPEN) { /* its destination is still to come */
        lit(r, "<a href=\"#\">");
        return true;
    }
    if ((r->options->links && !rewrite(r, &address)) || !url_allowed(&address)) return false;
    lit(r, "<a href=\"");
    url(r, &address);
    if (node->as.link.title.len) {
        djs_buf_lit(r->out, "\" title=\"");
        attribute_text(r, node->as.link.title.data, (size_t)node->as.link.title.len);
    }
    lit(r, "\" rel=\"" DJS_LINK_REL "\">");
    return true;
}

/* ---- inlines ---- */

static const cmark_chunk *literal_of(const cmark_node *node) {
    return node->type == CMARK_NODE_CUSTOM_INLINE ? &node->as.custom.on_enter : &node->as.literal;
}

/* The text of a subtree, without recursion: nesting has no limit here. */
static void plain(djs_render *r, const cmark_node *root, bool attribute) {
    const cmark_node *node = root->first_child;
    while (node) {
        const cmark_chunk *text = literal_of(node);
        if (node->type == CMARK_NODE_TEXT || node->type == CMARK_NODE_CODE ||
            node->type == CMARK_NODE_HTML_INLINE || node->type == CMARK_NODE_CUSTOM_INLINE) {
            if (attribute) attribute_text(r, text->data, (size_t)text->len);
            else djs_render_text(r, text->data, (size_t)text->len);
        } else if (node->type == CMARK_NODE_SOFTBREAK || node->type == CMARK_NODE_LINEBREAK) {
            lit(r, " ");
        }
        if (node->first_child) {
            node = node->first_child;
            continue;
        }
        while (node != root && !node->next) node = node->parent;
        if (node == root) return;
        node = node->next;
    }
}

/* A link cannot stand in a link; an image's alternative text stays as text there. */
static bool in_link(const cmark_node *node) {
    while ((node = node->parent))
        if (node->type == CMARK_NODE_LINK) return true;
    return false;
}

static bool image_shown(djs_render *r, const cmark_chunk *address) {
    if (r->options->images != DJS_IMAGES_HOSTS) return r->options->images == DJS_IMAGES_SHOW;
    cmark_strbuf href = href_of(r, address);
    djs_address parts = djs_address_of(href.ptr, (size_t)href.size);
    return djs_address_find(&parts, r->options->hosts, r->options->hosts_n) < r->options->hosts_n;
}

static void image(djs_render *r, const cmark_node *node) {
    if (url_allowed(&node->as.link.url) && image_shown(r, &node->as.link.url)) {
        lit(r, "<img src=\"");
        url(r, &node->as.link.url);
        djs_buf_lit(r->out, "\" alt=\"");
        plain(r, node, true);
        if (node->as.link.title.len) {
            djs_buf_lit(r->out, "\" title=\"");
            attribute_text(r, node->as.link.title.data, (size_t)node->as.link.title.len);
        }
        lit(r, "\">");
        return;
    }
    bool linked = link_open(r, node);
    plain(r, node, false);
    if (linked) closing(r, "</a>");
}

static void inline_children(djs_render *r, cmark_node *parent);

static void element(djs_render *r, cmark_node *node, const char *open, const char *close) {
    lit(r, open);
    inline_children(r, node);
    closing(r, close);
}

static const char math_inline[] = "<span class=\"math math-inline\">";
static const char math_display[] = "<span class=\"math math-display\">";

static void inline_node(djs_render *r, cmark_node *node) {
    const cmark_chunk *text = literal_of(node);
    if (node->type == CMARK_NODE_STRIKETHROUGH) {
        element(r, node, "<del>", "</del>");
        return;
    }
    switch (node->type) {
    case CMARK_NODE_TEXT:
    case CMARK_NODE_HTML_INLINE: djs_render_text(r, text->data, (size_t)text->len); break;
    case CMARK_NODE_SOFTBREAK: lit(r, r->options->breaks ? "<br>" : "\n"); break;
    case CMARK_NODE_LINEBREAK: lit(r, "<br>"); break;
    case CMARK_NODE_CODE:
        lit(r, "<code>");
        djs_render_text(r, text->data, (size_t)text->len);
        closing(r, "</code>");
        break;
    case CMARK_NODE_CUSTOM_INLINE: /* mathematics; $$ and \[ display it */
        lit(r, node->as.custom.on_exit.len == 2 && node->as.custom.on_exit.data[1] != '(' ? math_display
                                                                                          : math_inline);
        djs_render_text(r, text->data, (size_t)text->len);
        closing(r, "</span>");
        break;
    case CMARK_NODE_EMPH: element(r, node, "<em>", "</em>"); break;
    case CMARK_NODE_STRONG: /* strong right in strong is one, as in cmark-gfm */
        if (node->parent->type == CMARK_NODE_STRONG) inline_children(r, node);
        else element(r, node, "<strong>", "</strong>");
        break;
    case CMARK_NODE_IMAGE: image(r, node); break;
    case CMARK_NODE_FOOTNOTE_REFERENCE: djs_notes_reference(r, node, in_link(node)); break;
    case CMARK_NODE_LINK:
        if (!link_open(r, node)) {
            inline_children(r, node);
            break;
        }
        inline_children(r, node);
        closing(r, "</a>");
        break;
    default: inline_children(r, node); break;
    }
}

static void inline_children(djs_render *r, cmark_node *parent) {
    if (r->inlines == DJS_MAX_NESTING) {
        plain(r, parent, false);
        return;
    }
    r->inlines++;
    for (cmark_node *child = parent->first_child; child; child = child->next) inline_node(r, child);
    r->inlines--;
}

/* What the parser's extensions do after the whole document: e-mail addresses. */
static void postprocess(djs_render *r, cmark_node *leaf) {
    for (cmark_llist *e = r->parser->syntax_extensions; e; e = e->next) {
        cmark_syntax_extension *extension = e->data;
        if (extension->postprocess_func) {
            cmark_consolidate_text_nodes(leaf);
            extension->postprocess_func(extension, r->parser, leaf);
        }
    }
}

size_t djs_render_told(const djs_render *r, const cmark_node *paragraph) {
    const uint8_t *text = paragraph->content.ptr;
    size_t n = (size_t)paragraph->content.size;
    if (paragraph != r->tail || r->raw || paragraph->type != CMARK_NODE_PARAGRAPH) return n;
    if (djs_cmark_may_define(r->parser->mem, text, n, NULL)) return 0;
    return djs_header_told(text, n);
}

/* Parses and renders; returns where the part that is not firm begins. */
static size_t inlines(djs_render *r, djs_inlines *in, cmark_map *map) {
    /* The inline nodes hang on leaves of their own, in scratch memory: the live one stays as it is. */
    cmark_node *firm = cmark_node_new_with_mem(CMARK_NODE_PARAGRAPH, r->parser->mem), *rest = firm;
    in->link_images = r->options->images == DJS_IMAGES_LINK;
    ((djs_refmap *)map)->text = in->text;
    ((djs_refmap *)map)->position = r->position + in->before;
    in->footnotes = r->notes;
    djs_cmark_inlines(r->parser, firm, in, map);
    if (r->notes) r->notes->firm = djs_notes_uses(r->notes, true);
    if (in->last) {
        rest = cmark_node_new_with_mem(CMARK_NODE_PARAGRAPH, r->parser->mem);
        rest->first_child = in->last->next;
        rest->last_child = rest->first_child ? firm->last_child : NULL;
        if (rest->first_child) rest->first_child->prev = NULL;
        for (cmark_node *child = rest->first_child; child; child = child->next) child->parent = rest;
        in->last->next = NULL;
        firm->last_child = in->last;
    }
    bool addresses = in->n && (memchr(in->text, '@', in->n) || memchr(in->text, '&', in->n));
    if (rest != firm) {
        if (in->references) djs_notes_resolve(r, firm);
        if (r->notes) r->notes->firm = djs_notes_uses(r->notes, true);
        if (addresses) postprocess(r, firm);
        inline_children(r, firm);
    }
    size_t split = r->out->len;
    if (in->references || r->run) djs_notes_resolve(r, rest);
    if (addresses) postprocess(r, rest);
    inline_children(r, rest);
    return split;
}

size_t djs_render_split(djs_render *r, djs_inlines *in) { return inlines(r, in, r->map); }

void djs_render_inlines(djs_render *r, cmark_node *node) {
    djs_refmap *map = (djs_refmap *)(node == r->tail && r->tail_map ? r->tail_map : r->map);
    if (node == r->tail && map->misses) djs_buf_clear(map->misses);
    djs_inlines in = {
        .text = node->content.ptr, .n = djs_render_told(r, node), .unfinished = node == r->tail && !r->raw};
    r->leaf_at = r->out->len;
    if (r->notes) r->leaf_uses = djs_notes_uses(r->notes, false);
    size_t split = inlines(r, &in, &map->base);
    if (node == r->tail) {
        r->tail_inlines = in;
        r->tail_firm = split;
    }
    if (r->on_leaf) r->on_leaf(r, node);
    r->position += (size_t)node->content.size;
}

/* ---- ids of headings ---- */

/* Would this id, or the same with a number after it, be one that footnotes have? */
static bool is_of_notes(const djs_render *r, const cmark_strbuf *slug) {
    static const char *const kinds[] = {"fn-", "fnref-"};
    const char *parts[] = {r->options->heading_ids, (const char *)slug->ptr, "-"};
    for (size_t k = 0; k < 2; k++) {
        const char *want[] = {r->options->footnotes, kinds[k]};
        size_t part = 0, w = 0, i = 0, j = 0;
        for (;;) {
            while (w < 2 && !want[w][j]) w++, j = 0;
            if (w == 2) return true;
            while (part < 3 && !parts[part][i]) part++, i = 0;
            if (part == 3 || parts[part][i++] != want[w][j++]) break;
        }
    }
    return false;
}

/* The same whether a label in the heading is defined, now or later: every label counts as defined, and
 * references to footnotes as nothing. */
static cmark_strbuf slug_of(djs_render *r, cmark_node *heading) {
    djs_refmap any = {.base = {.mem = r->parser->mem}, .any = true, .notes = r->notes};
    djs_inlines in = {
        .text = heading->content.ptr, .n = (size_t)heading->content.size, .footnotes = r->notes};
    cmark_node *root = cmark_node_new_with_mem(CMARK_NODE_PARAGRAPH, r->parser->mem), *node = root;
    cmark_strbuf slug = CMARK_BUF_INIT(r->parser->mem);
    djs_cmark_inlines(r->parser, root, &in, &any.base);
    while (node) {
        const cmark_chunk *text = &node->as.literal;
        if (node->type == CMARK_NODE_TEXT || node->type == CMARK_NODE_CODE)
            djs_slug_add(&slug, text->data, (size_t)text->len);
        else if (node->type == CMARK_NODE_SOFTBREAK || node->type == CMARK_NODE_LINEBREAK)
            djs_slug_add(&slug, (const uint8_t *)" ", 1);
        if (node->first_child && node->type != CMARK_NODE_IMAGE) {
            node = node->first_child;
            continue;
        }
        while (node != root && !node->next) node = node->parent;
        node = node == root ? NULL : node->next;
    }
    if (r->notes && is_of_notes(r, &slug)) {
        cmark_strbuf other = CMARK_BUF_INIT(r->parser->mem);
        cmark_strbuf_puts(&other, "h-");
        cmark_strbuf_put(&other, slug.ptr, slug.size);
        return other;
    }
    return slug;
}

static void take_id(djs_render *r, cmark_node *heading) {
    cmark_strbuf slug = slug_of(r, heading);
    r->id = djs_slugs_number(r->slugs, slug.ptr, (size_t)slug.size);
    if (r->slugs->table.status) r->out->status = r->slugs->table.status;
}

/* An element at the end of the heading, not an attribute of it: the id is known when its line has ended, and
 * by then the heading is on the page. */
void djs_render_anchor(djs_render *r, cmark_node *heading, uint32_t id) {
    cmark_strbuf slug = slug_of(r, heading);
    lit(r, "<span id=\"");
    lit(r, r->options->heading_ids);
    djs_buf_put(r->out, slug.ptr, (size_t)slug.size);
    if (id > 1) {
        djs_buf_byte(r->out, '-');
        djs_buf_uint(r->out, id - 1);
    }
    lit(r, "\">");
    closing(r, "</span>");
}

/* ---- blocks ---- */

/* Info strings become a class only when they are a plain word. */
static void code_open(djs_render *r, const cmark_node *node) {
    const cmark_chunk *info = &node->as.code.info;
    bufsize_t n = 0;
    lit(r, "<pre><code");
    while (n < info->len && !cmark_isspace(info->data[n])) {
        uint8_t c = info->data[n];
        if (c < 0x80 && !cmark_isalnum(c) && !strchr("_+#.-", c)) {
            n = 0;
            break;
        }
        n++;
    }
    if (n && n <= 64) {
        djs_buf_lit(r->out, " class=\"language-");
        put_mended(r->out, info->data, (size_t)n);
        djs_buf_byte(r->out, '"');
    }
    lit(r, ">");
}

bool djs_after_note(const cmark_node *block) {
    if (block->type != CMARK_NODE_PARAGRAPH) return false;
    return block->footnote.def_count || (block->prev && block->prev->type == CMARK_NODE_FOOTNOTE_DEFINITION);
}

/* Is the paragraph in a tight list, where it has no element of its own? After a definition it has one, or it
 * would be one text with what stands before that. */
static bool bare(const djs_render *r, const cmark_node *paragraph) {
    if (r->nesting > DJS_MAX_NESTING || djs_after_note(paragraph)) return false;
    const cmark_node *list = paragraph->parent ? paragraph->parent->parent : NULL;
    return list && list->type == CMARK_NODE_LIST && list->as.list.tight;
}

static void start(djs_render *r, const char *tag) {
    lit(r, tag);
    lit(r, r->options->dir_auto ? " dir=\"auto\">" : ">");
}

/* The classes are GitHub's, so that its styles fit. A div, because it quotes nobody. */
static void alert_open(djs_render *r, const djs_alert *alert) {
    lit(r, "<div class=\"markdown-alert markdown-alert-");
    lit(r, alert->marker);
    start(r, "\" role=\"note\"");
    start(r, "<p class=\"markdown-alert-title\"");
    lit(r, alert->title);
    closing(r, "</p>");
}

static const char *const heading_open[] = {"<h1", "<h2", "<h3", "<h4", "<h5", "<h6"};
static const char *const heading_close[] = {"</h1>", "</h2>", "</h3>", "</h4>", "</h5>", "</h6>"};

static bool container(const cmark_node *node) {
    return node->type == CMARK_NODE_BLOCK_QUOTE || node->type == CMARK_NODE_LIST ||
           node->type == CMARK_NODE_ITEM;
}

void djs_render_open(djs_render *r, cmark_node *node) {
    if (container(node) && r->nesting++ >= DJS_MAX_NESTING) return;
    switch (node->type) {
    case CMARK_NODE_BLOCK_QUOTE:
        if (djs_alert_of(node)) alert_open(r, djs_alert_of(node));
        else start(r, "<blockquote");
        break;
    case CMARK_NODE_LIST:
        if (node->as.list.list_type == CMARK_BULLET_LIST) {
            start(r, "<ul");
        } else {
            lit(r, "<ol");
            if (node->as.list.start != 1) {
                djs_buf_lit(r->out, " start=\"");
                djs_buf_uint(r->out, (uint64_t)node->as.list.start);
                djs_buf_byte(r->out, '"');
            }
            start(r, "");
        }
        break;
    case CMARK_NODE_ITEM:
        lit(r, "<li>");
        if (node->extension) lit(r, node->as.list.checked ? DJS_CHECKED : DJS_UNCHECKED);
        /* The space belongs to the text that follows in a tight item; before a <p> it means nothing. */
        if (node->extension && node->parent->as.list.tight) lit(r, " ");
        break;
    case CMARK_NODE_HEADING: start(r, heading_open[node->as.heading.level - 1]); break;
    case CMARK_NODE_CODE_BLOCK:
        if (djs_cmark_is_math(node)) lit(r, "<p>"), lit(r, math_display);
        else code_open(r, node);
        break;
    case CMARK_NODE_HTML_BLOCK: start(r, "<p"); break;
    case CMARK_NODE_PARAGRAPH:
        if (!bare(r, node)) start(r, "<p");
        break;
    default:
        if (node->type == CMARK_NODE_TABLE) start(r, "<table");
        break;
    }
}

void djs_render_close(djs_render *r, const cmark_node *node, bool body) {
    if (container(node) && --r->nesting >= DJS_MAX_NESTING) return;
    switch (node->type) {
    case CMARK_NODE_BLOCK_QUOTE: closing(r, djs_alert_of(node) ? "</div>" : "</blockquote>"); break;
    case CMARK_NODE_LIST: closing(r, node->as.list.list_type == CMARK_BULLET_LIST ? "</ul>" : "</ol>"); break;
    case CMARK_NODE_ITEM: closing(r, "</li>"); break;
    case CMARK_NODE_HEADING: closing(r, heading_close[node->as.heading.level - 1]); break;
    case CMARK_NODE_CODE_BLOCK: closing(r, djs_cmark_is_math(node) ? "</span></p>" : "</code></pre>"); break;
    case CMARK_NODE_HTML_BLOCK: closing(r, "</p>"); break;
    case CMARK_NODE_PARAGRAPH:
        if (!bare(r, node)) closing(r, "</p>");
        break;
    default:
        if (node->type == CMARK_NODE_TABLE) {
            if (body) closing(r, "</tbody>");
            closing(r, "</table>");
        }
        break;
    }
}

void djs_render_cell(djs_render *r, bool header, uint8_t align) {
    lit(r, header ? "<th" : "<td");
    if (align)
        lit(r, align == 'l' ? " align=\"left\"" : align == 'r' ? " align=\"right\"" : " align=\"center\"");
    lit(r, ">");
}

void djs_render_row(djs_render *r, cmark_node *row, bool *body) {
    bool header = cmark_gfm_extensions_get_table_row_is_header(row);
    if (header) lit(r, "<thead>");
    else if (!*body) {
        lit(r, "<tbody>");
        *body = true;
    }
    lit(r, "<tr>");
    uintptr_t index = 0;
    for (cmark_node *cell = row->first_child; cell; cell = cell->next) {
        cell->user_data = (void *)index++;
        /* A row that is still growing has no padding cells yet. */
        bool padding = !header && cell->start_column == 0;
        if (padding && r->tail && r->tail->parent == row) break;
        djs_render_cell(r, header, djs_cmark_alignment(cell));
        djs_render_inlines(r, cell);
        closing(r, header ? "</th>" : "</td>");
    }
    closing(r, header ? "</tr></thead>" : "</tr>");
}

/* The newline of a line that has not ended yet is not part of it. */
void djs_render_literal(djs_render *r, const cmark_node *node) {
    const cmark_chunk *text =
        node->type == CMARK_NODE_CODE_BLOCK ? &node->as.code.literal : &node->as.literal;
    size_t n = (size_t)text->len;
    if (node == r->tail && n && text->data[n - 1] == '\n') n--;
    djs_render_text(r, text->data, n);
}

void djs_render_block(djs_render *r, cmark_node *node) {
    bool body = false;
    size_t before = r->out->len, mark = r->mark;
    if (node->type == CMARK_NODE_THEMATIC_BREAK) {
        lit(r, "<hr>");
        return;
    }
    if (node->type == CMARK_NODE_FOOTNOTE_DEFINITION) {
        djs_notes_collect(r, node);
        return;
    }
    djs_render_open(r, node);
    size_t inside = r->out->len;
    if (node == r->tail) {
        r->tail_start = before;
        r->tail_inside = inside;
    }
    if (djs_cmark_has_inlines(node)) {
        bool heading = r->slugs && node->type == CMARK_NODE_HEADING && node != r->tail;
        if (heading) take_id(r, node);
        djs_render_inlines(r, node);
        if (heading && r->id) djs_render_anchor(r, node, r->id);
        r->id = 0;
    } else if (node->type == CMARK_NODE_CODE_BLOCK || node->type == CMARK_NODE_HTML_BLOCK) {
        djs_render_literal(r, node);
    } else {
        uintptr_t index = node->type == CMARK_NODE_BLOCK_QUOTE && djs_alert_of(node); /* its title */
        for (cmark_node *child = node->first_child; child; child = child->next) {
            if (child->type != CMARK_NODE_FOOTNOTE_DEFINITION) child->user_data = (void *)index++;
            if (child->type == CMARK_NODE_TABLE_ROW) djs_render_row(r, child, &body);
            else djs_render_block(r, child);
        }
    }
    if (node == r->tail && r->out->len == inside && !r->raw) { /* nothing can be told yet: no empty element */
        djs_buf_cut(r->out, before);
        r->mark = mark;
        return;
    }
    djs_render_close(r, node, body);
}
