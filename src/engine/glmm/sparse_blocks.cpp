#include "glmm/sparse_blocks.hpp"

namespace margmix {

SparseBlocks::SparseBlocks(const SparsePlan& plan)
    : plan_(plan), block_(plan.size2()), place_(plan.size2()), between_(plan.blocks.size()) {
  for (std::size_t k = 0; k < plan.blocks.size(); ++k) {
    const std::vector<int>& at = plan.blocks[k].at;
    for (std::size_t a = 0; a < at.size(); ++a) {
      block_[at[a]] = static_cast<int>(k);
      place_[at[a]] = static_cast<int>(a);
    }
    factors_.push_back(std::make_unique<SparseCholesky>(plan.blocks[k].cholesky));
  }
  for (int j = 0; j < plan.size2(); ++j)
    for (int e = plan.A22.start[j]; e < plan.A22.start[j + 1]; ++e) {
      const int i = plan.A22.row[e];
      if (before(j, i)) between_[block_[i]].push_back({i, j, e, 0});
      if (before(i, j)) between_[block_[j]].push_back({j, i, e, 0});
    }
}

bool SparseBlocks::factor(const VectorXd& diagonal, const VectorXd& below) {
  for (auto& entries : between_)
    for (Between& x : entries) x.value = below[x.entry];
  for (std::size_t k = 0; k < factors_.size(); ++k) {
    const BlockPlan& block = plan_.blocks[k];
    const bool definite = factors_[k]->factor([&](Index j, double* w) {
      w[j] += diagonal[block.at[j]];
      for (int e = block.A.start[j]; e < block.A.start[j + 1]; ++e)
        w[block.A.row[e]] += below[block.entry[e]];
    });
    if (!definite) return false;
  }
  return true;
}

double SparseBlocks::log_det() const {
  double sum = 0;
  for (const auto& factor : factors_) sum += factor->log_det();
  return sum;
}

void SparseBlocks::invert() {
  for (auto& factor : factors_) factor->invert();
}

// Forward: R_k t_k = v_k - sum over earlier j of L_kj s_j, with R_j's_j = t_j.
template <int M>
Side<M> SparseBlocks::whiten(const Side<M>& v) const {
  Side<M> t(v.rows(), v.cols()), s(v.rows(), v.cols());  // s in the places of A
  Index first = 0;
  for (std::size_t k = 0; k < factors_.size(); ++k) {
    const std::vector<int>& at = plan_.blocks[k].at;
    const auto size = static_cast<Index>(at.size());
    for (Index a = 0; a < size; ++a) t.col(first + a) = v.col(at[a]);
    for (const Between& x : between_[k]) t.col(first + place_[x.i]) -= x.value * s.col(x.j);
    factors_[k]->lower_solve<M>(t.data() + first * M);
    if (k + 1 < factors_.size()) {
      Side<M> own = t.middleCols(first, size);
      factors_[k]->upper_solve<M>(own.data());
      for (Index a = 0; a < size; ++a) s.col(at[a]) = own.col(a);
    }
    first += size;
  }
  return t;
}

// Backward: R_k'y_k = w_k - R_k^-1 c_k, c_k = sum over later j of L_jk'y_j, d_k = R_k^-T R_k^-1
// c_k.
template <int M>
Side<M> SparseBlocks::colour(const Side<M>& w, Side<M>* d) const {
  Side<M> y(w.rows(), w.cols()), c = Side<M>::Zero(w.rows(), w.cols());
  if (d) d->setZero(w.rows(), w.cols());
  Index end = w.cols();
  for (std::size_t k = factors_.size(); k-- > 0;) {
    const std::vector<int>& at = plan_.blocks[k].at;
    const auto size = static_cast<Index>(at.size()), first = end - size;
    Side<M> own = w.middleCols(first, size);
    if (k + 1 < factors_.size()) {
      Side<M> moved(w.rows(), size);
      for (Index a = 0; a < size; ++a) moved.col(a) = c.col(at[a]);
      factors_[k]->lower_solve<M>(moved.data());
      own -= moved;
      if (d) {
        factors_[k]->upper_solve<M>(moved.data());
        for (Index a = 0; a < size; ++a) d->col(at[a]) = moved.col(a);
      }
    }
    factors_[k]->upper_solve<M>(own.data());
    for (Index a = 0; a < size; ++a) y.col(at[a]) = own.col(a);
    for (const Between& x : between_[k]) c.col(x.j) += x.value * y.col(x.i);
    end = first;
  }
  return y;
}

template Side<1> SparseBlocks::whiten<1>(const Side<1>&) const;
template Bundle SparseBlocks::whiten<kBundle>(const Bundle&) const;
template Side<1> SparseBlocks::colour<1>(const Side<1>&, Side<1>*) const;
template Bundle SparseBlocks::colour<kBundle>(const Bundle&, Bundle*) const;

}  // namespace margmix
