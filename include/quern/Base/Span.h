// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file A pointer and a length.

#ifndef QUERN_BASE_SPAN_H
#define QUERN_BASE_SPAN_H

#include <cstddef>
#include <type_traits>
#include <vector>

namespace quern {

/// A view of `size()` consecutive elements that somebody else owns.
template <typename T> class Span {
public:
  Span() = default;
  Span(T *data, size_t size) : first(data), count(size) {}
  template <typename U, typename = std::enable_if_t<
                            std::is_same_v<std::remove_const_t<T>, U>>>
  Span(std::vector<U> &items) : first(items.data()), count(items.size()) {}
  template <typename U, typename = std::enable_if_t<std::is_same_v<T, const U>>>
  Span(const std::vector<U> &items)
      : first(items.data()), count(items.size()) {}
  template <typename U, typename = std::enable_if_t<std::is_same_v<T, const U>>>
  Span(Span<U> other) : first(other.data()), count(other.size()) {}

  T *data() const { return first; }
  size_t size() const { return count; }
  bool empty() const { return count == 0; }
  T &operator[](size_t i) const { return first[i]; }
  T *begin() const { return first; }
  T *end() const { return first + count; }
  Span subspan(size_t offset, size_t length) const {
    return Span(first + offset, length);
  }

private:
  T *first = nullptr;
  size_t count = 0;
};

} // namespace quern

#endif // QUERN_BASE_SPAN_H
