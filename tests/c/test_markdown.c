/* The Markdown engine: any cut ends as the whole does; what comes in wrong,
 * too late or too big is refused or mended, and said so.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "cmark.h"
#include "dom.h"

static const djs_markdown_options plain = {.max_bytes = 1 << 20};
static const char P_A[] = "<p>a</p>";

static size_t same_size(void *size) { return *(size_t *)size; }

/* Streamed in pieces of one size; the page must be the one that the whole makes. */
static bool any_cut(const djs_markdown_options *options, const uint8_t *text, size_t n) {
    static const size_t sizes[] = {1, 3, 7, SIZE_MAX};
    dom whole = {0};
    bool ok = dom_whole(&whole, options, text, n, false) == DJS_OK;
    for (size_t i = 0; ok && i < sizeof sizes / sizeof *sizes; i++) {
        dom d = {0};
        size_t size = sizes[i];
        ok = dom_stream(&d, options, text, n, same_size, &size) == DJS_OK && dom_equal(&d, &whole);
        if (!ok) printf("in pieces of %zu: %.60s: %s\n", size, text, d.broken ? d.broken : "reads otherwise");
        dom_free(&d);
    }
    dom_free(&whole);
    return ok;
}

static void any_cut_ends_as_the_whole(void) {
    static const char *const documents[] = {
        "",
        "\n\n",
        "plain",
        "Some **bold *and* more** text with `code`, ~~old~~ and a\nsoft break  \nand a hard one\\\nend.",
        "# One\n\nTwo\n===\n\n***\n\n> quote\n> - in it\nlazy\n",
        "- a\n- b\n\n- c\n  - d\n\n    e\n\n1. x\n2. y\n",
        "- [ ] open\n- [x] done\n\n- [x] loose\n",
        "```py\ncode < & >\n\n~~~\n```\n\n    indented\n\n    more\n\nend",
        "| a | b |\n|---|:-:|\n| 1 | `2` |\n| 3 \\| x |\n\nafter",
        "[late] and [b c][late], ![img](x.png \"t\")\n\n- [late]\n\n[late]: /u \"title\"\n[late]: /other\n",
        "a@b.c, www.a.b/c. https://x.y/z?q=1&amp;r (http://a.b), <https://q.r> mailto:a@b.c",
        "<div>\nraw\n</div>\n\n<!-- c -->\n\nx <b>y</b> <script>alert(1)</script>",
        "[^1] is no note\n\n[^1]: here\n",
        "&amp; &#35; &copy; &nosuch; &#65534; \\* \\& 5 < 6 > 4",
        "[x](javascript:alert(1)) ![y](data:z) <javascript:a>",
        "\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80 **\xE6\xBC\xA2**\xE3\x80\x82",
        "a\r\nb\rc\n\r\n- d\r\n\r\n- e\r",
        "**a *b `c [d](e",
        "> [!NOTE]\n> a\n\n> [!TIP]\n>\n> # a\n> [l]\n\n> [!tip] x\n\n> [!TIP]\n> ---\n\n[l]: /u\n",
        "# a[^x]\n\n> [!TIP]\n> # b [l] [^x]\n> [^y]: # c\n\n[^x]: # a [l]\n\n    > [!TIP]\n    > d\n\n[l]: "
        "/u\n",
        "10000000000. [ ] x\n- [ ] y\n",
        "\t- a\n\n\t\tb\n>\tc\n",
    };
    const djs_markdown_options raw = {.max_bytes = 1 << 20, .mode = DJS_RAW},
                               fill = {.max_bytes = 1 << 20, .fill = true},
                               shown = {.max_bytes = 1 << 20, .render = {DJS_IMAGES_SHOW, true}},
                               more = {.max_bytes = 1 << 20,
                                       .render = {.alerts = true,
                                                  .breaks = true,
                                                  .heading_ids = "doc-",
                                                  .footnotes = "doc-"}};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        size_t n = strlen(documents[i]);
        CHECK(any_cut(&plain, U(documents[i]), n) && any_cut(&raw, U(documents[i]), n));
        CHECK(any_cut(&fill, U(documents[i]), n) && any_cut(&shown, U(documents[i]), n));
        CHECK(any_cut(&more, U(documents[i]), n));
    }
}

/* `text`, fed as a whole or byte by byte, makes `html`. */
static bool makes(const uint8_t *text, size_t n, const char *html) {
    djs_buf out = {0};
    bool ok = any_cut(&plain, text, n) && djs_markdown_render(&plain, text, n, false, &out) == DJS_OK &&
              holds_text(&out, html);
    djs_buf_free(&out);
    return ok;
}

