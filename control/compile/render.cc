#include "control/compile/render.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "dataplane/base/bytes.h"
#include "dataplane/base/check.h"
#include "dataplane/wire/name.h"
#include "dataplane/wire/types.h"

namespace holdfast::control {
namespace {

using table::ImageKind;
using table::Relocation;
using table::RelocationBase;
using wire::Type;

constexpr std::size_t kFixedOctets = 10;  // type, class, TTL, rdlength
constexpr std::size_t kOwnerOctets = 2;   // of a record in a kRrset image: C0 0C

constexpr std::uint16_t Code(RelocationBase base, std::size_t addend) {
  return static_cast<std::uint16_t>((static_cast<unsigned>(base) << 14U) | addend);
}

// Writes records behind each other. A pointer to a suffix takes two octets: no gain for the root.
class Writer {
 public:
  /// @param suffixes  folded names that may be pointed at, longest first.
  explicit Writer(ImageSpec& spec, std::span<const std::string_view> suffixes)
      : spec_(spec), suffixes_(suffixes) {}

  void Answered() { spec_.wire.append("\xC0\x0C", 2); }

  void Suffix(std::string_view name) {
    if (name.size() <= 2) {
      spec_.wire.append(name);
      return;
    }
    Pointer(RelocationBase::kSuffix, name.size());
  }

  void Name(std::string_view name) {
    const std::string folded = wire::Fold(name);
    for (const auto suffix : suffixes_) {
      if (suffix.size() > 2 && wire::IsAtOrBelow(folded, suffix)) {
        spec_.wire.append(name.substr(0, name.size() - suffix.size()));
        Pointer(RelocationBase::kSuffix, suffix.size());
        return;
      }
    }
    spec_.wire.append(name);
  }

  void Pointer(RelocationBase base, std::size_t addend) {
    spec_.relocations.push_back(
        {.at = static_cast<std::uint16_t>(spec_.wire.size()), .code = Code(base, addend)});
    spec_.wire.append(2, '\0');
  }

  // What follows the owner. The names of RFC 1035's types are compressed, whatever their place.
  void Body(std::uint16_t type, std::uint32_t ttl, std::string_view rdata) {
    char fixed[kFixedOctets] = {};
    StoreBe16(fixed, type);
    StoreBe16(fixed + 2, static_cast<std::uint16_t>(wire::Class::kIn));
    StoreBe32(fixed + 4, ttl);
    spec_.wire.append(fixed, sizeof(fixed));
    const std::size_t start = spec_.wire.size();
    Rdata(type, rdata);
    StoreBe16(spec_.wire.data() + start - 2, static_cast<std::uint16_t>(spec_.wire.size() - start));
    spec_.record_ends.push_back(static_cast<std::uint16_t>(spec_.wire.size()));
  }

  /// Forgets everything past `records` records and `octets` octets.
  void CutBack(std::size_t records, std::size_t octets) {
    spec_.wire.resize(octets);
    spec_.record_ends.resize(records);
    std::erase_if(spec_.relocations, [&](const Relocation& r) { return r.at >= octets; });
  }

 private:
  void Rdata(std::uint16_t type, std::string_view rdata) {
    unsigned names = 0;
    std::size_t at = 0;
    if (type == static_cast<std::uint16_t>(Type::kNs) ||
        type == static_cast<std::uint16_t>(Type::kPtr)) {
      names = 1;
    } else if (type == static_cast<std::uint16_t>(Type::kMx)) {
      names = 1;
      at = std::min<std::size_t>(2, rdata.size());
    } else if (type == static_cast<std::uint16_t>(Type::kSoa)) {
      names = 2;
    }
    spec_.wire.append(rdata.substr(0, at));
    for (; names > 0; --names) {
      const auto name = NameInRdata(rdata, at);
      if (name.empty()) {
        break;
      }
      Name(name);
      at += name.size();
    }
    spec_.wire.append(rdata.substr(at));
  }

