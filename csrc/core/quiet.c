/* What a parse leaves open.
 *
 * The law: after it a leaf goes on without a parser only where plain text that follows shows as it is, and
 * only in spans of which djs_stars_take or djs_code_begin would say so, too.
 *
 * Checked by: as plain.c.
 *
 * SPDX-License-Identifier: MIT */
#include "plain.h"
#include "bytes.h"
#include "spans.h"
#include "wait.h"
#include <cmark_ctype.h>

/* May plain text follow as it is? Not near an address, whose end depends on what follows: one of the web goes
 * on to the next space, a mailbox only in ASCII, and so does an entity, which may be an "@". */
static bool is_quiet(const djs_leaf *leaf, const djs_inlines *in) {
    static const bool idle[256] = {
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'v'] = true, ['x' ... 'z'] = true, ['-'] = true,
        ['.'] = true,         ['_'] = true,         ['/'] = true,         ['#'] = true,         [';'] = true};
    const uint8_t *text = leaf->text.ptr;
    bool mail = true;
    if (in->told <= leaf->context || !(in->open_end || in->closed)) return false;
    for (size_t i = in->told; i-- > in->apart;) {
        while (i > in->apart && idle[text[i]]) i--; /* words may be long */
        uint8_t c = text[i];
        if (cmark_isspace(c)) break;
        if ((c == ':' && text[i + 1] == '/') || (c == 'w' && i && text[i - 1] == 'w')) return false;
        if (mail &&
            (c == '&' || (c == '@' && i && (cmark_isalnum(text[i - 1]) || strchr(".+-_", text[i - 1])))))
            return false;
        mail = mail && (idle[c] || c == 'w');
    }
    return true;
}

/* Where text[at..n), which is plain but for whole code and links of the simplest kind, ends. */
static size_t simple_end(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    unsigned odd = DJS_HELD | DJS_OTHER | DJS_WWW | DJS_LINE | (leaf->math ? DJS_DOLLAR : 0);
    for (size_t end;;) {
        at = djs_plain_end(text, at, n, odd);
        if (at == n || (text[at] != '[' && text[at] != '`')) return at;
        if (text[at] == '`') {
            end = djs_code_end(leaf, text, at + 1, n);
            if (end == n || end == at + 1) return at;
        } else {
            const uint8_t *close = memchr(text + at, ']', n - at);
            end = close ? (size_t)(close - text) : n;
            if (end + 1 >= n || text[end + 1] != '(' || djs_plain_end(text, at + 1, end, odd) != end)
                return at;
            size_t from = end + 2;
            end = djs_plain_address(text, from, n);
            if (end == from || end == n || text[end] != ')') return at;
        }
        at = end + 1;
    }
}

/* What is open, if that is one span and code in it at most, from where what is firm ends. false: who knows.
 */
static bool open_spans(djs_leaf *leaf, const djs_inlines *in) {
    const uint8_t *text = in->text;
    size_t at = in->firm, n = in->told, length = at < n ? djs_repeats(text, at, n) : 0, after = at + length;
    djs_span kind = length ? djs_span_of(text[at], length) : DJS_SPAN_NONE;
    djs_flanks can;
    if (kind == DJS_SPAN_EMPH || kind == DJS_SPAN_STRONG) {
        if (after == n || !djs_stars_flank(leaf, text, at, after, n, &can) || !can.open) return false;
        at = simple_end(leaf, text, after, n);
        if (at == n) return leaf->span = kind, leaf->open = after, true;
    } else if (kind != DJS_SPAN_CODE) {
        return false;
    }
    if (!in->in_code || at + 1 >= n || text[at] != '`' || strchr(" \n", text[at + 1]) ||
        memchr(text + at + 1, '`', n - at - 1))
        return false;
    leaf->code = true;
    if (kind != DJS_SPAN_CODE) leaf->span = kind, leaf->open = after;
    return true;
}

void djs_leaf_parsed(djs_leaf *leaf, const djs_inlines *in) {
    if (in->held) {
        leaf->wake = djs_wait_for(in->held, leaf->stop);
        leaf->patience = in->patience;
    } else if (is_quiet(leaf, in)) {
        leaf->quiet = true;
        leaf->settled = in->settled;
        leaf->span = DJS_SPAN_NONE;
        leaf->code = false;
        leaf->in_code = !(!in->settled && open_spans(leaf, in)) && in->in_code;
        leaf->base = leaf->stuck = 0;
        leaf->word = djs_word(in->text, leaf->text.len);
        leaf->seen = leaf->shown = leaf->plain = leaf->held = in->told;
        if (in->text[in->told - 1] == ':') leaf->seen--; /* what follows tells whether it is an address */
    }
}
