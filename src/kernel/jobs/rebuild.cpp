#include "kernel/jobs/rebuild.hpp"

#include <algorithm>

namespace stoa::jobs {
namespace {

constexpr std::string_view parameter = "projection";

struct Built {
  std::int64_t events = 0;
  static constexpr auto fields() { return std::tuple{json::field("events", &Built::events)}; }
};

class RebuildRun final : public Run {
 public:
  RebuildRun(Projection& projection, bool resumed) : projection_(projection) {
    projection_.prepare(resumed);
  }

  Result<Slice> next() override {
    projection_.pause();
    Slice slice;
    slice.weight = 500;
    slice.decide = [this](UnitOfWork& unit) {
      const auto step = projection_.step(unit);
      const auto text = json::to_json(Built{step.done});
      return Advance{text, {step.done, step.total, "events"}, step.finished, {text}};
    };
    return slice;
  }

 private:
  Projection& projection_;
};

class RebuildKind final : public Kind {
 public:
  explicit RebuildKind(std::vector<Projection*> projections)
      : projections_(std::move(projections)) {}

  [[nodiscard]] std::string_view name() const override { return "rebuild"; }

  [[nodiscard]] Result<json::Metadata> judge(const json::Metadata& parameters) const override {
    std::vector<FieldError> errors;
    for (const auto& [key, value] : parameters)
      if (key != parameter)
        errors.push_back({"/parameters/" + key, "unknown_member", "This is not known here."});
    const auto given = parameters.find(std::string(parameter));
    if (given == parameters.end() || find(given->second) == nullptr) {
      std::vector<std::string_view> names;
      for (const auto* one : projections_) names.push_back(one->name());
      errors.push_back({"/parameters/projection", "unknown_value", json::one_of(names)});
    }
    if (errors.empty()) return parameters;
    return fail(Error{ErrorKind::invalid, "invalid_body",
                      "The projection is not known: " + errors.back().message, std::move(errors)});
  }

  Result<std::unique_ptr<Run>> begin(const Job& job) override {
    auto* projection = find(job.parameters.at(std::string(parameter)));
    if (projection == nullptr)
      return fail(ErrorKind::invalid, "unknown_projection", "There is no such projection.");
    return std::make_unique<RebuildRun>(*projection, !job.checkpoint.empty());
  }

 private:
  [[nodiscard]] Projection* find(std::string_view name) const {
    const auto at = std::ranges::find(projections_, name, &Projection::name);
    return at == projections_.end() ? nullptr : *at;
  }

  std::vector<Projection*> projections_;
};

}  // namespace

std::unique_ptr<Kind> make_rebuild_kind(std::vector<Projection*> projections) {
  return std::make_unique<RebuildKind>(std::move(projections));
}

}  // namespace stoa::jobs
