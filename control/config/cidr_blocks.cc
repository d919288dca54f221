#include "control/config/cidr_blocks.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "control/config/fields.h"
#include "control/config/json.h"
#include "control/location/cidr.h"

namespace holdfast::control {
namespace {

constexpr const char* kLengths = "IPv4 /1../24 or IPv6 /1../48";

struct Block {
  CidrRow row;
  std::uint32_t line;
};

class BlocksReader {
 public:
  BlocksReader(const std::string& file, Findings& findings) : file_(file), findings_(findings) {}

  void Take(const Value& item);
  std::vector<CidrRow> Finish();

 private:
  static std::optional<Prefix> BlockOf(Fields& fields);
  static std::optional<std::string> LocationOf(Fields& fields);

  const std::string& file_;
  Findings& findings_;
  std::vector<Block> blocks_;
};

std::optional<Prefix> BlocksReader::BlockOf(Fields& fields) {
  fields.Require("CidrBlock", kLengths);
  const auto text = fields.String("CidrBlock");
  if (!text) {
    return std::nullopt;
  }
  const auto prefix = ParsePrefix(*text);
  if (!prefix) {
    fields.Refuse("CidrBlock", "\"" + text->substr(0, 80) + "\" " + prefix.error().message);
    return std::nullopt;
  }
  if (prefix->length < 1 || prefix->length > (prefix->v6 ? 48 : 24)) {
    fields.Expected("CidrBlock", *fields.Find("CidrBlock"), kLengths);
    return std::nullopt;
  }
  return *prefix;
}

std::optional<std::string> BlocksReader::LocationOf(Fields& fields) {
  constexpr const char* kForm = "1..16 letters, digits, '-' and '_'";
  fields.Require("LocationName", kForm);
  auto location = fields.String("LocationName");
  if (location && !IsPlainWord(*location, 16)) {
    fields.Expected("LocationName", *fields.Find("LocationName"), kForm);
    return std::nullopt;
  }
  return location;
}

void BlocksReader::Take(const Value& item) {
  Fields fields(item, file_, "CIDR block", findings_);
  const auto prefix = BlockOf(fields);
  auto location = LocationOf(fields);
  fields.RefuseUnknown();
  if (prefix && location) {
    blocks_.push_back({{*prefix, std::move(*location)}, item.line});
  }
  if (blocks_.size() == kMaxBlocks + 1) {
    findings_.AddError(Source{file_, item.line},
                       "CIDR block " + std::to_string(blocks_.size()) + "; expected at most " +
                           std::to_string(kMaxBlocks));
  }
}

std::vector<CidrRow> BlocksReader::Finish() {
  std::ranges::sort(blocks_, [](const Block& a, const Block& b) {
    return a.row.prefix != b.row.prefix ? a.row.prefix < b.row.prefix : a.line < b.line;
  });
  std::vector<CidrRow> rows;
  for (const Block& block : blocks_) {
    if (!rows.empty() && rows.back().prefix == block.row.prefix) {
      findings_.AddError(Source{file_, block.line},
                         "CIDR block " + ToText(block.row.prefix) + " of location '" +
                             block.row.location + "' is in location '" + rows.back().location +
                             "' already; expected it once");
    }
    rows.push_back(block.row);
  }
  if (rows.size() > kUsualBlocks) {
    findings_.AddWarning(file_,
                         "has " + std::to_string(rows.size()) + " CIDR blocks; Route 53 allows " +
                             std::to_string(kUsualBlocks) + " in a collection");
  }
  return rows;
}

}  // namespace

void ReadCidrBlocksText(std::string_view text,
                        const std::string& file,
                        CidrCollection& collection,
                        Findings& findings) {
  Findings own;
  BlocksReader reader(file, own);
  ReadJsonList(text, file, "CidrBlocks", [&reader](const Value& item) { reader.Take(item); }, own);
  const auto rows = reader.Finish();
  if (rows.empty() && own.Ok()) {
    own.AddError(file, "has no block; expected at least one CidrBlock");
  }
  if (own.Ok()) {
    SetBlocks(rows, collection);
  }
  findings.Add(own);
}

}  // namespace holdfast::control
