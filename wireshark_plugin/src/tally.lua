-- Counts what became of each frame of a capture, and what its clock did: the rows of capture.log.
local tally = {}
tally.__index = tally

-- A second of disorder is what several queues and merged files make of one clock.
local DISORDER = 1
-- So long between two frames is no pause of traffic but a clock that was set.
local JUMP = 86400

tally.FIELDS = {
  { "ts", "time" }, { "last", "time" }, { "what", "string" }, { "frames", "count" },
  { "bytes", "count" }, { "detail", "string" },
}

function tally.new()
  return setmetatable({ rows = {}, list = {} }, tally)
end

-- One frame of `wire` bytes that `what` holds for; detail: an example.
function tally:add(what, ts, wire, detail)
  local row = self.rows[what]
  if not row then
    row = { what = what, frames = 0, bytes = 0, ts = ts, last = ts, detail = detail }
    self.rows[what] = row
    self.list[#self.list + 1] = row
  end
  row.frames, row.bytes, row.last = row.frames + 1, row.bytes + wire, ts
end

-- The time of a frame of `wire` bytes, in the order of the file.
function tally:time(ts, wire)
  local latest = self.latest
  if not latest or ts >= latest then
    if latest and ts - latest > JUMP then
      self:add("clock forward", ts, wire, string.format("%.0f", ts - latest))
    end
    self.latest = ts
  elseif latest - ts > DISORDER then
    self:add("clock backward", ts, wire, string.format("%.0f", latest - ts))
    self.latest = ts
  else
    self:add("out of order", ts, wire)
  end
end

return tally
