/* _core.Batch: the op batcher for Python.
 *
 * push is called once per token and is what a stream costs: between the
 * token's str and the frame no Python object is made but the number returned.
 *
 * SPDX-License-Identifier: MIT */
#include "batch_type.h"
#include "module.h"
#include "args.h"
#include "frame.h"

typedef struct {
    PyObject ob_base; /* what PyObject_HEAD is */
    djs_batch batch;
    djs_mutex lock;
    size_t pushes;         /* in all */
    PyObject *quick_until; /* a Deadline; NULL: never quick */
    size_t quick_below;    /* pending bytes */
} BatchObject;

static const char too_big[] =
    "a batch holds 1 GiB and makes a message of 1 GiB at most: push less before the next frame";
static const char no_op[] = "op must be one of the numbers in _core.OPS, such as OPS[\"text\"]";
static const char no_number[] = "number must be an int from 0 to 2147483647";
static const char no_seq[] = "seq must be an int from 0 on";
static const char no_form[] = "form must be FORM_DJUST, FORM_COMPACT or FORM_COMPACT_TYPED";
static const char no_edits[] =
    "the djust form has no op for a Markdown edit that waits: make the document with "
    "MarkdownStream(fill=True), or encode in a compact form";

djs_batch *Batch_borrow(PyObject *object) {
    BatchObject *self = (BatchObject *)object;
    djs_lock(&self->lock);
    return &self->batch;
}

void Batch_return(PyObject *object) { djs_unlock(&((BatchObject *)object)->lock); }

/* As djs_utf8, and an exception that shows the value and the way out. */
static int str_arg(PyObject *obj, const char *name, const uint8_t **text, size_t *n, djs_buf *spare) {
    if (PyUnicode_Check(obj)) return djs_utf8(obj, name, text, n, spare);
    const char *remedy = PyBytes_Check(obj) ? "decode it" : "convert it with str()";
    PyErr_Format(PyExc_TypeError, "%s must be a str, not %.200R: %s first", name, obj, remedy);
    return 0;
}

/* An int from 0 to max; else 0 and an exception that says what it must be. */
static int int_arg(PyObject *obj, const char *must, long max, long *value) {
    *value = PyLong_Check(obj) ? PyLong_AsLong(obj) : -1;
    if (*value >= 0 && *value <= max) return 1;
    PyErr_Clear(); /* of an int that is no long */
    PyErr_Format(PyLong_Check(obj) ? PyExc_ValueError : PyExc_TypeError, "%s, not %.200R", must, obj);
    return 0;
}

static PyObject *Batch_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"", "", "", NULL};
    PyObject *name_obj, *target_obj, *epoch_obj = NULL;
    const uint8_t *name, *target, *epoch = NULL;
    size_t name_n, target_n, epoch_n = 0;
    djs_buf name_spare = {0}, target_spare = {0}, epoch_spare = {0};
    BatchObject *self = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|O:Batch", names, &name_obj, &target_obj, &epoch_obj))
        return NULL;
    if (!str_arg(name_obj, "name", &name, &name_n, &name_spare)) goto done;
    if (!str_arg(target_obj, "target", &target, &target_n, &target_spare)) goto done;
    if (epoch_obj && !str_arg(epoch_obj, "epoch", &epoch, &epoch_n, &epoch_spare)) goto done;
    self = (BatchObject *)type->tp_alloc(type, 0);
    if (!self) goto done;
    djs_status status = djs_batch_init(&self->batch, name, name_n, target, target_n);
    if (!status) status = djs_batch_epoch(&self->batch, epoch, epoch_n);
    if (status) {
        Py_CLEAR(self);
        djs_raise_status(status, too_big);
    }
done:
    djs_buf_free(&name_spare);
    djs_buf_free(&target_spare);
    djs_buf_free(&epoch_spare);
    return (PyObject *)self;
}

