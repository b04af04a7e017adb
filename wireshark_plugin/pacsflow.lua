-- PACS flow: tags every DICOM frame, association and PACS endpoint.
-- Built from src/ by build.py; change it there.
if rawget(_G, "pacsflow_is_loaded") then
  return
end
pacsflow_is_loaded = true
local VERSION = "0.1.0"
if set_plugin_info then
  set_plugin_info({
    version = VERSION, description = "Tags DICOM frames, associations and PACS endpoints",
    author = "The pacsflow authors",
  })
end
local modules, loaded = {}, {}
local function require(name)
  if loaded[name] == nil then
    loaded[name] = modules[name]()
  end
  return loaded[name]
end

modules.bytes = function(...)
-- Integers and texts out of raw bytes; no Wireshark, runs in plain Lua 5.2 and 5.4.
local bytes = {}

local byte, find, format, gsub, match, sub =
  string.byte, string.find, string.format, string.gsub, string.match, string.sub

bytes.MAX_TEXT = 64

function bytes.u16(s, i)
  local a, b = byte(s, i, i + 1)
  return b and a * 256 + b
end

function bytes.u32(s, i)
  local a, b, c, d = byte(s, i, i + 3)
  return d and ((a * 256 + b) * 256 + c) * 256 + d
end

function bytes.le16(s, i)
  local a, b = byte(s, i, i + 1)
  return b and a + b * 256
end

function bytes.le32(s, i)
  local a, b, c, d = byte(s, i, i + 3)
  return d and a + (b + (c + d * 256) * 256) * 256
end

-- AE titles and version names are padded with spaces (PS3.5 6.2) or, in the wild, with NULs.
function bytes.trim(s)
  local from = find(s, "[^ \0]")
  if not from then
    return nil
  end
  return sub(match(sub(s, from), "^(.*[^ \0])"), 1, bytes.MAX_TEXT)
end

-- A UID without its padding, or nil where it is none (PS3.5 9.1: digits and dots, 64 at most).
function bytes.uid(s)
  local uid = gsub(s, "[ \0]+$", "")
  if #uid > 0 and #uid <= 64 and not find(uid, "[^%d.]") and find(uid, "^%d") then
    return uid
  end
  return nil
end

local function hex(c)
  return c == "\\" and "\\\\" or format("\\x%02x", byte(c))
end

-- As Zeek's ASCII writer puts it: what is not printable ASCII as \xHH, the backslash doubled.
function bytes.escape(s)
  return (gsub(s, "[\0-\31\\\127-\255]", hex))
end

-- A dotted or colon address out of its 4 or 16 raw bytes (RFC 5952 for IPv6).
function bytes.address(raw)
  if #raw == 4 then
    return format("%d.%d.%d.%d", byte(raw, 1, 4))
  end
  local groups, best, best_length, i = {}, nil, 1, 1
  for g = 1, 8 do
    groups[g] = bytes.u16(raw, g * 2 - 1)
  end
  while i <= 8 do
    local j = i
    while j <= 8 and groups[j] == 0 do
      j = j + 1
    end
    if j - i > best_length then
      best, best_length = i, j - i
    end
    i = j > i and j or i + 1
  end
  local out = {}
  i = 1
  while i <= 8 do
    if i == best then
      out[#out + 1] = i == 1 and "::" or ":"
      i = i + best_length
    else
      out[#out + 1] = format("%x", groups[i]) .. (i < 8 and ":" or "")
      i = i + 1
    end
  end
  return table.concat(out)
end

local function parse_ipv4(text)
  local raw = {}
  for part in (text .. "."):gmatch("(.-)%.") do
    local value = #part <= 3 and find(part, "^%d+$") and tonumber(part)
    if not value or value > 255 then
      return nil
    end
    raw[#raw + 1] = string.char(value)
  end
  return #raw == 4 and table.concat(raw) or nil
end

local function parse_groups(text)
  local raw = {}
  if text ~= "" then
    for part in (text .. ":"):gmatch("(.-):") do
      local value = #part <= 4 and find(part, "^%x+$") and tonumber(part, 16)
      if not value then
        return nil
      end
      raw[#raw + 1] = string.char(math.floor(value / 256), value % 256)
    end
  end
  return table.concat(raw)
end

-- The raw bytes of an address in text, or nil where it is none.
function bytes.parse_address(text)
  if not find(text, ":", 1, true) then
    return parse_ipv4(text)
  end
  local before, after = match(text, "^(.-)::(.*)$")
  if not before then
    local raw = parse_groups(text)
    return raw and #raw == 16 and raw or nil
  end
  local head, tail = parse_groups(before), parse_groups(after)
  if not head or not tail or #head + #tail > 14 then
    return nil
  end
  return head .. ("\0"):rep(16 - #head - #tail) .. tail
end

function bytes.parse_mac(text)
  if not find(text, "^%x%x[:-]%x%x[:-]%x%x[:-]%x%x[:-]%x%x[:-]%x%x$") then
    return nil
  end
  return (gsub(text, "(%x%x)[:-]?", function(h)
    return string.char(tonumber(h, 16))
  end))
end

function bytes.mac(raw)
  return format("%02x:%02x:%02x:%02x:%02x:%02x", byte(raw, 1, 6))
end

return bytes
end

modules.keys = function(...)
-- A connection's key: source address, destination address, source port, destination port, as on the
-- wire, and behind them, where there are several connections of these four, a mark of two bytes.
local keys = {}

local byte, sub = string.byte, string.sub

-- The bytes of an address in a key.
local function address_size(key)
  return #key >= 36 and 16 or 4
end

-- The key of the other direction.
function keys.swap(key)
  if #key >= 36 then
    return sub(key, 17, 32) .. sub(key, 1, 16) .. sub(key, 35, 36) .. sub(key, 33, 34)
      .. sub(key, 37)
  end
  return sub(key, 5, 8) .. sub(key, 1, 4) .. sub(key, 11, 12) .. sub(key, 9, 10) .. sub(key, 13)
end

-- Address and port, raw, of the source or (not `first`) the destination.
function keys.half(key, first)
  local size = address_size(key)
  local ports = size * 2 + 1
  if first then
    return sub(key, 1, size), sub(key, ports, ports + 1)
  end
  return sub(key, size + 1, size * 2), sub(key, ports + 2, ports + 3)
end

-- The key without its mark, and the number of the mark: 1 where there is none.
function keys.plain(key)
  local size = address_size(key) * 2 + 4
  if #key == size then
    return key, 1
  end
  local high, low = byte(key, size + 1, size + 2)
  return sub(key, 1, size), high * 256 + low
end

return keys
end

modules.link = function(...)
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
end

modules.communityid = function(...)
-- Community ID v1 of a flow (SHA-1 in Base64), without a bit library that both Luas would have.
local communityid = {}

local byte, char, floor, format = string.byte, string.char, math.floor, string.format

local native = rawget(_G, "bit") or rawget(_G, "bit32")
local band, bxor, bor
if native then
  band, bxor, bor = native.band, native.bxor, native.bor
else
  -- Lua 5.4 has operators, which Lua 5.2 could not even parse.
  band, bxor, bor = load([[return function(a, b) return a & b end,
    function(a, b) return a ~ b end, function(a, b) return a | b end]])()
end

local WORD = 4294967296

local function rotate(x, n)
  local high = 2 ^ (32 - n)
  local low = x % high
  return (low * 2 ^ n + (x - low) / high) % WORD
end

function communityid.sha1(message)
  local length = #message
  message = message .. "\128" .. ("\0"):rep((55 - length) % 64)
    .. char(0, 0, 0, 0, floor(length / 2097152) % 256, floor(length / 8192) % 256,
      floor(length / 32) % 256, length * 8 % 256)
  local h0, h1, h2, h3, h4 = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0
  for at = 1, #message, 64 do
    local w = {}
    for i = 0, 15 do
      local a, b, c, d = byte(message, at + i * 4, at + i * 4 + 3)
      w[i] = ((a * 256 + b) * 256 + c) * 256 + d
    end
    for i = 16, 79 do
      local x = bxor(bxor(w[i - 3], w[i - 8]), bxor(w[i - 14], w[i - 16])) % WORD
      w[i] = floor(rotate(x, 1))
    end
    local a, b, c, d, e = h0, h1, h2, h3, h4
    for i = 0, 79 do
      local f, k
      if i < 20 then
        f, k = bor(band(b, c), band(WORD - 1 - b, d)), 0x5A827999
      elseif i < 40 then
        f, k = bxor(bxor(b, c), d), 0x6ED9EBA1
      elseif i < 60 then
        f, k = bor(bor(band(b, c), band(b, d)), band(c, d)), 0x8F1BBCDC
      else
        f, k = bxor(bxor(b, c), d), 0xCA62C1D6
      end
      local t = floor((rotate(a, 5) + f % WORD + e + k + w[i]) % WORD)
      e, d, c, b, a = d, c, floor(rotate(b, 30)), a, t
    end
    h0, h1, h2 = (h0 + a) % WORD, (h1 + b) % WORD, (h2 + c) % WORD
    h3, h4 = (h3 + d) % WORD, (h4 + e) % WORD
  end
  local out = {}
  for _, h in ipairs({ h0, h1, h2, h3, h4 }) do
    out[#out + 1] = char(floor(h / 16777216), floor(h / 65536) % 256, floor(h / 256) % 256, h % 256)
  end
  return table.concat(out)
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

function communityid.base64(raw)
  local out = {}
  for i = 1, #raw, 3 do
    local a, b, c = byte(raw, i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for k = 3, 0, -1 do
      local digit = floor(n / 64 ^ k) % 64
      local missing = (k == 1 and not b) or (k == 0 and not c)
      out[#out + 1] = missing and "=" or ALPHABET:sub(digit + 1, digit + 1)
    end
  end
  return table.concat(out)
end

-- Addresses and ports as raw bytes, protocol as a number; seed 0.
function communityid.flow(host_a, port_a, host_b, port_b, protocol)
  if host_a > host_b or (host_a == host_b and port_a > port_b) then
    host_a, port_a, host_b, port_b = host_b, port_b, host_a, port_a
  end
  local text = "\0\0" .. host_a .. host_b .. char(protocol, 0) .. port_a .. port_b
  return "1:" .. communityid.base64(communityid.sha1(text))
end

-- A connection's identifier in the manner of Zeek's uid, the same each time a capture is read.
function communityid.uid(community_id, ts)
  local raw = communityid.sha1(community_id .. format("%.6f", ts))
  local text = communityid.base64(raw):gsub("[^%w]", "x")
  return "C" .. text:sub(1, 17)
end

return communityid
end

modules.local_networks = function(...)
-- Generated by `python -m pacsflow.terms` from pacsflow.terms.networks.
return {
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/24",
  "239.0.0.0/8",
  "240.0.0.0/4",
  "::/128",
  "::1/128",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23",
  "2001:2::/48",
  "2001:db8::/32",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
}
end

modules.networks = function(...)
-- Networks in CIDR notation, and those that are local where nobody says otherwise.
local bytes = require("bytes")

local networks = {}

-- Raw address and length of a prefix in text, or nil.
function networks.parse(text)
  local address, length = text:match("^(.-)/(%d+)$")
  local raw = address and bytes.parse_address(address)
  length = tonumber(length)
  if not raw or length > #raw * 8 then
    return nil
  end
  return raw, length
end

function networks.holds(raw, length, address)
  if #raw ~= #address then
    return false
  end
  local whole = math.floor(length / 8)
  if raw:sub(1, whole) ~= address:sub(1, whole) then
    return false
  end
  local bits = length % 8
  if bits == 0 then
    return true
  end
  local unit = 2 ^ (8 - bits)
  return math.floor(raw:byte(whole + 1) / unit) == math.floor(address:byte(whole + 1) / unit)
end

local LOCAL = {}
for _, text in ipairs(require("local_networks")) do
  LOCAL[#LOCAL + 1] = { networks.parse(text) }
end

function networks.is_local(raw)
  for _, network in ipairs(LOCAL) do
    if networks.holds(network[1], network[2], raw) then
      return true
    end
  end
  return false
end

return networks
end

modules.dimse = function(...)
-- DIMSE command sets (DICOM PS3.7): implicit VR little endian, group 0000, ascending.
local bytes = require("bytes")

local dimse = {}

local find, sub = string.find, string.sub
local le16, le32 = bytes.le16, bytes.le32

dimse.OPERATION = {
  [0x0001] = "C-STORE", [0x0010] = "C-GET", [0x0020] = "C-FIND", [0x0021] = "C-MOVE",
  [0x0030] = "C-ECHO", [0x0FFF] = "C-CANCEL", [0x0100] = "N-EVENT-REPORT", [0x0110] = "N-GET",
  [0x0120] = "N-SET", [0x0130] = "N-ACTION", [0x0140] = "N-CREATE", [0x0150] = "N-DELETE",
}
local COMMAND_FIELD = {}
for field in pairs(dimse.OPERATION) do
  COMMAND_FIELD[field] = true
  if field ~= 0x0FFF then
    COMMAND_FIELD[field + 0x8000] = true
  end
end

-- What a stream of this service does where its command cannot be read.
local BY_SERVICE = {
  verification = "C-ECHO", storage = "C-STORE", query = "C-FIND", worklist = "C-FIND",
  mpps = "N-CREATE", commitment = "N-ACTION", print = "N-SET",
}

function dimse.infer(sop_name, service)
  if service == "retrieve" then
    return find(sop_name, "Get$") and "C-GET" or "C-MOVE"
  end
  return BY_SERVICE[service]
end

-- Status classes of PS3.7 Annex C.
function dimse.status_class(status)
  if status == 0x0000 then
    return "success"
  elseif status == 0xFF00 or status == 0xFF01 then
    return "pending"
  elseif status == 0xFE00 then
    return "cancel"
  elseif status == 0x0001 or status == 0x0107 or status == 0x0116
    or (status >= 0xB000 and status <= 0xBFFF) then
    return "warning"
  end
  return "failure"
end

local STATUS_NAME = {
  [0x0000] = "Success", [0x0105] = "No such attribute", [0x0106] = "Invalid attribute value",
  [0x0107] = "Attribute list error", [0x0110] = "Processing failure",
  [0x0111] = "Duplicate SOP instance", [0x0112] = "No such SOP instance",
  [0x0113] = "No such event type", [0x0114] = "No such argument",
  [0x0115] = "Invalid argument value", [0x0116] = "Attribute value out of range",
  [0x0117] = "Invalid SOP instance", [0x0118] = "No such SOP class",
  [0x0119] = "Class-instance conflict", [0x0120] = "Missing attribute",
  [0x0121] = "Missing attribute value", [0x0122] = "SOP class not supported",
  [0x0123] = "No such action type", [0x0124] = "Not authorized",
  [0x0210] = "Duplicate invocation", [0x0211] = "Unrecognized operation",
  [0x0212] = "Mistyped argument", [0x0213] = "Resource limitation",
  [0xA801] = "Move destination unknown", [0xA900] = "Data set does not match SOP class",
  [0xFE00] = "Cancel", [0xFF00] = "Pending", [0xFF01] = "Pending, optional keys not supported",
}

function dimse.status_name(status)
  local name = STATUS_NAME[status]
  if name then
    return name
  elseif status >= 0xA700 and status <= 0xA7FF then
    return "Out of resources"
  elseif status >= 0xC000 and status <= 0xCFFF then
    return "Unable to process"
  end
  local class = dimse.status_class(status)
  return class == "warning" and "Warning" or "Failure"
end

-- A command set out of its bytes. `cut`: its end is missing. Returns nil where the bytes are no
-- command set; otherwise a table with field, sop, message_id, status, destination where present,
-- `malformed` where a whole set violates PS3.7, `broken` where it cannot be read to its end.
-- Instance UIDs and comments are not read.
function dimse.command(s, cut)
  local size = #s
  if size < 12 or le32(s, 1) ~= 0 or le32(s, 5) ~= 4 then
    return nil
  end
  local group_length = le32(s, 9)
  if group_length < 10 or group_length > 65536 then
    return nil
  end
  local out, last, i = { group_length = group_length }, 0, 13
  while i + 7 <= size do
    local element, length = le16(s, i + 2), le32(s, i + 4)
    if le16(s, i) ~= 0 or element <= last then
      if last == 0 then
        return nil
      end
      out.malformed, out.broken = true, true
      return out
    end
    local from, to = i + 8, i + 7 + length
    if to > size then
      if last == 0 and element ~= 2 and element ~= 3 then
        return nil
      end
      out.malformed, out.broken = not cut or nil, not cut or nil
      return out
    end
    if element == 0x0002 or element == 0x0003 then
      local uid = bytes.uid(sub(s, from, to))
      if not uid then
        return nil
      end
      out.sop = uid
    elseif element == 0x0100 then
      local field = length == 2 and le16(s, from)
      if not field or not COMMAND_FIELD[field] then
        return nil
      end
      out.field = field
    elseif length == 2 and (element == 0x0110 or element == 0x0120) then
      out.message_id = le16(s, from)
    elseif length == 2 and element == 0x0800 then
      out.no_data_set = le16(s, from) == 0x0101
    elseif length == 2 and element == 0x0900 then
      out.status = le16(s, from)
    elseif element == 0x0600 then
      out.destination = bytes.trim(sub(s, from, to))
    end
    last, i = element, to + 1
  end
  local silent = out.field and out.field >= 0x8000 and not out.status
  if not cut and (i ~= size + 1 or not out.field or silent or group_length + 12 ~= size) then
    out.malformed = true
  end
  out.broken = not cut and i ~= size + 1 or nil
  return out
end

return dimse
end

modules.times = function(...)
-- Keeps the time of an association's operations: from request to response, of data sets that flow, of
-- pauses. docs/tag-logs.md has the rules. What was not seen stays nil; no interval is negative.
local dimse = require("dimse")

local times = {}

local floor = math.floor

-- Seconds: a sender that says nothing for so long is silent; what it waited for has come so shortly
-- before; no operation takes longer; a clock that stepped back by more was set.
times.SILENCE = 0.02
local SLACK, LONGEST = 0.005, 86400
-- Requests of one side that are timed at once.
local MAX_OPEN = 1024
-- Frames of which a measurement is remembered.
local MAX_MEASURED = 262144
local BUCKETS = 32

times.OPERATIONS = { "echo", "store", "find", "get", "move", "n" }
local KIND = { [1] = "store", [0x10] = "get", [0x20] = "find", [0x21] = "move", [0x30] = "echo" }
local CANCEL = 0x0FFF
-- Those whose first response is not their last.
local RESPONDS_OFTEN = { find = true, get = true, move = true }

-- Microseconds between two moments; nil where no time passes so.
local function between(from, to)
  local seconds = to - from
  if seconds < 0 or seconds > LONGEST then
    return nil
  end
  return floor(seconds * 1e6 + 0.5)
end
times.between = between

-- The element of a histogram that counts so many microseconds.
function times.bucket(us)
  local k, limit = 1, 1000
  while us >= limit and k < BUCKETS do
    k, limit = k + 1, limit * 2
  end
  return k
end

-- What is known of the requests of direction d.
local function side_of(a, d)
  local sides = a.times
  if not sides then
    sides = {}
    a.times = sides
  end
  local side = sides[d]
  if not side then
    side = { rows = {}, pending = {}, size = 0, open = 0, untracked = 0 }
    sides[d] = side
  end
  return side
end

local function row_of(side, kind)
  local row = side.rows[kind]
  if not row then
    row = {
      count = 0, failed = 0, data_sets = 0, data_pdvs = 0, data_bytes = 0, data_us = 0,
      silent_us = 0, ack_us = 0, pause_us = 0, n = 0, sum = 0, hist = {}, fine = {}, first_n = 0,
      first_sum = 0, outstanding = 0,
    }
    side.rows[kind] = row
  end
  return row
end

-- Remembers a measurement for the frame in hand: key of fields.lua, value.
local function show(t, key, value)
  local measured = t.measured
  if not measured or not value then
    return
  end
  local of_frame = measured[t.frame]
  if not of_frame then
    t.measured_size = (t.measured_size or 0) + 1
    if t.measured_size > MAX_MEASURED then
      return
    end
    of_frame = {}
    measured[t.frame] = of_frame
  end
  of_frame[#of_frame + 1], of_frame[#of_frame + 2] = key, value
end

times.show = show

-- The time passed since an operation's request ended; nil where that says nothing.
local function passed(t, d, entry)
  if not entry.asked or entry.skew ~= t.skew or entry.again or d.late then
    return nil
  end
  return between(entry.asked, t.now)
end

-- One eighth of a power of two: for tables, whose percentiles are then off by 5 % at most.
local function fine(us)
  return us > 0 and floor(math.log(us) / math.log(2) * 8) or -1
end
times.fine = fine

local function measure(row, us)
  row.n, row.sum = row.n + 1, row.sum + us
  row.min = row.min and row.min < us and row.min or us
  row.max = row.max and row.max > us and row.max or us
  local k, f = times.bucket(us), fine(us)
  row.hist[k] = (row.hist[k] or 0) + 1
  row.fine[f] = (row.fine[f] or 0) + 1
end

local function requested(t, d, side, kind, command)
  local row = row_of(side, kind)
  row.count = row.count + 1
  if side.open == 0 and side.idle and side.skew == t.skew then
    row.pause_us = row.pause_us + (between(side.idle, t.now) or 0)
  end
  side.open = side.open + 1
  row.open = (row.open or 0) + 1
  row.outstanding = row.open > row.outstanding and row.open or row.outstanding
  local id, entry = command.message_id, nil
  local before = id and side.pending[id]
  if before then
    before.again, before.n = true, before.n + 1
  elseif id and side.size < MAX_OPEN then
    entry = { row = row, kind = kind, n = 1, began = t.now, skew = t.skew }
    entry.asked = command.no_data_set ~= false and t.now or nil
    side.pending[id], side.size = entry, side.size + 1
  else
    side.untracked = side.untracked + 1
  end
  return row, entry
end

-- An operation is over.
local function close(t, side, row)
  side.open = side.open > 0 and side.open - 1 or 0
  row.open = (row.open or 0) > 0 and row.open - 1 or 0
  if side.open == 0 then
    side.idle, side.skew = t.now, t.skew
  end
end

-- The entry of an operation that gets its final response, or nil.
local function take(side, entry, id)
  entry.n = entry.n - 1
  if entry.n == 0 then
    side.pending[id], side.size = nil, side.size - 1
  end
end

local function show_operation(t, d, entry, us)
  show(t, "response_time", us)
  if not d.late and entry.skew == t.skew then
    show(t, "operation_time", between(entry.began, t.now))
  end
  if entry.transfer and entry.transfer > 0 then
    show(t, "transfer_rate", entry.bytes * 8 / entry.transfer)
  end
end

local function responded(t, d, side, kind, command)
  local row = side.rows[kind]
  if not row or not command.status then
    return row
  end
  local class = dimse.status_class(command.status)
  local id = command.message_id
  local entry = id and side.pending[id]
  if entry and entry.kind ~= kind then
    entry = nil
  end
  local us = entry and passed(t, d, entry)
  if entry and not entry.answered and RESPONDS_OFTEN[kind] then
    entry.answered = true
    if us then
      row.first_n, row.first_sum = row.first_n + 1, row.first_sum + us
      row.first_max = row.first_max and row.first_max > us and row.first_max or us
      show(t, "first_response_time", us)
    end
  end
  if class == "pending" then
    return row
  end
  if class == "failure" then
    row.failed = row.failed + 1
  end
  if entry then
    take(side, entry, id)
    if us and class ~= "cancel" then
      measure(row, us)
      show_operation(t, d, entry, us)
    end
    close(t, side, row)
  elseif side.untracked > 0 then
    side.untracked = side.untracked - 1
    close(t, side, row)
  end
  return row
end

-- A whole command set of direction d, which counts.
function times.command(t, a, d, command)
  local field = command.field
  d.message, d.ending = nil, nil
  if d.wanted then
    -- What the message before it waits for is not waited for any longer.
    d.wanted, d.unfinished, d.message_number = nil, nil, d.message_number + 1
  end
  if not field or field == CANCEL or field - CANCEL == 0x8000 then
    return
  end
  local kind, row, entry = KIND[field % 0x8000] or "n", nil, nil
  if field < 0x8000 then
    row, entry = requested(t, d, side_of(a, d), kind, command)
  else
    row = responded(t, d, side_of(a, d.peer), kind, command)
  end
  if row and command.no_data_set == false then
    d.message = { row = row, entry = entry, began = t.now, skew = t.skew, pdvs = 0, bytes = 0,
                  silent = 0, ack = 0 }
  end
end

-- The data set of the message m of direction d is complete.
local function complete(t, m)
  local us = m.skew == t.skew and between(m.began, t.now) or nil
  if m.entry then
    m.entry.asked, m.entry.bytes, m.entry.transfer = t.now, m.bytes, us
  end
  if us then
    local row = m.row
    row.data_sets, row.data_pdvs = row.data_sets + 1, row.data_pdvs + m.pdvs
    row.data_bytes, row.data_us = row.data_bytes + m.bytes, row.data_us + us
    row.silent_us, row.ack_us = row.silent_us + m.silent, row.ack_us + m.ack
  end
end

-- The data set of the message in hand of direction d has ended; bytes of it may still be missing.
function times.data_done(t, d)
  local m = d.message
  d.message, d.ending = nil, nil
  if d.wanted then
    d.unfinished = m
  elseif m then
    complete(t, m)
  end
end

-- Of the bytes that direction d waits for some came; change: how many more pieces are missing now.
function times.filled(t, d, change)
  local wanted = (d.wanted or 0) + change
  if wanted > 0 then
    d.wanted = wanted
    return
  end
  local m = d.unfinished
  d.wanted, d.wanted_since, d.unfinished = nil, nil, nil
  if m then
    complete(t, m)
  end
end

-- The other side of direction d has what is missing there: where it does not follow soon, the capture
-- has lost it.
function times.acknowledged(t, d)
  d.wanted_since = d.wanted_since or t.now
  if t.now - d.wanted_since > times.SILENCE then
    times.gap(d.c)
  end
end

-- New bytes of direction d came after a silence, from `before` to `now`.
function times.silence(d, before, now)
  local m = d.message
  if not m then
    return
  end
  local us = between(before > m.began and before or m.began, now)
  if not us or us < times.SILENCE * 1e6 then
    return
  end
  m.silent = m.silent + us
  local acked = d.peer.acked
  if acked and acked >= before and now - acked <= SLACK + 1.5e-6 * (d.c.round_trip or 0) then
    m.ack = m.ack + us
  end
end

-- Bytes are missing: nothing that is under way has a time.
function times.gap(c)
  local a = c.assoc
  for _, d in ipairs({ c.a, c.b }) do
    d.message, d.ending, d.unfinished = nil, nil, nil
    if d.wanted then
      d.wanted, d.wanted_since, d.message_number = nil, nil, d.message_number + 1
    end
    local side = a and a.times and a.times[d]
    if side then
      side.pending, side.size, side.open, side.untracked, side.idle = {}, 0, 0, 0, nil
      for _, row in pairs(side.rows) do
        row.open = 0
      end
    end
  end
  if a and not a.setup_us then
    a.setup_from = nil
  end
end

-- A whole A-ASSOCIATE-RQ (is_request), or an answer to it, of direction d.
function times.negotiated(t, a, d, is_request)
  if is_request then
    if not a.setup_from and not a.ac and not a.rejected then
      a.setup_from, a.setup_skew = t.now, t.skew
    end
  elseif a.setup_from and not a.setup_us and a.setup_skew == t.skew and not d.late then
    a.setup_us = between(a.setup_from, t.now)
    if a.setup_us then
      show(t, "setup_time", a.setup_us)
    end
  end
end

-- A SYN or SYN-ACK of direction d.
function times.syn(t, c, acknowledges)
  if acknowledges then
    c.syn_again = c.syn_again or c.syn_ack_at ~= nil or not c.syn_at or t.skew ~= c.syn_skew
    c.syn_ack_at = t.now
  else
    c.syn_again = c.syn_again or c.syn_at ~= nil
    c.syn_at, c.syn_skew = t.now, t.skew
  end
end

-- The first acknowledgment of the SYN-ACK.
function times.shaken(t, c)
  if not c.syn_again and t.skew == c.syn_skew and not c.round_trip then
    c.round_trip = between(c.syn_at, t.now)
    if c.round_trip then
      show(t, "round_trip", c.round_trip)
    end
  end
  c.syn_ack_at, c.syn_again = nil, true
end

-- A packet of direction d with this window; over: it ends the connection.
function times.window(t, d, window, over)
  local now = t.now
  if over then
    for _, one in ipairs({ d, d.peer }) do
      if one.closed_at then
        one.closed_us = (one.closed_us or 0) + (between(one.closed_at, now) or 0)
        one.closed_at = nil
      end
    end
    d.c.over = true
  elseif window == 0 then
    d.closed_at = d.closed_at or now
  elseif d.closed_at then
    d.closed_us = (d.closed_us or 0) + (between(d.closed_at, now) or 0)
    d.closed_at = nil
  end
end

-- One association on the connection is over, and another begins.
function times.split(t, c)
  for _, d in ipairs({ c.a, c.b }) do
    d.message, d.ending = nil, nil
    if d.closed_at then
      d.closed_us = (d.closed_us or 0) + (between(d.closed_at, t.now) or 0)
      d.closed_at = t.now
    end
  end
end

return times
end

modules.times_fields = function(...)
-- Generated by `python -m pacsflow.terms` from the fields of dicom_times.log.
return {
  { "ts", "time" },
  { "uid", "string" },
  { "id.orig_h", "addr" },
  { "id.orig_p", "port" },
  { "id.resp_h", "addr" },
  { "id.resp_p", "port" },
  { "community_id", "string" },
  { "operation", "string" },
  { "requestor", "string" },
  { "count", "count" },
  { "failed", "count" },
  { "data_sets", "count" },
  { "data_pdvs", "count" },
  { "data_bytes", "count" },
  { "data_time", "interval" },
  { "silent_time", "interval" },
  { "ack_wait_time", "interval" },
  { "pause_time", "interval" },
  { "response_min", "interval" },
  { "response_mean", "interval" },
  { "response_max", "interval" },
  { "response_times", "vector[count]" },
  { "first_responses", "count" },
  { "first_response_mean", "interval" },
  { "first_response_max", "interval" },
  { "outstanding", "count" },
  { "ops_window", "count" },
  { "setup_time", "interval" },
  { "round_trip", "interval" },
  { "orig_closed_time", "interval" },
  { "resp_closed_time", "interval" },
  { "orig_resent", "count" },
  { "resp_resent", "count" },
  { "tls", "bool" },
}
end

modules.rows = function(...)
-- Associations and endpoints as the rows of dicom.log and known_dicom.log.
local bytes = require("bytes")
local communityid = require("communityid")
local networks = require("networks")
local times = require("times")

local rows = {}

local format = string.format
local MODULUS = 4294967296

rows.DICOM = {
  { "ts", "time" }, { "uid", "string" }, { "id.orig_h", "addr" }, { "id.orig_p", "port" },
  { "id.resp_h", "addr" }, { "id.resp_p", "port" }, { "community_id", "string" },
  { "duration", "interval" }, { "calling_ae", "string" }, { "called_ae", "string" },
  { "result", "string" }, { "end", "string" }, { "reject_result", "count" },
  { "reject_source", "count" }, { "reject_reason", "count" }, { "abort_source", "count" },
  { "abort_reason", "count" }, { "ctx_offered", "count" }, { "ctx_accepted", "count" },
  { "sop_classes", "set[string]" }, { "transfer_syntaxes", "set[string]" },
  { "services", "set[string]" }, { "modalities", "set[string]" }, { "orig_roles", "set[string]" },
  { "resp_roles", "set[string]" }, { "orig_impl_uid", "string" },
  { "orig_impl_version", "string" }, { "resp_impl_uid", "string" },
  { "resp_impl_version", "string" }, { "orig_max_pdu", "count" }, { "resp_max_pdu", "count" },
  { "user_identity", "string" }, { "echo_rq", "count" }, { "store_rq", "count" },
  { "find_rq", "count" }, { "get_rq", "count" }, { "move_rq", "count" }, { "cancel_rq", "count" },
  { "n_rq", "count" }, { "rsp_success", "count" }, { "rsp_warning", "count" },
  { "rsp_failure", "count" }, { "rsp_pending", "count" }, { "rsp_cancel", "count" },
  { "failure_codes", "set[string]" }, { "move_destinations", "set[string]" },
  { "data_pdus", "count" }, { "data_bytes_orig", "count" }, { "data_bytes_resp", "count" },
  { "missed_bytes", "count" }, { "flags", "set[string]" }, { "vlan", "count" },
  { "tunnel", "set[string]" }, { "proxied_for", "addr" },
}

rows.TIMES = require("times_fields")

rows.KNOWN = {
  { "ts", "time" }, { "host", "addr" }, { "port_num", "port" }, { "ae_title", "string" },
  { "role", "string" }, { "category", "string" }, { "basis", "string" },
  { "services", "set[string]" }, { "modalities", "set[string]" }, { "impl_uid", "string" },
  { "impl_version", "string" }, { "tls", "bool" }, { "local", "bool" },
  { "evidence_uid", "string" },
}

local FLAGS = {
  "midstream", "malformed", "truncated", "sampled", "one_sided", "unfinished", "reserved_nonzero",
  "part10_in_dataset",
}

-- Whether no packet of one side is in the capture: what it sent is unknown.
local function is_one_sided(a)
  return a.c.a.packets == 0 or a.c.b.packets == 0
end

-- Whether what one side said may be missing: then its silence means nothing.
local function is_partial(a)
  return a.flags.sampled or is_one_sided(a)
end

function rows.result(a)
  if a.ac then
    return "accepted"
  elseif a.rejected then
    return "rejected"
  elseif a.rq and a.rq_whole and a.silent and a.counts.data_pdus == 0 and a.end_seen
    and not is_partial(a) then
    return "no_reply"
  end
  return "unknown"
end

function rows.ending(a)
  if a.finish then
    return a.finish
  elseif a.stopped then
    return "incomplete"
  end
  return a.closed and a.end_seen and not is_partial(a) and "closed" or "incomplete"
end

-- The members of a set, each once.
local function split(roles)
  local out = {}
  for role in (roles or ""):gmatch("[^,]+") do
    if not out[role] then
      out[#out + 1], out[role] = role, true
    end
  end
  return out
end

-- Community ID and uid of what the side `orig` began at ts.
local function names(orig, ts)
  local resp = orig.peer
  local flow = communityid.flow(orig.host, orig.port_raw, resp.host, resp.port_raw, 6)
  return flow, communityid.uid(flow, ts)
end

function rows.identify(a)
  if not a.uid then
    a.community_id, a.uid = names(a.orig, a.ts)
  end
  return a.uid
end

function rows.dicom(a)
  local orig, counts, flags = a.orig, a.counts, {}
  local resp = orig.peer
  a.flags.midstream = not a.rq and not a.ac or nil
  a.flags.one_sided = is_one_sided(a) or nil
  for _, flag in ipairs(FLAGS) do
    if a.flags[flag] then
      flags[#flags + 1] = flag
    end
  end
  rows.identify(a)
  return {
    ts = a.ts, uid = a.uid, ["id.orig_h"] = bytes.address(orig.host), ["id.orig_p"] = orig.port,
    ["id.resp_h"] = bytes.address(resp.host), ["id.resp_p"] = resp.port,
    community_id = a.community_id,
    duration = math.max(0, (a.last_pdu_ts or a.last_ts or a.ts) - a.ts),
    calling_ae = a.calling_ae, called_ae = a.called_ae, result = rows.result(a),
    ["end"] = rows.ending(a), reject_result = a.reject_result, reject_source = a.reject_source,
    reject_reason = a.reject_reason, abort_source = a.abort_source, abort_reason = a.abort_reason,
    ctx_offered = a.ctx_offered, ctx_accepted = a.ctx_accepted, sop_classes = a.sops,
    transfer_syntaxes = a.syntaxes, services = a.services, modalities = a.modalities,
    orig_roles = split(a.orig_role), resp_roles = split(a.resp_role),
    orig_impl_uid = a.orig_impl_uid, orig_impl_version = a.orig_impl_version,
    resp_impl_uid = a.resp_impl_uid, resp_impl_version = a.resp_impl_version,
    orig_max_pdu = a.orig_max_pdu, resp_max_pdu = a.resp_max_pdu, user_identity = a.user_identity,
    echo_rq = counts.echo_rq, store_rq = counts.store_rq, find_rq = counts.find_rq,
    get_rq = counts.get_rq, move_rq = counts.move_rq, cancel_rq = counts.cancel_rq,
    n_rq = counts.n_rq, rsp_success = counts.success, rsp_warning = counts.warning,
    rsp_failure = counts.failure, rsp_pending = counts.pending, rsp_cancel = counts.cancel,
    failure_codes = a.failures, move_destinations = a.destinations, data_pdus = counts.data_pdus,
    data_bytes_orig = a.orig_data, data_bytes_resp = a.resp_data, missed_bytes = a.missed,
    flags = flags, vlan = a.c.vlan, tunnel = split(a.c.tunnel),
    proxied_for = a.c.proxied_for and bytes.address(a.c.proxied_for),
  }
end

-- Where the capture begins and ends inside an association, so that another file of it can tell what
-- lies between: its uid, and the sequence numbers of both sides at either end. nil: it does neither.
function rows.edge(a)
  if a.rq and rows.ending(a) ~= "incomplete" or a.flags.sampled then
    return nil
  end
  local out = { rows.identify(a) }
  for _, d in ipairs({ a.orig, a.orig.peer }) do
    out[#out + 1] = d.first and format("%d", (d.first - (d.early or 0)) % MODULUS) or "-"
    out[#out + 1] = (d.next or d.first) and format("%d", d.next or d.first) or "-"
  end
  return table.concat(out, " ")
end

local function seconds(us)
  return us and us / 1e6
end

-- Counts by element, without trailing zeros.
local function histogram(hist)
  local out, last = {}, 0
  for k in pairs(hist) do
    last = k > last and k or last
  end
  for k = 1, last do
    out[k] = hist[k] or 0
  end
  return out
end

-- What one side asked of one kind, as a row without what all rows of the association have.
local function of_operation(a, row, kind, requestor)
  local moved, timed = row.data_sets > 0, row.n > 0
  return {
    operation = kind, requestor = requestor, count = row.count, failed = row.failed,
    data_sets = row.data_sets, data_pdvs = row.data_pdvs, data_bytes = row.data_bytes,
    data_time = moved and seconds(row.data_us) or nil,
    silent_time = moved and seconds(row.silent_us) or nil,
    ack_wait_time = moved and seconds(row.ack_us) or nil, pause_time = seconds(row.pause_us),
    response_min = seconds(row.min), response_max = seconds(row.max),
    response_mean = timed and seconds(row.sum / row.n) or nil,
    response_times = timed and histogram(row.hist) or nil,
    first_responses = row.first_n > 0 and row.first_n or nil,
    first_response_mean = row.first_n > 0 and seconds(row.first_sum / row.first_n) or nil,
    first_response_max = seconds(row.first_max), outstanding = row.outstanding,
    ops_window = a.ops_window and a.ops_window[requestor],
  }
end

-- The rows of dicom_times.log; none where the beginning or one side was not seen.
function rows.times(a)
  local out, orig = {}, a.orig
  if not a.times or not (a.rq or a.ac) or is_partial(a) then
    return out
  end
  rows.identify(a)
  local resp = orig.peer
  for _, kind in ipairs(times.OPERATIONS) do
    for _, d in ipairs({ orig, resp }) do
      local side = a.times[d]
      if side and side.rows[kind] then
        local row = of_operation(a, side.rows[kind], kind, d == orig and "orig" or "resp")
        row.ts, row.uid, row.community_id = a.ts, a.uid, a.community_id
        row["id.orig_h"], row["id.orig_p"] = bytes.address(orig.host), orig.port
        row["id.resp_h"], row["id.resp_p"] = bytes.address(resp.host), resp.port
        row.setup_time, row.round_trip = seconds(a.setup_us), seconds(a.c.round_trip)
        row.orig_closed_time, row.resp_closed_time = a.orig_closed_us / 1e6, a.resp_closed_us / 1e6
        row.orig_resent, row.resp_resent = a.orig_resent, a.resp_resent
        row.tls = a.tls or false
        out[#out + 1] = row
      end
    end
  end
  return out
end

-- The rows of dicom_times.log of an encrypted connection: one of each side that sent more than a
-- segment at a time, and of the side that opened it.
function rows.sealed(c)
  local out, s, orig = {}, c.sealed, c.tcp_orig
  local resp = orig.peer
  local flow, uid = names(orig, s.began)
  for _, d in ipairs({ orig, resp }) do
    local f = s[d]
    local moved = f.runs > 0
    if moved or d == orig then
      out[#out + 1] = {
        ts = s.began, uid = uid, community_id = flow,
        ["id.orig_h"] = bytes.address(orig.host), ["id.orig_p"] = orig.port,
        ["id.resp_h"] = bytes.address(resp.host), ["id.resp_p"] = resp.port,
        operation = "tls", requestor = d == orig and "orig" or "resp", count = 1, failed = 0,
        data_sets = f.runs, data_bytes = f.bytes, data_time = moved and seconds(f.us) or nil,
        silent_time = moved and seconds(f.silent_us) or nil, setup_time = seconds(s.setup_us),
        round_trip = seconds(c.round_trip), orig_closed_time = seconds(orig.closed_us or 0),
        resp_closed_time = seconds(resp.closed_us or 0), orig_resent = orig.resent or 0,
        resp_resent = resp.resent or 0, tls = true,
      }
    end
  end
  return out
end

-- ts is that of the first association that shows the endpoint. inventory: the site's, or nil.
function rows.known(k, category, basis, inventory)
  local is_local = networks.is_local(k.host) or inventory ~= nil and inventory:is_local(k.host)
  return {
    ts = k.evidence.ts, host = bytes.address(k.host), port_num = k.port, ae_title = k.title, role = k.role,
    category = category, basis = basis, services = k.services, modalities = k.modalities,
    impl_uid = k.impl_uid, impl_version = k.impl_version, tls = k.tls,
    ["local"] = is_local, evidence_uid = rows.identify(k.evidence),
  }
end

return rows
end

modules.sflowlog = function(...)
-- Writes sflow.log: what was received of each sFlow agent and source, what was lost on the way, and
-- what the counters of its interfaces say, one row an hour.
--
-- A row with a source tells of its flow samples, one without of the agent's datagrams. Sequence
-- numbers, sample pool, drops and counters are told as growth since the source was first seen (or
-- since the last row), so that rows add up.
local bytes = require("bytes")

local sflowlog = {}
sflowlog.__index = sflowlog

local byte = string.byte
local u32 = bytes.u32

local MODULUS, HALF = 4294967296, 2147483648
-- Datagrams may overtake one another by so many, and an agent's clock may step back so far (ms).
local LATE, STEP = 64, 5000
-- So many sources are followed at a time; then all begin anew.
local MAX_SOURCES = 65536
local UNKNOWN = 4294967295

sflowlog.FIELDS = {
  { "ts", "time" }, { "last", "time" }, { "agent", "addr" }, { "sub_agent", "count" },
  { "source_type", "count" }, { "source", "count" },
  -- Datagrams or flow samples that were received; those after the first, the growth of their
  -- sequence number meanwhile, and how often it began anew.
  { "received", "count" }, { "followed", "count" }, { "sequence", "count" },
  { "restarts", "count" },
  -- Of datagrams: captured twice, ill-formed, cut short by the capture, bytes on the wire.
  { "duplicates", "count" }, { "malformed", "count" }, { "cut", "count" }, { "bytes", "count" },
  -- Of samples: without a rate, without a sampled header.
  { "no_rate", "count" }, { "no_header", "count" },
  -- The rate declared last, the sum of rates of the samples followed, growth of pool and drops.
  { "rate", "count" }, { "rates", "count" }, { "pool", "count" }, { "drops", "count" },
  -- Counter samples, and between the first and the last of them: seconds, growth of the counters,
  -- and sum of rate x length, of its square, and number of samples that came in or went out.
  { "counters", "count" }, { "seconds", "interval" },
  { "in_bytes", "count" }, { "in_packets", "count" }, { "in_sampled", "double" },
  { "in_squares", "double" }, { "in_samples", "count" },
  { "out_bytes", "count" }, { "out_packets", "count" }, { "out_sampled", "double" },
  { "out_squares", "double" }, { "out_samples", "count" },
}

-- write(row) takes a row; others(what, ts) samples that are not followed.
function sflowlog.new(write, others)
  return setmetatable({ write = write, others = others or function() end, agents = {}, all = {}, ts = 0, wire = 0 }, sflowlog)
end

-- Something that has rows: an agent or a source. `row` is nil until there is anything to tell.
local function entry(log, agent, sub_agent, kind, index)
  local e = { agent = agent, sub_agent = sub_agent, kind = kind, index = index }
  log.all[#log.all + 1] = e
  return e
end

-- Whether the sources of an agent count in one sequence, though each has its own in sFlow v5; and
-- whether they share one pool.
local function is_shared(e, what)
  local of = e.of
  return of and of.switches > 0 and of[what] * 2 > of.switches
end

local function finish(log, e)
  local row = e.row
  if row then
    e.row = nil
    if is_shared(e, "in_sequence") then
      row.sequence = row.shared_sequence
      row.pool = is_shared(e, "in_pool") and row.shared_pool or row.pool
    end
    row.agent, row.sub_agent, row.source_type, row.source = e.agent, e.sub_agent, e.kind, e.index
    log.write(row)
  end
end

local function row_of(log, e)
  local row, ts = e.row, log.ts
  if row and row.hour == log.hour then
    row.last = ts
    return row
  end
  finish(log, e)
  row = { hour = log.hour, ts = ts, last = ts, received = 0, followed = 0, sequence = 0, restarts = 0 }
  if e.index then
    row.no_rate, row.no_header, row.rates, row.pool, row.drops = 0, 0, 0, 0, 0
    row.shared_sequence, row.shared_pool = 0, 0
  else
    row.duplicates, row.malformed, row.cut, row.bytes = 0, 0, 0, 0
  end
  e.row = row
  return row
end

-- Whether the agent began anew: its clock went back, other than by its 32 bits running full.
local function restarted(e, uptime)
  local before = e.uptime
  return before and uptime + STEP < before and before - uptime < HALF
end

-- Time and bytes on the wire of the frame that is read next.
function sflowlog:frame(ts, wire)
  self.ts, self.wire, self.hour = ts, wire, ts - ts % 3600
end

-- Returns false where the datagram was there already.
function sflowlog:datagram(agent, sub_agent, sequence, uptime)
  if #self.all >= MAX_SOURCES then
    self:flush()
  end
  local of_agent = self.agents[agent]
  if not of_agent then
    of_agent = {}
    self.agents[agent] = of_agent
  end
  local e = of_agent[sub_agent]
  if not e then
    e = entry(self, agent, sub_agent)
    e.sources, e.recent, e.switches, e.in_sequence, e.in_pool = {}, {}, 0, 0, 0
    of_agent[sub_agent] = e
  end
  self.of, self.late = e, false
  local row = row_of(self, e)
  local place = sequence % LATE
  if e.recent[place] == sequence and e.recent[place + LATE] == uptime then
    row.duplicates = row.duplicates + 1
    return false
  end
  e.recent[place], e.recent[place + LATE] = sequence, uptime
  row.received, row.bytes = row.received + 1, row.bytes + self.wire
  local ahead = e.sequence and (sequence - e.sequence + HALF) % MODULUS - HALF
  if ahead and (restarted(e, uptime) or ahead <= -LATE) then
    row.restarts = row.restarts + 1
    e.sources, e.recent, e.latest, ahead = {}, {}, nil, nil
  elseif ahead then
    row.followed = row.followed + 1
    if ahead <= 0 then
      self.late = true
      return true
    end
    row.sequence = row.sequence + ahead
  end
  e.sequence, e.uptime = sequence, uptime
  return true
end

local function source(log, kind, index)
  local key = kind * MODULUS + index
  local e = log.of.sources[key]
  if not e then
    e = entry(log, log.of.agent, log.of.sub_agent, kind, index)
    e.of = log.of
    log.of.sources[key] = e
  end
  log.now = e
  return e
end

-- Weights of samples since the last counter sample of their interface.
local function pending(e)
  local p = { n_in = 0, sum_in = 0, squares_in = 0, n_out = 0, sum_out = 0, squares_out = 0 }
  e.pending = p
  return p
end

-- A sample of source e, whose own sequence grew by `ahead`, behind one of any source of its agent.
-- Returns how the sequence and the pool grew since that one.
local function since_latest(e, sequence, pool, ahead)
  local of = e.of
  local latest = of.latest
  if not latest then
    of.latest = { e, sequence, pool }
    return 0, 0
  end
  local grown, more = (sequence - latest[2]) % MODULUS, (pool - latest[3]) % MODULUS
  if latest[1] ~= e then
    of.switches = of.switches + 1
    of.in_sequence = of.in_sequence + (grown == 1 and ahead ~= 1 and 1 or 0)
    of.in_pool = of.in_pool + (more < HALF and 1 or -1)
  end
  latest[1], latest[2], latest[3] = e, sequence, pool
  return grown < HALF and grown or 0, more < HALF and more or 0
end

function sflowlog:flow(s, at, expanded, rate)
  -- Sequence number, source, rate, pool, drops, input, output; expanded, source and interfaces are
  -- two words each.
  local c1, c2, c3, c4, kind, i2, i3, i4, _, _, _, _, p1, p2, p3, p4, d1, d2, d3, d4, n1, n2, n3, n4,
    o1, o2, o3, o4 = byte(s, at, at + 27)
  local index, into, out_of
  if expanded then
    kind, index = u32(s, at + 4), u32(s, at + 8)
    into = u32(s, at + 24) == 0 and u32(s, at + 28)
    out_of = u32(s, at + 32) == 0 and u32(s, at + 36)
    p1, p2, p3, p4, d1, d2, d3, d4 = byte(s, at + 16, at + 23)
  else
    index = (i2 * 256 + i3) * 256 + i4
    into = ((n1 * 256 + n2) * 256 + n3) * 256 + n4
    out_of = ((o1 * 256 + o2) * 256 + o3) * 256 + o4
  end
  local sequence = ((c1 * 256 + c2) * 256 + c3) * 256 + c4
  local pool = ((p1 * 256 + p2) * 256 + p3) * 256 + p4
  local drops = ((d1 * 256 + d2) * 256 + d3) * 256 + d4
  local e = source(self, kind, index)
  local row = row_of(self, e)
  row.received, row.rate = row.received + 1, rate
  -- Sampled where it came in, or where it went out.
  self.into, self.out_of = into == index, out_of == index
  local before = e.sequence
  if not before then
    e.of.latest = { e, sequence, pool }
  else
    local ahead = (sequence - before + HALF) % MODULUS - HALF
    if ahead > 0 and not self.late then
      local grown, more = since_latest(e, sequence, pool, ahead)
      row.shared_sequence, row.shared_pool = row.shared_sequence + grown, row.shared_pool + more
      row.followed, row.rates = row.followed + 1, row.rates + rate
      row.sequence, row.pool = row.sequence + ahead, row.pool + (pool - e.pool) % MODULUS
      if drops > e.drops then
        row.drops = row.drops + drops - e.drops
      end
    elseif self.late then
      row.followed, row.rates = row.followed + 1, row.rates + rate
      return
    else
      row.restarts = row.restarts + 1
    end
  end
  e.sequence, e.pool, e.drops = sequence, pool, drops
end

function sflowlog:header(rate, length)
  local e = self.now
  if not e.counters then
    -- Before the first counter sample there is nothing to compare with.
    return
  end
  local weight = 1.0 * rate * length
  if self.into then
    local p = e.pending or pending(e)
    p.n_in, p.sum_in, p.squares_in = p.n_in + 1, p.sum_in + weight, p.squares_in + weight * weight
  elseif self.out_of then
    local p = e.pending or pending(e)
    p.n_out, p.sum_out = p.n_out + 1, p.sum_out + weight
    p.squares_out = p.squares_out + weight * weight
  end
end

-- A sample that is none of a packet that passed.
function sflowlog:other(what)
  self.others(what, self.ts)
end

-- A flow sample of which nothing could be used.
function sflowlog:unused(rate)
  local row = row_of(self, self.now)
  if rate == 0 then
    row.no_rate = row.no_rate + 1
  else
    row.no_header = row.no_header + 1
  end
end

-- Growth of a counter that is kept as two halves, or nil where it was reset or is not known.
local function growth(high, low, before_high, before_low)
  if high == UNKNOWN and low == UNKNOWN or before_high == UNKNOWN and before_low == UNKNOWN then
    return nil
  end
  local grown = (high - before_high) * MODULUS + (low - before_low)
  return grown >= 0 and grown < MODULUS * 1048576 and grown or nil
end

function sflowlog:interface(index, in_high, in_low, in_packets, out_high, out_low, out_packets)
  local e = source(self, 0, index)
  local row, before = row_of(self, e), e.counters
  row.counters = (row.counters or 0) + 1
  if before and self.late then
    return
  end
  local p = e.pending or pending(e)
  e.pending = nil
  if before then
    local grown_in = growth(in_high, in_low, before[1], before[2])
    local grown_out = growth(out_high, out_low, before[4], before[5])
    if grown_in and grown_out then
      row.seconds = (row.seconds or 0) + (self.ts - before.ts)
      row.in_bytes = (row.in_bytes or 0) + grown_in
      row.out_bytes = (row.out_bytes or 0) + grown_out
      row.in_packets = (row.in_packets or 0) + (in_packets - before[3]) % MODULUS
      row.out_packets = (row.out_packets or 0) + (out_packets - before[6]) % MODULUS
      row.in_sampled = (row.in_sampled or 0) + p.sum_in
      row.in_squares = (row.in_squares or 0) + p.squares_in
      row.in_samples = (row.in_samples or 0) + p.n_in
      row.out_sampled = (row.out_sampled or 0) + p.sum_out
      row.out_squares = (row.out_squares or 0) + p.squares_out
      row.out_samples = (row.out_samples or 0) + p.n_out
    end
  end
  e.counters = { in_high, in_low, in_packets, out_high, out_low, out_packets, ts = self.ts }
end

-- Not everything that the datagram announced was there, or well-formed.
function sflowlog:damaged(cut)
  local row = row_of(self, self.of)
  if cut then
    row.cut = row.cut + 1
  else
    row.malformed = row.malformed + 1
  end
end

-- Writes all rows and forgets everything.
function sflowlog:flush()
  for _, e in ipairs(self.all) do
    finish(self, e)
  end
  self.agents, self.all = {}, {}
end

return sflowlog
end

modules.tally = function(...)
-- Counts what became of each frame of a capture, and what its clock did: the rows of capture.log.
local tally = {}
tally.__index = tally

-- A second of disorder is what several queues and merged files make of one clock.
local DISORDER = 1
-- So long between two frames is no pause of traffic but a clock that was set.
local JUMP = 86400

tally.FIELDS = {
  { "ts", "time" }, { "last", "time" }, { "what", "string" }, { "frames", "count" },
  { "bytes", "count" }, { "detail", "string" },
}

function tally.new()
  return setmetatable({ rows = {}, list = {} }, tally)
end

-- One frame of `wire` bytes that `what` holds for; detail: an example.
function tally:add(what, ts, wire, detail)
  local row = self.rows[what]
  if not row then
    row = { what = what, frames = 0, bytes = 0, ts = ts, last = ts, detail = detail }
    self.rows[what] = row
    self.list[#self.list + 1] = row
  end
  row.frames, row.bytes, row.last = row.frames + 1, row.bytes + wire, ts
end

-- The time of a frame of `wire` bytes, in the order of the file. self.seen: all frames, from the
-- earliest to the latest time.
function tally:time(ts, wire)
  self.seen = self.seen or { what = "seen", frames = 0, bytes = 0, ts = ts, last = ts }
  local seen, latest = self.seen, self.latest
  seen.frames, seen.bytes = seen.frames + 1, seen.bytes + wire
  seen.ts, seen.last = ts < seen.ts and ts or seen.ts, ts > seen.last and ts or seen.last
  if not latest or ts >= latest then
    if latest and ts - latest > JUMP then
      self:add("clock forward", ts, wire, string.format("%.0f", ts - latest))
    end
    self.latest = ts
  elseif latest - ts > DISORDER then
    self:add("clock backward", ts, wire, string.format("%.0f", latest - ts))
    self.latest = ts
  else
    self:add("out of order", ts, wire)
  end
end

return tally
end

modules.uids = function(...)
-- Generated by `python -m pacsflow.terms` from pydicom's dictionary (DICOM PS3.6).
local uids = {}

-- uid = { name, service, modality }
uids.sop_classes = {
["1.2.840.10008.1.1"] = { "Verification", "verification", "" },
["1.2.840.10008.1.20.1"] = { "StorageCommitmentPushModel", "commitment", "" },
["1.2.840.10008.1.20.2"] = { "StorageCommitmentPullModel", "commitment", "" },
["1.2.840.10008.1.3.10"] = { "MediaStorageDirectoryStorage", "other", "" },
["1.2.840.10008.1.40"] = { "ProceduralEventLogging", "other", "" },
["1.2.840.10008.1.42"] = { "SubstanceAdministrationLogging", "other", "" },
["1.2.840.10008.1.9"] = { "BasicStudyContentNotification", "other", "" },
["1.2.840.10008.10.1"] = { "VideoEndoscopicImageRealTimeCommunication", "other", "" },
["1.2.840.10008.10.2"] = { "VideoPhotographicImageRealTimeCommunication", "other", "" },
["1.2.840.10008.10.3"] = { "AudioWaveformRealTimeCommunication", "other", "" },
["1.2.840.10008.10.4"] = { "RenditionSelectionDocumentRealTimeCommunication", "other", "" },
["1.2.840.10008.3.1.2.1.1"] = { "DetachedPatientManagement", "other", "" },
["1.2.840.10008.3.1.2.1.4"] = { "DetachedPatientManagementMeta", "other", "" },
["1.2.840.10008.3.1.2.2.1"] = { "DetachedVisitManagement", "other", "" },
["1.2.840.10008.3.1.2.3.1"] = { "DetachedStudyManagement", "other", "" },
["1.2.840.10008.3.1.2.3.2"] = { "StudyComponentManagement", "mpps", "" },
["1.2.840.10008.3.1.2.3.3"] = { "ModalityPerformedProcedureStep", "mpps", "" },
["1.2.840.10008.3.1.2.3.4"] = { "ModalityPerformedProcedureStepRetrieve", "mpps", "" },
["1.2.840.10008.3.1.2.3.5"] = { "ModalityPerformedProcedureStepNotification", "mpps", "" },
["1.2.840.10008.3.1.2.5.1"] = { "DetachedResultsManagement", "other", "" },
["1.2.840.10008.3.1.2.5.4"] = { "DetachedResultsManagementMeta", "other", "" },
["1.2.840.10008.3.1.2.5.5"] = { "DetachedStudyManagementMeta", "other", "" },
["1.2.840.10008.3.1.2.6.1"] = { "DetachedInterpretationManagement", "other", "" },
["1.2.840.10008.5.1.1.1"] = { "BasicFilmSession", "print", "" },
["1.2.840.10008.5.1.1.14"] = { "PrintJob", "print", "" },
["1.2.840.10008.5.1.1.15"] = { "BasicAnnotationBox", "print", "" },
["1.2.840.10008.5.1.1.16"] = { "Printer", "print", "" },
["1.2.840.10008.5.1.1.16.376"] = { "PrinterConfigurationRetrieval", "print", "" },
["1.2.840.10008.5.1.1.18"] = { "BasicColorPrintManagementMeta", "print", "" },
["1.2.840.10008.5.1.1.18.1"] = { "ReferencedColorPrintManagementMeta", "print", "" },
["1.2.840.10008.5.1.1.2"] = { "BasicFilmBox", "print", "" },
["1.2.840.10008.5.1.1.22"] = { "VOILUTBox", "print", "" },
["1.2.840.10008.5.1.1.23"] = { "PresentationLUT", "print", "" },
["1.2.840.10008.5.1.1.24"] = { "ImageOverlayBox", "print", "" },
["1.2.840.10008.5.1.1.24.1"] = { "BasicPrintImageOverlayBox", "print", "" },
["1.2.840.10008.5.1.1.26"] = { "PrintQueueManagement", "print", "" },
["1.2.840.10008.5.1.1.27"] = { "StoredPrintStorage", "storage", "" },
["1.2.840.10008.5.1.1.29"] = { "HardcopyGrayscaleImageStorage", "storage", "" },
["1.2.840.10008.5.1.1.30"] = { "HardcopyColorImageStorage", "storage", "" },
["1.2.840.10008.5.1.1.31"] = { "PullPrintRequest", "print", "" },
["1.2.840.10008.5.1.1.32"] = { "PullStoredPrintManagementMeta", "print", "" },
["1.2.840.10008.5.1.1.33"] = { "MediaCreationManagement", "other", "" },
["1.2.840.10008.5.1.1.4"] = { "BasicGrayscaleImageBox", "print", "" },
["1.2.840.10008.5.1.1.4.1"] = { "BasicColorImageBox", "print", "" },
["1.2.840.10008.5.1.1.4.2"] = { "ReferencedImageBox", "print", "" },
["1.2.840.10008.5.1.1.40"] = { "DisplaySystem", "other", "" },
["1.2.840.10008.5.1.1.9"] = { "BasicGrayscalePrintManagementMeta", "print", "" },
["1.2.840.10008.5.1.1.9.1"] = { "ReferencedGrayscalePrintManagementMeta", "print", "" },
["1.2.840.10008.5.1.4.1.1.1"] = { "ComputedRadiographyImageStorage", "storage", "CR" },
["1.2.840.10008.5.1.4.1.1.1.1"] = { "DigitalXRayImageStorageForPresentation", "storage", "DX" },
["1.2.840.10008.5.1.4.1.1.1.1.1"] = { "DigitalXRayImageStorageForProcessing", "storage", "DX" },
["1.2.840.10008.5.1.4.1.1.1.2"] = { "DigitalMammographyXRayImageStorageForPresentation", "storage", "MG" },
["1.2.840.10008.5.1.4.1.1.1.2.1"] = { "DigitalMammographyXRayImageStorageForProcessing", "storage", "MG" },
["1.2.840.10008.5.1.4.1.1.1.3"] = { "DigitalIntraOralXRayImageStorageForPresentation", "storage", "IO" },
["1.2.840.10008.5.1.4.1.1.1.3.1"] = { "DigitalIntraOralXRayImageStorageForProcessing", "storage", "IO" },
["1.2.840.10008.5.1.4.1.1.10"] = { "StandaloneModalityLUTStorage", "storage", "" },
["1.2.840.10008.5.1.4.1.1.104.1"] = { "EncapsulatedPDFStorage", "storage", "DOC" },
["1.2.840.10008.5.1.4.1.1.104.2"] = { "EncapsulatedCDAStorage", "storage", "DOC" },
["1.2.840.10008.5.1.4.1.1.104.3"] = { "EncapsulatedSTLStorage", "storage", "M3D" },
["1.2.840.10008.5.1.4.1.1.104.4"] = { "EncapsulatedOBJStorage", "storage", "M3D" },
["1.2.840.10008.5.1.4.1.1.104.5"] = { "EncapsulatedMTLStorage", "storage", "M3D" },
["1.2.840.10008.5.1.4.1.1.11"] = { "StandaloneVOILUTStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.1"] = { "GrayscaleSoftcopyPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.10"] = { "SegmentedVolumeRenderingVolumetricPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.11"] = { "MultipleVolumeRenderingVolumetricPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.12"] = { "VariableModalityLUTSoftcopyPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.2"] = { "ColorSoftcopyPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.3"] = { "PseudoColorSoftcopyPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.4"] = { "BlendingSoftcopyPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.5"] = { "XAXRFGrayscaleSoftcopyPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.6"] = { "GrayscalePlanarMPRVolumetricPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.7"] = { "CompositingPlanarMPRVolumetricPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.8"] = { "AdvancedBlendingPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.11.9"] = { "VolumeRenderingVolumetricPresentationStateStorage", "storage", "PR" },
["1.2.840.10008.5.1.4.1.1.12.1"] = { "XRayAngiographicImageStorage", "storage", "XA" },
["1.2.840.10008.5.1.4.1.1.12.1.1"] = { "EnhancedXAImageStorage", "storage", "XA" },
["1.2.840.10008.5.1.4.1.1.12.2"] = { "XRayRadiofluoroscopicImageStorage", "storage", "RF" },
["1.2.840.10008.5.1.4.1.1.12.2.1"] = { "EnhancedXRFImageStorage", "storage", "RF" },
["1.2.840.10008.5.1.4.1.1.12.3"] = { "XRayAngiographicBiPlaneImageStorage", "storage", "XA" },
["1.2.840.10008.5.1.4.1.1.128"] = { "PositronEmissionTomographyImageStorage", "storage", "PT" },
["1.2.840.10008.5.1.4.1.1.128.1"] = { "LegacyConvertedEnhancedPETImageStorage", "storage", "PT" },
["1.2.840.10008.5.1.4.1.1.129"] = { "StandalonePETCurveStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.13.1.1"] = { "XRay3DAngiographicImageStorage", "storage", "XA" },
["1.2.840.10008.5.1.4.1.1.13.1.2"] = { "XRay3DCraniofacialImageStorage", "storage", "XA" },
["1.2.840.10008.5.1.4.1.1.13.1.3"] = { "BreastTomosynthesisImageStorage", "storage", "MG" },
["1.2.840.10008.5.1.4.1.1.13.1.4"] = { "BreastProjectionXRayImageStorageForPresentation", "storage", "MG" },
["1.2.840.10008.5.1.4.1.1.13.1.5"] = { "BreastProjectionXRayImageStorageForProcessing", "storage", "MG" },
["1.2.840.10008.5.1.4.1.1.130"] = { "EnhancedPETImageStorage", "storage", "PT" },
["1.2.840.10008.5.1.4.1.1.131"] = { "BasicStructuredDisplayStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.14.1"] = { "IntravascularOpticalCoherenceTomographyImageStorageForPresentation", "storage", "IVOCT" },
["1.2.840.10008.5.1.4.1.1.14.2"] = { "IntravascularOpticalCoherenceTomographyImageStorageForProcessing", "storage", "IVOCT" },
["1.2.840.10008.5.1.4.1.1.2"] = { "CTImageStorage", "storage", "CT" },
["1.2.840.10008.5.1.4.1.1.2.1"] = { "EnhancedCTImageStorage", "storage", "CT" },
["1.2.840.10008.5.1.4.1.1.2.2"] = { "LegacyConvertedEnhancedCTImageStorage", "storage", "CT" },
["1.2.840.10008.5.1.4.1.1.20"] = { "NuclearMedicineImageStorage", "storage", "NM" },
["1.2.840.10008.5.1.4.1.1.200.1"] = { "CTDefinedProcedureProtocolStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.200.2"] = { "CTPerformedProcedureProtocolStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.200.3"] = { "ProtocolApprovalStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.200.4"] = { "ProtocolApprovalInformationModelFind", "query", "" },
["1.2.840.10008.5.1.4.1.1.200.5"] = { "ProtocolApprovalInformationModelMove", "retrieve", "" },
["1.2.840.10008.5.1.4.1.1.200.6"] = { "ProtocolApprovalInformationModelGet", "retrieve", "" },
["1.2.840.10008.5.1.4.1.1.200.7"] = { "XADefinedProcedureProtocolStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.200.8"] = { "XAPerformedProcedureProtocolStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.201.1"] = { "InventoryStorage", "storage", "" },
["1.2.840.10008.5.1.4.1.1.201.2"] = { "InventoryFind", "query", "" },
["1.2.840.10008.5.1.4.1.1.201.3"] = { "InventoryMove", "retrieve", "" },
["1.2.840.10008.5.1.4.1.1.201.4"] = { "InventoryGet", "retrieve", "" },
["1.2.840.10008.5.1.4.1.1.201.5"] = { "InventoryCreation", "other", "" },
["1.2.840.10008.5.1.4.1.1.201.6"] = { "RepositoryQuery", "query", "" },
["1.2.840.10008.5.1.4.1.1.3"] = { "UltrasoundMultiFrameImageStorageRetired", "storage", "US" },
["1.2.840.10008.5.1.4.1.1.3.1"] = { "UltrasoundMultiFrameImageStorage", "storage", "US" },
["1.2.840.10008.5.1.4.1.1.30"] = { "ParametricMapStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.4"] = { "MRImageStorage", "storage", "MR" },
["1.2.840.10008.5.1.4.1.1.4.1"] = { "EnhancedMRImageStorage", "storage", "MR" },
["1.2.840.10008.5.1.4.1.1.4.2"] = { "MRSpectroscopyStorage", "storage", "MR" },
["1.2.840.10008.5.1.4.1.1.4.3"] = { "EnhancedMRColorImageStorage", "storage", "MR" },
["1.2.840.10008.5.1.4.1.1.4.4"] = { "LegacyConvertedEnhancedMRImageStorage", "storage", "MR" },
["1.2.840.10008.5.1.4.1.1.481.1"] = { "RTImageStorage", "storage", "RTIMAGE" },
["1.2.840.10008.5.1.4.1.1.481.10"] = { "RTPhysicianIntentStorage", "storage", "RTPLAN" },
["1.2.840.10008.5.1.4.1.1.481.11"] = { "RTSegmentAnnotationStorage", "storage", "RTSEGANN" },
["1.2.840.10008.5.1.4.1.1.481.12"] = { "RTRadiationSetStorage", "storage", "RTRAD" },
["1.2.840.10008.5.1.4.1.1.481.13"] = { "CArmPhotonElectronRadiationStorage", "storage", "RTRAD" },
["1.2.840.10008.5.1.4.1.1.481.14"] = { "TomotherapeuticRadiationStorage", "storage", "RTRAD" },
["1.2.840.10008.5.1.4.1.1.481.15"] = { "RoboticArmRadiationStorage", "storage", "RTRAD" },
["1.2.840.10008.5.1.4.1.1.481.16"] = { "RTRadiationRecordSetStorage", "storage", "RTRECORD" },
["1.2.840.10008.5.1.4.1.1.481.17"] = { "RTRadiationSalvageRecordStorage", "storage", "RTRECORD" },
["1.2.840.10008.5.1.4.1.1.481.18"] = { "TomotherapeuticRadiationRecordStorage", "storage", "RTRECORD" },
["1.2.840.10008.5.1.4.1.1.481.19"] = { "CArmPhotonElectronRadiationRecordStorage", "storage", "RTRECORD" },
["1.2.840.10008.5.1.4.1.1.481.2"] = { "RTDoseStorage", "storage", "RTDOSE" },
["1.2.840.10008.5.1.4.1.1.481.20"] = { "RoboticRadiationRecordStorage", "storage", "RTRECORD" },
["1.2.840.10008.5.1.4.1.1.481.21"] = { "RTRadiationSetDeliveryInstructionStorage", "storage", "RTPLAN" },
["1.2.840.10008.5.1.4.1.1.481.22"] = { "RTTreatmentPreparationStorage", "storage", "RTPLAN" },
["1.2.840.10008.5.1.4.1.1.481.23"] = { "EnhancedRTImageStorage", "storage", "RTIMAGE" },
["1.2.840.10008.5.1.4.1.1.481.24"] = { "EnhancedContinuousRTImageStorage", "storage", "RTIMAGE" },
["1.2.840.10008.5.1.4.1.1.481.25"] = { "RTPatientPositionAcquisitionInstructionStorage", "storage", "RTPLAN" },
["1.2.840.10008.5.1.4.1.1.481.3"] = { "RTStructureSetStorage", "storage", "RTSTRUCT" },
["1.2.840.10008.5.1.4.1.1.481.4"] = { "RTBeamsTreatmentRecordStorage", "storage", "RTRECORD" },
["1.2.840.10008.5.1.4.1.1.481.5"] = { "RTPlanStorage", "storage", "RTPLAN" },
["1.2.840.10008.5.1.4.1.1.481.6"] = { "RTBrachyTreatmentRecordStorage", "storage", "RTRECORD" },
["1.2.840.10008.5.1.4.1.1.481.7"] = { "RTTreatmentSummaryRecordStorage", "storage", "RTRECORD" },
["1.2.840.10008.5.1.4.1.1.481.8"] = { "RTIonPlanStorage", "storage", "RTPLAN" },
["1.2.840.10008.5.1.4.1.1.481.9"] = { "RTIonBeamsTreatmentRecordStorage", "storage", "RTRECORD" },
["1.2.840.10008.5.1.4.1.1.5"] = { "NuclearMedicineImageStorageRetired", "storage", "NM" },
["1.2.840.10008.5.1.4.1.1.501.1"] = { "DICOSCTImageStorage", "storage", "CT" },
["1.2.840.10008.5.1.4.1.1.501.2.1"] = { "DICOSDigitalXRayImageStorageForPresentation", "storage", "DX" },
["1.2.840.10008.5.1.4.1.1.501.2.2"] = { "DICOSDigitalXRayImageStorageForProcessing", "storage", "DX" },
["1.2.840.10008.5.1.4.1.1.501.3"] = { "DICOSThreatDetectionReportStorage", "storage", "" },
["1.2.840.10008.5.1.4.1.1.501.4"] = { "DICOS2DAITStorage", "storage", "" },
["1.2.840.10008.5.1.4.1.1.501.5"] = { "DICOS3DAITStorage", "storage", "" },
["1.2.840.10008.5.1.4.1.1.501.6"] = { "DICOSQuadrupoleResonanceStorage", "storage", "" },
["1.2.840.10008.5.1.4.1.1.6"] = { "UltrasoundImageStorageRetired", "storage", "US" },
["1.2.840.10008.5.1.4.1.1.6.1"] = { "UltrasoundImageStorage", "storage", "US" },
["1.2.840.10008.5.1.4.1.1.6.2"] = { "EnhancedUSVolumeStorage", "storage", "US" },
["1.2.840.10008.5.1.4.1.1.6.3"] = { "PhotoacousticImageStorage", "storage", "PA" },
["1.2.840.10008.5.1.4.1.1.601.1"] = { "EddyCurrentImageStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.601.2"] = { "EddyCurrentMultiFrameImageStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.66"] = { "RawDataStorage", "storage", "REG" },
["1.2.840.10008.5.1.4.1.1.66.1"] = { "SpatialRegistrationStorage", "storage", "REG" },
["1.2.840.10008.5.1.4.1.1.66.2"] = { "SpatialFiducialsStorage", "storage", "REG" },
["1.2.840.10008.5.1.4.1.1.66.3"] = { "DeformableSpatialRegistrationStorage", "storage", "REG" },
["1.2.840.10008.5.1.4.1.1.66.4"] = { "SegmentationStorage", "storage", "SEG" },
["1.2.840.10008.5.1.4.1.1.66.5"] = { "SurfaceSegmentationStorage", "storage", "SEG" },
["1.2.840.10008.5.1.4.1.1.66.6"] = { "TractographyResultsStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.67"] = { "RealWorldValueMappingStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.68.1"] = { "SurfaceScanMeshStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.68.2"] = { "SurfaceScanPointCloudStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.7"] = { "SecondaryCaptureImageStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.7.1"] = { "MultiFrameSingleBitSecondaryCaptureImageStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.7.2"] = { "MultiFrameGrayscaleByteSecondaryCaptureImageStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.7.3"] = { "MultiFrameGrayscaleWordSecondaryCaptureImageStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.7.4"] = { "MultiFrameTrueColorSecondaryCaptureImageStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.77.1"] = { "VLImageStorageTrial", "storage", "XC" },
["1.2.840.10008.5.1.4.1.1.77.1.1"] = { "VLEndoscopicImageStorage", "storage", "ES" },
["1.2.840.10008.5.1.4.1.1.77.1.1.1"] = { "VideoEndoscopicImageStorage", "storage", "ES" },
["1.2.840.10008.5.1.4.1.1.77.1.2"] = { "VLMicroscopicImageStorage", "storage", "GM" },
["1.2.840.10008.5.1.4.1.1.77.1.2.1"] = { "VideoMicroscopicImageStorage", "storage", "GM" },
["1.2.840.10008.5.1.4.1.1.77.1.3"] = { "VLSlideCoordinatesMicroscopicImageStorage", "storage", "SM" },
["1.2.840.10008.5.1.4.1.1.77.1.4"] = { "VLPhotographicImageStorage", "storage", "XC" },
["1.2.840.10008.5.1.4.1.1.77.1.4.1"] = { "VideoPhotographicImageStorage", "storage", "XC" },
["1.2.840.10008.5.1.4.1.1.77.1.5.1"] = { "OphthalmicPhotography8BitImageStorage", "storage", "OP" },
["1.2.840.10008.5.1.4.1.1.77.1.5.2"] = { "OphthalmicPhotography16BitImageStorage", "storage", "OP" },
["1.2.840.10008.5.1.4.1.1.77.1.5.3"] = { "StereometricRelationshipStorage", "storage", "OP" },
["1.2.840.10008.5.1.4.1.1.77.1.5.4"] = { "OphthalmicTomographyImageStorage", "storage", "OPT" },
["1.2.840.10008.5.1.4.1.1.77.1.5.5"] = { "WideFieldOphthalmicPhotographyStereographicProjectionImageStorage", "storage", "OPT" },
["1.2.840.10008.5.1.4.1.1.77.1.5.6"] = { "WideFieldOphthalmicPhotography3DCoordinatesImageStorage", "storage", "OP" },
["1.2.840.10008.5.1.4.1.1.77.1.5.7"] = { "OphthalmicOpticalCoherenceTomographyEnFaceImageStorage", "storage", "OPTBSV" },
["1.2.840.10008.5.1.4.1.1.77.1.5.8"] = { "OphthalmicOpticalCoherenceTomographyBscanVolumeAnalysisStorage", "storage", "OPTENF" },
["1.2.840.10008.5.1.4.1.1.77.1.6"] = { "VLWholeSlideMicroscopyImageStorage", "storage", "SM" },
["1.2.840.10008.5.1.4.1.1.77.1.7"] = { "DermoscopicPhotographyImageStorage", "storage", "DMS" },
["1.2.840.10008.5.1.4.1.1.77.1.8"] = { "ConfocalMicroscopyImageStorage", "storage", "XC" },
["1.2.840.10008.5.1.4.1.1.77.1.9"] = { "ConfocalMicroscopyTiledPyramidalImageStorage", "storage", "XC" },
["1.2.840.10008.5.1.4.1.1.77.2"] = { "VLMultiFrameImageStorageTrial", "storage", "" },
["1.2.840.10008.5.1.4.1.1.78.1"] = { "LensometryMeasurementsStorage", "storage", "AR" },
["1.2.840.10008.5.1.4.1.1.78.2"] = { "AutorefractionMeasurementsStorage", "storage", "AR" },
["1.2.840.10008.5.1.4.1.1.78.3"] = { "KeratometryMeasurementsStorage", "storage", "AR" },
["1.2.840.10008.5.1.4.1.1.78.4"] = { "SubjectiveRefractionMeasurementsStorage", "storage", "AR" },
["1.2.840.10008.5.1.4.1.1.78.5"] = { "VisualAcuityMeasurementsStorage", "storage", "AR" },
["1.2.840.10008.5.1.4.1.1.78.6"] = { "SpectaclePrescriptionReportStorage", "storage", "AR" },
["1.2.840.10008.5.1.4.1.1.78.7"] = { "OphthalmicAxialMeasurementsStorage", "storage", "AR" },
["1.2.840.10008.5.1.4.1.1.78.8"] = { "IntraocularLensCalculationsStorage", "storage", "AR" },
["1.2.840.10008.5.1.4.1.1.79.1"] = { "MacularGridThicknessAndVolumeReportStorage", "storage", "OPV" },
["1.2.840.10008.5.1.4.1.1.8"] = { "StandaloneOverlayStorage", "storage", "" },
["1.2.840.10008.5.1.4.1.1.80.1"] = { "OphthalmicVisualFieldStaticPerimetryMeasurementsStorage", "storage", "OPV" },
["1.2.840.10008.5.1.4.1.1.81.1"] = { "OphthalmicThicknessMapStorage", "storage", "OPM" },
["1.2.840.10008.5.1.4.1.1.82.1"] = { "CornealTopographyMapStorage", "storage", "OPM" },
["1.2.840.10008.5.1.4.1.1.88.1"] = { "TextSRStorageTrial", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.11"] = { "BasicTextSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.2"] = { "AudioSRStorageTrial", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.22"] = { "EnhancedSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.3"] = { "DetailSRStorageTrial", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.33"] = { "ComprehensiveSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.34"] = { "Comprehensive3DSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.35"] = { "ExtensibleSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.4"] = { "ComprehensiveSRStorageTrial", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.40"] = { "ProcedureLogStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.50"] = { "MammographyCADSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.59"] = { "KeyObjectSelectionDocumentStorage", "storage", "KO" },
["1.2.840.10008.5.1.4.1.1.88.65"] = { "ChestCADSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.67"] = { "XRayRadiationDoseSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.68"] = { "RadiopharmaceuticalRadiationDoseSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.69"] = { "ColonCADSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.70"] = { "ImplantationPlanSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.71"] = { "AcquisitionContextSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.72"] = { "SimplifiedAdultEchoSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.73"] = { "PatientRadiationDoseSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.74"] = { "PlannedImagingAgentAdministrationSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.75"] = { "PerformedImagingAgentAdministrationSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.76"] = { "EnhancedXRayRadiationDoseSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.88.77"] = { "WaveformAnnotationSRStorage", "storage", "SR" },
["1.2.840.10008.5.1.4.1.1.9"] = { "StandaloneCurveStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.9.1"] = { "WaveformStorageTrial", "storage", "ECG" },
["1.2.840.10008.5.1.4.1.1.9.1.1"] = { "TwelveLeadECGWaveformStorage", "storage", "ECG" },
["1.2.840.10008.5.1.4.1.1.9.1.2"] = { "GeneralECGWaveformStorage", "storage", "ECG" },
["1.2.840.10008.5.1.4.1.1.9.1.3"] = { "AmbulatoryECGWaveformStorage", "storage", "ECG" },
["1.2.840.10008.5.1.4.1.1.9.1.4"] = { "General32bitECGWaveformStorage", "storage", "ECG" },
["1.2.840.10008.5.1.4.1.1.9.2.1"] = { "HemodynamicWaveformStorage", "storage", "HD" },
["1.2.840.10008.5.1.4.1.1.9.3.1"] = { "CardiacElectrophysiologyWaveformStorage", "storage", "EPS" },
["1.2.840.10008.5.1.4.1.1.9.4.1"] = { "BasicVoiceAudioWaveformStorage", "storage", "AU" },
["1.2.840.10008.5.1.4.1.1.9.4.2"] = { "GeneralAudioWaveformStorage", "storage", "AU" },
["1.2.840.10008.5.1.4.1.1.9.5.1"] = { "ArterialPulseWaveformStorage", "storage", "OT" },
["1.2.840.10008.5.1.4.1.1.9.6.1"] = { "RespiratoryWaveformStorage", "storage", "RESP" },
["1.2.840.10008.5.1.4.1.1.9.6.2"] = { "MultichannelRespiratoryWaveformStorage", "storage", "RESP" },
["1.2.840.10008.5.1.4.1.1.9.7.1"] = { "RoutineScalpElectroencephalogramWaveformStorage", "storage", "EEG" },
["1.2.840.10008.5.1.4.1.1.9.7.2"] = { "ElectromyogramWaveformStorage", "storage", "EMG" },
["1.2.840.10008.5.1.4.1.1.9.7.3"] = { "ElectrooculogramWaveformStorage", "storage", "EOG" },
["1.2.840.10008.5.1.4.1.1.9.7.4"] = { "SleepElectroencephalogramWaveformStorage", "storage", "EEG" },
["1.2.840.10008.5.1.4.1.1.9.8.1"] = { "BodyPositionWaveformStorage", "storage", "POS" },
["1.2.840.10008.5.1.4.1.1.90.1"] = { "ContentAssessmentResultsStorage", "storage", "ANN" },
["1.2.840.10008.5.1.4.1.1.91.1"] = { "MicroscopyBulkSimpleAnnotationsStorage", "storage", "ANN" },
["1.2.840.10008.5.1.4.1.2.1.1"] = { "PatientRootQueryRetrieveInformationModelFind", "query", "" },
["1.2.840.10008.5.1.4.1.2.1.2"] = { "PatientRootQueryRetrieveInformationModelMove", "retrieve", "" },
["1.2.840.10008.5.1.4.1.2.1.3"] = { "PatientRootQueryRetrieveInformationModelGet", "retrieve", "" },
["1.2.840.10008.5.1.4.1.2.2.1"] = { "StudyRootQueryRetrieveInformationModelFind", "query", "" },
["1.2.840.10008.5.1.4.1.2.2.2"] = { "StudyRootQueryRetrieveInformationModelMove", "retrieve", "" },
["1.2.840.10008.5.1.4.1.2.2.3"] = { "StudyRootQueryRetrieveInformationModelGet", "retrieve", "" },
["1.2.840.10008.5.1.4.1.2.3.1"] = { "PatientStudyOnlyQueryRetrieveInformationModelFind", "query", "" },
["1.2.840.10008.5.1.4.1.2.3.2"] = { "PatientStudyOnlyQueryRetrieveInformationModelMove", "retrieve", "" },
["1.2.840.10008.5.1.4.1.2.3.3"] = { "PatientStudyOnlyQueryRetrieveInformationModelGet", "retrieve", "" },
["1.2.840.10008.5.1.4.1.2.4.2"] = { "CompositeInstanceRootRetrieveMove", "retrieve", "" },
["1.2.840.10008.5.1.4.1.2.4.3"] = { "CompositeInstanceRootRetrieveGet", "retrieve", "" },
["1.2.840.10008.5.1.4.1.2.5.3"] = { "CompositeInstanceRetrieveWithoutBulkDataGet", "retrieve", "" },
["1.2.840.10008.5.1.4.20.1"] = { "DefinedProcedureProtocolInformationModelFind", "query", "" },
["1.2.840.10008.5.1.4.20.2"] = { "DefinedProcedureProtocolInformationModelMove", "retrieve", "" },
["1.2.840.10008.5.1.4.20.3"] = { "DefinedProcedureProtocolInformationModelGet", "retrieve", "" },
["1.2.840.10008.5.1.4.31"] = { "ModalityWorklistInformationModelFind", "worklist", "" },
["1.2.840.10008.5.1.4.32"] = { "GeneralPurposeWorklistManagementMeta", "worklist", "" },
["1.2.840.10008.5.1.4.32.1"] = { "GeneralPurposeWorklistInformationModelFind", "worklist", "" },
["1.2.840.10008.5.1.4.32.2"] = { "GeneralPurposeScheduledProcedureStep", "other", "" },
["1.2.840.10008.5.1.4.32.3"] = { "GeneralPurposePerformedProcedureStep", "mpps", "" },
["1.2.840.10008.5.1.4.33"] = { "InstanceAvailabilityNotification", "other", "" },
["1.2.840.10008.5.1.4.34.1"] = { "RTBeamsDeliveryInstructionStorageTrial", "storage", "" },
["1.2.840.10008.5.1.4.34.10"] = { "RTBrachyApplicationSetupDeliveryInstructionStorage", "storage", "" },
["1.2.840.10008.5.1.4.34.2"] = { "RTConventionalMachineVerificationTrial", "other", "" },
["1.2.840.10008.5.1.4.34.3"] = { "RTIonMachineVerificationTrial", "other", "" },
["1.2.840.10008.5.1.4.34.4.1"] = { "UnifiedProcedureStepPushTrial", "worklist", "" },
["1.2.840.10008.5.1.4.34.4.2"] = { "UnifiedProcedureStepWatchTrial", "worklist", "" },
["1.2.840.10008.5.1.4.34.4.3"] = { "UnifiedProcedureStepPullTrial", "worklist", "" },
["1.2.840.10008.5.1.4.34.4.4"] = { "UnifiedProcedureStepEventTrial", "worklist", "" },
["1.2.840.10008.5.1.4.34.6.1"] = { "UnifiedProcedureStepPush", "worklist", "" },
["1.2.840.10008.5.1.4.34.6.2"] = { "UnifiedProcedureStepWatch", "worklist", "" },
["1.2.840.10008.5.1.4.34.6.3"] = { "UnifiedProcedureStepPull", "worklist", "" },
["1.2.840.10008.5.1.4.34.6.4"] = { "UnifiedProcedureStepEvent", "worklist", "" },
["1.2.840.10008.5.1.4.34.6.5"] = { "UnifiedProcedureStepQuery", "worklist", "" },
["1.2.840.10008.5.1.4.34.7"] = { "RTBeamsDeliveryInstructionStorage", "storage", "" },
["1.2.840.10008.5.1.4.34.8"] = { "RTConventionalMachineVerification", "other", "" },
["1.2.840.10008.5.1.4.34.9"] = { "RTIonMachineVerification", "other", "" },
["1.2.840.10008.5.1.4.37.1"] = { "GeneralRelevantPatientInformationQuery", "query", "" },
["1.2.840.10008.5.1.4.37.2"] = { "BreastImagingRelevantPatientInformationQuery", "query", "" },
["1.2.840.10008.5.1.4.37.3"] = { "CardiacRelevantPatientInformationQuery", "query", "" },
["1.2.840.10008.5.1.4.38.1"] = { "HangingProtocolStorage", "storage", "" },
["1.2.840.10008.5.1.4.38.2"] = { "HangingProtocolInformationModelFind", "query", "" },
["1.2.840.10008.5.1.4.38.3"] = { "HangingProtocolInformationModelMove", "retrieve", "" },
["1.2.840.10008.5.1.4.38.4"] = { "HangingProtocolInformationModelGet", "retrieve", "" },
["1.2.840.10008.5.1.4.39.1"] = { "ColorPaletteStorage", "storage", "" },
["1.2.840.10008.5.1.4.39.2"] = { "ColorPaletteQueryRetrieveInformationModelFind", "query", "" },
["1.2.840.10008.5.1.4.39.3"] = { "ColorPaletteQueryRetrieveInformationModelMove", "retrieve", "" },
["1.2.840.10008.5.1.4.39.4"] = { "ColorPaletteQueryRetrieveInformationModelGet", "retrieve", "" },
["1.2.840.10008.5.1.4.41"] = { "ProductCharacteristicsQuery", "query", "" },
["1.2.840.10008.5.1.4.42"] = { "SubstanceApprovalQuery", "query", "" },
["1.2.840.10008.5.1.4.43.1"] = { "GenericImplantTemplateStorage", "storage", "" },
["1.2.840.10008.5.1.4.43.2"] = { "GenericImplantTemplateInformationModelFind", "query", "" },
["1.2.840.10008.5.1.4.43.3"] = { "GenericImplantTemplateInformationModelMove", "retrieve", "" },
["1.2.840.10008.5.1.4.43.4"] = { "GenericImplantTemplateInformationModelGet", "retrieve", "" },
["1.2.840.10008.5.1.4.44.1"] = { "ImplantAssemblyTemplateStorage", "storage", "" },
["1.2.840.10008.5.1.4.44.2"] = { "ImplantAssemblyTemplateInformationModelFind", "query", "" },
["1.2.840.10008.5.1.4.44.3"] = { "ImplantAssemblyTemplateInformationModelMove", "retrieve", "" },
["1.2.840.10008.5.1.4.44.4"] = { "ImplantAssemblyTemplateInformationModelGet", "retrieve", "" },
["1.2.840.10008.5.1.4.45.1"] = { "ImplantTemplateGroupStorage", "storage", "" },
["1.2.840.10008.5.1.4.45.2"] = { "ImplantTemplateGroupInformationModelFind", "query", "" },
["1.2.840.10008.5.1.4.45.3"] = { "ImplantTemplateGroupInformationModelMove", "retrieve", "" },
["1.2.840.10008.5.1.4.45.4"] = { "ImplantTemplateGroupInformationModelGet", "retrieve", "" },
}

uids.transfer_syntaxes = {
["1.2.840.10008.1.2"] = "ImplicitVRLittleEndian",
["1.2.840.10008.1.2.1"] = "ExplicitVRLittleEndian",
["1.2.840.10008.1.2.1.98"] = "EncapsulatedUncompressedExplicitVRLittleEndian",
["1.2.840.10008.1.2.1.99"] = "DeflatedExplicitVRLittleEndian",
["1.2.840.10008.1.2.2"] = "ExplicitVRBigEndian",
["1.2.840.10008.1.2.4.100"] = "MPEG2MPML",
["1.2.840.10008.1.2.4.100.1"] = "MPEG2MPMLF",
["1.2.840.10008.1.2.4.101"] = "MPEG2MPHL",
["1.2.840.10008.1.2.4.101.1"] = "MPEG2MPHLF",
["1.2.840.10008.1.2.4.102"] = "MPEG4HP41",
["1.2.840.10008.1.2.4.102.1"] = "MPEG4HP41F",
["1.2.840.10008.1.2.4.103"] = "MPEG4HP41BD",
["1.2.840.10008.1.2.4.103.1"] = "MPEG4HP41BDF",
["1.2.840.10008.1.2.4.104"] = "MPEG4HP422D",
["1.2.840.10008.1.2.4.104.1"] = "MPEG4HP422DF",
["1.2.840.10008.1.2.4.105"] = "MPEG4HP423D",
["1.2.840.10008.1.2.4.105.1"] = "MPEG4HP423DF",
["1.2.840.10008.1.2.4.106"] = "MPEG4HP42STEREO",
["1.2.840.10008.1.2.4.106.1"] = "MPEG4HP42STEREOF",
["1.2.840.10008.1.2.4.107"] = "HEVCMP51",
["1.2.840.10008.1.2.4.108"] = "HEVCM10P51",
["1.2.840.10008.1.2.4.201"] = "HTJ2KLossless",
["1.2.840.10008.1.2.4.202"] = "HTJ2KLosslessRPCL",
["1.2.840.10008.1.2.4.203"] = "HTJ2K",
["1.2.840.10008.1.2.4.204"] = "JPIPHTJ2KReferenced",
["1.2.840.10008.1.2.4.205"] = "JPIPHTJ2KReferencedDeflate",
["1.2.840.10008.1.2.4.50"] = "JPEGBaseline8Bit",
["1.2.840.10008.1.2.4.51"] = "JPEGExtended12Bit",
["1.2.840.10008.1.2.4.52"] = "JPEGExtended35",
["1.2.840.10008.1.2.4.53"] = "JPEGSpectralSelectionNonHierarchical68",
["1.2.840.10008.1.2.4.54"] = "JPEGSpectralSelectionNonHierarchical79",
["1.2.840.10008.1.2.4.55"] = "JPEGFullProgressionNonHierarchical1012",
["1.2.840.10008.1.2.4.56"] = "JPEGFullProgressionNonHierarchical1113",
["1.2.840.10008.1.2.4.57"] = "JPEGLossless",
["1.2.840.10008.1.2.4.58"] = "JPEGLosslessNonHierarchical15",
["1.2.840.10008.1.2.4.59"] = "JPEGExtendedHierarchical1618",
["1.2.840.10008.1.2.4.60"] = "JPEGExtendedHierarchical1719",
["1.2.840.10008.1.2.4.61"] = "JPEGSpectralSelectionHierarchical2022",
["1.2.840.10008.1.2.4.62"] = "JPEGSpectralSelectionHierarchical2123",
["1.2.840.10008.1.2.4.63"] = "JPEGFullProgressionHierarchical2426",
["1.2.840.10008.1.2.4.64"] = "JPEGFullProgressionHierarchical2527",
["1.2.840.10008.1.2.4.65"] = "JPEGLosslessHierarchical28",
["1.2.840.10008.1.2.4.66"] = "JPEGLosslessHierarchical29",
["1.2.840.10008.1.2.4.70"] = "JPEGLosslessSV1",
["1.2.840.10008.1.2.4.80"] = "JPEGLSLossless",
["1.2.840.10008.1.2.4.81"] = "JPEGLSNearLossless",
["1.2.840.10008.1.2.4.90"] = "JPEG2000Lossless",
["1.2.840.10008.1.2.4.91"] = "JPEG2000",
["1.2.840.10008.1.2.4.92"] = "JPEG2000MCLossless",
["1.2.840.10008.1.2.4.93"] = "JPEG2000MC",
["1.2.840.10008.1.2.4.94"] = "JPIPReferenced",
["1.2.840.10008.1.2.4.95"] = "JPIPReferencedDeflate",
["1.2.840.10008.1.2.5"] = "RLELossless",
["1.2.840.10008.1.2.6.1"] = "RFC2557MIMEEncapsulation",
["1.2.840.10008.1.2.6.2"] = "XMLEncoding",
["1.2.840.10008.1.2.7.1"] = "SMPTEST211020UncompressedProgressiveActiveVideo",
["1.2.840.10008.1.2.7.2"] = "SMPTEST211020UncompressedInterlacedActiveVideo",
["1.2.840.10008.1.2.7.3"] = "SMPTEST211030PCMDigitalAudio",
["1.2.840.10008.1.20"] = "Papyrus3ImplicitVRLittleEndian",
}

return uids
end

modules.info = function(...)
-- What Wireshark says of a frame (its Info column), cut down to forms that hold nothing of what the
-- frame carried. Any dissector may write there (a URL, a user's name, the Error Comment of a DICOM
-- response), whatever protocol the frame is called after: so only known forms pass, and of a text
-- the part in front that has one.

local info = {}

local find, sub = string.find, string.sub

local TITLE = "[%w_%-%.][%w_%-%. ]*"
local ADDRESS, NAMED = "[%x%.:]+", "[%a%-, ]+"
local SEGMENT = { first = "^%d+ [^%w%s]+ %d+ %[[%u, ]+%]", more = { "^ %u[%a]*=%d+", "^ SACK_PERM" } }
-- Status and comment of a response stand in parentheses, and are left out.
local MESSAGES = {
  first = "^P%-DATA",
  more = { "^, [CN]%-%u+%-R%u+ ID=%d+", "^, [CN]%-%u+%-R%u+%-DATA", "^, PDV Fragment" },
}
local TLS = {
  "Application Data", "Client Hello", "Server Hello Done", "Server Hello", "Change Cipher Spec",
  "Encrypted Handshake Message", "Encrypted Extensions", "Encrypted Alert", "Certificate Request",
  "Certificate Verify", "Certificate", "Server Key Exchange", "Client Key Exchange",
  "New Session Ticket", "Finished", "Continuation Data", "Ignored Unknown Record", "Hello Request",
}

local function all(words, before)
  local out = {}
  for i = 1, #words do
    out[i] = before .. words[i]
  end
  return out
end

local RECORDS = { first = all(TLS, "^"), more = all(TLS, "^, ") }
local FORMS = {
  TCP = { SEGMENT },
  UDP = { { first = "^%d+ [^%w%s]+ %d+ Len=%d+" } },
  DICOM = {
    SEGMENT, MESSAGES, { first = "^A%-ASSOCIATE request " .. TITLE .. "%-%-> " .. TITLE },
    { first = "^A%-ASSOCIATE %l+  " .. TITLE .. "<%-%- " .. TITLE },
    { first = "^A%-RELEASE %l+" }, { first = "^ABORT " .. TITLE .. "%-%-> " .. TITLE },
  },
  ARP = {
    { first = "^Who has " .. ADDRESS .. "%? Tell " .. ADDRESS },
    { first = "^" .. ADDRESS .. " is at " .. ADDRESS },
    { first = "^ARP Announcement for " .. ADDRESS }, { first = "^Gratuitous ARP for " .. ADDRESS },
  },
  ICMP = {
    { first = "^Echo %(ping%) %l+  id=0x%x+, seq=%d+/?%d*" },
    { first = "^Destination unreachable %(" .. NAMED .. "%)" },
    { first = "^Time%-to%-live exceeded %(" .. NAMED .. "%)" },
  },
  ICMPv6 = {
    { first = "^Echo %(ping%) %l+ id=0x%x+, seq=%d+" }, { first = "^Packet Too Big" },
    { first = "^Neighbor %a+ for " .. ADDRESS }, { first = "^Neighbor Advertisement" },
    { first = "^Router %a+" }, { first = "^Multicast Listener Report Message v2" },
  },
  IGMP = { { first = "^Membership %a+" } },
  sFlow = { { first = "^V%d, agent " .. ADDRESS } },
  STP = { { first = "^%u*%. ?Root = [%d/%x:]+  Cost = %d+  Port = 0x%x+" } },
  NTP = { { first = "^NTP Version %d, %a+" } },
}
for _, version in ipairs({ "SSL", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" }) do
  FORMS[version] = { RECORDS }
end

for _, forms in pairs(FORMS) do
  for _, form in ipairs(forms) do
    form.first = type(form.first) == "string" and { form.first } or form.first
  end
end

-- Return the place of the last octet of what stands at `first` in one of the patterns, or nil.
local function ending(text, first, patterns)
  for i = 1, #patterns do
    local _, last = find(text, patterns[i], first)
    if last then
      return last
    end
  end
end

-- Behind Wireshark's remarks on the segment (`[TCP Retransmission] `).
local function behind_remarks(text)
  local first, last, _ = 1, nil, nil
  repeat
    _, last = find(text, "^%[TCP [%a%-' ]+%] ?", first)
    first = last and last + 1 or first
  until not last
  return first
end

local function known(text, first, form)
  local last = ending(text, first, form.first)
  local more = last
  while more and form.more do
    last, more = more, ending(text, more + 1, form.more)
  end
  return last
end

-- Return what may be kept of the Info of a frame whose Protocol column is `protocol`, or nil.
function info.open(protocol, text)
  local forms = text and FORMS[protocol]
  if not forms then
    return nil
  end
  local first = behind_remarks(text)
  for i = 1, #forms do
    local last = known(text, first, forms[i])
    if last then
      return sub(text, 1, last)
    end
  end
  return nil
end

return info
end

modules.zeeklog = function(...)
-- Zeek's ASCII log format (TSV with #fields and #types), as Zeek's own writer puts it.
local bytes = require("bytes")

local zeeklog = {}
zeeklog.__index = zeeklog

local concat, find, format, gsub = table.concat, string.find, string.format, string.gsub

-- Escapes raw bytes for a field.
local function text(s)
  if s == "-" then
    return "\\x2d"
  elseif s == "(empty)" then
    return "\\x28empty)"
  elseif find(s, "[\0-\31\\\127-\255]") then
    return bytes.escape(s)
  end
  return s
end
zeeklog.text = text

local function set(values)
  if not values or #values == 0 then
    return "-"
  end
  local out = {}
  for i, value in ipairs(values) do
    out[i] = gsub(text(value), ",", "\\x2c")
  end
  return concat(out, ",")
end

local function vector(values)
  local out = {}
  for i, value in ipairs(values) do
    out[i] = format("%d", value)
  end
  return concat(out, ",")
end

local WRITE = {
  time = function(v) return format("%.6f", v) end,
  interval = function(v) return format("%.6f", v) end,
  double = function(v) return format("%.17g", v) end,
  string = text,
  addr = text,
  count = function(v) return format("%d", v) end,
  port = function(v) return format("%d", v) end,
  bool = function(v) return v and "T" or "F" end,
  ["set[string]"] = set,
  ["vector[count]"] = vector,
}

-- out:write(text) takes the log. fields: { { name, type }, ... }
function zeeklog.new(out, path, fields)
  local names, types, writers = {}, {}, {}
  for i, field in ipairs(fields) do
    names[i], types[i], writers[i] = field[1], field[2], WRITE[field[2]]
  end
  out:write("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t",
    path, "\n#open\t", os.date("!%Y-%m-%d-%H-%M-%S"), "\n#fields\t", concat(names, "\t"),
    "\n#types\t", concat(types, "\t"), "\n")
  return setmetatable({ out = out, fields = fields, writers = writers, rows = 0 }, zeeklog)
end

-- row: values by field name.
function zeeklog:write(row)
  local line = {}
  for i, field in ipairs(self.fields) do
    local value = row[field[1]]
    if value == nil then
      line[i] = "-"
    else
      line[i] = self.writers[i](value)
    end
  end
  self.rows = self.rows + 1
  self.out:write(concat(line, "\t"), "\n")
end

function zeeklog:close()
  self.out:write("#close\t", os.date("!%Y-%m-%d-%H-%M-%S"), "\n")
  self.out:close()
end

return zeeklog
end

modules.export = function(...)
-- Writes dicom.log, known_dicom.log and frames.log while tshark reads a capture, and sflow.log where
-- there is sFlow in it.
local bytes = require("bytes")
local keys = require("keys")
local link = require("link")
local rows = require("rows")
local sflowlog = require("sflowlog")
local tally = require("tally")
local uids = require("uids")
local open_info = require("info").open
local zeeklog = require("zeeklog")

local export = {}
export.__index = export

local byte, char, format, sub = string.byte, string.char, string.format, string.sub
local unpack = table.unpack

local FRAMES = {
  { "ts", "time" }, { "protocol", "string" }, { "id.orig_h", "addr" }, { "id.orig_p", "port" },
  { "id.resp_h", "addr" }, { "id.resp_p", "port" }, { "hw_source", "string" },
  { "hw_destination", "string" }, { "vlan", "count" }, { "length", "count" },
  { "info", "string" }, { "sampling_rate", "count" }, { "agent", "addr" }, { "proto", "string" },
  { "flow", "string" }, { "service", "string" }, { "payload", "count" }, { "tcp_flags", "count" },
  { "assoc_id", "count" },
  { "calling_ae", "string" }, { "called_ae", "string" }, { "operation", "string" },
  { "operation_inferred", "bool" }, { "sop_class", "string" }, { "modality", "string" },
  { "src_tag", "string" }, { "src_name", "string" }, { "dst_tag", "string" },
  { "dst_name", "string" }, { "tag_basis", "string" }, { "confidence", "count" },
  { "pacs_direction", "string" }, { "truncated", "bool" },
}
-- Those before the tags. A ledger asks for no other, and not for hardware addresses and Info.
local PLAIN = 18
local NO_TAGS = ("\t-"):rep(#FRAMES - PLAIN)

local PROTO = {
  [1] = "icmp", [2] = "igmp", [6] = "tcp", [17] = "udp", [47] = "gre", [50] = "esp", [58] = "icmp",
  [132] = "sctp",
}

-- Texts that come again and again, up to so many.
local function memo(make)
  local known, size = {}, 0
  return function(key)
    local value = known[key]
    if not value then
      if size > 65536 then
        known, size = {}, 0
      end
      value = make(key)
      known[key], size = value, size + 1
    end
    return value
  end
end

local address = memo(bytes.address)
local number = memo(function(n) return format("%d", n) end)
-- The first twelve bytes of an Ethernet frame as "source <tab> destination".
local macs = memo(function(s) return bytes.mac(sub(s, 7, 12)) .. "\t" .. bytes.mac(sub(s, 1, 6)) end)
-- Addresses and ports of a key as "source <tab> port <tab> destination <tab> port" and as the name
-- of the conversation, which is the same in both directions.
local function ends(key)
  local size = #key > 36 and 16 or 4
  local a, b = address(sub(key, 1, size)), address(sub(key, size + 1, size * 2))
  local p1, p2, p3, p4 = byte(key, size * 2 + 1, size * 2 + 4)
  local ap, bp = format("%d", p1 * 256 + p2), format("%d", p3 * 256 + p4)
  local proto = PROTO[byte(key, size * 2 + 5)] or format("%d", byte(key, size * 2 + 5))
  local one, other = a .. " " .. ap, b .. " " .. bp
  if other < one then
    one, other = other, one
  end
  local ported = proto == "tcp" or proto == "udp" or proto == "sctp"
  return {
    a .. "\t" .. (ported and ap or "-") .. "\t" .. b .. "\t" .. (ported and bp or "-"),
    proto, proto .. " " .. one .. " " .. other,
  }
end
ends = memo(ends)

-- brief: frames.log without the columns that a ledger does not ask for. with_info: Wireshark's own
-- text of a frame as it is, whatever it tells of what was carried.
function export.open(directory, brief, with_info)
  local self = setmetatable({ brief = brief, with_info = with_info,
    no_tags = brief and "" or NO_TAGS }, export)
  -- By agent and rate, what stands between length and protocol of a sample's row.
  self.told = memo(function(agent)
    return memo(function(rate)
      return "\t-\t" .. number(rate) .. "\t" .. address(agent) .. "\t"
    end)
  end)
  function self.log(name, fields)
    local path = directory .. "/" .. name .. ".log"
    local out, problem = io.open(path, "wb")
    if not out then
      error("cannot write " .. path .. ": " .. tostring(problem), 0)
    end
    out:setvbuf("full", 262144)
    return zeeklog.new(out, name, fields)
  end
  self.dicom, self.known = self.log("dicom", rows.DICOM), self.log("known_dicom", rows.KNOWN)
  self.times = self.log("dicom_times", rows.TIMES)
  self.tally = tally.new()
  self.frames = self.log("frames", brief and { unpack(FRAMES, 1, PLAIN) } or FRAMES)
  return self
end

-- Returns what is to be told of the sFlow datagram in a frame of `wire` bytes (see sflowlog.lua).
function export:sampling(ts, wire)
  if not self.sflow then
    local log = self.log("sflow", sflowlog.FIELDS)
    self.sflow_file = log
    self.sflow = sflowlog.new(function(row)
      row.agent = address(row.agent)
      log:write(row)
    end, function(what, when)
      self.tally:add("sample, " .. what, when, 0)
    end)
  end
  self.sflow:frame(ts, wire)
  return self.sflow
end

-- Why the packet in `out` has no addresses.
local function nameless(out)
  return "no address, " .. (out.reason or link.WITHOUT_HOST[out.kind] or out.kind == 0 and "LLC"
    or format("ethertype 0x%04x", out.kind or 0))
end

-- A frame of the capture; size: what was captured of it; samples: how many an sFlow datagram brought,
-- if it is one; unset: the clock was not set yet.
function export:seen(ts, wire, size, samples, unset)
  local counts = self.tally
  counts:time(ts, wire)
  if size < wire and not samples then
    counts:add("cut", ts, wire - size)
  end
  if unset then
    counts:add("clock not set", ts, wire)
  end
end

-- What packet.parse found in a frame; copy: how it repeats another; samples: as above.
function export:arrived(ts, wire, out, copy, samples)
  local counts = self.tally
  if copy then
    counts:add("copy, " .. copy, ts, wire)
  elseif samples then
    counts:add("sFlow", ts, wire)
  elseif out.key then
    counts:add("counted", ts, out.wire)
  else
    counts:add(nameless(out), ts, wire)
  end
  if out.reason and out.key then
    counts:add(out.reason, ts, wire)
  end
  if out.opaque and not copy then
    counts:add("closed, " .. out.opaque, ts, wire)
  end
  if out.tunnel and not copy then
    counts:add("through " .. out.tunnel, ts, wire)
  end
end

-- The sample in `out`, which stands for so many bytes; again: why it does not count.
function export:sampled(again, ts, out, estimate)
  if again then
    self.tally:add("sampled again, " .. again, ts, estimate)
  elseif not out.key then
    self.tally:add(nameless(out), ts, estimate)
  end
end

-- A sample whose frame is told to have another length than its packet.
function export:contradicted(ts, length)
  self.tally:add("length contradicted", ts, length)
end

-- A segment that is no copy and brings nothing new.
function export:brought_again(ts, wire)
  self.tally:add("brought again", ts, wire)
end

-- A frame whose length the capture cannot mean; size: what was captured of it.
function export:no_length(ts, size)
  self.tally:add("length impossible", ts, size)
end

-- One more path of a connection that uses several (Multipath TCP).
function export:another_path(ts, wire)
  self.tally:add("another path", ts, wire)
end

-- Frames that are not in the capture, as it says itself of one of its interfaces.
function export:dropped(frames)
  local row = self.lost or { ts = 0, last = 0, what = "dropped", frames = 0, bytes = 0 }
  row.frames = row.frames + frames
  self.lost = row
end

-- A packet that Wireshark's dissectors would see through, and were not asked.
function export:unresolved()
  self.tally:add("unresolved", 0, 0)
end

-- The name of a connection's conversation: with a number where it is not the first of its ports, or
-- not the only one.
local function mark_of(d)
  local c = d and d.c
  if not c then
    return ""
  end
  if not c.mark then
    local _, alike = keys.plain(c.a.key)
    c.mark = (alike > 1 and " network " .. format("%d", alike) or "")
      .. (c.turn and " turn " .. format("%d", c.turn) or "")
  end
  return c.mark
end

function export:association(a, hosts)
  if a.twin then
    local flow = ends(keys.plain(a.c.a.key) .. char(6))[3] .. mark_of(a.c.a)
    self.twins = self.twins or {}
    self.twins[#self.twins + 1] = { ts = a.ts, last = a.last_ts, what = "translated", detail = flow,
      frames = a.c.a.packets + a.c.b.packets, bytes = a.c.a.wire_bytes + a.c.b.wire_bytes }
    return
  end
  if a.alike then
    self.tally:add("alike, " .. a.alike, a.ts, a.c.a.wire_bytes + a.c.b.wire_bytes)
  end
  if a.c.asked then
    self.tally:add("behind a proxy", a.ts, a.c.a.wire_bytes + a.c.b.wire_bytes)
  end
  if a.unfinished then
    self.tally:add("unfinished", a.ts, a.unfinished)
  end
  local row, edge = rows.dicom(a), rows.edge(a)
  self.dicom:write(row)
  if edge then
    self.edges = self.edges or {}
    self.edges[#self.edges + 1] = { ts = a.ts, last = a.last_ts, what = "open", detail = edge,
      frames = a.c.a.packets + a.c.b.packets, bytes = a.c.a.wire_bytes + a.c.b.wire_bytes }
  end
  for _, of_operation in ipairs(rows.times(a)) do
    self.times:write(of_operation)
  end
  for _, k in ipairs(hosts:rows(a)) do
    self:endpoint(k, hosts)
  end
end

function export:sealed(c)
  for _, row in ipairs(rows.sealed(c)) do
    self.times:write(row)
  end
end

-- A row where the endpoint is new or more is known of it than its last row says.
function export:endpoint(k, hosts)
  local category, basis = hosts:category(k)
  local signature = table.concat({
    category, basis, table.concat(k.services, ","), table.concat(k.modalities, ","),
    k.impl_uid or "", k.impl_version or "", tostring(k.tls), format("%.6f", k.evidence.ts),
  }, "|")
  if k.written ~= signature then
    k.written = signature
    self.known:write(rows.known(k, category, basis, hosts.inventory))
  end
end

local function text(s)
  if s == nil or s == "" then
    return "-"
  end
  return zeeklog.text(s)
end

-- Texts that were escaped for display are escaped already.
local function ready(s)
  return s or "-"
end

-- Bytes of a TCP segment's payload and its flags (RFC 9293, 3.1), as two columns.
local function segment(out)
  if out.proto ~= 6 or not out.key or out.fragment or out.short then
    return "\t-\t-"
  end
  return "\t" .. number(out.length) .. "\t" .. number(out.flags)
end

-- out: what packet.parse found; a, snap, tags of the ends where the frame is tagged.
function export:frame(ts, protocol, s, out, wire, info, rate, agent, a, snap, ends_of, truncated, d)
  local proto, flow, addresses = "-", "-", "-\t-\t-\t-"
  if out.key then
    local e = ends(out.key .. char(out.proto))
    addresses, proto, flow = e[1], e[2], e[3] .. mark_of(d)
  end
  if not self.with_info then
    info = open_info(protocol, info)
  end
  local hw = "-\t-"
  local known_hw = not self.brief and link.hardware(s, out)
  if known_hw then
    hw = macs(known_hw)
  end
  local tags = self.no_tags
  if a and not self.brief then
    local base, known = snap.base, snap.sop and uids.sop_classes[snap.sop]
    tags = "\t" .. format("%d", a.id) .. "\t" .. ready(base.calling_ae) .. "\t"
      .. ready(base.called_ae) .. "\t" .. ready(snap.operation) .. "\t"
      .. (snap.operation and (snap.inferred and "T" or "F") or "-") .. "\t"
      .. (known and known[1] or ready(snap.sop)) .. "\t"
      .. (known and known[3] ~= "" and known[3] or "-") .. "\t" .. ready(ends_of[1]) .. "\t"
      .. ready(ends_of[2]) .. "\t" .. ready(ends_of[4]) .. "\t" .. ready(ends_of[5]) .. "\t"
      .. snap.basis .. "\t" .. format("%d", snap.confidence) .. "\t" .. ready(ends_of[7]) .. "\t"
      .. (truncated and "T" or "F")
  end
  if ts ~= self.ts then
    self.ts, self.ts_text = ts, format("%.6f", ts)
  end
  self.frames.rows = self.frames.rows + 1
  self.frames.out:write(self.ts_text, "\t", text(protocol), "\t", addresses, "\t", hw, "\t",
    out.vlan and number(out.vlan) or "-", "\t", number(wire), "\t", text(info), "\t",
    number(rate), "\t", agent and address(agent) or "-", "\t", proto, "\t", flow, "\t",
    a and "dicom" or d and d.c.other and "other" or "-", segment(out), tags, "\n")
end

-- A sample of a TCP connection's direction d without tags: the next one says nearly the same.
function export:sample(ts, h, out, length, rate, agent, d)
  local addresses = link.hardware(h, out)
  if d.row_link ~= addresses or d.row_vlan ~= out.vlan or not d.row_ends then
    local e = ends(out.key .. char(out.proto))
    local hw = addresses and not self.brief and macs(addresses) or "-\t-"
    d.row_link, d.row_vlan = addresses, out.vlan
    d.row_ends = "\tTCP\t" .. e[1] .. "\t" .. hw .. "\t" .. (out.vlan and number(out.vlan) or "-")
      .. "\t"
    d.row_flow = e[2] .. "\t" .. e[3] .. mark_of(d) .. "\t-"
  end
  if ts ~= self.ts then
    self.ts, self.ts_text = ts, format("%.6f", ts)
  end
  self.frames.rows = self.frames.rows + 1
  self.frames.out:write(self.ts_text, d.row_ends, number(length), self.told(agent)(rate),
    d.row_flow, segment(out), self.no_tags, "\n")
end

function export:close(hosts)
  for _, k in ipairs(hosts.known_list) do
    self:endpoint(k, hosts)
  end
  local capture = self.log("capture", tally.FIELDS)
  if self.tally.seen then
    capture:write(self.tally.seen)
  end
  for _, row in ipairs(self.tally.list) do
    capture:write(row)
  end
  for _, list in ipairs({ self.twins or {}, self.edges or {} }) do
    for _, row in ipairs(list) do
      capture:write(row)
    end
  end
  if self.lost and self.lost.frames > 0 then
    capture:write(self.lost)
  end
  capture:close()
  self.dicom:close()
  self.known:close()
  self.times:close()
  self.frames:close()
  if self.sflow then
    self.sflow:flush()
    self.sflow_file:close()
  end
end

return export
end

modules.renumbered = function(...)
-- Knows the packets of a connection again on the other side of a firewall that gives one of its sides,
-- or both, sequence numbers of their own: addresses and ports stay.
local swap = require("keys").swap

local renumbered = {}
renumbered.__index = renumbered

local abs = math.abs
local MODULUS, HALF = 4294967296, 2147483648
-- A connection is not seen to begin on one side so much later than on the other, in seconds.
local LATEST = 1
local MAX_CONNECTIONS = 16384

-- moved: the directions of connections whose numbers are known to be others elsewhere.
-- seeds: what legs.lua found of connections whose beginning is not in the capture, or nil.
function renumbered.new(seeds)
  local r = setmetatable({ begun = {}, moved = {}, size = 0, seeds = seeds or {} }, renumbered)
  for key in pairs(r.seeds) do
    r.moved[key], r.moved[swap(key)] = r.seeds[key], r.seeds[key]
  end
  return r
end

local function begin(self, out)
  if self.size >= MAX_CONNECTIONS then
    self.begun, self.moved, self.size = {}, {}, 0
  end
  local a, b = { path = out.path }, { path = out.path }
  a.peer, b.peer = b, a
  local back = swap(out.key)
  self.size = self.size + (self.begun[out.key] and 0 or 1)
  self.begun[out.key], self.begun[back] = a, b
  self.moved[out.key], self.moved[back] = nil, nil
  return a
end

-- The direction of a connection of which legs.lua found that it has other numbers elsewhere; nil where
-- this is none.
local function sprout(self, out, ts)
  local back = swap(out.key)
  local seed = self.seeds[out.key]
  local mine = seed or self.seeds[back]
  if not mine or ts < mine.from then
    return nil
  end
  local d = self.begun[out.key]
  if not d then
    d = begin(self, out)
    -- Whatever asks for a connection now asks for another one.
    d.path, d.peer.path, d.since, d.peer.since = mine.path, mine.path, 0, 0
  end
  local a = seed and d or d.peer
  self.seeds[out.key], self.seeds[back] = nil, nil
  d.alive = true
  a.step, a.at, a.peer.step, a.peer.at = mine.step, mine.at, mine.peer_step, mine.peer_at
  self.moved[out.key], self.moved[back] = d, d.peer
  return d
end

-- Whether a number of direction d is one of those that it has elsewhere: what is nearer to them than to
-- where the direction is.
local function is_moved(d, number)
  local ahead = (number - d.at + HALF) % MODULUS - HALF
  local other = (ahead - d.step + HALF) % MODULUS - HALF
  if abs(other) < abs(ahead) then
    return true
  end
  d.at = number
  return false
end

local function is_elsewhere(d, out)
  return d.step and is_moved(d, out.seq)
    or d.peer.step and out.flags % 32 >= 16 and is_moved(d.peer, out.ack) or false
end

-- A connection request, or its answer. Returns whether it is one that was seen with another number.
local function synchronise(self, d, out, ts)
  local asks = out.flags % 32 < 16
  if not d or d.path ~= out.path or asks and (d.closed or d.since and ts - d.since > LATEST) then
    d = begin(self, out)
  elseif is_elsewhere(d, out) then
    return true
  elseif d.isn and d.isn ~= out.seq then
    d.step, d.alive = (out.seq - d.isn + HALF) % MODULUS - HALF, d.peer.isn ~= nil
    self.moved[out.key], self.moved[swap(out.key)] = d, d.peer
    return true
  end
  d.isn, d.at, d.since = d.isn or out.seq, d.at or out.seq, d.since or ts
  return false
end

-- Whether the TCP segment in `out` is one that the connection has elsewhere.
function renumbered:is_copy(out, ts)
  local d, flags = self.begun[out.key], out.flags
  if flags % 4 >= 2 then
    return synchronise(self, d, out, ts)
  end
  d = d and (d.step or d.peer.step) and d or sprout(self, out, ts) or d
  if not d or d.path ~= out.path then
    return false
  end
  local copy = is_elsewhere(d, out)
  if copy and not (d.alive or d.peer.alive) then
    -- Of the first request nothing came.
    begin(self, out)
    return false
  elseif not copy then
    d.alive = true
    if flags % 2 == 1 or flags % 8 >= 4 then
      d.closed, d.peer.closed = true, true
    end
  end
  return copy
end

return renumbered
end

modules.duplicates = function(...)
-- Finds packets that a mirror port, or a second place of capture, brings more than once. A packet
-- is known again by its addresses and its transport header; a real retransmission has another IP
-- identification, or where there is none (0, IPv6), comes when no copy would.
--
-- Nearly every TCP segment begins where the one before it ended, or acknowledges more: no copy of
-- anything before does that. Of these the header alone is kept; only the others are looked up.
local swap = require("keys").swap
local renumbered = require("renumbered")

local duplicates = {}
duplicates.__index = duplicates

local abs = math.abs
local byte, char, sub = string.byte, string.char, string.sub

local MODULUS, HALF = 4294967296, 2147483648
-- What is further ahead belongs to another connection of the same ports.
local NEAR = 16777216
-- Copies come within so many seconds of one another; an identification is not used again so soon.
local WINDOW = 2
-- No retransmission comes so soon after its original.
local AT_ONCE = 0.001
-- A connection request and its answer are repeated after a second (RFC 6298), never within so much
-- of one; nothing that is waited for is sent again sooner but for acknowledgments that ask for it.
local TOO_SOON = 0.2
-- How far the distance of two copies may differ from that of two others.
local JITTER = 0.005
-- So many in a row at one distance are copies even where nothing else tells.
local IN_A_ROW = 8
-- No connection sends again more than one in so many of its packets.
local RARELY = 3
-- The headers of a frame of the plain form.
local PLAIN = 94
local GENERATION = 65536
local MAX_PAIRS = 65536

local function fresh()
  return { directions = {}, what = {}, when = {}, last = 0 }
end

-- moved: what legs.lua found, or nil.
function duplicates.new(moved)
  return setmetatable({
    young = fresh(), old = fresh(), size = 0, since = 0, offsets = {}, answered = {}, rows = {},
    doubled = {}, pairs_known = 0, renumbered = renumbered.new(moved),
  }, duplicates)
end

-- A generation ends when it is full, or older than any copy.
local function turn(self, ts)
  self.old, self.young, self.size, self.since = self.young, fresh(), 0, ts
end

local function make_room(self, ts)
  if self.size >= GENERATION or ts - self.since > WINDOW or ts < self.since - WINDOW then
    turn(self, ts)
  end
  self.size = self.size + 1
end

-- What is known of a direction of a TCP connection in this generation; its `before` is that of the
-- one before. what, when: by sequence number the frame, plain as main.lua has it, and its time; by
-- -1 - number so of mere acknowledgments; by `sign` of others where they came from. passed: number,
-- frame and time of `last` / 3 that are not in these tables yet, for most are never looked up.
local function direction(self, key)
  local d = self.young.directions[key]
  if not d then
    local before = self.old.directions[key]
    d = {
      what = {}, when = {}, passed = {}, last = 0, before = before, row = self.rows[key],
    }
    if before then
      d.next, d.ack, before.before = before.next, before.ack, nil
    end
    self.young.directions[key] = d
  end
  return d
end

-- A new packet of a direction of which some come again.
local function meet(row)
  row.fresh, row.met = row.fresh + 1, row.met + 1
end

-- Whether the TCP segment in the frame s of the plain form (untagged Ethernet, IPv4 without
-- options) cannot be a copy of one before. length: of its payload.
local function passes(self, s, key, seq, length, flags, ts)
  local d = self.young.directions[key] or direction(self, key)
  local name
  if length > 0 then
    local following = d.next
    if flags % 8 ~= 0 or following and (seq - following) % MODULUS >= NEAR then
      return false
    end
    d.next, name = (seq + length) % MODULUS, seq
  else
    local a1, a2, a3, a4 = byte(s, 43, 46)
    local ack, last = ((a1 * 256 + a2) * 256 + a3) * 256 + a4, d.ack
    if flags % 8 ~= 0 or flags < 16 or last and (ack - last - 1) % MODULUS >= NEAR then
      return false
    end
    d.ack, name = ack, -1 - ack
  end
  local passed, last = d.passed, d.last
  passed[last + 1], passed[last + 2], passed[last + 3] = name, #s > PLAIN and sub(s, 1, PLAIN) or s, ts
  d.last = last + 3
  if d.row then
    meet(d.row)
  end
  return true
end

local function bound(self)
  self.pairs_known = self.pairs_known + 1
  if self.pairs_known > MAX_PAIRS then
    self.offsets, self.answered, self.rows, self.doubled, self.pairs_known = {}, {}, {}, {}, 0
  end
end

local function alike(gap, offset)
  return offset and abs(gap - offset) <= JITTER + offset / 10
end

-- What is known of the packets of a direction that come again: how many, how many new ones came
-- meanwhile, and the same of those in a row at one distance.
local function row_of(self, key)
  local row = self.rows[key]
  if not row then
    row = { count = 0, fresh = 0, again = 0, met = 0 }
    self.rows[key] = row
    direction(self, key).row = row
    bound(self)
  end
  return row
end

-- Whether so many packets of a direction come again that they are copies: from the first on where its
-- connection began with copies.
local function mostly(self, key, row)
  if self.doubled[key] then
    return row.again * RARELY + IN_A_ROW * RARELY >= row.met
  end
  return row.again >= IN_A_ROW and row.met * 2 >= row.again and row.again * RARELY >= row.met
end

-- Whether packets of this direction come again as copies do: at the distance `gap`, as often as new ones
-- come, or, so soon that nothing is sent again, most of them.
local function in_a_row(self, key, gap)
  local row = row_of(self, key)
  if alike(gap, row.gap) and row.fresh <= 2 * row.count + 2 then
    row.count = row.count + 1
  else
    row.gap, row.count, row.fresh = gap, 1, 0
  end
  if gap < TOO_SOON and mostly(self, key, row) then
    return true
  end
  return row.count >= IN_A_ROW and row.fresh * 2 >= row.count
end

local function is_copy(self, out, gap)
  if out.id ~= 0 or gap <= AT_ONCE then
    return true
  end
  local key = out.key
  if alike(gap, self.offsets[key]) then
    return true
  elseif out.proto ~= 6 then
    return alike(gap, self.offset)
  end
  local flags = out.flags
  if flags % 4 >= 2 then
    return gap < TOO_SOON or flags % 32 < 16 and self.answered[key] or false
  end
  return in_a_row(self, key, gap)
end

-- What two copies of a TCP segment have in common: IP length and identification, and its header behind
-- the ports, to `stop`, without the checksum, which a network card may not have made yet.
local function segment_sign(s, kind, l3, l4, stop)
  local of_ip = kind == 0x0800 and sub(s, l3 + 2, l3 + 5) or sub(s, l3 + 4, l3 + 5)
  return of_ip .. sub(s, l4 + 4, l4 + 15) .. sub(s, l4 + 18, stop)
end

-- The same of a frame of the plain form.
local function plain_sign(s)
  local size = byte(s, 47)
  return segment_sign(s, 0x0800, 15, 35, 34 + (size - size % 16) / 4)
end

-- What copies of any other packet have in common: IP length, identification and fragment, and all that
-- is there from the addresses on.
local function packet_sign(s, kind, l3)
  if kind == 0x0800 then
    return sub(s, l3 + 2, l3 + 7) .. sub(s, l3 + 12)
  end
  return sub(s, l3 + 4, l3 + 5) .. sub(s, l3 + 8)
end

-- Where the packet was: what changes from hop to hop.
local function context_of(s, out)
  local context = sub(s, out.hw or 1, out.hw and out.l3 - 1 or 0) .. char(out.ttl)
  return out.path == "" and context or context .. out.path
end

local function plain_context(s)
  return sub(s, 1, 14) .. sub(s, 23, 23)
end

-- Puts what passed into the tables that it is looked up in.
local function file(d)
  if d.last == 0 then
    return
  end
  local passed, what, when = d.passed, d.what, d.when
  for i = 1, d.last, 3 do
    local name = passed[i]
    what[name], when[name] = passed[i + 1], passed[i + 2]
  end
  d.passed, d.last = {}, 0
end

-- What stands under a name in this generation, or the one before.
local function find(places, name)
  file(places)
  local when = places.when[name]
  if when then
    return when, places.what[name]
  end
  local before = places.before
  if before then
    file(before)
    return before.when[name], before.what[name]
  end
  return nil
end

local function put(places, name, what, ts)
  places.what[name], places.when[name] = what, ts
end

-- Looks the packet in `out` up and remembers it, where it was first. Returns when it was there before,
-- if it was, and whether at another place.
local function look_up(places, s, out, sign, ts)
  local context = context_of(s, out)
  local when, what = find(places, sign)
  put(places, sign, what or context, ts)
  return when, what ~= context
end

-- The same, where packets of the plain form stand under a number.
local function look_up_numbered(places, s, out, sign, number, ts)
  local when, what = find(places, number)
  if not when or plain_sign(what) ~= sign then
    return look_up(places, s, out, sign, ts)
  end
  put(places, number, what, ts)
  return when, plain_context(what) ~= context_of(s, out)
end

-- Moves d[name], what a direction has sent or acknowledged, to `number`, which is of a new packet.
-- What is far from there belongs to another connection of its ports.
local function advance(d, name, number)
  local ahead = d[name] and (number - d[name] + HALF) % MODULUS - HALF
  if not ahead or ahead > 0 or ahead < -NEAR then
    d[name] = number
  end
end

-- A TCP segment: as look_up.
local function look_up_segment(self, s, out, ts)
  local d, length = direction(self, out.key), out.length
  if out.flags % 4 >= 2 then
    length = length + 1
  end
  local sign = segment_sign(s, out.kind, out.l3, out.l4, out.offset)
  local when, elsewhere = look_up_numbered(d, s, out, sign, length > 0 and out.seq or -1 - out.ack, ts)
  if when then
    return when, elsewhere
  end
  if length > 0 then
    advance(d, "next", (out.seq + length) % MODULUS)
  elseif out.flags % 32 >= 16 then
    advance(d, "ack", out.ack)
  end
  return nil
end

-- Anything else: as look_up. Of what has no numbers of its own, all that is there.
local function look_up_other(self, s, out, ts)
  local sign = packet_sign(s, out.kind, out.l3)
  if #sign > 256 then
    return nil
  end
  self.young.before = self.old
  self.old.before = nil
  return look_up(self.young, s, out, sign, ts)
end

local function is_plain(out)
  return out.l3 == 15 and out.l4 == 35 and out.hw == 1 and out.kind == 0x0800 and out.path == ""
end

local function come_again(row)
  if row then
    row.again = row.again + 1
  end
end

local function judge(self, s, out, ts)
  if not out.l3 or not out.key or out.short then
    return nil
  end
  local tcp = out.proto == 6 and not out.fragment
  if tcp and self.renumbered:is_copy(out, ts) then
    return "elsewhere"
  end
  make_room(self, ts)
  if tcp and is_plain(out) and passes(self, s, out.key, out.seq, out.length, out.flags, ts) then
    return nil
  end
  local when, elsewhere = (tcp and look_up_segment or look_up_other)(self, s, out, ts)
  if tcp and out.flags % 32 == 18 then
    bound(self)
    self.answered[swap(out.key)] = true
  end
  local gap = when and abs(ts - when)
  if not gap or gap > WINDOW then
    local row = self.rows[out.key]
    if row then
      meet(row)
    end
    return nil
  end
  local copy = elsewhere or is_copy(self, out, gap)
  come_again(self.rows[out.key])
  if not copy then
    return nil
  end
  if tcp and out.flags % 4 >= 2 then
    if not self.doubled[out.key] then
      bound(self)
    end
    self.doubled[out.key], self.doubled[swap(out.key)] = true, true
  end
  if gap > AT_ONCE then
    self.offset = gap
    if not self.offsets[out.key] then
      bound(self)
    end
    self.offsets[out.key] = gap
    if tcp then
      self.offsets[swap(out.key)] = gap
    end
  end
  return elsewhere and "elsewhere" or "same"
end

-- Of the first bytes s of a frame and what packet.parse found in it: nil where the packet is new,
-- otherwise how its copies differ: "same" or "elsewhere" (another hop, network or MAC address). A
-- frame may be asked about again right away.
function duplicates:check(s, out, ts, frame)
  if frame ~= self.frame then
    self.frame, self.told = frame, judge(self, s, out, ts)
  end
  return self.told
end

-- Whether the frame s of the plain form is surely new; check() knows it from here on. Where it is not
-- sure, check() has to be asked.
function duplicates:is_new(s, key, seq, length, flags, ts, frame)
  if self.renumbered.moved[key] then
    return false
  end
  make_room(self, ts)
  if passes(self, s, key, seq, length, flags, ts) then
    self.frame, self.told = frame, nil
    return true
  end
  return false
end

return duplicates
end

modules.fields = function(...)
-- The fields that the plugin adds to a frame, and how.
local bytes = require("bytes")
local dimse = require("dimse")
local uids = require("uids")

local fields = {}

local F = {}
fields.F = F

-- { key, kind, abbreviation, name, description }
local LIST = {
  { "id", "uint32", "assoc.id", "Association", "Number of the association, by first appearance" },
  { "state", "string", "assoc.state", "State", "State of the association after this frame" },
  { "start", "framenum", "assoc.start_frame", "Start frame", "First frame with its bytes" },
  { "calling_ae", "string", "calling_ae", "Calling AE title", "Trimmed" },
  { "called_ae", "string", "called_ae", "Called AE title", "Trimmed" },
  { "src_role", "string", "src.role", "Source role", "scu, scp, or both" },
  { "dst_role", "string", "dst.role", "Destination role", "scu, scp, or both" },
  { "direction", "string", "direction", "Sent by", "originator or responder" },
  { "sop_uid", "string", "sop_class.uid", "SOP class UID" },
  { "sop_name", "string", "sop_class.name", "SOP class" },
  { "service", "string", "service", "Service", "storage, query, retrieve, worklist, ..." },
  { "modality", "string", "modality", "Modality", "From the Storage SOP class" },
  { "operation", "string", "operation", "Operation", "C-STORE, C-FIND, ..." },
  { "inferred", "bool", "operation.inferred", "Operation inferred",
    "From the SOP class: the command itself was not captured" },
  { "message_id", "uint16", "message_id", "Message ID" },
  { "status", "uint16", "status", "Status", nil, "hex" },
  { "status_name", "string", "status.name", "Status name" },
  { "src_tag", "string", "src.tag", "Source is", "pacs, modality, workstation, ..." },
  { "src_name", "string", "src.name", "Source name", "From the inventory, else its AE title" },
  { "src_basis", "string", "src.basis", "Source known by", "inventory, association or traffic" },
  { "dst_tag", "string", "dst.tag", "Destination is", "pacs, modality, workstation, ..." },
  { "dst_name", "string", "dst.name", "Destination name", "As the source's" },
  { "dst_basis", "string", "dst.basis", "Destination known by", "As the source's" },
  { "basis", "string", "tag_basis", "Tag basis",
    "association: the stream's own bytes; traffic: its endpoints; inventory: written knowledge" },
  { "confidence", "uint8", "confidence", "Confidence", "Percent" },
  { "pacs_direction", "string", "pacs_direction", "Relative to the PACS", "in, out or internal" },
  { "truncated", "bool", "truncated", "Truncated", "Captured shorter than on the wire" },
  { "sample", "uint32", "sample.index", "Sample", "Which sample of the sFlow datagram, from 1" },
  { "agent", "string", "sample.agent", "sFlow agent" },
  { "sample_src", "string", "sample.src", "Sampled source", "Address and port" },
  { "sample_dst", "string", "sample.dst", "Sampled destination", "Address and port" },
  { "rate", "uint32", "sampling_rate", "Sampling rate", "One in so many frames" },
  { "estimate", "uint64", "estimated_bytes", "Estimated bytes", "Frame length x sampling rate" },
  { "impl_uid", "string", "impl.uid", "Implementation class UID", "Of the sender" },
  { "impl_version", "string", "impl.version", "Implementation version", "Of the sender" },
  { "tunnel", "string", "tunnel", "Tunnel", "What the packet came through, the outermost first" },
  { "response_time", "time", "response_time", "Response time",
    "From the end of the request, of a C-STORE the last byte of the object, to its final response" },
  { "first_response_time", "time", "first_response_time", "Time to the first response",
    "From the end of a C-FIND, C-GET or C-MOVE request" },
  { "operation_time", "time", "operation_time", "Time of the operation",
    "From the request's command, so with the object that came after it, to the final response" },
  { "transfer_rate", "double", "transfer_rate", "Transfer rate", "Mbit/s of the object or query" },
  { "setup_time", "time", "setup_time", "Set-up time", "A-ASSOCIATE-RQ to its answer" },
  { "round_trip", "time", "round_trip", "TCP round trip", "SYN to the end of the handshake" },
  { "duplicate", "string", "duplicate", "Copy",
    "A copy of a packet before: same, or elsewhere (another hop, network or MAC address)" },
}
fields.LIST = LIST

-- Leaves out the fields that this run cannot show; is_wanted as of wanted.fields.
function fields.limit(is_wanted)
  for _, f in ipairs(LIST) do
    if not is_wanted("pacsflow." .. f[3]) then
      fields.skip[f[1]] = true
    end
  end
  fields.ends_wanted = false
  for _, key in ipairs({ "src_tag", "src_name", "src_basis", "dst_tag", "dst_name", "dst_basis",
                         "pacs_direction" }) do
    fields.ends_wanted = fields.ends_wanted or not fields.skip[key]
  end
end
fields.skip = {}
-- Whether what is told of the two ends is to be shown.
fields.ends_wanted = true

function fields.register(proto)
  local all = {}
  for _, f in ipairs(LIST) do
    local key, kind, abbreviation, name, description, display = f[1], f[2], f[3], f[4], f[5], f[6]
    abbreviation = "pacsflow." .. abbreviation
    local field
    if kind == "framenum" then
      field = ProtoField.framenum(abbreviation, name, base.NONE, frametype.NONE)
    elseif kind == "bool" then
      field = ProtoField.bool(abbreviation, name, base.NONE, nil, nil, description)
    elseif kind == "time" then
      field = ProtoField.relative_time(abbreviation, name, description)
    elseif kind == "double" then
      field = ProtoField.double(abbreviation, name, description)
    elseif kind == "string" then
      field = ProtoField.string(abbreviation, name, base.ASCII, description)
    else
      local numbers = display == "hex" and base.HEX or base.DEC
      field = ProtoField[kind](abbreviation, name, numbers, nil, nil, description)
    end
    F[key] = field
    all[#all + 1] = field
  end
  proto.fields = all
end

-- What does not change from frame to frame is worked out once for a snapshot and a direction.
local function constants(a, snap, d)
  local base, originator = snap.base, d == snap.orig or (not snap.orig and d == a.c.tcp_orig)
  local known = snap.sop and uids.sop_classes[snap.sop]
  local modality = known and known[3] ~= "" and known[3] or nil
  local out, n = {}, 0
  local skip = fields.skip
  local function add(key, value)
    if value ~= nil and not skip[key] then
      out[n + 1], out[n + 2] = F[key], value
      n = n + 2
    end
  end
  add("id", a.id)
  add("state", snap.state)
  if snap.start_frame and snap.start_frame > 0 then
    add("start", snap.start_frame)
  end
  add("calling_ae", base.calling_ae)
  add("called_ae", base.called_ae)
  if snap.orig then
    add("src_role", originator and base.orig_role or not originator and base.resp_role or nil)
    add("dst_role", originator and base.resp_role or not originator and base.orig_role or nil)
    add("direction", originator and "originator" or "responder")
  end
  add("sop_uid", snap.sop)
  add("sop_name", known and known[1])
  add("service", known and known[2])
  add("modality", modality)
  add("operation", snap.operation)
  add("inferred", snap.operation and snap.inferred or nil)
  add("message_id", snap.message_id)
  add("status", snap.status)
  add("status_name", snap.status and dimse.status_name(snap.status))
  add("basis", snap.basis)
  add("confidence", snap.confidence)
  if originator then
    add("impl_uid", base.orig_impl_uid)
    add("impl_version", base.orig_impl_version)
  else
    add("impl_uid", base.resp_impl_uid)
    add("impl_version", base.resp_impl_version)
  end
  return out
end

-- The fields of a snapshot and their values, kept with it where it is the latest.
function fields.of(a, snap, d)
  local which = d == a.c.a and "tags_a" or "tags_b"
  local tags = snap[which]
  if not tags then
    tags = constants(a, snap, d)
    if snap == a.snap then
      snap[which] = tags
    end
  end
  return tags
end

-- Tags, names and bases of both ends, and in or out as the PACS sees it.
function fields.ends(hosts, a, snap, d, frame)
  local originator = d == snap.orig
  local base = snap.base
  local mine, theirs = base.calling_ae, base.called_ae
  if not snap.orig then
    mine, theirs = nil, nil
  elseif not originator then
    mine, theirs = theirs, mine
  end
  local st, sn, sb = hosts:tag(d, mine, frame)
  local dt, dn, db = hosts:tag(d.peer, theirs, frame)
  local way
  if st == "pacs" then
    way = dt == "pacs" and "internal" or "out"
  elseif dt == "pacs" then
    way = "in"
  end
  return st, sn, sb, dt, dn, db, way
end

fields.address = function(d)
  return bytes.address(d.host) .. (#d.host == 16 and " " or ":") .. string.format("%d", d.port)
end

return fields
end

modules.fragments = function(...)
-- Remembers what the first fragment of a packet told, for those after it: its ports, and, where it is a
-- tunnel's, whose packet is inside.
local fragments = {}

local sub = string.sub
local MAX = 4096

local known, size = {}, 0

local function remember(name, what)
  if size >= MAX then
    known, size = {}, 0
  end
  known[name], size = what, size + 1
end

-- Puts into `out` (see packet.parse) what is known of the packet that its fragment is of. Returns the
-- length that counts of a tunnel's fragment; nil of another: all of it does.
function fragments.resolve(out)
  local outer, hosts = out.carrier, out.hosts
  if outer then
    -- The first, with a packet inside: what stands before it is the tunnel's.
    remember(outer, { key = out.key, proto = out.proto, tunnel = out.tunnel, vlan = out.vlan })
    return out.wire
  elseif not out.key or not hosts then
    return nil
  end
  local name = hosts .. "|" .. out.proto .. "|" .. out.id
  if out.first_fragment then
    remember(name, { ports = sub(out.key, #hosts + 1) })
    return nil
  end
  local of_first = known[name]
  if not of_first then
    return nil
  elseif of_first.ports then
    out.key = hosts .. of_first.ports
    return nil
  end
  out.key, out.proto, out.tunnel, out.vlan = of_first.key, of_first.proto, of_first.tunnel, of_first.vlan
  out.hw, out.wire = nil, out.stop - out.l4 + 1
  return out.wire
end

return fragments
end

modules.inventory = function(...)
-- The hospital's own knowledge of its equipment: a Zeek log with match, name, role, modality, site.
local bytes = require("bytes")
local networks = require("networks")

local inventory = {}
inventory.__index = inventory

local ROLE = {
  pacs = true, modality = true, workstation = true, worklist = true, printer = true,
  gateway = true, other = true,
}

local function unescape(text)
  return (text:gsub("\\([x\\])(%x?%x?)", function(kind, h)
    if kind == "\\" then
      return "\\" .. h
    end
    return #h == 2 and string.char(tonumber(h, 16)) or nil
  end))
end

-- Adds a network, or one address, that is the site's own; returns what is wrong with it, if anything.
local function add_local(self, match)
  local raw, length = networks.parse(match)
  if not raw then
    raw = bytes.parse_address(match)
    length = raw and #raw * 8
  end
  if not raw then
    return "the role local is for addresses and networks, not for " .. bytes.escape(match)
  end
  self.locals[#self.locals + 1] = { raw, length }
  return nil
end

-- Adds one line; returns what is wrong with it, if anything.
local function add(self, columns, values)
  local row = {}
  for i, name in ipairs(columns) do
    local value = values[i]
    if not value then
      return "expected " .. #columns .. " columns, found " .. #values
    end
    row[name] = value ~= "-" and value ~= "" and unescape(value) or nil
  end
  if #values > #columns then
    return "expected " .. #columns .. " columns, found " .. #values
  elseif not row.match then
    return "no address, network, MAC or ae:TITLE in the column match"
  elseif row.role == "local" then
    return add_local(self, row.match)
  elseif not row.role or not ROLE[row.role] then
    return "unknown role " .. bytes.escape(row.role or "-")
  end
  local entry = { name = row.name and bytes.escape(row.name), role = row.role }
  local title = row.match:match("^ae:(.+)$")
  local raw = bytes.parse_address(row.match)
  local mac = bytes.parse_mac(row.match)
  local network, length = networks.parse(row.match)
  if title then
    self.by_title[title] = entry
  elseif raw then
    self.by_address[raw] = entry
  elseif mac then
    self.by_mac[mac], self.has_mac = entry, true
  elseif network then
    self.networks[#self.networks + 1] = { network, length, entry }
  else
    return "neither address, network, MAC nor ae:TITLE: " .. bytes.escape(row.match)
  end
  return nil
end

-- Reads an inventory out of an iterator over lines. complain(line_number, problem) is called once
-- for each line that cannot be used; the others are used.
function inventory.read(lines, complain)
  local self = setmetatable({ by_address = {}, by_mac = {}, by_title = {}, networks = {},
    locals = {} }, inventory)
  local columns, number = { "match", "name", "role", "modality", "site" }, 0
  for line in lines do
    number = number + 1
    line = line:gsub("\r$", "")
    local values = {}
    for value in (line .. "\t"):gmatch("(.-)\t") do
      values[#values + 1] = value
    end
    if values[1] == "#fields" then
      columns = values
      table.remove(columns, 1)
    elseif line ~= "" and line:sub(1, 1) ~= "#" then
      local problem = add(self, columns, values)
      if problem then
        complain(number, problem)
      end
    end
  end
  table.sort(self.networks, function(x, y) return x[2] > y[2] end)
  return self
end

-- The entry of a host: address before MAC before AE title before the longest network.
function inventory:find(address, mac, title)
  local entry = self.by_address[address] or mac and self.by_mac[mac]
    or title and self.by_title[title]
  if entry then
    return entry
  end
  for _, network in ipairs(self.networks) do
    if networks.holds(network[1], network[2], address) then
      return network[3]
    end
  end
  return nil
end

-- Whether the inventory says that an address is the site's own.
function inventory:is_local(address)
  for _, network in ipairs(self.locals) do
    if networks.holds(network[1], network[2], address) then
      return true
    end
  end
  return false
end

return inventory
end

modules.capturefile = function(...)
-- Reads the frames of a capture file, pcap or pcapng, by itself.
local capturefile = {}

local byte, sub = string.byte, string.sub

-- A frame's headers and what of a PDU shows what it is.
local SNAP = 2048
local MAX_FRAME = 1048576

local function reader(order)
  if order == "little" then
    return function(s, i)
      local a, b, c, d = byte(s, i, i + 3)
      return a + (b + (c + d * 256) * 256) * 256
    end
  end
  return function(s, i)
    local a, b, c, d = byte(s, i, i + 3)
    return ((a * 256 + b) * 256 + c) * 256 + d
  end
end

local MAGIC = {
  ["\212\195\178\161"] = { "little", 1e6 }, ["\161\178\195\212"] = { "big", 1e6 },
  ["\77\60\178\161"] = { "little", 1e9 }, ["\161\178\60\77"] = { "big", 1e9 },
}

-- Reads `size` bytes but hands out the first SNAP only.
local function body(file, size)
  if size <= SNAP then
    return file:read(size)
  end
  local s = file:read(SNAP)
  if not s or #s < SNAP or not file:seek("cur", size - SNAP) then
    return nil
  end
  return s
end

local function pcap(file, magic, take)
  local u32, fraction = reader(magic[1]), magic[2]
  local rest = file:read(20)
  local kind = rest and #rest == 20 and u32(rest, 17) % 65536
  while true do
    local head = file:read(16)
    if not head or #head < 16 then
      return
    end
    local captured, wire = u32(head, 9), u32(head, 13)
    if captured > MAX_FRAME then
      return
    end
    local s = captured > 0 and body(file, captured) or ""
    if not s or not take(u32(head, 1) + u32(head, 5) / fraction, s, wire, kind) then
      return
    end
  end
end

-- Options of a block's body from `at` on: number and length, 16 bits each, and the value, padded. Calls
-- visit(number, where the value begins, length).
local function options(s, at, big, visit)
  while at + 3 <= #s do
    local a, b, c, d = byte(s, at, at + 3)
    local number, length = big and a * 256 + b or a + b * 256, big and c * 256 + d or c + d * 256
    if number == 0 or at + 3 + length > #s then
      return
    end
    visit(number, at + 4, length)
    at = at + 4 + length + (4 - length % 4) % 4
  end
end

-- Options of an interface's statistics: packets that the interface, or the system, had no room for.
local DROPPED = { [5] = true, [7] = true }

-- The frames that were dropped, as an interface statistics block says.
local function dropped_in(s, u32, big)
  local sum = 0
  options(s, 13, big, function(number, at, length)
    if DROPPED[number] and length == 8 then
      local one, other = u32(s, at), u32(s, at + 4)
      sum = sum + (big and one * 4294967296 + other or other * 4294967296 + one)
    end
  end)
  return sum
end

local function pcapng(file, take, skipped, dropped)
  file:seek("set", 0)
  local u32, big, units, kinds, section = reader("little"), false, {}, {}, 0
  while true do
    local head = file:read(8)
    if not head or #head < 8 then
      return
    end
    if sub(head, 1, 4) == "\10\13\13\10" then
      local order = file:read(4)
      if not order or #order < 4 then
        return
      end
      big = byte(order, 1) == 0x1a
      u32 = reader(big and "big" or "little")
      units, kinds, section = {}, {}, section + 1
      local size = u32(head, 5)
      if size < 28 or size > MAX_FRAME or not file:seek("cur", size - 12) then
        return
      end
    else
      local kind, size = u32(head, 1), u32(head, 5)
      if size < 12 or size > MAX_FRAME or size % 4 ~= 0 then
        return
      end
      if kind == 6 and size >= 32 then
        local fixed = file:read(20)
        if not fixed or #fixed < 20 then
          return
        end
        local captured, wire = u32(fixed, 13), u32(fixed, 17)
        local padded = captured + (4 - captured % 4) % 4
        if padded + 32 > size then
          return
        end
        local s = captured > 0 and body(file, captured) or ""
        if not s or not file:seek("cur", size - 28 - captured) then
          return
        end
        local unit = units[u32(fixed, 1)] or 1e6
        local ts = (u32(fixed, 5) * 4294967296 + u32(fixed, 9)) / unit
        if not take(ts, s, wire, kinds[u32(fixed, 1)]) then
          return
        end
      else
        local rest = file:read(size - 8)
        if not rest or #rest < size - 8 then
          return
        end
        if kind == 2 or kind == 3 then
          skipped()
        elseif kind == 5 and dropped and #rest >= 16 then
          local sum = dropped_in(sub(rest, 1, -5), u32, big)
          dropped(section .. "|" .. u32(rest, 1), sum)
        elseif kind == 1 then
          local unit = 1e6
          -- if_tsresol is option 9 of an interface description.
          options(sub(rest, 1, -5), 9, big, function(option, at, length)
            if option == 9 and length == 1 then
              local r = byte(rest, at)
              unit = r < 128 and 10 ^ r or 2 ^ (r - 128)
            end
          end)
          units.n = (units.n or -1) + 1
          units[units.n] = unit
          kinds[units.n] = big and byte(rest, 1) * 256 + byte(rest, 2) or byte(rest, 1) + byte(rest, 2) * 256
        end
      end
    end
  end
end

-- Calls take(seconds, first bytes, length on the wire, link type) for every frame, until it returns
-- false or the file ends, skipped() for one that has no time, and dropped(interface, frames), the last
-- time with all of them, where the capture says what it has dropped. Returns nil where the file is of
-- another format.
function capturefile.read(file, take, skipped, dropped)
  file:seek("set", 0)
  local first = file:read(4)
  local magic = first and MAGIC[first]
  if magic then
    pcap(file, magic, take)
  elseif first == "\10\13\13\10" then
    pcapng(file, take, skipped, dropped)
  else
    return nil
  end
  return true
end

return capturefile
end

modules.legs = function(...)
-- Finds connections that a capture has from both sides of a firewall that gives them other sequence
-- numbers, where their beginning is not in it: their numbers go back and forth between two places, and
-- what is sent at one place was sent at the other a moment before.
local legs = {}
legs.__index = legs

local abs, sub = math.abs, string.sub

local MODULUS, HALF = 4294967296, 2147483648
-- No window of a capture is so large that numbers go so far and come back.
local FAR = 1048576
legs.FAR = FAR
-- So often numbers have to leave their place before what is sent is compared.
local JUMPS = 2
-- So many payloads have to come again at one distance.
local ENOUGH = 3
-- What of a payload is compared, and no shorter one; no more of them than that in a connection.
local SHORTEST, LONGEST, MAX_KEPT = 32, 64, 16384
-- A payload does not come again so much later, in seconds.
local LATEST = 2
-- As precise as times are that were read by two programs.
local CLOCK = 1e-4
-- Payloads that are compared in all connections together.
local ROOM = 262144

-- found: by key the seed of a connection for renumbered.lua.
function legs.new()
  return setmetatable({ found = {}, room = ROOM }, legs)
end

local function distance(to, from)
  return (to - from + HALF) % MODULUS - HALF
end

-- A payload that came at one place, and now at another. Returns whether that is enough.
local function vote(c, before, seq, ack)
  local step, back = distance(seq, before.seq), distance(ack, before.ack)
  if abs(step) < FAR and abs(back) < FAR then
    return false
  end
  local votes = c.votes
  votes[step] = (votes[step] or 0) + 1
  return votes[step] >= ENOUGH
end

-- Which of two places is the one where the connection was first: the nearer one.
local function settle(self, out, c, before)
  local step, back = distance(out.seq, before.seq), distance(out.ack, before.ack)
  self.found[out.key] = {
    path = out.path, from = c.from, step = abs(step) >= FAR and step or nil, at = before.seq,
    peer_step = abs(back) >= FAR and back or nil, peer_at = before.ack,
  }
  c.kept, c.votes, c.done = nil, nil, true
end

local function compare(self, out, c, s, ts)
  local payload = sub(s, out.offset + 1, out.offset + LONGEST)
  if #payload < SHORTEST then
    return
  end
  local name = out.key .. payload
  local before = c.kept[name]
  if before and ts - before.ts <= LATEST then
    if vote(c, before, out.seq, out.ack) then
      settle(self, out, c, before)
    end
  elseif c.count < MAX_KEPT and self.room > 0 then
    c.kept[name] = { seq = out.seq, ack = out.ack, ts = ts }
    c.count, self.room = c.count + (before and 0 or 1), self.room - 1
  end
end

-- Takes a TCP segment (`out`, in the frame s) of direction d.
function legs:take(out, d, s, ts)
  local last, seq = d.last_seq, out.seq
  d.last_seq = seq
  local c = d.c.legs
  if last then
    local ahead = seq - last
    if (ahead >= FAR or ahead <= -FAR) and abs(distance(seq, last)) >= FAR then
      if not c then
        c = { jumps = 0, count = 0, kept = {}, votes = {} }
        c.from = math.min(d.first_seen, d.peer.first_seen or d.first_seen) - CLOCK
        d.c.legs = c
      end
      c.jumps = c.jumps + 1
    end
  end
  if c and c.jumps >= JUMPS and not c.done and out.length >= SHORTEST then
    compare(self, out, c, s, ts)
  end
end

return legs
end

modules.tunnel = function(...)
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
end

modules.packet = function(...)
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
end

modules.sflow = function(...)
-- Reads an sFlow version 5 datagram: sampled headers, each with its own rate, and counters.
local bytes = require("bytes")

local sflow = {}

local byte, sub = string.byte, string.sub
local u32 = bytes.u32

local MAX_SAMPLES, MAX_RECORDS = 256, 64
-- An sflow_data type of enterprise 0 is its last byte; those above 1 byte are not read.
local FLOW, COUNTERS, EXPANDED_FLOW, EXPANDED_COUNTERS, DISCARDED = 1, 2, 3, 4, 5

-- Whether a UDP payload begins as an sFlow v5 datagram does.
function sflow.begins(s)
  local head = sub(s, 1, 8)
  return head == "\0\0\0\5\0\0\0\1" or head == "\0\0\0\5\0\0\0\2"
end

-- Generic interface counters: ifIndex, octets as two halves (64 bits are more than a double
-- holds), packets of all kinds.
local function interface(s, at)
  local packets_in = u32(s, at + 32) + u32(s, at + 36) + u32(s, at + 40)
  local packets_out = u32(s, at + 64) + u32(s, at + 68) + u32(s, at + 72)
  return u32(s, at), u32(s, at + 24), u32(s, at + 28), packets_in, u32(s, at + 56),
    u32(s, at + 60), packets_out
end

local function counters(s, at, stop, expanded, log)
  local first = at + (expanded and 12 or 8)
  local records = u32(s, first)
  if not records or first + 3 > stop then
    return false
  end
  at = first + 4
  for _ = 1, records < MAX_RECORDS and records or MAX_RECORDS do
    local format, size = u32(s, at), u32(s, at + 4)
    if not size or at + 7 + size > stop then
      return false
    end
    if format == 1 and size >= 88 then
      log:interface(interface(s, at + 8))
    end
    at = at + 8 + size
  end
  return true
end

local sample = {}

local function be16(n)
  return string.char(math.floor(n / 256) % 256, n % 256)
end

-- A packet of which an agent tells fields and not the header (sFlow v5, sampled_ipv4 and
-- sampled_ipv6), as a header of its own that holds them; sequence numbers are not among them.
-- Returns the header and its protocol (11: IPv4, 12: IPv6), and the packet's length.
local function fields(s, at, format, size)
  local length, protocol = u32(s, at), u32(s, at + 4)
  local address = format == 3 and 4 or 16
  if size < 16 + address * 2 or not length or length > 65535 or protocol > 255 then
    return nil
  end
  local hosts, after = sub(s, at + 8, at + 7 + address * 2), at + 8 + address * 2
  local from, to, flags = u32(s, after), u32(s, after + 4), u32(s, after + 8) % 256
  local ports = be16(from % 65536) .. be16(to % 65536)
  local transport = protocol == 6 and ports .. ("\0"):rep(8) .. "\80" .. string.char(flags)
    or ports .. ("\0"):rep(4)
  if format == 3 then
    return "\69\0" .. be16(length) .. "\0\0\0\0\64" .. string.char(protocol) .. "\0\0" .. hosts
      .. transport, 11, length
  end
  local payload = length > 40 and length - 40 or 0
  return "\96\0\0\0" .. be16(payload) .. string.char(protocol, 64) .. hosts .. transport, 12, length
end

-- Where a flow sample was taken: its source, and the interfaces that its packet came in and went out
-- by (nil where they are not interfaces).
local function place(s, body, expanded)
  if expanded then
    sample.source = u32(s, body + 8)
    sample.input = u32(s, body + 24) == 0 and u32(s, body + 28) or nil
    sample.output = u32(s, body + 32) == 0 and u32(s, body + 36) or nil
  else
    sample.source = u32(s, body + 4) % 16777216
    sample.input, sample.output = u32(s, body + 20), u32(s, body + 24)
  end
end

-- Reads a datagram s of `room` bytes on the wire. take(sample) gets each sampled header: index,
-- rate (one in so many), length of the frame on the wire, stripped bytes of it, protocol, header,
-- agent (raw address); the table is the same each time. log, where there is one, is told of
-- everything else (see sflowlog.lua). may_show(s, at), where there is one, says of the Ethernet frame
-- at `at` in s whether it is wanted at all. Returns how many headers there were, or nil where the
-- structure is not sFlow's.
function sflow.read(s, take, log, room, may_show)
  if not sflow.begins(s) then
    return nil
  end
  local size = #s
  local at = byte(s, 8) == 1 and 13 or 25
  -- Sub-agent, sequence number, uptime, number of samples.
  local count = u32(s, at + 12)
  if not count or count > MAX_SAMPLES then
    return nil
  end
  local agent = sub(s, 9, at - 1)
  if log and not log:datagram(agent, u32(s, at), u32(s, at + 4), u32(s, at + 8)) then
    -- Captured twice.
    return 0
  end
  at = at + 16
  local index, complete = 0, 0
  sample.agent = agent
  for _ = 1, count do
    local k1, k2, k3, kind, l1, l2, l3, l4 = byte(s, at, at + 7)
    if not l4 then
      break
    end
    local stop = at + 7 + ((l1 * 256 + l2) * 256 + l3) * 256 + l4
    if stop > size then
      break
    end
    local fine = true
    if k1 + k2 + k3 > 0 then
      kind = 0
    end
    if kind == FLOW or kind == EXPANDED_FLOW then
      local expanded = kind == EXPANDED_FLOW
      local body = at + 8
      local rate_at = body + (expanded and 12 or 8)
      local r1, r2, r3, r4 = byte(s, rate_at, rate_at + 3)
      local records_at = body + (expanded and 40 or 28)
      local _, _, high, records = byte(s, records_at, records_at + 3)
      fine = records_at + 3 <= stop and high == 0 and records <= MAX_RECORDS
      if fine then
        local rate = ((r1 * 256 + r2) * 256 + r3) * 256 + r4
        if log then
          log:flow(s, body, expanded, rate)
        end
        local headers, told_at, told_format, told_size, frame_size = 0, nil, nil, nil, nil
        place(s, body, expanded)
        records_at = records_at + 4
        for _ = 1, records do
          -- Format and size; of a sampled header protocol, length, stripped and size of the header.
          local f1, f2, f3, f4, z1, z2, z3, z4, _, _, _, protocol, n1, n2, n3, n4, _, _, p1, p2,
            h1, h2, h3, h4 = byte(s, records_at, records_at + 23)
          local record = z4 and ((z1 * 256 + z2) * 256 + z3) * 256 + z4
          if not record or records_at + 7 + record > stop then
            fine = false
            break
          end
          if f4 == 1 and f3 == 0 and f2 == 0 and f1 == 0 then
            local captured = h4 and ((h1 * 256 + h2) * 256 + h3) * 256 + h4
            if not captured or captured + 16 > record or captured < 1 or protocol > 15 then
              fine = false
            elseif rate > 0 then
              index, headers = index + 1, headers + 1
              -- Header protocol 1 is Ethernet; 11 and 12 are IPv4 and IPv6 without a link layer.
              if not may_show or protocol ~= 1 or may_show(s, records_at + 24, sample) then
                local length = ((n1 * 256 + n2) * 256 + n3) * 256 + n4
                sample.index, sample.rate, sample.protocol, sample.stripped = index, rate, protocol,
                  p1 * 256 + p2
                sample.length = length
                sample.fields_only = false
                sample.header = sub(s, records_at + 24, records_at + 23 + captured)
                if log then
                  log:header(rate, length)
                end
                take(sample)
              end
            end
          end
          if f3 == 0 and f2 == 0 and f1 == 0 and (f4 == 3 or f4 == 4) then
            told_at, told_format, told_size = records_at + 8, f4, record
          elseif f4 == 2 and f3 == 0 and f2 == 0 and f1 == 0 and record >= 4 then
            frame_size = u32(s, records_at + 8)
          end
          records_at = records_at + 8 + record
        end
        if fine and headers == 0 and told_at and rate > 0 then
          local header, protocol, length = fields(s, told_at, told_format, told_size)
          if header then
            index, headers = index + 1, 1
            sample.index, sample.rate, sample.protocol, sample.stripped = index, rate, protocol, 0
            -- As a sampled frame would be told: with its Ethernet header and checksum.
            sample.length = frame_size and frame_size >= length and frame_size or length + 18
            sample.header, sample.fields_only = header, true
            if log then
              log:header(rate, sample.length)
            end
            take(sample)
          end
        end
        if log and headers == 0 then
          log:unused(rate)
        end
      end
    elseif log and (kind == COUNTERS or kind == EXPANDED_COUNTERS) then
      fine = counters(s, at + 8, stop, kind == EXPANDED_COUNTERS, log)
    elseif log then
      log:other(kind == DISCARDED and "of a discarded packet" or "of another kind")
    end
    if fine then
      complete = complete + 1
    end
    at = stop + 1
  end
  if log and complete < count then
    log:damaged(size < room)
  end
  if complete == 0 and count > 0 and index == 0 then
    return nil
  end
  return index
end

return sflow
end

modules.pdu = function(...)
-- The PDUs of an association (DICOM PS3.8 9.3), parsed out of their bytes.
local bytes = require("bytes")

local pdu = {}

local byte, find, sub = string.byte, string.find, string.sub
local u16, u32 = bytes.u16, bytes.u32

pdu.ASSOCIATE_RQ, pdu.ASSOCIATE_AC, pdu.ASSOCIATE_RJ, pdu.P_DATA = 1, 2, 3, 4
pdu.RELEASE_RQ, pdu.RELEASE_RP, pdu.ABORT = 5, 6, 7
pdu.APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
-- Far more than 128 presentation contexts with every transfer syntax need.
pdu.MAX_BODY = 1048576
-- Protocol version to the reserved 32 bytes: what stands before the variable items.
pdu.FIXED = 68

local MAX_CONTEXTS = 128

-- Calls visit(type, first, last) for each item in body[from..to]. False where one overruns.
local function items(body, from, to, visit)
  while from <= to do
    if from + 3 > to then
      return false
    end
    local last = from + 3 + u16(body, from + 2)
    if last > to then
      visit(byte(body, from), from + 4, to, true)
      return false
    end
    visit(byte(body, from), from + 4, last, false)
    from = last + 1
  end
  return true
end

local function context(out, kind, body, first, last)
  if last - first < 3 then
    return false
  end
  local c = { id = byte(body, first), syntaxes = {} }
  if kind == 0x21 then
    c.result = byte(body, first + 2)
  end
  out.number = out.number + 1
  if #out.contexts < MAX_CONTEXTS then
    out.contexts[#out.contexts + 1] = c
  end
  return items(body, first + 4, last, function(sub_kind, a, b, cut)
    if cut then
      return
    elseif sub_kind == 0x30 then
      c.abstract = bytes.uid(sub(body, a, b))
    elseif sub_kind == 0x40 and #c.syntaxes < 64 then
      c.syntaxes[#c.syntaxes + 1] = bytes.uid(sub(body, a, b))
    end
  end)
end

local IDENTITY = { "username", "username_passcode", "kerberos", "saml", "jwt" }

local function user_information(out, body, first, last)
  local roles = 0
  local sound = true
  local whole = items(body, first, last, function(kind, a, b, cut)
    local length = b - a + 1
    if cut then
      return
    elseif kind == 0x51 then
      out.max_pdu = length == 4 and u32(body, a) or nil
      sound = sound and length == 4
    elseif kind == 0x52 then
      out.impl_uid = bytes.uid(sub(body, a, b))
    elseif kind == 0x53 then
      -- The operations that the requestor may have under way, and the acceptor.
      out.ops_orig, out.ops_resp = u16(body, a), length == 4 and u16(body, a + 2) or nil
    elseif kind == 0x55 then
      out.impl_version = bytes.trim(sub(body, a, b))
    elseif kind == 0x54 then
      local uid_length = length >= 4 and u16(body, a)
      if not uid_length or uid_length + 4 ~= length then
        sound = false
      elseif roles < MAX_CONTEXTS then
        roles = roles + 1
        local uid = bytes.uid(sub(body, a + 2, a + 1 + uid_length))
        if uid then
          out.roles[uid] = { scu = byte(body, b - 1) == 1, scp = byte(body, b) == 1 }
        end
      end
    elseif kind == 0x58 and length >= 1 then
      -- The type alone: what follows is a name or a secret.
      out.identity = IDENTITY[byte(body, a)] or string.format("%d", byte(body, a))
    end
  end)
  return whole and sound
end

local function associate(body, cut)
  local out = { contexts = {}, number = 0, roles = {}, offered = {}, whole = not cut }
  if #body < pdu.FIXED and not cut then
    out.malformed = true
  end
  out.version = u16(body, 1)
  out.reserved = (u16(body, 3) or 0) ~= 0
  if #body >= 36 then
    out.called_raw, out.calling_raw = sub(body, 5, 20), sub(body, 21, 36)
    out.called_ae, out.calling_ae = bytes.trim(out.called_raw), bytes.trim(out.calling_raw)
  end
  local sound = true
  local whole = items(body, pdu.FIXED + 1, #body, function(kind, a, b, item_cut)
    if kind == 0x10 and not item_cut then
      out.application_context = bytes.uid(sub(body, a, b))
    elseif kind == 0x20 or kind == 0x21 then
      sound = context(out, kind, body, a, b) and sound
    elseif kind == 0x50 then
      sound = user_information(out, body, a, b) and sound
    end
  end)
  if not cut and not (whole and sound) then
    out.malformed = true
  end
  for _, c in ipairs(out.contexts) do
    out.offered[c.id] = c.abstract
  end
  return out
end

-- Equipment asks for the same thing, and is answered the same, all day: what was read is kept.
local KEPT, KEPT_SIZE = 256, 16384
local kept, kept_number = {}, 0

-- The body (after the 6-byte header) of an A-ASSOCIATE-RQ or -AC. `cut`: bytes are missing at
-- its end because the frame was captured short. The result holds what could be read; `malformed`
-- says that an item violates PS3.8 (and not that it was cut). It is not to be changed.
function pdu.associate(body, cut)
  if cut or #body > KEPT_SIZE then
    return associate(body, cut)
  end
  local out = kept[body]
  if not out then
    if kept_number >= KEPT then
      kept, kept_number = {}, 0
    end
    out = associate(body, cut)
    kept[body], kept_number = out, kept_number + 1
  end
  return out
end

-- Whether the fixed part of a request or acceptance that was cut off before its application
-- context is one all the same: version bit, two printable AE titles, reserved bytes of zero.
function pdu.plausible_cut(out, body)
  if not out.called_raw or not out.version or out.version % 2 ~= 1 or out.reserved then
    return false
  end
  local function title(raw)
    return find(raw, "^[ -~]+\0*$") and find(raw, "[%w]")
  end
  return title(out.called_raw)
    and title(out.calling_raw)
    and not find(sub(body, 37, pdu.FIXED), "[^\0]")
    and (#body <= pdu.FIXED or byte(body, pdu.FIXED + 1) == 0x10)
end

-- Whether the first bytes of a stream (header and what follows) can begin an association.
function pdu.can_begin(s)
  local kind = byte(s, 1)
  if kind ~= 1 and kind ~= 2 then
    return false
  end
  local length = u32(s, 3)
  if length and (length < pdu.FIXED or length > pdu.MAX_BODY) then
    return false
  end
  -- Whatever the protocol version: a request of another one is answered, too (PS3.8, 9.3.4).
  local item = byte(s, 75)
  return not item or item == 0x10 or item == 0x20 or item == 0x50
end

-- Whether s, at the start of a TCP segment, begins with the header of a P-DATA-TF PDU and of a
-- presentation data value whose lengths, context id and control header agree with each other.
function pdu.begins_data(s)
  if byte(s, 1) ~= 4 or byte(s, 2) ~= 0 or #s < 12 then
    return false
  end
  local length, value = u32(s, 3), u32(s, 7)
  return value >= 2 and value + 4 <= length and byte(s, 11) % 2 == 1 and byte(s, 12) <= 3
    and length < 0x10000000
end

return pdu
end

modules.association = function(...)
-- What is known of one association, and what each PDU and command adds to it.
local bytes = require("bytes")
local dimse = require("dimse")
local pdu = require("pdu")
local uids = require("uids")

local association = {}

local format = string.format

association.CAP = 32
-- Points in time that an association remembers, so that a frame looked at again gets the tags of
-- the first time: memory stays bounded by the number of associations.
association.MAX_SNAPSHOTS = 2048

local REQUEST_COUNTER = {
  ["C-STORE"] = "store_rq", ["C-FIND"] = "find_rq", ["C-GET"] = "get_rq", ["C-MOVE"] = "move_rq",
  ["C-ECHO"] = "echo_rq", ["C-CANCEL"] = "cancel_rq",
}

-- A set that keeps its order and stops at CAP.
local function put(set, value)
  if value and value ~= "" and not set[value] and #set < association.CAP then
    set[#set + 1] = value
    set[value] = true
  end
end
association.put = put

function association.new(frame, ts)
  return {
    start_frame = frame, ts = ts, last_ts = ts, state = "open", base = {},
    counts = {
      echo_rq = 0, store_rq = 0, find_rq = 0, get_rq = 0, move_rq = 0, cancel_rq = 0, n_rq = 0,
      success = 0, warning = 0, failure = 0, pending = 0, cancel = 0, data_pdus = 0,
    },
    sops = {}, services = {}, modalities = {}, syntaxes = {}, failures = {}, destinations = {},
    flags = {}, offered = {}, snap_frames = {}, snaps = {},
  }
end

-- Evidence enough to call the stream DICOM: from here on it is.
local function confirm(a, confidence)
  a.confirmed = true
  a.basis = "association"
  if not a.confidence or a.confidence < confidence then
    a.confidence = confidence
  end
  a.dirty = true
end
association.confirm = confirm

local function add_sop(a, uid)
  local known = uids.sop_classes[uid]
  put(a.sops, known and known[1] or uid)
  if known then
    put(a.services, known[2])
    put(a.modalities, known[3])
  end
end

local function base(a, changes)
  local new = {}
  for k, v in pairs(a.base) do
    new[k] = v
  end
  for k, v in pairs(changes) do
    new[k] = v
  end
  a.base, a.dirty = new, true
end

local function role_text(role)
  if role.scu and role.scp then
    return "scu,scp"
  end
  return role.scu and "scu" or role.scp and "scp" or nil
end

local function add_once(list, value)
  if value and not list[value] then
    list[#list + 1], list[value] = value, true
  end
end

-- What the accepted contexts of an answer say of what was offered. Roles are told where nothing can tell
-- otherwise: the answer was read to its end, where a role selection stands (PS3.7, D.3.3.4), and each SOP
-- class that it may speak of is known.
local function read_answer(ac, offered)
  local told = { offered = offered, accepted = 0, syntaxes = {}, sops = {}, services = {} }
  local known = ac.whole and not ac.malformed
  for _, c in ipairs(ac.contexts) do
    if c.result == 0 then
      told.accepted = told.accepted + 1
      local uid, syntax = offered[c.id], c.syntaxes[1]
      add_once(told.syntaxes, syntax and (uids.transfer_syntaxes[syntax] or syntax))
      add_once(told.sops, uid)
      known = known and (uid or not next(ac.roles))
    end
  end
  local orig, resp = {}, {}
  for _, c in ipairs(known and ac.contexts or {}) do
    if c.result == 0 then
      local uid = offered[c.id]
      local role = uid and ac.roles[uid] or { scu = true, scp = false }
      orig.scu, orig.scp = orig.scu or role.scu, orig.scp or role.scp
      resp.scu, resp.scp = orig.scp, orig.scu
      local service = uid and uids.sop_classes[uid]
      if service then
        local of = told.services[service[2]] or {}
        told.services[service[2]] = of
        of.scu, of.scp = of.scu or role.scu, of.scp or role.scp
      end
    end
  end
  told.known, told.orig_role, told.resp_role = known or false, role_text(orig), role_text(resp)
  return told
end

-- The same is agreed on all day: by answer, what was read last.
local agreed = setmetatable({}, { __mode = "k" })

-- What was agreed on: known once the answer and the request that it belongs to are.
local function join(a)
  local ac = a.answer
  local told = agreed[ac]
  if not told or told.offered ~= a.offered then
    told = read_answer(ac, a.offered)
    agreed[ac] = told
  end
  for _, syntax in ipairs(told.syntaxes) do
    put(a.syntaxes, syntax)
  end
  for _, uid in ipairs(told.sops) do
    add_sop(a, uid)
  end
  if ac.whole and not ac.malformed then
    a.ctx_accepted = told.accepted
    a.ops_window = { orig = ac.ops_orig or 1, resp = ac.ops_resp or 1 }
  end
  a.roles_known, a.orig_services, a.learnt = told.known, told.services, nil
  a.orig_role, a.resp_role = told.orig_role, told.resp_role
  base(a, { orig_role = a.orig_role, resp_role = a.resp_role })
  if a.rq then
    a.answer = nil
  end
end

-- Whether a request of which hardly more than the header was captured is one all the same: the first bytes
-- of a connection to a port of DICOM, whose length is that of what was sent.
local function begins_as_one(d, body)
  return #body < pdu.FIXED and d.ends_exactly and d.c.on_port and d.c.tcp_orig == d
end

-- An A-ASSOCIATE-RQ of direction d. Returns false where it begins no association.
function association.request(a, d, body, cut)
  local rq = pdu.associate(body, cut)
  local named = rq.application_context == pdu.APPLICATION_CONTEXT
  if not named and not (a.flags.truncated and not rq.application_context
    and (pdu.plausible_cut(rq, body) or begins_as_one(d, body))) then
    return false
  end
  a.orig, a.rq, a.state = d, true, a.ac and a.state or "requested"
  a.flags.malformed = a.flags.malformed or rq.malformed
  a.flags.reserved_nonzero = a.flags.reserved_nonzero or rq.reserved or nil
  a.rq_whole = not cut
  if not cut and not rq.malformed then
    a.ctx_offered = rq.number
  end
  a.offered = rq.offered
  a.calling_ae, a.called_ae = rq.calling_ae, rq.called_ae
  a.orig_impl_uid, a.orig_impl_version = rq.impl_uid, rq.impl_version
  a.orig_max_pdu, a.user_identity = rq.max_pdu, rq.identity
  base(a, {
    calling_ae = rq.calling_ae and bytes.escape(rq.calling_ae),
    called_ae = rq.called_ae and bytes.escape(rq.called_ae),
    orig_impl_uid = rq.impl_uid,
    orig_impl_version = rq.impl_version and bytes.escape(rq.impl_version),
  })
  if a.answer then
    -- The answer stands before it in the capture.
    join(a)
  end
  confirm(a, named and 100 or 90)
  return true
end

-- An A-ASSOCIATE-AC of direction d, whose peer asked.
function association.accept(a, d, peer, body, cut)
  local ac = pdu.associate(body, cut)
  local named = ac.application_context == pdu.APPLICATION_CONTEXT
  if not a.rq and not named and not (a.flags.truncated and pdu.plausible_cut(ac, body)) then
    return false
  end
  if not named and ac.application_context then
    a.flags.malformed = true
  end
  a.orig, a.ac, a.state = a.orig or peer, true, "accepted"
  a.flags.malformed = a.flags.malformed or ac.malformed
  a.flags.reserved_nonzero = a.flags.reserved_nonzero or ac.reserved or nil
  a.resp_impl_uid, a.resp_impl_version = ac.impl_uid, ac.impl_version
  a.resp_max_pdu, a.answer, a.ac_cut = ac.max_pdu, ac, cut
  local changes = {
    resp_impl_uid = ac.impl_uid,
    resp_impl_version = ac.impl_version and bytes.escape(ac.impl_version),
  }
  if not a.rq and #body >= 36 then
    -- PS3.8 9.3.3: the acceptor sends both titles back as it got them.
    a.calling_ae, a.called_ae = ac.calling_ae, ac.called_ae
    changes.calling_ae = ac.calling_ae and bytes.escape(ac.calling_ae)
    changes.called_ae = ac.called_ae and bytes.escape(ac.called_ae)
  end
  base(a, changes)
  join(a)
  confirm(a, named and 100 or 90)
  return true
end

function association.reject(a, body)
  local _, result, source, reason = body:byte(1, 4)
  a.reject_result, a.reject_source, a.reject_reason = result, source, reason
  a.flags.reserved_nonzero = a.flags.reserved_nonzero or (body:byte(1) or 0) ~= 0 or nil
  a.state, a.rejected, a.dirty = "rejected", true, true
end

function association.abort(a, body)
  local _, _, source, reason = body:byte(1, 4)
  if not a.finish then
    a.abort_source, a.abort_reason, a.finish = source, reason, "aborted"
  end
  a.state, a.dirty = "aborted", true
end

function association.release(a, kind, body)
  a.flags.reserved_nonzero = a.flags.reserved_nonzero or body:find("[^\0]") ~= nil or nil
  if kind == pdu.RELEASE_RP then
    a.finish = a.finish or "released"
    a.state = "released"
  else
    a.state = "releasing"
  end
  a.dirty = true
end

-- What a stream does whose commands were not seen, from the presentation context it uses.
function association.infer(a, context)
  local uid = a.offered[context]
  local known = uid and uids.sop_classes[uid]
  local operation = known and dimse.infer(known[1], known[2])
  if operation and (a.operation == nil or (a.inferred and a.sop ~= uid)) then
    a.operation, a.inferred, a.sop, a.dirty = operation, true, uid, true
    a.message_id, a.status = nil, nil
  end
end

-- A command set, whole or cut short. `counted`: it belongs into the row's counters.
function association.command(a, command, counted)
  local field, known = command.field, command.sop and uids.sop_classes[command.sop]
  local operation, response = nil, false
  if field then
    response = field >= 0x8000
    operation = dimse.OPERATION[field % 0x8000]
  elseif known then
    operation = dimse.infer(known[1], known[2])
  end
  if command.sop and (field or known) then
    add_sop(a, command.sop)
  end
  if counted then
    local counts = a.counts
    if field and not response then
      local name = REQUEST_COUNTER[operation] or "n_rq"
      counts[name] = counts[name] + 1
      if field == 0x0021 then
        put(a.destinations, command.destination)
      end
    elseif response and command.status then
      local class = dimse.status_class(command.status)
      counts[class] = counts[class] + 1
      if class == "failure" then
        put(a.failures, format("0x%04X", command.status))
      end
    end
    a.flags.malformed = a.flags.malformed or command.malformed
  end
  local sop = command.sop or (response and a.operation == operation and a.sop) or nil
  local status = response and command.status or nil
  local inferred = not field
  if a.operation ~= operation or a.sop ~= sop or a.message_id ~= command.message_id
    or a.status ~= status or a.inferred ~= inferred then
    a.operation, a.sop, a.message_id, a.status = operation, sop, command.message_id, status
    a.inferred, a.dirty = inferred, true
  end
end

-- Remembers the tags as they stand after `frame`, where they changed.
function association.snapshot(a, frame)
  a.dirty = nil
  local frames, n = a.snap_frames, #a.snap_frames
  local full = n >= association.MAX_SNAPSHOTS
  local last = a.snap
  if full and a.operation and a.state == last.state and a.base == last.base then
    return last
  end
  local snap = {
    base = a.base, state = a.state, basis = a.basis, confidence = a.confidence,
    operation = a.operation, inferred = a.operation and a.inferred, sop = a.sop,
    message_id = a.message_id, status = a.status, orig = a.orig, untagged = a.untagged,
    start_frame = a.start_frame,
  }
  if full then
    -- The messages beyond are told by their own frames alone.
    snap.operation, snap.inferred, snap.sop = nil, nil, nil
    snap.message_id, snap.status = nil, nil
    if n >= association.MAX_SNAPSHOTS + 16 then
      return last
    end
  end
  if last then
    -- What was worked out for the frames since the last change is not needed again.
    last.tags_a, last.tags_b, last.ends_a, last.ends_b = nil, nil, nil, nil
  end
  if frames[n] ~= frame then
    n = n + 1
  end
  frames[n], a.snaps[n], a.snap = frame, snap, snap
  return snap
end

-- The tags as they stood after `frame`.
function association.at(a, frame)
  local frames = a.snap_frames
  local low, high = 1, #frames
  if high == 0 or frames[1] > frame then
    return nil
  end
  while low < high do
    local middle = math.floor((low + high + 1) / 2)
    if frames[middle] <= frame then
      low = middle
    else
      high = middle - 1
    end
  end
  return a.snaps[low]
end

return association
end

modules.sealed = function(...)
-- Keeps the time of encrypted connections on DICOM's ports: what can be seen of them without keys.
-- docs/tag-logs.md has the rules.
local times = require("times")

local sealed = {}

local byte, find = string.byte, string.find

local MODULUS, HALF = 4294967296, 2147483648
-- Records (RFC 8446, 5.1), and their header. No association request fits into one of fewer bytes, and the
-- end of a handshake into none of more.
local FIRST_TYPE, LAST_TYPE, APPLICATION, HEADER, SHORTEST = 20, 23, 23, 5, 90

-- The first bytes of a connection on a port of DICOM: whether they are a ClientHello (RFC 8446, 4 and 5.1).
function sealed.look(t, c, s)
  if not t.sampled and find(s, "^\22\3...\1") then
    c.sealed = {
      began = t.now, at = t.now, skew = t.skew,
      [c.a] = { bytes = 0, us = 0, silent_us = 0, runs = 0 },
      [c.b] = { bytes = 0, us = 0, silent_us = 0, runs = 0 },
    }
    t.encrypted[#t.encrypted + 1] = c
  end
end

-- Looks for a record of the originator's that an association request may be in. What was lost or is in
-- pieces may have been one.
local function look_for_request(s, seq, length, captured, source, offset)
  s.record = s.record or seq
  local at = (s.record - seq + HALF) % MODULUS - HALF
  s.carried = at < 0
  while at < length and not s.carried do
    local kind, high, low, _
    if at + HEADER <= captured then
      kind, _, _, high, low = byte(source:raw(offset + at, HEADER), 1, HEADER)
    end
    local size = low and high * 256 + low
    s.carried = not size or kind < FIRST_TYPE or kind > LAST_TYPE or kind == APPLICATION and size >= SHORTEST
    if not s.carried then
      s.record = (s.record + HEADER + size) % MODULUS
      at = at + HEADER + size
    end
  end
end

-- What both sides say first, and what the originator says then, as far as it tells that nothing is
-- encrypted here, or no association: a port was looked at. c.other: so it is.
function sealed.look_inside(c, d, seq, length, captured, source, offset)
  local s = c.sealed
  if d == c.tcp_orig then
    if not s.carried then
      look_for_request(s, seq, length, captured, source, offset)
    end
  elseif not s.answered and captured > 0 then
    s.answered = true
    local kind = byte(source:raw(offset, 1))
    c.other = kind < FIRST_TYPE or kind > LAST_TYPE
  end
end

-- The connection ends.
function sealed.ends(c)
  if c.syn and not c.sealed.carried and c.a.missed + c.b.missed == 0 then
    c.other = true
  end
end

-- Bytes that follow others of their side, with none of the other side between: a run goes on.
local function go_on(t, s, f, new)
  local us = times.between(s.at, t.now) or 0
  f.bytes, f.us = f.bytes + new, f.us + us
  f.silent_us = f.silent_us + (us >= times.SILENCE * 1e6 and us or 0)
  f.runs, s.run = f.runs + (s.run and 0 or 1), true
end

-- A segment of direction d with data, before it is put in order.
function sealed.came(t, c, d, seq, length)
  local s = c.sealed
  local f, top = s[d], d.top
  local ahead = top and (seq - top + HALF) % MODULUS - HALF or 0
  local new = ahead < 0 and length + ahead or length
  if new <= 0 then
    return
  end
  if s.last == d then
    go_on(t, s, f, new)
  else
    s.last, s.run = d, false
    if d == c.tcp_orig and d.peer.top and not s.setup_us then
      s.setup_us = t.skew == s.skew and times.between(s.began, t.now) or nil
      times.show(t, "setup_time", s.setup_us)
    end
  end
  s.at = t.now
end

-- The connection is over. Returns whether all of it was seen, and nobody has read it.
function sealed.whole(t, c)
  local s = c.sealed
  return not s.done and not c.tls and t.skew == s.skew and c.a.packets > 0 and c.b.packets > 0
    and c.a.missed + c.b.missed == 0
end

return sealed
end

modules.stream = function(...)
-- One direction of a TCP connection as a sequence of PDUs, without reassembling it: headers and
-- command sets are collected, data-set bytes are only counted off. Survives losses inside data.
local association = require("association")
local dimse = require("dimse")
local pdu = require("pdu")

local stream = {}

local byte, concat, sub = string.byte, table.concat, string.sub
local u32 = require("bytes").u32

local MAX_COMMAND = 65536
local C_STORE_RQ = 1
-- Room for what waits for its end, over all streams together.
stream.BUDGET = 33554432
local buffered = 0

-- d.kind: what is collected next. nil: the place in the stream is not known ("hunting").
-- "H" PDU header, "B" PDU body, "V" PDV header, "C" command fragment, "D" begin of a data set.
function stream.start(d, kind, want)
  if d.have and d.have > 0 then
    buffered = buffered - d.have
  end
  d.kind, d.want, d.have, d.parts, d.skip, d.in_data = kind, want, 0, {}, 0, nil
end

-- What is still to come of the PDU in hand, and how many bytes of that were counted as a data set's.
function stream.unfinished(d)
  local kind = d.kind
  if not kind or kind == "H" then
    return kind and d.have > 0 and d.want - d.have or 0, 0
  elseif kind == "B" then
    return d.want - d.have, 0
  elseif kind == "V" then
    return d.pdu_left - d.have, 0
  end
  local fragment = kind == "S" and d.skip or d.want - d.have + (kind == "D" and d.rest or 0)
  return fragment + (d.pdu_left or 0), (kind == "D" or d.in_data) and fragment or 0
end

function stream.reset_budget()
  buffered = 0
end

local function next_after_fragment(c, d)
  if d.pdu_left == 0 then
    stream.start(d, "H", 6)
    return true
  elseif d.pdu_left < 6 then
    return stream.pass_over(c.assoc, d, d.pdu_left)
  end
  stream.start(d, "V", 6)
  return true
end

local steps = {}

-- What is wrong inside a PDU of a known type: it is flagged and its length says where it ends.
local function pass_over(a, d, length)
  if not a.confirmed or d.guess then
    return false
  end
  a.flags.malformed = true
  d.pdu_left, d.command, d.command_size, d.message, d.ending = 0, nil, nil, nil, nil
  if length == 0 then
    stream.start(d, "H", 6)
  else
    stream.start(d, "S")
    d.skip = length
  end
  return true
end

stream.pass_over = pass_over

-- A step returns false where the bytes cannot be what they should.
function steps.H(h, c, a, d, s)
  local kind, length = byte(s, 1), u32(s, 3)
  if kind == pdu.P_DATA then
    if not a.confirmed and (length < 6 or length > 0x10000000) then
      return false
    end
    if h.counts(a, d) then
      a.counts.data_pdus = a.counts.data_pdus + 1
    end
    d.pdu_left = length
    if d.guess and not a.confirmed then
      h.found_header(c, a, d)
    end
    stream.start(d, "V", 6)
    if length < 6 and not pass_over(a, d, length) then
      return false
    end
  elseif kind == pdu.ASSOCIATE_RQ or kind == pdu.ASSOCIATE_AC then
    if kind == pdu.ASSOCIATE_RQ and a.finish and not d.frozen then
      a = h.again(c, d)
    end
    if length >= pdu.FIXED and length <= pdu.MAX_BODY then
      stream.start(d, "B", length)
    elseif not pass_over(a, d, length) then
      return false
    end
  elseif kind >= pdu.ASSOCIATE_RJ and kind <= pdu.ABORT then
    stream.start(d, "B", 4)
    if length ~= 4 and not pass_over(a, d, length) then
      return false
    end
  else
    return false
  end
  if byte(s, 2) ~= 0 then
    a.flags.reserved_nonzero = true
  end
  d.pdu_type = kind
  return true
end

local function body(c, a, d, s, cut)
  local kind = d.pdu_type
  if d.frozen then
    return true
  elseif kind == pdu.ASSOCIATE_RQ then
    if a.rq then
      a.flags.malformed = true
      return true
    end
    return association.request(a, d, s, cut)
  elseif kind == pdu.ASSOCIATE_AC then
    if a.ac then
      a.flags.malformed = true
      return true
    end
    return association.accept(a, d, d.peer, s, cut)
  elseif not a.confirmed then
    return kind == pdu.ABORT and d.guess ~= true
  end
  if kind == pdu.ASSOCIATE_RJ then
    if a.ac then
      a.flags.malformed = true
    elseif a.rq and d ~= a.orig then
      association.reject(a, s)
    end
  elseif kind == pdu.ABORT then
    association.abort(a, s)
  else
    association.release(a, kind, s)
  end
  return true
end

function steps.B(h, c, a, d, s)
  if not body(c, a, d, s, false) then
    return false
  end
  if d.pdu_type <= pdu.ASSOCIATE_RJ then
    h.negotiated(c.assoc, d)
  end
  h.pdu_done(c, c.assoc, d)
  stream.start(d, "H", 6)
  return true
end

local function fragment_done(h, c, a, d)
  if d.ending then
    h.data_done(d)
  end
  if d.pdu_left == 0 then
    h.pdu_done(c, a, d)
  end
  return next_after_fragment(c, d)
end

function steps.V(h, c, a, d, s)
  local length, control = u32(s, 1), byte(s, 6)
  if length < 2 or length + 4 > d.pdu_left then
    return pass_over(a, d, d.pdu_left - 6)
  end
  d.pdu_left = d.pdu_left - 4 - length
  d.context, d.last_fragment = byte(s, 5), math.floor(control / 2) % 2 == 1
  local content = length - 2
  if control % 2 == 1 then
    d.data_begins = false
    local waiting = d.command_size or 0
    if content + waiting > MAX_COMMAND then
      return pass_over(a, d, d.pdu_left + content)
    end
    stream.start(d, "C", content)
    if content == 0 then
      return steps.C(h, c, a, d, "")
    end
    return true
  end
  if h.counts(a, d) then
    d.data_bytes = (d.data_bytes or 0) + content
  end
  local message = d.message
  if message then
    message.pdvs, message.bytes = message.pdvs + 1, message.bytes + content
    d.ending = d.last_fragment
  end
  if a.confirmed then
    association.infer(a, d.context)
  end
  local begins = d.data_begins ~= false or false
  d.data_begins = d.last_fragment
  if begins and d.command_seen and content >= 132 then
    d.rest = content - 132
    stream.start(d, "D", 132)
    return true
  end
  stream.start(d, "S")
  d.skip, d.in_data = content, true
  return content > 0 or fragment_done(h, c, a, d)
end

local function command_done(h, c, a, d, s, cut)
  local command = dimse.command(s, cut)
  d.command, d.command_size = nil, nil
  if not command or (command.broken and not a.confirmed) then
    return false
  end
  d.command_seen, d.data_begins = true, true
  if command.broken then
    -- Of what cannot be read to its end nothing is taken.
    a.flags.malformed = h.counts(a, d) or a.flags.malformed
    return true
  end
  if (not a.confirmed or a.midstream) and (command.field or command.sop) then
    a.midstream = true
    association.confirm(a, command.field and 95 or 85)
  end
  if a.confirmed then
    if not a.rq and not a.orig then
      h.guess_originator(c, a, d, command)
    end
    if command.field == C_STORE_RQ then
      -- It names the object.
      a.content = a.content or s
    end
    association.command(a, command, h.counts(a, d))
    h.requested(c, a, d, command)
    h.timed(a, d, command)
  end
  return true
end

function steps.C(h, c, a, d, s)
  d.command = (d.command or "") .. s
  d.command_size = #d.command
  if d.last_fragment and not command_done(h, c, a, d, d.command, false) then
    if not a.confirmed then
      return false
    end
    a.flags.malformed = true
  end
  return fragment_done(h, c, a, d)
end

function steps.D(h, c, a, d, s)
  if sub(s, 129, 132) == "DICM" then
    a.flags.part10_in_dataset = true
  end
  stream.start(d, "S")
  d.skip, d.in_data = d.rest, true
  return d.rest > 0 or fragment_done(h, c, a, d)
end

local function lost(h, c, d)
  stream.start(d, nil)
  d.command, d.command_size = nil, nil
  h.lost(c, d)
end

-- Feeds bytes that follow those before. h: what the owner of the connection wants to know.
function stream.feed(h, c, d, s)
  local at, size = 1, #s
  while at <= size and d.kind do
    local there = size - at + 1
    if d.skip > 0 then
      if there < d.skip then
        d.skip = d.skip - there
        return
      end
      at = at + d.skip
      d.skip = 0
      if not fragment_done(h, c, c.assoc, d) then
        lost(h, c, d)
      end
    else
      local missing = d.want - d.have
      if there < missing then
        if buffered + there > stream.BUDGET then
          lost(h, c, d)
          return
        end
        buffered = buffered + there
        d.parts[#d.parts + 1] = at == 1 and s or sub(s, at)
        d.have = d.have + there
        if #d.parts > 64 then
          d.parts = { concat(d.parts) }
        end
        return
      end
      local piece = sub(s, at, at + missing - 1)
      if d.have > 0 then
        d.parts[#d.parts + 1] = piece
        piece = concat(d.parts)
      end
      at = at + missing
      if not steps[d.kind](h, c, c.assoc, d, piece) then
        lost(h, c, d)
      end
    end
  end
end

-- n bytes are missing where the place in the stream is known. `cut`: they were on the wire but not
-- captured. Returns whether it still is.
function stream.hole(h, c, d, n, cut)
  if d.kind == "D" then
    local rest = d.want - d.have + d.rest
    stream.start(d, "S")
    d.skip, d.in_data = rest, true
  elseif d.kind == "B" and (cut or d.pdu_type <= pdu.ASSOCIATE_AC)
    or d.kind == "C" and cut and d.want - d.have >= n then
    -- What is there of a PDU or of a cut command set is read; its length says where it ends.
    local seen, rest, kind = concat(d.parts), d.want - d.have, d.kind
    stream.start(d, "S")
    d.skip, c.assoc.flags.truncated = rest, cut or c.assoc.flags.truncated
    local sound
    if kind == "B" then
      d.pdu_left, d.ends_exactly = 0, cut and n == rest
      sound = body(c, c.assoc, d, seen, true)
    else
      sound = command_done(h, c, c.assoc, d, (d.command or "") .. seen, true)
      sound = sound or c.assoc.confirmed
    end
    if not sound then
      lost(h, c, d)
    end
  end
  if d.kind == "S" and n <= d.skip then
    d.skip = d.skip - n
    if d.skip > 0 or fragment_done(h, c, c.assoc, d) then
      return true
    end
    lost(h, c, d)
  end
  stream.start(d, nil)
  d.command, d.command_size = nil, nil
  return false
end

return stream
end

modules.hunting = function(...)
-- Finds where a PDU begins in a stream whose place is not known: captures begin in the middle.
local dimse = require("dimse")
local pdu = require("pdu")
local stream = require("stream")

local hunting = {}

local byte, find, sub = string.byte, string.find, string.sub

-- TLS, HTTP, and TPKT (RFC 1006, 6), which has 7 bytes at least: an A-ASSOCIATE-RJ begins as one of none.
local FOREIGN_START = {
  "^[\20-\23]\3[\0-\4]", "^HTTP/", "^[A-Z]+ [^ ]+ HTTP/", "^\3\0\0[\7-\255]", "^\3\0[\1-\5]",
}

function hunting.looks_foreign(s)
  for i = 1, #FOREIGN_START do
    if find(s, FOREIGN_START[i]) then
      return true
    end
  end
  return false
end

-- Whether two titles may stand in s, and no text: of a frame that was cut there is nothing else.
local function printable_titles(s, cut)
  return #s < 42
    or (cut or find(s, "^[ -~\0]+$", 11) == nil) and not find(sub(s, 11, 42), "[^ -~\0]")
end

-- The header of a P-DATA-TF PDU with one presentation data value, and of that value, without the
-- last byte of it.
local HEADER = 12

-- Where in s the header of a PDU with one value stands: the two lengths agree, the context is odd,
-- the control header is one that PS3.8 (E.2) knows.
local function header_in(s)
  local at = 1
  while true do
    at = find(s, "\4\0", at, true)
    if not at or at + HEADER - 1 > #s then
      return nil
    end
    local l1, l2, l3, l4, v1, v2, v3, v4, context, control = byte(s, at + 2, at + 11)
    if l1 < 16 and l4 == (v4 + 4) % 256 and control <= 3 and context % 2 == 1 then
      local length = ((l1 * 256 + l2) * 256 + l3) * 256 + l4
      if length == ((v1 * 256 + v2) * 256 + v3) * 256 + v4 + 4 and length >= 6 then
        return at
      end
    end
    at = at + 2
  end
end

-- Whether the segment s shows by itself where a PDU or a command set begins in it.
function hunting.at_start(t, c, d, s, cut)
  local first = byte(s, 1)
  local a = c.assoc
  local confirmed = a and a.confirmed
  if first == 4 then
    if not pdu.begins_data(s) then
      return false
    end
    if not confirmed and byte(s, 12) % 2 == 1 and #s >= 24
      and not dimse.command(sub(s, 13), true) then
      return false
    end
    d.searched = not t.sampled and header_in(sub(s, 1, HEADER)) == 1
  elseif first == 0 then
    if sub(s, 1, 8) ~= "\0\0\0\0\4\0\0\0" then
      return false
    end
    local command = dimse.command(s, true)
    if not command or not (command.field or command.sop) then
      return false
    end
    a = a or t:open(c)
    d.guess = true
    d.pdu_left, d.last_fragment, d.command = 0, true, nil
    stream.start(d, "C", command.group_length + 12)
    return true
  elseif first == 1 or first == 2 then
    if a and a.rq and first == 1 or not pdu.can_begin(s) or not printable_titles(s, cut) then
      return false
    end
  elseif first == 3 or first >= 5 and first <= 7 then
    if not confirmed or #s ~= 10 or sub(s, 2, 6) ~= "\0\0\0\0\4" then
      return false
    end
  else
    return false
  end
  if not a then
    t:open(c)
  end
  d.guess = true
  stream.start(d, "H", 6)
  return true
end

-- Looks for the header of a PDU anywhere in the bytes s, which follow those of the call before.
-- Returns the bytes from there on, or nil.
function hunting.inside(d, s)
  local before = d.hunted
  local all = before and before .. s or s
  local at = header_in(all)
  if at then
    d.hunted = nil
    return at == 1 and all or sub(all, at)
  end
  d.hunted = #all >= HEADER and sub(all, 1 - HEADER) or all
  return nil
end

return hunting
end

modules.proxy = function(...)
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
end

modules.segments = function(...)
-- Puts the segments of one direction in order, waits for late ones, and counts what is missing.
local hunting = require("hunting")
local pdu = require("pdu")
local proxy = require("proxy")
local stream = require("stream")
local times = require("times")

local segments = {}

local byte, sub = string.byte, string.sub

local MODULUS, HALF = 4294967296, 2147483648
-- Segments that wait for one before them, and their bytes, per direction.
local MAX_WAITING, MAX_WAITING_BYTES = 256, 262144
local MAX_HOLES = 64

-- wanted: those that the message in hand waits for are marked with this.
local function add_hole(d, from, length, wanted)
  d.missed = d.missed + length
  local holes = d.holes
  if not holes then
    holes = {}
    d.holes = holes
  end
  if #holes < MAX_HOLES then
    holes[#holes + 1] = { from, length, wanted }
    return true
  end
  return false
end

-- A segment from before fills holes that it covers. Returns whether there were any.
local function fill(t, d, from, length)
  local filled = false
  for i = #d.holes, 1, -1 do
    local hole = d.holes[i]
    local start = (hole[1] - from + HALF) % MODULUS - HALF
    local stop = start + hole[2]
    local low, high = start > 0 and start or 0, stop < length and stop or length
    if high > low then
      d.missed, filled = d.missed - (high - low), true
      table.remove(d.holes, i)
      local left = 0
      if low > start then
        d.holes[#d.holes + 1], left = { hole[1], low - start, hole[3] }, 1
      end
      if stop > high then
        d.holes[#d.holes + 1], left = { (from + high) % MODULUS, stop - high, hole[3] }, left + 1
      end
      if hole[3] and hole[3] == d.message_number then
        times.filled(t, d, left - 1)
      end
    end
  end
  return filled
end

-- Bytes in sequence: s is what was captured of `length` bytes on the wire.
local function in_sequence(t, c, d, s, length)
  local captured = #s
  d.next = (d.next + length) % MODULUS
  if c.foreign or c.tls then
    return
  end
  if captured > 0 then
    if d.begins then
      s = proxy.pass(c, d, s)
      if not s then
        -- The association has not begun yet.
        c.first_frame = nil
        if c.assoc then
          c.assoc.payload_seen = nil
        end
        return
      end
    end
    if not d.kind then
      if d.begins and not c.assoc then
        -- The first bytes of the whole connection: a request, or the acceptance of one that was
        -- not captured, or another protocol.
        if not pdu.can_begin(s) or (byte(s, 1) == 2 and c.tcp_orig ~= d.peer) then
          t:foreign(c, s)
          return
        end
        t:open(c)
        stream.start(d, "H", 6)
      elseif d.begins and c.assoc then
        stream.start(d, "H", 6)
      elseif not hunting.at_start(t, c, d, s, captured < length) then
        local a = c.assoc
        if a and a.id and not a.confirmed and hunting.looks_foreign(s) then
          t:foreign(c, s)
          return
        end
        s = not t.sampled and hunting.inside(d, s)
        if captured < length then
          d.hunted = nil
        end
        if s then
          if not a then
            t:open(c)
          end
          d.guess, d.searched = true, true
          stream.start(d, "H", 6)
        end
      end
    end
    d.begins = nil
    if not s then
      if captured < length then
        add_hole(d, (d.next - length + captured) % MODULUS, length - captured)
      end
      return
    end
    d.hunted = nil
    stream.feed(t.hooks, c, d, s)
  end
  if captured < length then
    d.begins = nil
    add_hole(d, (d.next - length + captured) % MODULUS, length - captured)
    if d.kind then
      stream.hole(t.hooks, c, d, length - captured, true)
    end
  end
end

-- The bytes before the first waiting segment will not come; where it goes on may have to be looked for,
-- and of what comes too late for that nothing is read.
local function give_up(t, c, d, gap)
  local from = d.next
  times.gap(c)
  d.next = (from + gap) % MODULUS
  d.begins = nil
  if d.kind and not stream.hole(t.hooks, c, d, gap, false) then
    d.missed = d.missed + gap
  else
    add_hole(d, from, gap)
  end
end

-- Bytes within a data set did not come yet; where it goes on is known all the same.
local function leave_out(t, c, d, gap)
  local number = d.message_number or 0
  if add_hole(d, d.next, gap, number) then
    d.message_number, d.wanted = number, (d.wanted or 0) + 1
  else
    times.gap(c)
  end
  d.next = (d.next + gap) % MODULUS
  d.wanted_to, d.begins = d.next, nil
  stream.hole(t.hooks, c, d, gap, false)
end

local function drain(t, c, d)
  local waiting = d.waiting
  while waiting and #waiting > 0 do
    local w = waiting[1]
    local ahead = (w.seq - d.next + HALF) % MODULUS - HALF
    if ahead > 0 then
      return
    end
    table.remove(waiting, 1)
    d.waiting_bytes = d.waiting_bytes - #w.s
    if -ahead < w.length then
      in_sequence(t, c, d, sub(w.s, 1 - ahead), w.length + ahead)
    elseif d.holes then
      fill(t, d, w.seq, w.length)
    end
  end
  d.waiting, d.overdue, d.overdue_since = nil, nil, nil
end

function segments.flush(t, c, d)
  while d.waiting do
    local ahead = (d.waiting[1].seq - d.next + HALF) % MODULUS - HALF
    if ahead > 0 then
      give_up(t, c, d, ahead)
    end
    drain(t, c, d)
  end
end

local function wait(t, c, d, seq, length, s)
  local waiting = d.waiting
  if not waiting then
    waiting = {}
    d.waiting, d.waiting_bytes = waiting, 0
  end
  local at = #waiting + 1
  while at > 1 and (waiting[at - 1].seq - seq + HALF) % MODULUS - HALF > 0 do
    at = at - 1
  end
  table.insert(waiting, at, { seq = seq, length = length, s = s })
  d.waiting_bytes = d.waiting_bytes + #s
  if #waiting > MAX_WAITING or d.waiting_bytes > MAX_WAITING_BYTES then
    segments.flush(t, c, d)
  end
end

-- Counts a segment that begins before the end of another of its side, but no keep-alive.
local function count_again(d, seq, length)
  local top = d.top or seq
  local behind = (top - seq + HALF) % MODULUS - HALF
  if behind > 0 and (length > 1 or behind > 1) then
    d.resent = (d.resent or 0) + 1
  end
  if behind < length then
    d.top = (seq + length) % MODULUS
  end
end

function segments.arrive(t, c, d, seq, length, captured, source, offset)
  if not t.sampled then
    count_again(d, seq, length)
  end
  local expected = d.next
  if not expected then
    expected, d.next = seq, seq
  end
  local ahead = (seq - expected + HALF) % MODULUS - HALF
  if ahead < 0 then
    local before = d.first and (d.first - seq + HALF) % MODULUS - HALF or 0
    if before > 0 then
      -- Of before what was seen first: it came late.
      d.early = (d.early or 0) + (before < length and before or length)
    end
    local filled = d.holes and fill(t, d, seq, length)
    if -ahead >= length then
      -- Nothing of it is new.
      d.known = not filled and length > 1 and t.frame
      return
    end
    -- Only the end of it is new.
    length, offset = length + ahead, offset - ahead
    captured = captured + ahead
    if captured < 0 then
      captured = 0
    end
  elseif ahead > 0 and not t.sampled then
    if d.kind == "S" and ahead <= d.skip then
      leave_out(t, c, d, ahead)
    elseif d.kind or d.begins and not c.foreign then
      wait(t, c, d, seq, length, captured > 0 and source:raw(offset, captured) or "")
      return
    else
      add_hole(d, d.next, ahead)
      d.next = seq
    end
  elseif ahead > 0 then
    give_up(t, c, d, ahead)
  end
  d.late = d.waiting ~= nil or d.wanted ~= nil
  local before = d.before
  if before and not d.late and t.now - before >= times.SILENCE then
    times.silence(d, before, t.now)
  end
  in_sequence(t, c, d, captured > 0 and source:raw(offset, captured) or "", length)
  if d.waiting then
    drain(t, c, d)
  end
end

return segments
end

modules.translated = function(...)
-- Finds the association that another one is, seen on the other side of an address translation.
local keys = require("keys")

local translated = {}

-- So many signs of associations are remembered.
local GENERATION = 16384
-- One packet is not further from itself on two sides of a router, in seconds.
local TWIN_TIME = 1
translated.TWIN_TIME = TWIN_TIME
-- So many connections that are closing are looked through for the whole of a part.
local MAX_PENDING = 64

-- What is remembered of associations, to know them again.
function translated.new()
  return { of = {}, size = 0 }
end

-- What an association has in common with itself on the other side of an address translation, or of a
-- load balancer, which begins a connection of its own: then the object that it carries first tells, and
-- what came back may not have been captured there.
local function sign_of(a, orig, resp)
  local counts, content = a.counts, a.content
  if not (a.confirmed and (content or orig.isn and resp.isn)) then
    return nil
  end
  local asked = table.concat({
    a.calling_ae or "", a.called_ae or "", a.orig_data, counts.echo_rq, counts.store_rq, counts.find_rq,
    counts.n_rq,
  }, "|")
  if content then
    return content .. asked
  end
  return table.concat({ orig.isn, resp.isn, asked, a.resp_data, counts.data_pdus, counts.success }, "|")
end

-- Whether two associations of one sign are one: not where a host has sent an object twice.
local function is_one(orig, other)
  if orig.isn and orig.isn == other.isn then
    return true
  end
  return orig.host ~= other.host or orig.port == other.port
end

-- What a connection that was seen from its beginning has in common with a part of itself that ends
-- early on the other side of a translation, which keeps sequence numbers.
local function beginning_of(a, orig, resp)
  return orig.isn and resp.isn
    and table.concat({ "begins", orig.isn, resp.isn, a.calling_ae or "", a.called_ae or "" }, "|") or nil
end

-- And with a part that begins late.
local function end_of(orig, resp)
  local one, other = orig.fin_at or orig.next, resp.fin_at or resp.next
  return one and other
    and table.concat({ "ends", math.min(one, other), math.max(one, other) }, "|") or nil
end

local function at_once(one, other)
  return one - other < TWIN_TIME and other - one < TWIN_TIME
end

-- Whether two associations have other addresses or ports, in whatever networks.
local function are_apart(a, other)
  local mine, theirs = a.c.a.key, other.c.a.key
  return theirs ~= mine and theirs ~= a.c.b.key and keys.plain(mine) ~= keys.plain(theirs)
    and keys.plain(mine) ~= keys.plain(other.c.b.key)
end

-- Whether two associations have the same addresses and ports, in two networks.
local function are_beside(a, other)
  local mine, theirs = a.c.a.key, other.c.a.key
  return theirs ~= mine and theirs ~= a.c.b.key and not are_apart(a, other)
end

-- The association of which this one is a part, or nil: one that was seen from its beginning to its end,
-- and is told already or about to be.
local function whole_of(signs, closing, a, orig, resp)
  local sign = beginning_of(a, orig, resp)
  local whole = signs.of[sign or end_of(orig, resp) or ""]
  if not sign and not whole then
    for i = closing.first, math.min(closing.first + MAX_PENDING, closing.last) do
      local one, d = closing[i].assoc, closing[i].a
      if one and one ~= a and one.orig and d.isn and d.peer.isn and end_of(d, d.peer) == end_of(orig, resp) then
        whole = one
      end
    end
  end
  if whole and are_apart(a, whole) and at_once(sign and a.ts or a.last_ts, sign and whole.ts or whole.last_ts)
    and (orig.data_bytes or 0) <= (whole.orig.data_bytes or 0) then
    return whole
  end
  return nil
end

local function remember(signs, sign, a)
  if sign then
    if signs.size >= GENERATION then
      signs.of, signs.size = {}, 0
    end
    signs.of[sign], signs.size = a, signs.size + 1
  end
end

-- The association that this one is, seen on the other side of an address translation: the same
-- titles and contents at the same time, or a part of them. Or nil. closing: see endings.queue.
function translated.twin(signs, closing, a, orig, resp)
  if a.confirmed and not (orig.isn and resp.isn and a.closed) then
    local whole = whole_of(signs, closing, a, orig, resp)
    if whole then
      return whole
    end
  end
  local sign = sign_of(a, orig, resp)
  if not sign then
    return nil
  end
  local before = signs.of[sign]
  if before and at_once(a.ts, before.ts) then
    if is_one(orig, before.orig) and are_apart(a, before) then
      return before
    end
    a.alike = are_beside(a, before) and "in another network"
  elseif before and orig.isn and orig.isn == before.orig.isn and resp.isn and resp.isn == before.orig.peer.isn then
    -- Both hosts chose the numbers that they had chosen before: only a second place of capture, whose clock
    -- is another one, is likely to show that.
    a.alike = "at another time"
  end
  remember(signs, sign, a)
  if a.closed then
    remember(signs, beginning_of(a, orig, resp), a)
    remember(signs, orig.isn and end_of(orig, resp), a)
  end
  return nil
end

return translated
end

modules.endings = function(...)
-- Ends of connections and associations: what was announced and never came, and when rows are told.
local pdu = require("pdu")
local sealed = require("sealed")
local segments = require("segments")
local stream = require("stream")
local translated = require("translated")

local endings = {}

local MODULUS, HALF = 4294967296, 2147483648
-- No acknowledgment is further ahead than TCP's largest window (RFC 7323).
local MAX_WINDOW = 1073741824
-- As Zeek's tcp_close_delay: what still comes in after the end belongs to it.
local CLOSE_DELAY = 5.0

-- What was sent in direction d after the last byte that was seen: by its own FIN, or by what the
-- other side acknowledged when it closed, which may count a FIN. Returns the bytes, and whether
-- that is known at all.
local function tail(d)
  if not d.next then
    return 0, false
  end
  local stop = d.fin_at or d.peer.ack_at_end
  local ahead = stop and (stop - d.next + HALF) % MODULUS - HALF
  if not ahead or ahead > MAX_WINDOW then
    return 0, false
  elseif not d.fin_at then
    ahead = ahead - 1
  end
  return math.max(0, ahead), true
end

-- Direction d has ended, and `missing` bytes before its end were not captured: what a header announced
-- beyond them (left, of_data: see stream.unfinished) was never sent. It is no data, and the row says so.
local function cut_off(a, d, missing, left, of_data)
  if left > missing and (d.fin or a.c.closed) and a.confirmed and not a.flags.sampled and not d.frozen then
    a.unfinished, a.flags.unfinished = (a.unfinished or 0) + left - missing, true
    d.data_bytes = math.max(0, (d.data_bytes or 0) - math.max(0, of_data - missing))
  end
end

-- Writes the row of an association, once.
function endings.finish(t, a)
  if a.done then
    return
  end
  a.done, a.ended = true, a.last_ts
  local c = a.c
  local left, of_data = {}, {}
  for _, d in ipairs({ c.a, c.b }) do
    segments.flush(t, c, d)
    left[d], of_data[d] = stream.unfinished(d)
    if d.kind == "B" and d.pdu_type <= pdu.ASSOCIATE_AC then
      -- The rest of a request or of its answer never came.
      stream.hole(t.hooks, c, d, d.want - d.have, false)
    end
  end
  a.end_seen = true
  for _, d in ipairs({ c.a, c.b }) do
    local missing, known = tail(d)
    d.missed, d.next = d.missed + missing, d.next and (d.next + missing) % MODULUS
    cut_off(a, d, missing, left[d], of_data[d])
    a.end_seen = a.end_seen and known and missing == 0
  end
  if not a.orig then
    t:guess_originator(c, a, c.a, {})
  end
  local orig = a.orig
  local resp = orig.peer
  a.orig_data, a.resp_data = orig.data_bytes or 0, resp.data_bytes or 0
  a.orig_closed_us, a.resp_closed_us = orig.closed_us or 0, resp.closed_us or 0
  a.orig_resent, a.resp_resent = orig.resent or 0, resp.resent or 0
  a.missed = orig.missed + resp.missed
  a.closed = c.closed ~= nil
  a.silent = resp.isn and not resp.payload and resp.missed == 0
  a.twin = translated.twin(t.signs, t.closing, a, orig, resp)
  t.endpoints:finished(t.frame, a)
  c.a.parts, c.b.parts, c.a.holes, c.b.holes = {}, {}, nil, nil
  if a.confirmed and t.options.on_row then
    t.options.on_row(a)
  end
end

-- Writes the rows of an encrypted connection, once.
local function unseal(t, c)
  if sealed.whole(t, c) and t.options.on_sealed then
    t.options.on_sealed(c)
  end
  c.sealed.done = true
end

-- Writes the rows of a connection.
function endings.tell(t, c)
  if c.assoc then
    endings.finish(t, c.assoc)
  end
  if c.sealed then
    unseal(t, c)
  end
end

-- Connections that have ended, in the order of their ends, from `first` to `last`.
function endings.queue()
  return { first = 1, last = 0 }
end

-- A connection has ended.
function endings.add(closing, c)
  closing.last = closing.last + 1
  closing[closing.last] = c
end

-- Writes the rows of what ended long enough ago, or of all.
function endings.sweep(t, all)
  local closing = t.closing
  local c = closing[closing.first]
  while c and (all or c.closed + CLOSE_DELAY < t.now) do
    closing[closing.first] = nil
    closing.first = closing.first + 1
    endings.tell(t, c)
    c = closing[closing.first]
  end
end

-- The end of the capture.
function endings.flush(t)
  endings.sweep(t, true)
  -- Requests and answers of which only a part came.
  local begun = {}
  for _, generation in ipairs({ t.old, t.young }) do
    for _, d in pairs(generation) do
      local a = d.c.assoc
      if a and not a.id and (d.kind == "B" or d.waiting) then
        begun[#begun + 1] = a
      end
    end
  end
  table.sort(begun, function(a, b) return a.start_frame < b.start_frame end)
  for _, a in ipairs(begun) do
    endings.finish(t, a)
  end
  for _, a in ipairs(t.list) do
    endings.finish(t, a)
  end
  for _, c in ipairs(t.encrypted) do
    unseal(t, c)
  end
end

return endings
end

modules.endpoints = function(...)
-- What is known of the hosts that take part in associations: who listens, and what they are.
local dimse = require("dimse")
local put = require("association").put
local uids = require("uids")

local endpoints = {}
endpoints.__index = endpoints

function endpoints.new(inventory)
  return setmetatable({
    inventory = inventory, hosts = {}, listeners = {}, speakers = {}, version = 0, known = {}, known_list = {}, stamp = 0,
  }, endpoints)
end

-- Starts with what a look ahead found: who listens, and what the hosts turned out to be.
function endpoints:seed(other)
  for key, listener in pairs(other.listeners) do
    self.listeners[key] = { tls = listener.tls }
  end
  for raw in pairs(other.speakers) do
    self.speakers[raw] = true
  end
  for raw, h in pairs(other.hosts) do
    if h.category then
      self.hosts[raw] = {
        scp = h.scp, sent = h.sent, category = h.category, basis = h.basis, frames = { 0 },
        categories = { { h.category, h.basis } },
      }
    end
  end
  self.version = self.version + 1
end

local function host_of(self, raw)
  local h = self.hosts[raw]
  if not h then
    h = { scp = {}, sent = {}, frames = {}, categories = {} }
    self.hosts[raw] = h
  end
  return h
end

-- What a host is taken for, each with the evidence for it: the first that there is. Evidence is by
-- service what shows it: association (accepted contexts, and commands in them) or traffic (commands
-- of associations whose contexts could not be read, and whatever samples show). Who takes images and asks
-- for none may be an archive, on the way to one, or a viewer that is sent to, whatever else it sends.
local DESCRIPTIONS = {
  { "pacs", { "query", "retrieve", "commitment" }, {} },
  { "worklist", { "worklist", "mpps" }, {} },
  { "printer", { "print" }, {} },
  { "workstation", {}, { "query", "retrieve" } },
  { "unknown", { "storage" }, {} },
  { "modality", {}, { "storage", "worklist", "mpps", "commitment" } },
}

-- Category and basis.
local function infer(h)
  for _, description in ipairs(DESCRIPTIONS) do
    local basis
    for k, evidence in ipairs({ h.scp, h.sent }) do
      for _, service in ipairs(description[k + 1]) do
        basis = basis ~= "association" and evidence[service] or basis
      end
    end
    if basis then
      return description[1], basis
    end
  end
  return "unknown", "association"
end

-- Remembers since which frame a host is what it is.
local function settle(self, h, frame)
  local category, basis = infer(h)
  local n = #h.frames
  h.category, h.basis = category, basis
  local last = h.categories[n]
  if (last or category ~= "unknown") and not (last and last[1] == category and last[2] == h.basis) then
    if h.frames[n] ~= frame then
      n = n + 1
    end
    h.frames[n], h.categories[n] = frame, { category, h.basis }
    self.stamp = self.stamp + 1
  end
end

local function show(self, h, evidence, service, basis, frame)
  if not evidence[service] or (basis == "association" and evidence[service] ~= basis) then
    evidence[service] = basis
    settle(self, h, frame)
  end
end

local function basis_of(a)
  return a.flags.sampled and "traffic" or "association"
end

-- The services of an association as evidence of a kind (scp, sent): for its originator where that
-- has one role, for its responder where the originator has the other.
local function show_roles(self, a, kind, orig_role, resp_role, frame)
  local oh, rh = host_of(self, a.orig.host), host_of(self, a.orig.peer.host)
  for service, role in pairs(a.orig_services) do
    local counts = service ~= "commitment" or kind == "sent"
    if counts and role[orig_role] then
      show(self, oh, oh[kind], service, basis_of(a), frame)
    end
    if counts and role[resp_role] then
      show(self, rh, rh[kind], service, basis_of(a), frame)
    end
  end
end

local EVENT_REPORT, ACTION, ACTION_RSP, STORE_RSP = 0x0100, 0x0130, 0x8130, 0x8001

-- Who answers N-ACTION of Storage Commitment, or sends its N-EVENT-REPORT, is the archive (PS3.4
-- Annex J), whoever began the association: on one that the archive began, roles are often not
-- negotiated as they are played.
local function commits(self, frame, a, d, field, service)
  if service == "commitment" and field == ACTION then
    d.peer.asked_to_commit = true
  elseif field == ACTION_RSP and not d.asked_to_commit or service ~= "commitment" and field ~= ACTION_RSP then
    return
  end
  if field == EVENT_REPORT or field == ACTION_RSP then
    local h = host_of(self, d.host)
    show(self, h, h.scp, "commitment", basis_of(a), frame)
  end
end

-- What an answer shows: where the other direction was not captured, that it asked.
local function answered(self, frame, a, d, command, service)
  local class = command.status and dimse.status_class(command.status)
  if command.field == ACTION_RSP and class ~= "failure" then
    commits(self, frame, a, d, command.field, service)
  elseif command.field == STORE_RSP and service == "storage" and d.peer.packets == 0 then
    local h = host_of(self, d.peer.host)
    show(self, h, h.sent, service, "traffic", frame)
  end
end

-- Services whose commands tell who asked also where they were cut before saying that they ask.
local FOUND = { query = true, retrieve = true, worklist = true }

-- What a new state of an association says of its two hosts.
function endpoints:learn(frame, c, a)
  local orig = a.orig
  if not orig or a.rejected then
    return
  end
  local resp = orig.peer
  local key = resp.host .. resp.port_raw
  local listener = self.listeners[key]
  if not listener then
    listener = { tls = c.tls }
    self.listeners[key] = listener
    self.speakers[orig.host], self.speakers[resp.host] = true, true
    self.version = self.version + 1
  end
  if c.tls then
    listener.tls = true
  end
  if a.ac and not a.learnt then
    a.learnt = true
    show_roles(self, a, "scp", "scp", "scu", frame)
    -- What was asked before the answer came.
    for h, services in pairs(not a.ac_cut and a.asked or {}) do
      for service in pairs(services) do
        show(self, h, h.sent, service, basis_of(a), frame)
      end
    end
    a.asked = nil
  end
end

-- A request that direction d sent.
function endpoints:requested(frame, a, d, command)
  local field = command.field
  local known = command.sop and uids.sop_classes[command.sop]
  local service = known and known[2]
  if field and field >= 0x8000 then
    a.commands = true
    answered(self, frame, a, d, command, service)
    return
  end
  commits(self, frame, a, d, field, service)
  if field == 0x0010 or field == 0x0021 then
    service = "retrieve"
  end
  a.commands = a.commands or field ~= nil
  -- Cut before its field a response looks like a request.
  if not service or (not field and d ~= a.orig) then
    return
  end
  local sender, receiver = host_of(self, d.host), host_of(self, d.peer.host)
  if service == "storage" and known then
    d.stored, d.peer.stored = d.stored or {}, d.peer.stored or {}
    put(d.stored, known[3])
    put(d.peer.stored, known[3])
  end
  local unseen = not a.ac or a.ac_cut
  if field ~= EVENT_REPORT then
    show(self, sender, sender.sent, service, unseen and "traffic" or basis_of(a), frame)
  end
  if not a.ac then
    a.asked = a.asked or {}
    a.asked[sender] = a.asked[sender] or {}
    a.asked[sender][service] = true
  end
  -- Who takes a C-STORE in a C-GET of its own is no archive, and N-EVENT-REPORT comes from an SCP.
  if unseen and d == a.orig
    and (dimse.OPERATION[field] and field ~= EVENT_REPORT or not field and FOUND[service]) then
    show(self, receiver, receiver.scp, service, "traffic", frame)
  end
end

-- The commands of an association could not be read: what was accepted stands for them.
function endpoints:finished(frame, a)
  if a.ac and not a.commands and a.orig then
    show_roles(self, a, "sent", "scu", "scp", frame)
  end
end

-- Whether a stream without evidence of its own runs between endpoints known to speak DICOM:
-- returns basis, confidence in percent, the listening direction.
function endpoints:presume(d, dicom_port)
  for _, side in ipairs({ d.peer, d }) do
    if self.listeners[side.host .. side.port_raw] then
      return "traffic", 60, side
    end
  end
  for _, side in ipairs({ d.peer, d }) do
    if dicom_port[side.port] and (self.speakers[side.host] or self.speakers[side.peer.host]) then
      return "traffic", 50, side
    end
  end
  if self.inventory then
    for _, side in ipairs({ d.peer, d }) do
      local entry = dicom_port[side.port] and self.inventory:find(side.host, side.mac)
      if entry and entry.role ~= "other" then
        return "inventory", 70, side
      end
    end
  end
  return nil
end

-- Tag, name and basis of the host that direction d sends from, as known after `frame`.
function endpoints:tag(d, title, frame)
  if self.inventory then
    if d.entry == nil or d.entry_title ~= title then
      d.entry = self.inventory:find(d.host, d.mac, title) or false
      d.entry_title = title
    end
    if d.entry then
      return d.entry.role, d.entry.name or title, "inventory"
    end
  end
  local h = self.hosts[d.host]
  if h then
    local frames = h.frames
    for i = #frames, 1, -1 do
      if frames[i] <= frame then
        local category = h.categories[i]
        if category[1] == "unknown" then
          break
        end
        return category[1], title, category[2]
      end
    end
  end
  return nil, title, nil
end

local function row_of(self, a, d, title, role, impl_uid, impl_version)
  local listening = d ~= a.orig
  local key = d.host .. "|" .. (listening and d.port or "-") .. "|" .. (title or "") .. "|"
    .. (role or "")
  local k = self.known[key]
  if not k then
    k = { host = d.host, port = listening and d.port or nil, title = title, role = role,
          services = {}, modalities = {} }
    self.known[key] = k
    self.known_list[#self.known_list + 1] = k
  end
  for _, service in ipairs(a.services) do
    put(k.services, service)
  end
  for _, modality in ipairs(d.stored or {}) do
    put(k.modalities, modality)
  end
  k.impl_uid, k.impl_version = impl_uid or k.impl_uid, impl_version or k.impl_version
  k.tls = k.tls or a.tls or false
  k.mac = d.mac
  -- The first to start, whichever ends first.
  if not k.evidence or a.ts < k.evidence.ts then
    k.evidence = a
  end
  return k
end

-- By the roles of an association; none where they are not known.
local function role_of(a, roles, otherwise)
  if not a.roles_known then
    return nil
  end
  return roles == "scu,scp" and "both" or roles or otherwise
end

-- The rows of known_dicom.log that a finished association gives or changes.
function endpoints:rows(a)
  if not a.ac then
    return {}
  end
  local orig = a.orig
  return {
    row_of(self, a, orig, a.calling_ae, role_of(a, a.orig_role, "scu"), a.orig_impl_uid,
      a.orig_impl_version),
    row_of(self, a, orig.peer, a.called_ae, role_of(a, a.resp_role, "scp"), a.resp_impl_uid,
      a.resp_impl_version),
  }
end

-- Category and basis of an endpoint as of now.
function endpoints:category(k)
  local entry = self.inventory and self.inventory:find(k.host, k.mac, k.title)
  if entry then
    return entry.role, "inventory"
  end
  local h = self.hosts[k.host]
  if h and h.category then
    return h.category, h.basis
  end
  return "unknown", "association"
end

return endpoints
end

modules.paths = function(...)
-- Tells connections of the same addresses and ports apart that run in different networks (VLANs,
-- tunnels), without taking one connection for two whose directions take different ways.
local swap = require("keys").swap

local paths = {}
paths.__index = paths

local MODULUS, HALF = 4294967296, 2147483648
-- So far from what was seen last a sequence number of one connection may be.
local NEAR = 16777216
local GENERATION = 16384
-- Networks with one address pair and the same ports in them.
local MAX_ALIKE = 64

-- direction(key): what is known of a connection from before anything was tagged, or nil.
function paths.new(direction)
  return setmetatable({
    direction = direction, young = {}, old = {}, size = 0, tagged = false, several = false,
  }, paths)
end

-- The connections of a key, and which direction of them it is: 1 or 2.
local function find(self, key)
  local e = self.young[key]
  if e then
    return e
  end
  local other = swap(key)
  e = self.old[key]
  if self.size >= GENERATION then
    self.old, self.young, self.size = self.young, {}, 0
  end
  self.size = self.size + 1
  if e then
    self.young[key], self.young[other] = e, self.old[other]
    return e
  end
  local list = {}
  e = { list = list, way = 1 }
  self.young[other] = { list = list, way = 2 }
  self.young[key] = e
  return e
end

local function near(a, b)
  return math.abs((a - b + HALF) % MODULUS - HALF) < NEAR
end

-- The connection of `list` that a packet on a path not met before belongs to, or nil.
local function belongs(list, way, path, seq, ack, flags)
  local begins = flags % 4 >= 2 and flags % 32 < 16
  for _, v in ipairs(list) do
    local back = 3 - way
    if not v.path[way] and v.path[back] == path then
      return v
    end
  end
  for _, v in ipairs(list) do
    local sent = v.seq[3 - way]
    if not v.path[way] then
      if not begins and (flags % 32 < 16 or not sent or near(ack, sent)) then
        return v
      end
    elseif not begins and v.seq[way] and near(seq, v.seq[way]) then
      return v
    end
  end
  return nil
end

-- A connection that ran without tags before any were met.
local function untagged(self, key, way)
  local d = self.direction(key)
  if not d then
    return nil
  end
  local back = 3 - way
  return {
    mark = "", path = { [way] = d.packets > 0 and "" or nil, [back] = d.peer.packets > 0 and "" or nil },
    seq = { [way] = d.next, [back] = d.peer.next },
  }
end

-- The key of a TCP packet: with a mark where its connection is not the first of these four.
function paths:key(key, path, seq, ack, flags)
  if path == "" and not self.tagged then
    return key
  end
  self.tagged = true
  local e = find(self, key)
  local list, way = e.list, e.way
  local found
  if #list == 0 then
    list[1] = untagged(self, key, way)
  end
  for i = 1, #list do
    if list[i].path[way] == path then
      found = list[i]
      break
    end
  end
  if not found then
    found = belongs(list, way, path, seq, ack, flags)
    if not found and #list < MAX_ALIKE then
      found = { path = {}, seq = {}, mark = "" }
      list[#list + 1] = found
      if #list > 1 then
        found.mark = string.char(math.floor(#list / 256), #list % 256)
        self.several = true
      end
    end
    found = found or list[1]
    found.path[way] = found.path[way] or path
  end
  found.seq[way] = seq
  return found.mark == "" and key or key .. found.mark
end

return paths
end

modules.tracker = function(...)
-- Follows TCP connections packet by packet and says which association each belongs to.
local association = require("association")
local endings = require("endings")
local endpoints = require("endpoints")
local keys = require("keys")
local paths = require("paths")
local pdu = require("pdu")
local sealed = require("sealed")
local segments = require("segments")
local stream = require("stream")
local times = require("times")
local translated = require("translated")

local tracker = {}
tracker.__index = tracker

local byte, find = string.byte, string.find

local MODULUS, HALF = 4294967296, 2147483648
-- Connections without evidence that are remembered: two generations of this many.
local GENERATION = 16384
-- So many acknowledgments of a segment, and for so long, may stand in a capture before it.
local LATE, LATE_TIME = 16, 0.02
-- So far from the end of a connection nothing of it is still on its way.
local NEAR = 16777216
local TWIN_TIME = translated.TWIN_TIME
-- So many seconds between two packets are no pause but a clock that was set; it may step back less
-- where several queues make one capture.
local JUMP, DISORDER = 86400, 1
local SILENCE = times.SILENCE

local DICOM_PORT = { [104] = true, [2761] = true, [2762] = true, [4242] = true, [11112] = true }
tracker.DICOM_PORT = DICOM_PORT

-- options: inventory, sampling_rate, on_row(association), lookahead (a function of key and time)
function tracker.new(options)
  options = options or {}
  stream.reset_budget()
  local t = setmetatable({
    kept = {}, young = {}, old = {}, young_size = 0, by_key = {}, list = {},
    closing = endings.queue(), next_id = 1, frame = 0, frames = 0, options = options,
    endpoints = endpoints.new(options.inventory), sampled = options.sampled or false,
    sampling_rate = options.sampling_rate, signs = translated.new(),
    now = 0, skew = 0, encrypted = {},
  }, tracker)
  t.paths = paths.new(function(key) return t:direction(key) end)
  t.hooks = {
    counts = function(_, d) return not d.frozen end,
    pdu_done = function(_, a, d)
      if not d.frozen then
        a.last_pdu_ts = a.ended or t:on_clock(a)
      end
    end,
    lost = function(c, d) t:lost(c, d) end,
    found_header = function(c, a, d) t:found_header(c, a, d) end,
    again = function(c, d) return t:again(c, d) end,
    guess_originator = function(c, a, d, command) t:guess_originator(c, a, d, command) end,
    requested = function(c, a, d, command) t.endpoints:requested(t.frame, a, d, command) end,
    timed = function(a, d, command)
      if not t.sampled and not d.frozen then
        times.command(t, a, d, command)
      end
    end,
    data_done = function(d) times.data_done(t, d) end,
    negotiated = function(a, d) times.negotiated(t, a, d, d.pdu_type == pdu.ASSOCIATE_RQ) end,
  }
  return t
end

-- key: see keys.lua.
function tracker:connect(key)
  local a = { key = key, packets = 0, wire_bytes = 0, missed = 0 }
  local b = { key = keys.swap(key), packets = 0, wire_bytes = 0, missed = 0 }
  a.host, a.port_raw = keys.half(key, true)
  b.host, b.port_raw = keys.half(key, false)
  a.port = byte(a.port_raw, 1) * 256 + byte(a.port_raw, 2)
  b.port = byte(b.port_raw, 1) * 256 + byte(b.port_raw, 2)
  local c = { a = a, b = b, seen_version = -1 }
  a.c, b.c, a.peer, b.peer = c, c, b, a
  c.on_port = DICOM_PORT[a.port] or DICOM_PORT[b.port]
  if self.young_size >= GENERATION then
    self.old, self.young, self.young_size = self.young, {}, 0
  end
  self.young[a.key], self.young[b.key] = a, b
  self.young_size = self.young_size + 1
  return a
end

-- The key of the TCP packet that packet.parse found.
function tracker:key(out)
  local of_paths = self.paths
  if out.path == "" and not of_paths.tagged then
    return out.key
  end
  return of_paths:key(out.key, out.path, out.seq, out.ack, out.flags)
end

function tracker:direction(key)
  local d = self.kept[key] or self.young[key]
  if d then
    return d
  end
  d = self.old[key]
  if d then
    -- Used again: into the younger generation.
    self.young[key], self.young[d.peer.key] = d, d.peer
    self.young_size = self.young_size + 1
  end
  return d
end

-- The stream is DICOM, or taken for it: it is never forgotten.
function tracker:keep(c)
  local a = c.assoc
  if not a.id then
    a.id = self.next_id
    self.next_id = self.next_id + 1
    self.list[#self.list + 1] = a
    self.kept[c.a.key], self.kept[c.b.key] = c.a, c.b
    for _, key in ipairs({ c.a.key, c.b.key }) do
      local of_key = self.by_key[key] or {}
      self.by_key[key] = of_key
      of_key[#of_key + 1] = a
    end
  end
end

function tracker:open(c)
  local a = association.new(c.first_frame or self.frame, c.first_ts or self.now)
  a.c, c.assoc, a.flags.sampled, a.skew = c, a, self.sampled or nil, self.skew
  return a
end

-- The time now on the clock by which an association began: a clock that was set meanwhile has not
-- made it longer.
function tracker:on_clock(a)
  return self.now - (self.skew - a.skew)
end

-- Takes the time of the next packet.
function tracker:tick(ts)
  local step = ts - self.now
  if self.frames > 0 and (step > JUMP or step < -DISORDER) then
    self.skew = self.skew + step
  end
  self.now = ts
end

-- The association ended on this connection and another begins.
function tracker:again(c, d)
  local before = c.assoc
  times.split(self, c)
  endings.finish(self, before)
  c.first_frame, c.first_ts = self.frame, self.now
  local a = self:open(c)
  c.a.data_bytes, c.b.data_bytes, c.a.missed, c.b.missed = nil, nil, 0, 0
  c.a.closed_us, c.b.closed_us, c.a.resent, c.b.resent = nil, nil, nil, nil
  return a
end

-- The header of a P-DATA-TF in a stream that begins in the middle. A second one where the first says
-- that it must be is proof, as one that was searched for is where DICOM is spoken.
function tracker:found_header(c, a, d)
  d.headers = (d.headers or 0) + 1
  if d.headers > 1 or d.searched and (DICOM_PORT[c.a.port] or DICOM_PORT[c.b.port]) then
    a.midstream = true
    association.confirm(a, d.headers > 1 and 90 or 80)
  end
end

-- The parser cannot go on in direction d.
function tracker:lost(c, d)
  local a = c.assoc
  times.gap(c)
  if not a.confirmed then
    -- It only looked like DICOM: nothing of it is kept.
    local cut = a.flags.truncated
    if a.id then
      a.counts, a.flags, a.offered = association.new().counts, { sampled = a.flags.sampled }, {}
    else
      c.assoc = nil
    end
    c.a.data_bytes, c.b.data_bytes, c.a.headers, c.b.headers = nil, nil, nil, nil
    stream.start(c.a, nil)
    stream.start(c.b, nil)
    if c.syn and not cut then
      self:foreign(c)
    end
    d.guess = nil
    return
  end
  if d.guess then
    return
  end
  -- Nothing after an unknown PDU can be trusted: of this direction only tags go on.
  a.flags.malformed, a.stopped, d.frozen = true, true, true
  stream.start(d, nil)
end

-- The stream speaks another protocol. s: the bytes that show it; those of TLS hide what is spoken.
function tracker:foreign(c, s)
  c.foreign, c.other = true, s == nil or not find(s, "^[\20-\23]\3")
  local a = c.assoc
  if a and a.id and not a.confirmed then
    a.untagged, a.dirty = true, nil
    association.snapshot(a, self.frame)
  elseif a and not a.confirmed then
    c.assoc = nil
  end
  stream.start(c.a, nil)
  stream.start(c.b, nil)
end

function tracker:guess_originator(c, a, d, command)
  if c.tcp_orig then
    a.orig = c.tcp_orig
  elseif DICOM_PORT[c.a.port] ~= DICOM_PORT[c.b.port] then
    a.orig = DICOM_PORT[c.a.port] and c.b or c.a
  elseif command.field and command.field < 0x8000 and command.field ~= 1 then
    a.orig = d
  else
    a.orig = c.a.port >= c.b.port and c.a or c.b
  end
end

-- A stream without evidence of its own between endpoints that are known.
local function presume(t, c, d)
  if c.seen_version < 0 and t.options.lookahead then
    local seen = t.options.lookahead(d.key, t.now)
    if seen then
      c.seen_version = 0
      local a = t:open(c)
      a.start_frame, a.ts = seen.start_frame, seen.ts
      a.basis, a.confidence, a.presumed = "association", seen.confidence, true
      a.orig = seen.orig_key == d.key and d or seen.orig_key and d.peer or nil
      a.base = seen.base
      t:keep(c)
      a.dirty = true
      return
    end
  end
  if c.seen_version == t.endpoints.version then
    return
  end
  c.seen_version = t.endpoints.version
  local basis, confidence, listener = t.endpoints:presume(d, DICOM_PORT)
  if basis then
    local a = t:open(c)
    a.presumed, a.basis, a.confidence = true, basis, confidence
    a.orig = listener == d and d.peer or d
    t:keep(c)
    a.dirty = true
  end
end

-- Whether a whole packet of direction d at the time `now`, without SYN, FIN or RST and with an open
-- window, is but an acknowledgment or the inside of a data set; then it is counted here and nothing
-- else is to do.
function tracker:inside(d, seq, flags, length, wire, now)
  local p = d.peer
  if flags % 8 ~= 0 or p.waiting or p.wanted or self.rate ~= 1 or d.closed_at then
    return false
  end
  if length > 0 then
    local skip = d.skip
    if d.kind ~= "S" or seq ~= d.next or length >= skip or d.waiting then
      return false
    end
    local a = d.c.assoc
    if not a.last_pdu_ts or not a.snap or a.snap.untagged then
      return false
    end
    d.skip, d.next = skip - length, (seq + length) % MODULUS
    d.top = d.next
    local seen = d.seen
    d.seen = now
    if seen and now - seen >= SILENCE then
      times.silence(d, seen, now)
    end
  else
    local c = d.c
    local a = c.assoc
    if not a or not a.snap or a.snap.untagged or c.syn_ack_at then
      return false
    end
    d.acked = now
    d.first = d.first or seq
  end
  d.packets, d.wire_bytes = d.packets + 1, d.wire_bytes + wire
  return true
end

-- Whether a packet of direction d belongs to another connection of its ports: it begins one, or carries
-- on elsewhere after the end.
function tracker:is_used_again(d, seq, flags, length)
  local closed = d.c.closed
  if flags % 4 >= 2 and flags % 32 < 16 then
    if d.isn then
      return d.isn ~= seq or closed and self.now - closed > TWIN_TIME
    end
    return d.next and not self.sampled
  end
  return closed and length > 0 and not self.sampled
    and d.next and (seq - d.next + NEAR) % MODULUS >= 2 * NEAR
end

-- flags: the byte of TCP flags. source:raw(offset, length) gives captured bytes, source_info.abs_ts
-- the time. Returns the direction of this packet; its c.assoc, where tagged, is the association.
-- window: as the packet has it; nil: unknown.
function tracker:packet(frame, info, key, seq, ack, flags, source, offset, length, captured, wire,
                        rate, window)
  local d = self.kept[key] or self:direction(key)
  if d then
    d.packets, d.wire_bytes = d.packets + 1, d.wire_bytes + wire * rate
  end
  self.frame = frame
  self:tick(info.abs_ts)
  local syn, fin, reset = flags % 4 >= 2, flags % 2 == 1, flags % 8 >= 4
  local turn
  if d and self:is_used_again(d, seq, flags, length) then
    turn = (d.c.turn or 1) + 1
    self:replace(d.c)
    d = nil
  end
  if not d then
    d = self:connect(key)
    d.c.turn = turn
    d.packets, d.wire_bytes = 1, wire * rate
  end
  local c = d.c
  d.first = d.first or seq
  if syn then
    c.syn = true
    d.isn = seq
    if not d.next then
      d.next = (seq + 1) % MODULUS
      d.begins = true
    end
    c.tcp_orig = flags % 32 < 16 and d or d.peer
    times.syn(self, c, flags % 32 >= 16)
    if length > 0 then
      seq = (seq + 1) % MODULUS
    end
  end
  if c.syn_ack_at and d == c.tcp_orig and flags % 32 >= 16 then
    times.shaken(self, c)
  end
  if window and not c.over and not syn and (window == 0 or fin or reset or d.closed_at) then
    times.window(self, d, window, fin or reset)
  end
  if not c.assoc and not c.foreign then
    presume(self, c, d)
  end
  if length > 0 then
    if not c.first_frame then
      c.first_frame, c.first_ts = frame, self.now
      local a = c.assoc
      if a and not a.payload_seen and a.start_frame ~= frame then
        a.start_frame, a.ts, a.dirty = frame, self.now, true
      end
    end
    if c.assoc then
      c.assoc.payload_seen = true
    end
    d.payload, d.before, d.seen = true, d.seen, self.now
    if d.begins and d == c.tcp_orig and captured > 5 and seq == d.next and DICOM_PORT[d.peer.port]
      and not (c.foreign or c.tls or c.sealed) then
      sealed.look(self, c, source:raw(offset, 6))
    end
    if c.sealed then
      sealed.came(self, c, d, seq, length)
      sealed.look_inside(c, d, seq, length, captured, source, offset)
    end
    segments.arrive(self, c, d, seq, length, captured, source, offset)
    local a = c.assoc
    if a then
      a.last_ts = self:on_clock(a)
      if captured < length then
        a.flags.truncated = true
      end
    end
  end
  if length == 0 then
    d.acked = self.now
  end
  local p = d.peer
  if p.waiting and flags % 32 >= 16 and (ack - p.waiting[1].seq + HALF) % MODULUS >= HALF then
    -- The other side has what is missing here. It may still follow: packets of several queues stand
    -- in a capture out of their order.
    p.overdue, p.overdue_since = (p.overdue or 0) + 1, p.overdue_since or self.now
    if p.overdue > LATE or self.now - p.overdue_since > LATE_TIME then
      segments.flush(self, c, p)
    end
  end
  if p.wanted and flags % 32 >= 16 and (ack - p.wanted_to + HALF) % MODULUS >= HALF then
    times.acknowledged(self, p)
  end
  if fin or (reset and not d.fin_at) then
    d.fin_at = (seq + length) % MODULUS
  end
  if fin or reset then
    if c.sealed then
      sealed.ends(c)
    end
    d.fin = true
    -- A reset without an acknowledgment says nothing of what came: what is there is all that there is.
    d.ack_at_end = flags % 32 >= 16 and ack or d.ack_at_end or reset and p.next or nil
    if (reset or p.fin) and not c.closed then
      c.closed = self.now
      endings.add(self.closing, c)
    end
  end
  return self:after(c, d)
end

function tracker:after(c, d)
  local a = c.assoc
  if a then
    if a.confirmed and not a.id then
      self:keep(c)
    end
    if a.dirty and a.id then
      if a.confirmed then
        self.endpoints:learn(self.frame, c, a)
      end
      association.snapshot(a, self.frame)
    end
  end
  self.frames = self.frames + 1
  if self.closing.first <= self.closing.last then
    endings.sweep(self)
  end
  return d
end

-- Plain bytes of a TLS connection, in the order of their records, that the packet in hand of direction d
-- has brought.
function tracker:plaintext(d, s)
  local c = d.c
  if not c.tls then
    c.tls, c.foreign = true, nil
    if not c.assoc or not c.assoc.confirmed then
      c.first_frame, c.first_ts = self.frame, self.now
      if not c.assoc then
        self:open(c)
      end
      stream.start(c.a, "H", 6)
      stream.start(c.b, "H", 6)
    end
    c.assoc.untagged, c.assoc.tls = nil, true
  end
  stream.feed(self.hooks, c, d, s)
  return self:after(c, d)
end

function tracker:replace(c)
  local a = c.assoc
  endings.tell(self, c)
  if a and a.id then
    a.untagged = true
    association.snapshot(a, self.frame)
  end
  for _, d in ipairs({ c.a, c.b }) do
    self.kept[d.key], self.young[d.key], self.old[d.key] = nil, nil, nil
  end
end

-- The end of the capture.
function tracker:flush()
  endings.flush(self)
end

-- The association and its tags for a frame that was seen before.
function tracker:revisit(key, frame)
  local of_key = self.by_key[key]
  if not of_key then
    return nil
  end
  for i = #of_key, 1, -1 do
    local snap = association.at(of_key[i], frame)
    if snap then
      return of_key[i], snap
    end
  end
  return nil
end

return tracker
end

modules.vantage = function(...)
-- Which samples count: a packet that an agent samples on its way in and again on its way out, or whose
-- sample is sent to two collectors, is one packet.
local vantage = {}
vantage.__index = vantage

local MAX_PLACES = 65536
-- Samples that are remembered where there are several collectors: two generations of this many.
local GENERATION = 4096

-- before: another one that has seen the beginning of the capture, or nil.
function vantage.new(before)
  local v = setmetatable({
    coming_in = {}, first = {}, several = {}, size = 0, young = {}, old = {}, remembered = 0,
  }, vantage)
  for key in pairs(before and before.coming_in or {}) do
    v.coming_in[key] = true
  end
  for agent in pairs(before and before.several or {}) do
    v.several[agent] = true
  end
  return v
end

local function name(agent, interface)
  return agent .. string.format("|%d", interface)
end

-- A datagram to a collector (address and port, raw) comes next.
function vantage:datagram(collector)
  self.collector = collector
end

-- Remembers that an interface samples what comes in, and an agent that has several collectors.
function vantage:learn(sample)
  if self.size >= MAX_PLACES then
    return
  end
  local agent = sample.agent
  if sample.input == sample.source and sample.input ~= sample.output then
    local key = name(agent, sample.source)
    if not self.coming_in[key] then
      self.coming_in[key], self.size = true, self.size + 1
    end
  end
  if not self.first[agent] then
    self.first[agent], self.size = self.collector, self.size + 1
  elseif self.first[agent] ~= self.collector then
    self.several[agent] = true
  end
end

-- Whether the same header was sent to another collector.
local function sent_elsewhere(self, sample)
  local key = name(sample.agent, sample.source) .. sample.header
  local before = self.young[key] or self.old[key]
  if before then
    return before ~= self.collector
  elseif self.remembered >= GENERATION then
    self.old, self.young, self.remembered = self.young, {}, 0
  end
  self.young[key], self.remembered = self.collector, self.remembered + 1
  return false
end

-- nil where the sample counts; otherwise why not: "on its way out" of an agent that also samples
-- packets of its interface on their way in, or "to another collector". Taking those that come in
-- alone leaves every packet its one chance, so that the estimate has no bias.
function vantage:judge(sample)
  self:learn(sample)
  if sample.input and sample.output == sample.source and sample.input ~= sample.output
    and self.coming_in[name(sample.agent, sample.input)] then
    return "on its way out"
  end
  return self.several[sample.agent] and sent_elsewhere(self, sample) and "to another collector"
    or nil
end

return vantage
end

modules.lookahead = function(...)
-- Reads the beginning of a capture before Wireshark dissects it, so that frames which come before
-- the evidence of their association are tagged in one pass as in two. Reads pcap and pcapng; the
-- file stays Wireshark's to open: every reader here says "not mine".
local capturefile = require("capturefile")
local legs = require("legs")
local packet = require("packet")
local sflow = require("sflow")
local tracker = require("tracker")
local tunnel = require("tunnel")
local vantage = require("vantage")

local lookahead = {}

-- No capture is older: of an earlier time the clock was not set (1990-01-01).
lookahead.CLOCKS = 631152000

local byte, sub = string.byte, string.sub
local ETHERNET = 1

-- By connection, what a tracker found: a function (key, seconds) -> entry or nil. Of samples those
-- that show nothing were not followed: they belong to the connection unless it began after them.
local function index(t, sampled, unset)
  local found = {}
  for _, a in ipairs(t.list) do
    if a.confirmed then
      local one, other = a.c.a, a.c.b
      local from = math.min(one.first_seen or a.ts, other.first_seen or a.ts) - 1e-4
      local to = math.max(one.last_seen or a.ts, other.last_seen or a.ts) + 1e-4
      local entry = {
        from = sampled and not a.c.syn and 0 or from, to = sampled and math.huge or to,
        start_frame = a.start_frame, ts = a.ts + (a.ts < lookahead.CLOCKS and unset or 0), confidence = a.confidence, orig_key = a.orig.key,
        base = { calling_ae = a.base.calling_ae, called_ae = a.base.called_ae },
      }
      for _, key in ipairs({ one.key, other.key }) do
        found[key] = found[key] or {}
        table.insert(found[key], entry)
      end
    end
  end
  return function(key, ts)
    for _, entry in ipairs(found[key] or {}) do
      if ts >= entry.from and ts <= entry.to then
        return entry
      end
    end
    return nil
  end
end

local source = {}
function source:raw(offset, length)
  return sub(self.s, offset + 1, offset + length)
end

-- Whether the sampled header at `at` of s may show what its connection is: the first bytes of a PDU
-- or a command (see tracker.lua), or a SYN. Most do not: acknowledgments, the inside of data sets.
local function may_show(samples, s, at)
  local t1, t2, v, _, l1, l2, _, _, _, _, _, p = byte(s, at + 12, at + 23)
  if p ~= 6 or v ~= 0x45 or t1 ~= 8 or t2 ~= 0 then
    return p ~= 17 or v ~= 0x45 or tunnel.is_port(s, at + 34)
  end
  local size, flags = byte(s, at + 46, at + 47)
  if not flags or flags % 4 >= 2 then
    return true
  end
  local header = 20 + (size - size % 16) / 4
  local first = l1 * 256 + l2 > header and byte(s, at + 14 + header)
  if first and first <= 7 then
    return true
  end
  local key = sub(s, at + 26, at + 37)
  return samples.kept[key] or samples.young[key] or samples.old[key]
end

-- Whether the frame s is all but nothing new: an acknowledgment or the inside of a data set of a
-- connection that is followed, where its numbers do not leave their place (legs.lua).
local function follow(t, s, wire, ts)
  local d = packet.is_plain(s) and not t.paths.several and t.kept[sub(s, 27, 38)]
  if not d or d.c.legs or not d.last_seq then
    return false
  end
  local s1, s2, s3, s4, _, _, _, _, h, flags, w1, w2 = byte(s, 39, 50)
  local l1, l2 = byte(s, 17, 18)
  local length = w2 and w1 + w2 > 0 and l1 * 256 + l2 - 20 - (h - h % 16) / 4 or -1
  local seq = length >= 0 and ((s1 * 256 + s2) * 256 + s3) * 256 + s4
  local ahead = seq and seq - d.last_seq
  if not ahead or ahead >= legs.FAR or ahead <= -legs.FAR
    or not tracker.inside(t, d, seq, flags, length, wire, ts) then
    return false
  end
  d.last_seq, d.last_seen = seq, ts
  return true
end

-- Reads up to `limit` frames, and of sFlow up to `datagrams` (nil: all). sampled: the frames are
-- samples themselves. Returns hosts (what was learnt of them), find and find_sample (what is known
-- of a connection of captured or sampled frames), link_type, false where frames differ in it, and
-- unset: seconds that put frames from before the clock was set right before those after,
-- places: what vantage.lua learnt, moved: what legs.lua found, and dropped: frames that the
-- capture says were dropped, by interface; nil where the file is of another
-- format.
function lookahead.scan(file, limit, sampled, datagrams)
  local frames, samples = tracker.new({ sampled = sampled }), tracker.new({ sampled = true })
  samples.endpoints = frames.endpoints
  frames.rate = not sampled and 1 or nil
  local seen, told, out, info, link_type = 0, 0, {}, {}, nil
  local latest_unset, first_set
  local two_sided, dropped = legs.new(), {}
  local function feed(t, s, ts, wire, rate)
    if out.proto == 6 and out.key and not out.fragment and not out.short
      and not out.first_fragment then
      info.abs_ts, source.s = ts, s
      local there = math.max(0, math.min(#s - out.offset, out.length))
      local d = t:packet(seen, info, t:key(out), out.seq, out.ack, out.flags, source, out.offset,
        out.length, there, wire, rate)
      d.last_seen = ts
      d.first_seen = d.first_seen or ts
      if t == frames and not sampled then
        two_sided:take(out, d, s, ts)
      end
    end
  end
  local ts
  local places = vantage.new()
  local function sample(each)
    places:learn(each)
    packet.sampled(each.protocol, each.header, each.length, out)
    feed(samples, each.header, ts, out.wire, each.rate)
  end
  local function show(s, at, each)
    places:learn(each)
    return may_show(samples, s, at)
  end
  local read = capturefile.read(file, function(when, s, wire, kind)
    seen, ts = seen + 1, when
    if link_type == nil then
      link_type = kind
    elseif link_type ~= kind then
      link_type = false
    end
    if when < lookahead.CLOCKS then
      latest_unset = not first_set and when or latest_unset
    elseif latest_unset and not first_set then
      first_set = when
    end
    if seen > limit then
      return false
    end
    if kind == ETHERNET and follow(frames, s, wire, when) then
      return true
    end
    packet.parse(s, wire, out, kind)
    if out.proto == 17 and out.length and not out.fragment then
      if datagrams and told >= datagrams then
        return true
      end
      told = told + 1
      if out.key then
        places:datagram(packet.receiver(out))
      end
      sflow.read(sub(s, out.offset + 1, out.offset + out.length), sample, nil, nil, show)
    else
      feed(frames, s, ts, out.wire, 1)
    end
    return true
  end, function() seen = seen + 1 end, function(interface, sum) dropped[interface] = sum end)
  if not read then
    return nil
  end
  frames:flush()
  samples:flush()
  local unset = first_set and first_set - latest_unset or nil
  return {
    hosts = frames.endpoints, find = index(frames, false, unset),
    find_sample = index(samples, true, unset), link_type = link_type, unset = unset,
    places = places, moved = two_sided.found, dropped = dropped,
  }
end

return lookahead
end

modules.dissected = function(...)
-- What Wireshark's own dissectors found in a frame that the plugin's parser does not see through:
-- links and tunnels without number, and packets put together out of fragments.
local link = require("link")
local packet = require("packet")

local dissected = {}

local extract = nil

-- Asks Wireshark for the fields; only while a script is loaded, and they cost.
function dissected.prepare()
  if not extract then
    extract = {
      protocols = Field.new("frame.protocols"), ip = Field.new("ip"), ipv6 = Field.new("ipv6"),
      tcp = Field.new("tcp"), udp = Field.new("udp"), eth = Field.new("eth"),
      encapsulation = Field.new("frame.encap_type"), protected = Field.new("wlan.fc.protected"),
    }
  end
end

function dissected.ready()
  return extract ~= nil
end

-- Link types of a capture file (LINKTYPE_ of pcap) by Wireshark's own numbers of them (wtap.h).
local LINK_TYPES = {
  [1] = 1, [4] = 9, [7] = 101, [15] = 0, [25] = 113, [28] = 104, [129] = 228, [130] = 229, [174] = 108,
  [210] = 276,
}

-- The link type of the frame in hand; 65536, which is none, where only Wireshark reads it.
function dissected.link_type()
  local told = extract.encapsulation()
  return told and LINK_TYPES[told.value] or 65536
end

-- Behind these stands a copy of another packet, or many.
local QUOTING = { icmp = true, icmpv6 = true, sflow = true, ipfix = true, cflow = true }
local TUNNELS = {
  vxlan = true, gre = true, geneve = true, l2tp = true, capwap = true, lwapp = true, tzsp = true,
}

-- The packet side by side with others that `name` belongs to: 802.11 puts several into a frame
-- (A-MSDU, IEEE 802.11, 9.3.2.2), each behind an LLC header of its own.
local function beside(found, now, name)
  if name == "llc" and now.wlan and now.llc then
    now = { tunnels = {}, wlan = true }
    found[#found + 1] = now
  end
  now.wlan = name == "wlan" or now.wlan and name ~= "eth"
  now.llc = name == "llc" or now.llc and name ~= "wlan"
  return now
end

-- Why a frame has no packet, by its protocols: those of 802.11 that carry none are not those whose content
-- is encrypted.
local function reason_of(protocols)
  if protocols:find("wlan", 1, true) then
    local protected = extract.protected()
    return protected and protected.value and "802.11, encrypted" or "802.11 without a packet"
  end
  return "link of kind " .. protocols:match("^[^:]*")
end

-- Of each packet in a frame network and transport of the innermost, each as protocol and which of its
-- kind it is, and the names of tunnels.
local function innermost(protocols)
  local seen, now = {}, { tunnels = {} }
  local found = { now }
  for name in protocols:gmatch("[^:]+") do
    now = beside(found, now, name)
    now.quotes = now.quotes or QUOTING[name]
    seen[name] = (seen[name] or 0) + 1
    if now.quotes then
      name = "quoted"
    elseif name == "ip" or name == "ipv6" then
      now.network, now.transport, now.inside = { name, seen[name] }, nil, #now.tunnels
    elseif (name == "tcp" or name == "udp") and now.network then
      now.transport = { name, seen[name] }
    elseif name == "eth" then
      now.eth = seen[name]
    end
    if TUNNELS[name] then
      now.tunnels[#now.tunnels + 1] = name
    end
  end
  return found
end

local function nth(layer)
  local found = layer and { extract[layer[1]]() } or {}
  return found[layer and layer[2] or 1]
end

local function bytes_of(info)
  local source = info and info.source
  if not source then
    return nil
  end
  local size = source:len() - info.offset
  return size > 0 and source:raw(info.offset, math.min(size, packet.HEADERS)) or nil, size
end

-- Fills `out` as packet.parse does, with the packet `which` of the frame (from 1); returns whether more
-- was found than stands in it. out.source: where the payload's bytes are, if not in the frame;
-- out.packets: how many packets the frame has.
function dissected.find(out, room, which)
  local protocols = extract.protocols()
  if not protocols then
    return false
  end
  local all = innermost(tostring(protocols.value))
  local mine = all[which]
  out.packets = #all
  local network, transport, eth = mine.network, mine.transport, mine.eth
  -- A tunnel in which they found no packet is one of those that nobody looks into.
  local tunnels = table.concat(mine.tunnels, ",", 1, mine.inside or 0)
  local info = nth(network)
  local s, size = bytes_of(info)
  if not s then
    out.reason = out.reason == "link type" and reason_of(tostring(protocols.value)) or out.reason
    return false
  end
  local kind = network[1] == "ip" and 0x0800 or 0x86dd
  local before = { wire = out.wire, tunnel = out.tunnel }
  packet.reset(out)
  out.wire, out.packets = before.wire, #all
  packet.ip(s, 1, kind, out, size)
  if not out.l3 then
    return false
  end
  out.tunnel = out.tunnel or before.tunnel or #tunnels > 0 and tunnels or nil
  out.bytes, out.source, out.base = s, info.source, info.offset
  if out.tunnel or not eth then
    out.hw, out.inner = nil, 1
    packet.measure(out, size)
  else
    -- What a capture puts before the frame (pktap, PPI) was never on the wire.
    local frame = nth({ "eth", eth })
    out.wire = room - (frame and frame.offset < room and frame.offset or 0)
  end
  if (out.fragment or out.first_fragment) and transport and transport[1] == "tcp" then
    local whole = nth(transport)
    local t, length = bytes_of(whole)
    if t and whole.source:len() ~= info.source:len() then
      -- Put together: this frame holds the last piece.
      out.fragment, out.first_fragment, out.together = false, false, true
      packet.transport(t, 1, length, 6, out)
      out.source, out.base = whole.source, whole.offset
    end
  end
  return true
end

-- Whether the plugin's parser left something for Wireshark's dissectors to say.
function dissected.is_needed(out)
  return out.reason == "link type" or out.elsewhere
    or (out.fragment or out.first_fragment) and (out.proto == 6 or out.proto == 47 or out.proto == 17
      or out.proto == 4 or out.proto == 41)
    or (not out.l3 and not out.reason and out.kind ~= 0 and not link.WITHOUT_HOST[out.kind])
end

return dissected
end

modules.command_line = function(...)
-- Which of the plugin's fields this run can show. `tshark -T fields` builds every field that a
-- plugin adds, asked for or not, and most of the plugin's cost would be that. Where the operating
-- system tells the command line (Linux), fields that it does not name are left out.
local command_line = {}

-- Columns of Wireshark itself: they show none of our fields.
local PLAIN_COLUMN = {
  Info = true, Protocol = true, Source = true, Destination = true, Time = true, Length = true,
  Number = true, ["No."] = true,
}

-- arguments: the command line as a list. Returns a function (abbreviation) -> boolean, or nil
-- where every field may be needed.
function command_line.fields(arguments)
  local fields_mode = false
  for i, argument in ipairs(arguments) do
    if argument == "-Tfields" or (argument == "-T" and arguments[i + 1] == "fields") then
      fields_mode = true
    elseif argument:find("^%-[VOP]") or argument:find("^%-%-color") or argument:find("$", 1, true)
      or argument:find("^%-C") then
      return nil
    end
    for column in argument:gmatch("_ws%.col%.([%w_.]+)") do
      if not PLAIN_COLUMN[column] then
        return nil
      end
    end
  end
  if not fields_mode then
    return nil
  end
  local line = table.concat(arguments, "\n")
  return function(abbreviation)
    return line:find(abbreviation, 1, true) ~= nil
  end
end

-- The capture that is read, or nil for a live one.
function command_line.capture(arguments)
  for i, argument in ipairs(arguments) do
    if argument == "-r" or argument == "--read-file" then
      return arguments[i + 1]
    end
    local path = argument:match("^%-r(.+)$") or argument:match("^%-%-read%-file=(.+)$")
    if path then
      return path
    end
  end
  return nil
end

-- The arguments in which a filter or a field can stand.
local function asking(arguments)
  local i = 0
  return function()
    repeat
      i = i + 1
      local argument, before = arguments[i], arguments[i - 1]
    until not argument or not (before == "-X" or argument:find("^%-X") or before == "-r"
      or before == "-w")
    return arguments[i]
  end
end

-- Whether anything but the script's own arguments names the plugin: a filter or a field.
function command_line.names_plugin(arguments)
  for argument in asking(arguments) do
    if argument:find("pacsflow", 1, true) then
      return true
    end
  end
  return false
end

-- Whether anything names the protocol itself and not only fields of it.
function command_line.names_protocol(arguments)
  for argument in asking(arguments) do
    if (argument .. " "):find("pacsflow[^.]") then
      return true
    end
  end
  return false
end

-- Whether every frame is dissected once, and only to print its fields.
function command_line.one_pass(arguments)
  for _, argument in ipairs(arguments) do
    if argument:find("^%-[2RYzw]") or argument:find("^%-%-r") then
      return false
    end
  end
  return true
end

-- The command line of this process, or nil where the system does not tell it.
function command_line.read()
  local file = io.open("/proc/self/cmdline", "rb")
  local text = file and file:read(131072)
  if file then
    file:close()
  end
  if not text or text == "" then
    return nil
  end
  local arguments = {}
  for argument in text:gmatch("([^\0]*)\0") do
    arguments[#arguments + 1] = argument
  end
  return arguments
end

return command_line
end

modules.opener = function(...)
-- Reads the first frames of each capture before Wireshark opens it; never claims a file.
local capturefile = require("capturefile")
local lookahead = require("lookahead")
local packet = require("packet")
local dissected = require("dissected")
local command_line = require("command_line")

local opener = {}

-- Frames in which packets that only Wireshark's dissectors see through show themselves.
local GLANCE = 5000
local ETHERNET = 1

-- The capture of tshark's command line, opened, where it is a file that can be read again, and what
-- leaves it as it was. A pipe can be read once only, and a live one would have to be waited for.
local function named_file()
  local line = command_line.read()
  local path = line and command_line.capture(line)
  if path == "-" then
    -- A file that was opened for tshark has a place where it is read; a pipe has none.
    -- Without a buffer that place is where tshark goes on.
    io.stdin:setvbuf("no")
    local place = io.stdin:seek("cur")
    return place and io.stdin, function() io.stdin:seek("set", place) end
  end
  local file = path and io.open(path, "rb")
  if file and not file:seek("end") then
    file:close()
    return nil
  end
  return file, function() file:close() end
end

-- Wireshark itself opens files alone; tshark's command line tells, where the system does.
local function can_look_ahead()
  if gui_enabled() then
    return true
  end
  local file, leave = named_file()
  if not file then
    return false
  end
  leave()
  return true
end

-- Whether Wireshark's dissectors have to be asked what is in the frames of the capture that is about
-- to be read, as far as its beginning tells.
function opener.asks_dissectors()
  local file, leave = nil, nil
  if not gui_enabled() then
    file, leave = named_file()
  end
  if not file then
    return true
  end
  local seen, asks, out, first = 0, false, {}, nil
  local fine, known = pcall(capturefile.read, file, function(_, s, wire, kind)
    seen, first = seen + 1, first or kind
    if first ~= kind or kind ~= ETHERNET or not packet.is_plain(s) then
      packet.parse(s, wire, out, kind)
      asks = asks or first ~= kind or dissected.is_needed(out)
    end
    return seen < GLANCE and not asks
  end, function() end)
  leave()
  return asks or not fine or not known
end

-- limits(): frames to look ahead, whether they are samples, sFlow datagrams to read of them.
-- found(what): gets what lookahead.scan gave, or nil.
function opener.new(limits, found)
  local handler = FileHandler.new("PACS flow look-ahead", "pacsflow_lookahead",
    "Reads the beginning of captures for the PACS flow plugin", "rms")
  -- Wireshark still writes to both after read_open returns: they must not be collected meanwhile.
  local held
  function handler.read_open(file, capture)
    held = { file, capture }
    local limit, sampled, datagrams = limits()
    local fine, ahead = false, nil
    if limit > 0 and can_look_ahead() then
      fine, ahead = pcall(lookahead.scan, file, limit, sampled, datagrams)
    end
    found(fine and ahead or nil, held)
    return false
  end
  function handler.read()
    return false
  end
  function handler.seek_read()
    return false
  end
  return handler
end

return opener
end

modules.tagging = function(...)
-- Adds the tags of an association to a frame's tree.
local fields = require("fields")

local tagging = {}

local F = fields.F
-- Wireshark looks up each method by its name on every use; this one is looked up once.
local add = TreeItem.add
-- Whether our fields stand below an item of ours. It costs as much as a field, and where nothing
-- can show or match it, it is left out.
tagging.item_wanted = true

local function add_all(item, tags)
  for i = 1, #tags, 2 do
    add(item, tags[i], tags[i + 1])
  end
end

-- What is known of the two ends of a frame in direction d, as of the tags `snap`.
function tagging.ends_of(which, a, snap, d, frame, first_time)
  local name = d == a.c.a and "ends_a" or "ends_b"
  if first_time and snap[name] and snap[name].stamp == which.endpoints.stamp then
    return snap[name]
  end
  local e = { fields.ends(which.endpoints, a, snap, d, frame) }
  e.stamp = which.endpoints.stamp
  local tags = {}
  local skip = fields.skip
  local function put(key, value)
    if value ~= nil and not skip[key] then
      tags[#tags + 1] = F[key]
      tags[#tags + 1] = value
    end
  end
  put("src_tag", e[1])
  put("src_name", e[2])
  put("src_basis", e[3])
  put("dst_tag", e[4])
  put("dst_name", e[5])
  put("dst_basis", e[6])
  put("pacs_direction", e[7])
  e.tags = tags
  if first_time and snap == a.snap then
    snap[name] = e
  end
  return e
end

-- Returns the item that further fields go below.
function tagging.tag(proto, tree, which, a, snap, d, frame, first_time, truncated)
  local item = tagging.item_wanted and add(tree, proto) or tree
  add_all(item, fields.of(a, snap, d))
  if fields.ends_wanted then
    add_all(item, tagging.ends_of(which, a, snap, d, frame, first_time).tags)
  end
  if truncated and not fields.skip.truncated then
    item:add(F.truncated, true)
  end
  return item
end

function tagging.sampling(item, rate, wire)
  item:add(F.rate, rate)
  item:add(F.estimate, UInt64.new(rate * wire % 4294967296, math.floor(rate * wire / 4294967296)))
end

-- What times.lua measured at a frame: keys and values, of times microseconds.
function tagging.measured(item, values)
  for i = 1, values and #values or 0, 2 do
    local key, value = values[i], values[i + 1]
    if not fields.skip[key] then
      if key ~= "transfer_rate" then
        value = NSTime.new(math.floor(value / 1000000), value % 1000000 * 1000)
      end
      item:add(F[key], value)
    end
  end
end

-- What a packet came through, and that it is a copy of another.
function tagging.way(item, tunnel, copy)
  if tunnel and not fields.skip.tunnel then
    item:add(F.tunnel, tunnel)
  end
  if copy and not fields.skip.duplicate then
    item:add(F.duplicate, copy)
  end
end

return tagging
end

modules.sampled = function(...)
-- The samples of an sFlow datagram: each is followed and tagged as a frame of its own.
local bytes = require("bytes")
local fields = require("fields")
local packet = require("packet")
local sflow = require("sflow")
local tagging = require("tagging")

local sampled = {}

local sub = string.sub
local F = fields.F

local out, info = {}, {}
local source = {}
function source:raw(offset, length)
  return sub(self.s, offset + 1, offset + length)
end

-- Association, tags and direction of the sampled TCP segment in `out`.
local function follow(samples, h, sample, frame, fresh)
  local key = samples:key(out)
  if not fresh then
    local a, snap = samples:revisit(key, frame)
    return a, snap, a and (a.c.a.key == key and a.c.a or a.c.b)
  end
  source.s = h
  local there = #h - out.offset
  if there < 0 then
    there = 0
  elseif there > out.length then
    there = out.length
  end
  local d = samples:packet(frame, info, key, out.seq, out.ack, out.flags, source, out.offset,
    out.length, there, out.wire, sample.rate)
  d.c.tunnel, d.c.vlan = d.c.tunnel or out.tunnel, d.c.vlan or out.vlan
  local a = d.c.assoc
  return a, a and a.id and a.snap, d
end

-- What a frame without tags is called.
local function protocol()
  return out.proto == 6 and "TCP" or out.proto == 17 and "UDP" or out.kind == 0x0806 and "ARP"
    or out.proto and "IP" or "Ethernet"
end

-- An agent may tell another length of a frame than the packet in it has: then the packet is believed.
local function believe(sample, h, log, ts)
  local stop = out.stop
  if not out.l3 or out.tunnel or not stop or sample.protocol ~= 1 then
    return
  end
  local length = stop + sample.stripped
  if sample.length < stop or sample.length > length + 64 then
    log:contradicted(ts, sample.length)
    out.wire = length
  end
end

-- Reads the datagram s of `room` bytes in a frame of `wire` bytes. samples: the tracker of samples;
-- places: which samples count; log: where rows go, or nil; visible: whether tags are tagging. Returns how many samples there are,
-- or nil where it is no sFlow.
function sampled.read(proto, samples, places, log, tree, pinfo, s, room, visible, frame, fresh, wire)
  local ts = pinfo.abs_ts
  info.abs_ts = ts
  local records = log and log:sampling(ts, wire) or nil
  return sflow.read(s, function(sample)
    local h = sample.header
    packet.sampled(sample.protocol, h, sample.length, out)
    local a, snap, d = nil, nil, nil
    local again = fresh and places:judge(sample)
    if records then
      believe(sample, h, log, ts)
      log:sampled(again, ts, out, out.wire * sample.rate)
    end
    if again and not visible then
      return
    end
    if out.proto == 6 and out.key and not sample.fields_only and not out.fragment and not out.first_fragment
      and not out.short then
      a, snap, d = follow(samples, h, sample, frame, fresh)
    end
    local tagged = snap and not snap.untagged
    local truncated = #h < sample.length - sample.stripped
    if visible then
      -- A sample of another protocol shows its rate, but is no DICOM.
      local item = tree
      if tagged then
        item = tagging.tag(proto, tree, samples, a, snap, d, frame, fresh, truncated)
        tagging.way(item, out.tunnel)
      end
      item:add(F.sample, sample.index)
      item:add(F.agent, bytes.address(sample.agent))
      if d then
        item:add(F.sample_src, fields.address(d))
        item:add(F.sample_dst, fields.address(d.peer))
      end
      tagging.sampling(item, sample.rate, out.wire)
    end
    if records and again then
      return
    elseif records and d and not tagged then
      log:sample(ts, h, out, out.wire, sample.rate, sample.agent, d)
    elseif records then
      local e = tagged and not log.brief and tagging.ends_of(samples, a, snap, d, frame, true)
      log:frame(ts, tagged and "DICOM" or protocol(), h, out, out.wire, nil, sample.rate,
        sample.agent, tagged and a, snap, e, truncated, d)
    end
  end, records, room)
end

return sampled
end

modules.settings = function(...)
-- What a run of the plugin is told: by arguments (-X lua_script1:name=value), by the environment
-- (PACSFLOW_NAME), which is how programs call, or by Wireshark's preferences.
local settings = {}

local arguments = {}
local preferences = {}

function settings.read(...)
  for _, argument in ipairs({ ... }) do
    local name, value = tostring(argument):match("^([%w_]+)=(.*)$")
    if name then
      arguments[name] = value
    end
  end
end

function settings.register(proto)
  preferences = proto.prefs
  preferences.inventory = Pref.string("Inventory", "",
    "A Zeek log with the columns match, name, role, modality and site")
  preferences.sampling_rate = Pref.uint("Sampling rate", 0,
    "The frames of this capture are samples, one in so many; 0: they are all")
  preferences.lookahead = Pref.uint("Frames to look ahead", 10000,
    "Frames read beforehand, so that those before the evidence are tagged too; 0: none")
end

local PREFERENCE = { inventory = true, sampling_rate = true, lookahead = true }

function settings.get(name)
  local value = arguments[name] or os.getenv("PACSFLOW_" .. name:upper())
  if value and value ~= "" then
    return value
  end
  if PREFERENCE[name] then
    value = preferences[name]
    if value ~= "" and value ~= 0 then
      return value
    end
  end
  return nil
end

function settings.number(name)
  return tonumber(settings.get(name) or 0) or 0
end

function settings.complain(text)
  io.stderr:write("pacsflow: ", text, "\n")
  if gui_enabled() then
    report_failure("pacsflow: " .. text)
  end
end

return settings
end

modules.tls = function(...)
-- Associations inside TLS, where Wireshark can decrypt it: whole PDUs out of the plain bytes, on
-- port 2762 and wherever a TLS stream begins as an association does.
local pdu = require("pdu")

local tls = {}

-- take(bytes): is given each PDU once, in order.
function tls.register(take)
  local proto = Proto("pacsflow_tls", "PACS flow (DICOM in TLS)")
  local dicom

  function proto.dissector(tvb, pinfo, tree)
    dicom = dicom or Dissector.get("dicom")
    local at, size = 0, tvb:len()
    while at < size do
      if size - at < 6 then
        pinfo.desegment_offset, pinfo.desegment_len = at, DESEGMENT_ONE_MORE_SEGMENT
        return size
      end
      local kind, length = tvb(at, 1):uint(), tvb(at + 2, 4):uint() + 6
      if kind < 1 or kind > 7 or length > pdu.MAX_BODY then
        return at
      elseif size - at < length then
        pinfo.desegment_offset, pinfo.desegment_len = at, length - (size - at)
        return size
      end
      if not pinfo.visited then
        take(tvb:raw(at, length))
      end
      dicom:call(tvb(at, length):tvb(), pinfo, tree)
      at = at + length
    end
    return size
  end

  -- Streams on other ports that began as an association does.
  local known = {}
  function proto.init()
    known = {}
  end

  local ports = DissectorTable.get("tls.port")
  if ports then
    ports:add(2762, proto)
  end
  local heuristics = DissectorTable.heuristic_list()
  for _, name in ipairs(heuristics) do
    if name == "tls" then
      proto:register_heuristic("tls", function(tvb, pinfo, tree)
        local size = tvb:len()
        local source = tostring(pinfo.src) .. " " .. pinfo.src_port
        local destination = tostring(pinfo.dst) .. " " .. pinfo.dst_port
        if not known[source .. destination] then
          if size < 10 or tvb(0, 1):uint() ~= 1
            or not pdu.can_begin(tvb:raw(0, size < 128 and size or 128)) then
            return false
          end
          known[source .. destination], known[destination .. source] = true, true
        end
        proto.dissector(tvb, pinfo, tree)
        return true
      end)
    end
  end
end

return tls
end

modules.times_table = function(...)
-- The table "Response times": what times.lua measured, by operation and pair of hosts.
local bytes = require("bytes")
local times = require("times")

local times_table = {}

local format = string.format

local OPERATION = {
  echo = "C-ECHO", store = "C-STORE", find = "C-FIND", get = "C-GET", move = "C-MOVE", n = "N-*",
}

local function filter_of(kind, one, other)
  local field = #one == 16 and "ipv6.addr" or "ip.addr"
  local operation = kind == "n" and "pacsflow.operation contains \"N-\""
    or "pacsflow.operation == \"" .. OPERATION[kind] .. "\""
  return format("pacsflow.response_time && %s && %s == %s && %s == %s", operation, field,
    bytes.address(one), field, bytes.address(other))
end

local function add(to, row)
  for _, name in ipairs({ "count", "n", "sum", "first_n", "first_sum", "data_bytes", "data_us" }) do
    to[name] = to[name] + row[name]
  end
  to.min = row.min and (not to.min or row.min < to.min) and row.min or to.min
  to.max = row.max and (not to.max or row.max > to.max) and row.max or to.max
  for k, n in pairs(row.fine) do
    to.fine[k] = (to.fine[k] or 0) + n
  end
end

-- Microseconds that a share of the response times do not exceed, to 5 %.
local function percentile(to, share)
  local steps, seen = {}, 0
  for k in pairs(to.fine) do
    steps[#steps + 1] = k
  end
  table.sort(steps)
  for _, k in ipairs(steps) do
    seen = seen + to.fine[k]
    if seen >= share * to.n then
      return math.max(to.min, math.min(to.max, 2 ^ ((k + 0.5) / 8)))
    end
  end
  return nil
end

local function milliseconds(us)
  return us and format("%.3f", us / 1000) or "-"
end

local function line(to)
  return {
    OPERATION[to.kind], bytes.address(to.client), bytes.address(to.server), format("%d", to.count),
    format("%d", to.n), milliseconds(to.min), milliseconds(percentile(to, 0.5)),
    milliseconds(percentile(to, 0.95)), milliseconds(to.max),
    milliseconds(to.first_n > 0 and to.first_sum / to.first_n or nil),
    to.data_us > 0 and format("%.2f", to.data_bytes * 8 / to.data_us) or "-",
    filter = filter_of(to.kind, to.client, to.server),
  }
end

-- each(visit): calls visit(association).
function times_table.build(each)
  local known, list = {}, {}
  each(function(a)
    for d, side in pairs(a.times or {}) do
      for kind, row in pairs(side.rows) do
        local key = kind .. d.host .. d.peer.host
        local to = known[key]
        if not to then
          to = { kind = kind, client = d.host, server = d.peer.host, count = 0, n = 0, sum = 0,
                 first_n = 0, first_sum = 0, data_bytes = 0, data_us = 0, fine = {} }
          known[key], list[#list + 1] = to, to
        end
        add(to, row)
      end
    end
  end)
  local out = {}
  for i, to in ipairs(list) do
    out[i] = line(to)
  end
  return {
    title = "Response times",
    columns = {
      "Operation", "Asked by", "Of", "Requests", "Timed", "Min ms", "Median ms", "95 % ms", "Max ms",
      "First ms", "Mbit/s",
    },
    numeric = { [4] = true, [5] = true, [6] = true, [7] = true, [8] = true, [9] = true, [10] = true,
                [11] = true },
    rows = out, sort = 8,
  }
end

return times_table
end

modules.stats = function(...)
-- Tables over everything that was tagged: associations, endpoints, input/output, talkers,
-- operations, response times. Each is { title, columns, numeric columns, rows }; a row's `filter` shows its frames.
local bytes = require("bytes")
local rows = require("rows")
local times_table = require("times_table")

local stats = {}

local format = string.format

local function number(n)
  return format("%.0f", n)
end

local function host_filter(raw)
  return (#raw == 16 and "ipv6.addr" or "ip.addr") .. " == " .. bytes.address(raw)
end

local function pair_filter(source, destination)
  local field = #source == 16 and "ipv6" or "ip"
  return format("pacsflow && %s.src == %s && %s.dst == %s", field, bytes.address(source), field,
    bytes.address(destination))
end

local function originator(a)
  return a.orig or a.c.tcp_orig or a.c.a
end

-- The same words in a window, where a capture may go on, as in a table at its end.
local function state(a)
  if a.confirmed then
    return rows.result(a) .. ", " .. rows.ending(a)
  end
  return a.state
end

-- The first few of a long list, and how many more there are.
local function shortened(list)
  if #list > 6 then
    return table.concat(list, ",", 1, 5) .. " +" .. number(#list - 5)
  end
  return #list > 0 and table.concat(list, ",") or "-"
end

-- Whether something is met for the first time: two associations may share one connection, whose
-- frames count once.
local function once()
  local met = {}
  return function(thing)
    local first = not met[thing]
    met[thing] = true
    return first
  end
end

-- Calls visit(association) for what was captured and for what was sampled; not for a connection
-- that was taken for DICOM by its endpoints until it spoke for itself.
local function each(trackers, visit)
  for _, t in ipairs(trackers) do
    for _, a in ipairs(t.list) do
      if a.confirmed or not a.untagged then
        visit(a, t)
      end
    end
  end
end

function stats.associations(trackers)
  local out = {}
  each(trackers, function(a)
    local o = originator(a)
    local r, work = o.peer, {}
    for _, name in ipairs({ "echo", "store", "find", "get", "move", "cancel", "n" }) do
      local n = a.counts[name .. "_rq"]
      if n > 0 then
        work[#work + 1] = name:upper() .. " " .. number(n)
      end
    end
    out[#out + 1] = {
      number(a.id), number(a.start_frame or 0),
      bytes.address(o.host) .. " " .. number(o.port), bytes.address(r.host) .. " " .. number(r.port),
      a.base.calling_ae or "-", a.base.called_ae or "-", state(a),
      #work > 0 and table.concat(work, ", ") or "-",
      shortened(a.modalities),
      number(o.packets + r.packets), number(o.wire_bytes), number(r.wire_bytes),
      filter = "pacsflow.assoc.id == " .. number(a.id),
    }
  end)
  return {
    title = "Associations",
    columns = {
      "Id", "Start frame", "Originator", "Responder", "Calling AE", "Called AE", "Outcome",
      "Requests", "Modalities", "Frames", "Bytes sent", "Bytes received",
    },
    numeric = { true, true, [10] = true, [11] = true, [12] = true }, rows = out, sort = 1,
  }
end

-- One line for each address, listening port and AE title.
function stats.endpoints(trackers)
  local out, known = {}, {}
  each(trackers, function(a, t)
    local o = originator(a)
    for _, d in ipairs({ o, o.peer }) do
      local port = d ~= o and number(d.port) or "-"
      local title = (d == o and a.base.calling_ae or d ~= o and a.base.called_ae) or "-"
      local key = d.host .. port .. "|" .. title
      local line = known[key]
      if not line then
        local tag, name, basis = t.endpoints:tag(d, title ~= "-" and title or nil, math.huge)
        line = {
          bytes.address(d.host), port, title, tag or "-", name or "-", basis or "-", 0, 0,
          (d == o and a.base.orig_impl_version or d ~= o and a.base.resp_impl_version) or "-",
          filter = "pacsflow && " .. host_filter(d.host),
        }
        known[key] = line
        out[#out + 1] = line
      end
      line[7] = line[7] + 1
      line[8] = line[8] + d.wire_bytes
    end
  end)
  for _, line in ipairs(out) do
    line[7], line[8] = number(line[7]), number(line[8])
  end
  return {
    title = "PACS endpoints",
    columns = {
      "Address", "Listens on", "AE title", "Is", "Name", "Known by", "Associations", "Bytes sent",
      "Implementation",
    },
    numeric = { [2] = true, [7] = true, [8] = true }, rows = out, sort = 8,
  }
end

function stats.io(trackers)
  local out, known, is_new = {}, {}, once()
  each(trackers, function(a, t)
    local last
    for _, d in ipairs({ a.c.a, a.c.b }) do
      local o = originator(a)
      local title = d == o and a.base.calling_ae or d ~= o and a.base.called_ae or nil
      local tag, name = t.endpoints:tag(d, title, math.huge)
      if tag == "pacs" then
        local line = known[d.host]
        if not line then
          line = { bytes.address(d.host), name or "-", 0, 0, 0, 0, 0,
                   filter = "pacsflow && " .. host_filter(d.host) }
          known[d.host] = line
          out[#out + 1] = line
        end
        line[3] = line[3] + (line ~= last and 1 or 0)
        last = line
        if is_new(d) then
          line[4], line[5] = line[4] + d.peer.packets, line[5] + d.peer.wire_bytes
          line[6], line[7] = line[6] + d.packets, line[7] + d.wire_bytes
        end
      end
    end
  end)
  for _, line in ipairs(out) do
    for i = 3, 7 do
      line[i] = number(line[i])
    end
  end
  return {
    title = "Input/output per PACS",
    columns = { "PACS", "Name", "Associations", "Frames in", "Bytes in", "Frames out", "Bytes out" },
    numeric = { [3] = true, [4] = true, [5] = true, [6] = true, [7] = true }, rows = out, sort = 5,
  }
end

function stats.talkers(trackers)
  local out, known, total, is_new = {}, {}, 0, once()
  each(trackers, function(a)
    for _, d in ipairs(is_new(a.c) and { a.c.a, a.c.b } or {}) do
      if d.packets > 0 then
        local key = d.host .. d.peer.host
        local line = known[key]
        if not line then
          line = { bytes.address(d.host), bytes.address(d.peer.host), 0, 0, 0,
                   filter = pair_filter(d.host, d.peer.host) }
          known[key] = line
          out[#out + 1] = line
        end
        line[3], line[4] = line[3] + d.packets, line[4] + d.wire_bytes
        total = total + d.wire_bytes
      end
    end
  end)
  for _, line in ipairs(out) do
    line[5] = format("%.1f", total > 0 and 100 * line[4] / total or 0)
    line[3], line[4] = number(line[3]), number(line[4])
  end
  return {
    title = "Top talkers",
    columns = { "Source", "Destination", "Frames", "Bytes", "Percent" },
    numeric = { [3] = true, [4] = true, [5] = true }, rows = out, sort = 4,
  }
end

local OPERATION = {
  { "echo_rq", "C-ECHO" }, { "store_rq", "C-STORE" }, { "find_rq", "C-FIND" },
  { "get_rq", "C-GET" }, { "move_rq", "C-MOVE" }, { "cancel_rq", "C-CANCEL" },
  { "n_rq", "N-*" },
}

function stats.operations(trackers)
  local out = {}
  for _, operation in ipairs(OPERATION) do
    local requests, associations, title = 0, 0, operation[2]
    each(trackers, function(a)
      local n = a.counts[operation[1]]
      requests = requests + n
      associations = associations + (n > 0 and 1 or 0)
    end)
    if requests > 0 then
      out[#out + 1] = {
        title, "requests", number(requests), number(associations),
        filter = title == "N-*" and "pacsflow.operation contains \"N-\""
          or "pacsflow.operation == \"" .. title .. "\"",
      }
    end
  end
  for _, class in ipairs({ "success", "warning", "failure", "pending", "cancel" }) do
    local responses, associations = 0, 0
    each(trackers, function(a)
      responses = responses + a.counts[class]
      associations = associations + (a.counts[class] > 0 and 1 or 0)
    end)
    if responses > 0 then
      out[#out + 1] = {
        "responses", class, number(responses), number(associations), filter = "pacsflow.status",
      }
    end
  end
  return {
    title = "Operations", columns = { "Operation", "Kind", "Count", "Associations" },
    numeric = { [3] = true, [4] = true }, rows = out, sort = 3,
  }
end

function stats.times(trackers)
  return times_table.build(function(visit) each(trackers, visit) end)
end

stats.NAMES = { "associations", "endpoints", "io", "talkers", "operations", "times" }

stats.NOTE = "Of samples: bytes are estimates (each sample times its rate)."

-- Of samples, says in the headings what is counted and what is estimated, and in a note.
local function name_estimates(tab, trackers)
  local sampled, whole = false, false
  each(trackers, function(a)
    sampled, whole = sampled or a.flags.sampled or false, whole or not a.flags.sampled
  end)
  if not sampled then
    return tab
  end
  for i, column in ipairs(tab.columns) do
    if column:find("^Frames") then
      tab.columns[i] = (column:gsub("^Frames", whole and "Frames or samples" or "Samples"))
    elseif column:find("^Bytes") then
      tab.columns[i] = (column:gsub("^Bytes", whole and "Bytes or estimates" or "Estimated bytes"))
    end
  end
  tab.note = stats.NOTE
  return tab
end

-- The table of a name of stats.NAMES over the trackers' associations.
function stats.build(name, trackers)
  return name_estimates(stats[name](trackers), trackers)
end

-- Sorts by a column: numbers from the largest (but identifiers from the first), texts from A.
function stats.sort(tab, column, ascending)
  local numeric = tab.numeric[column]
  table.sort(tab.rows, function(x, y)
    local a, b = x[column], y[column]
    if numeric then
      a, b = tonumber(a) or -1, tonumber(b) or -1
      if a ~= b then
        if ascending then
          return a < b
        end
        return a > b
      end
    elseif a ~= b then
      return a < b
    end
    return table.concat(x, "\t") < table.concat(y, "\t")
  end)
end

-- The width of each column, in characters.
local function widths_of(tab)
  local widths = {}
  local function fit(row)
    for i = 1, #tab.columns do
      widths[i] = math.max(widths[i] or 0, #row[i])
    end
  end
  fit(tab.columns)
  for _, row in ipairs(tab.rows) do
    fit(row)
  end
  return widths
end

-- What stands in front of a numbered row.
local NUMBER = 7

-- The columns in groups that are no wider than `width` characters, each beginning with the first
-- one; one column beside it there is always. The one that the rows are in order by as a window
-- opens comes next: an order that nothing on the screen shows looks wrong.
function stats.groups(tab, width)
  local widths, groups, order = widths_of(tab), {}, {}
  for i = 2, #tab.columns do
    table.insert(order, i == tab.sort and 1 or #order + 1, i)
  end
  local used = 0
  for _, i in ipairs(order) do
    local group = groups[#groups]
    if not group or used + 2 + widths[i] > width then
      group, used = { 1 }, NUMBER + widths[1]
      groups[#groups + 1] = group
    end
    group[#group + 1] = i
    used = used + 2 + widths[i]
  end
  return groups
end

-- The table as lines of aligned columns; `numbered`: with the number of each row in front;
-- `chosen`: of these columns alone.
function stats.text(tab, numbered, chosen)
  local widths, lines = widths_of(tab), {}
  local function line(row, label)
    local cells = {}
    for k = 1, chosen and #chosen or #tab.columns do
      local i = chosen and chosen[k] or k
      local gap = (" "):rep(widths[i] - #row[i])
      cells[k] = tab.numeric[i] and gap .. row[i] or row[i] .. gap
    end
    return (numbered and format("%5s  ", label) or "") .. table.concat(cells, "  "):gsub(" +$", "")
  end
  lines[1] = line(tab.columns, "Row")
  lines[2] = ("-"):rep(#lines[1])
  for i, row in ipairs(tab.rows) do
    lines[#lines + 1] = line(row, number(i))
  end
  if tab.note then
    lines[#lines + 1] = tab.note
  end
  return table.concat(lines, "\n") .. "\n"
end

function stats.tsv(tab)
  local lines = { table.concat(tab.columns, "\t") }
  for _, row in ipairs(tab.rows) do
    lines[#lines + 1] = table.concat(row, "\t", 1, #tab.columns)
  end
  return table.concat(lines, "\n") .. "\n"
end

return stats
end

modules.windows = function(...)
-- The windows under Tools > PACS flow and the tables of `tshark -q -z pacsflow,NAME`.
local stats = require("stats")

local windows = {}

-- A slash would open a submenu: the division slash looks the same.
local MENU = {
  associations = "Associations", endpoints = "PACS endpoints", io = "Input\226\136\149output per PACS",
  talkers = "Top talkers", operations = "Operations", times = "Response times",
}

-- Characters that a line of a window holds as it opens; a longer one would be wrapped.
local WIDTH = 92

-- The first group of columns that has a column.
local function page_of(groups, column)
  for page, group in ipairs(groups) do
    for _, i in ipairs(group) do
      if i == column then
        return page
      end
    end
  end
  return 1
end

local function build(name, trackers)
  local tab = stats.build(name, trackers())
  stats.sort(tab, tab.sort, name == "associations")
  return tab
end

local function open(name, trackers)
  local tab = build(name, trackers)
  local window = TextWindow.new("PACS flow: " .. tab.title)
  local column, ascending, page = tab.sort, name == "associations", 1
  local function show()
    local groups = stats.groups(tab, WIDTH)
    page = (page - 1) % #groups + 1
    local rest = #groups > 1 and ("\nColumns " .. page .. " of " .. #groups
      .. ": the button Columns shows the others, Copy takes all.") or ""
    window:set("Sorted by " .. tab.columns[column] .. ". " .. #tab.rows .. (#tab.rows == 1 and " row." or " rows.") .. rest .. "\n\n"
      .. stats.text(tab, true, groups[page]))
  end
  window:add_button("Columns", function()
    page = page + 1
    show()
  end)
  window:add_button("Next column", function()
    column, ascending = column % #tab.columns + 1, false
    stats.sort(tab, column, ascending)
    page = page_of(stats.groups(tab, WIDTH), column)
    show()
  end)
  window:add_button("Reverse", function()
    ascending = not ascending
    local rows, n = tab.rows, #tab.rows
    for i = 1, math.floor(n / 2) do
      rows[i], rows[n + 1 - i] = rows[n + 1 - i], rows[i]
    end
    show()
  end)
  window:add_button("Filter row...", function()
    new_dialog("Show the frames of a row", function(text)
      local row = tab.rows[tonumber(text) or 0]
      if row then
        set_filter(row.filter)
        apply_filter()
      end
    end, "Row")
  end)
  window:add_button("Filter first row", function()
    if tab.rows[1] then
      set_filter(tab.rows[1].filter)
      apply_filter()
    end
  end)
  window:add_button("Copy", function()
    copy_to_clipboard(stats.tsv(tab))
  end)
  window:add_button("Refresh", function()
    tab = build(name, trackers)
    stats.sort(tab, column, ascending)
    show()
  end)
  show()
end

-- trackers: a function that returns the list of what there is to count.
function windows.register(trackers, flush)
  for _, name in ipairs(stats.NAMES) do
    if gui_enabled() then
      register_menu("PACS flow/" .. MENU[name], function()
        open(name, trackers)
      end, MENU_TOOLS_UNSORTED)
    else
      register_stat_cmd_arg("pacsflow," .. name, function()
        local tap = Listener.new("frame")
        function tap.packet() end
        function tap.reset() end
        function tap.draw()
          flush()
          local tab = build(name, trackers)
          print("\n" .. tab.title)
          io.write(stats.text(tab))
        end
      end)
    end
  end
end

return windows
end

modules.main = function(...)
-- The layer that speaks to Wireshark: a postdissector over the raw bytes of each frame.
local export = require("export")
local duplicates = require("duplicates")
local fields = require("fields")
local fragments = require("fragments")
local inventory = require("inventory")
local link = require("link")
local lookahead = require("lookahead")
local opener = require("opener")
local packet = require("packet")
local dissected = require("dissected")
local sampled = require("sampled")
local settings = require("settings")
local sflow = require("sflow")
local tagging = require("tagging")
local tls = require("tls")
local tracker = require("tracker")
local vantage = require("vantage")
local command_line = require("command_line")
local windows = require("windows")

local main = {}

local byte, sub = string.byte, string.sub

settings.read(...)
local proto = Proto("pacsflow", "PACS flow")
fields.register(proto)
settings.register(proto)

local known_inventory, known_path

local function read_inventory()
  local path = settings.get("inventory")
  if path == known_path then
    return known_inventory
  end
  known_path, known_inventory = path, nil
  if not path then
    return nil
  end
  local file, problem = io.open(path, "r")
  if not file then
    settings.complain("inventory " .. tostring(problem))
    return nil
  end
  known_inventory = inventory.read(file:lines(), function(line, what)
    settings.complain("inventory " .. path .. ", line " .. line .. ": " .. what)
  end)
  file:close()
  return known_inventory
end

-- state: associations of captured frames; samples: of frames sampled by sFlow agents; copies: what
-- tells a packet from its copy; places: which samples count.
local state, samples, copies, places, ahead, log
-- The link type of all frames; false where they differ in it, nil where it is not known.
local link_type
-- Whether tags are shown at all: false where nothing asks for the protocol or a field of it.
local showing = true
-- Plain bytes out of TLS in the frame that is dissected.
local pending = {}
-- The last frame that was seen for the first time.
local highest = 0
local progress = tonumber(settings.get("progress") or "")
local export_to = settings.get("export")
local brief = settings.get("brief")

local function reset()
  local rate = settings.number("sampling_rate")
  local entries = read_inventory()
  local function on_row(which)
    return function(a)
      if log then
        log:association(a, which.endpoints)
      end
    end
  end
  local function fresh(of_samples, of_agents)
    local options = {
      inventory = entries, sampled = of_samples,
      lookahead = ahead and (of_agents and ahead.find_sample or ahead.find),
    }
    local t = tracker.new(options)
    options.on_row = on_row(t)
    options.on_sealed = function(c)
      if log then
        log:sealed(c)
      end
    end
    return t
  end
  state, samples = fresh(rate > 1), fresh(true, true)
  if ahead then
    state.endpoints:seed(ahead.hosts)
  end
  state.rate = rate > 1 and rate or 1
  state.measured = {}
  places = vantage.new(ahead and ahead.places)
  copies = state.rate == 1 and duplicates.new(ahead and ahead.moved) or nil
  -- One hospital: what is known of a host is known of it everywhere.
  samples.endpoints = state.endpoints
  main.state, main.samples = state, samples
end

function proto.init()
  pending, highest = {}, 0
  reset()
end

local handler = opener.new(function()
  local rate = settings.number("sampling_rate")
  -- A ledger joins the samples of one connection itself: of what comes early, it needs to know the
  -- hosts, and these show themselves soon.
  local datagrams = brief and export_to and 20000 or nil
  return export_to and 10000000 or settings.number("lookahead"), rate > 1, datagrams
end, function(what, held)
  ahead, main.held = what, held
  link_type = what and what.link_type
end)

-- Wireshark looks up each method and attribute by its name on every use; these are looked up once.
local raw, size_of, referenced = Tvb.raw, Tvb.len, TreeItem.referenced

local function getter(object, name)
  local meta = debug and debug.getmetatable(object)
  local getters = meta and rawget(meta, "__getters")
  return getters and getters[name] or function(o)
    return o[name]
  end
end
-- Of a frame; there is none to look them up by before the first one comes.
local number_of, is_visited, told_time

local function meet(pinfo)
  number_of, is_visited, told_time = getter(pinfo, "number"), getter(pinfo, "visited"), getter(pinfo, "abs_ts")
end

-- The time of a frame, also where the clock was not set yet (lookahead.lua). Its second value says so.
local clock = {}
local function time_of(pinfo)
  local ts, unset = told_time(pinfo), ahead and ahead.unset
  if unset and ts < lookahead.CLOCKS then
    return ts + unset, true
  end
  return ts, false
end

-- What the tracker asks of a frame: its time.
local function clock_of(pinfo)
  if not (ahead and ahead.unset) then
    return pinfo
  end
  clock.abs_ts = time_of(pinfo)
  return clock
end

-- In one pass of tshark the tree is the same for every frame.
local always_wanted = false
local own = nil
local function wanted(tree)
  if always_wanted then
    return true
  end
  own = own or Dissector.get("pacsflow")
  return referenced(tree, own)
end

local HEAD, LONG_HEAD = 66, 192
local out = {}

-- Each frame leaves garbage of Wireshark's own objects, and little lives on: collecting it seldom
-- saves a tenth of the plugin's time. So much may lie there before it is collected.
local ROOM = 98304 -- kilobytes
local slow = 0

local function tune_collector()
  slow = slow + 1
  if slow % 4096 == 1 then
    local percent = 100 * ROOM / collectgarbage("count")
    percent = percent - percent % 1
    collectgarbage("setpause", percent < 200 and 200 or percent > 1000 and 1000 or percent)
  end
end

-- The payload of a packet that Wireshark put together or found behind what is not parsed here.
local elsewhere = {}
function elsewhere:raw(offset, length)
  return self.source:raw(self.base + offset, length)
end

-- How the packet in `out` repeats one before it, or nil.
local function copy_in(s, pinfo, fresh)
  return fresh and copies and copies:check(s, out, time_of(pinfo), number_of(pinfo)) or nil
end

-- The link type of the frame in hand, or nil.
local function kind_of_link()
  if link_type then
    return link_type
  elseif dissected.ready() then
    return dissected.link_type()
  elseif link_type == false and log then
    log:unresolved()
  end
  return nil
end

-- What Wireshark's dissectors know of the frame whose bytes begin with s, beyond what stands in `out`;
-- share: see fragments.lua; which of its packets. Returns whether they know more.
local function ask_dissectors(s, wire, kind, share, which)
  if not dissected.ready() or not dissected.find(out, wire, which) then
    return false
  elseif share and (out.fragment or out.first_fragment) then
    -- They wait for the rest.
    packet.parse(s, wire, out, kind)
    fragments.resolve(out)
    return false
  elseif out.fragment or out.first_fragment then
    fragments.resolve(out)
  end
  -- Of a packet that they put together, what came before is counted already.
  out.wire = share or out.wire
  return true
end

-- The name of a tunnel that Wireshark's dissectors were asked about, where they found nothing inside.
local function hide(name)
  return dissected.ready() and not out.tunnel and out.l3 and type(name) == "string" and name or nil
end

-- Parses a frame, for packet `which` of it. Returns its first bytes, where its payload's bytes are, how many are there, and
-- how it repeats another packet.
local function parse(tvb, pinfo, s, size, wire, fresh, which)
  local kind = kind_of_link()
  packet.parse(s, wire, out, kind)
  if (out.inner or out.reason or not out.l3) and size > #s then
    s = tvb:raw(0, size < packet.HEADERS and size or packet.HEADERS)
    packet.parse(s, wire, out, kind)
  end
  local share = (out.fragment or out.first_fragment) and fragments.resolve(out)
  local copy = out.l3 and copy_in(s, pinfo, fresh)
  if dissected.is_needed(out) then
    local known, hidden = out.l3, out.elsewhere
    if ask_dissectors(s, wire, kind, share, which) then
      out.opaque = out.opaque or hide(known and hidden)
      if not known then
        copy = copy_in(out.bytes, pinfo, fresh)
      end
      elsewhere.source, elsewhere.base = out.source, out.base
      return out.bytes, elsewhere, out.source:len() - out.base, copy
    end
    out.opaque = out.opaque or hide(hidden)
    if log and not dissected.ready() then
      log:unresolved()
    end
  end
  return s, tvb, size, copy
end

-- A SYN that opens one more path of a connection (RFC 8684, 3.2): the stream of bytes is spread over both.
local SYN_ACK, MULTIPATH, MP_JOIN = 18, 30, 1

local function look_for_paths(pinfo, source, size)
  local first, last = out.l4 + 19, out.offset < size and out.offset or size
  if not log or out.flags % 32 ~= SYN_ACK or out.together or last <= first then
    return
  end
  local options = source:raw(first, last - first)
  local at = 1
  while at < #options do
    local kind, long, subtype = options:byte(at, at + 2)
    if kind == 0 or kind ~= 1 and long < 2 then
      return
    elseif kind == MULTIPATH and subtype and (subtype - subtype % 16) / 16 == MP_JOIN then
      log:another_path(time_of(pinfo), out.wire)
    end
    at = at + (kind == 1 and 1 or long)
  end
end

-- A TCP segment seen for the first time. Returns its direction.
local function follow(pinfo, frame, source, size, s)
  if out.flags % 4 >= 2 then
    look_for_paths(pinfo, source, size)
  end
  local there = size - out.offset
  if there > out.length then
    there = out.length
  elseif there < 0 then
    there = 0
  end
  local d = state:packet(frame, clock_of(pinfo), state:key(out), out.seq, out.ack, out.flags, source,
    out.offset, out.length, there, out.wire, state.rate, out.window)
  d.c.tunnel, d.c.vlan = d.c.tunnel or out.tunnel, d.c.vlan or out.vlan
  for i = 1, #pending do
    state:plaintext(d, pending[i])
    pending[i] = nil
  end
  if known_inventory and known_inventory.has_mac and not d.mac then
    local addresses = link.hardware(s, out)
    if addresses then
      d.mac, d.peer.mac = sub(addresses, 7, 12), d.peer.mac or sub(addresses, 1, 6)
    end
  end
  return d
end

-- Frames that are copies, so that they are known again when they are looked at again.
local copy_of, copies_known = {}, 0
local MAX_COPIES = 1000000

local function remember_copy(frame, copy)
  if copies_known < MAX_COPIES then
    copy_of[frame], copies_known = copy, copies_known + 1
  end
end

-- Association, tags and direction of the packet in `out`, or nothing. An association is followed
-- by packets that are met for the first time and are no copies; the others are looked up.
local function place(pinfo, frame, s, source, there, fresh, copy)
  if out.proto ~= 6 or not out.key or out.short then
    return nil
  end
  local whole = not out.fragment and not out.first_fragment
  local d
  if not fresh or copy then
    if not showing then
      return nil
    end
    local key = whole and state:key(out) or out.key
    local a, snap = state:revisit(key, frame)
    return a, snap, a and (a.c.a.key == key and a.c.a or a.c.b)
  elseif whole then
    d = follow(pinfo, frame, source, there, s)
  else
    -- A piece of a packet: Wireshark puts it together where its last piece is.
    d = state:direction(out.key)
    if not d then
      return nil
    end
    d.packets, d.wire_bytes = d.packets + 1, d.wire_bytes + out.wire
  end
  local a = d.c.assoc
  return a, a and a.snap, d
end

-- The samples of the packet in `out`: how many there are, or nil where it holds none.
local function samples_in(pinfo, tree, source, there, frame, fresh, wire)
  if out.proto ~= 17 or not out.length or out.length <= 28 or there <= out.offset + 28
    or out.fragment or out.first_fragment or not sflow.begins(source:raw(out.offset, 8)) then
    return nil
  end
  local captured = there - out.offset
  if captured > out.length then
    captured = out.length
  end
  places:datagram(packet.receiver(out))
  return sampled.read(proto, samples, places, fresh and log, tree, clock_of(pinfo),
    source:raw(out.offset, captured), out.length, showing and wanted(tree), frame, fresh, wire)
end

local function record(pinfo, s, frame, a, snap, d, copy, told, wire, size)
  local ts = time_of(pinfo)
  log:arrived(ts, wire, out, copy, told)
  -- A datagram of samples is told by its samples; it would be counted on top of them.
  if not told and not copy then
    local e = snap and not log.brief and tagging.ends_of(state, a, snap, d, frame, true)
    log:frame(ts, tostring(pinfo.cols.protocol), s, out, out.wire,
      not log.brief and tostring(pinfo.cols.info) or nil, state.rate, nil, snap and a, snap, e,
      size < wire, d)
  end
  if progress and frame % progress == 0 then
    io.stderr:write("pacsflow: frame ", string.format("%d", frame), "\n")
  end
end

-- No frame is longer, whatever an interface puts together (1 MiB).
local LONGEST = 1048576

-- The length of the frame on the wire: as the capture tells it, if it can be that.
local function length_of(pinfo, size, is_new)
  local wire = pinfo.len
  if wire >= size and wire <= LONGEST then
    return wire
  elseif is_new and log then
    log:no_length(time_of(pinfo), size)
  end
  return size
end

-- Packet `which` of a frame (from 1). Returns how many packets it has.
local function dissect_one(tvb, pinfo, tree, s, size, frame, fresh, which)
  local wire, source, there, copy = length_of(pinfo, size, fresh and which == 1), nil, nil, nil
  s, source, there, copy = parse(tvb, pinfo, s, size, wire, fresh, which)
  if copy and showing then
    remember_copy(frame, copy)
  elseif not fresh then
    copy = copy_of[frame]
  end
  local a, snap, d = place(pinfo, frame, s, source, there, fresh, copy)
  if log and d and d.known == frame and fresh and not copy then
    log:brought_again(time_of(pinfo), wire)
  end
  if snap and snap.untagged then
    snap = nil
  end
  if snap and showing and wanted(tree) then
    local item = tagging.tag(proto, tree, state, a, snap, d, frame, fresh, size < wire)
    tagging.way(item, out.tunnel, copy)
    tagging.measured(item, state.measured[frame])
    if state.rate > 1 then
      tagging.sampling(item, state.rate, wire)
    end
  end
  local told = samples_in(pinfo, tree, source, there, frame, fresh, wire)
  if told then
    -- Datagrams have numbers, by which sflowlog.lua knows those that were captured twice.
    copy = nil
  end
  if log and fresh then
    if which == 1 then
      local ts, unset = time_of(pinfo)
      log:seen(ts, wire, size, told, unset)
    end
    record(pinfo, s, frame, a, snap, d, copy, told, wire, size)
  end
  return out.packets or 1
end

-- A frame that is not the inside of a data set.
local function dissect(tvb, pinfo, tree, s, size, frame, fresh)
  tune_collector()
  if size > HEAD then
    s = tvb:raw(0, size < LONG_HEAD and size or LONG_HEAD)
  end
  for which = 2, dissect_one(tvb, pinfo, tree, s, size, frame, fresh, 1) do
    dissect_one(tvb, pinfo, tree, s, size, frame, fresh, which)
  end
end

local inside, is_new = tracker.inside, duplicates.is_new

function proto.dissector(tvb, pinfo, tree)
  if not number_of then
    meet(pinfo)
  end
  local size, frame = size_of(tvb), number_of(pinfo)
  local s = raw(tvb, 0, size < HEAD and size or HEAD)
  local fresh = true
  if frame > highest then
    highest = frame
  else
    -- With a read filter in two passes, frames that it drops share their number with the next.
    fresh = not is_visited(pinfo)
    if fresh then
      state.measured[frame] = nil
    end
  end
  if fresh and not log and not state.paths.several then
    -- Most frames by far: Ethernet, IPv4, TCP, and the inside of a data set.
    local t1, t2, v, _, l1, l2, _, _, f1, f2, _, p = byte(s, 13, 24)
    if p == 6 and v == 0x45 and t1 == 8 and t2 == 0 and f2 == 0 and f1 % 64 == 0 then
      local d = state.kept[sub(s, 27, 38)]
      if d then
        local s1, s2, s3, s4, _, _, _, _, h, flags, w1, w2 = byte(s, 39, 50)
        local total = l1 * 256 + l2
        local now = time_of(pinfo)
        local length = w2 and w1 + w2 > 0 and size - 14 >= total and total - 20 - (h - h % 16) / 4 or -1
        local seq = length >= 0 and ((s1 * 256 + s2) * 256 + s3) * 256 + s4
        if seq and (not copies or is_new(copies, s, d.key, seq, length, flags, now, frame))
          and inside(state, d, seq, flags, length, size, now) then
          if showing and wanted(tree) then
            local a = d.c.assoc
            tagging.tag(proto, tree, state, a, a.snap, d, frame, true, false)
          end
          return
        end
      end
    end
  end
  dissect(tvb, pinfo, tree, s, size, frame, fresh)
end

tls.register(function(plain)
  pending[#pending + 1] = plain
end)

-- The end of the file: Wireshark calls the taps' draw functions then.
local function finish()
  state:flush()
  samples:flush()
  if log then
    for _, frames in pairs(ahead and ahead.dropped or {}) do
      log:dropped(frames)
    end
    log:close(state.endpoints)
    io.stderr:write(string.format("pacsflow: wrote %d dicom, %d known_dicom, %d frames\n",
      log.dicom.rows, log.known.rows, log.frames.rows))
    log = nil
  end
end

if export_to then
  log = export.open(export_to, brief, settings.get("with_info"))
  local tap = Listener.new("frame")
  function tap.packet() end
  function tap.draw()
    if log then
      finish()
    end
  end
  function tap.reset() end
end

windows.register(function()
  return { state, samples }
end, function()
  state:flush()
  samples:flush()
end)

-- Nothing can come of following the connections: no filter, field, table or log asks for it.
local idle = false
if not gui_enabled() then
  local line = command_line.read()
  local is_wanted = line and command_line.fields(line)
  if is_wanted then
    fields.limit(is_wanted)
    showing = command_line.names_plugin(line)
    always_wanted = command_line.one_pass(line)
    tagging.item_wanted = command_line.names_protocol(line)
    idle = not showing and not export_to and not settings.get("always")
  end
end

if not idle then
  if settings.get("deep") or opener.asks_dissectors() then
    dissected.prepare()
  end
  register_filehandler(handler)
  register_postdissector(proto)
end

main.proto, main.setting = proto, settings.get
reset()

return main
end

loaded.main = modules.main(...)
