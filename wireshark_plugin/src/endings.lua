-- Ends of connections and associations: what was announced and never came, and when rows are told.
local pdu = require("pdu")
local sealed = require("sealed")
local segments = require("segments")
local stream = require("stream")
local translated = require("translated")

local endings = {}

local MODULUS, HALF = 4294967296, 2147483648
-- No acknowledgment is further ahead than TCP's largest window (RFC 7323).
local MAX_WINDOW = 1073741824
-- As Zeek's tcp_close_delay: what still comes in after the end belongs to it.
local CLOSE_DELAY = 5.0

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
  elseif not d.fin_at then
    ahead = ahead - 1
  end
  return math.max(0, ahead), true
end

-- Direction d has ended, and `missing` bytes before its end were not captured: what a header announced
-- beyond them (left, of_data: see stream.unfinished) was never sent. It is no data, and the row says so.
local function cut_off(a, d, missing, left, of_data)
  if left > missing and (d.fin or a.c.closed) and a.confirmed and not a.flags.sampled and not d.frozen then
    a.unfinished, a.flags.unfinished = (a.unfinished or 0) + left - missing, true
    d.data_bytes = math.max(0, (d.data_bytes or 0) - math.max(0, of_data - missing))
  end
end

-- Writes the row of an association, once.
function endings.finish(t, a)
  if a.done then
    return
  end
  a.done, a.ended = true, a.last_ts
  local c = a.c
  local left, of_data = {}, {}
  for _, d in ipairs({ c.a, c.b }) do
    segments.flush(t, c, d)
    left[d], of_data[d] = stream.unfinished(d)
    if d.kind == "B" and d.pdu_type <= pdu.ASSOCIATE_AC then
      -- The rest of a request or of its answer never came.
      stream.hole(t.hooks, c, d, d.want - d.have, false)
    end
  end
  a.end_seen = true
  for _, d in ipairs({ c.a, c.b }) do
    local missing, known = tail(d)
    d.missed, d.next = d.missed + missing, d.next and (d.next + missing) % MODULUS
    cut_off(a, d, missing, left[d], of_data[d])
    a.end_seen = a.end_seen and known and missing == 0
  end
  if not a.orig then
    t:guess_originator(c, a, c.a, {})
  end
  local orig = a.orig
  local resp = orig.peer
  a.orig_data, a.resp_data = orig.data_bytes or 0, resp.data_bytes or 0
  a.orig_closed_us, a.resp_closed_us = orig.closed_us or 0, resp.closed_us or 0
  a.orig_resent, a.resp_resent = orig.resent or 0, resp.resent or 0
  a.missed = orig.missed + resp.missed
  a.closed = c.closed ~= nil
  a.silent = resp.isn and not resp.payload and resp.missed == 0
  a.twin = translated.twin(t.signs, t.closing, a, orig, resp)
  t.endpoints:finished(t.frame, a)
  c.a.parts, c.b.parts, c.a.holes, c.b.holes = {}, {}, nil, nil
  if a.confirmed and t.options.on_row then
    t.options.on_row(a)
  end
end

-- Writes the rows of an encrypted connection, once.
local function unseal(t, c)
  if sealed.whole(t, c) and t.options.on_sealed then
    t.options.on_sealed(c)
  end
  c.sealed.done = true
end

-- Writes the rows of a connection.
function endings.tell(t, c)
  if c.assoc then
    endings.finish(t, c.assoc)
  end
  if c.sealed then
    unseal(t, c)
  end
end

-- Connections that have ended, in the order of their ends, from `first` to `last`.
function endings.queue()
  return { first = 1, last = 0 }
end

-- A connection has ended.
function endings.add(closing, c)
  closing.last = closing.last + 1
  closing[closing.last] = c
end

-- Writes the rows of what ended long enough ago, or of all.
function endings.sweep(t, all)
  local closing = t.closing
  local c = closing[closing.first]
  while c and (all or c.closed + CLOSE_DELAY < t.now) do
    closing[closing.first] = nil
    closing.first = closing.first + 1
    endings.tell(t, c)
    c = closing[closing.first]
  end
end

-- The end of the capture.
function endings.flush(t)
  endings.sweep(t, true)
  -- Requests and answers of which only a part came.
  local begun = {}
  for _, generation in ipairs({ t.old, t.young }) do
    for _, d in pairs(generation) do
      local a = d.c.assoc
      if a and not a.id and (d.kind == "B" or d.waiting) then
        begun[#begun + 1] = a
      end
    end
  end
  table.sort(begun, function(a, b) return a.start_frame < b.start_frame end)
  for _, a in ipairs(begun) do
    endings.finish(t, a)
  end
  for _, a in ipairs(t.list) do
    endings.finish(t, a)
  end
  for _, c in ipairs(t.encrypted) do
    unseal(t, c)
  end
end

return endings
