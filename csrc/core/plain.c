/* Text that needs no parser.
 *
 * The law: what these functions show is what djs_leaf_show would show, byte for
 * byte; where they cannot be sure, they say so, and it does.
 *
 * Most of what a model writes is letters, and most of the rest is **strong**,
 * *emphasis* and `code` around a few words, or a link. Letters that follow
 * text, where nothing is held back, show as they are. A run of * opens or
 * closes by the characters on both sides of it (CommonMark, section 6.2), so
 * of a span there is one reading once they are known, unless another run can
 * pair with one of its own in another way: that is left to the parser.
 *
 *     "a **bc"     <strong> opens at "b"
 *     "a **bc**"   closes with what follows, which says that nothing longer does
 *     "***b"       is left to the parser
 *
 * Checked by: tests/test_markdown.py (every prefix of every example),
 * tests/fuzz_markdown.py, tests/c/random_markdown.c.
 *
 * SPDX-License-Identifier: MIT */
#include "plain.h"
#include "bytes.h"
#include "cjk.h"
#include "complete.h"
#include <cmark_ctype.h>
#include <../src/utf8.h> /* cmark's, not ours of the same name */

static unsigned classes(const uint8_t *text, size_t n) {
    unsigned all = 0;
    for (size_t i = 0; i < n; i++) all |= djs_class[text[i]];
    return all;
}

/* Is this the beginning of a line of text, and nothing else? */
static bool begins_line(uint8_t c) { return cmark_isalpha(c) || c >= 0x80; }

/* Is the end of a line, after a word and before one, nothing but itself? */
static bool is_soft(const uint8_t *text, size_t at) {
    return at && text[at - 1] != ' ' && !(djs_class[text[at - 1]] & (DJS_HELD | DJS_OTHER)) &&
           begins_line(text[at + 1]);
}

/* Where plain text that begins at text[from] ends; bytes of other classes than `odd` are plain, and ends of
 * lines, unless DJS_LINE is among them. */
static size_t plain_end(const uint8_t *text, size_t from, size_t n, unsigned odd) {
    for (size_t i = from; i < n; i++) {
        uint8_t c = text[i];
        if (!(djs_class[c] & odd)) continue;
        if (c == 'w' && !(i && text[i - 1] == 'w')) continue;
        if (c == '\n' && !(odd & DJS_LINE) && i + 1 < n && is_soft(text, i)) continue;
        if (c == ':' && !(i + 1 < n && text[i + 1] == '/')) continue; /* no address, or not yet */
        if (c == '!' && i + 1 < n && text[i + 1] != '[') continue;
        return i;
    }
    return n;
}

static unsigned odd_of(const djs_leaf *leaf) {
    return DJS_HELD | DJS_OTHER | DJS_WWW | (leaf->math ? DJS_DOLLAR : 0) | (leaf->breaks ? DJS_LINE : 0);
}

bool djs_is_plain(const djs_leaf *leaf, size_t from, size_t n) {
    return plain_end(leaf->text.ptr, from, n, odd_of(leaf) | DJS_LINE) == n;
}

size_t djs_plain_address(const uint8_t *text, size_t at, size_t n) {
    /* letters, digits and -._/:?#=%+,;~@ */
    static const uint64_t plain[4] = {0xAFFFF82800000000, 0x47FFFFFE87FFFFFF};
    while (at < n && plain[text[at] >> 6] >> (text[at] & 63) & 1) at++;
    return at;
}

