/* The extension module djust_stream._core.
 *
 * SPDX-License-Identifier: MIT */
#include "module.h"
#include "args.h"
#include "cmark.h"
#include "escape.h"
#include "options.h"
#include "page.h"

PyObject *djs_raise_status(djs_status status, const char *what) {
    switch (status) {
    case DJS_OK: PyErr_SetString(PyExc_SystemError, "no error to raise"); break;
    case DJS_ENOMEM: PyErr_NoMemory(); break;
    case DJS_ETOOBIG: PyErr_SetString(PyExc_OverflowError, what); break;
    case DJS_EINVAL: PyErr_SetString(PyExc_ValueError, what); break;
    case DJS_ECLOSED: PyErr_SetString(PyExc_ValueError, what); break;
    }
    return NULL;
}

static PyModuleDef core_def;

djs_state *djs_state_of(PyTypeObject *type) {
#if PY_VERSION_HEX >= 0x030B0000
    return PyModule_GetState(PyType_GetModuleByDef(type, &core_def));
#else
    return PyType_GetModuleState(type);
#endif
}

static int add_type(PyObject *module, PyType_Spec *spec, PyObject **keep) {
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (!type) return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    if (keep && !failed) *keep = type;
    else Py_DECREF(type);
    return failed;
}

static int core_exec(PyObject *module) {
    static const char *const names[] = {"grow", "cut",   "loose",
                                        "head", "patch", "fill"}; /* as djs_edit_kind */
    djs_state *state = PyModule_GetState(module);
    djs_cmark_setup();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!(state->edit_names[i] = PyUnicode_InternFromString(names[i]))) return -1;
    if (!(state->html_name = PyUnicode_InternFromString("__html__"))) return -1;
    if (!(state->streams_name = PyUnicode_InternFromString("_djust_streams"))) return -1;
    if (add_type(module, &Batch_spec, &state->batch_type) || add_type(module, &MarkdownStream_spec, NULL) ||
        add_type(module, &Fragment_spec, &state->fragment_type) ||
        add_type(module, &BatchOwner_spec, &state->owner_type) ||
        add_type(module, &Deadline_spec, &state->deadline_type) ||
        add_type(module, &Finished_spec, &state->finished_type) || add_type(module, &FrameLog_spec, NULL) ||
        add_type(module, &TextMethod_spec, NULL))
        return -1;
    if (finished_add_constants(module)) return -1;
    if (PyModule_AddFunctions(module, batch_functions)) return -1;
    if (PyModule_AddFunctions(module, markdown_functions)) return -1;
    if (PyModule_AddFunctions(module, fragment_functions)) return -1;
    if (PyModule_AddFunctions(module, websocket_functions)) return -1;
    if (djs_options_add_names(module)) return -1;
    return batch_add_constants(module);
}

static int core_traverse(PyObject *module, visitproc visit, void *arg) {
    djs_state *state = PyModule_GetState(module);
    Py_VISIT(state->batch_type);
    Py_VISIT(state->fragment_type);
    Py_VISIT(state->finished_type);
    Py_VISIT(state->owner_type);
    Py_VISIT(state->deadline_type);
    Py_VISIT(state->finished);
    Py_VISIT(state->safe_string);
    Py_VISIT(state->promise);
    return 0;
}

static int core_clear(PyObject *module) {
    djs_state *state = PyModule_GetState(module);
    Py_CLEAR(state->batch_type);
    Py_CLEAR(state->fragment_type);
    Py_CLEAR(state->finished_type);
    Py_CLEAR(state->owner_type);
    Py_CLEAR(state->deadline_type);
    Py_CLEAR(state->finished);
    Py_CLEAR(state->safe_string);
    Py_CLEAR(state->promise);
    Py_CLEAR(state->html_name);
    Py_CLEAR(state->streams_name);
    for (size_t i = 0; i < sizeof state->edit_names / sizeof *state->edit_names; i++)
        Py_CLEAR(state->edit_names[i]);
    return 0;
}

static void core_free(void *module) { core_clear(module); }

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static PyModuleDef core_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "djust_stream._core",
    .m_doc = "The C core of djust_stream: the op batcher, the streaming Markdown engine, HTML fragments.",
    .m_size = sizeof(djs_state),
    .m_slots = core_slots,
    .m_traverse = core_traverse,
    .m_clear = core_clear,
    .m_free = core_free,
};

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&core_def); }
