// The kernels' Python signatures, the same for every backend. Pointers come as integers from tensors that
// photostyle_native/ops has checked and allocated; every call releases the GIL.
//
// A backend has, for each Params struct P,
//     size_t scratch(const P&, int64_t handle)      bytes that the call needs
//     void run(P&, int64_t handle)                  the call; throws std::runtime_error
// where the handle is the number of threads (CPU) or the stream (CUDA).
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>

#include "bilateral_grid/params.h"
#include "local_affine/params.h"
#include "masked_gram/params.h"
#include "matting_laplacian/params.h"

namespace photostyle {

using Address = uintptr_t;

template <typename T = void>
T* pointer(Address a) {
  return reinterpret_cast<T*>(a);
}

template <typename Backend, typename Params>
void run_without_gil(Params& p, Address scratch, int64_t handle) {
  p.scratch = pointer<std::byte>(scratch);
  pybind11::gil_scoped_release nogil;
  Backend::run(p, handle);
}

template <typename Backend>
struct Bindings {
  // ---- matting Laplacian and guided filter
  static MattingLaplacianParams matting_shape(int64_t batch, int64_t channels, int64_t height, int64_t width,
                                              int radius, int filter, bool is_double) {
    MattingLaplacianParams p;
    p.batch = p.image_batch = batch;
    p.channels = channels;
    p.height = height;
    p.width = width;
    p.radius = radius;
    p.filter = static_cast<WindowFilter>(filter);
    p.is_double = is_double;
    return p;
  }

  static size_t matting_scratch(int64_t batch, int64_t channels, int64_t height, int64_t width, int radius,
                                int filter, bool is_double, int64_t handle) {
    return Backend::scratch(matting_shape(batch, channels, height, width, radius, filter, is_double), handle);
  }

  static void matting(Address image, Address x, Address out, Address energy, Address scratch, int64_t batch,
                      int64_t image_batch, int64_t channels, int64_t height, int64_t width, int radius, double eps,
                      int filter, bool is_double, bool image_is_uint8, int64_t handle) {
    MattingLaplacianParams p = matting_shape(batch, channels, height, width, radius, filter, is_double);
    p.image_batch = image_batch;
    p.image = pointer(image);
    p.x = pointer(x);
    p.out = pointer(out);
    p.energy = pointer<double>(energy);
    p.eps = eps;
    p.image_is_uint8 = image_is_uint8;
    run_without_gil<Backend>(p, scratch, handle);
  }

  // ---- masked Gram
  template <typename Params>
  static Params gram_shape(int64_t batch, int64_t mask_batch, int64_t masks, int64_t channels, int64_t pixels,
                           int type) {
    Params p;
    p.batch = batch;
    p.mask_batch = mask_batch;
    p.masks_count = masks;
    p.channels = channels;
    p.pixels = pixels;
    p.type = static_cast<FeatureType>(type);
    return p;
  }

  template <typename Params>
  static size_t gram_scratch(int64_t batch, int64_t mask_batch, int64_t masks, int64_t channels, int64_t pixels,
                             int type, int64_t handle) {
    return Backend::scratch(gram_shape<Params>(batch, mask_batch, masks, channels, pixels, type), handle);
  }

  static void gram(Address features, Address masks, Address out, Address scratch, int64_t batch, int64_t mask_batch,
                   int64_t mask_count, int64_t channels, int64_t pixels, int type, bool tf32, int64_t handle) {
    auto p = gram_shape<MaskedGramParams>(batch, mask_batch, mask_count, channels, pixels, type);
    p.features = pointer(features);
    p.masks = pointer(masks);
    p.gram = pointer(out);
    p.tf32 = tf32;
    run_without_gil<Backend>(p, scratch, handle);
  }

  static void gram_backward(Address features, Address masks, Address upstream, Address grad, Address scratch,
                            int64_t batch, int64_t mask_batch, int64_t mask_count, int64_t channels, int64_t pixels,
                            int type, bool tf32, int64_t handle) {
    auto p = gram_shape<MaskedGramBackwardParams>(batch, mask_batch, mask_count, channels, pixels, type);
    p.features = pointer(features);
    p.masks = pointer(masks);
    p.upstream = pointer(upstream);
    p.grad = pointer(grad);
    p.tf32 = tf32;
    run_without_gil<Backend>(p, scratch, handle);
  }

