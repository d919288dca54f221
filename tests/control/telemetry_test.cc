// The page that is scraped: every family, and values that need care.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "control/telemetry/exposition.h"

namespace holdfast::control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

NodeFigures Example() {
  return {
      .node = "ns1",
      .version = "1.2",
      .core = {.generation = 42,
               .behind = true,
               .published = 3,
               .last_publish_us = 21.5,
               .slowest_publish_us = 250,
               .damage_found = 1},
      .missing_checks = 14,
      .checks = {{.id = "web",
                  .name = "first \"web\"\n",
                  .type = "HTTP",
                  .healthy = false,
                  .percentage_healthy = 0,
                  .report_age_s = 0.25,
                  .changes = 5,
                  .passes = 6,
                  .failures = 7,
                  .unknowns = 8,
                  .has_quorum = false},
                 {.id = "sum", .type = "CALCULATED", .children_healthy = 2, .probed = false}},
      .roles = {{.role = "sockets", .readers = 2, .counters = {{"replies", 9}}}},
      .webhooks = {{.target = "ops:80", .delivered = 1, .failed = 2, .dropped = 3, .waiting = 4}},
      .dropped_with_removed = 15,
      .checkers = {{.name = "a",
                    .region = "eu",
                    .up = true,
                    .uplink = false,
                    .report_age_s = 1.5,
                    .assigned = 10,
                    .taken = 11,
                    .dropped = {{"late", 12}, {"future", 0}}},
                   {.name = "b", .region = ""}},
      .checkers_refused = 13,
      .resolver = {.queries = 20,
                   .answers = 19,
                   .failures = {{"timeout", 18}, {"nxdomain", 0}},
                   .cache_hits = 17,
                   .last_good = 16,
                   .names = 15}};
}

TEST(Exposition, HasEveryFamily) {
  const std::string page = Exposition(Example());
  const std::string web = R"({id="web",name="first \"web\"\n",type="HTTP"})";
  const std::string sum = R"({id="sum",type="CALCULATED"})";
  for (const std::string& line : std::vector<std::string>{
           "# TYPE holdfast_health_check_status gauge\n",
           "holdfast_health_check_status" + web + " 0\n",
           "holdfast_health_check_status" + sum + " 1\n",
           "holdfast_health_check_percentage_healthy" + web + " 0\n",
           "holdfast_health_check_child_healthy_count" + sum + " 2\n",
           "# TYPE holdfast_health_check_status_changes_total counter\n",
           "holdfast_health_check_status_changes_total" + web + " 5\n",
           "holdfast_health_check_report_age_seconds" + web + " 0.25\n",
           "holdfast_health_check_quorum" + web + " 0\n",
           "# TYPE holdfast_checker_up gauge\n",
           "holdfast_checker_up{checker=\"a\",region=\"eu\"} 1\n",
           "holdfast_checker_up{checker=\"b\",region=\"\"} 0\n",
           "holdfast_checker_uplink{checker=\"a\",region=\"eu\"} 0\n",
           "holdfast_checker_report_age_seconds{checker=\"a\",region=\"eu\"} 1.5\n",
           "holdfast_checker_assigned{checker=\"a\",region=\"eu\"} 10\n",
           "# TYPE holdfast_checker_reports_total counter\n",
           "holdfast_checker_reports_total{checker=\"a\",region=\"eu\"} 11\n",
           "holdfast_checker_reports_dropped_total{checker=\"a\",region=\"eu\",reason=\"late\"} "
           "12\n",
           "holdfast_checker_connections_refused_total 13\n",
           "# HELP holdfast_resolver_queries_total Questions for names",
           "# TYPE holdfast_resolver_queries_total counter\n",
           "holdfast_resolver_queries_total 20\n",
           "holdfast_resolver_answers_total 19\n",
           "# TYPE holdfast_resolver_failures_total counter\n",
           "holdfast_resolver_failures_total{kind=\"timeout\"} 18\n",
           "holdfast_resolver_failures_total{kind=\"nxdomain\"} 0\n",
           "holdfast_resolver_cache_hits_total 17\n",
           "holdfast_resolver_last_good_total 16\n",
           "# TYPE holdfast_resolver_names gauge\n",
           "holdfast_resolver_names 15\n",
           "holdfast_health_check_checks_passed_total" + web + " 6\n",
           "holdfast_health_check_checks_failed_total" + web + " 7\n",
           "holdfast_health_check_checks_unknown_total" + web + " 8\n",
           "holdfast_info{node=\"ns1\",version=\"1.2\"} 1\n",
           "holdfast_generation 42\n",
           "holdfast_behind 1\n",
           "# TYPE holdfast_records_with_missing_check gauge\n",
           "holdfast_records_with_missing_check 14\n",
           "holdfast_transitions_published_total 3\n",
           "holdfast_publish_latency_seconds 2.15e-05\n",
           "holdfast_publish_latency_max_seconds 0.00025\n",
           "holdfast_scrub_defects_total 1\n",
           "holdfast_readers{role=\"sockets\"} 2\n",
           "# TYPE holdfast_reader_events untyped\n",
           "holdfast_reader_events{role=\"sockets\",counter=\"replies\"} 9\n",
           "holdfast_webhook_delivered_total{webhook=\"1\",target=\"ops:80\"} 1\n",
           std::string(
               "holdfast_webhook_failed_attempts_total{webhook=\"1\",target=\"ops:80\"} 2\n"),
           "holdfast_webhook_dropped_total{webhook=\"1\",target=\"ops:80\"} 3\n",
           "holdfast_webhook_dropped_total{webhook=\"removed\",target=\"\"} 15\n",
           "holdfast_webhook_waiting{webhook=\"1\",target=\"ops:80\"} 4\n",
       }) {
    EXPECT_THAT(page, HasSubstr(line));
  }
  for (const char* absent : {"percentage_healthy{id=\"sum\"",
                             "report_age_seconds{id=\"sum\"",
                             "passed_total{id=\"sum\"",
                             "child_healthy_count{id=\"web\""}) {
    EXPECT_THAT(page, Not(HasSubstr(absent)));
  }
}

