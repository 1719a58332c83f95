#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/http/message.hpp"

/// Server-sent events, as the HTML standard defines them (whatwg, "Server-sent events").
namespace stoa::http {

/// A piece that has grown to this is sent before more is read.
inline constexpr std::size_t piece_bytes_max = 65'536;

/// Appends one event. None of the three holds a line end; an empty `type` and `data` move the
/// client's Last-Event-ID alone.
void append_event(std::string& piece, std::string_view id, std::string_view type,
                  std::string_view data);

/// Looks for what comes next and calls `found` once, from any thread: with a piece, with an empty
/// one when there is nothing yet, with nothing when the stream must end. Never called before the
/// look before it has ended.
using Found = std::function<void(std::optional<std::string> piece)>;
using Look = std::function<void(Found found)>;
/// Registers `wake`, to be called from any thread when a look may find more; it ends with what it
/// returns.
using Listen = std::function<std::shared_ptr<const void>(std::function<void()> wake)>;

/// A stream of what is stored. It listens from now on, looks when its client has taken the piece
/// before, and then whenever it is woken; between looks it holds nothing but its place.
std::shared_ptr<Stream> make_live_stream(Look look, const Listen& listen);

/// 200 `text/event-stream`, kept by no cache; a client that loses it comes back after two seconds.
Response event_stream(std::shared_ptr<Stream> stream);

/// The header Last-Event-ID was none of this stream's: 400, named.
Error wrong_last_event_id(const std::string& message);

}  // namespace stoa::http
