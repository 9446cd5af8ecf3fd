/* cmark-gfm's inline parser, and what an unfinished leaf shows.
 *
 * The law: without `unfinished` this is cmark_parse_inlines, call for call.
 * With it, the tree is what cmark would make of the text, if
 *   - each emphasis, strong, strikethrough or code span that is still open
 *     were closed at the end, the innermost first;
 *   - the text ended before an open bracket;
 *   - a link whose destination has not ended led to "#".
 * An opener that nothing follows yet is left out: it shows neither as a
 * marker nor as an empty element. What follows a lone "*" or "~" inside a word
 * waits for a while (complete.h): it may close there, or mean itself.
 *
 * Checked by: tests/test_markdown.py (every prefix of every spec example).
 *
 * SPDX-License-Identifier: MIT */
#include <inlines.c>
#include "cmark.h"
#include "cjk.h"
#include "complete.h"
#include "math.h"

static void cut_from(subject *subj, cmark_node *node, bufsize_t position) {
    while (subj->last_delim && subj->last_delim->position > position)
        remove_delimiter(subj, subj->last_delim);
    while (node) {
        cmark_node *next = node->next;
        cmark_node_unlink(node);
        node = next;
    }
}

/* After "](": nothing but what goes on until a space or parenthesis? */
static bool plain_destination(const uint8_t *text, size_t n) {
    size_t i = 0;
    if (n && text[n - 1] == '\n') n--; /* cmark ends an unfinished line with one, too */
    while (i < n && text[i] > ' ' && !strchr("<>\"'()\\", text[i])) i++;
    return i == n;
}

/* The opening bracket that the text may not go past, or NULL. */
static bracket *open_bracket(subject *subj, djs_inlines *in) {
    bracket *found = NULL;
    for (bracket *b = subj->last_bracket; b; b = b->previous) {
        const uint8_t *text = subj->input.data + b->position;
        bufsize_t n = subj->input.len - b->position, limit = DJS_HOLD_BRACKET;
        if (text[0] == '!' && text[1] == '[') limit = DJS_HOLD_IMAGE;
        if (n > limit) continue;
        if (!in->held) in->held = b->image && !n ? '?' : ']'; /* "![^" is none */
        if (in->patience > (size_t)(b->position + limit)) in->patience = (size_t)(b->position + limit);
        found = b;
    }
    return found;
}

/* The rest of the text is code: its closing backticks are still to come. */
static void complete_code(subject *subj, cmark_node *parent) {
    cmark_node *ticks = parent->last_child;
    bufsize_t from = subj->pos, to = subj->input.len;
    cmark_node_unlink(ticks);
    if (from + 1 < to && peek_at(subj, from) == ' ') from++; /* stripped, if the end has one too */
    if (from == to) return;
    cmark_strbuf code = CMARK_BUF_INIT(subj->mem);
    cmark_strbuf_put(&code, subj->input.data + from, to - from);
    for (bufsize_t i = 0; i < code.size; i++)
        if (code.ptr[i] == '\n') code.ptr[i] = ' ';
    append_child(parent, make_code(subj, from, to, cmark_chunk_buf_detach(&code)));
    subj->pos = to;
}

/* The byte before a run of markers, and the one after it; 0 at the edge. */
static uint8_t byte_before(const subject *subj, const delimiter *d) {
    bufsize_t at = d->position - d->length - 1;
    return at >= 0 ? subj->input.data[at] : 0;
}

static uint8_t byte_after(const subject *subj, const delimiter *d) {
    return d->position < subj->input.len ? subj->input.data[d->position] : 0;
}

static bool cjk_before(const subject *subj, const delimiter *d) {
    bufsize_t at = d->position - d->length - 1;
    while (at > 0 && (subj->input.data[at] & 0xC0) == 0x80) at--;
    return at >= 0 && djs_is_cjk(subj->input.data[at]);
}

/* Is this an opener that is closed at the end? One inside a word is not, or
 * after a bracket: 2*3, 2**10 and f(x)*g(x) are no emphasis, but 中文**粗体 is. */
static bool completes(const subject *subj, const delimiter *d) {
    uint8_t before = byte_before(subj, d);
    if (!d->can_open) return false;
    if (d->delim_char == '~') return d->length == 2;
    if (d->length == 1) return !d->can_close && !(before && strchr(")]}", before));
    return !d->can_close || !cmark_isalnum(before) || !cmark_isalnum(byte_after(subj, d));
}

