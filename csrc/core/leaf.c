/* The text that grows.
 *
 * The law: the page shows what rendering the whole leaf, a paragraph, heading
 * or cell, as unfinished would show. What is firm cannot be changed by any text that follows, but by
 * a definition, which patches the leaf when it has settled.
 *
 * Where nothing gets firm for long (an opener that nobody closes), the text is
 * parsed again only when it has grown by an eighth, so that a long line costs
 * a constant times its length; what is new appears with the next parse, so in
 * such a text it comes in larger steps.
 *
 * Checked by: tests/test_markdown.py, tests/fuzz_markdown.py.
 *
 * SPDX-License-Identifier: MIT */
#include "leaf.h"
#include "complete.h"
#include <cmark_ctype.h>

enum { PATIENCE = 1024, GROWTH = 8 };

djs_status djs_leaf_add(djs_leaf *leaf, const uint8_t *text, size_t n) {
    djs_buf_put(&leaf->text, text, n);
    leaf->taken += n;
    if (djs_buf_grow(&leaf->text, 1))
        leaf->text.ptr[leaf->text.len] = 0; /* what cmark_inlines.c writes over */
    return leaf->text.status;
}

/* The text that can be shown: not a line that may be the header of a table. */
static size_t told(const djs_leaf *leaf) {
    size_t n = leaf->text.len, start = leaf->paragraph ? djs_header_told(leaf->text.ptr, n) : n, line = start;
    if (start == n) return n;
    while (line && leaf->text.ptr[line - 1] != '\n') line--;
    return line || leaf->taken == n ? start : n; /* a line that began before the text is none */
}

/* ---- bytes that need no parser ---- */

enum {
    HELD = 1,     /* held back at the end of a text, and else not plain */
    OTHER = 2,    /* not plain: it may mean something */
    LINE = 4,     /* ends the line */
    AT = 8,       /* a link's destination cannot go on, or not simply */
    CLOSER = 16,  /* a link's text or label may end */
    SPACE = 128,  /* parts words, as "(" and what is held do */
    ESCAPE = 512, /* it, and a "[", may make a label none */
    WWW = 256,    /* a second one may begin an address */
    DOLLAR = 1024 /* mathematics, if that is asked for */
};

/* What is not named here is plain: it means nothing but itself, whatever is open before it. */
static const uint16_t class[256] = {
    ['\n'] = OTHER | LINE | AT | SPACE,
    ['\r'] = OTHER | LINE | AT,
    ['\t'] = OTHER | AT | SPACE,
    ['\v'] = OTHER | AT,
    ['\f'] = OTHER | AT,
    [' '] = AT | SPACE,
    ['"'] = AT,
    ['\''] = AT,
    ['('] = AT,
    [')'] = AT,
    ['<'] = OTHER | AT,
    ['>'] = OTHER | AT,
    ['\\'] = OTHER | AT | ESCAPE | DJS_STOP_CELL,
    ['|'] = DJS_STOP_CELL,
    ['#'] = DJS_STOP_HEADING,
    ['!'] = HELD,
    ['*'] = HELD,
    ['_'] = HELD,
    ['`'] = HELD,
    ['~'] = HELD,
    ['&'] = OTHER,
    [':'] = OTHER,
    ['@'] = OTHER,
    ['['] = OTHER | ESCAPE,
    [']'] = OTHER | CLOSER,
    ['w'] = WWW,
    ['$'] = DOLLAR,
};

static unsigned classes(const uint8_t *text, size_t n) {
    unsigned all = 0;
    for (size_t i = 0; i < n; i++) all |= class[text[i]];
    return all;
}

