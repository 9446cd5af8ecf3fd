/* Which host an address leads to.
 *
 * The law: a host is reported only where every browser goes to that very host.
 * So the address is read as it stands in the page, and whatever could be read
 * in two ways has none. In
 *
 *     https://good.com\@evil.com     is "good.com%5C@evil.com" in the page
 *     https:\\evil.com, https:/evil.com, //evil.com, https://good.com%2eevil.com
 *
 * a "\" is a "/" before it is escaped and part of a user's name after it; one
 * slash does for two; a "%" may be any letter. Only "http://" or "https://",
 * then letters, digits, "-", "_" and ".", then a port or the end of the host
 * will do. A name in other letters has an ASCII form (xn--), which will do.
 *
 * Checked by: tests/test_markdown_links.py.
 *
 * SPDX-License-Identifier: MIT */
#include "address.h"
#include <string.h>

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
static bool digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool alpha(uint8_t c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
static bool in_scheme(uint8_t c) { return alpha(c) || digit(c) || c == '+' || c == '-' || c == '.'; }
static bool in_host(uint8_t c) { return alpha(c) || digit(c) || c == '-' || c == '_' || c == '.'; }

/* Letters in text may be capitals, those of the pattern not. */
static bool same(const uint8_t *text, size_t n, const uint8_t *pattern, size_t pattern_n) {
    if (n != pattern_n) return false;
    for (size_t i = 0; i < n; i++)
        if (lower(text[i]) != pattern[i]) return false;
    return true;
}

static bool is(const uint8_t *text, size_t n, const char *word) {
    return same(text, n, (const uint8_t *)word, strlen(word));
}

djs_address djs_address_of(const uint8_t *href, size_t n) {
    djs_address a = {0};
    size_t i = 0;
    while (i < n && in_scheme(href[i])) i++;
    if (!i || i == n || href[i] != ':' || !alpha(href[0])) return a;
    a.scheme = href;
    a.scheme_n = i;
    bool http = is(href, i, "http");
    if (!http && !is(href, i, "https")) return a;
    if (n - i < 3 || href[i + 1] != '/' || href[i + 2] != '/') return a;
    size_t start = i + 3, end = start, port;
    while (end < n && in_host(href[end])) end++;
    for (port = i = end; i == end || (i < n && digit(href[i])); i++)
        if (i == n || (i == end && href[i] != ':')) break;
    if (i < n && href[i] != '/' && href[i] != '?' && href[i] != '#') return a;
    if (i > port + 1 && !is(href + port, i - port, http ? ":80" : ":443")) end = i;
    a.host = href + start;
    a.host_n = end > start && in_host(href[start]) ? end - start : 0;
    return a;
}

static bool below(const djs_address *a, const djs_pattern *p) {
    return p->n > 2 && p->text[0] == '*' && a->host_n >= p->n &&
           same(a->host + a->host_n - (p->n - 1), p->n - 1, p->text + 1, p->n - 1);
}

static bool is_scheme(const djs_pattern *p) { return !memchr(p->text, '.', p->n); }

size_t djs_address_find(const djs_address *a, const djs_pattern *patterns, size_t count) {
    size_t found = count;
    for (size_t i = 0; i < count; i++) {
        const djs_pattern *p = patterns + i;
        if (is_scheme(p)) {
            if (found == count && same(a->scheme, a->scheme_n, p->text, p->n)) found = i;
        } else if (a->host_n && same(a->host, a->host_n, p->text, p->n)) {
            return i;
        } else if (below(a, p) &&
                   (found == count || is_scheme(patterns + found) || patterns[found].n < p->n)) {
            found = i;
        }
    }
    return found;
}

bool djs_pattern_valid(const uint8_t *text, size_t n, bool scheme) {
    size_t i = 0, start = n > 2 && text[0] == '*' && text[1] == '.' ? 2 : 0;
    if (!n || n > 260) return false;
    for (size_t at = 0; at < n; at++)
        if (lower(text[at]) != text[at]) return false;
    if (!memchr(text, '.', n)) {
        while (i < n && in_scheme(text[i])) i++;
        return scheme && i == n && alpha(text[0]);
    }
    for (i = start; i < n && in_host(text[i]); i++)
        if (text[i] == '.' && (i == start || text[i - 1] == '.' || i + 1 == n)) return false;
    if (i == start || i == n) return i == n && i > start;
    size_t port = i + 1;
    for (i = port; i < n && digit(text[i]); i++) {}
    return text[port - 1] == ':' && i == n && i > port;
}
