-- Finds addresses, ports and payload in the bytes of a frame, whatever link they were captured on.
local packet = {}

local byte, sub = string.byte, string.sub

local ETHERTYPE_VLAN = { [0x8100] = true, [0x88a8] = true, [0x9100] = true, [0x9200] = true }

-- Offset (from 1) of the IP header and its ethertype behind an Ethernet header, VLAN tags between.
local function ethernet(s)
  local a, b = byte(s, 13, 14)
  if not b then
    return nil
  end
  local kind, at, vlan = a * 256 + b, 15, nil
  for _ = 1, 4 do
    if ETHERTYPE_VLAN[kind] then
      local t1, t2, k1, k2 = byte(s, at, at + 3)
      if not k2 then
        return nil
      end
      vlan = (t1 * 256 + t2) % 4096
      kind, at = k1 * 256 + k2, at + 4
    elseif kind == 0x8847 or kind == 0x8848 then
      -- MPLS: to the bottom of the stack.
      repeat
        local c = byte(s, at + 2)
        at = at + 4
      until not c or c % 2 == 1
      local v = byte(s, at)
      kind = v and (v >= 0x60 and 0x86dd or 0x0800) or 0
    elseif kind == 0x8864 then
      local p1, p2 = byte(s, at + 6, at + 7)
      kind = p2 and (p1 == 0 and p2 == 0x21 and 0x0800 or p2 == 0x57 and 0x86dd) or 0
      at = at + 8
    else
      break
    end
  end
  return at, kind, vlan
end
packet.ethernet = ethernet

local function is_ip(s, at, room)
  local v, _, l1, l2 = byte(s, at, at + 3)
  if not l2 then
    return nil
  elseif v >= 0x45 and v <= 0x4f and l1 * 256 + l2 >= 20 and l1 * 256 + l2 <= room - at + 1 then
    return 0x0800
  elseif v >= 0x60 and v <= 0x6f then
    local p1, p2 = byte(s, at + 4, at + 5)
    if p2 and p1 * 256 + p2 + 40 <= room - at + 1 then
      return 0x86dd
    end
  end
  return nil
end

-- Where IP begins on links that are not Ethernet: raw, BSD loopback, Linux cooked v1 and v2.
local function other_link(s, room)
  for _, at in ipairs({ 1, 5, 17, 21 }) do
    local kind = is_ip(s, at, room)
    if kind then
      return at, kind
    end
  end
  return nil
end

-- Fills `out` from the first bytes of a frame (128 are enough without long options); `room` is
-- the frame's length on the wire. out.proto: 6, 17, another IP protocol, or nil; out.key:
-- addresses and ports as on the wire. For TCP seq, ack, flags, offset (from 0) and length of the
-- payload. Returns out.
function packet.parse(s, room, out)
  local at, kind, vlan = ethernet(s)
  out.vlan, out.proto, out.key, out.link = vlan, nil, nil, "ethernet"
  local v = (kind == 0x0800 or kind == 0x86dd) and byte(s, at)
  if not v or (kind == 0x0800) ~= (v >= 0x45 and v <= 0x4f) or v >= 0x70 then
    if kind == 0x0806 then
      out.kind = kind
      return out
    end
    local other_at, other_kind = other_link(s, room)
    if not other_at then
      out.kind = kind
      return out
    end
    at, kind, out.link = other_at, other_kind, "other"
  end
  out.kind = kind
  return packet.ip(s, at, kind, out, room)
end

