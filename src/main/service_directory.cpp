#include "main/service_directory.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>

#include "kernel/base/files.hpp"
#include "kernel/json/value.hpp"
#include "main/service_modules.hpp"
#include "platform/beast/upstream.hpp"

namespace stoa {
namespace {

std::unexpected<Error> wrong_file(const std::string& what) {
  return fail(ErrorKind::invalid, "wrong_service_urls", what);
}

bool is_known(std::string_view service) {
  return std::ranges::find(service_names, service) != service_names.end();
}

ServiceUrls configured_urls(const Configuration& configuration) {
  ServiceUrls urls;
  for (const std::string service : service_names) {
    auto name = service;
    name.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(name.front())));
    urls[service] = configuration.list("Services:" + name);
  }
  return urls;
}

}  // namespace

Result<ServiceUrls> parse_service_urls(std::string_view json) {
  const auto value = json::parse(json);
  if (!value) return fail(value.error());
  const auto* object = value->if_object();
  if (object == nullptr) return wrong_file("It must be an object of services.");
  ServiceUrls urls;
  for (const auto& [service, list] : *object) {
    if (!is_known(service)) return wrong_file("There is no service " + std::string(service) + ".");
    const auto* members = list.if_array();
    if (members == nullptr) return wrong_file(std::string(service) + " must be a list of URLs.");
    auto& of_service = urls[std::string(service)];
    for (const auto& member : *members) {
      const auto* url = member.if_string();
      if (url == nullptr || !std::string_view(*url).starts_with("http://"))
        return wrong_file(std::string(service) + " must be a list of http:// URLs.");
      of_service.emplace_back(*url);
    }
  }
  return urls;
}

ServiceDirectory::ServiceDirectory(const Configuration& configuration, Parts parts)
    : parts_(std::move(parts)),
      file_(configuration.text("Services:File")),
      configured_(configured_urls(configuration)) {
  look();
  thread_ = std::thread([this] { run(); });
}

void ServiceDirectory::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return probes_ == 0; });
}

void ServiceDirectory::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    look();
    probe();
    lock.lock();
    changed_.wait_for(lock, pause, [this] { return stopping_; });
  }
}

void ServiceDirectory::look() {
  const auto now = std::chrono::steady_clock::now();
  const auto before = listed_;
  if (!file_.empty()) read_file();
  if (before == listed_ && now - resolved_at_ < names_kept) return;
  resolved_at_ = now;
  for (const auto& [service, configured] : configured_) {
    const auto listed = listed_.find(service);
    std::vector<http::Origin> origins;
    for (const auto& url : listed != listed_.end() ? listed->second : configured)
      std::ranges::copy(beast::resolve(url), std::back_inserter(origins));
    parts_.forwarder.instances(service).set(origins);
  }
}

/// A file that is not there yet, or is wrong, leaves what was known.
void ServiceDirectory::read_file() {
  auto text = stoa::read_file(file_);
  if (!text || *text == file_seen_) return;
  file_seen_ = std::move(*text);
  auto urls = parse_service_urls(file_seen_);
  if (!urls) return parts_.warn("The file of services is not taken: " + urls.error().detail);
  listed_ = std::move(*urls);
}

void ServiceDirectory::probe() {
  for (const auto& [service, urls] : configured_) {
    auto& instances = parts_.forwarder.instances(service);
    for (const auto& instance : instances.all()) {
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        ++probes_;
      }
      parts_.upstream.send(instance->origin(),
                           {.target = "/health/ready", .answer_timeout = probe_timeout},
                           [this, &instances, instance](const http::UpstreamAnswer& answer) {
                             instances.probed(instance, answer && answer->status == 200);
                             const std::lock_guard lock(mutex_);
                             --probes_;
                             changed_.notify_all();
                           });
    }
  }
}

}  // namespace stoa
