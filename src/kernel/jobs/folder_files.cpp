#include <filesystem>

#include "kernel/base/files.hpp"
#include "kernel/jobs/job_files.hpp"

namespace stoa::jobs {
namespace {

namespace fs = std::filesystem;

class MappedText final : public FileText {
 public:
  explicit MappedText(const std::string& path) : file_(path) {}
  [[nodiscard]] std::string_view text() const override { return file_.text(); }

 private:
  MappedFile file_;
};

class FolderFiles final : public JobFiles {
 public:
  FolderFiles(std::string root, std::vector<std::string> folders)
      : root_(std::move(root)), folders_(std::move(folders)) {
    for (const auto& folder : folders_) {
      fs::create_directory(path(folder));
      fs::permissions(path(folder), fs::perms::owner_all);
    }
  }

  void put(const std::string& name, std::string_view text) override {
    replace_file(path(name), text);
  }
  std::unique_ptr<FileText> open(const std::string& name) override {
    if (!fs::exists(path(name))) return nullptr;
    return std::make_unique<MappedText>(path(name));
  }
  std::int64_t size(const std::string& name) override {
    return fs::exists(path(name)) ? static_cast<std::int64_t>(fs::file_size(path(name))) : 0;
  }
  std::optional<std::string> part(const std::string& name, std::int64_t from,
                                  std::int64_t length) override {
    if (!fs::exists(path(name))) return std::nullopt;
    return read_file_part(path(name), from, length);
  }
  /// Durable before the slice is: what a crash leaves beyond its checkpoint is cut off later.
  std::function<void(UnitOfWork&)> append(const std::string& name, std::int64_t at,
                                          std::string text) override {
    GrowingFile file(path(name));
    file.cut(at);
    file.append(text);
    return [](UnitOfWork&) {};
  }
  bool remove(const std::string& name) override { return fs::remove(path(name)); }

  std::vector<std::string> not_written_since(Timestamp time) override {
    const auto age = std::chrono::system_clock::now() - std::chrono::system_clock::time_point(time);
    const auto since = fs::file_time_type::clock::now() - age;
    std::vector<std::string> names;
    for (const auto& folder : folders_)
      for (const auto& entry : fs::directory_iterator(path(folder)))
        if (entry.last_write_time() <= since)
          names.push_back(folder + "/" + entry.path().filename().string());
    return names;
  }

 private:
  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }

  std::string root_;
  std::vector<std::string> folders_;
};

}  // namespace

std::unique_ptr<JobFiles> make_folder_files(std::string root, std::vector<std::string> folders) {
  return std::make_unique<FolderFiles>(std::move(root), std::move(folders));
}

}  // namespace stoa::jobs
