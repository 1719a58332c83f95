#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "apphost/supervisor.hpp"
#include "main/stack_tools.hpp"

namespace stoa {

/// What the servers of a stack have in common: a folder of their own below the stack's, and a port
/// `tcp`.
class StackServer : public apphost::Runnable {
 public:
  /// Of a server of several nodes, `node` is the name of one, and of its folder, and `endpoint` its
  /// port.
  StackServer(const apphost::Resource& resource, const StackTools& tools, std::string scheme,
              const std::string& node = {}, const std::string& endpoint = "tcp");
  [[nodiscard]] std::string url() const override { return url_; }

 protected:
  /// For an answer to the question whether it is well.
  static constexpr std::chrono::milliseconds answer_timeout{2'000};

  /// Its absence is not mended by trying again.
  static std::unexpected<Error> missing(const std::string& program);

  [[nodiscard]] std::uint16_t port(const std::string& name) const;
  [[nodiscard]] std::string file(std::string_view name) const;
  void make_folder() const;  ///< 0700
  [[nodiscard]] Result<void> run(const Program& program) const;
  /// With the variables that the manifest gives.
  [[nodiscard]] Program with_environment(Program program) const;

  const apphost::Resource& resource_;
  const StackTools& tools_;
  std::string folder_;

 private:
  std::string url_;
};

}  // namespace stoa
