/* libFuzzer on the Markdown engine: `make -C tests/c fuzz`.
 *
 * The law: whatever the bytes and wherever they are cut, the streamed page
 * ends as the one-shot render of the whole, every edit finds its node, and
 * no sanitizer has anything to say. The first byte chooses options and the
 * sizes of the pieces, the rest is the document.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include "cmark.h"
#include "dom.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    djs_cmark_setup();
    return 0;
}

static size_t next_size(void *state) {
    uint32_t *chance = state;
    if (*chance < 8) return *chance + 1;
    *chance = *chance * 1664525u + 1013904223u;
    return 1 + (*chance >> 8) % 17;
}

static void show(const char *what, const dom *d) {
    djs_buf html = {0};
    dom_html(d, &html);
    (void)fprintf(stderr, "%s%s%s: %.*s\n", what, d->broken ? ", broken by " : "", d->broken ? d->broken : "",
                  (int)html.len, html.len ? (const char *)html.ptr : "");
    djs_buf_free(&html);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (!n) return 0;
    uint8_t choice = data[0];
    djs_markdown_options options = {.mode = choice & 1 ? DJS_RAW : DJS_COMPLETE,
                                    .fill = (choice & 6) == 6,
                                    .max_bytes = n,
                                    .render = {.images = choice & 8 ? DJS_IMAGES_SHOW : DJS_IMAGES_LINK,
                                               .dir_auto = choice & 128,
                                               .alerts = choice & 8,
                                               .breaks = choice & 32,
                                               .heading_ids = choice & 64 ? "doc-" : NULL,
                                               .cjk_emphasis = n & 1,
                                               .math = n & 2,
                                               .footnotes = n & 4 ? "n-" : NULL}};
    uint32_t chance = choice & 16 ? choice : (choice >> 5) & 3;
    dom streamed = {0}, whole = {0};
    djs_status first = dom_stream(&streamed, &options, data + 1, n - 1, next_size, &chance);
    djs_status second = dom_whole(&whole, &options, data + 1, n - 1, false);
    if (first || second || !dom_equal(&streamed, &whole)) {
        show("streamed", &streamed);
        show("whole", &whole);
        (void)fprintf(stderr, "status %d and %d\n", first, second);
        abort();
    }
    dom_free(&streamed);
    dom_free(&whole);
    dom part = {0}; /* what an unfinished text shows is well-formed */
    if (dom_whole(&part, &options, data + 1, n - 1, true) || part.broken) {
        show("partial", &part);
        abort();
    }
    dom_free(&part);
    return 0;
}
