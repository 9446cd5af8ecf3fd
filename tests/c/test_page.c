/* Turning the page: the edits make of the page as it reads exactly what is
 * said, and touch nothing before the first difference.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "dom.h"

typedef struct {
    djs_page page;
    djs_edits edits;
    dom d;
} reader;

static void forget(reader *r) {
    djs_buf_free(&r->page.tail);
    djs_edits_free(&r->edits);
    dom_free(&r->d);
}

/* Open HTML with the end tags that are missing. */
static djs_buf balanced(const char *open) {
    djs_buf html = {0};
    const char *tags[32];
    size_t depth = 0;
    djs_buf_put(&html, open, strlen(open));
    for (const char *at = open; (at = strchr(at, '<')); at++) {
        node element = {.bytes = (uint8_t *)(uintptr_t)(at + 1), .name_n = strcspn(at + 1, " >")};
        if (at[1] == '/') depth--;
        else if (!node_void(&element)) tags[depth++] = at + 1;
    }
    while (depth--) {
        djs_buf_lit(&html, "</");
        djs_buf_put(&html, tags[depth], strcspn(tags[depth], " >"));
        djs_buf_byte(&html, '>');
    }
    return html;
}

/* Turns the page; the reader must read `whole` then, which is open HTML. */
static bool turn(reader *r, const char *html, size_t settled, const char *whole) {
    dom want = {0};
    djs_edits_clear(&r->edits);
    djs_page_turn(&r->page, U(html), strlen(html), settled, &r->edits);
    CHECK(djs_edits_status(&r->edits) == DJS_OK);
    dom_apply(&r->d, &r->edits);
    djs_buf closed = balanced(whole);
    dom_parse(&want, &want.root, closed.ptr, closed.len);
    bool ok = dom_equal(&r->d, &want);
    if (!ok) printf("%s: %s\n", whole, r->d.broken ? r->d.broken : "reads otherwise");
    djs_buf_free(&closed);
    dom_free(&want);
    return ok;
}

/* Do the last edits read so? "grow 2 [text]", "cut 1 nodes units", parted by a space. */
static bool edits_are(const reader *r, const char *want) {
    char got[1024] = "";
    size_t n = 0;
    for (size_t i = 0; i < djs_edits_count(&r->edits); i++) {
        const djs_edit *e = (const djs_edit *)(const void *)r->edits.list.ptr + i;
        const char *part = i ? " " : "";
        if (e->kind == DJS_GROW)
            n += (size_t)snprintf(got + n, sizeof got - n, "%sgrow %u [%.*s]", part, e->depth, (int)e->n,
                                  (const char *)r->edits.html.ptr + e->html);
        else
            n += (size_t)snprintf(got + n, sizeof got - n, "%scut %u %u %u", part, e->depth, e->nodes,
                                  e->units);
    }
    if (!strcmp(got, want)) return true;
    printf("got  %s\nwant %s\n", got, want);
    return false;
}

/* From one tail to another, and back. */
static void both_ways(const char *a, const char *b, const char *there, const char *back) {
    reader r = {0};
    CHECK(turn(&r, a, 0, a));
    CHECK(turn(&r, b, 0, b) && edits_are(&r, there));
    CHECK(turn(&r, a, 0, a) && edits_are(&r, back));
    CHECK(turn(&r, a, 0, a) && edits_are(&r, ""));
    forget(&r);
}

static void grows_where_it_ended(void) {
    both_ways("", "<p>a", "grow 0 [<p>a</p>]", "cut 0 1 0");
    both_ways("<p>a <em>b", "<p>a <em>bc</em> d", "grow 2 [c] grow 1 [ d]", "cut 1 1 0 cut 2 0 1");
    both_ways("<ul><li>a", "<ul><li>a</li><li>b <code>c", "grow 1 [<li>b <code>c</code></li>]", "cut 1 1 0");
    both_ways("<p>a", "<p>a<br>\nb", "grow 1 [<br>\nb]", "cut 1 2 0");
    both_ways("<p dir=\"auto\">a", "<p dir=\"auto\">a</p><ol start=\"3\"><li>b",
              "grow 0 [<ol start=\"3\"><li>b</li></ol>]", "cut 0 1 0");
}

static void cuts_from_the_outside_in(void) {
    both_ways("<p>a <em>b <strong>c</strong> d</em> e", "<p>a x", "cut 1 2 0 grow 1 [x]",
              "cut 1 0 1 grow 1 [<em>b <strong>c</strong> d</em> e]");
    both_ways("<p>a <em>b <code>c", "<p>a <em>b", "cut 2 1 1", "grow 2 [ <code>c</code>]");
    both_ways("<ul><li>a <em>b</em> c</li><li>d", "<ul><li>a <em>x",
              "cut 1 1 0 cut 2 1 0 cut 3 0 1 grow 3 [x]",
              "cut 3 0 1 grow 3 [b] grow 2 [ c] grow 1 [<li>d</li>]");
    both_ways("<p>a</p><p>b", "<h1>a", "cut 0 2 0 grow 0 [<h1>a</h1>]",
              "cut 0 1 0 grow 0 [<p>a</p><p>b</p>]");
}

