/* Text that needs no parser.
 *
 * The law: what these functions show is what djs_leaf_show would show, byte for
 * byte; where they cannot be sure, they say so, and it does.
 *
 * Most of what a model writes is letters, and most of the rest is **strong**,
 * *emphasis* and `code` around a few words, or a link. Letters that follow
 * text, where nothing is held back, show as they are; spans.h says what else does.
 *
 * Checked by: tests/test_markdown.py (every prefix of every example),
 * tests/fuzz_markdown.py, tests/c/random_markdown.c.
 *
 * SPDX-License-Identifier: MIT */
#include "plain.h"
#include "bytes.h"
#include "complete.h"
#include "spans.h"
#include "wait.h"
#include <cmark_ctype.h>

/* Plain text, spans, and what only looks like markup, from leaf->seen on, as HTML; returns where that ends.
 */
static size_t take_spans(djs_leaf *leaf, const uint8_t *text, size_t n, unsigned odd, djs_buf *html,
                         djs_ending *why) {
    for (;;) {
        *why = leaf->code ? djs_code_take(leaf, text, n, html) : DJS_TAKEN;
        if (*why != DJS_TAKEN) return n;
        size_t end = djs_plain_end(text, leaf->seen, n, odd | (leaf->in_code ? DJS_LINE : 0));
        *why = DJS_ELSE;
        if (end == n) return end;
        djs_literal sign = djs_literal_at(leaf, text, end, n, leaf->in_code);
        if (sign.length) {
            size_t to = end;
            while (text[end] == '\n' && to > leaf->shown && text[to - 1] == ' ') to--;
            djs_span_put(leaf, text, to, html);
            djs_buf_put(html, sign.html, sign.html_n);
            leaf->plain = leaf->shown = leaf->seen = end + sign.length;
            continue;
        }
        if (leaf->in_code || !(leaf->settled || leaf->span)) return end;
        size_t tag = text[end] == '<' ? djs_tag_end(text, end, n) : end;
        if (tag > end) {
            djs_span_put(leaf, text, end, html);
            djs_text_html(html, text + end, tag - end);
            leaf->plain = leaf->shown = leaf->seen = tag;
            continue;
        }
        if (text[end] == '`') *why = djs_code_begin(leaf, text, end, n, html);
        else if (text[end] == '*') *why = djs_stars_take(leaf, text, end, n, html);
        if (*why != DJS_TAKEN) return end;
    }
}

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
    unsigned odd = djs_odd(leaf);
    bool sure = true;
    djs_ending why = DJS_ELSE;
    if (leaf->stuck > STUCK) return false; /* looking at it again and again takes effort: effort.h */
    leaf->stuck = leaf->told_for = 0;
    if (all & odd || leaf->code) end = take_spans(leaf, text, n, odd, html, &why);
    if (why != DJS_ELSE) leaf->stuck = n - leaf->shown;
    if (leaf->code || why == DJS_PARSE) return why != DJS_PARSE;
    while (leaf->final && end < n && text[end] == '!') end++;
    size_t seen = end;
    if (why == DJS_WAITS) {                      /* all that stands before it shows */
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
        for (size_t i = end; i < n && sure && why != DJS_BEGUN; i++)
            sure = (djs_class[text[i]] & DJS_HELD || (text[i] == ' ' && i > end)) && i - end < PATIENT;
        size_t held = sure || leaf->final ? n : djs_leaf_told(leaf, text, n);
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
