// The products of skinny_matmul.h, by the numbers of their rows and weights; and how their weights are packed.

#include "skinny_matmul.h"

// What is in each of LANES rows of as many numbers, as columns.
template <typename W, int LANES>
struct Turned {
  typedef W Row __attribute__((vector_size(LANES * sizeof(W))));

  // The lower or upper halves of two rows, a number of one and of the other by turns.
  template <int upper, int... lane>
  static Row zipped(const Row& a, const Row& b, std::integer_sequence<int, lane...>) {
#if defined(__clang__) || __GNUC__ >= 12
    return __builtin_shufflevector(a, b, ((lane % 2 ? LANES : 0) + (upper * LANES + lane) / 2)...);
#else
    Row found;
    for (int n = 0; n < LANES; ++n) found[n] = (n % 2 ? b : a)[(upper * LANES + n) / 2];
    return found;
#endif
  }

  template <int times = LANES>
  static void turn(Row* rows) {
    if constexpr (times > 1) {
      constexpr auto lanes = std::make_integer_sequence<int, LANES>();
      Row next[LANES];
      for (int n = 0; n < LANES / 2; ++n) {
        next[2 * n] = zipped<0>(rows[n], rows[n + LANES / 2], lanes);
        next[2 * n + 1] = zipped<1>(rows[n], rows[n + LANES / 2], lanes);
      }
      std::memcpy(rows, next, sizeof(next));
      turn<times / 2>(rows);
    }
  }
};

// A weight [outputs][inputs], whose rows are so many numbers apart, as [blocks][inputs][LANES], with zeros behind the last.
template <typename W, int LANES>
static void pack(const W* weight, std::int64_t apart, std::int64_t outputs, std::int64_t inputs, W* packed,
                 std::int64_t threads) {
  const std::int64_t blocks = (outputs + LANES - 1) / LANES;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1) if (threads > 1)
  for (std::int64_t block = 0; block < blocks; ++block) {
    const W* own = weight + block * LANES * apart;
    W* to = packed + block * LANES * inputs;
    const std::int64_t height = std::min<std::int64_t>(LANES, outputs - block * LANES);
    for (std::int64_t k = 0; k < inputs; k += LANES) {
      const std::int64_t width = std::min<std::int64_t>(LANES, inputs - k);
      typename Turned<W, LANES>::Row rows[LANES] = {};
      for (std::int64_t n = 0; n < height; ++n) {
        const W* from = own + n * apart + k;
        __builtin_prefetch(from + 4 * LANES);
        if (width == LANES) std::memcpy(rows + n, from, sizeof(rows[0]));
        else std::memcpy(rows + n, from, width * sizeof(W));
      }
      Turned<W, LANES>::turn(rows);
      std::memcpy(to + k * LANES, rows, width * sizeof(rows[0]));
    }
  }
}

extern "C" {
std::int64_t vector_bytes() { return BYTES; }

// y [rows, outputs] = x [rows, inputs] times the columns of the weights from `column` on, and plus, and from column 0 the biases.
// into: of each part where its outputs go instead, or null.
#define TIMES(NAME, T, W)                                                                                             \
  void times_##NAME(const Matmul* own, const T* x, std::int64_t x_row, std::int64_t rows, const T* plus,                \
                    std::int64_t plus_row, T* y, std::int64_t column, std::int64_t inputs, const Into* into) {          \
    Product<T, W>::times(*own, x, x_row, rows, plus, plus_row, y, column, inputs, into);                                \
  }
TIMES(float32, float, float)
TIMES(float64, double, double)
TIMES(bfloat16, float, std::uint16_t)
TIMES(int8, float, std::int8_t)

#define PACK(NAME, W, LANES)                                                                                          \
  void pack_##NAME(const W* weight, std::int64_t apart, std::int64_t outputs, std::int64_t inputs, W* packed,           \
                   std::int64_t threads) {                                                                              \
    pack<W, LANES>(weight, apart, outputs, inputs, packed, threads);                                                    \
  }
PACK(float32, float, BYTES / 4)
PACK(float64, double, BYTES / 8)
PACK(bfloat16, std::uint16_t, BYTES / 4)
PACK(int8, std::int8_t, BYTES / 4)
}
