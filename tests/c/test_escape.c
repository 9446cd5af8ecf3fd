/* Text to HTML: every byte at every offset, the wide scan against the plain one.
 *
 * SPDX-License-Identifier: MIT */
#include "test.h"
#include "escape.h"

static bool special(int c) { return c == '&' || c == '<' || c == '>' || c == '"' || c == '\''; }

static void every_byte_at_every_offset(void) {
    int wrong = 0;
    for (int c = 0; c < 256; c++)
        for (size_t n = 1; n <= 40; n++)
            for (size_t at = 0; at < n; at++) {
                uint8_t *text = malloc(n); /* exactly n: a read past it is seen by ASan */
                if (!text) abort();
                memset(text, 'x', n);
                text[at] = (uint8_t)c;
                wrong += djs_escape_clean(text, n) != (special(c) ? at : n);
                free(text);
            }
    CHECK(wrong == 0);
}

static void escapes(void) {
    djs_buf out = {0};
    djs_escape(&out, TEXT("<a href=\"x\">it's & \xC3\xA9</a>"));
    CHECK(holds_text(&out, "&lt;a href=&quot;x&quot;&gt;it&#x27;s &amp; \xC3\xA9&lt;/a&gt;"));
    djs_buf_clear(&out);
    djs_escape(&out, NULL, 0);
    CHECK(holds_text(&out, ""));
    djs_buf_free(&out);
}

RUN {
    every_byte_at_every_offset();
    escapes();
}
