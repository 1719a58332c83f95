#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace stoa::kafka {

/// The brokers did not do it, or a setting is wrong.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// librdkafka's, by its names: `bootstrap.servers`, `security.protocol`, `sasl.mechanism`, … They
/// are passed on as they are, but for those that Stoa's promises need, which it sets itself.
using Settings = std::map<std::string, std::string>;

struct TopicPlan {
  std::string name;
  int partitions = 3;
  int replication = 1;
};

/// Makes the topics that are missing. Throws Failure, also when one is there with another count of
/// partitions: messages of one key would change their lane.
void make_topics(const Settings& settings, const std::vector<TopicPlan>& topics);

/// Whether a node has all of each partition that it keeps a replica of. Throws Failure.
bool is_in_sync(const Settings& settings, int node);

}  // namespace stoa::kafka
