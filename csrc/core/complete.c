/* What an unfinished line or leaf may already show.
 *
 * The law: holding back is for the tail only. What a frame shows is a prefix
 * of what later frames show, unless the text itself turned out to mean
 * something that the first readers of model answers almost never meet; what
 * is held back appears at the latest when the line, or the stream, ends.
 *
 * An example that breaks a naive version: "- " is a list item, "- -" a list in
 * a list, "- - -" a thematic break, and "-" after a paragraph an underline
 * that makes it a heading. None of them is shown before a letter tells.
 *
 * Figures behind the rules: 4,025 real model answers: 17,157 strong spans
 * against 16 literal "**"; no lone backtick was left literal; 317 paragraphs
 * were directly followed by "- ".
 *
 * SPDX-License-Identifier: MIT */
#include "complete.h"
#include "math.h"
#include <cmark_ctype.h>

static bool blank(uint8_t c) { return c == ' ' || c == '\t'; }

/* Only bytes of this set? */
static bool only(const uint8_t *text, size_t n, const char *set) {
    for (size_t i = 0; i < n; i++)
        if (!text[i] || !strchr(set, text[i])) return false;
    return true;
}

static size_t run(const uint8_t *text, size_t n, uint8_t c) {
    size_t i = 0;
    while (i < n && text[i] == c) i++;
    return i;
}

/* ---- lines ---- */

bool djs_text_begun(const cmark_parser *parser, const uint8_t *text, size_t n) {
    while (n && blank(*text)) text++, n--; /* a lazy continuation line keeps its indentation */
    if (!n) return false;
    if (parser->options & DJS_OPT_MATH && djs_math_opens(text, n) != DJS_MATH_NONE) return false;
    uint8_t c = text[0];
    size_t i;
    switch (c) {
    case '*':
    case '_': /* thematic break, list item */
        return n > 1 && !blank(text[1]) && !only(text, n, c == '*' ? "* \t" : "_ \t");
    case '-':
    case '+':
    case ':': /* list item, thematic break, underline, delimiter row */
        return n > 1 && !blank(text[1]) && !only(text, n, "-|:+ \t");
    case '=': /* underline */ return !only(text, n, "= \t");
    case '|': /* delimiter row */ return !only(text, n, "-|: \t");
    case '#':
    case '`':
    case '~': /* heading, fence */ i = run(text, n, c); return i < n && (c == '#' || i < 3);
    case '[': /* definition of a footnote */
        if (!(parser->options & CMARK_OPT_FOOTNOTES)) return true;
        if (n < 2 || text[1] != '^') return n > 1;
        for (i = 2; i < n && !blank(text[i]) && text[i] != ']'; i++) {}
        return i == n ? n > MAX_LINK_LABEL_LENGTH : text[i] != ']' || i + 1 < n;
    case '<': { /* HTML block of kind 7: one tag, alone on its line */
        if (n < 2) return false;
        if (!cmark_isalpha(text[1]) && !strchr("/!?", text[1])) return true;
        const uint8_t *end = memchr(text, '>', n);
        if (!end) return n > DJS_HOLD_TAG;
        for (end++; end < text + n && blank(*end); end++) {}
        return end < text + n;
    }
    default:
        for (i = 0; i < n && i < 10 && cmark_isdigit(text[i]); i++) {}
        if (!i || i > 9) return true;
        if (i == n) return false;
        if (text[i] != '.' && text[i] != ')') return true;
        for (i++; i < n && blank(text[i]); i++) {}
        return i < n; /* with something in it, it would be a list's item by now */
    }
}

/* Has the name of the tag that opens an HTML block ended? */
static bool tag_told(const uint8_t *text, size_t n, int kind) {
    size_t i = 1;
    if (kind == 7) return false;
    if (kind != 1 && kind != 6) return true;
    if (i < n && text[i] == '/') i++;
    while (i < n && cmark_isalnum(text[i])) i++;
    return i < n;
}

