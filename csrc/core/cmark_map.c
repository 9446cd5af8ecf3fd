/* Reference definitions: what takes the place of cmark-gfm's map.c and references.c.
 *
 * Theirs sorts at the first look-up and cannot grow afterwards. Ours is a hash
 * table that can be asked at any time, lies over another one (definitions that
 * are still speculative over those that are certain), and notes the labels
 * that were asked for and not found, so that a definition which arrives late
 * touches only the leaves that used its label.
 *
 * The law: a look-up finds the first definition of its label, as
 * CommonMark 0.31 (4.7) says, whichever map holds it.
 *
 * SPDX-License-Identifier: MIT */
#include "cmark.h"
#include "memory.h"
#include <inlines.h>
#include <../src/utf8.h> /* not ours of the same name */

static djs_refmap *of(cmark_map *map) { return (djs_refmap *)map; }

static uint64_t hash(const unsigned char *label) {
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (; *label; label++) h = (h ^ *label) * 1099511628211u;
    return h ^ h >> 29;
}

/* A label that is lost here would be a leaf that is never mended. */
static void note(djs_buf *list, uint64_t h) {
    if (!list) return;
    djs_buf_put(list, &h, sizeof h);
    if (list->status) djs_memory_fail(list->status);
}

unsigned char *normalize_map_label(cmark_mem *mem, cmark_chunk *ref) {
    if (!ref || !ref->len) return NULL;
    cmark_strbuf label = CMARK_BUF_INIT(mem);
    cmark_utf8proc_case_fold(&label, ref->data, ref->len);
    cmark_strbuf_trim(&label);
    cmark_strbuf_normalize_whitespace(&label);
    unsigned char *normal = cmark_strbuf_detach(&label);
    if (normal[0]) return normal;
    mem->free(normal);
    return NULL;
}

cmark_map *cmark_map_new(cmark_mem *mem, cmark_map_free_f free_entry) {
    djs_refmap *map = mem->calloc(1, sizeof *map);
    map->base.mem = mem;
    map->base.free = free_entry;
    return &map->base;
}

void cmark_map_free(cmark_map *map) {
    if (!map) return;
    for (cmark_map_entry *entry = map->refs, *next; entry; entry = next) {
        next = entry->next;
        map->free(map, entry);
    }
    map->mem->free(map->sorted);
    map->mem->free(map);
}

static cmark_map_entry *find(djs_refmap *map, const unsigned char *label, uint64_t h) {
    cmark_map_entry *entry = map->below ? find(map->below, label, h) : NULL;
    if (entry || !map->cap) return entry;
    for (size_t i = h & (map->cap - 1); (entry = map->base.sorted[i]); i = (i + 1) & (map->cap - 1))
        if (!strcmp((const char *)entry->label, (const char *)label)) return entry;
    return NULL;
}

static void insert(djs_refmap *map, cmark_map_entry *entry) {
    size_t i = hash(entry->label) & (map->cap - 1);
    while (map->base.sorted[i]) i = (i + 1) & (map->cap - 1);
    map->base.sorted[i] = entry;
}

/* A long address that is used again and again would make much of little. */
static bool is_usable(djs_refmap *map, const cmark_reference *reference, const uint8_t *use) {
    uint64_t size = (uint64_t)reference->url.len + (uint64_t)reference->title.len;
    if (size <= DJS_FREE_REFERENCE || !map->text) return true;
    if (size * (map->position + (size_t)(use - map->text)) <= DJS_MAX_REFERENCE_USE) return true;
    djs_cmark_capped(map);
    return false;
}

/* Is there room for one more definition, over all that lie below? */
static bool has_room(djs_refmap *map, size_t bytes) {
    size_t count = 1;
    for (djs_refmap *m = map; m; m = m->below) count += m->base.size, bytes += m->bytes;
    if (count <= DJS_MAX_DEFINITIONS && bytes <= DJS_MAX_DEFINITION_BYTES) return true;
    djs_cmark_capped(map);
    return false;
}

cmark_map_entry *cmark_map_lookup(cmark_map *map, cmark_chunk *label) {
    static cmark_reference nothing;
    if (map && of(map)->any)
        return of(map)->notes && label->len && *label->data == '^' ? NULL : &nothing.entry;
    if (!map || label->len < 1 || label->len > MAX_LINK_LABEL_LENGTH) return NULL;
    unsigned char *normal = normalize_map_label(map->mem, label);
    if (!normal) return NULL;
    uint64_t h = hash(normal);
    cmark_map_entry *entry = find(of(map), normal, h);
    if (!entry) note(of(map)->misses, h);
    map->mem->free(normal);
    return entry && is_usable(of(map), (const cmark_reference *)entry, label->data) ? entry : NULL;
}

static void free_reference(cmark_map *map, cmark_map_entry *entry) {
    cmark_reference *reference = (cmark_reference *)entry;
    map->mem->free(entry->label);
    cmark_chunk_free(map->mem, &reference->url);
    cmark_chunk_free(map->mem, &reference->title);
    map->mem->free(reference);
}

cmark_map *cmark_reference_map_new(cmark_mem *mem) { return cmark_map_new(mem, free_reference); }

void cmark_reference_create(cmark_map *base, cmark_chunk *label, cmark_chunk *url, cmark_chunk *title) {
    djs_refmap *map = of(base);
    unsigned char *normal = normalize_map_label(base->mem, label);
    if (!normal) return;
    uint64_t h = hash(normal);
    size_t bytes = strlen((const char *)normal) + (size_t)url->len + (size_t)title->len;
    if (find(map, normal, h) || !has_room(map, bytes)) { /* the first one wins */
        base->mem->free(normal);
        return;
    }
    cmark_reference *reference = base->mem->calloc(1, sizeof *reference);
    reference->entry.label = normal;
    reference->url = cmark_clean_url(base->mem, url);
    reference->title = cmark_clean_title(base->mem, title);
    reference->entry.next = base->refs;
    base->refs = &reference->entry;
    base->size++;
    map->bytes += bytes;
    if (base->size * 2 > map->cap) {
        map->cap = map->cap ? map->cap * 2 : 16;
        base->mem->free(base->sorted);
        base->sorted = base->mem->calloc(map->cap, sizeof *base->sorted);
        for (cmark_map_entry *entry = base->refs; entry; entry = entry->next) insert(map, entry);
    } else {
        insert(map, &reference->entry);
    }
    note(map->fresh, h);
}
