/* _core.MarkdownStream and _core.render: streaming Markdown for Python.
 *
 * SPDX-License-Identifier: MIT */
#include "module.h"
#include "args.h"
#include "batch_type.h"
#include "markdown.h"

typedef struct {
    PyObject_HEAD
    djs_markdown *md;
    djs_mutex lock;
    bool capped, warned;
    PyObject *footnotes; /* owns the prefix, or NULL */
} MarkdownStreamObject;

static const char too_big[] =
    "the Markdown of this stream is longer than max_bytes allows: raise MAX_STREAM_BYTES";
static const char closed[] = "the Markdown stream has finished: make a new one for more text";

/* footnotes: False, True, or a prefix for their ids. It ends with "-", which no name of a variable holds, so
 * an id never hides one of a script's. */
static int parse_footnotes(PyObject *value, const char **prefix) {
    Py_ssize_t n, i = 0;
    *prefix = value == Py_True ? "" : NULL;
    if (!value || PyBool_Check(value)) return 1;
    const char *text = PyUnicode_Check(value) ? PyUnicode_AsUTF8AndSize(value, &n) : NULL;
    if (PyErr_Occurred()) return 0;
    while (text && i < n &&
           (Py_ISALPHA(text[i]) || (i && (Py_ISDIGIT(text[i]) || text[i] == '-' || text[i] == '_'))))
        i++;
    *prefix = text;
    if (text && n > 1 && n <= 64 && i == n && text[n - 1] == '-') return 1;
    PyErr_Format(text ? PyExc_ValueError : PyExc_TypeError,
                 "footnotes must be True, False or a prefix such as \"doc-\": a letter, then letters, "
                 "digits, \"-\" and \"_\", \"-\" at the end, 64 characters at most, not %.200R",
                 value);
    return 0;
}

/* Options: images "link" or "show", mode "complete", "raw" or "hold", the rest as named. */
static int parse_options(PyObject *args, PyObject *kwargs, const char *format, char **names,
                         djs_markdown_options *options, PyObject **text, int *partial) {
    const char *images = "link", *mode = "complete";
    PyObject *footnotes = NULL;
    int dir_auto = 1, fill = 0, cjk_emphasis = 0, math = 0;
    Py_ssize_t max_bytes = 16 << 20;
    int parsed = text
                     ? PyArg_ParseTupleAndKeywords(args, kwargs, format, names, text, partial, &images, &mode,
                                                   &dir_auto, &max_bytes, &cjk_emphasis, &math, &footnotes)
                     : PyArg_ParseTupleAndKeywords(args, kwargs, format, names, &images, &mode, &dir_auto,
                                                   &max_bytes, &fill, &cjk_emphasis, &math, &footnotes);
    if (!parsed) return 0;
    int show = !strcmp(images, "show"), raw = !strcmp(mode, "raw"), hold = !strcmp(mode, "hold");
    if (!show && strcmp(images, "link")) {
        PyErr_Format(PyExc_ValueError, "images must be \"link\" or \"show\", not \"%.100s\"", images);
        return 0;
    }
    if (!raw && !hold && strcmp(mode, "complete")) {
        PyErr_Format(PyExc_ValueError, "mode must be \"complete\", \"raw\" or \"hold\", not \"%.100s\"",
                     mode);
        return 0;
    }
    if (max_bytes < 1 || (size_t)max_bytes > DJS_MAX_BUF / 8) {
        PyErr_Format(PyExc_ValueError, "max_bytes must be between 1 and %zu, not %zd", DJS_MAX_BUF / 8,
                     max_bytes);
        return 0;
    }
    *options = (djs_markdown_options){.render = {.images = show ? DJS_IMAGES_SHOW : DJS_IMAGES_LINK,
                                                 .dir_auto = dir_auto,
                                                 .cjk_emphasis = cjk_emphasis,
                                                 .math = math},
                                      .mode = raw    ? DJS_RAW
                                              : hold ? DJS_HOLD
                                                     : DJS_COMPLETE,
                                      .fill = fill,
                                      .max_bytes = (size_t)max_bytes};
    return parse_footnotes(footnotes, &options->render.footnotes);
}

