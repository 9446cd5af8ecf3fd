/* What the page must end as, by cmark-gfm alone.
 *
 * oracle.c is linked with cmark-gfm's own files, all of them as they were
 * published, into one object of which only this function can be seen. It
 * shares no line with csrc/core: neither how text is parsed in pieces nor how
 * a tree becomes HTML.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_TEST_ORACLE_H
#define DJS_TEST_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

/* HTML as dom_html writes it, by our rules of safety; free() it. text: valid UTF-8. */
char *oracle_html(const char *text, size_t n, bool show_images, bool dir_auto, size_t *length);

#endif
