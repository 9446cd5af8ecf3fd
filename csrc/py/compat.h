/* Every difference between Python versions, and nothing else.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_COMPAT_H
#define DJS_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <time.h>

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

/* time.monotonic(), perhaps some ms ago: Linux keeps such a time ready, at a fifth of the cost. */
static inline double djs_monotonic_s(void) {
#if defined(CLOCK_MONOTONIC_COARSE)
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
#elif PY_VERSION_HEX >= 0x030D0000
    PyTime_t now;
    return PyTime_MonotonicRaw(&now) ? HUGE_VAL : PyTime_AsSecondsDouble(now);
#else
    return _PyTime_AsSecondsDouble(_PyTime_GetMonotonicClock());
#endif
}

/* 1 and *value, which the caller owns; 0 and NULL when there is none; -1 and an exception. */
static inline int djs_optional_attr(PyObject *object, PyObject *name, PyObject **value) {
#if PY_VERSION_HEX >= 0x030D0000
    return PyObject_GetOptionalAttr(object, name, value);
#else
    *value = PyObject_GetAttr(object, name);
    if (*value) return 1;
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
    PyErr_Clear();
    return 0;
#endif
}

static inline int djs_dict_get(PyObject *dict, PyObject *key, PyObject **value) {
#if PY_VERSION_HEX >= 0x030D0000
    return PyDict_GetItemRef(dict, key, value);
#else
    *value = PyDict_GetItemWithError(dict, key);
    Py_XINCREF(*value);
    return *value ? 1 : PyErr_Occurred() ? -1 : 0;
#endif
}

/* The exception that is set, with its traceback; it is not set any more. NULL when there is none. */
static inline PyObject *djs_take_exception(void) {
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value && traceback) (void)PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

/* Until 3.11 a str may be without its final form; -1 when there is no memory to make it. */
static inline int djs_unicode_ready(PyObject *str) {
#if PY_VERSION_HEX >= 0x030C0000
    (void)str;
    return 0;
#else
    return PyUnicode_READY(str);
#endif
}

/* A subtype of str is made by copying a str: twice the memory, once too often. Where the layout is known,
 * its text can be written where it stays. It is that of unicode_subtype_new() in CPython. */
#if PY_VERSION_HEX < 0x030E0000 && !defined(Py_GIL_DISABLED) && !defined(PYPY_VERSION)
#define DJS_STR_LAYOUT 1
#endif

/* Does the type add nothing to str, so that djs_str_subtype_new may make it? */
static inline int djs_is_plain_subtype(PyTypeObject *type) {
#ifdef DJS_STR_LAYOUT
    return PyType_IsSubtype(type, &PyUnicode_Type) &&
           type->tp_basicsize == (Py_ssize_t)sizeof(PyUnicodeObject) && type->tp_itemsize == 0 &&
           type->tp_new == PyUnicode_Type.tp_new && type->tp_init == PyUnicode_Type.tp_init &&
           type->tp_alloc == PyType_GenericAlloc;
#else
    (void)type;
    return 0;
#endif
}

/* A str of a plain subtype. data: n characters and room for one more, of PyObject_Malloc, which the str now
 * owns; freed when there is none. */
static inline PyObject *djs_str_subtype_of(PyTypeObject *type, void *data, Py_ssize_t n, Py_UCS4 max) {
#ifdef DJS_STR_LAYOUT
    unsigned width = max < 0x100 ? 1 : max < 0x10000 ? 2 : 4;
    PyUnicodeObject *str = (PyUnicodeObject *)type->tp_alloc(type, 0);
    if (!str) {
        PyObject_Free(data);
        return NULL;
    }
    if (PyType_IS_GC(type)) PyObject_GC_UnTrack(str); /* it holds nothing that the collector could free */
    PyASCIIObject *head = &str->_base._base;
    head->length = n;
    head->hash = -1;
    head->state.kind = width;
    head->state.ascii = max < 0x80;
#if PY_VERSION_HEX < 0x030C0000
    head->state.ready = 1;
    if (width == sizeof(wchar_t)) {
        str->_base.wstr_length = n;
        head->wstr = (wchar_t *)data;
    }
#endif
    str->data.any = data;
    if (max < 0x80) {
        str->_base.utf8 = data;
        str->_base.utf8_length = n;
    }
    memset((char *)data + (size_t)n * width, 0, width);
    return (PyObject *)str;
#else
    (void)type, (void)data, (void)n, (void)max;
    return NULL;
#endif
}

/* The same of characters that are yet to be written to its PyUnicode_DATA. */
static inline PyObject *djs_str_subtype_new(PyTypeObject *type, Py_ssize_t n, Py_UCS4 max) {
    void *data = PyObject_Malloc((size_t)(n + 1) * (max < 0x100 ? 1 : max < 0x10000 ? 2 : 4));
    return data ? djs_str_subtype_of(type, data, n, max) : PyErr_NoMemory();
}

#endif
