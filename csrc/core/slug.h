/* Ids for headings: "## What's new?" with the prefix "doc-" gets "doc-whats-new".
 *
 *     djs_slug(&text, &slug);                  // "What's new?" -> "whats-new"
 *     djs_slugs_number(&slugs, slug, n)        // 1, then 2 for "whats-new-1", ...
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_SLUG_H
#define DJS_SLUG_H

#include "cmark.h"

/* Longer ids are cut; more headings have none: so a stream holds 64 KiB for them at most. */
enum { DJS_MAX_SLUG = 200, DJS_MAX_IDS = 2048 };

/* The ids that are taken; {0} to begin with. */
typedef struct {
    djs_buf table;
    size_t n;
} djs_slugs;

/* The slug of a text that comes in parts: appended to what is there. */
void djs_slug_add(cmark_strbuf *slug, const uint8_t *text, size_t n);

/* Takes an id: 1 for the slug itself, k + 1 for the slug with "-k"; 0 when there are DJS_MAX_IDS already, or
 * no memory: then table.status is set. */
uint32_t djs_slugs_number(djs_slugs *slugs, const uint8_t *slug, size_t n);

#endif
