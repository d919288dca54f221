// Keeps the alarms of metric checks: asks the Prometheus servers, takes what Alertmanagers post,
// notices silence, and reports what each alarm has come to for every check that names it. Lives on
// the HTTP client's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/http_config.h"
#include "control/http/client.h"
#include "control/http/listener.h"
#include "health/check.h"
#include "health/verdict/metric.h"

namespace holdfast::control {

class AlarmSources {
 public:
  /// Called on the client's thread.
  using Report = std::function<void(
      const std::string& check, health::AlarmState alarm, const std::string& reason)>;

  /// @param client  whose thread is used; ends before this does.
  AlarmSources(HttpClient& client, Report report);
  ~AlarmSources();
  AlarmSources(const AlarmSources&) = delete;
  AlarmSources& operator=(const AlarmSources&) = delete;

  /// Makes these the sources and the checks that go by them. Sources that are the same go on with
  /// what they know; others begin without data. Any thread.
  void Configure(const std::vector<MetricSource>& sources,
                 const std::vector<health::CheckConfig>& checks);

  /// Answers what was posted for an alarm. Any thread.
  HttpReply Receive(std::string_view alarm, const std::string& body);

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace holdfast::control
