#include <gtest/gtest.h>

#include <future>
#include <stdexcept>

#include "contracts/temporary_folder.hpp"
#include "kernel/http/from_store.hpp"
#include "kernel/mediator/reader_pool.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa::http {
namespace {

/// Queries of HTTP requests on real reader threads.
class AnswerFromStore : public testing::Test {
 protected:
  void open(std::size_t waiting_max) {
    sqlite::open(folder_.file("shop.db"), sqlite::Database::Mode::writer);
    pool_ = make_reader_pool(
        [this] { return sqlite::open(folder_.file("shop.db"), sqlite::Database::Mode::reader); }, 1,
        *crypto_, [this](const std::string&) { ++defects_; }, waiting_max);
    readers_ = pool_->of("shop_");
  }
  Response ask(std::function<Response(Store)> query) {
    const auto answer = std::make_shared<std::promise<Response>>();
    auto future = answer->get_future();
    answer_from_store(
        *readers_, std::make_shared<Request>(),
        [answer](Response response) { answer->set_value(std::move(response)); }, std::move(query));
    if (future.wait_for(std::chrono::seconds(10)) != std::future_status::ready)
      return {0, "no answer"};
    return future.get();
  }

  TemporaryFolder folder_;
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::atomic<int> defects_{0};
  std::unique_ptr<ReaderPool> pool_;
  std::unique_ptr<Readers> readers_;
};

TEST_F(AnswerFromStore, AQueryThatThrows_IsAnInternalErrorAtOnce_AndTheThreadGoesOn) {
  open(10);
  const auto answer =
      ask([](Store) -> Response { throw std::runtime_error("a secret of the store"); });
  EXPECT_EQ(answer.status, 500);
  EXPECT_NE(answer.body.find("internal_error"), std::string::npos);
  EXPECT_EQ(answer.body.find("secret"), std::string::npos);
  EXPECT_EQ(defects_, 1);
  EXPECT_EQ(ask([](Store) { return Response{200, "found"}; }).body, "found");
}

TEST_F(AnswerFromStore, AForeignTable_IsAnInternalError) {
  open(10);
  const auto answer = ask([](Store store) {
    store.db.execute("SELECT * FROM sqlite_schema");
    return Response{};
  });
  EXPECT_EQ(answer.status, 500);
}

TEST_F(AnswerFromStore, AQueryThatIsNotTaken_IsOverload) {
  open(0);
  const auto answer = ask([](Store) { return Response{}; });
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("overloaded"), std::string::npos);
}

}  // namespace
}  // namespace stoa::http
