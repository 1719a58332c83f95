// The compiled part of Boost.Asio and Boost.Beast, once, so that users compile quickly.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
