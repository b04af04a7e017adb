-- Keeps the time of encrypted connections on DICOM's ports: what can be seen of them without keys.
-- docs/tag-logs.md has the rules.
local times = require("times")

local sealed = {}

local byte, find = string.byte, string.find

local MODULUS, HALF = 4294967296, 2147483648
-- Records (RFC 8446, 5.1), and their header. No association request fits into one of fewer bytes, and the
-- end of a handshake into none of more.
local FIRST_TYPE, LAST_TYPE, APPLICATION, HEADER, SHORTEST = 20, 23, 23, 5, 90

-- The first bytes of a connection on a port of DICOM: whether they are a ClientHello (RFC 8446, 4 and 5.1).
function sealed.look(t, c, s)
  if not t.sampled and find(s, "^\22\3...\1") then
    c.sealed = {
      began = t.now, at = t.now, skew = t.skew,
      [c.a] = { bytes = 0, us = 0, silent_us = 0, runs = 0 },
      [c.b] = { bytes = 0, us = 0, silent_us = 0, runs = 0 },
    }
    t.encrypted[#t.encrypted + 1] = c
  end
end

-- Looks for a record of the originator's that an association request may be in. What was lost or is in
-- pieces may have been one.
local function look_for_request(s, seq, length, captured, source, offset)
  s.record = s.record or seq
  local at = (s.record - seq + HALF) % MODULUS - HALF
  s.carried = at < 0
  while at < length and not s.carried do
    local kind, high, low, _
    if at + HEADER <= captured then
      kind, _, _, high, low = byte(source:raw(offset + at, HEADER), 1, HEADER)
    end
    local size = low and high * 256 + low
    s.carried = not size or kind < FIRST_TYPE or kind > LAST_TYPE or kind == APPLICATION and size >= SHORTEST
    if not s.carried then
      s.record = (s.record + HEADER + size) % MODULUS
      at = at + HEADER + size
    end
  end
end

-- What both sides say first, and what the originator says then, as far as it tells that nothing is
-- encrypted here, or no association: a port was looked at. c.other: so it is.
function sealed.look_inside(c, d, seq, length, captured, source, offset)
  local s = c.sealed
  if d == c.tcp_orig then
    if not s.carried then
      look_for_request(s, seq, length, captured, source, offset)
    end
  elseif not s.answered and captured > 0 then
    s.answered = true
    local kind = byte(source:raw(offset, 1))
    c.other = kind < FIRST_TYPE or kind > LAST_TYPE
  end
end

-- The connection ends.
function sealed.ends(c)
  if c.syn and not c.sealed.carried and c.a.missed + c.b.missed == 0 then
    c.other = true
  end
end

-- Bytes that follow others of their side, with none of the other side between: a run goes on.
local function go_on(t, s, f, new)
  local us = times.between(s.at, t.now) or 0
  f.bytes, f.us = f.bytes + new, f.us + us
  f.silent_us = f.silent_us + (us >= times.SILENCE * 1e6 and us or 0)
  f.runs, s.run = f.runs + (s.run and 0 or 1), true
end

-- A segment of direction d with data, before it is put in order.
function sealed.came(t, c, d, seq, length)
  local s = c.sealed
  local f, top = s[d], d.top
  local ahead = top and (seq - top + HALF) % MODULUS - HALF or 0
  local new = ahead < 0 and length + ahead or length
  if new <= 0 then
    return
  end
  if s.last == d then
    go_on(t, s, f, new)
  else
    s.last, s.run = d, false
    if d == c.tcp_orig and d.peer.top and not s.setup_us then
      s.setup_us = t.skew == s.skew and times.between(s.began, t.now) or nil
      times.show(t, "setup_time", s.setup_us)
    end
  end
  s.at = t.now
end

-- The connection is over. Returns whether all of it was seen, and nobody has read it.
function sealed.whole(t, c)
  local s = c.sealed
  return not s.done and not c.tls and t.skew == s.skew and c.a.packets > 0 and c.b.packets > 0
    and c.a.missed + c.b.missed == 0
end

return sealed