  static void gram_loss(Address features, Address masks, Address targets, Address scales, Address weights,
                        Address loss, Address upstream, Address scratch, int64_t batch, int64_t mask_batch,
                        int64_t target_batch, int64_t mask_count, int64_t channels, int64_t pixels, int type,
                        bool tf32, int64_t handle) {
    auto p = gram_shape<MaskedGramLossParams>(batch, mask_batch, mask_count, channels, pixels, type);
    p.target_batch = target_batch;
    p.features = pointer(features);
    p.masks = pointer(masks);
    p.targets = pointer(targets);
    p.scales = pointer(scales);
    p.weights = pointer(weights);
    p.loss = pointer<double>(loss);
    p.upstream = pointer(upstream);
    p.tf32 = tf32;
    run_without_gil<Backend>(p, scratch, handle);
  }

  // ---- local affine
  static LocalAffineFitParams fit_shape(int64_t batch, int64_t content_batch, int64_t height, int64_t width,
                                        int radius, bool is_double) {
    LocalAffineFitParams p;
    p.batch = batch;
    p.content_batch = content_batch;
    p.height = height;
    p.width = width;
    p.radius = radius;
    p.is_double = is_double;
    return p;
  }

  static size_t affine_fit_scratch(int64_t batch, int64_t height, int64_t width, int radius, bool is_double,
                                   int64_t handle) {
    return Backend::scratch(fit_shape(batch, batch, height, width, radius, is_double), handle);
  }

  static void affine_fit(Address content, Address output, Address coefs, Address scratch, int64_t batch,
                         int64_t content_batch, int64_t height, int64_t width, int radius, double ridge,
                         bool is_double, int64_t handle) {
    LocalAffineFitParams p = fit_shape(batch, content_batch, height, width, radius, is_double);
    p.content = pointer(content);
    p.output = pointer(output);
    p.coefs = pointer(coefs);
    p.ridge = ridge;
    run_without_gil<Backend>(p, scratch, handle);
  }

  static LocalAffineSmoothParams smooth_shape(int64_t batch, int64_t guide_batch, int64_t height, int64_t width,
                                              int radius, bool is_double) {
    LocalAffineSmoothParams p;
    p.batch = batch;
    p.guide_batch = guide_batch;
    p.height = height;
    p.width = width;
    p.radius = radius;
    p.is_double = is_double;
    return p;
  }

  static size_t affine_smooth_scratch(int64_t batch, int64_t height, int64_t width, int radius, bool is_double,
                                      int64_t handle) {
    return Backend::scratch(smooth_shape(batch, batch, height, width, radius, is_double), handle);
  }

  static void affine_smooth(Address coefs, Address guide, Address out, Address applied, Address scratch,
                            int64_t batch, int64_t guide_batch, int64_t height, int64_t width, int radius,
                            double sigma_space, double sigma_color, bool is_double, int64_t handle) {
    LocalAffineSmoothParams p = smooth_shape(batch, guide_batch, height, width, radius, is_double);
    p.coefs = pointer(coefs);
    p.guide = pointer(guide);
    p.out = pointer(out);
    p.applied = pointer(applied);
    p.sigma_space = sigma_space;
    p.sigma_color = sigma_color;
    run_without_gil<Backend>(p, scratch, handle);
  }

  static LocalAffineUpsampleParams upsample_shape(int64_t low_height, int64_t low_width, int64_t height,
                                                  int64_t width, int radius) {
    LocalAffineUpsampleParams p;
    p.low_height = low_height;
    p.low_width = low_width;
    p.height = height;
    p.width = width;
    p.radius = radius;
    return p;
  }

  static size_t affine_upsample_scratch(int64_t low_height, int64_t low_width, int64_t height, int64_t width,
                                        int radius, int64_t handle) {
    return Backend::scratch(upsample_shape(low_height, low_width, height, width, radius), handle);
  }

