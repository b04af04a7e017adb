-- Keeps the time of an association's operations: from request to response, of data sets that flow, of
-- pauses. docs/tag-logs.md has the rules. What was not seen stays nil; no interval is negative.
local dimse = require("dimse")

local times = {}

local floor = math.floor

-- Seconds: a sender that says nothing for so long is silent; what it waited for has come so shortly
-- before; no operation takes longer; a clock that stepped back by more was set.
times.SILENCE = 0.02
local SLACK, LONGEST = 0.005, 86400
-- Requests of one side that are timed at once.
local MAX_OPEN = 1024
-- Frames of which a measurement is remembered.
local MAX_MEASURED = 262144
local BUCKETS = 32

times.OPERATIONS = { "echo", "store", "find", "get", "move", "n" }
local KIND = { [1] = "store", [0x10] = "get", [0x20] = "find", [0x21] = "move", [0x30] = "echo" }
local CANCEL = 0x0FFF
-- Those whose first response is not their last.
local RESPONDS_OFTEN = { find = true, get = true, move = true }

-- Microseconds between two moments; nil where no time passes so.
local function between(from, to)
  local seconds = to - from
  if seconds < 0 or seconds > LONGEST then
    return nil
  end
  return floor(seconds * 1e6 + 0.5)
end
times.between = between

-- The element of a histogram that counts so many microseconds.
function times.bucket(us)
  local k, limit = 1, 1000
  while us >= limit and k < BUCKETS do
    k, limit = k + 1, limit * 2
  end
  return k
end

-- What is known of the requests of direction d.
local function side_of(a, d)
  local sides = a.times
  if not sides then
    sides = {}
    a.times = sides
  end
  local side = sides[d]
  if not side then
    side = { rows = {}, pending = {}, size = 0, open = 0, untracked = 0 }
    sides[d] = side
  end
  return side
end

local function row_of(side, kind)
  local row = side.rows[kind]
  if not row then
    row = {
      count = 0, failed = 0, data_sets = 0, data_pdvs = 0, data_bytes = 0, data_us = 0,
      silent_us = 0, ack_us = 0, pause_us = 0, n = 0, sum = 0, hist = {}, fine = {}, first_n = 0,
      first_sum = 0, outstanding = 0,
    }
    side.rows[kind] = row
  end
  return row
end

