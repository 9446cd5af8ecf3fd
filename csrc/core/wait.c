/* What a line waits for.
 *
 * The law: as long as none of the bytes has come, djs_text_told and those who hold back more would show what
 * they did. The end of the line wakes in any case.
 *
 * Checked by: as plain.c.
 *
 * SPDX-License-Identifier: MIT */
#include "wait.h"
#include "bytes.h"

static unsigned classes(const uint8_t *text, size_t n) {
    unsigned all = 0;
    for (size_t i = 0; i < n; i++) all |= djs_class[text[i]];
    return all;
}

unsigned djs_wait_for(char held, uint8_t stop) {
    unsigned wake = held == ']'    ? DJS_CLOSER | DJS_ESCAPE
                    : held == ')'  ? DJS_AT
                    : held == '*'  ? DJS_HELD
                    : held == '$'  ? DJS_DOLLAR
                    : held == '>'  ? DJS_TAG
                    : held == '\n' ? DJS_LINE
                                   : 0;
    return wake ? wake | DJS_LINE | stop : 0;
}

djs_wait djs_wait_until(size_t n, size_t most) { return (djs_wait){DJS_LINE, n, most}; }

bool djs_wait_on(djs_wait *wait, const uint8_t *line, size_t n) {
    if (!wait->wake || n > wait->most || classes(line + wait->line, n - wait->line) & wait->wake) {
        wait->wake = 0;
        return false;
    }
    wait->line = n;
    return true;
}
