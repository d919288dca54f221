#include "control/telemetry/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace holdfast::control {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// One family at a time is held: with a hundred thousand checks each has as many series.
class Families {
 public:
  /// Begins a family; what is added next belongs to it.
  void Begin(const char* name, MetricType type, const char* help) {
    Write();
    family_.front() = {.name = std::string("holdfast_") + name, .help = help, .type = type};
  }
  void Add(const Labels& labels, double value) {
    ClientMetric& metric = family_.front().metric.emplace_back();
    metric.label = labels;
    switch (family_.front().type) {
      case MetricType::Counter:
        metric.counter.value = value;
        break;
      case MetricType::Gauge:
        metric.gauge.value = value;
        break;
      default:
        metric.untyped.value = value;
    }
  }
  void AddCount(const Labels& labels, std::uint64_t count) {
    Add(labels, static_cast<double>(count));
  }
  void AddHistogram(const Labels& labels, const HistogramFigures& figures) {
    ClientMetric& metric = family_.front().metric.emplace_back();
    metric.label = labels;
    metric.histogram.sample_count = figures.count;
    metric.histogram.sample_sum = figures.sum;
    for (const auto& [bound, count] : figures.buckets) {
      metric.histogram.bucket.push_back({.cumulative_count = count, .upper_bound = bound});
    }
  }
  [[nodiscard]] std::string Take() {
    Write();
    return std::move(text_);
  }

 private:
  void Write() {
    if (!family_.front().metric.empty()) {  // else it would be a header that says nothing
      text_ += prometheus::TextSerializer().Serialize(family_);
      family_.front().metric.clear();
    }
  }

  std::vector<MetricFamily> family_ = std::vector<MetricFamily>(1);
  std::string text_;
};

Labels LabelsOf(const CheckFigures& check) {
  Labels labels{{"id", check.id}};
  if (!check.name.empty()) {
    labels.push_back({"name", check.name});
  }
  labels.push_back({"type", check.type});
  return labels;
}

void AddChecks(Families& to, const std::vector<CheckFigures>& checks) {
  std::vector<Labels> labels;
  labels.reserve(checks.size());
  for (const CheckFigures& check : checks) {
    labels.push_back(LabelsOf(check));
  }
  const auto each = [&](auto&& add) {
    for (std::size_t i = 0; i < checks.size(); ++i) {
      add(checks[i], labels[i]);
    }
  };
  const auto optional = [&](const auto member) {
    each([&](const CheckFigures& check, const Labels& label) {
      if (check.*member) {
        to.Add(label, static_cast<double>(*(check.*member)));
      }
    });
  };
  to.Begin("health_check_status", MetricType::Gauge, "1: healthy as records see it, 0: not.");
  each([&](const auto& check, const auto& label) { to.Add(label, check.healthy ? 1 : 0); });
  to.Begin("health_check_percentage_healthy",
           MetricType::Gauge,
           "Percent of the reporting checkers that find it healthy; absent while disabled.");
  optional(&CheckFigures::percentage_healthy);
  to.Begin("health_check_child_healthy_count",
           MetricType::Gauge,
           "Healthy children of a calculated check.");
  optional(&CheckFigures::children_healthy);
  to.Begin("health_check_status_changes_total",
           MetricType::Counter,
           "Changes of the status that records see.");
  each([&](const auto& check, const auto& label) { to.AddCount(label, check.changes); });
  to.Begin("health_check_report_age_seconds",
           MetricType::Gauge,
           "Since the last report about it; absent before the first, while disabled, and of "
           "CALCULATED and RECOVERY_CONTROL checks, which follow others.");
  optional(&CheckFigures::report_age_s);
  to.Begin("health_check_quorum",
           MetricType::Gauge,
           "1: enough checkers report about it to decide, 0: its last status stands unproven.");
  optional(&CheckFigures::has_quorum);
  const struct {
    const char* name;
    const char* help;
    std::uint64_t CheckFigures::* count;
  } counted[] = {
      {"health_check_checks_passed_total", "Probes that passed.", &CheckFigures::passes},
      {"health_check_checks_failed_total", "Probes that failed.", &CheckFigures::failures},
      {"health_check_checks_unknown_total",
       "Probes that learnt nothing, for want of something of our own.",
       &CheckFigures::unknowns}};
  for (const auto& one : counted) {
    to.Begin(one.name, MetricType::Counter, one.help);
    each([&](const CheckFigures& check, const Labels& label) {
      if (check.probed) {
        to.AddCount(label, check.*one.count);
      }
    });
  }
}

