-- Finds connections that a capture has from both sides of a firewall that gives them other sequence
-- numbers, where their beginning is not in it: their numbers go back and forth between two places, and
-- what is sent at one place was sent at the other a moment before.
local legs = {}
legs.__index = legs

local abs, sub = math.abs, string.sub

local MODULUS, HALF = 4294967296, 2147483648
-- No window of a capture is so large that numbers go so far and come back.
local FAR = 1048576
legs.FAR = FAR
-- So often numbers have to leave their place before what is sent is compared.
local JUMPS = 2
-- So many payloads have to come again at one distance.
local ENOUGH = 3
-- What of a payload is compared, and no shorter one; no more of them than that in a connection.
local SHORTEST, LONGEST, MAX_KEPT = 32, 64, 16384
-- A payload does not come again so much later, in seconds.
local LATEST = 2
-- As precise as times are that were read by two programs.
local CLOCK = 1e-4
-- Payloads that are compared in all connections together.
local ROOM = 262144

-- found: by key the seed of a connection for renumbered.lua.
function legs.new()
  return setmetatable({ found = {}, room = ROOM }, legs)
end

local function distance(to, from)
  return (to - from + HALF) % MODULUS - HALF
end

-- A payload that came at one place, and now at another. Returns whether that is enough.
local function vote(c, before, seq, ack)
  local step, back = distance(seq, before.seq), distance(ack, before.ack)
  if abs(step) < FAR and abs(back) < FAR then
    return false
  end
  local votes = c.votes
  votes[step] = (votes[step] or 0) + 1
  return votes[step] >= ENOUGH
end

-- Which of two places is the one where the connection was first: the nearer one.
local function settle(self, out, c, before)
  local step, back = distance(out.seq, before.seq), distance(out.ack, before.ack)
  self.found[out.key] = {
    path = out.path, from = c.from, step = abs(step) >= FAR and step or nil, at = before.seq,
    peer_step = abs(back) >= FAR and back or nil, peer_at = before.ack,
  }
  c.kept, c.votes, c.done = nil, nil, true
end

local function compare(self, out, c, s, ts)
  local payload = sub(s, out.offset + 1, out.offset + LONGEST)
  if #payload < SHORTEST then
    return
  end
  local name = out.key .. payload
  local before = c.kept[name]
  if before and ts - before.ts <= LATEST then
    if vote(c, before, out.seq, out.ack) then
      settle(self, out, c, before)
    end
  elseif c.count < MAX_KEPT and self.room > 0 then
    c.kept[name] = { seq = out.seq, ack = out.ack, ts = ts }
    c.count, self.room = c.count + (before and 0 or 1), self.room - 1
  end
end

-- Takes a TCP segment (`out`, in the frame s) of direction d.
function legs:take(out, d, s, ts)
  local last, seq = d.last_seq, out.seq
  d.last_seq = seq
  local c = d.c.legs
  if last then
    local ahead = seq - last
    if (ahead >= FAR or ahead <= -FAR) and abs(distance(seq, last)) >= FAR then
      if not c then
        c = { jumps = 0, count = 0, kept = {}, votes = {} }
        c.from = math.min(d.first_seen, d.peer.first_seen or d.first_seen) - CLOCK
        d.c.legs = c
      end
      c.jumps = c.jumps + 1
    end
  end
  if c and c.jumps >= JUMPS and not c.done and out.length >= SHORTEST then
    compare(self, out, c, s, ts)
  end
end

return legs
