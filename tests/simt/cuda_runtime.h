// The names of CUDA that this project's *.cu files use, for a plain C++ compiler. Found before the toolkit's header
// of the same name when tests/simt comes first on the include path. Memory is the host's; streams do nothing.
#pragma once

#include <cmath>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "simt.h"

#define PHOTOSTYLE_SIMT 1

#define __global__ static
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline
#define __restrict__ __restrict
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __grid_constant__

// ---- built-in variables and vector types

using simt::blockDim;
using simt::blockIdx;
using simt::gridDim;
using simt::threadIdx;
constexpr int warpSize = simt::kWarp;

#define SIMT_VECTORS(type, name, size)                                        \
  struct alignas(2 * size) name##2 { type x, y; };                            \
  struct alignas(4 * size > 16 ? 16 : 4 * size) name##4 { type x, y, z, w; }; \
  inline name##2 make_##name##2(type x, type y) { return {x, y}; }            \
  inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }

SIMT_VECTORS(float, float, 4)
SIMT_VECTORS(double, double, 8)
SIMT_VECTORS(int, int, 4)
SIMT_VECTORS(unsigned, uint, 4)
SIMT_VECTORS(unsigned char, uchar, 1)
SIMT_VECTORS(unsigned short, ushort, 2)
#undef SIMT_VECTORS
struct float3 {
  float x, y, z;
};
inline float3 make_float3(float x, float y, float z) { return {x, y, z}; }

// ---- barriers and warp collectives

inline void __syncthreads() { simt::sync_threads(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { simt::sync_warp(mask); }

namespace simt {
template <typename T>
T shuffle(unsigned mask, T value, int from) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 4 or 8 bytes");
  const std::byte* slots = exchange(mask, &value, sizeof(T));
  T result;
  std::memcpy(&result, slots + from * kSlot, sizeof(T));
  return result;
}

inline unsigned ballot(unsigned mask, int predicate) {
  const std::byte* slots = exchange(mask, &predicate, sizeof(int));
  unsigned bits = 0;
  for (int i = 0; i < kWarp; ++i) {
    int value;
    std::memcpy(&value, slots + i * kSlot, sizeof(int));
    bits |= (value ? 1u : 0u) << i;
  }
  return bits;
}
}  // namespace simt

template <typename T>
T __shfl_sync(unsigned mask, T value, int from, int width = simt::kWarp) {
  const int base = simt::lane() & ~(width - 1);
  return simt::shuffle(mask, value, base + (from & (width - 1)));
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = simt::kWarp) {
  const int from = simt::lane() ^ bits;
  return simt::shuffle(mask, value, (from & ~(width - 1)) > simt::lane() ? simt::lane() : from);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = simt::kWarp) {
  const int at = simt::lane() & (width - 1), d = static_cast<int>(delta);
  return simt::shuffle(mask, value, at >= d ? simt::lane() - d : simt::lane());
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = simt::kWarp) {
  const int at = simt::lane() & (width - 1), d = static_cast<int>(delta);
  return simt::shuffle(mask, value, at + d < width ? simt::lane() + d : simt::lane());
}
inline unsigned __ballot_sync(unsigned mask, int predicate) { return simt::ballot(mask, predicate); }
inline int __any_sync(unsigned mask, int predicate) { return simt::ballot(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return simt::ballot(mask, predicate) == 0xffffffffu; }

[[noreturn]] inline void __trap() { simt::raise_fault("__trap()"); }

// ---- arithmetic

using std::exp2;
using std::fma;
using std::isnan;
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fmaf_rn(float x, float y, float z) { return std::fmaf(x, y, z); }
inline double __fma_rn(double x, double y, double z) { return std::fma(x, y, z); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline void sincospi(double x, double* sine, double* cosine) {
  constexpr double kPi = 3.14159265358979323846;
  *sine = std::sin(kPi * x);
  *cosine = std::cos(kPi * x);
}
inline void sincospif(float x, float* sine, float* cosine) {
  double s, c;
  sincospi(x, &s, &c);
  *sine = static_cast<float>(s);
  *cosine = static_cast<float>(c);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
template <typename T>
T __ldg(const T* address) {
  return *address;
}
inline unsigned __float_as_uint(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
inline float __uint_as_float(unsigned bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}
template <typename A, typename B>
constexpr std::common_type_t<A, B> min(A a, B b) {
  using T = std::common_type_t<A, B>;
  return static_cast<T>(b) < static_cast<T>(a) ? static_cast<T>(b) : static_cast<T>(a);
}
template <typename A, typename B>
constexpr std::common_type_t<A, B> max(A a, B b) {
  using T = std::common_type_t<A, B>;
  return static_cast<T>(a) < static_cast<T>(b) ? static_cast<T>(b) : static_cast<T>(a);
}

// ---- the runtime API

using cudaStream_t = struct CUstream_st*;
enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInvalidDeviceFunction = 98,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorLaunchFailure = 719
};
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

inline const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorLaunchFailure) return simt::fault().c_str();
  return error == cudaSuccess             ? "no error"
         : error == cudaErrorInvalidValue ? "invalid argument"
                                          : "invalid configuration";
}
inline cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
inline cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const int capability = simt::capability();
  *value = attribute == cudaDevAttrMultiProcessorCount      ? simt::kMultiprocessors
           : attribute == cudaDevAttrComputeCapabilityMajor ? capability / 10
                                                            : capability % 10;
  return cudaSuccess;
}
inline cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int value) {
  return value >= 0 && static_cast<size_t>(value) <= simt::kSharedLimit ? cudaSuccess : cudaErrorInvalidValue;
}
struct cudaFuncAttributes {
  int ptxVersion;
};
inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  attributes->ptxVersion = simt::capability();
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* address, int value, size_t bytes, cudaStream_t) {
  std::memset(address, value, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaGetLastError() { return cudaSuccess; }

template <typename... Formal, typename... Actual>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Formal...), Actual&&... arguments) {
  const dim3 g = config->gridDim, b = config->blockDim;
  const unsigned long long threads = 1ull * b.x * b.y * b.z;
  const bool fits =
      g.x && g.y && g.z && threads && g.x <= 0x7fffffffu && g.y <= 65535 && g.z <= 65535 && threads <= 1024;
  if (!fits || b.z > 64 || config->dynamicSmemBytes > simt::kSharedLimit) return cudaErrorInvalidConfiguration;
  const std::tuple<Formal...> values(std::forward<Actual>(arguments)...);
  const auto body = [&] { std::apply(kernel, values); };
  const void* address = reinterpret_cast<const void*>(kernel);
  return simt::run(g, b, config->dynamicSmemBytes, address, body) ? cudaSuccess : cudaErrorLaunchFailure;
}
