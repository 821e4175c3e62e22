// The highest outputs of a product of few rows, without most of it: see screening.py.
//
// Each output is estimated from a copy of its weights in int8 first, with a bound on how far off that is; those that cannot be
// among the highest have done with it. The others are computed as skinny_matmul.h has them, to the same bits.

#include <atomic>
#include <functional>
#include <limits>
#include <queue>
#include <vector>

#include "skinny_matmul.h"

constexpr std::int64_t CHUNK = 1024;     // inputs whose whole products are summed up at once
constexpr std::int32_t MOST = std::numeric_limits<std::int32_t>::max() / (127 * CHUNK);  // of a row's whole numbers
constexpr std::int64_t PIECE = 192;      // outputs that a thread takes at a time
constexpr float LEAST = 1e-15f;          // of the largest of a row, by which others are divided: no product of two underflows
constexpr double LONGEST = 1e15;         // of rows: nor does any overflow
constexpr float TINY = 4e-38f;           // above what a float below the least normal one is off
constexpr float NEAREST = 12582912.0f;   // 1.5 · 2^23: added and taken away, it leaves whole numbers
constexpr double ROUNDING = 1.0 / (1 << 22);  // of an addition of floats, and more

typedef typename Of<float>::Vector Vector;
typedef typename Of<std::int32_t>::Vector Whole, Truths;
constexpr int LANES = Of<float>::LANES;

// A weight [outputs][inputs], whose rows are `apart`, and its copy: whole numbers [outputs][inputs], what they are times, and
// how far an output may be from its estimate, in lengths of the row: [outputs].
struct Screen {
  const Matmul* exact;
  std::int64_t inputs;
  std::int8_t* values;
  float *scale, *error;
};

// Sums of whole products of LANES / `rows` rows of w, `inputs` apart, and `rows` rows x, `x_row` apart: of a row w with all x.
template <int rows>
static Whole whole_products(const std::int16_t* x, std::int64_t x_row, const std::int8_t* w, std::int64_t inputs,
                            std::int64_t count) {
  constexpr int outputs = LANES / rows, taken = 2 * LANES;
  Whole sums[LANES] = {};
  std::int64_t k = 0;
#if defined(__AVX512BW__)
  for (; k + taken <= count; k += taken)
    for (int n = 0; n < outputs; ++n) {
      const __m512i own = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + n * inputs + k)));
      __builtin_prefetch(w + (n + 2 * outputs) * inputs + k, 0, 2);  // what comes next
      for (int m = 0; m < rows; ++m) {
        Whole& sum = sums[n * rows + m];
        const __m512i row = _mm512_loadu_si512(x + m * x_row + k);
#if defined(__AVX512VNNI__)
        sum = (Whole)_mm512_dpwssd_epi32((__m512i)sum, row, own);
#else
        sum += (Whole)_mm512_madd_epi16(row, own);
#endif
      }
    }
#elif defined(__AVX2__) && !defined(__AVX512F__)
  for (; k + taken <= count; k += taken)
    for (int n = 0; n < outputs; ++n) {
      const __m256i own = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w + n * inputs + k)));
      for (int m = 0; m < rows; ++m)
        sums[n * rows + m] +=
            (Whole)_mm256_madd_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + m * x_row + k)), own);
    }
#endif
  Whole each[LANES];  // of which addresses are taken: sums stay in registers
  for (int n = 0; n < LANES; ++n) each[n] = sums[n];
  std::int32_t found[LANES];
  Of<std::int32_t>::add_all<LANES>(each, found);
  for (; k < count; ++k)
    for (int n = 0; n < LANES; ++n) found[n] += std::int32_t(x[n % rows * x_row + k]) * w[n / rows * inputs + k];
  return Of<std::int32_t>::at(found);
}

static Vector absolute(const Vector& x) { return x < 0.0f ? -x : x; }

static double summed(const Vector& x) {
  double found = 0;
  for (int lane = 0; lane < LANES; ++lane) found += x[lane];
  return found;
}

