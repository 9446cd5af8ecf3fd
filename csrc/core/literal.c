/* What only looks like markup: a "*" between spaces, a tag, an "&" of no entity, an escape.
 *
 * The law: what stands for itself does so whatever is around it, and whatever follows.
 *
 * Checked by: as plain.c.
 *
 * SPDX-License-Identifier: MIT */
#include "spans.h"
#include "complete.h"
#include <cmark_ctype.h>

/* The marker at text[at] can neither open nor close anything, and a word follows: its length; or 0. */
static size_t idle_marker(const djs_leaf *leaf, const uint8_t *text, size_t at, size_t n, bool code) {
    size_t after = at + djs_repeats(text, at, n);
    if (after == n || !at) return 0;
    bool within = text[at] == '_' && cmark_isalnum(text[at - 1]) && text[after] != ' ';
    bool apart = text[at - 1] == ' ' && text[after] == ' ';
    return (code || within || apart) && djs_is_word(leaf, text, after, n) ? after - at : 0;
}

/* Does something show of text[at..n)? */
static bool shows(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n) {
    return leaf->final || djs_is_word(leaf, text, at, n) || djs_leaf_told(leaf, text, n) > at;
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
    if (text[end] != ';') return (djs_literal){djs_leaf_told(leaf, text, n) > end, "&amp;", 5};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!memcmp(text + at, known[i].name, strlen(known[i].name)))
            return (djs_literal){end + 1 - at, known[i].html, strlen(known[i].html)};
    return (djs_literal){0};
}

size_t djs_tag_end(const uint8_t *text, size_t at, size_t n) {
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

djs_literal djs_literal_at(djs_leaf *leaf, const uint8_t *text, size_t at, size_t n, bool code) {
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
        if (code) return (djs_literal){djs_leaf_told(leaf, text, n) > at, "&amp;", 5};
        return reference(leaf, text, at, n);
    case '@': /* no mailbox */
        if (at && (cmark_isalnum(text[at - 1]) || strchr(".+-_:/@", text[at - 1]))) break;
        return (djs_literal){cmark_isalnum(next) && shows(leaf, text, at + 1, n), self, 1};
    case '[':
    case ']': return (djs_literal){code && next, self, 1};
    case '\\':
        if (next == '\n') return (djs_literal){!code && goes_on(leaf, text, at + 2, n) ? 2 : 0, "<br>", 4};
        if (leaf->math) break;
        if (next != ' ' && djs_is_word(leaf, text, at + 1, n)) return (djs_literal){1, self, 1};
        if (next && !code && strchr("()[]{}.,-+#=|;^/%", next)) return (djs_literal){2, self + 1, 1};
        break;
    default: break;
    }
    return (djs_literal){0};
}
