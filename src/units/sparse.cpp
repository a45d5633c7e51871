// Compiled together: src/Makevars says why.
#include "glmm/sparse_blocks.cpp"
#include "glmm/sparse_hessian.cpp"
#include "glmm/sparse_inverse.cpp"
#include "glmm/sparse_laplace.cpp"
#include "glmm/sparse_log_det.cpp"
#include "glmm/sparse_precision.cpp"
#include "glmm/sparse_rows.cpp"
#include "glmm/sparse_system.cpp"
