// Tail probabilities of a score by the saddlepoint approximation.
#pragma once

#include "association/genotypes.hpp"
#include "core/run_context.hpp"
#include "core/types.hpp"

namespace margmix {

enum class CountLaw { binomial, poisson };

// Independent rows: binomial with `trials` trials (1 if there are none) and probability mu, or
// Poisson with mean mu.
struct CountRows {
  CountLaw law;
  VectorMap mu, trials;
};

// Two-sided P(|S| >= |q|) for S = sum g_j (y_j - mean_j); the formula of Barndorff-Nielsen (1990)
// for each tail, as Dey et al. (2017) use it. NaN where a saddlepoint is not found: q is the end of
// the range of S, or its mean.
double saddlepoint_p(const CountRows& rows, const VectorXd& g, double q);

// The same for the scores of many variants, z_k standard deviations of S from its mean, of rows
// that belong to people: row j counts as its person's genotype less X_j b_k.
struct ScoreRows {
  CountRows rows;
  IntegerMap people;  // of the model, among those of the genotypes
  IntegerMap person;  // of each row, among these, from 0
  MatrixMap X;        // n x p
};

struct FarScores {
  IntegerMap variants;  // among those of the genotypes
  MatrixMap b;          // p x scores
  VectorMap z;
};

// NaN also for those that the caller's interrupt left out; `done` says so.
VectorXd saddlepoint_tails(const ScoreRows& model, const Genotypes& genotypes,
                           const FarScores& scores, const RunContext& context, bool& done);

}  // namespace margmix
