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
