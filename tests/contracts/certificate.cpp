#include "contracts/certificate.hpp"

#include <csignal>
#include <filesystem>
#include <stdexcept>

#include "contracts/child_process.hpp"

namespace stoa {

Certificate::Certificate(const TemporaryFolder& folder, const std::string& file,
                         const std::string& names)
    : certificate_(folder.file(file + ".pem")), key_(folder.file(file + "-key.pem")) {
  ChildProcess openssl(
      {"/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
       "/CN=" + file, "-addext", "subjectAltName=" + names, "-keyout", key_, "-out", certificate_},
      folder.file("log"), SIGKILL);
  if (openssl.wait() != 0) throw std::runtime_error("no certificate can be made");
  std::filesystem::permissions(key_, std::filesystem::perms::all);
}

}  // namespace stoa
