// The kernel of cosine_filter/params.h. A thread has the frequencies (k, l) and (-k, l) of one picture.
#include <cuda_runtime.h>

#include "common/cuda_launch.h"
#include "common/integers.h"
#include "cosine_filter/params.h"

namespace photostyle {
namespace cuda {
namespace {

constexpr int kThreads = 128;  // columns of a block
constexpr int64_t kMostBlocks = 0x7fffffff;

template <typename T>
struct alignas(2 * sizeof(T)) Complex {
  T re, im;
};

template <typename T>
__device__ __forceinline__ Complex<T> operator*(Complex<T> a, Complex<T> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

template <typename T>
__device__ __forceinline__ Complex<T> conjugate(Complex<T> a) {
  return {a.re, -a.im};
}

// exp(i pi x)
__device__ __forceinline__ Complex<float> turned(float x) {
  Complex<float> result;
  sincospif(x, &result.im, &result.re);
  return result;
}
__device__ __forceinline__ Complex<double> turned(double x) {
  Complex<double> result;
  sincospi(x, &result.im, &result.re);
  return result;
}

template <typename T>
struct Spectrum {
  Complex<T>* values;
  const T* gain;
  int height, width, rows, columns;  // of the picture, and of the pairs of frequencies
  int across;                        // blocks of a row
};

// The gain of the coefficient (k, l). There is none at k = height or l = width, where the transform is zero.
template <typename T>
__device__ __forceinline__ T gain_at(const Spectrum<T>& p, int k, int l) {
  return k < p.height && l < p.width ? p.gain[static_cast<int64_t>(k) * p.width + l] : T(0);
}

// blockIdx.x counts columns, rows and pictures.
template <typename T>
__global__ void __launch_bounds__(kThreads) filter_spectrum(const Spectrum<T> p) {
  const int l = blockIdx.x % p.across * kThreads + threadIdx.x;
  const unsigned line = blockIdx.x / p.across;
  const int k = line % p.rows, mirrored = k == 0 ? 0 : p.height - k;
  if (l >= p.columns) return;
  Complex<T>* values = p.values + static_cast<int64_t>(line / p.rows) * p.height * p.columns + l;
  const int64_t at = static_cast<int64_t>(k) * p.columns, other = static_cast<int64_t>(mirrored) * p.columns;
  const Complex<T> down = turned(-static_cast<T>(k) / static_cast<T>(2 * p.height));
  const Complex<T> right = turned(-static_cast<T>(l) / static_cast<T>(2 * p.width));
  const Complex<T> first = down * right, second = conjugate(down) * right;
  const Complex<T> a = first * values[at], b = second * values[other];
  // Half of the sum and of the difference, as the way back needs them.
  const T half = T(0.5);
  const Complex<T> sum = {half * (a.re + b.re) * gain_at(p, k, l), half * (a.im + b.im) * gain_at(p, k, p.width - l)};
  const Complex<T> difference = {half * (a.re - b.re) * gain_at(p, p.height - k, p.width - l),
                                 half * (a.im - b.im) * gain_at(p, p.height - k, l)};
  values[at] = conjugate(first) * Complex<T>{sum.re + difference.re, sum.im + difference.im};
  if (other != at) values[other] = conjugate(second) * Complex<T>{sum.re - difference.re, sum.im - difference.im};
}

template <typename T>
cudaError_t run(const CosineFilterParams& p, cudaStream_t stream) {
  Spectrum<T> s;
  s.values = static_cast<Complex<T>*>(p.spectrum);
  s.gain = static_cast<const T*>(p.gain);
  s.height = static_cast<int>(p.height);
  s.width = static_cast<int>(p.width);
  s.rows = s.height / 2 + 1;
  s.columns = s.width / 2 + 1;
  s.across = ceil_div(s.columns, kThreads);
  const int64_t blocks = p.batch * s.rows * s.across;
  if (blocks > kMostBlocks) return cudaErrorInvalidConfiguration;
  return launch<NoShared>(filter_spectrum<T>, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), stream, s);
}

}  // namespace

size_t cosine_filter_scratch(const CosineFilterParams&) { return 0; }

cudaError_t cosine_filter(const CosineFilterParams& p, cudaStream_t stream) {
  return p.is_double ? run<double>(p, stream) : run<float>(p, stream);
}

}  // namespace cuda
}  // namespace photostyle
