-- The table "Response times": what times.lua measured, by operation and pair of hosts.
local bytes = require("bytes")
local times = require("times")

local times_table = {}

local format = string.format

local OPERATION = {
  echo = "C-ECHO", store = "C-STORE", find = "C-FIND", get = "C-GET", move = "C-MOVE", n = "N-*",
}

local function filter_of(kind, one, other)
  local field = #one == 16 and "ipv6.addr" or "ip.addr"
  local operation = kind == "n" and "pacsflow.operation contains \"N-\""
    or "pacsflow.operation == \"" .. OPERATION[kind] .. "\""
  return format("pacsflow.response_time && %s && %s == %s && %s == %s", operation, field,
    bytes.address(one), field, bytes.address(other))
end

local function add(to, row)
  for _, name in ipairs({ "count", "n", "sum", "first_n", "first_sum", "data_bytes", "data_us" }) do
    to[name] = to[name] + row[name]
  end
  to.min = row.min and (not to.min or row.min < to.min) and row.min or to.min
  to.max = row.max and (not to.max or row.max > to.max) and row.max or to.max
  for k, n in pairs(row.fine) do
    to.fine[k] = (to.fine[k] or 0) + n
  end
end

-- Microseconds that a share of the response times do not exceed, to 5 %.
local function percentile(to, share)
  local steps, seen = {}, 0
  for k in pairs(to.fine) do
    steps[#steps + 1] = k
  end
  table.sort(steps)
  for _, k in ipairs(steps) do
    seen = seen + to.fine[k]
    if seen >= share * to.n then
      return math.max(to.min, math.min(to.max, 2 ^ ((k + 0.5) / 8)))
    end
  end
  return nil
end

local function milliseconds(us)
  return us and format("%.3f", us / 1000) or "-"
end

local function line(to)
  return {
    OPERATION[to.kind], bytes.address(to.client), bytes.address(to.server), format("%d", to.count),
    format("%d", to.n), milliseconds(to.min), milliseconds(percentile(to, 0.5)),
    milliseconds(percentile(to, 0.95)), milliseconds(to.max),
    milliseconds(to.first_n > 0 and to.first_sum / to.first_n or nil),
    to.data_us > 0 and format("%.2f", to.data_bytes * 8 / to.data_us) or "-",
    filter = filter_of(to.kind, to.client, to.server),
  }
end

-- each(visit): calls visit(association).
function times_table.build(each)
  local known, list = {}, {}
  each(function(a)
    for d, side in pairs(a.times or {}) do
      for kind, row in pairs(side.rows) do
        local key = kind .. d.host .. d.peer.host
        local to = known[key]
        if not to then
          to = { kind = kind, client = d.host, server = d.peer.host, count = 0, n = 0, sum = 0,
                 first_n = 0, first_sum = 0, data_bytes = 0, data_us = 0, fine = {} }
          known[key], list[#list + 1] = to, to
        end
        add(to, row)
      end
    end
  end)
  local out = {}
  for i, to in ipairs(list) do
    out[i] = line(to)
  end
  return {
    title = "Response times",
    columns = {
      "Operation", "Asked by", "Of", "Requests", "Timed", "Min ms", "Median ms", "95 % ms", "Max ms",
      "First ms", "Mbit/s",
    },
    numeric = { [4] = true, [5] = true, [6] = true, [7] = true, [8] = true, [9] = true, [10] = true,
                [11] = true },
    rows = out, sort = 8,
  }
end

return times_table
