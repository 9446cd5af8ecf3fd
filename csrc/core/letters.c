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

static bool has_room(djs_buf *b) { return b->cap - b->len > MOST || djs_buf_more(b, MOST + 1); }

/* Copies a little between buffers that have room for more: that takes two instructions. */
static void copy(uint8_t *to, const uint8_t *from) { memcpy(to, from, MOST); }

bool djs_letters_more(djs_spine *s, const uint8_t *line, size_t n) {
    djs_leaf *leaf = &s->leaf;
    djs_buf *tail = &s->page->tail, *html = &s->edits->html, *list = &s->edits->list;
    size_t at = leaf->text.len, more = n - leaf->line, word = leaf->word;
    if (more > MOST || !has_room(&leaf->text) || !has_room(tail) || !has_room(html) || !has_room(list))
        return false;
    uint8_t *text = leaf->text.ptr;
    const uint8_t *from = line + leaf->line;
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
    while (to > shown && (text[to - 1] == ' ' || text[to - 1] == '\n')) to--;
    if (to - shown > MOST) return false;
    if (to == end && word < end && word >= shown && djs_address_begun(text + word, end - word)) return false;
    leaf->text.len = leaf->seen = end;
    leaf->taken += more;
    leaf->line = n;
    leaf->word = word;
    if (to == shown) return true;
    copy(tail->ptr + tail->len, text + shown);
    copy(html->ptr, text + shown);
    *(djs_edit *)(void *)list->ptr = (djs_edit){.kind = DJS_GROW, .depth = s->page->end, .n = to - shown};
    tail->len += to - shown;
    html->len = to - shown;
    list->len = sizeof(djs_edit);
    leaf->shown = to;
    return true;
}
