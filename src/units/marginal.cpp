// Compiled together: src/Makevars says why.
#include "marginal/corrected_influence.cpp"
#include "marginal/moments.cpp"
#include "marginal/population_mean.cpp"
#include "marginal/projection.cpp"
#include "marginal/standardize.cpp"