static void bytes_that_are_no_text(void) {
    CHECK(makes(TEXT("a\0b\0\0"), "<p>a\xEF\xBF\xBD"
                                  "b\xEF\xBF\xBD\xEF\xBF\xBD</p>"));
    CHECK(makes(TEXT("\0"), "<p>\xEF\xBF\xBD</p>"));
    CHECK(makes(TEXT("a\xFF"
                     "b\xE2\x82"),
                "<p>a\xEF\xBF\xBD"
                "b\xEF\xBF\xBD</p>"));
    CHECK(makes(TEXT("\xF0\x9F\x98"), "<p>\xEF\xBF\xBD</p>"));
    CHECK(makes(TEXT("\xE2\0\x82"), "<p>\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD</p>"));
    CHECK(makes(TEXT("\xED\xA0\xBD\xC0\x80"),
                "<p>\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD</p>"));
    CHECK(makes(TEXT("a\r\nb\r\r\nc\n\rd"), "<p>a\nb</p><p>c</p><p>d</p>"));
    CHECK(makes(TEXT("\xEF\xBB\xBF"
                     "a"),
                "<p>a</p>") ||
          makes(TEXT("\xEF\xBB\xBF"
                     "a"),
                "<p>\xEF\xBB\xBF"
                "a</p>"));
    /* What is replaced has grown, which is not the limit's business, nor quadratic. */
    size_t n = 1 << 16;
    uint8_t *nuls = calloc(1, n);
    const djs_markdown_options full = {.max_bytes = n, .fill = true};
    dom d = {0};
    CHECK(nuls && dom_stream(&d, &full, nuls, n, same_size, &n) == DJS_OK && !d.broken);
    dom_free(&d);
    memset(nuls, 'a', n);
    memcpy(nuls, "a\n=\n\0*b\n\n", 9); /* a heading: fill says it all again */
    n = 9;
    const djs_markdown_options small = {.max_bytes = 9, .fill = true};
    CHECK(any_cut(&small, nuls, n));
    free(nuls);
}

/* What is filled is what the edits would have made: a definition that is not certain links nothing yet, and
 * here it never will. */
static void a_definition_that_is_none(void) {
    const djs_markdown_options options[] = {{.max_bytes = 100}, {.max_bytes = 100, .fill = true}};
    const char *const pieces[] = {"[x]\n\na *b", "\n\n[x]: /u", " w"};
    const char *const pages[] = {"<p>[x]</p><p>a <em>b</em></p>", "<p>[x]</p><p>a *b</p>",
                                 "<p>[x]</p><p>a *b</p><p>[x]: /u w</p>"};
    for (size_t mode = 0; mode < 2; mode++) {
        djs_markdown *md = djs_markdown_new(options + mode);
        dom d = {0};
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
            const djs_edits *edits;
            djs_buf html = {0};
            CHECK(djs_markdown_feed(md, U(pieces[i]), strlen(pieces[i])) == DJS_OK);
            CHECK((i < 2 ? djs_markdown_frame : djs_markdown_finish)(md, &edits) == DJS_OK);
            dom_apply(&d, edits);
            dom_html(&d, &html);
            CHECK(holds_text(&html, pages[i]) && !d.broken);
            djs_buf_free(&html);
        }
        dom_free(&d);
        djs_markdown_free(md);
    }
}

/* A CR at the end of a piece and the LF that follows are one line end. */
static void a_line_end_that_was_cut(void) {
    const djs_edits *edits;
    djs_markdown *md = djs_markdown_new(&plain);
    dom d = {0};
    const char *pieces[] = {"a\r", "\nb\r", "", "\n", "\r", "\n- c\r", "\n\r", "\n- d\r"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        CHECK(djs_markdown_feed(md, U(pieces[i]), strlen(pieces[i])) == DJS_OK);
        CHECK(djs_markdown_frame(md, &edits) == DJS_OK);
        dom_apply(&d, edits);
    }
    CHECK(djs_markdown_finish(md, &edits) == DJS_OK);
    dom_apply(&d, edits);
    djs_buf html = {0};
    dom_html(&d, &html);
    CHECK(holds_text(&html, "<p>a\nb</p><ul><li><p>c</p></li><li><p>d</p></li></ul>") && !d.broken);
    djs_buf_free(&html);
    dom_free(&d);
    djs_markdown_free(md);
}

