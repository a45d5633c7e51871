// Products for small factors agree with Eigen's, for every remainder of their block sizes.
#include "check.hpp"
#include "linalg/products.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

MatrixXd random_matrix(Index rows, Index cols, toy::Random& random) {
  return MatrixXd::NullaryExpr(rows, cols, [&] { return random.normal(); });
}

void products() {
  toy::Random random(1);
  for (Index n : {1, 2, 3, 4, 5, 7, 25})
    for (Index p : {1, 2, 3, 4, 5, 8, 9})
      for (Index k : {1, 2, 6}) {
        const MatrixXd A = random_matrix(n, k, random), B = random_matrix(k, p, random),
                       C = random_matrix(n, p, random);
        MatrixXd AB(n, p), AC(k, p);
        small_multiply(A, B, AB);
        CHECK_NEAR((AB - A * B).cwiseAbs().maxCoeff(), 0.0, 1e-14);
        small_transposed_multiply(A, C, AC);
        CHECK_NEAR((AC - A.transpose() * C).cwiseAbs().maxCoeff(), 0.0, 1e-13);
      }
  for (Index n : {1, 2, 5, 35})
    for (Index p : {1, 2, 3, 8, 9}) {
      const MatrixXd A = random_matrix(n, p, random);
      const VectorXd w = random_matrix(n, 1, random);
      MatrixXd wA, out;
      small_crossproduct(A, w, wA, out);
      CHECK_NEAR((out - A.transpose() * w.asDiagonal() * A).cwiseAbs().maxCoeff(), 0.0, 1e-13);
    }
}

}  // namespace

int main() {
  products();
  return check::summary();
}
