// How Python calls a kernel of kernels.def: kernels[name](handle, allocate, field=value, ...).
//
// handle is the number of threads (CPU) or the stream (CUDA), allocate(bytes) returns the address of scratch memory
// that stays valid until the call has run, and the keywords are the PHOTOSTYLE_FIELDS of the kernel's Params: every
// one, and no other. Pointers are integers, from tensors that photostyle_native/ops has checked; 0 is null. The GIL
// is released while the kernel runs.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace photostyle {

namespace py = pybind11;

// The names in "a, b, c", as Python strings: looking a keyword up must not make one.
inline std::vector<py::str> split_names(const std::string& names) {
  std::vector<py::str> all;
  for (size_t at = 0; at < names.size();) {
    const size_t end = names.find(", ", at) == std::string::npos ? names.size() : names.find(", ", at);
    all.emplace_back(PyUnicode_InternFromString(names.substr(at, end - at).c_str()), false);
    at = end + 2;
  }
  return all;
}

template <typename T>
void set_field(T& field, py::handle value) {
  if constexpr (std::is_pointer_v<T>)
    field = reinterpret_cast<T>(value.cast<uintptr_t>());
  else if constexpr (std::is_enum_v<T>)
    field = static_cast<T>(value.cast<std::underlying_type_t<T>>());
  else
    field = value.cast<T>();
}

// Raises TypeError for a field that is missing or unknown.
template <typename Params>
void set_fields(Params& params, const char* kernel, const std::vector<py::str>& names, const py::kwargs& given) {
  const auto value = [&](const py::str& name) {
    PyObject* found = PyDict_GetItemWithError(given.ptr(), name.ptr());
    if (!found) throw py::type_error(std::string(kernel) + ": the field " + std::string(name) + " is missing");
    return py::handle(found);
  };
  size_t i = 0;
  params.visit_fields([&](auto&... field) { (set_field(field, value(names[i++])), ...); });
  if (given.size() != names.size())
    throw py::type_error(std::string(kernel) + " has the fields " + Params::field_names() + " and no others");
}

// Adds a kernel to `kernels`. get_scratch(params, handle) returns bytes, run(params, handle) makes the call.
template <typename Params, typename GetScratch, typename Run>
void bind_kernel(py::dict& kernels, const char* name, GetScratch get_scratch, Run run) {
  const std::vector<py::str> names = split_names(Params::field_names());
  kernels[name] = py::cpp_function(
      [=](int64_t handle, const py::function& allocate, const py::kwargs& fields) {
        Params params;
        set_fields(params, name, names, fields);
        const size_t bytes = get_scratch(params, handle);
        set_field(params.scratch, allocate(bytes));
        const py::gil_scoped_release nogil;
        run(params, handle);
      },
      py::name(name));
}

}  // namespace photostyle