static void after_the_end(void) {
    const djs_edits *edits;
    djs_markdown *md = djs_markdown_new(&plain);
    CHECK(djs_markdown_feed(md, TEXT("a")) == DJS_OK && djs_markdown_pending(md) == 1);
    CHECK(djs_markdown_finish(md, &edits) == DJS_OK && djs_edits_count(edits) == 1);
    CHECK(!memcmp(edits->html.ptr, P_A, strlen(P_A)) && djs_markdown_pending(md) == 0);
    CHECK(djs_markdown_finish(md, &edits) == DJS_OK && djs_edits_count(edits) == 0);
    CHECK(djs_markdown_frame(md, &edits) == DJS_OK && djs_edits_count(edits) == 0);
    CHECK(djs_markdown_feed(md, TEXT("b")) == DJS_ECLOSED && djs_markdown_feed(md, NULL, 0) == DJS_ECLOSED);
    djs_markdown_free(md);
    md = djs_markdown_new(&plain); /* one that never got anything */
    CHECK(djs_markdown_frame(md, &edits) == DJS_OK && djs_edits_count(edits) == 0);
    CHECK(djs_markdown_feed(md, NULL, 0) == DJS_OK);
    CHECK(djs_markdown_finish(md, &edits) == DJS_OK && djs_edits_count(edits) == 0);
    djs_markdown_free(md);
    md = djs_markdown_new(&plain); /* one that is left in the middle */
    CHECK(djs_markdown_feed(md, TEXT("- a\n\n  | b |\n  |---|\n  | [c]")) == DJS_OK);
    CHECK(djs_markdown_frame(md, &edits) == DJS_OK);
    djs_markdown_free(md);
    djs_markdown_free(NULL);
}

/* Too much is refused as a whole, and nothing is lost of what was taken. */
static void the_limit(void) {
    const djs_markdown_options ten = {.max_bytes = 10};
    const djs_edits *edits;
    djs_buf out = {0};
    djs_markdown *md = djs_markdown_new(&ten);
    CHECK(djs_markdown_feed(md, TEXT("01234567890")) == DJS_ETOOBIG);
    CHECK(djs_markdown_feed(md, TEXT("012345\xE2")) == DJS_OK &&
          djs_markdown_feed(md, TEXT("\x82\xAC"
                                     "xy")) == DJS_ETOOBIG);
    CHECK(djs_markdown_feed(md, U("x"), SIZE_MAX) == DJS_ETOOBIG);
    CHECK(djs_markdown_feed(md, TEXT("\x82\xACx")) == DJS_OK &&
          djs_markdown_feed(md, TEXT("y")) == DJS_ETOOBIG);
    CHECK(djs_markdown_finish(md, &edits) == DJS_OK);
    djs_buf_put(&out, edits->html.ptr, edits->html.len);
    CHECK(holds_text(&out, "<p>012345\xE2\x82\xACx</p>"));
    djs_buf_clear(&out);
    CHECK(djs_markdown_render(&ten, TEXT("01234567890"), false, &out) == DJS_ETOOBIG && !out.len);
    djs_markdown_free(md);
    djs_buf_free(&out);
}

/* text, repeated: streamed in large pieces, and no page nests too deeply for a browser. */
static void deep(const char *text, size_t times) {
    size_t part = strlen(text), n = part * times, size = 997, depth = 0, deepest = 0;
    uint8_t *bytes = malloc(n);
    for (size_t i = 0; i < times; i++) memcpy(bytes + i * part, text, part);
    dom whole = {0}, streamed = {0};
    CHECK(dom_whole(&whole, &plain, bytes, n, false) == DJS_OK);
    CHECK(dom_stream(&streamed, &plain, bytes, n, same_size, &size) == DJS_OK &&
          dom_equal(&streamed, &whole));
    for (const node *at = &whole.root; at;) {
        if (depth > deepest) deepest = depth;
        if (at->first) {
            at = at->first;
            depth++;
            continue;
        }
        while (at && !at->next) at = at->parent, depth--;
        if (at) at = at->next;
    }
    CHECK(deepest < 400);
    dom_free(&whole);
    dom_free(&streamed);
    free(bytes);
}

static void nesting_is_capped(void) {
    deep(">", 5000);
    deep("> ", 5000);
    deep("*a **b ", 3000);
    deep("- ", 2000);
    deep("[", 5000);
    deep("![", 5000);
    deep("~~a *b ", 1000);
}

RUN {
    djs_cmark_setup();
    any_cut_ends_as_the_whole();
    bytes_that_are_no_text();
    a_definition_that_is_none();
    a_line_end_that_was_cut();
    after_the_end();
    the_limit();
    nesting_is_capped();
}
