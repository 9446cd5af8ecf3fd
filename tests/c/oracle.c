/* The oracle: cmark-gfm's one-shot parse, and our rules of safety written a second time.
 *
 * SPDX-License-Identifier: MIT */
#include "oracle.h"
#include <stdlib.h>
#include <string.h>
#include <cmark-gfm.h>
#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm-extension_api.h>
#include <node.h>
#include <houdini.h>

typedef struct {
    cmark_strbuf out;
    bool show_images, dir_auto;
} page;

static void put(page *p, const char *text) { cmark_strbuf_puts(&p->out, text); }

/* cmark-gfm writes U+FFFE and U+FFFF as one byte each. */
static void put_text(page *p, const char *text, bool attribute) {
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '&') put(p, "&amp;");
        else if (c == '<') put(p, "&lt;");
        else if (c == '>') put(p, "&gt;");
        else if (c == '"' && attribute) put(p, "&quot;");
        else if (c >= 0xFE) put(p, c == 0xFE ? "\xEF\xBF\xBE" : "\xEF\xBF\xBF");
        else cmark_strbuf_putc(&p->out, c);
    }
}

static void put_url(page *p, const char *url) {
    cmark_strbuf whole = CMARK_BUF_INIT(cmark_get_default_mem_allocator());
    for (; *url; url++) {
        unsigned char c = (unsigned char)*url;
        if (c >= 0xFE) cmark_strbuf_puts(&whole, c == 0xFE ? "\xEF\xBF\xBE" : "\xEF\xBF\xBF");
        else cmark_strbuf_putc(&whole, c);
    }
    if (whole.size) houdini_escape_href(&p->out, whole.ptr, whole.size);
    cmark_strbuf_free(&whole);
}

/* http, https, mailto or relative, as a browser reads it. */
static bool is_allowed(const char *url) {
    static const char *const schemes[] = {"http", "https", "mailto"};
    char scheme[16] = "";
    size_t n = 0;
    for (; *url; url++) {
        char c = *url;
        if (c == '\t' || c == '\n' || c == '\r' || (!n && (unsigned char)c <= ' ')) continue;
        if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
        if (c == ':') break;
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("+-.", c))) return true;
        if (n < sizeof scheme - 1) scheme[n++] = c;
    }
    if (!*url) return true;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (!strcmp(schemes[i], scheme)) return true;
    return false;
}

/* ---- inlines ---- */

static void put_plain(page *p, cmark_node *root, bool attribute) {
    for (cmark_node *node = cmark_node_first_child(root); node; node = cmark_node_next(node)) {
        cmark_node_type type = cmark_node_get_type(node);
        if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK) put(p, " ");
        else if (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE || type == CMARK_NODE_HTML_INLINE)
            put_text(p, cmark_node_get_literal(node), attribute);
        else put_plain(p, node, attribute);
    }
}

static void open_link(page *p, cmark_node *node) {
    const char *title = cmark_node_get_title(node);
    put(p, "<a href=\"");
    put_url(p, cmark_node_get_url(node));
    if (title && *title) {
        put(p, "\" title=\"");
        put_text(p, title, true);
    }
    put(p, "\" rel=\"nofollow noopener noreferrer\">");
}

static void put_image(page *p, cmark_node *node, bool in_link) {
    const char *title = cmark_node_get_title(node);
    bool allowed = is_allowed(cmark_node_get_url(node));
    if (allowed && p->show_images) {
        put(p, "<img src=\"");
        put_url(p, cmark_node_get_url(node));
        put(p, "\" alt=\"");
        put_plain(p, node, true);
        if (title && *title) {
            put(p, "\" title=\"");
            put_text(p, title, true);
        }
        put(p, "\">");
        return;
    }
    if (allowed && !in_link) open_link(p, node);
    put_plain(p, node, false);
    if (allowed && !in_link) put(p, "</a>");
}

static void put_inlines(page *p, cmark_node *parent, bool in_link, bool in_strong) {
    for (cmark_node *node = cmark_node_first_child(parent); node; node = cmark_node_next(node)) {
        cmark_node_type type = cmark_node_get_type(node);
        const char *close = "";
        bool linked = in_link, strong = type == CMARK_NODE_STRONG;
        if (type == CMARK_NODE_TEXT || type == CMARK_NODE_HTML_INLINE) {
            put_text(p, cmark_node_get_literal(node), false);
        } else if (type == CMARK_NODE_CODE) {
            put(p, "<code>");
            put_text(p, cmark_node_get_literal(node), false);
            put(p, "</code>");
        } else if (type == CMARK_NODE_SOFTBREAK) {
            put(p, "\n");
        } else if (type == CMARK_NODE_LINEBREAK) {
            put(p, "<br>");
        } else if (type == CMARK_NODE_IMAGE) {
            put_image(p, node, in_link);
            continue;
        } else if (type == CMARK_NODE_EMPH) {
            put(p, "<em>");
            close = "</em>";
        } else if (strong && !in_strong) {
            put(p, "<strong>");
            close = "</strong>";
        } else if (type == CMARK_NODE_LINK && !in_link && is_allowed(cmark_node_get_url(node))) {
            open_link(p, node);
            close = "</a>";
            linked = true;
        } else if (!strcmp(cmark_node_get_type_string(node), "strikethrough")) {
            put(p, "<del>");
            close = "</del>";
        }
        linked |= type == CMARK_NODE_LINK;
        put_inlines(p, node, linked, strong);
        put(p, close);
    }
}

/* ---- blocks ---- */

