/* _core.TextMethod: stream_text, at the price of a function call.
 *
 *     class StreamingMixin:
 *         @TextMethod
 *         def stream_text(self, stream_name, text, mode=None, target=None): ...
 *
 * A method whose function is called only when there is something to decide. Of a thousand tokens 999 are a
 * plain str for a stream that is on its clock and has room. For such a call, `view.stream_text(name, text)`,
 *
 *     view._djust_streams[name]._batch
 *
 * is asked to queue the text (Batch_queue: it says no when the clock's tick is late, the stream has ended,
 * too much waits, ...); when it did, FINISHED is returned, and no Python code has run. Everything else goes
 * to the function, with the arguments as they came: keywords, modes, targets, first ops, errors.
 *
 * The law: whoever calls cannot tell which of the two ran, but by the time. Signature, docstring and marks
 * are the function's (functools.update_wrapper).
 *
 * Checked by: tests/test_text_method.py (every call against the function alone), benchmarks/calls.py.
 *
 * SPDX-License-Identifier: MIT */
#include "module.h"
#include "args.h"
#include "batch_type.h"
#include <stddef.h>

typedef struct {
    PyObject ob_base;
    PyObject *function, *dict;
    djs_state *state; /* of the module that the type holds */
    vectorcallfunc vectorcall;
} TextMethodObject;

/* Has the batch of the view's stream taken the text? If not, there may be an exception. */
static bool queue(djs_state *state, PyObject *view, PyObject *name, PyObject *text) {
    PyObject *streams, *stream = NULL;
    if (djs_optional_attr(view, state->streams_name, &streams) <= 0) return false;
    if (PyDict_Check(streams)) (void)djs_dict_get(streams, name, &stream);
    PyObject *batch = stream ? BatchOwner_batch(state, stream) : NULL;
    bool queued = batch && Batch_queue(batch, text);
    Py_XDECREF(stream);
    Py_DECREF(streams);
    return queued;
}

static PyObject *TextMethod_call(TextMethodObject *self, PyObject *const *args, size_t n, PyObject *names) {
    if (!names && PyVectorcall_NARGS(n) == 3 && PyUnicode_CheckExact(args[1]) &&
        PyUnicode_CheckExact(args[2])) {
        if (queue(self->state, args[0], args[1], args[2])) return Py_NewRef(self->state->finished);
        PyErr_Clear(); /* the function meets the same error, and says more about it */
    }
    return PyObject_Vectorcall(self->function, args, n, names);
}

static PyObject *TextMethod_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"", NULL};
    PyObject *function;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:TextMethod", names, &function)) return NULL;
    TextMethodObject *self = (TextMethodObject *)type->tp_alloc(type, 0);
    PyObject *functools = self ? PyImport_ImportModule("functools") : NULL, *same = NULL;
    if (functools) {
        self->function = Py_NewRef(function);
        self->state = djs_state_of(type);
        self->vectorcall = (vectorcallfunc)(void (*)(void))TextMethod_call;
        same = PyObject_CallMethod(functools, "update_wrapper", "OO", (PyObject *)self, function);
    }
    Py_XDECREF(functools);
    Py_XDECREF(self);
    return same;
}

static int TextMethod_traverse(TextMethodObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->function);
    Py_VISIT(self->dict);
    return 0;
}

static int TextMethod_clear(TextMethodObject *self) {
    Py_CLEAR(self->function);
    Py_CLEAR(self->dict);
    return 0;
}

static void TextMethod_dealloc(TextMethodObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    TextMethod_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *TextMethod_get(PyObject *self, PyObject *object, PyObject *Py_UNUSED(type)) {
    return object && object != Py_None ? PyMethod_New(self, object) : Py_NewRef(self);
}

static PyMemberDef TextMethod_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(TextMethodObject, dict), READONLY, NULL},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(TextMethodObject, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef TextMethod_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot TextMethod_slots[] = {
    {Py_tp_doc, "TextMethod(function, /)\n--\n\nThe method stream_text: what only queues is done in C."},
    {Py_tp_new, TextMethod_new},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_descr_get, TextMethod_get},
    {Py_tp_traverse, TextMethod_traverse},
    {Py_tp_clear, TextMethod_clear},
    {Py_tp_dealloc, TextMethod_dealloc},
    {Py_tp_members, TextMethod_members},
    {Py_tp_getset, TextMethod_getset},
    {0, NULL},
};

PyType_Spec TextMethod_spec = {
    .name = "djust_stream._core.TextMethod",
    .basicsize = sizeof(TextMethodObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_METHOD_DESCRIPTOR,
    .slots = TextMethod_slots,
};
