/* Documents made by chance, streamed, against cmark-gfm itself:
 *
 *     random_markdown SEED COUNT [WORKERS]
 *
 * The law: wherever a document is cut, and in every mode, the page ends as
 * the oracle says. And each frame is the partial render of what has come,
 * where no definition comes after its use. What is wrong is printed with its
 * number; exit status 1 if anything was.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cmark.h"
#include "documents.h"
#include "dom.h"
#include "oracle.h"

static size_t next_size(void *state) {
    uint64_t *chances = state;
    if (*chances < 8) return *chances + 1;
    return 1 + any(chances) % 17;
}

static void print_quoted(const char *what, const uint8_t *text, size_t n) {
    printf("  %-9s \"", what);
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n') printf("\\n");
        else if (text[i] == '\r') printf("\\r");
        else if (text[i] == '"' || text[i] == '\\') printf("\\%c", text[i]);
        else if (text[i] < ' ') printf("\\%03o", text[i]);
        else putchar(text[i]);
    }
    printf("\"\n");
}

/* NUL becomes U+FFFD in ours before any parsing. */
static void without_nul(const djs_buf *text, djs_buf *out) {
    djs_buf_clear(out);
    for (size_t i = 0; i < text->len; i++)
        if (text->ptr[i]) djs_buf_byte(out, text->ptr[i]);
        else djs_buf_lit(out, "\xEF\xBF\xBD");
}

/* Is there one among the signs that end at text[i]? */
static bool quote_after_marker(const djs_buf *text, size_t i) {
    for (; i && strchr("*_`~'\"(&![]", text->ptr[i]); i--)
        if (strchr("'\"(", text->ptr[i]) && strchr("*_", text->ptr[i - 1])) return true;
    return false;
}

/* Is each frame what the partial render of the text so far shows? */
static const char *check_frames(const djs_markdown_options *options, const djs_buf *text) {
    dom page = {0};
    djs_markdown *md = djs_markdown_new(options);
    const djs_edits *edits;
    const char *why = NULL;
    for (size_t i = 0; md && i < text->len && !why; i++) {
        dom part = {0};
        if (djs_markdown_feed(md, text->ptr + i, 1) || djs_markdown_frame(md, &edits)) why = "a call failed";
        if (!why) dom_apply(&page, edits);
        if ((text->ptr[i] & 0x80) && i + 1 < text->len && (text->ptr[i + 1] & 0xC0) == 0x80) continue;
        /* Blanks at the end of code, of raw HTML, of a cell; what may escape the end of a cell; a quotation
         * mark after a marker, which frames know to be one that closes. */
        if (strchr(" \t>\r\n|\\", text->ptr[i])) continue;
        if (quote_after_marker(text, i)) continue;
        if (!why && dom_whole(&part, options, text->ptr, i + 1, true)) why = "a partial render failed";
        if (!why && !dom_equal(&page, &part)) {
            djs_buf html = {0};
            dom_html(&page, &html);
            print_quoted("prefix", text->ptr, i + 1);
            print_quoted("frame", html.ptr, html.len);
            djs_buf_clear(&html);
            dom_html(&part, &html);
            print_quoted("partial", html.ptr, html.len);
            djs_buf_free(&html);
            why = "a frame is not the partial render";
        }
        dom_free(&part);
    }
    djs_markdown_free(md);
    dom_free(&page);
    return why;
}

static bool has(const djs_buf *text, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text->len; i++)
        if (!memcmp(text->ptr + i, word, n)) return true;
    return false;
}

/* Not where frames and the partial render may differ for a while: definitions show when they are certain, and
 * a paragraph that may be one vanishes; a task that cmark marks late settles with its line. */
static bool is_plain_case(const djs_buf *text) {
    if (has(text, "]:") || has(text, "[ ]") || has(text, "[x]")) return false;
    if (has(text, "https") || has(text, "http:")) return false; /* held back with what may end an address */
    for (size_t i = 0; i < text->len; i++)
        if ((text->ptr[i] == '[' || text->ptr[i] == '<') && (!i || strchr(" \t\r\n>", text->ptr[i - 1])))
            return false;
    return true;
}

/* NULL, or what is wrong with the document of this number; it is printed. */
static const char *wrong(uint64_t number, djs_buf *text, djs_buf *valid) {
    make_document(text, number);
    without_nul(text, valid);
    djs_markdown_options options = {
        .mode = number % 5 == 1   ? DJS_RAW
                : number % 5 == 2 ? DJS_HOLD
                                  : DJS_COMPLETE,
        .fill = number % 7 == 0,
        .max_bytes = 1 << 20,
        .render = {.images = number % 3 ? DJS_IMAGES_LINK : DJS_IMAGES_SHOW, .dir_auto = number % 2}};
    uint64_t sizes[] = {0, 3, 1, number | 8}, *size = &sizes[number >> 3 & 3];
    size_t n;
    char *expected = oracle_html(valid->ptr ? (const char *)valid->ptr : "", valid->len,
                                 options.render.images == DJS_IMAGES_SHOW, options.render.dir_auto, &n);
    dom streamed = {0}, whole = {0};
    djs_buf html = {0};
    const char *why = NULL;
    if (dom_stream(&streamed, &options, text->ptr, text->len, next_size, size)) why = "streaming failed";
    dom_html(&streamed, &html);
    if (streamed.broken) why = streamed.broken;
    else if (html.len != n || (n && memcmp(html.ptr, expected, n))) why = "the page is not cmark-gfm's";
    if (why) print_quoted("page", html.ptr, html.len);
    djs_buf_clear(&html);
    if (!why && (dom_whole(&whole, &options, text->ptr, text->len, false) || whole.broken))
        why = "the one-shot failed";
    dom_html(&whole, &html);
    if (!why && (html.len != n || (n && memcmp(html.ptr, expected, n)))) {
        why = "the one-shot is not cmark-gfm's";
        print_quoted("one-shot", html.ptr, html.len);
    }
    if (why) print_quoted("cmark-gfm", (const uint8_t *)expected, n);
    djs_buf_free(&html);
    free(expected);
    dom_free(&streamed);
    dom_free(&whole);
    if (!why && number % 16 == 3 && is_plain_case(text)) why = check_frames(&options, text);
    if (why) {
        print_quoted("document", text->ptr, text->len);
        printf("%llu: %s\n", (unsigned long long)number, why);
        (void)fflush(stdout);
    }
    return why;
}

static int work(uint64_t seed, uint64_t count, uint64_t step) {
    djs_buf text = {0}, valid = {0};
    int found = 0;
    for (uint64_t i = 0; i < count && found < 20; i += step) found += wrong(seed + i, &text, &valid) != NULL;
    djs_buf_free(&text);
    djs_buf_free(&valid);
    return found;
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0,
             count = argc > 2 ? strtoull(argv[2], NULL, 10) : 3000;
    int workers = argc > 3 ? atoi(argv[3]) : 1, failed = 0;
    djs_cmark_setup();
    if (workers < 2) failed = work(seed, count, 1);
    for (int i = 0; i < workers && workers > 1; i++)
        if (!fork()) _exit(work(seed + (uint64_t)i, count - (uint64_t)i, (uint64_t)workers) != 0);
    for (int status; workers > 1 && wait(&status) > 0;) failed |= status;
    printf("%llu documents from %llu: %s\n", (unsigned long long)count, (unsigned long long)seed,
           failed ? "some are wrong" : "none is wrong");
    return failed != 0;
}
