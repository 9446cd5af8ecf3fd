/* _core.escape and _core.Fragment: text to HTML for Python.
 *
 * The law: first all values of a call or row become str, which may run any
 * Python; then what they are is written, which runs none. So a value whose
 * __html__ calls the same fragment finds it as it was.
 *
 * A str is read and written as it lies in memory, as characters of 1, 2 or 4
 * bytes, and what is written is as narrow as a str must be: it becomes wider
 * when a wider text comes, and that of a refused address does not.
 *
 * Checked by: tests/test_fragment.py.
 *
 * SPDX-License-Identifier: MIT */
#include "module.h"
#include "args.h"
#include "escape.h"
#include "fragment.h"
#include "url.h"
#include <structmember.h>

/* A value as text. */
typedef struct {
    PyObject *str; /* owned */
    const void *data;
    size_t n, growth; /* growth: where it is escaped, once that was measured */
    Py_UCS4 max;      /* no character is greater: 0x7f, 0xff, 0xffff or 0x10ffff */
    uint8_t width;
    bool markup; /* HTML, by its __html__ */
} value;

/* A part of the template, with its text at hand. */
typedef struct {
    djs_part part;
    value literal;
} piece;

typedef struct {
    PyObject ob_base; /* what PyObject_HEAD is */
    vectorcallfunc vectorcall;
    djs_state *state;
    PyObject *template, *names;
    piece *pieces;
    size_t count, holes;
    size_t literal_n, places; /* characters of all literals; how many pieces are holes */
    bool narrow;              /* are all literals of characters of one byte? */
} FragmentObject;

/* ---- values ---- */

static PyObject *import_name(const char *home, const char *name) {
    PyObject *module = PyImport_ImportModule(home);
    PyObject *object = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return object;
}

/* *place is Django's name, imported when first needed: streams run without Django. Two threads may both
 * come here; the first one's stays. */
