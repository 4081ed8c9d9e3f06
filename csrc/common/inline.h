// PHOTOSTYLE_INLINE: how a small function in a header is declared. It is always inlined and has internal linkage, so
// that no linker merges the copies of different instruction sets (dispatch/cpu_kernels.h); with nvcc it is compiled
// for the host and for the device.
#pragma once

#ifdef __CUDACC__
#define PHOTOSTYLE_INLINE static __host__ __device__ __forceinline__
#else
#define PHOTOSTYLE_INLINE static inline __attribute__((always_inline))
#endif
