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
