// The families by name. A new family is one file and one line here.
#pragma once

#include <memory>
#include <string>

#include "family/family.hpp"

namespace margmix {

struct FamilySpec {
  std::string family, link;
  bool frequency = false;  // weights count rows (dispersion families)
};

// Throws std::invalid_argument for a name the engine does not know.
std::unique_ptr<Family> make_family(const FamilySpec& spec);

}  // namespace margmix