void AddCheckers(Families& to, const NodeFigures& figures) {
  const auto each = [&](auto&& add) {
    for (const CheckerFigures& checker : figures.checkers) {
      add(checker, Labels{{"checker", checker.name}, {"region", checker.region}});
    }
  };
  to.Begin("checker_up", MetricType::Gauge, "1: the checker is connected.");
  each([&](const auto& checker, const auto& label) { to.Add(label, checker.up ? 1 : 0); });
  to.Begin("checker_uplink",
           MetricType::Gauge,
           "0: the checker reaches none of its own control targets; absent while it is not up.");
  each([&](const auto& checker, const auto& label) {
    if (checker.up) {
      to.Add(label, checker.uplink ? 1 : 0);
    }
  });
  to.Begin("checker_report_age_seconds",
           MetricType::Gauge,
           "Since its newest observation; absent before the first.");
  each([&](const auto& checker, const auto& label) {
    if (checker.report_age_s) {
      to.Add(label, *checker.report_age_s);
    }
  });
  to.Begin("checker_assigned", MetricType::Gauge, "Checks that it is to watch.");
  each([&](const auto& checker, const auto& label) { to.AddCount(label, checker.assigned); });
  to.Begin("checker_reports_total", MetricType::Counter, "Reports that were taken.");
  each([&](const auto& checker, const auto& label) { to.AddCount(label, checker.taken); });
  to.Begin("checker_reports_dropped_total",
           MetricType::Counter,
           "Reports that were not taken, by reason.");
  each([&](const auto& checker, auto label) {
    label.push_back({"reason", ""});
    for (const auto& [reason, count] : checker.dropped) {
      label.back().value = reason;
      to.AddCount(label, count);
    }
  });
  if (figures.checkers_refused) {
    to.Begin("checker_connections_refused_total",
             MetricType::Counter,
             "Connections of checkers that were not let in.");
    to.AddCount({}, *figures.checkers_refused);
  }
}

// Of probes that passed: while none does, nothing is added.
void AddLatencies(Families& to, const std::vector<CheckFigures>& checks) {
  const struct {
    const char* name;
    const char* help;
    HistogramFigures LatencyFigures::* figures;
  } phases[] = {{"health_check_connect_seconds",
                 "TCP handshake of probes that passed; not of those on a kept connection.",
                 &LatencyFigures::connect},
                {"health_check_tls_seconds",
                 "TLS handshake of probes that passed, resumed ones too.",
                 &LatencyFigures::tls},
                {"health_check_first_byte_seconds",
                 "From the request to the first octet of the reply, of probes that passed.",
                 &LatencyFigures::first_byte}};
  for (const auto& phase : phases) {
    to.Begin(phase.name, MetricType::Histogram, phase.help);
    for (const CheckFigures& check : checks) {
      for (const LatencyFigures& one : check.latencies) {
        if ((one.*phase.figures).count == 0) {
          continue;
        }
        Labels labels = LabelsOf(check);
        labels.push_back({"checker", one.checker});
        if (!one.region.empty()) {
          labels.push_back({"region", one.region});
        }
        to.AddHistogram(labels, one.*phase.figures);
      }
    }
  }
}

void AddCore(Families& to, const NodeFigures& figures) {
  constexpr double kMicro = 1e-6;
  const CoreFigures& core = figures.core;
  to.Begin("info", MetricType::Gauge, "Always 1.");
  to.Add({{"node", figures.node}, {"version", figures.version}}, 1);
  to.Begin("generation", MetricType::Gauge, "Published generation of the tables.");
  to.AddCount({}, core.generation);
  to.Begin("behind", MetricType::Gauge, "1: transitions wait for room in the tables.");
  to.Add({}, core.behind ? 1 : 0);
  to.Begin("mass_event", MetricType::Gauge, "1: many health checks change at a time.");
  to.Add({}, figures.mass ? 1 : 0);
  to.Begin("records_with_missing_check",
           MetricType::Gauge,
           "Records that name a health check which there is not: they count as unchecked.");
  to.AddCount({}, figures.missing_checks);
  to.Begin("transitions_published_total", MetricType::Counter, "Transitions that became answers.");
  to.AddCount({}, core.published);
  if (core.published != 0) {
    to.Begin("publish_latency_seconds",
             MetricType::Gauge,
             "From the queue to the answers: of the last transition.");
    to.Add({}, core.last_publish_us * kMicro);
    to.Begin("publish_latency_max_seconds",
             MetricType::Gauge,
             "From the queue to the answers: the longest of the last thousand transitions.");
    to.Add({}, core.slowest_publish_us * kMicro);
  }
  to.Begin("scrub_defects_total", MetricType::Counter, "Damage found in the tables.");
  to.AddCount({}, core.damage_found);
}

