// The products of skinny_matmul.h, by the numbers of their rows and weights.

#include "skinny_matmul.h"

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
}
