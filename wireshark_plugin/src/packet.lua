-- Finds addresses, ports and payload in the bytes of a frame: those of the innermost packet,
-- whatever it was tunnelled through.
local link = require("link")
local tunnel = require("tunnel")

local packet = {}

local byte, sub = string.byte, string.sub

-- Tunnels in tunnels, as deep as anyone builds them.
local MAX_DEPTH = 16
local IPV4, IPV6, TEB = 0x0800, 0x86dd, 0x6558

-- Headers of this many bytes hold any stack of tunnels that is read.
packet.HEADERS = 2048

local function transport(s, at, total, proto, out)
  if proto == 6 then
    if #s < at + 13 then
      out.key = #s >= at + 3 and out.hosts .. sub(s, at, at + 3) or nil
      out.short = true
      return
    end
    local s1, s2, s3, s4, a1, a2, a3, a4, size, flags, w1, w2 = byte(s, at + 4, at + 15)
    out.short, out.window = false, w2 and w1 * 256 + w2
    out.key = out.hosts .. sub(s, at, at + 3)
    out.seq = ((s1 * 256 + s2) * 256 + s3) * 256 + s4
    out.ack = ((a1 * 256 + a2) * 256 + a3) * 256 + a4
    local header = (size - size % 16) / 4
    out.flags, out.offset = flags, at - 1 + header
    out.length = total - header
    if header < 20 or out.length < 0 then
      out.length, out.short = 0, true
    end
  elseif proto == 17 or proto == 132 then
    out.key = #s >= at + 3 and out.hosts .. sub(s, at, at + 3) or nil
    out.offset, out.length = at + 7, total - 8
  else
    out.key = out.hosts .. "\0\0\0\0"
  end
end
packet.transport = transport

-- An authentication header hides nothing; its length is in units of 4 bytes (RFC 4302).
local AUTHENTICATION = 51

-- Minimal encapsulation (RFC 2004): the header of the packet is the tunnel's, and its own hosts follow: the
-- receiver, and the sender where a flag says that it is another one.
local MINIMAL = 55

-- Returns as ipv4, with the packet's own hosts in out.hosts.
local function minimal(s, at, total, out)
  local n, flags = byte(s, at, at + 1)
  local size = flags and (flags >= 128 and 12 or 8)
  if not size or #s < at + size - 1 then
    return MINIMAL, at, total
  end
  local outer = out.hosts
  local sender = size == 12 and sub(s, at + 8, at + 11) or sub(outer, 1, 4)
  out.hosts, out.minimal = sender .. sub(s, at + 4, at + 7), size
  link.note(out, sub(outer, 1, 4) < sub(outer, 5) and outer or sub(outer, 5) .. sub(outer, 1, 4))
  return n, at + size, total - size
end

-- An IPv4 header, and one that authenticates what it carries. Returns protocol, where the payload
-- begins and its length; nil where it is cut.
local function ipv4(s, at, out, room)
  local v, _, l1, l2, i1, i2, f1, f2, ttl, p = byte(s, at, at + 9)
  if not p or #s < at + 19 then
    return nil
  end
  local header, total = v % 16 * 4, l1 * 256 + l2
  -- A zero is what offloading to the network card leaves there.
  total = total > 0 and total or room - at + 1
  out.hosts, out.ttl, out.id = sub(s, at + 12, at + 19), ttl, i1 * 256 + i2
  out.stop = at + total - 1
  local place = f1 % 32 * 256 + f2
  -- A fragment, and whether it is the first, which has the ports.
  out.fragment, out.first_fragment = place ~= 0, f1 % 64 >= 32 and place == 0
  at, total = at + header, total - header
  if p == AUTHENTICATION and not out.fragment then
    local n, words = byte(s, at, at + 1)
    if words then
      return n, at + words * 4 + 8, total - words * 4 - 8
    end
  elseif p == MINIMAL and not out.fragment then
    return minimal(s, at, total, out)
  end
  return p, at, total
end

-- Extension headers, and the unit of their length in bytes.
local EXTENSION = {
  [0] = 8, [43] = 8, [60] = 8, [135] = 8, [139] = 8, [140] = 8, [AUTHENTICATION] = 4,
}
local MAX_EXTENSIONS, ROUTING = 16, 43
-- Source routes (RFC 2460, 4.4), home addresses (RFC 6275, 6.4) and segments (RFC 8754).
local ROUTE, HOME, SEGMENTS = 0, 2, 4

-- The host that a routing header at `at` leads to, as long as the packet has not arrived there; nil where
-- the IPv6 header names it.
local function destination(s, at)
  local _, size, kind, left = byte(s, at, at + 3)
  if not left or left == 0 or size < 2 then
    return nil
  end
  local address = kind == ROUTE and at + size * 8 - 8 or (kind == HOME or kind == SEGMENTS) and at + 8
  return address and #s >= address + 15 and sub(s, address, address + 15) or nil
