-- What IP carries that is a packet again: GRE, VXLAN, GENEVE, GTP-U, IP in IP and their kin. Names
-- of tunnels are those of Zeek's Tunnel::Type, in lower case.
local bytes = require("bytes")
local link = require("link")

local tunnel = {}

local byte, find = string.byte, string.find
local u16, u32 = bytes.u16, bytes.u32
local note = link.note

local IPV4, IPV6, TEB = 0x0800, 0x86dd, 0x6558

local function u24(s, at)
  local a, b, c = byte(s, at, at + 2)
  return c and (a * 256 + b) * 256 + c
end

-- Each returns the name of the tunnel, where what it carries begins, and its ethertype: TEB where
-- that is a whole Ethernet frame. nil: it is no tunnel.

-- Encapsulated remote mirroring: version 1 (type II) has 8 bytes, 2 (type III) 12 or 20, and type I
-- none (draft-foschiano-erspan); the mirrored frame's VLAN stands in it.
local function erspan(s, at, out, protocol, sequence)
  if protocol == 0x88be and not sequence then
    return at, TEB
  end
  local v1, v2 = byte(s, at, at + 1)
  local last = byte(s, at + 11)
  if not v2 then
    return nil
  end
  local version, vlan = (v1 - v1 % 16) / 16, v1 % 16 * 256 + v2
  if vlan > 0 then
    note(out, "vlan " .. vlan)
  end
  if version == 1 then
    return at + 8, TEB
  elseif version == 2 and last then
    local b = byte(s, at + 10)
    local frame_type = (b % 128 - b % 4) / 4
    return at + (last % 2 == 1 and 20 or 12), frame_type == 2 and IPV4 or TEB
  end
  return nil
end

-- Source routes (RFC 1701): each has a family, an offset and its length; the last is all zeros. Returns
-- what stands behind them.
local function behind_routes(s, at)
  for _ = 1, 32 do
    local f1, f2, _, size = byte(s, at, at + 3)
    if not size then
      return nil
    end
    at = at + 4 + size
    if f1 + f2 + size == 0 then
      return at
    end
  end
  return nil
end

local function gre(s, at, out, room)
  local f1, f2, p1, p2 = byte(s, at, at + 3)
  if not p2 or f2 % 8 > 1 then
    return nil
  end
  local protocol = p1 * 256 + p2
  if p1 == 0x82 or p1 == 0x83 or p1 == 0x90 or p1 == 0x91 then
    -- Access points of Aruba send 802.11 frames under numbers of their own.
    out.elsewhere = "gre"
    return nil
  end
  if f1 == 0x20 and f2 == 1 and protocol == 0x6400 then
    -- RouterOS's Ethernet over IP: length, and the tunnel's number with its low byte first.
    local low, high = byte(s, at + 6, at + 7)
    note(out, "gre " .. (high and high * 256 + low or 0))
    return "gre", at + 8, TEB
  end
  local checksum, routing = f1 >= 128, f1 % 128 >= 64
  local key, sequence = f1 % 64 >= 32, f1 % 32 >= 16
  local size = 4 + ((checksum or routing) and 4 or 0)
  if key and protocol ~= 0x880b then
    note(out, "gre " .. (u32(s, at + size) or 0))
  end
  size = size + (key and 4 or 0) + (sequence and 4 or 0)
  if f2 % 8 == 1 then
    -- Point-to-point tunnelling (RFC 2637): an acknowledgment may follow.
    size = size + (f2 >= 128 and 4 or 0)
  end
  at = at + size
  if routing then
    at = behind_routes(s, at)
    if not at then
      return nil
    end
  end
  if protocol == 0x88be or protocol == 0x22eb then
    local inside, kind = erspan(s, at, out, protocol, sequence)
    return inside and "gre", inside, kind
  elseif protocol == 0x880b then
    local inside, kind = link.ppp(s, at, {})
    return "gre", inside, kind
  elseif protocol == 0x883e and not link.is_ip(s, at, room) then
    -- WCCP's second version puts four bytes before the packet.
    return "gre", at + 4, link.is_ip(s, at + 4, room) or 0
  elseif protocol == 0x883e then
    return "gre", at, link.is_ip(s, at, room)
  end
  return "gre", at, protocol
end