static int need(PyObject **place, const char *home, const char *name) {
    PyObject *none = NULL;
    if (__atomic_load_n(place, __ATOMIC_ACQUIRE)) return 1;
    PyObject *object = import_name(home, name);
    if (!object) return 0;
    if (!__atomic_compare_exchange_n(place, &none, object, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        Py_DECREF(object);
    return 1;
}

static int need_django(djs_state *state) {
    if (state->safe_direct) return 1;
    if (!need(&state->safe_string, "django.utils.safestring", "SafeString") ||
        !need(&state->promise, "django.utils.functional", "Promise"))
        return 0;
    state->safe_direct = djs_is_plain_subtype((PyTypeObject *)state->safe_string);
    return 1;
}

/* The str of an object that is none of the usual; as Django's conditional_escape. */
static PyObject *str_of(djs_state *state, PyObject *object, bool *markup) {
    PyObject *html = NULL, *result = NULL;
    int lazy = PyObject_IsInstance(object, state->promise);
    if (lazy < 0) return NULL;
    object = lazy ? PyObject_Str(object) : Py_NewRef(object);
    if (!object || djs_optional_attr(object, state->html_name, &html) < 0) goto done;
    result = html ? PyObject_CallNoArgs(html) : PyObject_Str(object);
    *markup = html != NULL;
    if (result && !PyUnicode_Check(result)) {
        PyErr_Format(PyExc_TypeError, "__html__ of %.100s gave %.100s, not str", Py_TYPE(object)->tp_name,
                     Py_TYPE(result)->tp_name);
        Py_CLEAR(result);
    }
done:
    Py_XDECREF(object);
    Py_XDECREF(html);
    return result;
}

static inline int look_at(value *v, PyObject *str) {
    v->str = str;
    if (!str || djs_unicode_ready(str) < 0) {
        Py_CLEAR(v->str);
        return 0;
    }
    v->data = PyUnicode_DATA(str);
    v->n = (size_t)PyUnicode_GET_LENGTH(str);
    v->width = (uint8_t)PyUnicode_KIND(str);
    v->max = PyUnicode_MAX_CHAR_VALUE(str);
    return 1;
}

/* Fills v, which then owns its str. */
static inline int take(djs_state *state, value *v, PyObject *object) {
    PyObject *str;
    if (PyUnicode_CheckExact(object) && PyUnicode_IS_COMPACT_ASCII(object)) { /* most values */
        *v = (value){.str = Py_NewRef(object), .max = 0x7f, .width = 1};
        v->data = PyUnicode_DATA(object);
        v->n = (size_t)PyUnicode_GET_LENGTH(object);
        return 1;
    }
    v->markup = false;
    if (PyUnicode_CheckExact(object)) str = Py_NewRef(object);
    else if ((PyObject *)Py_TYPE(object) == state->safe_string) {
        v->markup = true;
        str = Py_NewRef(object);
    } else if (PyLong_CheckExact(object) || PyFloat_CheckExact(object) || object == Py_None)
        str = PyObject_Str(object);
    else str = str_of(state, object, &v->markup);
    return look_at(v, str);
}

static inline void drop(value *values, size_t n) {
    while (n--) Py_DECREF(values[n].str);
}

/* A SafeString of a str that is there already; steals it. */
static PyObject *as_safe(djs_state *state, PyObject *str) {
    PyObject *safe = str ? PyObject_CallOneArg(state->safe_string, str) : NULL;
    Py_XDECREF(str);
    return safe;
}

/* Room for a SafeString of n characters, to be written and then given to finish(). */
static PyObject *room(djs_state *state, size_t n, Py_UCS4 max) {
    if (n > PY_SSIZE_T_MAX / 4 - 1) return PyErr_NoMemory();
    if (state->safe_direct)
        return djs_str_subtype_new((PyTypeObject *)state->safe_string, (Py_ssize_t)n, max);
    return PyUnicode_New((Py_ssize_t)n, max);
}

static PyObject *finish(djs_state *state, PyObject *str) {
    return state->safe_direct ? str : as_safe(state, str);
}

/* ---- escape ---- */

static PyObject *escape(PyObject *module, PyObject *object) {
    djs_state *state = PyModule_GetState(module);
    value v;
    PyObject *out;
    if (!need_django(state) || !take(state, &v, object)) return NULL;
    if ((PyObject *)Py_TYPE(v.str) == state->safe_string && v.markup) return v.str;
    if (v.markup) return as_safe(state, v.str);
    size_t more = djs_escape_growth(v.data, v.n, v.width, false);
    out = room(state, v.n + more, v.max);
    if (out) djs_escape_write(PyUnicode_DATA(out), v.width, v.data, v.n, v.width, false, more);
    Py_DECREF(v.str);
    return finish(state, out);
}

/* ---- what is being written ---- */

/* Characters of one width, which grows when it must. */
typedef struct {
    void *data; /* near, or of PyObject_Malloc */
    size_t n, cap;
    unsigned width;
    Py_UCS4 max;
    uint8_t near[2048]; /* what is short needs no memory of its own until it is a str */
} draft;

static inline void begin(draft *d) {
    d->data = d->near;
    d->n = 0;
    d->cap = sizeof d->near;
    d->width = 1;
    d->max = 0x7f;
}

static inline void discard(draft *d) {
    if (d->data != d->near) PyObject_Free(d->data);
}

/* Room for n more characters of that width, and an end; 0 and an exception when there is none. */
static int make_room(draft *d, size_t n, unsigned width) {
    if (n > PY_SSIZE_T_MAX / 16 - 1 - d->n) {
        PyErr_NoMemory();
        return 0;
    }
    size_t cap = d->n + n + 1;
    if (d->n && cap < 2 * d->cap) cap = 2 * d->cap;
    bool same = width == d->width && d->data != d->near;
    void *data = same ? PyObject_Realloc(d->data, cap * width) : PyObject_Malloc(cap * width);
    if (!data) {
        PyErr_NoMemory();
        return 0;
    }
    if (!same) {
        djs_escape_write(data, width, d->data, d->n, d->width, false, 0);
        discard(d);
    }
    d->data = data;
    d->cap = cap;
    d->width = width;
    return 1;
}

static inline int has_room(draft *d, size_t n, unsigned width) {
    if (width <= d->width && n < d->cap - d->n) return 1;
    return make_room(d, n, width > d->width ? width : d->width);
}

/* As memcpy, but most are short, and a call costs more than they do. */
static inline void copy(uint8_t *to, const uint8_t *from, size_t n) {
    uint64_t first, last;
    uint32_t head, tail;
    if (n > 128) memcpy(to, from, n);
    else if (n >= 16) {
        for (size_t i = 0; i < n - 16; i += 16) memcpy(to + i, from + i, 16);
        memcpy(to + n - 16, from + n - 16, 16);
    } else if (n >= 8) {
        memcpy(&first, from, 8), memcpy(&last, from + n - 8, 8);
        memcpy(to, &first, 8), memcpy(to + n - 8, &last, 8);
    } else if (n >= 4) {
        memcpy(&head, from, 4), memcpy(&tail, from + n - 4, 4);
        memcpy(to, &head, 4), memcpy(to + n - 4, &tail, 4);
    } else
        while (n--) *to++ = *from++;
}

/* MEASURE writes nothing, and counts; WRITE has the room that was measured; FIT has room for whatever texts
 * of bytes become. */
typedef enum { MEASURE, WRITE, FIT } phase;

/* Inlined, once for each phase. */
#define PHASES static inline __attribute__((always_inline))

PHASES void put_html(draft *d, const value *v, phase now) {
    uint8_t *end = (uint8_t *)d->data + d->n * (now == FIT ? 1 : d->width);
    if (now == MEASURE) d->width = v->width > d->width ? v->width : d->width;
    if (now == WRITE) djs_escape_write(end, d->width, v->data, v->n, v->width, false, 0);
    if (now == FIT) copy(end, v->data, v->n);
    d->n += v->n;
    d->max |= v->max;
}

PHASES void put_text(draft *d, value *v, phase now) {
    uint8_t *end = (uint8_t *)d->data + d->n * (now == FIT ? 1 : d->width);
    if (now == MEASURE) {
        v->growth = djs_escape_growth(v->data, v->n, v->width, v->markup);
        d->width = v->width > d->width ? v->width : d->width;
    }
    if (now == WRITE) djs_escape_write(end, d->width, v->data, v->n, v->width, v->markup, v->growth);
    d->n += now == FIT ? djs_escape_short(end, v->data, v->n, v->markup) : v->n + v->growth;
    d->max |= v->max;
}

/* It as a SafeString; the draft is gone. */
static PyObject *finished(djs_state *state, draft *d) {
    if (d->data != d->near && state->safe_direct) {
        void *data = PyObject_Realloc(d->data, (d->n + 1) * d->width);
        return djs_str_subtype_of((PyTypeObject *)state->safe_string, data ? data : d->data, (Py_ssize_t)d->n,
                                  d->max);
    }
    PyObject *out = room(state, d->n, d->max);
    if (out) memcpy(PyUnicode_DATA(out), d->data, d->n * d->width);
    discard(d);
    return finish(state, out);
}

/* ---- a template and its values ---- */

/* Is the address in the parts behind i one that may be shown? */
static bool allowed(const FragmentObject *self, size_t i, const value *values) {
    djs_url url = {0};
    size_t end = i + self->pieces[i].part.n;
    while (i++ < end) {
        const piece *p = &self->pieces[i];
        bool literal = p->part.kind == DJS_PART_LITERAL;
        const value *v = literal ? &p->literal : &values[p->part.at];
        bool begins = !url.scheme_n && !url.entity_n && v->n;
        if (begins && djs_character(v->data, v->width, 0) == '/') return true; /* most */
        if (djs_url_feed(&url, v->data, v->n, v->width, v->markup || literal) != DJS_URL_OPEN) break;
    }
    return djs_url_end(&url);
}

PHASES void fill(const FragmentObject *self, value *values, draft *d, phase now) {
    for (size_t i = 0; i < self->count; i++) {
        const piece *p = &self->pieces[i];
        value *v;
        switch (p->part.kind) {
        case DJS_PART_LITERAL: put_html(d, &p->literal, now); break;
        case DJS_PART_TEXT:
        case DJS_PART_QUOTED:
            v = &values[p->part.at];
            if (v->markup && p->part.kind == DJS_PART_TEXT) put_html(d, v, now);
            else put_text(d, v, now);
            break;
        case DJS_PART_URL:
            if (allowed(self, i, values)) break;
            put_html(d, &p->literal, now);
            i += p->part.n;
            break;
        }
    }
}

/* Adds the fragment with these values; 0 and an exception when there is no memory. */
static int add(const FragmentObject *self, value *values, draft *d) {
    bool narrow = self->narrow && d->width == 1;
    size_t longest = 0;
    for (size_t i = 0; i < self->holes; i++) {
        narrow &= values[i].width == 1;
        if (values[i].n > longest) longest = values[i].n;
    }
    if (narrow && longest <= 128) { /* most */
        if (!has_room(d, self->literal_n + self->places * DJS_ESCAPE_ROOM(longest), 1)) return 0;
        fill(self, values, d, FIT);
        return 1;
    }
    draft measured;
    begin(&measured);
    fill(self, values, &measured, MEASURE);
    if (!has_room(d, measured.n, measured.width)) return 0;
    fill(self, values, d, WRITE);
    return 1;
}

/* The number of a name, or -1; guess: where it is, most likely. */
static Py_ssize_t number_of(const FragmentObject *self, PyObject *name, size_t guess) {
    if (guess < self->holes && PyTuple_GET_ITEM(self->names, (Py_ssize_t)guess) == name)
        return (Py_ssize_t)guess;
    for (Py_ssize_t i = 0; i < (Py_ssize_t)self->holes; i++)
        if (PyTuple_GET_ITEM(self->names, i) == name) return i;
    for (Py_ssize_t i = 0; i < (Py_ssize_t)self->holes && PyUnicode_Check(name); i++)
        if (!PyUnicode_Compare(PyTuple_GET_ITEM(self->names, i), name)) return i;
    return -1;
}

static PyObject *Fragment_call(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames) {
    FragmentObject *self = (FragmentObject *)callable;
    PyObject *given[DJS_MAX_HOLES], *out = NULL;
    value values[DJS_MAX_HOLES];
    draft d;
    size_t n = (size_t)PyVectorcall_NARGS(nargsf), taken = 0;
    size_t named = kwnames ? (size_t)PyTuple_GET_SIZE(kwnames) : 0;
    if (n > self->holes) {
        PyErr_Format(PyExc_TypeError, "%zu values for %zu holes: this fragment has %R", n, self->holes,
                     self->names);
        return NULL;
    }
    for (size_t i = 0; i < self->holes; i++) given[i] = i < n ? args[i] : NULL;
    for (size_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, (Py_ssize_t)i);
        Py_ssize_t number = number_of(self, name, n + i);
        if (number < 0 || given[number]) {
            PyErr_Format(PyExc_TypeError,
                         number < 0 ? "no hole is named %R: this fragment has %R"
                                    : "two values for %R: this fragment has %R",
                         name, self->names);
            return NULL;
        }
        given[number] = args[n + i];
    }
    for (; taken < self->holes; taken++) {
        PyObject *object = given[taken];
        if (!object) {
            PyErr_Format(PyExc_TypeError, "no value for %R: this fragment has %R",
                         PyTuple_GET_ITEM(self->names, (Py_ssize_t)taken), self->names);
            goto done;
        }
        if (!take(self->state, &values[taken], object)) goto done;
    }
    begin(&d);
    if (add(self, values, &d)) out = finished(self->state, &d);
    else discard(&d);
done:
    drop(values, taken);
    return out;
}

/* ---- join ---- */

/* Value number i of a row, owned; NULL and an exception if there is none. */
static PyObject *item_of(const FragmentObject *self, PyObject *row, size_t i, Py_ssize_t index) {
    PyObject *name = PyTuple_GET_ITEM(self->names, (Py_ssize_t)i), *item;
    if (PyTuple_Check(row)) return Py_NewRef(PyTuple_GET_ITEM(row, (Py_ssize_t)i));
    if (djs_dict_get(row, name, &item) < 0) return NULL;
    if (!item)
        PyErr_Format(PyExc_TypeError, "row %zd: no value for %R: this fragment has %R", index, name,
                     self->names);
    return item;
}

/* A dict or tuple with nothing too much in it? What is missing in a dict, item_of finds. */
static int is_row(const FragmentObject *self, PyObject *row, Py_ssize_t index) {
    PyObject *name, *ignored;
    Py_ssize_t at = 0, holes = (Py_ssize_t)self->holes;
    if (PyTuple_Check(row)) {
        if (PyTuple_GET_SIZE(row) == holes) return 1;
        PyErr_Format(PyExc_TypeError, "row %zd: %zd values for %zd holes: this fragment has %R", index,
                     PyTuple_GET_SIZE(row), holes, self->names);
        return 0;
    }
    if (!PyDict_Check(row)) {
        PyErr_Format(PyExc_TypeError, "row %zd must be a dict or a tuple, not %.100s", index,
                     Py_TYPE(row)->tp_name);
        return 0;
    }
    if (PyDict_GET_SIZE(row) <= holes) return 1;
    while (PyDict_Next(row, &at, &name, &ignored))
        if (number_of(self, name, 0) < 0) {
            PyErr_Format(PyExc_TypeError, "row %zd: no hole is named %R: this fragment has %R", index, name,
                         self->names);
            return 0;
        }
    return 1;
}

/* Adds the row; 0 and an exception when it is none. */
static int add_row(const FragmentObject *self, PyObject *row, Py_ssize_t index, draft *d) {
    value values[DJS_MAX_HOLES];
    size_t taken = 0;
    int ok = is_row(self, row, index);
    for (; ok && taken < self->holes; taken += ok) {
        PyObject *item = item_of(self, row, taken, index);
        ok = item && take(self->state, &values[taken], item);
        Py_XDECREF(item);
    }
    ok = ok && add(self, values, d);
    drop(values, taken);
    return ok;
}

static PyObject *Fragment_join(FragmentObject *self, PyObject *rows) {
    PyObject *row, *iterator = PyObject_GetIter(rows);
    Py_ssize_t count = 0;
    draft d;
    int ok = 1;
    if (!iterator) return NULL;
    begin(&d);
    while (ok && (row = PyIter_Next(iterator))) {
        ok = add_row(self, row, count++, &d);
        Py_DECREF(row);
    }
    Py_DECREF(iterator);
    if (!PyErr_Occurred()) return finished(self->state, &d);
    discard(&d);
    return NULL;
}

/* ---- the template ---- */

static int keep_pieces(FragmentObject *self, const djs_fragment *program) {
    static const char *const instead[] = {"", "#"};
    self->pieces = djs_calloc(program->count, sizeof *self->pieces);
    if (!self->pieces) {
        PyErr_NoMemory();
        return 0;
    }
    self->holes = program->holes;
    self->narrow = true;
    for (size_t i = 0; i < program->count; i++, self->count++) {
        const djs_part *part = &program->parts[i];
        const char *text = NULL;
        size_t n = 0;
        self->pieces[i].part = *part;
        switch (part->kind) {
        case DJS_PART_LITERAL:
            text = (const char *)program->literals.ptr + part->at;
            n = part->n;
            break;
        case DJS_PART_TEXT:
        case DJS_PART_QUOTED: self->places++; continue;
        case DJS_PART_URL:
            text = instead[part->at];
            n = part->at;
            break;
        }
        if (!look_at(&self->pieces[i].literal, PyUnicode_DecodeUTF8(text, (Py_ssize_t)n, "strict"))) return 0;
        self->literal_n += self->pieces[i].literal.n;
        self->narrow &= self->pieces[i].literal.width == 1;
    }
    return 1;
}

static PyObject *names_of(const djs_fragment *program) {
    PyObject *names = PyTuple_New((Py_ssize_t)program->holes);
    const char *name = (const char *)program->names.ptr;
    for (size_t i = 0; names && i < program->holes; i++, name += strlen(name) + 1) {
        PyObject *interned = PyUnicode_InternFromString(name);
        if (interned) PyTuple_SET_ITEM(names, (Py_ssize_t)i, interned);
        else Py_CLEAR(names);
    }
    return names;
}

static void raise_refusal(djs_status status, djs_refusal *why, PyObject *template) {
    djs_buf_byte(&why->reason, 0);
    if (status == DJS_EINVAL && !why->reason.status)
        PyErr_Format(PyExc_ValueError, "line %zu, column %zu: %s, in %.500R", why->line, why->column,
                     (const char *)why->reason.ptr, template);
    else
        djs_raise_status(status == DJS_EINVAL ? DJS_ENOMEM : status,
                         "the template of a fragment is too long");
}

/* A fragment of a program that is compiled, or an exception that says why it is not. names: owned, or NULL.
 */
static PyObject *make(PyTypeObject *type, PyObject *template, PyObject *names, djs_fragment *program,
                      djs_status status, djs_refusal *why) {
    djs_state *state = djs_state_of(type);
    FragmentObject *self = NULL;
    if (status) raise_refusal(status, why, template);
    else if (need_django(state)) self = (FragmentObject *)type->tp_alloc(type, 0);
    if (self) {
        self->vectorcall = Fragment_call;
        self->state = state;
        self->template = Py_NewRef(template);
        self->names = names ? Py_NewRef(names) : names_of(program);
        if (!self->names || !keep_pieces(self, program)) Py_CLEAR(self);
    }
    djs_fragment_free(program);
    djs_buf_free(&why->reason);
    return (PyObject *)self;
}

static PyObject *Fragment_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"", NULL};
    djs_fragment program = {0};
    djs_refusal why = {0};
    djs_buf spare = {0};
    PyObject *template;
    const uint8_t *text;
    size_t n;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Fragment", keywords, &template)) return NULL;
    if (!djs_utf8(template, "template", &text, &n, &spare)) return NULL;
    djs_status status = djs_fragment_compile(&program, text, n, &why);
    PyObject *self = make(type, template, NULL, &program, status, &why);
    djs_buf_free(&spare);
    return self;
}

