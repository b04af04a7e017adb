-- Reads the beginning of a capture before Wireshark dissects it, so that frames which come before
-- the evidence of their association are tagged in one pass as in two. Reads pcap and pcapng; the
-- file stays Wireshark's to open: every reader here says "not mine".
local packet = require("packet")
local sflow = require("sflow")
local tracker = require("tracker")

local lookahead = {}

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

-- Each of these calls take(seconds, captured bytes, length on the wire) for every frame, until it
-- returns false or the file ends.
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
  file:read(20)
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
    if not s or not take(u32(head, 1) + u32(head, 5) / fraction, s, captured, wire) then
      return
    end
  end
end

local function pcapng(file, take, skipped)
  file:seek("set", 0)
  local u32, units = reader("little"), {}
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
      units = {}
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
        if not take(ts, s, captured, wire) then
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
        end
      end
    end
  end
end

-- By connection, what a tracker found: a function (key, seconds) -> entry or nil. Of samples those
-- that show nothing were not followed: they belong to the connection unless it began after them.
local function index(t, sampled)
  local found = {}
  for _, a in ipairs(t.list) do
    if a.confirmed then
      local one, other = a.c.a, a.c.b
      local from = math.min(one.first_seen or a.ts, other.first_seen or a.ts) - 1e-4
      local to = math.max(one.last_seen or a.ts, other.last_seen or a.ts) + 1e-4
      local entry = {
        from = sampled and not a.c.syn and 0 or from, to = sampled and math.huge or to,
        start_frame = a.start_frame, ts = a.ts, confidence = a.confidence, orig_key = a.orig.key,
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

-- Reads up to `limit` frames, and of sFlow up to `datagrams` (nil: all). sampled: the frames are
-- samples themselves. Returns hosts (what was learnt
-- of them), find and find_sample (what is known of a connection of captured or sampled frames), or
-- nil where the file is of another format.
function lookahead.scan(file, limit, sampled, datagrams)
  file:seek("set", 0)
  local first = file:read(4)
  local magic = first and MAGIC[first]
  if not magic and first ~= "\10\13\13\10" then
    return nil
  end
  local frames, samples = tracker.new({ sampled = sampled }), tracker.new({ sampled = true })
  samples.endpoints = frames.endpoints
  local seen, told, out, info = 0, 0, {}, {}
  -- Whether the sampled header at `at` may show what its connection is: the first bytes of a PDU or
  -- a command (see tracker.lua), or a SYN. Most do not: acknowledgments, the inside of data sets.
  local function may_show(s, at)
    local t1, t2, v, _, l1, l2, _, _, _, _, _, p = byte(s, at + 12, at + 23)
    if p ~= 6 or v ~= 0x45 or t1 ~= 8 or t2 ~= 0 then
      return p ~= 17
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
  local function feed(t, s, ts, wire, rate)
    if out.proto == 6 and out.key and not out.fragment and not out.short then
      info.abs_ts, source.s = ts, s
      local there = math.max(0, math.min(#s - out.offset, out.length))
      local d = t:packet(seen, info, out.key, out.seq, out.ack, out.flags, source, out.offset,
        out.length, there, wire, rate)
      d.last_seen = ts
      d.first_seen = d.first_seen or ts
    end
  end
  local function take(ts, s, _, wire)
    seen = seen + 1
    if seen > limit then
      return false
    end
    packet.parse(s, wire, out)
    if out.proto == 17 and out.length and not out.fragment then
      if datagrams and told >= datagrams then
        return true
      end
      told = told + 1
      local datagram = sub(s, out.offset + 1, out.offset + out.length)
      sflow.read(datagram, function(sample)
        packet.sampled(sample.protocol, sample.header, sample.length, out)
        feed(samples, sample.header, ts, sample.length, sample.rate)
      end, nil, nil, may_show)
    else
      feed(frames, s, ts, wire, 1)
    end
    return true
  end
  if magic then
    pcap(file, magic, take)
  else
    pcapng(file, take, function() seen = seen + 1 end)
  end
  frames:flush()
  samples:flush()
  return { hosts = frames.endpoints, find = index(frames), find_sample = index(samples, true) }
end

return lookahead
