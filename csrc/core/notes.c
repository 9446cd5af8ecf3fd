/* Footnotes.
 *
 * The law: at the end the page is what cmark-gfm makes of the whole text.
 * Notes are numbered in the order of their first reference, those that are
 * not defined left out; a reference to none stays text. Of two definitions of
 * a label the first counts that ends. A definition that nothing refers to
 * shows nothing, but references in it count.
 *
 * Before the end nobody knows what will be defined. So a note gets its number
 * with its first reference, defined or not, and a reference shows that number
 * at once, as text; its definition makes it a link, in the leaves that used
 * it and nowhere else. If every note that is used gets defined, in any order,
 * no number ever changes. Else, those after the missing one are put right
 * once, when the text ends: in
 *
 *     a[^x] b[^y]
 *
 *     [^y]: z
 *
 * y is 2 until the end, and 1 then.
 *
 * Definitions leave no element where they stand, so nothing that settles
 * moves. What they say is kept as HTML, with a hole for each leaf that holds
 * a reference or an unknown label, which is rendered anew whenever the
 * section is; so the section is exact whenever it is written. It belongs to the
 * tail: it is there while the text ends in definitions, and it comes last when
 * the text has ended.
 *
 * Unlike cmark-gfm's, a reference is what stands between "[^" and "]" on one
 * line of the source: cmark-gfm counts columns, and in "[&#94;aaa]" it reads
 * and shows memory that is not the text's. Its ids are made of the labels,
 * ours of the numbers.
 *
 * Limits: see the header. Memory: labels, uses, the HTML of definitions, and
 * (late.h) the source of leaves that use one.
 *
 * Checked by: tests/test_footnotes.py, tests/fuzz_markdown.py.
 *
 * SPDX-License-Identifier: MIT */
#include "notes.h"
#include "memory.h"
#include <inlines.h>

enum { HEADS = 1024, NONE = UINT32_MAX };

typedef struct {
    uint64_t hash;
    size_t label, n; /* in labels */
    uint32_t next;   /* in the chain: index + 1, or 0 */
    uint32_t number; /* 0: not used */
    uint32_t count;  /* of uses */
    uint32_t body;   /* index + 1, or 0 */
    bool defined;
} note;

typedef struct {
    uint32_t note; /* NONE: not the first definition of its label */
    size_t html, n;
    size_t back;                /* where the ways back go */
    size_t mark;                /* as djs_render.mark */
    uint32_t first, last;       /* holes: index + 1, or 0 */
    bool open;                  /* more of it may come */
    bool tail;                  /* the tail's leaf is in it: */
    size_t start, inside, firm; /* as djs_render.tail_start, ... */
} body;

typedef struct {
    size_t at, end; /* of the body's HTML */
    uint32_t leaf;  /* in djs_late.leaves */
    uint32_t next;  /* index + 1, or 0 */
} hole;

static void check(const djs_buf *buf) {
    if (buf->status) djs_memory_fail(buf->status);
}

static note *list_of(const djs_notes *notes) { return (note *)(void *)notes->list.ptr; }
static body *bodies_of(const djs_notes *notes) { return (body *)(void *)notes->bodies.ptr; }
static hole *holes_of(const djs_notes *notes) { return (hole *)(void *)notes->holes.ptr; }
static djs_use *uses_of(const djs_buf *uses) { return (djs_use *)(void *)uses->ptr; }
static size_t count(const djs_buf *uses) { return uses->len / sizeof(djs_use); }
static uint32_t list_n(const djs_notes *notes) { return (uint32_t)(notes->list.len / sizeof(note)); }

void djs_notes_free(djs_notes *notes) {
    djs_buf *bufs[] = {&notes->list, &notes->labels, &notes->uses,  &notes->passing, &notes->work,
                       &notes->html, &notes->bodies, &notes->holes, &notes->spare};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) djs_buf_free(bufs[i]);
    djs_realloc(notes->heads, 0);
    notes->heads = NULL;
}