cmark_node *djs_line_ends_html(const cmark_parser *parser, cmark_node *before) {
    cmark_node *html = parser->current->last_child;
    if (before->type == CMARK_NODE_HTML_BLOCK && parser->current == before->parent) html = before;
    if (!html || html->type != CMARK_NODE_HTML_BLOCK || html->flags & CMARK_NODE__OPEN) return NULL;
    return html->as.literal.len && (html == before || html->start_line == parser->line_number) ? html : NULL;
}

bool djs_line_told(const cmark_parser *parser, cmark_node *before, const uint8_t *line, size_t n) {
    const cmark_node *node = parser->current;
    bool fresh = node != before;
    size_t offset = (size_t)parser->offset, start = (size_t)parser->first_nonspace;
    if (offset > n) offset = n;
    if (start > n) start = n;
    if (djs_line_ends_html(parser, before)) return true;
    switch (node->type) {
    case CMARK_NODE_PARAGRAPH: return djs_text_begun(parser, line + offset, n - offset);
    case CMARK_NODE_HEADING: /* "##" may go on; an underline is told by its end */
        return !node->as.heading.setext && node->content.size > 1;
    case CMARK_NODE_CODE_BLOCK:
        if (!node->as.code.fenced) /* "-     -" may become a thematic break */
            return start < n && !(fresh && only(line + start, n - start, "-*_ \t"));
        if (fresh) return false; /* an info string, or a "`" that makes it text */
        if (parser->indent > 3) return true;
        if (djs_cmark_is_math(node)) return start < n;
        return start < n && !only(line + start, n - start, node->as.code.fence_char == '`' ? "` \t" : "~ \t");
    case CMARK_NODE_HTML_BLOCK: return !fresh || tag_told(line + start, n - start, node->as.html_block_type);
    default:
        if (node->type == CMARK_NODE_TABLE_ROW) {
            for (start = 0; start < n && (blank(line[start]) || line[start] == '>'); start++) {}
            return (start < n && line[start] == '|') || djs_text_begun(parser, line + start, n - start);
        }
        return false; /* a container with nothing in it yet, a thematic break, a closing fence */
    }
}

/* ---- leaves ---- */

static bool escaped(const uint8_t *text, size_t at) {
    size_t slashes = 0;
    while (slashes < at && text[at - 1 - slashes] == '\\') slashes++;
    return slashes & 1;
}

/* What the bytes at the end of a text, and around its last word, are for. */
enum { SPACE = 1, MARKER = 2, OPENS = 4, ENDS_LINK = 8, NAME = 16, QUOTE = 32 };

static const uint8_t kind[256] = {
    [' '] = SPACE,
    ['\t'] = SPACE,
    ['\n'] = SPACE,
    ['\r'] = SPACE,
    ['\v'] = SPACE,
    ['\f'] = SPACE,
    ['*'] = MARKER | OPENS,
    ['_'] = MARKER | OPENS,
    ['~'] = MARKER | OPENS,
    ['('] = OPENS | QUOTE,
    ['`'] = MARKER,
    ['\\'] = MARKER,
    ['!'] = MARKER | ENDS_LINK,
    ['#'] = NAME,
    ['?'] = ENDS_LINK,
    ['.'] = ENDS_LINK,
    [','] = ENDS_LINK,
    [':'] = ENDS_LINK,
    [')'] = ENDS_LINK,
    ['\''] = ENDS_LINK | QUOTE,
    ['"'] = ENDS_LINK | QUOTE,
    [';'] = ENDS_LINK,
    [0x98] = QUOTE, /* the last bytes of U+2018 */
    [0x9C] = QUOTE, /* and U+201C */
};

static bool begins(const uint8_t *word, size_t n, const char *with) {
    size_t len = strlen(with);
    return n >= len && !memcmp(word, with, len);
}

