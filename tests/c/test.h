/* What a C test needs: CHECK(), which tells where it failed and goes on, and
 * main(), which runs RUN(...) and says how many checks there were.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_TEST_H
#define DJS_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "buf.h"

static int checks, failures;

#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)
#define U(literal)       ((const uint8_t *)(literal))
#define TEXT(literal)    U(literal), sizeof(literal) - 1

static inline void check(bool ok, const char *what, const char *file, int line) {
    checks++;
    if (ok) return;
    failures++;
    printf("%s:%d: failed: %s\n", file, line, what);
}

/* Does b hold exactly this text? */
static inline bool holds_text(const djs_buf *b, const char *text) {
    bool ok = b->len == strlen(text) && (!b->len || !memcmp(b->ptr, text, b->len));
    if (!ok) printf("got  %.*s\nwant %s\n", (int)b->len, b->len ? (const char *)b->ptr : "", text);
    return ok;
}

/* The next number of a reproducible sequence. */
static inline uint32_t chance(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void run(void);

int main(void) {
    run();
    printf("%-24s %d checks, %d failed\n", __BASE_FILE__, checks, failures);
    return failures ? 1 : 0;
}

#define RUN static void run(void)

#endif