TEST(Exposition, HasAHistogramOfEachPhaseThatAProbeHas) {
  NodeFigures figures = Example();
  figures.checks[0].latencies = {
      {.checker = "local",
       .region = "",
       .connect = {.buckets = {{0.001, 2}, {0.01, 3}}, .count = 4, .sum = 0.5},
       .tls = {},
       .first_byte = {.buckets = {{0.001, 0}, {0.01, 1}}, .count = 1, .sum = 0.004}},
      {.checker = "far",
       .region = "eu-1",
       .connect = {.buckets = {{0.001, 0}, {0.01, 0}}, .count = 1, .sum = 2},
       .tls = {},
       .first_byte = {}}};
  const std::string page = Exposition(figures);
  const std::string web = R"({id="web",name="first \"web\"\n",type="HTTP",checker="local")";
  const std::string far =
      R"({id="web",name="first \"web\"\n",type="HTTP",checker="far",region="eu-1")";
  for (const std::string& line : std::vector<std::string>{
           "# TYPE holdfast_health_check_connect_seconds histogram\n",
           "holdfast_health_check_connect_seconds_count" + web + "} 4\n",
           "holdfast_health_check_connect_seconds_sum" + web + "} 0.5\n",
           "holdfast_health_check_connect_seconds_bucket" + web + ",le=\"0.001\"} 2\n",
           "holdfast_health_check_connect_seconds_bucket" + web + ",le=\"0.01\"} 3\n",
           "holdfast_health_check_connect_seconds_bucket" + web + ",le=\"+Inf\"} 4\n",
           "holdfast_health_check_connect_seconds_bucket" + far + ",le=\"+Inf\"} 1\n",
           "holdfast_health_check_first_byte_seconds_count" + web + "} 1\n",
       }) {
    EXPECT_THAT(page, HasSubstr(line));
  }
  EXPECT_THAT(page, Not(HasSubstr("tls_seconds")));
  EXPECT_THAT(page, Not(HasSubstr("first_byte_seconds_count" + far)));
}

TEST(Exposition, LeavesOutFamiliesWithoutASeries) {
  const std::string page = Exposition({.node = "n", .version = "v"});
  EXPECT_THAT(page, HasSubstr("holdfast_generation 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("health_check")));
  EXPECT_THAT(page, Not(HasSubstr("webhook")));
  EXPECT_THAT(page, Not(HasSubstr("publish_latency")));
}

}  // namespace
}  // namespace holdfast::control
