#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/crypto.hpp"
#include "kernel/http/message.hpp"
#include "kernel/jobs/job_files.hpp"
#include "kernel/jobs/jobs.hpp"
#include "kernel/mediator/executor.hpp"
#include "services/catalog/application/import.hpp"

namespace stoa::catalog {

/// What a request brings to import.
struct Upload {
  ImportOptions options;
  std::string_view text;  ///< within the request's body
};

/// Of a body that is here whole.
Result<Upload> read_upload(const http::Request& request);
/// What the query says. Nothing of the body is needed for it.
Result<ImportOptions> upload_options(const http::Request& request);
/// Whether the body is a form, or else the file itself; `unsupported_media_type` when it is
/// neither.
Result<bool> brings_form(const http::Request& request);

/// An upload whose body comes while it is stored, a piece at a time, so that no more of it is in
/// memory; a client that is faster than the store is held back.
class IncomingUpload : public std::enable_shared_from_this<IncomingUpload> {
 public:
  static constexpr std::size_t piece_bytes = std::size_t{256} << 10;

  /// All outlive it.
  struct Parts {
    jobs::Jobs& jobs;
    jobs::JobFiles& files;
    Executor& executor;
    const Crypto& crypto;
    HtmlSanitiser sanitise;
  };
  struct Stored {
    std::int64_t bytes = 0;
    std::string hash;  ///< of all pieces, in hexadecimal digits; equal where the bodies are
  };
  /// Called once, on the jobs' thread or that of the stream.
  using Then = std::function<void(Result<Stored>)>;

  /// As the file `name`, which is as far as it came when it was not stored whole.
  IncomingUpload(const Parts& parts, http::RequestPtr request, std::string name,
                 const ImportOptions& options)
      : parts_(parts),
        request_(std::move(request)),
        name_(std::move(name)),
        options_(options),
        piece_(request_->body) {}
  void receive(Then then);

 private:
  void gather();
  void store(bool is_last);
  void keep_piece();
  void end(Result<Stored> result) const { then_(std::move(result)); }

  Parts parts_;
  http::RequestPtr request_;
  std::string name_;
  ImportOptions options_;
  std::string piece_;
  Stored stored_;
  Then then_;
};

/// All of a request's stream behind its body, for what must be read as one; `body_too_large` beyond
/// `bytes_max`.
void read_whole(const http::RequestPtr& request, std::size_t bytes_max,
                std::function<void(Result<http::RequestPtr>)> then);

}  // namespace stoa::catalog
