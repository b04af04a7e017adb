-- The layer that speaks to Wireshark: a postdissector over the raw bytes of each frame.
local bytes = require("bytes")
local export = require("export")
local fields = require("fields")
local inventory = require("inventory")
local lookahead = require("lookahead")
local packet = require("packet")
local sflow = require("sflow")
local tls = require("tls")
local tracker = require("tracker")
local wanted_fields = require("wanted")
local windows = require("windows")

local main = {}

local byte, sub = string.byte, string.sub

local proto = Proto("pacsflow", "PACS flow")
fields.register(proto)
local F = fields.F

-- Preferences, overruled by arguments (-X lua_script1:name=value) and by the environment
-- (PACSFLOW_NAME), which is how programs call.
proto.prefs.inventory = Pref.string("Inventory", "",
  "A Zeek log with the columns match, name, role, modality and site")
proto.prefs.sampling_rate = Pref.uint("Sampling rate", 0,
  "The frames of this capture are samples, one in so many; 0: they are all")
proto.prefs.lookahead = Pref.uint("Frames to look ahead", 10000,
  "Frames read beforehand, so that those before the evidence are tagged too; 0: none")

local arguments = {}
for _, argument in ipairs({ ... }) do
  local name, value = tostring(argument):match("^([%w_]+)=(.*)$")
  if name then
    arguments[name] = value
  end
end

local PREFERENCE = { inventory = true, sampling_rate = true, lookahead = true }

local function setting(name)
  local value = arguments[name] or os.getenv("PACSFLOW_" .. name:upper())
  if value and value ~= "" then
    return value
  end
  if PREFERENCE[name] then
    value = proto.prefs[name]
    if value ~= "" and value ~= 0 then
      return value
    end
  end
  return nil
end

local function complain(text)
  io.stderr:write("pacsflow: ", text, "\n")
  if gui_enabled() then
    report_failure("pacsflow: " .. text)
  end
end

local known_inventory, known_path

local function read_inventory()
  local path = setting("inventory")
  if path == known_path then
    return known_inventory
  end
  known_path, known_inventory = path, nil
  if not path then
    return nil
  end
  local file, problem = io.open(path, "r")
  if not file then
    complain("inventory " .. tostring(problem))
    return nil
  end
  known_inventory = inventory.read(file:lines(), function(line, what)
    complain("inventory " .. path .. ", line " .. line .. ": " .. what)
  end)
  file:close()
  return known_inventory
end

-- state: associations of captured frames; samples: of frames sampled by sFlow agents.
local state, samples, ahead, log
-- Whether tags are shown at all: false where nothing asks for the protocol or a field of it.
local showing = true
local pending = {}
local progress = tonumber(arguments.progress or os.getenv("PACSFLOW_PROGRESS") or "")
local export_to = arguments.export or os.getenv("PACSFLOW_EXPORT")
local brief = arguments.brief or os.getenv("PACSFLOW_BRIEF")

local function reset()
  local rate = tonumber(setting("sampling_rate") or 0) or 0
  local entries = read_inventory()
  local function on_row(which)
    return function(a)
      if log then
        log:association(a, which.endpoints)
      end
    end
  end
  local function fresh(sampled, of_agents)
    local options = {
      inventory = entries, sampled = sampled, lookahead = ahead and (of_agents and ahead.find_sample or ahead.find),
    }
    local t = tracker.new(options)
    options.on_row = on_row(t)
    return t
  end
  state, samples = fresh(rate > 1), fresh(true, true)
  if ahead then
    state.endpoints:seed(ahead.hosts)
  end
  state.rate = rate > 1 and rate or 1
  -- One hospital: what is known of a host is known of it everywhere.
  samples.endpoints = state.endpoints
  main.state, main.samples = state, samples
end

function proto.init()
  pending, highest = {}, 0
  reset()
end

