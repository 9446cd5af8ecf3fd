/* GitHub's alerts.
 *
 * The law: what a quote is follows from whole lines, and once it is on the
 * page it stays what it is. So a quote is decided by the line that follows the
 * marker's, and until then not shown. In
 *
 *     > [!NOTE]            > [!NOTE]          > [!NOTE]        > [!NOTE] or so
 *     > text               > ===
 *
 * only the first is an alert; the others are a heading in a quote, a quote
 * that ends, and text. The marker's line is taken out of the tree as soon as
 * the quote is an alert: what follows is parsed as if it began there.
 *
 * cmark keeps nothing in `as` of a quote: the kind goes into as.heading.level,
 * "decided" into as.heading.setext.
 *
 * Checked by: tests/test_markdown_options.py, tests/fuzz_markdown.py.
 *
 * SPDX-License-Identifier: MIT */
#include "alert.h"
#include <cmark_ctype.h>

static const djs_alert alerts[] = {{"note", "Note"},
                                   {"tip", "Tip"},
                                   {"important", "Important"},
                                   {"warning", "Warning"},
                                   {"caution", "Caution"}};

enum { KINDS = sizeof alerts / sizeof *alerts };

static bool is_quote(const cmark_node *node) { return node && node->type == CMARK_NODE_BLOCK_QUOTE; }

static size_t first_line(const cmark_strbuf *content) {
    const uint8_t *end = memchr(content->ptr, '\n', (size_t)content->size);
    return end ? (size_t)(end - content->ptr) + 1 : (size_t)content->size;
}

/* The kind of the marker that the text is, counted from 1; part: or begins to be. 0: none. */
static int marker(const uint8_t *text, size_t n, bool part) {
    while (n && cmark_isspace(text[n - 1])) n--;
    for (int kind = 1; kind <= KINDS; kind++) {
        const char *name = alerts[kind - 1].marker;
        size_t len = strlen(name), i = 0;
        for (; i < n && i < len + 3; i++) {
            uint8_t c = text[i], want = i < 2 ? "[!"[i] : i < len + 2 ? (uint8_t)name[i - 2] : ']';
            if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != want) break;
        }
        if (i == n && (part || n == len + 3)) return kind;
    }
    return 0;
}

static void decide(cmark_node *quote, bool alert) {
    if (!alert) quote->as.heading.level = 0;
    quote->as.heading.setext = true;
}

void djs_alert_line(cmark_parser *parser) {
    cmark_node *quote = parser->root->last_child;
    if (!is_quote(quote) || quote->as.heading.setext || !quote->first_child) return;
    cmark_node *first = quote->first_child;
    bool text = first->type == CMARK_NODE_PARAGRAPH;
    size_t line = text ? first_line(&first->content) : 0;
    if (!quote->as.heading.level) {
        quote->as.heading.level = text ? marker(first->content.ptr, line, false) : 0;
        if (!quote->as.heading.level) decide(quote, false);
    } else if (!text) {
        decide(quote, false); /* an underline has made the marker a heading, or the header of a table */
    } else if (line < (size_t)first->content.size) {
        cmark_strbuf_drop(&first->content, (bufsize_t)line);
        decide(quote, true);
    } else if (first->next) {
        cmark_node_free(first);
        decide(quote, true);
    }
}

const djs_alert *djs_alert_of(const cmark_node *quote) {
    return quote->as.heading.setext && quote->as.heading.level ? alerts + quote->as.heading.level - 1 : NULL;
}

static const cmark_node *open_quote(const cmark_parser *parser) {
    const cmark_node *quote = parser->root->last_child;
    return is_quote(quote) && quote->flags & CMARK_NODE__OPEN ? quote : NULL;
}

const cmark_node *djs_alert_undecided(const cmark_parser *parser) {
    if (!(parser->options & DJS_OPT_ALERTS)) return NULL;
    const cmark_node *quote = open_quote(parser);
    return quote && !quote->as.heading.setext ? quote : NULL;
}

bool djs_alert_decided(const cmark_parser *parser) {
    const cmark_node *quote = parser->options & DJS_OPT_ALERTS ? open_quote(parser) : NULL;
    return quote && quote->as.heading.setext;
}

bool djs_alert_told(const cmark_parser *parser, bool before) {
    const cmark_node *quote = parser->options & DJS_OPT_ALERTS ? open_quote(parser) : NULL;
    if (before || !quote) return true;
    if (!quote->as.heading.setext) return false;
    if (quote->as.heading.level) return true;
    const cmark_node *first = quote->first_child;
    if (!first || first->type != CMARK_NODE_PARAGRAPH) return true;
    return !marker(first->content.ptr, (size_t)first->content.size, true);
}
