// See door.h. A TCP address is had in five steps; the first that fails says why.
#include "health/net/door.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>

namespace holdfast::health {

boost::system::error_code Listen(boost::asio::ip::tcp::acceptor& acceptor,
                                 const std::string& address,
                                 std::uint16_t port) {
  namespace ip = boost::asio::ip;
  constexpr int kBacklog = 128;
  boost::system::error_code error;
  const ip::tcp::endpoint endpoint(ip::make_address(address, error), port);
  const auto step = [&error](auto&& call) {
    if (!error) {
      call();
    }
  };
  step([&] { (void)acceptor.open(endpoint.protocol(), error); });
  step([&] { (void)acceptor.set_option(ip::tcp::acceptor::reuse_address(true), error); });
  if (endpoint.address().is_v6()) {
    step([&] { (void)acceptor.set_option(ip::v6_only(true), error); });
  }
  step([&] { (void)acceptor.bind(endpoint, error); });
  step([&] { (void)acceptor.listen(kBacklog, error); });
  return error;
}

}  // namespace holdfast::health
