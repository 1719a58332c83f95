#include "main/service_modules.hpp"

#include "kernel/base/text.hpp"
#include "main/catalog_offers.hpp"
#include "main/event_feed.hpp"
#include "main/notification_part.hpp"
#include "main/order_assessments.hpp"
#include "main/order_facts_route.hpp"
#include "main/payment_providers.hpp"
#include "main/product_search.hpp"
#include "main/read_cache.hpp"
#include "main/redis_settings.hpp"
#include "main/service_jobs.hpp"
#include "main/shop_jobs.hpp"
#include "main/task_queues.hpp"
#include "main/template_previews.hpp"
#include "platform/gumbo/sanitise.hpp"
#include "platform/rabbitmq/tasks.hpp"
#include "platform/tzdata/time_zones.hpp"
#include "services/agents/module.hpp"
#include "services/catalog/module.hpp"
#include "services/ordering/module.hpp"
#include "services/payment/infrastructure/simulator.hpp"
#include "services/payment/module.hpp"
#include "services/shop/module.hpp"

namespace stoa {
namespace {

class CatalogModules final : public ServiceModules {
 public:
  explicit CatalogModules(const ServiceParts& parts)
      : search_(parts.configuration, parts.folder + "/search", parts.host.opens_reader(),
                parts.shared.crypto,
                [warn = parts.shared.warn](telemetry::Level level, const std::string& what) {
                  if (level >= telemetry::Level::warning) warn(what);
                }),
        cache_(parts.configuration, parts.shared.clock, parts.shared.metrics,
               redis_settings(parts.configuration), parts.shared.warn),
        service_jobs_(parts) {
    auto& context = parts.host.add(catalog::catalog_migrations(), published_of("catalog"));
    parts.host.migrate(catalog::ledger_migrations());
    add_offers_route(parts.host.router(), context.readers);
    catalog_ = catalog::make_catalog(
        context, own_, ordering_, shop_topic_, gumbo::sanitise, search_.parts(parts.shared.metrics),
        {context.store.db, context.store.log}, cache_.reads(make_codecs()));
    shop_ = shop::make_shop_service(
        parts.host.add(shop::migrations(), shop::published), shop_topic_,
        {[this](const std::string& name) { return zones_->knows(name); },
         ordering::number_pattern_fault},
        {parts.configuration.integer("Ordering:PaymentDeadlineSeconds"),
         parts.configuration.integer("Ordering:AuthorisationDeadlineSeconds")});
    // The ledger's tables stand beside the others here: replicas share them.
    parts.host.loop().when_idle([this](UnitOfWork& unit) { return catalog_->project_slice(unit); });
    catalog_->share_log();
    parts.host.when_grown([this](const messaging::Growth& growth) {
      if (growth.prefix == catalog::catalog_migrations().prefix) catalog_->log_grew(growth);
    });
    parts.host.take(ordering_);
    jobs_ = compose_catalog_jobs(service_jobs_.context(), service_jobs_.sharing(), *catalog_,
                                 parts.configuration);
  }
  void start() override {
    catalog_->start_search();
    jobs_->start();
  }
  void stop_outside() override { jobs_->stop(); }
  void stop() override {
    catalog_->stop_search();
    search_.stop();
  }

