/* _core.MarkdownStream and _core.render: streaming Markdown for Python.
 *
 * SPDX-License-Identifier: MIT */
#include "module.h"
#include "args.h"
#include "batch_type.h"
#include "options.h"
#include <stdatomic.h>

typedef struct {
    PyObject_HEAD
    djs_markdown *md;
    djs_mutex lock;
    djs_options options;
    atomic_ulong user; /* the thread in a turn that may call links; 0: none */
    bool capped, warned;
} MarkdownStreamObject;

static const char too_big[] = "this Markdown takes more memory than one document may";
static const char closed[] = "the Markdown stream has finished: make a new one for more text";

static PyObject *raise_too_long(const djs_options *options) {
    return PyErr_Format(PyExc_OverflowError,
                        "this Markdown is longer than max_bytes, %zu: raise that, or, for streams and "
                        "template tags, the setting MAX_STREAM_BYTES",
                        options->core.max_bytes);
}

/* A callable of the option links runs inside of a turn, which it may neither repeat nor wait for. Where
 * there is a GIL it may be released meanwhile, and another thread must not enter either. */
static int enter(MarkdownStreamObject *self) {
    unsigned long user = atomic_load_explicit(&self->user, memory_order_relaxed);
#ifdef Py_GIL_DISABLED
    bool busy = user == PyThread_get_thread_ident();
#else
    bool busy = user != 0;
#endif
    if (busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this Markdown stream is calling one of its links: use it when that has returned");
        return 0;
    }
    djs_lock(&self->lock);
    if (self->options.links)
        atomic_store_explicit(&self->user, PyThread_get_thread_ident(), memory_order_relaxed);
    return 1;
}

static void leave(MarkdownStreamObject *self) {
    if (self->options.links) atomic_store_explicit(&self->user, 0, memory_order_relaxed);
    djs_unlock(&self->lock);
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
    if (PyTuple_GET_SIZE(args)) {
        PyErr_Format(PyExc_TypeError,
                     "MarkdownStream() takes options by their names only (%zd given without)",
                     PyTuple_GET_SIZE(args));
        return NULL;
    }
    djs_options options;
    if (!djs_options_parse(&options, "MarkdownStream()", kwargs, DJS_FOR_STREAM)) return NULL;
    MarkdownStreamObject *self = (MarkdownStreamObject *)type->tp_alloc(type, 0);
    if (!self) {
        djs_options_free(&options);
        return NULL;
    }
    options.core.capped = &self->capped;
    self->options = options;
    self->md = djs_markdown_new(&options.core);
    if (!self->md) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    if (!options.links) PyObject_GC_UnTrack(self); /* it holds nothing that the collector could free */
    return (PyObject *)self;
}

static int MarkdownStream_traverse(MarkdownStreamObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    return djs_links_traverse(self->options.links, visit, arg);
}

static int MarkdownStream_clear(MarkdownStreamObject *self) {
    djs_links_clear(self->options.links);
    return 0;
}

static void MarkdownStream_dealloc(MarkdownStreamObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    djs_markdown_free(self->md);
    djs_options_free(&self->options);
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
    if (!enter(self)) {
        djs_buf_free(&spare);
        return NULL;
    }
    djs_status status = djs_markdown_feed(self->md, bytes, n);
    leave(self);
    djs_buf_free(&spare);
    if (status == DJS_ETOOBIG) return raise_too_long(&self->options);
    if (status) return djs_raise_status(status, closed);
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
    if (!enter(self)) return NULL;
    djs_status status = step(self->md, &edits);
    if (!status) result = edit_list(djs_state_of(Py_TYPE(self)), edits);
    bool due = is_due(self);
    leave(self);
    if (status) djs_raise_status(status, too_big);
    if (due && result && warn_capped()) Py_CLEAR(result);
    return djs_links_end(self->options.links, result);
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
    if (!enter(self)) {
        djs_buf_free(&spare);
        return NULL;
    }
    djs_status status = final ? djs_markdown_finish(self->md, &edits) : djs_markdown_frame(self->md, &edits);
    djs_batch *batch = Batch_borrow(args[0]);
    if (!status) status = djs_batch_on(batch, target, target_n);
    if (!status) status = push_edits(batch, edits);
    if (!status) pending = djs_batch_pending_bytes(batch);
    Batch_return(args[0]);
    bool due = is_due(self);
    leave(self);
    djs_buf_free(&spare);
    PyObject *result = status ? djs_raise_status(status, too_big) : PyLong_FromSize_t(pending);
    if (due && result && warn_capped()) Py_CLEAR(result);
    return djs_links_end(self->options.links, result);
}

static PyObject *MarkdownStream_pending(MarkdownStreamObject *self, void *Py_UNUSED(closure)) {
    if (!enter(self)) return NULL;
    size_t pending = djs_markdown_pending(self->md);
    leave(self);
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
    {Py_tp_doc, "MarkdownStream(*, max_bytes=16777216, fill=False, **options)\n--\n\n"
                "Streaming Markdown: feed() text in any pieces, take edits() once per frame.\n\n"
                "options: djust_stream.MarkdownOptions."},
    {Py_tp_new, MarkdownStream_new},
    {Py_tp_traverse, MarkdownStream_traverse},
    {Py_tp_clear, MarkdownStream_clear},
    {Py_tp_dealloc, MarkdownStream_dealloc},
    {Py_tp_methods, MarkdownStream_methods},
    {Py_tp_getset, MarkdownStream_getset},
    {0, NULL},
};

PyType_Spec MarkdownStream_spec = {
    .name = "djust_stream._core.MarkdownStream",
    .basicsize = sizeof(MarkdownStreamObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = MarkdownStream_slots,
};

static PyObject *render(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs) {
    djs_options options;
    PyObject *text, *result = NULL;
    const uint8_t *bytes;
    size_t n;
    djs_buf spare = {0}, html = {0};
    if (!PyArg_ParseTuple(args, "O:render", &text)) return NULL;
    if (!djs_options_parse(&options, "render_markdown()", kwargs, DJS_FOR_RENDER)) return NULL;
    if (!text_of(text, &bytes, &n, &spare)) goto done;
    bool capped = false;
    options.core.capped = &capped;
    djs_status status = djs_markdown_render(&options.core, bytes, n, options.partial, &html);
    if (n > options.core.max_bytes) raise_too_long(&options);
    else if (status) djs_raise_status(status, too_big);
    else result = PyUnicode_DecodeUTF8((const char *)html.ptr, (Py_ssize_t)html.len, "strict");
    if (capped && result && warn_capped()) Py_CLEAR(result);
    result = djs_links_end(options.links, result);
done:
    djs_options_free(&options);
    djs_buf_free(&spare);
    djs_buf_free(&html);
    return result;
}

PyMethodDef markdown_functions[] = {
    {"render", (PyCFunction)(void (*)(void))render, METH_VARARGS | METH_KEYWORDS,
     "render($module, text, /, *, partial=False, max_bytes=16777216, **options)\n--\n\n"
     "Markdown to safe HTML, all at once."},
    {NULL, NULL, 0, NULL},
};
