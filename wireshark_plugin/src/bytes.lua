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
