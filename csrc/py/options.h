/* The options of the Markdown engine, as Python gives them.
 *
 * One table in options.c has them all; a new flag is one line there, one in
 * djust_stream.MarkdownOptions, and a field of the core's options.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_OPTIONS_H
#define DJS_OPTIONS_H

#include "links.h"
#include "markdown.h"

typedef struct {
    djs_markdown_options core; /* points into the rest */
    bool partial;
    PyObject *strings;  /* tuple that owns what core points to, or NULL */
    djs_pattern *hosts; /* or NULL */
    djs_py_links *links;
} djs_options;

typedef enum { DJS_FOR_STREAM = 1, DJS_FOR_RENDER = 2 } djs_options_use;

/* From the keywords of a call, or NULL for none. 0 and an exception when one is wrong. who: for its message.
 */
int djs_options_parse(djs_options *options, const char *who, PyObject *kwargs, djs_options_use use);
void djs_options_free(djs_options *options);

/* Adds MARKDOWN_OPTIONS, the names of those that both a stream and a render take. */
int djs_options_add_names(PyObject *module);

#endif
