-- Finds packets that a mirror port, or a second place of capture, brings more than once. A packet
-- is known again by its addresses and its transport header; a real retransmission has another IP
-- identification, or where there is none (0, IPv6), comes when no copy would.
local swap = require("keys").swap

local duplicates = {}
duplicates.__index = duplicates

local abs = math.abs
local sub, char = string.sub, string.char

-- Copies come within so many seconds of one another; an identification is not used again so soon.
local WINDOW = 2
-- No retransmission comes so soon after its original.
local AT_ONCE = 0.001
-- A connection request is repeated after a second (RFC 6298), never within so much of one.
local TOO_SOON = 0.2
-- How far the distance of two copies may differ from that of two others.
local JITTER = 0.005
-- So many in a row at one distance are copies even where nothing else tells.
local IN_A_ROW = 8
local GENERATION = 65536
local MAX_PAIRS = 65536

function duplicates.new()
  return setmetatable({
    young = { when = {}, how = {} }, old = { when = {}, how = {} }, size = 0, since = 0,
    offsets = {}, answered = {}, rows = {}, pairs_known = 0,
  }, duplicates)
end

local function remember(self, sign, context, ts)
  if self.size >= GENERATION or ts - self.since > WINDOW or ts < self.since - WINDOW then
    self.old, self.young = self.young, { when = {}, how = {} }
    self.size, self.since = 0, ts
  end
  self.size = self.size + 1
  self.young.when[sign], self.young.how[sign] = ts, context
end

local function bound(self)
  self.pairs_known = self.pairs_known + 1
  if self.pairs_known > MAX_PAIRS then
    self.offsets, self.answered, self.rows, self.pairs_known = {}, {}, {}, 0
  end
end

local function alike(gap, offset)
  return offset and abs(gap - offset) <= JITTER + offset / 10
end

-- Whether packets of this direction come again at the distance `gap`, as often as new ones come.
local function in_a_row(self, key, gap)
  local row = self.rows[key]
  if not row then
    row = { gap = gap, count = 0, fresh = 0 }
    self.rows[key] = row
    bound(self)
  end
  if alike(gap, row.gap) and row.fresh <= 2 * row.count + 2 then
    row.count = row.count + 1
  else
    row.gap, row.count, row.fresh = gap, 1, 0
  end
  return row.count >= IN_A_ROW and row.fresh * 2 >= row.count
end

local function is_copy(self, out, gap)
  if out.id ~= 0 or gap <= AT_ONCE then
    return true
  end
  local key = out.key
  if alike(gap, self.offsets[key]) then
    return true
  elseif out.proto ~= 6 then
    return alike(gap, self.offset)
  end
  local flags = out.flags
  if flags % 4 >= 2 and flags % 32 < 16 then
    return gap < TOO_SOON or self.answered[key] or false
  end
  return in_a_row(self, key, gap)
end

local function judge(self, s, out, ts)
  local l3, l4 = out.l3, out.l4
  if not l3 or not out.key or out.short then
    return nil
  end
  local tcp = out.proto == 6 and not out.fragment
  -- Of what has no numbers of its own, all that is there.
  local stop = tcp and out.offset or #s
  local sign
  if out.kind == 0x0800 then
    -- Length, identification and fragment; addresses, and the transport header.
    sign = sub(s, l3 + 2, l3 + 7) .. sub(s, l3 + 12, stop)
  else
    sign = sub(s, l3 + 4, l3 + 5) .. sub(s, l3 + 8, stop)
  end
  if #sign > 256 then
    return nil
  end
  local context = sub(s, out.hw or 1, out.hw and l3 - 1 or 0) .. char(out.ttl)
  if out.path ~= "" then
    context = context .. out.path
  end
  local when = self.young.when[sign]
  local how = when and self.young.how[sign]
  if not when then
    when, how = self.old.when[sign], self.old.how[sign]
  end
  remember(self, sign, context, ts)
  if tcp and out.flags % 32 == 18 then
    bound(self)
    self.answered[swap(out.key)] = true
  end
  local gap = when and abs(ts - when)
  if not gap or gap > WINDOW then
    local row = self.rows[out.key]
    if row then
      row.fresh = row.fresh + 1
    end
    return nil
  end
  local elsewhere = how ~= context
  if not elsewhere and not is_copy(self, out, gap) then
    return nil
  end
  if gap > AT_ONCE then
    self.offset = gap
    if not self.offsets[out.key] then
      bound(self)
    end
    self.offsets[out.key] = gap
    if tcp then
      self.offsets[swap(out.key)] = gap
    end
  end
  return elsewhere and "elsewhere" or "same"
end

-- Of the first bytes s of a frame and what packet.parse found in it: nil where the packet is new,
-- otherwise how its copies differ: "same" or "elsewhere" (another hop, network or MAC address). A
-- frame may be asked about again right away.
function duplicates:check(s, out, ts, frame)
  if frame ~= self.frame then
    self.frame, self.told = frame, judge(self, s, out, ts)
  end
  return self.told
end

return duplicates
