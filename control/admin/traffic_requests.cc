#include "control/admin/traffic_requests.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <utility>

#include "control/config/text_file.h"
#include "control/model/record_groups.h"
#include "control/model/text.h"
#include "control/traffic/document.h"
#include "control/traffic/trees.h"
#include "dataplane/base/clock.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

constexpr std::uint32_t kMaxTtl = 0x7fffffff;
// Characters of UTF-8 have up to four octets.
constexpr std::size_t kMaxFileOctets = 4 * kMaxDocumentCharacters;

std::string Field(const Json& request, const char* name) {
  return request.value(name, std::string());
}

// Digits alone, in the one way to write it.
std::optional<std::uint32_t> WholeNumber(const std::string& text) {
  if (text.size() > 1 && text.front() == '0') {
    return std::nullopt;
  }
  std::uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  return read.ec == std::errc{} && read.ptr == end ? std::optional(number) : std::nullopt;
}

// A random UUID; the kernel makes them.
std::string NewId() {
  std::ifstream file("/proc/sys/kernel/random/uuid");
  std::string id;
  std::getline(file, id);
  return id;
}

Result<std::string> OwnerOf(const Json& request) {
  const std::string text = Field(request, "owner");
  const auto name = wire::FromText(text);
  if (!name) {
    return Fail(ErrorCode::kInvalid, "InvalidInput: owner '" + text + "': " + name.error().message);
  }
  return wire::Fold(*name);
}

const StoredPolicy* FindPolicy(const std::vector<StoredPolicy>& policies,
                               const std::string& name_or_id) {
  const auto by = [&](auto member) {
    const auto found = std::ranges::find(policies, name_or_id, member);
    return found == policies.end() ? nullptr : &*found;
  };
  const StoredPolicy* named = by(&StoredPolicy::name);
  return named != nullptr ? named : by(&StoredPolicy::id);
}

struct Found {
  StoredPolicy policy;
  StoredPolicyVersion version;
};

std::unexpected<Error> NoVersion(const std::string& version) {
  return Fail(ErrorCode::kInvalid,
              "InvalidInput: Version is '" + version + "'; expected 1.." +
                  std::to_string(kMaxPolicyVersions) + " in digits, without zeros before them");
}

// @param version  as text; null: the newest.
Result<Found> FindVersion(const std::vector<StoredPolicy>& policies,
                          const std::string& policy,
                          const std::string* version) {
  const StoredPolicy* found = FindPolicy(policies, policy);
  if (found == nullptr) {
    return Fail(ErrorCode::kNotFound,
                "NoSuchTrafficPolicy: no traffic policy has the name or id '" + policy + "'");
  }
  const auto number =
      version == nullptr ? std::optional(found->versions.back().version) : WholeNumber(*version);
  if (!number) {
    return NoVersion(*version);
  }
  const auto at = std::ranges::find(found->versions, *number, &StoredPolicyVersion::version);
  if (at == found->versions.end()) {
    return Fail(ErrorCode::kNotFound,
                "NoSuchTrafficPolicy: policy " + found->name + " has no version '" + *version +
                    "'; its newest is " + std::to_string(found->versions.back().version));
  }
  return Found{*found, *at};
}

// Whether a text ends as NAME:VERSION does. No name does, so a reference has one meaning.
bool EndsInVersion(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  return colon != std::string::npos && colon + 1 < text.size() &&
         text.find_first_not_of("0123456789", colon + 1) == std::string::npos;
}

// "POLICY" or "POLICY:VERSION"; a name may have a colon itself.
Result<Found> FindReference(const std::vector<StoredPolicy>& policies, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos ||
      (!EndsInVersion(text) && FindPolicy(policies, text) != nullptr)) {
    return FindVersion(policies, text, nullptr);
  }
  const std::string version = text.substr(colon + 1);
  return FindVersion(policies, text.substr(0, colon), &version);
}

Json VersionJson(const StoredPolicyVersion& version) {
  return {{"version", version.version},
          {"type", wire::TypeText(version.type)},
          {"comment", version.comment},
          {"at_ms", version.at_ms}};
}

