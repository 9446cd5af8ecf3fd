/* The open spine of a live cmark parser: what is on the page for good, and a copy to try things on.
 *
 * A block that cmark has closed is rendered once, and its memory goes. What
 * is still open is the spine: the chain of last children from the document to
 * the block that grows. To see what an unfinished line means, the spine is
 * copied into scratch memory, the copy gets the line, is finished, shown and
 * thrown away. The cost is the depth, the open leaf and the line: not the
 * document, the list or the table.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_SPINE_H
#define DJS_SPINE_H

#include "memory.h"
#include "leaf.h"
#include "page.h"
#include "render_html.h"

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
} djs_level;

/* Called for what settles, in order. */
typedef struct djs_spine djs_spine;
struct djs_spine {
    djs_memory *memory;
    cmark_parser *live;
    djs_buf levels;      /* djs_level */
    uint32_t depth;      /* elements open after what is settled */
    unsigned nesting;    /* containers, with or without tags */
    cmark_node *growing; /* code or HTML block whose start tag is on the page */
    size_t raw_line;     /* bytes of the unfinished line that the growing block shows; 0: not told yet */
    djs_leaf leaf;       /* the paragraph that grows */
    djs_buf spare;       /* what it renders into */
    djs_buf html;        /* settled since the page was last turned */
    size_t mark;         /* as djs_render.mark */
    djs_page *page;
    djs_edits *edits;
    const djs_render_options *options;
    bool raw;       /* show the tail as if the text ended here */
    djs_buf misses; /* labels the leaf just rendered asked for in vain */
    void (*on_leaf)(djs_render *r, cmark_node *leaf);
    void *context; /* of on_leaf */
};

djs_status djs_spine_start(djs_spine *s);
void djs_spine_free(djs_spine *s);

/* A line into any parser, tamed where it would nest too deeply. */
void djs_spine_feed(cmark_parser *parser, const uint8_t *line, size_t n);

/* The unfinished line into a parser of the whole document in scratch memory,
 * unless it cannot be told yet. Returns the leaf that grows, or NULL. */
const cmark_node *djs_spine_try(cmark_parser *parser, const uint8_t *line, size_t n, bool raw);

/* One complete line: parse it, settle what it closed. Inside djs_memory_enter. */
void djs_spine_line(djs_spine *s, const uint8_t *line, size_t n);

/* The end of the text: everything settles. */
void djs_spine_end(djs_spine *s);

/* Shows the page with what is settled and the unfinished line. lines: whole
 * ones came since it was shown last. */
void djs_spine_show(djs_spine *s, const uint8_t *line, size_t n, bool lines);

/* Turns the page to what is settled, without a tail. */
void djs_spine_flush(djs_spine *s);

/* Prepares a renderer; parser must outlive it, and its memory be scratch. */
djs_render djs_spine_renderer(djs_spine *s, cmark_parser *parser, cmark_map *map);

/* Where the leaf stands: an index at each level, the document's child first.
 * Returns the number of steps, written to path as uint32_t. */
size_t djs_spine_path(const djs_spine *s, const cmark_node *leaf, djs_buf *path);

#endif
