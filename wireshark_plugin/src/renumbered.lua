-- Knows the packets of a connection again on the other side of a firewall that gives one of its sides,
-- or both, sequence numbers of their own: addresses and ports stay.
local swap = require("keys").swap

local renumbered = {}
renumbered.__index = renumbered

local abs = math.abs
local MODULUS, HALF = 4294967296, 2147483648
-- A connection is not seen to begin on one side so much later than on the other, in seconds.
local LATEST = 1
local MAX_CONNECTIONS = 16384

-- moved: the directions of connections whose numbers are known to be others elsewhere.
-- seeds: what legs.lua found of connections whose beginning is not in the capture, or nil.
function renumbered.new(seeds)
  local r = setmetatable({ begun = {}, moved = {}, size = 0, seeds = seeds or {} }, renumbered)
  for key in pairs(r.seeds) do
    r.moved[key], r.moved[swap(key)] = r.seeds[key], r.seeds[key]
  end
  return r
end

local function begin(self, out)
  if self.size >= MAX_CONNECTIONS then
    self.begun, self.moved, self.size = {}, {}, 0
  end
  local a, b = { path = out.path }, { path = out.path }
  a.peer, b.peer = b, a
  local back = swap(out.key)
  self.size = self.size + (self.begun[out.key] and 0 or 1)
  self.begun[out.key], self.begun[back] = a, b
  self.moved[out.key], self.moved[back] = nil, nil
  return a
end

-- The direction of a connection of which legs.lua found that it has other numbers elsewhere; nil where
-- this is none.
local function sprout(self, out, ts)
  local back = swap(out.key)
  local seed = self.seeds[out.key]
  local mine = seed or self.seeds[back]
  if not mine or ts < mine.from then
    return nil
  end
  local d = self.begun[out.key]
  if not d then
    d = begin(self, out)
    -- Whatever asks for a connection now asks for another one.
    d.path, d.peer.path, d.since, d.peer.since = mine.path, mine.path, 0, 0
  end
  local a = seed and d or d.peer
  self.seeds[out.key], self.seeds[back] = nil, nil
  d.alive = true
  a.step, a.at, a.peer.step, a.peer.at = mine.step, mine.at, mine.peer_step, mine.peer_at
  self.moved[out.key], self.moved[back] = d, d.peer
  return d
end

-- Whether a number of direction d is one of those that it has elsewhere: what is nearer to them than to
-- where the direction is.
local function is_moved(d, number)
  local ahead = (number - d.at + HALF) % MODULUS - HALF
  local other = (ahead - d.step + HALF) % MODULUS - HALF
  if abs(other) < abs(ahead) then
    return true
  end
  d.at = number
  return false
end

local function is_elsewhere(d, out)
  return d.step and is_moved(d, out.seq)
    or d.peer.step and out.flags % 32 >= 16 and is_moved(d.peer, out.ack) or false
end

-- A connection request, or its answer. Returns whether it is one that was seen with another number.
local function synchronise(self, d, out, ts)
  local asks = out.flags % 32 < 16
  if not d or d.path ~= out.path or asks and (d.closed or d.since and ts - d.since > LATEST) then
    d = begin(self, out)
  elseif is_elsewhere(d, out) then
    return true
  elseif d.isn and d.isn ~= out.seq then
    d.step, d.alive = (out.seq - d.isn + HALF) % MODULUS - HALF, d.peer.isn ~= nil
    self.moved[out.key], self.moved[swap(out.key)] = d, d.peer
    return true
  end
  d.isn, d.at, d.since = d.isn or out.seq, d.at or out.seq, d.since or ts
  return false
end

-- Whether the TCP segment in `out` is one that the connection has elsewhere.
function renumbered:is_copy(out, ts)
  local d, flags = self.begun[out.key], out.flags
  if flags % 4 >= 2 then
    return synchronise(self, d, out, ts)
  end
  d = d and (d.step or d.peer.step) and d or sprout(self, out, ts) or d
  if not d or d.path ~= out.path then
    return false
  end
  local copy = is_elsewhere(d, out)
  if copy and not (d.alive or d.peer.alive) then
    -- Of the first request nothing came.
    begin(self, out)
    return false
  elseif not copy then
    d.alive = true
    if flags % 2 == 1 or flags % 8 >= 4 then
      d.closed, d.peer.closed = true, true
    end
  end
  return copy
end

return renumbered