/* Is it one that may still close, so that what follows it waits? */
static bool waits(const cmark_parser *parser, const subject *subj, const delimiter *d) {
    bufsize_t n = subj->input.len - d->position;
    if (!d->can_open || n > DJS_HOLD_STAR) return false;
    if (completes(subj, d)) /* with DJS_OPT_CJK it is closed where it looks as if it were */
        return !(parser->options & DJS_OPT_CJK) && n <= DJS_HOLD_CJK && d->length <= 2 &&
               (djs_cjk_begins(subj->input.data + d->position, (size_t)n) || cjk_before(subj, d));
    return d->delim_char != '~' || d->can_close;
}

static char failed; /* its address marks openers that will not be closed */

/* "**Note:**text": the second run was meant to close the first one, and cannot. */
static void mark_failed(const subject *subj, const delimiter *d) {
    const delimiter *open[2][2] = {{NULL}};
    if (!d) return;
    while (d->previous) d = d->previous;
    for (; d; d = d->next) {
        if (d->delim_char == '~' || d->length > 2) continue;
        const delimiter **last = &open[d->delim_char == '*'][d->length - 1];
        uint8_t before = byte_before(subj, d);
        if (d->can_close) {
            *last = NULL;
        } else if (*last && before && !cmark_isspace(before) && !strchr("([{", before)) {
            (*last)->inl_text->user_data = d->inl_text->user_data = &failed;
            *last = NULL;
        } else {
            *last = d;
        }
    }
}

/* Would pairing the delimiters now give what it gives at the end of the text?
 * Only if each opener has met a closer of its own length, and none before it. */
static bool all_paired(subject *subj) {
    const delimiter *open[16], *d = subj->last_delim;
    size_t n = 0;
    if (!d) return true;
    for (size_t i = 0; d->previous; d = d->previous)
        if (++i == 32) return false;
    for (; d; d = d->next) {
        if (d->can_close && n && open[n - 1]->delim_char == d->delim_char &&
            open[n - 1]->length == d->length) {
            n--;
            continue;
        }
        for (size_t i = 0; i < n && d->can_close; i++)
            if (open[i]->delim_char == d->delim_char) return false;
        if (!d->can_open) continue;
        if (n == 16) return false;
        open[n++] = d;
    }
    return n == 0;
}

/* Finds the places where everything before is firm. */
typedef struct {
    djs_inlines *in;
    bool never;    /* something that may reach over any distance is open */
    bool sure;     /* the last of these is a link whose address has ended */
    bool reaching; /* the run of non-spaces before holds what may reach over it: an address */
    size_t seen;   /* up to here that run was looked at */
} watcher;

/* ---- what our options add ---- */

/* A run of * _ or ~, as cmark's handle_delim and its strikethrough extension make it, but for how it flanks.
 */
static cmark_node *cjk_delimiters(subject *subj, uint8_t c) {
    size_t start = (size_t)subj->pos, end = start, n = (size_t)subj->input.len;
    size_t most = c == '~' ? 100 : n; /* the extension's limit */
    while (end < n && subj->input.data[end] == c && end - start < most) end++;
    djs_flanks can = djs_cjk_flanks(subj->input.data, start, end, n, c);
    subj->pos = (bufsize_t)end;
    cmark_chunk run = cmark_chunk_dup(&subj->input, (bufsize_t)start, (bufsize_t)(end - start));
    cmark_node *node = make_str(subj, (bufsize_t)start, (bufsize_t)end - 1, run);
    if ((can.open || can.close) && (c != '~' || end - start <= 2))
        push_delimiter(subj, c, can.open, can.close, node);
    return node;
}

/* TeX, in on_enter; on_exit has the opening marker. */
static cmark_node *make_math(subject *subj, const djs_math_span *span) {
    cmark_node *node = make_simple(subj->mem, CMARK_NODE_CUSTOM_INLINE);
    node->as.custom.on_enter = cmark_chunk_dup(&subj->input, (bufsize_t)span->tex, (bufsize_t)span->tex_n);
    node->as.custom.on_exit =
        cmark_chunk_dup(&subj->input, (bufsize_t)span->start, (bufsize_t)(span->tex - span->start));
    subj->pos = (bufsize_t)span->end;
    return node;
}

