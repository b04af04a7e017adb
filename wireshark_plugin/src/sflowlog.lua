-- Writes sflow.log: what was received of each sFlow agent and source, what was lost on the way, and
-- what the counters of its interfaces say, one row an hour.
--
-- A row with a source tells of its flow samples, one without of the agent's datagrams. Sequence
-- numbers, sample pool, drops and counters are told as growth since the source was first seen (or
-- since the last row), so that rows add up.
local bytes = require("bytes")

local sflowlog = {}
sflowlog.__index = sflowlog

local byte = string.byte
local u32 = bytes.u32

local MODULUS, HALF = 4294967296, 2147483648
-- Datagrams may overtake one another by so many, and an agent's clock may step back so far (ms).
local LATE, STEP = 64, 5000
-- So many sources are followed at a time; then all begin anew.
local MAX_SOURCES = 65536
local UNKNOWN = 4294967295

sflowlog.FIELDS = {
  { "ts", "time" }, { "last", "time" }, { "agent", "addr" }, { "sub_agent", "count" },
  { "source_type", "count" }, { "source", "count" },
  -- Datagrams or flow samples that were received; those after the first, the growth of their
  -- sequence number meanwhile, and how often it began anew.
  { "received", "count" }, { "followed", "count" }, { "sequence", "count" },
  { "restarts", "count" },
  -- Of datagrams: captured twice, ill-formed, cut short by the capture, bytes on the wire.
  { "duplicates", "count" }, { "malformed", "count" }, { "cut", "count" }, { "bytes", "count" },
  -- Of samples: without a rate, without a sampled header.
  { "no_rate", "count" }, { "no_header", "count" },
  -- The rate declared last, the sum of rates of the samples followed, growth of pool and drops.
  { "rate", "count" }, { "rates", "count" }, { "pool", "count" }, { "drops", "count" },
  -- Counter samples, and between the first and the last of them: seconds, growth of the counters,
  -- and sum of rate x length, of its square, and number of samples that came in or went out.
  { "counters", "count" }, { "seconds", "interval" },
  { "in_bytes", "count" }, { "in_packets", "count" }, { "in_sampled", "double" },
  { "in_squares", "double" }, { "in_samples", "count" },
  { "out_bytes", "count" }, { "out_packets", "count" }, { "out_sampled", "double" },
  { "out_squares", "double" }, { "out_samples", "count" },
}

-- write(row) takes a row; others(what, ts) samples that are not followed.
function sflowlog.new(write, others)
  return setmetatable({ write = write, others = others or function() end, agents = {}, all = {}, ts = 0, wire = 0 }, sflowlog)
end

