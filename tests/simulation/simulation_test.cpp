#include <gtest/gtest.h>

#include "platform/sqlite/database.hpp"
#include "platform/tzdata/time_zones.hpp"
#include "simulation/history.hpp"

namespace stoa::simulation {
namespace {

std::int64_t rows_after(const Bytes& file, const Bytes& wal) {
  Disk disk;
  disk.put("a.db", file);
  disk.put("a.db-wal", wal);
  const auto database = sqlite::open("a.db", sqlite::Database::Mode::writer, Disk::vfs_name);
  return *database->handle("")->one("SELECT count(*) FROM a",
                                    [](const sql::Row& row) { return row.integer(0); });
}

TEST(Disk, PowerLoss_KeepsWhatWasCommittedAndNoMore) {
  Random random(7);
  int torn = 0;
  for (int round = 0; round < 50; ++round) {
    Disk::Image image;
    {
      Disk disk;
      const auto database = sqlite::open("a.db", sqlite::Database::Mode::writer, Disk::vfs_name);
      const auto db = database->handle("");
      db->run_script("CREATE TABLE a(b TEXT)");
      for (int at = 0; at < 3; ++at) {
        database->begin();
        db->execute("INSERT INTO a VALUES(?)", std::string(9'000, 'x'));
        database->commit();
        if (at == 1) database->checkpoint();
      }
      // The fourth is written and its sync fails: the power goes there.
      disk.watch([](char what) { return what != 's'; });
      database->begin();
      db->execute("INSERT INTO a VALUES(?)", std::string(9'000, 'y'));
      EXPECT_THROW(database->commit(), sql::Failure);
      disk.watch({});
      image = disk.image_after_power_loss(random);
      if (image != disk.image()) ++torn;
    }
    const auto rows = rows_after(image["a.db"], image["a.db-wal"]);
    EXPECT_TRUE(rows == 3 || rows == 4) << rows;
  }
  EXPECT_GT(torn, 10);
}

const Ground& ground() {
  static const auto zones = tzdata::make_time_zones();
  static const Ground one{*zones, make_shop_image(*zones)};
  return one;
}

TEST(Simulation, Histories_HaveNoFindings) {
  std::int64_t orders = 0;
  std::int64_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto history = run_history(ground(), {seed, {}, false});
    for (const auto& finding : history.findings)
      ADD_FAILURE() << "seed " << seed << ": " << finding;
    orders += history.orders;
    crashes += history.crashes;
  }
  EXPECT_GT(orders, 60);
  EXPECT_GT(crashes, 10);
}

TEST(Simulation, OneSeed_IsOneHistory) {
  for (std::uint64_t seed = 101; seed <= 110; ++seed) {
    const auto once = run_history(ground(), {seed, {}, false});
    const auto again = run_history(ground(), {seed, {}, false});
    EXPECT_EQ(once.digest, again.digest) << seed;
    EXPECT_EQ(once.events, again.events);
  }
  EXPECT_NE(run_history(ground(), {101, {}, false}).digest,
            run_history(ground(), {102, {}, false}).digest);
}

TEST(Simulation, LeftOut_IsReadAsItIsWritten) {
  const LeftOut left_out{{Step::request, 0}, {Step::request, 1}, {Step::request, 2},
                         {Step::fault, 7},   {Step::crash, 1},   {Step::jump, 0}};
  EXPECT_EQ(to_text(left_out), "r0-2,f7,c1,j0");
  EXPECT_EQ(parse_left_out("r0-2,f7,c1,j0"), left_out);
  EXPECT_TRUE(parse_left_out("").empty());
}

TEST(Simulation, RequestsLeftOut_AreNotMade) {
  const auto whole = run_history(ground(), {1, {}, false});
  LeftOut left_out;
  for (std::uint64_t at = 0; at < whole.steps[0]; ++at) left_out.emplace(Step::request, at);
  EXPECT_GT(whole.orders, 0);
  EXPECT_EQ(run_history(ground(), {1, left_out, false}).orders, 0);
}

}  // namespace
}  // namespace stoa::simulation
