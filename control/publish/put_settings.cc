// The settings inside the image: one version at a time, replaced whole when anything in them
// differs.
#include <algorithm>
#include <cstring>

#include "control/publish/publisher.h"
#include "dataplane/base/check.h"

namespace holdfast::control {
namespace {

using table::Settings;

template <class T, std::size_t N>
std::uint8_t Fill(T (&to)[N], const std::string& from) {
  HF_CHECK(from.size() <= N && from.size() <= 0xFF);
  std::memcpy(to, from.data(), from.size());
  return static_cast<std::uint8_t>(from.size());
}

Settings Made(const CompiledSettings& from, std::uint32_t access_at) {
  Settings made{};
  made.cookies = from.cookies;
  HF_CHECK(from.cookie_secrets.size() <= table::kMaxCookieSecrets);
  for (const std::string& secret : from.cookie_secrets) {
    HF_CHECK(secret.size() == table::kCookieSecretOctets);
    Fill(made.cookie_secret[made.cookie_secrets++], secret);
  }
  made.extended_errors = from.extended_errors ? 1 : 0;
  made.nsid_octets = Fill(made.nsid, from.nsid);
  made.version_octets = Fill(made.version, from.version);
  made.identity_octets = Fill(made.identity, from.identity);
  made.udp_octets = from.udp_octets;
  made.unproven_octets = from.unproven_octets;
  made.access_at = access_at;
  made.rate = from.rate;
  made.crc32c = table::ChecksumOf(made);
  return made;
}

bool IsSame(const Settings& now, const Settings& wanted) {
  constexpr std::size_t kSealed = offsetof(Settings, crc32c);
  return std::memcmp(reinterpret_cast<const char*>(&now) + kSealed,
                     reinterpret_cast<const char*>(&wanted) + kSealed,
                     sizeof(Settings) - kSealed) == 0;
}

}  // namespace

Status Publisher::PutSettings(const CompiledSettings& settings) {
  std::uint32_t access_at = 0;
  if (settings.access != nullptr) {
    const auto at = shared_->Use(settings.access);
    if (!at) {
      return std::unexpected(at.error());
    }
    access_at = *at;
  }
  const auto put = PutSettings(Made(settings, access_at));
  if ((!put || !*put) && access_at != 0) {
    shared_->Release(access_at);
  }
  return put ? Status{} : std::unexpected(put.error());
}

// Takes over the reference that `made` has; @return whether it did, since they differ from what is
// there.
Result<bool> Publisher::PutSettings(Settings made) {
  std::uint32_t before = writer_->header().settings_at.load(std::memory_order_relaxed);
  if (before != 0 && !writer_->settings().contains(before)) {
    writer_->Damaged(table::Rule::kSettings, before);
    before = 0;
  }
  if (before != 0) {
    const auto& now = *writer_->At<Settings>(before);
    if (table::ChecksumOf(now) != now.crc32c || now.born > Next().value()) {
      writer_->Damaged(table::Rule::kSettings, before);
    } else if (IsSame(now, made)) {
      return false;
    }
  }
  const std::uint32_t at = writer_->arena().Allocate(UnitsOf(sizeof(Settings)));
  if (at == 0) {
    return TablesFull();
  }
  made.born = before == 0 ? 0 : Next().value();
  made.older_at = before;
  *writer_->At<Settings>(at) = made;
  writer_->settings().emplace(at, made.access_at);
  Crash("settings");
  writer_->Poke(writer_->header().settings_at, at);
  fresh_.push_back({0, Kind::kSettings, at});
  if (before != 0) {
    replaced_.push_back({0, Kind::kSettings, before, at});
  }
  return true;
}

}  // namespace holdfast::control
