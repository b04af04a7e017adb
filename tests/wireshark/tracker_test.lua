-- Unit tests of what follows connections, in a plain interpreter, Lua 5.2 or 5.4: ports used again, the
-- short way of most frames, what is seen twice, ends. lua tracker_test.lua FOLDER_OF_SOURCES [first]
package.path = arg[1] .. "/?.lua;" .. arg[0]:match("^(.*)/") .. "/?.lua"
local kit = require("parser_kit")
local bytes = require("bytes")
local rows = require("rows")
local tracker = require("tracker")

local A, B, CT = kit.A, kit.B, kit.CT
local test, equal, flag, connection = kit.test, kit.equal, kit.flag, kit.connection
local be16, be32, le16 = kit.be16, kit.be32, kit.le16
local item, wrap, request, accept = kit.item, kit.wrap, kit.request, kit.accept
local element, command, value, data = kit.element, kit.command, kit.value, kit.data
local store_rq, store_rsp = kit.store_rq, kit.store_rsp
local unpack = table.unpack

local SYN, SYN_ACK, ACK, FIN, RST = 2, 18, 16, 17, 20
local MODULUS = 4294967296
local ECHO = command(element(2, "1.2.840.10008.1.1\0") .. element(0x100, le16(0x30)) .. element(0x110, le16(1))
  .. element(0x800, le16(0x101)))
local ECHO_RSP = command(element(2, "1.2.840.10008.1.1\0") .. element(0x100, le16(0x8030)) .. element(0x120, le16(1))
  .. element(0x800, le16(0x101)) .. element(0x900, le16(0)))

