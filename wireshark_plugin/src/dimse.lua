-- DIMSE command sets (DICOM PS3.7): implicit VR little endian, group 0000, ascending.
local bytes = require("bytes")

local dimse = {}

local find, sub = string.find, string.sub
local le16, le32 = bytes.le16, bytes.le32

dimse.OPERATION = {
  [0x0001] = "C-STORE", [0x0010] = "C-GET", [0x0020] = "C-FIND", [0x0021] = "C-MOVE",
  [0x0030] = "C-ECHO", [0x0FFF] = "C-CANCEL", [0x0100] = "N-EVENT-REPORT", [0x0110] = "N-GET",
  [0x0120] = "N-SET", [0x0130] = "N-ACTION", [0x0140] = "N-CREATE", [0x0150] = "N-DELETE",
}
local COMMAND_FIELD = {}
for field in pairs(dimse.OPERATION) do
  COMMAND_FIELD[field] = true
  if field ~= 0x0FFF then
    COMMAND_FIELD[field + 0x8000] = true
  end
end

-- What a stream of this service does where its command cannot be read.
local BY_SERVICE = {
  verification = "C-ECHO", storage = "C-STORE", query = "C-FIND", worklist = "C-FIND",
  mpps = "N-CREATE", commitment = "N-ACTION", print = "N-SET",
}

function dimse.infer(sop_name, service)
  if service == "retrieve" then
    return find(sop_name, "Get$") and "C-GET" or "C-MOVE"
  end
  return BY_SERVICE[service]
end

-- Status classes of PS3.7 Annex C.
function dimse.status_class(status)
  if status == 0x0000 then
    return "success"
  elseif status == 0xFF00 or status == 0xFF01 then
    return "pending"
  elseif status == 0xFE00 then
    return "cancel"
  elseif status == 0x0001 or status == 0x0107 or status == 0x0116
    or (status >= 0xB000 and status <= 0xBFFF) then
    return "warning"
  end
  return "failure"
end

local STATUS_NAME = {
  [0x0000] = "Success", [0x0105] = "No such attribute", [0x0106] = "Invalid attribute value",
  [0x0107] = "Attribute list error", [0x0110] = "Processing failure",
  [0x0111] = "Duplicate SOP instance", [0x0112] = "No such SOP instance",
  [0x0113] = "No such event type", [0x0114] = "No such argument",
  [0x0115] = "Invalid argument value", [0x0116] = "Attribute value out of range",
  [0x0117] = "Invalid SOP instance", [0x0118] = "No such SOP class",
  [0x0119] = "Class-instance conflict", [0x0120] = "Missing attribute",
  [0x0121] = "Missing attribute value", [0x0122] = "SOP class not supported",
  [0x0123] = "No such action type", [0x0124] = "Not authorized",
  [0x0210] = "Duplicate invocation", [0x0211] = "Unrecognized operation",
  [0x0212] = "Mistyped argument", [0x0213] = "Resource limitation",
  [0xA801] = "Move destination unknown", [0xA900] = "Data set does not match SOP class",
  [0xFE00] = "Cancel", [0xFF00] = "Pending", [0xFF01] = "Pending, optional keys not supported",
}

function dimse.status_name(status)
  local name = STATUS_NAME[status]
  if name then
    return name
  elseif status >= 0xA700 and status <= 0xA7FF then
    return "Out of resources"
  elseif status >= 0xC000 and status <= 0xCFFF then
    return "Unable to process"
  end
  local class = dimse.status_class(status)
  return class == "warning" and "Warning" or "Failure"
end

-- A command set out of its bytes. `cut`: its end is missing. Returns nil where the bytes are no
-- command set; otherwise a table with field, sop, message_id, status, destination where present,
-- `malformed` where a whole set violates PS3.7, `broken` where it cannot be read to its end.
-- Instance UIDs and comments are not read.
function dimse.command(s, cut)
  local size = #s
  if size < 12 or le32(s, 1) ~= 0 or le32(s, 5) ~= 4 then
    return nil
  end
  local group_length = le32(s, 9)
  if group_length < 10 or group_length > 65536 then
    return nil
  end
  local out, last, i = { group_length = group_length }, 0, 13
  while i + 7 <= size do
    local element, length = le16(s, i + 2), le32(s, i + 4)
    if le16(s, i) ~= 0 or element <= last then
      if last == 0 then
        return nil
      end
      out.malformed, out.broken = true, true
      return out
    end
    local from, to = i + 8, i + 7 + length
    if to > size then
      if last == 0 and element ~= 2 and element ~= 3 then
        return nil
      end
      out.malformed, out.broken = not cut or nil, not cut or nil
      return out
    end
    if element == 0x0002 or element == 0x0003 then
      local uid = bytes.uid(sub(s, from, to))
      if not uid then
        return nil
      end
      out.sop = uid
    elseif element == 0x0100 then
      local field = length == 2 and le16(s, from)
      if not field or not COMMAND_FIELD[field] then
        return nil
      end
      out.field = field
    elseif length == 2 and (element == 0x0110 or element == 0x0120) then
      out.message_id = le16(s, from)
    elseif length == 2 and element == 0x0800 then
      out.no_data_set = le16(s, from) == 0x0101
    elseif length == 2 and element == 0x0900 then
      out.status = le16(s, from)
    elseif element == 0x0600 then
      out.destination = bytes.trim(sub(s, from, to))
    end
    last, i = element, to + 1
  end
  local silent = out.field and out.field >= 0x8000 and not out.status
  if not cut and (i ~= size + 1 or not out.field or silent or group_length + 12 ~= size) then
    out.malformed = true
  end
  out.broken = not cut and i ~= size + 1 or nil
  return out
end

return dimse
