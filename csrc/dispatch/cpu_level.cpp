// The table of the kernels of one instruction set. Compiled once per level, like the kernels themselves.
#include "dispatch/cpu_kernels.h"

#define PHOTOSTYLE_STRING_(x) #x
#define PHOTOSTYLE_STRING(x) PHOTOSTYLE_STRING_(x)

namespace photostyle {
namespace PHOTOSTYLE_ISA {

#define KERNEL(name, Params)            \
  size_t name##_scratch(const Params&); \
  void name(const Params&);
#define CPU_KERNEL KERNEL
#define CUDA_KERNEL(name, Params)
#include "kernels.def"

extern const CpuKernels kernels;
const CpuKernels kernels = {
    PHOTOSTYLE_STRING(PHOTOSTYLE_ISA_NAME),
#define KERNEL(name, Params) name##_scratch, name,
#define CPU_KERNEL KERNEL
#define CUDA_KERNEL(name, Params)
#include "kernels.def"
};

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
