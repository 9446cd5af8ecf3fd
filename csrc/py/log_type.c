/* _core.FrameLog: the newest frames of one stream for Python.
 *
 * No object that the collector would look at, and none for each frame: they become str again when a reader
 * asks for them, which is seldom.
 *
 * Any thread may ask while the producer's appends. What is asked for is copied under the lock and made into
 * objects after, for making objects may run anything.
 *
 * Checked by: tests/test_frame_log.py.
 *
 * SPDX-License-Identifier: MIT */
#include "module.h"
#include "args.h"
#include "log.h"

typedef struct {
    PyObject ob_base;
    djs_log log;
    djs_mutex lock;
} FrameLogObject;

static PyObject *FrameLog_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"", NULL};
    Py_ssize_t most_bytes;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "n:FrameLog", names, &most_bytes)) return NULL;
    if (most_bytes < 0 || (size_t)most_bytes > DJS_MAX_BUF)
        return PyErr_Format(PyExc_ValueError, "most_bytes must be from 0 to 1 GiB, not %zd", most_bytes);
    FrameLogObject *self = (FrameLogObject *)type->tp_alloc(type, 0);
    if (self) djs_log_init(&self->log, (size_t)most_bytes);
    return (PyObject *)self;
}

static void FrameLog_dealloc(FrameLogObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    djs_log_free(&self->log);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *FrameLog_append(FrameLogObject *self, PyObject *const *args, Py_ssize_t count) {
    const uint8_t *text;
    size_t n;
    djs_buf spare = {0};
    if (!djs_arity("append", count, 2, 2)) return NULL;
    unsigned long long seq = PyLong_AsUnsignedLongLong(args[0]);
    if (PyErr_Occurred() || !djs_utf8(args[1], "frame", &text, &n, &spare)) return NULL;
    djs_lock(&self->lock);
    uint64_t last = djs_log_last(&self->log);
    if (seq > last) djs_log_append(&self->log, seq, text, n);
    djs_unlock(&self->lock);
    djs_buf_free(&spare);
    if (seq > last) Py_RETURN_NONE;
    return PyErr_Format(PyExc_ValueError, "frame %llu comes after frame %llu", seq, (unsigned long long)last);
}

/* What lies after seq, for as long as the lock is not held: the frames' ends, then their texts. */
static bool copy_after(const djs_log *log, uint64_t seq, djs_buf *ends, djs_buf *text) {
    uint32_t end = 0;
    for (uint64_t at = seq, last = djs_log_last(log); at < last; at++) {
        size_t n;
        const uint8_t *frame = djs_log_frame(log, at + 1, &n);
        djs_buf_put(text, frame, n);
        end += (uint32_t)n;
        djs_buf_put(ends, &end, sizeof end);
    }
    return !text->status && !ends->status;
}

static PyObject *FrameLog_after(FrameLogObject *self, PyObject *arg) {
    unsigned long long seq = PyLong_AsUnsignedLongLong(arg);
    if (PyErr_Occurred()) return NULL;
    djs_buf ends = {0}, text = {0};
    djs_lock(&self->lock);
    bool here = seq >= self->log.first - 1;
    bool copied = here && copy_after(&self->log, seq, &ends, &text);
    djs_unlock(&self->lock);
    PyObject *frames = NULL;
    if (!here) frames = Py_NewRef(Py_None);
    else if (!copied) PyErr_NoMemory();
    else frames = PyList_New((Py_ssize_t)(ends.len / sizeof(uint32_t)));
    for (Py_ssize_t i = 0, n = copied && frames ? PyList_GET_SIZE(frames) : 0, from = 0; i < n; i++) {
        Py_ssize_t end = ((uint32_t *)(void *)ends.ptr)[i];
        PyObject *frame = PyUnicode_DecodeUTF8((char *)text.ptr + from, end - from, "strict");
        if (!frame) {
            Py_CLEAR(frames);
            break;
        }
        PyList_SET_ITEM(frames, i, frame);
        from = end;
    }
    djs_buf_free(&ends);
    djs_buf_free(&text);
    return frames;
}

static PyObject *FrameLog_first(FrameLogObject *self, void *Py_UNUSED(closure)) {
    djs_lock(&self->lock);
    uint64_t first = self->log.first;
    djs_unlock(&self->lock);
    return PyLong_FromUnsignedLongLong(first);
}

static PyObject *FrameLog_last(FrameLogObject *self, void *Py_UNUSED(closure)) {
    djs_lock(&self->lock);
    uint64_t last = djs_log_last(&self->log);
    djs_unlock(&self->lock);
    return PyLong_FromUnsignedLongLong(last);
}

static PyMethodDef FrameLog_methods[] = {
    {"append", (PyCFunction)(void (*)(void))FrameLog_append, METH_FASTCALL,
     "append($self, seq, frame, /)\n--\n\n"
     "Frame seq, a str. When it is not the last one's plus 1, those before are gone; without memory it, "
     "too.\n"
     "Raises ValueError for a seq that is not above the last one's."},
    {"after", (PyCFunction)FrameLog_after, METH_O,
     "after($self, seq, /)\n--\n\n"
     "The frames after seq, a list of str; None when the first of them is gone. Raises MemoryError."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef FrameLog_getset[] = {
    {"first", (getter)FrameLog_first, NULL,
     "seq of the oldest frame that is here; of the next, when none is.", NULL},
    {"last", (getter)FrameLog_last, NULL, "seq of the newest frame; one below the first, when none is here.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot FrameLog_slots[] = {
    {Py_tp_doc, "FrameLog(most_bytes, /)\n--\n\n"
                "The newest frames of one stream: the last one, and most_bytes at most of those before.\n\n"
                "Law: csrc/core/log.c. Raises ValueError."},
    {Py_tp_new, FrameLog_new},
    {Py_tp_dealloc, FrameLog_dealloc},
    {Py_tp_methods, FrameLog_methods},
    {Py_tp_getset, FrameLog_getset},
    {0, NULL},
};

PyType_Spec FrameLog_spec = {
    .name = "djust_stream._core.FrameLog",
    .basicsize = sizeof(FrameLogObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = FrameLog_slots,
};
