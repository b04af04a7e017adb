-- Unit tests of what one direction carries, in a plain interpreter, Lua 5.2 or 5.4: PDUs and values in
-- pieces, segments behind one another, what is agreed on. lua stream_test.lua FOLDER_OF_SOURCES [first]
package.path = arg[1] .. "/?.lua;" .. arg[0]:match("^(.*)/") .. "/?.lua"
local kit = require("parser_kit")
local association = require("association")
local dimse = require("dimse")
local rows = require("rows")

local A, B, CT, IMPLICIT = kit.A, kit.B, kit.CT, kit.IMPLICIT
local test, equal, flag, connection = kit.test, kit.equal, kit.flag, kit.connection
local be16, be32, le16, even = kit.be16, kit.be32, kit.le16, kit.even
local item, wrap, user, request, accept = kit.item, kit.wrap, kit.user, kit.request, kit.accept
local element, command, value, data = kit.element, kit.command, kit.value, kit.data
local store_rq, store_rsp = kit.store_rq, kit.store_rsp
local char = string.char

local ACK, FIN, RST = 16, 17, 20
local MR = "1.2.840.10008.5.1.4.1.1.4"
local FIND, MOVE, GET = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2", "1.2.840.10008.5.1.4.1.2.2.3"
local IMAGE = data(value(2, ("x"):rep(5000)))

-- A request and its acceptance of contexts 1, 3, 5 and so on of these SOP classes; roles: items.
local function request_of(classes)
  local contexts = ""
  for n, class in ipairs(classes) do
    contexts = contexts .. item(0x20, char(n * 2 - 1, 0, 0, 0) .. item(0x30, class) .. item(0x40, IMPLICIT))
  end
  return wrap(1, be16(1) .. be16(0) .. kit.pad("PACS1", 16) .. kit.pad("CT1", 16) .. ("\0"):rep(32)
    .. item(0x10, kit.APPLICATION) .. contexts .. user())
end
local function accept_of(classes, roles, reserved)
  local contexts = ""
  for n = 1, #classes do
    contexts = contexts .. item(0x21, char(n * 2 - 1, 0, 0, 0) .. item(0x40, IMPLICIT))
  end
  return wrap(2, be16(1) .. be16(reserved or 0) .. kit.pad("PACS1", 16) .. kit.pad("CT1", 16) .. ("\0"):rep(32)
    .. item(0x10, kit.APPLICATION) .. contexts .. user(roles))
