// Compiled together: src/Makevars says why.
#include "linalg/band.cpp"
#include "linalg/dense_kernels.cpp"
#include "linalg/exact_sums.cpp"
#include "linalg/null_space.cpp"
#include "linalg/products.cpp"
#include "linalg/sparse_cholesky.cpp"
#include "linalg/tiled.cpp"
