/* Memory for cmark-gfm, which has no idea that an allocation can fail.
 *
 * cmark calls its allocator through a struct of plain functions without a
 * context and never looks at the result. So one djs_memory per stream is made
 * current for the time of a call; when there is no memory, or the stream holds
 * more than it may, the call ends by longjmp and the stream has failed:
 *
 *     if (setjmp(*djs_memory_enter(&m))) return djs_memory_leave();   // why
 *     ... cmark, with &djs_live or &djs_scratch as its cmark_mem ...
 *     djs_memory_leave();
 *
 * Live memory lasts until it is freed; scratch memory until the next
 * djs_scratch_reset, and its free does nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef DJS_MEMORY_H
#define DJS_MEMORY_H

#include <setjmp.h>
#include <cmark-gfm.h>
#include "buf.h"

typedef struct djs_block djs_block;
typedef struct djs_chunk djs_chunk;

typedef struct {
    djs_block *live;    /* every live allocation, so that failing frees all */
    djs_chunk *scratch; /* newest chunk first */
    size_t live_bytes;
    djs_status why;
    jmp_buf fail;
} djs_memory;

extern cmark_mem djs_live, djs_scratch;

jmp_buf *djs_memory_enter(djs_memory *m);
djs_status djs_memory_leave(void);

/* While somebody else's code runs, which may enter another one. */
djs_memory *djs_memory_pause(void);
void djs_memory_resume(djs_memory *m);

/* Ends the current call with this status. */
_Noreturn void djs_memory_fail(djs_status why);

/* Forgets all scratch memory; one chunk is kept for the next use. */
void djs_scratch_reset(djs_memory *m);

/* Gives that one back, too. */
void djs_scratch_free(djs_memory *m);

/* Frees everything, live and scratch. */
void djs_memory_free(djs_memory *m);

#endif
