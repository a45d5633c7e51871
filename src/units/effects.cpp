// Compiled together: src/Makevars says why.
#include "glmm/bridge_distribution.cpp"
#include "glmm/effect_cluster.cpp"
#include "glmm/effect_distribution.cpp"
#include "glmm/effect_posterior.cpp"
#include "glmm/mass_points.cpp"
#include "glmm/t_distribution.cpp"
