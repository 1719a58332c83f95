#include "main/backup_client.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "kernel/base/files.hpp"
#include "kernel/base/text.hpp"
#include "kernel/json/codec.hpp"
#include "main/backup_routes.hpp"
#include "main/progress.hpp"
#include "main/replay_crew.hpp"
#include "platform/beast/http_client.hpp"

namespace stoa {
namespace {

constexpr std::chrono::hours answer_timeout{1};

class CopyClient {
 public:
  CopyClient(const ShopAddress& address, const ShopClientOptions& shop)
      : url_(shop.url),
        client_(address.host, address.port, answer_timeout),
        headers_{{"Authorization", "Bearer " + shop.key}} {}

  Result<std::string> ask(std::string_view method, const std::string& target) {
    auto answer = client_.send(method, target, headers_, "");
    if (!answer)
      return fail(ErrorKind::unavailable, "no_shop",
                  "No shop answers at " + url_ + ": start one with `stoa up`.");
    if (answer->status < 300) return std::move(answer->body);
    const auto problem = json::parse(answer->body);
    const auto* object = problem ? problem->if_object() : nullptr;
    const auto* detail = object == nullptr ? nullptr : object->if_contains("detail");
    return fail(ErrorKind::invalid, "refused",
                "The shop refused (" + std::to_string(answer->status) + "): " +
                    (detail != nullptr && detail->is_string() ? std::string(detail->get_string())
                                                              : answer->body.substr(0, 200)));
  }

 private:
  std::string url_;
  beast::HttpClient client_;
  beast::Headers headers_;
};

Result<void> fetch_file(CopyClient& client, const std::string& copy, const BackupFile& file,
                        const std::filesystem::path& into, const Crypto& crypto) {
  const auto path = into / file.name;
  Progress progress("fetch " + file.name, file.bytes, "bytes");
  {
    NewFile to(path);
    for (std::int64_t at = 0; at < file.bytes;) {
      const auto piece = client.ask(
          "GET", "/v1/backups/" + copy + "/files/" + file.name + "?offset=" + std::to_string(at));
      if (!piece) return fail(piece.error());
      if (piece->empty()) break;
      to.write(*piece);
      at += std::ssize(*piece);
      progress.at(at, file.bytes);
    }
    to.sync();
  }
  progress.end(file.bytes, file.bytes);
  if (describe_file(path, crypto).sha256 == file.sha256) return {};
  return fail(ErrorKind::unavailable, "broken_copy",
              "The copy of " + file.name + " did not arrive whole: try again.");
}

/// A name that stays inside a folder, whatever the other side says.
bool is_cut_file(std::string_view name) {
  return name == cut_keys_file || std::ranges::find(cut_files, name) != std::end(cut_files);
}

}  // namespace

Result<void> fetch_cut(const ShopClientOptions& shop, const std::filesystem::path& into,
                       const Crypto& crypto) {
  const auto address = ShopAddress::parse(shop.url);
  if (!address) return fail(address.error());
  CopyClient client(*address, shop);
  const auto made = client.ask("POST", "/v1/backups");
  if (!made) return fail(made.error());
  const auto copy = json::read_stored<ShopCopy>(*made);
  if (!copy || copy->files.size() != std::size(cut_files) + 1)
    return fail(ErrorKind::invalid, "refused", "The shop's answer is none that can be used.");
  for (const auto& file : copy->files) {
    if (!is_cut_file(file.name))
      return fail(ErrorKind::invalid, "refused", "The shop's answer is none that can be used.");
    if (auto fetched = fetch_file(client, percent_encode(copy->id), file, into, crypto); !fetched)
      return fetched;
  }
  // What is not removed goes by itself.
  std::ignore = client.ask("DELETE", "/v1/backups/" + percent_encode(copy->id));
  return {};
}

}  // namespace stoa