static void put_start(page *p, const char *tag) {
    put(p, tag);
    put(p, p->dir_auto ? " dir=\"auto\">" : ">");
}

static void put_code(page *p, cmark_node *node) {
    const char *info = cmark_node_get_fence_info(node);
    size_t n = strcspn(info, " \t\n\v\f\r"), plain = 0;
    while (plain < n && ((unsigned char)info[plain] >= 0x80 || strchr("_+#.-", info[plain]) ||
                         (info[plain] >= '0' && info[plain] <= '9') ||
                         ((info[plain] | 32) >= 'a' && (info[plain] | 32) <= 'z')))
        plain++;
    put(p, "<pre><code");
    if (n && n == plain && n <= 64) {
        char word[65] = "";
        memcpy(word, info, n);
        put(p, " class=\"language-");
        put_text(p, word, true);
        put(p, "\"");
    }
    put(p, ">");
    put_text(p, cmark_node_get_literal(node), false);
    put(p, "</code></pre>");
}

static void put_blocks(page *p, cmark_node *parent, bool tight);

static void put_table(page *p, cmark_node *table) {
    bool body = false;
    put_start(p, "<table");
    for (cmark_node *row = cmark_node_first_child(table); row; row = cmark_node_next(row)) {
        bool header = cmark_gfm_extensions_get_table_row_is_header(row);
        const uint8_t *align = cmark_gfm_extensions_get_table_alignments(table);
        if (!header && !body) put(p, "<tbody>");
        body |= !header;
        put(p, header ? "<thead><tr>" : "<tr>");
        for (cmark_node *cell = cmark_node_first_child(row); cell; cell = cmark_node_next(cell), align++) {
            put(p, header ? "<th" : "<td");
            if (*align)
                put(p, *align == 'l'   ? " align=\"left\""
                       : *align == 'r' ? " align=\"right\""
                                       : " align=\"center\"");
            put(p, ">");
            put_inlines(p, cell, false, false);
            put(p, header ? "</th>" : "</td>");
        }
        put(p, header ? "</tr></thead>" : "</tr>");
    }
    put(p, body ? "</tbody></table>" : "</table>");
}

static void put_item(page *p, cmark_node *item, bool tight) {
    put(p, "<li>");
    if (!strcmp(cmark_node_get_type_string(item), "tasklist")) {
        put(p, cmark_gfm_extensions_get_tasklist_item_checked(item)
                   ? "<input type=\"checkbox\" checked=\"\" disabled=\"\">"
                   : "<input type=\"checkbox\" disabled=\"\">");
        if (tight) put(p, " ");
    }
    put_blocks(p, item, tight);
    put(p, "</li>");
}

static void put_list(page *p, cmark_node *list) {
    char start[32] = "";
    bool bullets = cmark_node_get_list_type(list) == CMARK_BULLET_LIST;
    if (!bullets && cmark_node_get_list_start(list) != 1)
        (void)snprintf(start, sizeof start, " start=\"%d\"", cmark_node_get_list_start(list));
    put(p, bullets ? "<ul" : "<ol");
    put_start(p, start);
    for (cmark_node *item = cmark_node_first_child(list); item; item = cmark_node_next(item))
        put_item(p, item, cmark_node_get_list_tight(list));
    put(p, bullets ? "</ul>" : "</ol>");
}

/* tight: the parent is an item of a tight list, whose paragraphs have no element. */
static void put_blocks(page *p, cmark_node *parent, bool tight) {
    for (cmark_node *node = cmark_node_first_child(parent); node; node = cmark_node_next(node)) {
        cmark_node_type type = cmark_node_get_type(node);
        char heading[] = "<h0", heading_end[] = "</h0>";
        if (type == CMARK_NODE_PARAGRAPH) {
            if (!tight) put_start(p, "<p");
            put_inlines(p, node, false, false);
            if (!tight) put(p, "</p>");
        } else if (type == CMARK_NODE_HEADING) {
            heading[2] = heading_end[3] = (char)('0' + cmark_node_get_heading_level(node));
            put_start(p, heading);
            put_inlines(p, node, false, false);
            put(p, heading_end);
        } else if (type == CMARK_NODE_BLOCK_QUOTE) {
            put_start(p, "<blockquote");
            put_blocks(p, node, false);
            put(p, "</blockquote>");
        } else if (type == CMARK_NODE_LIST) {
            put_list(p, node);
        } else if (type == CMARK_NODE_THEMATIC_BREAK) {
            put(p, "<hr>");
        } else if (type == CMARK_NODE_CODE_BLOCK) {
            put_code(p, node);
        } else if (type == CMARK_NODE_HTML_BLOCK) {
            put_start(p, "<p");
            put_text(p, cmark_node_get_literal(node), false);
            put(p, "</p>");
        } else {
            put_table(p, node);
        }
    }
}

char *oracle_html(const char *text, size_t n, bool show_images, bool dir_auto, size_t *length) {
    static const char *const names[] = {"table", "strikethrough", "autolink", "tasklist"};
    page p = {.out = CMARK_BUF_INIT(cmark_get_default_mem_allocator()),
              .show_images = show_images,
              .dir_auto = dir_auto};
    cmark_gfm_core_extensions_ensure_registered();
    cmark_parser *parser = cmark_parser_new(CMARK_OPT_DEFAULT);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension(names[i]));
    cmark_parser_feed(parser, text, n);
    cmark_node *document = cmark_parser_finish(parser);
    put_blocks(&p, document, false);
    cmark_node_free(document);
    cmark_parser_free(parser);
    *length = (size_t)p.out.size;
    return (char *)cmark_strbuf_detach(&p.out);
}
