/* Fragments: what a template becomes, what is refused and where, addresses in
 * any cut.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "fragment.h"
#include "url.h"

/* ---- templates ---- */

/* The parts in one line: literals in [], holes by number, addresses as url(n). */
static void show(const djs_fragment *f, djs_buf *out) {
    for (size_t i = 0; i < f->count; i++) {
        const djs_part *part = &f->parts[i];
        if (part->kind == DJS_PART_LITERAL) {
            djs_buf_byte(out, '[');
            djs_buf_put(out, f->literals.ptr + part->at, part->n);
            djs_buf_byte(out, ']');
            continue;
        }
        if (part->kind == DJS_PART_TEXT) djs_buf_lit(out, "text");
        if (part->kind == DJS_PART_QUOTED) djs_buf_lit(out, "quoted");
        if (part->kind == DJS_PART_URL) {
            if (part->at) djs_buf_lit(out, "link");
            else djs_buf_lit(out, "url");
        }
        djs_buf_uint(out, part->kind == DJS_PART_URL ? part->n : part->at);
    }
}

static bool becomes(const char *template, const char *parts) {
    djs_fragment f = {0};
    djs_refusal why = {0};
    djs_buf out = {0};
    djs_status status = djs_fragment_compile(&f, U(template), strlen(template), &why);
    if (status) printf("%s: %.*s\n", template, (int)why.reason.len, (const char *)why.reason.ptr);
    show(&f, &out);
    bool ok = !status && holds_text(&out, parts);
    djs_buf_free(&out);
    djs_buf_free(&why.reason);
    djs_fragment_free(&f);
    return ok;
}

static void templates(void) {
    CHECK(becomes("", ""));
    CHECK(becomes("a {{ b }} c", "[a { b } c]"));
    CHECK(becomes("{a}{b}{a}", "text0text1text0"));
    CHECK(becomes("<p title='{a}'>{b}</p>", "[<p title=']quoted0['>]text1[</p>]"));
    CHECK(becomes("<a href=\"{u}\">{t}</a>", "[<a href=\"]link1quoted0[\">]text1[</a>]"));
    CHECK(becomes("<img src=\"{u}\">", "[<img src=\"]url1quoted0[\">]"));
    CHECK(becomes("<a href=\"{u}/{v}\"></a>", "[<a href=\"]link3quoted0[/]quoted1[\"></a>]"));
    CHECK(becomes("<a href=\"{u}/\">{v}:{v}</a>", "[<a href=\"]link2quoted0[/][\">]text1[:]text1[</a>]"));
    CHECK(becomes("<a href=\"{u}:{v}\"></a>", "[<a href=\"]link3quoted0[:]quoted1[\"></a>]"));
    /* An address whose scheme is written out, or that has no hole, needs no check. */
    CHECK(becomes("<a href=\"/x/{u}\"></a>", "[<a href=\"/x/]quoted0[\"></a>]"));
    CHECK(becomes("<a href=\"https://x/{u}\"></a>", "[<a href=\"https://x/]quoted0[\"></a>]"));
    CHECK(becomes("<a href=\"\" src=\"/x\">{t}</a>", "[<a href=\"\" src=\"/x\">]text0[</a>]"));
    CHECK(becomes("<a href=\"ab{u}\"></a>", "[<a href=\"]link2[ab]quoted0[\"></a>]"));
    CHECK(becomes("<textarea>{t}</b></textarea>{t}", "[<textarea>]quoted0[</b></textarea>]text0"));
    CHECK(becomes("<svg><path d=\"{d}\"/><title>{t}</title></svg>",
                  "[<svg><path d=\"]quoted0[\"/><title>]text1[</title></svg>]"));
    CHECK(becomes("<!-- a > -- b --><br/>{t}<BR>", "[<!-- a > -- b --><br/>]text0[<BR>]"));
    CHECK(becomes("<script nonce='{n}'>a<b</script>", "[<script nonce=']quoted0['>a<b</script>]"));
}

static bool refused(const char *template, size_t line, size_t column) {
    djs_fragment f = {0};
    djs_refusal why = {0};
    djs_status status = djs_fragment_compile(&f, U(template), strlen(template), &why);
    bool ok = status == DJS_EINVAL && why.line == line && why.column == column && why.reason.len;
    if (!ok) printf("%s: %d at %zu:%zu\n", template, status, why.line, why.column);
    djs_buf_free(&why.reason);
    djs_fragment_free(&f);
    return ok;
}

static void refusals(void) {
    CHECK(refused("<p>\n \xC3\xA9<a b={x}>", 2, 8));
    CHECK(refused("{{}}<p>{}</p>", 1, 8));
    CHECK(refused("<a href=\"&#106;{x}\"></a>", 1, 16));
    CHECK(refused("<a href=\"&am{x}\"></a>", 1, 13));
    CHECK(refused("<p>{x}", 1, 1));
}

/* Every beginning of a template is refused or compiled, at every allocation that fails. */
static void no_memory(void) {
    static const char text[] =
        "<ul class=\"a\"><li title='{a}'><a href=\"{b}x{c}\" id=\"y\">{a}</a><!-- z -->"
        "<textarea>{d}</textarea></li></ul>";
    int wrong = 0;
    for (size_t n = 0; n < sizeof text; n++)
        for (long fail = 0;; fail++) {
            djs_fragment f = {0};
            djs_refusal why = {0};
            djs_alloc_fail_after = fail;
            djs_status status = djs_fragment_compile(&f, U(text), n, &why);
            bool enough = djs_alloc_fail_after != 0;
            djs_alloc_fail_after = -1;
            wrong += status != DJS_OK && status != DJS_EINVAL && status != DJS_ENOMEM;
            djs_buf_free(&why.reason);
            djs_fragment_free(&f);
            if (enough) break;
        }
    CHECK(wrong == 0);
}

/* ---- addresses ---- */

/* May it stand, in every cut in two? */
static bool address(const char *text, bool markup, bool allowed) {
    size_t n = strlen(text);
    bool ok = true;
    for (size_t cut = 0; cut <= n; cut++) {
        djs_url url = {0};
        djs_url_feed(&url, text, cut, 1, markup);
        djs_url_feed(&url, text + cut, n - cut, 1, markup);
        ok &= djs_url_end(&url) == allowed;
    }
    return ok;
}

static void addresses(void) {
    CHECK(address("", false, true));
    CHECK(address("/a:b", false, true));
    CHECK(address("a/b:c", false, true));
    CHECK(address("?javascript:", false, true));
    CHECK(address("HTTPS://x", false, true));
    CHECK(address("mailto:a@b", false, true));
    CHECK(address("//x", false, true));
    CHECK(address("javascript:f()", false, false));
    CHECK(address(" \x01 java\tscr\nipt\r:f()", false, false));
    CHECK(address("JaVaScRiPt:f()", false, false));
    CHECK(address("data:text/html,x", false, false));
    CHECK(address("vbscript:x", false, false));
    CHECK(address("httpsx:x", false, false));
    CHECK(address("aaaaaaaahttps:x", false, false));
    CHECK(address(":x", false, false));
    CHECK(address("javascript&colon;f()", false, true));
    CHECK(address("javascript&colon;f()", true, false));
    CHECK(address("java&Tab;script:f()", true, false));
    CHECK(address("&#106;avascript:f()", true, false));
    CHECK(address("&#x6a", true, false));
    CHECK(address("a&amp;b:c", true, true));
    CHECK(address("/a?b&amp;c", true, true));
}

RUN {
    templates();
    refusals();
    no_memory();
    addresses();
}
