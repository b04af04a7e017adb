-- Every prefix of captures through the parser in a plain interpreter, Lua 5.2 or 5.4: for each byte
-- of a capture's frames the frames before it whole, and its own frame cut after it.
-- lua prefix_test.lua FOLDER_OF_SOURCES CAPTURE.pcap...
package.path = arg[1] .. "/?.lua"
local packet = require("packet")
local rows = require("rows")
local stats = require("stats")
local tracker = require("tracker")

local function u32(s, at)
  local a, b, c, d = s:byte(at, at + 3)
  return a + b * 256 + c * 65536 + d * 16777216
end

-- The frames of a classic little-endian pcap.
local function read(path)
  local file = assert(io.open(path, "rb"))
  local s = file:read("*a")
  file:close()
  local frames, at = {}, 25
  while at + 16 <= #s + 1 do
    local size = u32(s, at + 8)
    frames[#frames + 1] = s:sub(at + 16, at + 15 + size)
    at = at + 16 + size
  end
  return frames
end

local source = {}
function source:raw(offset, length)
  return self.s:sub(offset + 1, offset + length)
end

local out = {}
local function feed(t, frame, info, s, wire)
  packet.parse(s, wire, out)
  if out.proto == 6 and out.key and not out.fragment and not out.short then
    source.s, info.abs_ts = s, frame / 1000
    local there = math.max(0, math.min(#s - out.offset, out.length))
    t:packet(frame, info, out.key, out.seq, out.ack, out.flags, source, out.offset, out.length,
      there, wire, 1)
  end
end

-- Returns the rows after frames[1..n-1] and the first `bytes` bytes of frames[n].
local function prefix(frames, n, bytes)
  local found, info = {}, {}
  local t = tracker.new({ on_row = function(a) found[#found + 1] = rows.dicom(a) end })
  for i = 1, n - 1 do
    feed(t, i, info, frames[i], #frames[i])
  end
  feed(t, n, info, frames[n]:sub(1, bytes), #frames[n])
  t:flush()
  for _, name in ipairs(stats.NAMES) do
    stats.text(stats[name]({ t }))
  end
  return found
end

local COUNTS = { "store_rq", "find_rq", "move_rq", "echo_rq", "rsp_success", "data_pdus" }
local prefixes = 0
for i = 2, #arg do
  local frames = read(arg[i])
  local whole = {}
  for _, row in ipairs(prefix(frames, #frames, #frames[#frames])) do
    whole[row.uid] = row
  end
  for n = 1, #frames do
    for bytes = 0, #frames[n] do
      prefixes = prefixes + 1
      local found = prefix(frames, n, bytes)
      for _, row in ipairs(found) do
        local last = assert(whole[row.uid], arg[i] .. ": a row that the whole does not give")
        for _, name in ipairs(COUNTS) do
          assert(row[name] <= last[name], arg[i] .. " " .. name)
        end
        assert(row.missed_bytes >= 0 and row.duration >= 0, arg[i])
        for _, flag in ipairs(row.flags) do
          -- What is not there is no violation of the standard.
          assert(flag ~= "malformed", arg[i] .. ": malformed at " .. n .. ", " .. bytes)
        end
      end
    end
  end
end
print(string.format("%d prefixes", prefixes))
