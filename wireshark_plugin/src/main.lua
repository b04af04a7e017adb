-- The layer that speaks to Wireshark: a postdissector over the raw bytes of each frame.
local export = require("export")
local duplicates = require("duplicates")
local fields = require("fields")
local fragments = require("fragments")
local inventory = require("inventory")
local link = require("link")
local lookahead = require("lookahead")
local opener = require("opener")
local packet = require("packet")
local dissected = require("dissected")
local sampled = require("sampled")
local settings = require("settings")
local sflow = require("sflow")
local tagging = require("tagging")
local tls = require("tls")
local tracker = require("tracker")
local vantage = require("vantage")
local command_line = require("command_line")
local windows = require("windows")

local main = {}

local byte, sub = string.byte, string.sub

settings.read(...)
local proto = Proto("pacsflow", "PACS flow")
fields.register(proto)
settings.register(proto)

local known_inventory, known_path

local function read_inventory()
  local path = settings.get("inventory")
  if path == known_path then
    return known_inventory
  end
  known_path, known_inventory = path, nil
  if not path then
    return nil
  end
  local file, problem = io.open(path, "r")
  if not file then
    settings.complain("inventory " .. tostring(problem))
    return nil
  end
  known_inventory = inventory.read(file:lines(), function(line, what)
    settings.complain("inventory " .. path .. ", line " .. line .. ": " .. what)
  end)
  file:close()
  return known_inventory
end

-- state: associations of captured frames; samples: of frames sampled by sFlow agents; copies: what
-- tells a packet from its copy; places: which samples count.
local state, samples, copies, places, ahead, log
-- The link type of all frames; false where they differ in it, nil where it is not known.
local link_type
-- Whether tags are shown at all: false where nothing asks for the protocol or a field of it.
local showing = true
-- Plain bytes out of TLS in the frame that is dissected.
local pending = {}
-- The last frame that was seen for the first time.
local highest = 0
local progress = tonumber(settings.get("progress") or "")
local export_to = settings.get("export")
local brief = settings.get("brief")

local function reset()
  local rate = settings.number("sampling_rate")
  local entries = read_inventory()
  local function on_row(which)
    return function(a)
      if log then
        log:association(a, which.endpoints)
      end
    end
  end
  local function fresh(of_samples, of_agents)
    local options = {
      inventory = entries, sampled = of_samples,
      lookahead = ahead and (of_agents and ahead.find_sample or ahead.find),
    }
    local t = tracker.new(options)
    options.on_row = on_row(t)
    options.on_sealed = function(c)
      if log then
        log:sealed(c)
      end
    end
    return t
  end
  state, samples = fresh(rate > 1), fresh(true, true)
  if ahead then
    state.endpoints:seed(ahead.hosts)
  end
  state.rate = rate > 1 and rate or 1
  state.measured = {}
  places = vantage.new(ahead and ahead.places)
  copies = state.rate == 1 and duplicates.new(ahead and ahead.moved) or nil
  -- One hospital: what is known of a host is known of it everywhere.
  samples.endpoints = state.endpoints
  main.state, main.samples = state, samples
end

function proto.init()
  pending, highest = {}, 0
  reset()
end

local handler = opener.new(function()
  local rate = settings.number("sampling_rate")
  -- A ledger joins the samples of one connection itself: of what comes early, it needs to know the
  -- hosts, and these show themselves soon.
  local datagrams = brief and export_to and 20000 or nil
  return export_to and 10000000 or settings.number("lookahead"), rate > 1, datagrams
end, function(what, held)
  ahead, main.held = what, held
  link_type = what and what.link_type
end)

-- Wireshark looks up each method and attribute by its name on every use; these are looked up once.
local raw, size_of, referenced = Tvb.raw, Tvb.len, TreeItem.referenced

local function getter(object, name)
  local meta = debug and debug.getmetatable(object)
  local getters = meta and rawget(meta, "__getters")
  return getters and getters[name] or function(o)
    return o[name]
  end
end
-- Of a frame; there is none to look them up by before the first one comes.
local number_of, is_visited, told_time

local function meet(pinfo)
  number_of, is_visited, told_time = getter(pinfo, "number"), getter(pinfo, "visited"), getter(pinfo, "abs_ts")
end

-- The time of a frame, also where the clock was not set yet (lookahead.lua). Its second value says so.
local clock = {}
local function time_of(pinfo)
  local ts, unset = told_time(pinfo), ahead and ahead.unset
  if unset and ts < lookahead.CLOCKS then
    return ts + unset, true
  end
  return ts, false
