/* The text that grows: only its end is parsed again.
 *
 * A paragraph is text for as long as it is open, a heading to the end of its
 * line, a table's cell to the next "|". So when the unfinished line is known to
 * belong to it, more of that line does, too, and no block parser needs to look.
 * And within it, at the start of a word where no bracket,
 * delimiter, backtick or tag is open, everything before is firm: inlines are
 * parsed from the last such place on.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_LEAF_H
#define DJS_LEAF_H

#include "effort.h"
#include "page.h"
#include "render_html.h"

/* What may end the leaf within its line: a heading's closing "#"; "|" and what escapes it. */
enum { DJS_STOP_HEADING = 32, DJS_STOP_CELL = 64 };

typedef enum { DJS_SPAN_NONE, DJS_SPAN_CODE, DJS_SPAN_EMPH, DJS_SPAN_STRONG } djs_span;

typedef struct {
    bool on;
    bool paragraph;         /* or a heading, or a cell */
    bool math;              /* "$" means something */
    bool cjk;               /* flanking is cjk.h's */
    bool breaks;            /* the end of a line is a <br> */
    uint8_t stop;           /* of those above */
    const cmark_node *node; /* the live paragraph; NULL while only the unfinished line makes it */
    size_t start;           /* in djs_page.tail: where its start tag begins */
    size_t head;            /* bytes of that tag */
    size_t firm;            /* in djs_page.tail: where the HTML of what is firm ends */
    size_t taken;           /* bytes of content known, text among them */
    size_t same;            /* the first of them, that node is known to have, too */
    djs_buf text;           /* the end of the content: `context` firm bytes, then what is not firm */
    size_t context;
    djs_buf misses; /* labels that it asked for in vain; the first `missed` bytes are firm */
    size_t missed;
    size_t definitions; /* labels that were defined when it began; */
    bool uncertain;     /* not counting those of a paragraph that was not closed, which it may use */
    size_t line;   /* bytes of the unfinished line that are in text; 0 when it is not known to belong to it */
    size_t known;  /* of text: what was known when it was shown last */
    size_t uses;   /* of footnotes by the tail, before what is not firm */
    bool quiet;    /* plain text that follows shows as it is, at the end of the tail */
    bool settled;  /* and nothing is open there */
    djs_span span; /* or only this, and it is known to be one, */
    size_t open;   /* of text: after its marker; */
    bool code;     /* or code, maybe in it, that ends with one "`" */
    size_t base;   /* of text: where the last one began, with nothing open before it; or 0 */
    size_t base_html; /* in djs_page.tail: the same place, from leaf->firm on */
    size_t word;      /* of text: where the last word begins, as far as addresses go */
    bool final;       /* nothing follows */
    bool in_code;     /* what is open is code, where the end of a line is a space */
    size_t unsent;    /* bytes at the end of djs_page.tail that no edit has brought: its start tag */
    size_t plain;     /* of text: where what was shown since it was quiet begins */
    size_t shown;     /* of text: what the page shows, trailing spaces not among it */
    size_t held;      /* of text: what is held back in any case, from `shown` on */
    size_t seen;      /* of text: known to be plain */
    size_t told_for;  /* that many bytes of text, of which */
    size_t told;      /* so many can be told */
    size_t stuck;     /* bytes of what follows that were looked at, and tell nothing yet */
    unsigned wake;    /* something is held back that only bytes of these classes can show; or 0 */
    size_t patience;  /* or a text that is longer than this */
    size_t mailbox;   /* of text: the "@" of an address whose domain may go on, and is waited for; or 0 */
    size_t link;      /* of text: the "[" of the link at the end of the tail whose address has not ended, */
    size_t link_text; /* where its text begins */
    size_t link_end;  /* and its "]" is, or 0: there is none; */
    bool badge;       /* it is an image's, and the link's address is to come after that; */
    size_t link_html; /* and in djs_page.tail: where it begins, from leaf->firm on */
} djs_leaf;

/* More of the content. */
djs_status djs_leaf_add(djs_leaf *leaf, const uint8_t *text, size_t n);

/* Shows what is known of it: renders with r, whose out is scratch space, and
 * amends the page. When that takes more than there is, a later call does. */
void djs_leaf_show(djs_leaf *leaf, djs_render *r, djs_effort *effort, djs_page *page, djs_edits *edits);

/* Nothing follows: shows the rest of it, as far as that needs no parser. Is all of it on the page then? Else
 * what stands there after what is firm is to be rendered. */
bool djs_leaf_end(djs_leaf *leaf, djs_render *r, djs_page *page, djs_edits *edits);

#endif
