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

local function pcapng(file, take, skipped)
  file:seek("set", 0)
  local u32, units, kinds = reader("little"), {}, {}
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
      u32 = reader(byte(order, 1) == 0x1a and "big" or "little")
      units, kinds = {}, {}
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
        elseif kind == 1 then
          -- if_tsresol is option 9 of an interface description.
          local at, unit = 9, 1e6
          while at + 4 <= #rest - 4 do
            local option, length
            if u32("\1\0\0\0", 1) == 1 then
              option = byte(rest, at) + byte(rest, at + 1) * 256
              length = byte(rest, at + 2) + byte(rest, at + 3) * 256
            else
              option = byte(rest, at) * 256 + byte(rest, at + 1)
              length = byte(rest, at + 2) * 256 + byte(rest, at + 3)
            end
            if option == 0 then
              break
            elseif option == 9 and length == 1 then
              local r = byte(rest, at + 4)
              unit = r < 128 and 10 ^ r or 2 ^ (r - 128)
            end
            at = at + 4 + length + (4 - length % 4) % 4
          end
          units.n = (units.n or -1) + 1
          units[units.n] = unit
          kinds[units.n] = u32("\1\0\0\0", 1) == 1 and byte(rest, 1) + byte(rest, 2) * 256
            or byte(rest, 1) * 256 + byte(rest, 2)
        end
      end
    end
  end
end

-- Calls take(seconds, first bytes, length on the wire, link type) for every frame, until it returns
-- false or the file ends, and skipped() for one that has no time. Returns nil where the file is of
-- another format.
function capturefile.read(file, take, skipped)
  file:seek("set", 0)
  local first = file:read(4)
  local magic = first and MAGIC[first]
  if magic then
    pcap(file, magic, take)
  elseif first == "\10\13\13\10" then
    pcapng(file, take, skipped)
  else
    return nil
  end
  return true
end

return capturefile
