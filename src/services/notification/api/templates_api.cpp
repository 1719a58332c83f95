#include "services/notification/api/templates_api.hpp"

#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"

namespace stoa::notification {
namespace {

using http::Reply;
using http::RequestPtr;

constexpr std::size_t text_max = 65'536;

BOOST_DEFINE_ENUM_CLASS(Source, built_in, merchant)

struct TemplateBody {
  static constexpr std::string_view schema_name = "NotificationTemplateBody";
  std::string subject, text, html;
  static constexpr auto fields() {
    using namespace json;
    using B = TemplateBody;
    return std::tuple{defaulted("subject", &B::subject, Text{0, 500}, "of a mail; an SMS has none"),
                      field("text", &B::text, Text{1, text_max, Form::lines}),
                      defaulted("html", &B::html, Text{0, text_max, Form::lines},
                                "of a mail; without it the mail is plain")};
  }
};

struct TemplateView {
  static constexpr std::string_view schema_name = "NotificationTemplate";
  Kind kind = Kind::order_confirmed;
  Channel channel = Channel::email;
  std::string language;
  Source source = Source::built_in;
  std::int64_t revision = 0;
  std::string subject, text, html;
  static constexpr auto fields() {
    using namespace json;
    using V = TemplateView;
    return std::tuple{field("kind", &V::kind),
                      field("channel", &V::channel),
                      field("language", &V::language),
                      field("source", &V::source),
                      field("revision", &V::revision, Range{0}, "0 is built in"),
                      field("subject", &V::subject, Text{0, 500}),
                      field("text", &V::text, Text{0, text_max, Form::lines}),
                      field("html", &V::html, Text{0, text_max, Form::lines})};
  }
};

struct VariableView {
  std::string name;
  std::vector<std::string> members;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("name", &VariableView::name),
                      field("members", &VariableView::members, Unbounded{},
                            "of each item, when the variable is a list")};
  }
};

struct TemplateList {
  static constexpr std::string_view schema_name = "NotificationTemplates";
  std::vector<TemplateView> data;
  std::vector<VariableView> variables;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &TemplateList::data, Items{0, 10'000}),
                      field("variables", &TemplateList::variables, Items{0, 1000})};
  }
};

struct PreviewBody {
  static constexpr std::string_view schema_name = "NotificationPreviewBody";
  std::optional<TemplateBody> with;
  std::optional<std::string> order_id;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("template", &PreviewBody::with, Unbounded{}, "Absent: the one in use"),
                      field("order_id", &PreviewBody::order_id, Text{1, 50},
                            "Absent: an invented order that has something of everything")};
  }
};

struct PreviewView {
  static constexpr std::string_view schema_name = "NotificationPreview";
  std::string language, subject, text, html;
  static constexpr auto fields() {
    using namespace json;
    using V = PreviewView;
    return std::tuple{field("language", &V::language), field("subject", &V::subject, Text{0, 2000}),
                      field("text", &V::text, Text{0, 1'000'000, Form::lines}),
                      field("html", &V::html, Text{0, 1'000'000, Form::lines})};
  }
};

TemplateView view_of(const StoredTemplate& one) {
  return {one.key.kind,     one.key.channel,
          one.key.language, one.revision == 0 ? Source::built_in : Source::merchant,
          one.revision,     one.text.subject,
          one.text.text,    one.text.html};
}

TemplateText text_of(TemplateBody body) {
  return {std::move(body.subject), std::move(body.text), std::move(body.html)};
}

Error no_template() {
  return {ErrorKind::not_found, "template_not_found",
          "There is no such template, and none is possible."};
}

/// The template that a path names, whether or not there is one.
Result<TemplateKey> key_of(const http::Request& request) {
  const auto kind = json::from_name<Kind>(request.param("kind"));
  const auto channel = json::from_name<Channel>(request.param("channel"));
  auto language = canonical_language(request.param("language"));
  if (!kind || !channel || (*channel == Channel::sms && !is_told_by_sms(*kind)))
    return fail(no_template());
  if (!language)
    return fail(Error{ErrorKind::invalid,
                      "wrong_language",
                      "The path names no language.",
                      {{"path/language", "wrong_language", "Must be a tag, as in de or de-AT."}}});
  return TemplateKey{*kind, *channel, std::move(*language)};
}