/* ---- labels ---- */

static uint64_t hash(const uint8_t *label, size_t n) {
    uint64_t h = (1469598103934665603u ^ '^') * 1099511628211u; /* FNV-1a, of "^" before it */
    for (size_t i = 0; i < n; i++) h = (h ^ label[i]) * 1099511628211u;
    return h ^ h >> 29;
}

/* The index of the note with this label, made if there is none and `add`; else NONE. */
static uint32_t find(djs_notes *notes, const cmark_chunk *text, bool add) {
    cmark_chunk chunk = *text;
    if (chunk.len < 1 || chunk.len > MAX_LINK_LABEL_LENGTH) return NONE;
    uint8_t *label = normalize_map_label(&djs_scratch, &chunk);
    if (!label) return NONE;
    size_t n = strlen((const char *)label);
    uint64_t h = hash(label, n);
    const note *list = list_of(notes);
    for (uint32_t at = notes->heads ? notes->heads[h % HEADS] : 0; at; at = list[at - 1].next)
        if (list[at - 1].hash == h && list[at - 1].n == n &&
            !memcmp(notes->labels.ptr + list[at - 1].label, label, n))
            return at - 1;
    if (!add) return NONE;
    if (!notes->heads && !(notes->heads = djs_calloc(HEADS, sizeof *notes->heads)))
        djs_memory_fail(DJS_ENOMEM);
    note made = {.hash = h, .label = notes->labels.len, .n = n, .next = notes->heads[h % HEADS]};
    djs_buf_put(&notes->labels, label, n);
    check(&notes->labels);
    djs_buf_put(&notes->list, &made, sizeof made);
    check(&notes->list);
    notes->heads[h % HEADS] = list_n(notes);
    return list_n(notes) - 1;
}

static void tell(djs_buf *labels, uint64_t h) {
    if (!labels) return;
    djs_buf_put(labels, &h, sizeof h);
    check(labels);
}

static void define(djs_notes *notes, const cmark_node *definition) {
    uint32_t index = find(notes, &definition->as.literal, true);
    note *n = list_of(notes) + index;
    if (index == NONE || n->defined) return;
    n->defined = true;
    notes->defined++;
    tell(notes->fresh, n->hash);
}

void djs_notes_watch(djs_notes *notes, cmark_parser *parser, size_t n) {
    static char seen;
    const cmark_node *top = NULL;
    bool fresh = false;
    for (cmark_node *node = parser->current; node; node = node->parent) {
        if (node->type != CMARK_NODE_FOOTNOTE_DEFINITION) continue;
        top = node;
        fresh = node->user_data != &seen;
        if (!fresh) continue;
        node->user_data = &seen;
        define(notes, node);
    }
    if (!top) return;
    notes->bytes += n;
    notes->open = fresh ? n : notes->open + n;
    if (fresh) notes->shown = 0;
    if (notes->defined < DJS_MAX_NOTES && notes->bytes < DJS_MAX_NOTE_BYTES) return;
    djs_cmark_capped((djs_refmap *)parser->refmap);
    parser->options &= ~CMARK_OPT_FOOTNOTES;
    if (notes->bytes < DJS_MAX_NOTE_BYTES) return;
    while (parser->current != top->parent) parser->current = djs_cmark_close(parser, parser->current);
}

/* ---- references ---- */

size_t djs_notes_uses(const djs_notes *notes, bool passing) {
    return count(passing ? &notes->passing : &notes->uses);
}