/* Where plain text that begins at text[from] ends; bytes of other classes than `odd` are plain. */
static size_t plain_end(const uint8_t *text, size_t from, size_t n, unsigned odd) {
    for (size_t i = from; i < n; i++) {
        uint8_t c = text[i];
        if (!(class[c] & odd)) continue;
        if (c == 'w' && text[i - 1] != 'w') continue;
        if (c == ':' && !(i + 1 < n && text[i + 1] == '/')) continue; /* no address, or not yet */
        if (c == '!' && i + 1 < n && text[i + 1] != '[') continue;
        return i;
    }
    return n;
}

/* The beginning of the word that ends at text[n], if it may be that of an address; or n. */
static size_t address(const uint8_t *text, size_t n) {
    size_t word = n;
    while (word && n - word < 8 && text[word - 1] != '(' && text[word - 1] < 0x80 &&
           !(class[text[word - 1]] & (SPACE | HELD)))
        word--;
    return word < n && djs_link_begun(text + word, n - word) ? word : n;
}

/* Shows what was added if it is plain text; false if it has to be parsed. `all`: the classes of its bytes. */
static bool extend(djs_leaf *leaf, unsigned all, djs_page *page, djs_edits *edits) {
    enum { PATIENT = 16 };
    const uint8_t *text = leaf->text.ptr;
    size_t n = leaf->text.len, end = n;
    unsigned odd = HELD | OTHER | WWW | (leaf->math ? DOLLAR : 0);
    if (all & odd) end = plain_end(text, leaf->seen, n, odd);
    size_t seen = end;
    if (leaf->settled && end < n && text[end] == '[' && text[end - 1] != '!' &&
        !(classes(text + end, n - end) & CLOSER)) { /* held back, until it is a link or not */
        leaf->wake = djs_wait_for(']', leaf->stop);
        leaf->patience = end + DJS_HOLD_BRACKET;
    } else {
        for (size_t i = end; i < n; i++)
            if (!(class[text[i]] & HELD) || i - end == PATIENT) return false;
        while (end > leaf->shown && (text[end - 1] == ' ' || text[end - 1] == '!')) end--;
        size_t word = address(text, end);
        if (word < end && word >= leaf->shown) {
            for (end = seen = word; end > leaf->shown && text[end - 1] == ' ';) end--;
        } else if (seen == n && text[n - 1] == ':') {
            seen--;
        }
    }
    leaf->seen = seen;
    if (end <= leaf->shown) return true;
    djs_page_extend(page, text + leaf->shown, end - leaf->shown, edits);
    leaf->shown = end;
    return true;
}

unsigned djs_wait_for(char held, uint8_t stop) {
    unsigned wake = held == ']'   ? CLOSER | ESCAPE
                    : held == ')' ? AT
                    : held == '*' ? HELD
                    : held == '$' ? DOLLAR
                                  : 0;
    return wake ? wake | LINE | stop : 0;
}

bool djs_wait_on(djs_wait *wait, const uint8_t *line, size_t n) {
    if (!wait->wake || n > wait->most || classes(line + wait->line, n - wait->line) & wait->wake) {
        wait->wake = 0;
        return false;
    }
    wait->line = n;
    return true;
}

bool djs_leaf_take(djs_leaf *leaf, const uint8_t *line, size_t n, unsigned *all) {
    *all = classes(line + leaf->line, n - leaf->line);
    if (*all & (LINE | leaf->stop)) return false;
    djs_leaf_add(leaf, line + leaf->line, n - leaf->line);
    leaf->line = n;
    return true;
}

bool djs_leaf_more(djs_leaf *leaf, const uint8_t *line, size_t n, djs_page *page, djs_edits *edits) {
    bool rest = leaf->seen < leaf->text.len;
    unsigned all;
    if (!leaf->on || !leaf->line || !(leaf->quiet || leaf->wake) || !djs_leaf_take(leaf, line, n, &all))
        return false;
    if (leaf->text.status) edits->html.status = leaf->text.status;
    if (!leaf->wake) return extend(leaf, rest ? ~0u : all, page, edits);
    return leaf->text.len <= leaf->patience && !(all & leaf->wake);
}

