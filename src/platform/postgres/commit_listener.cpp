#include "platform/postgres/commit_listener.hpp"

#include "platform/postgres/link.hpp"

namespace stoa::postgres {
namespace {

class Listener final : public messaging::CommitListener {
 public:
  explicit Listener(const Options& options) : link_({options.conninfo, options.answer_timeout}) {
    link_.run_script("LISTEN " + std::string(commits_channel));
  }

  bool wait(Duration at_most) override {
    return link_.await_notice(std::chrono::duration_cast<std::chrono::milliseconds>(at_most));
  }

 private:
  Link link_;
};

}  // namespace

std::unique_ptr<messaging::CommitListener> make_commit_listener(const Options& options) {
  return std::make_unique<Listener>(options);
}

}  // namespace stoa::postgres
