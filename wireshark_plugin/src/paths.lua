-- Tells connections of the same addresses and ports apart that run in different networks (VLANs,
-- tunnels), without taking one connection for two whose directions take different ways.
local swap = require("keys").swap

local paths = {}
paths.__index = paths

local MODULUS, HALF = 4294967296, 2147483648
-- So far from what was seen last a sequence number of one connection may be.
local NEAR = 16777216
local GENERATION = 16384
-- Networks with one address pair and the same ports in them.
local MAX_ALIKE = 64

-- direction(key): what is known of a connection from before anything was tagged, or nil.
function paths.new(direction)
  return setmetatable({
    direction = direction, young = {}, old = {}, size = 0, tagged = false, several = false,
  }, paths)
end

-- The connections of a key, and which direction of them it is: 1 or 2.
local function find(self, key)
  local e = self.young[key]
  if e then
    return e
  end
  local other = swap(key)
  e = self.old[key]
  if self.size >= GENERATION then
    self.old, self.young, self.size = self.young, {}, 0
  end
  self.size = self.size + 1
  if e then
    self.young[key], self.young[other] = e, self.old[other]
    return e
  end
  local list = {}
  e = { list = list, way = 1 }
  self.young[other] = { list = list, way = 2 }
  self.young[key] = e
  return e
end

local function near(a, b)
  return math.abs((a - b + HALF) % MODULUS - HALF) < NEAR
end

-- The connection of `list` that a packet on a path not met before belongs to, or nil.
local function belongs(list, way, path, seq, ack, flags)
  local begins = flags % 4 >= 2 and flags % 32 < 16
  for _, v in ipairs(list) do
    local back = 3 - way
    if not v.path[way] and v.path[back] == path then
      return v
    end
  end
  for _, v in ipairs(list) do
    local sent = v.seq[3 - way]
    if not v.path[way] then
      if not begins and (flags % 32 < 16 or not sent or near(ack, sent)) then
        return v
      end
    elseif not begins and v.seq[way] and near(seq, v.seq[way]) then
      return v
    end
  end
  return nil
end

-- A connection that ran without tags before any were met.
local function untagged(self, key, way)
  local d = self.direction(key)
  if not d then
    return nil
  end
  local back = 3 - way
  return {
    mark = "", path = { [way] = d.packets > 0 and "" or nil, [back] = d.peer.packets > 0 and "" or nil },
    seq = { [way] = d.next, [back] = d.peer.next },
  }
end

-- The key of a TCP packet: with a mark where its connection is not the first of these four.
function paths:key(key, path, seq, ack, flags)
  if path == "" and not self.tagged then
    return key
  end
  self.tagged = true
  local e = find(self, key)
  local list, way = e.list, e.way
  local found
  if #list == 0 then
    list[1] = untagged(self, key, way)
  end
  for i = 1, #list do
    if list[i].path[way] == path then
      found = list[i]
      break
    end
  end
  if not found then
    found = belongs(list, way, path, seq, ack, flags)
    if not found and #list < MAX_ALIKE then
      found = { path = {}, seq = {}, mark = "" }
      list[#list + 1] = found
      if #list > 1 then
        found.mark = string.char(math.floor(#list / 256), #list % 256)
        self.several = true
      end
    end
    found = found or list[1]
    found.path[way] = found.path[way] or path
  end
  found.seq[way] = seq
  return found.mark == "" and key or key .. found.mark
end

return paths