// ---- policies -----------------------------------------------------------------------------------

Result<Json> LoadPolicy(Loads& loads, const Json& request) {
  const std::string name = Field(request, "name");
  const std::string comment = Field(request, "comment");
  if (name.empty() || Characters(name) > kMaxPolicyName) {
    return Fail(ErrorCode::kInvalid,
                "InvalidInput: Name has " + std::to_string(Characters(name)) +
                    " characters; expected 1.." + std::to_string(kMaxPolicyName));
  }
  if (HasControls(name)) {
    return Fail(ErrorCode::kInvalid,
                "InvalidInput: Name holds control characters; expected text of one line");
  }
  if (EndsInVersion(name)) {
    return Fail(ErrorCode::kInvalid,
                "InvalidInput: Name is '" + name + "', which would be a version of policy '" +
                    name.substr(0, name.rfind(':')) +
                    "'; expected a name that does not end in ':' and digits");
  }
  if (Characters(comment) > kMaxPolicyComment) {
    return Fail(ErrorCode::kInvalid,
                "InvalidInput: Comment has " + std::to_string(Characters(comment)) +
                    " characters; expected at most " + std::to_string(kMaxPolicyComment));
  }
  const std::string file = Field(request, "file");
  const auto text = ReadFile(file, kMaxFileOctets);
  if (!text) {
    return Fail(text.error().code, "InvalidTrafficPolicyDocument: " + text.error().message);
  }
  const auto document = ReadTrafficDocument(*text, file);
  if (!document) {
    return std::unexpected(document.error());
  }
  const auto policies = loads.store().Policies();
  if (!policies) {
    return std::unexpected(policies.error());
  }
  const StoredPolicy* known = FindPolicy(*policies, name);
  StoredPolicyVersion version;
  version.version = known == nullptr ? 1 : known->last_version + 1;
  version.type = document->type;
  version.comment = comment;
  version.at_ms = WallMs();
  if (version.version > kMaxPolicyVersions) {
    return Fail(ErrorCode::kExhausted,
                "TooManyTrafficPolicyVersionsForCurrentPolicy: policy " + known->name + " had " +
                    std::to_string(known->last_version) + " versions; expected at most " +
                    std::to_string(kMaxPolicyVersions));
  }
  const std::string id = known == nullptr ? NewId() : known->id;
  HF_TRY(loads.store().AddPolicyVersion(id, known == nullptr ? name : known->name, version, *text));
  Json result = VersionJson(version);
  result["id"] = id;
  result["name"] = known == nullptr ? name : known->name;
  result["warnings"] = document->warnings;
  return result;
}

Result<Json> ShowPolicy(Loads& loads, const Json& request) {
  const auto policies = loads.store().Policies();
  if (!policies) {
    return std::unexpected(policies.error());
  }
  const std::string version = Field(request, "version");
  const auto found =
      FindVersion(*policies, Field(request, "policy"), version.empty() ? nullptr : &version);
  if (!found) {
    return std::unexpected(found.error());
  }
  const auto document = loads.store().PolicyDocument(found->policy.id, found->version.version);
  if (!document) {
    return std::unexpected(document.error());
  }
  Json result = VersionJson(found->version);
  result["id"] = found->policy.id;
  result["name"] = found->policy.name;
  result["document"] = *document;
  return result;
}

Result<Json> DeletePolicy(Loads& loads, const Json& request) {
  const auto policies = loads.store().Policies();
  const auto instances = loads.store().Instances();
  if (!policies || !instances) {
    return std::unexpected(policies ? instances.error() : policies.error());
  }
  const std::string version = Field(request, "version");
  const auto found = FindVersion(*policies, Field(request, "policy"), &version);
  if (!found) {
    return std::unexpected(found.error());
  }
  for (const StoredInstance& instance : *instances) {
    if (instance.policy_id == found->policy.id && instance.version == found->version.version) {
      return Fail(ErrorCode::kConflict,
                  "TrafficPolicyInUse: version " + version + " of policy " + found->policy.name +
                      " is what " + InstanceTitle(instance) + " uses");
    }
  }
  HF_TRY(loads.store().ForgetPolicyVersion(found->policy.id, found->version.version));
  return Json{
      {"id", found->policy.id}, {"name", found->policy.name}, {"version", found->version.version}};
}