/* How addresses begin, by their first letter: those of the web, and of the mailboxes that stand in texts
 * most. Not "admin" and the like: an "a" would have to wait for what follows. */
static const char *const address_starts[][6] = {
    ['c' - 'a'] = {"contact"},
    ['f' - 'a'] = {"ftp://"},
    ['h' - 'a'] = {"https://", "http://", "help", "hello"},
    ['i' - 'a'] = {"info"},
    ['s' - 'a'] = {"support", "sales"},
    ['w' - 'a'] = {"www."},
};

bool djs_address_begun(const uint8_t *word, size_t n) {
    size_t letter = (size_t)(*word - 'a');
    if (letter >= sizeof address_starts / sizeof *address_starts) return false;
    for (const char *const *start = address_starts[letter]; *start; start++)
        if (n <= strlen(*start) && !memcmp(word, *start, n)) return true;
    return false;
}

/* "<" without ">": a tag or an autolink that is not complete? */
static bool tag_open(const uint8_t *text, size_t n) {
    if (n == 1) return true;
    if (!cmark_isalpha(text[1]) && !strchr("/!?", text[1])) return false;
    size_t i = 1;
    while (i < n && !cmark_isspace(text[i])) i++;
    if (i == n || !cmark_isalpha(text[1])) return true;
    while (i < n && cmark_isspace(text[i])) i++;
    while (i < n && (cmark_isalnum(text[i]) || strchr("_:.-", text[i]))) i++;
    return i == n || text[i] == '='; /* an attribute; in "a <b and c" it is prose */
}

/* The last "<" without a ">" after it, from limit on; n when there is none. */
static size_t last_tag(const uint8_t *text, size_t limit, size_t n) {
    if (!memchr(text + limit, '<', n - limit)) return n;
    size_t i = n;
    while (i > limit && text[i - 1] != '<' && text[i - 1] != '>') i--;
    return i > limit && text[i - 1] == '<' ? i - 1 : n;
}

/* The "&" of an entity that has not ended; n when there is none. */
static size_t last_entity(const uint8_t *text, size_t n) {
    size_t i = n, limit = n > 32 ? n - 32 : 0;
    while (i > limit && (cmark_isalnum(text[i - 1]) || kind[text[i - 1]] & NAME)) i--;
    return i > limit && text[i - 1] == '&' ? i - 1 : n;
}

/* The bytes of a quotation mark or parenthesis that opens, right after a marker: what follows tells whether
 * that waits, see djs_cjk_begins. Else 0. */
static size_t quote_at(const uint8_t *text, size_t n) {
    size_t size = text[n - 1] < 0x80 ? 1 : 3;
    if (n <= size || (size == 3 && (text[n - 3] != 0xE2 || text[n - 2] != 0x80))) return 0;
    uint8_t marker = text[n - size - 1];
    return (marker == '*' || marker == '_') && !escaped(text, n - size - 1) ? size : 0;
}

bool djs_cjk_begins(const uint8_t *text, size_t n) {
    size_t quote = 0;
    if (n && kind[*text] & QUOTE && *text < 0x80) quote = 1;
    else if (n > 2 && text[0] == 0xE2 && text[1] == 0x80 && kind[text[2]] & QUOTE) quote = 3;
    return n > quote && djs_is_cjk(text[quote]);
}

/* One step: the bytes to hold back at the end, or 0. *ended: what was held back so far ends the word before.
 */
