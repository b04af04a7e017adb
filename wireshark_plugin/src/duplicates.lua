-- Finds packets that a mirror port, or a second place of capture, brings more than once. A packet
-- is known again by its addresses and its transport header; a real retransmission has another IP
-- identification, or where there is none (0, IPv6), comes when no copy would.
--
-- Nearly every TCP segment begins where the one before it ended, or acknowledges more: no copy of
-- anything before does that. Of these the header alone is kept; only the others are looked up.
local swap = require("keys").swap
local renumbered = require("renumbered")

local duplicates = {}
duplicates.__index = duplicates

local abs = math.abs
local byte, char, sub = string.byte, string.char, string.sub

local MODULUS, HALF = 4294967296, 2147483648
-- What is further ahead belongs to another connection of the same ports.
local NEAR = 16777216
-- Copies come within so many seconds of one another; an identification is not used again so soon.
local WINDOW = 2
-- No retransmission comes so soon after its original.
local AT_ONCE = 0.001
-- A connection request and its answer are repeated after a second (RFC 6298), never within so much
-- of one; nothing that is waited for is sent again sooner but for acknowledgments that ask for it.
local TOO_SOON = 0.2
-- How far the distance of two copies may differ from that of two others.
local JITTER = 0.005
-- So many in a row at one distance are copies even where nothing else tells.
local IN_A_ROW = 8
-- No connection sends again more than one in so many of its packets.
local RARELY = 3
-- The headers of a frame of the plain form.
local PLAIN = 94
local GENERATION = 65536
local MAX_PAIRS = 65536

local function fresh()
  return { directions = {}, what = {}, when = {}, last = 0 }
end

-- moved: what legs.lua found, or nil.
function duplicates.new(moved)
  return setmetatable({
    young = fresh(), old = fresh(), size = 0, since = 0, offsets = {}, answered = {}, rows = {},
    doubled = {}, pairs_known = 0, renumbered = renumbered.new(moved),
  }, duplicates)
end

-- A generation ends when it is full, or older than any copy.
local function turn(self, ts)
  self.old, self.young, self.size, self.since = self.young, fresh(), 0, ts
end

local function make_room(self, ts)
  if self.size >= GENERATION or ts - self.since > WINDOW or ts < self.since - WINDOW then
    turn(self, ts)
  end
  self.size = self.size + 1
end

-- What is known of a direction of a TCP connection in this generation; its `before` is that of the
-- one before. what, when: by sequence number the frame, plain as main.lua has it, and its time; by
-- -1 - number so of mere acknowledgments; by `sign` of others where they came from. passed: number,
-- frame and time of `last` / 3 that are not in these tables yet, for most are never looked up.
local function direction(self, key)
  local d = self.young.directions[key]
  if not d then
    local before = self.old.directions[key]
    d = {
      what = {}, when = {}, passed = {}, last = 0, before = before, row = self.rows[key],
    }
    if before then
      d.next, d.ack, before.before = before.next, before.ack, nil
    end
    self.young.directions[key] = d
  end
  return d
end

-- A new packet of a direction of which some come again.
local function meet(row)
  row.fresh, row.met = row.fresh + 1, row.met + 1
end

-- Whether the TCP segment in the frame s of the plain form (untagged Ethernet, IPv4 without
-- options) cannot be a copy of one before. length: of its payload.
local function passes(self, s, key, seq, length, flags, ts)
  local d = self.young.directions[key] or direction(self, key)
  local name
  if length > 0 then
    local following = d.next
    if flags % 8 ~= 0 or following and (seq - following) % MODULUS >= NEAR then
      return false
    end
    d.next, name = (seq + length) % MODULUS, seq
  else
    local a1, a2, a3, a4 = byte(s, 43, 46)
    local ack, last = ((a1 * 256 + a2) * 256 + a3) * 256 + a4, d.ack
    if flags % 8 ~= 0 or flags < 16 or last and (ack - last - 1) % MODULUS >= NEAR then
      return false
    end
    d.ack, name = ack, -1 - ack
  end
  local passed, last = d.passed, d.last
  passed[last + 1], passed[last + 2], passed[last + 3] = name, #s > PLAIN and sub(s, 1, PLAIN) or s, ts
  d.last = last + 3
  if d.row then
    meet(d.row)
  end
  return true
