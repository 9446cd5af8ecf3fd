/* "**strong**" and "*emphasis*".
 *
 * The law: a run of * opens or closes by the characters on both sides of it (CommonMark, section 6.2), so of
 * a span there is one reading once they are known, unless another run can pair with one of its own in another
 * way: that is left to the parser.
 *
 *     "a **bc"     <strong> opens at "b"
 *     "a **bc**"   closes with what follows, which says that nothing longer does
 *     "***b"       is left to the parser
 *
 * Checked by: as plain.c.
 *
 * SPDX-License-Identifier: MIT */
#include "spans.h"
#include "bytes.h"
#include "cjk.h"
#include "complete.h"
#include "wait.h"
#include <cmark_ctype.h>
#include <../src/utf8.h> /* cmark's, not ours of the same name */

bool djs_stars_flank(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t after, size_t n,
                     djs_flanks *can) {
    int32_t last = '\n', next = '\n';
    if (leaf->cjk || (!at && leaf->taken != leaf->text.len)) return false;
    if (at && (text[at - 1] == '~' || cmark_utf8proc_iterate(text + djs_before(text, at), 4, &last) < 0))
        return false; /* "~" is seen through */
    if (after < n &&
        (text[after] == '~' || cmark_utf8proc_iterate(text + after, (bufsize_t)(n - after), &next) < 0))
        return false;
    bool space[] = {cmark_utf8proc_is_space(last), cmark_utf8proc_is_space(next)};
    bool sign[] = {cmark_utf8proc_is_punctuation(last), cmark_utf8proc_is_punctuation(next)};
    can->open = !space[1] && (!sign[1] || space[0] || sign[0]);
    can->close = !space[0] && (!sign[0] || space[1] || sign[1]);
    return true;
}

/* What the run of "*" text[at..after), which can open a span, does: it opens one that shows at once, or waits
 * for its end, as complete.h has it. */
static bool completes(const uint8_t *text, size_t at, size_t after, djs_flanks can) {
    uint8_t last = at ? text[at - 1] : 0;
    if (after - at == 1) return !can.close && !(last && strchr(")]}", last));
    return !can.close || !cmark_isalnum(last) || !cmark_isalnum(text[after]);
}

static bool waits(const uint8_t *text, size_t at, size_t after, size_t n) {
    return djs_cjk_begins(text + after, n - after) || (at && djs_is_cjk(text[djs_before(text, at)]));
}

/* Is there a run of "*" that ends the span which text[at..after) opens? *more: not yet, and it may come. */
static bool ends_later(djs_leaf *leaf, const uint8_t *text, size_t at, size_t after, size_t n, bool *more) {
    djs_flanks can;
    size_t end = after;
    for (;;) {
        end = djs_plain_end(text, end, n,
                            DJS_HELD | DJS_OTHER | DJS_WWW | DJS_LINE | (leaf->math ? DJS_DOLLAR : 0));
        if (end == n || text[end] != '`') break;
        if ((end = djs_code_end(leaf, text, end + 1, n)) == n) return false;
        end++;
    }
    *more = end == n && !leaf->final;
    if (end == n || text[end] != '*') return false;
    size_t length = djs_repeats(text, end, n), next = end + length;
    *more = !leaf->final && length <= after - at && djs_leaf_told(leaf, text, n) <= next;
    if (*more || length != after - at) return false;
    return djs_stars_flank(leaf, text, end, next, n, &can) && can.close;
}

djs_ending djs_stars_take(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n, djs_buf *html) {
    size_t length = djs_repeats(text, at, n), after = at + length;
    djs_span kind = djs_span_of(text[at], length);
    djs_flanks can;
    bool more = false;
    if (!kind || (after == n && !leaf->final) || !djs_stars_flank(leaf, text, at, after, n, &can))
        return DJS_ELSE;
    if (leaf->span == kind && can.close && at > leaf->open) {
        djs_span_put(leaf, text, at, html);
        djs_span_close(leaf, kind, after, html);
        return DJS_TAKEN;
    }
    if (!leaf->settled || !can.open || after == n || text[after] == '!') return DJS_ELSE;
    if (text[after] == '[') { /* a link, or not: nothing shows before that is told */
        const uint8_t *end = memchr(text + after, ']', n - after);
        bool last = end && end + 1 == text + n;
        if (leaf->final || !at || (end && !last && end[1] != '(')) return DJS_ELSE;
        if (!end || last) {
            leaf->wake = djs_wait_for(']', leaf->stop);
            leaf->patience = last ? n : after + DJS_HOLD_BRACKET;
            return n - after < DJS_HOLD_BRACKET ? DJS_WAITS : DJS_ELSE;
        }
    }
    bool shows = completes(text, at, after, can);
    if (!shows || waits(text, at, after, n)) {
        if (!ends_later(leaf, text, at, after, n, &more)) {
            size_t most = shows ? DJS_HOLD_CJK : DJS_HOLD_STAR;
            if (!more || n - after >= most) return DJS_ELSE;
            if (djs_leaf_told(leaf, text, n) <= after) return DJS_BEGUN;
            if (!memchr(text + after, '*', n - after)) { /* else the next bytes tell */
                leaf->wake = djs_wait_for('*', leaf->stop) | DJS_OTHER;
                leaf->patience = after + most;
            }
            return DJS_WAITS;
        }
    } else if (leaf->final || djs_leaf_told(leaf, text, n) <= after) {
        return leaf->final ? DJS_ELSE : DJS_BEGUN;
    }
    djs_span_open(leaf, text, at, kind, html);
    leaf->span = kind;
    leaf->open = leaf->shown = leaf->seen = after;
    return DJS_TAKEN;
}
