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
