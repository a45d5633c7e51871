// Sums of a marginal model without rounding. What a cluster adds is computed in buffers of its own,
// which begin where the processor's pairs of doubles do: it has the same bits whatever is beside
// it.
#include "gee/adjusted_residuals.hpp"
#include "gee/equations.hpp"
#include "linalg/exact_blocks.hpp"
#include "linalg/row_products.hpp"

namespace margmix {

namespace {

void add_moment_sums(MomentSums& own, double weight, ExactSums& to) {
  const double first[] = {weight * own.squares, weight * own.rows};
  to.add(0, first, 2);
  Index at = 2;
  for (VectorXd* part : {&own.num, &own.off, &own.den, &own.pairs}) {
    if (weight != 1) *part *= weight;
    to.add(at, part->data(), part->size());
    at += part->size();
  }
}

// The lower triangle of A'A, by columns.
template <class Rows>
void add_gram(const Rows& A, VectorXd& lower, ExactSums& to) {
  Index at = 0;
  for (Index c = 0; c < A.cols(); ++c)
    for (Index r = c; r < A.cols(); ++r) {
      double sum = 0;
      for (Index j = 0; j < A.rows(); ++j) sum += A(j, r) * A(j, c);
      lower[at++] = sum;
    }
  to.add(0, lower.data(), at);
}

}  // namespace

bool Equations::exact_moments(const Residuals& at, const Correlation& R, const MomentRule& rule,
                              ExactSums& to) const {
  const Layout& layout = data_.layout;
  return sum_exactly(
      layout.clusters(), context_,
      [&] {
        VectorXd e(layout.largest()), adjusted(e.size());
        MomentSums own(R.sums());
        return [&, e, adjusted, own](Index i, ExactSums& sums) mutable {
          const Index first = layout.first(i), n = layout.size(i);
          e.head(n) = at.e.segment(first, n);
          if (at.adjusted.size()) adjusted.head(n) = at.adjusted.segment(first, n);
          own.set_zero();
          add_cluster(layout, i, e.data(), at.adjusted.size() ? adjusted.data() : nullptr, R, rule,
                      own);
          add_moment_sums(own, data_.weight_of(i), sums);
        };
      },
      to);
}

bool Equations::exact_sums(const Residuals& at, const Correlation& R, const MatrixXd* hat,
                           ExactSums& to) const {
  const Layout& layout = data_.layout;
  const Index p = data_.p();
  return sum_exactly(
      layout.clusters(), context_,
      [&] {
        MatrixXd buffer(padded(layout.largest()), p + 1);
        VectorXd gram(triangle_size(p + 1)), Xb(buffer.rows()), h(buffer.rows()), adjustment(p);
        return [&, buffer, gram, Xb, h, adjustment](Index i, ExactSums& sums) mutable {
          const Index first = layout.first(i), n = layout.size(i);
          const double root = std::sqrt(data_.weight_of(i));
          auto rows = buffer.topRows(n);
          fill(at, first, n, rows);
          R.whiten(i, rows);
          if (root != 1) rows *= root;
          add_gram(rows, gram, sums);
          if (!hat) return;
          // h_j is the diagonal of D~ B^-1 D~'R^-1.
          R.whiten_transposed(i, rows);
          if (root != 1) rows *= root;
          h.head(n).setZero();
          for (Index c = 0; c < p; ++c) {
            Xb.head(n).setZero();
            add_products_by_row(data_.X.middleRows(first, n), hat->col(c), Xb.head(n));
            h.head(n) += Xb.head(n).cwiseProduct(rows.col(c));
          }
          h.head(n) = h.head(n)
                          .cwiseProduct(at.s.segment(first, n))
                          .cwiseProduct(at.log_slope.segment(first, n));
          for (Index c = 0; c < p; ++c)
            adjustment[c] = data_.X.col(c).segment(first, n).dot(h.head(n));
          sums.add(triangle_size(p + 1), adjustment.data(), p);
        };
      },
      to);
}

bool Equations::exact_products(const Residuals& at, const Correlation& R, ExactSums& to) const {
  const Layout& layout = data_.layout;
  return sum_exactly(
      layout.clusters(), context_,
      [&] {
        VectorXd e(layout.largest());
        return [&, e](Index i, ExactSums& sums) mutable {
          e.head(layout.size(i)) = at.e.segment(layout.first(i), layout.size(i));
          MatrixXd own = MatrixXd::Zero(R.parameters(), 3);
          R.add_products(i, e.data(), own);
          own *= data_.weight_of(i);
          sums.add(0, own.data(), own.size());
        };
      },
      to);
}

bool Equations::exact_likelihood(const VectorXd& beta, ExactSums& to) const {
  const Layout& layout = data_.layout;
  return sum_exactly(
      layout.clusters(), context_,
      [&] {
        VectorXd eta(padded(layout.largest()));
        return [&, eta](Index i, ExactSums& sums) mutable {
          const Index first = layout.first(i), n = layout.size(i);
          eta.head(n) = data_.offset.segment(first, n);
          add_products_by_row(data_.X.middleRows(first, n), beta, eta.head(n));
          sums.add(0, family_.family.rows(data_.response.part(first, n), eta.data(), nullptr,
                                          nullptr, nullptr, nullptr));
        };
      },
      to);
}

bool Equations::exact_least_squares(double level, ExactSums& to) const {
  const Layout& layout = data_.layout;
  const Index p = data_.p();
  return sum_exactly(
      layout.clusters(), context_,
      [&] {
        VectorXd gram(triangle_size(p)), z(padded(layout.largest())), Xz(p);
        return [&, gram, z, Xz](Index i, ExactSums& sums) mutable {
          const Index first = layout.first(i), n = layout.size(i);
          const auto X = data_.X.middleRows(first, n);
          add_gram(X, gram, sums);
          z.head(n) = (level - data_.offset.segment(first, n).array()).matrix();
          for (Index c = 0; c < p; ++c) Xz[c] = X.col(c).dot(z.head(n));
          sums.add(triangle_size(p), Xz.data(), p);
        };
      },
      to);
}

}  // namespace margmix