// ---- instances ----------------------------------------------------------------------------------

Json InstanceJson(const StoredInstance& instance,
                  const std::vector<StoredPolicy>& policies,
                  const Model& model) {
  const auto policy = std::ranges::find(policies, instance.policy_id, &StoredPolicy::id);
  const auto failed = std::ranges::find(model.failed_instances, instance.id, &FailedInstance::id);
  Json json{{"id", instance.id},
            {"zone", wire::ToText(instance.origin)},
            {"name", wire::ToText(instance.name)},
            {"type", wire::TypeText(instance.type)},
            {"ttl", instance.ttl},
            {"policy_id", instance.policy_id},
            {"policy", policy == policies.end() ? Json() : Json(policy->name)},
            {"version", instance.version},
            {"state", failed == model.failed_instances.end() ? "Applied" : "Failed"}};
  if (failed != model.failed_instances.end()) {
    json["message"] = failed->message;
  }
  return json;
}

Result<Json> List(Loads& loads) {
  const auto policies = loads.store().Policies();
  const auto instances = loads.store().Instances();
  if (!policies || !instances) {
    return std::unexpected(policies ? instances.error() : policies.error());
  }
  const auto model = loads.model();
  Json result{{"policies", Json::array()}, {"instances", Json::array()}};
  for (const StoredPolicy& policy : *policies) {
    Json versions = Json::array();
    std::ranges::transform(policy.versions, std::back_inserter(versions), VersionJson);
    result["policies"].push_back(
        {{"id", policy.id}, {"name", policy.name}, {"versions", versions}});
  }
  for (const StoredInstance& instance : *instances) {
    result["instances"].push_back(InstanceJson(instance, *policies, *model));
  }
  return result;
}

// Judges what an instance is to become, saves and publishes it.
// @param tree  null: it goes.
Json Change(Loads& loads,
            const std::string& id,
            const TrafficTree* tree,
            const std::function<Status()>& save,
            const std::function<Status()>& put_back) {
  auto prepared = loads.PrepareInstance(id, tree);
  if (!prepared) {
    return Failure(prepared.error());
  }
  Json reply = loads.PublishStored(std::move(*prepared), save, put_back);
  if (reply["ok"] == true) {
    reply["result"]["instance"] = id;
  }
  return reply;
}

// The deepest zone served at or above a name.
Result<std::string> ZoneAbove(const Model& model, const std::string& name) {
  const Zone* best = nullptr;
  for (const Zone& zone : model.zones) {
    if (wire::IsAtOrBelow(name, zone.origin) &&
        (best == nullptr || zone.origin.size() > best->origin.size())) {
      best = &zone;
    }
  }
  if (best == nullptr) {
    return Fail(ErrorCode::kNotFound,
                "NoSuchHostedZone: no zone served here holds " + wire::ToText(name));
  }
  return best->origin;
}

// What is to stand at `owner`: what stands there with another version, or something new.
Result<StoredInstance> Wanted(const std::vector<StoredInstance>& instances,
                              const std::string& owner,
                              const Found& found,
                              const std::string& ttl) {
  StoredInstance wanted;
  wanted.name = owner;
  wanted.type = found.version.type;
  wanted.policy_id = found.policy.id;
  wanted.version = found.version.version;
  for (const StoredInstance& instance : instances) {
    if (instance.name != owner) {
      continue;
    }
    if (instance.type == wanted.type) {
      wanted.id = instance.id;
      wanted.ttl = instance.ttl;
    } else if (instance.policy_id == wanted.policy_id) {
      // The same policy cannot be meant to stand here twice.
      return Fail(ErrorCode::kInvalid,
                  "ConflictingTypes: version " + std::to_string(wanted.version) + " of policy " +
                      found.policy.name + " has RecordType " + wire::TypeText(wanted.type) +
                      "; expected " + wire::TypeText(instance.type) + ", as " +
                      InstanceTitle(instance) + " has (remove it first)");
    }
  }
  const auto seconds = WholeNumber(ttl);
  if (ttl.empty() ? wanted.id.empty() : !seconds || *seconds > kMaxTtl) {
    return Fail(ErrorCode::kInvalid,
                "InvalidInput: TTL is " + (ttl.empty() ? "missing" : "'" + ttl + "'") +
                    "; expected 0.." + std::to_string(kMaxTtl) + " seconds");
  }
  wanted.ttl = seconds.value_or(wanted.ttl);
  if (wanted.id.empty()) {
    wanted.id = NewId();
  }
  return wanted;
}

