/* _core.Finished: an awaitable of what has happened already.
 *
 * There are two of them, made with the module and shared by all: FINISHED, and TURN, which gives the event
 * loop one turn first. So a push that only queues allocates nothing, and `await` costs two C calls.
 *
 * The law: awaiting one, twice or never, in any coroutine, leaves it as it was. It has the methods of a
 * coroutine as well, because asyncio.create_task(view.stream_text(...)) takes nothing less: as a task's body
 * it ends at its first step, TURN too, for a task has had its turn by then.
 *
 * Checked by: tests/test_text_method.py.
 *
 * SPDX-License-Identifier: MIT */
#include "module.h"
#include "args.h"

typedef struct {
    PyObject ob_base;
    PyObject *turns; /* what is yielded to the event loop before; NULL: nothing */
} FinishedObject;

static void Finished_dealloc(FinishedObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(self->turns);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *Finished_await(FinishedObject *self) {
    return self->turns ? PyObject_GetIter(self->turns) : Py_NewRef((PyObject *)self);
}

static PySendResult Finished_step(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(value), PyObject **result) {
    *result = Py_NewRef(Py_None);
    return PYGEN_RETURN;
}

/* No value and no exception: the end, with None. */
static PyObject *Finished_next(PyObject *Py_UNUSED(self)) { return NULL; }

static PyObject *Finished_send(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(value)) {
    PyErr_SetNone(PyExc_StopIteration);
    return NULL;
}

/* throw(exception), or throw(type, value=None, traceback=None) of old. */
static PyObject *Finished_throw(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t n) {
    if (!djs_arity("throw", n, 1, 3)) return NULL;
    PyObject *error = n > 1 && PyExceptionInstance_Check(args[1]) ? args[1] : args[0];
    if (PyExceptionInstance_Check(error)) PyErr_SetObject(PyExceptionInstance_Class(error), error);
    else if (!PyExceptionClass_Check(error))
        PyErr_Format(PyExc_TypeError, "throw() takes an exception, not %.200R", error);
    else if (n > 1 && args[1] != Py_None) PyErr_SetObject(error, args[1]);
    else PyErr_SetNone(error);
    return NULL;
}

static PyObject *Finished_close(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored)) { Py_RETURN_NONE; }

static PyMethodDef Finished_methods[] = {
    {"send", (PyCFunction)Finished_send, METH_O, "send($self, value, /)\n--\n\nEnds: raises StopIteration."},
    {"throw", (PyCFunction)(void (*)(void))Finished_throw, METH_FASTCALL,
     "throw($self, error, value=None, traceback=None, /)\n--\n\nRaises the error."},
    {"close", (PyCFunction)Finished_close, METH_NOARGS, "close($self, /)\n--\n\nDoes nothing."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot Finished_slots[] = {
    {Py_tp_doc, "An awaitable of what has happened already; there are FINISHED and TURN."},
    {Py_tp_dealloc, Finished_dealloc},
    {Py_am_await, Finished_await},
    {Py_am_send, Finished_step},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, Finished_next},
    {Py_tp_methods, Finished_methods},
    {0, NULL},
};

PyType_Spec Finished_spec = {
    .name = "djust_stream._core.Finished",
    .basicsize = sizeof(FinishedObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = Finished_slots,
};

/* Steals turns. */
static PyObject *make(PyTypeObject *type, PyObject *turns) {
    FinishedObject *self = (FinishedObject *)type->tp_alloc(type, 0);
    if (self) self->turns = turns;
    else Py_XDECREF(turns);
    return (PyObject *)self;
}

int finished_add_constants(PyObject *module) {
    djs_state *state = PyModule_GetState(module);
    PyTypeObject *type = (PyTypeObject *)state->finished_type;
    PyObject *one = PyTuple_Pack(1, Py_None); /* a bare None is how a coroutine gives way */
    PyObject *turn = one ? make(type, one) : NULL;
    state->finished = make(type, NULL);
    int failed = !turn || !state->finished || PyModule_AddObjectRef(module, "TURN", turn) ||
                 PyModule_AddObjectRef(module, "FINISHED", state->finished);
    Py_XDECREF(turn);
    return failed ? -1 : 0;
}
