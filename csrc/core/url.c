/* Addresses by their scheme.
 *
 * The law: what is allowed has, as a browser reads it, the scheme http, https
 * or mailto, or none. Cutting the text into parts changes nothing.
 *
 * Checked by: tests/c/test_fragment.c, tests/test_fragment.py.
 *
 * SPDX-License-Identifier: MIT */
#include "url.h"
#include "escape.h"
#include <string.h>

static bool alnum(uint32_t c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static djs_url_verdict end_of_scheme(const djs_url *url) {
    static const char *const allowed[] = {"http", "https", "mailto"};
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (strlen(allowed[i]) == url->scheme_n && !memcmp(allowed[i], url->scheme, url->scheme_n))
            return DJS_URL_ALLOWED;
    return DJS_URL_REFUSED;
}

/* An entity ended: the five of djs_escape are characters no scheme has; &colon; and &#106; could spell one.
 */
static djs_url_verdict end_of_entity(const djs_url *url) {
    static const char *const plain[] = {"&amp", "&lt", "&gt", "&quot", "&#x27"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strlen(plain[i]) == url->entity_n && !memcmp(plain[i], url->entity, url->entity_n))
            return DJS_URL_ALLOWED;
    return DJS_URL_REFUSED;
}

static djs_url_verdict step(djs_url *url, uint32_t c, bool markup) {
    if (url->entity_n || (markup && c == '&')) {
        if (c == ';') return end_of_entity(url);
        if (url->entity_n == sizeof url->entity || c >= 0x80) return DJS_URL_REFUSED;
        url->entity[url->entity_n++] = (char)c;
        return DJS_URL_OPEN;
    }
    if (c == '\t' || c == '\n' || c == '\r' || (!url->scheme_n && c <= ' ')) return DJS_URL_OPEN;
    if (c == ':') return end_of_scheme(url);
    if (!alnum(c) && c != '+' && c != '-' && c != '.') return DJS_URL_ALLOWED; /* relative */
    if (url->scheme_n == sizeof url->scheme) url->scheme_n--; /* longer than any that is allowed */
    url->scheme[url->scheme_n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return DJS_URL_OPEN;
}

djs_url_verdict djs_url_feed(djs_url *url, const void *text, size_t n, unsigned width, bool markup) {
    for (size_t i = 0; i < n && url->verdict == DJS_URL_OPEN; i++) {
        url->verdict = step(url, djs_character(text, width, i), markup);
        if (url->verdict == DJS_URL_ALLOWED) url->entity_n = 0;
    }
    return url->verdict;
}
