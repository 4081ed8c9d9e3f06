#include "common/loaded_code.h"

namespace photostyle {
namespace cuda {
namespace {

// Stands for all kernels.
__global__ void probe() {}

}  // namespace

cudaError_t loaded_code(int* version) {
  cudaFuncAttributes attributes;
  const cudaError_t error = cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(probe));
  // Of machine code, too, ptxVersion is that of the intermediate code that it was made from.
  *version = error == cudaSuccess ? attributes.ptxVersion : 0;
  return error;
}

}  // namespace cuda
}  // namespace photostyle