-- Remembers a measurement for the frame in hand: key of fields.lua, value.
local function show(t, key, value)
  local measured = t.measured
  if not measured or not value then
    return
  end
  local of_frame = measured[t.frame]
  if not of_frame then
    t.measured_size = (t.measured_size or 0) + 1
    if t.measured_size > MAX_MEASURED then
      return
    end
    of_frame = {}
    measured[t.frame] = of_frame
  end
  of_frame[#of_frame + 1], of_frame[#of_frame + 2] = key, value
end

times.show = show

-- The time passed since an operation's request ended; nil where that says nothing.
local function passed(t, d, entry)
  if not entry.asked or entry.skew ~= t.skew or entry.again or d.late then
    return nil
  end
  return between(entry.asked, t.now)
end

-- One eighth of a power of two: for tables, whose percentiles are then off by 5 % at most.
local function fine(us)
  return us > 0 and floor(math.log(us) / math.log(2) * 8) or -1
end
times.fine = fine

local function measure(row, us)
  row.n, row.sum = row.n + 1, row.sum + us
  row.min = row.min and row.min < us and row.min or us
  row.max = row.max and row.max > us and row.max or us
  local k, f = times.bucket(us), fine(us)
  row.hist[k] = (row.hist[k] or 0) + 1
  row.fine[f] = (row.fine[f] or 0) + 1
end

local function requested(t, d, side, kind, command)
  local row = row_of(side, kind)
  row.count = row.count + 1
  if side.open == 0 and side.idle and side.skew == t.skew then
    row.pause_us = row.pause_us + (between(side.idle, t.now) or 0)
  end
  side.open = side.open + 1
  row.open = (row.open or 0) + 1
  row.outstanding = row.open > row.outstanding and row.open or row.outstanding
  local id, entry = command.message_id, nil
  local before = id and side.pending[id]
  if before then
    before.again, before.n = true, before.n + 1
  elseif id and side.size < MAX_OPEN then
    entry = { row = row, kind = kind, n = 1, began = t.now, skew = t.skew }
    entry.asked = command.no_data_set ~= false and t.now or nil
    side.pending[id], side.size = entry, side.size + 1
  else
    side.untracked = side.untracked + 1
  end
  return row, entry
end

-- An operation is over.
local function close(t, side, row)
  side.open = side.open > 0 and side.open - 1 or 0
  row.open = (row.open or 0) > 0 and row.open - 1 or 0
  if side.open == 0 then
    side.idle, side.skew = t.now, t.skew
  end
end

-- The entry of an operation that gets its final response, or nil.
local function take(side, entry, id)
  entry.n = entry.n - 1
  if entry.n == 0 then
    side.pending[id], side.size = nil, side.size - 1
  end
end

local function show_operation(t, d, entry, us)
  show(t, "response_time", us)
  if not d.late and entry.skew == t.skew then
    show(t, "operation_time", between(entry.began, t.now))
  end
  if entry.transfer and entry.transfer > 0 then
    show(t, "transfer_rate", entry.bytes * 8 / entry.transfer)
  end
end

local function responded(t, d, side, kind, command)
  local row = side.rows[kind]
  if not row or not command.status then
    return row
  end
  local class = dimse.status_class(command.status)
  local id = command.message_id
  local entry = id and side.pending[id]
  if entry and entry.kind ~= kind then
    entry = nil
  end
  local us = entry and passed(t, d, entry)
  if entry and not entry.answered and RESPONDS_OFTEN[kind] then
    entry.answered = true
    if us then
      row.first_n, row.first_sum = row.first_n + 1, row.first_sum + us
      row.first_max = row.first_max and row.first_max > us and row.first_max or us
      show(t, "first_response_time", us)
    end
  end
  if class == "pending" then
    return row
  end
  if class == "failure" then
    row.failed = row.failed + 1
  end
  if entry then
    take(side, entry, id)
    if us and class ~= "cancel" then
      measure(row, us)
      show_operation(t, d, entry, us)
    end
    close(t, side, row)
  elseif side.untracked > 0 then
    side.untracked = side.untracked - 1
    close(t, side, row)
  end
  return row
end

-- A whole command set of direction d, which counts.
function times.command(t, a, d, command)
  local field = command.field
  d.message, d.ending = nil, nil
  if d.wanted then
    -- What the message before it waits for is not waited for any longer.
    d.wanted, d.unfinished, d.message_number = nil, nil, d.message_number + 1
  end
  if not field or field == CANCEL or field - CANCEL == 0x8000 then
    return
  end
  local kind, row, entry = KIND[field % 0x8000] or "n", nil, nil
  if field < 0x8000 then
    row, entry = requested(t, d, side_of(a, d), kind, command)
  else
    row = responded(t, d, side_of(a, d.peer), kind, command)
  end
  if row and command.no_data_set == false then
    d.message = { row = row, entry = entry, began = t.now, skew = t.skew, pdvs = 0, bytes = 0,
                  silent = 0, ack = 0 }
  end
end

-- The data set of the message m of direction d is complete.
local function complete(t, m)
  local us = m.skew == t.skew and between(m.began, t.now) or nil
  if m.entry then
    m.entry.asked, m.entry.bytes, m.entry.transfer = t.now, m.bytes, us
  end
  if us then
    local row = m.row
    row.data_sets, row.data_pdvs = row.data_sets + 1, row.data_pdvs + m.pdvs
    row.data_bytes, row.data_us = row.data_bytes + m.bytes, row.data_us + us
    row.silent_us, row.ack_us = row.silent_us + m.silent, row.ack_us + m.ack
  end
end

-- The data set of the message in hand of direction d has ended; bytes of it may still be missing.
function times.data_done(t, d)
  local m = d.message
  d.message, d.ending = nil, nil
  if d.wanted then
    d.unfinished = m
  elseif m then
    complete(t, m)
  end
end

-- Of the bytes that direction d waits for some came; change: how many more pieces are missing now.
function times.filled(t, d, change)
  local wanted = (d.wanted or 0) + change
  if wanted > 0 then
    d.wanted = wanted
    return
  end
  local m = d.unfinished
  d.wanted, d.wanted_since, d.unfinished = nil, nil, nil
  if m then
    complete(t, m)
  end
end

-- The other side of direction d has what is missing there: where it does not follow soon, the capture
-- has lost it.
function times.acknowledged(t, d)
  d.wanted_since = d.wanted_since or t.now
  if t.now - d.wanted_since > times.SILENCE then
    times.gap(d.c)
  end
end

-- New bytes of direction d came after a silence, from `before` to `now`.
function times.silence(d, before, now)
  local m = d.message
  if not m then
    return
  end
  local us = between(before > m.began and before or m.began, now)
  if not us or us < times.SILENCE * 1e6 then
    return
  end
  m.silent = m.silent + us
  local acked = d.peer.acked
  if acked and acked >= before and now - acked <= SLACK + 1.5e-6 * (d.c.round_trip or 0) then
    m.ack = m.ack + us
  end
end

-- Bytes are missing: nothing that is under way has a time.
function times.gap(c)
  local a = c.assoc
  for _, d in ipairs({ c.a, c.b }) do
    d.message, d.ending, d.unfinished = nil, nil, nil
    if d.wanted then
      d.wanted, d.wanted_since, d.message_number = nil, nil, d.message_number + 1
    end
    local side = a and a.times and a.times[d]
    if side then
      side.pending, side.size, side.open, side.untracked, side.idle = {}, 0, 0, 0, nil
      for _, row in pairs(side.rows) do
        row.open = 0
      end
    end
  end
  if a and not a.setup_us then
    a.setup_from = nil
  end
end

-- A whole A-ASSOCIATE-RQ (is_request), or an answer to it, of direction d.
function times.negotiated(t, a, d, is_request)
  if is_request then
    if not a.setup_from and not a.ac and not a.rejected then
      a.setup_from, a.setup_skew = t.now, t.skew
    end
  elseif a.setup_from and not a.setup_us and a.setup_skew == t.skew and not d.late then
    a.setup_us = between(a.setup_from, t.now)
    if a.setup_us then
      show(t, "setup_time", a.setup_us)
    end
  end
end

-- A SYN or SYN-ACK of direction d.
function times.syn(t, c, acknowledges)
  if acknowledges then
    c.syn_again = c.syn_again or c.syn_ack_at ~= nil or not c.syn_at or t.skew ~= c.syn_skew
    c.syn_ack_at = t.now
  else
    c.syn_again = c.syn_again or c.syn_at ~= nil
    c.syn_at, c.syn_skew = t.now, t.skew
  end
end

-- The first acknowledgment of the SYN-ACK.
function times.shaken(t, c)
  if not c.syn_again and t.skew == c.syn_skew and not c.round_trip then
    c.round_trip = between(c.syn_at, t.now)
    if c.round_trip then
      show(t, "round_trip", c.round_trip)
    end
  end
  c.syn_ack_at, c.syn_again = nil, true
end

-- A packet of direction d with this window; over: it ends the connection.
function times.window(t, d, window, over)
  local now = t.now
  if over then
    for _, one in ipairs({ d, d.peer }) do
      if one.closed_at then
        one.closed_us = (one.closed_us or 0) + (between(one.closed_at, now) or 0)
        one.closed_at = nil
      end
    end
    d.c.over = true
  elseif window == 0 then
    d.closed_at = d.closed_at or now
  elseif d.closed_at then
    d.closed_us = (d.closed_us or 0) + (between(d.closed_at, now) or 0)
    d.closed_at = nil
  end
end

-- One association on the connection is over, and another begins.
function times.split(t, c)
  for _, d in ipairs({ c.a, c.b }) do
    d.message, d.ending = nil, nil
    if d.closed_at then
      d.closed_us = (d.closed_us or 0) + (between(d.closed_at, t.now) or 0)
      d.closed_at = t.now
    end
  end
end

return times
