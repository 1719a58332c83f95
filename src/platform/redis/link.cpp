#include "platform/redis/link.hpp"

#include <fcntl.h>

#include <chrono>

namespace stoa::redis {
namespace {

timeval to_timeval(std::chrono::milliseconds time) {
  return {.tv_sec = static_cast<time_t>(time.count() / 1'000),
          .tv_usec = static_cast<suseconds_t>(time.count() % 1'000 * 1'000)};
}

struct Words {
  explicit Words(const Command& command) {
    for (const auto& word : command) {
      texts.push_back(word.data());
      lengths.push_back(word.size());
    }
  }
  [[nodiscard]] int count() const { return static_cast<int>(texts.size()); }
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
};

}  // namespace

Link::Link(const Settings& settings)
    : context_(redisConnectWithTimeout(settings.host.c_str(), settings.port,
                                       to_timeval(settings.connect_timeout))) {
  if (!context_) throw Unreachable("Redis: no memory for a connection");
  if (is_lost()) throw Unreachable(std::string("Redis: ") + context_->errstr);
  if (redisSetTimeout(context_.get(), to_timeval(settings.connect_timeout)) != REDIS_OK)
    throw Unreachable(std::string("Redis: ") + context_->errstr);
  log_in(settings);
}

void Link::log_in(const Settings& settings) {
  if (!settings.password.empty()) {
    if (settings.user.empty()) {
      ask({"AUTH", settings.password});
    } else {
      ask({"AUTH", settings.user, settings.password});
    }
  }
  if (settings.database != 0) ask({"SELECT", std::to_string(settings.database)});
  ask({"PING"});  // a server that is stopped takes connections all the same
}

Reply Link::ask(const Command& command) {
  Words words(command);
  Reply reply(static_cast<redisReply*>(
      redisCommandArgv(context_.get(), words.count(), words.texts.data(), words.lengths.data())));
  if (!reply) throw Unreachable(std::string("Redis: ") + context_->errstr);
  if (reply->type == REDIS_REPLY_ERROR)
    throw Unreachable("Redis answers " + command.front() + " with " + reply->str);
  return reply;
}

void Link::stop_waiting() {
  context_->flags &= ~REDIS_BLOCK;
  const int flags = fcntl(fd(), F_GETFL);
  if (flags < 0 || fcntl(fd(), F_SETFL, flags | O_NONBLOCK) < 0)
    throw Unreachable("Redis: the connection cannot be used without waiting");
}

void Link::append(const Command& command) {
  Words words(command);
  redisAppendCommandArgv(context_.get(), words.count(), words.texts.data(), words.lengths.data());
}

bool Link::write() {
  int done = 0;
  return redisBufferWrite(context_.get(), &done) == REDIS_OK && done == 1;
}

void Link::read() { redisBufferRead(context_.get()); }

Reply Link::next() {
  void* reply = nullptr;
  if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) return nullptr;
  return Reply(static_cast<redisReply*>(reply));
}

}  // namespace stoa::redis
