#include "design/groups.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace margmix {

namespace {

void find_runs(const GroupedDesign& design, SparsePlan& plan) {
  const Index n = design.X.rows();
  if (plan.big < 0) {
    for (Index j = 0; j < n; ++j) {
      bool same = j > 0;
      for (const Group& group : design.groups) same = same && group.index[j] == group.index[j - 1];
      if (same) continue;
      plan.run_start.push_back(static_cast<int>(j));
      plan.run_level.push_back(-1);
    }
    plan.run_start.push_back(static_cast<int>(n));
    return;
  }
  const Group& group = design.groups[plan.big];
  std::vector<char> seen(group.levels, 0);
  for (Index j = 0; j < n; ++j) {
    if (j > 0 && group.index[j] == group.index[j - 1]) continue;
    const int level = group.index[j];
    if (seen[level]) throw std::invalid_argument("rows of the largest factor are not contiguous");
    seen[level] = 1;
    plan.run_start.push_back(static_cast<int>(j));
    plan.run_level.push_back(level);
  }
  plan.run_start.push_back(static_cast<int>(n));
}

// Distinct positions of each run, in the order found.
void find_neighbours(SparsePlan& plan, Index size2) {
  const Index q2 = plan.q2();
  std::vector<int> mark(size2, -1);
  plan.near_start.assign(1, 0);
  for (Index s = 0; s < plan.runs(); ++s) {
    for (Index k = plan.run_start[s] * q2; k < plan.run_start[s + 1] * q2; ++k) {
      const int at = plan.position[k];
      if (mark[at] == s) continue;
      mark[at] = static_cast<int>(s);
      plan.near.push_back(at);
    }
    plan.near_start.push_back(static_cast<int>(plan.near.size()));
  }
}

void transpose_neighbours(SparsePlan& plan, Index size2) {
  plan.owner_start.assign(size2 + 1, 0);
  for (int at : plan.near) ++plan.owner_start[at + 1];
  for (Index j = 0; j < size2; ++j) plan.owner_start[j + 1] += plan.owner_start[j];
  plan.owner_run.resize(plan.near.size());
  plan.owner_local.resize(plan.near.size());
  std::vector<int> next(plan.owner_start.begin(), plan.owner_start.end() - 1);
  for (Index s = 0; s < plan.runs(); ++s)
    for (int a = plan.near_start[s]; a < plan.near_start[s + 1]; ++a) {
      const int k = next[plan.near[a]]++;
      plan.owner_run[k] = static_cast<int>(s);
      plan.owner_local[k] = a - plan.near_start[s];
    }
}

// Pattern of S below the diagonal: the positions that share a run.
Pattern schur_pattern(const SparsePlan& plan, Index size2) {
  Pattern S;
  S.start.assign(1, 0);
  std::vector<int> mark(size2, -1);
  for (Index j = 0; j < size2; ++j) {
    const std::size_t first = S.row.size();
    for (int k = plan.owner_start[j]; k < plan.owner_start[j + 1]; ++k) {
      const int s = plan.owner_run[k];
      for (int a = plan.near_start[s]; a < plan.near_start[s + 1]; ++a) {
        const int i = plan.near[a];
        if (i > j && mark[i] != j) mark[i] = static_cast<int>(j), S.row.push_back(i);
      }
    }
    std::sort(S.row.begin() + first, S.row.end());
    S.start.push_back(static_cast<int>(S.row.size()));
  }
  return S;
}

void relabel(SparsePlan& plan, const std::vector<int>& to) {
  for (int& at : plan.position) at = to[at];
  for (int& at : plan.near) at = to[at];
  for (auto& place : plan.places)
    for (int& at : place) at = to[at];
}

// Ascending neighbours of each run, and the place of each row's positions among them.
void sort_neighbours(SparsePlan& plan, Index size2) {
  const Index q2 = plan.q2();
  std::vector<int> place(size2, 0);
  plan.local.resize(plan.position.size());
  for (Index s = 0; s < plan.runs(); ++s) {
    const int first = plan.near_start[s], last = plan.near_start[s + 1];
    std::sort(plan.near.begin() + first, plan.near.begin() + last);
    for (int a = first; a < last; ++a) place[plan.near[a]] = a - first;
    for (Index k = plan.run_start[s] * q2; k < plan.run_start[s + 1] * q2; ++k)
      plan.local[k] = place[plan.position[k]];
  }
}

// Pairs of positions in block 2 besides those of rows: visit(k, a, b) for each entry of the Q of a
// related factor k and each effect, in that order, and then for the effects of one level.
template <class Visit>
void visit_related(const GroupedDesign& design, const SparsePlan& plan, Visit visit) {
  for (std::size_t k = 0; k < design.groups.size(); ++k) {
    const Group& group = design.groups[k];
    if (!group.relation) continue;
    const Pattern& Q = group.relation->pattern();
    const int* at = plan.places[k].data();
    const Index q = group.q();
    for (Index j = 0; j < Q.size(); ++j)
      for (int e = Q.start[j]; e < Q.start[j + 1]; ++e)
        for (Index c = 0; c < q; ++c) visit(k, at[j * q + c], at[Q.row[e] * q + c], true);
    for (Index j = 0; j < Q.size(); ++j)
      for (Index c = 0; c < q; ++c)
        for (Index d = 0; d < c; ++d) visit(k, at[j * q + c], at[j * q + d], false);
  }
}

// S with the entries of related levels.
Pattern with_related(const GroupedDesign& design, const SparsePlan& plan, const Pattern& S) {
  std::vector<std::vector<int>> below(S.size());
  visit_related(design, plan, [&](std::size_t, int a, int b, bool) {
    below[std::min(a, b)].push_back(std::max(a, b));
  });
  Pattern out;
  out.start.assign(1, 0);
  for (Index j = 0; j < S.size(); ++j) {
    auto& rows = below[j];
    rows.insert(rows.end(), S.row.begin() + S.start[j], S.row.begin() + S.start[j + 1]);
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    out.row.insert(out.row.end(), rows.begin(), rows.end());
    out.start.push_back(static_cast<int>(out.row.size()));
  }
  return out;
}

// Where the products of two columns of block 2 in a row are added up, and the entries of Q.
void find_pairs(const GroupedDesign& design, SparsePlan& plan, Index size2) {
  const Index q2 = plan.q2(), n = plan.run_start.back(), pairs = q2 * (q2 - 1) / 2;
  plan.A22.start.assign(size2 + 1, 0);
  plan.Q_below.resize(design.groups.size());
  if (pairs == 0 && !design.related()) return;
  const auto key_of = [&](std::int64_t x, std::int64_t y) {
    return std::min(x, y) * size2 + std::max(x, y);
  };
  std::vector<std::int64_t> key(n * pairs);
  for (Index j = 0, k = 0; j < n; ++j)
    for (Index a = 0; a < q2; ++a)
      for (Index b = 0; b < a; ++b, ++k)
        key[k] = key_of(plan.position[j * q2 + a], plan.position[j * q2 + b]);
  std::vector<std::int64_t> distinct(key);
  visit_related(design, plan,
                [&](std::size_t, int a, int b, bool) { distinct.push_back(key_of(a, b)); });
  if (!std::is_sorted(distinct.begin(), distinct.end()))
    std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (std::int64_t d : distinct) {
    ++plan.A22.start[d / size2 + 1];
    plan.A22.row.push_back(static_cast<int>(d % size2));
  }
  for (Index j = 0; j < size2; ++j) plan.A22.start[j + 1] += plan.A22.start[j];
  auto next = distinct.begin();  // most come in the order of their places
  const auto place = [&](std::int64_t x) {
    if (next == distinct.end() || *next != x)
      next = std::lower_bound(distinct.begin(), distinct.end(), x);
    return static_cast<int>(next++ - distinct.begin());
  };
  plan.pair.resize(key.size());
  for (std::size_t k = 0; k < key.size(); ++k) plan.pair[k] = place(key[k]);
  visit_related(design, plan, [&](std::size_t k, int a, int b, bool of_Q) {
    if (of_Q) plan.Q_below[k].push_back(place(key_of(a, b)));
  });
}

// The block of factor k, all of whose effects are in block 2.
BlockPlan block_of(const SparsePlan& plan, std::size_t k) {
  BlockPlan out;
  const std::vector<int>& places = plan.places[k];
  std::vector<int> own(plan.size2(), -1);
  for (std::size_t a = 0; a < places.size(); ++a) own[places[a]] = static_cast<int>(a);
  // The pattern, and the entries of A22 in the same order.
  const auto collect = [&](Pattern& A, std::vector<int>& entry) {
    std::vector<std::vector<std::pair<int, int>>> below(places.size());
    for (Index j = 0; j < plan.size2(); ++j)
      for (int e = plan.A22.start[j]; own[j] >= 0 && e < plan.A22.start[j + 1]; ++e) {
        const int i = own[plan.A22.row[e]];
        if (i >= 0) below[std::min(i, own[j])].emplace_back(std::max(i, own[j]), e);
      }
    A = Pattern{{0}, {}};
    entry.clear();
    for (auto& rows : below) {
      std::sort(rows.begin(), rows.end());
      for (const auto& row : rows) A.row.push_back(row.first), entry.push_back(row.second);
      A.start.push_back(static_cast<int>(A.row.size()));
    }
  };
  collect(out.A, out.entry);
  const std::vector<int> to = minimum_degree(out.A);
  out.at.resize(places.size());
  for (std::size_t a = 0; a < places.size(); ++a) {
    out.at[to[a]] = places[a];
    own[places[a]] = to[a];
  }
  collect(out.A, out.entry);
  out.cholesky = plan_cholesky(out.A);
  return out;
}

// Related levels have one effect each, and no constraint, which a block of A alone does not have.
bool has_blocks(const GroupedDesign& design, const SparsePlan& plan) {
  bool simple = true;
  for (const Group& group : design.groups)
    if (group.relation)
      simple = simple && group.q() == 1 && group.relation->constraint().C.cols() == 0;
  return simple && design.related() && design.groups.size() > 1 && !plan.exact;
}

void find_blocks(const GroupedDesign& design, SparsePlan& plan) {
  if (!has_blocks(design, plan)) return;
  for (std::size_t k = 0; k < design.groups.size(); ++k) plan.blocks.push_back(block_of(plan, k));
  std::stable_sort(
      plan.blocks.begin(), plan.blocks.end(),
      [](const BlockPlan& a, const BlockPlan& b) { return a.cholesky.flops < b.cholesky.flops; });
}

}  // namespace