/* After a parse: may plain text follow as it is? Not near an address, whose end depends on what follows. */
static bool is_quiet(const djs_leaf *leaf, const djs_inlines *in) {
    const uint8_t *text = leaf->text.ptr;
    size_t n = in->told, words = 0;
    if (n <= leaf->context || !in->open_end) return false;
    for (size_t i = n; i-- > 0 && words < 1;) {
        if ((text[i] == ':' && text[i + 1] == '/') || text[i] == '@' || text[i] == '&' ||
            (text[i] == 'w' && i && text[i - 1] == 'w'))
            return false;
        words += cmark_isspace(text[i]) != 0;
    }
    return true;
}

/* ---- all other text ---- */

/* Forgets what is firm: html bytes of the tail, and all text before `firm` but one character, which tells
 * whether a marker opens or closes. */
static void forget(djs_leaf *leaf, size_t html, size_t firm) {
    size_t keep = firm - 1;
    leaf->firm += html;
    while (keep && (leaf->text.ptr[keep] & 0xC0) == 0x80) keep--;
    leaf->context = firm - keep;
    leaf->parsed = leaf->parsed > keep ? leaf->parsed - keep : 0;
    leaf->patience -= keep;
    leaf->known = leaf->known > keep ? leaf->known - keep : 0;
    leaf->seen -= keep;
    leaf->shown -= keep;
    leaf->plain -= keep;
    djs_buf_drop(&leaf->text, keep);
}

/* Plain text that was shown as it is, after a place where nothing is open, is firm up to its last word. */
static void settle_plain(djs_leaf *leaf, const djs_page *page) {
    const uint8_t *text = leaf->text.ptr;
    size_t word = leaf->shown;
    if (!leaf->quiet || !leaf->settled) return;
    while (word > leaf->plain && text[word - 1] != ' ') word--;
    if (word == leaf->plain || word == leaf->shown) return;
    leaf->missed = leaf->misses.len;
    forget(leaf, page->tail.len - (leaf->shown - word) - leaf->firm, word);
}

void djs_leaf_show(djs_leaf *leaf, djs_render *r, djs_page *page, djs_edits *edits) {
    if (leaf->known == leaf->text.len) return;
    settle_plain(leaf, page);
    size_t n = told(leaf);
    leaf->known = leaf->text.len;
    leaf->quiet = false;
    leaf->wake = 0;
    if (n > PATIENCE && n >= leaf->parsed && n - leaf->parsed < leaf->parsed / GROWTH) return;
    leaf->parsed = n;
    djs_inlines in = {.text = leaf->text.ptr, .n = n, .from = leaf->context, .unfinished = true};
    djs_buf_cut(&leaf->misses, leaf->missed);
    djs_buf_clear(r->out);
    r->mark = 0;
    size_t firm_html = djs_render_split(r, &in);
    if (n <= leaf->context) firm_html = r->mark = 0;
    if (!r->mark && leaf->head && leaf->firm == leaf->start + leaf->head) {
        djs_page_amend(page, leaf->start, NULL, 0, edits); /* nothing of it can be told any more */
        leaf->on = false;
        return;
    }
    djs_page_amend(page, leaf->firm, r->out->ptr, r->mark, edits);
    if (n == leaf->text.len && in.held) {
        leaf->wake = djs_wait_for(in.held, leaf->stop);
        leaf->patience = in.patience;
    } else if (n == leaf->text.len && is_quiet(leaf, &in)) {
        leaf->quiet = true;
        leaf->settled = in.settled;
        leaf->seen = leaf->shown = leaf->plain = in.told;
        if (leaf->text.ptr[in.told - 1] == ':')
            leaf->seen--; /* what follows tells whether it is an address */
    }
    if (in.firm > leaf->context) leaf->missed = in.misses;
    if (in.firm > leaf->context) forget(leaf, firm_html, in.firm);
    else leaf->firm += firm_html;
}
