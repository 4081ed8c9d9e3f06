// A CPU emulation of one CUDA device, enough to run this project's kernels: a block's threads are fibers, and
// barriers and warp collectives switch between them. README.md says what it checks and what it cannot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

namespace simt {

constexpr int kWarp = 32;
constexpr int kMultiprocessors = 4;           // what a kernel that fills the device is told
constexpr size_t kSlot = 64;                  // bytes that a lane can hand over in one collective
constexpr size_t kSharedLimit = 227 * 1024;   // of a block, with the attribute set (sm_90)
constexpr size_t kSharedDefault = 48 * 1024;  // without

// Where the running thread stands; CUDA's names.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

enum class Order { kForward, kReverse, kShuffled };  // in which a block's threads run between two barriers

void set_order(Order order, uint64_t seed);
void set_capability(int capability);  // 10 major + minor
int capability();

// Runs one launch to its end. Returns false on a fault; fault() then says what happened.
bool run(dim3 grid, dim3 block, size_t dynamic_shared, const void* kernel, const std::function<void()>& body);
const std::string& fault();
void set_fault(const std::string& message);

// Launches per kernel address since the start, in order of first launch.
void visit_launches(const std::function<void(const void* kernel, int64_t launches, size_t shared)>& visit);

// ---- called by the running thread
[[noreturn]] void raise_fault(const std::string& message);
void* shared_memory(size_t bytes);  // the block's, filled with NaN at the start of the block
void sync_threads();
void sync_warp(unsigned mask);
// All 32 lanes hand over `bytes` and get everybody's: lane i's at i * kSlot.
const std::byte* exchange(unsigned mask, const void* mine, size_t bytes);
int lane();
// d += a b on fragments of a 16x8 and an 8x8 matrix, laid out as in csrc/common/cuda_fragments.h.
void multiply_tf32(float* d, const float* a, const float* b);
// d = a b + c, likewise of a 16x16 and a 16x8 matrix of bfloat16 or half values.
void multiply_halves(float* d, const uint32_t* a, const uint32_t* b, const float* c, bool bfloat16);
// Four 8x8 matrices of two-byte values, likewise.
void load_matrices(uint32_t* d, const void* row, bool transposed);

void copy_async(void* shared, const void* global, size_t bytes, bool live);
void copy_commit();
void copy_wait(int pending);

// Bytes around a block's shared memory that nothing else owns, where races.cpp finds accesses that went wrong. With
// AddressSanitizer there are none: it has its own.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kSharedGuard = 0;
#else
constexpr size_t kSharedGuard = 4096;
#endif

// ---- races.cpp: called for every access of code compiled with -fsanitize=thread
bool races_are_watched();
void watch_start(const void* stacks, size_t bytes);
void watch_launch();
void watch_block(const void* shared, size_t bytes);
void watch_access(const void* address, size_t bytes, bool write);

// For races.cpp: who runs, and which of its accesses are ordered by barriers.
struct Running {
  int64_t block;
  int thread;
  uint32_t barriers;       // that the thread has passed
  uint32_t warp_barriers;  // likewise, of its warp
};
const Running* running();  // null outside a kernel

}  // namespace simt
