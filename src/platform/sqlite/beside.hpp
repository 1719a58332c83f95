#pragma once

#include "platform/sqlite/database.hpp"

namespace stoa::sqlite {

/// A writer's file of what can be made again: a commit waits for no disk (synchronous=NORMAL), so a
/// power cut may take the last ones back, and leaves the file whole. It moves its WAL by itself.
std::unique_ptr<Database> open_projection(const std::string& path);

/// A reader that finds tables of the file `beside` by their names too.
std::unique_ptr<Database> open_with(const std::string& path, const std::string& beside);

}  // namespace stoa::sqlite
