#pragma once

#include "platform/sqlite/database.hpp"
#include "platform/sqlite/reader_pool.hpp"

namespace stoa::sqlite {

/// A writer's file of what can be made again: a commit waits for no disk (synchronous=NORMAL), so a
/// power cut may take the last ones back, and leaves the file whole. It moves its WAL by itself.
std::unique_ptr<Database> open_projection(const std::string& path);

/// A reader that finds tables of the file `beside` by their names too.
std::unique_ptr<Database> open_with(const std::string& path, const std::string& beside);

/// Readers that do so.
std::unique_ptr<ReaderPool> make_reader_pool_with(
    const std::string& path, const std::string& beside, int threads, const Crypto& crypto,
    std::function<void(const std::string&)> report_defect);

}  // namespace stoa::sqlite
