#include "main/fleet_description.hpp"

#include <boost/json/serialize.hpp>

#include "kernel/json/value.hpp"

namespace stoa {
namespace {

/// Adds what is not there yet.
void take_members(json::Object& into, const json::Object& from) {
  for (const auto& member : from) into.emplace(member.key(), member.value());
}

/// The operations of `from` that are not there yet.
void take_paths(json::Object& into, const json::Object& from) {
  for (const auto& path : from) {
    if (!path.key().starts_with("/v1/")) continue;
    auto& operations = into[path.key()];
    if (!operations.is_object()) operations.emplace_object();
    take_members(operations.as_object(), path.value().as_object());
  }
}

const json::Object* object_at(const json::Object& parent, std::string_view name) {
  const auto* value = parent.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

}  // namespace

Result<std::string> joined_description(const std::vector<std::string>& descriptions) {
  json::Object joined, own;
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
      own = *paths;
      for (const auto& path : own)
        if (path.key().starts_with("/v1/")) joined.at("paths").as_object().erase(path.key());
      continue;
    }
    take_paths(joined.at("paths").as_object(), *paths);
    take_members(joined.at("components").at("schemas").as_object(), *schemas);
  }
  // What all services have, they describe with its schemas.
  if (!joined.empty()) take_paths(joined.at("paths").as_object(), own);
  return boost::json::serialize(joined);
}

}  // namespace stoa