 private:
  Topic<catalog::contracts::Event> own_;
  Topic<ordering::contracts::Event> ordering_;
  Topic<shop::contracts::Event> shop_topic_;
  std::unique_ptr<TimeZones> zones_ = tzdata::make_time_zones();
  ProductSearchHost search_;
  ReadCache cache_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<shop::ShopService> shop_;
  ServiceJobs service_jobs_;
  std::unique_ptr<jobs::Jobs> jobs_;
};

class OrderingModules final : public ServiceModules {
 public:
  explicit OrderingModules(const ServiceParts& parts)
      : offers_(make_remote_offer_source(parts.configuration.list("Services:Catalog"),
                                         parts.secret_key)),
        caller_(task_caller(parts.configuration)),
        assessments_(make_remote_assessment_source(
            caller_.get(), request_timeout(parts.configuration), parts.shared.clock)),
        service_jobs_(parts) {
    const auto& configuration = parts.configuration;
    const auto seconds = [&](std::string_view path) {
      return std::chrono::seconds(configuration.integer(path));
    };
    auto& context = parts.host.add(ordering::migrations(), ordering::published);
    add_order_facts_route(parts.host.router(), context.readers, parts.shared.crypto);
    ordering_ = ordering::make_ordering(
        context, own_, catalog_, payment_, agents_, shop_, *offers_, *assessments_, *zones_,
        {std::chrono::milliseconds(configuration.integer("Fraud:DeadlineMs")),
         seconds("Ordering:PaymentDeadlineSeconds"),
         seconds("Ordering:AuthorisationDeadlineSeconds"),
         configuration.text("Fraud:Default") == "reject"},
        accepted_providers(configuration));
    parts.host.take(catalog_);
    parts.host.take(payment_);
    parts.host.take(agents_);
    parts.host.take(shop_);
    jobs_ = compose_ordering_jobs(service_jobs_.context(), service_jobs_.sharing(), *ordering_,
                                  parts.host.epochs(), configuration);
  }
  void start() override { jobs_->start(); }
  void stop_outside() override {
    if (caller_) caller_->stop();
    jobs_->stop();
  }
  void stop() override { offers_.reset(); }

 private:
  Topic<ordering::contracts::Event> own_;
  Topic<catalog::contracts::Event> catalog_;
  Topic<payment::contracts::Event> payment_;
  Topic<agents::contracts::Event> agents_;
  Topic<shop::contracts::Event> shop_;
  std::unique_ptr<TimeZones> zones_ = tzdata::make_time_zones();
  std::unique_ptr<ordering::OfferSource> offers_;
  std::unique_ptr<messaging::TaskCaller> caller_;
  std::unique_ptr<ordering::AssessmentSource> assessments_;
  std::unique_ptr<ordering::Ordering> ordering_;
  ServiceJobs service_jobs_;
  std::unique_ptr<jobs::Jobs> jobs_;
};

class PaymentModules final : public ServiceModules {
 public:
  explicit PaymentModules(const ServiceParts& parts)
      : simulator_(parts.host.open_writer("sim_writer")) {
    // Its tables stand beside the others here: replicas share them.
    parts.host.migrate(payment::shared_simulator_migrations());
    simulator_db_ = simulator_->handle("");
    providers_ =
        make_payment_providers(parts.configuration, *simulator_db_, *simulator_, parts.shared.clock,
                               parts.shared.crypto, parts.shop_secret, parts.shared.warn);
    payment::PaymentOptions options;
    options.owner = parts.host.member();
    options.provider_timeout =
        std::chrono::milliseconds(parts.configuration.integer("Payment:ProviderTimeoutMs"));
    payment_ =
        payment::make_payment(parts.host.add(payment::migrations(), payment::published), own_,
                              ordering_, providers_->all(), options, providers_->webhook_sources(),
                              payers_of(parts.shared.crypto, parts.shop_secret), parts.shared.warn);
    add_payment_figures(parts.shared.metrics, *payment_);
    parts.host.take(ordering_);
  }
  void start() override { providers_->deliver_to(payment_->webhooks()); }
  void stop() override { providers_->stop(); }

