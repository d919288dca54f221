// Certificates for tests: an authority and whom it vouches for, as files that are gone at the end.
#pragma once

#include <filesystem>
#include <string>

#include "health/link/identity.h"

namespace holdfast::health::testing {

struct Issued {
  std::string name;  // CN, and a DNS name of subjectAltName unless `cn_only`
  bool cn_only = false;
  long days = 30;                // negative: has expired so many days ago
  std::string address;           // in subjectAltName; empty: none
  std::string authority = "ca";  // who signs: made when it is first asked for
};

class Certificates {
 public:
  Certificates();
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  /// Makes certificate and key; the peers' authority is always "ca".
  IdentityFiles Issue(const Issued& wanted);

 private:
  std::string MakeAuthority(const std::string& name);
  std::filesystem::path folder_;
  int made_ = 0;
};

}  // namespace holdfast::health::testing
