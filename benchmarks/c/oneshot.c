/* One render by cmark-gfm as it is published, with the extensions that we have.
 *
 *     oneshot 0 FILE 0 FILE ...
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <cmark-gfm.h>
#include <cmark-gfm-core-extensions.h>
#include <parser.h>
#include "measured.h"

__attribute__((noinline)) size_t measured(const document *d, size_t piece) {
    static const char *const names[] = {"table", "strikethrough", "autolink", "tasklist"};
    (void)piece;
    cmark_parser *parser = cmark_parser_new(CMARK_OPT_DEFAULT);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension(names[i]));
    cmark_parser_feed(parser, (const char *)d->text, d->n);
    cmark_node *root = cmark_parser_finish(parser);
    char *html = cmark_render_html(root, CMARK_OPT_DEFAULT, parser->syntax_extensions);
    size_t n = strlen(html);
    free(html);
    cmark_node_free(root);
    cmark_parser_free(parser);
    return n;
}

int main(int argc, char **argv) {
    cmark_gfm_core_extensions_ensure_registered();
    return measure_each(argc, argv);
}
