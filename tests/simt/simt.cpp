// The scheduler: fibers, barriers, warp collectives, shared memory, asynchronous copies.
#include "simt.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace simt {

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace {

constexpr size_t kStack = 256 * 1024;
constexpr int kMaxThreads = 1024;

struct Copy {
  void* to;
  const void* from;
  size_t bytes;
  bool live;
};

enum class Wait { kNothing, kBlock, kWarp, kDone };

struct Fiber {
  void* jump[5];  // __builtin_setjmp's buffer: unlike swapcontext it makes no system call
  Running running = {};
  Wait wait = Wait::kDone;
  bool started = false;
  uint64_t collectives = 0;  // passed or under way
  std::vector<std::vector<Copy>> groups;
  std::vector<Copy> open;
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack = nullptr;
#endif
};

struct Warp {
  uint64_t arrived[2] = {0, 0};  // lanes, of the collectives with even and odd number
  std::byte slots[2][kWarp * kSlot];
};

struct Device {
  Order order = Order::kForward;
  std::mt19937_64 random;
  int capability = 90;
  std::string fault;
  std::byte* stacks = nullptr;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<int> turn;
  const std::function<void()>* body = nullptr;
  int threads = 0;
  int current = -1;
  int at_barrier = 0, done = 0;
  uint32_t barriers = 0;
  size_t shared_allowed = 0, shared_bytes = 0;
  std::unique_ptr<std::byte[]> shared;
  void* scheduler[5];
  bool failed = false;
#if defined(__SANITIZE_ADDRESS__)
  const void* scheduler_stack = nullptr;
  size_t scheduler_bytes = 0;
  void* scheduler_fake = nullptr;
#endif
  struct Record {
    const void* kernel;
    int64_t launches;
    size_t shared;
  };
  std::vector<Record> records;
};

Device device;

// ---- fibers. noipa: __builtin_setjmp brings back no registers, so a caller may not count on any that its callee
// seems to leave alone.

__attribute__((noinline, noipa, noreturn)) void jump(void** to) { __builtin_longjmp(to, 1); }

__attribute__((noinline, noipa)) void enter_scheduler(Fiber& fiber) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&fiber.fake_stack, device.scheduler_stack, device.scheduler_bytes);
#endif
  if (__builtin_setjmp(fiber.jump) == 0) jump(device.scheduler);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(device.fibers[device.current].fake_stack, &device.scheduler_stack,
                                  &device.scheduler_bytes);
#endif
}

// The life of a fiber: one thread after the other, block by block.
void live() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &device.scheduler_stack, &device.scheduler_bytes);
#endif
  for (;;) {
    (*device.body)();
    Fiber& fiber = device.fibers[device.current];
    fiber.wait = Wait::kDone;
    ++device.done;
    enter_scheduler(fiber);
  }
}

// The first entry needs a stack of its own, and makecontext is the portable way to get onto it.
// It never returns here, so AddressSanitizer must not guard its frame.
__attribute__((no_sanitize("address"))) void start(Fiber& fiber, std::byte* stack) {
  ucontext_t there, here;
  getcontext(&there);
  there.uc_stack.ss_sp = stack;
  there.uc_stack.ss_size = kStack;
  there.uc_link = nullptr;
  makecontext(&there, live, 0);
  fiber.started = true;
  swapcontext(&here, &there);
}

__attribute__((noinline, noipa)) void resume(int index) {
  Fiber& fiber = device.fibers[index];
  device.current = index;
  const unsigned i = static_cast<unsigned>(index);
  const dim3 n = blockDim;
  threadIdx = {i % n.x, i / n.x % n.y, i / (n.x * n.y)};
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&device.scheduler_fake, device.stacks + index * kStack, kStack);
#endif
  if (__builtin_setjmp(device.scheduler) == 0) {
    if (fiber.started) jump(fiber.jump);
    start(fiber, device.stacks + index * kStack);
  }
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(device.scheduler_fake, nullptr, nullptr);
#endif
  device.current = -1;
}