-- A pipe can be read once only, and a live one would have to be waited for. Wireshark itself opens
-- files alone; tshark's command line tells, where the system does.
local function can_look_ahead()
  if gui_enabled() then
    return true
  end
  local line = wanted_fields.command_line()
  local path = line and wanted_fields.capture(line)
  if not path then
    return false
  elseif path == "-" then
    -- A file that was opened for tshark has a place where it is read; a pipe has none.
    return io.stdin:seek("cur") ~= nil
  end
  local file = io.open(path, "rb")
  local regular = file and file:seek("end") and true or false
  if file then
    file:close()
  end
  return regular
end

-- Reads the first frames of each file before it is opened; never claims a file.
local opener = FileHandler.new("PACS flow look-ahead", "pacsflow_lookahead",
  "Reads the beginning of captures for the PACS flow plugin", "rms")
local held
function opener.read_open(file, capture)
  -- Wireshark still writes to both after this returns: they must not be collected meanwhile.
  held = { file, capture }
  ahead = nil
  local limit = export_to and 10000000 or tonumber(setting("lookahead") or 0) or 0
  local rate = tonumber(setting("sampling_rate") or 0) or 0
  if limit > 0 and can_look_ahead() then
    -- A ledger joins the samples of one connection itself: of what comes early, it needs to know the
    -- hosts, and these show themselves soon.
    local datagrams = brief and export_to and 20000 or nil
    local fine, found = pcall(lookahead.scan, file, limit, rate > 1, datagrams)
    ahead = fine and found or nil
  end
  return false
end
function opener.read()
  return false
end
function opener.seek_read()
  return false
end
-- Wireshark looks up each method and attribute by its name on every use; these are looked up once.
local raw, size_of, add, referenced = Tvb.raw, Tvb.len, TreeItem.add, TreeItem.referenced

local function attribute(name)
  local get
  return function(object)
    if not get then
      local meta = debug and debug.getmetatable(object)
      local getters = meta and rawget(meta, "__getters")
      get = getters and getters[name] or function(o)
        return o[name]
      end
    end
    return get(object)
  end
end
local number_of, is_visited = attribute("number"), attribute("visited")

-- In one pass of tshark the tree is the same for every frame.
local always_wanted = false
-- Whether our fields stand below an item of ours. It costs as much as a field, and where nothing
-- can show or match it, it is left out.
local item_wanted = true
local own = nil
local function wanted(tree)
  if always_wanted then
    return true
  end
  own = own or Dissector.get("pacsflow")
  return referenced(tree, own)
end

local function add_all(item, tags)
  for i = 1, #tags, 2 do
    add(item, tags[i], tags[i + 1])
  end
end

local function ends_of(which, a, snap, d, frame, first_time)
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

local function tag(tree, which, a, snap, d, frame, first_time, truncated)
  local item = item_wanted and add(tree, proto) or tree
  add_all(item, fields.of(a, snap, d))
  if fields.ends_wanted then
    add_all(item, ends_of(which, a, snap, d, frame, first_time).tags)
  end
  if truncated and not fields.skip.truncated then
    item:add(F.truncated, true)
  end
  return item
end

local function sampling(item, rate, wire)
  item:add(F.rate, rate)
  item:add(F.estimate, UInt64.new(rate * wire % 4294967296, math.floor(rate * wire / 4294967296)))
end

-- Both ends of a sampled header, whether or not it is tagged.
local sample_out, sample_source = {}, {}
function sample_source:raw(offset, length)
  return sub(self.s, offset + 1, offset + length)
end

local sample_info = {}

