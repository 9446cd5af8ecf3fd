/* cmark-gfm's block parser, with its line and close functions in reach.
 *
 * SPDX-License-Identifier: MIT */
#include <blocks.c>
#include <stdatomic.h>
#include "cmark.h"

void djs_cmark_line(cmark_parser *parser, const uint8_t *line, size_t n) {
    S_process_line(parser, line, (bufsize_t)n);
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
