#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gateway/forwarder.hpp"
#include "main/configuration.hpp"

namespace stoa {

/// Where the replicas of services are: by service, `http://host:port` each.
using ServiceUrls = std::map<std::string, std::vector<std::string>, std::less<>>;

/// `{"catalog":["http://…",…],…}`; what is wrong with it where it is not.
Result<ServiceUrls> parse_service_urls(std::string_view json);

/// Tells a forwarder where the replicas of its services are and which of them are well: by
/// configuration (`Services:Catalog` and so on, all addresses that a name has), and by the file
/// `Services:File`, whose entries go before and which is read again when it changes. Asks each
/// replica's `/health/ready` twice a second. On a thread of its own.
class ServiceDirectory {
 public:
  static constexpr std::chrono::milliseconds pause{500};
  static constexpr std::chrono::milliseconds probe_timeout{1'000};
  static constexpr std::chrono::seconds names_kept{5};  ///< then DNS is asked again

  struct Parts {
    http::Upstream& upstream;
    Forwarder& forwarder;
    std::function<void(const std::string&)> warn;
  };
  /// The replicas that can be found now are known when it returns.
  ServiceDirectory(const Configuration& configuration, Parts parts);
  ServiceDirectory(const ServiceDirectory&) = delete;
  ServiceDirectory& operator=(const ServiceDirectory&) = delete;
  ~ServiceDirectory() { stop(); }
  /// No probe ends after it.
  void stop();

 private:
  void run();
  void look();
  void read_file();
  void probe();

  Parts parts_;
  std::string file_;
  std::string file_seen_;  ///< its text when it was read last
  ServiceUrls configured_, listed_;
  std::chrono::steady_clock::time_point resolved_at_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  int probes_ = 0;  ///< under way
  std::thread thread_;
};

}  // namespace stoa
