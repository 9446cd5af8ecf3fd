/* websocket_message: a text as a server's message to a browser, ready for the socket.
 *
 * The law: what is returned is one unmasked text frame, whole and without extensions: RFC 6455, section 5.2.
 *
 * Checked by: tests/test_outbox.py, against the websockets package.
 *
 * SPDX-License-Identifier: MIT */
#include "module.h"

enum { FIN_TEXT = 0x81, LENGTH_16 = 126, LENGTH_64 = 127 };

static PyObject *websocket_message(PyObject *module, PyObject *text) {
    (void)module;
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "text must be a str, not %.100s", Py_TYPE(text)->tp_name);
        return NULL;
    }
    if (djs_unicode_ready(text) < 0) return NULL;
    Py_ssize_t size;
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &size); /* a log may have asked before: made once */
    if (!bytes) return NULL;
    uint64_t n = (uint64_t)size, length = n;
    size_t width = n < LENGTH_16 ? 0 : n <= 0xffff ? 2 : 8;
    PyObject *out = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(2 + width + n));
    if (out) {
        uint8_t *to = (uint8_t *)PyBytes_AS_STRING(out);
        to[0] = FIN_TEXT;
        to[1] = width == 0 ? (uint8_t)n : width == 2 ? LENGTH_16 : LENGTH_64;
        for (size_t i = width; i; i--, length >>= 8) to[1 + i] = (uint8_t)length;
        memcpy(to + 2 + width, bytes, n);
    }
    return out;
}

PyMethodDef websocket_functions[] = {
    {"websocket_message", websocket_message, METH_O,
     "websocket_message($module, text, /)\n--\n\n"
     "A str as one WebSocket text frame of a server: bytes (RFC 6455, 5.2).\n"
     "Raises TypeError, and UnicodeEncodeError for a lone surrogate."},
    {NULL, NULL, 0, NULL},
};
