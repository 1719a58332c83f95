#include "services/notification/module.hpp"

#include "services/notification/api/notifications_api.hpp"
#include "services/notification/api/templates_api.hpp"
#include "services/notification/infrastructure/sql_notification_store.hpp"

namespace stoa::notification {
namespace {

/// What waits on a channel, as last looked at: asking for figures asks no database.
struct ChannelFigures {
  std::atomic<std::int64_t> queued{0}, dead_letters{0}, oldest_queued_at{0};
};

class Module final : public NotificationService, private Participant {
 public:
  Module(ServiceContext& context, Topic<contracts::Event>& own, OrderSource& orders,
         telemetry::Metrics& metrics, NotificationOptions options)
      : executor_(context.executor),
        readers_(context.readers),
        clock_(context.clock),
        store_(make_sql_notification_store(context.store.db)),
        queries_(make_sql_notification_queries()),
        writer_(book_, options.sender_name),
        notifications_(context.executor, context.clock, context.ids, context.store.log, own,
                       *store_, orders, writer_, with_tracer(std::move(options), context.tracer),
                       [&metrics](Channel channel, std::string_view outcome) {
                         metrics.count("stoa_notification_tries_total",
                                       telemetry::label("channel", json::name_of(channel)) + "," +
                                           telemetry::label("outcome", outcome));
                       }) {
    book_.replace(store_->templates());
    templates_mark_ = store_->templates_mark();
    writer_.name_shop(store_->shop_name());
    context.participants.push_back(this);
    add_notification_routes(context, notifications_, *queries_, orders, writer_);
    add_template_routes(context, *store_, *queries_, book_, orders, writer_);
    add_figures(metrics);
    context.executor.every(std::chrono::milliseconds(250), [this](UnitOfWork& unit) {
      look_again_ = true;
      notifications_.take_up_due(unit);
    });
    context.executor.every(std::chrono::seconds(5), [this](UnitOfWork& unit) {
      unit.after_commit([this] { look_at_backlog(); });
    });
  }
  void stop() override { notifications_.stop(); }
  std::unique_ptr<messaging::Runner> run_handover(HandoverParts parts) override {
    parts.channels = channels();
    return notification::run_handover(std::move(parts), clock_, readers_, *queries_, executor_,
                                      *store_);
  }
  [[nodiscard]] std::vector<messaging::QueuePlan> queues() const override {
    std::vector<messaging::QueuePlan> queues;
    for (const auto channel : channels()) queues.push_back(queue_of(channel));
    return queues;
  }
  void take_task(const messaging::ReceivedTask& received,
                 const messaging::Settle& settle) override {
    notifications_.take_task(received, settle);
  }
  Notifications& notifications() { return notifications_; }
  void on(UnitOfWork&, const shop::contracts::ShopChanged& event) {
    shop_ = event;
    store_->save_shop_name(shop_->name);
  }

 private:
  static NotificationOptions with_tracer(NotificationOptions options,
                                         const telemetry::Tracer& tracer) {
    options.tracer = &tracer;
    return options;
  }

  [[nodiscard]] std::vector<Channel> channels() const {
    std::vector<Channel> channels;
    for (const auto channel : {Channel::email, Channel::sms})
      if (notifications_.is_configured(channel)) channels.push_back(channel);
    return channels;
  }

  void look_at_backlog() {
    // What cannot be read now is read in five seconds.
    static_cast<void>(readers_.submit(
        [this](Store store) {
          for (auto& [channel, figures] : figures_) {
            const auto backlog = queries_->backlog(store, channel);
            figures.queued = backlog.queued;
            figures.dead_letters = backlog.dead_letters;
            figures.oldest_queued_at =
                backlog.oldest_queued_at ? to_unix_microseconds(*backlog.oldest_queued_at) : 0;
          }
        },
        [] {}));
  }

  void add_figures(telemetry::Metrics& metrics) {
    for (const auto channel : {Channel::email, Channel::sms}) {
      auto& figures = figures_[channel];
      const auto label = telemetry::label("channel", json::name_of(channel));
      metrics.gauge(
          "stoa_notifications_queued",
          [&figures] { return static_cast<double>(figures.queued.load()); }, label);
      metrics.gauge(
          "stoa_notifications_dead_letters",
          [&figures] { return static_cast<double>(figures.dead_letters.load()); }, label);
      metrics.gauge(
          "stoa_notifications_oldest_queued_seconds",
          [this, &figures] {
            const auto at = figures.oldest_queued_at.load();
            return at == 0 ? 0.0
                           : static_cast<double>(to_unix_microseconds(clock_.now()) - at) / 1e6;
          },
          label);
      metrics.gauge(
          "stoa_notification_breaker_state",
          [this, channel] { return static_cast<double>(notifications_.breaker(channel)); }, label);
    }
  }

  /// What messages are written with, as another replica may have changed it: looked at some times
  /// a second while others write, and used once what this transaction did itself is durable.
  struct Seen {
    std::optional<std::vector<StoredTemplate>> templates;  ///< when they are others than before
    std::string templates_mark;
    std::optional<std::string> shop_name;
  };

  void flush(UnitOfWork&) override {
    if (!others_wrote_ || !look_again_) return;
    look_again_ = false;
    seen_.emplace(Seen{{}, store_->templates_mark(), store_->shop_name()});
    if (seen_->templates_mark != templates_mark_) seen_->templates = store_->templates();
  }
  void rolled_back() noexcept override {
    shop_.reset();
    seen_.reset();
    others_wrote_ = true;
  }
  void committed() noexcept override {
    if (seen_) {
      if (seen_->templates) book_.replace(std::move(*seen_->templates));
      templates_mark_ = std::move(seen_->templates_mark);
      writer_.name_shop(std::move(seen_->shop_name));
      others_wrote_ = false;
      seen_.reset();
    }
    if (shop_) writer_.name_shop(std::move(shop_->name));
    shop_.reset();
  }

  Executor& executor_;
  Readers& readers_;
  const Clock& clock_;
  std::optional<shop::contracts::ShopChanged> shop_;  ///< as the transaction under way changes it
  std::optional<Seen> seen_;                          ///< in the transaction under way
  bool others_wrote_ = false;                         ///< since it was looked
  bool look_again_ = false;
  std::string templates_mark_;
  std::unique_ptr<NotificationStore> store_;
  std::unique_ptr<NotificationQueries> queries_;
  TemplateBook book_;
  MessageWriter writer_;
  std::map<Channel, ChannelFigures> figures_;
  Notifications notifications_;
};

}  // namespace

std::unique_ptr<NotificationService> make_notification(
    ServiceContext& context, Topic<contracts::Event>& own,
    Topic<ordering::contracts::Event>& ordering, Topic<payment::contracts::Event>& payment,
    Topic<shop::contracts::Event>& shop, OrderSource& orders, telemetry::Metrics& metrics,
    NotificationOptions options) {
  auto module = std::make_unique<Module>(context, own, orders, metrics, std::move(options));
  auto& notifications = module->notifications();
  ordering.subscribe(notifications);
  payment.subscribe(notifications);
  shop.subscribe(*module);
  return module;
}

messaging::QueuePlan preview_queue() {
  return {.name = "notification.previews", .kind = messaging::QueuePlan::Kind::requests};
}

std::optional<NewEvent> published(const RecordedEvent& row) {
  const auto event = translate(decode_event<StoredEvent>(row.type, row.data), row);
  return event ? std::optional(encode_event(*event)) : std::nullopt;
}

}  // namespace stoa::notification