bool djs_notes_keep(djs_notes *notes, size_t keep) {
    size_t n = count(&notes->passing);
    if (n <= keep) return false;
    while (n > keep) {
        note *used = list_of(notes) + uses_of(&notes->passing)[--n].note;
        if (--used->count) continue;
        used->number = 0;
        notes->last--;
    }
    djs_buf_cut(&notes->passing, keep * sizeof(djs_use));
    while (notes->list.len) { /* labels that only the tail used, maybe half of one */
        const note *last = list_of(notes) + list_n(notes) - 1;
        if (last->count || last->defined) break;
        notes->heads[last->hash % HEADS] = last->next;
        djs_buf_cut(&notes->labels, last->label);
        djs_buf_cut(&notes->list, notes->list.len - sizeof *last);
    }
    return true;
}

bool djs_notes_forget(djs_notes *notes) {
    size_t n = notes->bodies.len / sizeof(body), holes = notes->holes.len;
    while (n > notes->settled_bodies) {
        const body *b = bodies_of(notes) + --n;
        if (b->note != NONE) list_of(notes)[b->note].body = 0;
        if (b->first && (b->first - 1) * sizeof(hole) < holes) holes = (b->first - 1) * sizeof(hole);
    }
    djs_buf_cut(&notes->bodies, notes->settled_bodies * sizeof(body));
    djs_buf_cut(&notes->html, notes->settled_html);
    djs_buf_cut(&notes->holes, holes);
    return djs_notes_keep(notes, 0);
}

/* The next node of a tree of inlines, or NULL. */
static cmark_node *following(const cmark_node *root, cmark_node *node) {
    if (node->first_child) return node->first_child;
    while (node != root && !node->next) node = node->parent;
    return node == root ? NULL : node->next;
}

/* Are these the uses that the leaf had before? A definition that came late can change them. */
static bool same_uses(djs_notes *notes, cmark_node *root, const djs_run *run) {
    size_t n = 0;
    for (cmark_node *node = root; node; node = following(root, node)) {
        if (node->type != CMARK_NODE_FOOTNOTE_REFERENCE) continue;
        uint32_t index = find(notes, &node->as.literal, false);
        if (index == NONE) continue;
        if (n == run->n) return count(&notes->uses) + count(&notes->passing) >= DJS_MAX_REFERENCES;
        if (uses_of(&notes->uses)[run->first + n++].note != index) return false;
    }
    return n == run->n;
}

static const djs_use *use(djs_notes *notes, uint32_t index, bool passing) {
    djs_buf *uses = passing ? &notes->passing : &notes->uses;
    note *n = list_of(notes) + index;
    if (!n->number && (n->defined || !notes->whole)) n->number = ++notes->last;
    n->count++;
    djs_use made = {.note = index, .number = n->number, .nth = n->count, .linked = n->defined};
    djs_buf_put(uses, &made, sizeof made);
    check(uses);
    if (!n->defined && !passing) tell(notes->misses, n->hash);
    return uses_of(uses) + count(uses) - 1;
}

void djs_notes_resolve(djs_render *r, cmark_node *root) {
    djs_notes *notes = r->notes;
    bool again = r->run && same_uses(notes, root, r->run);
    size_t k = 0, first = count(&notes->uses);
    for (cmark_node *node = root; node; node = following(root, node)) {
        if (node->type != CMARK_NODE_FOOTNOTE_REFERENCE) continue;
        const djs_use *shown = NULL;
        bool room = count(&notes->uses) + count(&notes->passing) < DJS_MAX_REFERENCES;
        if (!room) djs_cmark_capped((djs_refmap *)r->map);
        uint32_t index = find(notes, &node->as.literal, !again && room);
        if (again && index != NONE && k < r->run->n) {
            djs_use *old = uses_of(&notes->uses) + r->run->first + k++;
            old->linked = list_of(notes)[index].defined;
            shown = old;
        } else if (!again && room && index != NONE) {
            shown = use(notes, index, r->passing);
        }
        if (shown && (shown->linked || (notes->pending && !notes->whole))) {
            node->user_data = (void *)(uintptr_t)((uint64_t)shown->number << 1 | shown->linked);
            node->footnote.ref_ix = (int)shown->nth;
        } else { /* its source, which the label is a part of */
            node->type = (uint16_t)CMARK_NODE_TEXT;
            node->as.literal.data -= 2;
            node->as.literal.len += 3;
        }
    }
    if (r->run && !again) *r->run = (djs_run){first, count(&notes->uses) - first};
}

