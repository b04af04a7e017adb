-- What stands before the bytes of a connection that another host passes on: the header of the PROXY
-- protocol (versions 1 and 2, haproxy.org), by which a load balancer names who connected, and what a
-- client and a proxy (HTTP CONNECT, SOCKS 4 and 5) agree on first.
local bytes = require("bytes")

local proxy = {}

local byte, find, match, sub = string.byte, string.find, string.match, string.sub

local ONE, TWO = "PROXY ", "\r\n\r\n\0\r\nQUIT\n"
local LONGEST_ONE, LONGEST_TWO, LONGEST_HTTP, LONGEST_NAME = 107, 536, 16384, 256
-- Headers of load balancers behind one another, and steps of an agreement.
local MAX_PARTS = 8

-- All that read something return how long it is and the address that it names (raw, or nil); nothing
-- where it is none, and false where it goes on.
local function goes_on(it_may)
  if it_may then
    return false
  end
  return nil
end

local function version_one(s)
  local stop = find(s, "\r\n", 1, true)
  if not stop then
    return goes_on(#s < LONGEST_ONE)
  elseif stop > LONGEST_ONE then
    return nil
  end
  local family, address = match(s, "^PROXY (TCP[46]) (%S+) %S+ %d+ %d+\r\n")
  return stop + 1, family and bytes.parse_address(address) or nil
end

local function version_two(s)
  local command, family = byte(s, 13, 14)
  local length = bytes.u16(s, 15)
  if not length or #s < 16 + length then
    return goes_on(not length or length <= LONGEST_TWO)
  end
  local size = family == 0x11 and 4 or family == 0x21 and 16
  -- Of a connection of its own (LOCAL) a load balancer names nobody.
  local whole = size and command % 16 == 1 and length >= size * 2 + 4
  return 16 + length, whole and sub(s, 17, 16 + size) or nil
end

-- Headers of HTTP that begin so, up to the empty line.
local function http(s, begin)
  if sub(s, 1, #begin) ~= sub(begin, 1, #s) then
    return nil
  end
  local _, stop = find(s, "\r\n\r\n", 1, true)
  return stop or goes_on(#s < LONGEST_HTTP)
end

local function whole(s, length)
  return #s >= length and length or goes_on(true)
end

-- A SOCKS 5 request or reply (RFC 1928, 4 and 6): an address of a type, or a name, and a port.
local function socks_address(s)
  local kind, size = byte(s, 4, 5)
  local length = kind == 1 and 10 or kind == 4 and 22 or kind == 3 and 7 + (size or 0)
  if kind and not length then
    return nil
  end
  return whole(s, length and size and length or 11)
end

-- Steps of an agreement that a connection's originator takes, by c.asked: what it has asked for.
local function ask(s, c)
  local a, b, third = byte(s, 1, 3)
  if not b then
    return goes_on(c.asked or a == 4 or a == 5 or a == 67)
  elseif a == 67 and (not c.asked or c.asked == "http") then
    local stop = http(s, "CONNECT ")
    c.asked = stop and "http" or c.asked
    return stop
  elseif a == 4 and b == 1 and not c.asked then
    local address = sub(s, 5, 8)
    local stop = find(s, "\0", 9, true)
    if stop and find(address, "^\0\0\0[^\0]") then
      stop = find(s, "\0", stop + 1, true)
    end
    if not stop then
      return goes_on(#s < 2 * LONGEST_NAME)
    end
    c.asked = "socks4"
    return stop
  elseif a == 5 and b and b > 0 and not c.asked and (not third or third < 10 or third >= 128) then
    c.asked = #s >= 2 + b and "socks5" or nil
    return whole(s, 2 + b)
  elseif c.asked == "socks5" and a == 1 and b and b > 0 then
    -- Name and password (RFC 1929).
    return whole(s, 3 + b + (byte(s, 3 + b) or 0))
  elseif c.asked == "socks5" and a == 5 and b == 1 and (third or 0) == 0 then
    return socks_address(s)
  end
  return nil
end

-- And those of the proxy, of direction d.
local function answer(s, c, d)
  local a, b, third = byte(s, 1, 3)
  if not b then
    return false
  elseif c.asked == "http" then
    return http(s, "HTTP/1.")
  elseif c.asked == "socks4" and a == 0 and b == 90 then
    return whole(s, 8)
  elseif c.asked == "socks5" and (a == 1 or a == 5 and not d.greeted) then
    d.greeted = d.greeted or #s >= 2
    return whole(s, 2)
  elseif c.asked == "socks5" and a == 5 and b == 0 and (third or 0) == 0 then
    return socks_address(s)
  end
  return nil
end

local function read(s, c, d)
  if sub(s, 1, #ONE) == sub(ONE, 1, #s) then
    if #s < #ONE then
      return false
    end
    return version_one(s)
  elseif sub(s, 1, #TWO) == sub(TWO, 1, #s) then
    if #s < #TWO then
      return false
    end
    return version_two(s)
  elseif d == c.tcp_orig then
    return ask(s, c)
  end
  if c.asked then
    return answer(s, c, d)
  end
  return nil
end

-- The first bytes s of direction d of the connection c, without any of these; nil where there is nothing
-- behind them yet. c.proxied_for: the raw address that a load balancer names; c.asked: what kind of
-- proxy was asked for the connection, if one was.
function proxy.pass(c, d, s)
  local all = d.proxy and d.proxy .. s or s
  for _ = 1, MAX_PARTS do
    local length, address = read(all, c, d)
    if not length then
      d.proxy = length == false and all
      return not d.proxy and all or nil
    end
    c.proxied_for, all = address or c.proxied_for, sub(all, length + 1)
    if all == "" then
      d.proxy = ""
      return nil
    end
  end
  d.proxy = false
  return all
end

return proxy