-- A value as text, the members of a table in their order.
local function text(v)
  if type(v) ~= "table" then return tostring(v) end
  local out = {}
  for k, x in pairs(v) do out[#out + 1] = tostring(k) .. "=" .. text(x) end
  table.sort(out)
  return "{" .. table.concat(out, " ") .. "}"
end

-- All that is told of the associations of a capture.
local function told(c)
  c.t:flush()
  local out = {}
  for _, a in ipairs(c.t.list) do
    for _, row in ipairs({ rows.dicom(a), { edge = rows.edge(a) }, unpack(rows.times(a)) }) do
      out[#out + 1] = text(row)
    end
    for _, d in ipairs({ a.c.a, a.c.b }) do
      out[#out + 1] = text({ d.packets, d.wire_bytes, d.first, d.next })
    end
  end
  return table.concat(out, "\n")
end

local function finish(c)
  c.send(1, wrap(5, "\0\0\0\0"))
  c.send(2, wrap(6, "\0\0\0\0"))
  c.packet(1, "", FIN)
  c.packet(2, "", FIN)
end

-- Sends s in segments of `size` bytes, each of which the other side acknowledges.
local function in_segments(c, s, size)
  for at = 1, #s, size do
    c.send(1, s:sub(at, at + size - 1))
    c.packet(2, "", ACK)
  end
end

local IMAGE = data(value(2, ("x"):rep(5000)))

local function stored(c)
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
end

-- Each with the frames of it that take the short way.
local SHORT = {
  ["an image and its acknowledgments"] = { 20, function(c)
    stored(c)
    in_segments(c, IMAGE, 500)
    c.send(2, data(value(3, store_rsp(1, 0))))
    finish(c)
  end },
  ["a data set that ends with its segment"] = { 3, function(c)
    stored(c)
    c.send(1, IMAGE:sub(1, 12))
    for at = 13, 5012, 1000 do c.send(1, IMAGE:sub(at, at + 999)) end
    c.send(1, data(value(3, store_rq(2))))
    finish(c)
  end },
  ["silences of a sender, with and without its partner's acknowledgment"] = { 9, function(c)
    stored(c)
    for n, at in ipairs({ 1, 1001, 2001, 3001, 4001, 5001 }) do
      c.later = c.later + n / 100
      c.send(1, IMAGE:sub(at, at + 999))
      if n % 2 == 0 then
        c.later = c.later + 0.03
        c.packet(2, "", ACK)
      end
    end
    c.packet(2, "", ACK)
    c.packet(1, "", ACK)
    c.send(2, data(value(3, store_rsp(1, 0))))
    finish(c)
  end },
  ["a segment that comes late, behind acknowledgments of it"] = { 2, function(c)
    stored(c)
    local begin = c.seq[1]
    c.send(1, IMAGE:sub(1, 1000))
    c.seq[1] = begin + 2000
    c.send(1, IMAGE:sub(2001, 3000))
    c.packet(2, "", ACK)
    c.packet(1, IMAGE:sub(1001, 2000), 24, begin + 1000)
    c.packet(2, "", ACK)
    c.send(1, IMAGE:sub(3001, 4000))
    c.send(1, IMAGE:sub(4001))
    c.send(2, data(value(3, store_rsp(1, 0))))
    finish(c)
  end },
  ["a segment that is lost: for what is acknowledged without it there is no time"] = { 0, function(c)
    stored(c)
    c.send(1, IMAGE:sub(1, 1000))
    c.seq[1] = c.seq[1] + 1000
    c.send(1, IMAGE:sub(2001, 3000))
    c.packet(2, "", ACK)
    c.later = c.later + 0.05
    c.packet(2, "", ACK)
    c.send(1, IMAGE:sub(3001))
    c.send(2, data(value(3, store_rsp(1, 0))))
    finish(c)
  end },
  ["a header that is lost, and acknowledgments until it is given up"] = { 1, function(c)
    stored(c)
    c.seq[1] = c.seq[1] + 12
    c.send(1, IMAGE:sub(13, 500))
    for _ = 1, 17 do c.packet(2, "", ACK) end
    c.send(1, IMAGE:sub(501, 1000))
    c.packet(2, "", ACK)
    finish(c)
  end },
  ["what belongs behind a data set comes before the end of it, after a silence"] = { 0, function(c)
    stored(c)
    c.send(1, IMAGE:sub(1, 1000))
    local begin, set = c.seq[1], data(value(3, store_rq(2)))
    c.packet(1, set, 24, begin + #IMAGE - 1000)
    c.later = c.later + 0.05
    c.send(1, IMAGE:sub(1001, 3000))
    c.send(1, IMAGE:sub(3001))
    c.seq[1] = c.seq[1] + #set
    c.send(2, data(value(3, store_rsp(1, 0))))
    finish(c)
  end },
  ["a window that was closed"] = { 12, function(c)
    stored(c)
    in_segments(c, IMAGE:sub(1, 3000), 500)
    c.packet(2, "", ACK, nil, nil, 0)
    c.later = c.later + 1
    c.packet(2, "", ACK, nil, nil, 100)
    in_segments(c, IMAGE:sub(3001), 5000)
    c.send(2, data(value(3, store_rsp(1, 0))))
    finish(c)
  end },
  ["an end inside of a data set"] = { 1, function(c)
    stored(c)
    c.send(1, IMAGE:sub(1, 1000))
    c.send(1, IMAGE:sub(1001, 2000))
    c.send(1, IMAGE:sub(2001, 3000), 25)
    c.packet(2, "", FIN)
  end },
  ["a reset inside of a data set"] = { 1, function(c)
    stored(c)
    c.send(1, IMAGE:sub(1, 1000))
    c.send(1, IMAGE:sub(1001, 2000))
    c.packet(2, "", RST)
  end },
  ["keep-alives"] = { 4, function(c)
    stored(c)
    in_segments(c, IMAGE:sub(1, 2000), 1000)
    c.packet(1, "\0", ACK, c.seq[1] - 1)
    in_segments(c, IMAGE:sub(2001), 5000)
    finish(c)
  end },
  ["a capture that begins inside, whose other side only acknowledges"] = { 2, function(c)
    c.send(1, data(value(3, store_rq(1))))
    c.packet(2, "", ACK)
    c.packet(2, "", ACK)
  end },
  ["a capture that begins with a data set and ends in it"] = { 2, function(c)
    c.send(1, IMAGE:sub(1, 1000))
    for at = 1001, 3001, 1000 do c.send(1, IMAGE:sub(at, at + 999)) end
    c.packet(2, "", ACK)
    c.packet(2, "", ACK)
  end },
  ["a handshake between endpoints that are known"] = { 3, function(c)
    c.associate()
    local other = connection({ beside = c, ports = { 40001, 104 }, short = c.is_short })
    other.associate()
    other.packet(1, "", ACK)
    other.packet(1, "", ACK)
    other.packet(2, "", ACK)
    other.send(1, data(value(3, ECHO)))
    c.short = c.short + other.short
  end },
  ["sequence numbers at their end"] = { 10, function(c)
    stored(c)
    in_segments(c, IMAGE, 1000)
    finish(c)
  end },
}

test("the short way tells the same as the long one, and most frames take it", function()
  for name, case in pairs(SHORT) do
    local found = {}
    for _, short in ipairs({ true, false }) do
      local c = connection({ short = short, isn = name:find("^sequence") and MODULUS - 3000 or nil })
      c.is_short = short
      case[2](c)
      found[short] = told(c)
      if short and c.short ~= case[1] then
        error(name .. ": " .. c.short .. " frames take the short way, not " .. case[1])
      end
    end
    if found[true] ~= found[false] then
      error(name .. ":\n" .. found[true] .. "\nis not\n" .. found[false])
    end
  end
end)

test("the bits by which congestion is told change nothing", function()
  for name, case in pairs(SHORT) do
    local found = {}
    for n, bits in ipairs({ 0, 64, 128, 192 }) do
      local c = connection({ bits = bits })
      case[2](c)
      found[n] = told(c)
      if found[n] ~= found[1] then error(name .. ":\n" .. found[n] .. "\nis not\n" .. found[1]) end
    end
  end
end)

test("frames that are not the inside of one, or are told otherwise, take the long way", function()
  local c = connection()
  stored(c)
  local d = c.send(1, IMAGE:sub(1, 1000))
  local function short(side, seq, flags, length)
    return c.t:inside(side, seq, flags, length, 1054, c.info.abs_ts)
  end
  for _, flags in ipairs({ 17, 18, 20, 24 + 1 }) do equal(short(d.peer, 1, flags, 0), false) end
  equal(short(d, c.seq[1] + 1, ACK, 10), false, "of another place")
  equal(short(d, c.seq[1], ACK, 4012), false, "to the end of the data set")
  c.t.rate = 2
  equal(short(d, c.seq[1], ACK, 10), false, "one of several")
  c.t.rate = 1
  equal(short(d, c.seq[1], ACK, 10), true)
  equal(short(d, c.seq[1] + 10, ACK, 4001), true)
  equal(short(d.peer, 1, ACK, 0), true)
end)

test("a connection that turned out to be of another protocol gets no tag on the short way", function()
  local c = connection()
  c.associate()
  local other = connection({ beside = c, ports = { 40001, 104 } })
  other.open()
  local d = other.send(1, "GET / HTTP/1.1\r\n\r\n")
  equal(d.c.assoc.snap.untagged, true)
  equal(c.t:inside(d.peer, other.seq[2], ACK, 0, 54, 1), false)
  equal(c.t:inside(d, other.seq[1], ACK, 100, 154, 1), false)
end)

-- The number of the connection that a packet belongs to, of those that the same ports have had.
local function turn_of(d) return d.c.turn or 1 end

test("a SYN begins another connection of its ports where its number is another, or much later", function()
  local function again(seq, seconds, closed)
    local c = connection()
    c.associate()
    if closed then
      c.packet(2, "", RST)
      c.later = c.later + seconds
    end
    return turn_of(c.packet(1, "", SYN, seq))
  end
  equal(again(1000), 1, "the same once more")
  equal(again(1001), 2)
  equal(again(1000, 0.9, true), 1, "on the other side of a router")
  equal(again(1000, 1.1, true), 2)
  local c = connection()
  c.associate()
  c.clock.moment = 10
  c.packet(2, "", RST)
  c.clock.moment = 11
  equal(turn_of(c.packet(1, "", SYN, 1000)), 1, "a second after it")
  c = connection()
  c.send(1, data(value(3, store_rq(1))))
  equal(turn_of(c.packet(1, "", SYN)), 2, "after what has none")
  c = connection({ sampled = true })
  c.send(1, data(value(3, store_rq(1))))
  equal(turn_of(c.packet(1, "", SYN)), 1, "of samples nothing is known that was before")
  c = connection()
  c.packet(2, "", SYN_ACK)
  c.packet(1, "", ACK)
  equal(turn_of(c.packet(2, "", SYN_ACK, 77777)), 1, "an answer begins none")
  equal(turn_of(c.packet(2, "", SYN_ACK + 192, 77777)), 1, "whatever it says of congestion")
  c = connection()
  c.associate()
  equal(turn_of(c.packet(1, "", SYN + 192, 77777)), 2)
end)

test("a SYN on ports where nothing but acknowledgments were seen is of their connection", function()
  local c = connection()
  c.packet(1, "", ACK)
  equal(turn_of(c.packet(1, "", SYN)), 1)
end)

test("data far from a connection's end is another's; near to it, and without data, its own", function()
  local near = 16777216
  for _, case in ipairs({ { near - 1, 1 }, { near, 2 }, { -near, 1 }, { -near - 1, 2 }, { 0, 1 } }) do
    local c = connection({ isn = 4294967290 })
    c.associate()
    c.packet(2, "", RST)
    local at = (c.seq[1] + case[1]) % MODULUS
    equal(turn_of(c.packet(1, "", ACK, at)), 1)
    equal(turn_of(c.packet(1, "x", 24, at)), case[2])
  end
  local c = connection({ sampled = true })
  c.associate()
  c.packet(2, "", RST)
  equal(turn_of(c.packet(1, "x", 24, c.seq[1] + 2 * near)), 1)
  c = connection()
  c.associate()
  equal(turn_of(c.packet(1, "x", 24, c.seq[1] + 2 * near)), 1, "nothing has ended")
end)

test("ports used a third time are the third connection; each has its row", function()
  local c = connection()
  for n = 1, 3 do
    c.seq = { n * 100000, n * 200000 }
    c.associate()
    local d = c.send(1, data(value(3, store_rq(n))))
    equal(turn_of(d), n)
    equal(d.packets, 4)
    equal(d.wire_bytes, 4 * 54 + #request() + #data(value(3, store_rq(n))))
    equal(d.peer.packets, 2)
    equal(d.peer.wire_bytes, 2 * 54 + #accept())
  end
  c.t:flush()
  equal(#c.log, 3)
  -- A frame that is looked at again has the tags of its own connection.
  local key = c.keys[1]
  for n = 1, 3 do
    equal(c.t:revisit(key, n * 6).id, n)
    equal(c.t:revisit(c.keys[2], n * 6).id, n)
  end
  equal(c.t:revisit(key, 3), nil)
  equal(c.t:revisit(A .. "\9\9\9\9" .. be16(1) .. be16(2), 6), nil)
end)

test("frames of another connection have no tag of the one before", function()
  local c = connection({ port = 33333 })
  c.send(1, IMAGE)
  c.send(1, IMAGE)
  c.packet(1, "", SYN, 777777)
  local a, snap = c.t:revisit(c.keys[1], 2)
  equal(a.id, 1)
  equal(snap.untagged, nil)
  a, snap = c.t:revisit(c.keys[1], 3)
  equal(a.id, 1)
  equal(snap.untagged, true)
end)

test("a SYN may carry the request", function()
  local c = connection()
  c.packet(1, request(), SYN)
  c.seq[1] = c.seq[1] + 1 + #request()
  c.packet(2, "", SYN_ACK)
  c.seq[2] = c.seq[2] + 1
  c.send(2, accept())
  finish(c)
  c.t:flush()
  equal(c.log[1].calling_ae, "CT1")
  equal(c.log[1].ctx_offered, 1)
  equal(c.log[1].missed_bytes, 0)
  equal(c.log[1]["end"], "released")
  c = connection({ isn = MODULUS - 1 })
  c.packet(1, request(), SYN)
  c.seq = { #request(), 5000 }
  c.send(2, accept())
  finish(c)
  c.t:flush()
  equal(c.log[1].missed_bytes, 0)
  equal(c.log[1].ctx_offered, 1)
end)

test("of samples each stands for as many as the rate says", function()
  local c = connection({ sampled = true, rate = 100 })
  c.packet(1, "", ACK)
  local d = c.packet(1, data(value(3, store_rq(1))))
  equal(d.packets, 2)
  equal(d.wire_bytes, 100 * (108 + #data(value(3, store_rq(1)))))
  c.t:flush()
  equal(c.log[1].store_rq, 1)
  equal(flag(c.log[1], "sampled"), true)
end)

-- The rows of dicom_times.log of a connection's first association.
local function times_of(c)
  c.t:flush()
  return rows.times(c.t.list[1])
end

test("the handshake takes from the SYN to the acknowledgment of its answer", function()
  local c = connection()
  c.packet(1, "", SYN)
  c.seq[1] = c.seq[1] + 1
  c.later = c.later + 0.25
  c.packet(2, "", SYN_ACK)
  c.seq[2] = c.seq[2] + 1
  c.packet(2, "", ACK)
  c.later = c.later + 0.25
  c.packet(1, "", ACK)
  c.later = c.later + 5
  c.send(1, request())
  c.send(2, accept())
  c.send(1, data(value(3, ECHO)))
  c.send(2, data(value(3, ECHO_RSP)))
  equal(times_of(c)[1].round_trip, 0.503)
  equal(times_of(c)[1].setup_time, 0.001)
end)

test("a window is closed from where it says so until it says otherwise, or the end", function()
  local function closed(...)
    local c = connection()
    stored(c)
    for _, step in ipairs({ ... }) do
      c.later = c.later + 1
      c.packet(step[1], "", step[2], nil, nil, step[3])
    end
    local row = times_of(c)[1]
    return string.format("%.3f %.3f", row.orig_closed_time, row.resp_closed_time)
  end
  equal(closed({ 2, ACK, 0 }, { 2, ACK, 500 }), "0.000 1.001")
  equal(closed({ 1, ACK, 0 }, { 1, ACK, 1 }, { 1, ACK, 1 }), "1.001 0.000")
  equal(closed({ 2, ACK, 0 }, { 2, ACK, 0 }, { 2, ACK, 500 }), "0.000 2.002")
  equal(closed({ 2, ACK, 0 }, { 2, ACK }, { 2, ACK, 1 }), "0.000 2.002", "of unknown windows nothing is concluded")
  equal(closed({ 2, ACK, 0 }, { 1, FIN, 500 }, { 2, ACK, 500 }), "0.000 1.001")
  equal(closed({ 2, ACK, 0 }, { 2, RST, 500 }, { 2, ACK, 500 }), "0.000 1.001")
  equal(closed({ 2, RST, 0 }, { 2, ACK, 0 }, { 2, ACK, 500 }), "0.000 0.000", "a reset has none")
  equal(closed({ 2, SYN_ACK, 0 }, { 2, ACK, 500 }), "0.000 0.000")
end)

test("an association begins with the first bytes of its connection", function()
  local c = connection()
  c.later = 100
  c.open()
  c.later = 200
  c.send(1, request():sub(1, 20))
  c.send(1, request():sub(21))
  c.send(2, accept())
  finish(c)
  c.t:flush()
  equal(c.log[1].ts, 200.004)
  equal(c.t.list[1].start_frame, 4)
  -- And one that was expected of its endpoints too, once there are any.
  local other = connection({ beside = c, ports = { 40001, 104 } })
  local first = c.clock.frame + 1
  other.open()
  local d = other.packet(1, "", ACK)
  equal(d.c.assoc.snap.start_frame, first)
  c.later = 300
  d = other.send(1, request())
  equal(d.c.assoc.start_frame, other.frame)
  equal(d.c.assoc.snap.start_frame, other.frame)
  equal(d.c.assoc.ts, c.info.abs_ts)
  other.send(1, data(value(3, ECHO)))
  equal(d.c.assoc.start_frame, other.frame - 1)
end)

test("late acknowledgments are waited for: sixteen of them, for twenty milliseconds", function()
  local function stored_after(number, seconds, back, isn, flags)
    local c = connection({ isn = isn })
    c.associate()
    local set, begin = data(value(3, store_rq(1))), c.seq[1]
    c.seq[1] = (begin + 40) % MODULUS
    c.send(1, set:sub(41))
    c.seq[1] = (begin + 40 - (back or 0)) % MODULUS
    for _ = 1, number do
      c.packet(2, "", flags or ACK)
      c.later = c.later + seconds
    end
    c.packet(1, set:sub(1, 40), 24, begin)
    c.seq[1] = (begin + #set) % MODULUS
    finish(c)
    c.t:flush()
    return c.log[1].store_rq
  end
  equal(stored_after(16, 0), 1)
  equal(stored_after(17, 0), 0)
  equal(stored_after(2, 0.018), 1)
  equal(stored_after(2, 0.020), 0)
  equal(stored_after(1, 5), 1)
  equal(stored_after(40, 0, 1), 1, "they end before what waits")
  for back = 0, 60, 20 do
    local isn = MODULUS - 1 - #request() - back
    equal(stored_after(16, 0, 0, isn), 1)
    equal(stored_after(17, 0, 0, isn), 0)
    equal(stored_after(40, 0, 30, isn), 1)
  end
  equal(stored_after(17, 0, 0, nil, ACK + 192), 0, "whatever bits there are beside that of the acknowledgment")
  for _, flags in ipairs({ 0, 8, 64, 192 }) do
    equal(stored_after(40, 0, 0, 4000000000, flags), 1, "these acknowledge nothing")
  end
  -- Twenty milliseconds and no more.
  local c = connection()
  c.associate()
  local set = data(value(3, store_rq(1)))
  c.packet(1, set:sub(41), 24, c.seq[1] + 40)
  c.seq[1] = c.seq[1] + #set
  for _, moment in ipairs({ 0, 0.02 }) do
    c.clock.moment = moment
    c.packet(2, "", ACK)
  end
  c.packet(1, set:sub(1, 40), 24, c.seq[1] - #set)
  c.t:flush()
  equal(c.log[1].store_rq, 1)
end)

test("a side's end is where its FIN stands, and a reset behind it says nothing more", function()
  local function missing(...)
    local c = connection()
    c.associate()
    for _, step in ipairs({ ... }) do c.packet(step[1], "", step[2], c.seq[step[1]] + (step[3] or 0)) end
    c.t:flush()
    return c.log[1].missed_bytes .. " " .. c.log[1]["end"]
  end
  equal(missing({ 1, FIN }, { 2, FIN }), "0 closed")
  equal(missing({ 1, FIN, 7 }, { 2, FIN }), "7 incomplete")
  equal(missing({ 1, FIN, 7 }, { 1, RST, 9 }), "7 incomplete")
  equal(missing({ 1, RST, 7 }), "7 incomplete")
  equal(missing({ 1, RST }), "0 closed")
  for _, flags in ipairs({ 4, 4 + 64, 4 + 192 }) do
    local c = connection()
    c.seq[2] = 4000000000
    c.associate()
    c.packet(1, "", flags)
    c.t:flush()
    equal(c.log[1].missed_bytes .. " " .. c.log[1]["end"], "0 closed", "a reset that acknowledges nothing")
  end
  equal(missing({ 1, FIN }), "0 incomplete", "one side alone has ended")
end)

test("the last data may come with the end", function()
  for _, kind in ipairs({ FIN, RST }) do
    local c = connection({ isn = MODULUS - 700 })
    stored(c)
    c.send(1, IMAGE:sub(1, 4000))
    c.send(1, IMAGE:sub(4001), 8 + kind)
    c.packet(2, "", FIN)
    c.t:flush()
    equal(c.log[1].missed_bytes, 0)
    equal(c.log[1].data_bytes_orig, 5000)
    equal(c.log[1]["end"], "closed")
  end
end)

test("of a side of which no data were seen it is not known what it sent", function()
  local c = connection()
  c.send(1, data(value(3, store_rq(1))))
  c.packet(2, "", ACK)
  c.packet(1, "", FIN)
  c.packet(2, "", FIN)
  c.t:flush()
  equal(c.log[1]["end"], "incomplete")
  equal(c.log[1].missed_bytes, 0)
  equal(flag(c.log[1], "one_sided"), false)
  c = connection()
  c.send(1, data(value(3, store_rq(1))))
  c.packet(1, "", FIN)
  c.t:flush()
  equal(c.log[1].missed_bytes, 0)
  equal(flag(c.log[1], "one_sided"), true)
end)

test("what the other side acknowledged at its end was sent", function()
  for _, case in ipairs({ { 0, 0 }, { 1, 0 }, { 2, 1 }, { 500, 499 } }) do
    for _, bits in ipairs({ 0, 64, 192 }) do
      local c = connection()
      c.associate()
      c.seq[1] = c.seq[1] + case[1]
      c.packet(2, "", RST + bits)
      c.t:flush()
      equal(c.log[1].missed_bytes, case[2])
    end
  end
end)

test("a connection of which one side has ended is not over", function()
  local c = connection()
  c.associate()
  c.packet(1, "", FIN)
  c.later = c.later + 10
  c.packet(2, "", ACK)
  equal(#c.log, 0)
  c.packet(2, "", FIN)
  c.packet(2, "", RST)
  c.later = c.later + 10
  connection({ beside = c, ports = { 7, 8 } }).packet(1, "", ACK)
  equal(#c.log, 1)
  c.t:flush()
  equal(#c.log, 1)
end)

test("rows are written in the order of ends, each connection's after its own wait", function()
  local c = connection()
  local two = connection({ beside = c, ports = { 40002, 104 } })
  c.associate()
  two.associate()
  two.packet(2, "", RST)
  c.later = c.later + 3
  c.packet(2, "", RST)
  local other = connection({ beside = c, ports = { 7, 8 } })
  c.later = c.later + 3
  other.packet(1, "", ACK)
  equal(#c.log, 1)
  equal(c.log[1]["id.orig_p"], 40002)
  c.later = c.later + 3
  other.packet(1, "", ACK)
  equal(#c.log, 2)
  equal(c.log[2]["id.orig_p"], 40000)
end)

test("an association lasts to its last PDU, however late its row is written", function()
  local c = connection()
  c.associate()
  local set = data(value(3, store_rq(1)))
  local begin = c.seq[1]
  c.seq[1] = begin + 5
  c.send(1, set)
  local last = c.info.abs_ts
  c.packet(2, "", RST)
  c.later = c.later + 100
  connection({ beside = c, ports = { 7, 8 } }).packet(1, "", ACK)
  equal(#c.log, 1)
  equal(c.log[1].duration <= last - c.log[1].ts, true)
  -- Data that goes on behind the last PDU is not of it.
  c = connection()
  stored(c)
  last = c.info.abs_ts
  c.send(1, data(value(0, ("x"):rep(300)), value(2, ("x"):rep(700))):sub(1, 500))
  c.t:flush()
  equal(c.log[1].duration, last - c.log[1].ts)
end)

test("a clock that is set, by whatever it is, makes no association longer or shorter", function()
  for _, step in ipairs({ 0, -7200, 100000 }) do
    local c = connection()
    c.later = 1772438400
    c.associate()
    c.later = c.later + 0.5
    c.send(1, data(value(3, ECHO)))
    c.later = c.later + step
    c.send(2, data(value(3, ECHO_RSP)))
    c.later = c.later + 0.5
    finish(c)
    c.t:flush()
    equal(string.format("%.1f", c.log[1].duration), "1.0")
    equal(c.log[1].ts, 1772438400.004)
  end
end)

test("a step back of a second is disorder, and not a clock that was set", function()
  local c = connection()
  for _, case in ipairs({ { 10, request(), 1 }, { 9, accept(), 2 }, { 12, data(value(3, ECHO)), 1 } }) do
    c.clock.moment = case[1]
    c.send(case[3], case[2])
  end
  c.t:flush()
  equal(c.log[1].duration, 2)
end)

test("what is missing of a data set is given up twenty milliseconds behind its acknowledgment", function()
  for _, case in ipairs({ { ACK, 0 }, { ACK + 192, 0 }, { 0, 1 }, { 8, 1 }, { 64, 1 }, { 192, 1 }, { ACK, 0, 2000 },
                          { ACK, 1, 1999 } }) do
    local flags, complete, acknowledged = case[1], case[2], case[3] or 3000
    local c = connection({ isn = 4000000000 })
    stored(c)
    local begin = c.seq[1]
    c.send(1, IMAGE:sub(1, 1000))
    c.seq[1] = begin + 2000
    c.send(1, IMAGE:sub(2001, 3000))
    c.seq[1] = begin + acknowledged
    for _ = 1, 2 do
      c.packet(2, "", flags)
      c.later = c.later + 0.05
    end
    c.seq[1] = begin + 3000
    c.packet(1, IMAGE:sub(1001, 2000), 24, begin + 1000)
    c.send(1, IMAGE:sub(3001))
    local store = times_of(c)[1]
    equal(store.data_sets, complete)
    equal(c.log[1].missed_bytes, 0)
  end
end)

test("another association on the same connection has its own row, times, bytes and losses", function()
  local c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
  c.send(1, IMAGE:sub(1, 1000))
  c.seq[1] = c.seq[1] + 1000
  c.send(1, IMAGE:sub(2001))
  c.packet(1, IMAGE:sub(1, 100), 24, c.seq[1] - 5012)
  c.packet(2, "", ACK, nil, nil, 0)
  c.later = c.later + 1
  c.packet(2, "", ACK, nil, nil, 9)
  c.send(2, data(value(3, store_rsp(1, 0))))
  c.send(1, wrap(5, "\0\0\0\0"))
  c.send(2, wrap(6, "\0\0\0\0"))
  equal(#c.log, 0)
  c.later = c.later + 50
  c.send(1, request({ calling = "CT2" }))
  equal(#c.log, 1, "the first is over where the second begins")
  local frame, ts = c.frame, c.info.abs_ts
  c.send(2, accept())
  c.send(1, data(value(3, ECHO)))
  c.send(2, data(value(3, ECHO_RSP)))
  finish(c)
  c.t:flush()
  equal(#c.log, 2)
  local one, two = c.log[1], c.log[2]
  equal(one.calling_ae .. " " .. two.calling_ae, "CT1 CT2")
  equal(one.data_bytes_orig .. " " .. two.data_bytes_orig, "5000 0")
  equal(one.missed_bytes .. " " .. two.missed_bytes, "1000 0")
  equal(one["end"] .. " " .. two["end"], "released released")
  equal(two.ts, ts)
  equal(c.t.list[2].start_frame, frame)
  local first, second = rows.times(c.t.list[1])[1], rows.times(c.t.list[2])[1]
  equal(first.resp_closed_time > 1, true)
  equal(second.resp_closed_time, 0)
  equal(first.orig_resent .. " " .. second.orig_resent, "1 0")
  equal(first.resp_resent .. " " .. second.resp_resent, "0 0")
  -- Each frame has the tags of its association.
  equal(c.t:revisit(c.keys[1], frame - 1).id, 1)
  equal(c.t:revisit(c.keys[1], frame).id, 2)
end)

-- What an association on these addresses and ports carries, as steps to take one after the other.
local function steps_of(c, options)
  options = options or {}
  local out = {
    function() c.open() end,
    function() c.send(1, request({ calling = options.calling, called = options.called })) end,
    function() c.send(2, accept()) end,
  }
  local function add(step) out[#out + 1] = step end
  if options.echo then
    add(function() c.send(1, data(value(3, ECHO))) end)
    add(function() c.send(2, data(value(3, ECHO_RSP))) end)
  else
    local set = store_rq(1):gsub("1%.2%.3%.4", options.object or "1.2.3.4")
    add(function() c.send(1, data(value(3, set))) end)
    add(function() c.send(1, options.image or IMAGE) end)
    add(function() c.send(2, data(value(3, store_rsp(1, options.status or 0)))) end)
  end
  add(function() c.send(1, wrap(5, "\0\0\0\0")) end)
  add(function() c.send(2, wrap(6, "\0\0\0\0")) end)
  add(function() c.packet(1, "", FIN) end)
  add(function() c.packet(2, "", FIN) end)
  return out
end

local OUTSIDE = "\10\9\9\9"
local AWAY = { hosts = { OUTSIDE, B }, ports = { 61000, 104 } }

-- One association seen here and, `later` seconds after, on connection `there` (a connection's options,
-- and what it carries other than the first). Of the steps of each `from` to `to` are captured. Returns
-- the connection and both associations, the first that ended first.
local function seen_twice(there, here)
  here = here or {}
  local c = connection(here)
  there.beside = c
  local other = connection(there)
  if there.isn_resp then other.seq[2] = there.isn_resp end
  c.later = 1772438400
  local function play(which, options)
    c.moment = options.moment
    for n, step in ipairs(steps_of(which, options)) do
      if n >= (options.from or 1) and n <= (options.to or 99) then
        step()
      elseif n < (options.from or 1) then
        local packet = which.packet
        which.packet = function() end
        step()
        which.packet = packet
      end
    end
  end
  if there.first then play(other, there) end
  play(c, here)
  if not there.first then
    c.later = c.later + (there.after or 0)
    play(other, there)
  end
  c.t:flush()
  return c, c.t.list[1], c.t.list[2]
end

local function is_twin(there, here)
  local _, one, two = seen_twice(there, here)
  return two.twin == one
end

local function with(more)
  local out = { hosts = AWAY.hosts, ports = AWAY.ports }
  for k, v in pairs(more) do out[k] = v end
  return out
end

test("an association on the other side of an address translation is told once", function()
  equal(is_twin(with({})), true)
  equal(is_twin({ hosts = { OUTSIDE, B }, ports = { 40000, 104 } }), true, "another address alone")
  equal(is_twin({ ports = { 61000, 104 } }), true, "another port alone")
  equal(is_twin({ hosts = { A, "\10\0\0\3" } }), true, "another destination")
  equal(is_twin(with({ object = "1.2.3.5" })), false)
  equal(is_twin(with({ calling = "CT2" })), false)
  equal(is_twin(with({ called = "PACS2" })), false)
  equal(is_twin(with({ image = data(value(2, "short")) })), false)
  equal(is_twin(with({ after = 0.9 })), true)
  equal(is_twin(with({ after = 1.1 })), false)
  for _, case in ipairs({ { 100, 100.5, true }, { 100, 101, false }, { 101, 100.5, true }, { 101, 100, false } }) do
    equal(is_twin(with({ moment = case[2] }), { moment = case[1] }), case[3])
  end
end)

test("a load balancer has numbers of its own: the object tells, but for a host that sends it twice", function()
  equal(is_twin(with({ isn = 77, isn_resp = 99 })), true)
  equal(is_twin({ isn = 77, ports = { 61000, 104 } }), false, "the same host again")
  equal(is_twin({ isn = 77, hosts = { A, "\10\0\0\3" } }), true, "of the same port")
end)

test("without an object numbers and outcome have to agree", function()
  equal(is_twin(with({ echo = true }), { echo = true }), true)
  equal(is_twin(with({ echo = true, isn = 77 }), { echo = true }), false)
  equal(is_twin(with({ echo = true, isn_resp = 77 }), { echo = true }), false)
  equal(is_twin(with({ echo = true, to = 4 }), { echo = true, to = 5 }), false, "one has no answer")
  equal(is_twin(with({ echo = true, from = 2 }), { echo = true, from = 2 }), false, "no handshake was seen")
end)

test("what is told apart all the same is named", function()
  local function alike(there, here)
    local _, one, two = seen_twice(there, here)
    equal(two.twin, nil)
    equal(one.alike, nil)
    return two.alike or nil
  end
  equal(alike({ mark = "\0\2" }), "in another network")
  equal(alike(with({ after = 1.1 })), "at another time")
  equal(alike(with({ after = 1.1, isn = 77 })), nil)
  equal(alike(with({ after = 1.1, isn_resp = 77 })), nil)
  equal(alike({ ports = { 61000, 104 }, isn = 77 }), nil, "an object sent twice")
  equal(alike(with({ object = "1.2.3.5" })), nil)
end)

test("an address translation between two networks is one all the same", function()
  equal(is_twin({ hosts = { OUTSIDE, B }, mark = "\0\2" }), true)
  -- The other way round it has the same addresses.
  local _, one, two = seen_twice({ hosts = { B, A }, ports = { 104, 40000 }, mark = "\0\2", echo = true }, { echo = true })
  equal(two.twin, nil)
  equal(one.twin, nil)
end)

test("a part of an association that is seen whole elsewhere is one with it", function()
  -- Its beginning, and its end: which has no handshake but the same last numbers.
  for _, part in ipairs({ { to = 4 }, { to = 5 }, { to = 2 }, { from = 3 }, { from = 5 }, { from = 4, to = 9 } }) do
    equal(is_twin(with(part)), true)
    part.first = true
    local _, one, two = seen_twice(with(part))
    equal(one.twin, two)
    equal(two.twin, nil)
  end
  equal(is_twin(with({ to = 4, isn = 77 })), false)
  equal(is_twin(with({ to = 4, isn_resp = 77 })), false)
  equal(is_twin(with({ to = 4, calling = "CT2" })), false)
  equal(is_twin(with({ to = 4, called = "PACS2" })), false)
  equal(is_twin(with({ from = 4, isn = 77 })), false)
  equal(is_twin(with({ from = 4, isn_resp = 99 })), false)
  equal(is_twin(with({ from = 4, isn_resp = 99999 })), false)
  equal(is_twin(with({ to = 4, after = 1.1 })), false)
  equal(is_twin(with({ from = 4, after = 1.1 })), false)
  equal(is_twin({ mark = "\0\2", to = 4 }), false, "the same addresses in another network")
  equal(is_twin(with({ to = 5, image = data(value(2, ("x"):rep(9000))) })), false, "a part is no more than the whole")
end)

test("an end is at the same number, whether it comes with the last data or alone", function()
  local c = connection()
  local part = connection({ beside = c, hosts = AWAY.hosts, ports = AWAY.ports })
  stored(c)
  part.seq = { c.seq[1], c.seq[2] }
  c.send(1, IMAGE)
  part.send(1, IMAGE)
  for _, one in ipairs({ c, part }) do one.send(2, data(value(3, store_rsp(1, 0)))) end
  c.send(1, wrap(5, "\0\0\0\0"), 8 + FIN)
  part.send(1, wrap(5, "\0\0\0\0"))
  part.packet(1, "", FIN)
  for _, one in ipairs({ c, part }) do one.send(2, wrap(6, "\0\0\0\0"), 8 + FIN) end
  c.t:flush()
  equal(c.t.list[2].twin, c.t.list[1])
end)

test("a part whose whole is still open at the end of the capture is of it, too", function()
  local c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
  c.send(1, IMAGE)
  local part = connection({ beside = c, hosts = AWAY.hosts, ports = AWAY.ports })
  part.seq = { c.seq[1] - #IMAGE - #data(value(3, store_rq(1))), c.seq[2] }
  part.send(1, data(value(3, store_rq(1))))
  part.send(1, IMAGE)
  part.send(2, data(value(3, store_rsp(1, 0))))
  c.send(2, data(value(3, store_rsp(1, 0))))
  for _, one in ipairs({ part, c }) do
    one.packet(1, "", FIN)
    one.packet(2, "", FIN)
  end
  c.t:flush()
  equal(c.t.list[2].twin, c.t.list[1])
  equal(c.t.list[1].twin, nil)
end)

-- A capture in which the acceptor's endpoint is known, and a second connection to it.
local function known_endpoint(port)
  local c = connection({ port = port })
  c.associate()
  return c, connection({ beside = c, ports = { 40001, port or 104 } })
end

test("who is expected to have asked is whoever does not listen", function()
  for side = 1, 2 do
    local _, other = known_endpoint(33333)
    local d = other.packet(side, "", ACK)
    equal(d.c.assoc.snap.basis, "traffic")
    equal(bytes.address(d.c.assoc.snap.orig.host), "10.0.0.1")
    equal(d.c.assoc.snap.orig.port, 40001)
  end
end)

test("what a look ahead found is asked for once, before the endpoints", function()
  for _, case in ipairs({ { 1, 1 }, { 2, 2 }, { nil, nil } }) do
    local asked = 0
    local c = connection({ port = 33333, lookahead = function(key, now)
      asked = asked + 1
      equal(now, 0.001)
      equal(key, A .. B .. be16(40000) .. be16(33333))
      return { start_frame = 7, ts = 9, confidence = 42, base = { called_ae = "X" },
               orig_key = case[1] and (case[1] == 1 and key or B .. A .. be16(33333) .. be16(40000)) }
    end })
    local d = c.packet(1, "", ACK)
    c.packet(2, "", ACK)
    local snap = d.c.assoc.snap
    equal(asked, 1)
    equal(snap.basis .. " " .. snap.confidence, "association 42")
    equal(snap.start_frame, 7)
    equal(snap.base.called_ae, "X")
    equal(d.c.assoc.ts, 9)
    equal(snap.orig, case[2] and (case[2] == 1 and d or d.peer))
    equal(#c.log, 0)
  end
  local asked = 0
  local c = connection({ port = 33333, lookahead = function() asked = asked + 1 end })
  for _ = 1, 3 do equal(c.packet(1, "", ACK).c.assoc, nil) end
  equal(asked, 1)
end)

test("an expectation gives no row, and the bytes that follow it may", function()
  local c, other = known_endpoint()
  other.open()
  other.send(1, IMAGE)
  local d = other.send(1, IMAGE)
  equal(d.c.assoc.snap.basis, "traffic")
  c.t:flush()
  equal(#c.log, 1, "a connection that was seen from its SYN does not begin with data")
  c, other = known_endpoint()
  other.open()
  d = other.send(1, request())
  equal(d.c.assoc.snap.basis, "association")
  equal(d.c.assoc.snap.confidence, 100)
  c.t:flush()
  equal(#c.log, 2)
end)

test("in a stream that begins inside, a header that was searched for is one on a port of DICOM", function()
  local c = connection()
  c.send(1, ("x"):rep(300))
  local d = c.send(1, ("x"):rep(50) .. IMAGE)
  equal(d.c.assoc.snap.confidence, 80)
  c.t:flush()
  equal(c.log[1].data_pdus, 1)
  equal(c.log[1].data_bytes_orig, 5000)
  equal(flag(c.log[1], "midstream"), true)
end)

test("elsewhere, or where several values follow it, only a second header proves the first", function()
  local two = data(value(0, ("x"):rep(20)), value(2, ("x"):rep(30)))
  for _, case in ipairs({ { 33333, IMAGE }, { 104, two } }) do
    local c = connection({ port = case[1] })
    local d = c.send(1, case[2])
    equal(d.c.assoc.confirmed, nil)
    d = c.send(1, case[2])
    equal(d.c.assoc.snap.confidence, 90)
    c.t:flush()
    equal(#c.log, 1)
    equal(c.log[1].data_pdus, 2)
  end
end)

test("what only looked like DICOM leaves nothing behind", function()
  local c, other = known_endpoint(33333)
  local d = other.packet(1, data(value(2, ("x"):rep(30))), 24, nil, 30)
  equal(d.c.assoc.flags.truncated, true)
  other.seq[1] = other.seq[1] + 42
  d = other.send(1, "\9\0" .. ("y"):rep(40))
  equal(d.c.assoc.snap.basis, "traffic")
  other.send(1, data(value(3, store_rq(1))))
  c.t:flush()
  equal(c.log[2].data_pdus, 1)
  equal(c.log[2].data_bytes_orig, 0)
  equal(c.log[2].store_rq, 1)
  equal(flag(c.log[2], "midstream"), true)
  equal(flag(c.log[2], "truncated"), false)
end)

test("a connection that began as none is none; one whose beginning was not seen may be", function()
  local function stored_after(first, captured)
    local rq = request({ application = "1.2.3.4" })
    local c = connection()
    if first then
      c.open()
    end
    c.packet(1, rq, 24, nil, captured)
    c.seq[1] = c.seq[1] + #rq
    c.send(1, data(value(3, store_rq(1))))
    c.t:flush()
    return #c.log
  end
  equal(stored_after(true), 0)
  equal(stored_after(false), 1)
  equal(stored_after(true, 100), 1, "of a frame that was cut nothing is concluded")
end)

test("another protocol is told as one, but for TLS, which hides what it carries", function()
  for first, other in pairs({ ["GET / HTTP/1.1\r\n"] = true, ["\20\3\1\0\5hello"] = false,
    ["\22\3\1\0\5hello"] = false, ["\23\3\3\0\5hello"] = false, ["\19\3\1\0\5hello"] = true,
    ["\24\3\1\0\5hello"] = true, ["\22\4\1\0\5hello"] = true }) do
    local c = connection()
    c.open()
    equal(c.send(1, first).c.other, other)
    c.send(1, request())
    c.t:flush()
    equal(#c.log, 0)
  end
end)

-- An association inside of TLS: its records on the wire, and what they carry, in pieces of this size.
local function deciphered(c, size, known)
  local function record(side, s)
    local d = c.send(side, "\23\3\3" .. be16(#s + 16) .. s:reverse() .. ("\7"):rep(16))
    for at = 1, #s, size do
      c.t:plaintext(d, s:sub(at, at + size - 1))
    end
    return d
  end
  if not known then c.open() end
  c.later = c.later + 1
  record(1, request())
  local begun = c.info.abs_ts
  record(2, accept())
  record(1, data(value(3, store_rq(1))))
  record(1, IMAGE)
  local d = record(2, data(value(3, store_rsp(1, 0))))
  return d, begun
end

test("of TLS that is deciphered the association is told as one without, and that it is encrypted", function()
  for _, size in ipairs({ 1, 7, 100000 }) do
    local c = connection({ port = 2762 })
    local d, begun = deciphered(c, size)
    equal(d.c.assoc.snap.basis, "association")
    equal(d.c.assoc.snap.status, 0)
    c.t:flush()
    local row = c.log[1]
    equal(#c.log, 1)
    equal(row.calling_ae, "CT1")
    equal(row.ts, begun)
    equal(row.data_bytes_orig, 5000)
    equal(row.rsp_success, 1)
    equal(rows.times(c.t.list[1])[1].tls, true)
    equal(c.t.endpoints:rows(c.t.list[1])[2].tls, true)
  end
end)

test("what was taken for another protocol is DICOM once it is deciphered", function()
  local c = connection({ port = 2762 })
  c.associate()
  local other = connection({ beside = c, ports = { 40001, 2762 } })
  other.open()
  local d = other.send(1, "\22\3\1\0\5hello")
  equal(d.c.assoc.snap.untagged, true)
  equal(deciphered(other, 50, true).c.assoc.snap.untagged, nil)
  c.t:flush()
  equal(#c.log, 2)
  equal(c.log[2].store_rq, 1)
end)

-- The rows of an encrypted connection of these records, and how often it was told.
local HELLO = "\22\3\1\0\46\1\0\0\42\3\3" .. ("r"):rep(40)
local function encrypted(options)
  local calls, rows_of = 0, {}
  local c = connection({ port = options.port or 2762, on_sealed = function(one)
    calls, rows_of = calls + 1, rows.sealed(one)
  end })
  if not options.no_syn then c.open() end
  if options.first then c.send(1, options.first) end
  c.packet(1, HELLO, 24, options.at and c.seq[1] + options.at, options.captured)
  c.seq[1] = c.seq[1] + #HELLO
  c.send(2, "\22\3\3\0\4abcd")
  c.later = 1
  c.send(1, "\23\3\3\1\0" .. ("e"):rep(256))
  c.send(1, ("e"):rep(500))
  c.send(2, "\23\3\3\0\200" .. ("f"):rep(200))
  if not options.open_end then
    c.packet(1, "", FIN)
    c.packet(2, "", FIN)
    c.later = 100
    connection({ beside = c, ports = { 7, 8 } }).packet(1, "", ACK)
    equal(calls, options.none and 0 or 1)
  end
  c.t:flush()
  c.t:flush()
  return calls, rows_of[1]
end

test("an encrypted connection on a port of DICOM is told once, when it is over or the capture is", function()
  for _, case in ipairs({ {}, { open_end = true } }) do
    local calls, row = encrypted(case)
    equal(calls, 1)
    equal(row.operation, "tls")
    equal(row.data_sets, 1)
    equal(row.data_bytes, 500)
    equal(row["id.resp_p"], 2762)
  end
  equal(encrypted({ captured = 6 }), 1, "what was captured of it suffices")
  for _, none in ipairs({ { captured = 5 }, { port = 33333 }, { no_syn = true }, { at = 1 }, { first = "\22\3\1\0\1x" } }) do
    none.none = true
    equal(encrypted(none), 0)
  end
end)

test("requests of which the capture has a part are told in the order of their beginning", function()
  local c = connection()
  local all = { c }
  for n = 1, 8 do all[#all + 1] = connection({ beside = c, ports = { 40000 + n, 33000 + n } }) end
  for n, one in ipairs(all) do
    one.open()
    one.send(1, request({ calling = "CT" .. n }):sub(1, 150))
  end
  -- Nothing but a connection, and one that goes on to be whole.
  connection({ beside = c, ports = { 41000, 33000 } }).open()
  c.t:flush()
  equal(#c.log, #all)
  for n, row in ipairs(c.log) do equal(row.calling_ae, "CT" .. n) end
end)

test("what waits for bytes that are not in the capture is read at its end", function()
  local c = connection()
  c.open()
  c.send(1, request():sub(1, 3))
  c.seq[1] = c.seq[1] + 400
  c.send(1, data(value(3, store_rq(1))))
  c.t:flush()
  equal(#c.log, 1)
  equal(c.log[1].store_rq, 1)
  equal(c.log[1].missed_bytes, 400)
end)

test("a look at what there is so far takes nothing from what has only begun", function()
  local two = data(value(0, ("x"):rep(20)), value(2, ("x"):rep(30)))
  for at = 12, #two do
    local c = connection({ port = 33333 })
    c.send(1, two:sub(1, at))
    c.t:flush()
    equal(#c.log, 0)
    c.send(1, two:sub(at + 1))
    c.send(1, two)
    c.t:flush()
    equal(#c.log, 1)
    equal(c.log[1].data_pdus, 2)
    equal(c.log[1].data_bytes_orig, 100)
  end
end)

test("an answer of which the capture has a part is one", function()
  local c = connection()
  c.open()
  c.send(1, request())
  c.send(2, accept():sub(1, -10))
  c.t:flush()
  equal(c.log[1].result, "accepted")
  equal(c.log[1].ctx_accepted, nil)
end)

test("where a capture ends inside an association is told by the next numbers of both sides", function()
  local function edge(c)
    c.t:flush()
    return rows.edge(c.t.list[1]):match("^%S+ (.*)$")
  end
  local c = connection()
  stored(c)
  equal(edge(c), "1000 " .. c.seq[1] .. " 5000 " .. c.seq[2])
  c = connection()
  stored(c)
  local ends = c.seq[1] + 7
  c.packet(1, "", FIN, ends)
  c.packet(2, "", FIN)
  equal(edge(c), "1000 " .. ends .. " 5000 " .. c.seq[2], "to what was sent without being seen")
  c = connection({ isn = MODULUS - 500 })
  stored(c)
  c.packet(1, "", FIN, (c.seq[1] + 700) % MODULUS)
  equal(edge(c), MODULUS - 500 .. " " .. (c.seq[1] + 700) % MODULUS .. " 5000 " .. c.seq[2])
end)

test("the same addresses and ports in two VLANs are two connections", function()
  local t = tracker.new()
  local function key(path, seq, flags)
    return t:key({ key = "K" .. ("k"):rep(11), path = path, seq = seq, ack = 0, flags = flags })
  end
  local first, second = key("5", 900000000, SYN), key("6", 5, SYN)
  equal(first ~= second, true)
  equal(key("5", 900000001, ACK), first)
  equal(key("6", 6, ACK), second)
end)

-- What has ended is told while the capture goes on, however many connections ended before it.
test("each association is told a few seconds after its end", function()
  local first = connection({ ports = { 40001, 104 } })
  for n = 1, 40 do
    local c = n == 1 and first or connection({ ports = { 40000 + n, 104 }, beside = first })
    if n % 3 ~= 0 then first.later = first.later + 4 end
    c.associate()
    finish(c)
  end
  first.later = first.later + 10
  connection({ ports = { 50000, 104 }, beside = first }).open()
  equal(#first.log, 40)
end)

kit.done()
