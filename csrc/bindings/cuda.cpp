// The CUDA kernels' bindings. tests/simt compiles this file too, for its emulated device.
#include <stdexcept>
#include <string>

#include "bindings/kernels.h"
#include "common/loaded_code.h"
#include "dispatch/cuda_kernels.h"

namespace photostyle {
namespace {

void check(cudaError_t error, const char* kernel) {
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorInvalidDeviceFunction)
    throw std::runtime_error(
        "photostyle: the CUDA kernels were not built for this GPU (photostyle doctor says for which): install the "
        "package again on this machine");
  if (error != cudaSuccess)
    throw std::runtime_error(std::string("photostyle: the CUDA kernel ") + kernel +
                             " failed to launch: " + cudaGetErrorString(error));
}

}  // namespace

void bind_cuda(py::module_& m) {
  py::dict kernels;
#define KERNEL(name, Params)                                                            \
  bind_kernel<Params>(                                                                  \
      kernels, #name, [](const Params& p, int64_t) { return cuda::name##_scratch(p); }, \
      [](const Params& p, int64_t handle) { check(cuda::name(p, reinterpret_cast<cudaStream_t>(handle)), #name); });
#define CUDA_KERNEL KERNEL
#define CPU_KERNEL(name, Params)
#include "kernels.def"
  m.attr("kernels") = kernels;
  // The CUDA version that the installed driver supports (0 without a driver), and the one this module was built with,
  // as 1000 major + 10 minor. Neither call needs a driver.
  m.def("versions", [] {
    int driver = 0, runtime = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess) driver = 0;
    if (cudaRuntimeGetVersion(&runtime) != cudaSuccess) runtime = 0;
    return py::make_tuple(driver, runtime);
  });
  // The architecture of the code that the current device has loaded: 75, 80, 90, ...
  m.def("loaded_code", [] {
    int version = 0;
    check(cuda::loaded_code(&version), "probe");
    return version;
  });
}

}  // namespace photostyle
