#include "kernel/http/event_lines.hpp"

#include <gtest/gtest.h>

#include "kernel/http/event_stream.hpp"

namespace stoa::http {
namespace {

using namespace std::string_view_literals;

/// Each event as `id|type|data;`, pushed in pieces of `piece` bytes.
std::string read(std::string_view bytes, std::size_t piece, EventLines& lines) {
  std::string told;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    EXPECT_TRUE(lines.push(bytes.substr(at, piece), [&](const ReceivedEvent& event) {
      told += event.id + "|" + event.type + "|" + event.data + ";";
      return true;
    }));
  return told;
}

TEST(EventLines, ReadsWhatOurStreamsSend_InAnyPieces) {
  std::string sent = "retry: 2000\n\n:\n\n";
  append_event(sent, "1", "placed", R"({"a":1})");
  append_event(sent, "7", {}, {});
  append_event(sent, "9", "paid", R"({"b":2})");
  for (const std::size_t piece : {1U, 2U, 5U, 1000U}) {
    EventLines lines;
    EXPECT_EQ(read(sent, piece, lines), R"(1|placed|{"a":1};9|paid|{"b":2};)") << piece;
    EXPECT_EQ(lines.last_id(), "9");
  }
}

TEST(EventLines, AnEventThatBreaksOff_IsNotCounted) {
  EventLines lines;
  EXPECT_EQ(read("id: 1\ndata: a\n\nid: 2\ndata: half", 4, lines), "1|message|a;");
  EXPECT_EQ(lines.last_id(), "1") << "or the next stream would begin behind it";
  lines.restart();
  EXPECT_EQ(read("data: b\n\nid: 2\ndata: whole\n\n", 4, lines), "1|message|b;2|message|whole;");
}

TEST(EventLines, ReadsEveryFormOfTheStandard) {
  EventLines lines;
  EXPECT_EQ(read("data\r\ndata: a\rdata:b\n\nid: 3\n\ndata:  c\n:no\nother: d\n\n", 1, lines),
            "|message|\na\nb;3|message| c;");
  EXPECT_EQ(read("id: 4\0\ndata: e\n\ndata: unfinished\n"sv, 3, lines), "3|message|e;");
  EXPECT_EQ(lines.last_id(), "3");
}

TEST(EventLines, EndsWhenItsTakerHasEnough) {
  EventLines lines;
  int taken = 0;
  const auto go_on = lines.push("data: a\n\ndata: b\n\n", [&](const ReceivedEvent&) {
    ++taken;
    return false;
  });
  EXPECT_TRUE(go_on && !*go_on);
  EXPECT_EQ(taken, 1);
}

TEST(EventLines, AnEventHasABound) {
  EventLines lines;
  const std::string part(EventLines::event_bytes_max / 2 + 1, 'x');
  const auto none = [](const ReceivedEvent&) { return true; };
  EXPECT_TRUE(lines.push("data: " + part + "\n", none));
  EXPECT_EQ(lines.push("data: " + part, none).error().code, "event_too_large");
}

}  // namespace
}  // namespace stoa::http