void AddResolver(Families& to, const ResolverFigures& resolver) {
  to.Begin("resolver_queries_total",
           MetricType::Counter,
           "Questions for names of endpoints that were sent, second tries too.");
  to.AddCount({}, resolver.queries);
  to.Begin("resolver_answers_total",
           MetricType::Counter,
           "Replies that could be read, those without an address too.");
  to.AddCount({}, resolver.answers);
  to.Begin("resolver_failures_total",
           MetricType::Counter,
           "Names that led to no address, by kind; servfail: REFUSED and unreachable servers too; "
           "target_refused: probes of a name whose address may not be probed.");
  for (const auto& [kind, count] : resolver.failures) {
    to.AddCount({{"kind", kind}}, count);
  }
  to.Begin("resolver_cache_hits_total",
           MetricType::Counter,
           "Probes that were told what is still good, without a question.");
  to.AddCount({}, resolver.cache_hits);
  to.Begin("resolver_last_good_total",
           MetricType::Counter,
           "Probes that were given an address behind its TTL, for want of an answer.");
  to.AddCount({}, resolver.last_good);
  to.Begin("resolver_names", MetricType::Gauge, "Names that are held.");
  to.AddCount({}, resolver.names);
}

void AddRoles(Families& to, const std::vector<RoleFigures>& roles) {
  to.Begin("readers", MetricType::Gauge, "Processes that answer from the tables.");
  for (const RoleFigures& role : roles) {
    to.AddCount({{"role", role.role}}, role.readers);
  }
  // Untyped: which of them can fall again only the process knows that counts.
  to.Begin("reader_events",
           MetricType::Untyped,
           "Counters of the processes that answer, as `holdfast status` names them.");
  for (const RoleFigures& role : roles) {
    for (const auto& [name, value] : role.counters) {
      to.AddCount({{"role", role.role}, {"counter", name}}, value);
    }
  }
}

void AddWebhooks(Families& to, const NodeFigures& figures) {
  const std::vector<WebhookFigures>& webhooks = figures.webhooks;
  const struct {
    const char* name;
    MetricType type;
    const char* help;
    std::uint64_t WebhookFigures::* count;
  } counted[] = {
      {"webhook_delivered_total",
       MetricType::Counter,
       "Events that the target took.",
       &WebhookFigures::delivered},
      {"webhook_failed_attempts_total",
       MetricType::Counter,
       "Attempts that the target did not take.",
       &WebhookFigures::failed},
      {"webhook_dropped_total",
       MetricType::Counter,
       "Events that newer ones pushed out of the queue; of webhook \"removed\": "
       "that waited for one when a reload took it away.",
       &WebhookFigures::dropped},
      {"webhook_waiting", MetricType::Gauge, "Events in the queue.", &WebhookFigures::waiting}};
  for (const auto& one : counted) {
    to.Begin(one.name, one.type, one.help);
    for (std::size_t i = 0; i < webhooks.size(); ++i) {
      to.AddCount({{"webhook", std::to_string(i + 1)}, {"target", webhooks[i].target}},
                  webhooks[i].*one.count);
    }
    if (one.count == &WebhookFigures::dropped &&
        (!webhooks.empty() || figures.dropped_with_removed != 0)) {
      to.AddCount({{"webhook", "removed"}, {"target", ""}}, figures.dropped_with_removed);
    }
  }
}

}  // namespace

std::string Exposition(const NodeFigures& figures) {
  Families families;
  AddChecks(families, figures.checks);
  AddCheckers(families, figures);
  AddLatencies(families, figures.checks);
  AddCore(families, figures);
  AddResolver(families, figures.resolver);
  AddRoles(families, figures.roles);
  AddWebhooks(families, figures);
  return families.Take();
}

}  // namespace holdfast::control