/* cut_fragment(strings, names): of tuples of str. */
static PyObject *cut_fragment(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    djs_state *state = PyModule_GetState(module);
    djs_fragment program = {0};
    djs_refusal why = {0};
    djs_slice slices[2 * DJS_MAX_HOLES + 1];
    djs_buf spares[2 * DJS_MAX_HOLES + 1] = {{0}};
    PyObject *self = NULL;
    Py_ssize_t used = 0;
    if (!djs_arity("cut_fragment", nargs, 2, 2)) return NULL;
    if (!PyTuple_Check(args[0]) || !PyTuple_Check(args[1]) ||
        PyTuple_GET_SIZE(args[0]) != PyTuple_GET_SIZE(args[1]) + 1) {
        PyErr_SetString(PyExc_TypeError, "a template has a tuple of strings, and one interpolation less");
        return NULL;
    }
    Py_ssize_t holes = PyTuple_GET_SIZE(args[1]);
    if (holes > DJS_MAX_HOLES) {
        PyErr_Format(PyExc_ValueError, "a template of %zd holes: %d is the limit, make it of several", holes,
                     DJS_MAX_HOLES);
        return NULL;
    }
    for (; used < 2 * holes + 1; used++) {
        PyObject *str =
            used <= holes ? PyTuple_GET_ITEM(args[0], used) : PyTuple_GET_ITEM(args[1], used - holes - 1);
        if (!djs_utf8(str, "a part of a template", &slices[used].text, &slices[used].n, &spares[used]))
            goto done;
    }
    djs_status status = djs_fragment_compile_cut(&program, slices, slices + holes + 1, (size_t)holes, &why);
    self = make((PyTypeObject *)state->fragment_type, args[0], args[1], &program, status, &why);
done:
    while (used--) djs_buf_free(&spares[used]);
    return self;
}

