/* cmark-gfm's table extension, with what its nodes keep to themselves in reach.
 *
 * SPDX-License-Identifier: MIT */
#include "cmark.h"
#undef UINT16_MAX /* the most columns that table.c takes, and a limit of nothing else in it */
#define UINT16_MAX DJS_MAX_COLUMNS
#include <table.c>

void djs_cmark_clone_table(cmark_mem *mem, cmark_node *copy, const cmark_node *node) {
    if (node->type == CMARK_NODE_TABLE) {
        node_table *table = mem->calloc(1, sizeof *table);
        *table =
            *(const node_table *)node->as.opaque; /* the alignments stay shared: a copy never frees them */
        copy->as.opaque = table;
    } else if (node->type == CMARK_NODE_TABLE_ROW) {
        node_table_row *row = mem->calloc(1, sizeof *row);
        *row = *(const node_table_row *)node->as.opaque;
        copy->as.opaque = row;
    }
}

void djs_cmark_cap_padding(djs_refmap *map, cmark_node *row) {
    size_t padding = 0;
    if (row->type != CMARK_NODE_TABLE_ROW) return;
    for (const cmark_node *cell = row->last_child; cell && !cell->start_column; cell = cell->prev) padding++;
    map->padding += padding;
    if (!padding || map->padding + (map->below ? map->below->padding : 0) <= DJS_MAX_PADDING) return;
    map->padding -= padding;
    while (padding--) cmark_node_free(row->last_child);
    djs_cmark_capped(map);
}

size_t djs_cmark_columns(const cmark_node *table, const uint8_t **alignments) {
    const node_table *opaque = table->as.opaque;
    *alignments = opaque->alignments;
    return opaque->n_columns;
}

uint8_t djs_cmark_alignment(const cmark_node *cell) { return get_cell_alignment((cmark_node *)cell); }