/* Lengths are UTF-16 units of the text that the HTML stands for. */
static void counts_as_a_page_does(void) {
    both_ways("<p>a&amp;b", "<p>a", "cut 1 0 2", "grow 1 [&amp;b]");
    both_ways("<p>a&lt;&gt;x", "<p>a&lt;y", "cut 1 0 2 grow 1 [y]", "cut 1 0 1 grow 1 [&gt;x]");
    both_ways("<p>\xF0\x9F\x98\x80\xC3\xA9", "<p>", "cut 1 0 3", "grow 1 [\xF0\x9F\x98\x80\xC3\xA9]");
    both_ways("<p>x\xF0\x9F\x98\x80\xC3\xA9", "<p>x", "cut 1 0 3", "grow 1 [\xF0\x9F\x98\x80\xC3\xA9]");
    both_ways("<p>x\xE6\xBC\xA2y", "<p>x\xE6\xBC\xA3y", "cut 1 0 2 grow 1 [\xE6\xBC\xA3y]",
              "cut 1 0 2 grow 1 [\xE6\xBC\xA2y]");
    both_ways("<p>x\xF0\x9F\x98\x80", "<p>x\xF0\x9F\x98\x81", "cut 1 0 2 grow 1 [\xF0\x9F\x98\x81]",
              "cut 1 0 2 grow 1 [\xF0\x9F\x98\x80]");
}

/* Two tails that part inside a tag, an entity or a character part before it. */
static void parts_only_between(void) {
    both_ways("<p>a &amp; b", "<p>a &lt; b", "cut 1 0 3 grow 1 [&lt; b]", "cut 1 0 3 grow 1 [&amp; b]");
    both_ways("<p>a &amp;x", "<p>a &amp;y", "cut 1 0 1 grow 1 [y]", "cut 1 0 1 grow 1 [x]");
    both_ways("<p>a <em>b", "<p>a <code>b", "cut 1 1 0 grow 1 [<code>b</code>]",
              "cut 1 1 0 grow 1 [<em>b</em>]");
    both_ways("<p><a href=\"/u\">b", "<p><a href=\"/v\">b", "cut 1 1 0 grow 1 [<a href=\"/v\">b</a>]",
              "cut 1 1 0 grow 1 [<a href=\"/u\">b</a>]");
    both_ways("<p>a &gt; b c d e f g h", "<p>a &gt; b c d e f g i", "cut 1 0 1 grow 1 [i]",
              "cut 1 0 1 grow 1 [h]");
    both_ways("<p>a</p><hr>", "<p>a</p><p>", "cut 0 1 0 grow 0 [<p></p>]", "cut 0 1 0 grow 0 [<hr>]");
    both_ways("<ul><li><input type=\"checkbox\" disabled=\"\"> a", "<ul><li>a", "cut 2 2 0 grow 2 [a]",
              "cut 2 0 1 grow 2 [<input type=\"checkbox\" disabled=\"\"> a]");
}

static void what_is_settled_is_left_alone(void) {
    reader r = {0};
    CHECK(turn(&r, "<p>one</p><p>tw", 10, "<p>one</p><p>tw"));
    CHECK(r.page.depth == 0 && holds_text(&r.page.tail, "<p>tw"));
    CHECK(turn(&r, "<ul><li>a", 4, "<p>one</p><ul><li>a"));
    CHECK(r.page.depth == 1 && holds_text(&r.page.tail, "<li>a"));
    CHECK(turn(&r, "<li>a</li><li>b", 10, "<p>one</p><ul><li>a</li><li>b"));
    CHECK(edits_are(&r, "grow 1 [<li>b</li>]") && r.page.depth == 1);
    CHECK(turn(&r, "<li>b</li></ul><p>c", 15, "<p>one</p><ul><li>a</li><li>b</li></ul><p>c"));
    CHECK(r.page.depth == 0 && holds_text(&r.page.tail, "<p>c"));
    djs_page_settle(&r.page, 3);
    CHECK(r.page.depth == 1 && holds_text(&r.page.tail, "c"));
    forget(&r);
}

/* Amending in the middle: what stands before `at` is taken as it is. */
static void amends_behind_a_place(void) {
    reader r = {0};
    const char *tail = "<p>firm <em>soft";
    CHECK(turn(&r, tail, 0, tail));
    djs_edits_clear(&r.edits);
    djs_page_amend(&r.page, 8, TEXT("soft but told"), &r.edits);
    dom_apply(&r.d, &r.edits);
    CHECK(edits_are(&r, "cut 1 1 0 grow 1 [soft but told]"));
    CHECK(holds_text(&r.page.tail, "<p>firm soft but told"));
    djs_edits_clear(&r.edits);
    djs_page_amend(&r.page, 8, NULL, 0, &r.edits);
    dom_apply(&r.d, &r.edits);
    CHECK(edits_are(&r, "cut 1 0 13") && holds_text(&r.page.tail, "<p>firm ") && !r.d.broken);
    forget(&r);
}

/* Random open HTML of few letters, so that beginnings agree; from each to the next. */
static void any_tail_to_any_other(void) {
    static const char *const parts[] = {
        "a",    "b",      "&amp;", "&lt;", "\xC3\xA9", "\xC3\xA8", "\xF0\x9F\x98\x80",
        "<em>", "<code>", "<br>",  " ",    "</",       "</",       "&gt;"};
    uint32_t state = 7;
    reader r = {0};
    for (int round = 0; round < 4000; round++) {
        char html[512] = "<p>";
        const char *open[32] = {"p"};
        size_t depth = 1;
        for (uint32_t i = 0, n = chance(&state) % 10; i < n; i++) {
            const char *part = parts[chance(&state) % (sizeof parts / sizeof *parts)];
            if (part[0] == '<' && part[1] == '/') {
                if (depth < 2) continue;
                strcat(html, part);
                strcat(html, open[--depth]);
                part = ">";
            } else if (part[0] == '<' && part[1] != 'b') {
                open[depth++] = part[1] == 'e' ? "em" : "code";
            }
            strcat(html, part);
        }
        if (!turn(&r, html, 0, html)) failures++;
    }
    forget(&r);
}

RUN {
    grows_where_it_ended();
    cuts_from_the_outside_in();
    counts_as_a_page_does();
    parts_only_between();
    what_is_settled_is_left_alone();
    amends_behind_a_place();
    any_tail_to_any_other();
}
