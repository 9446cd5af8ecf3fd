/* A Batch from C: how the Markdown engine pushes its edits into one.
 *
 *     djs_batch *batch = Batch_borrow(object);      // locked until it is given back
 *     djs_status status = djs_batch_grow(batch, 2, html, n);
 *     Batch_return(object);
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_BATCH_TYPE_H
#define DJS_BATCH_TYPE_H

#include "compat.h"
#include "batch.h"
#include <stdbool.h>

/* object must be a Batch. No Python code may run before Batch_return. */
djs_batch *Batch_borrow(PyObject *object);
void Batch_return(PyObject *object);

/* Pushes text as Batch.push(OPS["text"], text) would, if the batch is quick, which Batch.quick(until, below)
 * says. False: nothing was pushed, and there may be an exception. object must be a Batch, text a str. */
bool Batch_queue(PyObject *object, PyObject *text);

/* Is that time over? object must be a Deadline. */
bool Deadline_passed(PyObject *object);

#endif
