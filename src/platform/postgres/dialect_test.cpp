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
          .write;
  ASSERT_TRUE(insert);
  EXPECT_EQ(insert->table, "t_a");
  EXPECT_EQ(insert->head, "INSERT INTO t_a(a, b, c)");
  EXPECT_EQ(insert->values, (std::vector<std::string>{"$1", "'x'", "$2"}));
  EXPECT_EQ(insert->tail, " ON CONFLICT(c, b) DO UPDATE SET a = 1");
  EXPECT_EQ(insert->key, std::vector<std::size_t>{1});
  EXPECT_TRUE(translate("INSERT INTO t VALUES(?, ?) ON CONFLICT DO NOTHING").write);
}

TEST(Dialect, WhatManyRowsCannotShare_IsNoInsertOfOne) {
  for (const auto* statement :
       {"INSERT INTO t VALUES(?), (?)", "INSERT INTO t VALUES(? + 1)",
        "INSERT INTO t VALUES((SELECT 1), ?)", "INSERT INTO t SELECT ?",
        "INSERT INTO t AS u VALUES(?)", "INSERT INTO t VALUES(?) RETURNING a",
        "INSERT INTO t VALUES(?) ON CONFLICT(a) DO UPDATE SET a = 1",
        "INSERT INTO t(a) VALUES(?) ON CONFLICT(a) DO UPDATE SET a = ?", "UPDATE t SET a = ?"})
    EXPECT_FALSE(translate(statement).write) << statement;
}

TEST(Dialect, ARemovalByKey_IsKnown) {
  const auto removal = translate("DELETE FROM t WHERE a = ? AND b = ?").write;
  ASSERT_TRUE(removal && removal->is_removal);
  EXPECT_EQ(removal->table, "t");
  EXPECT_EQ(removal->head, "DELETE FROM t");
  EXPECT_EQ(removal->columns, (std::vector<std::string>{"a", "b"}));
  for (const auto* statement :
       {"DELETE FROM t", "DELETE FROM t WHERE a < ?", "DELETE FROM t WHERE a = ?2 AND b = ?1",
        "DELETE FROM t WHERE a = ? OR b = ?", "DELETE FROM t WHERE a = ? AND b IN (SELECT 1)",
        "DELETE FROM t WHERE a = ? RETURNING a"})
    EXPECT_FALSE(translate(statement).write) << statement;
}

TEST(Dialect, TheTableThatIsWritten_IsKnown) {
  EXPECT_EQ(translate("UPDATE t SET a = 1").written, "t");
  EXPECT_EQ(translate("INSERT INTO t SELECT 1").written, "t");
  EXPECT_EQ(translate("DELETE FROM t WHERE a < 1").written, "t");
  EXPECT_EQ(translate("WITH u AS (SELECT 1) INSERT INTO t SELECT 1").written, "");
}

TEST(Dialect, ASelectByItsFirstParameter_CanBeAskedTogether) {
  const auto select = keyed_select(
      translate("SELECT a FROM t u JOIN v ON v.c = u.c WHERE u.b = ?1 AND d > ?2 LIMIT ?2"),
      {"text[]", "bigint[]"});
  ASSERT_TRUE(select);
  EXPECT_EQ(select->column, "b");
  EXPECT_EQ(select->tables, (std::vector<std::string>{"t", "v"}));
  EXPECT_EQ(select->together,
            "SELECT found.*, given.n FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS "
            "given(p1, p2, n), LATERAL (SELECT a FROM t u JOIN v ON v.c = u.c WHERE u.b = given.p1 "
            "AND d > given.p2 LIMIT given.p2 OFFSET 0) AS found");
  EXPECT_EQ(keyed_select(translate("SELECT a FROM (SELECT a FROM t WHERE c > ?2 AND b = ?1) AS x"),
                         {"text[]", "text[]"})
                ->tables,
            std::vector<std::string>{"t"});
  EXPECT_FALSE(keyed_select(translate("SELECT a FROM t WHERE a > ?"), {"text[]"}));
  EXPECT_FALSE(keyed_select(translate("DELETE FROM t WHERE a = ?"), {"text[]"}));
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
