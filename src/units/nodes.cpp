// Compiled together: src/Makevars says why.
#include "glmm/nodes.cpp"
#include "glmm/coordinate_posterior.cpp"
#include "glmm/mode.cpp"
