// Compiles the search terms of a checker into one database on a thread of its own: thousands of
// them take seconds, and neither probes nor whoever assigns checks may wait for that.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "dataplane/base/result.h"
#include "health/probe/pattern.h"

namespace holdfast::health {

class PatternCompiler {
 public:
  /// Called on the compiler's thread, with no lock held.
  using Done = std::function<void(Result<std::shared_ptr<const PatternSet>>)>;

  /// Throws what a thread that is not to be had throws.
  explicit PatternCompiler(Done done);
  /// Waits for the compilation that is under way: it cannot be given up.
  ~PatternCompiler();
  PatternCompiler(const PatternCompiler&) = delete;
  PatternCompiler& operator=(const PatternCompiler&) = delete;

  /// Compiles `terms` next, in place of what waits, unless they are under way. None: what waits is
  /// not wanted any more. Any thread.
  void Want(std::vector<SearchTerm> terms);

 private:
  void Run();

  const Done done_;
  std::mutex mutex_;
  std::vector<SearchTerm> waiting_;    // guarded; empty: nothing
  std::vector<SearchTerm> under_way_;  // guarded; empty: nothing
  bool runs_ = false;                  // guarded
  boost::asio::thread_pool thread_{1};
};

}  // namespace holdfast::health
