/* _core.Batch: the op batcher for Python.
 *
 * SPDX-License-Identifier: MIT */
#include "batch_type.h"
#include "module.h"
#include "args.h"
#include "frame.h"

typedef struct {
    PyObject_HEAD
    djs_batch batch;
    djs_mutex lock;
} BatchObject;

static const char too_much[] = "more than 1 GiB waits in this batch: take frames before pushing more";

djs_batch *Batch_borrow(PyObject *obj) {
    BatchObject *self = (BatchObject *)obj;
    djs_lock(&self->lock);
    return &self->batch;
}

void Batch_return(PyObject *obj) { djs_unlock(&((BatchObject *)obj)->lock); }

static PyObject *Batch_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *name_obj, *target_obj;
    const uint8_t *name = NULL, *target = NULL;
    size_t name_n = 0, target_n = 0;
    djs_buf spare_name = {0}, spare_target = {0};
    BatchObject *self = NULL;
    if (kwargs && PyDict_GET_SIZE(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "Batch() takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "OO:Batch", &name_obj, &target_obj)) return NULL;
    if (!djs_utf8(name_obj, "name", &name, &name_n, &spare_name) || !djs_utf8(target_obj, "target", &target, &target_n, &spare_target))
        goto done;
    self = (BatchObject *)type->tp_alloc(type, 0);
    if (!self) goto done;
    djs_status status = djs_batch_init(&self->batch, name, name_n, target, target_n);
    if (status) {
        djs_raise_status(status, "the name or the target is too long");
        Py_CLEAR(self);
    }
done:
    djs_buf_free(&spare_name);
    djs_buf_free(&spare_target);
    return (PyObject *)self;
}

static void Batch_dealloc(BatchObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    djs_batch_free(&self->batch);
    type->tp_free(self);
    Py_DECREF(type);
}

/* The op's number, or -1 and an exception. */
static long op_of(PyObject *obj) {
    long op = PyLong_AsLong(obj);
    if (op == -1 && PyErr_Occurred()) return -1;
    if (op < 0 || op >= DJS_OP_CALLERS) {
        PyErr_Format(PyExc_ValueError, "there is no op %ld: use a value of OPS", op);
        return -1;
    }
    return op;
}

static PyObject *Batch_push(BatchObject *self, PyObject *const *args, Py_ssize_t n_args) {
    const uint8_t *text = NULL, *target = NULL;
    size_t n = 0, target_n = 0;
    djs_buf spare_text = {0}, spare_target = {0};
    unsigned long number = 0;
    PyObject *result = NULL;
    if (!djs_arity("push", n_args, 1, 4)) return NULL;
    long op = op_of(args[0]);
    if (op < 0) return NULL;
    if (n_args > 1 && !djs_utf8(args[1], "text", &text, &n, &spare_text)) goto done;
    if (n_args > 2 && !djs_utf8(args[2], "target", &target, &target_n, &spare_target)) goto done;
    if (n_args > 3) {
        number = PyLong_AsUnsignedLong(args[3]);
        if (number == (unsigned long)-1 && PyErr_Occurred()) goto done;
        if (number > UINT32_MAX) {
            PyErr_Format(PyExc_OverflowError, "number must be below 2**32, not %R", args[3]);
            goto done;
        }
    }
    djs_lock(&self->lock);
    const djs_arg arg = {.text = text, .n = n, .target = target, .target_n = target_n, .number = (uint32_t)number};
    djs_status status = djs_batch_push(&self->batch, (djs_op)op, &arg);
    size_t pending = djs_batch_pending_bytes(&self->batch);
    djs_unlock(&self->lock);
    if (status == DJS_EINVAL) PyErr_Format(PyExc_ValueError, "edge must be \"top\" or \"bottom\", not %R", args[1]);
    else if (status) djs_raise_status(status, too_much);
    else result = PyLong_FromSize_t(pending);
done:
    djs_buf_free(&spare_text);
    djs_buf_free(&spare_target);
    return result;
}

static PyObject *Batch_encode(BatchObject *self, PyObject *const *args, Py_ssize_t n_args) {
    djs_buf out = {0};
    if (!djs_arity("encode", n_args, 2, 2)) return NULL;
    unsigned long long seq = PyLong_AsUnsignedLongLong(args[0]);
    if (seq == (unsigned long long)-1 && PyErr_Occurred()) return NULL;
    long form = PyLong_AsLong(args[1]);
    if (form == -1 && PyErr_Occurred()) return NULL;
    if (form < DJS_FORM_DJUST || form > DJS_FORM_COMPACT_TYPED) {
        PyErr_Format(PyExc_ValueError, "there is no form %ld: use FORM_DJUST, FORM_COMPACT or FORM_COMPACT_TYPED", form);
        return NULL;
    }
    djs_lock(&self->lock);
    djs_status status = djs_frame_write(&self->batch, seq, (djs_form)form, &out);
    djs_unlock(&self->lock);
    PyObject *message = NULL;
    if (status) djs_raise_status(status, status == DJS_EINVAL ? "the djust form has no word for a Markdown edit in this batch: use MarkdownStream(fill=True)" : too_much);
    else message = PyUnicode_DecodeUTF8((const char *)out.ptr, (Py_ssize_t)out.len, "strict");
    djs_buf_free(&out);
    return message;
}

static PyObject *Batch_clear(BatchObject *self, PyObject *Py_UNUSED(ignored)) {
    djs_lock(&self->lock);
    djs_batch_clear(&self->batch);
    djs_unlock(&self->lock);
    Py_RETURN_NONE;
}

static PyObject *get_size(BatchObject *self, void *what) {
    djs_lock(&self->lock);
    const djs_batch *b = &self->batch;
    size_t size = what == (void *)0 ? djs_batch_pending_bytes(b) : what == (void *)1 ? djs_batch_count(b) : b->pushed - djs_batch_count(b);
    djs_unlock(&self->lock);
    return PyLong_FromSize_t(size);
}

static int Batch_bool(BatchObject *self) {
    djs_lock(&self->lock);
    int any = djs_batch_count(&self->batch) > 0;
    djs_unlock(&self->lock);
    return any;
}

static PyMethodDef Batch_methods[] = {
    {"push", (PyCFunction)(void (*)(void))Batch_push, METH_FASTCALL,
     "push($self, op, text='', target='', number=0, /)\n--\n\nAdd an op; returns how many bytes wait."},
    {"encode", (PyCFunction)(void (*)(void))Batch_encode, METH_FASTCALL,
     "encode($self, seq, form, /)\n--\n\nWhat waits, as the message of frame seq. Does not clear."},
    {"clear", (PyCFunction)Batch_clear, METH_NOARGS, "clear($self, /)\n--\n\nForget what waits."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef Batch_getset[] = {
    {"pending_bytes", (getter)get_size, NULL, "Bytes that wait, payloads and a little for each op. O(1).", (void *)0},
    {"pending_ops", (getter)get_size, NULL, "Ops that wait, after merging.", (void *)1},
    {"merged_ops", (getter)get_size, NULL, "Of the ops that wait, how many went into another one.", (void *)2},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot Batch_slots[] = {
    {Py_tp_doc, "Batch(name, target, /)\n--\n\nWhat waits for the next frame of one stream. target: CSS selector of its root."},
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
               ? -1 : 0;
}