void make_fibers() {
  if (!device.stacks) {
    void* region = mmap(nullptr, kStack * kMaxThreads, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    device.stacks = static_cast<std::byte*>(region);
  }
  device.fibers.clear();
  device.fibers.resize(kMaxThreads);
  device.failed = false;
}

Fiber& self() { return device.fibers[device.current]; }

// ---- one block

void reset_block(int64_t block) {
  device.at_barrier = device.done = 0;
  device.barriers = 0;
  device.shared.reset();
  device.shared_bytes = 0;
  watch_block(nullptr, 0);
  for (Warp& warp : device.warps) warp = Warp();
  for (int i = 0; i < device.threads; ++i) {
    Fiber& fiber = device.fibers[i];
    fiber.wait = Wait::kNothing;
    fiber.running = {block, i, 0, 0};
    fiber.collectives = 0;
    fiber.groups.clear();
    fiber.open.clear();
  }
}

// Lanes are at most one collective apart, so two counters and two sets of slots are enough.
bool warp_complete(const Warp& warp, uint64_t number) { return warp.arrived[number % 2] >= (number / 2 + 1) * kWarp; }

bool can_run(int index) {
  const Fiber& fiber = device.fibers[index];
  switch (fiber.wait) {
    case Wait::kNothing:
      return true;
    case Wait::kBlock:
      return fiber.running.barriers < device.barriers;
    case Wait::kWarp:
      return warp_complete(device.warps[index / kWarp], fiber.collectives - 1);
    default:
      return false;
  }
}

std::string describe_stall() {
  int block = 0, warp = 0;
  for (int i = 0; i < device.threads; ++i) {
    block += device.fibers[i].wait == Wait::kBlock;
    warp += device.fibers[i].wait == Wait::kWarp;
  }
  return "a barrier that not every thread reaches: " + std::to_string(block) + " threads wait at __syncthreads, " +
         std::to_string(warp) + " at a warp collective, " + std::to_string(device.done) + " of " +
         std::to_string(device.threads) + " have returned";
}

void run_block() {
  while (device.done < device.threads && !device.failed) {
    if (device.order == Order::kShuffled) std::shuffle(device.turn.begin(), device.turn.end(), device.random);
    bool progress = false;
    for (int index : device.turn) {
      if (!can_run(index)) continue;
      progress = true;
      resume(index);
      if (device.failed) return;
    }
    if (!progress && device.done < device.threads) {
      device.fault = describe_stall();
      device.failed = true;
    }
  }
}

}  // namespace

// ---- the device

void set_order(Order order, uint64_t seed) {
  device.order = order;
  device.random.seed(seed);
}

void set_capability(int capability) { device.capability = capability; }
int capability() { return device.capability; }
const std::string& fault() { return device.fault; }
void set_fault(const std::string& message) { device.fault = message; }

void visit_launches(const std::function<void(const void*, int64_t, size_t)>& visit) {
  for (const auto& r : device.records) visit(r.kernel, r.launches, r.shared);
}

const Running* running() { return !device.body || device.current < 0 ? nullptr : &self().running; }

bool run(dim3 grid, dim3 block, size_t dynamic_shared, const void* kernel, const std::function<void()>& body) {
  device.threads = static_cast<int>(block.x * block.y * block.z);
  if (device.fibers.empty() || device.failed) make_fibers();
  device.fault.clear();
  device.body = &body;
  device.shared_allowed = std::max(dynamic_shared, kSharedDefault);
  device.warps.assign((device.threads + kWarp - 1) / kWarp, Warp());
  device.turn.resize(device.threads);
  for (int i = 0; i < device.threads; ++i)
    device.turn[i] = device.order == Order::kReverse ? device.threads - 1 - i : i;
  blockDim = block;
  gridDim = grid;
  watch_start(device.stacks, kStack * kMaxThreads);
  watch_launch();
  size_t most_shared = 0;
  for (unsigned z = 0; z < grid.z && !device.failed; ++z)
    for (unsigned y = 0; y < grid.y && !device.failed; ++y)
      for (unsigned x = 0; x < grid.x && !device.failed; ++x) {
        blockIdx = {x, y, z};
        reset_block((static_cast<int64_t>(z) * grid.y + y) * grid.x + x);
        run_block();
        most_shared = std::max(most_shared, device.shared_bytes);
      }
  device.shared.reset();
  device.body = nullptr;
  auto record = std::find_if(device.records.begin(), device.records.end(),
                             [&](const Device::Record& r) { return r.kernel == kernel; });
  if (record == device.records.end()) record = device.records.insert(record, {kernel, 0, 0});
  ++record->launches;
  record->shared = std::max(record->shared, most_shared);
  return !device.failed;
}

