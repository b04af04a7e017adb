-- The header of the PROXY protocol (versions 1 and 2, haproxy.org) that a load balancer puts before
-- the bytes of the connection that it passes on: it names who connected.
local bytes = require("bytes")

local proxy = {}

local byte, find, match, sub = string.byte, string.find, string.match, string.sub

local ONE, TWO = "PROXY ", "\r\n\r\n\0\r\nQUIT\n"
local LONGEST_ONE, LONGEST_TWO = 107, 536

-- Both return how long the header is and the address that it names (raw, or nil); nothing where it
-- is none, and false where it goes on.
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

local function read(s)
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
  end
  return nil
end

-- The first bytes s of direction d of the connection c, without such a header; nil where there is
-- nothing behind it yet. c.proxied_for: the raw address that it names.
function proxy.pass(c, d, s)
  local all = d.proxy and d.proxy .. s or s
  local length, address = read(all)
  if length == nil then
    d.proxy = false
    return all
  elseif length == false then
    d.proxy = all
    return nil
  end
  d.proxy, c.proxied_for = false, address
  local rest = sub(all, length + 1)
  return #rest > 0 and rest or nil
end

return proxy