end

-- What the tracker asks of a frame: its time.
local function clock_of(pinfo)
  if not (ahead and ahead.unset) then
    return pinfo
  end
  clock.abs_ts = time_of(pinfo)
  return clock
end

-- In one pass of tshark the tree is the same for every frame.
local always_wanted = false
local own = nil
local function wanted(tree)
  if always_wanted then
    return true
  end
  own = own or Dissector.get("pacsflow")
  return referenced(tree, own)
end

local HEAD, LONG_HEAD = 66, 192
local out = {}

-- Each frame leaves garbage of Wireshark's own objects, and little lives on: collecting it seldom
-- saves a tenth of the plugin's time. So much may lie there before it is collected.
local ROOM = 98304 -- kilobytes
local slow = 0

local function tune_collector()
  slow = slow + 1
  if slow % 4096 == 1 then
    local percent = 100 * ROOM / collectgarbage("count")
    percent = percent - percent % 1
    collectgarbage("setpause", percent < 200 and 200 or percent > 1000 and 1000 or percent)
  end
end

-- The payload of a packet that Wireshark put together or found behind what is not parsed here.
local elsewhere = {}
function elsewhere:raw(offset, length)
  return self.source:raw(self.base + offset, length)
end

-- How the packet in `out` repeats one before it, or nil.
local function copy_in(s, pinfo, fresh)
  return fresh and copies and copies:check(s, out, time_of(pinfo), number_of(pinfo)) or nil
end

-- The link type of the frame in hand, or nil.
local function kind_of_link()
  if link_type then
    return link_type
  elseif dissected.ready() then
    return dissected.link_type()
  elseif link_type == false and log then
    log:unresolved()
  end
  return nil
end

-- What Wireshark's dissectors know of the frame whose bytes begin with s, beyond what stands in `out`;
-- share: see fragments.lua; which of its packets. Returns whether they know more.
local function ask_dissectors(s, wire, kind, share, which)
  if not dissected.ready() or not dissected.find(out, wire, which) then
    return false
  elseif share and (out.fragment or out.first_fragment) then
    -- They wait for the rest.
    packet.parse(s, wire, out, kind)
    fragments.resolve(out)
    return false
  elseif out.fragment or out.first_fragment then
    fragments.resolve(out)
  end
  -- Of a packet that they put together, what came before is counted already.
  out.wire = share or out.wire
  return true
end

-- The name of a tunnel that Wireshark's dissectors were asked about, where they found nothing inside.
local function hide(name)
  return dissected.ready() and not out.tunnel and out.l3 and type(name) == "string" and name or nil
end

-- Parses a frame, for packet `which` of it. Returns its first bytes, where its payload's bytes are, how many are there, and
-- how it repeats another packet.
local function parse(tvb, pinfo, s, size, wire, fresh, which)
  local kind = kind_of_link()
  packet.parse(s, wire, out, kind)
  if (out.inner or out.reason or not out.l3) and size > #s then
    s = tvb:raw(0, size < packet.HEADERS and size or packet.HEADERS)
    packet.parse(s, wire, out, kind)
  end
  local share = (out.fragment or out.first_fragment) and fragments.resolve(out)
  local copy = out.l3 and copy_in(s, pinfo, fresh)
  if dissected.is_needed(out) then
    local known, hidden = out.l3, out.elsewhere
    if ask_dissectors(s, wire, kind, share, which) then
      out.opaque = out.opaque or hide(known and hidden)
      if not known then
        copy = copy_in(out.bytes, pinfo, fresh)
      end
      elsewhere.source, elsewhere.base = out.source, out.base
      return out.bytes, elsewhere, out.source:len() - out.base, copy
    end
    out.opaque = out.opaque or hide(hidden)
    if log and not dissected.ready() then
      log:unresolved()
    end
  end
  return s, tvb, size, copy
end

-- A SYN that opens one more path of a connection (RFC 8684, 3.2): the stream of bytes is spread over both.
local SYN_ACK, MULTIPATH, MP_JOIN = 18, 30, 1

local function look_for_paths(pinfo, source, size)
  local first, last = out.l4 + 19, out.offset < size and out.offset or size
  if not log or out.flags % 32 ~= SYN_ACK or out.together or last <= first then
    return
  end
  local options = source:raw(first, last - first)
  local at = 1
  while at < #options do
    local kind, long, subtype = options:byte(at, at + 2)
    if kind == 0 or kind ~= 1 and long < 2 then
      return
    elseif kind == MULTIPATH and subtype and (subtype - subtype % 16) / 16 == MP_JOIN then
      log:another_path(time_of(pinfo), out.wire)
    end
    at = at + (kind == 1 and 1 or long)
  end
