// Compiled together: src/Makevars says why.
#include "glmm/nested_cluster.cpp"
#include "glmm/nested_modes.cpp"
#include "glmm/nested_posterior.cpp"