// The copy, and its errors; whether no row is too long, or not finite.
static bool copy(const Screen& own) {
  const Part& part = *own.exact->parts;
  const double rounding = own.inputs * ROUNDING + std::sqrt(double(own.inputs)) / MOST;  // twice that of x to whole numbers
  std::int64_t strange = 0;
#pragma omp parallel for num_threads(own.exact->threads) schedule(static) reduction(+ : strange)
  for (std::int64_t n = 0; n < part.outputs; ++n) {
    const float* w = static_cast<const float*>(part.weight) + n * part.apart;
    std::int8_t* values = own.values + n * own.inputs;
    Vector peak{};
    std::int64_t k = 0;
    for (; k + LANES <= own.inputs; k += LANES) {
      const Vector size = absolute(Of<float>::at(w + k));
      peak = size > peak ? size : peak;
    }
    float most = LEAST;
    for (; k < own.inputs; ++k) most = std::max(most, std::fabs(w[k]));
    for (int lane = 0; lane < LANES; ++lane) most = std::max(most, peak[lane]);
    const float scale = most / 127, times = 127 / most;
    double lost = 0, length = 0;  // squares, in units of the scale
    for (std::int64_t first = 0; first < own.inputs; first += CHUNK) {
      const std::int64_t count = std::min(CHUNK, own.inputs - first);
      std::int32_t whole[CHUNK];
      Vector own_lost{}, own_length{};
      for (k = 0; k < count; k += LANES) {
        const Vector weight = k + LANES <= count ? Of<float>::at(w + first + k) : Of<float>::some(w + first + k, count - k);
        const Vector share = weight * times, near = (share + NEAREST) - NEAREST, off = (weight - near * scale) * times;
        const Whole own_whole = __builtin_convertvector(near, Whole);
        std::memcpy(whole + k, &own_whole, BYTES);
        own_lost += off * off, own_length += share * share;
      }
      lost += summed(own_lost), length += summed(own_length);
      for (k = 0; k < count; ++k) values[first + k] = std::int8_t(whole[k]);
    }
    own.scale[n] = scale;
    own.error[n] = float(1.001 * scale * (std::sqrt(lost) + rounding * std::sqrt(length)) + TINY);
    strange += !(scale * std::sqrt(length) < LONGEST);
  }
  return strange == 0;
}

// The `keeps` highest of some numbers, and the least of them: -infinity as long as there are fewer.
struct Highest {
  std::int64_t keeps;
  float least = -INFINITY;
  std::priority_queue<float, std::vector<float>, std::greater<float>> found{};

  void add(float number) {
    if (!(number > least)) return;
    found.push(number);
    if (std::int64_t(found.size()) > keeps) found.pop();
    if (std::int64_t(found.size()) == keeps) least = found.top();
  }
};

static bool any(const Truths& truths) {
  std::uint64_t parts[BYTES / 8], all = 0;
  std::memcpy(parts, &truths, BYTES);
  for (const std::uint64_t part : parts) all |= part;
  return all;
}

// Some rows: as whole numbers [rows][inputs], which stand for `times` as much; no output is further off than its error times
// `by`. bounds: what outputs are at the most, [outputs][rows].
struct Some {
  std::int16_t* whole;
  float times[LANES], by[LANES], *bounds;
  bool fit;  // they are neither too long nor too short
  std::vector<Highest> highest;
};

template <int rows>
struct Screening {
  static Vector repeated(const float* from, std::int64_t count) {
    return Of<float>::repeated<rows>(from, count, std::make_integer_sequence<int, LANES>());
  }

  static void begin(Some& some, const float* x, std::int64_t x_row, std::int64_t inputs, std::int64_t keeps) {
    some.fit = true;
    for (int m = 0; m < rows; ++m) {
      const float* row = x + m * x_row;
      float most = 0;
      double length = 0;
      for (std::int64_t k = 0; k < inputs; ++k) {
        most = std::max(most, std::fabs(row[k]));
        length += double(row[k]) * row[k];
      }
      const bool fit = length < LONGEST * LONGEST && (most >= LEAST || length == 0);
      some.fit &= fit;
      most = std::max(most, LEAST);
      for (int n = m; n < LANES; n += rows) some.times[n] = most / MOST, some.by[n] = float(1.001 * std::sqrt(length));
      for (std::int64_t k = 0; k < inputs; ++k)
        some.whole[m * inputs + k] = fit ? std::int16_t(std::nearbyint(row[k] / some.times[m])) : 0;
    }
    some.highest.assign(rows, Highest{keeps});
  }

  // Bounds of outputs from `first` to `end`; the highest of what they are at the least go to `highest`.
  static void estimate(const Screen& own, const Some& some, std::int64_t first, std::int64_t end, std::vector<Highest>& highest) {
    const Part& part = *own.exact->parts;
    const float* bias = static_cast<const float*>(part.bias);
    const Vector times = Of<float>::at(some.times), by = Of<float>::at(some.by);
    float floors[LANES];
    for (int n = 0; n < LANES; ++n) floors[n] = highest[n % rows].least;
    for (std::int64_t n = first; n < end; n += LANES / rows) {
      const std::int64_t count = std::min<std::int64_t>(LANES / rows, end - n);
      Vector sums{};
      for (std::int64_t k = 0; k < own.inputs; k += CHUNK)
        sums += __builtin_convertvector(whole_products<rows>(some.whole + k, own.inputs, own.values + n * own.inputs + k,
                                                             own.inputs, std::min(CHUNK, own.inputs - k)),
                                        Vector);
      const Vector about = sums * (times * repeated(own.scale + n, count)) + (bias ? repeated(bias + n, count) : Vector{});
      const Vector off = repeated(own.error + n, count) * by + absolute(about) * float(4 * ROUNDING) + own.inputs * TINY;
      const Vector most = about + off, least = about - off;
      std::memcpy(some.bounds + n * rows, &most, BYTES);
      if (any(least > Of<float>::at(floors)))
        for (int lane = 0; lane < count * rows; ++lane) {
          highest[lane % rows].add(least[lane]);
          for (int n = lane % rows; n < LANES; n += rows) floors[n] = highest[lane % rows].least;
        }
    }
  }

