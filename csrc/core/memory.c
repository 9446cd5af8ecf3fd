/* Memory for cmark-gfm.
 *
 * The law: whatever happens inside cmark, the process goes on. After a
 * failure every byte of the stream is still reachable from its djs_memory,
 * and djs_memory_free gives all of it back.
 *
 * Checked by: tests/c/test_oom.c (every allocation of a render fails once).
 *
 * SPDX-License-Identifier: MIT */
#include "memory.h"
#include <stdalign.h>
#include <stdatomic.h>

/* ASan cannot see the edges inside a chunk unless it is told. */
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define TELL_ASAN
#endif
#elif defined __SANITIZE_ADDRESS__
#define TELL_ASAN
#endif
#ifdef TELL_ASAN
#include <sanitizer/asan_interface.h>
#define CLOSED(at, n) ASAN_POISON_MEMORY_REGION(at, n)
#define OPEN(at, n)   ASAN_UNPOISON_MEMORY_REGION(at, n)
#else
#define CLOSED(at, n) (void)0
#define OPEN(at, n)   (void)0
#endif

enum { CHUNK = 8192, ALIGN = alignof(max_align_t) };

struct djs_block {
    djs_block *prev, *next;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

struct djs_chunk {
    djs_chunk *older;
    size_t used, cap;
    alignas(max_align_t) unsigned char bytes[];
};

static _Thread_local djs_memory *current;

/* A chunk that nobody uses now: one for the process, so that few frames ask for memory and no stream keeps
 * any. */
static _Atomic(djs_chunk *) spare;

jmp_buf *djs_memory_enter(djs_memory *m) {
    current = m;
    m->why = DJS_OK;
    return &m->fail;
}

djs_status djs_memory_leave(void) {
    djs_status why = current->why;
    current = NULL;
    return why;
}

djs_memory *djs_memory_pause(void) {
    djs_memory *m = current;
    current = NULL;
    return m;
}

void djs_memory_resume(djs_memory *m) { current = m; }

void djs_memory_fail(djs_status why) {
    current->why = why;
    longjmp(current->fail, 1);
}

/* ---- live: a ring of blocks ---- */

static djs_block *block_of(void *ptr) {
    return (djs_block *)((unsigned char *)ptr - offsetof(djs_block, bytes));
}

static void *live_realloc(void *ptr, size_t size) {
    djs_memory *m = current;
    djs_block *old = ptr ? block_of(ptr) : NULL;
    size_t before = old ? old->size : 0;
    if (size > DJS_MAX_BUF - sizeof(djs_block)) djs_memory_fail(DJS_ETOOBIG);
    djs_block *block = djs_realloc(old, sizeof *block + size);
    if (!block) djs_memory_fail(DJS_ENOMEM);
    if (!old) {
        block->prev = NULL;
        block->next = m->live;
    }
    if (block->prev) block->prev->next = block;
    else m->live = block;
    if (block->next) block->next->prev = block;
    block->size = size;
    m->live_bytes += size - before;
    return block->bytes;
}

static void *live_calloc(size_t count, size_t size) {
    if (size && count > DJS_MAX_BUF / size) djs_memory_fail(DJS_ETOOBIG);
    void *ptr = live_realloc(NULL, count * size);
    memset(ptr, 0, count * size);
    return ptr;
}

static void live_free(void *ptr) {
    if (!ptr) return;
    djs_block *block = block_of(ptr);
    if (block->prev) block->prev->next = block->next;
    else current->live = block->next;
    if (block->next) block->next->prev = block->prev;
    current->live_bytes -= block->size;
    djs_realloc(block, 0);
}

cmark_mem djs_live = {live_calloc, live_realloc, live_free};

/* ---- scratch: bump, forget all at once ---- */

/* The size stands right before each allocation, for realloc to copy. */
static unsigned char *scratch_size(void *ptr) { return (unsigned char *)ptr - sizeof(size_t); }

static void *scratch_bump(size_t size) {
    djs_memory *m = current;
    if (size > DJS_MAX_BUF - CHUNK) djs_memory_fail(DJS_ETOOBIG);
    size_t need = (size + 2 * ALIGN - 1) & ~(size_t)(ALIGN - 1);
    djs_chunk *chunk = m->scratch;
    if (!chunk || need > chunk->cap - chunk->used) {
        size_t cap = chunk ? 2 * chunk->cap : CHUNK;
        if (cap > (size_t)1 << 20) cap = (size_t)1 << 20;
        if (cap < need) cap = need;
        djs_chunk *fresh = cap == CHUNK ? atomic_exchange(&spare, NULL) : NULL;
        if (!fresh) fresh = djs_realloc(NULL, sizeof *fresh + cap);
        if (!fresh) djs_memory_fail(DJS_ENOMEM);
        *fresh = (djs_chunk){.older = chunk, .cap = cap};
        m->scratch = chunk = fresh;
        CLOSED(chunk->bytes, cap);
    }
    unsigned char *at = chunk->bytes + chunk->used + ALIGN;
    chunk->used += need;
    OPEN(scratch_size(at), sizeof size + size);
    memcpy(scratch_size(at), &size, sizeof size);
    return at;
}

static void *scratch_calloc(size_t count, size_t size) {
    if (size && count > DJS_MAX_BUF / size) djs_memory_fail(DJS_ETOOBIG);
    void *ptr = scratch_bump(count * size);
    memset(ptr, 0, count * size);
    return ptr;
}

static void *scratch_realloc(void *ptr, size_t size) {
    unsigned char *fresh = scratch_bump(size);
    if (ptr) {
        size_t before;
        memcpy(&before, scratch_size(ptr), sizeof before);
        memcpy(fresh, ptr, before < size ? before : size);
    }
    return fresh;
}

static void scratch_free(void *ptr) { (void)ptr; }

cmark_mem djs_scratch = {scratch_calloc, scratch_realloc, scratch_free};

void djs_scratch_reset(djs_memory *m) {
    while (m->scratch && m->scratch->older) {
        djs_chunk *older = m->scratch->older;
        djs_realloc(m->scratch, 0);
        m->scratch = older;
    }
    if (!m->scratch) return;
    m->scratch->used = 0;
    CLOSED(m->scratch->bytes, m->scratch->cap);
}

void djs_scratch_free(djs_memory *m) {
    djs_scratch_reset(m);
    if (m->scratch && m->scratch->cap == CHUNK) m->scratch = atomic_exchange(&spare, m->scratch);
    djs_realloc(m->scratch, 0);
    m->scratch = NULL;
}

void djs_memory_free(djs_memory *m) {
    djs_scratch_free(m);
    while (m->live) {
        djs_block *next = m->live->next;
        djs_realloc(m->live, 0);
        m->live = next;
    }
    m->live_bytes = 0;
}
