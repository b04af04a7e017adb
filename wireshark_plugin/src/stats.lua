-- Tables over everything that was tagged: associations, endpoints, input/output, talkers,
-- operations, response times. Each is { title, columns, numeric columns, rows }; a row's `filter` shows its frames.
local bytes = require("bytes")
local rows = require("rows")
local times_table = require("times_table")

local stats = {}

local format = string.format

local function number(n)
  return format("%.0f", n)
end

local function host_filter(raw)
  return (#raw == 16 and "ipv6.addr" or "ip.addr") .. " == " .. bytes.address(raw)
end

local function pair_filter(source, destination)
  local field = #source == 16 and "ipv6" or "ip"
  return format("pacsflow && %s.src == %s && %s.dst == %s", field, bytes.address(source), field,
    bytes.address(destination))
end

local function originator(a)
  return a.orig or a.c.tcp_orig or a.c.a
end

-- The same words in a window, where a capture may go on, as in a table at its end.
local function state(a)
  if a.confirmed then
    return rows.result(a) .. ", " .. rows.ending(a)
  end
  return a.state
end

-- The first few of a long list, and how many more there are.
local function shortened(list)
  if #list > 6 then
    return table.concat(list, ",", 1, 5) .. " +" .. number(#list - 5)
  end
  return #list > 0 and table.concat(list, ",") or "-"
end

-- Whether something is met for the first time: two associations may share one connection, whose
-- frames count once.
local function once()
  local met = {}
  return function(thing)
    local first = not met[thing]
    met[thing] = true
    return first
  end
end

-- Calls visit(association) for what was captured and for what was sampled; not for a connection
-- that was taken for DICOM by its endpoints until it spoke for itself.
local function each(trackers, visit)
  for _, t in ipairs(trackers) do
    for _, a in ipairs(t.list) do
      if a.confirmed or not a.untagged then
        visit(a, t)
      end
    end
  end
end

function stats.associations(trackers)
  local out = {}
  each(trackers, function(a)
    local o = originator(a)
    local r, work = o.peer, {}
    for _, name in ipairs({ "echo", "store", "find", "get", "move", "cancel", "n" }) do
      local n = a.counts[name .. "_rq"]
      if n > 0 then
        work[#work + 1] = name:upper() .. " " .. number(n)
      end
    end
    out[#out + 1] = {
      number(a.id), number(a.start_frame or 0),
      bytes.address(o.host) .. " " .. number(o.port), bytes.address(r.host) .. " " .. number(r.port),
      a.base.calling_ae or "-", a.base.called_ae or "-", state(a),
      #work > 0 and table.concat(work, ", ") or "-",
      shortened(a.modalities),
      number(o.packets + r.packets), number(o.wire_bytes), number(r.wire_bytes),
      filter = "pacsflow.assoc.id == " .. number(a.id),
    }
  end)
  return {
    title = "Associations",
    columns = {
      "Id", "Start frame", "Originator", "Responder", "Calling AE", "Called AE", "Outcome",
      "Requests", "Modalities", "Frames", "Bytes sent", "Bytes received",
    },
    numeric = { true, true, [10] = true, [11] = true, [12] = true }, rows = out, sort = 1,
  }
end

-- One line for each address, listening port and AE title.
function stats.endpoints(trackers)
  local out, known = {}, {}
  each(trackers, function(a, t)
    local o = originator(a)
    for _, d in ipairs({ o, o.peer }) do
      local port = d ~= o and number(d.port) or "-"
      local title = (d == o and a.base.calling_ae or d ~= o and a.base.called_ae) or "-"
      local key = d.host .. port .. "|" .. title
      local line = known[key]
      if not line then
        local tag, name, basis = t.endpoints:tag(d, title ~= "-" and title or nil, math.huge)
        line = {
          bytes.address(d.host), port, title, tag or "-", name or "-", basis or "-", 0, 0,
          (d == o and a.base.orig_impl_version or d ~= o and a.base.resp_impl_version) or "-",
          filter = "pacsflow && " .. host_filter(d.host),
        }
        known[key] = line
        out[#out + 1] = line
      end
      line[7] = line[7] + 1
      line[8] = line[8] + d.wire_bytes
    end
  end)
  for _, line in ipairs(out) do
    line[7], line[8] = number(line[7]), number(line[8])
  end
  return {
    title = "PACS endpoints",
    columns = {
      "Address", "Listens on", "AE title", "Is", "Name", "Known by", "Associations", "Bytes sent",
      "Implementation",
    },
    numeric = { [2] = true, [7] = true, [8] = true }, rows = out, sort = 8,
  }
end

function stats.io(trackers)
  local out, known, is_new = {}, {}, once()
  each(trackers, function(a, t)
    local last
    for _, d in ipairs({ a.c.a, a.c.b }) do
      local o = originator(a)
      local title = d == o and a.base.calling_ae or d ~= o and a.base.called_ae or nil
      local tag, name = t.endpoints:tag(d, title, math.huge)
      if tag == "pacs" then
        local line = known[d.host]
        if not line then
          line = { bytes.address(d.host), name or "-", 0, 0, 0, 0, 0,
                   filter = "pacsflow && " .. host_filter(d.host) }
          known[d.host] = line
          out[#out + 1] = line
        end
        line[3] = line[3] + (line ~= last and 1 or 0)
        last = line
        if is_new(d) then
          line[4], line[5] = line[4] + d.peer.packets, line[5] + d.peer.wire_bytes
          line[6], line[7] = line[6] + d.packets, line[7] + d.wire_bytes
        end
      end
    end
  end)
  for _, line in ipairs(out) do
    for i = 3, 7 do
      line[i] = number(line[i])
    end
  end
  return {
    title = "Input/output per PACS",
    columns = { "PACS", "Name", "Associations", "Frames in", "Bytes in", "Frames out", "Bytes out" },
    numeric = { [3] = true, [4] = true, [5] = true, [6] = true, [7] = true }, rows = out, sort = 5,
  }
end

function stats.talkers(trackers)
  local out, known, total, is_new = {}, {}, 0, once()
  each(trackers, function(a)
    for _, d in ipairs(is_new(a.c) and { a.c.a, a.c.b } or {}) do
      if d.packets > 0 then
        local key = d.host .. d.peer.host
        local line = known[key]
        if not line then
          line = { bytes.address(d.host), bytes.address(d.peer.host), 0, 0, 0,
                   filter = pair_filter(d.host, d.peer.host) }
          known[key] = line
          out[#out + 1] = line
        end
        line[3], line[4] = line[3] + d.packets, line[4] + d.wire_bytes
        total = total + d.wire_bytes
      end
    end
  end)
  for _, line in ipairs(out) do
    line[5] = format("%.1f", total > 0 and 100 * line[4] / total or 0)
    line[3], line[4] = number(line[3]), number(line[4])
  end
  return {
    title = "Top talkers",
    columns = { "Source", "Destination", "Frames", "Bytes", "Percent" },
    numeric = { [3] = true, [4] = true, [5] = true }, rows = out, sort = 4,
  }
end

local OPERATION = {
  { "echo_rq", "C-ECHO" }, { "store_rq", "C-STORE" }, { "find_rq", "C-FIND" },
  { "get_rq", "C-GET" }, { "move_rq", "C-MOVE" }, { "cancel_rq", "C-CANCEL" },
  { "n_rq", "N-*" },
}

function stats.operations(trackers)
  local out = {}
  for _, operation in ipairs(OPERATION) do
    local requests, associations, title = 0, 0, operation[2]
    each(trackers, function(a)
      local n = a.counts[operation[1]]
      requests = requests + n
      associations = associations + (n > 0 and 1 or 0)
    end)
    if requests > 0 then
      out[#out + 1] = {
        title, "requests", number(requests), number(associations),
        filter = title == "N-*" and "pacsflow.operation contains \"N-\""
          or "pacsflow.operation == \"" .. title .. "\"",
      }
    end
  end
  for _, class in ipairs({ "success", "warning", "failure", "pending", "cancel" }) do
    local responses, associations = 0, 0
    each(trackers, function(a)
      responses = responses + a.counts[class]
      associations = associations + (a.counts[class] > 0 and 1 or 0)
    end)
    if responses > 0 then
      out[#out + 1] = {
        "responses", class, number(responses), number(associations), filter = "pacsflow.status",
      }
    end
  end
  return {
    title = "Operations", columns = { "Operation", "Kind", "Count", "Associations" },
    numeric = { [3] = true, [4] = true }, rows = out, sort = 3,
  }
end

function stats.times(trackers)
  return times_table.build(function(visit) each(trackers, visit) end)
end

stats.NAMES = { "associations", "endpoints", "io", "talkers", "operations", "times" }

stats.NOTE = "Of samples: bytes are estimates (each sample times its rate)."

-- Of samples, says in the headings what is counted and what is estimated, and in a note.
local function name_estimates(tab, trackers)
  local sampled, whole = false, false
  each(trackers, function(a)
    sampled, whole = sampled or a.flags.sampled or false, whole or not a.flags.sampled
  end)
  if not sampled then
    return tab
  end
  for i, column in ipairs(tab.columns) do
    if column:find("^Frames") then
      tab.columns[i] = (column:gsub("^Frames", whole and "Frames or samples" or "Samples"))
    elseif column:find("^Bytes") then
      tab.columns[i] = (column:gsub("^Bytes", whole and "Bytes or estimates" or "Estimated bytes"))
    end
  end
  tab.note = stats.NOTE
  return tab
end

-- The table of a name of stats.NAMES over the trackers' associations.
function stats.build(name, trackers)
  return name_estimates(stats[name](trackers), trackers)
end

-- Sorts by a column: numbers from the largest (but identifiers from the first), texts from A.
function stats.sort(tab, column, ascending)
  local numeric = tab.numeric[column]
  table.sort(tab.rows, function(x, y)
    local a, b = x[column], y[column]
    if numeric then
      a, b = tonumber(a) or -1, tonumber(b) or -1
      if a ~= b then
        if ascending then
          return a < b
        end
        return a > b
      end
    elseif a ~= b then
      return a < b
    end
    return table.concat(x, "\t") < table.concat(y, "\t")
  end)
end

-- The width of each column, in characters.
local function widths_of(tab)
  local widths = {}
  local function fit(row)
    for i = 1, #tab.columns do
      widths[i] = math.max(widths[i] or 0, #row[i])
    end
  end
  fit(tab.columns)
  for _, row in ipairs(tab.rows) do
    fit(row)
  end
  return widths
end

-- What stands in front of a numbered row.
local NUMBER = 7

-- The columns in groups that are no wider than `width` characters, each beginning with the first
-- one; one column beside it there is always. The one that the rows are in order by as a window
-- opens comes next: an order that nothing on the screen shows looks wrong.
function stats.groups(tab, width)
  local widths, groups, order = widths_of(tab), {}, {}
  for i = 2, #tab.columns do
    table.insert(order, i == tab.sort and 1 or #order + 1, i)
  end
  local used = 0
  for _, i in ipairs(order) do
    local group = groups[#groups]
    if not group or used + 2 + widths[i] > width then
      group, used = { 1 }, NUMBER + widths[1]
      groups[#groups + 1] = group
    end
    group[#group + 1] = i
    used = used + 2 + widths[i]
  end
  return groups
end

-- The table as lines of aligned columns; `numbered`: with the number of each row in front;
-- `chosen`: of these columns alone.
function stats.text(tab, numbered, chosen)
  local widths, lines = widths_of(tab), {}
  local function line(row, label)
    local cells = {}
    for k = 1, chosen and #chosen or #tab.columns do
      local i = chosen and chosen[k] or k
      local gap = (" "):rep(widths[i] - #row[i])
      cells[k] = tab.numeric[i] and gap .. row[i] or row[i] .. gap
    end
    return (numbered and format("%5s  ", label) or "") .. table.concat(cells, "  "):gsub(" +$", "")
  end
  lines[1] = line(tab.columns, "Row")
  lines[2] = ("-"):rep(#lines[1])
  for i, row in ipairs(tab.rows) do
    lines[#lines + 1] = line(row, number(i))
  end
  if tab.note then
    lines[#lines + 1] = tab.note
  end
  return table.concat(lines, "\n") .. "\n"
end

function stats.tsv(tab)
  local lines = { table.concat(tab.columns, "\t") }
  for _, row in ipairs(tab.rows) do
    lines[#lines + 1] = table.concat(row, "\t", 1, #tab.columns)
  end
  return table.concat(lines, "\n") .. "\n"
end

return stats
