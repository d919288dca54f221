#include "health/checker/uplink.h"

#include <charconv>
#include <utility>

namespace holdfast::health {

namespace {

constexpr Milliseconds kPatience{1000};

Result<CheckConfig> ReadTarget(const std::string& text) {
  const auto refuse = [&] {
    return Fail(ErrorCode::kInvalid,
                "control target \"" + text +
                    "\" cannot be read, expected ADDRESS:PORT such as 192.0.2.1:80 or "
                    "[2001:db8::1]:53");
  };
  CheckConfig check{.id = "control-target", .type = CheckType::kTcp};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) {
    return refuse();
  }
  check.ip_address = text.substr(0, colon);
  if (check.ip_address.starts_with('[') && check.ip_address.ends_with(']')) {
    check.ip_address = check.ip_address.substr(1, check.ip_address.size() - 2);
  } else if (check.ip_address.contains(':')) {
    return refuse();
  }
  const char* end = text.data() + text.size();
  const auto port = std::from_chars(text.data() + colon + 1, end, check.port);
  check.connect_timeout = kPatience;
  if (port.ec != std::errc{} || port.ptr != end || check.port == 0 || !ValidateCheck(check)) {
    return refuse();
  }
  return check;
}

}  // namespace

Result<std::vector<std::shared_ptr<const ProbeTask>>> Uplink::Read(
    const std::vector<std::string>& targets) {
  std::vector<std::shared_ptr<const ProbeTask>> tasks;
  for (const std::string& target : targets) {
    const auto check = ReadTarget(target);
    if (!check) {
      return std::unexpected(check.error());
    }
    auto task = MakeTask(*check, nullptr, true);
    if (!task) {
      return std::unexpected(std::move(task.error()));
    }
    tasks.push_back(std::move(*task));
  }
  return tasks;
}

Uplink::Uplink(ProbeLoop& loop, std::vector<std::shared_ptr<const ProbeTask>> targets)
    : loop_(loop), targets_(std::move(targets)) {}

Uplink::~Uplink() {
  for (const auto& probe : probes_) {
    probe->Abandon();
  }
}

void Uplink::Ask(Answer answer) {
  answer_ = std::move(answer);
  silent_ = 0;
  for (const auto& target : targets_) {
    probes_.push_back(Probe::Make(loop_, target, [this](const Observation& seen) {
      OnTarget(seen.outcome == Outcome::kPass);
    }));
  }
  for (const auto& probe : probes_) {
    probe->Start();
  }
}

void Uplink::OnTarget(bool reached) {
  silent_ += reached ? 0 : 1;
  if (answer_ == nullptr || (!reached && silent_ < targets_.size())) {
    return;
  }
  for (const auto& probe : std::exchange(probes_, {})) {
    probe->Abandon();  // whoever is still asked: one of them is enough
  }
  std::exchange(answer_, nullptr)(reached);
}

}  // namespace holdfast::health