class TemplateRoutes {
 public:
  TemplateRoutes(ServiceContext& context, NotificationStore& store,
                 const NotificationQueries& queries, TemplateBook& book, OrderSource& orders,
                 const MessageWriter& writer)
      : executor_(context.executor),
        readers_(context.readers),
        store_(store),
        queries_(queries),
        book_(book),
        orders_(orders),
        writer_(writer) {}

  void list(const RequestPtr& request, const Reply& reply) const;
  void show(const RequestPtr& request, const Reply& reply) const;
  void put(const RequestPtr& request, const Reply& reply) const;
  void remove(const RequestPtr& request, const Reply& reply) const;
  void preview(const RequestPtr& request, const Reply& reply) const;

 private:
  using Answer = std::function<http::Response(const TemplateBook&)>;
  /// From the templates as they are stored now: another replica may have changed them.
  void answer_from_templates(const RequestPtr& request, const Reply& reply, Answer answer) const;
  void preview_with(const RequestPtr& request, const Reply& reply, const TemplateKey& key,
                    const StoredTemplate& with, const std::optional<std::string>& order_id) const;

  Executor& executor_;
  Readers& readers_;
  NotificationStore& store_;
  const NotificationQueries& queries_;
  TemplateBook& book_;
  OrderSource& orders_;
  const MessageWriter& writer_;
};

void TemplateRoutes::answer_from_templates(const RequestPtr& request, const Reply& reply,
                                           Answer answer) const {
  http::answer_from_store(readers_, request, reply,
                          [this, answer = std::move(answer)](Store store) {
                            return answer(TemplateBook(queries_.templates(store)));
                          });
}

void TemplateRoutes::list(const RequestPtr& request, const Reply& reply) const {
  answer_from_templates(request, reply, [](const TemplateBook& book) {
    TemplateList list;
    for (const auto& one : book.all()) list.data.push_back(view_of(one));
    for (const auto& [name, members] : vocabulary().names)
      list.variables.push_back({name, members});
    return http::json_response(200, json::to_json(list));
  });
}

void TemplateRoutes::show(const RequestPtr& request, const Reply& reply) const {
  const auto key = key_of(*request);
  if (!key) return reply(http::problem(key.error(), *request));
  answer_from_templates(request, reply, [request, key = *key](const TemplateBook& book) {
    const auto found = book.find(key);
    return found ? http::json_response(200, json::to_json(view_of(*found)))
                 : http::problem(no_template(), *request);
  });
}

void TemplateRoutes::put(const RequestPtr& request, const Reply& reply) const {
  auto key = key_of(*request);
  if (!key) return reply(http::problem(key.error(), *request));
  auto body = http::read_body<TemplateBody>(*request);
  if (!body) return reply(http::problem(body.error(), *request));
  const auto text = text_of(std::move(*body));
  if (const auto good = check_template(key->channel, text); !good)
    return reply(http::problem(good.error(), *request));
  execute<StoredTemplate>(
      executor_, Executor::Lane::outside, 1, request->cause(),
      [this, key = *key, text](UnitOfWork& unit) -> Result<StoredTemplate> {
        return StoredTemplate{key, store_.put_template(key, text, unit.now()), text};
      },
      [this, request, reply](const Result<StoredTemplate>& stored) {
        if (!stored) return reply(http::problem(stored.error(), *request));
        book_.put(*stored);
        reply(http::json_response(200, json::to_json(view_of(*stored))));
      });
}

void TemplateRoutes::remove(const RequestPtr& request, const Reply& reply) const {
  const auto key = key_of(*request);
  if (!key) return reply(http::problem(key.error(), *request));
  execute<bool>(
      executor_, Executor::Lane::outside, 1, request->cause(),
      [this, key = *key](UnitOfWork&) -> Result<bool> {
        store_.remove_template(key);
        return true;
      },
      [this, request, key = *key, reply](const Result<bool>& done) {
        if (!done) return reply(http::problem(done.error(), *request));
        book_.remove(key);
        reply({204, "", "", {}});
      });
}

