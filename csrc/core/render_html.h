/* A cmark tree as HTML that is safe by construction.
 *
 * Elements, attributes and URL schemes come from short lists in render.c;
 * everything the author of the Markdown wrote is escaped. Raw HTML is shown as
 * text. There is no white space between blocks: it would mean nothing, and it
 * would show where the style says `white-space: pre-wrap`.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_RENDER_HTML_H
#define DJS_RENDER_HTML_H

#include "address.h"
#include "cmark.h"
#include "slug.h"

typedef enum { DJS_IMAGES_LINK, DJS_IMAGES_SHOW, DJS_IMAGES_HOSTS } djs_images;

/* Where links lead to: called for each link that is rendered, again for each time it is. */
typedef struct {
    const djs_pattern *keys; /* the one that is closest to the address is called */
    size_t n;
    /* href as in djs_address_of; the new one goes into out, which is empty and valid until the next call.
     * false: no link, only its text. */
    bool (*rewrite)(void *context, size_t key, const uint8_t *href, size_t n, const djs_buf **out);
    void *context;
} djs_links;

/* What it points to outlives its users. */
typedef struct {
    djs_images images;        /* a remote image tells its host who reads: a link, unless asked for */
    bool dir_auto;            /* dir="auto" on blocks */
    bool cjk_emphasis;        /* cjk.h */
    bool math;                /* math.h */
    bool breaks;              /* each line of a paragraph begins a new one on the page */
    bool alerts;              /* quotes that begin with [!NOTE] are alerts: alert.h */
    const char *heading_ids;  /* headings get an id that begins so: slug.h; or NULL */
    const djs_pattern *hosts; /* DJS_IMAGES_HOSTS: only images of these are shown */
    size_t hosts_n;
    const djs_links *links; /* or NULL */
    const char *footnotes;  /* notes.h: their ids begin so; or NULL: there are none */
} djs_render_options;

/* Deeper containers lose their tags, deeper inlines their elements: browsers
 * stop nesting at 512, and an edit that counts depths would miss. */
enum { DJS_MAX_NESTING = 100 };

#define DJS_LINK_REL  "nofollow noopener noreferrer"
#define DJS_CHECKED   "<input type=\"checkbox\" checked=\"\" disabled=\"\">"
#define DJS_UNCHECKED "<input type=\"checkbox\" disabled=\"\">"

typedef struct djs_render djs_render;
typedef struct djs_notes djs_notes;
typedef struct djs_run djs_run;
struct djs_render {
    djs_buf *out;
    const djs_render_options *options;
    cmark_parser *parser; /* for inlines; its memory is scratch */
    cmark_map *map;
    cmark_map *tail_map;            /* for the tail, when it knows more than what is certain; or NULL */
    const cmark_node *tail;         /* the leaf that is still growing, or NULL */
    size_t tail_start, tail_inside; /* where its start tag began, and ended; written by djs_render_block */
    djs_inlines tail_inlines;       /* how it was parsed */
    size_t tail_firm;               /* where what is not firm in it began */
    size_t mark;                    /* where the last thing that was not a closing tag ended */
    size_t position;                /* bytes of text in the leaves before */
    djs_slugs *slugs;               /* the ids that headings have, or NULL: they get none */
    uint32_t id;                    /* of the heading that is rendered, as djs_slugs_number has it, or 0 */
    unsigned nesting;               /* containers around what is rendered now */
    unsigned inlines;               /* inline elements around it */
    bool raw;                       /* the tail is shown as if its text ended here */
    void (*on_leaf)(djs_render *r, cmark_node *leaf); /* called after the inlines of each leaf, or NULL */
    void *context;
    djs_notes *notes;   /* footnotes, or NULL */
    bool passing;       /* what this renders is the tail: its notes are not settled */
    djs_run *run;       /* the uses of notes that this leaf had when it was rendered before, or NULL */
    uint32_t note;      /* the definition around: index + 1, or 0 */
    uint32_t tail_note; /* the one with the tail's leaf in it */
    size_t note_base;   /* where what it says begins in out */
    size_t leaf_at;     /* where the leaf just rendered began in out */
    size_t leaf_uses;   /* settled uses before it */
};

/* What the options add to cmark_parser.options. */
int djs_render_syntax(const djs_render_options *options);

/* The start tag or tags of a container, and the end tag. `body`: is a
 * <tbody> open? Only tables ask. */
void djs_render_open(djs_render *r, cmark_node *node);
void djs_render_close(djs_render *r, const cmark_node *node, bool body);

/* The inline content of a paragraph, heading or cell. */
void djs_render_inlines(djs_render *r, cmark_node *node);

/* What stands at the end of a heading with this id. */
void djs_render_anchor(djs_render *r, cmark_node *heading, uint32_t id);

/* Inlines of a growing paragraph. Where they begin to be not firm is returned,
 * as an offset in out. */
size_t djs_render_split(djs_render *r, djs_inlines *in);

/* The start tag of a table's cell; align as djs_cmark_alignment. */
void djs_render_cell(djs_render *r, bool header, uint8_t align);

/* One row of a table; *body becomes true when it opened <tbody>. Its cells' user_data become their index. */
void djs_render_row(djs_render *r, cmark_node *row, bool *body);

/* A paragraph right after the definition of a footnote. */
bool djs_after_note(const cmark_node *block);

/* A block and all that is in it. Its children's user_data become their index. */
void djs_render_block(djs_render *r, cmark_node *node);

/* The text of a code or HTML block. */
void djs_render_literal(djs_render *r, const cmark_node *node);

/* Text between tags: & < > as entities, the two bytes that cmark-gfm writes
 * for U+FFFE and U+FFFF mended. */
void djs_render_text(djs_render *r, const uint8_t *text, size_t n);
void djs_text_html(djs_buf *out, const uint8_t *text, size_t n);

/* How much of the growing paragraph can be shown: nothing of what may still be
 * a reference definition, no line that may be the header of a table. */
size_t djs_render_told(const djs_render *r, const cmark_node *paragraph);

#endif