end
local function role(class, scu, scp) return item(0x54, be16(#class) .. class .. char(scu, scp)) end
local function agreed(classes, roles)
  local c = connection()
  c.open()
  c.send(1, request_of(classes))
  return c, c.send(2, accept_of(classes, roles))
end
-- A value of a presentation context.
local function on(context, control, content) return be32(#content + 2) .. char(context, control) .. content end

local function stored(c)
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
end

-- The rows of dicom_times.log of a connection's first association, by operation.
local function times_of(c)
  c.t:flush()
  local out = {}
  for _, row in ipairs(rows.times(c.t.list[1])) do out[row.operation] = row end
  return out
end

test("an answer is one from 68 bytes to a mebibyte", function()
  local body = accept():sub(7)
  local filler = 1048576 - #body - 4
  local long = body .. item(0x99, ("x"):rep(65531)):rep(15)
  long = long .. item(0x99, ("x"):rep(1048576 - #long - 4))
  equal(filler > 0 and #long, 1048576)
  for _, case in ipairs({ { body:sub(1, 68), "accepted" }, { body:sub(1, 67), "unknown" }, { long, "accepted" },
                          { long .. "x", "unknown" } }) do
    local c = connection()
    c.open()
    c.send(1, request())
    c.send(2, wrap(2, case[1]))
    local row = c.close()
    equal(row.result, case[2])
    equal(row["end"], "released")
  end
end)

test("the last PDU of an association is the last that came whole", function()
  local c = connection()
  stored(c)
  local last = c.info.abs_ts
  c.later = 5
  c.send(1, data(value(0, ("x"):rep(200)), value(2, ("x"):rep(200))):sub(1, -2))
  c.t:flush()
  equal(c.log[1].duration, last - c.log[1].ts)
  c = connection()
  stored(c)
  c.later = 5
  c.send(1, data(value(0, ("x"):rep(200)), value(2, ("x"):rep(200))))
  last = c.info.abs_ts
  c.later = 9
  c.packet(2, "", ACK)
  c.t:flush()
  equal(c.log[1].duration, last - c.log[1].ts)
end)

test("the transfer of a data set is timed, in whatever values it comes", function()
  local c = connection()
  c.associate()
  for _, values in ipairs({ { value(2, ("x"):rep(300)) }, { value(0, ("x"):rep(100)), value(0, ("x"):rep(60)), value(2, "") } }) do
    c.send(1, data(value(3, store_rq(1))))
    c.later = c.later + 0.5
    for _, one in ipairs(values) do c.send(1, data(one)) end
    c.later = c.later + 0.25
    c.send(2, data(value(3, store_rsp(1, 0))))
  end
  local store = times_of(c).store
  equal(store.count, 2)
  equal(store.data_sets, 2)
  equal(store.data_pdvs, 4)
  equal(store.data_bytes, 460)
  equal(store.data_time, 0.501 + 0.503)
  equal(store.response_min, 0.251)
  equal(store.response_max, 0.251)
end)

test("control bits beyond the two of PS3.8 (E.2) change nothing", function()
  local c = connection()
  c.associate()
  c.send(1, data(value(3 + 4, store_rq(1))))
  c.send(1, data(value(2 + 4, ("x"):rep(300))))
  c.send(2, data(value(3 + 8, store_rsp(1, 0))))
  local store = times_of(c).store
  equal(store.count, 1)
  equal(store.data_sets, 1)
  equal(c.log[1].rsp_success, 1)
end)

test("a command set comes in fragments of any size, and the last may be empty", function()
  local set = store_rq(1)
  local bytes_of, pdus = {}, {}
  for at = 1, #set do bytes_of[at] = value(at == #set and 3 or 1, set:sub(at, at)) end
  for at = 1, #set do pdus[at] = data(bytes_of[at]) end
  for _, s in ipairs({ data(table.unpack(bytes_of)), table.concat(pdus), data(value(1, set), value(3, "")),
                       data(value(1, ""), value(3, set)) }) do
    local c = connection()
    c.associate()
    local d = c.send(1, s)
    equal(d.c.assoc.snap.operation, "C-STORE", "as soon as its last byte is there")
    local row = c.close()
    equal(row.store_rq, 1)
    equal(flag(row, "malformed"), false)
  end
end)

test("who accepted did not ask, whatever is asked of it later and whatever its port", function()
  for _, first in ipairs({ 1, 2 }) do
    local c = connection({ port = 33333 })
    c.send(first, accept())
    c.send(first, data(value(3, store_rq(1))))
    c.t:flush()
    equal(c.log[1]["id.orig_h"], first == 2 and "10.0.0.1" or "10.0.0.2")
    equal(c.log[1].result, "accepted")
  end
end)

test("what begins like a command set and is none is no end of the search for one", function()
  local c = connection({ port = 33333 })
  local wrong = command(element(2, even(CT)) .. element(0x110, le16(1)) .. element(0x100, le16(1)))
  c.send(1, data(value(3, wrong)):sub(1, 60))
  c.send(1, data(value(3, wrong)):sub(61))
  c.send(1, data(value(3, store_rq(1))))
  c.t:flush()
  equal(#c.log, 1)
  equal(c.log[1].store_rq, 1)
  equal(c.log[1].data_pdus, 1)
end)

test("roles of several contexts of one service are those of all", function()
  -- The archive takes one class of images and sends the other: no modality, in whatever order.
  for _, classes in ipairs({ { CT, MR }, { MR, CT } }) do
    local c, d = agreed(classes, role(MR, 0, 1))
    c.close()
    local known = c.t.endpoints:rows(d.c.assoc)
    equal(c.t.endpoints:category(known[1]), "unknown")
    equal(c.t.endpoints:category(known[2]), "unknown")
    equal(table.concat(c.log[1].orig_roles, ","), "scu,scp")
    equal(table.concat(c.log[1].resp_roles, ","), "scu,scp")
  end
  local c, d = agreed({ CT, MR })
  c.close()
  equal(c.t.endpoints:category(c.t.endpoints:rows(d.c.assoc)[1]), "modality")
end)

test("reserved bytes of an answer are flagged", function()
  local c = connection()
  c.open()
  c.send(1, request())
  c.send(2, accept_of({ CT }, nil, 1))
  c.send(1, data(value(3, store_rq(1))))
  equal(flag(c.close(), "reserved_nonzero"), true)
end)

-- What a request is taken for of which so many bytes were captured, whose SYN was of this side.
local function cut_request(rq, captured, side, port)
  local c = connection({ port = port })
  if side then
    c.packet(side, "", 2)
    c.seq[side] = c.seq[side] + 1
  end
  local d = c.packet(1, rq, 24, nil, captured)
  c.seq[1] = c.seq[1] + #rq
  return d.c.assoc and d.c.assoc.confirmed and d.c.assoc.confidence or nil
end

test("of a request that was cut titles, reserved bytes and what follows them decide", function()
  local rq, odd = request(), request({ called = "\1\2" })
  local foreign = request({ application = "1.2.3.4" })
  equal(cut_request(rq, #rq, 1), 100)
  equal(cut_request(rq, 106, 1), 100, "with its application context")
  equal(cut_request(rq, 80, 1), 90)
  equal(cut_request(foreign, #foreign, 1), nil)
  equal(cut_request(foreign, 90, 1), nil, "the context of another application")
  equal(cut_request(odd, 80, 1), nil)
  equal(cut_request(odd, 74, 1), nil)
end)

test("of a request of which hardly more than the header was captured the first bytes on a port of DICOM are one", function()
  local odd = request({ called = "\1\2" })
  equal(cut_request(odd, 73, 1), 90)
  equal(cut_request(odd, 7, 1), 90)
  equal(cut_request(odd, 7, 1, 33333), nil, "another port")
  equal(cut_request(odd, 7, 2), nil, "of whoever was called")
  equal(cut_request(odd .. "x", 7, 1), nil, "its length is not that of what was sent")
end)

test("what is done on a context whose command was not seen is told by its class", function()
  for class, operation in pairs({ [CT] = "C-STORE", [FIND] = "C-FIND", [MOVE] = "C-MOVE", [GET] = "C-GET" }) do
    local c = agreed({ CT, class })
    local d = c.send(1, data(on(3, 2, "data")))
    equal(d.c.assoc.snap.operation, operation)
    equal(d.c.assoc.snap.inferred, true)
    equal(d.c.assoc.snap.sop, class)
    -- Cut before its field, a command is told by its class, too.
    c = connection({ port = 33333 })
    local frame = data(value(3, command(element(2, even(class)) .. element(0x100, le16(1)))))
    d = c.packet(1, frame, 24, nil, 12 + 20 + #even(class) + 4)
    equal(d.c.assoc.snap.operation, operation)
  end
end)

test("an operation that was read stands; one that was inferred follows its context", function()
  local c = agreed({ CT, FIND })
  local d = c.send(1, data(on(1, 2, "data")))
  equal(d.c.assoc.snap.operation, "C-STORE")
  d = c.send(1, data(on(3, 2, "data")))
  equal(d.c.assoc.snap.operation, "C-FIND")
  d = c.send(1, data(on(1, 3, store_rq(7))))
  equal(d.c.assoc.snap.message_id, 7)
  d = c.send(1, data(on(3, 2, "data")))
  equal(d.c.assoc.snap.operation, "C-STORE")
  equal(d.c.assoc.snap.message_id, 7)
  equal(d.c.assoc.snap.inferred, false)
end)

test("a response without a class is of that of the request, where it answers it", function()
  local function response(field)
    return command(element(0x100, le16(field)) .. element(0x120, le16(1)) .. element(0x800, le16(0x101))
      .. element(0x900, le16(0)))
  end
  local c = connection()
  stored(c)
  equal(c.send(2, data(value(3, response(0x8001)))).c.assoc.snap.sop, CT)
  equal(c.send(2, data(value(3, response(0x8030)))).c.assoc.snap.sop, nil)
  c = connection()
  stored(c)
  local echo = command(element(0x100, le16(0x30)) .. element(0x110, le16(2)) .. element(0x800, le16(0x101)))
  equal(c.send(1, data(value(3, echo))).c.assoc.snap.sop, nil, "nor is a request of another's")
end)

test("of states that go back and forth sixteen are remembered beyond what is", function()
  local c = connection()
  c.associate()
  for i = 1, 2100 do c.send(1, data(value(3, store_rq(i)))) end
  for _ = 1, 20 do
    c.send(1, wrap(5, "\0\0\0\0"))
    c.send(2, wrap(6, "\0\0\0\0"))
  end
  equal(#c.t.list[1].snaps, association.MAX_SNAPSHOTS + 16)
end)

-- An image in segments of 500 bytes, of which these come later or not at all: its row, and what is told
-- of its times. late: numbers of segments, in the order in which they come.
local function holed(missing, late, pieces)
  local c = connection()
  stored(c)
  local begin, gone, d = c.seq[1], {}, nil
  for _, n in ipairs(missing) do gone[n] = true end
  for n = 1, 11 do
    local s = IMAGE:sub(n * 500 - 499, n * 500)
    c.seq[1] = begin + n * 500 - 500
    if not gone[n] then c.send(1, s) end
  end
  c.seq[1] = begin + #IMAGE
  for _, n in ipairs(late) do
    local size = 500 / (pieces or 1)
    for piece = 1, pieces or 1 do
      local at = n * 500 - 500 + (piece - 1) * size
      d = c.packet(1, IMAGE:sub(at + 1, at + size), 24, begin + at)
    end
  end
  local complete = c.info.abs_ts
  c.later = c.later + 0.01
  c.send(2, data(value(3, store_rsp(1, 0))))
  local store = times_of(c).store
  return store, c.log[1], c, d, complete
end

test("a data set whose missing segments come late is complete with the last of them", function()
  for _, case in ipairs({ { { 3 }, { 3 } }, { { 3, 4, 7 }, { 3, 4, 7 } }, { { 3, 4, 7 }, { 7, 4, 3 } },
                          { { 3, 4, 7 }, { 4, 3, 7 } }, { { 5 }, { 5 }, 5 }, { { 3, 8 }, { 8, 3 }, 2 } }) do
    local store, row, _, _, complete = holed(case[1], case[2], case[3])
    equal(row.missed_bytes, 0)
    equal(store.data_sets, 1)
    equal(store.data_bytes, 5000)
    equal(string.format("%.3f", store.data_time), string.format("%.3f", complete - 0.006))
    equal(string.format("%.3f", store.response_mean), "0.011")
  end
end)

test("a data set of which bytes never come has no time, nor has its response", function()
  for _, case in ipairs({ { { 3 }, {} }, { { 3, 7 }, { 3 } }, { { 3, 7 }, { 7 } }, { { 3, 4 }, { 3, 3 } } }) do
    local store, row = holed(case[1], case[2])
    equal(row.missed_bytes > 0, true)
    equal(row.data_bytes_orig, 5000)
    equal(store.data_sets, 0)
    equal(store.response_mean, nil)
  end
end)

test("what brings nothing new is known for it, but for a keep-alive and what fills a hole", function()
  local _, _, c, d = holed({ 3 }, { 3 })
  equal(d.known ~= c.frame - 1, true)
  _, _, c, d = holed({ 3, 7 }, { 3, 3 })
  equal(d.known, c.frame - 1, "once more")
  _, _, c, d = holed({ 3 }, { 4 })
  equal(d.known, c.frame - 1)
  c = connection()
  stored(c)
  c.send(1, IMAGE:sub(1, 1000))
  d = c.packet(1, "x", ACK, c.seq[1] - 1)
  equal(d.known ~= c.frame, true)
  d = c.packet(1, "xy", ACK, c.seq[1] - 2)
  equal(d.known, c.frame)
  d = c.packet(1, IMAGE:sub(999, 1003), 24, c.seq[1] - 2)
  equal(d.known ~= c.frame, true, "the end of it is new")
end)

test("a segment that comes again or behind later ones is sent again, and a keep-alive is not", function()
  local function resent(...)
    local c = connection({ isn = 4294967295 - #request() - #data(value(3, store_rq(1))) - 600 })
    stored(c)
    local begin = c.seq[1]
    for _, piece in ipairs({ ... }) do
      c.packet(1, IMAGE:sub(piece[1] + 1, piece[2]), 24, (begin + piece[1]) % 4294967296)
    end
    c.seq[1] = begin + 5000
    return times_of(c).store.orig_resent
  end
  equal(resent({ 0, 1000 }, { 1000, 2000 }), 0)
  equal(resent({ 0, 1000 }, { 0, 1000 }), 1)
  equal(resent({ 0, 1000 }, { 0, 1000 }, { 0, 1000 }), 2)
  equal(resent({ 0, 1000 }, { 999, 1000 }), 0, "a keep-alive")
  equal(resent({ 0, 1000 }, { 998, 999 }), 1)
  equal(resent({ 0, 1000 }, { 998, 1000 }), 1)
  equal(resent({ 0, 1000 }, { 1000, 3000 }, { 500, 1500 }, { 3000, 4000 }), 1)
  equal(resent({ 0, 1000 }, { 2000, 3000 }, { 1000, 2000 }, { 3000, 4000 }), 1)
  equal(resent({ 0, 1000 }, { 900, 1100 }, { 1100, 1200 }), 1, "the end of it was new")
  equal(resent({ 0, 700 }, { 0, 700 }, { 700, 701 }, { 700, 701 }), 1)
end)

test("of samples nothing is sent again", function()
  local c = connection({ sampled = true })
  local d
  for _ = 1, 3 do d = c.packet(1, data(value(3, store_rq(1)))) end
  equal(d.resent, nil)
end)

test("what came before the first that was seen moves the beginning of what was captured", function()
  local function first_of(...)
    local c = connection({ port = 33333 })
    local at = 4294967290
    c.packet(1, data(value(3, store_rq(1))), 24, at)
    for _, piece in ipairs({ ... }) do c.packet(1, ("y"):rep(piece[2]), 24, (at - piece[1]) % 4294967296) end
    c.t:flush()
    return at - tonumber(rows.edge(c.t.list[1]):match("^%S+ (%d+)"))
  end
  equal(first_of(), 0)
  equal(first_of({ 1, 1 }), 1)
  equal(first_of({ 100, 40 }), 40)
  equal(first_of({ 100, 100 }), 100)
  equal(first_of({ 30, 50 }), 30, "as far as it is before")
  equal(first_of({ 100, 40 }, { 60, 60 }), 100)
end)

test("a header that stands across two segments is found, but not across bytes that were not captured", function()
  local first = ("x"):rep(1000 - 5) .. IMAGE:sub(1, 5)
  for more, found in pairs({ [""] = true, zzz = false }) do
    local c = connection()
    c.packet(1, first .. more, 24, nil, #first)
    c.seq[1] = c.seq[1] + #first + #more
    local d = c.send(1, IMAGE:sub(6))
    equal(d.c.assoc ~= nil and d.c.assoc.confirmed == true, found)
    equal(d.missed, #more)
  end
end)

test("bytes that a frame lacks are missed where they stand, and those that come after all are not", function()
  local c = connection()
  local begin = c.seq[1]
  c.packet(1, ("x"):rep(300), 24, nil, 100)
  local d = c.packet(1, ("x"):rep(50), 24, begin + 100)
  equal(d.missed, 150)
  d = c.packet(1, ("x"):rep(10), 24, begin + 90)
  equal(d.missed, 150)
  d = c.packet(1, ("x"):rep(150), 24, begin + 150)
  equal(d.missed, 0)
end)

test("a segment whose end alone is new is read from there, also where it was cut", function()
  local set = data(value(3, store_rq(1)))
  for again = 0, 30, 10 do
    for cut = 0, 60, 5 do
      local c = connection()
      c.associate()
      local begin = c.seq[1]
      c.send(1, set:sub(1, 40))
      local s = set:sub(41 - again)
      c.packet(1, s, 24, begin + 40 - again, #s - cut)
      c.seq[1] = begin + #set
      c.send(1, data(value(3, store_rq(2))))
      local row = c.close()
      equal(row.missed_bytes, cut)
      equal(row.store_rq, #set - cut >= 68 and 2 or 1, "its command field was captured")
      equal(row["end"], "released")
    end
  end
  -- All that was captured of it is known.
  local c = connection()
  stored(c)
  local begin = c.seq[1]
  c.send(1, IMAGE:sub(1, 1000))
  c.packet(1, IMAGE:sub(501, 2000), 24, begin + 500, 100)
  c.seq[1] = begin + 2000
  c.send(1, IMAGE:sub(2001))
  local row = c.close()
  equal(row.missed_bytes, 1000)
  equal(row.data_bytes_orig, 5000)
end)

test("segments that wait are read in their order, over the end of the numbers too", function()
  local set = data(value(3, store_rq(1)), value(2, ("x"):rep(100)))
  for _, isn in ipairs({ 1000, 4294967295 - #request() - 40 }) do
    for _, order in ipairs({ { 4, 3, 2, 1 }, { 2, 4, 3, 1 }, { 3, 4, 2, 1 }, { 3, 2, 4, 1 }, { 2, 3, 2, 4, 3, 1 } }) do
      local c = connection({ isn = isn })
      c.associate()
      local begin = c.seq[1]
      for _, n in ipairs(order) do
        c.packet(1, set:sub(n * 30 - 29, n < 4 and n * 30 or nil), 24, (begin + n * 30 - 30) % 4294967296)
      end
      c.seq[1] = (begin + #set) % 4294967296
      local row = c.close()
      equal(row.store_rq, 1)
      equal(row.data_bytes_orig, 100)
      equal(row.missed_bytes, 0)
      equal(row["end"], "released")
    end
  end
end)

test("of segments that wait and overlap each byte is read once", function()
  local set = data(value(3, store_rq(1)), value(2, ("x"):rep(100)))
  local c = connection()
  c.associate()
  local begin = c.seq[1]
  for _, piece in ipairs({ { 61, 90 }, { 51, 80 }, { 85, 120 }, { 31, 60 }, { 61, 90 }, { 1, 35 } }) do
    c.packet(1, set:sub(piece[1], piece[2]), 24, begin + piece[1] - 1)
  end
  c.seq[1] = begin + 120
  c.send(1, set:sub(121))
  local row = c.close()
  equal(row.store_rq, 1)
  equal(row.data_bytes_orig, 100)
  equal(row.missed_bytes, 0)
end)

test("a sender's silence is told from twenty milliseconds on, and whether the other side was waited for", function()
  local function silent(seconds, acknowledged)
    local c = connection()
    stored(c)
    c.send(1, IMAGE:sub(1, 1000))
    local before = c.info.abs_ts
    if acknowledged then
      c.clock.moment = before + acknowledged
      c.packet(2, "", ACK)
    end
    c.clock.moment = before + seconds
    c.send(1, IMAGE:sub(1001))
    local store = times_of(c).store
    return string.format("%.3f %.3f", store.silent_time, store.ack_wait_time)
  end
  equal(silent(0.019), "0.000 0.000")
  equal(silent(0.021), "0.021 0.000")
  equal(silent(0.5, 0.499), "0.500 0.500")
  equal(silent(0.5, 0.3), "0.500 0.000")
end)

test("a segment that was read late is no end of a silence", function()
  local c = connection()
  stored(c)
  local begin = c.seq[1]
  c.send(1, IMAGE:sub(1, 1000))
  c.seq[1] = begin + 2000
  c.send(1, IMAGE:sub(2001, 3000))
  c.later = c.later + 0.1
  c.seq[1] = begin + 3000
  c.send(1, IMAGE:sub(3001))
  c.packet(1, IMAGE:sub(1001, 2000), 24, begin + 1000)
  local store = times_of(c).store
  equal(store.data_sets, 1)
  equal(store.silent_time, 0)
end)

test("a stream that begins inside is found by a command at the start of a segment, of any class", function()
  local echo = command(element(2, "1.2.840.10008.1.1\0") .. element(0x100, le16(0x30)) .. element(0x110, le16(1)))
  local nameless = command(element(0x100, le16(0x30)) .. element(0x110, le16(1)))
  for _, case in ipairs({ { echo, 1 }, { nameless, 1 }, { "\0\0\0\0\4\0\0\0" .. ("z"):rep(40), 0 },
    { "\0\0\0\0\5\0\0\0" .. echo:sub(9), 0 }, { command(element(0x110, le16(1)) .. element(0x120, le16(1))), 0 } }) do
    local c = connection({ port = 33333 })
    c.send(1, case[1] .. data(value(0, "x"), value(2, "y")))
    c.send(1, ("z"):rep(50))
    c.t:flush()
    equal(#c.log, case[2])
    equal(c.log[1] and c.log[1].echo_rq, case[2] == 1 and 1 or nil)
    equal(c.log[1] and c.log[1].data_bytes_orig, case[2] == 1 and 2 or nil)
  end
end)

test("a value that says it is of a command and is none is not taken for data", function()
  local fake, real = data(value(3, ("z"):rep(60)), value(2, "y")), data(value(3, store_rq(1)), value(2, "y"))
  for _, case in ipairs({ { fake, nil }, { fake:sub(1, 24), nil }, { fake:sub(1, 23), "looked at" }, { real, "known" },
                          { data(value(0, ("z"):rep(60)), value(2, "y")), "looked at" } }) do
    local c = connection({ port = 33333 })
    local a = c.send(1, case[1]).c.assoc
    equal(a and (a.confirmed and "known" or "looked at"), case[2])
  end
  -- Where the association is known, its lengths suffice.
  local c = connection()
  stored(c)
  c.send(1, IMAGE:sub(1, 1000))
  c.seq[1] = c.seq[1] + 5000
  c.send(1, data(value(1, ("z"):rep(60)), value(1, ("z"):rep(60))))
  for _ = 1, 17 do c.packet(2, "", ACK) end
  c.t:flush()
  equal(c.log[1].data_pdus, 3)
end)

test("where what was found turns out to be none, the next segment is looked at anew", function()
  local two = data(value(0, ("x"):rep(20)), value(2, ("x"):rep(30)))
  for n, wrong in ipairs({
    "\7\0" .. be32(4) .. "\0\0\0\0xyz", request({ application = "1.2.3.4" }) .. "xyz",
    "\4\0" .. be32(3) .. "xyz", "\4\0" .. be32(50) .. be32(60) .. "\1\0xyz", "\4\0" .. be32(50) .. be32(1) .. "\1\0xyz",
    "\9\0" .. be32(4) .. "xyz", "\1\0" .. be32(10) .. "xyz", "\2\0" .. be32(67) .. "xyz", "\5\0" .. be32(5) .. "xyz",
  }) do
    local c = connection({ port = 33333 })
    c.send(1, two .. wrong)
    c.send(1, data(value(3, store_rq(1))))
    c.t:flush()
    equal(#c.log, 1)
    equal(c.log[1].store_rq, 1)
    equal(flag(c.log[1], "malformed"), false)
    -- And where an association is known, behind a loss: there these two would be PDUs.
    if n > 2 then
      c = connection()
      stored(c)
      c.seq[1] = c.seq[1] + 500
      c.send(1, two .. wrong)
      c.send(1, data(value(3, store_rq(2))))
      for _ = 1, 17 do c.packet(2, "", ACK) end
      c.t:flush()
      equal(#c.log, 1)
      equal(c.log[1].store_rq, 2)
      equal(c.log[1]["end"], "incomplete")
    end
  end
end)

test("a request inside a stream of which one is known, or after an unknown PDU, begins nothing", function()
  local c = connection()
  stored(c)
  c.seq[1] = c.seq[1] + 5000
  c.send(1, request({ calling = "CT2" }))
  for _ = 1, 17 do c.packet(2, "", ACK) end
  c.t:flush()
  equal(#c.log, 1)
  equal(c.log[1].calling_ae, "CT1")
  equal(flag(c.log[1], "malformed"), false)
  c = connection()
  stored(c)
  c.send(1, wrap(42, "unknown"))
  c.send(1, request({ calling = "CT2" }))
  c.send(1, wrap(7, "\0\0\2\0"))
  c.t:flush()
  equal(#c.log, 1)
  equal(c.log[1].calling_ae, "CT1")
  equal(c.log[1].abort_source, nil)
end)

test("behind a loss the end of an association is found where it fills its segment", function()
  local function ended(last, frozen)
    local c = connection()
    stored(c)
    if frozen then c.send(1, wrap(42, "unknown")) end
    c.seq[1] = c.seq[1] + 5000
    c.send(1, last)
    for _ = 1, 17 do c.packet(2, "", ACK) end
    c.t:flush()
    return c.log[1]["end"]
  end
  equal(ended(wrap(7, "\0\0\2\0")), "aborted")
  equal(ended(wrap(7, "\0\0\2\0") .. "x"), "incomplete")
  equal(ended(wrap(7, "\0\0\2\0\0")), "incomplete")
  equal(ended("\7\1\0\0\0\4\0\0\2\0"), "incomplete")
  equal(ended(wrap(8, "\0\0\2\0")), "incomplete")
  equal(ended(wrap(7, "\0\0\2\0"), true), "incomplete")
  -- Of what is no association nothing ends.
  local c = connection()
  c.send(1, wrap(7, "\0\0\2\0"))
  c.send(1, wrap(5, "\0\0\0\0"))
  c.t:flush()
  equal(#c.log, 0)
end)

-- A second connection to an acceptor that is known, of which the beginning was not captured.
local function expected_one()
  local c = connection({ port = 33333 })
  c.associate()
  return c, connection({ beside = c, ports = { 40001, 33333 } })
end

test("what is expected to be DICOM is another protocol where it begins like one, and only there", function()
  for _, case in ipairs({
    { "GET / HTTP/1.1\r\n\r\n", true }, { "HTTP/1.1 200 OK\r\n", true }, { "\22\3\1\0\5hello", true },
    { "\3\0\0\22\17\224\0\0\0\1\0\193", true }, { "\3\0\0\7\2\240\128", true }, { "\3\0\2\0\2\240\128", true },
    { wrap(3, "\0\1\1\7"), nil }, { "neither of them", nil },
  }) do
    local _, other = expected_one()
    equal(other.send(1, case[1]).c.assoc.snap.untagged, case[2])
  end
  -- An association that is known carries whatever it likes.
  local c = connection()
  stored(c)
  c.send(1, IMAGE:sub(1, 1000))
  c.seq[1] = c.seq[1] + #IMAGE
  c.send(1, "GET / HTTP/1.1\r\n\r\n")
  c.send(1, data(value(3, store_rq(2))))
  local d
  for _ = 1, 17 do d = c.packet(2, "", ACK) end
  equal(d.c.assoc.snap.untagged, nil)
  c.t:flush()
  equal(c.log[1].store_rq, 2)
end)

test("an end where nothing is known to have begun changes no expectation", function()
  for _, last in ipairs({ wrap(5, "\0\0\0\0"), wrap(7, "\0\0\0\0"), wrap(3, "\0\1\1\1") }) do
    local c, other = expected_one()
    other.open()
    other.seq[1] = other.seq[1] + 500
    other.send(1, last)
    local d
    for _ = 1, 17 do d = other.packet(2, "", ACK) end
    equal(d.c.assoc.snap.untagged, nil)
    other.send(1, data(value(3, store_rq(1))))
    c.t:flush()
    equal(#c.log, 2)
    equal(c.log[2].store_rq, 1)
  end
end)

test("behind an unknown PDU nothing of what is agreed on is read", function()
  local c = connection()
  c.open()
  c.send(1, request())
  c.send(2, wrap(42, "unknown"))
  c.send(2, accept())
  c.send(1, data(value(3, store_rq(1))))
  equal(times_of(c).store.setup_time, nil)
  equal(c.log[1].result, "unknown")
  equal(flag(c.log[1], "malformed"), true)
end)

test("holes are remembered behind however many segments in which nothing was found", function()
  local c = connection({ port = 33333 })
  for _ = 1, 70 do c.send(1, ("x"):rep(20)) end
  local at = c.seq[1]
  c.packet(1, ("x"):rep(300), 24, nil, 100)
  equal(c.packet(1, ("x"):rep(300), 24, at).missed, 0)
end)

test("what a frame lacks of a data set is filled by the same segment where that is whole", function()
  local c = connection()
  stored(c)
  c.send(1, IMAGE:sub(1, 1000))
  local at = c.seq[1]
  c.packet(1, IMAGE:sub(1001, 3000), 24, nil, 500)
  c.packet(1, IMAGE:sub(1001, 3000), 24, at)
  c.seq[1] = at + 2000
  c.send(1, IMAGE:sub(3001))
  local row = c.close()
  equal(row.missed_bytes, 0)
  equal(row.data_bytes_orig, 5000)
end)

test("of two that wait the whole one fills what the cut one lacks", function()
  for _, pieces in ipairs({ { { 90, 150, 20 }, { 100, 150 } }, { { 100, 150 }, { 90, 150, 20 } }, { { 100, 150, 10 }, { 100, 150 } } }) do
    local c = connection()
    stored(c)
    local begin = c.seq[1]
    for _, piece in ipairs(pieces) do
      c.packet(1, IMAGE:sub(piece[1] + 1, piece[2]), 24, begin + piece[1], piece[3])
    end
    c.packet(1, IMAGE:sub(1, 100), 24, begin)
    c.seq[1] = begin + 150
    c.send(1, IMAGE:sub(151))
    local row = c.close()
    equal(row.missed_bytes, 0)
    equal(row.data_bytes_orig, 5000)
  end
end)

test("a loss over the end of a data set and into the next PDU is looked through for what follows", function()
  local c = connection()
  stored(c)
  local second = data(value(3, store_rq(2)))
  c.send(1, IMAGE:sub(1, 1000))
  c.seq[1] = c.seq[1] + #IMAGE - 1000 + 30
  c.send(1, second:sub(31))
  c.send(1, data(value(3, store_rq(3))))
  for _ = 1, 17 do c.packet(2, "", ACK) end
  local row = c.close()
  equal(row.missed_bytes, #IMAGE - 1000 + 30)
  equal(row.store_rq, 2)
  equal(flag(row, "malformed"), false)
  equal(row["end"], "released")
end)

test("a loss that leaves one byte of a data set, or none, leaves the place known", function()
  for left = 0, 2 do
    local c = connection()
    stored(c)
    c.send(1, IMAGE:sub(1, 1000))
    c.seq[1] = c.seq[1] + #IMAGE - 1000 - left
    c.send(1, IMAGE:sub(#IMAGE + 1 - left) .. data(value(3, store_rq(2))))
    local row = c.close()
    equal(row.missed_bytes, 4012 - left)
    equal(row.store_rq, 2)
    equal(flag(row, "malformed"), false)
  end
end)

test("bytes that were given up where a data set begins are not missed once they come", function()
  local c = connection()
  stored(c)
  local begin = c.seq[1]
  c.send(1, IMAGE:sub(1, 50))
  c.packet(1, IMAGE:sub(101, 2000), 24, begin + 100)
  c.seq[1] = begin + 2000
  for _ = 1, 17 do c.packet(2, "", ACK) end
  c.packet(1, IMAGE:sub(51, 100), 24, begin + 50)
  c.send(1, IMAGE:sub(2001))
  local row = c.close()
  equal(row.missed_bytes, 0)
  equal(row.data_bytes_orig, 5000)
end)

test("behind an unknown PDU tags go on, over PDUs that end nothing any more", function()
  local c = connection()
  stored(c)
  c.send(1, wrap(42, "unknown"))
  c.send(1, data(value(0, ("x"):rep(20)), value(2, ("x"):rep(30))) .. wrap(7, "\0\0\2\0") .. data(value(3, store_rq(5))))
  local d = c.packet(1, "", ACK)
  equal(d.c.assoc.snap.message_id, 5)
  equal(d.c.assoc.snap.state, "accepted")
  c.t:flush()
  equal(c.log[1].store_rq, 1)
  equal(c.log[1].data_pdus, 1)
  equal(c.log[1].data_bytes_orig, 0)
end)

test("an acceptance that was cut behind its titles names both, and before their end none", function()
  for captured, named in pairs({ [42] = "CT1 PACS1", [43] = "CT1 PACS1", [200] = "CT1 PACS1" }) do
    local c = connection()
    c.packet(2, accept(), 24, nil, captured)
    c.seq[2] = c.seq[2] + #accept()
    c.packet(1, "", ACK)
    c.t:flush()
    equal(c.log[1].calling_ae .. " " .. c.log[1].called_ae, named)
    equal(c.log[1].result, "accepted")
  end
  for _, case in ipairs({ { 41, accept() }, { 60, (accept():gsub("PACS1", "\1\2\3\4\5")) }, { nil, "\2\0" .. be32(70) .. ("a"):rep(70) } }) do
    local c = connection()
    c.packet(2, case[2], 24, nil, case[1])
    c.t:flush()
    equal(#c.log, 0)
  end
  -- And so does a request of which nothing that came before is known.
  local c = connection()
  c.packet(1, request(), 24, nil, 62)
  c.t:flush()
  equal(c.log[1].calling_ae, "CT1")
end)

test("whatever alone is other in the next message, its frame has the tags of its own", function()
  local function message(field, class, id, status)
    return data(value(3, command(element(2, even(class)) .. element(0x100, le16(field))
      .. element(field < 0x8000 and 0x110 or 0x120, le16(id)) .. element(0x800, le16(0x101))
      .. (status and element(0x900, le16(status)) or ""))))
  end
  local first = { 0x110, CT, 1 }
  for _, second in ipairs({ { 0x120, CT, 1 }, { 0x110, MR, 1 }, { 0x110, CT, 2 }, { 0x8110, CT, 1, 0 }, { 0x8110, CT, 1, 0x110 } }) do
    local c = connection()
    c.associate()
    c.send(1, message(table.unpack(first)))
    local d = c.send(1, message(table.unpack(second)))
    local names = { [0x110] = "N-GET", [0x120] = "N-SET", [0x8110] = "N-GET" }
    equal(d.c.assoc.snap.operation, names[second[1]])
    equal(d.c.assoc.snap.sop, second[2])
    equal(d.c.assoc.snap.message_id, second[3])
    equal(d.c.assoc.snap.status, second[4])
    local snaps = #d.c.assoc.snaps
    c.send(1, message(table.unpack(second)))
    equal(#d.c.assoc.snaps, snaps, "once more the same tells nothing new")
  end
end)

test("an acceptance that comes first is of whoever was called", function()
  for side, other in ipairs({ true, false }) do
    local c = connection()
    c.open()
    c.seq[3 - side] = c.seq[3 - side] + 300
    local d = c.send(side, accept())
    equal(d.c.other or false, other)
    c.t:flush()
    equal(#c.log, other and 0 or 1)
  end
end)

test("what begins like a request and has no titles does not hide what follows", function()
  for _, size in ipairs({ 36, 68 }) do
    local c = connection({ port = 33333 })
    c.send(1, "\1\0" .. be32(70) .. ("\200"):rep(size))
    c.send(1, data(value(3, store_rq(1))))
    c.t:flush()
    equal(c.log[1].store_rq, 1)
  end
end)

test("reserved bytes behind the titles may be anything (PS3.8, 9.3.2)", function()
  local c = connection({ port = 33333 })
  equal(c.send(1, request():sub(1, 42) .. ("\7"):rep(32) .. request():sub(75)).c.assoc.snap.confidence, 100)
end)

test("an expected connection that says nothing but an abort is no other protocol", function()
  local _, other = expected_one()
  other.open()
  local d = other.send(1, wrap(7, "\0\0\0\0"))
  equal(d.c.assoc.snap.untagged, nil)
  equal(d.c.assoc.snap.basis, "traffic")
end)

test("a status is two bytes of its own element, and a response without one is malformed and counts in no class", function()
  equal(dimse.command(store_rq(1)).status, nil)
  equal(dimse.command(store_rsp(1, 0x110)).status, 0x110)
  local c = connection()
  stored(c)
  c.send(2, data(value(3, command(element(2, even(CT)) .. element(0x100, le16(0x8001)) .. element(0x120, le16(1))
    .. element(0x800, le16(0x101))))))
  local row = c.close()
  equal(flag(row, "malformed"), true)
  for _, class in ipairs({ "success", "warning", "failure", "pending", "cancel" }) do equal(row["rsp_" .. class], 0) end
end)

test("wherever an end cuts a stream, the data that came are told", function()
  local s = data(value(3, store_rq(2))) .. data(value(0, ("x"):rep(10)), value(2, ("x"):rep(200)))
  local set = #data(value(3, store_rq(2)))
  for came = 1, #s - 1 do
    local c = connection()
    stored(c)
    c.send(1, data(value(2, ("x"):rep(300))))
    c.send(1, s:sub(1, came))
    c.packet(1, "", RST)
    c.t:flush()
    local first = math.max(0, math.min(10, came - set - 12))
    local second = math.max(0, came - set - 12 - 10 - 6)
    equal(c.log[1].data_bytes_orig, 300 + first + second)
    equal(flag(c.log[1], "unfinished"), came ~= set)
    if came >= set + 6 then equal(c.t.list[1].unfinished, #s - came) end
  end
end)

test("a segment of which nothing was captured has its place all the same", function()
  for _, order in ipairs({ { 1, 2 }, { 2, 1 } }) do
    local c = connection()
    stored(c)
    local begin = c.seq[1]
    for _, n in ipairs(order) do
      c.packet(1, n == 1 and IMAGE:sub(1, 1000) or IMAGE:sub(1001, 2000), 24, begin + n * 1000 - 1000, n == 2 and 0 or nil)
    end
    c.seq[1] = begin + 2000
    c.send(1, IMAGE:sub(2001))
    local row = c.close()
    equal(row.missed_bytes, 1000)
    equal(row.data_bytes_orig, 5000)
    equal(row["end"], "released")
  end
end)

test("a header is found behind what might have been one", function()
  for _, before in ipairs({ "\4\0", "\4\0\4\0", "\4\4\0", "\4\0" .. be32(20) .. be32(30) .. "\1\0" }) do
    local c = connection()
    equal(c.send(1, "x" .. before .. IMAGE).c.assoc.snap.confidence, 80)
  end
end)

kit.done()