end

local function bound(self)
  self.pairs_known = self.pairs_known + 1
  if self.pairs_known > MAX_PAIRS then
    self.offsets, self.answered, self.rows, self.doubled, self.pairs_known = {}, {}, {}, {}, 0
  end
end

local function alike(gap, offset)
  return offset and abs(gap - offset) <= JITTER + offset / 10
end

-- What is known of the packets of a direction that come again: how many, how many new ones came
-- meanwhile, and the same of those in a row at one distance.
local function row_of(self, key)
  local row = self.rows[key]
  if not row then
    row = { count = 0, fresh = 0, again = 0, met = 0 }
    self.rows[key] = row
    direction(self, key).row = row
    bound(self)
  end
  return row
end

-- Whether so many packets of a direction come again that they are copies: from the first on where its
-- connection began with copies.
local function mostly(self, key, row)
  if self.doubled[key] then
    return row.again * RARELY + IN_A_ROW * RARELY >= row.met
  end
  return row.again >= IN_A_ROW and row.met * 2 >= row.again and row.again * RARELY >= row.met
end

-- Whether packets of this direction come again as copies do: at the distance `gap`, as often as new ones
-- come, or, so soon that nothing is sent again, most of them.
local function in_a_row(self, key, gap)
  local row = row_of(self, key)
  if alike(gap, row.gap) and row.fresh <= 2 * row.count + 2 then
    row.count = row.count + 1
  else
    row.gap, row.count, row.fresh = gap, 1, 0
  end
  if gap < TOO_SOON and mostly(self, key, row) then
    return true
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
  if flags % 4 >= 2 then
    return gap < TOO_SOON or flags % 32 < 16 and self.answered[key] or false
  end
  return in_a_row(self, key, gap)
end

-- What two copies of a TCP segment have in common: IP length and identification, and its header behind
-- the ports, to `stop`, without the checksum, which a network card may not have made yet.
local function segment_sign(s, kind, l3, l4, stop)
  local of_ip = kind == 0x0800 and sub(s, l3 + 2, l3 + 5) or sub(s, l3 + 4, l3 + 5)
  return of_ip .. sub(s, l4 + 4, l4 + 15) .. sub(s, l4 + 18, stop)
end

-- The same of a frame of the plain form.
local function plain_sign(s)
  local size = byte(s, 47)
  return segment_sign(s, 0x0800, 15, 35, 34 + (size - size % 16) / 4)
end

-- What copies of any other packet have in common: IP length, identification and fragment, and all that
-- is there from the addresses on.
local function packet_sign(s, kind, l3)
  if kind == 0x0800 then
    return sub(s, l3 + 2, l3 + 7) .. sub(s, l3 + 12)
  end
  return sub(s, l3 + 4, l3 + 5) .. sub(s, l3 + 8)
end

-- Where the packet was: what changes from hop to hop.
local function context_of(s, out)
  local context = sub(s, out.hw or 1, out.hw and out.l3 - 1 or 0) .. char(out.ttl)
  return out.path == "" and context or context .. out.path
end

local function plain_context(s)
  return sub(s, 1, 14) .. sub(s, 23, 23)
end

-- Puts what passed into the tables that it is looked up in.
local function file(d)
  if d.last == 0 then
    return
  end
  local passed, what, when = d.passed, d.what, d.when
  for i = 1, d.last, 3 do
    local name = passed[i]
    what[name], when[name] = passed[i + 1], passed[i + 2]
  end
  d.passed, d.last = {}, 0
end

-- What stands under a name in this generation, or the one before.
local function find(places, name)
  file(places)
  local when = places.when[name]
  if when then
    return when, places.what[name]
  end
  local before = places.before
  if before then
    file(before)
    return before.when[name], before.what[name]
  end
  return nil
