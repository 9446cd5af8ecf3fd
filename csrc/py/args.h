/* Arguments of METH_FASTCALL functions.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_ARGS_H
#define DJS_ARGS_H

#include "compat.h"
#include "buf.h"
#include "utf8.h"

/* Between low and high positional arguments? Sets TypeError. */
static inline int djs_arity(const char *name, Py_ssize_t n, Py_ssize_t low, Py_ssize_t high) {
    if (n >= low && n <= high) return 1;
    PyErr_Format(PyExc_TypeError, "%s() takes %zd to %zd arguments (%zd given)", name, low, high, n);
    return 0;
}

/* The UTF-8 of a str. Lone surrogates, which UTF-8 cannot hold, become U+FFFD:
 * then the bytes are in *spare, which the caller frees. 0 and an exception
 * when obj is no str. */
static inline int djs_utf8(PyObject *obj, const char *name, const uint8_t **text, size_t *n, djs_buf *spare) {
    if (PyUnicode_CheckExact(obj) && PyUnicode_IS_COMPACT_ASCII(obj)) { /* most tokens */
        *text = PyUnicode_DATA(obj);
        *n = (size_t)PyUnicode_GET_LENGTH(obj);
        return 1;
    }
    if (!PyUnicode_Check(obj)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s", name, Py_TYPE(obj)->tp_name);
        return 0;
    }
    Py_ssize_t len;
    const char *utf8 = PyUnicode_AsUTF8AndSize(obj, &len);
    if (utf8) {
        *text = (const uint8_t *)utf8;
        *n = (size_t)len;
        return 1;
    }
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return 0;
    PyErr_Clear();
    PyObject *bytes = PyUnicode_AsEncodedString(obj, "utf-8", "surrogatepass");
    if (!bytes) return 0;
    const uint8_t *raw = (const uint8_t *)PyBytes_AS_STRING(bytes);
    size_t size = (size_t)PyBytes_GET_SIZE(bytes), from = 0;
    for (size_t i = 0; i + 2 < size; i++) { /* a surrogate is ED A0..BF xx: one U+FFFD, not three */
        if (raw[i] != 0xED || raw[i + 1] < 0xA0) continue;
        djs_buf_put(spare, raw + from, i - from);
        djs_buf_lit(spare, "\xEF\xBF\xBD");
        i += 2;
        from = i + 1;
    }
    djs_buf_put(spare, raw + from, size - from);
    Py_DECREF(bytes);
    if (spare->status) {
        djs_buf_free(spare);
        PyErr_NoMemory();
        return 0;
    }
    *text = spare->ptr;
    *n = spare->len;
    return 1;
}

#endif