/* Says once that a text met a limit. -1 with an exception set. */
static int warn_capped(void) {
    static const char why[] =
        "Markdown past a limit is shown as text: too many or too long reference definitions, "
        "too many columns or missing cells in tables, too many or too long footnotes, or quotes nested too "
        "deeply";
    PyObject *logging = PyImport_ImportModule("logging"), *logger = NULL, *done = NULL;
    if (logging) logger = PyObject_CallMethod(logging, "getLogger", "s", "djust_stream");
    if (logger) done = PyObject_CallMethod(logger, "warning", "s", why);
    Py_XDECREF(done);
    Py_XDECREF(logger);
    Py_XDECREF(logging);
    return done ? 0 : -1;
}

/* After a call, with the lock: true once, when a limit was met since the last one. */
static bool is_due(MarkdownStreamObject *self) {
    bool due = self->capped && !self->warned;
    self->warned = self->capped;
    return due;
}

static PyObject *MarkdownStream_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"images",       "mode", "dir_auto",  "max_bytes", "fill",
                            "cjk_emphasis", "math", "footnotes", NULL};
    djs_markdown_options options;
    if (!parse_options(args, kwargs, "|$sspnpppO:MarkdownStream", names, &options, NULL, NULL)) return NULL;
    MarkdownStreamObject *self = (MarkdownStreamObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    options.capped = &self->capped;
    PyObject *footnotes = kwargs ? PyDict_GetItemString(kwargs, "footnotes") : NULL;
    self->footnotes = Py_XNewRef(footnotes);
    self->md = djs_markdown_new(&options);
    if (!self->md) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static void MarkdownStream_dealloc(MarkdownStreamObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    djs_markdown_free(self->md);
    Py_XDECREF(self->footnotes);
    type->tp_free(self);
    Py_DECREF(type);
}

/* The bytes of a str or of bytes. Release with djs_buf_free(spare). */
static int text_of(PyObject *text, const uint8_t **bytes, size_t *n, djs_buf *spare) {
    if (PyBytes_Check(text)) {
        *bytes = (const uint8_t *)PyBytes_AS_STRING(text);
        *n = (size_t)PyBytes_GET_SIZE(text);
        return 1;
    }
    if (PyUnicode_Check(text)) return djs_utf8(text, "text", bytes, n, spare);
    PyErr_Format(PyExc_TypeError, "text must be str or bytes, not %.100s", Py_TYPE(text)->tp_name);
    return 0;
}

static PyObject *MarkdownStream_feed(MarkdownStreamObject *self, PyObject *text) {
    const uint8_t *bytes;
    size_t n;
    djs_buf spare = {0};
    if (!text_of(text, &bytes, &n, &spare)) return NULL;
    djs_lock(&self->lock);
    djs_status status = djs_markdown_feed(self->md, bytes, n);
    djs_unlock(&self->lock);
    djs_buf_free(&spare);
    if (status) return djs_raise_status(status, status == DJS_ETOOBIG ? too_big : closed);
    Py_RETURN_NONE;
}

static PyObject *html_of(const djs_edits *edits, const djs_edit *edit) {
    return PyUnicode_DecodeUTF8((const char *)edits->html.ptr + edit->html, (Py_ssize_t)edit->n, "strict");
}

/* A new tuple; kind is borrowed, last is stolen and may be NULL with an exception set. */
static PyObject *edit_tuple(PyObject *kind, const djs_edit *edit, PyObject *last) {
    PyObject *tuple = NULL;
    if (edit->kind == DJS_CUT) return Py_BuildValue("(OIII)", kind, edit->depth, edit->nodes, edit->units);
    if (edit->kind == DJS_LOOSE) return Py_BuildValue("(OII)", kind, edit->depth, edit->nodes);
    if (!last) return NULL;
    if (edit->kind == DJS_FILL) tuple = Py_BuildValue("(OO)", kind, last);
    else tuple = Py_BuildValue("(OIO)", kind, edit->depth, last);
    Py_DECREF(last);
    return tuple;
}

static PyObject *patch_tuple(PyObject *kind, const djs_edits *edits, const djs_edit *edit) {
    PyObject *path = PyTuple_New((Py_ssize_t)edit->steps), *html, *tuple;
    if (!path) return NULL;
    for (size_t i = 0; i < edit->steps; i++) {
        uint32_t index;
        memcpy(&index, edits->paths.ptr + edit->path + i * sizeof index, sizeof index);
        PyObject *step = PyLong_FromUnsignedLong(index);
        if (!step) {
            Py_DECREF(path);
            return NULL;
        }
        PyTuple_SET_ITEM(path, (Py_ssize_t)i, step);
    }
    html = html_of(edits, edit);
    tuple = html ? PyTuple_Pack(3, kind, path, html) : NULL;
    Py_XDECREF(html);
    Py_DECREF(path);
    return tuple;
}

static PyObject *edit_list(djs_state *state, const djs_edits *edits) {
    size_t n = djs_edits_count(edits);
    const djs_edit *list = (const djs_edit *)(const void *)edits->list.ptr;
    PyObject *result = PyList_New((Py_ssize_t)n);
    for (size_t i = 0; result && i < n; i++) {
        PyObject *kind = state->edit_names[list[i].kind], *tuple;
        bool html = list[i].kind != DJS_CUT && list[i].kind != DJS_LOOSE && list[i].kind != DJS_PATCH;
        if (list[i].kind == DJS_PATCH) tuple = patch_tuple(kind, edits, list + i);
        else tuple = edit_tuple(kind, list + i, html ? html_of(edits, list + i) : NULL);
        if (tuple) PyList_SET_ITEM(result, (Py_ssize_t)i, tuple);
        else Py_CLEAR(result);
    }
    return result;
}

static PyObject *turn(MarkdownStreamObject *self, djs_status (*step)(djs_markdown *, const djs_edits **)) {
    const djs_edits *edits;
    PyObject *result = NULL;
    djs_lock(&self->lock);
    djs_status status = step(self->md, &edits);
    if (!status) result = edit_list(djs_state_of(Py_TYPE(self)), edits);
    bool due = is_due(self);
    djs_unlock(&self->lock);
    if (due && result && warn_capped()) Py_CLEAR(result);
    return status ? djs_raise_status(status, too_big) : result;
}

static PyObject *MarkdownStream_edits(MarkdownStreamObject *self, PyObject *Py_UNUSED(ignored)) {
    return turn(self, djs_markdown_frame);
}

static PyObject *MarkdownStream_finish(MarkdownStreamObject *self, PyObject *Py_UNUSED(ignored)) {
    return turn(self, djs_markdown_finish);
}

static djs_status push_edits(djs_batch *batch, const djs_edits *edits) {
    const djs_edit *list = (const djs_edit *)(const void *)edits->list.ptr;
    djs_status status = DJS_OK;
    for (size_t i = 0; !status && i < djs_edits_count(edits); i++) {
        const djs_edit *e = list + i;
        const uint8_t *html = edits->html.ptr + e->html;
        switch (e->kind) {
        case DJS_GROW: status = djs_batch_grow(batch, e->depth, html, e->n); break;
        case DJS_CUT: status = djs_batch_cut(batch, e->depth, e->nodes, e->units); break;
        case DJS_LOOSE: status = djs_batch_loose(batch, e->depth, e->nodes); break;
        case DJS_HEAD: status = djs_batch_head(batch, e->depth, html, e->n); break;
        case DJS_PATCH:
            status = djs_batch_patch(batch, (const uint32_t *)(const void *)(edits->paths.ptr + e->path),
                                     e->steps, html, e->n);
            break;
        case DJS_FILL: status = djs_batch_fill(batch, html, e->n); break;
        }
    }
    return status;
}

static PyObject *MarkdownStream_flush(MarkdownStreamObject *self, PyObject *const *args, Py_ssize_t n) {
    const uint8_t *target;
    const djs_edits *edits;
    size_t target_n, pending = 0;
    djs_buf spare = {0};
    if (!djs_arity("flush", n, 3, 3)) return NULL;
    PyTypeObject *batch_type = (PyTypeObject *)djs_state_of(Py_TYPE(self))->batch_type;
    if (!PyObject_TypeCheck(args[0], batch_type)) {
        PyErr_Format(PyExc_TypeError, "batch must be a Batch, not %.100s", Py_TYPE(args[0])->tp_name);
        return NULL;
    }
    int final = PyObject_IsTrue(args[2]);
    if (final < 0 || !djs_utf8(args[1], "target", &target, &target_n, &spare)) return NULL;
    djs_lock(&self->lock);
    djs_status status = final ? djs_markdown_finish(self->md, &edits) : djs_markdown_frame(self->md, &edits);
    djs_batch *batch = Batch_borrow(args[0]);
    if (!status) status = djs_batch_on(batch, target, target_n);
    if (!status) status = push_edits(batch, edits);
    if (!status) pending = djs_batch_pending_bytes(batch);
    Batch_return(args[0]);
    bool due = is_due(self);
    djs_unlock(&self->lock);
    djs_buf_free(&spare);
    if (due && !status && warn_capped()) return NULL;
    return status ? djs_raise_status(status, too_big) : PyLong_FromSize_t(pending);
}

static PyObject *MarkdownStream_pending(MarkdownStreamObject *self, void *Py_UNUSED(closure)) {
    djs_lock(&self->lock);
    size_t pending = djs_markdown_pending(self->md);
    djs_unlock(&self->lock);
    return PyLong_FromSize_t(pending);
}

static PyMethodDef MarkdownStream_methods[] = {
    {"feed", (PyCFunction)MarkdownStream_feed, METH_O,
     "feed($self, text, /)\n--\n\nAppend text (str, or bytes of UTF-8 cut anywhere). Buffers only."},
    {"edits", (PyCFunction)MarkdownStream_edits, METH_NOARGS,
     "edits($self, /)\n--\n\nWhat changed on the page since the last call, as a list of tuples: one frame."},
    {"finish", (PyCFunction)MarkdownStream_finish, METH_NOARGS,
     "finish($self, /)\n--\n\nThe end of the text: the last edits. Afterwards feed raises ValueError."},
    {"flush", (PyCFunction)(void (*)(void))MarkdownStream_flush, METH_FASTCALL,
     "flush($self, batch, target, final, /)\n--\n\n"
     "Push what edits() or, if final, finish() would return into a Batch; its pending bytes are returned."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef MarkdownStream_getset[] = {
    {"pending_bytes", (getter)MarkdownStream_pending, NULL, "Bytes fed since the last frame.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot MarkdownStream_slots[] = {
    {Py_tp_doc, "MarkdownStream(*, images='link', mode='complete', dir_auto=True, max_bytes=16777216, "
                "fill=False, cjk_emphasis=False, math=False, footnotes=False)\n--\n\n"
                "Streaming Markdown: feed() text in any pieces, take edits() once per frame."},
    {Py_tp_new, MarkdownStream_new},
    {Py_tp_dealloc, MarkdownStream_dealloc},
    {Py_tp_methods, MarkdownStream_methods},
    {Py_tp_getset, MarkdownStream_getset},
    {0, NULL},
};

PyType_Spec MarkdownStream_spec = {
    .name = "djust_stream._core.MarkdownStream",
    .basicsize = sizeof(MarkdownStreamObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = MarkdownStream_slots,
};

static PyObject *render(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs) {
    static char *names[] = {"",          "partial",      "images", "mode",      "dir_auto",
                            "max_bytes", "cjk_emphasis", "math",   "footnotes", NULL};
    djs_markdown_options options;
    PyObject *text, *result = NULL;
    int partial = 0;
    const uint8_t *bytes;
    size_t n;
    djs_buf spare = {0}, html = {0};
    if (!parse_options(args, kwargs, "O|$psspnppO:render", names, &options, &text, &partial)) return NULL;
    if (!text_of(text, &bytes, &n, &spare)) return NULL;
    bool capped = false;
    options.capped = &capped;
    djs_status status = djs_markdown_render(&options, bytes, n, partial, &html);
    if (status) djs_raise_status(status, too_big);
    else result = PyUnicode_DecodeUTF8((const char *)html.ptr, (Py_ssize_t)html.len, "strict");
    if (capped && result && warn_capped()) Py_CLEAR(result);
    djs_buf_free(&spare);
    djs_buf_free(&html);
    return result;
}

PyMethodDef markdown_functions[] = {
    {"render", (PyCFunction)(void (*)(void))render, METH_VARARGS | METH_KEYWORDS,
     "render($module, text, /, *, partial=False, images='link', mode='complete', dir_auto=True, "
     "max_bytes=16777216, cjk_emphasis=False, math=False, footnotes=False)\n--\n\n"
     "Markdown to safe HTML, all at once."},
    {NULL, NULL, 0, NULL},
};