local function vxlan(s, at, out)
  local flags, id = byte(s, at), u24(s, at + 4)
  if not id or flags % 16 < 8 then
    return nil
  end
  note(out, "vxlan " .. id)
  return "vxlan", at + 8, TEB
end

local GPE = { [1] = IPV4, [2] = IPV6, [3] = TEB, [4] = 0x894f, [5] = 0x8847 }

local function vxlan_gpe(s, at, out)
  local name, inside = vxlan(s, at, out)
  local flags = byte(s, at)
  return name, inside, name and flags % 8 >= 4 and GPE[byte(s, at + 3)] or TEB
end

local function geneve(s, at, out)
  local first, _, p1, p2 = byte(s, at, at + 3)
  local id = u24(s, at + 4)
  if not id or first >= 64 then
    return nil
  end
  note(out, "geneve " .. id)
  return "geneve", at + 8 + first * 4, p1 * 256 + p2
end

local function gtp(s, at, out, room)
  local flags, kind = byte(s, at, at + 1)
  local id = u32(s, at + 4)
  if not id or flags < 0x30 or flags > 0x3f or kind ~= 255 then
    return nil
  end
  note(out, "gtp " .. id)
  local inside = at + 8
  if flags % 8 > 0 then
    inside = inside + 4
    local extension = flags % 8 >= 4 and byte(s, inside - 1) or 0
    for _ = 1, 16 do
      local words = extension ~= 0 and byte(s, inside)
      if not words or words == 0 then
        break
      end
      inside = inside + words * 4
      extension = byte(s, inside - 1) or 0
    end
  end
  return "gtpv1", inside, link.is_ip(s, inside, room) or 0
end

local function teredo(s, at, _, room)
  local a, b = byte(s, at, at + 1)
  if a == 0 and b == 1 then
    -- Authentication: lengths of an identifier and of a value.
    local i, v = byte(s, at + 2, at + 3)
    at = v and at + 13 + i + v or at
    a, b = byte(s, at, at + 1)
  end
  if a == 0 and b == 0 then
    at = at + 8
  end
  if link.is_ip(s, at, room) ~= IPV6 then
    return nil
  end
  return "teredo", at, IPV6
end

-- Layer 2 tunnelling, version 3 (RFC 3931): a session, then a cookie and a sublayer that both ends
-- know of one another; a frame is looked for where these may end. at: the session.
local function l2tp3(s, at, out, room)
  local id = u32(s, at)
  for inside = at + 4, at + 16, 4 do
    if id and id > 0 and link.is_frame(s, inside, room) then
      note(out, "l2tp " .. id)
      return "l2tp", inside, TEB
    end
  end
  out.elsewhere = id and id > 0 and "l2tp" or true
  return nil
end

local function l2tp(s, at, out, room)
  local flags, version = byte(s, at, at + 1)
  if flags == 0 and version == 3 then
    return l2tp3(s, at + 4, out, room)
  end
  -- Control messages set up what data messages come through (RFC 2661, 3.1).
  out.elsewhere = flags and flags < 128 and "l2tp" or true
  return nil
end

-- Locator and identifier apart (RFC 9300, 5.3): an instance where a flag says so.
local function lisp(s, at, out, room)
  local flags, id = byte(s, at), u24(s, at + 4)
  if id and flags % 16 >= 8 then
    note(out, "lisp " .. id)
  end
  if id and flags % 8 >= 4 then
    -- Any protocol (RFC 9305).
    return "lisp", at + 8, GPE[byte(s, at + 3)] or 0
  end
  return "lisp", at + 8, link.is_ip(s, at + 8, room) or 0
end

-- Generic UDP encapsulation: a protocol of IP behind options, or IP itself, by its version.
local function gue(s, at, _, room)
  local first, proto = byte(s, at, at + 1)
  local version = first and (first - first % 64) / 64
  local inside = at + (version == 0 and 4 + first % 32 * 4 or 0)
  local kind = link.is_ip(s, inside, room)
  if version == 1 or version == 0 and (proto == 4 and kind == IPV4 or proto == 41 and kind == IPV6) then
    return "gue", inside, kind or 0
  end
  return nil
end

-- An encrypted payload (RFC 4303) that is signed and not encrypted (RFC 2410) holds a packet and a
-- few bytes behind it, the last of them known where all of it is there.
local MAX_TRAILER = 40

