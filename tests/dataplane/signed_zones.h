// The signed zones of tests/dataplane/signed, as control loads them: signed.test with NSEC, n3.test
// with NSEC3, optout.test with NSEC3, opt-out, a salt and iterations, and child.signed.test.
#pragma once

#include <string>

#include "control/config/zone_file.h"
#include "control/model/findings.h"
#include "control/model/model.h"
#include "dataplane/base/check.h"
#include "tests/dataplane/packet_builder.h"

namespace holdfast::test {

inline control::Zone SignedZone(const std::string& origin, const std::string& file) {
  control::Zone zone;
  zone.origin = Wire(origin);
  zone.id = origin;
  control::Findings findings;
  control::ReadZoneFile(HOLDFAST_SIGNED_ZONES "/" + file, zone, findings);
  HF_CHECK(findings.Ok() && findings.WarningCount() == 0);
  return zone;
}

inline control::Model SignedModel() {
  control::Model model;
  model.zones = {SignedZone("signed.test", "nsec.zone"),
                 SignedZone("child.signed.test", "child.zone"),
                 SignedZone("n3.test", "nsec3.zone"),
                 SignedZone("optout.test", "optout.zone")};
  return model;
}

}  // namespace holdfast::test
