-- One direction of a TCP connection as a sequence of PDUs, without reassembling it: headers and
-- command sets are collected, data-set bytes are only counted off. Survives losses inside data.
local association = require("association")
local dimse = require("dimse")
local pdu = require("pdu")

local stream = {}

local byte, concat, sub = string.byte, table.concat, string.sub
local u32 = require("bytes").u32

local MAX_COMMAND = 65536
local C_STORE_RQ = 1
-- Room for what waits for its end, over all streams together.
stream.BUDGET = 33554432
local buffered = 0

-- d.kind: what is collected next. nil: the place in the stream is not known ("hunting").
-- "H" PDU header, "B" PDU body, "V" PDV header, "C" command fragment, "D" begin of a data set.
function stream.start(d, kind, want)
  if d.have and d.have > 0 then
    buffered = buffered - d.have
  end
  d.kind, d.want, d.have, d.parts, d.skip, d.in_data = kind, want, 0, {}, 0, nil
end

-- What is still to come of the PDU in hand, and how many bytes of that were counted as a data set's.
function stream.unfinished(d)
  local kind = d.kind
  if not kind or kind == "H" then
    return kind and d.have > 0 and d.want - d.have or 0, 0
  elseif kind == "B" then
    return d.want - d.have, 0
  elseif kind == "V" then
    return d.pdu_left - d.have, 0
  end
  local fragment = kind == "S" and d.skip or d.want - d.have + (kind == "D" and d.rest or 0)
  return fragment + (d.pdu_left or 0), (kind == "D" or d.in_data) and fragment or 0
end

function stream.reset_budget()
  buffered = 0
end

local function next_after_fragment(c, d)
  if d.pdu_left == 0 then
    stream.start(d, "H", 6)
    return true
  elseif d.pdu_left < 6 then
    return stream.pass_over(c.assoc, d, d.pdu_left)
  end
  stream.start(d, "V", 6)
  return true
end

local steps = {}

-- What is wrong inside a PDU of a known type: it is flagged and its length says where it ends.
local function pass_over(a, d, length)
  if not a.confirmed or d.guess then
    return false
  end
  a.flags.malformed = true
  d.pdu_left, d.command, d.command_size, d.message, d.ending = 0, nil, nil, nil, nil
  if length == 0 then
    stream.start(d, "H", 6)
  else
    stream.start(d, "S")
    d.skip = length
  end
  return true
end

stream.pass_over = pass_over

-- A step returns false where the bytes cannot be what they should.
function steps.H(h, c, a, d, s)
  local kind, length = byte(s, 1), u32(s, 3)
  if kind == pdu.P_DATA then
    if not a.confirmed and (length < 6 or length > 0x10000000) then
      return false
    end
    if h.counts(a, d) then
      a.counts.data_pdus = a.counts.data_pdus + 1
    end
    d.pdu_left = length
    if d.guess and not a.confirmed then
      h.found_header(c, a, d)
    end
    stream.start(d, "V", 6)
    if length < 6 and not pass_over(a, d, length) then
      return false
    end
  elseif kind == pdu.ASSOCIATE_RQ or kind == pdu.ASSOCIATE_AC then
    if kind == pdu.ASSOCIATE_RQ and a.finish and not d.frozen then
      a = h.again(c, d)
    end
    if length >= pdu.FIXED and length <= pdu.MAX_BODY then
      stream.start(d, "B", length)
    elseif not pass_over(a, d, length) then
      return false
    end
  elseif kind >= pdu.ASSOCIATE_RJ and kind <= pdu.ABORT then
    stream.start(d, "B", 4)
    if length ~= 4 and not pass_over(a, d, length) then
      return false
    end
  else
    return false
  end
  if byte(s, 2) ~= 0 then
    a.flags.reserved_nonzero = true
  end
  d.pdu_type = kind
  return true
end

local function body(c, a, d, s, cut)
  local kind = d.pdu_type
  if d.frozen then
    return true
  elseif kind == pdu.ASSOCIATE_RQ then
    if a.rq then
      a.flags.malformed = true
      return true
    end
    return association.request(a, d, s, cut)
  elseif kind == pdu.ASSOCIATE_AC then
    if a.ac then
      a.flags.malformed = true
      return true
    end
    return association.accept(a, d, d.peer, s, cut)
  elseif not a.confirmed then
    return kind == pdu.ABORT and d.guess ~= true
  end
  if kind == pdu.ASSOCIATE_RJ then
    if a.ac then
      a.flags.malformed = true
    elseif a.rq and d ~= a.orig then
      association.reject(a, s)
    end
  elseif kind == pdu.ABORT then
    association.abort(a, s)
  else
    association.release(a, kind, s)
  end
  return true
end

function steps.B(h, c, a, d, s)
  if not body(c, a, d, s, false) then
    return false
  end
  if d.pdu_type <= pdu.ASSOCIATE_RJ then
    h.negotiated(c.assoc, d)
  end
  h.pdu_done(c, c.assoc, d)
  stream.start(d, "H", 6)
  return true
end

local function fragment_done(h, c, a, d)
  if d.ending then
    h.data_done(d)
  end
  if d.pdu_left == 0 then
    h.pdu_done(c, a, d)
  end
  return next_after_fragment(c, d)
end

