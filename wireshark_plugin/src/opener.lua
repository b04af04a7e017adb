-- Reads the first frames of each capture before Wireshark opens it; never claims a file.
local capturefile = require("capturefile")
local lookahead = require("lookahead")
local packet = require("packet")
local dissected = require("dissected")
local command_line = require("command_line")

local opener = {}

-- Frames in which packets that only Wireshark's dissectors see through show themselves.
local GLANCE = 5000
local ETHERNET = 1

-- The capture of tshark's command line, opened, where it is a file that can be read again, and what
-- leaves it as it was. A pipe can be read once only, and a live one would have to be waited for.
local function named_file()
  local line = command_line.read()
  local path = line and command_line.capture(line)
  if path == "-" then
    -- A file that was opened for tshark has a place where it is read; a pipe has none.
    -- Without a buffer that place is where tshark goes on.
    io.stdin:setvbuf("no")
    local place = io.stdin:seek("cur")
    return place and io.stdin, function() io.stdin:seek("set", place) end
  end
  local file = path and io.open(path, "rb")
  if file and not file:seek("end") then
    file:close()
    return nil
  end
  return file, function() file:close() end
end

-- Wireshark itself opens files alone; tshark's command line tells, where the system does.
local function can_look_ahead()
  if gui_enabled() then
    return true
  end
  local file, leave = named_file()
  if not file then
    return false
  end
  leave()
  return true
end

-- Whether Wireshark's dissectors have to be asked what is in the frames of the capture that is about
-- to be read, as far as its beginning tells.
function opener.asks_dissectors()
  local file, leave = nil, nil
  if not gui_enabled() then
    file, leave = named_file()
  end
  if not file then
    return true
  end
  local seen, asks, out, first = 0, false, {}, nil
  local fine, known = pcall(capturefile.read, file, function(_, s, wire, kind)
    seen, first = seen + 1, first or kind
    if first ~= kind or kind ~= ETHERNET or not packet.is_plain(s) then
      packet.parse(s, wire, out, kind)
      asks = asks or first ~= kind or dissected.is_needed(out)
    end
    return seen < GLANCE and not asks
  end, function() end)
  leave()
  return asks or not fine or not known
end

-- limits(): frames to look ahead, whether they are samples, sFlow datagrams to read of them.
-- found(what): gets what lookahead.scan gave, or nil.
function opener.new(limits, found)
  local handler = FileHandler.new("PACS flow look-ahead", "pacsflow_lookahead",
    "Reads the beginning of captures for the PACS flow plugin", "rms")
  -- Wireshark still writes to both after read_open returns: they must not be collected meanwhile.
  local held
  function handler.read_open(file, capture)
    held = { file, capture }
    local limit, sampled, datagrams = limits()
    local fine, ahead = false, nil
    if limit > 0 and can_look_ahead() then
      fine, ahead = pcall(lookahead.scan, file, limit, sampled, datagrams)
    end
    found(fine and ahead or nil, held)
    return false
  end
  function handler.read()
    return false
  end
  function handler.seek_read()
    return false
  end
  return handler
end

return opener
