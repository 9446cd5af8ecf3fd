/* What cmark-gfm, as it is published, makes of a document under our safety rules: Markdown on stdin, HTML
 * on stdout. The tree is cmark-gfm's, and so is the HTML; in between,
 *
 *     raw HTML              becomes text, a block of it a paragraph
 *     an image              becomes a link with its alternative text; in a link that text alone
 *     a link to somewhere   other than http, https, mailto or a relative place becomes what it holds
 *
 * With the argument "images" images stay. None of our code has a part in it: what our engine shows is
 * compared with this (record.py).
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <buffer.h>
#include <cmark-gfm.h>
#include <cmark-gfm-core-extensions.h>
#include <parser.h>

/* Would a browser go somewhere with it that we do not allow? It skips what is below "!" in front, and line
 * ends and tabs anywhere. */
static bool refused(const char *url) {
    char scheme[8] = "";
    size_t n = 0;
    while (*url && (unsigned char)*url <= ' ') url++;
    for (; *url && !strchr(":/?#", *url); url++) {
        if (strchr("\t\r\n", *url)) continue;
        if (n < sizeof scheme - 1) scheme[n] = *url;
        n++;
    }
    if (*url != ':') return false;
    return n >= sizeof scheme ||
           (strcasecmp(scheme, "http") && strcasecmp(scheme, "https") && strcasecmp(scheme, "mailto"));
}

static void replace(cmark_node *old, cmark_node *new) {
    cmark_node_insert_before(old, new);
    cmark_node_free(old);
}

static cmark_node *text_node(const char *text) {
    cmark_node *node = cmark_node_new(CMARK_NODE_TEXT);
    cmark_node_set_literal(node, text);
    return node;
}

/* The alternative text of an image: what it holds, without elements. */
static cmark_node *alternative(cmark_node *image) {
    cmark_strbuf text;
    cmark_strbuf_init(cmark_get_default_mem_allocator(), &text, 0);
    cmark_iter *iter = cmark_iter_new(image);
    cmark_event_type event;
    while ((event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
        cmark_node *node = cmark_iter_get_node(iter);
        cmark_node_type type = cmark_node_get_type(node);
        if (event != CMARK_EVENT_ENTER) continue;
        if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK) cmark_strbuf_putc(&text, ' ');
        if (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE || type == CMARK_NODE_HTML_INLINE)
            cmark_strbuf_puts(&text, cmark_node_get_literal(node));
    }
    cmark_iter_free(iter);
    cmark_node *node = text_node(cmark_strbuf_cstr(&text));
    cmark_strbuf_free(&text);
    return node;
}

static bool in_link(cmark_node *node) {
    while ((node = cmark_node_parent(node)))
        if (cmark_node_get_type(node) == CMARK_NODE_LINK) return true;
    return false;
}

static bool images_stay;

static void make_safe(cmark_node *node) {
    for (cmark_node *child = cmark_node_first_child(node), *next; child; child = next) {
        next = cmark_node_next(child);
        make_safe(child);
        cmark_node_type type = cmark_node_get_type(child);
        if (type == CMARK_NODE_HTML_INLINE) {
            replace(child, text_node(cmark_node_get_literal(child)));
        } else if (type == CMARK_NODE_HTML_BLOCK) {
            cmark_node *paragraph = cmark_node_new(CMARK_NODE_PARAGRAPH);
            cmark_node_append_child(paragraph, text_node(cmark_node_get_literal(child)));
            replace(child, paragraph);
        } else if (type == CMARK_NODE_IMAGE && !images_stay &&
                   (in_link(child) || refused(cmark_node_get_url(child)))) {
            replace(child, alternative(child));
        } else if (type == CMARK_NODE_IMAGE && !images_stay) {
            cmark_node *link = cmark_node_new(CMARK_NODE_LINK);
            cmark_node_set_url(link, cmark_node_get_url(child));
            cmark_node_set_title(link, cmark_node_get_title(child));
            cmark_node_append_child(link, alternative(child));
            replace(child, link);
        } else if (type == CMARK_NODE_LINK && refused(cmark_node_get_url(child))) {
            for (cmark_node *held; (held = cmark_node_first_child(child));)
                cmark_node_insert_before(child, held);
            cmark_node_free(child);
        }
    }
}

int main(int argc, char **argv) {
    static const char *const names[] = {"table", "strikethrough", "autolink", "tasklist"};
    images_stay = argc > 1 && !strcmp(argv[1], "images");
    cmark_gfm_core_extensions_ensure_registered();
    cmark_parser *parser = cmark_parser_new(CMARK_OPT_DEFAULT);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension(names[i]));
    char buffer[4096];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, stdin));) cmark_parser_feed(parser, buffer, n);
    cmark_node *root = cmark_parser_finish(parser);
    make_safe(root);
    char *html = cmark_render_html(root, CMARK_OPT_DEFAULT, parser->syntax_extensions);
    fputs(html, stdout);
    free(html);
    cmark_node_free(root);
    cmark_parser_free(parser);
    return 0;
}
