#include "platform/redis/link.hpp"

#include <fcntl.h>

#include <array>
#include <chrono>
#include <new>

#include "platform/redis/tls.hpp"

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
  if (settings.tls) tls_ = std::make_unique<Tls>(fd(), settings.host, settings.ca_file);
  log_in(settings);
}

Link::~Link() = default;

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
  append(command);
  auto reply = tls_ ? wait_in_tls() : wait_in_the_clear();
  if (!reply) throw Unreachable(std::string("Redis: ") + context_->errstr);
  if (reply->type == REDIS_REPLY_ERROR)
    throw Unreachable("Redis answers " + command.front() + " with " + reply->str);
  return reply;
}

Reply Link::wait_in_the_clear() {
  void* reply = nullptr;
  if (redisGetReply(context_.get(), &reply) != REDIS_OK) return nullptr;
  return Reply(static_cast<redisReply*>(reply));
}

Reply Link::wait_in_tls() {
  if (!write()) throw Unreachable("Redis takes nothing");
  auto reply = next();
  while (!reply && !is_lost()) {
    if (read_in_tls() == 0) throw Unreachable("Redis does not answer");
    reply = next();
  }
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
  if (!tls_) {
    redisAppendCommandArgv(context_.get(), words.count(), words.texts.data(), words.lengths.data());
    return;
  }
  char* text = nullptr;
  const auto length =
      redisFormatCommandArgv(&text, words.count(), words.texts.data(), words.lengths.data());
  if (length < 0) throw std::bad_alloc();
  unwritten_.append(text, static_cast<std::size_t>(length));
  redisFreeCommand(text);
}

bool Link::write() {
  if (tls_) {
    std::string_view left = unwritten_;
    std::size_t count = 1;
    while (!left.empty() && count > 0) {
      count = tls_->write(left);
      left.remove_prefix(count);
    }
    unwritten_.erase(0, unwritten_.size() - left.size());
    return unwritten_.empty();
  }
  int done = 0;
  return redisBufferWrite(context_.get(), &done) == REDIS_OK && done == 1;
}

void Link::read() {
  if (tls_) {
    read_in_tls();
  } else {
    redisBufferRead(context_.get());
  }
}

std::size_t Link::read_in_tls() {
  std::array<char, Tls::record_bytes_max> bytes;
  const auto count = tls_->read(bytes);
  redisReaderFeed(context_->reader, bytes.data(), count);
  return count;
}

Reply Link::next() {
  void* reply = nullptr;
  if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) return nullptr;
  return Reply(static_cast<redisReply*>(reply));
}

}  // namespace stoa::redis