void raise_fault(const std::string& message) {
  const uint3 b = blockIdx, t = threadIdx;
  device.fault = message + " (block " + std::to_string(b.x) + "," + std::to_string(b.y) + "," + std::to_string(b.z) +
                 ", thread " + std::to_string(t.x) + "," + std::to_string(t.y) + "," + std::to_string(t.z) + ")";
  device.failed = true;
  for (;;) enter_scheduler(self());
}

void* shared_memory(size_t bytes) {
  if (!device.shared) {
    if (bytes > device.shared_allowed)
      raise_fault("the kernel wants " + std::to_string(bytes) + " bytes of shared memory, the launch gave " +
                  std::to_string(device.shared_allowed));
    device.shared_bytes = bytes;
    device.shared.reset(new std::byte[bytes + 2 * kSharedGuard]);
    std::memset(device.shared.get() + kSharedGuard, 0xff, bytes);  // NaN, as float, double and half
    watch_block(device.shared.get() + kSharedGuard, bytes);
  }
  if (bytes != device.shared_bytes) raise_fault("a kernel may use one type of shared memory");
  return device.shared.get() + kSharedGuard;
}

void sync_threads() {
  Fiber& me = self();
  if (++device.at_barrier == device.threads) {
    device.at_barrier = 0;
    ++device.barriers;
  }
  me.wait = Wait::kBlock;
  while (me.running.barriers == device.barriers) enter_scheduler(me);
  me.wait = Wait::kNothing;
  ++me.running.barriers;
}

int lane() { return device.current % kWarp; }

const std::byte* exchange(unsigned mask, const void* mine, size_t bytes) {
  if (mask != 0xffffffffu) raise_fault("a warp collective with a partial mask");
  if (device.threads % kWarp) raise_fault("warp collectives need blocks of whole warps");
  Fiber& me = self();
  Warp& warp = device.warps[device.current / kWarp];
  const uint64_t number = me.collectives++;
  std::byte* slots = warp.slots[number % 2];
  std::memcpy(slots + lane() * kSlot, mine, bytes);
  ++warp.arrived[number % 2];
  me.wait = Wait::kWarp;
  while (!warp_complete(warp, number)) enter_scheduler(me);
  me.wait = Wait::kNothing;
  return slots;
}

void sync_warp(unsigned mask) {
  const char nothing = 0;
  exchange(mask, &nothing, 1);
  ++self().running.warp_barriers;
}

// Eight products are added in double precision and rounded once; the low 13 bits of the factors are not read.
void multiply_tf32(float* d, const float* a, const float* b) {
  uint32_t mine[6];
  std::memcpy(mine, a, 16);
  std::memcpy(mine + 4, b, 8);
  for (uint32_t& bits : mine) bits &= 0xffffe000u;
  const std::byte* slots = exchange(0xffffffffu, mine, sizeof(mine));
  const int g = lane() / 4, t = lane() % 4;
  for (int row = 0; row < 2; ++row) {
    float left[8];  // of row g + 8 row
    for (int k = 0; k < 8; ++k)
      std::memcpy(&left[k], slots + (g * 4 + k % 4) * kSlot + (row + 2 * (k / 4)) * sizeof(float), sizeof(float));
    for (int column = 0; column < 2; ++column) {
      double sum = 0.0;
      for (int k = 0; k < 8; ++k) {
        float right;
        std::memcpy(&right, slots + ((2 * t + column) * 4 + k % 4) * kSlot + (4 + k / 4) * sizeof(float),
                    sizeof(float));
        sum += static_cast<double>(left[k]) * right;
      }
      d[2 * row + column] = static_cast<float>(d[2 * row + column] + sum);
    }
  }
}

