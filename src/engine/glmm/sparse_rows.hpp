// What the Laplace approximation of several factors asks of the rows.
//
// Rows with the same levels and the same row of Z are a cell. They share V_j, so that the random
// effects see nothing of them but sums by cell: whoever owns the rows answers with those, and
// whoever owns the levels has a design whose n "rows" are the cells. Rows in memory (LocalRows) are
// each a cell of their own; elsewhere they are rows of a shard (glue_cells.cpp).
#pragma once

#include <functional>

#include "design/dispersion.hpp"

namespace margmix {

// With F = [X, g / W] and W where it is positive: by cell the sums of W F, and F'WF.
struct WorkingSums {
  MatrixXd WF;    // cells x (p + 1)
  MatrixXd gram;  // (p + 1) x (p + 1)
};

// All sums are those at psi, where move() went, and with the predictor shifted by x = V u (by
// cell).
class SparseRows {
 public:
  explicit SparseRows(Family& family) : family_(family) {}
  virtual ~SparseRows() = default;

  const Family& family() const { return family_; }

  // Goes to the beta and the dispersion of psi.
  virtual void move(const VectorXd& psi) = 0;

  // l without its constant; by cell g = l' and W = -l''.
  virtual double terms(const VectorXd& x, VectorXd& g, VectorXd& W) = 0;
  virtual double value(const VectorXd& x) = 0;
  virtual double constant() = 0;
  // T = -l''' by cell.
  virtual VectorXd third(const VectorXd& x) = 0;
  // Derivatives in beta and aux of l + g_bar'g + W_bar'W, the adjoints by cell: (p + aux) x
  // independent clusters.
  virtual MatrixXd gradient(const VectorXd& x, const VectorXd& g_bar, const VectorXd& W_bar) = 0;

  virtual WorkingSums working(const VectorXd& x) = 0;
  // visit(k, by cell the sums of W and column k of X).
  virtual void visit_WX(const VectorXd& x,
                        const std::function<void(Index, const VectorXd&)>& visit) = 0;
  // By cell the change of g in each entry of aux.
  virtual MatrixXd aux_slopes(const VectorXd& x) = 0;

  // Root mean squares of the columns of X and of Z.
  virtual VectorXd sizes_X() = 0;
  virtual VectorXd sizes_Z() = 0;

 protected:
  Family& family_;
};

// Rows in memory.
class LocalRows final : public SparseRows {
 public:
  // `cell`: of each row, from 0; without, each row is one.
  LocalRows(const Design& design, Family& family, const int* cell = nullptr, Index cells = 0);

  void move(const VectorXd& psi) override;
  double terms(const VectorXd& x, VectorXd& g, VectorXd& W) override;
  double value(const VectorXd& x) override;
  double constant() override;
  VectorXd third(const VectorXd& x) override;
  MatrixXd gradient(const VectorXd& x, const VectorXd& g_bar, const VectorXd& W_bar) override;
  WorkingSums working(const VectorXd& x) override;
  void visit_WX(const VectorXd& x,
                const std::function<void(Index, const VectorXd&)>& visit) override;
  MatrixXd aux_slopes(const VectorXd& x) override;
  VectorXd sizes_X() override;
  VectorXd sizes_Z() override;

 private:
  VectorXd by_row(const VectorXd& of_cells) const;
  MatrixXd by_cell(MatrixXd of_rows) const;
  VectorXd eta(const VectorXd& x) const;
  void derive(const VectorXd& x);

  const Design design_;
  const int* cell_;
  const Index cells_;
  double constant_ = kNaN;
  VectorXd eta0_;
  VectorXd x_, eta_, g_, W_, T_;  // at x_, where derive() was last
};

}  // namespace margmix