static void Fragment_dealloc(FragmentObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    for (size_t i = 0; i < self->count; i++) Py_XDECREF(self->pieces[i].literal.str);
    djs_realloc(self->pieces, 0);
    Py_XDECREF(self->template);
    Py_XDECREF(self->names);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *Fragment_repr(FragmentObject *self) {
    return PyUnicode_FromFormat("Fragment(%R)", self->template);
}

static PyObject *Fragment_reduce(FragmentObject *self, PyObject *Py_UNUSED(ignored)) {
    return Py_BuildValue("O(O)", Py_TYPE(self), self->template);
}

static PyMethodDef Fragment_methods[] = {
    {"join", (PyCFunction)Fragment_join, METH_O,
     "join($self, rows, /)\n--\n\n"
     "Many rows in one call, as one SafeString.\n\n"
     "rows: an iterable of dicts by name, or of tuples in the order of the holes.\n"
     "    Fragment('<li>{text}</li>').join([('one',), {'text': 'two'}])     # <li>one</li><li>two</li>\n"
     "Raises TypeError that names the row and what is missing or too much in it."},
    {"__reduce__", (PyCFunction)Fragment_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef Fragment_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(FragmentObject, vectorcall), READONLY, NULL},
    {"template", T_OBJECT_EX, offsetof(FragmentObject, template), READONLY, "What it was made of."},
    {"names", T_OBJECT_EX, offsetof(FragmentObject, names), READONLY,
     "The names of the holes, in the order in which they first appear."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot Fragment_slots[] = {
    {Py_tp_doc,
     "Fragment(template, /)\n--\n\n"
     "A piece of HTML with holes that no value can leave; compiled once, called with values.\n\n"
     "    row = Fragment('<li class=\"{kind}\"><a href=\"{url}\">{text}</a></li>')\n"
     "    row(kind='new', url='/a?b&c', text='1 < 2')\n"
     "    # <li class=\"new\"><a href=\"/a?b&amp;c\">1 &lt; 2</a></li>\n\n"
     "template: elements that are closed, holes {name} in text and in quoted attributes; {{ and }} are "
     "braces.\n"
     "Called with values by name, or in the order of the holes; returns a SafeString. A value with __html__ "
     "stays\n"
     "HTML in text and is escaped in an attribute; anything else is escaped as str(value). An address (href, "
     "src,\n"
     "...) that is not http, https, mailto or relative becomes '#', or '' where it is not a link's.\n"
     "Raises ValueError for a template with a hole where escaping is not enough, with line, column and "
     "reason;\n"
     "when called, TypeError that names the hole and those there are.\n"
     "Law: csrc/core/fragment.c. More: docs/fragments.md."},
    {Py_tp_new, Fragment_new},
    {Py_tp_dealloc, Fragment_dealloc},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_repr, Fragment_repr},
    {Py_tp_methods, Fragment_methods},
    {Py_tp_members, Fragment_members},
    {0, NULL},
};

PyType_Spec Fragment_spec = {
    .name = "djust_stream._core.Fragment",
    .basicsize = sizeof(FragmentObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_VECTORCALL,
    .slots = Fragment_slots,
};

PyMethodDef fragment_functions[] = {
    {"escape", escape, METH_O,
     "escape($module, value, /)\n--\n\n"
     "Text to HTML, as a SafeString: & < > \" ' become entities, spelled as Django spells them.\n\n"
     "    escape('1 < 2')                  # 1 &lt; 2\n"
     "    escape(escape('1 < 2'))          # 1 &lt; 2\n\n"
     "value: a str; or anything with __html__, which is HTML and stays as it is; or anything else, as "
     "str(value)."},
    {"cut_fragment", (PyCFunction)(void (*)(void))cut_fragment, METH_FASTCALL,
     "cut_fragment($module, strings, names, /)\n--\n\n"
     "The Fragment of a template string; see djust_stream.html."},
    {NULL, NULL, 0, NULL},
};
