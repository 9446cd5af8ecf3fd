/* The option links={key: callable}.
 *
 * The law: whatever a callable does, the stream goes on. When it raises, or
 * returns what is no address, its link is shown as text, and the first such
 * error of a stream is logged with its traceback: a model writes any address,
 * and one that a callable does not expect must not take the answer away. Only
 * what is no Exception (KeyboardInterrupt) is raised, after the turn.
 *
 * Checked by: tests/test_markdown_links.py.
 *
 * SPDX-License-Identifier: MIT */
#include "links.h"
#include "args.h"

static void log_error(djs_py_links *l, size_t key, PyObject *url, PyObject *error) {
    PyObject *logging = NULL, *log = NULL, *method = NULL, *args = NULL, *named = NULL, *done = NULL;
    if (!(logging = PyImport_ImportModule("logging"))) goto end;
    if (!(log = PyObject_CallMethod(logging, "getLogger", "s", "djust_stream"))) goto end;
    if (!(method = PyObject_GetAttrString(log, "error"))) goto end;
    args = Py_BuildValue("(sOO)",
                         "links[%r] failed for %r: this link is shown as text. Later errors of this "
                         "document are not logged",
                         PyTuple_GET_ITEM(l->keys, (Py_ssize_t)key), url);
    named = Py_BuildValue("{sO}", "exc_info", error);
    if (args && named) done = PyObject_Call(method, args, named);
end:
    if (!done) PyErr_WriteUnraisable(method);
    Py_XDECREF(done);
    Py_XDECREF(named);
    Py_XDECREF(args);
    Py_XDECREF(method);
    Py_XDECREF(log);
    Py_XDECREF(logging);
}

static bool take_result(djs_py_links *l, PyObject *result) {
    const uint8_t *text;
    size_t n;
    djs_buf spare = {0};
    if (!PyUnicode_Check(result)) {
        PyErr_Format(PyExc_TypeError, "a callable of links returns a str or None, not %.100s",
                     Py_TYPE(result)->tp_name);
        return false;
    }
    if (!djs_utf8(result, "url", &text, &n, &spare)) return false;
    djs_buf_clear(&l->href);
    djs_buf_put(&l->href, text, n);
    djs_buf_free(&spare);
    if (!l->href.status) return true;
    djs_buf_free(&l->href);
    PyErr_NoMemory();
    return false;
}

static bool rewrite(void *context, size_t key, const uint8_t *href, size_t n, const djs_buf **out) {
    djs_py_links *l = context;
    bool linked = false;
    if (l->raised) return false;
    PyObject *url = PyUnicode_DecodeUTF8((const char *)href, (Py_ssize_t)n, "replace"), *result = NULL;
    if (url) result = PyObject_CallOneArg(PyTuple_GET_ITEM(l->callables, (Py_ssize_t)key), url);
    if (result && result != Py_None) linked = take_result(l, result);
    if (PyErr_Occurred()) {
        bool ordinary = PyErr_ExceptionMatches(PyExc_Exception);
        PyObject *error = djs_take_exception();
        if (!ordinary) l->raised = Py_NewRef(error);
        else if (!l->told && url) log_error(l, key, url, error);
        l->told = true;
        Py_XDECREF(error);
    }
    Py_XDECREF(result);
    Py_XDECREF(url);
    *out = &l->href;
    return linked;
}

static int take_pair(djs_py_links *l, Py_ssize_t i, PyObject *key, PyObject *callable) {
    Py_ssize_t n;
    if (!PyUnicode_Check(key)) {
        PyErr_Format(PyExc_TypeError, "a key of links is a str, not %.100R", key);
        return 0;
    }
    const char *text = PyUnicode_AsUTF8AndSize(key, &n);
    if (!text) return 0;
    if (!djs_pattern_valid((const uint8_t *)text, (size_t)n, true)) {
        PyErr_Format(
            PyExc_ValueError,
            "a key of links is a scheme (\"mailto\") or a host (\"example.com\", \"*.example.com\") in "
            "lower-case ASCII letters, not %.100R",
            key);
        return 0;
    }
    if (!PyCallable_Check(callable)) {
        PyErr_Format(PyExc_TypeError, "links[%.100R] is a callable that takes an address, not %.100R", key,
                     callable);
        return 0;
    }
    l->patterns[i] = (djs_pattern){(const uint8_t *)text, (size_t)n}; /* the key owns it */
    PyTuple_SET_ITEM(l->keys, i, Py_NewRef(key));
    PyTuple_SET_ITEM(l->callables, i, Py_NewRef(callable));
    return 1;
}

djs_py_links *djs_links_new(PyObject *dict) {
    PyObject *items = PyMapping_Check(dict) && !PyUnicode_Check(dict) ? PyMapping_Items(dict) : NULL;
    djs_py_links *l = NULL;
    if (!items) {
        PyErr_Format(PyExc_TypeError, "links is a dict of callables by scheme or host, not %.100R", dict);
        return NULL;
    }
    Py_ssize_t n = PyList_GET_SIZE(items);
    l = PyMem_Calloc(1, sizeof *l);
    if (!l) {
        PyErr_NoMemory();
        goto error;
    }
    l->patterns = PyMem_Calloc((size_t)n + 1, sizeof *l->patterns);
    if (!l->patterns) {
        PyErr_NoMemory();
        goto error;
    }
    if (!(l->keys = PyTuple_New(n)) || !(l->callables = PyTuple_New(n))) goto error;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *pair = PyList_GET_ITEM(items, i);
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
            PyErr_SetString(PyExc_TypeError, "links.items() has to give pairs");
            goto error;
        }
        if (!take_pair(l, i, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1))) goto error;
    }
    l->core = (djs_links){.keys = l->patterns, .n = (size_t)n, .rewrite = rewrite, .context = l};
    Py_DECREF(items);
    return l;
error:
    Py_DECREF(items);
    djs_links_free(l);
    return NULL;
}

void djs_links_free(djs_py_links *l) {
    if (!l) return;
    Py_XDECREF(l->keys);
    Py_XDECREF(l->callables);
    Py_XDECREF(l->raised);
    djs_buf_free(&l->href);
    PyMem_Free(l->patterns);
    PyMem_Free(l);
}

void djs_links_clear(djs_py_links *l) {
    if (!l) return;
    l->core.n = 0;
    Py_CLEAR(l->callables);
}

int djs_links_traverse(djs_py_links *l, visitproc visit, void *arg) {
    if (!l) return 0;
    Py_VISIT(l->callables);
    Py_VISIT(l->raised);
    return 0;
}

PyObject *djs_links_end(djs_py_links *l, PyObject *result) {
    if (!l || !l->raised) return result;
    PyObject *error = l->raised;
    l->raised = NULL;
    Py_XDECREF(result);
    if (PyErr_Occurred()) PyErr_Clear();
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
    return NULL;
}
