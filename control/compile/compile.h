// The façade of the room: a model and a health snapshot become zones, pools and the health list of
// a generation; after that, changed checks become the pools they touch. No clock, no I/O. Control
// core only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/compile/compiled.h"
#include "control/compile/decide.h"
#include "control/compile/pools.h"
#include "control/model/model.h"
#include "dataplane/base/result.h"

namespace holdfast::control {

using TakePools = std::function<Status(std::span<const CompiledPool>)>;

/// The rules of a compiled model and the health they were last decided under. Recompiles what a
/// transition touches, at the cost of that alone.
class Evaluation {
 public:
  /// @param pools   finished.
  /// @param checks  of the same model, in the order of `pools`' check indexes.
  Evaluation(std::unique_ptr<Pools> pools, std::vector<CompiledHealth> checks);

  /// Takes over the new status of some checks, told by id; ids that the model does not have are
  /// passed over.
  void TakeOver(std::span<const CompiledHealth> changed) { (void)Differing(changed); }
  /// The same, and decides every pool that they lead to, targets before those that lead to them.
  /// What comes out may equal what was: publish compares.
  /// @param take  gets them some at a time, to read until it returns.
  /// @return what `take` failed with; the pools behind those are not decided then.
  Status Recompile(std::span<const CompiledHealth> changed, const TakePools& take);

  /// Decides every pool.
  std::vector<CompiledPool> CompileAll();

  /// Status of every check as last decided from.
  [[nodiscard]] std::span<const CompiledHealth> health() const noexcept { return health_; }
  [[nodiscard]] const HealthBits& bits() const noexcept { return bits_; }
  [[nodiscard]] Pools& pools() noexcept { return *pools_; }

 private:
  std::vector<CheckIndex> Differing(std::span<const CompiledHealth> changed);

  std::unique_ptr<Pools> pools_;
  std::vector<CompiledHealth> health_;
  HealthBits bits_;
  Decider decider_;
};

struct Compiled {
  std::vector<CompiledZone> zones;
  std::vector<CompiledPool> pools;     // every pool a name or another pool may lead to
  std::vector<CompiledHealth> health;  // one per check of the model, in its order
  std::vector<std::string> warnings;   // what is served otherwise than written
  std::unique_ptr<Evaluation> evaluation;
};

/// Compiles everything.
/// @param health     status by check id; a check that is not among them counts as healthy and
///                   unknown (spec/health-checks.md section 7), one that is not in the model is
///                   passed over.
/// @param loaded_ms  wall clock, for CompiledZone::loaded_ms.
/// @return kInvalid, with the source, when the model holds what no table can.
Result<Compiled> Compile(const Model& model,
                         std::span<const CompiledHealth> health,
                         std::int64_t loaded_ms);

}  // namespace holdfast::control
