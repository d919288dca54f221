// The rules of SVCB and HTTPS rdata that libldns does not enforce (RFC 9460 sections 2 and 8). Used
// by rdata.cc alone.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::control {

/// @return what is wrong with the wire rdata, or empty: priority and target present, keys strictly
/// rising (so none twice), each value of a legal length, `mandatory` naming keys that are there.
std::string SvcbFault(std::string_view rdata);

}  // namespace holdfast::control
