// Parse alone: what becomes of a message before any table is looked at. Table-driven; names carry
// the rows of the conformance list.
#include <cctype>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dataplane/answer/parse.h"
#include "tests/dataplane/packet_builder.h"

namespace holdfast::answer {
namespace {

using test::N;
using test::Option;
using test::PacketBuilder;
using test::Section;
using wire::Rcode;
using wire::Type;

// The message at the start of a buffer as large as the contract asks for and not one octet larger.
class Parsed {
 public:
  explicit Parsed(const std::string& message, Transport transport = Transport::kUdp)
      : room_(std::max<std::size_t>(message.size(), 512)),
        buffer_(std::make_unique<std::byte[]>(room_)),
        query_(std::make_unique<Query>()) {
    std::memcpy(buffer_.get(), message.data(), message.size());
    std::memset(query_->folded.data(), 0xEE, query_->folded.size());
    Job job;
    job.message = buffer_.get();
    job.query_octets = static_cast<std::uint32_t>(message.size());
    job.room_octets = static_cast<std::uint32_t>(room_);
    job.transport = transport;
    Parse(job, *query_);
  }
  const Query& operator*() const { return *query_; }
  const Query* operator->() const { return query_.get(); }
  [[nodiscard]] std::string Folded() const {
    return {reinterpret_cast<const char*>(query_->folded.data()), query_->key.octets};
  }

