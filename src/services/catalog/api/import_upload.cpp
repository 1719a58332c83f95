#include "services/catalog/api/import_upload.hpp"

#include "kernel/base/text.hpp"
#include "kernel/http/multipart.hpp"
#include "kernel/http/typed.hpp"
#include "kernel/jobs/read_now.hpp"

namespace stoa::catalog {
namespace {

constexpr int piece_weight = 50;  ///< order lines that the writer decides in the time

Error broken_off() { return {ErrorKind::malformed, "malformed_request", "The body broke off."}; }

/// The fields of a form say what the query may say too.
void take_field(const http::FormPart& part, http::Query& query, ImportOptions& options) {
  if (part.name == "currency") {
    if (const auto currency = Currency::parse(part.content))
      options.currency = *currency;
    else
      query.error("currency", "unknown_currency", "Must be a code of ISO 4217.");
  } else if (part.name == "dry_run") {
    options.dry_run = part.content == "true";
    if (!options.dry_run && part.content != "false")
      query.error("dry_run", "wrong_flag", "Must be true or false.");
  }
}

ImportOptions take_query(http::Query& query) {
  ImportOptions options{Currency(), query.flag("dry_run", false)};
  if (const auto currency = Currency::parse(query.text("currency").value_or("GBP")))
    options.currency = *currency;
  else
    query.error("currency", "unknown_currency", "Must be a code of ISO 4217.");
  return options;
}

/// A request's body on its way into one string.
struct WholeBody : std::enable_shared_from_this<WholeBody> {
  std::shared_ptr<http::Request> request;
  std::shared_ptr<http::Stream> stream;
  std::size_t bytes_max = 0;
  std::function<void(Result<http::RequestPtr>)> then;

  void read() {
    stream->next([self = shared_from_this()](const std::string& piece) {
      auto& body = self->request->body;
      if (body.size() + piece.size() > self->bytes_max)
        return self->then(
            fail(ErrorKind::too_large, "body_too_large",
                 "A form may be as long as 64 MB; send the file itself, as text/csv."));
      body += piece;
      if (!piece.empty()) return self->read();
      if (self->stream->is_broken()) return self->then(fail(broken_off()));
      self->then(http::RequestPtr(self->request));
    });
  }
};

}  // namespace

Result<bool> brings_form(const http::Request& request) {
  const auto declared = request.header("content-type");
  const auto type = trim(declared.substr(0, declared.find(';')));
  if (ascii_iequals(type, "multipart/form-data")) return true;
  if (ascii_iequals(type, "text/csv")) return false;
  return fail(ErrorKind::unsupported_media, "unsupported_media_type",
              "The body must be declared as text/csv or multipart/form-data.");
}

Result<ImportOptions> upload_options(const http::Request& request) {
  http::Query query(request);
  auto options = take_query(query);
  if (auto good = query.finish(); !good) return fail(std::move(good.error()));
  return options;
}

Result<Upload> read_upload(const http::Request& request) {
  http::Query query(request);
  Upload upload{take_query(query), request.body};
  const auto is_form = brings_form(request);
  if (!is_form) return fail(is_form.error());
  if (*is_form) {
    const auto form = http::read_form(request.header("content-type"), request.body);
    if (!form) return fail(form.error());
    bool has_file = false;
    for (const auto& part : *form) {
      if (part.file_name.empty() && part.name != "file") {
        take_field(part, query, upload.options);
      } else if (has_file) {
        query.error("file", "given_twice", "The form must bring one file.");
      } else {
        has_file = true;
        upload.text = part.content;
      }
    }
    if (!has_file) query.error("file", "missing", "The form must bring a file.");
  }
  if (auto good = query.finish(); !good) return fail(std::move(good.error()));
  return upload;
}

void IncomingUpload::receive(Then then) {
  then_ = std::move(then);
  gather();
}

void IncomingUpload::gather() {
  if (piece_.size() >= piece_bytes) return store(false);
  request_->stream->next([self = shared_from_this()](const std::string& more) {
    self->piece_ += more;
    if (!more.empty()) return self->gather();
    if (self->request_->stream->is_broken()) return self->end(fail(broken_off()));
    self->store(true);
  });
}

void IncomingUpload::store(bool is_last) {
  const bool posted = parts_.jobs.post([self = shared_from_this(), is_last] {
    try {
      if (self->stored_.bytes == 0) {
        // It is told at once that this is no such file.
        ProductFile beginning(self->piece_, self->options_.currency, self->parts_.sanitise);
        if (auto header = beginning.read_header(); !header)
          return self->end(fail(std::move(header.error())));
      }
      do self->keep_piece();
      while (is_last && !self->piece_.empty());
    } catch (const std::exception&) {
      return self->end(fail(internal_error()));
    }
    if (is_last) return self->end(self->stored_);
    self->gather();
  });
  if (!posted) end(fail(overloaded()));
}

/// On the jobs' thread; durable when it returns.
void IncomingUpload::keep_piece() {
  auto piece = piece_.substr(0, piece_bytes);
  piece_.erase(0, piece.size());
  stored_.hash = to_hex(parts_.crypto.sha256(stored_.hash + piece));
  const auto at = std::exchange(stored_.bytes, stored_.bytes + std::ssize(piece));
  jobs::write_now(parts_.executor, piece_weight, parts_.files.append(name_, at, std::move(piece)));
}

void read_whole(const http::RequestPtr& request, std::size_t bytes_max,
                std::function<void(Result<http::RequestPtr>)> then) {
  auto whole = std::make_shared<WholeBody>();
  whole->request = std::make_shared<http::Request>(*request);
  whole->stream = std::exchange(whole->request->stream, nullptr);
  whole->bytes_max = bytes_max;
  whole->then = std::move(then);
  whole->read();
}

}  // namespace stoa::catalog
