// Chooses, once, the table of kernels that this processor can run.
#include <cstdlib>
#include <cstring>

#include "dispatch/cpu_kernels.h"

namespace photostyle {

#ifdef PHOTOSTYLE_X86_LEVELS
namespace v2 {
extern const CpuKernels kernels;
}
namespace v3 {
extern const CpuKernels kernels;
}
namespace v4 {
extern const CpuKernels kernels;
}

namespace {

const CpuKernels& choose() {
  __builtin_cpu_init();
  const bool has_v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool has_v4 = has_v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  // For tests and benchmarks: a lower level than the processor's best.
  const char* asked = std::getenv("PHOTOSTYLE_ISA");
  const bool at_most_v3 = asked && (std::strcmp(asked, "x86-64-v3") == 0 || std::strcmp(asked, "x86-64-v2") == 0);
  const bool at_most_v2 = asked && std::strcmp(asked, "x86-64-v2") == 0;
  if (has_v4 && !at_most_v3) return v4::kernels;
  if (has_v3 && !at_most_v2) return v3::kernels;
  return v2::kernels;
}

}  // namespace
#else
namespace generic {
extern const CpuKernels kernels;
}

namespace {

const CpuKernels& choose() { return generic::kernels; }

}  // namespace
#endif

const CpuKernels& cpu_kernels() {
  static const CpuKernels& chosen = choose();
  return chosen;
}

}  // namespace photostyle