function steps.V(h, c, a, d, s)
  local length, control = u32(s, 1), byte(s, 6)
  if length < 2 or length + 4 > d.pdu_left then
    return pass_over(a, d, d.pdu_left - 6)
  end
  d.pdu_left = d.pdu_left - 4 - length
  d.context, d.last_fragment = byte(s, 5), math.floor(control / 2) % 2 == 1
  local content = length - 2
  if control % 2 == 1 then
    d.data_begins = false
    local waiting = d.command_size or 0
    if content + waiting > MAX_COMMAND then
      return pass_over(a, d, d.pdu_left + content)
    end
    stream.start(d, "C", content)
    if content == 0 then
      return steps.C(h, c, a, d, "")
    end
    return true
  end
  if h.counts(a, d) then
    d.data_bytes = (d.data_bytes or 0) + content
  end
  local message = d.message
  if message then
    message.pdvs, message.bytes = message.pdvs + 1, message.bytes + content
    d.ending = d.last_fragment
  end
  if a.confirmed then
    association.infer(a, d.context)
  end
  local begins = d.data_begins ~= false or false
  d.data_begins = d.last_fragment
  if begins and d.command_seen and content >= 132 then
    d.rest = content - 132
    stream.start(d, "D", 132)
    return true
  end
  stream.start(d, "S")
  d.skip, d.in_data = content, true
  return content > 0 or fragment_done(h, c, a, d)
end

local function command_done(h, c, a, d, s, cut)
  local command = dimse.command(s, cut)
  d.command, d.command_size = nil, nil
  if not command or (command.broken and not a.confirmed) then
    return false
  end
  d.command_seen, d.data_begins = true, true
  if command.broken then
    -- Of what cannot be read to its end nothing is taken.
    a.flags.malformed = h.counts(a, d) or a.flags.malformed
    return true
  end
  if (not a.confirmed or a.midstream) and (command.field or command.sop) then
    a.midstream = true
    association.confirm(a, command.field and 95 or 85)
  end
  if a.confirmed then
    if not a.rq and not a.orig then
      h.guess_originator(c, a, d, command)
    end
    if command.field == C_STORE_RQ then
      -- It names the object.
      a.content = a.content or s
    end
    association.command(a, command, h.counts(a, d))
    h.requested(c, a, d, command)
    h.timed(a, d, command)
  end
  return true
end

function steps.C(h, c, a, d, s)
  d.command = (d.command or "") .. s
  d.command_size = #d.command
  if d.last_fragment and not command_done(h, c, a, d, d.command, false) then
    if not a.confirmed then
      return false
    end
    a.flags.malformed = true
  end
  return fragment_done(h, c, a, d)
end

function steps.D(h, c, a, d, s)
  if sub(s, 129, 132) == "DICM" then
    a.flags.part10_in_dataset = true
  end
  stream.start(d, "S")
  d.skip, d.in_data = d.rest, true
  return d.rest > 0 or fragment_done(h, c, a, d)
end

local function lost(h, c, d)
  stream.start(d, nil)
  d.command, d.command_size = nil, nil
  h.lost(c, d)
end

-- Feeds bytes that follow those before. h: what the owner of the connection wants to know.
function stream.feed(h, c, d, s)
  local at, size = 1, #s
  while at <= size and d.kind do
    local there = size - at + 1
    if d.skip > 0 then
      if there < d.skip then
        d.skip = d.skip - there
        return
      end
      at = at + d.skip
      d.skip = 0
      if not fragment_done(h, c, c.assoc, d) then
        lost(h, c, d)
      end
    else
      local missing = d.want - d.have
      if there < missing then
        if buffered + there > stream.BUDGET then
          lost(h, c, d)
          return
        end
        buffered = buffered + there
        d.parts[#d.parts + 1] = at == 1 and s or sub(s, at)
        d.have = d.have + there
        if #d.parts > 64 then
          d.parts = { concat(d.parts) }
        end
        return
      end
      local piece = sub(s, at, at + missing - 1)
      if d.have > 0 then
        d.parts[#d.parts + 1] = piece
        piece = concat(d.parts)
      end
      at = at + missing
      if not steps[d.kind](h, c, c.assoc, d, piece) then
        lost(h, c, d)
      end
    end
  end
end

-- n bytes are missing where the place in the stream is known. `cut`: they were on the wire but not
-- captured. Returns whether it still is.
function stream.hole(h, c, d, n, cut)
  if d.kind == "D" then
    local rest = d.want - d.have + d.rest
    stream.start(d, "S")
    d.skip, d.in_data = rest, true
  elseif d.kind == "B" and (cut or d.pdu_type <= pdu.ASSOCIATE_AC)
    or d.kind == "C" and cut and d.want - d.have >= n then
    -- What is there of a PDU or of a cut command set is read; its length says where it ends.
    local seen, rest, kind = concat(d.parts), d.want - d.have, d.kind
    stream.start(d, "S")
    d.skip, c.assoc.flags.truncated = rest, cut or c.assoc.flags.truncated
    local sound
    if kind == "B" then
      d.pdu_left, d.ends_exactly = 0, cut and n == rest
      sound = body(c, c.assoc, d, seen, true)
    else
      sound = command_done(h, c, c.assoc, d, (d.command or "") .. seen, true)
      sound = sound or c.assoc.confirmed
    end
    if not sound then
      lost(h, c, d)
    end
  end
  if d.kind == "S" and n <= d.skip then
    d.skip = d.skip - n
    if d.skip > 0 or fragment_done(h, c, c.assoc, d) then
      return true
    end
    lost(h, c, d)
  end
  stream.start(d, nil)
  d.command, d.command_size = nil, nil
  return false
end

return stream
