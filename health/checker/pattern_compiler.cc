#include "health/checker/pattern_compiler.h"

#include <boost/asio/post.hpp>
#include <pthread.h>
#include <utility>

namespace holdfast::health {

PatternCompiler::PatternCompiler(Done done) : done_(std::move(done)) {
  boost::asio::post(thread_, [] { pthread_setname_np(pthread_self(), "patterns"); });
}

PatternCompiler::~PatternCompiler() {
  {
    const std::lock_guard lock(mutex_);
    waiting_.clear();
  }
  thread_.join();
}

void PatternCompiler::Want(std::vector<SearchTerm> terms) {
  const std::lock_guard lock(mutex_);
  if (terms == under_way_) {
    waiting_.clear();
    return;
  }
  waiting_ = std::move(terms);
  if (!waiting_.empty() && !std::exchange(runs_, true)) {
    boost::asio::post(thread_, [this] { Run(); });
  }
}

void PatternCompiler::Run() {
  for (;;) {
    std::vector<SearchTerm> terms;
    {
      const std::lock_guard lock(mutex_);
      under_way_ = std::exchange(waiting_, {});
      if (under_way_.empty()) {
        runs_ = false;
        return;
      }
      terms = under_way_;
    }
    done_(PatternSet::Compile(std::move(terms)));
  }
}

}  // namespace holdfast::health
