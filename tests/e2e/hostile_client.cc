// Sends broken DNS messages to a server that runs and holds each reply to what any reply must be:
//
//   hostile_client ADDRESS PORT MESSAGES SEED udp|tcp
//
// Messages are made part by part, so that most of them get past the first look: pointers that loop
// or lead ahead, counts and lengths that lie, several OPTs, options of every size, QR=1, octets
// left over, ends in the middle. Over UDP a message of a whole header with QR=0 has exactly one
// reply and any other none; over TCP replies come in order, and frames lie about their length, too.
// In between it asks for a.test A, which must be answered. The seed gives the same messages again.
// Prints counts as JSON; exit status 1 with the message in hex when a reply is wrong.
#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <random>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/dataplane/packet_builder.h"
#include "tests/dataplane/reply_reader.h"

namespace {

using namespace holdfast;
using test::Be16Octets;
using test::PacketBuilder;
using test::Section;

constexpr std::size_t kHeader = 12;
constexpr std::size_t kPlainLimit = 512;
constexpr std::size_t kWindow = 32;
constexpr int kPatienceMs = 5'000;
constexpr std::uint16_t kGoodId = 0xFFFF;  // of the question in between; no other has it

class Hostile {
 public:
  explicit Hostile(std::uint64_t seed) : random_(seed) {}

  std::string Make(std::uint16_t id) {
    PacketBuilder message;
    message.Id(id).Opcode(Chance(8) ? Up(15) : 0).Flags(Flags());
    const unsigned questions = Chance(6) ? Up(3) : 1;
    for (unsigned i = 0; i < questions; ++i) {
      message.RawQuestion(Name(), Type(), Chance(8) ? Up(65535) : 1);
    }
    for (const Section section : {Section::kAnswer, Section::kAuthority, Section::kAdditional}) {
      for (unsigned i = Chance(10) ? Up(3) : 0; i > 0; --i) {
        const std::string data = Octets(Up(40));
        message.Record(section, Name(), Type(), data, Lie(data.size()));
      }
    }
    for (unsigned i = Chance(8) ? Up(4) : Up(1); i > 0; --i) {
      message.Edns(Edns(), Chance(20) ? Section::kAuthority : Section::kAdditional);
    }
    if (Chance(12)) {
      message.Count(static_cast<int>(Up(3)), Chance(2) ? Up(3) : Up(65535));
    }
    if (Chance(12)) {
      message.Raw(Octets(1 + Up(30)));
    }
    return Damage(message.Build());
  }

  bool Chance(unsigned one_in) { return Up(one_in - 1) == 0; }
  unsigned Up(unsigned most) { return std::uniform_int_distribution<unsigned>(0, most)(random_); }

 private:
  std::string Octets(std::size_t count) {
    std::string made(count, '\0');
    for (char& octet : made) {
      octet = static_cast<char>(Up(255));
    }
    return made;
  }

  unsigned Flags() {
    constexpr unsigned kResponse = 0x8000;
    return (Chance(12) ? kResponse : 0U) | (Chance(4) ? Up(0x7FF) : 0U);
  }

  unsigned Type() {
    constexpr unsigned kKnown[] = {1,  2,  5,  6,  15,  16,  28,  33,  39,  41,  43,  46, 47,
                                   48, 50, 64, 65, 249, 250, 251, 252, 253, 254, 255, 0};
    return Chance(6) ? Up(65535) : kKnown[Up(std::size(kKnown) - 1)];
  }

  // A length that is mostly right; -1: it is.
  int Lie(std::size_t octets) {
    if (!Chance(12)) {
      return -1;
    }
    return Chance(2) ? static_cast<int>(Up(65535))
                     : static_cast<int>(octets + Up(4)) -
                           static_cast<int>(std::min(octets, std::size_t{2}));
  }

  std::string Label(unsigned octets) { return static_cast<char>(octets) + Octets(octets); }

  std::string Name() {
    static const std::string kServed[] = {test::Wire("a.test."),
                                          test::Wire("www.a.test."),
                                          test::Wire("q.w.a.test."),
                                          test::Wire("."),
                                          test::Wire("test.")};
    std::string name;
    switch (Up(23)) {
      case 0:  // a pointer: to itself, ahead, into the header, to the question
        return Be16Octets(0xC000 + Up(511));
      case 1:  // labels, then a pointer
        return Label(1 + Up(5)) + "\xC0" + static_cast<char>(Up(40));
      case 2:  // of a kind that does not exist
        return std::string(1, static_cast<char>(0x40 + Up(127))) + Octets(Up(20));
      case 3:  // too long, or just not
        for (const unsigned octets = 240 + Up(30); name.size() < octets;) {
          name += Label(1 + Up(62));
        }
        return name + std::string(1, '\0');
      case 4:  // very many labels
        for (unsigned i = Up(140); i > 0; --i) {
          name += Label(1);
        }
        return name + std::string(1, '\0');
      case 5:
        return Octets(Up(30));
      case 6:
        return Label(1 + Up(62)) + kServed[Up(std::size(kServed) - 1)];
      default: {
        name = kServed[Up(std::size(kServed) - 1)];
        if (Chance(3)) {
          for (char& octet : name) {
            octet =
                octet >= 'a' && octet <= 'z' && Chance(2) ? static_cast<char>(octet - 32) : octet;
          }
        }
        return name;
      }
    }
  }

