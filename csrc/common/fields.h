// The list of fields by which code outside of C++ fills a Params struct: bindings/kernels.h turns keywords into it.
#pragma once

// Inside a struct, with its members: their names as one string, "a, b, c", and visit(a, b, c).
#define PHOTOSTYLE_FIELDS(...)                                        \
  static constexpr const char* field_names() { return #__VA_ARGS__; } \
  template <typename Visitor>                                         \
  void visit_fields(Visitor&& visit) {                                \
    visit(__VA_ARGS__);                                               \
  }
