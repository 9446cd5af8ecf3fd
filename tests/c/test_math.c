/* Mathematics: what a marker means, and that the answer never changes once it is given.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "math.h"

static djs_math_answer at(const char *text, size_t n, size_t place, int next, djs_math_span *span) {
    djs_math_text whole = {.text = U(text), .n = n, .next = next};
    return djs_math_at(&whole, place, span);
}

static bool is_span(const char *text, const char *tex, bool display) {
    djs_math_span span;
    if (at(text, strlen(text), 0, 0, &span) != DJS_MATH_SPAN) return false;
    return span.tex_n == strlen(tex) && !memcmp(text + span.tex, tex, span.tex_n) && span.display == display;
}

static void spans(void) {
    CHECK(is_span("$x$", "x", false));
    CHECK(is_span("$x$ 1", "x", false));
    CHECK(is_span("$\\$$", "\\$", false));
    CHECK(is_span("$\\\\$", "\\\\", false));
    CHECK(is_span("$5$", "5", false));
    CHECK(is_span("$1, 2$", "1, 2", false));
    CHECK(is_span("$1/a$", "1/a", false));
    CHECK(is_span("$2\xCF\x80 r$", "2\xCF\x80 r", false));
    CHECK(is_span("$5 \xC3\x97 3$", "5 \xC3\x97 3", false));
    CHECK(is_span("$$ x $ $$", " x $ ", true));
    CHECK(is_span("\\(x\\\\)\\)", "x\\\\)", false));
    CHECK(is_span("\\[x]\\]", "x]", true));
}

static void none(void) {
    static const char *const texts[] = {"$",
                                        "$ x$",
                                        "$x $",
                                        "$x$1",
                                        "$x",
                                        "$x\\$",
                                        "$$",
                                        "$$$x$$$",
                                        "$$ $$",
                                        "$$x$",
                                        "\\(x",
                                        "\\(\\)",
                                        "\\( \\)",
                                        "\\x",
                                        "\\",
                                        "$5 and x$",
                                        "$5, but x$",
                                        "$5k in x$",
                                        "$3.50) is x$",
                                        "$10/month x$",
                                        "$5\xE7\x9A\x84 x$",
                                        "$5 \xD0\xB4 x$",
                                        "$5\nand x$",
                                        "$20-30 per x$"};
    djs_math_span span;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK(at(texts[i], strlen(texts[i]), 0, 0, &span) == DJS_MATH_NONE);
}

/* At each prefix: OPEN, until it is told; then the same answer for good. */
static void an_answer_stays(void) {
    static const char marks[] = "$$\\()[]x 5a\n";
    uint32_t state = 7;
    for (int round = 0; round < 20000; round++) {
        char text[24];
        size_t n = 2 + chance(&state) % 22;
        for (size_t i = 0; i < n; i++) text[i] = marks[chance(&state) % (sizeof marks - 1)];
        if (text[0] != '$' && text[0] != '\\') continue;
        djs_math_span last = {0}, span = {0};
        djs_math_answer end = at(text, n, 0, 0, &last);
        for (size_t known = text[0] == '\\' ? 2 : 1; known <= n; known++) {
            djs_math_answer now = at(text, known, 0, -1, &span);
            if (now != DJS_MATH_OPEN) CHECK(now == end && (end == DJS_MATH_NONE || span.end == last.end));
            if (known == n) continue;
            now = at(text, known, 0, (uint8_t)text[known], &span);
            if (now != DJS_MATH_OPEN) CHECK(now == end && (end == DJS_MATH_NONE || span.end == last.end));
        }
    }
}

/* One text, asked at one marker after the other, remembers what it has seen; the answers are the same. */
static void remembering_changes_nothing(void) {
    static const char marks[] = "$\\()[]x ";
    uint32_t state = 3;
    for (int round = 0; round < 5000; round++) {
        char text[40];
        for (size_t i = 0; i < sizeof text; i++) text[i] = marks[chance(&state) % (sizeof marks - 1)];
        djs_math_text whole = {.text = U(text), .n = sizeof text};
        for (size_t i = 0; i < sizeof text; i++) {
            djs_math_span one, other;
            if (text[i] != '$' && text[i] != '\\') continue;
            djs_math_answer answer = djs_math_at(&whole, i, &one);
            CHECK(answer == at(text, sizeof text, i, 0, &other));
            if (answer == DJS_MATH_SPAN) {
                CHECK(one.end == other.end);
                i = one.end - 1;
            } else if (text[i] == '\\') {
                i++;
            } else {
                while (i + 1 < sizeof text && text[i + 1] == '$') i++;
            }
        }
    }
}

static djs_math_answer opens(const char *line) { return djs_math_opens(U(line), strlen(line)); }

static void blocks(void) {
    static const char *const yes[] = {"$$",       "\\[  ",      "$$\\begin{a}", "$$ \\begin{a} is not told",
                                      "$$ x = 1", "\\[x^2 + 1", "$$ Area = b",  "$$\\text{if it is} x"};
    static const char *const no[] = {"x",         "$x",  "$$$",           "$$ x $$",    "$$x = 1$$ a",
                                     "\\[x] = 1", "\\(", "$$ is the = 1", "\\[a = b\\]"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) CHECK(opens(yes[i]) == DJS_MATH_SPAN);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) CHECK(opens(no[i]) == DJS_MATH_NONE);
    CHECK(opens("$") == DJS_MATH_OPEN && opens("\\") == DJS_MATH_OPEN && opens("$$ some") == DJS_MATH_OPEN);
    /* a line that does not open never will */
    static const char marks[] = "$\\[]ab = {}";
    uint32_t state = 1;
    for (int round = 0; round < 20000; round++) {
        char line[20] = "$$";
        if (round & 1) memcpy(line, "\\[", 2);
        bool never = false;
        for (size_t n = 2; n < sizeof line; n++) {
            djs_math_answer answer = djs_math_opens(U(line), n);
            CHECK(!never || answer == DJS_MATH_NONE);
            never = answer == DJS_MATH_NONE;
            line[n] = marks[chance(&state) % (sizeof marks - 1)];
        }
    }
}

static size_t closes(const char *line, uint8_t fence, bool unfinished) {
    return djs_math_closes(U(line), 0, strlen(line), fence, unfinished);
}

static void ends(void) {
    CHECK(closes("x $$ y", '$', false) == 2);
    CHECK(closes("x \\$$", '$', false) == 5);
    CHECK(closes("x \\$$", '$', true) == 4);
    CHECK(closes("\\\\] \\]", '\\', false) == 4);
    CHECK(closes("a \\", '\\', true) == 2);
    CHECK(closes("a \\", '\\', false) == 3);
    CHECK(closes("a \\", '$', true) == 2);
    CHECK(closes("$$", '\\', true) == 2);
    CHECK(djs_math_waits(TEXT("a $$x")) && !djs_math_waits(TEXT("a $$x$$")) && !djs_math_waits(TEXT("\\$$")));
    CHECK(!djs_math_waits(NULL, 0));
}

RUN {
    spans();
    none();
    an_answer_stays();
    remembering_changes_nothing();
    blocks();
    ends();
}