static void lit(djs_render *r, const char *html) {
    djs_buf_put(r->out, html, strlen(html));
    r->mark = r->out->len;
}

/* "fnref-2-3": what the third reference to note 2 is called. */
static void name(djs_render *r, const char *kind, uint64_t number, uint64_t nth) {
    lit(r, r->options->footnotes);
    lit(r, kind);
    djs_buf_uint(r->out, number);
    if (nth < 2) return;
    lit(r, "-");
    djs_buf_uint(r->out, nth);
}

void djs_notes_reference(djs_render *r, const cmark_node *node, bool in_link) {
    uintptr_t number = (uintptr_t)node->user_data >> 1;
    bool linked = (uintptr_t)node->user_data & 1;
    lit(r, "<sup class=\"footnote-ref\"");
    if (linked && !in_link) {
        lit(r, "><a href=\"#");
        name(r, "fn-", number, 0);
        lit(r, "\"");
    }
    if (linked) {
        lit(r, " id=\"");
        name(r, "fnref-", number, (uint64_t)node->footnote.ref_ix);
        lit(r, in_link ? "\"" : "\" data-footnote-ref=\"\"");
    }
    lit(r, ">");
    djs_buf_uint(r->out, number);
    r->mark = r->out->len;
    djs_buf_put(r->out, "</a></sup>", linked && !in_link ? 4 : 0);
    djs_buf_lit(r->out, "</sup>");
}

/* ---- what they say ---- */

static bool is_definition(const cmark_node *node) { return node->type == CMARK_NODE_FOOTNOTE_DEFINITION; }

/* What def_count of a definition keeps. */
enum { OPEN = 1, UNSETTLED = 2 };

void djs_notes_mark_open(cmark_node *node) {
    for (; node; node = node->parent)
        if (is_definition(node)) node->footnote.def_count |= OPEN;
}

void djs_notes_mark_unsettled(cmark_node *node) {
    for (; node; node = node->parent)
        if (is_definition(node)) node->footnote.def_count |= UNSETTLED;
}

void djs_notes_collect(djs_render *r, cmark_node *definition) {
    djs_notes *notes = r->notes;
    uint32_t index = (uint32_t)(notes->bodies.len / sizeof(body));
    djs_buf_put(&notes->bodies, &(body){.note = NONE, .open = definition->footnote.def_count & OPEN},
                sizeof(body));
    check(&notes->bodies);
    djs_buf *out = r->out;
    size_t base = notes->work.len, mark = r->mark, outer_base = r->note_base;
    unsigned nesting = r->nesting;
    uint32_t outer = r->note;
    djs_slugs *slugs = r->slugs;
    bool tail = r->tail_inlines.text != NULL;
    r->out = &notes->work;
    r->mark = r->note_base = base;
    r->nesting = 0;
    r->note = index + 1;
    if (definition->footnote.def_count & UNSETTLED) r->slugs = NULL; /* what is not settled takes none */
    const cmark_node *last = NULL;
    for (cmark_node *child = definition->first_child; child; child = child->next) {
        djs_render_block(r, child);
        if (!is_definition(child)) last = child;
    }
    check(&notes->work);

    body *b = bodies_of(notes) + index; /* there may be more of them now */
    b->n = notes->work.len - base;
    b->back = b->n - (last && last->type == CMARK_NODE_PARAGRAPH && b->n ? strlen("</p>") : 0);
    b->mark = r->mark - base;
    if (!tail && r->tail_inlines.text && !r->tail_note) {
        b->tail = true;
        b->start = r->tail_start - base;
        b->inside = r->tail_inside - base;
        b->firm = r->tail_firm - base;
        r->tail_note = index + 1;
    }
    r->out = out;
    r->mark = mark;
    r->nesting = nesting;
    r->note = outer;
    r->slugs = slugs;
    r->note_base = outer_base;
    uint32_t label = find(notes, &definition->as.literal, false);
    if (label != NONE && !list_of(notes)[label].body) {
        list_of(notes)[label].body = index + 1;
        b->note = label;
        b->html = notes->html.len;
        djs_buf_put(&notes->html, notes->work.ptr + base, b->n);
        check(&notes->html);
    }
    djs_buf_cut(&notes->work, base);
    if (r->passing) return;
    uint32_t number = b->note == NONE ? 0 : list_of(notes)[b->note].number;
    if (number > notes->highest) notes->highest = number;
    else notes->unordered += number != 0;
    notes->settled_html = notes->html.len;
    notes->settled_bodies = notes->bodies.len / sizeof(body);
}