 private:
  Topic<payment::contracts::Event> own_;
  Topic<ordering::contracts::Event> ordering_;
  std::unique_ptr<sql::Database> simulator_;
  std::unique_ptr<sql::Connection> simulator_db_;
  std::unique_ptr<PaymentProviders> providers_;
  std::unique_ptr<payment::PaymentService> payment_;
};

notification::NotificationOptions shared_options(const ServiceParts& parts) {
  auto options = notification_options(parts.configuration);
  std::array<std::uint8_t, 8> start{};
  parts.shared.crypto.random_bytes(start);
  options.sharing = {parts.host.member() + "/" + to_hex(start),
                     std::chrono::seconds(parts.configuration.integer("Notification:LeaseSeconds")),
                     rabbitmq_settings(parts.configuration).has_value()};
  return options;
}

class NotificationModules final : public ServiceModules {
 public:
  explicit NotificationModules(const ServiceParts& parts)
      : parts_(parts),
        orders_(make_remote_order_source(parts.configuration.list("Services:Ordering").at(0),
                                         parts.secret_key,
                                         [&host = parts.host](std::function<void()> work) {
                                           return host.in_background(std::move(work));
                                         })),
        notification_(notification::make_notification(
            parts.host.add(notification::migrations(), notification::published), own_, ordering_,
            payment_, shop_, *orders_, parts.shared.metrics, shared_options(parts))) {
    parts.host.take(ordering_);
    parts.host.take(payment_);
    parts.host.take(shop_);
  }
  void start() override {
    const auto settings = rabbitmq_settings(parts_.configuration);
    if (!settings) return;
    leader_ = parts_.host.make_leader_lock("notification_handover");
    runners_.push_back(notification_->run_handover(
        {.publisher = rabbitmq::make_task_publisher(*settings),
         .channels = {},
         .is_leader = [this] { return leader_->holds(); },
         .again_after = std::chrono::seconds(
             parts_.configuration.integer("Notification:HandOverAgainSeconds")),
         .warn = parts_.shared.warn}));
    for (const auto& queue : notification_->queues())
      runners_.push_back(rabbitmq::run_task_consumer(
          *settings, {.queue = queue, .warn = parts_.shared.warn},
          [this](const messaging::ReceivedTask& received, const messaging::Settle& settle) {
            notification_->take_task(received, settle);
          }));
    runners_.push_back(rabbitmq::run_task_consumer(
        *settings, {.queue = notification::preview_queue(), .warn = parts_.shared.warn},
        answers_previews(parts_.host.router(), parts_.shared.clock, parts_.shared.warn)));
  }
  void stop_outside() override {
    runners_.clear();
    notification_->stop();
  }

 private:
  ServiceParts parts_;
  Topic<notification::contracts::Event> own_;
  Topic<ordering::contracts::Event> ordering_;
  Topic<payment::contracts::Event> payment_;
  Topic<shop::contracts::Event> shop_;
  std::unique_ptr<notification::OrderSource> orders_;
  std::unique_ptr<notification::NotificationService> notification_;
  std::unique_ptr<postgres::LeaderLock> leader_;
  std::vector<std::unique_ptr<messaging::Runner>> runners_;
};

class AgentsModules final : public ServiceModules {
 public:
  explicit AgentsModules(const ServiceParts& parts)
      : parts_(parts),
        options_{parts.configuration.integer("Fraud:RejectAt")},
        agents_(agents::make_agents(parts.host.add(agents::migrations(), agents::published), own_,
                                    ordering_, options_)) {
    parts.host.take(ordering_);
  }
  void start() override {
    if (const auto settings = rabbitmq_settings(parts_.configuration))
      answers_ = rabbitmq::run_task_consumer(
          *settings, {.queue = agents::assessment_queue(), .warn = parts_.shared.warn},
          answers_assessments(*parts_.host.readers_of("agents"), options_, parts_.shared.warn));
  }
  void stop_outside() override { answers_.reset(); }

 private:
  ServiceParts parts_;
  agents::FraudOptions options_;
  Topic<agents::contracts::Event> own_;
  Topic<ordering::contracts::Event> ordering_;
  std::unique_ptr<agents::Agents> agents_;
  std::unique_ptr<messaging::Runner> answers_;
};

}  // namespace

std::unique_ptr<ServiceModules> make_service_modules(const std::string& service,
                                                     const ServiceParts& parts) {
  if (service == "catalog") return std::make_unique<CatalogModules>(parts);
  if (service == "ordering") return std::make_unique<OrderingModules>(parts);
  if (service == "payment") return std::make_unique<PaymentModules>(parts);
  if (service == "notification") return std::make_unique<NotificationModules>(parts);
  return std::make_unique<AgentsModules>(parts);
}

}  // namespace stoa