static cmark_node *make_dollars(subject *subj) {
    bufsize_t start = subj->pos;
    while (peek_char(subj) == '$') advance(subj);
    return make_str(subj, start, subj->pos - 1, cmark_chunk_dup(&subj->input, start, subj->pos - start));
}

/* The inline at subj->pos if it is one of ours, else NULL. *held: it may be, when the text goes on. */
static cmark_node *parse_ours(const cmark_parser *parser, subject *subj, djs_math_text *text,
                              djs_math_span *span, uint8_t c, bool *held) {
    if (parser->options & DJS_OPT_CJK && (c == '*' || c == '_' || c == '~')) return cjk_delimiters(subj, c);
    if (!(parser->options & DJS_OPT_MATH) || (c != '$' && c != '\\')) return NULL;
    switch (djs_math_at(text, (size_t)subj->pos, span)) {
    case DJS_MATH_SPAN: return make_math(subj, span);
    case DJS_MATH_OPEN: *held = true; return NULL;
    case DJS_MATH_NONE: break;
    }
    return c == '$' ? make_dollars(subj) : NULL;
}

/* ---- firm ---- */

/* Is this the "://" or "www." of an address that may reach over all that is no space? Not yet at the end of
 * the text, nor what ends with the first character that is not ASCII: mailboxes, entities. */
static bool begins_address(const uint8_t *t, size_t at, size_t n) {
    if (t[at] == ':') return n - at > 2 && t[at + 1] == '/' && t[at + 2] == '/';
    return t[at] == '.' && at > 2 && !memcmp(t + at - 3, "www", 3);
}

/* Called before the inline at subj->pos: is the place firm? And lets a text end at a word, so that one can
 * be. */
static void watch(watcher *w, cmark_parser *parser, subject *subj, cmark_node *parent) {
    const uint8_t *t = subj->input.data;
    size_t at = (size_t)subj->pos, len = (size_t)subj->input.len;
    uint8_t c = t[at];
    if (w->never || subj->last_bracket) return;
    if (at > w->in->from && c != ' ' && c != '\t' && c != '\n' && c != '\r') {
        uint8_t before = t[at - 1];
        bool word = before == ' ' || before == '\n';
        if (!word && before >= 0x80) { /* scripts without spaces */
            for (; w->seen < at; w->seen++) {
                uint8_t x = t[w->seen];
                if (x == ' ' || x == '\n' || x == '\t') w->reaching = false;
                else if (begins_address(t, w->seen, at)) w->reaching = true;
            }
            word = !w->reaching;
            /* One character of context would not do. */
            if (parser->options & DJS_OPT_CJK && djs_cjk_varied(t, at)) word = false;
        }
        if (word && all_paired(subj)) {
            if (subj->last_delim) process_emphasis(parser, subj, 0);
            const djs_buf *misses = ((djs_refmap *)subj->refmap)->misses;
            w->in->firm = at;
            w->in->misses = misses ? misses->len : 0;
            w->in->last = parent->last_child;
        }
    }
    if (SPECIAL_CHARS[c]) return;
    size_t end = 0;
    for (size_t i = at + 1; i < len && !SPECIAL_CHARS[t[i]]; i++)
        if (t[i - 1] == ' ' && t[i] != ' ' && t[i] != '\t') end = i;
    if (end) subj->input.len = (bufsize_t)end;
}

/* After it: did it leave something open that cannot be told from here? */
static void watch_open(watcher *w, const subject *subj, const cmark_node *parent, uint8_t c, size_t at) {
    const uint8_t *t = subj->input.data;
    size_t pos = (size_t)subj->pos, len = (size_t)subj->input.len;
    uint8_t next = pos < len ? t[pos] : 0;
    if (pos != at + 1 && c != '`') return;
    if (c == '`') w->never |= parent->last_child->type == CMARK_NODE_TEXT;
    else if (c == ']') w->never |= next == '(';
    else if (c == '<') w->never |= !next || cmark_isalpha(next) || strchr("/!?", next);
}

