// Score statistics of many variants against one null model.
#pragma once

#include <variant>

#include "core/run_context.hpp"
#include "core/types.hpp"

namespace margmix {

// What a null model leaves for a scan: row j is of person `person[j]`, r is the derivative of its
// log-likelihood in the predictor at the modes, W minus the second one.
struct ScanNull {
  IntegerMap person;   // n rows, from 0
  IntegerMap is_case;  // people, 0 or 1
  VectorMap r, W;      // n
  MatrixMap X;         // n x p
  MatrixXd C;          // (X'WX)^-1
};

// People x variants, by variant. Missing is NaN, or the smallest integer.
struct Genotypes {
  std::variant<const double*, const int*> values;
  Index people, variants;
};

// By variant. A missing genotype counts as the mean of the variant's others.
struct ScanResult {
  VectorXd missing, sum;       // people without a genotype, and the sum of the others'
  VectorXd cases, case_sum;    // of these, cases, and the sum of theirs
  VectorXd smallest, largest;  // genotype
  VectorXd score, variance;    // U = g'r, and g'Wg - g'WX (X'WX)^-1 X'Wg
  VectorXd weight;             // g'Wg
  Status status = Status::ok;

  explicit ScanResult(Index n)
      : missing(n),
        sum(n),
        cases(n),
        case_sum(n),
        smallest(n),
        largest(n),
        score(n),
        variance(n),
        weight(n) {}
};

ScanResult score_scan(const ScanNull& null, const Genotypes& genotypes, const RunContext& context);

}  // namespace margmix
