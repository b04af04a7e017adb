-- Finds where a PDU begins in a stream whose place is not known: captures begin in the middle.
local dimse = require("dimse")
local pdu = require("pdu")
local stream = require("stream")

local hunting = {}

local byte, find, sub = string.byte, string.find, string.sub

-- TLS, HTTP, and TPKT (RFC 1006, 6), which has 7 bytes at least: an A-ASSOCIATE-RJ begins as one of none.
local FOREIGN_START = {
  "^[\20-\23]\3[\0-\4]", "^HTTP/", "^[A-Z]+ [^ ]+ HTTP/", "^\3\0\0[\7-\255]", "^\3\0[\1-\5]",
}

function hunting.looks_foreign(s)
  for i = 1, #FOREIGN_START do
    if find(s, FOREIGN_START[i]) then
      return true
    end
  end
  return false
end

-- Whether two titles may stand in s, and no text: of a frame that was cut there is nothing else.
local function printable_titles(s, cut)
  return #s < 42
    or (cut or find(s, "^[ -~\0]+$", 11) == nil) and not find(sub(s, 11, 42), "[^ -~\0]")
end

-- The header of a P-DATA-TF PDU with one presentation data value, and of that value, without the
-- last byte of it.
local HEADER = 12

-- Where in s the header of a PDU with one value stands: the two lengths agree, the context is odd,
-- the control header is one that PS3.8 (E.2) knows.
local function header_in(s)
  local at = 1
  while true do
    at = find(s, "\4\0", at, true)
    if not at or at + HEADER - 1 > #s then
      return nil
    end
    local l1, l2, l3, l4, v1, v2, v3, v4, context, control = byte(s, at + 2, at + 11)
    if l1 < 16 and l4 == (v4 + 4) % 256 and control <= 3 and context % 2 == 1 then
      local length = ((l1 * 256 + l2) * 256 + l3) * 256 + l4
      if length == ((v1 * 256 + v2) * 256 + v3) * 256 + v4 + 4 and length >= 6 then
        return at
      end
    end
    at = at + 2
  end
end

-- Whether the segment s shows by itself where a PDU or a command set begins in it.
function hunting.at_start(t, c, d, s, cut)
  local first = byte(s, 1)
  local a = c.assoc
  local confirmed = a and a.confirmed
  if first == 4 then
    if not pdu.begins_data(s) then
      return false
    end
    if not confirmed and byte(s, 12) % 2 == 1 and #s >= 24
      and not dimse.command(sub(s, 13), true) then
      return false
    end
    d.searched = not t.sampled and header_in(sub(s, 1, HEADER)) == 1
  elseif first == 0 then
    if sub(s, 1, 8) ~= "\0\0\0\0\4\0\0\0" then
      return false
    end
    local command = dimse.command(s, true)
    if not command or not (command.field or command.sop) then
      return false
    end
    a = a or t:open(c)
    d.guess = true
    d.pdu_left, d.last_fragment, d.command = 0, true, nil
    stream.start(d, "C", command.group_length + 12)
    return true
  elseif first == 1 or first == 2 then
    if a and a.rq and first == 1 or not pdu.can_begin(s) or not printable_titles(s, cut) then
      return false
    end
  elseif first == 3 or first >= 5 and first <= 7 then
    if not confirmed or #s ~= 10 or sub(s, 2, 6) ~= "\0\0\0\0\4" then
      return false
    end
  else
    return false
  end
  if not a then
    t:open(c)
  end
  d.guess = true
  stream.start(d, "H", 6)
  return true
end

-- Looks for the header of a PDU anywhere in the bytes s, which follow those of the call before.
-- Returns the bytes from there on, or nil.
function hunting.inside(d, s)
  local before = d.hunted
  local all = before and before .. s or s
  local at = header_in(all)
  if at then
    d.hunted = nil
    return at == 1 and all or sub(all, at)
  end
  d.hunted = #all >= HEADER and sub(all, 1 - HEADER) or all
  return nil
end

return hunting
