#include "control/config/location_config.h"

#include <algorithm>
#include <utility>

#include "control/config/text_file.h"

namespace holdfast::control {
namespace {

constexpr Range kPathLength{1, 4096};
constexpr Range kNameLength{1, 64};

NamedFile FileOf(Fields& fields, std::string_view name, const std::string& path) {
  const auto text = fields.Text(name, kPathLength);
  return text ? NamedFile{.path = PathFrom(path, *text),
                          .named_at = fields.Place(*fields.Find(name)) + ": key '" +
                                      std::string(name) + "'"}
              : NamedFile{};
}

void ReadCollection(Fields& fields,
                    const Value& table,
                    const std::string& path,
                    LocationConfig& location) {
  CidrCollectionConfig collection;
  collection.id = table.key;
  if (!IsPlainWord(table.key, 64)) {
    fields.Refuse("id",
                  "of the [cidr_collection] is \"" + table.key +
                      "\"; expected 1..64 letters, digits, '-' and '_'");
  }
  if (const auto name = fields.Text("name", kNameLength)) {
    collection.name = *name;
    const auto has_it = [&](const auto& other) { return other.name == *name; };
    if (!IsPlainWord(*name, 64)) {
      fields.Expected("name", *fields.Find("name"), "letters, digits, '-' and '_'");
    } else if (std::ranges::any_of(location.collections, has_it)) {
      fields.Refuse("name", "is \"" + *name + "\", which another [cidr_collection] has already");
    }
  }
  fields.Require("blocks", "a JSON file of CIDR blocks");
  collection.blocks = FileOf(fields, "blocks", path);
  location.collections.push_back(std::move(collection));
}

}  // namespace

void ReadLocationTable(Fields& fields, const std::string& path, LocationConfig& location) {
  location.geo = FileOf(fields, "geo", path);
  location.regions = FileOf(fields, "regions", path);
  location.latency = FileOf(fields, "latency", path);
  location.grid_degrees =
      fields.Number("grid_degrees", 0.05, 10, "0.05..10").value_or(location.grid_degrees);
  if (const auto word = fields.Word("geoproximity_bias", {"current", "2022"})) {
    location.geoproximity_bias = static_cast<GeoproximityBias>(*word);
  }
  location.client_subnet = fields.Bool("client_subnet").value_or(location.client_subnet);
}

void ReadCollectionTables(Fields& top,
                          const std::string& path,
                          LocationConfig& location,
                          Findings& findings) {
  const Value* tables = top.Table("cidr_collection");
  if (tables == nullptr) {
    return;
  }
  for (const Value& table : tables->items) {
    if (table.kind != Value::Kind::kTable) {
      top.Expected("cidr_collection", table, "tables written as [cidr_collection.\"ID\"]");
      continue;
    }
    Fields fields(table, path, "", findings);
    ReadCollection(fields, table, path, location);
    fields.RefuseUnknown();
  }
  std::ranges::sort(location.collections, {}, &CidrCollectionConfig::id);
}

}  // namespace holdfast::control
