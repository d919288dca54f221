#include "control/config/json.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace holdfast::control {
namespace {

using Json = nlohmann::json;

// Where the lexer stands. It reads one character past a number, so a line end counts only when the
// character behind it is read.
struct Cursor {
  std::uint32_t line = 1;
  bool line_ended = false;
};

class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, Cursor* cursor) : at_(at), cursor_(cursor) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    cursor_->line += cursor_->line_ended ? 1 : 0;
    cursor_->line_ended = *at_ == '\n';
    ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  Cursor* cursor_;
};

// Members beside the list that the command prints when it pages.
constexpr std::array<std::string_view, 9> kPaging{"IsTruncated",
                                                  "MaxItems",
                                                  "Marker",
                                                  "NextMarker",
                                                  "NextToken",
                                                  "NextRecordName",
                                                  "NextRecordType",
                                                  "NextRecordIdentifier",
                                                  "ResponseMetadata"};

// nlohmann's SAX interface. Values are built on a stack; an item of the list, if one is given, is
// handed out when it is complete and then forgotten.
class TreeReader : public nlohmann::json_sax<Json> {
 public:
  struct List {
    std::string_view name;
    const std::function<void(const Value&)>& on_item;
  };
  TreeReader(const std::string& file,
             std::optional<List> list,
             const Cursor& cursor,
             Findings& findings)
      : file_(file), list_(list), cursor_(cursor), findings_(findings) {}