  std::string Option() {
    constexpr unsigned kKnown[] = {
        3, 8, 10, 11, 12, 15};  // NSID, ECS, COOKIE, keepalive, padding, EDE
    const unsigned code = Chance(4) ? Up(65535) : kKnown[Up(std::size(kKnown) - 1)];
    std::string data = Octets(Chance(20) ? Up(300) : Up(42));
    if (code == 8 && Chance(2)) {
      const unsigned bits = Up(40);
      data = Be16Octets(1 + Up(2)) + static_cast<char>(bits) +
             static_cast<char>(Chance(6) ? Up(32) : 0) + Octets((bits + 7) / 8);
    } else if (code == 10 && Chance(2)) {
      data = Octets(Chance(2) ? 8 : 24);
    }
    const int octets = Lie(data.size());
    return Be16Octets(code) +
           Be16Octets(octets < 0 ? static_cast<unsigned>(data.size())
                                 : static_cast<unsigned>(octets)) +
           data;
  }

  PacketBuilder::EdnsFields Edns() {
    PacketBuilder::EdnsFields fields;
    fields.size = Chance(3) ? Up(65535) : 1232;
    fields.version = Chance(10) ? Up(255) : 0;
    fields.flags = Chance(4) ? Up(65535) : 0;
    for (unsigned i = Chance(3) ? Up(5) : 0; i > 0; --i) {
      fields.options += Option();
    }
    if (Chance(200)) {
      for (unsigned i = 0; i < 250; ++i) {
        fields.options += Be16Octets(65001) + Be16Octets(0);
      }
    }
    fields.rdlength = Lie(fields.options.size());
    fields.owner = Chance(15) ? Name() : std::string(1, '\0');
    return fields;
  }

  std::string Damage(std::string message) {
    if (Chance(20)) {
      message.resize(Up(static_cast<unsigned>(message.size())));
    }
    while (Chance(10) && message.size() > 2) {  // the id stays: replies are told apart by it
      message[2 + Up(static_cast<unsigned>(message.size()) - 3)] ^= static_cast<char>(1U << Up(7));
    }
    return message;
  }

  std::mt19937_64 random_;
};

struct Counts {
  std::uint64_t messages = 0;
  std::uint64_t replies = 0;
  std::uint64_t silent = 0;  // rightly
  std::map<unsigned, std::uint64_t> rcodes;
};

[[noreturn]] void Wrong(const std::string& what,
                        const std::string& message,
                        const std::string& reply) {
  const auto hex = [](const std::string& octets) {
    std::string text;
    for (const unsigned char octet : octets) {
      char two[3];
      std::snprintf(two, sizeof(two), "%02x", octet);
      text += two;
    }
    return text;
  };
  std::fprintf(
      stderr, "%s\nmessage %s\nreply %s\n", what.c_str(), hex(message).c_str(), hex(reply).c_str());
  std::exit(1);
}

std::uint16_t IdOf(const std::string& message) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(message[0]) << 8U |
                                    static_cast<unsigned char>(message[1]));
}

bool WantsReply(const std::string& message) {
  return message.size() >= kHeader && (static_cast<unsigned char>(message[2]) & 0x80U) == 0;
}

std::string Good() {
  return PacketBuilder().Id(kGoodId).Question("a.test.", wire::Type::kA).Build();
}

// What holds of every reply, whatever was asked.
void Hold(const std::string& message, const std::string& reply, bool tcp, Counts& counts) {
  std::string why;
  const auto read = test::ReadMessage(reply, &why);
  if (!read) {
    Wrong("a reply is not well formed: " + why, message, reply);
  }
  if ((read->flags & 0x8000U) == 0 || read->id != IdOf(message) ||
      read->Opcode() != ((static_cast<unsigned char>(message[2]) >> 3U) & 15U)) {
    Wrong("QR, id or opcode of a reply is wrong", message, reply);
  }
  if (!tcp && reply.size() > (read->has_opt ? 1232 : kPlainLimit)) {
    Wrong("a reply is longer than it may be", message, reply);
  }
  if (IdOf(message) == kGoodId && (read->Rcode() != 0 || read->answer.empty())) {
    Wrong("the good question is not answered", message, reply);
  }
  ++counts.replies;
  ++counts.rcodes[read->Rcode()];
}

bool Readable(int fd) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&one, 1, kPatienceMs) == 1;
}

int Connect(const std::string& address, std::uint16_t port, int kind) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  const int fd = socket(AF_INET, kind | SOCK_CLOEXEC, 0);
  if (fd < 0 || inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1 ||
      connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    std::perror("hostile_client: connect");
    std::exit(2);
  }
  return fd;
}

