/* No memory for Markdown: the n-th allocation fails, alone or with all after
 * it, for every n. The run says DJS_ENOMEM, or ends with the right page;
 * LeakSanitizer sees to it that all memory is given back.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "cmark.h"
#include "dom.h"

static const char document[] =
    "> [!note]\n>\n> alert\n\n# Title with a [late] label\n\nA **bold *start* of** `code`, ~~gone~~, a@b.c "
    "and www.x.y, [l](/u \"t\") "
    "and an ![image](http://i.j/k.png \"title\") &amp; <b>raw</b>\n[late] again\n\n"
    "- one\n- [x] task [late]\n\n- loose\n  > quoted\n  > - deeper [^1] and [^2]\n\n"
    "| a | b |\n|---|:-:|\n| 1 | [late] |\n| mail@to.me | `x` |\n\n"
    "```py\nfenced\n\nmore\n```\n\n    indented\n\n    code\n\n<div>\nhtml\n</div>\n\n"
    "[late]: http://late.org/ \"late\"\n[^1]: footnote [late]\n\n    - x [^1]\n\n[other]: </x y>\n\n"
    "$$\\begin{a}\nx\n+ y $$ $z$\n\n\\(z\\) **\xE6\xBC\xA2\xE3\x80\x82**\xE5\xAD\x97\n\n"
    "1. a\n2. b [other]\n\nlast **line with \xE6\xBC\xA2\xE5\xAD\x97 and\0 the en\xC3";

static const djs_pattern hosts[] = {{U("i.j"), 3}}, keys[] = {{U("http"), 4}};
static djs_buf href;

static bool rewrite(void *context, size_t key, const uint8_t *from, size_t n, const djs_buf **out) {
    (void)context, (void)key;
    djs_buf_clear(&href);
    djs_buf_put(&href, from, n);
    *out = &href;
    return true;
}

static const djs_links links = {.keys = keys, .n = 1, .rewrite = rewrite};
static const djs_markdown_options all = {.max_bytes = 1 << 16,
                                         .render = {.images = DJS_IMAGES_HOSTS,
                                                    .hosts = hosts,
                                                    .hosts_n = 1,
                                                    .links = &links,
                                                    .alerts = true,
                                                    .breaks = true,
                                                    .heading_ids = "doc-",
                                                    .footnotes = "doc-"}};

static size_t eleven(void *state) {
    (void)state;
    return 11;
}

/* One life in which the allocation after n fails. False when there were no more than n. */
static bool life(const djs_markdown_options *options, const dom *want, long n, bool once) {
    dom streamed = {0};
    djs_buf html = {0};
    size_t size = sizeof document - 1;
    djs_alloc_fail_after = n;
    djs_alloc_fail_once = once;
    djs_status status = dom_stream(&streamed, options, U(document), size, eleven, NULL);
    djs_status again = djs_markdown_render(options, U(document), size, false, &html);
    bool failed = once ? djs_alloc_fail_after < 0 : djs_alloc_fail_after == 0; /* the latter: or just spent */
    djs_alloc_fail_after = -1;
    djs_alloc_fail_once = false;
    CHECK((status == DJS_OK || status == DJS_ENOMEM) && (again == DJS_OK || again == DJS_ENOMEM));
    if (failed && once) CHECK(status || again);
    if (!status) CHECK(dom_equal(&streamed, want));
    else CHECK(!streamed.broken); /* what came before is on the page */
    if (again) CHECK(html.len == 0);
    dom_free(&streamed);
    djs_buf_free(&html);
    return failed;
}

static void every_allocation(const djs_markdown_options *options) {
    dom want = {0};
    CHECK(dom_whole(&want, options, U(document), sizeof document - 1, false) == DJS_OK);
    for (int once = 0; once < 2; once++) {
        long n = 0;
        while (n < 100000 && life(options, &want, n, once)) n++;
        CHECK(n > 100 && n < 100000);
    }
    dom_free(&want);
}

/* After a failure every call says why, and nothing is touched again. */
static void a_failed_stream_is_closed(void) {
    const djs_markdown_options options = {.max_bytes = 1000};
    const djs_edits *edits;
    djs_markdown *md = djs_markdown_new(&options);
    CHECK(djs_markdown_feed(md, TEXT("- a\n- **b")) == DJS_OK);
    CHECK(djs_markdown_frame(md, &edits) == DJS_OK);
    CHECK(djs_markdown_feed(md, TEXT("** c\n\n- d\n")) == DJS_OK);
    djs_alloc_fail_after = 0;
    CHECK(djs_markdown_frame(md, &edits) == DJS_ENOMEM && djs_edits_count(edits) == 0);
    djs_alloc_fail_after = -1;
    CHECK(djs_markdown_feed(md, TEXT("x")) == DJS_ENOMEM);
    CHECK(djs_markdown_frame(md, &edits) == DJS_ENOMEM && djs_edits_count(edits) == 0);
    CHECK(djs_markdown_finish(md, &edits) == DJS_ENOMEM && djs_edits_count(edits) == 0);
    djs_markdown_free(md);
}

RUN {
    djs_cmark_setup();
    every_allocation(&(djs_markdown_options){.max_bytes = 1 << 16, .render = {DJS_IMAGES_SHOW, true}});
    every_allocation(&(djs_markdown_options){.max_bytes = 1 << 16, .fill = true});
    every_allocation(
        &(djs_markdown_options){.max_bytes = 1 << 16, .render = {.cjk_emphasis = true, .math = true}});
    every_allocation(&(djs_markdown_options){.max_bytes = 1 << 16, .render = {.footnotes = "x-"}});
    href.ptr =
        djs_realloc(NULL, href.cap = 4096); /* so that it is no allocation of the stream's that fails */
    every_allocation(&all);
    djs_buf_free(&href);
    a_failed_stream_is_closed();
}