end

-- A TCP segment seen for the first time. Returns its direction.
local function follow(pinfo, frame, source, size, s)
  if out.flags % 4 >= 2 then
    look_for_paths(pinfo, source, size)
  end
  local there = size - out.offset
  if there > out.length then
    there = out.length
  elseif there < 0 then
    there = 0
  end
  local d = state:packet(frame, clock_of(pinfo), state:key(out), out.seq, out.ack, out.flags, source,
    out.offset, out.length, there, out.wire, state.rate, out.window)
  d.c.tunnel, d.c.vlan = d.c.tunnel or out.tunnel, d.c.vlan or out.vlan
  for i = 1, #pending do
    state:plaintext(d, pending[i])
    pending[i] = nil
  end
  if known_inventory and known_inventory.has_mac and not d.mac then
    local addresses = link.hardware(s, out)
    if addresses then
      d.mac, d.peer.mac = sub(addresses, 7, 12), d.peer.mac or sub(addresses, 1, 6)
    end
  end
  return d
end

-- Frames that are copies, so that they are known again when they are looked at again.
local copy_of, copies_known = {}, 0
local MAX_COPIES = 1000000

local function remember_copy(frame, copy)
  if copies_known < MAX_COPIES then
    copy_of[frame], copies_known = copy, copies_known + 1
  end
end

-- Association, tags and direction of the packet in `out`, or nothing. An association is followed
-- by packets that are met for the first time and are no copies; the others are looked up.
local function place(pinfo, frame, s, source, there, fresh, copy)
  if out.proto ~= 6 or not out.key or out.short then
    return nil
  end
  local whole = not out.fragment and not out.first_fragment
  local d
  if not fresh or copy then
    if not showing then
      return nil
    end
    local key = whole and state:key(out) or out.key
    local a, snap = state:revisit(key, frame)
    return a, snap, a and (a.c.a.key == key and a.c.a or a.c.b)
  elseif whole then
    d = follow(pinfo, frame, source, there, s)
  else
    -- A piece of a packet: Wireshark puts it together where its last piece is.
    d = state:direction(out.key)
    if not d then
      return nil
    end
    d.packets, d.wire_bytes = d.packets + 1, d.wire_bytes + out.wire
  end
  local a = d.c.assoc
  return a, a and a.snap, d
end

-- The samples of the packet in `out`: how many there are, or nil where it holds none.
local function samples_in(pinfo, tree, source, there, frame, fresh, wire)
  if out.proto ~= 17 or not out.length or out.length <= 28 or there <= out.offset + 28
    or out.fragment or out.first_fragment or not sflow.begins(source:raw(out.offset, 8)) then
    return nil
  end
  local captured = there - out.offset
  if captured > out.length then
    captured = out.length
  end
  places:datagram(packet.receiver(out))
  return sampled.read(proto, samples, places, fresh and log, tree, clock_of(pinfo),
    source:raw(out.offset, captured), out.length, showing and wanted(tree), frame, fresh, wire)
end

local function record(pinfo, s, frame, a, snap, d, copy, told, wire, size)
  local ts = time_of(pinfo)
  log:arrived(ts, wire, out, copy, told)
  -- A datagram of samples is told by its samples; it would be counted on top of them.
  if not told and not copy then
    local e = snap and not log.brief and tagging.ends_of(state, a, snap, d, frame, true)
    log:frame(ts, tostring(pinfo.cols.protocol), s, out, out.wire,
      not log.brief and tostring(pinfo.cols.info) or nil, state.rate, nil, snap and a, snap, e,
      size < wire, d)
  end
  if progress and frame % progress == 0 then
    io.stderr:write("pacsflow: frame ", string.format("%d", frame), "\n")
  end
end

-- No frame is longer, whatever an interface puts together (1 MiB).
local LONGEST = 1048576

-- The length of the frame on the wire: as the capture tells it, if it can be that.
local function length_of(pinfo, size, is_new)
  local wire = pinfo.len
  if wire >= size and wire <= LONGEST then
    return wire
  elseif is_new and log then
    log:no_length(time_of(pinfo), size)
  end
  return size
end

