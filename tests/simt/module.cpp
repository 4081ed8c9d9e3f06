// photostyle_simt: the CUDA kernels' bindings on the emulated device, and the device's settings.
#include <cuda_runtime.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace py = pybind11;

namespace photostyle {
void bind_cuda(py::module_& m);  // csrc/bindings/cuda.cpp
namespace cuda {
cudaError_t run_selftest(const char* name, const float* in, float* out, unsigned blocks);  // selftest.cu
}
}  // namespace photostyle

namespace {

// Both arrays have exactly their length, so that reading past them is reading past an allocation.
py::list selftest(const std::string& name, const py::list& in, size_t results, unsigned blocks) {
  const std::unique_ptr<float[]> values(new float[in.size()]), out(new float[results]());
  for (size_t i = 0; i < in.size(); ++i) values[i] = in[i].cast<float>();
  const cudaError_t error = photostyle::cuda::run_selftest(name.c_str(), values.get(), out.get(), blocks);
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
  py::list result;
  for (size_t i = 0; i < results; ++i) result.append(out[i]);
  return result;
}

}  // namespace

PYBIND11_MODULE(photostyle_simt, m) {
#ifndef SIMT_SELFTEST_ONLY
  photostyle::bind_cuda(m);
#endif
  m.def("selftest", &selftest);
  m.def("set_order", [](const std::string& order, uint64_t seed) {
    simt::set_order(order == "forward"   ? simt::Order::kForward
                    : order == "reverse" ? simt::Order::kReverse
                                         : simt::Order::kShuffled,
                    seed);
  });
  m.def("set_capability", &simt::set_capability);
  m.def("watches_races", &simt::races_are_watched);
  m.def("launches", [] {
    // Per kernel, its address inside this library (nm names it), how often it ran, and its shared memory.
    py::list all;
    simt::visit_launches([&](const void* kernel, int64_t launches, size_t shared) {
      all.append(py::make_tuple(reinterpret_cast<uintptr_t>(kernel), launches, shared));
    });
    return all;
  });
}
