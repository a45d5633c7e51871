// Eigen's blocked kernels for doubles, compiled once (linalg/eigen_kernels.cpp). Where nothing but
// R's entry points is visible from outside, compilers specialise these kernels in every file that
// multiplies matrices, and the library has dozens of equal copies. A version of Eigen with other
// parameters goes without: the results are the same.
#pragma once

#include <Eigen/Core>

#if EIGEN_WORLD_VERSION == 3 && EIGEN_VERSION_AT_LEAST(3, 3, 9)
#define MARGMIX_EIGEN_KERNELS(INSTANTIATE)                                                     \
  INSTANTIATE gebp_kernel<double, double, Index, blas_data_mapper<double, Index, ColMajor>,    \
                          gebp_traits<double, double>::mr, gebp_traits<double, double>::nr>;   \
  INSTANTIATE general_matrix_matrix_product<Index, double, ColMajor, false, double, ColMajor,  \
                                            false, ColMajor, 1>;                               \
  INSTANTIATE general_matrix_matrix_product<Index, double, ColMajor, false, double, RowMajor,  \
                                            false, ColMajor, 1>;                               \
  INSTANTIATE general_matrix_matrix_product<Index, double, RowMajor, false, double, ColMajor,  \
                                            false, ColMajor, 1>;                               \
  INSTANTIATE general_matrix_vector_product<                                                   \
      Index, double, const_blas_data_mapper<double, Index, ColMajor>, ColMajor, false, double, \
      const_blas_data_mapper<double, Index, ColMajor>, false>;                                 \
  INSTANTIATE general_matrix_vector_product<                                                   \
      Index, double, const_blas_data_mapper<double, Index, ColMajor>, ColMajor, false, double, \
      const_blas_data_mapper<double, Index, RowMajor>, false>;                                 \
  INSTANTIATE                                                                                  \
  triangular_solve_matrix<double, Index, OnTheLeft, Lower, false, ColMajor, ColMajor, 1>;      \
  INSTANTIATE                                                                                  \
  triangular_solve_matrix<double, Index, OnTheLeft, Upper, false, ColMajor, ColMajor, 1>;      \
  INSTANTIATE                                                                                  \
  triangular_solve_matrix<double, Index, OnTheLeft, Upper, false, RowMajor, ColMajor, 1>;      \
  INSTANTIATE                                                                                  \
  triangular_solve_matrix<double, Index, OnTheLeft, UnitLower, false, ColMajor, ColMajor, 1>;  \
  INSTANTIATE gemm_pack_rhs<double, Index, const_blas_data_mapper<double, Index, ColMajor>,    \
                            gebp_traits<double, double>::nr, ColMajor>;                        \
  INSTANTIATE gemm_pack_rhs<double, Index, const_blas_data_mapper<double, Index, RowMajor>,    \
                            gebp_traits<double, double>::nr, RowMajor>;                        \
  INSTANTIATE gemm_pack_rhs<double, Index, blas_data_mapper<double, Index, ColMajor>,          \
                            gebp_traits<double, double>::nr, ColMajor, false, true>;
#else
#define MARGMIX_EIGEN_KERNELS(INSTANTIATE)
#endif

namespace Eigen {
namespace internal {
MARGMIX_EIGEN_KERNELS(extern template struct)
}  // namespace internal
}  // namespace Eigen
