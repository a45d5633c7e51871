// The sums of clusters whose rows are in memory.
#pragma once

#include <memory>

#include "gee/equations.hpp"
#include "gee/source.hpp"

namespace margmix {

class LocalSource final : public EquationSource {
 public:
  // `at` may have the residuals of another source of the same rows, and is kept up to date.
  LocalSource(const MarginalData& data, const MarginalFamily& family, const RunContext& context,
              std::shared_ptr<Residuals> at = std::make_shared<Residuals>())
      : data_(data), family_(family), equations_(data, family, context), at_(std::move(at)) {}

  Index p() const override { return data_.p(); }
  bool move(const VectorXd& beta, const Correlation& R, const MomentRule& rule,
            const PointAsk& ask) override;
  bool moments(const Correlation& R, const MomentRule& rule) override;
  bool adjust(const Correlation& R, const MomentRule& rule) override;
  bool equations(const Correlation& R, const MatrixXd* hat, EquationSums& out) override;
  bool products(const Correlation& R, MatrixXd& out) override;
  bool squared_influence(const Correlation& R, const MomentRule& rule, double phi,
                         const MomentTotals& totals, VectorXd& out) override;
  void least_squares(double level, MatrixXd& XX, VectorXd& Xy) override;

  // As squared_influence(), without rounding.
  bool exact_influence(const Correlation& R, const MomentRule& rule, double phi,
                       const MomentTotals& totals, ExactSums& to);

  const Equations& equations() const { return equations_; }
  const Residuals& at() const { return *at_; }

  // As adjust(), where the clusters are some of those whose information is B.
  bool adjust_by(const MatrixXd& B, const Correlation& R, const MomentRule& rule);

 private:
  bool adjusted(const MatrixXd* B, const Correlation& R, const MomentRule& rule);
  template <class Add>
  bool each_influence(const Correlation& R, const MomentRule& rule, double phi,
                      const MomentTotals& totals, Add add);
  double likelihood_at(const VectorXd& beta) const;

  const MarginalData& data_;
  const MarginalFamily& family_;
  const Equations equations_;
  std::shared_ptr<Residuals> at_;
};

}  // namespace margmix
