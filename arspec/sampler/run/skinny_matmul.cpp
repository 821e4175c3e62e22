// x W' + bias + plus for a few rows x: see skinny_matmul.py, which compiles this file.
//
// A weight lies in blocks of LANES outputs, [blocks][inputs][LANES], so that a thread reads it from its first number to its
// last, once for up to ROWS rows. Every output is summed up in the order of the inputs, with one rounding a product or two, as
// the compiler likes: how many rows there are, and how many threads, may change its last bits.
//
// Weights of float32 products may be stored as bfloat16, or as int8 with a scale for each output: a half or a quarter of what
// has to come from memory. Sums are of float32 all the same.

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int BYTES = 64, ROWS = 8, SIDE = 3;  // of a vector; rows and blocks that are summed up at once, in registers
#elif defined(__AVX__)
constexpr int BYTES = 32, ROWS = 4, SIDE = 2;
#else
constexpr int BYTES = 16, ROWS = 4, SIDE = 3;
#endif
constexpr int AHEAD = 24;  // inputs for which weights are asked of memory before they are needed

template <typename T, typename W>
struct Product {
  typedef T Vector __attribute__((vector_size(BYTES)));
  static constexpr std::int64_t LANES = BYTES / sizeof(T);

  // The weights of one input, as they are summed up.
  static Vector loaded(const W* at) {
    Vector found;
    if constexpr (sizeof(W) == sizeof(T)) {
      std::memcpy(&found, at, BYTES);
    } else if constexpr (sizeof(W) == 2) {
      typedef std::uint16_t Half __attribute__((vector_size(BYTES / 2)));
      typedef std::uint32_t Whole __attribute__((vector_size(BYTES)));
      Half half;
      std::memcpy(&half, at, BYTES / 2);
      const Whole whole = __builtin_convertvector(half, Whole) << 16;
      std::memcpy(&found, &whole, BYTES);
    } else {
#if defined(__AVX512F__)  // compilers take the lanes one by one otherwise
      found = (Vector)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))));
#elif defined(__AVX2__)
      found = (Vector)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))));
#else
      for (int lane = 0; lane < LANES; ++lane) found[lane] = at[lane];
#endif
    }
    return found;
  }

  // Of `rows` rows and of `side` blocks, the last of which has `last` outputs. Rows are x_row, plus_row and y_row apart,
  // blocks of weights `block`. scale, bias and plus: null where there is none; plus may be y.
  template <int rows, int side>
  static void tile(const T* x, std::int64_t x_row, const W* w, std::int64_t block, const T* scale, const T* bias,
                   const T* plus, std::int64_t plus_row, T* y, std::int64_t y_row, std::int64_t inputs,
                   std::int64_t last) {
    Vector sums[rows][side] = {};
    const auto size = [last](int s) { return (s == side - 1 ? last : LANES) * sizeof(T); };
    const auto added = [=](int m, int s) {
      Vector found{}, more{};
      if (bias) std::memcpy(&found, bias + s * LANES, size(s));
      if (plus) std::memcpy(&more, plus + m * plus_row + s * LANES, size(s));
      return found + more;
    };
    if (!scale)
      for (int m = 0; m < rows; ++m)
        for (int s = 0; s < side; ++s) sums[m][s] = added(m, s);
    for (std::int64_t k = 0; k < inputs; ++k) {
      Vector weights[side];
      for (int s = 0; s < side; ++s) {
        const W* at = w + s * block + k * LANES;
        weights[s] = loaded(at);
        __builtin_prefetch(at + AHEAD * LANES);
      }
      for (int m = 0; m < rows; ++m)
        for (int s = 0; s < side; ++s) sums[m][s] += x[m * x_row + k] * weights[s];
    }
    if (scale)
      for (int s = 0; s < side; ++s) {
        Vector times{};
        std::memcpy(&times, scale + s * LANES, size(s));
        for (int m = 0; m < rows; ++m) sums[m][s] = sums[m][s] * times + added(m, s);
      }
    for (int m = 0; m < rows; ++m)
      for (int s = 0; s < side; ++s) std::memcpy(y + m * y_row + s * LANES, &sums[m][s], size(s));
  }

  template <int rows>
  static decltype(&tile<1, 1>) of_side(std::int64_t side) {
    if constexpr (SIDE > 2)
      if (side == 3) return tile<rows, 3>;
    return side == 2 ? tile<rows, 2> : tile<rows, 1>;
  }

  static decltype(&tile<1, 1>) of(std::int64_t rows, std::int64_t side) {
    if constexpr (ROWS > 4)
      if (rows == 8) return of_side<8>(side);
    return rows == 4 ? of_side<4>(side) : rows == 2 ? of_side<2>(side) : of_side<1>(side);
  }

  static void times(const T* x, std::int64_t x_row, const W* w, std::int64_t block, const T* scale, const T* bias,
                    const T* plus, std::int64_t plus_row, T* y, std::int64_t rows, std::int64_t inputs,
                    std::int64_t outputs, std::int64_t threads) {
    const std::int64_t blocks = (outputs + LANES - 1) / LANES;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (std::int64_t t = 0; t < threads; ++t) {
      const std::int64_t begin = blocks * t / threads, end = blocks * (t + 1) / threads;
      std::int64_t turns = (end - begin + SIDE - 1) / SIDE;
      for (std::int64_t n = begin; n < end; --turns) {
        const std::int64_t side = (end - n + turns - 1) / turns, first = n * LANES;  // turns of the same size, or nearly
        const std::int64_t last = std::min(LANES, outputs - first - (side - 1) * LANES);
        for (std::int64_t m = 0, now = ROWS; m < rows; m += now) {
          while (now > rows - m) now /= 2;
          of(now, side)(x + m * x_row, x_row, w + n * block, block, scale ? scale + first : nullptr,
                        bias ? bias + first : nullptr, plus ? plus + m * plus_row + first : nullptr, plus_row,
                        y + m * outputs + first, outputs, inputs, last);
        }
        n += side;
      }
    }
  }
};

extern "C" {
std::int64_t vector_bytes() { return BYTES; }

#define TIMES(NAME, T, W)                                                                                             \
  void times_##NAME(const T* x, std::int64_t x_row, const W* w, std::int64_t block, const T* scale, const T* bias,      \
                    const T* plus, std::int64_t plus_row, T* y, std::int64_t rows, std::int64_t inputs,                 \
                    std::int64_t outputs, std::int64_t threads) {                                                       \
    Product<T, W>::times(x, x_row, w, block, scale, bias, plus, plus_row, y, rows, inputs, outputs, threads);           \
  }
TIMES(float32, float, float)
TIMES(float64, double, double)
TIMES(bfloat16, float, std::uint16_t)
TIMES(int8, float, std::int8_t)
}
