/* What the bytes of a text may mean.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_BYTES_H
#define DJS_BYTES_H

#include <stdint.h>

/* With DJS_STOP_HEADING and DJS_STOP_CELL of leaf.h. */
enum {
    DJS_HELD = 1,      /* held back at the end of a text, and else not plain */
    DJS_OTHER = 2,     /* not plain: it may mean something */
    DJS_LINE = 4,      /* ends the line */
    DJS_AT = 8,        /* a link's destination cannot go on, or not simply */
    DJS_CLOSER = 16,   /* a link's text or label may end */
    DJS_WWW = 128,     /* a second one may begin an address */
    DJS_ESCAPE = 256,  /* it, and a "[", may make a label none */
    DJS_DOLLAR = 512,  /* mathematics, if that is asked for */
    DJS_TAG = 2048,    /* a tag ends */
    DJS_ENTITY = 4096, /* in code, too, it does not show as it is */
    DJS_BREAK = 1024   /* a word, as far as addresses go, may begin after it; and after what is not ASCII */
};

extern const uint16_t djs_class[256];

#endif
