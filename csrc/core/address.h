/* Which host an address leads to, and whether that is one of a list.
 *
 *     djs_address a = djs_address_of(href, n);       // "https://cdn.example.com/x.png"
 *     djs_address_find(&a, patterns, count)          // of "*.example.com"
 *
 * A pattern is a host ("example.com", "example.com:8080"), the hosts below
 * one ("*.example.com", not example.com itself), or, without a dot, a scheme
 * ("mailto"); in lower case, a host's name in its ASCII form.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_ADDRESS_H
#define DJS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *text;
    size_t n;
} djs_pattern;

typedef struct {
    const uint8_t *scheme, *host; /* host: with its port, unless that is the scheme's own */
    size_t scheme_n, host_n;      /* 0: none, or none that is certain */
} djs_address;

/* href: as it stands in the page, percent-encoded; its entities decoded. */
djs_address djs_address_of(const uint8_t *href, size_t n);

/* The pattern for the address, the closest one: its host, then the longest "*.", then its scheme.
 * count when there is none. */
size_t djs_address_find(const djs_address *address, const djs_pattern *patterns, size_t count);

/* Is it a pattern? A host, unless scheme is true, when it may be either. */
bool djs_pattern_valid(const uint8_t *text, size_t n, bool scheme);

#endif