end

local function ipv6(s, at, out, room)
  local p1, p2, p, ttl = byte(s, at + 4, at + 7)
  if not ttl or #s < at + 39 then
    return nil
  end
  local total = p1 * 256 + p2
  -- A jumbogram (RFC 2675), or what offloading to the network card leaves there.
  total = total > 0 and total or room - at - 39
  out.hosts, out.ttl, out.id = sub(s, at + 8, at + 39), ttl, 0
  out.fragment, out.first_fragment, out.stop = false, false, at + 39 + total
  at = at + 40
  for _ = 1, MAX_EXTENSIONS do
    local unit = EXTENSION[p]
    if unit then
      local n, size = byte(s, at, at + 1)
      if not size then
        break
      end
      local led = p == ROUTING and destination(s, at)
      out.hosts = led and sub(out.hosts, 1, 16) .. led or out.hosts
      p, at, total = n, at + size * unit + 8, total - size * unit - 8
    elseif p == 44 then
      local n, _, o1, o2, i1, i2, i3, i4 = byte(s, at, at + 7)
      if not i4 then
        break
      end
      out.id = ((i1 * 256 + i2) * 256 + i3) * 256 + i4
      local place = o1 * 256 + o2
      out.fragment, out.first_fragment = place >= 8, place == 1
      p, at, total = n, at + 8, total - 8
      if out.fragment then
        break
      end
    else
      break
    end
  end
  return p, at, total
end

