-- What unit tests of the parser share: a test's frame, encoders of PDUs, and a connection to feed.
-- FOLDER_OF_SOURCES is the first argument of whoever requires it; behind it "first" ends at the
-- first test that fails.
local rows = require("rows")
local tracker = require("tracker")

local kit = {}

local passed, failed = 0, 0
local function test(name, body)
  local fine, problem = pcall(body)
  if fine then
    passed = passed + 1
  else
    failed = failed + 1
    print("FAILED " .. name .. ": " .. tostring(problem))
    if arg[2] == "first" then os.exit(1) end
  end
end
local function equal(found, expected)
  if found ~= expected then
    error("found " .. tostring(found) .. ", expected " .. tostring(expected), 2)
  end
end

local char, floor = string.char, math.floor
local function be16(n) return char(floor(n / 256) % 256, n % 256) end
local function be32(n) return be16(floor(n / 65536) % 65536) .. be16(n % 65536) end
local function le16(n) return char(n % 256, floor(n / 256) % 256) end
local function le32(n) return le16(n % 65536) .. le16(floor(n / 65536)) end
local function pad(s, size) return s .. (" "):rep(size - #s) end
local function even(s) return #s % 2 == 1 and s .. "\0" or s end
local function item(kind, body) return char(kind, 0) .. be16(#body) .. body end
local function wrap(kind, body) return char(kind, 0) .. be32(#body) .. body end

local APPLICATION = "1.2.840.10008.3.1.1.1"
local CT, IMPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2"

local function user(extra)
  return item(0x50, item(0x51, be32(16384)) .. item(0x52, "1.2.3") .. item(0x55, "VER_1")
    .. (extra or ""))
end
local function request(options)
  options = options or {}
  local contexts = ""
  for i = 1, options.contexts or 1 do
    contexts = contexts .. item(0x20, char(i * 2 - 1, 0, 0, 0) .. item(0x30, CT)
      .. item(0x40, IMPLICIT))
  end
  return wrap(1, be16(options.version or 1) .. be16(options.reserved or 0) .. pad(options.called or "PACS1", 16)
    .. pad(options.calling or "CT1", 16) .. ("\0"):rep(32)
    .. item(0x10, options.application or APPLICATION) .. contexts .. user(options.user))
end
local function accept(extra)
  return wrap(2, be16(1) .. be16(0) .. pad("PACS1", 16) .. pad("CT1", 16) .. ("\0"):rep(32)
    .. item(0x10, APPLICATION) .. item(0x21, char(1, 0, 0, 0) .. item(0x40, IMPLICIT))
    .. user(extra))
end
local function element(e, value) return le16(0) .. le16(e) .. le32(#value) .. value end
local function command(elements)
  return element(0, le32(#elements)) .. elements
end
local function store_rq(id)
  return command(element(2, even(CT)) .. element(0x100, le16(1)) .. element(0x110, le16(id))
    .. element(0x700, le16(0)) .. element(0x800, le16(1)) .. element(0x1000, even("1.2.3.4")))
end
local function store_rsp(id, status)
  return command(element(2, even(CT)) .. element(0x100, le16(0x8001)) .. element(0x120, le16(id))
    .. element(0x800, le16(0x101)) .. element(0x900, le16(status)))
end
local function value(control, content)
  return be32(#content + 2) .. char(1, control) .. content
end
local function data(...) return wrap(4, table.concat({ ... })) end

-- A connection to feed: both sides' sequence numbers, one packet a call, a millisecond apart; `later`
-- seconds are added; `moment` is a time of its own. Options: isn, port, hosts, ports and mark of its key; rate; bits: of the
-- congestion in all flags; short: frames take the
-- tracker's short way where they can, as in the dissector; beside: a connection of the same capture.
local A, B = "\10\0\0\1", "\10\0\0\2"
local function connection(options)
  options = options or {}
  local beside, hosts = options.beside, options.hosts or { A, B }
  local ports = options.ports or { 40000, options.port or 104 }
  local log = beside and beside.log or {}
  options.on_row = function(a) log[#log + 1] = rows.dicom(a) end
  local self = {
    t = beside and beside.t or tracker.new(options), log = log, frame = 0, later = 0, short = 0,
    seq = { options.isn or 1000, 5000 }, info = beside and beside.info or { abs_ts = 0 },
  }
  self.clock = beside and beside.clock or self
  self.t.rate = options.rate or 1
  local keys = { hosts[1] .. hosts[2] .. be16(ports[1]) .. be16(ports[2]) .. (options.mark or ""),
                 hosts[2] .. hosts[1] .. be16(ports[2]) .. be16(ports[1]) .. (options.mark or "") }
  self.keys = keys
  local source, bits = {}, options.bits or 0
  function source:raw(offset, length)
    if length < 1 or offset + length > self.captured then error("there are no such bytes") end
    return self.s:sub(offset + 1, offset + length)
  end
  function self.packet(side, s, flags, at, captured, window)
    local clock, seq = self.clock, at or self.seq[side]
    flags = flags or 24
    clock.frame = clock.frame + 1
    self.frame = clock.frame
    self.info.abs_ts = clock.moment or clock.later + clock.frame / 1000
    local d = options.short and window ~= 0 and (captured or #s) == #s and self.t.kept[keys[side]]
    if d and self.t:inside(d, seq, flags + bits, #s, #s + 54, self.info.abs_ts) then
      self.short = self.short + 1
      return d
    end
    source.s, source.captured = s, captured or #s
    return self.t:packet(self.frame, self.info, keys[side], seq, flags >= 16 and self.seq[3 - side] or 0,
      flags + bits, source, 0, #s, captured or #s, #s + 54, options.rate or 1, window)
  end
  function self.send(side, s, flags)
    local d = self.packet(side, s, flags)
    self.seq[side] = (self.seq[side] + #s) % 4294967296
    return d
  end
  function self.open()
    self.packet(1, "", 2)
    self.seq[1] = (self.seq[1] + 1) % 4294967296
    self.packet(2, "", 18)
    self.seq[2] = self.seq[2] + 1
    self.packet(1, "", 16)
  end
  function self.associate()
    self.open()
    self.send(1, request())
    return self.send(2, accept())
  end
  function self.close()
    self.send(1, wrap(5, "\0\0\0\0"))
    self.send(2, wrap(6, "\0\0\0\0"))
    self.packet(1, "", 17)
    self.packet(2, "", 17)
    self.t:flush()
    return log[1]
  end
  return self
end
local function flag(row, name)
  for _, f in ipairs(row.flags) do
    if f == name then return true end
  end
  return false
end

kit.A, kit.B, kit.CT, kit.IMPLICIT, kit.APPLICATION = A, B, CT, IMPLICIT, APPLICATION
kit.test = test
kit.equal = equal
kit.be16 = be16
kit.be32 = be32
kit.le16 = le16
kit.le32 = le32
kit.pad = pad
kit.even = even
kit.item = item
kit.wrap = wrap
kit.user = user
kit.request = request
kit.accept = accept
kit.element = element
kit.command = command
kit.store_rq = store_rq
kit.store_rsp = store_rsp
kit.value = value
kit.data = data
kit.connection = connection
kit.flag = flag

function kit.done()
  print(string.format("%d passed, %d failed", passed, failed))
  os.exit(failed == 0 and passed > 0 and 0 or 1)
end

return kit
