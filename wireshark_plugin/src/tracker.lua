-- Follows TCP connections packet by packet and says which association each belongs to.
local association = require("association")
local dimse = require("dimse")
local endpoints = require("endpoints")
local pdu = require("pdu")
local stream = require("stream")

local tracker = {}
tracker.__index = tracker

local byte, find, floor, sub = string.byte, string.find, math.floor, string.sub

local MODULUS, HALF = 4294967296, 2147483648
-- Connections without evidence that are remembered: two generations of this many.
local GENERATION = 16384
-- Segments that wait for one before them, and their bytes, per direction.
local MAX_WAITING, MAX_WAITING_BYTES = 256, 262144
local MAX_HOLES = 64
-- No acknowledgment is further ahead than TCP's largest window (RFC 7323).
local MAX_WINDOW = 1073741824
-- As Zeek's tcp_close_delay: what still comes in after the end belongs to it.
local CLOSE_DELAY = 5.0

local DICOM_PORT = { [104] = true, [2761] = true, [2762] = true, [4242] = true, [11112] = true }
tracker.DICOM_PORT = DICOM_PORT

-- options: inventory, sampling_rate, on_row(association), lookahead (a function of key and time)
function tracker.new(options)
  options = options or {}
  stream.reset_budget()
  local t = setmetatable({
    kept = {}, young = {}, old = {}, young_size = 0, by_key = {}, list = {}, closing = {},
    closing_first = 1, next_id = 1, frame = 0, frames = 0, options = options,
    endpoints = endpoints.new(options.inventory), sampled = options.sampled or false,
    sampling_rate = options.sampling_rate,
  }, tracker)
  t.hooks = {
    counts = function(a, d) return not a.frozen and not d.frozen end,
    pdu_done = function(_, a, d)
      if not d.frozen then
        a.last_pdu_ts = t.now
      end
    end,
    lost = function(c, d) t:lost(c, d) end,
    again = function(c, d) return t:again(c, d) end,
    guess_originator = function(c, a, d, command) t:guess_originator(c, a, d, command) end,
    requested = function(c, a, d, command) t.endpoints:requested(t.frame, a, d, command) end,
  }
  return t
end

local function swap_key(key)
  if #key >= 36 then
    return sub(key, 17, 32) .. sub(key, 1, 16) .. sub(key, 35, 36) .. sub(key, 33, 34)
      .. sub(key, 37)
  end
  return sub(key, 5, 8) .. sub(key, 1, 4) .. sub(key, 11, 12) .. sub(key, 9, 10) .. sub(key, 13)
end

local function half(key, first)
  if #key >= 36 then
    return first and sub(key, 1, 16) or sub(key, 17, 32),
      first and sub(key, 33, 34) or sub(key, 35, 36)
  end
  return first and sub(key, 1, 4) or sub(key, 5, 8),
    first and sub(key, 9, 10) or sub(key, 11, 12)
end

