#include "main/catalog_offers.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "kernel/base/text.hpp"
#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"
#include "platform/curl/http_client.hpp"
#include "services/catalog/module.hpp"

namespace stoa {
namespace {

using catalog::contracts::CurrentOffer;
using Found = ordering::OfferSource::Found;
using Then = std::function<void(std::optional<Found>)>;
using Steady = std::chrono::steady_clock;

constexpr std::string_view path = "/internal/offers";
constexpr std::size_t list_bytes_max = 4'000;  ///< of a request, aimed at, not encoded yet
constexpr std::size_t answer_bytes_max = std::size_t{8} << 20;
constexpr std::size_t waiting_skus_max = 10'000;
constexpr std::chrono::milliseconds answer_timeout{1'000};
constexpr std::chrono::milliseconds wait_max{2'000};

struct OffersPage {
  static constexpr std::string_view schema_name = "CurrentOfferPage";
  std::vector<CurrentOffer> data;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &OffersPage::data)};
  }
};

void keep(Found& found, std::vector<CurrentOffer> offers) {
  for (auto& offer : offers)
    found.try_emplace(std::move(offer.sku), ordering::Offer{std::move(offer.title), offer.sellable,
                                                            std::move(offer.prices)});
}

class LocalOfferSource final : public ordering::OfferSource {
 public:
  explicit LocalOfferSource(Readers& readers) : readers_(readers) {}

  void read(std::vector<std::string> skus, Then then) override {
    const auto look = [skus = std::move(skus), then](Store store) {
      Found found;
      keep(found, catalog::current_offers(store, skus));
      then(std::move(found));
    };
    if (!readers_.submit(look, [then] { then(std::nullopt); })) then(std::nullopt);
  }

 private:
  Readers& readers_;
};

class RemoteOfferSource final : public ordering::OfferSource {
 public:
  RemoteOfferSource(std::vector<std::string> urls, std::string secret_key)
      : urls_(std::move(urls)),
        key_(std::move(secret_key)),
        client_(curl::make_http_client({})),
        thread_([this] { work(); }) {}
  RemoteOfferSource(const RemoteOfferSource&) = delete;
  RemoteOfferSource& operator=(const RemoteOfferSource&) = delete;
  ~RemoteOfferSource() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void read(std::vector<std::string> skus, Then then) override {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_ && waiting_skus_ + skus.size() <= waiting_skus_max) {
        waiting_skus_ += skus.size();
        waiting_.push_back({std::move(skus), std::move(then), Steady::now() + wait_max});
        changed_.notify_all();
        return;
      }
    }
    then(std::nullopt);
  }

 private:
  struct Question {
    std::vector<std::string> skus;
    Then then;
    Steady::time_point until;
  };

  void work() {
    while (true) {
      std::deque<Question> questions;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        questions.swap(waiting_);
        waiting_skus_ = 0;
        if (stopping_ && questions.empty()) return;
      }
      answer(questions);
    }
  }

  void answer(const std::deque<Question>& questions) const {
    std::set<std::string> skus;
    for (const auto& question : questions) skus.insert(question.skus.begin(), question.skus.end());
    const auto found = ask({skus.begin(), skus.end()}, questions.front().until);
    for (const auto& question : questions) {
      if (!found) {
        question.then(std::nullopt);
        continue;
      }
      Found own;
      for (const auto& sku : question.skus)
        if (const auto at = found->find(sku); at != found->end()) own.insert(*at);
      question.then(std::move(own));
    }
  }

  [[nodiscard]] std::optional<Found> ask(const std::vector<std::string>& skus,
                                         Steady::time_point until) const {
    Found found;
    for (std::size_t at = 0; at < skus.size();) {
      std::vector<std::string> some;
      for (std::size_t bytes = 0; at < skus.size() && bytes < list_bytes_max; ++at) {
        bytes += skus[at].size();
        some.push_back(skus[at]);
      }
      if (!ask_any(percent_encode(json::to_json(some)), until, found)) return std::nullopt;
    }
    return found;
  }

  /// The first replica that answers in time.
  bool ask_any(const std::string& list, Steady::time_point until, Found& found) const {
    for (const auto& url : urls_) {
      if (Steady::now() >= until) return false;
      auto target = url;
      target.append(path).append("?skus=").append(list);
      const auto answer = client_->send({.url = std::move(target),
                                         .headers = {{"Authorization", "Bearer " + key_}},
                                         .timeout = answer_timeout,
                                         .answer_bytes_max = answer_bytes_max});
      if (!answer || answer->status != 200) continue;
      auto page = json::read_stored<OffersPage>(answer->body);
      if (!page) continue;
      keep(found, std::move(page->data));
      return true;
    }
    return false;
  }

  std::vector<std::string> urls_;
  std::string key_;
  std::unique_ptr<http::Client> client_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Question> waiting_;
  std::size_t waiting_skus_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<ordering::OfferSource> make_offer_source(Readers& readers) {
  return std::make_unique<LocalOfferSource>(readers);
}

void add_offers_route(http::Router& router, Readers& readers) {
  router.add({.method = "GET",
              .path = std::string(path),
              .access = http::Access::secret,
              .summary = "What SKUs sell for now, for other processes of a fleet",
              .tag = "Internal",
              .handler =
                  [&readers](const http::RequestPtr& request, const http::Reply& reply) {
                    http::Query query(*request);
                    auto skus = json::read_stored<std::vector<std::string>>(
                        query.text("skus").value_or(""));
                    if (!skus) query.error("skus", "wrong_list", "Must be an array of JSON.");
                    if (const auto good = query.finish(); !good)
                      return reply(http::problem(good.error(), *request));
                    http::answer_from_store(
                        readers, request, reply, [skus = std::move(*skus)](Store store) {
                          return http::json_response(
                              200, json::to_json(OffersPage{catalog::current_offers(store, skus)}));
                        });
                  },
              .answer = http::schema_of<OffersPage>(),
              .query = {{"skus", "An array of JSON"}},
              .rate_limited = false});
}

std::unique_ptr<ordering::OfferSource> make_remote_offer_source(std::vector<std::string> urls,
                                                                std::string secret_key) {
  return std::make_unique<RemoteOfferSource>(std::move(urls), std::move(secret_key));
}

}  // namespace stoa