local function esp(s, at, _, room)
  local inside = at + 8
  local kind = link.is_ip(s, inside, room)
  local size = kind == IPV4 and u16(s, inside + 2) or kind == IPV6 and u16(s, inside + 4) + 40
  local left = size and room - inside + 1 - size
  if not left or size == 0 or left < 2 or left > MAX_TRAILER then
    return nil
  end
  return "esp", inside, kind
end

-- Tunnels of IPv6 to hosts without it (AYIYA, draft-massar-v6ops-ayiya): lengths of who sends, as a power of two, and of
-- the signature, in units of four bytes, stand in the first two bytes, what is inside in the fourth.
local function ayiya(s, at, _, room)
  local who, signed, _, protocol = byte(s, at, at + 3)
  if not protocol or who < 16 or who >= 128 then
    return nil
  end
  local inside = at + 8 + 2 ^ ((who - who % 16) / 16) + (signed - signed % 16) / 4
  local kind = (protocol == 4 or protocol == 41) and link.is_ip(s, inside, room)
  if not kind then
    return nil
  end
  return "ayiya", inside, kind
end

local UDP = {
  [4789] = vxlan, [8472] = vxlan, [48879] = vxlan, [4790] = vxlan_gpe, [6081] = geneve, [2152] = gtp,
  [3544] = teredo, [5072] = ayiya, [4754] = gre, [4341] = lisp, [6080] = gue, [1701] = l2tp,
  [6635] = function(_, at) return "mpls", at, 0x8847 end,
}

-- VXLAN and GENEVE on ports that somebody chose: the constant bytes of a header without options, and a
-- frame behind it.
local function on_any_port(s, at, out, room)
  local a, b, c, d, _, _, _, last = byte(s, at, at + 7)
  local read = a == 8 and b == 0 and c == 0 and d == 0 and vxlan
    or a == 0 and b == 0 and c == 0x65 and d == 0x58 and geneve
  if read and last == 0 and link.is_frame(s, at + 8, room) then
    return read(s, at, out)
  end
  return nil
end

