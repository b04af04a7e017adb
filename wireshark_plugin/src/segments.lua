-- Puts the segments of one direction in order, waits for late ones, and counts what is missing.
local hunting = require("hunting")
local pdu = require("pdu")
local proxy = require("proxy")
local stream = require("stream")
local times = require("times")

local segments = {}

local byte, sub = string.byte, string.sub

local MODULUS, HALF = 4294967296, 2147483648
-- Segments that wait for one before them, and their bytes, per direction.
local MAX_WAITING, MAX_WAITING_BYTES = 256, 262144
local MAX_HOLES = 64

-- wanted: those that the message in hand waits for are marked with this.
local function add_hole(d, from, length, wanted)
  d.missed = d.missed + length
  local holes = d.holes
  if not holes then
    holes = {}
    d.holes = holes
  end
  if #holes < MAX_HOLES then
    holes[#holes + 1] = { from, length, wanted }
    return true
  end
  return false
end

-- A segment from before fills holes that it covers. Returns whether there were any.
local function fill(t, d, from, length)
  local filled = false
  for i = #d.holes, 1, -1 do
    local hole = d.holes[i]
    local start = (hole[1] - from + HALF) % MODULUS - HALF
    local stop = start + hole[2]
    local low, high = start > 0 and start or 0, stop < length and stop or length
    if high > low then
      d.missed, filled = d.missed - (high - low), true
      table.remove(d.holes, i)
      local left = 0
      if low > start then
        d.holes[#d.holes + 1], left = { hole[1], low - start, hole[3] }, 1
      end
      if stop > high then
        d.holes[#d.holes + 1], left = { (from + high) % MODULUS, stop - high, hole[3] }, left + 1
      end
      if hole[3] and hole[3] == d.message_number then
        times.filled(t, d, left - 1)
      end
    end
  end
  return filled
end

-- Bytes in sequence: s is what was captured of `length` bytes on the wire.
local function in_sequence(t, c, d, s, length)
  local captured = #s
  d.next = (d.next + length) % MODULUS
  if c.foreign or c.tls then
    return
  end
  if captured > 0 then
    if d.begins then
      s = proxy.pass(c, d, s)
      if not s then
        -- The association has not begun yet.
        c.first_frame = nil
        if c.assoc then
          c.assoc.payload_seen = nil
        end
        return
      end
    end
    if not d.kind then
      if d.begins and not c.assoc then
        -- The first bytes of the whole connection: a request, or the acceptance of one that was
        -- not captured, or another protocol.
        if not pdu.can_begin(s) or (byte(s, 1) == 2 and c.tcp_orig ~= d.peer) then
          t:foreign(c, s)
          return
        end
        t:open(c)
        stream.start(d, "H", 6)
      elseif d.begins and c.assoc then
        stream.start(d, "H", 6)
      elseif not hunting.at_start(t, c, d, s, captured < length) then
        local a = c.assoc
        if a and a.id and not a.confirmed and hunting.looks_foreign(s) then
          t:foreign(c, s)
          return
        end
        s = not t.sampled and hunting.inside(d, s)
        if captured < length then
          d.hunted = nil
        end
        if s then
          if not a then
            t:open(c)
          end
          d.guess, d.searched = true, true
          stream.start(d, "H", 6)
        end
      end
    end
    d.begins = nil
    if not s then
      if captured < length then
        add_hole(d, (d.next - length + captured) % MODULUS, length - captured)
      end
      return
    end
    d.hunted = nil
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

-- The bytes before the first waiting segment will not come; where it goes on may have to be looked for,
-- and of what comes too late for that nothing is read.
local function give_up(t, c, d, gap)
  local from = d.next
  times.gap(c)
  d.next = (from + gap) % MODULUS
  d.begins = nil
  if d.kind and not stream.hole(t.hooks, c, d, gap, false) then
    d.missed = d.missed + gap
  else
    add_hole(d, from, gap)
  end
end

-- Bytes within a data set did not come yet; where it goes on is known all the same.
local function leave_out(t, c, d, gap)
  local number = d.message_number or 0
  if add_hole(d, d.next, gap, number) then
    d.message_number, d.wanted = number, (d.wanted or 0) + 1
  else
    times.gap(c)
  end
  d.next = (d.next + gap) % MODULUS
  d.wanted_to, d.begins = d.next, nil
  stream.hole(t.hooks, c, d, gap, false)
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
      fill(t, d, w.seq, w.length)
    end
  end
  d.waiting, d.overdue, d.overdue_since = nil, nil, nil
end

function segments.flush(t, c, d)
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
    segments.flush(t, c, d)
  end
end

-- Counts a segment that begins before the end of another of its side, but no keep-alive.
local function count_again(d, seq, length)
  local top = d.top or seq
  local behind = (top - seq + HALF) % MODULUS - HALF
  if behind > 0 and (length > 1 or behind > 1) then
    d.resent = (d.resent or 0) + 1
  end
  if behind < length then
    d.top = (seq + length) % MODULUS
  end
end

function segments.arrive(t, c, d, seq, length, captured, source, offset)
  if not t.sampled then
    count_again(d, seq, length)
  end
  local expected = d.next
  if not expected then
    expected, d.next = seq, seq
  end
  local ahead = (seq - expected + HALF) % MODULUS - HALF
  if ahead < 0 then
    local before = d.first and (d.first - seq + HALF) % MODULUS - HALF or 0
    if before > 0 then
      -- Of before what was seen first: it came late.
      d.early = (d.early or 0) + (before < length and before or length)
    end
    local filled = d.holes and fill(t, d, seq, length)
    if -ahead >= length then
      -- Nothing of it is new.
      d.known = not filled and length > 1 and t.frame
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
      leave_out(t, c, d, ahead)
    elseif d.kind or d.begins and not c.foreign then
      wait(t, c, d, seq, length, captured > 0 and source:raw(offset, captured) or "")
      return
    else
      add_hole(d, d.next, ahead)
      d.next = seq
    end
  elseif ahead > 0 then
    give_up(t, c, d, ahead)
  end
  d.late = d.waiting ~= nil or d.wanted ~= nil
  local before = d.before
  if before and not d.late and t.now - before >= times.SILENCE then
    times.silence(d, before, t.now)
  end
  in_sequence(t, c, d, captured > 0 and source:raw(offset, captured) or "", length)
  if d.waiting then
    drain(t, c, d)
  end
end

return segments
