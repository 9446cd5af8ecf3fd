/* _core.Deadline: a time that many batches look at and one clock moves.
 *
 * Until then a push has nothing to do but push. With a time of its own for each batch, a clock with a
 * thousand streams would have a thousand times to move at each of its ticks.
 *
 * Read and written without a lock, from any thread: each of them sees some time that was set.
 *
 * SPDX-License-Identifier: MIT */
#include "batch_type.h"
#include "module.h"
#include <stdatomic.h>

typedef struct {
    PyObject ob_base;
    _Atomic double at;
} DeadlineObject;

bool Deadline_passed(PyObject *object) {
    return djs_monotonic_s() >= atomic_load_explicit(&((DeadlineObject *)object)->at, memory_order_relaxed);
}

static void Deadline_dealloc(DeadlineObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *Deadline_get(DeadlineObject *self, void *Py_UNUSED(closure)) {
    return PyFloat_FromDouble(atomic_load_explicit(&self->at, memory_order_relaxed));
}

static int Deadline_set(DeadlineObject *self, PyObject *value, void *Py_UNUSED(closure)) {
    if (!value) {
        PyErr_SetString(PyExc_AttributeError, "a deadline always has a time; in the past: set at to 0.0");
        return -1;
    }
    double at = PyFloat_AsDouble(value);
    if (at == -1 && PyErr_Occurred()) return -1;
    atomic_store_explicit(&self->at, at, memory_order_relaxed);
    return 0;
}

static PyGetSetDef Deadline_getset[] = {
    {"at", (getter)Deadline_get, (setter)Deadline_set, "By time.monotonic; 0.0 at first, which is past.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot Deadline_slots[] = {
    {Py_tp_doc, "Deadline()\n--\n\nA time, ``at``, that Batch.quick makes pushes look at."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, Deadline_dealloc},
    {Py_tp_getset, Deadline_getset},
    {0, NULL},
};

PyType_Spec Deadline_spec = {
    .name = "djust_stream._core.Deadline",
    .basicsize = sizeof(DeadlineObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = Deadline_slots,
};
