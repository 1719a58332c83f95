#include "services/catalog/application/csv.hpp"

#include <gtest/gtest.h>

namespace stoa::catalog {
namespace {

using Fields = std::vector<std::string>;

TEST(Csv, Reads_QuotesCommasAndLineEnds) {
  CsvReader reader(
      "\xEF\xBB\xBF"
      "a,b\r\n\"x,\"\"y\"\"\",\"1\n2\"\n,\nlast");
  EXPECT_EQ(reader.next()->fields, (Fields{"a", "b"}));
  const auto second = reader.next();
  EXPECT_EQ(second->fields, (Fields{"x,\"y\"", "1\n2"}));
  EXPECT_EQ(second->line, 2);
  const auto third = reader.next();
  EXPECT_EQ(third->fields, (Fields{"", ""}));
  EXPECT_EQ(third->line, 4);
  EXPECT_EQ(reader.next()->fields, Fields{"last"});
  EXPECT_FALSE(reader.next());
}

TEST(Csv, Fault_NamesTheLineAndGoesOn) {
  CsvReader reader("a\n\"x\"y,z\nb\n\"open\nc\n");
  EXPECT_EQ(reader.next()->fields, Fields{"a"});
  const auto bad = reader.next();
  EXPECT_FALSE(bad->fault.empty());
  EXPECT_EQ(bad->line, 2);
  EXPECT_EQ(reader.next()->fields, Fields{"b"});
  const auto open = reader.next();
  EXPECT_EQ(open->fault, "A quote is not closed.");
  EXPECT_EQ(open->line, 4);
  const auto after = reader.next();
  EXPECT_EQ(after->fields, Fields{"c"});
  EXPECT_EQ(after->line, 5);
  EXPECT_FALSE(reader.next());
}

TEST(Csv, EmptyText_HasNoRecord) { EXPECT_FALSE(CsvReader("").next()); }

}  // namespace
}  // namespace stoa::catalog
