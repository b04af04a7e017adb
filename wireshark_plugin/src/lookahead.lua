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