void djs_notes_hole(djs_render *r, uint32_t leaf) {
    djs_notes *notes = r->notes;
    hole made = {.at = r->leaf_at - r->note_base, .end = r->out->len - r->note_base, .leaf = leaf};
    djs_buf_put(&notes->holes, &made, sizeof made);
    check(&notes->holes);
    body *b = bodies_of(notes) + r->note - 1;
    uint32_t index = (uint32_t)(notes->holes.len / sizeof made);
    if (b->last) holes_of(notes)[b->last - 1].next = index;
    else b->first = index;
    b->last = index;
}

/* What the body says before the ways back, with its holes filled. */
static void put(djs_render *r, const body *b) {
    djs_notes *notes = r->notes;
    cmark_map *map = r->map;
    size_t at = 0, position = r->position;
    bool passing = r->passing;
    if (((djs_refmap *)map)->below) r->map = &((djs_refmap *)map)->below->base; /* only what is certain */
    r->passing = false;
    for (uint32_t i = b->first; i; i = holes_of(notes)[i - 1].next) {
        hole h = holes_of(notes)[i - 1];
        djs_late_leaf *leaf = (djs_late_leaf *)(void *)notes->late->leaves.ptr + h.leaf;
        djs_buf_put(r->out, notes->html.ptr + b->html + at, h.at - at);
        cmark_node *node = cmark_node_new_with_mem(CMARK_NODE_PARAGRAPH, &djs_scratch);
        cmark_strbuf_put(&node->content, notes->late->texts.ptr + leaf->text, (bufsize_t)leaf->n);
        djs_run run = {leaf->uses, leaf->uses_n};
        r->run = &run;
        r->position = leaf->position;
        djs_render_inlines(r, node);
        r->run = NULL;
        leaf->uses = run.first;
        leaf->uses_n = run.n;
        at = h.end;
        djs_buf_clear(notes->misses); /* noted before, under this leaf */
    }
    djs_buf_put(r->out, notes->html.ptr + b->html + at, b->back - at);
    r->map = map;
    r->position = position;
    r->passing = passing;
    r->mark = r->out->len;
}

/* The ways back, to each of its n references. space: after text. */
static void put_back(djs_render *r, uint32_t number, uint32_t n, bool space) {
    for (uint32_t nth = 1; nth <= n; nth++) {
        if (space || nth > 1) lit(r, " ");
        lit(r, "<a href=\"#");
        name(r, "fnref-", number, nth);
        lit(r, "\" class=\"footnote-backref\" data-footnote-backref=\"\" data-footnote-backref-idx=\"");
        djs_buf_uint(r->out, number);
        if (nth > 1) djs_buf_byte(r->out, '-'), djs_buf_uint(r->out, nth);
        lit(r, "\" aria-label=\"Back to reference ");
        djs_buf_uint(r->out, number);
        if (nth > 1) djs_buf_byte(r->out, '-'), djs_buf_uint(r->out, nth);
        lit(r, "\">\xE2\x86\xA9");
        if (nth > 1) {
            lit(r, "<sup class=\"footnote-ref\">");
            djs_buf_uint(r->out, nth);
            lit(r, "</sup>");
        }
        djs_buf_lit(r->out, "</a>");
        r->mark = r->out->len;
    }
}

