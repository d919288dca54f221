// See reply_reader.h.
#include "tests/dataplane/reply_reader.h"

#include <utility>

namespace holdfast::test {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view message) : m_(message) {}

  std::optional<ReadReply> Read(std::string* why) {
    ReadReply reply;
    const bool good = ReadAll(reply);
    if (!good && why != nullptr) {
      *why = why_ + " at octet " + std::to_string(at_);
    }
    return good ? std::optional(std::move(reply)) : std::nullopt;
  }

 private:
  bool No(const char* why) {
    why_ = why;
    return false;
  }
  unsigned Octet(std::size_t at) const { return static_cast<unsigned char>(m_[at]); }
  unsigned Two(std::size_t at) const { return (Octet(at) << 8U) | Octet(at + 1); }

  bool Take(std::size_t octets, std::size_t& at) {
    at = at_;
    if (m_.size() - at_ < octets) {
      return No("message ends early");
    }
    at_ += octets;
    return true;
  }

  // Decompresses the name at `at` and moves `at` past it. Each pointer must lead to before the
  // label sequence that it ends, so that it cannot loop.
  bool Name(std::size_t& at, std::size_t end, std::string& name) {
    name.clear();
    std::size_t from = at;
    std::size_t sequence = at;
    bool jumped = false;
    for (;;) {
      if (from >= (jumped ? m_.size() : end)) {
        return No("name runs past its end");
      }
      const unsigned octet = Octet(from);
      if (octet >= 0xC0) {
        if (from + 2 > (jumped ? m_.size() : end)) {
          return No("pointer runs past its end");
        }
        const unsigned target = Two(from) & 0x3FFFU;
        if (target < 12 || target >= sequence) {
          return No("pointer does not lead back to a name");
        }
        if (!jumped) {
          at = from + 2;
        }
        jumped = true;
        from = sequence = target;
        continue;
      }
      if (octet > 63) {
        return No("label type 01 or 10");
      }
      if (from + 1 + octet > m_.size()) {
        return No("label runs past the message");
      }
      name.append(m_.substr(from, octet + 1));
      if (name.size() > 255) {
        return No("name of more than 255 octets");
      }
      from += octet + 1;
      if (octet == 0) {
        break;
      }
    }
    if (!jumped) {
      at = from;
    }
    return jumped || from <= end ? true : No("name runs past its end");
  }

  bool Rdata(std::uint16_t type, std::size_t at, std::size_t end, std::string& rdata) {
    unsigned names = 0;
    std::size_t skip = 0;
    switch (type) {
      case 2:
      case 5:
      case 12:
      case 39:
        names = 1;
        break;
      case 6:
        names = 2;
        break;
      case 15:
        names = 1;
        skip = 2;
        break;
      default:
        break;
    }
    if (end - at < skip) {
      return No("rdata too short");
    }
    rdata = m_.substr(at, skip);
    at += skip;
    for (; names > 0; --names) {
      std::string name;
      if (!Name(at, end, name)) {
        return false;
      }
      rdata += name;
    }
    rdata += m_.substr(at, end - at);
    return true;
  }

  bool Record(std::vector<ReadRecord>& section, ReadReply& reply, bool may_be_opt) {
    ReadRecord record;
    const std::size_t start = at_;
    if (!Name(at_, m_.size(), record.owner)) {
      return false;
    }
    std::size_t at = 0;
    if (!Take(10, at)) {
      return false;
    }
    record.type = static_cast<std::uint16_t>(Two(at));
    record.rclass = static_cast<std::uint16_t>(Two(at + 2));
    record.ttl = (std::uint32_t{Two(at + 4)} << 16U) | Two(at + 6);
    const std::size_t rdlength = Two(at + 8);
    if (!Take(rdlength, at)) {
      return false;
    }
    if (record.type == 41) {
      if (!may_be_opt || reply.has_opt || m_[start] != 0) {
        return No("OPT out of place");
      }
      reply.has_opt = true;
      reply.opt_size = record.rclass;
      reply.opt_ttl = record.ttl;
      reply.opt_rdata = m_.substr(at, rdlength);
      return true;
    }
    if (record.ttl > 0x7FFFFFFFU) {
      return No("TTL with its top bit set");
    }
    if (!Rdata(record.type, at, at + rdlength, record.rdata)) {
      return false;
    }
    section.push_back(std::move(record));
    return true;
  }

  bool ReadAll(ReadReply& reply) {
    std::size_t at = 0;
    if (!Take(12, at)) {
      return false;
    }
    reply.id = static_cast<std::uint16_t>(Two(0));
    reply.flags = static_cast<std::uint16_t>(Two(2));
    if (Two(4) > 1) {
      return No("more than one question");
    }
    if (Two(4) == 1) {
      const std::size_t start = at_;
      if (!Name(at_, m_.size(), reply.qname) || !Take(4, at)) {
        return false;
      }
      reply.qtype = static_cast<std::uint16_t>(Two(at));
      reply.qclass = static_cast<std::uint16_t>(Two(at + 2));
      reply.question = m_.substr(start, at_ - start);
    }
    std::vector<ReadRecord>* const sections[] = {
        &reply.answer, &reply.authority, &reply.additional};
    for (int section = 0; section < 3; ++section) {
      for (unsigned left = Two(6 + (2U * static_cast<unsigned>(section))); left > 0; --left) {
        if (reply.has_opt) {
          return No("a record behind the OPT");
        }
        if (!Record(*sections[section], reply, section == 2)) {
          return false;
        }
      }
    }
    return at_ == m_.size() ? true : No("octets left over");
  }

  std::string_view m_;
  std::size_t at_ = 0;
  std::string why_;
};

}  // namespace

std::optional<ReadReply> ReadMessage(std::string_view message, std::string* why) {
  return Reader(message).Read(why);
}

}  // namespace holdfast::test
