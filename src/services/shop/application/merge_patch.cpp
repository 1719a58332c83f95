#include "services/shop/application/merge_patch.hpp"

namespace stoa::shop {

json::Value merge_patch(json::Value target, const json::Value& patch) {
  const auto* changes = patch.if_object();
  if (changes == nullptr) return patch;
  if (!target.is_object()) target.emplace_object();
  auto& object = target.get_object();
  for (const auto& change : *changes) {
    if (change.value().is_null()) {
      object.erase(change.key());
    } else {
      auto& member = object[change.key()];
      member = merge_patch(std::move(member), change.value());
    }
  }
  return target;
}

}  // namespace stoa::shop
