// Compiled together: src/Makevars says why.
#include "random/constraint.cpp"
#include "random/covariance.cpp"
#include "random/field.cpp"
#include "random/known_covariance.cpp"
#include "random/level_covariance.cpp"
#include "random/levels.cpp"
#include "random/places.cpp"
#include "random/toeplitz.cpp"