Counts OverUdp(const std::string& address,
               std::uint16_t port,
               std::uint64_t messages,
               Hostile& hostile) {
  Counts counts;
  const int fd = Connect(address, port, SOCK_DGRAM);
  std::string room(65536, '\0');
  while (counts.messages < messages) {
    std::map<std::uint16_t, std::string> open{{kGoodId, Good()}};
    for (std::uint16_t id = 0; id < kWindow && counts.messages < messages;
         ++id, ++counts.messages) {
      const std::string message = hostile.Make(id);
      send(fd, message.data(), message.size(), 0);
      if (WantsReply(message)) {
        open.emplace(id, message);
      } else {
        ++counts.silent;
      }
    }
    const std::string good = Good();
    send(fd, good.data(), good.size(), 0);
    while (!open.empty()) {
      if (!Readable(fd)) {
        Wrong("a message has no reply", open.begin()->second, "");
      }
      const ssize_t octets = recv(fd, room.data(), room.size(), 0);
      const std::string reply =
          room.substr(0, static_cast<std::size_t>(std::max<ssize_t>(octets, 0)));
      const auto asked = reply.size() < 2 ? open.end() : open.find(IdOf(reply));
      if (asked == open.end()) {
        Wrong("a reply to what must have none, or a second one", "", reply);
      }
      Hold(asked->second, reply, false, counts);
      open.erase(asked);
    }
  }
  close(fd);
  return counts;
}

std::string Framed(const std::string& message) {
  return Be16Octets(static_cast<unsigned>(message.size())) + message;
}

// Everything that comes until the other side closes, or `wanted` whole messages are there.
std::deque<std::string> Replies(int fd, std::size_t wanted) {
  std::deque<std::string> replies;
  std::string came;
  while (replies.size() < wanted && Readable(fd)) {
    char room[16384];
    const ssize_t octets = recv(fd, room, sizeof(room), 0);
    if (octets <= 0) {
      break;
    }
    came.append(room, static_cast<std::size_t>(octets));
    while (came.size() >= 2 && came.size() >= 2U + IdOf(came)) {
      replies.push_back(came.substr(2, IdOf(came)));
      came.erase(0, 2U + IdOf(came));
    }
  }
  return replies;
}

Counts OverTcp(const std::string& address,
               std::uint16_t port,
               std::uint64_t messages,
               Hostile& hostile) {
  Counts counts;
  while (counts.messages < messages) {
    const int fd = Connect(address, port, SOCK_STREAM);
    std::string stream = Framed(Good());
    std::deque<std::string> open{Good()};
    for (std::uint16_t id = 0; id < kWindow && counts.messages < messages; ++id) {
      std::string message = hostile.Make(id);
      if (message.size() < kHeader) {
        continue;  // ends the connection: at its end, below
      }
      ++counts.messages;
      stream += Framed(message);
      if (WantsReply(message)) {
        open.push_back(std::move(message));
      } else {
        ++counts.silent;
      }
    }
    stream += Framed(Good());
    open.push_back(Good());
    const std::size_t wanted = open.size();
    // In pieces that end anywhere, in the middle of a length, too.
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t piece = std::min<std::size_t>(1 + hostile.Up(2000), stream.size() - at);
      if (send(fd, stream.data() + at, piece, MSG_NOSIGNAL) < 0) {
        break;
      }
      at += piece;
    }
    for (const std::string& reply : Replies(fd, wanted)) {
      if (open.empty()) {
        Wrong("more replies than questions", "", reply);
      }
      Hold(open.front(), reply, true, counts);
      open.pop_front();
    }
    if (!open.empty()) {
      Wrong("a message has no reply over TCP", open.front(), "");
    }
    // A length that lies, and the end.
    std::string last = hostile.Make(7);
    last = Be16Octets(hostile.Chance(3) ? hostile.Up(11) : hostile.Up(65535)) + last;
    send(fd, last.data(), last.size(), MSG_NOSIGNAL);
    close(fd);
  }
  return counts;
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [argv](int at) {
    std::uint64_t value = 0;
    std::from_chars(argv[at], argv[at] + std::strlen(argv[at]), value);
    return value;
  };
  if (argc != 6 || number(2) == 0 || number(2) > 65535 || number(3) == 0) {
    std::fprintf(stderr, "usage: hostile_client ADDRESS PORT MESSAGES SEED udp|tcp\n");
    return 2;
  }
  const bool tcp = std::string(argv[5]) == "tcp";
  Hostile hostile(number(4));
  const auto port = static_cast<std::uint16_t>(number(2));
  const Counts counts =
      tcp ? OverTcp(argv[1], port, number(3), hostile) : OverUdp(argv[1], port, number(3), hostile);
  std::printf("{\"messages\": %lu, \"replies\": %lu, \"silent\": %lu, \"rcodes\": {",
              counts.messages,
              counts.replies,
              counts.silent);
  const char* comma = "";
  for (const auto& [rcode, count] : counts.rcodes) {
    std::printf("%s\"%u\": %lu", comma, rcode, count);
    comma = ", ";
  }
  std::printf("}}\n");
  return 0;
}
