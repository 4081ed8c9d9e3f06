// Which of the architectures that the kernels were compiled for the current device really runs. A launcher that has
// kernels for one architecture only must ask this, not the device: a new device also runs old intermediate code.
#pragma once

#include <cuda_runtime.h>

namespace photostyle {
namespace cuda {

// Sets `version` to the __CUDA_ARCH__ / 10 of the code that the current device has loaded: 75, 80, 90, ... All
// kernels are compiled for the same architectures. It asks the host's runtime only, so it may be called while a
// stream is captured.
cudaError_t loaded_code(int* version);

}  // namespace cuda
}  // namespace photostyle