/* No address reaches over code, a link or a tag: it would have taken them for its own. */
static void watch_apart(watcher *w, const subject *subj, const cmark_node *last, uint8_t c) {
    bool link = last->type == CMARK_NODE_LINK || last->type == CMARK_NODE_IMAGE;
    bool apart = c == '`'   ? last->type == CMARK_NODE_CODE
                 : c == ']' ? link
                            : c == '<' && (link || last->type == CMARK_NODE_HTML_INLINE);
    if (!apart) return;
    w->in->apart = w->seen = (size_t)subj->pos;
    w->sure = link && (c == '<' || subj->input.data[subj->pos - 1] == ')');
    w->reaching = false;
}

/* Does the tree end in a text, in nothing but elements that are closed only for now? A closing marker right
 * at the end is not among what is told, so emphasis that ends with the text has been completed. */
static bool ends_open(const cmark_node *parent, bool code) {
    const cmark_node *node = parent->last_child;
    while (node && (node->type == CMARK_NODE_EMPH || node->type == CMARK_NODE_STRONG ||
                    node->type == CMARK_NODE_STRIKETHROUGH))
        node = node->last_child;
    return node && (node->type == (code ? CMARK_NODE_CODE : CMARK_NODE_TEXT) ||
                    (!code && node->type == CMARK_NODE_HTML_INLINE));
}

/* The link or image that begins at this bracket goes on as one: its text shows, its destination is to come.
 */
static void assume_link(cmark_parser *parser, subject *subj, cmark_node *text, bufsize_t position) {
    cmark_node *link = make_simple(subj->mem, CMARK_NODE_LINK);
    link->flags |= CMARK_NODE__OPEN;
    link->as.link.url = cmark_chunk_literal("#");
    link->as.link.title = cmark_chunk_literal("");
    cmark_node_insert_before(text, link);
    for (cmark_node *child = text->next, *next; child; child = next) {
        next = child->next;
        cmark_node_unlink(child);
        append_child(link, child);
    }
    cmark_node_unlink(text);
    process_emphasis(parser, subj, position);
}

/* "[![text](address)": after the image nothing but a link comes. */
static bool is_badge(const djs_inlines *in, const cmark_node *text, bufsize_t position) {
    const cmark_node *image = text->next;
    return in->link_images && in->text[position] == '!' && image &&
           (image->type == CMARK_NODE_IMAGE || image->type == CMARK_NODE_LINK);
}

/* The text shows to the bracket that is open, if there is one; as a link, if it is sure to be one. */
static bool end_bracket(djs_inlines *in, cmark_parser *parser, subject *subj) {
    bracket *open = open_bracket(subj, in);
    if (!open) return false;
    if (open == subj->last_bracket && is_badge(in, open->inl_text, open->position)) {
        assume_link(parser, subj, open->inl_text, open->position);
        in->held = '?';
    } else {
        cut_from(subj, open->inl_text, open->position);
    }
    return true;
}

static bool is_child(const cmark_node *parent, const cmark_node *node) {
    return node->type == CMARK_NODE_TEXT && node->parent == parent &&
           (node->prev ? node->prev->next == node : parent->first_child == node);
}

/* Pairs what can be paired, and gives each opener that is left a closer at the
 * end of the text; false if the text ends before one that waits. */
static bool process_unfinished(djs_inlines *in, cmark_parser *parser, subject *subj, cmark_node *parent) {
    cmark_node *last = parent->last_child, *waiting = NULL, *openers = NULL,
               *closers = NULL; /* by user_data */
    size_t patience;
    mark_failed(subj, subj->last_delim);
    for (delimiter *d = subj->last_delim, *previous; d; d = previous) {
        previous = d->previous;
        if (d->inl_text->user_data == &failed) {
            d->inl_text->user_data = NULL;
        } else if (waits(parser, subj, d)) {
            d->inl_text->user_data = waiting;
            waiting = d->inl_text;
            patience = (size_t)d->position + (completes(subj, d) ? DJS_HOLD_CJK : DJS_HOLD_STAR);
            if (in->patience > patience) in->patience = patience;
        } else if (completes(subj, d)) {
            if (d->inl_text == last) { /* nothing follows it */
                last = last->prev;
                cmark_node_unlink(d->inl_text);
                remove_delimiter(subj, d);
                continue;
            }
            d->inl_text->user_data = openers;
            openers = d->inl_text;
        }
    }
    if (subj->last_delim) process_emphasis(parser, subj, 0);
    while (waiting && !is_child(parent, waiting)) waiting = waiting->user_data;
    if (waiting) in->held = in->held || in->told < in->n ? '?' : '*';
    for (cmark_node *node = waiting, *next; node; node = next) {
        next = node->next;
        cmark_node_unlink(node);
    }
    for (cmark_node *opener = openers, *next; opener; opener = next) {
        next = opener->user_data;
        opener->user_data = NULL;
        if (!is_child(parent, opener)) continue;
        if (!opener->next) { /* nothing follows it any more */
            cmark_node_unlink(opener);
            continue;
        }
        push_delimiter(subj, opener->as.literal.data[0], true, false, opener);
        opener->user_data = closers;
        closers = opener;
    }
    for (cmark_node *opener = closers, *next; opener; opener = next) {
        next = opener->user_data;
        cmark_node *closer = make_str(subj, subj->pos, subj->pos, opener->as.literal);
        append_child(parent, closer);
        push_delimiter(subj, opener->as.literal.data[0], false, true, closer);
        opener->user_data = NULL;
    }
    if (subj->last_delim) process_emphasis(parser, subj, 0);
    return !waiting;
}

