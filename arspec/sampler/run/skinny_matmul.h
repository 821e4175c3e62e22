// x W' + bias + plus for a few rows x: see skinny_matmul.py.
//
// Several weights that take the same rows are the parts of one product. A weight lies in one of two ways. As modules have it,
// [outputs][inputs], it is read where it is, and no copy of it is made: each sum has a vector of its own, whose lanes are added
// up in the end. Packed, [blocks][inputs][LANES], a vector holds the sums of LANES outputs: up to three times as fast where
// inputs are few or rows are many. A tile is some outputs for some rows. How many rows there are, and how many threads,
// changes no bit of a sum.
//
// Weights of float32 products may be stored as bfloat16, or as int8 with a scale for each output: a half or a quarter of what
// has to come from memory. Sums are of float32 all the same.

#pragma once

#include "vectors.h"

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
// sums of a tile, which registers hold; its rows, and blocks of a packed weight, at most
constexpr int SUMS = 24, ROWS = 8, BLOCKS = 3;
#elif defined(__AVX__)
constexpr int SUMS = 8, ROWS = 4, BLOCKS = 2;
#else
constexpr int SUMS = 12, ROWS = 4, BLOCKS = 3;
#endif
#define INLINE __attribute__((always_inline)) inline
#if defined(__x86_64__)
#define IN_A_REGISTER(x) asm("" : "+v"(x))  // or it is loaded again for each output
#else
#define IN_A_REGISTER(x)
#endif
constexpr int OUTPUTS = 8;               // of a tile of a weight as modules have it, at most
constexpr int AHEAD = 4096;              // bytes of packed weights that are asked of memory before they are needed
constexpr std::int64_t SHARE = 1 << 17;  // bytes of weights that a thread takes at a time
constexpr std::int64_t WHOLE = 48;       // outputs that are whole tiles, of every kind, whose sums are finished together
constexpr std::int64_t TOGETHER = 64;    // and their rows, at most

// A weight whose rows, or packed blocks, are so many numbers apart. bias: of each output, or null. scale: of each output of an
// int8 weight.
struct Part {
  const void* weight;
  std::int64_t apart, outputs;
  const void *bias, *scale;
  std::int64_t packed;
};

// Where the outputs of a part go, whose rows are so many numbers apart; null: to their place in y.
struct Into {
  void* y;
  std::int64_t apart;
};

// Weights that take the same rows, and all their outputs.
struct Matmul {
  const Part* parts;
  std::int64_t count, outputs, threads;
};

template <typename T, typename W>
struct Product {
  typedef typename Of<T>::Vector Vector;
  static constexpr int LANES = Of<T>::LANES;
  static constexpr bool SCALED = sizeof(W) == 1;  // told when it is compiled, so that every tile rounds a scaled sum alike

  // LANES weights, as they are summed up.
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

  template <typename N>
  static Vector some(const N* at, std::int64_t count) {  // and zeros behind them
    N room[LANES] = {};
    std::memcpy(room, at, count * sizeof(N));
    return Product<T, N>::loaded(room);
  }

  // The sums of `rows` rows, x_row apart, times `outputs` rows of a weight, of which `first` is the first.
  template <int rows, int outputs>
  INLINE static void tile(const T* x, std::int64_t x_row, const Part& part, std::int64_t first, std::int64_t column,
                   std::int64_t inputs, T* found) {
    const std::int64_t apart = part.apart;
    const W* w = static_cast<const W*>(part.weight) + first * apart + column;
    Vector sums[rows * outputs] = {};
    std::int64_t k = 0;
    for (; k + LANES <= inputs; k += LANES) {
      Vector weights[outputs];
      for (int n = 0; n < outputs; ++n) {
        weights[n] = loaded(w + n * apart + k);
        __builtin_prefetch(w + (n + outputs) * apart + k, 0, 2);  // what the next tile reads
      }
      for (int m = 0; m < rows; ++m) {
        Vector own;
        std::memcpy(&own, x + m * x_row + k, BYTES);
        IN_A_REGISTER(own);
        for (int n = 0; n < outputs; ++n) sums[m * outputs + n] += own * weights[n];
      }
    }
    if (k < inputs)
      for (int n = 0; n < outputs; ++n) {
        const Vector weight = some(w + n * apart + k, inputs - k);
        for (int m = 0; m < rows; ++m) sums[m * outputs + n] += some(x + m * x_row + k, inputs - k) * weight;
      }
    Vector whole[rows * outputs];  // of which addresses are taken: sums stay in registers
    for (int n = 0; n < rows * outputs; ++n) whole[n] = sums[n];
    T each[rows * outputs];
    Of<T>::template add_all<rows * outputs>(whole, each);
    for (int m = 0; m < rows; ++m) std::memcpy(found + m * WHOLE, each + m * outputs, outputs * sizeof(T));
  }

