// Which accesses to memory are not ordered by a barrier. The kernels are compiled with -fsanitize=thread, which calls
// the functions below at every access; this file stands in for the sanitizer's own runtime, whose idea of a thread is
// not a GPU's. Two accesses to the same place, at least one of them a write, by different threads of a launch are a
// race unless a __syncthreads of their block, or a __syncwarp of their warp, lies between them. Reads of shared
// memory that nothing in the block has written are reported as well.
#include <algorithm>
#include <iterator>
#include <memory>
#include <unordered_map>
#include <vector>

#include "simt.h"

namespace simt {
namespace {

constexpr uintptr_t kGranule = 1;  // bytes: the smallest elements written are codes of a pooling
constexpr uintptr_t kPage = 4096;
constexpr size_t kKeptPages = 512;  // between launches; a page is remembered with 52 times its size

struct Access {
  int32_t thread = -1;  // none
  int32_t block = 0;
  uint32_t barriers = 0, warp_barriers = 0;
};

struct Cell {
  Access write, read, other_read;  // the last write, and the last reads of two different threads
  uint32_t launch = 0;             // in which they happened; those of an earlier launch are over
};

struct Page {
  Cell cells[kPage / kGranule];
};

// Set before any object with a constructor exists: __tsan_init may be called first.
bool watching = false;

struct Watch {
  uintptr_t stacks = 0, stacks_end = 0;
  uintptr_t shared = 0, shared_end = 0;
  uint32_t launch = 0;
  std::vector<Cell> shared_cells;
  std::unordered_map<uintptr_t, std::unique_ptr<Page>> pages;
  uintptr_t recent_number[256] = {};  // pages found lately, by the low bits of their number
  Page* recent[256] = {};
};

Watch watch;

Cell& global_cell(uintptr_t byte) {
  const uintptr_t number = byte / kPage, slot = number % 256;
  if (watch.recent_number[slot] != number || !watch.recent[slot]) {
    std::unique_ptr<Page>& page = watch.pages[number];
    if (!page) page.reset(new Page());
    watch.recent_number[slot] = number;
    watch.recent[slot] = page.get();
  }
  Cell& cell = watch.recent[slot]->cells[byte % kPage / kGranule];
  if (cell.launch != watch.launch) cell = Cell();
  cell.launch = watch.launch;
  return cell;
}

bool ordered(const Access& before, const Running& now) {
  if (before.thread < 0 || (before.block == now.block && before.thread == now.thread)) return true;
  if (before.block != now.block) return false;
  if (before.barriers < now.barriers) return true;
  return before.thread / kWarp == now.thread / kWarp && before.warp_barriers < now.warp_barriers;
}

[[noreturn]] void report(const char* what, uintptr_t address, const Access& before) {
  const bool shared = address >= watch.shared && address < watch.shared_end;
  std::string where = shared ? "shared memory, byte " + std::to_string(address - watch.shared) : "global memory";
  raise_fault(std::string(what) + " in " + where +
              (before.thread < 0
                   ? ""
                   : ", with thread " + std::to_string(before.thread) + " of block " + std::to_string(before.block)));
}

void check(Cell& cell, uintptr_t address, bool write, bool shared, const Running& now) {
  const Access mine{now.thread, static_cast<int32_t>(now.block), now.barriers, now.warp_barriers};
  if (!ordered(cell.write, now))
    report(write ? "a race of two writes" : "a race of a read with a write", address, cell.write);
  if (write) {
    if (!ordered(cell.read, now)) report("a race of a write with a read", address, cell.read);
    if (!ordered(cell.other_read, now)) report("a race of a write with a read", address, cell.other_read);
    cell.write = mine;
    cell.read = cell.other_read = Access();
    return;
  }
  if (shared && cell.write.thread < 0) report("a read of what nothing has written", address, Access());
  if (cell.read.thread != now.thread || cell.read.block != now.block) cell.other_read = cell.read;
  cell.read = mine;
}

}  // namespace

bool races_are_watched() { return watching; }

void watch_start(const void* stacks, size_t bytes) {
  watch.stacks = reinterpret_cast<uintptr_t>(stacks);
  watch.stacks_end = watch.stacks + bytes;
}

void watch_launch() {
  ++watch.launch;
  // What an earlier launch did is over: its pages are kept only because the next launch often has the same ones.
  if (watch.pages.size() <= kKeptPages) return;
  watch.pages.clear();
  std::fill(std::begin(watch.recent), std::end(watch.recent), nullptr);
}

void watch_block(const void* shared, size_t bytes) {
  watch.shared = reinterpret_cast<uintptr_t>(shared);
  watch.shared_end = watch.shared + bytes;
  watch.shared_cells.assign(bytes / kGranule + 1, Cell());
}

void watch_access(const void* pointer, size_t bytes, bool write) {
  const Running* now = running();
  if (!watching || !now) return;
  const uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
  if (address >= watch.stacks && address < watch.stacks_end) return;
  const bool below = address < watch.shared && address + kSharedGuard >= watch.shared;
  const bool above = address + bytes > watch.shared_end && address < watch.shared_end + kSharedGuard;
  if (watch.shared && (below || above))
    raise_fault("an access outside the block's shared memory, at byte " +
                std::to_string(static_cast<int64_t>(address - watch.shared)));
  for (uintptr_t at = address / kGranule; at * kGranule < address + bytes; ++at) {
    const uintptr_t byte = at * kGranule;
    if (byte >= watch.shared && byte < watch.shared_end)
      check(watch.shared_cells[(byte - watch.shared) / kGranule], byte, write, true, *now);
    else
      check(global_cell(byte), byte, write, false, *now);
  }
}

}  // namespace simt

// ---- the names that -fsanitize=thread calls

extern "C" {
#define SIMT_ACCESS(size)                                                           \
  void __tsan_read##size(void* p) { simt::watch_access(p, size, false); }           \
  void __tsan_write##size(void* p) { simt::watch_access(p, size, true); }           \
  void __tsan_volatile_read##size(void* p) { simt::watch_access(p, size, false); }  \
  void __tsan_volatile_write##size(void* p) { simt::watch_access(p, size, true); }  \
  void __tsan_unaligned_read##size(void* p) { simt::watch_access(p, size, false); } \
  void __tsan_unaligned_write##size(void* p) { simt::watch_access(p, size, true); }
SIMT_ACCESS(1)
SIMT_ACCESS(2)
SIMT_ACCESS(4)
SIMT_ACCESS(8)
SIMT_ACCESS(16)
#undef SIMT_ACCESS
void __tsan_read_range(void* p, unsigned long bytes) { simt::watch_access(p, bytes, false); }
void __tsan_write_range(void* p, unsigned long bytes) { simt::watch_access(p, bytes, true); }
void __tsan_func_entry(void*) {}
void __tsan_func_exit(void) {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
// Called when a file compiled with -fsanitize=thread is loaded: that is how the watch knows that it is wanted.
void __tsan_init(void) { simt::watching = true; }
}