/* The bracket that began before `from` and ends at `to` was no link: is it a reference to a footnote? Then it
 * takes the place of what was parsed of it. opener: the node of its "[". */
static bool make_reference(cmark_parser *parser, subject *subj, cmark_node *opener, bufsize_t from,
                           bufsize_t to) {
    const uint8_t *label = subj->input.data + from;
    size_t n = (size_t)(to - from);
    if (n < 2 || *label != '^' || memchr(label, '\n', n) || memchr(label, '\r', n)) return false;
    cmark_node *reference = make_simple(subj->mem, CMARK_NODE_FOOTNOTE_REFERENCE);
    reference->as.literal = cmark_chunk_dup(&subj->input, from + 1, to - from - 1);
    cmark_node_insert_before(opener, reference);
    process_emphasis(parser, subj, from);
    cut_from(subj, opener, from);
    return true;
}

void djs_cmark_inlines(cmark_parser *parser, cmark_node *parent, djs_inlines *in, cmark_map *map) {
    subject subj;
    size_t n = in->unfinished ? djs_text_told(in->text, in->n) : in->n;
    cmark_chunk content = {(unsigned char *)in->text, (bufsize_t)n, 0};
    watcher w = {.in = in, .seen = in->from};
    bool code = false, cut = false;
    size_t destination = 0;
    in->told = n;
    in->held = 0;
    in->patience = SIZE_MAX;
    in->open_end = in->closed = false;
    in->firm = in->apart = in->from;
    in->misses = 0;
    in->last = NULL;
    in->references = 0;
    int options = parser->options;
    parser->options &= ~CMARK_OPT_FOOTNOTES; /* its own references read past the text: see make_reference */
    subject_from_buf(parser->mem, 1, 0, &subj, &content, map);
    cmark_chunk_rtrim(&subj.input);
    subj.pos = (bufsize_t)in->from;
    djs_math_text math = {.text = subj.input.data, .n = (size_t)subj.input.len};
    if (in->unfinished) { /* white space at the end may not be there: cmark takes it from a line or a cell */
        size_t known = in->n;
        while (known > math.n && cmark_isspace((char)in->text[known - 1])) known--;
        math.next = known > math.n ? in->text[math.n] : -1;
    }
    bool ours = parser->options & (DJS_OPT_CJK | DJS_OPT_MATH), held = false;
    djs_math_span span;
    /* cmark looks at the byte after the text, and expects a NUL there. */
    uint8_t *end = (uint8_t *)in->text + n, after = n ? *end : 0;
    if (n) *end = 0;

    while (!is_eof(&subj)) {
        bufsize_t at = subj.pos, len = subj.input.len;
        unsigned char c = peek_char(&subj);
        bracket *opener = subj.last_bracket;
        cmark_node *bracket_text = opener ? opener->inl_text : NULL;
        bufsize_t position = opener ? opener->position : 0;
        bool link = in->footnotes && c == ']' && opener && (opener->image || !subj.no_link_openers);
        if (in->unfinished) watch(&w, parser, &subj, parent);
        if (in->unfinished && c == ']' && opener && at + 1 < len && peek_at(&subj, at + 1) == '(' &&
            (opener->image ? in->link_images : !subj.no_link_openers) &&
            djs_link_open(in->text + at + 1, (size_t)(len - at - 1))) {
            in->held = '?';
            destination = (size_t)at + 2;
            assume_link(parser, &subj, bracket_text, position);
            pop_bracket(&subj);
            cut = true;
            break;
        }
        cmark_node *node = ours ? parse_ours(parser, &subj, &math, &span, c, &held) : NULL;
        if (held) {
            in->held = span.awaits ? (char)span.awaits : '?';
            in->patience = span.end;
            cut = true;
            break;
        }
        if (node) append_child(parent, node);
        int parsed = node || parse_inline(parser, &subj, parent, parser->options);
        subj.input.len = len;
        if (!parsed) break;
        link = link && parent->last_child->type == CMARK_NODE_TEXT;
        if (in->unfinished) watch_open(&w, &subj, parent, c, (size_t)at);
        if (in->unfinished) watch_apart(&w, &subj, parent->last_child, c);
        if (link && !(in->unfinished && djs_link_open(in->text + subj.pos, (size_t)(len - subj.pos))))
            in->references += make_reference(parser, &subj, bracket_text, position, at);
        if (!in->unfinished) continue;
        if (c == '`' && parent->last_child->type == CMARK_NODE_TEXT) {
            complete_code(&subj, parent);
            code = true;
        } else if (c == ']' && opener && subj.pos == at + 1 && parent->last_child->type == CMARK_NODE_TEXT &&
                   djs_link_open(in->text + subj.pos, (size_t)(subj.input.len - subj.pos))) {
            in->held = '?';
            if (is_badge(in, bracket_text, position)) {
                cmark_node_unlink(parent->last_child);
                assume_link(parser, &subj, bracket_text, position);
            } else {
                cut_from(&subj, bracket_text, position);
            }
            cut = true;
            break;
        }
    }
    if (in->unfinished) {
        cut |= end_bracket(in, parser, &subj);
        in->settled = !cut && !w.never && !subj.last_bracket && all_paired(&subj);
        cut |= !process_unfinished(in, parser, &subj, parent);
        in->open_end = !cut && ends_open(parent, code);
        in->closed = in->settled && w.sure && in->apart == (size_t)subj.input.len;
        in->in_code = code;
        if (in->held && (w.never || (in->told < in->n && memchr(in->text + in->told, ']', in->n - in->told))))
            in->held = '?'; /* what was waited for may have come, or something else end it */
    } else {
        process_emphasis(parser, &subj, 0);
    }
    while (subj.last_delim) remove_delimiter(&subj, subj.last_delim);
    while (subj.last_bracket) pop_bracket(&subj);
    parser->options = options;
    if (n) *end = after;
    if (held && span.awaits && memchr(in->text + math.n, span.awaits, in->n - math.n))
        in->held = '?'; /* it has come, but cannot be told yet */
    if (destination && plain_destination(in->text + destination, in->n - destination)) in->held = ')';
}