  // The same of `blocks` blocks of a packed weight, and of what lies behind the part's last output.
  template <int rows, int blocks>
  static void packed_tile(const T* x, std::int64_t x_row, const Part& part, std::int64_t first, std::int64_t column,
                          std::int64_t inputs, T* found) {
    const std::int64_t apart = part.apart;
    const W* w = static_cast<const W*>(part.weight) + first / LANES * apart + column * LANES;
    Vector sums[rows][blocks] = {};
    for (std::int64_t k = 0; k < inputs; ++k) {
      Vector weights[blocks];
      for (int n = 0; n < blocks; ++n) {
        const W* at = w + n * apart + k * LANES;
        weights[n] = loaded(at);
        __builtin_prefetch(at + AHEAD / sizeof(W), 0, 2);  // into a cache that x is not put out of
      }
      for (int m = 0; m < rows; ++m)
        for (int n = 0; n < blocks; ++n) sums[m][n] += x[m * x_row + k] * weights[n];
    }
    for (int m = 0; m < rows; ++m)
      for (int n = 0; n < blocks; ++n) std::memcpy(found + m * WHOLE + n * LANES, &sums[m][n], BYTES);
  }

  // Sums of outputs from `first` on become outputs: times their scales, and their biases and `plus`.
  static void finish(T* found, const Part& part, std::int64_t first, std::int64_t outputs, bool biased, const T* plus,
                     std::int64_t plus_row, T* y, std::int64_t y_row, std::int64_t rows) {
    const T* bias = biased && part.bias ? static_cast<const T*>(part.bias) + first : nullptr;
    for (std::int64_t m = 0; m < rows; ++m, found += WHOLE) {
      if constexpr (SCALED) each(found, static_cast<const T*>(part.scale) + first, outputs, [](T a, T b) { return a * b; });
      if (bias && plus) {  // in this order
        T added[WHOLE];
        std::memcpy(added, plus + m * plus_row, outputs * sizeof(T));
        each(added, bias, outputs, [](T a, T b) { return a + b; });
        each(found, added, outputs, [](T a, T b) { return a + b; });
      } else if (bias || plus) {
        each(found, bias ? bias : plus + m * plus_row, outputs, [](T a, T b) { return a + b; });
      }
      std::memcpy(y + m * y_row, found, outputs * sizeof(T));
    }
  }

  template <typename F>
  static void each(T* __restrict own, const T* __restrict other, std::int64_t count, F of) {
    for (std::int64_t n = 0; n < count; ++n) own[n] = of(own[n], other[n]);
  }

  // As many whole tiles one after another as there are outputs for; how many outputs they have.
  template <int rows, int outputs>
  static std::int64_t tiles(const T* x, std::int64_t x_row, const Part& part, std::int64_t first, std::int64_t column,
                            std::int64_t inputs, T* found, std::int64_t width) {
    std::int64_t own = 0;
    for (; own + outputs <= width; own += outputs) tile<rows, outputs>(x, x_row, part, first + own, column, inputs, found + own);
    return own;
  }

