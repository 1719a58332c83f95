#include "main/export_client.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>

#include "kernel/base/files.hpp"
#include "kernel/base/text.hpp"
#include "kernel/json/codec.hpp"
#include "main/progress.hpp"
#include "main/replay_crew.hpp"
#include "platform/beast/http_client.hpp"

namespace stoa {
namespace {

constexpr std::chrono::seconds answer_timeout{60};

int say(const std::string& sentence) {
  std::cerr << "stoa: " << sentence << "\n";
  return 1;
}

/// The place in an export file up to which it is whole.
struct Place {
  std::string cursor;
  std::int64_t bytes = 0;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("cursor", &Place::cursor, Text{0, 1000}),
                      field("bytes", &Place::bytes)};
  }
};

/// Reads an export of the shop page by page.
class Pages {
 public:
  static Result<Pages> open(const ShopClientOptions& shop, const ExportSelection& selection) {
    auto address = ShopAddress::parse(shop.url);
    if (!address) return fail(std::move(address.error()));
    return Pages(beast::HttpClient(address->host, address->port, answer_timeout), shop, selection);
  }

  /// Calls `take` with each page's text and the cursor at its end.
  Result<void> read(std::string after,
                    const std::function<void(const std::string&, const std::string&)>& take) {
    for (bool more = true; more;) {
      const auto answer = client_.send("GET", target_ + percent_encode(after),
                                       {{"Authorization", "Bearer " + key_}}, {});
      if (!answer)
        return fail(ErrorKind::unavailable, "no_shop",
                    "No shop answers at " + url_ + ": start one with `stoa up`.");
      if (answer->status != 200)
        return fail(ErrorKind::invalid, "refused",
                    "The shop refused (" + std::to_string(answer->status) +
                        "): " + answer->body.substr(0, 500));
      const auto* cursor = header(*answer, "stoa-cursor");
      if (cursor == nullptr)
        return fail(ErrorKind::invalid, "no_export", "This shop does not export: is it older?");
      after = *cursor;
      take(answer->body, after);
      more = header(*answer, "link") != nullptr;
    }
    return {};
  }

 private:
  Pages(beast::HttpClient client, const ShopClientOptions& shop, const ExportSelection& selection)
      : client_(std::move(client)),
        url_(shop.url),
        key_(shop.key),
        target_("/v1/exports/" + selection.what + "?" +
                (selection.currency.empty()
                     ? ""
                     : "currency=" + percent_encode(selection.currency) + "&") +
                "after=") {}

  static const std::string* header(const beast::ClientResponse& answer, std::string_view name) {
    const auto at =
        std::ranges::find(answer.headers, name, &std::pair<std::string, std::string>::first);
    return at == answer.headers.end() ? nullptr : &at->second;
  }

  beast::HttpClient client_;
  std::string url_, key_, target_;
};

std::string place_file_of(const std::string& path) { return path + ".cursor"; }

void keep(const Place& place, const std::string& path) {
  replace_file(place_file_of(path), json::to_json(place) + "\n");
}

/// The file's end as an earlier run left it, the rest cut off.
Result<Place> resume(GrowingFile& file, const std::string& path, const std::string& after) {
  const auto place_file = place_file_of(path);
  if (!std::filesystem::exists(place_file)) {
    if (file.size() == 0) {
      const Place begin{after, 0};
      keep(begin, path);  // before the first line: a crash leaves no line without a place
      return begin;
    }
    return fail(
        ErrorKind::conflict, "no_cursor",
        path + " has contents and " + place_file + " is missing: remove the file or name another.");
  }
  if (!after.empty())
    return fail(ErrorKind::conflict, "two_cursors",
                place_file + " tells where to go on: leave out --after, or name another file.");
  const auto text = read_file_part(place_file, 0, 1 << 16);
  auto place = json::read_stored<Place>(text);
  if (!place || place->bytes > file.size())
    return fail(ErrorKind::conflict, "wrong_cursor",
                place_file + " does not fit " + path + ": remove both or name another file.");
  file.cut(place->bytes);
  return place;
}

}  // namespace

int export_products(const ShopClientOptions& shop, const ExportSelection& selection) {
  auto pages = Pages::open(shop, selection);
  if (!pages) return say(pages.error().detail);
  if (selection.output.empty()) {
    const auto read =
        pages->read({}, [](const std::string& text, const std::string&) { std::cout << text; });
    std::cout.flush();
    if (!read) return say(read.error().detail);
    return std::cout ? 0 : say("Standard output could not be written.");
  }
  const auto beside = selection.output + ".new";
  {
    GrowingFile file(beside);
    if (!file.lock()) return say("Another export writes " + beside + ".");
    file.cut(0);
    const auto read =
        pages->read({}, [&](const std::string& text, const std::string&) { file.append(text); });
    if (!read) {
      std::filesystem::remove(beside);
      return say(read.error().detail);
    }
  }
  std::filesystem::rename(beside, selection.output);
  const auto folder = std::filesystem::path(selection.output).parent_path().string();
  sync_folder(folder.empty() ? "." : folder);
  return 0;
}

int export_lines(const ShopClientOptions& shop, const ExportSelection& selection) {
  auto pages = Pages::open(shop, selection);
  if (!pages) return say(pages.error().detail);
  if (selection.output.empty()) {
    auto cursor = selection.after;
    const auto read = pages->read(cursor, [&](const std::string& text, const std::string& end) {
      std::cout << text;
      cursor = end;
    });
    std::cout.flush();
    std::cerr << "next: " << cursor << "\n";
    if (!read) return say(read.error().detail);
    return std::cout ? 0 : say("Standard output could not be written.");
  }
  GrowingFile file(selection.output);
  if (!file.lock()) return say("Another export writes " + selection.output + ".");
  auto place = resume(file, selection.output, selection.after);
  if (!place) return say(place.error().detail);
  // First the lines, then where they end: what lies between is cut off and read again.
  const auto read =
      pages->read(place->cursor, [&](const std::string& text, const std::string& end) {
        file.append(text);
        *place = {end, place->bytes + static_cast<std::int64_t>(text.size())};
        keep(*place, selection.output);
      });
  return read ? 0 : say(read.error().detail);
}

}  // namespace stoa
