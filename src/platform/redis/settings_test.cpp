#include "platform/redis/settings.hpp"

#include <gtest/gtest.h>

namespace stoa::redis {
namespace {

TEST(RedisSettings, AnAddress_IsAServerWithoutALogin) {
  const auto settings = settings_of("cache.example:6380");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->host, "cache.example");
  EXPECT_EQ(settings->port, 6380);
  EXPECT_TRUE(settings->password.empty());
  EXPECT_EQ(settings_of("cache.example")->port, 6379);
  EXPECT_EQ(settings_of("[::1]:7000")->host, "::1");
  EXPECT_EQ(settings_of("[::1]:7000")->port, 7000);
}

TEST(RedisSettings, AUri_HasLoginAndDatabase) {
  const auto settings = settings_of("redis://shop:p%40ss:word@127.0.0.1:6381/3");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->user, "shop");
  EXPECT_EQ(settings->password, "p@ss:word");
  EXPECT_EQ(settings->host, "127.0.0.1");
  EXPECT_EQ(settings->port, 6381);
  EXPECT_EQ(settings->database, 3);
  EXPECT_TRUE(settings_of("redis://:secret@localhost")->user.empty());
}

TEST(RedisSettings, OptionsOfDotNet_AreUnderstood) {
  const auto settings = settings_of(
      "cache:6379, password=a=b,user=shop,defaultDatabase=2,connectTimeout=250,syncTimeout=20,"
      "ssl=false");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->password, "a=b");
  EXPECT_EQ(settings->user, "shop");
  EXPECT_EQ(settings->database, 2);
  EXPECT_EQ(settings->connect_timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(settings->command_timeout, std::chrono::milliseconds(20));
}

TEST(RedisSettings, WhatIsNotUnderstood_IsNamed_AndItsValueIsNot) {
  for (const auto* wrong :
       {"", "cache:0", "cache:port", "redis://secret@cache", "redis://cache/x", "cache,other",
        "cache,abortConnect=secret", "password=secret", "cache,ssl=secret", "redis://:%zz@cache"}) {
    const auto settings = settings_of(wrong);
    ASSERT_FALSE(settings) << wrong;
    EXPECT_EQ(settings.error().detail.find("secret"), std::string::npos) << wrong;
  }
}

TEST(RedisSettings, Tls_IsForWhomAsksForIt) {
  for (const auto* secure : {"rediss://cache:6380/2", "cache:6380,ssl=true", "cache,ssl=True"})
    EXPECT_TRUE(settings_of(secure)->tls) << secure;
  for (const auto* plain : {"redis://cache", "cache", "cache,ssl=false"})
    EXPECT_FALSE(settings_of(plain)->tls) << plain;
  EXPECT_EQ(settings_of("rediss://:secret@cache:6380/2")->database, 2);
}

}  // namespace
}  // namespace stoa::redis
