/* Streaming Markdown: text in, edits out.
 *
 *     djs_markdown *md = djs_markdown_new(&options);
 *     djs_markdown_feed(md, bytes, n);            // any cut, as often as you like
 *     const djs_edits *edits;
 *     djs_markdown_frame(md, &edits);             // what changed since the last frame
 *     djs_markdown_finish(md, &edits);            // the last changes
 *     djs_markdown_free(md);
 *
 * The edits stay valid until the next call. One md is used by one thread at a
 * time; different ones run side by side.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_MARKDOWN_H
#define DJS_MARKDOWN_H

#include "page.h"
#include "render_html.h"

typedef enum {
    DJS_COMPLETE, /* what is open is shown closed; what cannot be told is held back */
    DJS_RAW,      /* every frame is the whole-document render of the text so far */
    DJS_HOLD      /* only what no text that follows can change: see djs_hold_show */
} djs_mode;

typedef struct {
    djs_render_options render;
    djs_mode mode;
    bool fill;        /* only grow and fill: for clients that know no other edit. Keeps the source. */
    size_t max_bytes; /* of source; more is DJS_ETOOBIG */
    bool *capped;     /* becomes true when a limit of cmark.h was met; or NULL */
} djs_markdown_options;

typedef struct djs_markdown djs_markdown;

/* djs_cmark_setup must have been called. NULL when there is no memory. */
djs_markdown *djs_markdown_new(const djs_markdown_options *options);
void djs_markdown_free(djs_markdown *md);

/* Buffers only. What is not UTF-8 becomes U+FFFD, NUL too. */
djs_status djs_markdown_feed(djs_markdown *md, const uint8_t *bytes, size_t n);

djs_status djs_markdown_frame(djs_markdown *md, const djs_edits **edits);
djs_status djs_markdown_finish(djs_markdown *md, const djs_edits **edits);

/* Fed since the last frame. */
size_t djs_markdown_pending(const djs_markdown *md);

/* The whole text at once. partial: as a frame would show it before the end. */
djs_status djs_markdown_render(const djs_markdown_options *options, const uint8_t *text, size_t n,
                               bool partial, djs_buf *out);

#endif
