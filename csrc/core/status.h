/* Why a call failed, and the limits that make it fail.
 *
 * Every fallible function of the core returns a djs_status: 0, or one of the
 * negative reasons below. The binding turns it into an exception in one place
 * (csrc/py/module.c, raise_status), in a switch without a default, so that a
 * new reason does not compile until it has an exception.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_STATUS_H
#define DJS_STATUS_H

typedef enum {
    DJS_OK = 0,
    DJS_ENOMEM = -1,  /* an allocation failed */
    DJS_ETOOBIG = -2, /* more bytes than a limit allows */
    DJS_EINVAL = -3,  /* an argument that has no meaning */
    DJS_ECLOSED = -4  /* the object has finished, or failed before */
} djs_status;

/* One buf never grows past this: lengths then fit an int32_t everywhere,
 * cmark's bufsize_t among them. */
#define DJS_MAX_BUF ((size_t)1 << 30)

#endif
