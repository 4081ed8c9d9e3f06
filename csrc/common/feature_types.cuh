// Features of every type in device code: the type in which they are summed, and conversions to and from it.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace photostyle {
namespace cuda {

template <typename F>
struct SumOf {
  using Type = float;
};
template <>
struct SumOf<double> {
  using Type = double;
};

__device__ __forceinline__ float widen(float value) { return value; }
__device__ __forceinline__ double widen(double value) { return value; }
__device__ __forceinline__ float widen(__nv_bfloat16 value) { return __bfloat162float(value); }
__device__ __forceinline__ float widen(__half value) { return __half2float(value); }

__device__ __forceinline__ void narrow(float value, float& to) { to = value; }
__device__ __forceinline__ void narrow(double value, double& to) { to = value; }
__device__ __forceinline__ void narrow(float value, __nv_bfloat16& to) { to = __float2bfloat16_rn(value); }
__device__ __forceinline__ void narrow(float value, __half& to) { to = __float2half_rn(value); }

}  // namespace cuda
}  // namespace photostyle
