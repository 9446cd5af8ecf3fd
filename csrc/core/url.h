/* May this address stand in an attribute that a browser follows?
 *
 * http, https, mailto, or none at all (relative). Read as a browser would,
 * which skips leading controls and spaces, and tabs and newlines everywhere
 * (WHATWG URL, 4.4). An address may come in parts:
 *
 *     djs_url url = {0};
 *     djs_url_feed(&url, "java", 4, 1, false);            // DJS_URL_OPEN
 *     djs_url_feed(&url, "script:f()", 10, 1, false);     // DJS_URL_REFUSED
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_URL_H
#define DJS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* OPEN: no scheme has ended yet. What ends so is relative, hence allowed. */
typedef enum { DJS_URL_OPEN, DJS_URL_ALLOWED, DJS_URL_REFUSED } djs_url_verdict;

typedef struct {
    djs_url_verdict verdict;
    char scheme[8], entity[6];
    uint8_t scheme_n, entity_n;
} djs_url;

/* The next n characters, of width bytes each; once it is not OPEN the verdict stays.
 * markup: HTML, in which & begins an entity; one that could spell a scheme is refused. */
djs_url_verdict djs_url_feed(djs_url *url, const void *text, size_t n, unsigned width, bool markup);

/* May the address end here? */
static inline bool djs_url_end(const djs_url *url) {
    return url->verdict != DJS_URL_REFUSED && !url->entity_n;
}

#endif
