-- Finds what a link layer carries: an ethertype and where it begins. Tags and labels on the way are
-- noted in out.path, which tells connections of one address pair apart.
local bytes = require("bytes")

local link = {}

local byte, find, sub = string.byte, string.find, string.sub
local u16 = bytes.u16

local IPV4, IPV6 = 0x0800, 0x86dd
-- A length in place of a type: 1500, and what headers of a network add to it. Types begin at 1536.
local LONGEST = 1535
-- Tags, labels and headers behind one Ethernet header.
local MAX_TAGS = 16

local KNOWN = {
  [IPV4] = true, [IPV6] = true, [0x0806] = true, [0x8100] = true, [0x88a8] = true, [0x9100] = true,
  [0x8847] = true, [0x8864] = true, [0x88e7] = true, [0x8909] = true,
}

-- Whether an IP header stands at `at`: version, header length, and a length that fits.
local function is_ip(s, at, room)
  local v, _, l1, l2, n1, n2 = byte(s, at, at + 5)
  if not n2 then
    return nil
  elseif v >= 0x45 and v <= 0x4f then
    local total = l1 * 256 + l2
    return (total == 0 or total >= 20 and total <= room - at + 1) and IPV4 or nil
  elseif v >= 0x60 and v <= 0x6f then
    return n1 * 256 + n2 + 40 <= room - at + 1 and IPV6 or nil
  end
  return nil
end
link.is_ip = is_ip

local function note(out, what)
  out.path = out.path .. what .. " "
end
link.note = note

local ethernet

-- A frame of Cisco's inter-switch link: it has a header of its own before a whole frame.
local ISL = "^[\1\3]\0\12\0\0.........\170\170\3"

-- Whether a frame with an Ethernet header stands at `at`, as far as it can be told: a type that is
-- known, and the IP header that it promises.
local function is_frame(s, at, room)
  local kind = u16(s, at + 12)
  if kind == IPV4 or kind == IPV6 then
    return is_ip(s, at + 14, room) == kind
  end
  return KNOWN[kind] or false
end
link.is_frame = is_frame

-- Behind MPLS's bottom label: IP, or a pseudowire with an Ethernet frame, its control word before it
-- or not (RFC 4448). An address may begin as IP does (RFC 4928).
local function behind_mpls(s, at, out, room, depth)
  local kind = is_ip(s, at, room)
  if kind and not is_frame(s, at, room) then
    return at, kind
  end
  local first, plain, behind_word = byte(s, at), u16(s, at + 12), u16(s, at + 16)
  if first and first < 16 and KNOWN[behind_word] and not KNOWN[plain] then
    at = at + 4
  elseif not KNOWN[plain] then
    return at, 0
  end
  return ethernet(s, at, out, room, depth + 1)
end

local function mpls(s, at, out, room, depth)
  local l1, l2, l3
  for _ = 1, MAX_TAGS do
    l1, l2, l3 = byte(s, at, at + 2)
    at = at + 4
    if not l3 or l3 % 2 == 1 then
      break
    end
  end
  if not l3 then
    return at, 0
  end
  note(out, "mpls " .. (l1 * 4096 + l2 * 16 + (l3 - l3 % 16) / 16))
  return behind_mpls(s, at, out, room, depth)
end

-- What is told of a point-to-point protocol that carries no packet.
local CLOSED_PPP = { [0x53] = "PPP, encrypted", [0xfb] = "PPP, compressed", [0xfd] = "PPP, compressed" }
local MULTILINK = 0x3d

-- Ethertype of a point-to-point protocol's number. Pieces of several links (RFC 1990) are Wireshark's to
-- put together.
local function of_ppp(protocol, out)
  if protocol == 0x21 or protocol == 0x57 then
    return protocol == 0x21 and IPV4 or IPV6
  end
  out.reason = protocol == MULTILINK and "PPP multilink" or CLOSED_PPP[protocol] or "PPP"
  out.elsewhere = protocol == MULTILINK and "PPP multilink" or out.elsewhere
  return 0
end

