#include "platform/postgres/dialect.hpp"

#include <gtest/gtest.h>

#include "platform/postgres/database.hpp"

namespace stoa::postgres {
namespace {

TEST(Dialect, Parameters_AreNumbered) {
  EXPECT_EQ(translate("SELECT ? WHERE a = ? AND b = '?' AND \"c?\" = 1").text,
            "SELECT $1 WHERE a = $2 AND b = '?' AND \"c?\" = 1");
  EXPECT_EQ(translate("SELECT ?2, ?1, ?12").text, "SELECT $2, $1, $12");
}

TEST(Dialect, TypesOfSqlite_BecomePostgresqls) {
  EXPECT_EQ(translate("SELECT CAST(a AS INTEGER), INTEGERS").text,
            "SELECT CAST(a AS bigint), INTEGERS");
  EXPECT_EQ(translate_script("CREATE TABLE t(a TEXT, b BLOB, c INTEGER) WITHOUT ROWID;"),
            "CREATE TABLE t(a text COLLATE \"C\", b bytea, c bigint)  ;");
}

TEST(Dialect, WhatReturnsRows_IsKnown) {
  EXPECT_TRUE(translate("SELECT 1").returns_rows);
  EXPECT_TRUE(translate(" WITH a AS (SELECT 1) SELECT * FROM a").returns_rows);
  EXPECT_TRUE(translate("INSERT INTO t VALUES(1) RETURNING a").returns_rows);
  EXPECT_FALSE(translate("INSERT INTO t SELECT 1").returns_rows);
}

TEST(Dialect, ParametersWhoseTypeNothingTells_AreKnown) {
  EXPECT_EQ(translate("SELECT ?1 WHERE (?2 IS NULL OR a = ?2) LIMIT ?4").is_untyped,
            (std::vector<bool>{false, true, true, false}));
}

TEST(Dialect, AnInsertOfOneRow_IsKnown) {
  const auto insert =
      translate("INSERT INTO t_a(a, b, c) VALUES(?, 'x', ?) ON CONFLICT(c, b) DO UPDATE SET a = 1")
          .insert;
  ASSERT_TRUE(insert);
  EXPECT_EQ(insert->table, "t_a");
  EXPECT_EQ(insert->head, "INSERT INTO t_a(a, b, c)");
  EXPECT_EQ(insert->values, (std::vector<std::string>{"$1", "'x'", "$2"}));
  EXPECT_EQ(insert->tail, " ON CONFLICT(c, b) DO UPDATE SET a = 1");
  EXPECT_EQ(insert->key, std::vector<std::size_t>{1});
  EXPECT_TRUE(translate("INSERT INTO t VALUES(?, ?) ON CONFLICT DO NOTHING").insert);
}

TEST(Dialect, WhatManyRowsCannotShare_IsNoInsertOfOne) {
  for (const auto* statement :
       {"INSERT INTO t VALUES(?), (?)", "INSERT INTO t VALUES(? + 1)",
        "INSERT INTO t VALUES((SELECT 1), ?)", "INSERT INTO t SELECT ?",
        "INSERT INTO t AS u VALUES(?)", "INSERT INTO t VALUES(?) RETURNING a",
        "INSERT INTO t VALUES(?) ON CONFLICT(a) DO UPDATE SET a = 1",
        "INSERT INTO t(a) VALUES(?) ON CONFLICT(a) DO UPDATE SET a = ?", "UPDATE t SET a = ?"})
    EXPECT_FALSE(translate(statement).insert) << statement;
}

TEST(ConnectionString, ItsParts_BecomeLibpqs) {
  EXPECT_EQ(conninfo_of("Host=db;Port=5433;Database=orderingdb;Username=stoa;Password=a'b\\c;"
                        "SSL Mode=VerifyFull"),
            R"(host='db' port='5433' dbname='orderingdb' user='stoa' password='a\'b\\c' )"
            R"(sslmode='verify-full')");
  EXPECT_EQ(conninfo_of("postgresql://stoa@db/orderingdb"), "postgresql://stoa@db/orderingdb");
}

TEST(ConnectionString, APartThatIsNotKnown_IsNamed) {
  EXPECT_EQ(conninfo_of("Hots=db").error().detail, "A connection string has no part Hots.");
  EXPECT_EQ(conninfo_of("db").error().code, "wrong_connection_string");
}

}  // namespace
}  // namespace stoa::postgres
