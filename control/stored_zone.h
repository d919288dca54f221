// Static zones as the store keeps them: a zone that a command loaded, in a form of our own, so that
// a restart needs neither its file nor its parser. Control core and its workers.
#pragma once

#include <string>

#include "control/model/model.h"
#include "control/model/store.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

/// The rrsets of a zone as octets. Record sets are not part of it: they stay in their file.
std::string ZoneContent(const Zone& zone);

/// The zone back from the store. @return kInvalid when the octets are not what ZoneContent writes.
Result<Zone> ZoneFromStore(const StoredZone& stored);

}  // namespace holdfast::control
