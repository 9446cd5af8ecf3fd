/* cmark-gfm's block parser, with its line and close functions in reach; and
 * blocks of mathematics, which are code blocks with a fence of their own.
 *
 * The law: without DJS_OPT_MATH this is cmark's, call for call. With it, a line
 * of which djs_math_opens says so opens a block wherever a fence would. The
 * first closing marker ends it, and what stands after that in its line is a
 * line of its own in the same containers; else it ends as a fence does.
 *
 * Checked by: tests/test_markdown_math.py, tests/fuzz_markdown.py.
 *
 * SPDX-License-Identifier: MIT */
#include <node.h>
#include <parser.h>
#include <scanners.h>
#include "cmark.h"
#include "math.h"

/* What cmark asks at each place where a fence may open. */
static bufsize_t open_fence(const cmark_parser *parser, const cmark_node *container, cmark_chunk *line,
                            bufsize_t at) {
    bufsize_t matched = _scan_at(&_scan_open_code_fence, line, at);
    if (matched || !(parser->options & DJS_OPT_MATH)) return matched;
    size_t n = (size_t)(line->len - at);
    const uint8_t *text = line->data + at;
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
    if (djs_math_opens(text, n) != DJS_MATH_SPAN) return 0;
    /* "$$" may also end what began within a line above. */
    bool closes = text[0] == '$' && container->type == CMARK_NODE_PARAGRAPH &&
                  djs_math_waits(container->content.ptr, (size_t)container->content.size);
    return closes ? 0 : 2;
}

#undef scan_open_code_fence
#define scan_open_code_fence(line, at) open_fence(parser, *container, line, at)
#include <blocks.c>
#include <stdatomic.h>

bool djs_cmark_is_math(const cmark_node *block) {
    return block->type == CMARK_NODE_CODE_BLOCK && block->as.code.fenced &&
           (block->as.code.fence_char == '$' || block->as.code.fence_char == '\\');
}

size_t djs_cmark_math_told(const cmark_parser *parser, const uint8_t *line, size_t from, size_t n) {
    const cmark_node *block = parser->current;
    return djs_cmark_is_math(block) ? djs_math_closes(line, from, n, block->as.code.fence_char, true) : n;
}

/* What follows the closing marker, as a line in the containers of the one it stood in. */
static void after_math(cmark_parser *parser, const uint8_t *line, size_t prefix, const uint8_t *rest,
                       size_t n) {
    cmark_strbuf own = CMARK_BUF_INIT(parser->mem);
    cmark_strbuf_put(&own, line, (bufsize_t)prefix);
    for (bufsize_t i = 0; i < own.size; i++)
        if (own.ptr[i] != '>' && own.ptr[i] != '\t') own.ptr[i] = ' ';
    cmark_strbuf_put(&own, rest, (bufsize_t)n);
    djs_cmark_line(parser, own.ptr, (size_t)own.size);
    cmark_strbuf_free(&own);
}

/* cmark has added the line to an open block of mathematics. */
static void math_line(cmark_parser *parser, cmark_node *block, const uint8_t *line, size_t n) {
    cmark_strbuf *content = &block->content;
    bufsize_t start = content->size - 1;
    if (block->start_line == parser->line_number) { /* finishing takes the first line for an info string */
        cmark_strbuf tex = CMARK_BUF_INIT(parser->mem);
        cmark_strbuf_trim(content);
        if (!content->size) cmark_strbuf_putc(content, '\n');
        else {
            cmark_strbuf_putc(&tex, '\n');
            cmark_strbuf_put(&tex, content->ptr, content->size);
            cmark_strbuf_putc(&tex, '\n');
            cmark_strbuf_free(content);
            *content = tex;
        }
        return;
    }
    while (start > 0 && content->ptr[start - 1] != '\n') start--;
    size_t size = (size_t)(content->size - start) - 1;
    const uint8_t *text = content->ptr + start;
    size_t at = djs_math_closes(text, 0, size, block->as.code.fence_char, false);
    if (at == size) return;
    cmark_strbuf rest = CMARK_BUF_INIT(parser->mem);
    cmark_strbuf_put(&rest, text + at + 2, (bufsize_t)(size - at) - 2);
    cmark_strbuf_trim(&rest);
    cmark_strbuf_truncate(content, start + (bufsize_t)at);
    if (is_blank(content, start)) cmark_strbuf_truncate(content, start);
    else cmark_strbuf_putc(content, '\n');
    parser->current = finalize(parser, block);
    if (rest.size) {
        while (n && (line[n - 1] == '\n' || line[n - 1] == '\r')) n--;
        after_math(parser, line, n > size ? n - size : 0, rest.ptr, (size_t)rest.size);
    }
    cmark_strbuf_free(&rest);
}

void djs_cmark_line(cmark_parser *parser, const uint8_t *line, size_t n) {
    S_process_line(parser, line, (bufsize_t)n);
    if (parser->options & DJS_OPT_MATH && djs_cmark_is_math(parser->current))
        math_line(parser, parser->current, line, n);
}

cmark_node *djs_cmark_close(cmark_parser *parser, cmark_node *block) { return finalize(parser, block); }

void djs_cmark_close_all(cmark_parser *parser) {
    while (parser->current != parser->root) parser->current = finalize(parser, parser->current);
    finalize(parser, parser->root);
}

bool djs_cmark_has_inlines(cmark_node *node) { return contains_inlines(node); }

void djs_cmark_setup(void) {
    static atomic_flag busy = ATOMIC_FLAG_INIT;
    static bool done;
    while (atomic_flag_test_and_set(&busy)) {} /* another interpreter, once per process */
    if (!done) {
        cmark_gfm_core_extensions_ensure_registered();
        cmark_parser *parser = djs_cmark_parser(cmark_get_default_mem_allocator());
        cmark_manage_extensions_special_characters(parser, true);
        cmark_inlines_add_special_character('$', false); /* for math.h; else it ends a text and begins one */
        cmark_parser_free(parser);
    }
    done = true;
    atomic_flag_clear(&busy);
}

cmark_parser *djs_cmark_parser(cmark_mem *mem) {
    static const char *const names[] = {"table", "strikethrough", "autolink", "tasklist"};
    cmark_parser *parser = cmark_parser_new_with_mem(CMARK_OPT_DEFAULT, mem);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension(names[i]));
    return parser;
}
