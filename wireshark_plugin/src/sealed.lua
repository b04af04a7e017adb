-- Keeps the time of encrypted connections on DICOM's ports: what can be seen of them without keys.
-- docs/tag-logs.md has the rules.
local times = require("times")

local sealed = {}

local find = string.find

local MODULUS, HALF = 4294967296, 2147483648

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