-- A point-to-point protocol number (RFC 1661), whole or as one byte.
local function ppp(s, at, out)
  local p1, p2 = byte(s, at, at + 1)
  if p1 == 0xff and p2 == 3 then
    at = at + 2
    p1, p2 = byte(s, at, at + 1)
  end
  if not p2 then
    return at, 0
  elseif p1 % 2 == 1 then
    return at + 1, of_ppp(p1, out)
  end
  return at + 2, of_ppp(p1 * 256 + p2, out)
end
link.ppp = ppp

-- Each takes a header behind its ethertype and returns where the next begins, and its ethertype.
local HEADERS = {}

local function vlan(s, at, out)
  local t1, t2, k1, k2 = byte(s, at, at + 3)
  if not k2 then
    return nil
  end
  out.vlan = (t1 * 256 + t2) % 4096
  -- Tag 0 is a priority and no network (IEEE 802.1Q).
  if out.vlan > 0 then
    note(out, "vlan " .. out.vlan)
  end
  return at + 4, k1 * 256 + k2
end
HEADERS[0x8100], HEADERS[0x88a8], HEADERS[0x9100], HEADERS[0x9200] = vlan, vlan, vlan, vlan
HEADERS[0x8847], HEADERS[0x8848] = mpls, mpls

HEADERS[0x8864] = function(s, at, out)
  local session = u16(s, at + 2)
  if not session then
    return nil
  end
  note(out, "pppoe " .. session)
  return ppp(s, at + 6, out)
end

-- A provider backbone's service tag (IEEE 802.1ah): 24 bits of it tell the service.
HEADERS[0x88e7] = function(s, at, out, room, depth)
  local _, i1, i2, i3 = byte(s, at, at + 3)
  if not i3 then
    return nil
  end
  note(out, "isid " .. (i1 * 65536 + i2 * 256 + i3))
  local backbone, kind = out.vlan, nil
  at, kind = ethernet(s, at + 4, out, room, depth + 1)
  out.vlan = out.vlan or backbone
  return at, kind
end

-- Cisco metadata (a security group tag): version, length in words, options.
HEADERS[0x8909] = function(s, at)
  local _, words = byte(s, at, at + 1)
  local next_at = words and at + 2 + words * 4
  return next_at and next_at + 2, next_at and u16(s, next_at) or 0
end

-- MACsec (IEEE 802.1AE) that signs and does not encrypt.
HEADERS[0x88e5] = function(s, at, out)
  local control = byte(s, at)
  if not control or control % 16 >= 4 then
    out.reason = "MACsec"
    return at, 0
  end
  at = at + (control % 64 >= 32 and 14 or 6)
  return at + 2, u16(s, at) or 0
end
-- VN-Tag and E-Tag (IEEE 802.1BR) of fabric extenders.
HEADERS[0x8926] = function(s, at) return at + 6, u16(s, at + 4) or 0 end
HEADERS[0x893f] = function(s, at) return at + 8, u16(s, at + 6) or 0 end
-- Redundancy (HSR, IEC 62439-3; R-TAG, IEEE 802.1CB): a sequence number, and what was there before.
HEADERS[0x892f] = function(s, at) return at + 6, u16(s, at + 4) or 0 end
HEADERS[0xf1c1] = HEADERS[0x892f]
-- The port of a switch's chip, as the processor behind it sees it (Marvell).
HEADERS[0xdada] = function(s, at) return at + 8, u16(s, at + 6) or 0 end
-- FabricPath: a tag and a whole frame.
HEADERS[0x8903] = function(s, at, out, room, depth)
  return ethernet(s, at + 2, out, room, depth + 1)
end
-- TRILL (RFC 6325): options of 4 bytes each, then a whole frame.
HEADERS[0x22f3] = function(s, at, out, room, depth)
  local b1, b2 = byte(s, at, at + 1)
  local options = b2 and b1 % 8 * 4 + (b2 - b2 % 64) / 64
  return ethernet(s, at + 4 + (options or 0) * 4 + 2, out, room, depth + 1)
end
-- A service function chain (RFC 8300).
HEADERS[0x894f] = function(s, at, out, room, depth)
  local _, size, _, kind = byte(s, at, at + 3)
  if not kind then
    return nil
  end
  at = at + size % 64 * 4
  if kind == 3 then
    return ethernet(s, at, out, room, depth + 1)
  end
  return at, kind == 1 and IPV4 or kind == 2 and IPV6 or kind == 5 and 0x8847 or 0