  ImageSpec& spec_;
  std::span<const std::string_view> suffixes_;
};

std::unexpected<Error> TooLong(std::uint16_t type, std::size_t octets) {
  return Fail(ErrorCode::kInvalid,
              "the " + wire::TypeText(type) + " records need " + std::to_string(octets) +
                  " octets or more; expected at most " + std::to_string(kMaxImageOctets));
}

}  // namespace

std::string_view NameInRdata(std::string_view rdata, std::size_t at) noexcept {
  const std::size_t start = at;
  while (at < rdata.size()) {
    const auto octets = static_cast<unsigned char>(rdata[at]);
    at += octets + 1U;
    if (octets == 0) {
      return at - start <= wire::kMaxNameOctets ? rdata.substr(start, at - start)
                                                : std::string_view{};
    }
    if (octets > wire::kMaxLabelOctets) {
      break;
    }
  }
  return {};
}

int TargetOffset(std::uint16_t type) noexcept {
  switch (static_cast<Type>(type)) {
    case Type::kNs:
      return 0;
    case Type::kMx:
    case Type::kSvcb:
    case Type::kHttps:
      return 2;
    case Type::kSrv:
      return 6;
    default:
      return -1;
  }
}

bool NamesOwner(std::uint16_t type, std::string_view rdata) noexcept {
  const bool is_service = type == static_cast<std::uint16_t>(Type::kSvcb) ||
                          type == static_cast<std::uint16_t>(Type::kHttps);
  return is_service && rdata.size() > 2 && (rdata[0] != 0 || rdata[1] != 0) && rdata[2] == 0;
}

Result<ImageSpec> RenderRrset(std::uint16_t type,
                              std::uint32_t ttl,
                              std::span<const std::string> rdata,
                              std::string_view origin) {
  ImageSpec spec;
  spec.type = type;
  spec.ttl = ttl;
  const std::string_view suffixes[] = {origin};
  Writer writer(spec, suffixes);
  std::size_t octets = 0;
  for (const auto& each : rdata) {
    octets += kOwnerOctets + kFixedOctets + each.size();
  }
  spec.wire.reserve(std::min(octets, kMaxImageOctets));
  spec.record_ends.reserve(rdata.size());
  for (const auto& each : rdata) {
    writer.Answered();
    writer.Body(type, ttl, each);
    if (spec.wire.size() > kMaxImageOctets) {
      return TooLong(spec.type, spec.wire.size());
    }
  }
  return spec;
}

ImageSpec RenderAddress(const table::InlineAddress& address) {
  const std::string rdata(reinterpret_cast<const char*>(address.address), sizeof(address.address));
  return *RenderRrset(static_cast<std::uint16_t>(Type::kA), address.ttl, {&rdata, 1}, {});
}

std::optional<table::InlineAddress> LoneAddressOf(const ImageSpec& image) noexcept {
  table::InlineAddress address{.ttl = image.ttl, .address = {}};
  constexpr std::size_t kHead = kOwnerOctets + kFixedOctets;
  if (image.kind != ImageKind::kRrset || image.type != static_cast<std::uint16_t>(Type::kA) ||
      image.record_ends.size() != 1 || image.wire.size() != kHead + sizeof(address.address) ||
      !image.additional.empty() || !image.relocations.empty() || image.sigs != nullptr) {
    return std::nullopt;
  }
  std::memcpy(address.address, image.wire.data() + kHead, sizeof(address.address));
  return address;
}

Result<ImageSpec> RenderNegative(std::uint32_t ttl,
                                 const std::string& rdata,
                                 std::string_view origin) {
  HF_CHECK(rdata.size() >= 22);
  ImageSpec spec;
  spec.kind = ImageKind::kNegative;
  spec.type = static_cast<std::uint16_t>(Type::kSoa);
  spec.ttl = std::min(ttl, LoadBe32(rdata.data() + rdata.size() - 4));
  const std::string_view suffixes[] = {origin};
  Writer writer(spec, suffixes);
  writer.Suffix(origin);
  writer.Body(spec.type, spec.ttl, rdata);
  return spec;
}

Result<ImageSpec> RenderReferral(std::string_view cut,
                                 std::string_view origin,
                                 std::uint32_t ttl,
                                 std::span<const std::string> rdata,
                                 std::span<const Glue> glue) {
  ImageSpec spec;
  spec.kind = ImageKind::kReferral;
  spec.type = static_cast<std::uint16_t>(Type::kNs);
  spec.ttl = ttl;
  const std::string_view suffixes[] = {cut, origin};
  Writer writer(spec, suffixes);
  std::unordered_map<std::string, std::size_t> places;  // of the targets, in the wire octets
  for (const auto& each : rdata) {
    writer.Suffix(cut);
    places.try_emplace(wire::Fold(NameInRdata(each, 0)), spec.wire.size() + kFixedOctets);
    writer.Body(spec.type, ttl, each);
    if (spec.wire.size() > kMaxImageOctets) {
      return TooLong(spec.type, spec.wire.size());
    }
  }
  spec.authority = static_cast<std::uint16_t>(spec.record_ends.size());
  for (const bool required : {true, false}) {
    for (const auto& each : glue) {
      if (wire::IsAtOrBelow(each.target, cut) != required) {
        continue;
      }
      const auto place = places.find(std::string(each.target));
      for (const auto& address : each.rdata) {
        const std::size_t octets = spec.wire.size();
        const std::size_t records = spec.record_ends.size();
        if (place != places.end() && place->second <= table::kMaxRelocationAddend) {
          writer.Pointer(RelocationBase::kImage, place->second);
        } else {
          writer.Name(each.target);
        }
        writer.Body(each.type, each.ttl, address);
        if (spec.wire.size() > kMaxImageOctets) {
          if (required) {
            return TooLong(spec.type, spec.wire.size());
          }
          writer.CutBack(records, octets);
          return spec;
        }
      }
    }
    if (required) {
      spec.required = static_cast<std::uint16_t>(spec.record_ends.size());
    }
  }
  return spec;
}

ImageSpec UniteImages(std::span<const ImageSpec* const> images, bool distinct) {
  HF_CHECK(!images.empty());
  ImageSpec out;
  out.type = images[0]->type;
  out.ttl = images[0]->ttl;
  std::size_t octets = 0;
  for (const auto* image : images) {
    out.ttl = std::min(out.ttl, image->ttl);
    octets += image->wire.size();
  }
  HF_CHECK(octets <= kMaxImageOctets);
  out.wire.reserve(octets);
  std::unordered_set<std::string_view> seen;
  for (const auto* image : images) {
    std::size_t start = 0;
    auto relocation = image->relocations.begin();
    auto extra = image->additional.begin();
    for (const std::size_t end : image->record_ends) {
      const auto record = std::string_view(image->wire).substr(start, end - start);
      const bool keep = !distinct || seen.insert(record.substr(kOwnerOctets + 8)).second;
      const std::size_t shift = out.wire.size() - start;
      if (keep) {
        out.wire.append(record);
        StoreBe32(out.wire.data() + out.wire.size() - record.size() + kOwnerOctets + 4, out.ttl);
        out.record_ends.push_back(static_cast<std::uint16_t>(out.wire.size()));
      }
      for (; relocation != image->relocations.end() && relocation->at < end; ++relocation) {
        if (keep) {
          out.relocations.push_back(
              {.at = static_cast<std::uint16_t>(relocation->at + shift), .code = relocation->code});
        }
      }
      for (; extra != image->additional.end() && extra->name_at < end; ++extra) {
        // Once for a name that several members lead to: each of two would be drawn for itself, and
        // the reply would hold parts of both as one rrset.
        const bool again = std::ranges::any_of(out.additional, [&](const AdditionalSpec& before) {
          return before.name == extra->name && before.type == extra->type;
        });
        if (keep && !again && out.additional.size() < table::kMaxAdditional) {
          out.additional.push_back(*extra);
          out.additional.back().name_at = static_cast<std::uint16_t>(extra->name_at + shift);
        }
      }
      start = end;
    }
  }
  return out;
}

std::vector<std::string> ImageRdata(const ImageSpec& image, std::string_view origin) {
  std::vector<std::string> out;
  std::size_t start = 0;
  for (const std::size_t end : image.record_ends) {
    std::string rdata;
    std::size_t at = start + kOwnerOctets + kFixedOctets;
    for (const auto& relocation : image.relocations) {
      if (relocation.at >= at && relocation.at < end) {
        rdata.append(image.wire, at, relocation.at - at);
        rdata.append(origin);
        at = relocation.at + 2U;
      }
    }
    rdata.append(image.wire, at, end - at);
    out.push_back(std::move(rdata));
    start = end;
  }
  return out;
}

}  // namespace holdfast::control