namespace {

double value_of(uint16_t bits, bool bfloat16) {
  if (bfloat16) {
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof(value));
    return value;
  }
  _Float16 value;
  std::memcpy(&value, &bits, sizeof(value));
  return static_cast<double>(value);
}

}  // namespace

// Sixteen products and c are added in double precision and rounded once.
void multiply_halves(float* d, const uint32_t* a, const uint32_t* b, const float* c, bool bfloat16) {
  uint32_t mine[6];
  std::memcpy(mine, a, 16);
  std::memcpy(mine + 4, b, 8);
  const std::byte* slots = exchange(0xffffffffu, mine, sizeof(mine));
  const int g = lane() / 4, t = lane() % 4;
  // The value with index k of the register that lane 4 of + k % 8 / 2 has, `at` if k < 8 and `at + step` otherwise.
  const auto element = [&](int of, int k, int at, int step) {
    uint16_t bits;
    const int place = (at + k / 8 * step) * 4 + k % 2 * 2;
    std::memcpy(&bits, slots + (of * 4 + k % 8 / 2) * kSlot + place, sizeof(bits));
    return value_of(bits, bfloat16);
  };
  for (int row = 0; row < 2; ++row)
    for (int column = 0; column < 2; ++column) {
      double sum = c[2 * row + column];
      for (int k = 0; k < 16; ++k) sum += element(g, k, row, 2) * element(2 * t + column, k, 4, 1);
      d[2 * row + column] = static_cast<float>(sum);
    }
}

void load_matrices(uint32_t* d, const void* row, bool transposed) {
  if (reinterpret_cast<uintptr_t>(row) % 16) raise_fault("a matrix row of shared memory at an unaligned address");
  const std::byte* slots = exchange(0xffffffffu, &row, sizeof(row));
  const int g = lane() / 4, t = lane() % 4;
  for (int i = 0; i < 4; ++i)
    for (int half = 0; half < 2; ++half) {
      const int r = transposed ? 2 * t + half : g, column = transposed ? g : 2 * t + half;
      const std::byte* start;
      std::memcpy(&start, slots + (8 * i + r) * kSlot, sizeof(start));
      watch_access(start + 2 * column, 2, false);
      std::memcpy(reinterpret_cast<std::byte*>(d + i) + 2 * half, start + 2 * column, 2);
    }
}

// ---- asynchronous copies: nothing arrives before the wait, and what waits to be overwritten is NaN

void copy_async(void* shared, const void* global, size_t bytes, bool live) {
  if (reinterpret_cast<uintptr_t>(shared) % bytes || (live && reinterpret_cast<uintptr_t>(global) % bytes))
    raise_fault("an asynchronous copy of " + std::to_string(bytes) + " bytes from or to an unaligned address");
  watch_access(shared, bytes, true);
  std::memset(shared, 0xff, bytes);
  self().open.push_back({shared, global, bytes, live});
}

void copy_commit() {
  Fiber& me = self();
  me.groups.push_back(std::move(me.open));
  me.open.clear();
}

void copy_wait(int pending) {
  auto& groups = self().groups;
  while (static_cast<int>(groups.size()) > pending) {
    for (const Copy& c : groups.front()) {
      watch_access(c.to, c.bytes, true);
      if (c.live) {
        watch_access(c.from, c.bytes, false);
        std::memcpy(c.to, c.from, c.bytes);
      } else {
        std::memset(c.to, 0, c.bytes);
      }
    }
    groups.erase(groups.begin());
  }
}

}  // namespace simt
