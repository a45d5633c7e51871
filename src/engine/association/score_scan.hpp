// Score statistics of many variants against null models, in one pass over the genotypes.
#pragma once

#include <vector>

#include "association/genotypes.hpp"
#include "core/run_context.hpp"
#include "core/types.hpp"

namespace margmix {

// What a null model leaves for a scan, by person in the order of the genotypes; sums over a
// person's rows, all zero for people whom the model does not have. r is the derivative of the
// log-likelihood in the predictor at the modes, W minus the second one.
struct ScanNull {
  MatrixMap columns;  // people x (3 + p): 1, whether a case, r, WX
  VectorMap W;        // people
  MatrixMap C;        // (X'WX)^-1
};

// By variant. A missing genotype counts as the mean of the variant's others.
struct ScanResult {
  VectorXd missing, sum;     // people without a genotype, and the sum of the others'
  VectorXd cases, case_sum;  // of these, cases, and the sum of theirs
  VectorXd score, variance;  // U = g'r, and g'Wg - g'WX (X'WX)^-1 X'Wg
  VectorXd weight;           // g'Wg
  MatrixXd products;         // X'Wg, p x variants

  ScanResult(Index p, Index n)
      : missing(n),
        sum(n),
        cases(n),
        case_sum(n),
        score(n),
        variance(n),
        weight(n),
        products(p, n) {}
};

struct Scan {
  std::vector<ScanResult> models;
  VectorXd smallest, largest;  // genotype of each variant; not of packed ones
  Status status = Status::ok;
};

Scan score_scan(const std::vector<ScanNull>& models, const Genotypes& genotypes,
                const RunContext& context);

}  // namespace margmix