size_t djs_word(const uint8_t *text, size_t n) {
    while (n && !(djs_class[text[n - 1]] & DJS_BREAK)) n--;
    return n;
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

/* djs_text_told of text[0..n), which put_more looks at. */
static size_t text_told(djs_leaf *leaf, const uint8_t *text, size_t n) {
    if (leaf->told_for != n) leaf->told = djs_text_told(text, leaf->told_for = n);
    return leaf->told;
}

/* ---- spans ---- */

static size_t run(const uint8_t *text, size_t at, size_t n) {
    size_t i = at;
    while (i < n && text[i] == text[at]) i++;
    return i - at;
}

static djs_span kind_of(uint8_t c, size_t length) {
    if (c == '`') return length == 1 ? DJS_SPAN_CODE : DJS_SPAN_NONE;
    if (c != '*') return DJS_SPAN_NONE;
    return length == 1 ? DJS_SPAN_EMPH : length == 2 ? DJS_SPAN_STRONG : DJS_SPAN_NONE;
}

/* What stands before text[at], or begins there, is not ASCII: is it punctuation or space to CommonMark? A
 * letter else; and what is ASCII is neither. */
typedef enum { NEITHER, LETTER, SIGN } djs_sort;

static djs_sort sort_of(const uint8_t *text, size_t at, size_t n) {
    int32_t c;
    if (at >= n || text[at] < 0xC0 || cmark_utf8proc_iterate(text + at, (bufsize_t)(n - at), &c) < 0)
        return NEITHER;
    if (cmark_utf8proc_is_space(c) || cmark_utf8proc_is_punctuation(c)) return SIGN;
    return (c >= 0x200B && c <= 0x206F) || (c >= 0xFE00 && c <= 0xFEFF) ? NEITHER
                                                                        : LETTER; /* seen by nobody */
}

static bool is_letter(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    return at < n && (cmark_isalnum(text[at]) || (!leaf->cjk && sort_of(text, at, n) == LETTER));
}

/* Where the character before text[at] begins. */
static size_t before(const uint8_t *text, size_t at) {
    do at--;
    while (at && (text[at] & 0xC0) == 0x80);
    return at;
}

/* Does a word begin here, or after a space, that is no address, not even the beginning of one? Then what
 * stands before it shows. */
static bool is_word(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    at += at < n && text[at] == ' ';
    if (!is_letter(leaf, text, at, n)) return false;
    if (text[at] >= 0x80) return true;
    while (n > at && text[n - 1] == '_') n--;
    return text[n - 1] == ' ' || djs_class[text[n - 1]] & DJS_HELD || !djs_address_begun(text + at, n - at);
}

/* How the run text[at..after) of "*" flanks what stands around it, as CommonMark has it. false: that is not
 * known. */
static bool flanks(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t after, size_t n,
                   djs_flanks *can) {
    int32_t last = '\n', next = '\n';
    if (leaf->cjk || (!at && leaf->taken != leaf->text.len)) return false;
    if (at && (text[at - 1] == '~' || cmark_utf8proc_iterate(text + before(text, at), 4, &last) < 0))
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

/* The first byte of a character of Chinese, Japanese or Korean, as cmark_inlines.c has it. */
static bool is_cjk(uint8_t c) { return (c >= 0xE3 && c <= 0xED) || c == 0xEF; }

/* What the run of "*" text[at..after), which can open a span, does: it opens one that shows at once, or waits
 * for its end, as complete.h has it. */
static bool completes(const uint8_t *text, size_t at, size_t after, djs_flanks can) {
    uint8_t last = at ? text[at - 1] : 0;
    if (after - at == 1) return !can.close && !(last && strchr(")]}", last));
    return !can.close || !cmark_isalnum(last) || !cmark_isalnum(text[after]);
}

static bool waits(const uint8_t *text, size_t at, size_t after) {
    return is_cjk(text[after]) || (at && is_cjk(text[before(text, at)]));
}

/* Where the run of one "`" that ends the code is, whose text begins before text[at]; n: not yet. */
static size_t code_end(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    const uint8_t *tick;
    while (at < n && (tick = memchr(text + at, '`', n - at))) {
        size_t length = run(text, (size_t)(tick - text), n);
        at = (size_t)(tick - text) + length;
        if (length == 1 && (at < n || leaf->final)) return at - 1;
    }
    return n;
}

static const char *const tags[][2] = {
    [DJS_SPAN_CODE] = {"<code>", "</code>"},
    [DJS_SPAN_EMPH] = {"<em>", "</em>"},
    [DJS_SPAN_STRONG] = {"<strong>", "</strong>"},
};

/* What take_spans found at the place where it ended. */
typedef enum {
    ELSE,  /* something that may need a parser */
    TAKEN, /* nothing: all that can be shown is written */
    PARSE, /* nobody knows */
    BEGUN, /* a span that shows when more of it has come */
    WAITS  /* a span that shows when its end has come; what stands before it does */
} djs_ending;

/* Text up to text[at] shows. */
static void put_to(djs_leaf *leaf, const uint8_t *text, size_t at, djs_buf *html) {
    if (at > leaf->shown) djs_buf_put(html, text + leaf->shown, at - leaf->shown);
    leaf->plain = leaf->shown = leaf->seen = at;
}

static void open_span_at(djs_leaf *leaf, const uint8_t *text, size_t at, djs_span kind, djs_buf *html) {
    put_to(leaf, text, at, html);
    if (leaf->settled) leaf->base = at, leaf->base_html = html->len - leaf->firm;
    djs_buf_put(html, tags[kind][0], strlen(tags[kind][0]));
    leaf->settled = false;
}

static void close_span(djs_leaf *leaf, djs_span kind, size_t after, djs_buf *html) {
    djs_buf_put(html, tags[kind][1], strlen(tags[kind][1]));
    if (kind == DJS_SPAN_CODE) leaf->code = false;
    else leaf->span = DJS_SPAN_NONE;
    leaf->settled = !leaf->span;
    leaf->plain = leaf->shown = leaf->seen = after;
}

/* Code up to text[at] shows, where the end of a line is a space. */
static void put_code(djs_leaf *leaf, const uint8_t *text, size_t at, djs_buf *html) {
    for (size_t from = leaf->shown; from < at; from++) {
        const uint8_t *line = memchr(text + from, '\n', at - from);
        size_t end = line ? (size_t)(line - text) : at;
        djs_text_html(html, text + from, end - from);
        if (line) djs_buf_byte(html, ' ');
        from = end;
    }
    leaf->plain = leaf->shown = leaf->seen = at;
}

/* How much of the code that has not ended can be told. SIZE_MAX: a "`" after a backslash may end it. */
static size_t code_told(djs_leaf *leaf, const uint8_t *text, size_t n) {
    size_t told = text_told(leaf, text, n);
    return told && text[told - 1] == '`' ? SIZE_MAX : told;
}

/* Does a line begin in text[from..n) that may be a table's header? */
static bool may_head(const uint8_t *text, size_t from, size_t n) {
    const uint8_t *line;
    while (from < n && (line = memchr(text + from, '\n', n - from))) {
        from = (size_t)(line - text) + 1;
        while (from < n && (text[from] == ' ' || text[from] == '\t')) from++;
        if (from < n && text[from] == '|') return true;
    }
    return false;
}

/* More of the code that is open: BEGUN if its end is still to come, or held back like what seems a tag in it.
 */
static djs_ending take_code(djs_leaf *leaf, const uint8_t *text, size_t n, djs_buf *html) {
    size_t end = code_end(leaf, text, leaf->seen, n), told = leaf->final ? n : code_told(leaf, text, n);
    if (end < n && told > end && !may_head(text, leaf->shown, n)) {
        put_code(leaf, text, end, html);
        close_span(leaf, DJS_SPAN_CODE, end + 1, html);
        return TAKEN;
    }
    if (told == SIZE_MAX || may_head(text, leaf->shown, told)) return PARSE;
    if (told > leaf->shown) put_code(leaf, text, told, html);
    return BEGUN;
}

/* Does a "`" at text[at] begin code? */
static djs_ending begin_code(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n, djs_buf *html) {
    size_t after = at + 1, end, told;
    if (after == n || strchr("` \n", text[after])) return ELSE;
    if (at && (text[at - 1] == '`' || text[at - 1] == '\\')) return ELSE;
    end = code_end(leaf, text, after, n);
    if (end == n && leaf->final) return ELSE;
    told = leaf->final ? n : code_told(leaf, text, n);
    if ((end == n && told == SIZE_MAX) || may_head(text, after, n)) return PARSE;
    if (told <= after || (end < n && told <= end)) return BEGUN;
    open_span_at(leaf, text, at, DJS_SPAN_CODE, html);
    leaf->code = true;
    leaf->shown = leaf->seen = after;
    return TAKEN;
}

/* Is there a run of "*" that ends the span which text[at..after) opens? *more: not yet, and it may come. */
static bool ends_later(djs_leaf *leaf, const uint8_t *text, size_t at, size_t after, size_t n, bool *more) {
    djs_flanks can;
    size_t end = after;
    for (;;) {
        end = plain_end(text, end, n,
                        DJS_HELD | DJS_OTHER | DJS_WWW | DJS_LINE | (leaf->math ? DJS_DOLLAR : 0));
        if (end == n || text[end] != '`') break;
        if ((end = code_end(leaf, text, end + 1, n)) == n) return false;
        end++;
    }
    *more = end == n && !leaf->final;
    if (end == n || text[end] != '*') return false;
    size_t length = run(text, end, n), next = end + length;
    *more = !leaf->final && length <= after - at && text_told(leaf, text, n) <= next;
    if (*more || length != after - at) return false;
    return flanks(leaf, text, end, next, n, &can) && can.close;
}

/* Does the run of "*" at text[at] begin a span, or end the one that is open, or mean itself? */
static djs_ending take_stars(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n, djs_buf *html) {
    size_t length = run(text, at, n), after = at + length;
    djs_span kind = kind_of(text[at], length);
    djs_flanks can;
    bool more = false;
    if (!kind || (after == n && !leaf->final) || !flanks(leaf, text, at, after, n, &can)) return ELSE;
    if (leaf->span == kind && can.close && at > leaf->open) {
        put_to(leaf, text, at, html);
        close_span(leaf, kind, after, html);
        return TAKEN;
    }
    if (!leaf->settled || !can.open || after == n || text[after] == '!') return ELSE;
    if (text[after] == '[') { /* a link, or not: nothing shows before that is told */
        const uint8_t *end = memchr(text + after, ']', n - after);
        bool last = end && end + 1 == text + n;
        if (leaf->final || !at || (end && !last && end[1] != '(')) return ELSE;
        if (!end || last) {
            leaf->wake = djs_wait_for(']', leaf->stop);
            leaf->patience = last ? n : after + DJS_HOLD_BRACKET;
            return n - after < DJS_HOLD_BRACKET ? WAITS : ELSE;
        }
    }
    bool shows = completes(text, at, after, can);
    if (!shows || waits(text, at, after)) {
        if (!ends_later(leaf, text, at, after, n, &more)) {
            size_t most = shows ? DJS_HOLD_CJK : DJS_HOLD_STAR;
            if (!more || n - after >= most) return ELSE;
            if (text_told(leaf, text, n) <= after) return BEGUN;
            if (!memchr(text + after, '*', n - after)) { /* else the next bytes tell */
                leaf->wake = djs_wait_for('*', leaf->stop) | DJS_OTHER;
                leaf->patience = after + most;
            }
            return WAITS;
        }
    } else if (leaf->final || text_told(leaf, text, n) <= after) {
        return leaf->final ? ELSE : BEGUN;
    }
    open_span_at(leaf, text, at, kind, html);
    leaf->span = kind;
    leaf->open = leaf->shown = leaf->seen = after;
    return TAKEN;
}

/* ---- what looks like markup ---- */

/* The marker at text[at] can neither open nor close anything, and a word follows: its length; or 0. */
static size_t idle_marker(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n, bool code) {
    size_t after = at + run(text, at, n);
    if (after == n || !at) return 0;
    bool within = text[at] == '_' && cmark_isalnum(text[at - 1]) && text[after] != ' ';
    bool apart = text[at - 1] == ' ' && text[after] == ' ';
    return (code || within || apart) && is_word(leaf, text, after, n) ? after - at : 0;
}

typedef struct {
    size_t length; /* of what stands for itself; 0: it does not */
    const char *html;
    size_t html_n;
} djs_literal;

/* Does something show of text[at..n)? */
static bool shows(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    return leaf->final || is_word(leaf, text, at, n) || text_told(leaf, text, n) > at;
}

/* An entity, or an "&" that begins none. */
static djs_literal reference(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    static const struct {
        const char *name, *html;
    } known[] = {
        {"&amp;", "&amp;"}, {"&lt;", "&lt;"}, {"&gt;", "&gt;"}, {"&quot;", "\""}, {"&nbsp;", "\xC2\xA0"}};
    size_t end = at + 1;
    while (end < n && (cmark_isalnum(text[end]) || text[end] == '#')) end++;
    if (end == n || leaf->final) return (djs_literal){0};
    if (text[end] != ';') return (djs_literal){text_told(leaf, text, n) > end, "&amp;", 5};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!memcmp(text + at, known[i].name, strlen(known[i].name)))
            return (djs_literal){end + 1 - at, known[i].html, strlen(known[i].html)};
    return (djs_literal){0};
}

/* Where the tag that begins at text[at] ends, if it is one of the usual kind: then it is text. Or at. */
static size_t tag_end(const uint8_t *text, size_t at, size_t n) {
    size_t i = at + 1;
    bool closes = i < n && text[i] == '/';
    i += closes;
    if (i >= n || !cmark_isalpha(text[i])) return at;
    while (i < n && (cmark_isalnum(text[i]) || text[i] == '-')) i++;
    for (;;) {
        size_t gap = i;
        while (i < n && text[i] == ' ') i++;
        if (i == n) return at;
        if (text[i] == '>') return i + 1;
        if (closes) return at;
        if (text[i] == '/') return i + 1 < n && text[i + 1] == '>' ? i + 2 : at;
        if (i == gap || !cmark_isalpha(text[i])) return at;
        while (i < n && (cmark_isalnum(text[i]) || text[i] == '-')) i++;
        if (i == n || text[i] != '=') continue;
        if (++i == n || (text[i] != '"' && text[i] != '\'')) return at;
        const uint8_t *quote = memchr(text + i + 1, text[i], n - i - 1);
        if (!quote || memchr(text + i, '\n', (size_t)(quote - text) - i)) return at;
        i = (size_t)(quote - text) + 1;
    }
}

/* Does the line that begins at text[at] show something, so that the end of the one before does? */
static bool goes_on(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    if (leaf->breaks || at >= n || strchr(" \t|", text[at])) return false; /* spaces go; a table's header? */
    return shows(leaf, text, at, n);
}

/* What begins at text[at], if it means nothing whatever is around it, and how it shows. */
static djs_literal literal(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n, bool code) {
    uint8_t c = text[at], next = at + 1 < n ? text[at + 1] : 0;
    const char *self = (const char *)text + at;
    switch (c) {
    case '*':
    case '_':
    case '~': {
        size_t length = idle_marker(leaf, text, at, n, code);
        return (djs_literal){length, self, length};
    }
    case '\n': { /* the spaces before it go; two of them break the line */
        size_t gap = at;
        while (gap > leaf->shown && text[gap - 1] == ' ') gap--;
        bool simple = gap && !strchr(" \\", text[gap - 1]) && !code && goes_on(leaf, text, at + 1, n);
        return (djs_literal){simple, at - gap > 1 ? "<br>" : "\n", at - gap > 1 ? 4 : 1};
    }
    case '>': /* it may end a tag */
        return (djs_literal){!memchr(text + leaf->context, '<', at - leaf->context), "&gt;", 4};
    case '<':
        if (cmark_isalpha(next) || (next && strchr("/!?", next))) break;
        return (djs_literal){next && shows(leaf, text, at + 1, n), "&lt;", 4};
    case '&':
        if (code) return (djs_literal){text_told(leaf, text, n) > at, "&amp;", 5};
        return reference(leaf, text, at, n);
    case '@': /* no mailbox */
        if (at && (cmark_isalnum(text[at - 1]) || strchr(".+-_:/@", text[at - 1]))) break;
        return (djs_literal){cmark_isalnum(next) && shows(leaf, text, at + 1, n), self, 1};
    case '[':
    case ']': return (djs_literal){code && next, self, 1};
    case '\\':
        if (next == '\n') return (djs_literal){!code && goes_on(leaf, text, at + 2, n) ? 2 : 0, "<br>", 4};
        if (leaf->math) break;
        if (next != ' ' && is_word(leaf, text, at + 1, n)) return (djs_literal){1, self, 1};
        if (next && !code && strchr("()[]{}.,-+#=|;^/%", next)) return (djs_literal){2, self + 1, 1};
        break;
    default: break;
    }
    return (djs_literal){0};
}

/* Plain text, spans, and what only looks like markup, from leaf->seen on, as HTML; returns where that ends.
 */
static size_t take_spans(djs_leaf *leaf, const uint8_t *text, size_t n, unsigned odd, djs_buf *html,
                         djs_ending *why) {
    for (;;) {
        *why = leaf->code ? take_code(leaf, text, n, html) : TAKEN;
        if (*why != TAKEN) return n;
        size_t end = plain_end(text, leaf->seen, n, odd | (leaf->in_code ? DJS_LINE : 0));
        *why = ELSE;
        if (end == n) return end;
        djs_literal sign = literal(leaf, text, end, n, leaf->in_code);
        if (sign.length) {
            size_t to = end;
            while (text[end] == '\n' && to > leaf->shown && text[to - 1] == ' ') to--;
            put_to(leaf, text, to, html);
            djs_buf_put(html, sign.html, sign.html_n);
            leaf->plain = leaf->shown = leaf->seen = end + sign.length;
            continue;
        }
        if (leaf->in_code || !(leaf->settled || leaf->span)) return end;
        size_t tag = text[end] == '<' ? tag_end(text, end, n) : end;
        if (tag > end) {
            put_to(leaf, text, end, html);
            djs_text_html(html, text + end, tag - end);
            leaf->plain = leaf->shown = leaf->seen = tag;
            continue;
        }
        if (text[end] == '`') *why = begin_code(leaf, text, end, n, html);
        else if (text[end] == '*') *why = take_stars(leaf, text, end, n, html);
        if (*why != TAKEN) return end;
    }
}

/* ---- after a parse ---- */

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
        at = plain_end(text, at, n, odd);
        if (at == n || (text[at] != '[' && text[at] != '`')) return at;
        if (text[at] == '`') {
            end = code_end(leaf, text, at + 1, n);
            if (end == n || end == at + 1) return at;
        } else {
            const uint8_t *close = memchr(text + at, ']', n - at);
            end = close ? (size_t)(close - text) : n;
            if (end + 1 >= n || text[end + 1] != '(' || plain_end(text, at + 1, end, odd) != end) return at;
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
    size_t at = in->firm, n = in->told, length = at < n ? run(text, at, n) : 0, after = at + length;
    djs_span kind = length ? kind_of(text[at], length) : DJS_SPAN_NONE;
    djs_flanks can;
    if (kind == DJS_SPAN_EMPH || kind == DJS_SPAN_STRONG) {
        if (after == n || !flanks(leaf, text, at, after, n, &can) || !can.open) return false;
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

/* ---- more text ---- */

static bool is_space(uint8_t c) { return c == ' ' || c == '\n'; }

/* Held back at the end. */
static bool is_held(const djs_leaf *leaf, uint8_t c) { return is_space(c) || (c == '!' && !leaf->final); }

/* How much of text[0..end) can be shown; *seen: what of it need not be looked at again. */
static size_t told(djs_leaf *leaf, const uint8_t *text, size_t end, size_t n, size_t *seen) {
    size_t rest = end; /* what of it does not end the word before */
    while (rest < n && text[rest] == '_') rest++;
    bool ended = leaf->final || (rest < n && text[rest] != '@');
    if (leaf->held < leaf->shown) leaf->held = leaf->shown;
    while (leaf->held < end && is_held(leaf, text[leaf->held])) leaf->held++;
    if (leaf->held >= end && end > leaf->shown) return leaf->shown;
    for (; end > leaf->shown && is_held(leaf, text[end - 1]); end--) ended = true;
    size_t word = end == n ? leaf->word : djs_word(text, end);
    bool linked = word > 1 && text[word - 1] == '(' && text[word - 2] == ']'; /* as complete.c has it */
    if (!ended && !linked && word < end && word >= leaf->shown &&
        djs_address_begun(text + word, end - word)) {
        for (end = *seen = word; end > leaf->shown && is_held(leaf, text[end - 1]);) end--;
    } else if (*seen == n && text[n - 1] == ':') {
        --*seen;
    }
    return end;
}

static bool in_domain(const uint8_t *text, size_t at, size_t n) {
    while (at < n && (cmark_isalnum(text[at]) || text[at] == '.' || text[at] == '-')) at++;
    return at == n;
}

/* Is text[at] the "@" of an address whose domain has not ended? */
static bool is_mailbox(const uint8_t *text, size_t at, size_t n) {
    if (!at || at == n || n - at >= DJS_HOLD_TAG || text[at] != '@' || !cmark_isalnum(text[at - 1]))
        return false;
    size_t word = djs_word(text, at);
    if (at - word >= 4 && (!memcmp(text + word, "http", 4) || !memcmp(text + word, "www.", 4))) return false;
    size_t start = word; /* as complete.c has it, which does not end at what is not ASCII */
    while (start && (text[start - 1] >= 0x80 || !(djs_class[text[start - 1]] & DJS_BREAK))) start--;
    if (start > 1 && text[start - 1] == '(' && text[start - 2] == ']') return false;
    for (size_t i = word + 1; i < at; i++)
        if (text[i] == '@' && cmark_isalnum(text[i - 1])) return false;
    return in_domain(text, at + 1, n);
}

/* May a link begin at text[at]? At the beginning of a paragraph it may be a definition, too. */
static bool is_bracket(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    if (!(leaf->settled || leaf->span) || leaf->in_code || at == n) return false;
    if (text[at] == '!') return at + 2 < n && text[at + 1] == '[' && text[at + 2] != '^';
    if (text[at] != '[') return false;
    if (at) return text[at - 1] != '!';
    if (n > 2 && text[1] == '!' && text[2] == '[') return true;
    const uint8_t *end = memchr(text, ']', n);
    return end && end + 1 < text + n && end[1] == '(';
}

/* What was added, as far as it can be shown, after what is shown; false if it has to be parsed. `all`: the
 * classes of its bytes. */
static bool put_more(djs_leaf *leaf, unsigned all, djs_buf *html) {
    enum { PATIENT = 16, STUCK = 512 };
    const uint8_t *text = leaf->text.ptr;
    size_t n = leaf->text.len, end = n;
    unsigned odd = odd_of(leaf);
    bool sure = true;
    djs_ending why = ELSE;
    if (leaf->stuck > STUCK) return false; /* looking at it again and again takes effort: effort.h */
    leaf->stuck = leaf->told_for = 0;
    if (all & odd || leaf->code) end = take_spans(leaf, text, n, odd, html, &why);
    if (why != ELSE) leaf->stuck = n - leaf->shown;
    if (leaf->code || why == PARSE) return why != PARSE;
    while (leaf->final && end < n && text[end] == '!') end++;
    size_t seen = end;
    if (why == WAITS) {                          /* all that stands before it shows */
    } else if (is_bracket(leaf, text, end, n)) { /* held back, until it is a link or not: link.h */
        leaf->wake = djs_wait_for(']', leaf->stop);
        bool image = text[end] == '!' || (end + 1 < n && text[end + 1] == '!');
        leaf->patience = end + (image ? DJS_HOLD_IMAGE : DJS_HOLD_BRACKET);
        leaf->seen = seen;
        sure = !memchr(text + end, ']', n - end);
        if (!sure) end = leaf->shown;
    } else if (leaf->settled && is_mailbox(text, end, n)) { /* until its domain ends */
        leaf->mailbox = end;
        end = told(leaf, text, end, n, &seen);
        leaf->wake = ~0u;
    } else {
        for (size_t i = end; i < n && sure && why != BEGUN; i++)
            sure = (djs_class[text[i]] & DJS_HELD || (text[i] == ' ' && i > end)) && i - end < PATIENT;
        size_t held = sure || leaf->final ? n : text_told(leaf, text, n);
        if (sure) end = told(leaf, text, end, n, &seen);
        else if ((sure = held <= end)) { /* nothing of what comes shows yet, whatever it is */
            end = seen = held > leaf->shown ? held : leaf->shown;
            leaf->stuck = n - end;
        } else end = leaf->shown;
    }
    if (sure) leaf->seen = seen;
    if (end > leaf->shown) {
        djs_buf_put(html, text + leaf->shown, end - leaf->shown);
        leaf->shown = end;
    }
    return sure;
}

/* The same on the page. */
static bool extend(djs_leaf *leaf, unsigned all, djs_page *page, djs_edits *edits) {
    size_t from = page->tail.len - leaf->unsent;
    bool sure = put_more(leaf, all, &page->tail);
    if (page->tail.len > from) djs_page_grow(page, from, edits);
    leaf->unsent = 0;
    return sure;
}

bool djs_leaf_take(djs_leaf *leaf, const uint8_t *line, size_t n, unsigned *classes) {
    size_t word = leaf->word, at = leaf->text.len, more = n - leaf->line;
    const uint8_t *more_of = line + leaf->line;
    unsigned all = 0;
    *classes = 0;
    if (djs_buf_grow(&leaf->text, more + 1)) {
        uint8_t *text = leaf->text.ptr + at;
        for (size_t i = 0; i < more; i++) {
            unsigned kinds = djs_class[text[i] = more_of[i]];
            if (kinds & DJS_BREAK) word = at + i + 1;
            all |= kinds;
        }
        bool ends = all & (DJS_LINE | leaf->stop);
        text[ends ? 0 : more] = 0; /* as djs_leaf_add has it */
        *classes = all;
        if (ends) return false;
        leaf->text.len += more;
    }
    leaf->word = word;
    leaf->taken += more;
    leaf->line = n;
    return true;
}

bool djs_leaf_more(djs_leaf *leaf, const uint8_t *line, size_t n, djs_page *page, djs_edits *edits) {
    bool rest = leaf->seen < leaf->text.len;
    size_t known = leaf->text.len;
    unsigned all;
    if (!leaf->on || !leaf->line || !(leaf->quiet || leaf->wake) || !djs_leaf_take(leaf, line, n, &all))
        return false;
    if (leaf->text.status) edits->html.status = leaf->text.status;
    if (!leaf->wake) return extend(leaf, rest ? ~0u : all, page, edits);
    if (leaf->mailbox)
        return in_domain(leaf->text.ptr, known, leaf->text.len) &&
               leaf->text.len - leaf->mailbox < DJS_HOLD_TAG;
    return leaf->text.len <= leaf->patience && !(all & leaf->wake);
}

bool djs_leaf_begin(djs_leaf *leaf, djs_buf *html) {
    djs_leaf_at_start(leaf, 0);
    return put_more(leaf, ~0u, html) && leaf->shown;
}

void djs_leaf_at_start(djs_leaf *leaf, size_t from) {
    leaf->quiet = leaf->settled = true;
    leaf->in_code = leaf->code = false;
    leaf->span = DJS_SPAN_NONE;
    leaf->seen = leaf->shown = leaf->plain = leaf->held = from;
    leaf->known = leaf->stuck = 0;
    leaf->word = djs_word(leaf->text.ptr, leaf->text.len);
}

bool djs_leaf_catch_up(djs_leaf *leaf, djs_page *page, djs_edits *edits) {
    if (!leaf->quiet) return false;
    if (leaf->wake && (leaf->mailbox || leaf->text.ptr[leaf->seen] != '*')) return false;
    leaf->wake = 0;
    leaf->word = djs_word(leaf->text.ptr, leaf->text.len);
    return extend(leaf, ~0u, page, edits);
}

void djs_leaf_wait(djs_leaf *leaf, size_t n) {
    leaf->wake = DJS_LINE;
    leaf->patience = leaf->text.len + n;
}

bool djs_leaf_is_shown(const djs_leaf *leaf) {
    size_t n = leaf->text.len;
    while (n > leaf->shown && (leaf->text.ptr[n - 1] == ' ' || leaf->text.ptr[n - 1] == '\n')) n--;
    return leaf->quiet && leaf->settled && leaf->shown == n;
}