-- Packet `which` of a frame (from 1). Returns how many packets it has.
local function dissect_one(tvb, pinfo, tree, s, size, frame, fresh, which)
  local wire, source, there, copy = length_of(pinfo, size, fresh and which == 1), nil, nil, nil
  s, source, there, copy = parse(tvb, pinfo, s, size, wire, fresh, which)
  if copy and showing then
    remember_copy(frame, copy)
  elseif not fresh then
    copy = copy_of[frame]
  end
  local a, snap, d = place(pinfo, frame, s, source, there, fresh, copy)
  if log and d and d.known == frame and fresh and not copy then
    log:brought_again(time_of(pinfo), wire)
  end
  if snap and snap.untagged then
    snap = nil
  end
  if snap and showing and wanted(tree) then
    local item = tagging.tag(proto, tree, state, a, snap, d, frame, fresh, size < wire)
    tagging.way(item, out.tunnel, copy)
    tagging.measured(item, state.measured[frame])
    if state.rate > 1 then
      tagging.sampling(item, state.rate, wire)
    end
  end
  local told = samples_in(pinfo, tree, source, there, frame, fresh, wire)
  if told then
    -- Datagrams have numbers, by which sflowlog.lua knows those that were captured twice.
    copy = nil
  end
  if log and fresh then
    if which == 1 then
      local ts, unset = time_of(pinfo)
      log:seen(ts, wire, size, told, unset)
    end
    record(pinfo, s, frame, a, snap, d, copy, told, wire, size)
  end
  return out.packets or 1
end

-- A frame that is not the inside of a data set.
local function dissect(tvb, pinfo, tree, s, size, frame, fresh)
  tune_collector()
  if size > HEAD then
    s = tvb:raw(0, size < LONG_HEAD and size or LONG_HEAD)
  end
  for which = 2, dissect_one(tvb, pinfo, tree, s, size, frame, fresh, 1) do
    dissect_one(tvb, pinfo, tree, s, size, frame, fresh, which)
  end
end

local inside, is_new = tracker.inside, duplicates.is_new

function proto.dissector(tvb, pinfo, tree)
  if not number_of then
    meet(pinfo)
  end
  local size, frame = size_of(tvb), number_of(pinfo)
  local s = raw(tvb, 0, size < HEAD and size or HEAD)
  local fresh = true
  if frame > highest then
    highest = frame
  else
    -- With a read filter in two passes, frames that it drops share their number with the next.
    fresh = not is_visited(pinfo)
    if fresh then
      state.measured[frame] = nil
    end
  end
  if fresh and not log and not state.paths.several then
    -- Most frames by far: Ethernet, IPv4, TCP, and the inside of a data set.
    local t1, t2, v, _, l1, l2, _, _, f1, f2, _, p = byte(s, 13, 24)
    if p == 6 and v == 0x45 and t1 == 8 and t2 == 0 and f2 == 0 and f1 % 64 == 0 then
      local d = state.kept[sub(s, 27, 38)]
      if d then
        local s1, s2, s3, s4, _, _, _, _, h, flags, w1, w2 = byte(s, 39, 50)
        local total = l1 * 256 + l2
        local now = time_of(pinfo)
        local length = w2 and w1 + w2 > 0 and size - 14 >= total and total - 20 - (h - h % 16) / 4 or -1
        local seq = length >= 0 and ((s1 * 256 + s2) * 256 + s3) * 256 + s4
        if seq and (not copies or is_new(copies, s, d.key, seq, length, flags, now, frame))
          and inside(state, d, seq, flags, length, size, now) then
          if showing and wanted(tree) then
            local a = d.c.assoc
            tagging.tag(proto, tree, state, a, a.snap, d, frame, true, false)
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
    for _, frames in pairs(ahead and ahead.dropped or {}) do
      log:dropped(frames)
    end
    log:close(state.endpoints)
    io.stderr:write(string.format("pacsflow: wrote %d dicom, %d known_dicom, %d frames\n",
      log.dicom.rows, log.known.rows, log.frames.rows))
    log = nil
  end
end

if export_to then
  log = export.open(export_to, brief, settings.get("with_info"))
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
  local line = command_line.read()
  local is_wanted = line and command_line.fields(line)
  if is_wanted then
    fields.limit(is_wanted)
    showing = command_line.names_plugin(line)
    always_wanted = command_line.one_pass(line)
    tagging.item_wanted = command_line.names_protocol(line)
    idle = not showing and not export_to and not settings.get("always")
  end
end

if not idle then
  if settings.get("deep") or opener.asks_dissectors() then
    dissected.prepare()
  end
  register_filehandler(handler)
  register_postdissector(proto)
end

main.proto, main.setting = proto, settings.get
reset()

return main
