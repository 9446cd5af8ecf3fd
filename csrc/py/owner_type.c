/* _core.BatchOwner: has a batch where C finds it without asking for an attribute. The base of Stream.
 *
 * SPDX-License-Identifier: MIT */
#include "batch_type.h"
#include "module.h"
#include <stddef.h>

typedef struct {
    PyObject ob_base;
    PyObject *batch; /* set once, by the subclass's __init__ */
} BatchOwnerObject;

PyObject *BatchOwner_batch(djs_state *state, PyObject *object) {
    PyTypeObject *type = Py_TYPE(object), *owner = (PyTypeObject *)state->owner_type;
    if (type->tp_base != owner && !PyType_IsSubtype(type, owner)) return NULL;
    PyObject *batch = ((BatchOwnerObject *)object)->batch;
    return batch && Py_IS_TYPE(batch, (PyTypeObject *)state->batch_type) ? batch : NULL;
}

static int BatchOwner_traverse(BatchOwnerObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->batch);
    return 0;
}

static int BatchOwner_clear(BatchOwnerObject *self) {
    Py_CLEAR(self->batch);
    return 0;
}

static void BatchOwner_dealloc(BatchOwnerObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    BatchOwner_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef BatchOwner_members[] = {
    {"_batch", T_OBJECT_EX, offsetof(BatchOwnerObject, batch), 0, "The Batch that TextMethod pushes into."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot BatchOwner_slots[] = {
    {Py_tp_doc, "The base of what has a _batch that TextMethod is to find."},
    {Py_tp_traverse, BatchOwner_traverse},
    {Py_tp_clear, BatchOwner_clear},
    {Py_tp_dealloc, BatchOwner_dealloc},
    {Py_tp_members, BatchOwner_members},
    {0, NULL},
};

PyType_Spec BatchOwner_spec = {
    .name = "djust_stream._core.BatchOwner",
    .basicsize = sizeof(BatchOwnerObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = BatchOwner_slots,
};
