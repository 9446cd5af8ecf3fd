/* Counts the heap: link with -Wl,--wrap for malloc, calloc, realloc and free.
 *
 * What a block takes is what malloc_usable_size says and a word of malloc's own.
 *
 * SPDX-License-Identifier: MIT */
#ifndef HEAP_H
#define HEAP_H

#include <malloc.h>
#include <stddef.h>

static size_t heap_now, heap_peak;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void __real_free(void *ptr);

static size_t heap_of(void *ptr) { return ptr ? malloc_usable_size(ptr) + sizeof(size_t) : 0; }

static void *heap_add(void *ptr) {
    heap_now += heap_of(ptr);
    if (heap_now > heap_peak) heap_peak = heap_now;
    return ptr;
}

void *__wrap_malloc(size_t size) { return heap_add(__real_malloc(size)); }

void *__wrap_calloc(size_t count, size_t size) { return heap_add(__real_calloc(count, size)); }

/* While a block grows, both its places may be taken. */
void *__wrap_realloc(void *ptr, size_t size) {
    size_t before = heap_of(ptr);
    void *grown = __real_realloc(ptr, size);
    if (!grown && size) return NULL;
    if (grown == ptr) heap_now -= before;
    heap_add(grown);
    if (grown != ptr) heap_now -= before;
    return grown;
}

void __wrap_free(void *ptr) {
    heap_now -= heap_of(ptr);
    __real_free(ptr);
}

#endif
