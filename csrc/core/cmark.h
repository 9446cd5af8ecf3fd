/* What we add to cmark-gfm.
 *
 * cmark-gfm parses whole documents; its line and inline functions are static.
 * cmark_blocks.c, cmark_inlines.c and cmark_table.c each include one of its
 * source files and add the functions below; cmark_map.c takes the place of its
 * map.c and references.c. Nothing of cmark-gfm is changed.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_CMARK_H
#define DJS_CMARK_H

#include <stdbool.h>
#include <config.h>
#include <cmark-gfm.h>
#include <node.h>
#include <parser.h>
#include <references.h>
#include <syntax_extension.h>
#include <cmark-gfm-core-extensions.h>
#include <table.h>
#include <strikethrough.h>
#include "buf.h"

typedef struct djs_refmap djs_refmap;

/* Before anything else, from any thread, again or not: registers the
 * extensions and sets the tables of special characters, which are then only
 * read. Setting them for good is what lets threads parse side by side. */
void djs_cmark_setup(void);

/* A parser with our extensions attached. */
cmark_parser *djs_cmark_parser(cmark_mem *mem);

/* In parser->options, beside cmark's own. */
enum { DJS_OPT_ALERTS = 1 << 27, DJS_OPT_CJK = 1 << 28, DJS_OPT_MATH = 1 << 29 };

/* ---- blocks ---- */

/* One complete line, with or without its newline. */
void djs_cmark_line(cmark_parser *parser, const uint8_t *line, size_t n);

/* Closes the block; returns its parent. */
cmark_node *djs_cmark_close(cmark_parser *parser, cmark_node *block);

/* Closes everything that is open. */
void djs_cmark_close_all(cmark_parser *parser);

bool djs_cmark_has_inlines(cmark_node *node);

/* A block of mathematics (math.h) is a fenced code block whose fence is "$$" or "\[": that gives it cmark's
 * containers, and no Markdown in it. */
bool djs_cmark_is_math(const cmark_node *block);

/* How much of the unfinished line in a block of mathematics is surely its content; else all of it. */
size_t djs_cmark_math_told(const cmark_parser *parser, const uint8_t *line, size_t from, size_t n);

/* ---- inlines ---- */

/* What to parse, and how far it is certain. */
typedef struct {
    const uint8_t *text; /* in memory that may be written, up to text[n] */
    size_t n;
    size_t from;       /* parse from here; what stands before only tells how delimiters flank */
    bool unfinished;   /* the rest of the leaf is still to come: what is open is closed as if its end
                          stood here, what cannot be told yet is left out (complete.h) */
    size_t before;     /* bytes of the leaf that stand before text */
    bool link_images;  /* an image is shown as a link */
    bool footnotes;    /* "[^label]" is a node of its own, if it is no link */
    size_t references; /* how many of these there are */
    /* Answers, asked for by unfinished: */
    size_t told;      /* how much of text can be shown */
    char held;        /* the rest is held back until a "]", a marker: '*', a '$', or what may end a link's
                         destination: ')', or anything: '?'; or 0 */
    size_t patience;  /* or until text is longer than this */
    bool open_end;    /* what is told ends in text, or in code that is open: more text would follow there */
    bool in_code;     /* it is code */
    bool closed;      /* or it ends in a link that has ended: more text would follow after that */
    bool settled;     /* nothing is open there: so it is where plain text that follows can begin to be firm */
    size_t firm;      /* no text that follows can change what comes before this */
    size_t apart;     /* no address that began before this goes on after it */
    size_t misses;    /* bytes of the map's misses that come from there */
    cmark_node *last; /* the last inline node before it, or NULL */
} djs_inlines;

/* Parses text into inline children of parent. */
void djs_cmark_inlines(cmark_parser *parser, cmark_node *parent, djs_inlines *in, cmark_map *map);

/* Could text, the beginning of a paragraph, still be (or contain) a link
 * reference definition? *held: until when that stays so, as djs_inlines.held; or NULL. */
bool djs_cmark_may_define(cmark_mem *mem, const uint8_t *text, size_t n, char *held);

/* ---- tables ---- */

/* Gives copy what a table or row node keeps outside the node. */
void djs_cmark_clone_table(cmark_mem *mem, cmark_node *copy, const cmark_node *node);

/* The row that a line was: takes the cells away that it was filled up with, if there are too many by now. */
void djs_cmark_cap_padding(djs_refmap *map, cmark_node *row);

/* How many columns a table has; their alignments. */
size_t djs_cmark_columns(const cmark_node *table, const uint8_t **alignments);

/* 'l', 'c', 'r' or 0. */
uint8_t djs_cmark_alignment(const cmark_node *cell);

/* ---- reference definitions ---- */

struct djs_refmap {
    cmark_map base;      /* sorted: an open hash table of base.size entries */
    size_t cap;          /* of that table: 0 or a power of two */
    djs_refmap *below;   /* asked first: the definitions that are certain */
    djs_buf *misses;     /* uint64_t: labels that were looked up and not found */
    djs_buf *fresh;      /* uint64_t: labels that were defined */
    size_t bytes;        /* of labels, addresses and titles */
    size_t padding;      /* cells that tables were filled up with, kept here as each parser has a map */
    const uint8_t *text; /* the leaf that is parsed, and how much text of leaves there is before it */
    size_t position;
    bool any;    /* every label is defined, as nothing; */
    bool notes;  /* but those of footnotes */
    bool capped; /* one of the limits below was met */
};

/* What would let a short text grow without limit. Past a limit the rest is text: a definition defines
 * nothing, a use of a long one is no link, a row of more columns is a paragraph, a short row stays short.
 * All are told from what comes before in the text alone, so that any cut and the one-shot agree. */
enum {
    DJS_MAX_DEFINITIONS = 20000,
    DJS_MAX_DEFINITION_BYTES = 2 << 20,
    DJS_MAX_COLUMNS = 255,
    DJS_MAX_PADDING = 1 << 16,       /* cells, in all tables of a text */
    DJS_FREE_REFERENCE = 128,        /* bytes of address and title that may be used anywhere */
    DJS_MAX_REFERENCE_USE = 64 << 20 /* else: those bytes times the bytes of text before the use */
};

/* Notes that a limit was met. */
static inline void djs_cmark_capped(djs_refmap *map) {
    for (; map; map = map->below) map->capped = true;
}

#endif
