/* Every difference between Python versions, and nothing else.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_COMPAT_H
#define DJS_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* PyMutex is public from 3.13 on. Before that there is always a GIL, and the
 * binding never releases it, so a lock has nothing to do. */
#if PY_VERSION_HEX >= 0x030D0000
typedef PyMutex djs_mutex;
#define djs_lock(m)   PyMutex_Lock(m)
#define djs_unlock(m) PyMutex_Unlock(m)
#else
typedef char djs_mutex;
#define djs_lock(m)   ((void)(m))
#define djs_unlock(m) ((void)(m))
#endif

#endif
