/* Letters that follow text: what most frames bring.
 *
 * The law: what this does is what djs_tail_more would do. It has one way through: where something is held
 * back, where a byte may mean something, and where there is no memory, it says so, and the others do it.
 *
 *     "some wo" + "rds "    the space waits, as it may end the line
 *     "some ht" + "tp"      held back: it may be the beginning of an address
 *
 * Checked by: as plain.c.
 *
 * SPDX-License-Identifier: MIT */
#include "letters.h"
#include "bytes.h"
#include "complete.h"

/* Bytes that a frame brings, and shows, at most; what is longer is dear enough. */
enum { MOST = 32 };

static inline bool has_room(djs_buf *b, size_t n) { return b->cap - b->len >= n || djs_buf_more(b, n); }

/* Room for what shows, as text or as entities. */
static inline bool has_rooms(djs_spine *s, size_t n) {
    return has_room(&s->page->tail, n) && has_room(&s->edits->html, n) &&
           has_room(&s->edits->list, sizeof(djs_edit));
}

/* Copies a little between buffers that have room for more: that takes two instructions. */
static inline void copy(uint8_t *to, const uint8_t *from) { memcpy(to, from, MOST); }

/* What the HTML of the edits says is new on the page. */
static inline void note(djs_spine *s) {
    djs_buf *list = &s->edits->list;
    *(djs_edit *)(void *)list->ptr =
        (djs_edit){.kind = DJS_GROW, .depth = s->page->end, .n = s->edits->html.len};
    list->len = sizeof(djs_edit);
}

/* Text without entities follows. */
static inline void put(djs_spine *s, const uint8_t *text, size_t n) {
    djs_buf *tail = &s->page->tail, *html = &s->edits->html;
    copy(tail->ptr + tail->len, text);
    copy(html->ptr, text);
    tail->len += n;
    html->len = n;
    note(s);
}

bool djs_letters_more(djs_spine *s, djs_buf *line) {
    djs_leaf *leaf = &s->leaf;
    size_t at = leaf->text.len, more = line->len - leaf->line, word = leaf->word;
    if (more > MOST || !has_room(&leaf->text, MOST + 1) || !has_rooms(s, MOST)) return false;
    uint8_t *text = leaf->text.ptr;
    const uint8_t *from = line->ptr + leaf->line;
    size_t end = at + more, shown = leaf->shown, to = end;
    unsigned all = 0;
    for (size_t i = at; i < end; i++) {
        unsigned kinds = djs_class[text[i] = *from++];
        word = kinds & DJS_BREAK ? i + 1 : word;
        all |= kinds;
    }
    text[end] = 0; /* as djs_leaf_add has it */
    if (all & (DJS_HELD | DJS_OTHER | DJS_WWW | DJS_LINE | leaf->stop | (leaf->math ? DJS_DOLLAR : 0)))
        return false;
    if (leaf->code && strchr(".,:;?!)'\"", text[end - 1])) return false; /* it may end an address */
    if (end - shown > 2 * MOST) return false;                            /* spaces may be most of it */
    while (to > shown && (text[to - 1] == ' ' || text[to - 1] == '\n')) to--;
    if (to - shown > MOST) return false;
    if (to == end && word < end && word >= shown && djs_address_begun(text + word, end - word)) return false;
    leaf->text.len = leaf->seen = end;
    leaf->taken += more;
    leaf->line = line->len;
    leaf->word = word;
    leaf->shown = to;
    if (to > shown) put(s, text + shown, to - shown);
    return true;
}

bool djs_letters_code(djs_spine *s, djs_buf *line) {
    enum { LONGEST = 6 }; /* of the entities */
    size_t n = line->len - s->raw_line;
    const uint8_t *text = line->ptr + s->raw_line;
    djs_buf *html = &s->edits->html;
    unsigned all = 0;
    for (size_t i = 0; i < n; i++) all |= djs_class[text[i]];
    /* Now the line may move. */
    if (all & DJS_LINE || n > MOST || !has_room(line, MOST) || !has_rooms(s, LONGEST * MOST)) return false;
    if (all & DJS_ENTITY) {
        djs_text_html(html, line->ptr + s->raw_line, n);
        djs_buf_put(&s->page->tail, html->ptr, html->len);
        note(s);
    } else {
        put(s, line->ptr + s->raw_line, n);
    }
    s->raw_line = line->len;
    return true;
}
