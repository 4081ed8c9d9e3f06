// Everything Python can call, and nothing else. Pointers come as integers from tensors that photostyle_native/ops has
// checked and allocated; every call releases the GIL.
#include <pybind11/pybind11.h>

#include <cstdint>

#include "cpu_kernels.h"

namespace py = pybind11;
using namespace photostyle;

namespace {

using Address = uintptr_t;

template <typename T = void>
T* pointer(Address a) {
  return reinterpret_cast<T*>(a);
}

MattingLaplacianParams matting_shape(int64_t batch, int64_t image_batch, int64_t channels, int64_t height,
                                     int64_t width, int radius, int threads) {
  MattingLaplacianParams p;
  p.batch = batch;
  p.image_batch = image_batch;
  p.channels = channels;
  p.height = height;
  p.width = width;
  p.radius = radius;
  p.threads = threads;
  return p;
}

size_t matting_scratch(int64_t batch, int64_t channels, int64_t height, int64_t width, int radius, int threads) {
  return matting_laplacian_scratch(matting_shape(batch, batch, channels, height, width, radius, threads));
}

void matting(Address image, Address x, Address out, Address energy, Address scratch, int64_t batch,
             int64_t image_batch, int64_t channels, int64_t height, int64_t width, int radius, double eps, int filter,
             bool is_double, int threads) {
  MattingLaplacianParams p = matting_shape(batch, image_batch, channels, height, width, radius, threads);
  p.image = pointer(image);
  p.x = pointer(x);
  p.out = pointer(out);
  p.energy = pointer<double>(energy);
  p.scratch = pointer<std::byte>(scratch);
  p.eps = eps;
  p.filter = static_cast<WindowFilter>(filter);
  p.is_double = is_double;
  py::gil_scoped_release nogil;
  cpu_kernels().matting_laplacian(p);
}

template <typename Params>
Params gram_shape(int64_t batch, int64_t mask_batch, int64_t masks, int64_t channels, int64_t pixels, int type,
                  int threads) {
  Params p;
  p.batch = batch;
  p.mask_batch = mask_batch;
  p.masks_count = masks;
  p.channels = channels;
  p.pixels = pixels;
  p.type = static_cast<FeatureType>(type);
  p.threads = threads;
  return p;
}

size_t gram_scratch(int64_t batch, int64_t masks, int64_t channels, int64_t pixels, int type, int threads) {
  return masked_gram_scratch(gram_shape<MaskedGramParams>(batch, batch, masks, channels, pixels, type, threads));
}

size_t gram_backward_scratch(int64_t batch, int64_t masks, int64_t channels, int64_t pixels, int type, int threads) {
  return masked_gram_backward_scratch(
      gram_shape<MaskedGramBackwardParams>(batch, batch, masks, channels, pixels, type, threads));
}

void gram(Address features, Address masks, Address out, Address scratch, int64_t batch, int64_t mask_batch,
          int64_t mask_count, int64_t channels, int64_t pixels, int type, int threads) {
  auto p = gram_shape<MaskedGramParams>(batch, mask_batch, mask_count, channels, pixels, type, threads);
  p.features = pointer(features);
  p.masks = pointer(masks);
  p.gram = pointer(out);
  p.scratch = pointer<std::byte>(scratch);
  py::gil_scoped_release nogil;
  cpu_kernels().masked_gram(p);
}

void gram_backward(Address features, Address masks, Address upstream, Address grad, Address scratch, int64_t batch,
                   int64_t mask_batch, int64_t mask_count, int64_t channels, int64_t pixels, int type, int threads) {
  auto p = gram_shape<MaskedGramBackwardParams>(batch, mask_batch, mask_count, channels, pixels, type, threads);
  p.features = pointer(features);
  p.masks = pointer(masks);
  p.upstream = pointer(upstream);
  p.grad = pointer(grad);
  p.scratch = pointer<std::byte>(scratch);
  py::gil_scoped_release nogil;
  cpu_kernels().masked_gram_backward(p);
}

size_t affine_fit_scratch(int radius, int threads) {
  LocalAffineFitParams p;
  p.radius = radius;
  p.threads = threads;
  return local_affine_fit_scratch(p);
}

void affine_fit(Address content, Address output, Address coefs, Address scratch, int64_t batch, int64_t content_batch,
                int64_t height, int64_t width, int radius, double ridge, bool is_double, int threads) {
  LocalAffineFitParams p;
  p.content = pointer(content);
  p.output = pointer(output);
  p.coefs = pointer(coefs);
  p.scratch = pointer<std::byte>(scratch);
  p.batch = batch;
  p.content_batch = content_batch;
  p.height = height;
  p.width = width;
  p.radius = radius;
  p.ridge = ridge;
  p.is_double = is_double;
  p.threads = threads;
  py::gil_scoped_release nogil;
  cpu_kernels().local_affine_fit(p);
}

size_t affine_smooth_scratch(int radius, bool is_double, int threads) {
  LocalAffineSmoothParams p;
  p.radius = radius;
  p.is_double = is_double;
  p.threads = threads;
  return local_affine_smooth_scratch(p);
}

void affine_smooth(Address coefs, Address guide, Address out, Address applied, Address scratch, int64_t batch,
                   int64_t guide_batch, int64_t height, int64_t width, int radius, double sigma_space,
                   double sigma_color, bool is_double, int threads) {
  LocalAffineSmoothParams p;
  p.coefs = pointer(coefs);
  p.guide = pointer(guide);
  p.out = pointer(out);
  p.applied = pointer(applied);
  p.scratch = pointer<std::byte>(scratch);
  p.batch = batch;
  p.guide_batch = guide_batch;
  p.height = height;
  p.width = width;
  p.radius = radius;
  p.sigma_space = sigma_space;
  p.sigma_color = sigma_color;
  p.is_double = is_double;
  p.threads = threads;
  py::gil_scoped_release nogil;
  cpu_kernels().local_affine_smooth(p);
}

size_t affine_upsample_scratch(int radius, int threads) {
  LocalAffineUpsampleParams p;
  p.radius = radius;
  p.threads = threads;
  return local_affine_upsample_scratch(p);
}

void affine_upsample(Address coefs, Address guide, Address photo, Address out, Address scratch, int64_t low_height,
                     int64_t low_width, int64_t height, int64_t width, int radius, double sigma_space,
                     double sigma_color, int threads) {
  LocalAffineUpsampleParams p;
  p.coefs = pointer<const float>(coefs);
  p.guide = pointer<const float>(guide);
  p.photo = pointer<const float>(photo);
  p.out = pointer<float>(out);
  p.scratch = pointer<std::byte>(scratch);
  p.low_height = low_height;
  p.low_width = low_width;
  p.height = height;
  p.width = width;
  p.radius = radius;
  p.sigma_space = sigma_space;
  p.sigma_color = sigma_color;
  p.threads = threads;
  py::gil_scoped_release nogil;
  cpu_kernels().local_affine_upsample(p);
}

}  // namespace

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  m.doc() = "Native kernels of photostyle_native. Private: use photostyle_native.ops.";
  m.attr("isa") = cpu_kernels().isa;
  m.attr("cuda") = PHOTOSTYLE_CUDA_STATUS;
  m.attr("compiler") = PHOTOSTYLE_COMPILER;
#ifdef _OPENMP
  m.attr("openmp") = true;
#else
  m.attr("openmp") = false;
#endif
  m.def("matting_laplacian_scratch", &matting_scratch);
  m.def("matting_laplacian", &matting);
  m.def("masked_gram_scratch", &gram_scratch);
  m.def("masked_gram", &gram);
  m.def("masked_gram_backward_scratch", &gram_backward_scratch);
  m.def("masked_gram_backward", &gram_backward);
  m.def("local_affine_fit_scratch", &affine_fit_scratch);
  m.def("local_affine_fit", &affine_fit);
  m.def("local_affine_smooth_scratch", &affine_smooth_scratch);
  m.def("local_affine_smooth", &affine_smooth);
  m.def("local_affine_upsample_scratch", &affine_upsample_scratch);
  m.def("local_affine_upsample", &affine_upsample);
}
