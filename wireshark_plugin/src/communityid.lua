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
