/* Ids for headings, as GitHub makes them: letters in lower case, spaces as "-",
 * digits, "-" and "_"; of other scripts letters, marks and digits; nothing else.
 *
 * The law: no two ids are the same. In
 *
 *     # a    # a-1    # a         "a", "a-1", "a-2"
 *
 * the third cannot be "a-1", which counting the first's namesakes would give.
 * Ids are compared by their 64-bit hash: a collision costs one a "-1".
 *
 * Checked by: tests/test_markdown_options.py.
 *
 * SPDX-License-Identifier: MIT */
#include "slug.h"
#include <cmark_ctype.h>
#include <../src/utf8.h> /* not ours of the same name */

static bool is_symbol(int32_t c) {
    static const struct {
        int32_t first, last;
    } ranges[] = {
#define RANGE(first, last) {first, last},
#include "symbols.def"
#undef RANGE
    };
    size_t low = 0, high = sizeof ranges / sizeof *ranges;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > ranges[middle].last) low = middle + 1;
        else high = middle;
    }
    return low < sizeof ranges / sizeof *ranges && c >= ranges[low].first;
}

/* Small letters for which case folding, which is not quite lower case, has another letter. */
static bool keeps(int32_t c) {
    static const int32_t small[] = {0xB5,  0x17F, 0x345, 0x3C2, 0x3D0,  0x3D1,  0x3D5,
                                    0x3D6, 0x3F0, 0x3F1, 0x3F5, 0x1E9B, 0x1FBE, 0};
    for (const int32_t *s = small; *s; s++)
        if (c == *s) return true;
    return (c >= 0x13F8 && c <= 0x13FD) || (c >= 0x1C80 && c <= 0x1C88) || (c >= 0xAB70 && c <= 0xABBF);
}

static void add_letter(cmark_strbuf *slug, int32_t letter, const uint8_t *text, bufsize_t n) {
    bufsize_t before = slug->size, letters = 0;
    if (!keeps(letter)) cmark_utf8proc_case_fold(slug, text, n);
    for (bufsize_t i = before; i < slug->size; i++) letters += (slug->ptr[i] & 0xC0) != 0x80;
    if (letters == 1) return;
    cmark_strbuf_truncate(slug, before); /* one that folds to two stays */
    cmark_strbuf_put(slug, text, n);
}

void djs_slug_add(cmark_strbuf *slug, const uint8_t *text, size_t n) {
    while (n && slug->size < DJS_MAX_SLUG) {
        uint8_t c = *text;
        if (c < 0x80) {
            if (c == ' ' || c == '-') cmark_strbuf_putc(slug, '-');
            else if (c == '_' || cmark_isalnum(c)) cmark_strbuf_putc(slug, c >= 'A' && c <= 'Z' ? c + 32 : c);
            text++, n--;
            continue;
        }
        int32_t letter;
        int len = cmark_utf8proc_iterate(text, (bufsize_t)n, &letter);
        if (len < 1) { /* what cmark makes of U+FFFE: no UTF-8 */
            text++, n--;
            continue;
        }
        if (slug->size + 6 > DJS_MAX_SLUG) return;
        if (!is_symbol(letter)) add_letter(slug, letter, text, len);
        text += len, n -= (size_t)len;
    }
}

/* ---- which are taken ---- */

typedef struct {
    uint64_t hash; /* 0: free */
    uint64_t next; /* the number after "-" to try next */
} entry;

static uint64_t hash(uint64_t h, const uint8_t *text, size_t n) {
    for (size_t i = 0; i < n; i++) h = (h ^ text[i]) * 1099511628211u; /* FNV-1a */
    return h;
}

static uint64_t hash_number(uint64_t h, uint64_t number) {
    uint8_t digit = (uint8_t)('0' + number % 10);
    return hash(number > 9 ? hash_number(h, number / 10) : h, &digit, 1);
}

/* The hash of the slug; with a number, of the slug with "-" and the number. */
static uint64_t hash_id(const uint8_t *slug, size_t n, uint64_t number) {
    uint64_t h = hash(1469598103934665603u, slug, n);
    return (number ? hash_number(hash(h, (const uint8_t *)"-", 1), number) : h) | 1;
}

static entry *find(djs_slugs *slugs, uint64_t h) {
    entry *table = (entry *)(void *)slugs->table.ptr;
    size_t slots = slugs->table.len / sizeof *table, i = (h ^ h >> 29) & (slots - 1);
    while (table[i].hash && table[i].hash != h) i = (i + 1) & (slots - 1);
    return table + i;
}

/* Twice the room, when half of it is taken. */
static bool make_room(djs_slugs *slugs) {
    size_t slots = slugs->table.len / sizeof(entry);
    if (2 * slugs->n < slots) return true;
    djs_slugs wider = {.n = slugs->n};
    entry none = {0};
    for (size_t i = 0; i < (slots ? 2 * slots : 16); i++) djs_buf_put(&wider.table, &none, sizeof none);
    if (wider.table.status) {
        slugs->table.status = wider.table.status;
        djs_buf_free(&wider.table);
        return false;
    }
    const entry *old = (const entry *)(const void *)slugs->table.ptr;
    for (size_t i = 0; i < slots; i++)
        if (old[i].hash) *find(&wider, old[i].hash) = old[i];
    djs_buf_free(&slugs->table);
    *slugs = wider;
    return true;
}

uint32_t djs_slugs_number(djs_slugs *slugs, const uint8_t *slug, size_t n) {
    if (slugs->n >= DJS_MAX_IDS || !make_room(slugs)) return 0;
    uint64_t h = hash_id(slug, n, 0);
    entry *first = find(slugs, h), *mine = first;
    uint64_t number = first->hash ? first->next : 0;
    if (number) mine = find(slugs, h = hash_id(slug, n, number));
    while (mine->hash) mine = find(slugs, h = hash_id(slug, n, ++number));
    *mine = (entry){h, 1};
    first->next = number + 1;
    slugs->n++;
    return (uint32_t)number + 1;
}