  template <int rows, int blocks>
  static std::int64_t packed_tiles(const T* x, std::int64_t x_row, const Part& part, std::int64_t first, std::int64_t column,
                                   std::int64_t inputs, T* found, std::int64_t width) {
    packed_tile<rows, blocks>(x, x_row, part, first, column, inputs, found);
    return std::min<std::int64_t>(width, blocks * LANES);
  }

  typedef decltype(&tiles<1, 1>) Tiles;

  template <int rows>
  static Tiles with_rows(bool packed, std::int64_t outputs, int& now) {
    now = rows;
    if (packed) {
      if (outputs > (BLOCKS - 1) * LANES) return packed_tiles<rows, BLOCKS>;
      return outputs > LANES ? packed_tiles<rows, 2> : packed_tiles<rows, 1>;
    }
    constexpr int most = std::min(OUTPUTS, SUMS / rows);
    return outputs >= most ? tiles<rows, most> : tiles<rows, 1>;
  }

  // Tiles for as many rows and outputs as there are, `now` of the rows.
  static Tiles with(bool packed, std::int64_t rows, std::int64_t outputs, int& now) {
    if constexpr (ROWS > 4)
      if (rows >= 8) return with_rows<8>(packed, outputs, now);
    if (rows >= 4) return with_rows<4>(packed, outputs, now);
    if (rows >= 2) return with_rows<2>(packed, outputs, now);
    return with_rows<1>(packed, outputs, now);
  }

  // Outputs from `first` to `end` of a part, for all rows: a few outputs at a time, whose weights a cache then holds.
  static void some_outputs(const T* x, std::int64_t x_row, const Part& part, std::int64_t first, std::int64_t end,
                           std::int64_t column, bool biased, const T* plus, std::int64_t plus_row, T* y,
                           std::int64_t y_row, std::int64_t rows, std::int64_t inputs) {
    T sums[TOGETHER * WHOLE];
    for (std::int64_t m = 0; m < rows; m += TOGETHER)
      for (std::int64_t n = first; n < end; n += WHOLE) {
        const std::int64_t height = std::min(TOGETHER, rows - m), width = std::min(WHOLE, end - n);
        int now;
        for (std::int64_t row = 0; row < height; row += now)
          for (std::int64_t own = 0; own < width;)
            own += with(part.packed, height - row, width - own, now)(x + (m + row) * x_row, x_row, part, n + own, column, inputs,
                                                                     sums + row * WHOLE + own, width - own);
        finish(sums, part, n, width, biased, plus ? plus + m * plus_row + n : nullptr, plus_row, y + m * y_row + n, y_row,
               height);
      }
  }

  static void times(const Matmul& own, const T* x, std::int64_t x_row, std::int64_t rows, const T* plus,
                    std::int64_t plus_row, T* y, std::int64_t column, std::int64_t inputs, const Into* into) {
    const std::int64_t even = (own.outputs + 4 * own.threads * WHOLE - 1) / (4 * own.threads * WHOLE);  // all threads have some
    const std::int64_t bytes = std::max<std::int64_t>(1, WHOLE * inputs * sizeof(W));  // 1 where nothing is read
    const std::int64_t share = std::max<std::int64_t>(1, std::min(even, SHARE / bytes)) * WHOLE;
    const std::int64_t count = own.count, threads = own.threads;
    std::int64_t shares = 0;
    for (std::int64_t p = 0; p < count; ++p) shares += (own.parts[p].outputs + share - 1) / share;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1) if (threads > 1 && shares > 1)
    for (std::int64_t s = 0; s < shares; ++s) {
      std::int64_t mine = s, before = 0;
      const Part* part = own.parts;
      for (std::int64_t n; mine >= (n = (part->outputs + share - 1) / share); ++part) mine -= n, before += part->outputs;
      const Into* other = into && into[part - own.parts].y ? into + (part - own.parts) : nullptr;
      some_outputs(x, x_row, *part, mine * share, std::min(part->outputs, (mine + 1) * share), column, column == 0,
                   plus ? plus + before : nullptr, plus_row, other ? static_cast<T*>(other->y) : y + before,
                   other ? other->apart : own.outputs, rows, inputs);
    }
  }
};
