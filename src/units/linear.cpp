// Compiled together: src/Makevars says why.
#include "glmm/banded_lmm.cpp"
#include "glmm/conditional_logistic.cpp"
#include "glmm/glm.cpp"
#include "glmm/jeffreys.cpp"
#include "glmm/lmm.cpp"
