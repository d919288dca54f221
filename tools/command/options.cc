// CLI11, in this file alone; see options.h.
#include "tools/command/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iostream>

#include "control/location/prefix.h"
#include "health/transition.h"

namespace holdfast::tools {

namespace {

constexpr const char* kDefaultConfig = "/etc/holdfast/holdfast.toml";
// A zone of ten million names takes its time; a reader that stalls holds a command back, too.
constexpr std::uint32_t kDefaultPatienceSeconds = 120;

class Grammar {
 public:
  Grammar() : app_("Holdfast: a health-driven authoritative DNS responder", "holdfast") {
    app_.require_subcommand(1);
    app_.set_help_flag("-h,--help", "Say how a command is used");
    app_.set_version_flag("--version", "holdfast " HF_VERSION, "Say which release this is");
    app_.footer(
        "A node is named by its file (--config, or the environment's HOLDFAST_CONFIG; default "
        "/etc/holdfast/holdfast.toml)\nor, for what asks a running node, by its --run-dir.\n"
        "Exit status: 0 done; 1 refused or invalid; 2 wrong usage or conflict; 3 control is not "
        "reachable.");
    WithFile(Command(app_, Verb::kRun, "run", "Start and supervise a node's processes"));
    WithFile(
        Command(app_, Verb::kCheck, "check", "Validate all files of a node, with no side effect"));
    WithNode(Command(app_,
                     Verb::kReload,
                     "reload",
                     "Read the files again; on an error the old "
                     "state goes on serving"));
    WithJson(WithNode(Command(app_,
                              Verb::kStatus,
                              "status",
                              "Show processes, tables, zones, "
                              "checks and readers")));
    CLI::App* explain = WithJson(
        WithNode(Command(app_, Verb::kExplain, "explain", "Show why a name is answered as it is")));
    explain->add_option("name", line_.name, "Name, like www.example.test")->required();
    explain->add_option("type", line_.type, "Type, like A or AAAA")->required();
    explain
        ->add_option("--client",
                     line_.client,
                     "Address or prefix that asks, as EDNS Client Subnet would name it; the output "
                     "says what is known of it, out of which file, and the scope of the reply, or "
                     "that nothing depends on the client")
        ->type_name("ADDRESS")
        ->check(Address());
    AddPlan();
    AddZone();
    AddHealth();
    AddRouting();
    AddTraffic();
    AddTables();
  }

