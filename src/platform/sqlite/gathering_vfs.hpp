#pragma once

namespace stoa::sqlite {

/// The name of a VFS of SQLite, registered when this is called first, that is the default one but
/// for writes to a WAL: SQLite makes two of each page, and here they are gathered and reach the
/// file together, at the latest when SQLite syncs it, truncates it, or reads it by the same
/// connection. For connections with synchronous=FULL alone: these sync the WAL at each commit
/// before others are told of it.
const char* gathering_vfs();

}  // namespace stoa::sqlite
