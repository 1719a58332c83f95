#include "services/catalog/application/rejected_file.hpp"

#include <gtest/gtest.h>

namespace stoa::catalog {
namespace {

TEST(RejectedFile, Rows_StandWithTheirReasonsBeforeThem) {
  const std::string file = "Handle,Title\na,\"x, y\"\nb\n\"open\n";
  using Kind = ImportRow::Kind;
  const auto at = [&](Kind kind, std::int64_t line, const std::string& reason,
                      const std::string& row) {
    return ImportRow{kind, line, reason, static_cast<std::int64_t>(file.find(row)),
                     std::ssize(row)};
  };
  EXPECT_EQ(rejected_file(file, {at(Kind::rejected, 3, "Too short.", "b"),
                                 at(Kind::note, 2, "Told.", "a,\"x, y\""),
                                 at(Kind::rejected, 2, "One, two.", "a,\"x, y\""),
                                 at(Kind::follows, 2, "Three.", "a,\"x, y\""),
                                 at(Kind::rejected, 4, "A quote is not closed.", "\"open")}),
            "Rejected Line,Rejected Reason,Handle,Title\n"
            "2,\"One, two. Three.\",a,\"x, y\"\n"
            "3,Too short.,b,\n"
            "4,A quote is not closed.,\"\"\"open\",\n");
}

TEST(RejectedFile, NoRows_AreTheHeaderAlone) {
  EXPECT_EQ(rejected_file("Handle\na\n", {}), "Rejected Line,Rejected Reason,Handle\n");
}

}  // namespace
}  // namespace stoa::catalog