 private:
  std::size_t room_;
  std::unique_ptr<std::byte[]> buffer_;
  std::unique_ptr<Query> query_;
};

const std::string kRoot(1, '\0');

std::string Labels(std::size_t count, std::size_t octets) {
  std::string name;
  for (std::size_t i = 0; i < count; ++i) {
    name += static_cast<char>(octets) + std::string(octets, 'a');
  }
  return name;
}

struct Case {
  const char* name;
  std::string message;
  Todo todo;
  Rcode rcode = Rcode::kNoError;
  bool question = true;  // echoed
  bool edns = false;
  Transport transport = Transport::kUdp;
};

class ParseCase : public testing::TestWithParam<Case> {};

TEST_P(ParseCase, Holds) {
  const Case& c = GetParam();
  const Parsed parsed(c.message, c.transport);
  ASSERT_EQ(parsed->todo, c.todo);
  if (c.todo == Todo::kError) {
    EXPECT_EQ(parsed->rcode, c.rcode);
  }
  if (c.todo == Todo::kError || c.todo == Todo::kLookUp) {
    EXPECT_EQ(parsed->has_question, c.question);
    EXPECT_EQ(parsed->has_edns, c.edns);
  }
}

PacketBuilder Ask() {
  return PacketBuilder().Question("www.example.test", Type::kA);
}
Case Good(const char* name, const PacketBuilder& message, bool edns = false) {
  return {name, message.Build(), Todo::kLookUp, Rcode::kNoError, true, edns};
}
Case Bad(const char* name, const PacketBuilder& message, bool question = true, bool edns = false) {
  return {name, message.Build(), Todo::kError, Rcode::kFormErr, question, edns};
}
Case Refused(const char* name,
             const PacketBuilder& message,
             Rcode rcode,
             bool question = true,
             bool edns = false,
             Transport transport = Transport::kUdp) {
  return {name, message.Build(), Todo::kError, rcode, question, edns, transport};
}

std::vector<Case> HeaderCases() {
  return {
      {"conf_H01_an_empty_datagram_is_dropped", "", Todo::kDropShort},
      {"conf_H01_eleven_octets_are_dropped", std::string(11, 'x'), Todo::kDropShort},
      {"conf_H02_a_response_is_dropped", Ask().Flags(0x8000).Build(), Todo::kDropResponse},
      {"conf_H02_a_malformed_response_is_dropped",
       PacketBuilder().Flags(0x8000).Count(0, 7).Build(),
       Todo::kDropResponse},
      Refused("conf_H05_opcode_15_is_not_implemented", Ask().Opcode(15), Rcode::kNotImp, false),
      Refused("conf_H05_opcode_15_with_opt_gets_opt",
              Ask().Opcode(15).Edns(),
              Rcode::kNotImp,
              false,
              true),
      Refused("conf_H06_iquery_is_not_implemented",
              PacketBuilder().Opcode(1).Record(Section::kAnswer, kRoot, 1, "abcd"),
              Rcode::kNotImp,
              false),
      Refused("conf_Z11_update_is_not_implemented", Ask().Opcode(5), Rcode::kNotImp, false),
      Refused("conf_C11_dso_is_not_implemented", PacketBuilder().Opcode(6), Rcode::kNotImp, false),
      Bad("conf_H07_two_questions", Ask().Question("mail.example.test", Type::kA), false),
      Bad("conf_H07_two_questions_with_opt",
          Ask().Question("mail.example.test", Type::kA).Edns(),
          false,
          true),
      Bad("conf_H07_65535_questions_and_none_there", PacketBuilder().Count(0, 65535), false),
      Bad("conf_H08_no_question", PacketBuilder(), false),
      Bad("conf_H08_no_question_with_opt", PacketBuilder().Edns(), false, true),
      Bad("conf_H10_an_answer_in_a_query", Ask().Record(Section::kAnswer, kRoot, 1, "abcd")),
      Bad("conf_H10_an_authority_record_in_a_query",
          Ask().Record(Section::kAuthority, kRoot, 1, "abcd").Edns(),
          true,
          true),
      Good("conf_H15_the_z_bit_is_ignored", Ask().Flags(0x40)),
      Good("conf_H16_the_ad_bit_is_ignored", Ask().Flags(0x20)),
      Good("conf_H17_the_cd_bit_is_ignored", Ask().Flags(0x10)),
      Good("conf_H18_tc_and_rcode_are_ignored", Ask().Flags(0x0203)),
      {"conf_V01_class_ch_is_the_servers_own",
       PacketBuilder().Question("version.bind", Type::kTxt, 3).Build(),
       Todo::kServerName},
      Refused("conf_H23_class_hs",
              PacketBuilder().Question("www.example.test", Type::kA, 4),
              Rcode::kRefused),
      Refused("conf_H24_class_any",
              PacketBuilder().Question("www.example.test", Type::kA, 255).Edns(),
              Rcode::kRefused,
              true,
              true),
      Refused("conf_H25_class_none",
              PacketBuilder().Question("www.example.test", Type::kA, 254),
              Rcode::kRefused),
      Refused("conf_H25_class_0",
              PacketBuilder().Question("www.example.test", Type::kA, 0),
              Rcode::kRefused),
  };
}

std::vector<Case> NameCases() {
  return {
      Bad("conf_N04_label_type_01",
          PacketBuilder().RawQuestion("\x41" + std::string(66, 'a'), 1),
          false),
      Bad("conf_N04_label_type_10", PacketBuilder().RawQuestion("\x80" + kRoot, 1), false),
      Good("conf_N04_a_label_of_63_octets", PacketBuilder().RawQuestion(Labels(1, 63) + kRoot, 1)),
      Bad("conf_N05_a_name_of_256_octets",
          PacketBuilder().RawQuestion(Labels(3, 63) + Labels(1, 62) + kRoot, 1),
          false),
      Good("conf_N06_a_name_of_255_octets",
           PacketBuilder().RawQuestion(Labels(3, 63) + Labels(1, 61) + kRoot, 1)),
      Good("conf_N07_127_labels_of_one_octet",
           PacketBuilder().RawQuestion(Labels(127, 1) + kRoot, 1)),
      Bad("conf_N07_128_labels_of_one_octet",
          PacketBuilder().RawQuestion(Labels(128, 1) + kRoot, 1),
          false),
      Bad("conf_N08_a_pointer_as_qname", PacketBuilder().RawQuestion("\xC0\x0C", 1), false),
      Bad("conf_N08_a_pointer_behind_a_label",
          PacketBuilder().RawQuestion(Labels(1, 3) + "\xC0\x0C", 1),
          false),
      Bad("conf_N09_an_opt_owner_that_points_to_itself", Ask().Edns({.owner = "\xC0\x22"})),
      Bad("conf_N09_an_owner_that_points_forward",
          Ask().Record(Section::kAdditional, "\xC0\x40", 1, "abcd")),
      Bad("conf_N10_an_owner_that_points_into_the_header",
          Ask().Record(Section::kAdditional, "\xC0\x03", 1, "abcd")),
      Good("conf_N10_an_owner_that_points_back",
           Ask().Record(Section::kAdditional, "\xC0\x0C", 1, "abcd")),
      Good("conf_N11_any_octet_in_a_label",
           PacketBuilder().RawQuestion(std::string("\3\0.\xFF", 4) + kRoot, 1)),
      Good("conf_N12_the_root", PacketBuilder().Question(".", Type::kNs)),
  };
}

std::vector<Case> MalformedCases() {
  const std::string whole = Ask().Build();
  return {
      {"conf_Q01_a_question_of_three_octets",
       PacketBuilder().Count(0, 1).Raw("\3ab").Build(),
       Todo::kError,
       Rcode::kFormErr,
       false},
      {"conf_Q01_a_question_without_its_class",
       whole.substr(0, whole.size() - 2),
       Todo::kError,
       Rcode::kFormErr,
       false},
      {"conf_Q01_a_header_alone",
       PacketBuilder().Count(0, 1).Build(),
       Todo::kError,
       Rcode::kFormErr,
       false},
      Bad("conf_Q02_octets_left_over", Ask().Raw("junk")),
      Bad("conf_Q02_octets_left_over_behind_opt", Ask().Edns().Raw("j"), true, true),
      Bad("conf_Q03_three_additionals_counted_one_there", Ask().Edns().Count(3, 3), true, true),
      Bad("conf_Q03_65535_records_counted", Ask().Count(3, 65535)),
      Bad("conf_Q04_an_opt_longer_than_the_message", Ask().Edns({.rdlength = 500})),
      Bad("conf_Q04_a_record_longer_than_the_message",
          Ask().Record(Section::kAdditional, kRoot, 1, "ab", 4)),
      Bad("conf_Q05_two_opts", Ask().Edns().Edns(), true, true),
      Bad("conf_Q06_an_opt_below_the_root", Ask().Edns({.owner = test::Wire("a")})),
      Bad("conf_Q06_an_opt_whose_owner_is_a_pointer_to_the_root",
          Ask().Edns({.owner = "\xC0\x1D"})),
      Bad("conf_Q07_an_opt_in_answer", Ask().Edns({}, Section::kAnswer)),
      Bad("conf_Q07_an_opt_in_authority", Ask().Edns({}, Section::kAuthority)),
      Bad("conf_Q08_an_option_longer_than_its_opt",
          Ask().Edns({.options = test::Be16Octets(10) + test::Be16Octets(9) + "ab"}),
          true,
          true),
      Bad("conf_Q08_an_option_without_its_length", Ask().Edns({.options = "\1\2\3"}), true, true),
      Good("conf_Q09_another_record_in_additional",
           Ask().Record(Section::kAdditional, test::Wire("x.test"), 1, "abcd")),
      Good("conf_Q10_opt_behind_another_record",
           Ask().Record(Section::kAdditional, test::Wire("x.test"), 1, "abcd").Edns(),
           true),
      Good("conf_Q10_opt_before_another_record",
           Ask().Edns().Record(Section::kAdditional, test::Wire("x.test"), 1, "abcd"),
           true),
      Bad("conf_Q11_tsig_before_opt",
          Ask().Record(Section::kAdditional, test::Wire("key"), 250, "abcd").Edns()),
      Bad("conf_Q11_two_tsigs",
          Ask()
              .Record(Section::kAdditional, test::Wire("key"), 250, "abcd")
              .Record(Section::kAdditional, test::Wire("key"), 250, "abcd")),
      Good("conf_Q11_tsig_last",
           Ask().Edns().Record(Section::kAdditional, test::Wire("key"), 250, "abcd"),
           true),
      {"conf_Q14_the_largest_datagram",
       PacketBuilder().Question("www.example.test", Type::kA).Raw(std::string(65000, '\0')).Build(),
       Todo::kError,
       Rcode::kFormErr},
  };
}

std::vector<Case> EdnsAndTypeCases() {
  std::string many;
  for (int i = 0; i < 250; ++i) {
    many += Option(65001, "");
  }
  const auto ask = [](Type type) { return PacketBuilder().Question("www.example.test", type); };
  const auto raw = [](unsigned type) {
    return PacketBuilder().RawQuestion(test::Wire("www.example.test"), type);
  };
  return {
      Refused("conf_E06_version_1", Ask().Edns({.version = 1}), Rcode::kBadVers, true, true),
      Refused("conf_E10_version_1_with_options_and_flags",
              Ask().Edns({.version = 1, .flags = 0x4000, .options = Option(100, "abc")}),
              Rcode::kBadVers,
              true,
              true),
      Good("conf_E08_unknown_options", Ask().Edns({.options = Option(65001, "abc")}), true),
      Good("conf_E09_unknown_flags", Ask().Edns({.flags = 0x4000}), true),
      Good("conf_E12_250_empty_options", Ask().Edns({.options = many}), true),
      Refused("conf_Y07_type_opt", ask(Type::kOpt), Rcode::kFormErr),
      Refused("conf_Y07_type_tsig", ask(Type::kTsig), Rcode::kFormErr),
      Refused("conf_Y07_type_tkey", ask(Type::kTkey), Rcode::kFormErr),
      Refused("conf_S17_type_nxname", ask(Type::kNxname), Rcode::kFormErr),
      Refused("conf_Y08_type_maila", ask(Type::kMaila), Rcode::kNotImp),
      Refused("conf_Y08_type_mailb", ask(Type::kMailb), Rcode::kNotImp),
      Refused("conf_Y08_type_200", raw(200), Rcode::kNotImp),
      Good("conf_Y09_type_65000", raw(65000)),
      Good("conf_Y09_type_127", raw(127)),
      Good("conf_Y09_type_256", raw(256)),
      Good("conf_Y01_type_any", ask(Type::kAny)),
      Refused("conf_Y10_type_0", raw(0), Rcode::kFormErr),
      Refused("conf_Z01_axfr_over_udp", ask(Type::kAxfr), Rcode::kFormErr),
      Refused("conf_Z02_axfr_over_tcp",
              ask(Type::kAxfr),
              Rcode::kRefused,
              true,
              false,
              Transport::kTcp),
      Refused("conf_Z02_ixfr_with_its_soa",
              ask(Type::kIxfr).Record(Section::kAuthority, kRoot, 6, std::string(22, '\0')),
              Rcode::kRefused),
      Bad("conf_H10_ixfr_with_an_answer",
          ask(Type::kIxfr).Record(Section::kAnswer, kRoot, 6, std::string(22, '\0'))),
  };
}

std::string CaseName(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Header, ParseCase, testing::ValuesIn(HeaderCases()), CaseName);
INSTANTIATE_TEST_SUITE_P(Names, ParseCase, testing::ValuesIn(NameCases()), CaseName);
INSTANTIATE_TEST_SUITE_P(Malformed, ParseCase, testing::ValuesIn(MalformedCases()), CaseName);
INSTANTIATE_TEST_SUITE_P(EdnsAndTypes, ParseCase, testing::ValuesIn(EdnsAndTypeCases()), CaseName);

TEST(Parse, FoldsTheNameAndPadsItWithZeros) {
  const Parsed parsed(PacketBuilder().Question("WwW.eXaMpLe.TeSt", Type::kAaaa).Build());
  ASSERT_EQ(parsed->todo, Todo::kLookUp);
  EXPECT_EQ(parsed.Folded(), test::Wire("www.example.test"));
  EXPECT_EQ(parsed->qtype, N(Type::kAaaa));
  for (std::size_t i = 0; i < table::kHashPadding; ++i) {
    EXPECT_EQ(parsed->folded[parsed->key.octets + i], std::byte{0});
  }
}

TEST(Parse, TakesSizeVersionAndDoFromTheOpt) {
  for (const std::string& options : {std::string(), Option(65001, "x")}) {
    const Parsed parsed(Ask().Edns({.size = 4000, .flags = 0x8000, .options = options}).Build());
    ASSERT_EQ(parsed->todo, Todo::kLookUp);
    EXPECT_EQ(parsed->client_octets, 4000);
    EXPECT_TRUE(parsed->dnssec_ok);
  }
  EXPECT_FALSE(Parsed(Ask().Edns().Build())->dnssec_ok);
}

// Every octet of 0x00..0xFF, every length: the vectors fold as the plain loop does and leave the
// padding of zeros that hashing relies on (N01: only ASCII letters).
TEST(FoldName, conf_N01_VectorsFoldAsThePlainLoopDoes) {
  std::mt19937 random(1);
  for (std::size_t octets = 1; octets <= 255; ++octets) {
    // As large as the contract says, so that the address sanitizer sees a read past it.
    const std::size_t readable = std::max<std::size_t>(32, (octets + 15) / 16 * 16);
    const auto from = std::make_unique<std::byte[]>(readable);
    for (std::size_t i = 0; i < readable; ++i) {
      from[i] = static_cast<std::byte>(random());
    }
    std::array<std::byte, kFoldedOctets> fast{};
    std::array<std::byte, kFoldedOctets> plain{};
    fast.fill(std::byte{0xEE});
    FoldName(from.get(), octets, fast.data());
    FoldNameScalar(from.get(), octets, plain.data());
    ASSERT_EQ(std::memcmp(fast.data(), plain.data(), octets + table::kHashPadding), 0) << octets;
  }
}

}  // namespace
}  // namespace holdfast::answer
