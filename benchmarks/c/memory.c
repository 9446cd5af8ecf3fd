/* How much memory a stream holds, as the heap counts it.
 *
 *     memory held 16 FILE 10000000    streams FILE again and again, up to that size, with a frame after each
 * 16 bytes: bytes of heap at the worst moment memory idle 16 FILE 10000       so many streams, each in the
 * middle of an answer: they have been fed FILE; bytes of heap of each. FILE may be empty
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include "document.h"
#include "heap.h"
#include "markdown.h"

static const djs_markdown_options options = {.render = {.dir_auto = true}, .max_bytes = SIZE_MAX};

static void check(bool good) {
    if (good) return;
    fprintf(stderr, "the engine failed\n");
    exit(1);
}

static void feed(djs_markdown *md, const document *d, size_t piece) {
    const djs_edits *edits;
    for (size_t at = 0; at < d->n; at += piece) {
        check(djs_markdown_feed(md, d->text + at, d->n - at < piece ? d->n - at : piece) == DJS_OK);
        check(djs_markdown_frame(md, &edits) == DJS_OK);
    }
}

static size_t held(const document *d, size_t piece, size_t total) {
    size_t before = heap_now;
    heap_peak = heap_now;
    djs_markdown *md = djs_markdown_new(&options);
    const djs_edits *edits;
    check(md);
    for (size_t fed = 0; fed < total; fed += d->n) feed(md, d, piece);
    check(djs_markdown_finish(md, &edits) == DJS_OK);
    djs_markdown_free(md);
    return heap_peak - before;
}

static size_t idle(const document *d, size_t piece, size_t count) {
    size_t before = heap_now;
    for (size_t i = 0; i < count; i++) {
        djs_markdown *md = djs_markdown_new(&options);
        check(md);
        feed(md, d, piece);
    }
    return (heap_now - before) / count;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    djs_cmark_setup();
    document d = document_read(argv[3]);
    size_t piece = strtoul(argv[2], NULL, 10), count = strtoul(argv[4], NULL, 10);
    printf("%zu\n", (strcmp(argv[1], "held") ? idle : held)(&d, piece, count));
    return 0;
}
