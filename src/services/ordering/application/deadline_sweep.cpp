#include "services/ordering/application/deadline_sweep.hpp"

namespace stoa::ordering {
namespace {

struct Swept {
  std::int64_t orders = 0;
  static constexpr auto fields() { return std::tuple{json::field("orders", &Swept::orders)}; }
};

class Run final : public jobs::Run {
 public:
  Run(Orders& orders, Swept swept) : orders_(orders), swept_(swept) {}

  Result<jobs::Slice> next() override {
    const auto after = std::make_shared<Swept>();
    jobs::Slice slice;
    slice.weight = orders_due_max;
    slice.decide = [this, after](UnitOfWork& unit) {
      const auto acted = orders_.act_on_deadlines(unit);
      after->orders = swept_.orders + acted;
      const bool finished = acted < orders_due_max;
      const auto text = json::to_json(*after);
      return jobs::Advance{
          text, {after->orders, finished ? after->orders : 0, "orders"}, finished, {text}};
    };
    slice.kept = [this, after] { swept_ = *after; };
    return slice;
  }

 private:
  Orders& orders_;
  Swept swept_;
};

class Kind final : public jobs::Kind {
 public:
  explicit Kind(Orders& orders) : orders_(orders) {}

  [[nodiscard]] std::string_view name() const override { return "deadline-sweep"; }
  [[nodiscard]] Result<json::Metadata> judge(const json::Metadata& parameters) const override {
    return jobs::no_parameters(parameters);
  }
  Result<std::unique_ptr<jobs::Run>> begin(const jobs::Job& job) override {
    Swept swept;
    if (!job.checkpoint.empty()) {
      auto stored = json::read_stored<Swept>(job.checkpoint);
      if (!stored) return fail(std::move(stored.error()));
      swept = *stored;
    }
    return std::make_unique<Run>(orders_, swept);
  }

 private:
  Orders& orders_;
};

}  // namespace

std::unique_ptr<jobs::Kind> make_deadline_sweep_kind(Orders& orders) {
  return std::make_unique<Kind>(orders);
}

}  // namespace stoa::ordering
