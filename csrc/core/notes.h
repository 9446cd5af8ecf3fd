/* Footnotes: `[^label]` in the text, `[^label]: what it says` anywhere.
 *
 * A reference shows the number of its note; what the notes say is collected,
 * wherever it stands, and shown in a section at the end of the page:
 *
 *     djs_notes_watch(notes, parser, n);      // after each whole line: which labels are defined
 *     djs_render_block(&r, block);            // r.notes = notes: numbers references, collects definitions
 *     djs_notes_section(&r);                  // <section class="footnotes">, in the order of the numbers
 *
 * The tail is rendered again and again: with r.passing, all that it uses and
 * collects is passing, until djs_notes_forget.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_NOTES_H
#define DJS_NOTES_H

#include "late.h"
#include "page.h"
#include "render_html.h"

/* Past these, a reference stays text, and what looks like a definition is no longer one. */
enum {
    DJS_MAX_NOTES = 10000,        /* definitions of different labels */
    DJS_MAX_REFERENCES = 10000,   /* defined or not */
    DJS_MAX_NOTE_BYTES = 1 << 18, /* of source, in all definitions */
    DJS_NOTES_SHOWN = 1 << 14,    /* of HTML, roughly: a section does not grow longer before the end */
    DJS_NOTES_RUNS = 2,           /* runs of definitions that are shown before the end */
    DJS_NOTES_UNORDERED = 8       /* definitions that are shown before the end between others */
};

/* A reference, as the page shows it. */
typedef struct {
    uint32_t note;   /* its index */
    uint32_t number; /* of the note */
    uint32_t nth;    /* of those to this note */
    bool linked;     /* the note is defined */
} djs_use;

/* A range of settled djs_use: those of one leaf. */
struct djs_run {
    size_t first, n;
};

struct djs_notes {
    djs_buf list;     /* a note for each label, defined or used */
    djs_buf labels;   /* their text */
    uint32_t *heads;  /* chained by hash */
    uint32_t last;    /* number given */
    uint32_t defined; /* labels */
    size_t bytes;     /* of source in definitions */
    size_t open;      /* of these, in the outermost one that is open */
    djs_buf uses; /* djs_use, settled, in the order of the text (of a leaf that changed: again, at the end) */
    djs_buf passing; /* djs_use of the tail */
    size_t firm;     /* how many of these come before what is not firm in the leaf just rendered */
    djs_buf work;    /* definitions while they are rendered */
    djs_buf html;    /* what they say */
    djs_buf bodies, holes;
    size_t settled_html, settled_bodies; /* of these; the rest is passing */
    djs_buf spare;
    djs_buf *misses, *fresh; /* uint64_t: labels used in vain, and labels defined; or NULL */
    djs_late *late;          /* the leaves that are rendered anew in holes; or NULL */
    bool whole;              /* the text has ended, or is all there: what is not defined yet never will be */
    bool pending;  /* until then, references to what is not defined yet show their number, not their source */
    bool after;    /* the last that settled in the document itself was a definition */
    uint32_t runs; /* of definitions that something else followed */
    uint32_t highest, unordered; /* number of a definition that settled; how many lower ones came after it */
    size_t shown;                /* of open: when it was shown last */
};

void djs_notes_free(djs_notes *notes);

/* After a line of n bytes: notes what it defines, and stops looking for definitions at the limits. */
void djs_notes_watch(djs_notes *notes, cmark_parser *parser, size_t n);

/* Gives every reference under root, which has just been parsed, its number. */
void djs_notes_resolve(djs_render *r, cmark_node *root);

/* Shows a reference. */
void djs_notes_reference(djs_render *r, const cmark_node *node, bool in_link);

/* Collects what a definition says. */
void djs_notes_collect(djs_render *r, cmark_node *definition);

/* In the definition that is being collected, the leaf just rendered will have to be rendered anew. */
void djs_notes_hole(djs_render *r, uint32_t leaf);

/* How many are used; passing ones too. */
size_t djs_notes_uses(const djs_notes *notes, bool passing);

/* Forgets all passing uses but the first `keep`; true if there were more. */
bool djs_notes_keep(djs_notes *notes, size_t keep);

/* Forgets all that is passing; true if something was used. */
bool djs_notes_forget(djs_notes *notes);

/* Marks these definitions and those they stand in as open: they have no way back yet. */
void djs_notes_mark_open(cmark_node *node);

/* The same before the unfinished line: in a stream they have not settled, whatever that line does. */
void djs_notes_mark_unsettled(cmark_node *node);

/* Is the section so small that it can be written again and again? */
bool djs_notes_small(const djs_notes *notes);

/* Writes the section, if anything is to be shown in it. Returns whether the tail's leaf ends it. */
bool djs_notes_section(djs_render *r);

/* The section is all that the page shows after what is settled. */
bool djs_notes_last(const djs_page *page);

/* The text has ended: gives the uses of all leaves their final numbers, and marks leaves that show others. */
void djs_notes_finish(djs_notes *notes);

#endif