bool djs_cmark_may_define(cmark_mem *mem, const uint8_t *text, size_t n, char *held) {
    size_t i;
    if (held) *held = '?';
    if (!n || text[0] != '[') return false;
    for (i = 1; i < n && text[i] != ']'; i++) {
        if (text[i] == '[' || i > MAX_LINK_LABEL_LENGTH + 1) return false;
        if (text[i] == '\\') i++;
    }
    if (i >= n && held && text[n - 1] != '\\') *held = ']';
    if (i + 1 >= n) return true;
    if (text[i + 1] != ':') return false;
    for (i += 2; i < n && cmark_isspace(text[i]); i++) {}
    if (i >= n) return true;
    if (held && plain_destination(text + i, n - i)) *held = ')';
    djs_refmap none = {.base = {.mem = mem}};
    cmark_chunk input = {(unsigned char *)text, (bufsize_t)n, 0};
    if (cmark_parse_reference_inline(mem, &input, &none.base)) return true;
    /* No match yet: only a title that begins after the destination can change that. */
    if (text[i] == '<') {
        while (i < n && text[i] != '>' && text[i] != '\n') i++;
        if (i < n && text[i] == '>') i++;
    }
    while (i < n && !cmark_isspace(text[i])) i++;
    while (i < n && cmark_isspace(text[i])) i++;
    return i >= n || strchr("\"'(", text[i]);
}