-- Something that has rows: an agent or a source. `row` is nil until there is anything to tell.
local function entry(log, agent, sub_agent, kind, index)
  local e = { agent = agent, sub_agent = sub_agent, kind = kind, index = index }
  log.all[#log.all + 1] = e
  return e
end

-- Whether the sources of an agent count in one sequence, though each has its own in sFlow v5; and
-- whether they share one pool.
local function is_shared(e, what)
  local of = e.of
  return of and of.switches > 0 and of[what] * 2 > of.switches
end

local function finish(log, e)
  local row = e.row
  if row then
    e.row = nil
    if is_shared(e, "in_sequence") then
      row.sequence = row.shared_sequence
      row.pool = is_shared(e, "in_pool") and row.shared_pool or row.pool
    end
    row.agent, row.sub_agent, row.source_type, row.source = e.agent, e.sub_agent, e.kind, e.index
    log.write(row)
  end
end

local function row_of(log, e)
  local row, ts = e.row, log.ts
  if row and row.hour == log.hour then
    row.last = ts
    return row
  end
  finish(log, e)
  row = { hour = log.hour, ts = ts, last = ts, received = 0, followed = 0, sequence = 0, restarts = 0 }
  if e.index then
    row.no_rate, row.no_header, row.rates, row.pool, row.drops = 0, 0, 0, 0, 0
    row.shared_sequence, row.shared_pool = 0, 0
  else
    row.duplicates, row.malformed, row.cut, row.bytes = 0, 0, 0, 0
  end
  e.row = row
  return row
end

-- Whether the agent began anew: its clock went back, other than by its 32 bits running full.
local function restarted(e, uptime)
  local before = e.uptime
  return before and uptime + STEP < before and before - uptime < HALF
end

-- Time and bytes on the wire of the frame that is read next.
function sflowlog:frame(ts, wire)
  self.ts, self.wire, self.hour = ts, wire, ts - ts % 3600
end

-- Returns false where the datagram was there already.
function sflowlog:datagram(agent, sub_agent, sequence, uptime)
  if #self.all >= MAX_SOURCES then
    self:flush()
  end
  local of_agent = self.agents[agent]
  if not of_agent then
    of_agent = {}
    self.agents[agent] = of_agent
  end
  local e = of_agent[sub_agent]
  if not e then
    e = entry(self, agent, sub_agent)
    e.sources, e.recent, e.switches, e.in_sequence, e.in_pool = {}, {}, 0, 0, 0
    of_agent[sub_agent] = e
  end
  self.of, self.late = e, false
  local row = row_of(self, e)
  local place = sequence % LATE
  if e.recent[place] == sequence and e.recent[place + LATE] == uptime then
    row.duplicates = row.duplicates + 1
    return false
  end
  e.recent[place], e.recent[place + LATE] = sequence, uptime
  row.received, row.bytes = row.received + 1, row.bytes + self.wire
  local ahead = e.sequence and (sequence - e.sequence + HALF) % MODULUS - HALF
  if ahead and (restarted(e, uptime) or ahead <= -LATE) then
    row.restarts = row.restarts + 1
    e.sources, e.recent, e.latest, ahead = {}, {}, nil, nil
  elseif ahead then
    row.followed = row.followed + 1
    if ahead <= 0 then
      self.late = true
      return true
    end
    row.sequence = row.sequence + ahead
  end
  e.sequence, e.uptime = sequence, uptime
  return true
end

local function source(log, kind, index)
  local key = kind * MODULUS + index
  local e = log.of.sources[key]
  if not e then
    e = entry(log, log.of.agent, log.of.sub_agent, kind, index)
    e.of = log.of
    log.of.sources[key] = e
  end
  log.now = e
  return e
end

-- Weights of samples since the last counter sample of their interface.
local function pending(e)
  local p = { n_in = 0, sum_in = 0, squares_in = 0, n_out = 0, sum_out = 0, squares_out = 0 }
  e.pending = p
  return p
end

-- A sample of source e, whose own sequence grew by `ahead`, behind one of any source of its agent.
-- Returns how the sequence and the pool grew since that one.
local function since_latest(e, sequence, pool, ahead)
  local of = e.of
  local latest = of.latest
  if not latest then
    of.latest = { e, sequence, pool }
    return 0, 0
  end
  local grown, more = (sequence - latest[2]) % MODULUS, (pool - latest[3]) % MODULUS
  if latest[1] ~= e then
    of.switches = of.switches + 1
    of.in_sequence = of.in_sequence + (grown == 1 and ahead ~= 1 and 1 or 0)
    of.in_pool = of.in_pool + (more < HALF and 1 or -1)
  end
  latest[1], latest[2], latest[3] = e, sequence, pool
  return grown < HALF and grown or 0, more < HALF and more or 0
end

function sflowlog:flow(s, at, expanded, rate)
  -- Sequence number, source, rate, pool, drops, input, output; expanded, source and interfaces are
  -- two words each.
  local c1, c2, c3, c4, kind, i2, i3, i4, _, _, _, _, p1, p2, p3, p4, d1, d2, d3, d4, n1, n2, n3, n4,
    o1, o2, o3, o4 = byte(s, at, at + 27)
  local index, into, out_of
  if expanded then
    kind, index = u32(s, at + 4), u32(s, at + 8)
    into = u32(s, at + 24) == 0 and u32(s, at + 28)
    out_of = u32(s, at + 32) == 0 and u32(s, at + 36)
    p1, p2, p3, p4, d1, d2, d3, d4 = byte(s, at + 16, at + 23)
  else
    index = (i2 * 256 + i3) * 256 + i4
    into = ((n1 * 256 + n2) * 256 + n3) * 256 + n4
    out_of = ((o1 * 256 + o2) * 256 + o3) * 256 + o4
  end
  local sequence = ((c1 * 256 + c2) * 256 + c3) * 256 + c4
  local pool = ((p1 * 256 + p2) * 256 + p3) * 256 + p4
  local drops = ((d1 * 256 + d2) * 256 + d3) * 256 + d4
  local e = source(self, kind, index)
  local row = row_of(self, e)
  row.received, row.rate = row.received + 1, rate
  -- Sampled where it came in, or where it went out.
  self.into, self.out_of = into == index, out_of == index
  local before = e.sequence
  if not before then
    e.of.latest = { e, sequence, pool }
  else
    local ahead = (sequence - before + HALF) % MODULUS - HALF
    if ahead > 0 and not self.late then
      local grown, more = since_latest(e, sequence, pool, ahead)
      row.shared_sequence, row.shared_pool = row.shared_sequence + grown, row.shared_pool + more
      row.followed, row.rates = row.followed + 1, row.rates + rate
      row.sequence, row.pool = row.sequence + ahead, row.pool + (pool - e.pool) % MODULUS
      if drops > e.drops then
        row.drops = row.drops + drops - e.drops
      end
    elseif self.late then
      row.followed, row.rates = row.followed + 1, row.rates + rate
      return
    else
      row.restarts = row.restarts + 1
    end
  end
  e.sequence, e.pool, e.drops = sequence, pool, drops
end

function sflowlog:header(rate, length)
  local e = self.now
  if not e.counters then
    -- Before the first counter sample there is nothing to compare with.
    return
  end
  local weight = 1.0 * rate * length
  if self.into then
    local p = e.pending or pending(e)
    p.n_in, p.sum_in, p.squares_in = p.n_in + 1, p.sum_in + weight, p.squares_in + weight * weight
  elseif self.out_of then
    local p = e.pending or pending(e)
    p.n_out, p.sum_out = p.n_out + 1, p.sum_out + weight
    p.squares_out = p.squares_out + weight * weight
  end
end

-- A sample that is none of a packet that passed.
function sflowlog:other(what)
  self.others(what, self.ts)
end

-- A flow sample of which nothing could be used.
function sflowlog:unused(rate)
  local row = row_of(self, self.now)
  if rate == 0 then
    row.no_rate = row.no_rate + 1
  else
    row.no_header = row.no_header + 1
  end
end

-- Growth of a counter that is kept as two halves, or nil where it was reset or is not known.
local function growth(high, low, before_high, before_low)
  if high == UNKNOWN and low == UNKNOWN or before_high == UNKNOWN and before_low == UNKNOWN then
    return nil
  end
  local grown = (high - before_high) * MODULUS + (low - before_low)
  return grown >= 0 and grown < MODULUS * 1048576 and grown or nil
end

function sflowlog:interface(index, in_high, in_low, in_packets, out_high, out_low, out_packets)
  local e = source(self, 0, index)
  local row, before = row_of(self, e), e.counters
  row.counters = (row.counters or 0) + 1
  if before and self.late then
    return
  end
  local p = e.pending or pending(e)
  e.pending = nil
  if before then
    local grown_in = growth(in_high, in_low, before[1], before[2])
    local grown_out = growth(out_high, out_low, before[4], before[5])
    if grown_in and grown_out then
      row.seconds = (row.seconds or 0) + (self.ts - before.ts)
      row.in_bytes = (row.in_bytes or 0) + grown_in
      row.out_bytes = (row.out_bytes or 0) + grown_out
      row.in_packets = (row.in_packets or 0) + (in_packets - before[3]) % MODULUS
      row.out_packets = (row.out_packets or 0) + (out_packets - before[6]) % MODULUS
      row.in_sampled = (row.in_sampled or 0) + p.sum_in
      row.in_squares = (row.in_squares or 0) + p.squares_in
      row.in_samples = (row.in_samples or 0) + p.n_in
      row.out_sampled = (row.out_sampled or 0) + p.sum_out
      row.out_squares = (row.out_squares or 0) + p.squares_out
      row.out_samples = (row.out_samples or 0) + p.n_out
    end
  end
  e.counters = { in_high, in_low, in_packets, out_high, out_low, out_packets, ts = self.ts }
end

-- Not everything that the datagram announced was there, or well-formed.
function sflowlog:damaged(cut)
  local row = row_of(self, self.of)
  if cut then
    row.cut = row.cut + 1
  else
    row.malformed = row.malformed + 1
  end
end

-- Writes all rows and forgets everything.
function sflowlog:flush()
  for _, e in ipairs(self.all) do
    finish(self, e)
  end
  self.agents, self.all = {}, {}
end

return sflowlog