  // Makes -infinity of outputs from `first` to `end`, but of those that may be among the highest, which are computed, and
  // counted. Where there are more than `limit`, some are left out.
  static void choose(const Screen& own, const Some& some, const float* x, std::int64_t x_row, std::int64_t first,
                     std::int64_t end, std::int64_t limit, std::atomic<std::int64_t>& computed, float* y) {
    const Part& part = *own.exact->parts;
    float floors[LANES];
    for (int n = 0; n < LANES; ++n) floors[n] = some.highest[n % rows].least;
    const Vector floor = Of<float>::at(floors);
    for (int m = 0; m < rows; ++m) std::fill(y + m * part.outputs + first, y + m * part.outputs + end, -INFINITY);
    for (std::int64_t n = first; n < end; n += LANES / rows) {
      const Vector most = Of<float>::at(some.bounds + n * rows);
      if (!any(~(most < floor))) continue;
      for (int lane = 0; lane < LANES; ++lane) {
        const std::int64_t m = lane % rows, output = n + lane / rows;
        if (most[lane] < floor[lane] || output >= end) continue;
        if (++computed > limit) return;
        Product<float, float>::some_outputs(x + m * x_row, 0, part, output, output + 1, 0, true, nullptr, 0,
                                            y + m * part.outputs, 0, 1, own.inputs);
      }
    }
  }

  // As `screened_float32`, of so many rows.
  static std::int64_t all(const Screen& own, const float* x, std::int64_t x_row, std::int64_t keeps, std::int64_t limit,
                          std::int16_t* whole, float* bounds, float* y) {
    const std::int64_t outputs = own.exact->parts->outputs, pieces = (outputs + PIECE - 1) / PIECE;
    Some some{whole, {}, {}, bounds, true, {}};
    begin(some, x, x_row, own.inputs, keeps);
    std::atomic<std::int64_t> computed{some.fit ? 0 : limit * rows};
#pragma omp parallel num_threads(own.exact->threads) if (some.fit)
    {
      std::vector<Highest> mine = some.highest;
#pragma omp for schedule(dynamic, 1)
      for (std::int64_t piece = 0; piece < (some.fit ? pieces : 0); ++piece)
        estimate(own, some, piece * PIECE, std::min(outputs, (piece + 1) * PIECE), mine);
#pragma omp critical
      for (int m = 0; m < rows; ++m)
        for (; !mine[m].found.empty(); mine[m].found.pop()) some.highest[m].add(mine[m].found.top());
#pragma omp barrier
#pragma omp for schedule(dynamic, 1)
      for (std::int64_t piece = 0; piece < pieces; ++piece)
        choose(own, some, x, x_row, piece * PIECE, std::min(outputs, (piece + 1) * PIECE), limit * rows, computed, y);
    }
    if (computed < limit * rows) return computed / rows;
    Product<float, float>::times(*own.exact, x, x_row, rows, nullptr, 0, y, 0, own.inputs, nullptr);
    return limit;
  }
};

// As `screened_float32`: as many rows at a time as there are.
static std::int64_t screened(const Screen& own, const float* x, std::int64_t x_row, std::int64_t rows, std::int64_t keeps,
                             std::int64_t limit, std::int16_t* whole, float* bounds, float* y) {
  std::int64_t most = 0, now;
  for (std::int64_t m = 0; m < rows; m += now) {
    const std::int64_t left = std::min<std::int64_t>(rows - m, LANES);
    now = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    const auto some = left >= 8   ? Screening<std::min<int>(8, LANES)>::all
                      : left >= 4 ? Screening<4>::all
                      : left >= 2 ? Screening<2>::all
                                  : Screening<1>::all;
    most = std::max(most, some(own, x + m * x_row, x_row, keeps, limit, whole, bounds, y + m * own.exact->parts->outputs));
  }
  return most;
}

extern "C" {
std::int64_t copy_float32(const Screen* own) { return copy(*own); }

// y [rows, outputs] = x [rows, inputs] times the weight, and the bias, where an output may be among the `keeps` highest of its
// row; -infinity elsewhere. All outputs, where those are more than `limit` of a row. How many were computed of a row. whole,
// bounds: room for 8 rows [8][inputs], and all outputs of 8 rows and some more [outputs + 16][8].
std::int64_t screened_float32(const Screen* own, const float* x, std::int64_t x_row, std::int64_t rows, std::int64_t keeps,
                              std::int64_t limit, std::int16_t* whole, float* bounds, float* y) {
  return screened(*own, x, x_row, rows, keeps, limit, whole, bounds, y);
}
}
