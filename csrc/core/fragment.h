/* A template of HTML with holes, compiled once: which text stands between the
 * holes, and what kind of place each hole is.
 *
 *     djs_fragment f = {0};
 *     djs_refusal why = {0};
 *     if (djs_fragment_compile(&f, text, n, &why))        // <a href="{url}">{text}</a>
 *         ...                                             // why: line, column, reason
 *     f.parts                                             // <a href=", URL, QUOTED url, ">, TEXT text, </a>
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_FRAGMENT_H
#define DJS_FRAGMENT_H

#include "buf.h"

#define DJS_MAX_HOLES 64 /* names of a template */

typedef enum {
    DJS_PART_LITERAL, /* n bytes of literals from `at` on */
    DJS_PART_TEXT,    /* hole `at`: text is escaped, HTML stays HTML */
    DJS_PART_QUOTED,  /* hole `at`: where only text may be; HTML is escaped too, but for its entities */
    DJS_PART_URL      /* the n parts that follow are one address, to be checked by djs_url_feed; at: what
                       * stands for one that is refused, 1 "#" or 0 nothing */
} djs_part_kind;

typedef struct {
    djs_part_kind kind;
    size_t at, n;
} djs_part;

typedef struct {
    const uint8_t *text;
    size_t n;
} djs_slice;

typedef struct {
    djs_buf literals;
    djs_part *parts;
    size_t count, cap;
    djs_buf names; /* of the holes by number, each followed by a NUL; none of a cut text */
    size_t holes;
} djs_fragment;

/* Why a template was refused. Line and column count from 1, the column in characters. */
typedef struct {
    size_t line, column;
    djs_buf reason;
} djs_refusal;

/* f: zeroed. Text is UTF-8; {name} is a hole, {{ and }} are braces; a name may come twice.
 * DJS_EINVAL: refused, see why. Afterwards free both, whatever came out. */
djs_status djs_fragment_compile(djs_fragment *f, const uint8_t *text, size_t n, djs_refusal *why);

/* The same for a text that is cut at its holes: strings has one more than holes. Braces are braces, each
 * hole is one of its own, and its name only counts for columns. */
djs_status djs_fragment_compile_cut(djs_fragment *f, const djs_slice *strings, const djs_slice *names,
                                    size_t holes, djs_refusal *why);

void djs_fragment_free(djs_fragment *f);

#endif