Json ApplyPolicy(Loads& loads, const Json& request) {
  const auto owner = OwnerOf(request);
  const auto policies = loads.store().Policies();
  const auto instances = loads.store().Instances();
  if (!owner || !policies || !instances) {
    return Failure(!owner ? owner.error() : policies ? instances.error() : policies.error());
  }
  const auto found = FindReference(*policies, Field(request, "policy"));
  if (!found) {
    return Failure(found.error());
  }
  auto wanted = Wanted(*instances, *owner, *found, Field(request, "ttl"));
  if (!wanted) {
    return Failure(wanted.error());
  }
  const auto origin = ZoneAbove(*loads.model(), *owner);
  if (!origin) {
    return Failure(origin.error());
  }
  wanted->origin = *origin;
  const auto trees = TreesOf(loads.store(), {*wanted});
  if (!trees) {
    return Failure(trees.error());
  }
  const auto before = std::ranges::find(*instances, wanted->id, &StoredInstance::id);
  const auto old = before == instances->end() ? std::nullopt : std::optional(*before);
  return Change(
      loads,
      wanted->id,
      &trees->front(),
      [&] { return loads.store().SaveInstance(*wanted); },
      [&] {
        return old ? loads.store().SaveInstance(*old) : loads.store().ForgetInstance(wanted->id);
      });
}

Json RemoveInstance(Loads& loads, const Json& request) {
  const auto owner = OwnerOf(request);
  const auto type = wire::TypeFromText(Field(request, "type"));
  const auto instances = loads.store().Instances();
  if (!owner || !type || !instances) {
    return Failure(!owner ? owner.error() : type ? instances.error() : type.error());
  }
  // By its id too: a name that is damaged in the store cannot be written.
  const std::string id = Field(request, "owner");
  const auto at = std::ranges::find_if(*instances, [&](const StoredInstance& one) {
    return (one.name == *owner || one.id == id) && one.type == *type;
  });
  if (at == instances->end()) {
    return Failure({ErrorCode::kNotFound,
                    "NoSuchTrafficPolicyInstance: no traffic policy is applied to " +
                        NameTypeText(*owner, *type)});
  }
  const StoredInstance& old = *at;
  return Change(
      loads,
      old.id,
      nullptr,
      [&] { return loads.store().ForgetInstance(old.id); },
      [&] { return loads.store().SaveInstance(old); });
}

Json Reply(Result<Json> result) {
  return result ? Success(std::move(*result)) : Failure(result.error());
}

}  // namespace

bool IsTrafficRequest(const std::string& op) {
  constexpr std::array<std::string_view, 6> kOps{"traffic_load",
                                                 "traffic_list",
                                                 "traffic_show",
                                                 "traffic_apply",
                                                 "traffic_remove",
                                                 "traffic_delete"};
  return std::ranges::find(kOps, op) != kOps.end();
}

Json AnswerTraffic(Loads& loads, const Json& request) {
  const std::string op = Field(request, "op");
  if (op == "traffic_load") {
    return Reply(LoadPolicy(loads, request));
  }
  if (op == "traffic_list") {
    return Reply(List(loads));
  }
  if (op == "traffic_show") {
    return Reply(ShowPolicy(loads, request));
  }
  if (op == "traffic_apply") {
    return ApplyPolicy(loads, request);
  }
  if (op == "traffic_remove") {
    return RemoveInstance(loads, request);
  }
  return Reply(DeletePolicy(loads, request));
}

}  // namespace holdfast::control
