/// The limit of every read: the shop's own HTTP server with an answer that is ready, of `BYTES`
/// bytes.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "platform/beast/http_server.hpp"

int main(int argc, char** argv) {
  const std::string body(argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 1'000, 'x');
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto server = stoa::beast::make_http_server(
      {},
      [&](const std::shared_ptr<stoa::http::Request>&, const stoa::http::Reply& reply) {
        stoa::http::Response response;
        response.status = 200;
        response.body = body;
        reply(std::move(response));
      },
      [](stoa::http::Request&) { return stoa::http::RouteLimits{}; });
  server->start();
  std::printf("%d\n", server->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  server->stop(std::chrono::milliseconds(100));
}
