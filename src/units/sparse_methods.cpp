// Compiled together: src/Makevars says why.
#include "glmm/sparse_importance.cpp"
#include "glmm/sparse_iterative.cpp"
#include "glmm/sparse_lmm.cpp"
#include "glmm/sparse_posterior.cpp"
#include "glmm/sparse_stochastic.cpp"
