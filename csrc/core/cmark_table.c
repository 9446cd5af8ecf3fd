/* cmark-gfm's table extension, with what its nodes keep to themselves in reach.
 *
 * SPDX-License-Identifier: MIT */
#include <table.c>
#include "cmark.h"

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

uint8_t djs_cmark_alignment(const cmark_node *cell) { return get_cell_alignment((cmark_node *)cell); }
