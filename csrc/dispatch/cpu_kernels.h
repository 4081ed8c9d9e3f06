// The CPU kernels of one instruction set, and the choice among them.
//
// Every */cpu.cpp file is compiled once per level (x86-64-v2, v3, v4; one level elsewhere) with PHOTOSTYLE_ISA set to
// the level's name, which is also the namespace its functions live in. Two rules keep the levels apart: everything
// but the entry points has internal linkage, and the files use no library templates. A template instantiated at two
// levels would be merged by the linker, and an old machine could be handed the copy with new instructions.
#pragma once

#include <cstddef>

#include "kernels.def"

namespace photostyle {

struct CpuKernels {
  const char* isa;
#define KERNEL(name, Params)               \
  size_t (*name##_scratch)(const Params&); \
  void (*name)(const Params&);
#define CPU_KERNEL KERNEL
#define CUDA_KERNEL(name, Params)
#include "kernels.def"
};

// The best level this processor runs; PHOTOSTYLE_ISA in the environment may ask for a lower one
// (dispatch/cpu_dispatch.cpp).
const CpuKernels& cpu_kernels();

}  // namespace photostyle
