/* The extension module: its state, its exceptions.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_MODULE_H
#define DJS_MODULE_H

#include "compat.h"
#include "status.h"
#include <stdatomic.h>
#include <stdbool.h>

typedef struct {
    PyObject *batch_type, *fragment_type, *finished_type, *owner_type, *deadline_type;
    PyObject *finished;                               /* FINISHED */
    PyObject *streams_name;                           /* "_djust_streams" */
    PyObject *safe_string, *promise;                  /* Django's, once a fragment or escape() needed them */
    bool safe_direct;                                 /* may djs_str_subtype_new make a SafeString? */
    PyObject *html_name;                              /* "__html__" */
    _Atomic uint64_t frames, frame_bytes, merged_ops; /* of all batches, by Batch.encode */
    PyObject *edit_names[6];                          /* by djs_edit_kind */
} djs_state;

/* The state of the module that defines type. */
djs_state *djs_state_of(PyTypeObject *type);

/* Sets the exception that a status stands for; returns NULL. `what` is what
 * was too big, closed or wrong, in a few words with the remedy. */
PyObject *djs_raise_status(djs_status status, const char *what);

extern PyType_Spec Batch_spec, BatchOwner_spec, Deadline_spec, Finished_spec, Fragment_spec, FrameLog_spec,
    MarkdownStream_spec, TextMethod_spec;

/* Of a BatchOwner, borrowed; NULL when object is none, or has none. */
PyObject *BatchOwner_batch(djs_state *state, PyObject *object);

/* Adds OPS and the FORM_ constants. */
int batch_add_constants(PyObject *module);

/* Adds FINISHED and TURN. */
int finished_add_constants(PyObject *module);

extern PyMethodDef batch_functions[], markdown_functions[], fragment_functions[], websocket_functions[];

#endif
