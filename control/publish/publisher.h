// Publishing: puts compiled zones, pools and health into the tables and makes all of it visible
// with one store. The only writer of the shared files. A transaction is: Put... and Drop... calls,
// then Commit (all of it at one generation) or Abort (none of it). Control core only; not
// thread-safe.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unordered_map>
#include <vector>

#include "control/compile/compiled.h"
#include "control/publish/blobs.h"
#include "control/publish/grace.h"
#include "control/publish/image_writer.h"
#include "control/publish/name_index.h"
#include "control/publish/pool_table.h"
#include "control/publish/shared_blobs.h"

namespace holdfast::control {

struct PublisherOptions {
  std::string run_dir;  // folder of `root` and `readers/`; made when it is not there
  ImagePlace image;     // where and how large
  /// Asked for the folder when a new image is to be made and `image` names none; says in `notes`
  /// what a person should know about the choice.
  std::function<Result<std::string>(std::vector<std::string>& notes)> choose_directory;
  /// Asked whether a published image may stay in the folder where it lies. Empty: it may.
  std::function<bool(const std::string& directory)> lies_as_wanted;
  std::string spare_directory = "/dev/shm";  // for what replaces damaged tables, without room
  std::uint32_t map_wait_ms = 2000;          // how long readers may take to map a new image
  /// Called with a name before each store that a crash could come between; tests kill themselves in
  /// it. Empty in production.
  std::function<void(const char* point)> crash_point;
};

/// What a commit did.
struct Committed {
  Generation generation;            // the one that readers now get
  bool changed = false;             // false: nothing differed, nothing was published
  std::uint64_t published_tsc = 0;  // TSC right after the store
  std::string laggard = {};         // who did not map a new image, and why; empty: nobody
};

struct TableUse {
  std::uint64_t total_octets = 0;
  std::uint64_t free_octets = 0;
  std::uint64_t names = 0;
  std::uint64_t pools = 0;
  std::uint64_t blobs = 0;
  std::uint64_t waiting = 0;  // replaced things that a reader may still hold
};

class Publisher {
 public:
  /// Takes the run folder's lock; adopts the image that is published there, or prepares a new one
  /// (announced with the first Commit): when there is none, or it is damaged, or not of the wanted
  /// size or where it is wanted and there is room for another. Says in `notes` what it found and
  /// did, one line each.
  /// @return kConflict when another control holds the folder (its pid is named).
  static Result<std::unique_ptr<Publisher>> Open(const PublisherOptions& options,
                                                 std::vector<std::string>& notes);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  /// Whether what an earlier control published was found whole: Health() is its snapshot.
  [[nodiscard]] bool adopted() const noexcept { return adopted_; }
  [[nodiscard]] Generation generation() const noexcept;
  /// The health snapshot that the published generation was compiled from.
  [[nodiscard]] std::vector<CompiledHealth> Health();
  [[nodiscard]] std::vector<std::string> Origins() const;

  /// Begins a transaction in a new image, for tables that were found damaged: everything is to be
  /// put again. Commit leads the readers there as it does to an image of another size; Abort goes
  /// back to the image before, which serves on in any case. Not inside a transaction.
  /// @return kExhausted when there is no room for a second image; nothing changed then.
  Status StartAnew(std::vector<std::string>& notes);
  /// The first thing of the image that was found changed by someone else while it was compared or
  /// was to be given back. What it took stays taken; the tables are to be built anew.
  [[nodiscard]] const std::optional<table::Defect>& damaged() const noexcept {
    return writer_->damage();
  }

  // Each returns kExhausted when the tables are full: Abort then.
  /// The decisions of pools, one after the other. Before the zones and pools that refer to them.
  /// No-op for one that is the same; ends at the first that does not fit.
  Status PutPools(std::span<const CompiledPool> pools);
  Status PutPool(const CompiledPool& pool) { return PutPools({&pool, 1}); }
  /// Puts each zone in place of what is there under its origin: what is equal stays, what differs
  /// is replaced, what is gone dies. All of a load at once: the index grows for them together.
  Status PutZones(std::span<const CompiledZone> zones);
  Status PutZone(const CompiledZone& zone) { return PutZones({&zone, 1}); }
  Status DropZone(const std::string& origin);
  /// All checks with their status, in any order.
  Status PutHealth(std::vector<CompiledHealth> health);
  /// The status of some checks; those that the last PutHealth did not name are passed over.
  Status PutHealthOf(std::span<const CompiledHealth> health);
  /// What all readers make their replies by. No-op when it is the same.
  Status PutSettings(const CompiledSettings& settings);

