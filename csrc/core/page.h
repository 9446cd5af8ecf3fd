/* The page as the reader has it, and the edits that change it.
 *
 * Only the tail of the page is known here, as "open HTML": a string without
 * the end tags of the elements that are still growing. Turning the page means
 * saying what now stands where the tail began; the edits are the difference.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_PAGE_H
#define DJS_PAGE_H

#include "buf.h"

typedef enum { DJS_GROW, DJS_CUT, DJS_LOOSE, DJS_HEAD, DJS_PATCH, DJS_FILL } djs_edit_kind;

/* tests/spec/wire.md says what each does to a page. */
typedef struct {
    djs_edit_kind kind;
    uint32_t depth;        /* grow, cut, loose, head */
    uint32_t nodes, units; /* cut; loose: nodes is 1 or 0 */
    size_t html, n;        /* grow, head, patch, fill: offset and length in djs_edits.html */
    size_t path, steps;    /* patch: offset in djs_edits.paths, and how many */
} djs_edit;

typedef struct {
    djs_buf list;  /* djs_edit */
    djs_buf html;  /* what they carry */
    djs_buf paths; /* uint32_t */
} djs_edits;

/* Room for one more edit, zeroed but for its kind; NULL when the error is set. */
djs_edit *djs_edits_add(djs_edits *edits, djs_edit_kind kind);
static inline djs_status djs_edits_status(const djs_edits *edits) {
    return edits->list.status   ? edits->list.status
           : edits->html.status ? edits->html.status
                                : edits->paths.status;
}
static inline void djs_edits_clear(djs_edits *edits) {
    djs_buf_clear(&edits->list);
    djs_buf_clear(&edits->html);
    djs_buf_clear(&edits->paths);
}
void djs_edits_free(djs_edits *edits);
static inline size_t djs_edits_count(const djs_edits *edits) { return edits->list.len / sizeof(djs_edit); }

typedef struct {
    uint32_t depth; /* elements open where the tail begins */
    uint32_t end;   /* and where it ends */
    djs_buf tail;   /* open HTML shown after that place */
} djs_page;

/* The tail from tail[at] on is to read html[0..n). */
void djs_page_amend(djs_page *page, size_t at, const uint8_t *html, size_t n, djs_edits *edits);

/* Text without entities follows. */
void djs_page_text(djs_page *page, const uint8_t *text, size_t n, djs_edits *edits);

/* Its bytes from tail[from] on are new. */
void djs_page_grow(djs_page *page, size_t from, djs_edits *edits);

/* tail[0..n) is settled, as it stands. */
void djs_page_settle(djs_page *page, size_t n);

/* From where the tail began the page is to read html[0..n), of which
 * html[0..settled) is settled: the tail begins after it from now on.
 * settled may exceed n by end tags. */
void djs_page_turn(djs_page *page, const uint8_t *html, size_t n, size_t settled, djs_edits *edits);

#endif
