// Compiled together: src/Makevars says why.
#include "glmm/cluster_values.cpp"
#include "glmm/other_modes.cpp"
#include "glmm/peaks.cpp"
#include "glmm/posterior.cpp"
#include "glmm/posterior_density.cpp"
