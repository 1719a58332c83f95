#include "services/notification/application/outlet.hpp"

#include <algorithm>
#include <future>

#include "kernel/base/planted.hpp"

namespace stoa::notification {
namespace {

constexpr std::size_t threads_count = 4;
constexpr std::size_t waiting_max = 1'000;
constexpr std::size_t claimed_max = 10 * threads_count;
constexpr std::chrono::seconds orders_timeout{10};
constexpr std::chrono::seconds stop_grace{3};
constexpr std::size_t detail_max = 300;

/// Longer than any carrier takes: a call that outlives it is a defect, and does not block the line.
constexpr std::chrono::minutes call_deadline{2};
constexpr CircuitBreaker::Options breaker{5, std::chrono::seconds(2)};

/// Blocks until the orders are read or the time is over.
std::optional<OrderSource::Found> read_now(OrderSource& orders, const std::string& id) {
  auto promise = std::make_shared<std::promise<std::optional<OrderSource::Found>>>();
  auto found = promise->get_future();
  orders.read({id}, [promise](std::optional<OrderSource::Found> read) {
    promise->set_value(std::move(read));
  });
  if (found.wait_for(orders_timeout) != std::future_status::ready) return std::nullopt;
  return found.get();
}

/// What the other side said without the person it was said of: without the address or number, and
/// without every word that holds an `@`.
std::string without_person(const std::string& said, const std::string& address) {
  std::string out;
  std::string word;
  const auto end_word = [&] {
    const bool is_personal =
        word.find('@') != std::string::npos || word.find(address) != std::string::npos;
    out += is_personal ? "[address]" : word;
    word.clear();
  };
  for (const char c : said) {
    if (static_cast<unsigned char>(c) > ' ') {
      word += c;
      continue;
    }
    end_word();
    out += ' ';
  }
  end_word();
  if (out.size() > detail_max) out.resize(detail_max);
  while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0x80U) != 0) out.pop_back();
  return out;
}

}  // namespace

Outlet::Outlet(const Clock& clock, OrderSource& orders, const MessageWriter& writer,
               const MakeCarrier& make_carrier, Report report, const telemetry::Tracer* tracer,
               RunDelivery run)
    : clock_(clock),
      orders_(orders),
      writer_(writer),
      report_(std::move(report)),
      tracer_(tracer),
      calls_(clock, {threads_count, waiting_max, call_deadline, breaker}),
      run_(std::move(run)) {
  if (run_) {
    carriers_.push_back(make_carrier());
    return;
  }
  for (std::size_t i = 0; i < threads_count; ++i) carriers_.push_back(make_carrier());
  for (auto& carrier : carriers_) threads_.emplace_back([this, &carrier] { work(*carrier); });
}

Outlet::~Outlet() { stop(); }

void Outlet::take(const Notification& notification) {
  if (!taken_.insert(notification.id).second) return;
  if (!notification.claimed_by.empty()) renewed(notification.id, notification.claimed_until);
  if (!calls_.send(notification.id, [this, notification] { post(notification); }))
    taken_.erase(notification.id);
}

void Outlet::recorded(const std::string& id, bool reached) {
  taken_.erase(id);
  {
    const std::lock_guard lock(mutex_);
    claims_.erase(id);
  }
  reached ? calls_.answered(id) : calls_.unanswered(id);
}

void Outlet::tend() { calls_.tend(); }

std::size_t Outlet::room() const { return claimed_max - std::min(claimed_max, taken_.size()); }

void Outlet::renewed(const std::string& id, Timestamp until) {
  const std::lock_guard lock(mutex_);
  claims_[id] = until;
}

bool Outlet::is_claim_over(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto claim = claims_.find(id);
  return claim != claims_.end() && claim->second <= clock_.now();
}

void Outlet::stop() {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    posted_.clear();
    changed_.notify_all();
    changed_.wait_for(lock, stop_grace, [this] { return at_work_ == 0; });
  }
  for (auto& carrier : carriers_) carrier->interrupt();
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

void Outlet::post(Notification notification) {
  if (run_)
    return run_(
        [this, notification] { report_(deliver_in_span(*carriers_.front(), notification)); });
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  posted_.push_back(std::move(notification));
  changed_.notify_one();
}

void Outlet::work(Carrier& carrier) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !posted_.empty(); });
    if (stopping_) return;
    auto notification = std::move(posted_.front());
    posted_.pop_front();
    ++at_work_;
    lock.unlock();
    report_(deliver_in_span(carrier, std::move(notification)));
    lock.lock();
    --at_work_;
    changed_.notify_all();
  }
}

Delivered Outlet::deliver_in_span(Carrier& carrier, Notification notification) {
  using telemetry::Attribute;
  telemetry::Span span;
  if (tracer_ != nullptr)
    span = tracer_->start(notification.channel == Channel::email ? "mail" : "sms",
                          telemetry::SpanKind::client, notification.traceparent);
  span.set(Attribute::mail_template, json::name_of(notification.kind));
  auto delivered = deliver(carrier, std::move(notification));
  span.set(Attribute::outcome, json::name_of(delivered.result.outcome));
  return delivered;
}

Delivered Outlet::deliver(Carrier& carrier, Notification notification) {
  const auto ended = [&](TryResult result, bool reached = true) {
    return Delivered{notification, std::move(result), reached};
  };
  const auto found = read_now(orders_, notification.order_id);
  if (!found) return ended({TryOutcome::failed, "order_not_read", "The order could not be read."});
  const auto at = found->find(notification.order_id);
  if (at == found->end() || !at->second.customer)
    return ended({TryOutcome::unsendable, "person_forgotten",
                  "The customer's data is erased: there is nobody to send it to."});
  const auto& customer = *at->second.customer;
  const auto& to = notification.channel == Channel::email ? customer.email : customer.phone;
  if (!to || to->empty())
    return ended({TryOutcome::unsendable, "no_address", "The customer gave no such address."});
  auto written =
      writer_.write({notification.kind, notification.channel, notification.subject_id}, at->second);
  if (!written) return ended({TryOutcome::refused, written.error().code, written.error().detail});
  auto key = notification.event_id;
  std::replace(key.begin(), key.end(), '@', '.');
  key.append(".").append(json::name_of(notification.channel));
  if (planted(Defect::mail_key_changes))
    key += std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  if (is_claim_over(notification.id))
    return ended({TryOutcome::failed, "claim_over", "Another process may be sending it."});
  at_point(Point::before_mail);
  auto answer = carrier.send({std::move(key), notification.created_at, *to,
                              customer.name.value_or(""), written->language, written->text});
  at_point(Point::after_mail);
  return ended({answer.outcome, std::move(answer.code), without_person(answer.detail, *to),
                std::move(answer.reference), written->language, written->template_revision},
               answer.reached);
}

}  // namespace stoa::notification