end

local function put(places, name, what, ts)
  places.what[name], places.when[name] = what, ts
end

-- Looks the packet in `out` up and remembers it, where it was first. Returns when it was there before,
-- if it was, and whether at another place.
local function look_up(places, s, out, sign, ts)
  local context = context_of(s, out)
  local when, what = find(places, sign)
  put(places, sign, what or context, ts)
  return when, what ~= context
end

-- The same, where packets of the plain form stand under a number.
local function look_up_numbered(places, s, out, sign, number, ts)
  local when, what = find(places, number)
  if not when or plain_sign(what) ~= sign then
    return look_up(places, s, out, sign, ts)
  end
  put(places, number, what, ts)
  return when, plain_context(what) ~= context_of(s, out)
end

-- Moves d[name], what a direction has sent or acknowledged, to `number`, which is of a new packet.
-- What is far from there belongs to another connection of its ports.
local function advance(d, name, number)
  local ahead = d[name] and (number - d[name] + HALF) % MODULUS - HALF
  if not ahead or ahead > 0 or ahead < -NEAR then
    d[name] = number
  end
end

-- A TCP segment: as look_up.
local function look_up_segment(self, s, out, ts)
  local d, length = direction(self, out.key), out.length
  if out.flags % 4 >= 2 then
    length = length + 1
  end
  local sign = segment_sign(s, out.kind, out.l3, out.l4, out.offset)
  local when, elsewhere = look_up_numbered(d, s, out, sign, length > 0 and out.seq or -1 - out.ack, ts)
  if when then
    return when, elsewhere
  end
  if length > 0 then
    advance(d, "next", (out.seq + length) % MODULUS)
  elseif out.flags % 32 >= 16 then
    advance(d, "ack", out.ack)
  end
  return nil
end

-- Anything else: as look_up. Of what has no numbers of its own, all that is there.
local function look_up_other(self, s, out, ts)
  local sign = packet_sign(s, out.kind, out.l3)
  if #sign > 256 then
    return nil
  end
  self.young.before = self.old
  self.old.before = nil
  return look_up(self.young, s, out, sign, ts)
end

local function is_plain(out)
  return out.l3 == 15 and out.l4 == 35 and out.hw == 1 and out.kind == 0x0800 and out.path == ""
end

local function come_again(row)
  if row then
    row.again = row.again + 1
  end
end

local function judge(self, s, out, ts)
  if not out.l3 or not out.key or out.short then
    return nil
  end
  local tcp = out.proto == 6 and not out.fragment
  if tcp and self.renumbered:is_copy(out, ts) then
    return "elsewhere"
  end
  make_room(self, ts)
  if tcp and is_plain(out) and passes(self, s, out.key, out.seq, out.length, out.flags, ts) then
    return nil
  end
  local when, elsewhere = (tcp and look_up_segment or look_up_other)(self, s, out, ts)
  if tcp and out.flags % 32 == 18 then
    bound(self)
    self.answered[swap(out.key)] = true
  end
  local gap = when and abs(ts - when)
  if not gap or gap > WINDOW then
    local row = self.rows[out.key]
    if row then
      meet(row)
    end
    return nil
  end
  local copy = elsewhere or is_copy(self, out, gap)
  come_again(self.rows[out.key])
  if not copy then
    return nil
  end
  if tcp and out.flags % 4 >= 2 then
    if not self.doubled[out.key] then
      bound(self)
    end
    self.doubled[out.key], self.doubled[swap(out.key)] = true, true
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

-- Whether the frame s of the plain form is surely new; check() knows it from here on. Where it is not
-- sure, check() has to be asked.
function duplicates:is_new(s, key, seq, length, flags, ts, frame)
  if self.renumbered.moved[key] then
    return false
  end
  make_room(self, ts)
  if passes(self, s, key, seq, length, flags, ts) then
    self.frame, self.told = frame, nil
    return true
  end
  return false
end

return duplicates
