// Compiled together: src/Makevars says why.
#include "inference/cluster_shift.cpp"
#include "inference/joint_reference.cpp"
