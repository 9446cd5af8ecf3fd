/* The options of the Markdown engine, as Python gives them.
 *
 * The law: a name or value that means nothing is an exception that has it and
 * says what would do; True is no number, and 1 no flag.
 *
 * Checked by: tests/test_markdown_options.py.
 *
 * SPDX-License-Identifier: MIT */
#include "options.h"
#include "args.h"
#include <stddef.h>

enum { BOTH = DJS_FOR_STREAM | DJS_FOR_RENDER };

typedef int (*take)(djs_options *options, size_t at, const char *name, PyObject *value);

static int wrong(PyObject *exception, const char *name, const char *what, PyObject *value) {
    PyErr_Format(exception, "%s must be %s, not %.200R", name, what, value);
    return 0;
}

static int take_flag(djs_options *options, size_t at, const char *name, PyObject *value) {
    if (!PyBool_Check(value)) return wrong(PyExc_TypeError, name, "True or False", value);
    *(bool *)(void *)((char *)options + at) = value == Py_True;
    return 1;
}

static int take_bytes(djs_options *options, size_t at, const char *name, PyObject *value) {
    if (!PyLong_Check(value) || PyBool_Check(value))
        return wrong(PyExc_TypeError, name, "a number of bytes", value);
    Py_ssize_t n = PyLong_AsSsize_t(value);
    if (n < 1 || (size_t)n > DJS_MAX_BUF / 8) {
        PyErr_Format(PyExc_ValueError, "%s must be between 1 and %zu, not %.200R", name, DJS_MAX_BUF / 8,
                     value);
        return 0;
    }
    *(size_t *)(void *)((char *)options + at) = (size_t)n;
    return 1;
}

static int take_mode(djs_options *options, size_t at, const char *name, PyObject *value) {
    static const struct {
        const char *name;
        djs_mode mode;
    } modes[] = {{"complete", DJS_COMPLETE}, {"raw", DJS_RAW}, {"hold", DJS_HOLD}};
    for (size_t i = 0; PyUnicode_Check(value) && i < sizeof modes / sizeof *modes; i++)
        if (PyUnicode_CompareWithASCIIString(value, modes[i].name) == 0) {
            *(djs_mode *)(void *)((char *)options + at) = modes[i].mode;
            return 1;
        }
    return wrong(PyExc_ValueError, name, "\"complete\", \"raw\" or \"hold\"", value);
}

/* Keeps a str for as long as the options live; its UTF-8, or NULL and an exception. */
static const char *own(djs_options *options, PyObject *text, Py_ssize_t *n) {
    PyObject *list = PyTuple_Pack(2, options->strings ? options->strings : Py_None, text);
    if (!list) return NULL;
    Py_XSETREF(options->strings, list);
    return PyUnicode_AsUTF8AndSize(text, n);
}

static int take_host(djs_options *options, PyObject *host, djs_pattern *pattern) {
    Py_ssize_t n;
    const char *text = PyUnicode_Check(host) ? own(options, host, &n) : NULL;
    if (PyErr_Occurred()) return 0;
    if (text && djs_pattern_valid((const uint8_t *)text, (size_t)n, false)) {
        *pattern = (djs_pattern){(const uint8_t *)text, (size_t)n};
        return 1;
    }
    return wrong(text ? PyExc_ValueError : PyExc_TypeError, "a host of images",
                 "\"example.com\" or \"*.example.com\", in lower-case ASCII letters (xn--…) and without a "
                 "scheme or path",
                 host);
}

static int take_images(djs_options *options, size_t at, const char *name, PyObject *value) {
    static const char what[] = "\"link\", \"show\" or a tuple of hosts";
    djs_render_options *render = &options->core.render;
    (void)at;
    if (PyUnicode_Check(value)) {
        int show = PyUnicode_CompareWithASCIIString(value, "show") == 0;
        if (!show && PyUnicode_CompareWithASCIIString(value, "link"))
            return wrong(PyExc_ValueError, name, what, value);
        render->images = show ? DJS_IMAGES_SHOW : DJS_IMAGES_LINK;
        return 1;
    }
    if (!PyTuple_Check(value) && !PyList_Check(value) && !PyAnySet_Check(value))
        return wrong(PyExc_TypeError, name, what, value);
    PyObject *hosts = PySequence_Tuple(value);
    if (!hosts) return 0;
    Py_ssize_t n = PyTuple_GET_SIZE(hosts), i = 0;
    options->hosts = PyMem_Calloc((size_t)n + 1, sizeof *options->hosts);
    if (!options->hosts) PyErr_NoMemory();
    else
        while (i < n && take_host(options, PyTuple_GET_ITEM(hosts, i), options->hosts + i)) i++;
    Py_DECREF(hosts);
    render->images = DJS_IMAGES_HOSTS;
    render->hosts = options->hosts;
    render->hosts_n = (size_t)n;
    return i == n && options->hosts;
}