-- key: source address, destination address, source port, destination port, as on the wire.
function tracker:connect(key)
  local a = { key = key, packets = 0, wire_bytes = 0, samples = 0, missed = 0, skip = 0 }
  local b = { key = swap_key(key), packets = 0, wire_bytes = 0, samples = 0, missed = 0, skip = 0 }
  a.host, a.port_raw = half(key, true)
  b.host, b.port_raw = half(key, false)
  a.port = byte(a.port_raw, 1) * 256 + byte(a.port_raw, 2)
  b.port = byte(b.port_raw, 1) * 256 + byte(b.port_raw, 2)
  local c = { a = a, b = b, seen_version = -1 }
  a.c, b.c, a.peer, b.peer = c, c, b, a
  if self.young_size >= GENERATION then
    self.old, self.young, self.young_size = self.young, {}, 0
  end
  self.young[a.key], self.young[b.key] = a, b
  self.young_size = self.young_size + 1
  return a
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
local function keep(t, c)
  local a = c.assoc
  if not a.id then
    a.id = t.next_id
    t.next_id = t.next_id + 1
    t.list[#t.list + 1] = a
    t.kept[c.a.key], t.kept[c.b.key] = c.a, c.b
    for _, key in ipairs({ c.a.key, c.b.key }) do
      local of_key = t.by_key[key] or {}
      t.by_key[key] = of_key
      of_key[#of_key + 1] = a
    end
  end
end

local function open(t, c)
  local a = association.new(c.first_frame or t.frame, c.first_ts or t.now)
  a.c, c.assoc, a.flags.sampled = c, a, t.sampled or nil
  return a
end

-- The association ended on this connection and another begins.
function tracker:again(c, d)
  local before = c.assoc
  self:finish(before)
  c.first_frame, c.first_ts = self.frame, self.now
  local a = open(self, c)
  a.fin_before = true
  c.a.data_bytes, c.b.data_bytes, c.a.missed, c.b.missed = nil, nil, 0, 0
  return a
end

-- The parser cannot go on in direction d.
function tracker:lost(c, d)
  local a = c.assoc
  if not a.confirmed then
    -- It only looked like DICOM: nothing of it is kept.
    if a.id then
      a.counts, a.flags, a.offered = association.new().counts, { sampled = a.flags.sampled }, {}
    else
      c.assoc = nil
    end
    stream.start(c.a, nil)
    stream.start(c.b, nil)
    if c.syn and not c.past_start then
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

-- After a gap neither direction is counted on. Tags go on.
function tracker:stop(c)
  local a = c.assoc
  if not a.frozen then
    a.frozen = true
    a.stopped_before_end = not a.finish and not a.rejected
    stream.start(c.a, nil)
    stream.start(c.b, nil)
  end
end

-- The stream speaks another protocol.
function tracker:foreign(c)
  c.foreign = true
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

local FOREIGN_START = { "^[\20-\23]\3[\0-\4]", "^HTTP/", "^[A-Z]+ [^ ]+ HTTP/", "^\3\0[\0-\5]" }

local function looks_foreign(s)
  for i = 1, #FOREIGN_START do
    if find(s, FOREIGN_START[i]) then
      return true
    end
  end
  return false
end

local function printable_titles(s)
  return #s < 42 or (find(s, "^[ -~\0]+$", 11) == nil and not find(sub(s, 11, 42), "[^ -~\0]"))
end

-- Whether the segment s shows by itself where a PDU or a command set begins in it.
local function hunt(t, c, d, s, cut)
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
  elseif first == 0 then
    if sub(s, 1, 8) ~= "\0\0\0\0\4\0\0\0" then
      return false
    end
    local command = dimse.command(s, true)
    if not command or not (command.field or command.sop) then
      return false
    end
    a = a or open(t, c)
    d.guess = true
    d.pdu_left, d.last_fragment, d.command = 0, true, nil
    stream.start(d, "C", command.group_length + 12)
    return true
  elseif first == 1 or first == 2 then
    if (a and (a.rq or a.frozen)) and first == 1 or d.frozen or not pdu.can_begin(s)
      or not printable_titles(s) then
      return false
    end
  elseif first == 3 or first >= 5 and first <= 7 then
    if not confirmed or d.frozen or #s ~= 10 or sub(s, 2, 6) ~= "\0\0\0\0\4" then
      return false
    end
  else
    return false
  end
  if not a then
    open(t, c)
  end
  d.guess = true
  stream.start(d, "H", 6)
  return true
end

local function add_hole(d, from, length)
  d.missed = d.missed + length
  local holes = d.holes
  if not holes then
    holes = {}
    d.holes = holes
  end
  if #holes < MAX_HOLES then
    holes[#holes + 1] = { from, length }
  end
end

-- A segment from before fills holes that it covers.
local function fill(d, from, length)
  for i = #d.holes, 1, -1 do
    local hole = d.holes[i]
    local start = (hole[1] - from + HALF) % MODULUS - HALF
    local stop = start + hole[2]
    local low, high = start > 0 and start or 0, stop < length and stop or length
    if high > low then
      d.missed = d.missed - (high - low)
      table.remove(d.holes, i)
      if low > start then
        d.holes[#d.holes + 1] = { hole[1], low - start }
      end
      if stop > high then
        d.holes[#d.holes + 1] = { (from + high) % MODULUS, stop - high }
      end
    end
  end
end

-- Bytes in sequence: s is what was captured of `length` bytes on the wire.
local function in_sequence(t, c, d, s, length)
  local captured = #s
  d.next = (d.next + length) % MODULUS
  if c.foreign or c.tls then
    return
  end
  if captured > 0 then
    if not d.kind then
      if d.begins and not c.assoc then
        -- The first bytes of the whole connection: a request, or the acceptance of one that was
        -- not captured, or another protocol.
        if not pdu.can_begin(s) or (byte(s, 1) == 2 and c.tcp_orig ~= d.peer) then
          t:foreign(c)
          return
        end
        open(t, c)
        stream.start(d, "H", 6)
      elseif d.begins and c.assoc and not c.assoc.frozen then
        stream.start(d, "H", 6)
      elseif not hunt(t, c, d, s, captured < length) then
        local a = c.assoc
        if a and a.id and not a.confirmed and looks_foreign(s) then
          t:foreign(c)
        end
        return
      end
    end
    d.begins = nil
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

-- The bytes before the first waiting segment will not come.
local function give_up(t, c, d, gap)
  add_hole(d, d.next, gap)
  d.next = (d.next + gap) % MODULUS
  d.begins = nil
  if d.kind and not stream.hole(t.hooks, c, d, gap, false) then
    local a = c.assoc
    if a and a.confirmed and not t.sampled and not a.flags.truncated and not d.guess then
      t:stop(c)
    end
  end
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
      fill(d, w.seq, w.length)
    end
  end
  d.waiting = nil
end

local function flush_waiting(t, c, d)
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
    flush_waiting(t, c, d)
  end
end

local function segment(t, c, d, seq, length, captured, source, offset)
  local expected = d.next
  if not expected then
    expected, d.next = seq, seq
  end
  local ahead = (seq - expected + HALF) % MODULUS - HALF
  if ahead < 0 then
    if d.holes then
      fill(d, seq, length)
    end
    if -ahead >= length then
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
      give_up(t, c, d, ahead)
    elseif d.kind or d.begins then
      wait(t, c, d, seq, length, captured > 0 and source:raw(offset, captured) or "")
      return
    else
      add_hole(d, d.next, ahead)
      d.next = seq
    end
  elseif ahead > 0 then
    give_up(t, c, d, ahead)
  end
  in_sequence(t, c, d, captured > 0 and source:raw(offset, captured) or "", length)
  if d.waiting then
    drain(t, c, d)
  end
end

-- A stream without evidence of its own between endpoints that are known.
local function presume(t, c, d)
  if c.foreign or c.assoc then
    return
  end
  if c.seen_version < 0 and t.options.lookahead then
    local seen = t.options.lookahead(d.key, t.now)
    if seen then
      c.seen_version = 0
      local a = open(t, c)
      a.start_frame, a.ts = seen.start_frame, seen.ts
      a.basis, a.confidence, a.presumed = "association", seen.confidence, true
      a.orig = seen.orig_key == d.key and d or seen.orig_key and d.peer or nil
      a.base = seen.base
      keep(t, c)
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
    local a = open(t, c)
    a.presumed, a.basis, a.confidence = true, basis, confidence
    a.orig = listener == d and d.peer or d
    keep(t, c)
    a.dirty = true
  end
end

-- Whether a whole packet of direction d without SYN, FIN or RST, is but an acknowledgment or
-- the inside of a data set; then it is counted here and nothing else is to do.
function tracker:inside(d, seq, flags, length, wire)
  if flags % 8 ~= 0 or d.peer.waiting or self.rate ~= 1 then
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
  else
    local a = d.c.assoc
    if not a or not a.snap or a.snap.untagged then
      return false
    end
  end
  d.packets, d.wire_bytes = d.packets + 1, d.wire_bytes + wire
  return true
end

-- flags: the byte of TCP flags. source:raw(offset, length) gives captured bytes, source_info.abs_ts
-- the time. Returns the direction of this packet; its c.assoc, where tagged, is the association.
function tracker:packet(frame, info, key, seq, ack, flags, source, offset, length, captured, wire,
                        rate)
  local d = self.kept[key] or self:direction(key)
  if d then
    d.packets, d.wire_bytes = d.packets + 1, d.wire_bytes + wire * rate
  end
  self.frame, self.now = frame, info.abs_ts
  local syn, fin, reset = flags % 4 >= 2, flags % 2 == 1, flags % 8 >= 4
  if d and syn and flags % 32 < 16 then
    local c = d.c
    if (d.isn and d.isn ~= seq) or (not d.isn and d.next and not self.sampled) then
      -- The ports are used again.
      self:replace(c)
      d = nil
    end
  end
  if not d then
    d = self:connect(key)
    d.packets, d.wire_bytes = 1, wire * rate
  end
  local c = d.c
  if rate > 1 then
    d.samples = d.samples + 1
  end
  if syn then
    c.syn = true
    d.isn = seq
    if not d.next then
      d.next = (seq + 1) % MODULUS
      d.begins = true
    end
    c.tcp_orig = flags % 32 < 16 and d or d.peer
    if length > 0 then
      seq = (seq + 1) % MODULUS
    end
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
    d.payload = true
    segment(self, c, d, seq, length, captured, source, offset)
    local a = c.assoc
    if a then
      a.last_ts = self.now
      if captured < length then
        a.flags.truncated = true
      end
    end
  end
  local p = d.peer
  if p.waiting and flags % 32 >= 16 and (ack - p.waiting[1].seq + HALF) % MODULUS >= HALF then
    -- The other side has what is missing here: it was not captured.
    flush_waiting(self, c, p)
  end
  if fin or (reset and not d.fin_at) then
    d.fin_at = (seq + length) % MODULUS
  end
  if fin or reset then
    d.fin = true
    d.ack_at_end = flags % 32 >= 16 and ack or d.ack_at_end
    if (reset or p.fin) and not c.closed then
      c.closed = self.now
      self.closing[#self.closing + 1] = c
    end
  end
  return self:after(c, d)
end

function tracker:after(c, d)
  local a = c.assoc
  if a then
    if a.confirmed and not a.id then
      keep(self, c)
    end
    if a.dirty and a.id then
      if a.confirmed then
        self.endpoints:learn(self.frame, c, a)
      end
      association.snapshot(a, self.frame)
    end
  end
  self.frames = self.frames + 1
  if self.closing[self.closing_first] then
    self:sweep()
  end
  return d
end

-- Plain bytes of a TLS connection, in the order of their records.
function tracker:plaintext(frame, info, key, s)
  self.frame, self.now = frame, info.abs_ts
  local d = self:direction(key) or self:connect(key)
  local c = d.c
  if not c.tls then
    c.tls, c.foreign = true, nil
    if not c.assoc or not c.assoc.confirmed then
      c.first_frame, c.first_ts = frame, self.now
      if not c.assoc then
        open(self, c)
      end
      stream.start(c.a, "H", 6)
      stream.start(c.b, "H", 6)
    end
    c.assoc.untagged, c.assoc.tls = nil, true
  end
  stream.feed(self.hooks, c, d, s)
  local a = c.assoc
  if a then
    a.last_ts = self.now
  end
  return self:after(c, d)
end

function tracker:replace(c)
  local a = c.assoc
  if a then
    self:finish(a)
    if a.id then
      a.untagged = true
      association.snapshot(a, self.frame)
    end
  end
  for _, d in ipairs({ c.a, c.b }) do
    self.kept[d.key], self.young[d.key], self.old[d.key] = nil, nil, nil
  end
end

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
  elseif ahead > 0 and not d.fin_at then
    ahead = ahead - 1
  end
  return ahead > 0 and ahead or 0, true
end

-- Writes the row of an association, once.
function tracker:finish(a)
  if a.done then
    return
  end
  a.done = true
  local c = a.c
  for _, d in ipairs({ c.a, c.b }) do
    flush_waiting(self, c, d)
    if d.kind == "B" and d.pdu_type <= pdu.ASSOCIATE_AC then
      -- The rest of a request or of its answer never came.
      stream.hole(self.hooks, c, d, d.want - d.have, false)
    end
  end
  a.end_seen = true
  for _, d in ipairs({ c.a, c.b }) do
    local missing, known = tail(d)
    d.missed, d.next = d.missed + missing, d.next and (d.next + missing) % MODULUS
    a.end_seen = a.end_seen and known and missing == 0
  end
  local orig = a.orig or c.tcp_orig or c.a
  a.orig = orig
  local resp = orig.peer
  a.orig_data, a.resp_data = orig.data_bytes or 0, resp.data_bytes or 0
  a.missed = orig.missed + resp.missed
  a.closed = c.closed ~= nil
  a.silent = resp.isn and not resp.payload and resp.missed == 0
  self.endpoints:finished(self.frame, a)
  c.a.parts, c.b.parts, c.a.holes, c.b.holes = {}, {}, nil, nil
  if a.confirmed and self.options.on_row then
    self.options.on_row(a)
  end
end

function tracker:sweep(all)
  local first = self.closing_first
  while self.closing[first] and (all or self.closing[first].closed + CLOSE_DELAY < self.now) do
    local c = self.closing[first]
    self.closing[first] = nil
    first = first + 1
    if c.assoc then
      self:finish(c.assoc)
    end
  end
  self.closing_first = first
end

-- The end of the capture.
function tracker:flush()
  self:sweep(true)
  -- Requests and answers of which only a part came.
  local begun = {}
  for _, generation in ipairs({ self.old, self.young }) do
    for _, d in pairs(generation) do
      local a = d.c.assoc
      if a and not a.id and not a.done and (d.kind == "B" or d.waiting) then
        begun[#begun + 1] = a
      end
    end
  end
  table.sort(begun, function(a, b) return a.start_frame < b.start_frame end)
  for _, a in ipairs(begun) do
    self:finish(a)
  end
  for _, a in ipairs(self.list) do
    self:finish(a)
  end
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
