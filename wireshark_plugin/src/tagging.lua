-- Adds the tags of an association to a frame's tree.
local fields = require("fields")

local tagging = {}

local F = fields.F
-- Wireshark looks up each method by its name on every use; this one is looked up once.
local add = TreeItem.add
-- Whether our fields stand below an item of ours. It costs as much as a field, and where nothing
-- can show or match it, it is left out.
tagging.item_wanted = true

local function add_all(item, tags)
  for i = 1, #tags, 2 do
    add(item, tags[i], tags[i + 1])
  end
end

-- What is known of the two ends of a frame in direction d, as of the tags `snap`.
function tagging.ends_of(which, a, snap, d, frame, first_time)
  local name = d == a.c.a and "ends_a" or "ends_b"
  if first_time and snap[name] and snap[name].stamp == which.endpoints.stamp then
    return snap[name]
  end
  local e = { fields.ends(which.endpoints, a, snap, d, frame) }
  e.stamp = which.endpoints.stamp
  local tags = {}
  local skip = fields.skip
  local function put(key, value)
    if value ~= nil and not skip[key] then
      tags[#tags + 1] = F[key]
      tags[#tags + 1] = value
    end
  end
  put("src_tag", e[1])
  put("src_name", e[2])
  put("src_basis", e[3])
  put("dst_tag", e[4])
  put("dst_name", e[5])
  put("dst_basis", e[6])
  put("pacs_direction", e[7])
  e.tags = tags
  if first_time and snap == a.snap then
    snap[name] = e
  end
  return e
end

-- Returns the item that further fields go below.
function tagging.tag(proto, tree, which, a, snap, d, frame, first_time, truncated)
  local item = tagging.item_wanted and add(tree, proto) or tree
  add_all(item, fields.of(a, snap, d))
  if fields.ends_wanted then
    add_all(item, tagging.ends_of(which, a, snap, d, frame, first_time).tags)
  end
  if truncated and not fields.skip.truncated then
    item:add(F.truncated, true)
  end
  return item
end

function tagging.sampling(item, rate, wire)
  item:add(F.rate, rate)
  item:add(F.estimate, UInt64.new(rate * wire % 4294967296, math.floor(rate * wire / 4294967296)))
end

-- What times.lua measured at a frame: keys and values, of times microseconds.
function tagging.measured(item, values)
  for i = 1, values and #values or 0, 2 do
    local key, value = values[i], values[i + 1]
    if not fields.skip[key] then
      if key ~= "transfer_rate" then
        value = NSTime.new(math.floor(value / 1000000), value % 1000000 * 1000)
      end
      item:add(F[key], value)
    end
  end
end

-- What a packet came through, and that it is a copy of another.
function tagging.way(item, tunnel, copy)
  if tunnel and not fields.skip.tunnel then
    item:add(F.tunnel, tunnel)
  end
  if copy and not fields.skip.duplicate then
    item:add(F.duplicate, copy)
  end
end

return tagging