  /// kExhausted when the transaction took of the last sixteenth of the tables. For loads: that much
  /// is kept for health, which must move every answer also when no further zone fits.
  [[nodiscard]] Status LeavesRoom() const;
  /// Whether an image that serves is to be left: as long as it is, Abort goes back to it.
  [[nodiscard]] bool moving() const noexcept { return before_.has_value(); }
  /// What to say when a move that [tables] asked for was given up.
  [[nodiscard]] std::string StayText(const Error& why) const;
  /// Makes the transaction visible with one store, then frees what no reader holds any more.
  /// @return kUnavailable when this would leave an image that serves and a live reader cannot
  /// follow: Abort then.
  Result<Committed> Commit();
  void Abort();

  /// Frees what no reader holds any more; finds new readers and forgets dead ones. A few times a
  /// second from the control loop.
  void Reclaim();
  /// Whether every live reader has passed `g`; `laggard` names one that has not.
  [[nodiscard]] bool Passed(Generation g, std::string* laggard = nullptr);
  /// Says that control lives: for supervisors, and for `status` once it does not.
  void Beat() noexcept;
  [[nodiscard]] TableUse Use();
  /// The image as control itself reads it, between transactions.
  [[nodiscard]] table::View view() const noexcept { return writer_->view(); }
  [[nodiscard]] const std::string& image_path() const noexcept { return image_path_; }

 private:
  using Pool = PoolTable::Pool;
  struct Zone {
    std::uint32_t slot_at = 0;
    std::uint32_t version_at = 0;
    std::vector<std::uint32_t> records;  // sorted; the zone's live NameRecords
  };
  enum class Kind : std::uint8_t {
    kRecordEnd,     // died: taken out of the index now, freed when a later generation was passed
    kRecordFree,    // known to nobody
    kRecordSettle,  // `born` is of no interest any more
    kDecision,
    kZoneVersion,
    kZoneSlot,
    kIndex,
    kHealth,
    kSettings,
    kPool,  // goes if nothing refers to it by then
    kRun,   // `owner` units of unknown content (what a control that died left behind)
  };
  struct Waiting {
    std::uint64_t generation;  // freed when every reader has passed it
    Kind kind;
    std::uint32_t at;
    std::uint32_t newer = 0;  // the version that replaced this one and still leads to it
    std::uint32_t owner = 0;  // kDecision: its pool's slot
  };

  // The image that is served while its successor is being filled.
  struct Before {
    std::string image_path;
    std::uint16_t image_seq = 0;
    ImageLock lock;
    std::unique_ptr<ImageWriter> writer;
    std::unique_ptr<SharedBlobs> shared;
    std::unique_ptr<Blobs> blobs;
    std::unique_ptr<NameIndex> index;
    PoolTable pools;
    std::unordered_map<std::string, Zone> zones;
    std::deque<Waiting> waiting;
  };

  // What is found out of a pool before its turn comes.
  struct Ahead {
    std::uint32_t number = 0;  // in pools_; 0: it was not there
    std::string first_image;   // its octets, as far as they are known
  };

  static constexpr std::uint64_t kReserve = 16;  // one part of so many

  explicit Publisher(const PublisherOptions& options) : options_(options) {}
  Status OpenRoot(std::vector<std::string>& notes);
  Status LockRoot(const std::string& path, struct stat& st);
  Status MapRoot(const std::string& path);
  Status SetRootAside(const std::string& path, const Error& why);
  Status AdoptImage(std::vector<std::string>& notes);
  Status NewImage(std::vector<std::string>& notes);
  Status MakeImage(const ImagePlace& place, std::vector<std::string>& notes);
  Status ReplaceDamaged(std::vector<std::string>& notes);
  void Tell(std::uint16_t seq, const std::string& path);
  std::string Announce();
  [[nodiscard]] bool HasWantedSize();
  [[nodiscard]] bool LiesAsWanted() const;
  [[nodiscard]] std::uint16_t AnnouncedSeq() const noexcept;
  [[nodiscard]] std::string ImageName(std::uint16_t seq) const;
  void RemoveImagesBut(std::initializer_list<std::uint16_t> kept);
  void SetUp(table::Mapping mapping, ImageLock lock);
  void GoBack();
  [[nodiscard]] Generation Next() const noexcept;
  [[nodiscard]] table::Snapshot AtNext();
  void Crash(const char* point) const {
    if (options_.crash_point) {
      options_.crash_point(point);
    }
  }