-- Fills `out` from the packet at `at` and what it carries.
local function network(s, at, kind, out, room, depth)
  out.kind = kind
  local proto, next_at, total
  local v = (kind == IPV4 or kind == IPV6) and byte(s, at)
  if v and kind == IPV4 and v >= 0x45 and v <= 0x4f then
    proto, next_at, total = ipv4(s, at, out, room)
  elseif v and kind == IPV6 and v >= 0x60 and v <= 0x6f then
    proto, next_at, total = ipv6(s, at, out, room)
  end
  if not proto then
    out.reason = out.reason or (kind == IPV4 or kind == IPV6) and (v and "cut or broken IP" or "cut")
    return
  end
  out.proto, out.l3, out.l4 = proto, at, next_at
  if out.fragment then
    -- A later fragment has no ports.
    out.key = out.hosts .. "\0\0\0\0"
    return
  end
  local path, hosts, stop = out.path, out.hosts, out.stop
  local first, carrier = out.first_fragment, nil
  if first then
    carrier = hosts .. "|" .. proto .. "|" .. out.id
  end
  local name, inside, inner = tunnel.inside(s, next_at, out, proto, room)
  if name and inside and inner and inner ~= 0 then
    if depth >= MAX_DEPTH then
      out.reason = "nested too deeply"
    else
      local vlan, hw, ttl, id = out.vlan, out.hw, out.ttl, out.id
      local a, b = sub(hosts, 1, #hosts / 2), sub(hosts, #hosts / 2 + 1)
      link.note(out, a < b and a .. b or b .. a)
      out.inner, out.l3, out.hosts = inside, nil, nil
      out.frame_stop = stop
      out.hw, out.vlan = nil, nil
      if inner == TEB then
        inside, inner = link.ethernet(s, inside, out, room, 0)
      else
        inside, inner = link.behind(s, inside, inner, out, room, 0)
      end
      if inside then
        network(s, inside, inner, out, stop < room and stop or room, depth + 1)
      end
      if out.l3 then
        out.tunnel = out.tunnel and name .. "," .. out.tunnel or name
        if first then
          out.first_fragment, out.carrier = true, carrier
        end
        return
      end
      -- Not a packet in there, or not enough of it: what carries it is all there is.
      out.opaque = out.kind ~= 0 and not link.WITHOUT_HOST[out.kind] and not out.reason and name or nil
      out.vlan, out.hw, out.ttl, out.id, out.inner = vlan, hw, ttl, id, nil
      out.hosts, out.stop, out.l3, out.l4, out.proto = hosts, stop, at, next_at, proto
      out.kind, out.fragment, out.first_fragment = kind, false, first
    end
  elseif name then
    out.opaque = name
  end
  out.path = path
  out.opaque = out.opaque or not out.elsewhere and tunnel.closed(s, next_at, proto, total)
  if out.minimal then
    out.tunnel = "ip"
  end
  transport(s, next_at, total, proto, out)
end

-- Whether the frame s is of the form that most have by far: Ethernet without tags, IPv4 without options,
-- TCP, and no fragment. No dissector has more to say of it.
function packet.is_plain(s)
  local t1, t2, v, _, _, _, _, _, f1, f2, _, p = byte(s, 13, 24)
  return p == 6 and v == 0x45 and t1 == 8 and t2 == 0 and f2 == 0 and f1 % 64 == 0
end

local function reset(out)
  out.vlan, out.proto, out.key, out.hw, out.path, out.tunnel = nil, nil, nil, nil, "", nil
  out.l3, out.inner, out.reason, out.elsewhere, out.short, out.hosts = nil, nil, nil, nil, nil, nil
  out.fragment, out.first_fragment, out.source, out.together = false, false, nil, nil
  out.opaque = nil
  out.frame_stop, out.carrier, out.packets, out.minimal = nil, nil, nil, nil
end
packet.reset = reset

-- Fills `out` from a frame of the plain form with a whole TCP header, `length` bytes long on the wire. Returns
-- whether s is of it. That is most frames by far.
local function read_plain(s, length, out)
  local t1, t2, v, _, l1, l2, i1, i2, f1, f2, ttl, p = byte(s, 13, 24)
  if p ~= 6 or v ~= 0x45 or t1 ~= 8 or t2 ~= 0 or f2 ~= 0 or f1 % 64 ~= 0 then
    return false
  end
  local s1, s2, s3, s4, a1, a2, a3, a4, h, flags, w1, w2 = byte(s, 39, 50)
  local total = l1 * 256 + l2
  local skip = w2 and 20 + (h - h % 16) / 4
  if not w2 or skip < 40 or total < skip then
    return false
  end
  reset(out)
  out.hw, out.kind, out.proto, out.key, out.hosts = 1, IPV4, 6, sub(s, 27, 38), sub(s, 27, 34)
  out.seq = ((s1 * 256 + s2) * 256 + s3) * 256 + s4
  out.ack = ((a1 * 256 + a2) * 256 + a3) * 256 + a4
  out.flags, out.offset, out.length, out.window = flags, 14 + skip, total - skip, w1 * 256 + w2
  out.short, out.wire, out.l3, out.l4 = false, length, 15, 35
  out.stop, out.id, out.ttl = 14 + total, i1 * 256 + i2, ttl
  return true
end

-- Fills `out` from the first bytes of a frame; `room` is the frame's length on the wire, kind its
-- link type (nil: Ethernet). out.proto: 6, 17, another IP protocol, or nil; out.key: addresses and
-- ports as on the wire. For TCP seq, ack, flags, offset (from 0) and length of the payload.
-- out.tunnel: names of the tunnels around it, the outermost first; out.path: what tells networks
-- apart (tags and numbers of tunnels); out.opaque: the name of a tunnel that could not be looked into;
-- out.wire: the frame's length without what it was tunnelled through. out.reason: why there are no addresses, where there should be. Returns out.
function packet.parse(s, room, out, kind)
  if (kind or 1) == 1 and read_plain(s, room, out) then
    return out
  end
  reset(out)
  out.wire = room
  local read = link.TYPES[kind or 1]
  if not read then
    out.kind, out.reason = nil, "link type"
    return out
  end
  local at, ethertype = read(s, 1, out, room, 0)
  out.kind = ethertype
  if at then
    network(s, at, ethertype, out, room, 0)
  end
  if out.inner or out.minimal or out.hw and out.hw > 1 then
    packet.measure(out, room)
  end
  return out
end

-- No Ethernet frame is shorter, its checksum left out (IEEE 802.3).
local SHORTEST = 60

-- The length of an inner frame: from its own Ethernet header to the end of what carries it, or of
-- its packet as if it had one.
function packet.measure(out, room)
  if out.hw and not out.minimal then
    local stop = out.frame_stop
    out.wire = (stop and stop < room and stop or room) - out.hw + 1
  else
    local size = (out.stop < room and out.stop or room) - out.l3 + 15 - (out.minimal or 0)
    out.wire = size > SHORTEST and size or SHORTEST
  end
end

-- A packet of the given ethertype (IPv4 or IPv6) that begins at `at`.
function packet.ip(s, at, kind, out, room)
  network(s, at, kind, out, room, 0)
  return out
end

-- Address and port, raw, that the packet in `out` is sent to.
function packet.receiver(out)
  local size = #out.hosts / 2
  return sub(out.hosts, size + 1) .. sub(out.key, size * 2 + 3, size * 2 + 4)
end

-- As packet.parse, for a header that an sFlow agent sampled: 1 is Ethernet, 11 and 12 are IPv4 and
-- IPv6 without a link layer (sFlow v5, enum header_protocol).
function packet.sampled(protocol, header, length, out)
  if protocol == 1 then
    return packet.parse(header, length, out)
  end
  reset(out)
  out.wire = length
  local kind = protocol == 11 and IPV4 or protocol == 12 and IPV6
  out.kind = kind or nil
  if kind then
    network(header, 1, kind, out, length, 0)
    if out.inner then
      packet.measure(out, length)
    end
  end
  return out
end

return packet