  std::variant<CommandLine, Finished> Parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (const std::string unknown = UnknownCommand();
          !unknown.empty() &&
          error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError)) {
        std::cerr << "holdfast: " << unknown << "\nRun with --help for more information.\n";
        return Finished{.status = 2};
      }
      const bool asked_for = app_.exit(error, std::cout, std::cerr) == 0;
      return Finished{.status = asked_for ? 0 : 2};
    }
    if (line_.config.empty() && line_.run_dir.empty()) {
      line_.config = kDefaultConfig;
    }
    line_.patience = std::chrono::seconds(patience_seconds_);
    return line_;
  }

 private:
  // CLI11 says that a command is missing also where there is a wrong word in its place.
  [[nodiscard]] std::string UnknownCommand() const {
    const CLI::App* above = &app_;
    std::string line;
    while (!above->get_subcommands().empty()) {
      above = above->get_subcommands().back();
      line += above->get_name() + " ";
    }
    const std::vector<std::string> words = above->remaining();
    const auto is_word = [](const std::string& word) { return !word.starts_with('-'); };
    const auto word = std::ranges::find_if(words, is_word);
    if (word == words.end() || above->get_require_subcommand_min() == 0) {
      return {};
    }
    std::string expected;
    for (const CLI::App* one : above->get_subcommands([](const CLI::App*) { return true; })) {
      expected += (expected.empty() ? "" : ", ") + one->get_name();
    }
    return "there is no command '" + line + *word + "'; expected one of " + expected;
  }

  CLI::App* Command(CLI::App& above, Verb verb, const char* name, const char* help) {
    CLI::App* made = above.add_subcommand(name, help);
    made->set_help_flag("-h,--help", "Say how this command is used");
    made->callback([this, verb] { line_.verb = verb; });
    return made;
  }

  CLI::Option* WithFile(CLI::App* command) {
    return command->add_option("-c,--config", line_.config, "The node's TOML file")
        ->envname("HOLDFAST_CONFIG")
        ->type_name("FILE");
  }

  CLI::App* WithNode(CLI::App* command) {
    CLI::Option* file = WithFile(command);
    command->add_option("--run-dir", line_.run_dir, "The node's run folder, instead of --config")
        ->type_name("DIR")
        ->excludes(file);
    command->add_option("--timeout", patience_seconds_, "How long control may take")
        ->type_name("SECONDS")
        ->check(CLI::Range(1U, 86'400U))
        ->capture_default_str();
    return command;
  }

  CLI::App* WithJson(CLI::App* command) {
    command->add_flag("--json", line_.json, "Print control's JSON object");
    return command;
  }

  void AddPlan() {
    CLI::App* plan = WithJson(WithNode(
        Command(app_,
                Verb::kPlan,
                "plan",
                "Show which answers would change if a file were loaded, under the health of the "
                "moment; nothing is stored or served. Exit status 0 whether answers change or "
                "not, 1 where a load would refuse the file")));
    plan->add_option("file",
                     line_.file,
                     "Zone file or record sets (JSON), in place of what the zone has of that kind")
        ->required()
        ->check(CLI::ExistingFile);
    plan->add_option("--zone",
                     line_.origin,
                     "Zone it is for, like example.test; else the one that has this file, whose "
                     "$ORIGIN the file begins with, or that holds all names of the record sets")
        ->type_name("ORIGIN");
    plan->add_flag(
        "--all", line_.all, "Show every change, as many as one reply holds, not only a screenful");
  }

  void AddZone() {
    CLI::App* zone = app_.add_subcommand("zone", "Load or drop one zone");
    zone->require_subcommand(1);
    CLI::App* load =
        WithNode(Command(*zone,
                         Verb::kZoneLoad,
                         "load",
                         "Serve a zone file, from now on in place of the configured one (which, "
                         "named here, is followed again); no later query gets the old zone"));
    load->add_option("origin", line_.origin, "Origin, like example.test")->required();
    load->add_option("file", line_.file, "Zone file")->required()->check(CLI::ExistingFile);
    CLI::App* drop = WithNode(
        Command(*zone, Verb::kZoneDrop, "drop", "Serve a zone no more; no later query gets it"));
    drop->add_option("origin", line_.origin, "Origin, like example.test")->required();
  }

  void AddHealth() {
    CLI::App* health = app_.add_subcommand("health", "Show and override health checks");
    health->require_subcommand(1);
    CLI::App* show = WithJson(WithNode(Command(
        *health, Verb::kHealthShow, "show", "Show a check, and what each checker says of it")));
    show->add_option("check", line_.check, "Id of the check")->required();
    show->add_flag("--history",
                   line_.history,
                   "With the newest observations and changes of status, oldest first");
    CLI::App* set = WithNode(Command(
        *health, Verb::kHealthSet, "set", "Hold a check healthy or unhealthy, or let it go again"));
    set->add_option("check", line_.check, "Id of the check")->required();
    set->add_option("to", line_.to, "healthy, unhealthy, or auto for what the probes say")
        ->required()
        ->check(CLI::IsMember({"healthy", "unhealthy", "auto"}));
    set->add_option("--for",
                    line_.for_seconds,
                    "Let it go by itself after that time, 1..31536000, also when control was "
                    "restarted meanwhile; else it is held until it is set again")
        ->type_name("SECONDS")
        ->check(OrderSeconds());
    CLI::App* release = WithNode(Command(*health,
                                         Verb::kHealthRelease,
                                         "release",
                                         "Let a check come back that passes and is held down "
                                         "(manual_failback, hold_down_ms, max_flaps_per_hour)"));
    release->add_option("check", line_.check, "Id of the check")->required();
  }

  void AddRouting() {
    CLI::App* routing = app_.add_subcommand(
        "routing", "Show and switch routing controls (RECOVERY_CONTROL checks)");
    routing->require_subcommand(1);
    WithJson(WithNode(Command(*routing,
                              Verb::kRoutingList,
                              "list",
                              "Show what is On, the checks that go by it, and the safety rules")));
    CLI::App* set = WithNode(Command(*routing,
                                     Verb::kRoutingSet,
                                     "set",
                                     "Switch controls, all at once; refused, and nothing changed, "
                                     "where a safety rule forbids it"));
    set->add_option("--on", line_.on, "Names of controls")->type_name("NAME");
    set->add_option("--off", line_.off, "Names of controls")->type_name("NAME");
    set->add_option("--override", line_.overridden, "Safety rules to set aside for this once")
        ->type_name("RULE");
    set->add_option("--reason", line_.reason, "For the log")->type_name("TEXT");
    WithJson(WithNode(Command(*routing,
                              Verb::kRoutingLog,
                              "log",
                              "Show who switched what and what was refused, newest first")));
  }

  void AddTraffic() {
    CLI::App* traffic =
        app_.add_subcommand("traffic", "Load traffic policies and apply them to names");
    traffic->require_subcommand(1);
    const auto command = [this, traffic](Verb verb, const char* name, const char* help) {
      return WithJson(WithNode(Command(*traffic, verb, name, help)));
    };
    constexpr const char* kPolicy = "Name or id of a policy";
    CLI::App* load = command(Verb::kTrafficLoad,
                             "load",
                             "Take a traffic policy document as a new policy, or as the next "
                             "version of the one of that name; nothing is served of it yet");
    load->add_option("name", line_.name, kPolicy)->required();
    load->add_option("file", line_.file, "Document, as Route 53 has it")
        ->required()
        ->check(CLI::ExistingFile);
    load->add_option("--comment", line_.comment, "What is new in this version");
    command(
        Verb::kTrafficList, "list", "Show policies, their versions, and where they are applied");
    CLI::App* show = command(Verb::kTrafficShow, "show", "Print the document of a version");
    show->add_option("policy", line_.policy, kPolicy)->required();
    show->add_option("version", line_.version, "Its number; the newest if left out")
        ->check(CLI::Range(1U, 1000U));
    CLI::App* apply = command(Verb::kTrafficApply,
                              "apply",
                              "Answer a name by a version of a policy, from now on in place of the "
                              "version or policy that it had for this type of records; no later "
                              "query gets the old one. To go back is to apply the older version");
    apply->add_option("owner", line_.owner, "Name, like www.example.test")->required();
    apply
        ->add_option(
            "policy", line_.policy, "Name or id of a policy, and :VERSION unless the newest")
        ->required()
        ->type_name("POLICY[:VERSION]");
    apply->add_option("--ttl", line_.ttl, "TTL of the records; needed at first, later kept")
        ->check(CLI::Range(0U, 0x7fffffffU))
        ->type_name("SECONDS");
    CLI::App* remove =
        command(Verb::kTrafficRemove, "remove", "Apply no policy to a name any more");
    remove->add_option("owner", line_.owner, "Name, like www.example.test")->required();
    remove->add_option("type", line_.type, "Type, like A or AAAA")->required();
    CLI::App* drop =
        command(Verb::kTrafficDelete, "delete", "Forget a version of a policy that no name uses");
    drop->add_option("policy", line_.policy, kPolicy)->required();
    drop->add_option("version", line_.version, "Its number")
        ->required()
        ->check(CLI::Range(1U, 1000U));
  }

  void AddTables() {
    CLI::App* tables = app_.add_subcommand("tables", "Look at the shared tables themselves");
    tables->require_subcommand(1);
    WithImage(Command(*tables, Verb::kTablesDump, "dump", "Print every name and pool"));
    WithRunDir(Command(*tables,
                       Verb::kTablesRemove,
                       "remove",
                       "Remove the image and the root block that a stopped node leaves for its "
                       "next start; refused while a process of the node uses them"));
    WithImage(Command(*tables,
                      Verb::kTablesVerify,
                      "verify",
                      "Check every rule and checksum of the image; exit 1 when one is broken"));
  }

  // Of a node alone: it asks nobody, so it has no patience.
  CLI::Option* WithRunDir(CLI::App* command) {
    return command
        ->add_option("--run-dir", line_.run_dir, "The node's run folder, instead of --config")
        ->type_name("DIR")
        ->excludes(WithFile(command));
  }

  void WithImage(CLI::App* command) {
    CLI::Option* run_dir = WithRunDir(command);
    CLI::Option* image =
        command->add_option("--image", line_.image, "An image file, instead of a node's own")
            ->type_name("FILE")
            ->excludes(run_dir);
    CLI::Option* generation =
        command->add_option("--generation", line_.generation, "Generation to read --image at")
            ->type_name("N")
            ->check(Generation())
            ->needs(image);
    image->needs(generation);
  }

  // CLI11 takes -1 for the greatest number there is.
  static CLI::Validator Generation() {
    return {[](const std::string& text) {
              std::uint64_t number = 0;
              const char* end = text.data() + text.size();
              const auto read = std::from_chars(text.data(), end, number);
              return read.ec == std::errc{} && read.ptr == end && number != 0
                         ? std::string()
                         : "'" + text + "' is no generation; expected a whole number from 1";
            },
            ""};
  }

  static CLI::Validator OrderSeconds() {
    return {[](const std::string& text) {
              std::int64_t seconds = 0;
              const char* end = text.data() + text.size();
              const auto read = std::from_chars(text.data(), end, seconds);
              return read.ec == std::errc{} && read.ptr == end && seconds >= 1 &&
                             seconds <= health::kMaxOrderSeconds
                         ? std::string()
                         : "the time is " + text + "; expected 1.." +
                               std::to_string(health::kMaxOrderSeconds);
            },
            ""};
  }

  static CLI::Validator Address() {
    return {[](const std::string& text) {
              const auto client = control::ParseClient(text);
              return client ? std::string() : "'" + text + "' " + client.error().message;
            },
            ""};
  }

  CLI::App app_;
  CommandLine line_;
  std::uint32_t patience_seconds_ = kDefaultPatienceSeconds;
};

}  // namespace

std::variant<CommandLine, Finished> ParseCommandLine(int argc, const char* const* argv) {
  return Grammar().Parse(argc, argv);
}

}  // namespace holdfast::tools