  // put_pool.cc
  void PrefetchRoom(std::size_t pools);
  void LookAhead(const CompiledPool& pool, Ahead& ahead);
  Status PutPool(const CompiledPool& compiled, const Ahead& ahead);
  Status MakeDecision(const CompiledPool& pool, std::string_view first_image);
  [[nodiscard]] Status LostPool();
  Status MakeOutcomes(const CompiledPool& pool,
                      std::string_view first_image,
                      std::span<table::Outcome> outcomes);
  Status UseShared(const CompiledPool& pool, table::Decision& decision, table::SwitchHead& head);
  void Release(std::span<const table::Outcome> outcomes);
  void ReleaseDecision(const table::DecisionParts& parts);
  void ReleaseShared(std::uint32_t location_at, std::uint32_t map_at);
  [[nodiscard]] table::DecisionParts MadeParts() const;
  Status PutDecision(Pool& pool);
  Status MakePool(const CompiledPool& pool);
  std::uint32_t UsePool(const RuleDigest& rule);
  void ReleasePool(std::uint32_t slot_at);

  // publisher.cc
  // Names that are put one after the other, with what all of them read sent for.
  struct NameGroup {
    std::span<const CompiledName> names;
    std::vector<PaddedName> padded;  // of each name, with the key of ...
    std::uint32_t index_at = 0;      // ... this version of the index
    table::Snapshot next;            // what is there, by that version
  };
  void Ready(NameGroup& group);
  Status PutRecord(
      NameGroup& group, std::size_t i, std::uint32_t zone_at, std::size_t left, Zone& zone);
  Status PutNames(std::span<const CompiledName> names, Zone& zone);
  Status PutOneZone(const CompiledZone& zone);
  Result<table::NameRecord> RecordOf(std::uint32_t zone_at, const CompiledName& name);
  Result<table::RrsetEntry> EntryOf(const CompiledRrset& rrset);
  Result<std::uint32_t> LinkRecord(const table::NameRecord& record,
                                   std::uint64_t hash,
                                   std::size_t left);
  Status GrowIndex(std::uint64_t names);
  void EndRecord(std::uint32_t record_at);
  void ReleaseRecord(const table::NameRecord& record);
  Status PutZoneVersion(Zone& to, const CompiledZone& zone);
  void RememberZone(const std::string& origin);
  void ForgetTransaction();

  // health_table.cc
  Status NewHealth(const std::vector<CompiledHealth>& health);
  std::span<table::HealthEntry> HealthEntries();
  void UpdateHealth(table::HealthEntry& entry, const CompiledHealth& health);

  // reclaim.cc
  void Wait(Waiting waiting) { waiting_.push_back(waiting); }
  void Free(const Waiting& waiting);
  void FreeRecord(std::uint32_t at);
  Result<bool> PutSettings(table::Settings made);
  void FreeSettings(std::uint32_t at);
  void FreeDecision(std::uint32_t at);
  void FreeZoneVersion(std::uint32_t at);
  void FreePool(std::uint32_t slot_at);
  template <class V>
  void Detach(const Waiting& waiting);

  // recover.cc
  friend class Recovery;

  PublisherOptions options_;
  int root_fd_ = -1;   // holds the lock
  int unfit_fd_ = -1;  // holds that of a root block which was set aside
  table::Mapping root_map_;
  table::RootBlock* root_ = nullptr;
  ImageLock lock_;       // on the image
  ImageLock left_lock_;  // on the one before, as long as the published generation lies in it
  std::string image_path_;
  std::uint16_t image_seq_ = 0;
  bool adopted_ = false;
  bool announced_ = false;
  std::vector<CompiledHealth> inherited_;  // Health() until the new image is published

  std::unique_ptr<ImageWriter> writer_;
  std::unique_ptr<Blobs> blobs_;
  std::unique_ptr<SharedBlobs> shared_;
  std::unique_ptr<NameIndex> index_;
  std::unique_ptr<Grace> grace_;
  PoolTable pools_;
  std::unordered_map<std::string, Zone> zones_;
  std::deque<Waiting> waiting_;   // generation ascending
  std::optional<Before> before_;  // what a move is about to leave
  // Working space of PutPools.
  std::array<Ahead, 16> ahead_;
  std::string made_;                // a decision that is not in the image yet
  std::size_t put_since_beat_ = 0;  // pools and their rows

  // The transaction.
  std::vector<Waiting> fresh_;     // what it made: given back by Abort
  std::vector<Waiting> replaced_;  // what it replaces: given back after Commit
  std::unordered_map<std::string, std::optional<Zone>> zones_before_;
  std::optional<std::pair<std::uint32_t, std::uint64_t>> index_before_;
};

}  // namespace holdfast::control
