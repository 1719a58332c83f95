#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/result.hpp"

namespace stoa::process {

/// Answers lines with lines, on a socket in the file system that only who may enter the folder can
/// reach. Each connection has a thread; at most 32 at a time.
class LineServer {
 public:
  virtual ~LineServer() = default;
  /// Takes no more questions, closes connections, waits for answers that are being made.
  virtual void stop() = 0;
};

/// `answer` is called on the threads of connections, several at once. Throws std::system_error.
std::unique_ptr<LineServer> serve_lines(
    const std::string& folder, const std::string& name,
    std::function<std::string(std::string_view question)> answer);

/// One connection to it.
class LineClient {
 public:
  /// Nothing when nobody serves there.
  static std::unique_ptr<LineClient> connect(const std::string& folder, const std::string& name);
  LineClient(const LineClient&) = delete;
  LineClient& operator=(const LineClient&) = delete;
  ~LineClient();

  /// `no_answer` (unavailable) when the server ends meanwhile. Waits as long as it takes.
  Result<std::string> ask(const std::string& question);
  /// Whether the server is still there; waits so long to find out.
  bool is_open(std::chrono::milliseconds within);

 private:
  explicit LineClient(int socket) : socket_(socket) {}
  int socket_;
};

}  // namespace stoa::process