function packet.ip(s, at, kind, out, room)
  local proto, next_at, total
  if kind == 0x0800 then
    local v, _, l1, l2, _, _, f1, f2, _, p = byte(s, at, at + 9)
    if not p or #s < at + 19 then
      return out
    end
    proto, next_at, total = p, at + v % 16 * 4, l1 * 256 + l2
    out.hosts = sub(s, at + 12, at + 19)
    if f1 % 32 * 256 + f2 ~= 0 then
      -- A later fragment has no ports.
      out.proto, out.key = proto, out.hosts .. "\0\0\0\0"
      out.fragment = true
      return out
    end
    -- A zero is what offloading to the network card leaves there.
    total = (total > 0 and total or room - at + 1) - v % 16 * 4
  else
    local p1, p2, p = byte(s, at + 4, at + 6)
    if not p or #s < at + 39 then
      return out
    end
    proto, next_at, total = p, at + 40, p1 * 256 + p2
    out.hosts = sub(s, at + 8, at + 39)
    for _ = 1, 8 do
      if proto == 0 or proto == 43 or proto == 60 then
        local n, size = byte(s, next_at, next_at + 1)
        if not size then
          break
        end
        proto, next_at, total = n, next_at + size * 8 + 8, total - size * 8 - 8
      elseif proto == 44 then
        local n, _, o1, o2 = byte(s, next_at, next_at + 3)
        if not o2 then
          break
        end
        proto, next_at, total = n, next_at + 8, total - 8
        if o1 * 256 + o2 >= 8 then
          out.proto, out.key, out.fragment = proto, out.hosts .. "\0\0\0\0", true
          return out
        end
      else
        break
      end
    end
  end
  out.proto, out.fragment = proto, false
  if proto == 6 then
    if #s < next_at + 13 then
      out.key = #s >= next_at + 3 and out.hosts .. sub(s, next_at, next_at + 3) or nil
      out.short = true
      return out
    end
    local s1, s2, s3, s4, a1, a2, a3, a4, size, flags = byte(s, next_at + 4, next_at + 13)
    out.short = false
    out.key = out.hosts .. sub(s, next_at, next_at + 3)
    out.seq = ((s1 * 256 + s2) * 256 + s3) * 256 + s4
    out.ack = ((a1 * 256 + a2) * 256 + a3) * 256 + a4
    local header = (size - size % 16) / 4
    out.flags, out.offset = flags, next_at - 1 + header
    out.length = total - header
    if header < 20 or out.length < 0 then
      out.length, out.short = 0, true
    end
  elseif proto == 17 or proto == 132 then
    out.key = #s >= next_at + 3 and out.hosts .. sub(s, next_at, next_at + 3) or nil
    out.offset, out.length = next_at + 7, total - 8
  else
    out.key = out.hosts .. "\0\0\0\0"
  end
  return out
end

-- As packet.parse, for a header that an sFlow agent sampled: 1 is Ethernet, 11 and 12 are IPv4 and
-- IPv6 without a link layer (sFlow v5, enum header_protocol).
function packet.sampled(protocol, header, length, out)
  if protocol == 1 then
    -- Most samples by far: Ethernet, IPv4 without options, a whole TCP header.
    local t1, t2, v, _, l1, l2, _, _, f1, f2, _, p = byte(header, 13, 24)
    if p == 6 and v == 0x45 and t1 == 8 and t2 == 0 and f2 == 0 and f1 % 64 == 0 then
      local s1, s2, s3, s4, a1, a2, a3, a4, h, flags = byte(header, 39, 48)
      local total = l1 * 256 + l2
      local skip = flags and 20 + (h - h % 16) / 4
      if flags and skip >= 40 and total >= skip then
        out.vlan, out.link, out.kind, out.proto, out.key = nil, "ethernet", 0x0800, 6,
          sub(header, 27, 38)
        out.seq = ((s1 * 256 + s2) * 256 + s3) * 256 + s4
        out.ack = ((a1 * 256 + a2) * 256 + a3) * 256 + a4
        out.flags, out.offset, out.length = flags, 14 + skip, total - skip
        out.fragment, out.short = false, false
        return out
      end
    end
    return packet.parse(header, length, out)
  end
  out.key, out.proto, out.vlan, out.link, out.kind = nil, nil, nil, "other", nil
  local kind = protocol == 11 and 0x0800 or protocol == 12 and 0x86dd
  if kind then
    out.kind = kind
    packet.ip(header, 1, kind, out, length)
  end
  return out
end

return packet
