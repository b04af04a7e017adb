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

-- The time of a frame of `wire` bytes, in the order of the file. self.seen: all frames, from the
-- earliest to the latest time.
function tally:time(ts, wire)
  self.seen = self.seen or { what = "seen", frames = 0, bytes = 0, ts = ts, last = ts }
  local seen, latest = self.seen, self.latest
  seen.frames, seen.bytes = seen.frames + 1, seen.bytes + wire
  seen.ts, seen.last = ts < seen.ts and ts or seen.ts, ts > seen.last and ts or seen.last
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
