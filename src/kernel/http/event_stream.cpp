#include "kernel/http/event_stream.hpp"

#include <mutex>
#include <utility>

#include "kernel/base/assert.hpp"

namespace stoa::http {
namespace {

class LiveStream final : public Stream, public std::enable_shared_from_this<LiveStream> {
 public:
  explicit LiveStream(Look look) : look_(std::move(look)) {}

  void listen(const Listen& listen) {
    ticket_ = listen([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->wake();
    });
  }

  void next(Take take) override {
    {
      const std::lock_guard lock(mutex_);
      STOA_ASSERT(!take_ && !looking_);
      take_ = std::move(take);
      begin_look();
    }
    look();
  }

  [[nodiscard]] std::string_view heartbeat() const override { return ":\n\n"; }

 private:
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      has_news_ = true;
      if (looking_ || !take_) return;
      begin_look();
    }
    look();
  }

  void begin_look() {
    looking_ = true;
    has_news_ = false;
  }

  void look() {
    look_([self = shared_from_this()](std::optional<std::string> piece) {
      self->found(std::move(piece));
    });
  }

  void found(std::optional<std::string> piece) {
    Take take;
    {
      const std::lock_guard lock(mutex_);
      if (!looking_) return;
      looking_ = false;
      if (!piece || !piece->empty()) {
        take = std::exchange(take_, {});
      } else if (has_news_) {  // it came after the look had begun
        begin_look();
      } else {
        return;
      }
    }
    if (!take) return look();
    take(piece ? std::move(*piece) : std::string());
  }

  Look look_;
  std::shared_ptr<const void> ticket_;
  std::mutex mutex_;
  Take take_;  // the server waits for a piece
  bool looking_ = false;
  bool has_news_ = false;
};

}  // namespace

void append_event(std::string& piece, std::string_view id, std::string_view type,
                  std::string_view data) {
  piece.append("id: ").append(id).append("\n");
  if (!type.empty()) piece.append("event: ").append(type).append("\n");
  if (!data.empty()) piece.append("data: ").append(data).append("\n");
  piece += '\n';
}

std::shared_ptr<Stream> make_live_stream(Look look, const Listen& listen) {
  auto stream = std::make_shared<LiveStream>(std::move(look));
  stream->listen(listen);
  return stream;
}

Response event_stream(std::shared_ptr<Stream> stream) {
  Response response;
  response.content_type = "text/event-stream";
  response.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  response.body = "retry: 2000\n\n";
  response.stream = std::move(stream);
  return response;
}

Error wrong_last_event_id(const std::string& message) {
  return {ErrorKind::malformed,
          "wrong_last_event_id",
          "Last-Event-ID must be an id that this stream sent.",
          {{"header/Last-Event-ID", "wrong_last_event_id", message}}};
}

}  // namespace stoa::http
