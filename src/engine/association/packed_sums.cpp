#include "association/packed_sums.hpp"

#include <algorithm>

#include "association/genotypes.hpp"

namespace margmix {

namespace {

// Whether one of a byte's pairs of bits is kMissingCode.
bool any_missing(unsigned value) { return (value & ~(value >> 1) & 0x55U) != 0; }

}  // namespace

PackedSums::PackedSums(const MatrixXd& columns, Index squared)
    : people_(columns.rows()), bytes_((people_ + 3) / 4), columns_(columns.cols()) {
  const Index whole = (bytes_ + kBytes - 1) / kBytes * kBytes;
  for (Index first = 0; first < columns_; first += kLanes) {
    Group group;
    group.person.assign(4 * whole, Lanes::Zero());
    const Index count = std::min(kLanes, columns_ - first);
    for (Index i = 0; i < people_; ++i)
      group.person[i].head(count) = columns.row(i).segment(first, count).transpose().array();
    for (int code = 0; code < 4; ++code) {
      group.factor[code].setConstant(kAlleles[code]);
      for (Index k = std::max<Index>(squared - first, 0); k < kLanes; ++k)
        group.factor[code][k] *= kAlleles[code];
    }
    groups_.push_back(std::move(group));
  }
}

void PackedSums::add(const unsigned char* bytes, MatrixXd& known, MatrixXd& without) const {
  for (size_t k = 0; k < groups_.size(); ++k) {
    std::vector<Lanes> sums(known.cols(), Lanes::Zero()), missing(known.cols(), Lanes::Zero());
    add(groups_[k], bytes, sums, missing);
    const Index first = static_cast<Index>(k) * kLanes, count = std::min(kLanes, columns_ - first);
    for (Index v = 0; v < known.cols(); ++v) {
      known.col(v).segment(first, count) += sums[v].head(count).matrix();
      without.col(v).segment(first, count) += missing[v].head(count).matrix();
    }
  }
}

void PackedSums::add(const Group& group, const unsigned char* bytes, std::vector<Lanes>& known,
                     std::vector<Lanes>& without) const {
  Tables tables(256 * kBytes);
  for (Index first = 0; first < bytes_; first += kBytes) {
    for (Index b = 0; b < kBytes; ++b) fill(group, first + b, &tables[256 * b]);
    const Index count = std::min(kBytes, bytes_ - first);
    for (size_t v = 0; v < known.size(); ++v) {
      const unsigned char* values = bytes + static_cast<Index>(v) * bytes_ + first;
      Lanes sum = Lanes::Zero();
      bool missing = false;
      for (Index b = 0; b < count; ++b) {
        sum += tables[256 * b + values[b]];
        missing |= any_missing(values[b]);
      }
      known[v] += sum;
      if (!missing) continue;
      for (Index b = 0; b < count; ++b) add_missing(group, first + b, values[b], without[v]);
    }
  }
}

void PackedSums::add_missing(const Group& group, Index byte, unsigned char value,
                             Lanes& without) const {
  if (!any_missing(value)) return;
  for (Index i = 0; i < 4; ++i)
    if ((value >> (2 * i) & 3) == kMissingCode) without += group.person[4 * byte + i];
}

// From the tables of two people each.
void PackedSums::fill(const Group& group, Index byte, Lanes* table) {
  std::array<std::array<Lanes, 16>, 2> pair;
  for (Index half = 0; half < 2; ++half) {
    const Lanes* person = &group.person[4 * byte + 2 * half];
    for (int value = 0; value < 16; ++value)
      pair[half][value] =
          group.factor[value & 3] * person[0] + group.factor[value >> 2] * person[1];
  }
  for (int value = 0; value < 256; ++value)
    table[value] = pair[1][value >> 4] + pair[0][value & 15];
}

}  // namespace margmix
