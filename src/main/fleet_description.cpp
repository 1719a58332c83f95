#include "main/fleet_description.hpp"

#include <boost/json/serialize.hpp>

#include "kernel/json/value.hpp"

namespace stoa {
namespace {

/// Adds what is not there yet.
void take_members(json::Object& into, const json::Object& from) {
  for (const auto& member : from) into.emplace(member.key(), member.value());
}

const json::Object* object_at(const json::Object& parent, std::string_view name) {
  const auto* value = parent.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

}  // namespace

Result<std::string> joined_description(const std::vector<std::string>& descriptions) {
  json::Object joined;
  for (const auto& text : descriptions) {
    const auto value = json::parse(text);
    if (!value) return fail(value.error());
    const auto* one = value->if_object();
    const auto* paths = one == nullptr ? nullptr : object_at(*one, "paths");
    const auto* components = one == nullptr ? nullptr : object_at(*one, "components");
    const auto* schemas = components == nullptr ? nullptr : object_at(*components, "schemas");
    if (paths == nullptr || schemas == nullptr)
      return fail(ErrorKind::malformed, "wrong_description", "This is no description.");
    if (joined.empty()) {
      joined = *one;
      continue;
    }
    auto& own_paths = joined.at("paths").as_object();
    for (const auto& path : *paths) {
      if (!path.key().starts_with("/v1/")) continue;
      auto& operations = own_paths[path.key()];
      if (!operations.is_object()) operations.emplace_object();
      take_members(operations.as_object(), path.value().as_object());
    }
    take_members(joined.at("components").at("schemas").as_object(), *schemas);
  }
  return boost::json::serialize(joined);
}

}  // namespace stoa
