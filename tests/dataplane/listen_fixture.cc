// Publishes the tables of the listener tests and keeps them until its standard input ends: for
// tests and measurements that are not C++. `listen_fixture [HOSTS]` prints the run folder.
#include <cstdio>
#include <cstdlib>

#include "tests/dataplane/listen_tables.h"

int main(int argc, char** argv) {
  const unsigned long hosts = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
  holdfast::listen::TestTables tables((8U << 20U) + (hosts * 512));
  tables.Publish(hosts);
  std::printf("%s\n", tables.run_dir().c_str());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
