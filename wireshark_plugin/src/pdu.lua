-- The PDUs of an association (DICOM PS3.8 9.3), parsed out of their bytes.
local bytes = require("bytes")

local pdu = {}

local byte, find, sub = string.byte, string.find, string.sub
local u16, u32 = bytes.u16, bytes.u32

pdu.ASSOCIATE_RQ, pdu.ASSOCIATE_AC, pdu.ASSOCIATE_RJ, pdu.P_DATA = 1, 2, 3, 4
pdu.RELEASE_RQ, pdu.RELEASE_RP, pdu.ABORT = 5, 6, 7
pdu.APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
-- Far more than 128 presentation contexts with every transfer syntax need.
pdu.MAX_BODY = 1048576
-- Protocol version to the reserved 32 bytes: what stands before the variable items.
pdu.FIXED = 68

local MAX_CONTEXTS = 128

-- Calls visit(type, first, last) for each item in body[from..to]. False where one overruns.
local function items(body, from, to, visit)
  while from <= to do
    if from + 3 > to then
      return false
    end
    local last = from + 3 + u16(body, from + 2)
    if last > to then
      visit(byte(body, from), from + 4, to, true)
      return false
    end
    visit(byte(body, from), from + 4, last, false)
    from = last + 1
  end
  return true
end

local function context(out, kind, body, first, last)
  if last - first < 3 then
    return false
  end
  local c = { id = byte(body, first), syntaxes = {} }
  if kind == 0x21 then
    c.result = byte(body, first + 2)
  end
  out.number = out.number + 1
  if #out.contexts < MAX_CONTEXTS then
    out.contexts[#out.contexts + 1] = c
  end
  return items(body, first + 4, last, function(sub_kind, a, b, cut)
    if cut then
      return
    elseif sub_kind == 0x30 then
      c.abstract = bytes.uid(sub(body, a, b))
    elseif sub_kind == 0x40 and #c.syntaxes < 64 then
      c.syntaxes[#c.syntaxes + 1] = bytes.uid(sub(body, a, b))
    end
  end)
end

local IDENTITY = { "username", "username_passcode", "kerberos", "saml", "jwt" }

local function user_information(out, body, first, last)
  local roles = 0
  local sound = true
  local whole = items(body, first, last, function(kind, a, b, cut)
    local length = b - a + 1
    if cut then
      return
    elseif kind == 0x51 then
      out.max_pdu = length == 4 and u32(body, a) or nil
      sound = sound and length == 4
    elseif kind == 0x52 then
      out.impl_uid = bytes.uid(sub(body, a, b))
    elseif kind == 0x53 then
      -- The operations that the requestor may have under way, and the acceptor.
      out.ops_orig, out.ops_resp = u16(body, a), length == 4 and u16(body, a + 2) or nil
    elseif kind == 0x55 then
      out.impl_version = bytes.trim(sub(body, a, b))
    elseif kind == 0x54 then
      local uid_length = length >= 4 and u16(body, a)
      if not uid_length or uid_length + 4 ~= length then
        sound = false
      elseif roles < MAX_CONTEXTS then
        roles = roles + 1
        local uid = bytes.uid(sub(body, a + 2, a + 1 + uid_length))
        if uid then
          out.roles[uid] = { scu = byte(body, b - 1) == 1, scp = byte(body, b) == 1 }
        end
      end
    elseif kind == 0x58 and length >= 1 then
      -- The type alone: what follows is a name or a secret.
      out.identity = IDENTITY[byte(body, a)] or string.format("%d", byte(body, a))
    end
  end)
  return whole and sound
end

local function associate(body, cut)
  local out = { contexts = {}, number = 0, roles = {}, offered = {}, whole = not cut }
  if #body < pdu.FIXED and not cut then
    out.malformed = true
  end
  out.version = u16(body, 1)
  out.reserved = (u16(body, 3) or 0) ~= 0
  if #body >= 36 then
    out.called_raw, out.calling_raw = sub(body, 5, 20), sub(body, 21, 36)
    out.called_ae, out.calling_ae = bytes.trim(out.called_raw), bytes.trim(out.calling_raw)
  end
  local sound = true
  local whole = items(body, pdu.FIXED + 1, #body, function(kind, a, b, item_cut)
    if kind == 0x10 and not item_cut then
      out.application_context = bytes.uid(sub(body, a, b))
    elseif kind == 0x20 or kind == 0x21 then
      sound = context(out, kind, body, a, b) and sound
    elseif kind == 0x50 then
      sound = user_information(out, body, a, b) and sound
    end
  end)
  if not cut and not (whole and sound) then
    out.malformed = true
  end
  for _, c in ipairs(out.contexts) do
    out.offered[c.id] = c.abstract
  end
  return out
end

-- Equipment asks for the same thing, and is answered the same, all day: what was read is kept.
local KEPT, KEPT_SIZE = 256, 16384
local kept, kept_number = {}, 0

-- The body (after the 6-byte header) of an A-ASSOCIATE-RQ or -AC. `cut`: bytes are missing at
-- its end because the frame was captured short. The result holds what could be read; `malformed`
-- says that an item violates PS3.8 (and not that it was cut). It is not to be changed.
function pdu.associate(body, cut)
  if cut or #body > KEPT_SIZE then
    return associate(body, cut)
  end
  local out = kept[body]
  if not out then
    if kept_number >= KEPT then
      kept, kept_number = {}, 0
    end
    out = associate(body, cut)
    kept[body], kept_number = out, kept_number + 1
  end
  return out
end

-- Whether the fixed part of a request or acceptance that was cut off before its application
-- context is one all the same: version bit, two printable AE titles, reserved bytes of zero.
function pdu.plausible_cut(out, body)
  if not out.called_raw or not out.version or out.version % 2 ~= 1 or out.reserved then
    return false
  end
  local function title(raw)
    return find(raw, "^[ -~]+\0*$") and find(raw, "[%w]")
  end
  return title(out.called_raw)
    and title(out.calling_raw)
    and not find(sub(body, 37, pdu.FIXED), "[^\0]")
    and (#body <= pdu.FIXED or byte(body, pdu.FIXED + 1) == 0x10)
end

-- Whether the first bytes of a stream (header and what follows) can begin an association.
function pdu.can_begin(s)
  local kind = byte(s, 1)
  if kind ~= 1 and kind ~= 2 then
    return false
  end
  local length = u32(s, 3)
  if length and (length < pdu.FIXED or length > pdu.MAX_BODY) then
    return false
  end
  -- Whatever the protocol version: a request of another one is answered, too (PS3.8, 9.3.4).
  local item = byte(s, 75)
  return not item or item == 0x10 or item == 0x20 or item == 0x50
end

-- Whether s, at the start of a TCP segment, begins with the header of a P-DATA-TF PDU and of a
-- presentation data value whose lengths, context id and control header agree with each other.
function pdu.begins_data(s)
  if byte(s, 1) ~= 4 or byte(s, 2) ~= 0 or #s < 12 then
    return false
  end
  local length, value = u32(s, 3), u32(s, 7)
  return value >= 2 and value + 4 <= length and byte(s, 11) % 2 == 1 and byte(s, 12) <= 3
    and length < 0x10000000
end

return pdu