SparsePlan make_plan(const GroupedDesign& design, double budget) {
  SparsePlan plan;
  for (std::size_t k = 1; k < design.groups.size(); ++k)
    if (design.groups[k].levels > design.groups[plan.big].levels) plan.big = static_cast<int>(k);
  if (design.related() || design.groups.size() == 1) plan.big = -1;
  find_runs(design, plan);
  if (plan.big >= 0) plan.columns1 = design.groups[plan.big].columns;
  plan.places.resize(design.groups.size());
  Index size2 = 0;
  std::vector<std::pair<int, int>> where;  // for each column of block 2: factor and effect
  for (std::size_t k = 0; k < design.groups.size(); ++k) {
    if (static_cast<int>(k) == plan.big) continue;
    const Group& group = design.groups[k];
    plan.places[k].resize(group.levels * group.q());
    for (int& at : plan.places[k]) at = static_cast<int>(size2++);
    for (Index c = 0; c < group.q(); ++c) {
      plan.columns2.push_back(group.columns[c]);
      where.emplace_back(static_cast<int>(k), static_cast<int>(c));
    }
  }
  const Index n = design.X.rows(), q2 = plan.q2();
  plan.position.resize(n * q2);
  for (Index j = 0; j < n; ++j)
    for (Index c = 0; c < q2; ++c) {
      const Group& group = design.groups[where[c].first];
      plan.position[j * q2 + c] =
          plan.places[where[c].first][group.index[j] * group.q() + where[c].second];
    }
  find_neighbours(plan, size2);
  transpose_neighbours(plan, size2);
  // A matrix of d entries per column costs at least about this when d is large.
  double pairs = 0;
  for (Index s = 0; s < plan.runs(); ++s) {
    const double c = plan.near_start[s + 1] - plan.near_start[s];
    pairs += c * c;
  }
  const double density = std::min<double>(pairs / size2, size2);
  plan.flops = size2 * density * density / 6;
  plan.exact = plan.flops <= budget / 10 && pairs < 1e9;
  if (plan.exact) {
    Pattern S = schur_pattern(plan, size2);
    if (design.related()) S = with_related(design, plan, S);
    const bool full = S.row.size() > 0.3 * size2 * (size2 - 1) / 2;
    if (!full) {
      const std::vector<int> to = minimum_degree(S);
      relabel(plan, to);
      plan.cholesky = plan_cholesky(permuted(S, to));
    } else {
      plan.cholesky = plan_cholesky(S);
    }
    plan.flops = plan.cholesky.flops;
    plan.exact = plan.flops <= budget;
  }
  sort_neighbours(plan, size2);
  transpose_neighbours(plan, size2);
  find_pairs(design, plan, size2);
  find_blocks(design, plan);
  return plan;
}

}  // namespace margmix
