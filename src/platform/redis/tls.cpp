#include "platform/redis/tls.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <new>

#include "platform/redis/link.hpp"

namespace stoa::redis {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

Context make_context(const std::string& ca_file) {
  Context context(SSL_CTX_new(TLS_client_method()));
  if (!context) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  // What is written again after a wait may have moved meanwhile.
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const int loaded = ca_file.empty()
                         ? SSL_CTX_set_default_verify_paths(context.get())
                         : SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr);
  if (loaded != 1) throw Unreachable("Redis: the authorities of Redis:CaFile cannot be read");
  return context;
}

/// An address is looked for among the addresses of a certificate, and is no name to be told.
bool expect(SSL* session, const std::string& host) {
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1) return true;
  SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(session, host.c_str()) == 1 &&
         SSL_set_tlsext_host_name(session, host.c_str()) == 1;
}

bool must_wait(int error) { return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE; }

std::string reason() {
  const char* const text = ERR_reason_error_string(ERR_peek_last_error());
  return text == nullptr ? "the connection broke" : text;
}

}  // namespace

Tls::Tls(int socket, const std::string& host, const std::string& ca_file)
    : session_(SSL_new(make_context(ca_file).get())) {
  if (!session_ || !expect(session_.get(), host) || SSL_set_fd(session_.get(), socket) != 1)
    throw Unreachable("Redis: TLS cannot be begun");
  ERR_clear_error();
  const int status = SSL_connect(session_.get());
  if (status == 1) return;
  if (const auto verdict = SSL_get_verify_result(session_.get()); verdict != X509_V_OK)
    throw Unreachable(std::string("Redis: the certificate of the server is refused: ") +
                      X509_verify_cert_error_string(verdict));
  if (must_wait(SSL_get_error(session_.get(), status)))
    throw Unreachable("Redis does not answer in TLS");
  throw Unreachable("Redis: no TLS: " + reason());
}

std::size_t Tls::write(std::string_view bytes) {
  if (bytes.empty()) return 0;
  ERR_clear_error();
  std::size_t count = 0;
  const int status = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &count);
  return moved(status, count);
}

std::size_t Tls::read(std::span<char> bytes) {
  ERR_clear_error();
  std::size_t count = 0;
  const int status = SSL_read_ex(session_.get(), bytes.data(), bytes.size(), &count);
  return moved(status, count);
}

std::size_t Tls::moved(int status, std::size_t bytes) {
  if (status == 1) return bytes;
  const int error = SSL_get_error(session_.get(), status);
  if (must_wait(error)) return 0;
  throw Unreachable(error == SSL_ERROR_ZERO_RETURN ? "Redis closed the connection"
                                                   : "Redis: " + reason());
}

}  // namespace stoa::redis
