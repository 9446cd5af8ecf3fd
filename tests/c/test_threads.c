/* Threads: eight of them stream and render documents of their own, full of
 * what cmark-gfm keeps global tables for. Every page is right, and under TSan
 * (`make tsan`) there is no race. All of them set the engine up, as two
 * interpreters that import the module at the same time do.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include "test.h"
#include "cmark.h"
#include "dom.h"

enum { THREADS = 8, DOCUMENTS = 6, ROUNDS = 25 };

/* %u: the thread's own number. */
static const char *const documents[DOCUMENTS] = {
    "a ~~b%u~~ c, ~~d~~ www.a%u.b and e@f%u.gh",
    "| a%u | ~~b~~ |\n|---|:-:|\n| http://x.y/%u | c@d.e%u |\n",
    "- [x] ~~%u~~\n\n- [late%u]\n\n[late%u]: /u\n",
    "> 1. *x%u*\n> 2. `~~%u~~`\n\n```%u\n~~no~~\n",
    "w ww www https://a.b/%u: (www.c.d/%u) \"q\" -- ... '%u'\n",
    "# ~~%u\n\n<b>%u</b> ~~x\ny~~ &amp; %u",
};
static const char *const pages[DOCUMENTS] = {
    "<p>a <del>b%u</del> c, <del>d</del> <a href=\"http://www.a%u.b\" rel=\"nofollow noopener "
    "noreferrer\">www.a%u.b</a> "
    "and <a href=\"mailto:e@f%u.gh\" rel=\"nofollow noopener noreferrer\">e@f%u.gh</a></p>",
};

static size_t next_size(void *state) { return 1 + chance(state) % 9; }

static bool right(uint32_t number, size_t which) {
    const djs_markdown_options options = {.max_bytes = 1000};
    uint32_t state = number * 77 + (uint32_t)which;
    char text[400], html[600];
    dom whole = {0}, streamed = {0}, known = {0};
    int n = snprintf(text, sizeof text, documents[which], number, number, number);
    bool ok = !dom_whole(&whole, &options, U(text), (size_t)n, false) &&
              !dom_stream(&streamed, &options, U(text), (size_t)n, next_size, &state) &&
              dom_equal(&whole, &streamed);
    if (pages[which]) {
        n = snprintf(html, sizeof html, pages[which], number, number, number, number, number);
        dom_parse(&known, &known.root, U(html), (size_t)n);
        ok &= dom_equal(&whole, &known);
    }
    dom_free(&whole);
    dom_free(&streamed);
    dom_free(&known);
    return ok;
}

typedef struct {
    pthread_t id;
    uint32_t number, wrong;
} worker;

static void *work(void *context) {
    worker *self = context;
    djs_cmark_setup();
    for (int round = 0; round < ROUNDS; round++)
        for (size_t which = 0; which < DOCUMENTS; which++) self->wrong += !right(self->number, which);
    return NULL;
}

RUN {
    worker workers[THREADS] = {0};
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i].number = i;
        CHECK(!pthread_create(&workers[i].id, NULL, work, workers + i));
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        CHECK(!pthread_join(workers[i].id, NULL));
        CHECK(!workers[i].wrong);
    }
}
