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