static size_t hold(const uint8_t *text, size_t n, bool *ended) {
    uint8_t c = text[n - 1];
    bool ends = *ended;
    *ended |= c != '_';
    if (kind[c] & SPACE) return 1;
    if (kind[c] & MARKER && !escaped(text, n - 1)) return 1;
    if (kind[c] & QUOTE && quote_at(text, n)) return quote_at(text, n);
    *ended = true;
    size_t limit = n > DJS_HOLD_TAG ? n - DJS_HOLD_TAG : 0;
    size_t at = last_entity(text, n);
    if (at < n && !escaped(text, at)) return n - at;
    at = last_tag(text, limit, n);
    if (at < n && !escaped(text, at) && tag_open(text + at, n - at)) return n - at;
    if (ends) return 0;
    *ended = false;
    for (at = n; at > limit && !(kind[text[at - 1]] & (SPACE | OPENS)); at--) {}
    if (at == n) return 0;
    size_t word = n; /* "见https" */
    while (word > at && text[word - 1] < 0x80) word--;
    if (word > at && word < n && djs_address_begun(text + word, n - word)) return n - word;
    if (at > 1 && text[at - 1] == '(' && text[at - 2] == ']') return 0; /* a link has said it is one */
    if (djs_address_begun(text + at, n - at)) return n - at;
    bool link = begins(text + at, n - at, "http://") || begins(text + at, n - at, "https://") ||
                begins(text + at, n - at, "www.");
    if (link) { /* which a tag, code or bracket has ended */
        for (size_t i = at; i < n; i++)
            if (strchr("<`]", text[i])) return 0;
        return kind[c] & ENDS_LINK ? 1 : 0;
    }
    /* An address becomes a link when its domain has a dot: what follows the "@" waits for the domain's end.
     */
    for (at = word + 1; at < n && !(text[at] == '@' && cmark_isalnum(text[at - 1])); at++) {}
    for (size_t i = at + 1; i < n; i++)
        if (!cmark_isalnum(text[i]) && !strchr(".-_", text[i])) return 0;
    return at < n ? n - at : 0;
}

size_t djs_text_told(const uint8_t *text, size_t n) {
    size_t back;
    bool ended = false;
    if (n && text[n - 1] == '\n') n--; /* cmark ends each line with one, the unfinished one, too */
    for (; n; n -= back) {
        uint8_t c = text[n - 1];
        back = kind[c] & (SPACE | MARKER) && (n < 2 || text[n - 2] != '\\'); /* a run of them is long */
        if (back) ended |= c != '_';
        else if (!(back = hold(text, n, &ended))) break;
    }
    return n;
}

size_t djs_header_told(const uint8_t *text, size_t n) {
    size_t end = n;
    while (end && cmark_isspace(text[end - 1])) end--;
    size_t start = end;
    while (start && text[start - 1] != '\n' && end - start <= DJS_HOLD_HEADER) start--;
    if (end - start > DJS_HOLD_HEADER) return n;
    while (start < end && blank(text[start])) start++;
    if (start == end || text[start] != '|') return n;
    return start;
}

bool djs_link_open(const uint8_t *rest, size_t n) {
    size_t i = 1;
    if (!n) return true;
    if (rest[0] == '[') return !memchr(rest, ']', n) && n < MAX_LINK_LABEL_LENGTH;
    if (rest[0] != '(') return false;
    while (i < n && cmark_isspace(rest[i])) i++;
    if (i < n && rest[i] == '<') {
        for (i++; i < n && rest[i] != '>'; i++) {
            if (rest[i] == '\n' || rest[i] == '<') return false;
            if (rest[i] == '\\') i++;
        }
        i++;
    } else {
        for (int depth = 0; i < n && !cmark_isspace(rest[i]); i++) {
            if (rest[i] == '\\') i++;
            else if (rest[i] == '(') depth++;
            else if (rest[i] == ')' && depth-- == 0) return false; /* complete: cmark has seen it */
        }
    }
    while (i < n && cmark_isspace(rest[i])) i++;
    if (i >= n) return true;
    uint8_t quote = rest[i] == '(' ? ')' : rest[i];
    if (!strchr("\"')", quote)) return false;
    for (i++; i < n && rest[i] != quote; i++)
        if (rest[i] == '\\') i++;
    for (i++; i < n && cmark_isspace(rest[i]); i++) {}
    return i >= n;
}