end

-- IEEE 802.2: SNAP carries an ethertype, 06 is IP itself.
local function llc(s, at)
  local dsap, ssap, control, _, _, _, k1, k2 = byte(s, at, at + 7)
  if dsap == 0xaa and ssap == 0xaa and control == 3 and k2 then
    return at + 8, k1 * 256 + k2
  elseif dsap == 6 and ssap == 6 and control == 3 then
    return at + 3, IPV4
  end
  return at, 0
end
link.llc = llc

-- A jumbo frame's length is no type, whatever it would be as one, where SNAP follows it.
local JUMBO = 9216

-- Whether what stands where a type does is a length (IEEE 802.3, 3.2.6).
local function is_length(s, at, kind)
  return kind > 0 and (kind <= LONGEST
    or kind <= JUMBO and kind ~= IPV4 and find(s, "^\170\170\3\0\0", at) ~= nil)
end

-- Whatever stands behind an ethertype, until IP, ARP or something that is none of these.
local function behind(s, at, kind, out, room, depth)
  for _ = 1, MAX_TAGS do
    if depth > MAX_TAGS then
      out.reason = "nested too deeply"
      return at, 0
    end
    local header = HEADERS[kind]
    if not header and is_length(s, at, kind) then
      at, kind = llc(s, at)
      header = HEADERS[kind]
    end
    if not header then
      return at, kind
    end
    at, kind = header(s, at, out, room, depth)
    if not at or not kind then
      return nil, 0
    end
  end
  out.reason = "nested too deeply"
  return at, 0
end
link.behind = behind

-- A frame whose Ethernet header begins at `at` (from 1). Returns where the header behind all tags
-- begins and its ethertype; 0 where it is none that is known.
function ethernet(s, at, out, room, depth)
  local a, b = byte(s, at + 12, at + 13)
  if not b then
    out.reason = "cut"
    return nil, 0
  end
  depth = depth or 0
  if depth == 0 and a < 6 and find(s, ISL, at) then
    return ethernet(s, at + 26, out, room, depth + 1)
  end
  out.hw, out.vlan = at, nil
  return behind(s, at + 14, a * 256 + b, out, room, depth)
end
link.ethernet = ethernet

-- By link type of a capture file (LINKTYPE_ of pcap); each as link.ethernet.
local TYPES = { [1] = ethernet }

local function of_family(s, at, _, room)
  return at + 4, is_ip(s, at + 4, room) or 0
end
-- BSD loopback, raw IP, point-to-point, Cisco HDLC, Linux cooked versions 1 and 2.
TYPES[0], TYPES[108] = of_family, of_family
local function raw(s, at, _, room)
  return at, is_ip(s, at, room) or 0
end
for _, kind in ipairs({ 12, 14, 101, 228, 229 }) do
  TYPES[kind] = raw
end
TYPES[9], TYPES[50] = ppp, ppp
TYPES[104] = function(s, at, out, room)
  return behind(s, at + 4, u16(s, at + 2) or 0, out, room, 0)
end
TYPES[113] = function(s, at, out, room)
  return behind(s, at + 16, u16(s, at + 14) or 0, out, room, 0)
end
TYPES[276] = function(s, at, out, room)
  return behind(s, at + 20, u16(s, at) or 0, out, room, 0)
end
link.TYPES = TYPES

-- The ethertypes of frames that have no host: nothing is lost with them.
link.WITHOUT_HOST = {
  [0x0806] = "ARP", [0x8035] = "ARP", [0x88cc] = "LLDP", [0x888e] = "EAPOL", [0x8892] = "PROFINET",
  [0x8863] = "PPPoE discovery", [0x8809] = "slow protocols", [0x88f7] = "PTP", [0x8902] = "CFM",
  [0x9000] = "loopback test",
}

-- The twelve address bytes of the innermost Ethernet header, or nil.
function link.hardware(s, out)
  local at = out.hw
  return at and #s >= at + 11 and sub(s, at, at + 11) or nil
end

return link