  static void affine_upsample(Address coefs, Address guide, Address photo, Address out, Address scratch,
                              int64_t low_height, int64_t low_width, int64_t height, int64_t width, int radius,
                              double sigma_space, double sigma_color, int64_t handle) {
    LocalAffineUpsampleParams p = upsample_shape(low_height, low_width, height, width, radius);
    p.coefs = pointer<const float>(coefs);
    p.guide = pointer<const float>(guide);
    p.photo = pointer<const float>(photo);
    p.out = pointer<float>(out);
    p.sigma_space = sigma_space;
    p.sigma_color = sigma_color;
    run_without_gil<Backend>(p, scratch, handle);
  }

  // ---- bilateral grid
  template <typename Params>
  static Params bilateral_shape(int64_t batch, int64_t grid_batch, int64_t depth, int64_t grid_height,
                                int64_t grid_width, int64_t height, int64_t width, bool derivative, bool is_double) {
    Params p;
    p.batch = batch;
    p.grid_batch = grid_batch;
    p.depth = depth;
    p.grid_height = grid_height;
    p.grid_width = grid_width;
    p.height = height;
    p.width = width;
    p.derivative = derivative;
    p.is_double = is_double;
    return p;
  }

  template <typename Params>
  static size_t bilateral_scratch(int64_t batch, int64_t grid_batch, int64_t depth, int64_t grid_height,
                                  int64_t grid_width, int64_t height, int64_t width, bool derivative, bool is_double,
                                  int64_t handle) {
    return Backend::scratch(bilateral_shape<Params>(batch, grid_batch, depth, grid_height, grid_width, height, width,
                                                    derivative, is_double),
                            handle);
  }

  static void bilateral_slice(Address grid, Address guide, Address image, Address upstream, Address out,
                              Address scratch, int64_t batch, int64_t grid_batch, int64_t depth, int64_t grid_height,
                              int64_t grid_width, int64_t height, int64_t width, bool derivative, bool is_double,
                              bool transposed, int64_t handle) {
    auto p = bilateral_shape<BilateralSliceParams>(batch, grid_batch, depth, grid_height, grid_width, height, width,
                                                   derivative, is_double);
    p.grid = pointer(grid);
    p.guide = pointer(guide);
    p.image = pointer(image);
    p.upstream = pointer(upstream);
    p.out = pointer(out);
    p.transposed = transposed;
    run_without_gil<Backend>(p, scratch, handle);
  }

  static void bilateral_grid_backward(Address upstream, Address guide, Address image, Address grad, Address scratch,
                                      int64_t batch, int64_t grid_batch, int64_t depth, int64_t grid_height,
                                      int64_t grid_width, int64_t height, int64_t width, bool derivative,
                                      bool is_double, int64_t handle) {
    auto p = bilateral_shape<BilateralGridBackwardParams>(batch, grid_batch, depth, grid_height, grid_width, height,
                                                          width, derivative, is_double);
    p.upstream = pointer(upstream);
    p.guide = pointer(guide);
    p.image = pointer(image);
    p.grad = pointer(grad);
    run_without_gil<Backend>(p, scratch, handle);
  }
};

// Adds the kernels of a backend to a module.
template <typename Backend>
void bind_kernels(pybind11::module_& m) {
  using B = Bindings<Backend>;
  m.def("matting_laplacian_scratch", &B::matting_scratch);
  m.def("matting_laplacian", &B::matting);
  m.def("masked_gram_scratch", &B::template gram_scratch<MaskedGramParams>);
  m.def("masked_gram", &B::gram);
  m.def("masked_gram_backward_scratch", &B::template gram_scratch<MaskedGramBackwardParams>);
  m.def("masked_gram_backward", &B::gram_backward);
  m.def("local_affine_fit_scratch", &B::affine_fit_scratch);
  m.def("local_affine_fit", &B::affine_fit);
  m.def("local_affine_smooth_scratch", &B::affine_smooth_scratch);
  m.def("local_affine_smooth", &B::affine_smooth);
  m.def("local_affine_upsample_scratch", &B::affine_upsample_scratch);
  m.def("local_affine_upsample", &B::affine_upsample);
  m.def("bilateral_slice_scratch", &B::template bilateral_scratch<BilateralSliceParams>);
  m.def("bilateral_slice", &B::bilateral_slice);
  m.def("bilateral_grid_backward_scratch", &B::template bilateral_scratch<BilateralGridBackwardParams>);
  m.def("bilateral_grid_backward", &B::bilateral_grid_backward);
}

}  // namespace photostyle