static int take_links(djs_options *options, size_t at, const char *name, PyObject *value) {
    (void)at, (void)name;
    if (value == Py_None) return 1;
    options->links = djs_links_new(value);
    if (options->links && options->links->core.n) options->core.render.links = &options->links->core;
    return options->links != NULL;
}

/* It ends with "-", which no name of a variable holds, so an id never hides one of a script's. */
#define PREFIX                                                                                               \
    "a prefix such as \"doc-\": a letter, then letters, digits, \"-\" and \"_\", \"-\" at the end, 64 "      \
    "characters "                                                                                            \
    "at most"

static int take_text(djs_options *options, size_t at, const char *name, const char *what, PyObject *value) {
    Py_ssize_t n, i = 0;
    if (!PyUnicode_Check(value)) return wrong(PyExc_TypeError, name, what, value);
    const char *text = own(options, value, &n);
    if (!text) return 0;
    while (i < n && (Py_ISALPHA(text[i]) || (i && (Py_ISDIGIT(text[i]) || text[i] == '-' || text[i] == '_'))))
        i++;
    if (n < 2 || n > 64 || i < n || text[n - 1] != '-') return wrong(PyExc_ValueError, name, what, value);
    *(const char **)(void *)((char *)options + at) = text;
    return 1;
}

static int take_prefix(djs_options *options, size_t at, const char *name, PyObject *value) {
    return value == Py_None || take_text(options, at, name, "None or " PREFIX, value);
}

static int take_footnotes(djs_options *options, size_t at, const char *name, PyObject *value) {
    if (!PyBool_Check(value)) return take_text(options, at, name, "True, False or " PREFIX, value);
    options->core.render.footnotes = value == Py_True ? "" : NULL;
    return 1;
}

#define RENDER(field) offsetof(djs_options, core.render.field)

static const struct {
    const char *name;
    take take;
    size_t at;
    unsigned use;
} table[] = {
    {"mode", take_mode, offsetof(djs_options, core.mode), BOTH},
    {"images", take_images, 0, BOTH},
    {"links", take_links, 0, BOTH},
    {"heading_ids", take_prefix, RENDER(heading_ids), BOTH},
    {"footnotes", take_footnotes, RENDER(footnotes), BOTH},
    {"alerts", take_flag, RENDER(alerts), BOTH},
    {"breaks", take_flag, RENDER(breaks), BOTH},
    {"cjk_emphasis", take_flag, RENDER(cjk_emphasis), BOTH},
    {"math", take_flag, RENDER(math), BOTH},
    {"dir_auto", take_flag, RENDER(dir_auto), BOTH},
    {"max_bytes", take_bytes, offsetof(djs_options, core.max_bytes), BOTH},
    {"fill", take_flag, offsetof(djs_options, core.fill), DJS_FOR_STREAM},
    {"partial", take_flag, offsetof(djs_options, partial), DJS_FOR_RENDER},
};

enum { COUNT = sizeof table / sizeof *table };

static int unknown(const char *who, PyObject *name, djs_options_use use) {
    PyObject *names = PyUnicode_FromString("");
    for (size_t i = 0; names && i < COUNT; i++)
        if (table[i].use & use)
            Py_XSETREF(names, PyUnicode_FromFormat("%U%s%s", names, i ? ", " : "", table[i].name));
    if (names) PyErr_Format(PyExc_TypeError, "%s has no option %.100R: there are %U", who, name, names);
    Py_XDECREF(names);
    return 0;
}

int djs_options_parse(djs_options *options, const char *who, PyObject *kwargs, djs_options_use use) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    *options = (djs_options){.core = {.max_bytes = 16 << 20, .render = {.dir_auto = true}}};
    while (kwargs && PyDict_Next(kwargs, &at, &key, &value)) {
        size_t i = 0;
        while (i < COUNT && !((table[i].use & use) && !PyUnicode_CompareWithASCIIString(key, table[i].name)))
            i++;
        if (i < COUNT ? table[i].take(options, table[i].at, table[i].name, value) : unknown(who, key, use))
            continue;
        djs_options_free(options);
        return 0;
    }
    return 1;
}

void djs_options_free(djs_options *options) {
    Py_CLEAR(options->strings);
    PyMem_Free(options->hosts);
    options->hosts = NULL;
    djs_links_free(options->links);
    options->links = NULL;
}

int djs_options_add_names(PyObject *module) {
    PyObject *list = PyList_New(0), *names = NULL;
    for (size_t i = 0; list && i < COUNT; i++) {
        bool shared = table[i].use == BOTH && table[i].take != take_bytes;
        PyObject *name = shared ? PyUnicode_FromString(table[i].name) : NULL;
        if (shared && (!name || PyList_Append(list, name))) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    if (list) names = PyList_AsTuple(list);
    Py_XDECREF(list);
    int failed = names ? PyModule_AddObjectRef(module, "MARKDOWN_OPTIONS", names) : -1;
    Py_XDECREF(names);
    return failed;
}