-- Mirrors of switches (HP's ERM and others) put a header of their own, of so many bytes at most, and a
-- whole frame into a datagram; the frame's packet ends where the datagram does, but for padding of the
-- shortest frames and a checksum.
local LONGEST_HEADER, SHORTEST_PACKET, CHECKSUM = 20, 46, 4

-- The length of the packet in a frame at `at`, whose tag is looked over; nil where there is none.
local function packet_in(s, at)
  local kind = u16(s, at + 12)
  if kind == 0x8100 then
    at = at + 4
    kind = u16(s, at + 12)
  end
  local v = byte(s, at + 14)
  if kind == IPV4 and v and v >= 0x45 and v <= 0x4f then
    return at + 14, u16(s, at + 16)
  elseif kind == IPV6 and v and v >= 0x60 and v <= 0x6f then
    return at + 14, (u16(s, at + 18) or 0) + 40
  end
  return nil
end

local function mirrored(s, at, out)
  for inside = at, at + LONGEST_HEADER, 4 do
    local first, size = packet_in(s, inside)
    local left = size and out.stop + 1 - first - size
    local padding = size and size < SHORTEST_PACKET and SHORTEST_PACKET - size or 0
    if left and (left == 0 or left == CHECKSUM or left == padding or left == padding + CHECKSUM) then
      return "udp", inside, TEB
    end
  end
  return nil
end

-- Others put a packet without a link layer behind a header of theirs (Juniper's mirrors), of so
-- many bytes at most: one that ends where the datagram does, and whose header's sum is right or left out.
local LONGEST_BEFORE_IP = 44

local function is_right(s, at)
  local sum = 0
  for i = at, at + 18, 2 do
    sum = sum + (u16(s, i) or 0)
  end
  return sum % 65535 == 0 or u16(s, at + 10) == 0
end

local function mirrored_packet(s, at, out)
  for inside = at + 4, at + LONGEST_BEFORE_IP, 4 do
    local v = byte(s, inside)
    local left = out.stop + 1 - inside
    if v == 0x45 and u16(s, inside + 2) == left and left >= 28 and is_right(s, inside) then
      return "udp", inside, IPV4
    elseif v and v >= 0x60 and v <= 0x6f and left >= 60 and u16(s, inside + 4) == left - 40
      and (byte(s, inside + 6) == 6 or byte(s, inside + 6) == 17) then
      return "udp", inside, IPV6
    end
  end
  return nil
end

-- What only tshark's dissectors look into, by port, and what it is called where they do not: CAPWAP, its
-- control, LWAPP, TZSP, mirrors of access points, ZigBee's encapsulation.
local ELSEWHERE = {
  [5246] = true, [5247] = "CAPWAP", [12222] = "LWAPP", [12223] = true, [37008] = "TZSP",
  [5555] = "Aruba's mirror", [17754] = true,
}

-- Whether the UDP header at `at` has a port of a tunnel.
function tunnel.is_port(s, at)
  return UDP[u16(s, at)] ~= nil or UDP[u16(s, at + 2)] ~= nil
end

local function whole(kind)
  return function(_, at) return "ip", at, kind end
end

local IP = {
  [4] = whole(IPV4), [41] = whole(IPV6), [47] = gre, [50] = esp, [115] = l2tp3,
  [137] = whole(0x8847), [143] = whole(TEB),
  -- IP in IP as radio amateurs number it.
  [94] = function(s, at, _, room) return "ip", at, link.is_ip(s, at, room) or 0 end,
  -- EtherIP (RFC 3378): version and nothing.
  [97] = function(_, at) return "ip", at + 2, TEB end,
}

-- What encrypts or compresses what it carries, by protocol of IP and port of UDP.
local CLOSED = { [50] = "ESP", [108] = "IPComp" }
local WIREGUARD, ESP_PORT, GLOBALPROTECT, NEBULA = 51820, 4500, 4501, 4242
local BY_PORT = { [1194] = "OpenVPN", [9993] = "ZeroTier" }

-- Application data of DTLS 1.0 and 1.2 (RFC 6347, 4.1): as VPNs send it.
local DTLS = "^\23\254[\253\255]"

-- WireGuard's messages: a type and three zeros; those with data have a counter whose high bytes are 0.
local function is_wireguard(s, at, size)
  return find(s, "^\1\0\0\0", at) and size == 148 or find(s, "^\2\0\0\0", at) and size == 92
    or find(s, "^\4\0\0\0.........\0\0\0", at) and size % 16 == 0
end

-- The name of a tunnel into which nobody can look without keys, or nil. As tunnel.inside; size: of
-- what IP carries.
function tunnel.closed(s, at, proto, size)
  if proto ~= 17 or not size or size <= 8 then
    return CLOSED[proto]
  end
  local from, to = u16(s, at), u16(s, at + 2)
  if BY_PORT[to] or BY_PORT[from] then
    return BY_PORT[to] or BY_PORT[from]
  elseif find(s, DTLS, at + 8) then
    return "DTLS"
  elseif (to == NEBULA or from == NEBULA) and find(s, "^\17\1\0\0", at + 8) then
    return "Nebula"
  elseif (to == ESP_PORT or from == ESP_PORT or to == GLOBALPROTECT or from == GLOBALPROTECT) and size > 12 and (u32(s, at + 8) or 0) > 0 then
    -- Key exchange begins with zeros (RFC 3948), and what keeps a translation alive is one byte.
    return "ESP"
  elseif (to == WIREGUARD or from == WIREGUARD) and find(s, "^[\1-\4]\0\0\0", at + 8)
    or is_wireguard(s, at + 8, size - 8) then
    return "WireGuard"
  end
  return nil
end

-- proto: of an IP header; at: where its payload begins. For UDP, ports: those of its header.
-- Returns as each of the above.
function tunnel.inside(s, at, out, proto, room)
  local read = IP[proto]
  if read then
    return read(s, at, out, room)
  elseif proto == 17 then
    local from, to = u16(s, at), u16(s, at + 2)
    local by_port = UDP[to] or UDP[from]
    if by_port then
      return by_port(s, at + 8, out, room)
    end
    local name, inside, kind = on_any_port(s, at + 8, out, room)
    if name then
      return name, inside, kind
    elseif ELSEWHERE[to] or ELSEWHERE[from] then
      out.elsewhere = ELSEWHERE[to] or ELSEWHERE[from]
      return nil
    end
    name, inside, kind = mirrored(s, at + 8, out)
    if name then
      return name, inside, kind
    end
    return mirrored_packet(s, at + 8, out)
  end
  return nil
end

return tunnel
