// publish_tables FOLDER [ADDRESS]: publishes the small zone of tests/dataplane/small_tables.h into
// FOLDER, with ADDRESS for the name a.test, and ends. For end-to-end tests that need tables but no
// control process.
#include <cstdio>

#include "tests/dataplane/small_tables.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: publish_tables FOLDER [ADDRESS]\n");
    return 2;
  }
  const auto published =
      holdfast::test::PublishSmallTables(argv[1], argc > 2 ? argv[2] : "192.0.2.101");
  if (!published) {
    std::fprintf(stderr, "publish_tables: %s\n", published.error().message.c_str());
    return 1;
  }
  return 0;
}
