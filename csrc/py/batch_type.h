/* _core.Batch for the other types of the binding.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_BATCH_TYPE_H
#define DJS_BATCH_TYPE_H

#include "compat.h"
#include "batch.h"

/* The batch of a Batch object, locked until Batch_return. */
djs_batch *Batch_borrow(PyObject *batch);
void Batch_return(PyObject *batch);

#endif
