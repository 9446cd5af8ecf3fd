/* The open spine of a live cmark parser: what is on the page for good.
 *
 * A block that cmark has closed is rendered once, and its memory goes. What
 * is still open is the spine: the chain of last children from the document to
 * the block that grows. tail.h shows what is not settled yet.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_SPINE_H
#define DJS_SPINE_H

#include "leaf.h"
#include "memory.h"
#include "notes.h"
#include "page.h"
#include "render_html.h"
#include "wait.h"

/* An open container whose start tag is on the page. */
typedef struct {
    cmark_node *node;
    cmark_node *settled; /* its last child that is on the page; earlier ones are freed */
    uint32_t depth;      /* of its element */
    uint32_t children;   /* on the page */
    bool body;           /* table: <tbody> is open */
    bool tight;          /* list: as the page shows it */
    bool loose;          /* list: known not to be tight */
    bool task, checked;  /* item: as the page shows it */
    bool raw;            /* list: raw HTML, or TeX, stands right in an item. Its <p> is none to take away */
} djs_level;

/* Called for what settles, in order. */
typedef struct djs_spine djs_spine;
struct djs_spine {
    djs_memory *memory;
    cmark_parser *live;
    djs_buf levels;      /* djs_level */
    uint32_t depth;      /* elements open after what is settled */
    size_t position;     /* bytes of text in the leaves that have settled */
    unsigned nesting;    /* containers, with or without tags */
    cmark_node *growing; /* code or HTML block whose start tag is on the page */
    size_t raw_line;     /* bytes of the unfinished line that the growing block shows; 0: not told yet */
    bool raw_new;        /* not that block, but one that began in this line */
    int defs_line;       /* the line where the open paragraph began of which `defs` bytes are definitions */
    size_t defs;         /* that no later line can change */
    size_t begun;        /* bytes of it that the live parser has, of which nothing but text can follow */
    cmark_node *heading; /* that text is this one's, which has not ended, */
    size_t title;        /* and begins there in the line; or NULL */
    bool rule;         /* it may only be a table's delimiter row, so far, and the page shows nothing of it */
    djs_wait wait;     /* what the unfinished line waits for */
    struct {           /* row.h: the table's row that the unfinished line is */
        bool on, full; /* full: it has all its cells, what follows is dropped */
        bool inside;   /* a cell whose end has not come */
        size_t cell;   /* which one */
        size_t line;   /* bytes of the line that were seen */
    } row;
    djs_effort effort;
    djs_leaf leaf; /* the paragraph that grows */
    djs_buf spare; /* what it renders into */
    djs_buf html;  /* settled since the page was last turned */
    size_t mark;   /* as djs_render.mark */
    djs_page *page;
    djs_edits *edits;
    const djs_render_options *options;
    djs_notes *notes; /* footnotes, or NULL */
    djs_slugs *slugs; /* as djs_render.slugs */
    bool strict;    /* a frame shows what a render of the text so far would, without memory of earlier ones */
    bool raw;       /* show the tail as if the text ended here */
    djs_buf misses; /* labels the leaf just rendered asked for in vain */
    void (*on_leaf)(djs_render *r, cmark_node *leaf);
    void *context; /* of on_leaf */
};

djs_status djs_spine_start(djs_spine *s);
void djs_spine_free(djs_spine *s);

/* A line into any parser, tamed where it would nest too deeply. */
void djs_spine_feed(cmark_parser *parser, const uint8_t *line, size_t n);

/* One complete line: parse it, settle what it closed. Inside djs_memory_enter. */
void djs_spine_line(djs_spine *s, const uint8_t *line, size_t n);

/* Settles what is closed. */
void djs_spine_settle(djs_spine *s);

/* The end of the text: everything settles, and waits for djs_spine_flush. */
void djs_spine_end(djs_spine *s);

/* Turns the page to what is settled, without a tail. */
void djs_spine_flush(djs_spine *s);

/* Prepares a renderer; parser must outlive it, and its memory be scratch. */
djs_render djs_spine_renderer(djs_spine *s, cmark_parser *parser, cmark_map *map);

/* Where the leaf stands: an index at each level, the document's child first.
 * Returns the number of steps, written to path as uint32_t. */
size_t djs_spine_path(const cmark_node *leaf, djs_buf *path);

/* ---- for tail.c ---- */

static inline djs_level *djs_levels(const djs_spine *s) { return (djs_level *)(void *)s->levels.ptr; }
static inline size_t djs_level_count(const djs_spine *s) { return s->levels.len / sizeof(djs_level); }
static inline djs_level *djs_level_top(const djs_spine *s) { return djs_levels(s) + djs_level_count(s) - 1; }
static inline bool djs_is_open(const cmark_node *node) { return node->flags & CMARK_NODE__OPEN; }
static inline bool djs_is_note(const cmark_node *node) {
    return node->type == CMARK_NODE_FOOTNOTE_DEFINITION;
}
static inline bool djs_is_list(const cmark_node *node) { return node->type == CMARK_NODE_LIST; }

static inline void djs_spine_check(const djs_buf *buf) {
    if (buf->status) djs_memory_fail(buf->status);
}

/* A parser that parses inlines, and throw-away copies, into scratch memory. */
static inline cmark_parser djs_spine_scratch(const djs_spine *s) {
    cmark_parser parser = *s->live;
    parser.mem = &djs_scratch;
    return parser;
}

/* cmark's S_ends_with_blank_line, without its marks. */
bool djs_ends_blank(const cmark_node *node);

/* An empty item that ended with a blank line: it makes its list loose. */
cmark_node *djs_blank_item(cmark_mem *mem);

/* Nothing can change this block any more, though cmark may not have closed it. */
bool djs_is_final(const cmark_node *node);

/* A paragraph, code block or raw HTML. */
bool djs_is_leaf(const cmark_node *node);

/* Makes the page show the list at this level as tight, or as loose. */
void djs_spine_show_tight(djs_spine *s, djs_level *level, bool tight);

#endif
