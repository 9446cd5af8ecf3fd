/* The engine without Python, for callgrind and for clocks.
 *
 *     stream 0 FILE 4 FILE ...    one render; a stream with a frame after each 4 bytes. Their results: the
 *                                 bytes of HTML, in all edits together
 *     stream longest 16 FILE      nanoseconds of the longest frame, and of the one that 1 in 1,000 exceeds;
 *                                 of each frame the shortest of RUNS, in the processor's time
 *     stream time 4 FILE          nanoseconds of the quickest of many such streams
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <time.h>
#include "markdown.h"
#include "measured.h"

static const djs_markdown_options options = {.render = {.dir_auto = true}, .max_bytes = SIZE_MAX};

static void check(djs_status status) {
    if (status == DJS_OK) return;
    fprintf(stderr, "the engine failed: %d\n", status);
    exit(1);
}

enum { RUNS = 5 };

/* Not what other processes take. */
static uint64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Streams the document; took, when given, gets the time of each frame, unless it has a shorter one. */
static size_t stream(const document *d, size_t piece, uint64_t *took) {
    djs_markdown *md = djs_markdown_new(&options);
    const djs_edits *edits;
    size_t payload = 0;
    if (!md) check(DJS_ENOMEM);
    for (size_t at = 0; at < d->n; at += piece) {
        uint64_t start = took ? nanoseconds() : 0;
        check(djs_markdown_feed(md, d->text + at, d->n - at < piece ? d->n - at : piece));
        check(djs_markdown_frame(md, &edits));
        if (took) {
            uint64_t now = nanoseconds() - start;
            if (now < *took) *took = now;
            took++;
        }
        payload += edits->html.len;
    }
    check(djs_markdown_finish(md, &edits));
    payload += edits->html.len;
    djs_markdown_free(md);
    return payload;
}

__attribute__((noinline)) size_t measured(const document *d, size_t piece) {
    if (piece) return stream(d, piece, NULL);
    djs_buf out = {0};
    check(djs_markdown_render(&options, d->text, d->n, false, &out));
    size_t n = out.len;
    djs_buf_free(&out);
    return n;
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void longest(const document *d, size_t piece) {
    size_t frames = (d->n + piece - 1) / piece;
    uint64_t *took = malloc((frames + 1) * sizeof *took);
    if (!took) check(DJS_ENOMEM);
    memset(took, 0xff, frames * sizeof *took);
    for (int run = 0; run < RUNS; run++) stream(d, piece, took);
    qsort(took, frames, sizeof *took, ascending);
    if (frames)
        printf("%llu %llu\n", (unsigned long long)took[frames - 1],
               (unsigned long long)took[frames - 1 - frames / 1000]);
    free(took);
}

static void quickest(const document *d, size_t piece) {
    uint64_t best = UINT64_MAX, end = nanoseconds() + 500000000;
    while (nanoseconds() < end) {
        uint64_t start = nanoseconds();
        stream(d, piece, NULL);
        uint64_t took = nanoseconds() - start;
        if (took < best) best = took;
    }
    printf("%llu\n", (unsigned long long)best);
}

int main(int argc, char **argv) {
    djs_cmark_setup();
    bool time = argc == 4 && !strcmp(argv[1], "time");
    if (!time && (argc != 4 || strcmp(argv[1], "longest"))) return measure_each(argc, argv);
    document d = document_read(argv[3]);
    (time ? quickest : longest)(&d, strtoul(argv[2], NULL, 10));
    free(d.text);
    return 0;
}
