/* The option links={key: callable}: Python decides where a link leads to.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_LINKS_H
#define DJS_LINKS_H

#include "compat.h"
#include "render_html.h"

typedef struct {
    djs_links core;
    PyObject *keys;      /* tuple of str */
    PyObject *callables; /* tuple */
    djs_pattern *patterns;
    djs_buf href;     /* what the last call returned */
    bool told;        /* one of them raised, and it was logged */
    PyObject *raised; /* what must not be logged but raised: KeyboardInterrupt and the like */
} djs_py_links;

/* From a dict. NULL and an exception when it is none of ours. */
djs_py_links *djs_links_new(PyObject *dict);
void djs_links_free(djs_py_links *links);
void djs_links_clear(djs_py_links *links); /* none is called any more */
int djs_links_traverse(djs_py_links *links, visitproc visit, void *arg);

/* After a turn: raises what was to be raised, and releases result. Else returns it. */
PyObject *djs_links_end(djs_py_links *links, PyObject *result);

#endif