void TemplateRoutes::preview(const RequestPtr& request, const Reply& reply) const {
  const auto key = key_of(*request);
  if (!key) return reply(http::problem(key.error(), *request));
  PreviewBody body;
  if (!request->body.empty()) {
    auto read = http::read_body<PreviewBody>(*request);
    if (!read) return reply(http::problem(read.error(), *request));
    body = std::move(*read);
  }
  if (body.with) {
    const StoredTemplate with{*key, 0, text_of(std::move(*body.with))};
    if (const auto good = check_template(key->channel, with.text); !good)
      return reply(http::problem(good.error(), *request));
    return preview_with(request, reply, *key, with, body.order_id);
  }
  const bool taken = readers_.submit(
      [this, request, reply, key = *key, order_id = body.order_id](Store store) {
        // English has every kind that a path can name.
        const auto with = *TemplateBook(queries_.templates(store)).best(key);
        preview_with(request, reply, key, with, order_id);
      },
      [request, reply] { reply(http::problem(internal_error(), *request)); });
  if (!taken) reply(http::problem(overloaded(), *request));
}

void TemplateRoutes::preview_with(const RequestPtr& request, const Reply& reply,
                                  const TemplateKey& key, const StoredTemplate& with,
                                  const std::optional<std::string>& order_id) const {
  const auto show = [this, request, reply, key, with](const std::string& subject_id,
                                                      const OrderFacts& order) {
    auto written = writer_.write_with({key.kind, key.channel, subject_id}, order, with);
    if (!written) return reply(http::problem(written.error(), *request));
    auto& text = written->text;
    reply(http::json_response(
        200, json::to_json(PreviewView{written->language, std::move(text.subject),
                                       std::move(text.text), std::move(text.html)})));
  };
  if (!order_id) {
    const auto order = sample_order(key.language);
    return show(latest_subject(key.kind, order), order);
  }
  orders_.read({*order_id}, [request, reply, show, kind = key.kind,
                             id = *order_id](const std::optional<OrderSource::Found>& found) {
    if (!found) return reply(http::problem(overloaded(), *request));
    const auto at = found->find(id);
    if (at == found->end())
      return reply(http::problem(Error{ErrorKind::invalid,
                                       "order_not_found",
                                       "There is no such order.",
                                       {{"/order_id", "order_not_found", "Is no order's id."}}},
                                 *request));
    show(latest_subject(kind, at->second), at->second);
  });
}

}  // namespace

void add_template_routes(ServiceContext& context, NotificationStore& store,
                         const NotificationQueries& queries, TemplateBook& book,
                         OrderSource& orders, const MessageWriter& writer) {
  const auto routes =
      std::make_shared<TemplateRoutes>(context, store, queries, book, orders, writer);
  const auto add = [&](const std::string& method, const std::string& path,
                       const std::string& summary,
                       void (TemplateRoutes::*handle)(const RequestPtr&, const Reply&) const,
                       http::SchemaOf answer, int status = 200, http::SchemaOf body = {}) {
    context.router.add({.method = method,
                        .path = path,
                        .access = http::Access::secret,
                        .summary = summary,
                        .tag = "Notifications",
                        .handler =
                            [routes, handle](const RequestPtr& request, const Reply& reply) {
                              (routes.get()->*handle)(request, reply);
                            },
                        .body = std::move(body),
                        .answer = std::move(answer),
                        .status = status});
  };
  const std::string all = "/v1/notifications/templates";
  const auto one = all + "/{kind}/{channel}/{language}";
  const auto view = http::schema_of<TemplateView>();
  add("GET", all, "The templates of all messages, and the variables that they may use",
      &TemplateRoutes::list, http::schema_of<TemplateList>());
  add("GET", one, "A template", &TemplateRoutes::show, view);
  add("PUT", one, "Use a template of one's own", &TemplateRoutes::put, view, 200,
      http::schema_of<TemplateBody>());
  add("DELETE", one, "Use the built-in template again", &TemplateRoutes::remove, {}, 204);
  add("POST", one + "/preview", "Write a message without sending it", &TemplateRoutes::preview,
      http::schema_of<PreviewView>(), 200, http::schema_of<PreviewBody>());
}

}  // namespace stoa::notification