bool djs_notes_small(const djs_notes *notes) {
    enum { WAY_BACK = 128 };
    size_t uses = count(&notes->uses) + count(&notes->passing);
    return notes->html.len + uses * WAY_BACK <= DJS_NOTES_SHOWN && notes->unordered <= DJS_NOTES_UNORDERED;
}

bool djs_notes_section(djs_render *r) {
    djs_notes *notes = r->notes;
    uint32_t shown = 0;
    bool tail_last = false;
    djs_buf_clear(&notes->spare);
    if (!djs_buf_grow(&notes->spare, (notes->last + 1) * sizeof(uint32_t))) check(&notes->spare);
    uint32_t *order = (uint32_t *)(void *)notes->spare.ptr, last = notes->last;
    for (uint32_t i = 0; i <= last; i++) order[i] = NONE;
    for (uint32_t i = 0; i < list_n(notes); i++) order[list_of(notes)[i].number] = i;
    for (uint32_t number = 1; number <= last; number++) {
        const note *n = order[number] == NONE ? NULL : list_of(notes) + order[number];
        if (!n || !n->body) continue;
        body b = bodies_of(notes)[n->body - 1];
        uint32_t uses = n->count;
        if (!shown++) {
            lit(r, "<section class=\"footnotes\" data-footnotes=\"\">");
            lit(r, r->options->dir_auto ? "<ol dir=\"auto\">" : "<ol>");
        }
        lit(r, "<li id=\"");
        name(r, "fn-", number, 0);
        lit(r, "\"");
        if (number != shown) { /* one before is not defined yet */
            lit(r, " value=\"");
            djs_buf_uint(r->out, number);
            lit(r, "\"");
        }
        lit(r, ">");
        size_t at = r->out->len;
        put(r, &b);
        if (!b.open) put_back(r, number, uses, b.back < b.n);
        djs_buf_put(r->out, notes->html.ptr + b.html + b.back, b.n - b.back);
        if (b.open) r->mark = at + b.mark;
        djs_buf_lit(r->out, "</li>");
        tail_last = b.tail;
        if (!b.tail) continue;
        r->tail_start = at + b.start;
        r->tail_inside = at + b.inside;
        r->tail_firm = at + b.firm;
    }
    if (shown) djs_buf_lit(r->out, "</ol></section>");
    return tail_last;
}

bool djs_notes_last(const djs_page *page) {
    static const char section[] = "<section";
    return !page->depth && page->tail.len > sizeof section &&
           !memcmp(page->tail.ptr, section, sizeof section - 1);
}

/* ---- the end ---- */

void djs_notes_finish(djs_notes *notes) {
    djs_late *late = notes->late;
    djs_late_leaf *leaves = (djs_late_leaf *)(void *)late->leaves.ptr;
    note *list = list_of(notes);
    djs_notes_forget(notes);
    notes->whole = true;
    notes->last = 0;
    for (uint32_t i = 0; i < list_n(notes); i++) list[i].number = list[i].count = 0;
    for (size_t i = 0; i < late->leaves.len / sizeof *leaves; i++) {
        bool changed = false;
        for (size_t k = 0; k < leaves[i].uses_n; k++) {
            djs_use *use = uses_of(&notes->uses) + leaves[i].uses + k;
            note *n = list + use->note;
            if (n->defined && !n->number) n->number = ++notes->last;
            n->count++;
            if (!n->defined) changed |= notes->pending;
            else changed |= use->number != n->number || use->nth != n->count;
            use->number = n->number;
            use->nth = n->count;
        }
        if (changed) djs_late_due(late, (uint32_t)i);
    }
}