-- Returns how many samples there are, or nil where it is no sFlow.
local function each_sample(tree, pinfo, s, room, visible, frame, fresh, wire)
  local ts = pinfo.abs_ts
  sample_info.abs_ts = ts
  local records = fresh and log and log:sampling(ts, wire) or nil
  return sflow.read(s, function(sample)
    local h, out = sample.header, sample_out
    packet.sampled(sample.protocol, h, sample.length, out)
    local a, snap, d = nil, nil, nil
    if out.proto == 6 and out.key and not out.fragment and not out.short then
      if not fresh then
        a, snap = samples:revisit(out.key, frame)
        d = a and (a.c.a.key == out.key and a.c.a or a.c.b)
      else
        sample_source.s = h
        local there = #h - out.offset
        if there < 0 then
          there = 0
        elseif there > out.length then
          there = out.length
        end
        d = samples:packet(frame, sample_info, out.key, out.seq, out.ack, out.flags, sample_source,
          out.offset, out.length, there, sample.length, sample.rate)
        a = d.c.assoc
        snap = a and a.id and a.snap
      end
    end
    local tagged = snap and not snap.untagged
    local truncated = #h < sample.length - sample.stripped
    if visible then
      -- A sample of another protocol shows its rate, but is no DICOM.
      local item = tree
      if tagged then
        item = tag(tree, samples, a, snap, d, frame, fresh, truncated)
      end
      item:add(F.sample, sample.index)
      item:add(F.agent, bytes.address(sample.agent))
      if d then
        item:add(F.sample_src, fields.address(d))
        item:add(F.sample_dst, fields.address(d.peer))
      end
      sampling(item, sample.rate, sample.length)
    end
    if records and d and not tagged then
      log:sample(ts, h, out, sample.length, sample.rate, sample.agent, d)
    elseif records then
      local e = tagged and not log.brief and ends_of(samples, a, snap, d, frame, true)
      local name = tagged and "DICOM" or out.proto == 6 and "TCP" or out.proto == 17 and "UDP"
        or out.kind == 0x0806 and "ARP" or out.proto and "IP" or "Ethernet"
      log:frame(ts, name, h, out, sample.length, nil, sample.rate, sample.agent, tagged and a, snap,
        e, truncated)
    end
  end, records, room)
end

local HEAD, LONG_HEAD = 66, 192
local out = {}
local highest = 0

-- Each frame leaves garbage of Wireshark's own objects, and little lives on: collecting it seldom
-- saves a tenth of the plugin's time, as long as what lives is small.
local SMALL = 16384 -- kilobytes
local slow = 0

local function tune_collector()
  slow = slow + 1
  if slow % 4096 == 1 then
    collectgarbage("setpause", collectgarbage("count") < SMALL and 1000 or 200)
  end
end

-- A frame that is not the inside of a data set.
local function dissect(tvb, pinfo, tree, s, size, frame, fresh)
  tune_collector()
  if size > HEAD then
    s = tvb:raw(0, size < LONG_HEAD and size or LONG_HEAD)
  end
  local wire = pinfo.len
  packet.parse(s, wire, out)
  local a, snap, d
  local kind = out.proto
  if kind == 6 and out.key and not out.fragment and not out.short then
    if fresh then
      local there = size - out.offset
      if there > out.length then
        there = out.length
      elseif there < 0 then
        there = 0
      end
      d = state:packet(frame, pinfo, out.key, out.seq, out.ack, out.flags, tvb, out.offset,
        out.length, there, wire, state.rate)
      for i = 1, #pending do
        state:plaintext(frame, pinfo, out.key, pending[i])
        pending[i] = nil
      end
      if known_inventory and known_inventory.has_mac and not d.mac and out.link == "ethernet" then
        d.mac, d.peer.mac = sub(s, 7, 12), d.peer.mac or sub(s, 1, 6)
      end
      a = d.c.assoc
      snap = a and a.snap
    elseif showing then
      a, snap = state:revisit(out.key, frame)
      d = a and (a.c.a.key == out.key and a.c.a or a.c.b)
    end
    if snap and snap.untagged then
      snap = nil
    end
    if snap and showing and wanted(tree) then
      local item = tag(tree, state, a, snap, d, frame, fresh, size < wire)
      if state.rate > 1 then
        sampling(item, state.rate, wire)
      end
    end
  end
  local sampled = nil
  if kind == 17 and out.length and out.length > 28 and size > out.offset + 28
    and not out.fragment and sflow.begins(tvb:raw(out.offset, 8)) then
    local there = size - out.offset
    if there > out.length then
      there = out.length
    end
    sampled = each_sample(tree, pinfo, tvb:raw(out.offset, there), out.length,
      showing and wanted(tree), frame, fresh, wire)
  end
  if log and fresh then
    -- A datagram of samples is told by its samples; it would be counted on top of them.
    if not sampled then
      local e = snap and not log.brief and ends_of(state, a, snap, d, frame, true)
      log:frame(pinfo.abs_ts, tostring(pinfo.cols.protocol), s, out, wire,
        not log.brief and tostring(pinfo.cols.info) or nil, state.rate, nil, snap and a, snap, e, size < wire)
    end
    if progress and frame % progress == 0 then
      io.stderr:write("pacsflow: frame ", string.format("%d", frame), "\n")
    end
  end
