// Compiled together: src/Makevars says why.
#include "design/columns.cpp"
#include "design/equal_rows.cpp"
#include "design/groups.cpp"
#include "family/expected_weight.cpp"
#include "quadrature/gauss_hermite.cpp"