  bool null() override { return Leaf(Value::Kind::kNull); }
  bool boolean(bool value) override {
    return Leaf(Value::Kind::kBool, [value](Value& leaf) { leaf.boolean = value; });
  }
  bool number_integer(number_integer_t value) override {
    return Leaf(Value::Kind::kInteger, [value](Value& leaf) { leaf.integer = value; });
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      return number_float(static_cast<number_float_t>(value), {});
    }
    return number_integer(static_cast<number_integer_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) override {
    return Leaf(Value::Kind::kFloat, [value](Value& leaf) { leaf.real = value; });
  }
  bool string(string_t& value) override {
    return Leaf(Value::Kind::kString, [&value](Value& leaf) { leaf.text = std::move(value); });
  }
  bool binary(binary_t&) override { return false; }  // never in text
  bool start_object(std::size_t) override { return Open(Value::Kind::kTable); }
  bool start_array(std::size_t) override { return Open(Value::Kind::kArray); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override;
  bool parse_error(std::size_t, const std::string& token, const Json::exception& fault) override;
  /// What is left to check of a list.
  void Finish(const List& list);
  Value TakeRoot() { return std::move(root_); }

 private:
  template <class Fill>
  bool Leaf(Value::Kind kind, Fill fill) {
    Value leaf = New(kind);
    fill(leaf);
    return Put(std::move(leaf));
  }
  bool Leaf(Value::Kind kind) { return Put(New(kind)); }
  Value New(Value::Kind kind);
  bool Open(Value::Kind kind);
  bool Close();
  bool Put(Value value);
  /// Null unless what is read now is an item of it.
  [[nodiscard]] const List* OpenList() const {
    return list_ && open_.size() == 2 && open_[1].kind == Value::Kind::kArray &&
                   open_[1].key == list_->name
               ? &*list_
               : nullptr;
  }
  bool Refuse(const std::string& what) {
    findings_.AddError(Source{file_, cursor_.line}, what);
    return false;
  }

  const std::string& file_;
  std::optional<List> list_;
  const Cursor& cursor_;
  Findings& findings_;
  std::vector<Value> open_;  // the root and what is open below it
  std::string key_;          // of the member that comes next
  Value root_;               // without the items of the list
};

Value TreeReader::New(Value::Kind kind) {
  Value value;
  value.kind = kind;
  value.line = cursor_.line;
  value.key = std::move(key_);
  key_.clear();
  return value;
}

bool TreeReader::Open(Value::Kind kind) {
  if (open_.size() >= kMaxJsonDepth) {
    return Refuse("values are nested deeper than " + std::to_string(kMaxJsonDepth));
  }
  open_.push_back(New(kind));
  return true;
}

bool TreeReader::Close() {
  Value value = std::move(open_.back());
  open_.pop_back();
  return Put(std::move(value));
}

bool TreeReader::Put(Value value) {
  if (open_.empty()) {
    root_ = std::move(value);
    return true;
  }
  const List* list = OpenList();
  if (list == nullptr) {
    open_.back().items.push_back(std::move(value));
    return true;
  }
  if (value.kind != Value::Kind::kTable) {
    Refuse(std::string(list->name) + " holds " + Describe(value) + "; expected objects");
  } else {
    list->on_item(value);
  }
  return findings_.ErrorCount() < Findings::kKept;
}

bool TreeReader::key(string_t& name) {
  if (open_.back().Find(name) != nullptr) {
    return Refuse("'" + name + "' is given twice in one object");
  }
  key_ = std::move(name);
  return true;
}

// "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error while ...", or a
// number beyond what a double can be, of which the sentence names no place.
bool TreeReader::parse_error(std::size_t, const std::string& token, const Json::exception& fault) {
  if (dynamic_cast<const Json::out_of_range*>(&fault) != nullptr) {
    return Refuse((key_.empty() ? "a value" : "'" + key_ + "'") + " is " + token.substr(0, 80) +
                  ", beyond what is read; expected a number of at most 1.8e308");
  }
  const std::string_view what = fault.what();
  const auto digits_behind = [what](std::string_view mark) {
    const auto at = what.find(mark);
    if (at == std::string_view::npos) {
      return std::string();
    }
    const std::string_view rest = what.substr(at + mark.size());
    return std::string(rest.substr(0, rest.find_first_not_of("0123456789")));
  };
  const std::string line = digits_behind("at line ");
  const std::string column = digits_behind(", column ");
  const auto words = what.find(": ");
  findings_.AddError(line.empty() ? file_ : file_ + ":" + line + ":" + column,
                     words == std::string_view::npos ? what : what.substr(words + 2));
  return false;
}

void TreeReader::Finish(const List& list) {
  const Source at{file_, 1};
  const Value* items = root_.kind == Value::Kind::kTable ? root_.Find(list.name) : nullptr;
  if (items == nullptr || items->kind != Value::Kind::kArray) {
    findings_.AddError(at, "expected {\"" + std::string(list.name) + "\": [...]}");
    return;
  }
  for (const Value& member : root_.items) {
    const Source here{file_, member.line};
    if (member.key != list.name && std::ranges::find(kPaging, member.key) == kPaging.end()) {
      findings_.AddError(here,
                         "'" + member.key + "' is not known; expected " + std::string(list.name));
    }
    const bool truncated = member.key == "IsTruncated" && member.boolean;
    if (truncated || (member.key == "NextToken" && member.kind != Value::Kind::kNull)) {
      findings_.AddError(here,
                         "'" + member.key +
                             "' says that this is one page of several; expected the whole list "
                             "(no --max-items, no --no-paginate)");
    }
  }
}

// False when it could not be read to its end; the error says why.
bool Parse(std::string_view text,
           const std::string& file,
           Cursor& cursor,
           TreeReader& reader,
           Findings& findings) {
  if (text.size() > kMaxJsonOctets) {
    findings.AddError(file, "is larger than " + std::to_string(kMaxJsonOctets) + " octets");
    return false;
  }
  // The lexer would take it for the end and what follows would not be missed.
  if (const std::size_t at = text.find('\0'); at != std::string_view::npos) {
    const auto line = 1 + std::ranges::count(text.substr(0, at), '\n');
    findings.AddError(Source{file, static_cast<std::uint32_t>(line)},
                      "holds a NUL octet; expected JSON, which has none");
    return false;
  }
  try {
    const char* begin = std::to_address(text.begin());
    return Json::sax_parse(
        CountingIterator(begin, &cursor), CountingIterator(begin + text.size(), &cursor), &reader);
  } catch (const std::exception& fault) {
    findings.AddError(file, fault.what());
    return false;
  }
}

}  // namespace

void ReadJsonList(std::string_view text,
                  const std::string& file,
                  std::string_view list,
                  const std::function<void(const Value&)>& on_item,
                  Findings& findings) {
  Cursor cursor;
  const TreeReader::List wanted{list, on_item};
  TreeReader reader(file, wanted, cursor, findings);
  if (Parse(text, file, cursor, reader, findings)) {
    reader.Finish(wanted);
  }
}

std::optional<Value> ReadJsonDocument(std::string_view text,
                                      const std::string& file,
                                      Findings& findings) {
  Cursor cursor;
  TreeReader reader(file, std::nullopt, cursor, findings);
  return Parse(text, file, cursor, reader, findings) ? std::optional(reader.TakeRoot())
                                                     : std::nullopt;
}

}  // namespace holdfast::control