end

local inside = tracker.inside

function proto.dissector(tvb, pinfo, tree)
  local size, frame = size_of(tvb), number_of(pinfo)
  local s = raw(tvb, 0, size < HEAD and size or HEAD)
  local fresh = true
  if frame > highest then
    highest = frame
  else
    -- With a read filter in two passes, frames that it drops share their number with the next.
    fresh = not is_visited(pinfo)
  end
  if fresh and not log then
    -- Most frames by far: Ethernet, IPv4, TCP, and the inside of a data set.
    local t1, t2, v, _, l1, l2, _, _, f1, f2, _, p = byte(s, 13, 24)
    if p == 6 and v == 0x45 and t1 == 8 and t2 == 0 and f2 == 0 and f1 % 64 == 0 then
      local d = state.kept[sub(s, 27, 38)]
      if d then
        local s1, s2, s3, s4, _, _, _, _, h, flags = byte(s, 39, 48)
        local total = l1 * 256 + l2
        if flags and size - 14 >= total and inside(state, d,
            ((s1 * 256 + s2) * 256 + s3) * 256 + s4, flags, total - 20 - (h - h % 16) / 4, size) then
          if showing and wanted(tree) then
            local a = d.c.assoc
            tag(tree, state, a, a.snap, d, frame, true, false)
          end
          return
        end
      end
    end
  end
  dissect(tvb, pinfo, tree, s, size, frame, fresh)
end

tls.register(function(plain)
  pending[#pending + 1] = plain
end)

-- The end of the file: Wireshark calls the taps' draw functions then.
local function finish()
  state:flush()
  samples:flush()
  if log then
    log:close(state.endpoints)
    io.stderr:write(string.format("pacsflow: wrote %d dicom, %d known_dicom, %d frames\n",
      log.dicom.rows, log.known.rows, log.frames.rows))
    log = nil
  end
end

if export_to then
  log = export.open(export_to, brief)
  local tap = Listener.new("frame")
  function tap.packet() end
  function tap.draw()
    if log then
      finish()
    end
  end
  function tap.reset() end
end

windows.register(function()
  return { state, samples }
end, function()
  state:flush()
  samples:flush()
end)

-- Nothing can come of following the connections: no filter, field, table or log asks for it.
local idle = false
if not gui_enabled() then
  local line = wanted_fields.command_line()
  local is_wanted = line and wanted_fields.fields(line)
  if is_wanted then
    fields.limit(is_wanted)
    showing = wanted_fields.names_plugin(line)
    always_wanted = wanted_fields.one_pass(line)
    item_wanted = wanted_fields.names_protocol(line)
    idle = not showing and not export_to and not setting("always")
  end
end

if not idle then
  register_filehandler(opener)
  register_postdissector(proto)
end

main.proto, main.setting, main.held = proto, setting, held
reset()

return main
