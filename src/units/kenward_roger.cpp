// Compiled together: src/Makevars says why.
#include "inference/kenward_roger.cpp"
#include "inference/kenward_roger_pieces.cpp"
#include "inference/related_pieces.cpp"
