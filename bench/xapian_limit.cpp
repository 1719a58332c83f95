/// What Xapian alone needs for the searches of a shop: the same index, words and facets, without
/// HTTP, JSON, folding, spelling, rank fallbacks or the products' rows. Prints JSON.
///
/// xapian_limit DATABASE QUERIES ROUNDS    QUERIES: a text a line
#include <xapian.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace {

constexpr Xapian::doccount page = 20;
constexpr Xapian::doccount counted = 10'001;
constexpr Xapian::valueno labels_slot = 0;

/// Counts the numbers of the labels, seven bits a byte.
class Counter final : public Xapian::MatchSpy {
 public:
  explicit Counter(std::size_t labels) : counts_(labels) {}
  void operator()(const Xapian::Document& document, double) override {
    std::size_t number = 0;
    int shift = 0;
    for (const char byte : document.get_value(labels_slot)) {
      const auto bits = static_cast<unsigned char>(byte);
      number |= static_cast<std::size_t>(bits & 0x7f) << shift;
      shift += 7;
      if ((bits & 0x80) != 0) continue;
      if (number < counts_.size()) ++counts_[number];
      number = 0;
      shift = 0;
    }
  }

 private:
  std::vector<unsigned> counts_;
};

double search_ms(Xapian::Database& db, Xapian::QueryParser& parser, const std::string& text,
                 std::size_t labels) {
  const auto begun = std::chrono::steady_clock::now();
  Xapian::Enquire enquire(db);
  enquire.set_query(parser.parse_query(
      text, Xapian::QueryParser::FLAG_PHRASE | Xapian::QueryParser::FLAG_PARTIAL));
  Counter counter(labels);
  enquire.add_matchspy(&counter);
  const auto found = enquire.get_mset(0, page, counted);
  std::size_t bytes = 0;
  for (auto hit = found.begin(); hit != found.end(); ++hit)
    bytes += hit.get_document().get_data().size();
  static_cast<void>(bytes);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun)
      .count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: xapian_limit DATABASE QUERIES ROUNDS\n");
    return 2;
  }
  Xapian::Database db(argv[1]);
  std::vector<std::string> texts;
  std::ifstream in(argv[2]);
  for (std::string line; std::getline(in, line);) texts.push_back(line);
  Xapian::QueryParser parser;
  parser.set_database(db);
  parser.set_stemmer(Xapian::Stem("english"));
  parser.set_default_op(Xapian::Query::OP_AND);
  parser.set_max_expansion(60, Xapian::Query::WILDCARD_LIMIT_MOST_FREQUENT,
                           Xapian::QueryParser::FLAG_PARTIAL);
  const auto labels = db.get_metadata("labels");
  const std::size_t label_count = labels.empty() ? 0 : std::stoul(labels);
  std::vector<double> all;
  for (int round = 0; round < std::stoi(argv[3]); ++round)
    for (const auto& text : texts) all.push_back(search_ms(db, parser, text, label_count));
  if (all.empty()) return 1;
  std::sort(all.begin(), all.end());
  std::printf("{\"searches\":%zu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n", all.size(),
              all[all.size() / 2], all[all.size() * 99 / 100], all.back());
  return 0;
}