static void Batch_dealloc(BatchObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    djs_batch_free(&self->batch);
    Py_XDECREF(self->quick_until);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *Batch_push(BatchObject *self, PyObject *const *args, Py_ssize_t n) {
    long op, number = 0;
    djs_arg arg = {0};
    djs_buf text_spare = {0}, target_spare = {0};
    PyObject *result = NULL;
    if (!djs_arity("push", n, 1, 4) || !int_arg(args[0], no_op, DJS_OP_CALLERS - 1, &op)) return NULL;
    if (n > 1 && !str_arg(args[1], "text", &arg.text, &arg.n, &text_spare)) goto done;
    if (n > 2 && !str_arg(args[2], "target", &arg.target, &arg.target_n, &target_spare)) goto done;
    if (n > 3 && !int_arg(args[3], no_number, INT32_MAX, &number)) goto done;
    arg.number = (uint32_t)number;

    djs_lock(&self->lock);
    djs_status status = djs_batch_push(&self->batch, (djs_op)op, &arg);
    self->pushes += !status;
    size_t pending = djs_batch_pending_bytes(&self->batch);
    djs_unlock(&self->lock);
    if (status == DJS_EINVAL)
        PyErr_Format(PyExc_ValueError, "edge must be \"top\" or \"bottom\", not %.200R", args[1]);
    else if (status) djs_raise_status(status, too_big);
    else result = PyLong_FromSize_t(pending);
done:
    djs_buf_free(&text_spare);
    djs_buf_free(&target_spare);
    return result;
}

bool Batch_queue(PyObject *object, PyObject *text) {
    BatchObject *self = (BatchObject *)object;
    djs_arg arg = {0};
    djs_buf spare = {0};
    if (!djs_utf8(text, "text", &arg.text, &arg.n, &spare)) return false;
    djs_lock(&self->lock);
    bool queued = djs_batch_pending_bytes(&self->batch) + arg.n < self->quick_below && self->quick_until &&
                  !Deadline_passed(self->quick_until) && !djs_batch_push(&self->batch, DJS_OP_TEXT, &arg);
    self->pushes += queued;
    djs_unlock(&self->lock);
    if (spare.cap) djs_buf_free(&spare);
    return queued;
}

static PyObject *Batch_quick(BatchObject *self, PyObject *const *args, Py_ssize_t n) {
    if (!djs_arity("quick", n, 2, 2)) return NULL;
    djs_state *state = djs_state_of(Py_TYPE(self));
    PyObject *until = args[0] == Py_None ? NULL : args[0];
    if (until && !Py_IS_TYPE(until, (PyTypeObject *)state->deadline_type))
        return PyErr_Format(PyExc_TypeError, "until must be a Deadline or None, not %.200R", until);
    size_t below = PyLong_AsSize_t(args[1]);
    if (below == (size_t)-1 && PyErr_Occurred()) return NULL;
    djs_lock(&self->lock);
    PyObject *before = self->quick_until;
    self->quick_until = Py_XNewRef(until);
    self->quick_below = below;
    djs_unlock(&self->lock);
    Py_XDECREF(before);
    Py_RETURN_NONE;
}

static size_t merged(const djs_batch *b) { return b->pushed - djs_batch_count(b); }

static void count(djs_state *state, size_t bytes, size_t merged_ops) {
    atomic_fetch_add_explicit(&state->frames, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&state->frame_bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&state->merged_ops, merged_ops, memory_order_relaxed);
}

static PyObject *Batch_encode(BatchObject *self, PyObject *const *args, Py_ssize_t n) {
    long seq, form;
    djs_buf out = {0};
    PyObject *message = NULL;
    if (!djs_arity("encode", n, 2, 2) || !int_arg(args[0], no_seq, LONG_MAX, &seq)) return NULL;
    if (!int_arg(args[1], no_form, DJS_FORM_COMPACT_TYPED, &form)) return NULL;
    djs_lock(&self->lock);
    djs_status status = djs_frame_write(&self->batch, (uint64_t)seq, (djs_form)form, &out);
    size_t merged_ops = merged(&self->batch);
    djs_unlock(&self->lock);
    if (!status) count(djs_state_of(Py_TYPE(self)), out.len, merged_ops);
    if (status) djs_raise_status(status, status == DJS_EINVAL ? no_edits : too_big);
    else message = PyUnicode_DecodeUTF8((const char *)out.ptr, (Py_ssize_t)out.len, "strict");
    djs_buf_free(&out);
    return message;
}

static PyObject *Batch_absorb(BatchObject *self, PyObject *more) {
    if (!PyObject_TypeCheck(more, Py_TYPE(self)) || more == (PyObject *)self) {
        PyErr_Format(PyExc_TypeError, "more must be another Batch, not %.200R", more);
        return NULL;
    }
    /* Of two locks that are held together the one at the lower address is taken first. */
    BatchObject *other = (BatchObject *)more;
    bool up = (uintptr_t)self < (uintptr_t)other;
    djs_lock(up ? &self->lock : &other->lock);
    djs_lock(up ? &other->lock : &self->lock);
    djs_status status = djs_batch_absorb(&self->batch, &other->batch);
    size_t pending = djs_batch_pending_bytes(&self->batch);
    djs_unlock(&self->lock);
    djs_unlock(&other->lock);
    return status ? djs_raise_status(status, too_big) : PyLong_FromSize_t(pending);
}

static PyObject *Batch_clear(BatchObject *self, PyObject *Py_UNUSED(ignored)) {
    djs_lock(&self->lock);
    djs_batch_clear(&self->batch);
    djs_unlock(&self->lock);
    Py_RETURN_NONE;
}

static size_t measure(BatchObject *self, size_t (*what)(const djs_batch *)) {
    djs_lock(&self->lock);
    size_t value = what(&self->batch);
    djs_unlock(&self->lock);
    return value;
}

static PyObject *Batch_pending_bytes(BatchObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromSize_t(measure(self, djs_batch_pending_bytes));
}

static PyObject *Batch_pending_ops(BatchObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromSize_t(measure(self, djs_batch_count));
}

static PyObject *Batch_merged_ops(BatchObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromSize_t(measure(self, merged));
}

static PyObject *Batch_pushes(BatchObject *self, void *Py_UNUSED(closure)) {
    djs_lock(&self->lock);
    size_t pushes = self->pushes;
    djs_unlock(&self->lock);
    return PyLong_FromSize_t(pushes);
}

static int Batch_bool(BatchObject *self) { return measure(self, djs_batch_count) != 0; }

static PyMethodDef Batch_methods[] = {
    {"push", (PyCFunction)(void (*)(void))Batch_push, METH_FASTCALL,
     "push($self, op, text='', target='', number=0, /)\n--\n\n"
     "Add an op, merged with those before it where that leaves the same page.\n\n"
     "op: from OPS. text: what it carries; of prune the edge. target: CSS selector, '' for the root "
     "element.\n"
     "number: the limit of prune; of error 1 + the seconds until a retry, 0: none is offered. A lone "
     "surrogate becomes U+FFFD.\n"
     "Returns the pending bytes. Raises TypeError, ValueError, OverflowError; the batch is then as before."},
    {"quick", (PyCFunction)(void (*)(void))Batch_quick, METH_FASTCALL,
     "quick($self, until, below, /)\n--\n\n"
     "Let TextMethod push by itself until then, a Deadline, while fewer bytes wait; None, 0: not."},
    {"encode", (PyCFunction)(void (*)(void))Batch_encode, METH_FASTCALL,
     "encode($self, seq, form, /)\n--\n\n"
     "What is pending as one message; the batch stays as it is.\n\n"
     "form: FORM_DJUST, FORM_COMPACT or FORM_COMPACT_TYPED. Raises ValueError, OverflowError."},
    {"absorb", (PyCFunction)Batch_absorb, METH_O,
     "absorb($self, more, /)\n--\n\n"
     "Add what waits in another batch of the same stream; that one stays as it is.\n\n"
     "Returns the pending bytes. Raises OverflowError; the batch then holds a part, and is of no use."},
    {"clear", (PyCFunction)Batch_clear, METH_NOARGS, "clear($self, /)\n--\n\nForget what is pending."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef Batch_getset[] = {
    {"pending_bytes", (getter)Batch_pending_bytes, NULL,
     "How much waits: payloads, targets, and 32 bytes an op.", NULL},
    {"pending_ops", (getter)Batch_pending_ops, NULL, "How many ops the next frame has.", NULL},
    {"merged_ops", (getter)Batch_merged_ops, NULL,
     "How many pushes since the last clear() need no op of their own.", NULL},
    {"pushes", (getter)Batch_pushes, NULL, "How many ops push() and TextMethod have pushed, in all.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot Batch_slots[] = {
    {Py_tp_doc, "Batch(name, target, epoch='', /)\n--\n\n"
                "The ops of one stream that wait for its next frame, merged.\n\n"
                "name: the stream's. target: the CSS selector of its root element, ready escaped.\n"
                "epoch: which of the streams of that name it is; every frame says so.\n"
                "Law: csrc/core/batch.c. Wire: tests/spec/wire.md."},
    {Py_tp_new, Batch_new},
    {Py_tp_dealloc, Batch_dealloc},
    {Py_tp_methods, Batch_methods},
    {Py_tp_getset, Batch_getset},
    {Py_nb_bool, Batch_bool},
    {0, NULL},
};

PyType_Spec Batch_spec = {
    .name = "djust_stream._core.Batch",
    .basicsize = sizeof(BatchObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Batch_slots,
};

static PyObject *frame_counts(PyObject *module, PyObject *Py_UNUSED(ignored)) {
    djs_state *state = PyModule_GetState(module);
    return Py_BuildValue("(KKK)", (unsigned long long)atomic_load(&state->frames),
                         (unsigned long long)atomic_load(&state->frame_bytes),
                         (unsigned long long)atomic_load(&state->merged_ops));
}

PyMethodDef batch_functions[] = {
    {"frame_counts", frame_counts, METH_NOARGS,
     "frame_counts($module, /)\n--\n\n"
     "What all batches have encoded: how many frames, their bytes, the ops that were merged away."},
    {NULL, NULL, 0, NULL},
};

int batch_add_constants(PyObject *module) {
    PyObject *ops = PyDict_New();
    if (!ops) return -1;
    for (int i = 0; i < DJS_OP_CALLERS; i++) {
        PyObject *id = PyLong_FromLong(i);
        if (!id || PyDict_SetItemString(ops, djs_ops[i].name, id)) {
            Py_XDECREF(id);
            Py_DECREF(ops);
            return -1;
        }
        Py_DECREF(id);
    }
    int failed = PyModule_AddObjectRef(module, "OPS", ops);
    Py_DECREF(ops);
    return failed || PyModule_AddIntConstant(module, "FORM_DJUST", DJS_FORM_DJUST) ||
                   PyModule_AddIntConstant(module, "FORM_COMPACT", DJS_FORM_COMPACT) ||
                   PyModule_AddIntConstant(module, "FORM_COMPACT_TYPED", DJS_FORM_COMPACT_TYPED)
               ? -1
               : 0;
}
