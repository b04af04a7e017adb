-- Unit tests of the parser at its limits, in a plain interpreter, Lua 5.2 or 5.4: lengths, caps,
-- budgets, what stands twice. lua limits_test.lua FOLDER_OF_SOURCES [first]
package.path = arg[1] .. "/?.lua;" .. arg[0]:match("^(.*)/") .. "/?.lua"
local kit = require("parser_kit")
local association = require("association")
local bytes = require("bytes")
local dimse = require("dimse")
local hunting = require("hunting")
local pdu = require("pdu")
local stream = require("stream")
local tracker = require("tracker")

local A, B, CT, IMPLICIT = kit.A, kit.B, kit.CT, kit.IMPLICIT
local test, equal, flag, connection = kit.test, kit.equal, kit.flag, kit.connection
local be16, be32, le16, le32, even = kit.be16, kit.be32, kit.le16, kit.le32, kit.even
local item, wrap, user, request, accept = kit.item, kit.wrap, kit.user, kit.request, kit.accept
local element, command, value, data = kit.element, kit.command, kit.value, kit.data
local store_rq, store_rsp = kit.store_rq, kit.store_rsp
local char = string.char

local function read(rq, cut) return pdu.associate(rq:sub(7), cut) end
local function with(extra) return read(request({ user = extra })) end

test("numbers are read where they stand, and not where they are cut", function()
  local s = "\1\2\3\4\5"
  equal(bytes.u16(s, 2), 0x0203)
  equal(bytes.u32(s, 2), 0x02030405)
  equal(bytes.le16(s, 2), 0x0302)
  equal(bytes.le32(s, 2), 0x05040302)
  equal(bytes.u16(s, 4), 0x0405)
  for _, name in ipairs({ "u16", "le16" }) do equal(bytes[name](s, 5), nil) end
  for _, name in ipairs({ "u32", "le32" }) do equal(bytes[name](s, 3), nil) end
end)

test("texts at their limits", function()
  equal(bytes.trim(("x"):rep(65)), ("x"):rep(64))
  equal(bytes.trim("a b\0"), "a b")
  equal(bytes.uid(("1"):rep(64)), ("1"):rep(64))
  equal(bytes.uid(""), nil)
  equal(bytes.uid(".1"), nil)
  equal(bytes.uid("1.2 \0"), "1.2")
  equal(bytes.escape("\31 ~\127\128"), "\\x1f ~\\x7f\\x80")
  equal(bytes.parse_mac("00:1A-2b:ff:10:fE"), "\0\26\43\255\16\254")
  equal(bytes.mac("\0\26\43\255\16\254"), "00:1a:2b:ff:10:fe")
  equal(bytes.parse_mac("00:1A:2b:ff:10"), nil)
  equal(bytes.parse_mac("00:1A:2b:ff:10:fe:"), nil)
end)

test("of an IPv6 address the first of the longest runs of zeros is left out", function()
  for _, text in ipairs({ "1::2:0:0:3:4", "1:0:2:3:4:5:6:7", "1:0:0:2::3", "::1:0:0:2:3:4",
                          "ffff::", "1:2:3:4:5:6::", "0:1:2:3:4:5:6:7", "12:a0::1" }) do
    equal(bytes.address(bytes.parse_address(text)), text)
  end
  equal(bytes.address(bytes.parse_address("1:0:0:2:0:0:3:4")), "1::2:0:0:3:4")
  equal(bytes.parse_address("1:2:3:4:5:6:7::8"), nil)
  equal(#bytes.parse_address("1:2:3:4:5:6::7"), 16)
  equal(bytes.parse_address("12345::"), nil)
  equal(bytes.parse_address("1:2:3:4:5:6:7:8:9"), nil)
  equal(bytes.parse_address("0255.1.1.1"), nil)
  equal(bytes.address(bytes.parse_address("255.0.10.1")), "255.0.10.1")
end)

test("items that overrun or end in the middle of a header are malformed", function()
  local whole = request():sub(7)
  equal(pdu.associate(whole .. item(0x99, "")).malformed, nil)
  for n = 1, 3 do
    equal(pdu.associate(whole .. ("\0"):rep(n)).malformed, true)
  end
  equal(pdu.associate(whole .. "\153\0\0\1").malformed, true)
  equal(pdu.associate(whole:sub(1, 68)).malformed, nil, "no items at all")
  equal(pdu.associate(whole:sub(1, 67)).malformed, true)
end)

test("a presentation context needs four bytes, and its own items are checked", function()
  local function context(kind, body)
    return pdu.associate(request():sub(7, 74) .. item(kind, body))
  end
  equal(context(0x20, "\1\0\0\0").malformed, nil)
  equal(context(0x20, "\1\0\0").malformed, true)
  equal(#context(0x20, "\1\0\0").contexts, 0)
  local cut = context(0x20, "\1\0\0\0" .. item(0x30, CT) .. item(0x40, IMPLICIT):sub(1, -2))
  equal(cut.malformed, true)
  equal(cut.contexts[1].abstract, CT)
  equal(#cut.contexts[1].syntaxes, 0, "nothing of an item that overruns")
  local answer = context(0x21, "\3\0\4\0" .. item(0x40, IMPLICIT))
  equal(answer.contexts[1].id, 3)
  equal(answer.contexts[1].result, 4)
  equal(answer.contexts[1].syntaxes[1], IMPLICIT)
  equal(context(0x20, "\3\0\4\0").contexts[1].result, nil, "a request has no result")
  equal(context(0x20, "\3\0\4\0" .. item(0x30, CT)).offered[3], CT)
  -- A first item that is wrong is not forgiven for a second that is not.
  local both = request():sub(7, 74) .. item(0x20, "\1\0\0") .. item(0x20, "\3\0\0\0")
  equal(pdu.associate(both).malformed, true)
  equal(pdu.associate(both .. user()).malformed, true)
end)

test("contexts, transfer syntaxes and roles have caps", function()
  local contexts = {}
  for n = 1, 130 do contexts[n] = item(0x20, char(n % 256) .. "\0\0\0") end
  local out = pdu.associate(request():sub(7, 74) .. table.concat(contexts))
  equal(#out.contexts, 128)
  equal(out.malformed, nil)
  local many = item(0x20, "\1\0\0\0" .. item(0x40, IMPLICIT):rep(70))
  equal(#pdu.associate(request():sub(7, 74) .. many).contexts[1].syntaxes, 64)
  local roles = {}
  for n = 1, 130 do
    local uid = "1.2." .. n
    roles[n] = item(0x54, be16(#uid) .. uid .. "\1\0")
  end
  out = with(table.concat(roles))
  equal(out.roles["1.2.128"].scu, true)
  equal(out.roles["1.2.129"], nil)
end)

test("items of the user information", function()
  local out = with(item(0x53, be16(3) .. be16(5)) .. item(0x54, be16(#CT) .. CT .. "\0\1"))
  equal(out.ops_orig, 3)
  equal(out.ops_resp, 5)
  equal(out.roles[CT].scu, false)
  equal(out.roles[CT].scp, true)
  equal(out.malformed, nil)
  equal(with(item(0x53, be16(3))).ops_resp, nil)
  for kind, text in pairs({ [1] = "username", [3] = "kerberos", [4] = "saml", [5] = "jwt", [6] = "6" }) do
    equal(with(item(0x58, char(kind))).identity, text)
  end
  equal(with(item(0x58, "")).identity, nil)
  for _, wrong in ipairs({ item(0x51, be32(1) .. "x"), item(0x51, be16(1)), item(0x54, be16(9) .. "1.2\0\1"),
                           item(0x54, "\0\0\0"), item(0x55, "cut"):sub(1, -2) }) do
    equal(with(wrong).malformed, true)
    -- What is wrong stays so behind something right.
    equal(with(wrong .. item(0x51, be32(16384))).malformed, true)
  end
  equal(with(item(0x51, be16(1))).max_pdu, nil)
  equal(with(item(0x54, "\0\0\1\1")).malformed, nil, "no UID, but as long as it says")
end)

test("titles are read where 36 bytes are there, a version where two are", function()
  local body = request({ called = "CALLED", calling = "CALLING", version = 3 }):sub(7)
  local out = pdu.associate(body:sub(1, 36), true)
  equal(out.called_ae .. " " .. out.calling_ae, "CALLED CALLING")
  equal(out.whole, false)
  equal(out.version, 3)
  equal(out.reserved, false)
  equal(pdu.associate(body:sub(1, 35), true).called_ae, nil)
  equal(read(request({ reserved = 256 })).reserved, true)
  equal(read(request()).whole, true)
end)

test("what was read is kept for bodies of 16 KiB, 256 of them, and not where they are cut", function()
  local function body(size, n) return request({ called = "K" .. (n or 0) }):sub(7) .. item(0x99, ("x"):rep(size)) end
  local base = #body(0)
  local largest = body(16384 - base)
  equal(#largest, 16384)
  equal(pdu.associate(largest) == pdu.associate(largest), true)
  local larger = body(16385 - base)
  equal(pdu.associate(larger) == pdu.associate(larger), false)
  equal(pdu.associate(largest, true) == pdu.associate(largest), false)
  -- One more than there is room for, and the first is read anew.
  for n = 1, 256 do pdu.associate(body(0, n)) end
  equal(pdu.associate(largest) == pdu.associate(largest), true)
  local first = pdu.associate(body(0))
  for n = 1, 256 do pdu.associate(body(1, n)) end
  equal(pdu.associate(body(0)) == first, false)
end)

test("an association begins with 68 bytes to a mebibyte, and an item that PS3.8 knows", function()
  local function begins(kind, length, first)
    return pdu.can_begin(char(kind, 0) .. be32(length) .. ("\0"):rep(68) .. (first or ""))
  end
  equal(begins(1, 68), true)
  equal(begins(2, 1048576), true)
  equal(begins(1, 67), false)
  equal(begins(1, 1048577), false)
  equal(begins(3, 68), false)
  equal(begins(0, 68), false)
  for first, fine in pairs({ ["\16"] = true, ["\32"] = true, ["\80"] = true, ["\17"] = false }) do
    equal(begins(1, 200, first), fine)
  end
  equal(pdu.can_begin("\1\0\0"), true)
end)

test("a request that is cut before its context is one by its fixed part", function()
  local function plausible(body) return pdu.plausible_cut(pdu.associate(body, true), body) and true or false end
  local whole = request():sub(7)
  equal(plausible(whole:sub(1, 36)), true)
  equal(plausible(whole:sub(1, 68)), true)
  equal(plausible(whole:sub(1, 69)), true)
  equal(plausible(whole:sub(1, 35)), false)
  equal(plausible(whole:sub(1, 68) .. "\32"), false)
  equal(plausible(whole:sub(1, 67) .. "\1"), false)
  equal(plausible(request({ version = 2 }):sub(7, 60)), false)
  equal(plausible(request({ version = 3 }):sub(7, 60)), true)
  equal(plausible(request({ reserved = 1 }):sub(7, 60)), false)
  for _, title in ipairs({ "\1BAD", "  ", "A\0B", "\200" }) do
    equal(plausible(request({ called = title }):sub(7, 60)), false)
    equal(plausible(request({ calling = title }):sub(7, 60)), false)
  end
end)

test("data begins with two lengths that agree, an odd context and a control header of three bits", function()
  local function begins(length, inner, context, control)
    return pdu.begins_data("\4\0" .. be32(length) .. be32(inner) .. char(context or 1, control or 0))
  end
  equal(begins(6, 2), true)
  equal(begins(5, 2), false)
  equal(begins(5, 1), false)
  equal(begins(9, 2), true, "another value may follow")
  equal(begins(6, 2, 2), false)
  equal(begins(6, 2, 255, 3), true)
  equal(begins(6, 2, 1, 4), false)
  equal(begins(0x0fffffff, 2), true)
  equal(begins(0x10000000, 2), false)
  equal(pdu.begins_data(("\4\0" .. be32(6) .. be32(2) .. "\1")), false)
  equal(pdu.begins_data("\4\1" .. be32(6) .. be32(2) .. "\1\0"), false)
end)

test("statuses at the ends of their ranges", function()
  for status, class in pairs({ [0xAFFF] = "failure", [0xBFFF] = "warning", [0xC000] = "failure",
                               [0xFEFF] = "failure", [0xFF02] = "failure", [2] = "failure" }) do
    equal(dimse.status_class(status), class)
  end
  for status, name in pairs({
    [0x0000] = "Success", [0x0105] = "No such attribute", [0x0106] = "Invalid attribute value",
    [0x0107] = "Attribute list error", [0x0110] = "Processing failure",
    [0x0111] = "Duplicate SOP instance", [0x0112] = "No such SOP instance",
    [0x0113] = "No such event type", [0x0114] = "No such argument",
    [0x0115] = "Invalid argument value", [0x0116] = "Attribute value out of range",
    [0x0117] = "Invalid SOP instance", [0x0118] = "No such SOP class",
    [0x0119] = "Class-instance conflict", [0x0120] = "Missing attribute",
    [0x0121] = "Missing attribute value", [0x0122] = "SOP class not supported",
    [0x0123] = "No such action type", [0x0210] = "Duplicate invocation",
    [0x0211] = "Unrecognized operation", [0x0212] = "Mistyped argument",
    [0x0213] = "Resource limitation", [0xA801] = "Move destination unknown",
    [0xA900] = "Data set does not match SOP class", [0xFE00] = "Cancel", [0xFF00] = "Pending",
    [0xFF01] = "Pending, optional keys not supported",
    [0xA6FF] = "Failure", [0xA700] = "Out of resources", [0xA7FF] = "Out of resources",
    [0xA800] = "Failure", [0xBFFF] = "Warning", [0xC000] = "Unable to process",
    [0xCFFF] = "Unable to process", [0xD000] = "Failure", [0x0124] = "Not authorized",
  }) do
    equal(dimse.status_name(status), name)
  end
end)

test("what an unreadable command does is told by its service", function()
  equal(dimse.infer("StudyRootQueryRetrieveInformationModelGet", "retrieve"), "C-GET")
  equal(dimse.infer("StudyRootQueryRetrieveInformationModelMove", "retrieve"), "C-MOVE")
  equal(dimse.infer("CTImageStorage", "storage"), "C-STORE")
  equal(dimse.infer("X", "worklist"), "C-FIND")
  equal(dimse.infer("X", "nothing"), nil)
end)

test("command fields are those of PS3.7 (E.1), and no others", function()
  local request, known = { 0x0001, 0x0010, 0x0020, 0x0021, 0x0030, 0x0100, 0x0110, 0x0120, 0x0130,
                           0x0140, 0x0150, 0x0FFF }, {}
  for _, field in ipairs(request) do
    known[field], known[field + 0x8000] = true, field ~= 0x0FFF
  end
  for field in pairs(known) do
    for one = field - 1, field + 1 do
      local read = dimse.command(command(element(0x100, le16(one))), true)
      equal(read and read.field, known[one] and one or nil)
    end
  end
end)

test("a command set's lengths", function()
  local rest = element(0x100, le16(0x30)) .. element(0x110, le16(7))
  local function set(length, body) return le16(0) .. le16(0) .. le32(4) .. le32(length) .. (body or rest) end
  equal(dimse.command(set(#rest)).malformed, nil)
  equal(dimse.command(set(#rest + 2)).malformed, true)
  equal(dimse.command(set(#rest, ""):sub(1, 11), true), nil)
  equal(dimse.command(set(#rest, ""), true).group_length, #rest)
  equal(dimse.command(command(rest .. element(0x600, ""))).malformed, nil, "an empty one at the end")
  equal(dimse.command(set(9)), nil)
  equal(dimse.command(set(10)).field, 0x30)
  equal(dimse.command(set(65536)).field, 0x30)
  equal(dimse.command(set(65537)), nil)
  equal(dimse.command(set(#rest, "\8\0" .. rest:sub(3))), nil, "a first element of another group")
  equal(dimse.command(set(#rest, rest:sub(1, 10) .. "\8\0" .. rest:sub(13))).broken, true)
  for announced, none in pairs({ [0x0101] = true, [0x0102] = false, [0x0100] = false, [0] = false }) do
    equal(dimse.command(command(rest .. element(0x800, le16(announced)))).no_data_set, none)
  end
  equal(dimse.command(command(rest .. element(0x800, le32(0x0101)))).no_data_set, nil)
  -- A cancel has no response (PS3.7, 9.3.2.3), and no element stands twice.
  equal(dimse.command(set(18, element(0x100, le16(0x0FFF)) .. element(0x110, le16(7)))).field, 0x0FFF)
  equal(dimse.command(set(18, element(0x100, le16(0x8FFF)) .. element(0x120, le16(7)))), nil)
  equal(dimse.command(set(30, rest .. element(0x110, le16(7)))).malformed, true)
  -- Cut inside its first element it is one where that names a SOP class.
  for number, named in pairs({ [2] = true, [3] = true, [0x100] = false }) do
    local cut = dimse.command(set(40, element(number, even(CT)):sub(1, 20)), true)
    equal(cut ~= nil, named)
    equal(cut and cut.malformed, named and nil or nil)
  end
end)

-- An image whose header is not there: its bytes wait, and count once that has come.
local function late_header(pieces)
  local c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
  local size = 0
  for _, piece in ipairs(pieces) do size = size + piece end
  local image = data(value(2, ("x"):rep(size)))
  local begin, at = c.seq[1], 13
  c.seq[1] = begin + 12
  for _, piece in ipairs(pieces) do
    c.send(1, image:sub(at, at + piece - 1))
    at = at + piece
  end
  c.packet(1, image:sub(1, 12), 24, begin)
  return c.close(), size
end

test("256 segments or a quarter of a mebibyte wait for one before them", function()
  for _, case in ipairs({
    { 256, 1, 0 }, { 257, 1, 12 }, { 2, 131072, 0 }, { 3, 87382, 12 },
  }) do
    local pieces = {}
    for n = 1, case[1] do pieces[n] = case[2] end
    local row, size = late_header(pieces)
    equal(row.missed_bytes, case[3], "what came too late is not read")
    equal(row.data_bytes_orig, case[3] == 0 and size or 0)
    equal(row["end"], "released")
  end
end)

-- Returns the bytes missed of an image of 5,000 bytes that came in these pieces, each { from, to }.
local function missed(...)
  local c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
  local image = data(value(2, ("x"):rep(5000)))
  local begin = c.seq[1]
  c.send(1, image:sub(1, 1000))
  c.seq[1] = begin + 3000
  c.send(1, image:sub(3001))
  for _, piece in ipairs({ ... }) do
    c.packet(1, image:sub(piece[1] + 1, piece[2]), 24, begin + piece[1])
  end
  local row = c.close()
  equal(row.data_bytes_orig, 5000)
  equal(row["end"], "released")
  return row.missed_bytes
end

test("what comes late fills what it covers of a hole, and each byte once", function()
  equal(missed(), 2000)
  equal(missed({ 0, 1000 }), 2000)
  equal(missed({ 3000, 3010 }), 2000)
  equal(missed({ 999, 1001 }), 1999)
  equal(missed({ 2999, 3001 }), 1999)
  equal(missed({ 1500, 1600 }), 1900)
  equal(missed({ 1500, 1600 }, { 1500, 1600 }), 1900)
  equal(missed({ 1500, 1600 }, { 1000, 1500 }), 1400)
  equal(missed({ 1500, 1600 }, { 1590, 3000 }), 500)
  equal(missed({ 1500, 1600 }, { 900, 3100 }), 0)
end)

test("sixty-four holes are remembered, and all are counted", function()
  for _, case in ipairs({ { 64, 0 }, { 65, 10 } }) do
    local c = connection()
    c.associate()
    c.send(1, data(value(3, store_rq(1))))
    local image = data(value(2, ("x"):rep(5000)))
    local begin = c.seq[1]
    c.send(1, image:sub(1, 200))
    for n = 10, case[1] + 9 do
      c.seq[1] = begin + n * 20 + 10
      c.send(1, image:sub(n * 20 + 11, n * 20 + 20))
    end
    local there = (case[1] + 10) * 20
    c.seq[1] = begin + there
    c.send(1, image:sub(there + 1))
    for n = case[1] + 9, 10, -1 do
      c.packet(1, image:sub(n * 20 + 1, n * 20 + 10), 24, begin + n * 20)
    end
    equal(c.close().missed_bytes, case[2])
  end
end)

test("sequence numbers go over their end", function()
  for _, isn in ipairs({ 4294967295, 4294967000, 4294962000 }) do
    local c = connection({ isn = isn })
    c.associate()
    c.send(1, data(value(3, store_rq(1))))
    local image = data(value(2, ("x"):rep(9000)))
    local begin = c.seq[1]
    c.send(1, image:sub(1, 4000))
    c.seq[1] = (begin + 6000) % 4294967296
    c.send(1, image:sub(6001))
    c.packet(1, image:sub(5001, 6000), 24, (begin + 5000) % 4294967296)
    local row = c.close()
    equal(row.missed_bytes, 1000)
    equal(row.data_bytes_orig, 9000)
    equal(row["end"], "released")
  end
end)

-- A command set of so many bytes in all.
local function long_command(size)
  local short = element(0x100, le16(0x30)) .. element(0x110, le16(7)) .. element(0x800, le16(0x101))
  return command(short .. element(0x1000, ("9"):rep(size - #short - 12 - 8)))
end

test("a command set has 64 KiB at most, whatever pieces it comes in", function()
  for _, pieces in ipairs({ 1, 2, 7 }) do
    for _, size in ipairs({ 65536, 65537 }) do
      local c = connection()
      c.associate()
      local set = long_command(size)
      equal(#set, size)
      local step = math.ceil(size / pieces)
      for at = 1, size, step do
        c.send(1, data(value(at + step > size and 3 or 1, set:sub(at, at + step - 1))))
      end
      c.send(1, data(value(3, store_rq(1))))
      local row = c.close()
      equal(row.echo_rq, size == 65536 and 1 or 0)
      equal(flag(row, "malformed"), size > 65536)
      equal(row.store_rq, 1)
      equal(row["end"], "released")
    end
  end
end)

test("what waits for its end has one budget over all streams, and gives it back", function()
  local budget = stream.BUDGET
  stream.BUDGET = 1000
  local fine, problem = pcall(function()
    local rq = request({ contexts = 12 })
    equal(#rq > 700 and #rq < 1000, true)
    for _ = 1, 5 do
      local c = connection()
      for _ = 1, 4 do
        c.seq = { c.seq[1] + 100000, c.seq[2] + 100000 }
        c.open()
        c.send(1, rq:sub(1, -2))
        c.send(1, rq:sub(-1))
        c.send(2, accept())
        c.close()
      end
      equal(#c.log, 4)
      for _, row in ipairs(c.log) do equal(row.ctx_offered, 12) end
    end
    -- Beside 900 bytes of one side there is room for a hundred of the other, and no more.
    for there, counted in pairs({ [100] = 1, [101] = 0 }) do
      local c = connection()
      c.associate()
      local long, set = data(value(3, store_rq(1) .. ("\0"):rep(900))), data(value(3, store_rsp(1, 0) .. ("\0"):rep(200)))
      c.send(1, long:sub(1, 912))
      c.send(2, set:sub(1, 12 + there))
      c.send(2, set:sub(13 + there))
      c.send(2, data(value(3, store_rsp(1, 0))))
      c.send(1, long:sub(913))
      c.send(1, data(value(3, store_rq(2))))
      local row = c.close()
      equal(row.store_rq, 1)
      equal(row.rsp_success, counted)
    end
  end)
  stream.BUDGET = budget
  if not fine then error(problem) end
end)

test("a PDU whose length cannot be is flagged and passed over", function()
  for _, wrong in ipairs({
    wrap(4, "\0\0\0"), wrap(4, ""), wrap(4, "\0\0\0\0\0"), wrap(5, "\0\0\0\0\0"), wrap(6, ""), wrap(7, "\0\0\2"),
    wrap(3, ("\0"):rep(9)), wrap(1, ("\0"):rep(67)), data(value(3, "")), data("\0\0\0\1\1"),
    data(value(0, "xx"), "\0"), data(value(0, "xx"), "\0\0\0\0\0"), wrap(4, be32(1) .. "\1\2"),
    wrap(4, be32(7) .. "\1\2xxxx"), request(), accept(),
  }) do
    local c = connection()
    c.associate()
    c.send(1, wrong)
    c.send(1, data(value(3, store_rq(1))))
    local row = c.close()
    equal(flag(row, "malformed"), true)
    equal(row.store_rq, 1)
    equal(row["end"], "released")
    equal(row.result, "accepted")
    equal(row.abort_source, nil)
    equal(row.ctx_offered, 1)
  end
end)

test("values that fit a PDU exactly are not flagged", function()
  local c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
  c.send(1, data(value(0, "")))
  c.send(1, data(value(2, "")))
  c.send(1, data(value(3, store_rq(2)), value(0, "x"), value(2, "y")))
  c.send(1, data(value(1, store_rq(3):sub(1, 9)), value(1, ""), value(3, store_rq(3):sub(10)), value(2, "z")))
  local row = c.close()
  equal(flag(row, "malformed"), false)
  equal(row.store_rq, 3)
  equal(row.data_pdus, 5)
  equal(row.data_bytes_orig, 3)
  equal(c.t.list[1].setup_us, 1000, "from the request to its answer")
end)

test("reserved bytes are flagged wherever they are", function()
  for _, odd in ipairs({ "\4\1", "\1\1", "\5\1" }) do
    local c = connection()
    if odd:byte(1) == 1 then
      c.open()
      c.send(1, odd .. request():sub(3))
      c.send(2, accept())
    else
      c.associate()
    end
    c.send(1, data(value(3, store_rq(1))))
    if odd:byte(1) == 4 then c.send(1, odd .. data(value(2, "x")):sub(3)) end
    if odd:byte(1) == 5 then c.send(1, odd .. wrap(5, "\0\0\0\0"):sub(3)) end
    equal(flag(c.close(), "reserved_nonzero"), true)
  end
  local c = connection()
  c.associate()
  c.send(1, wrap(5, "\0\0\0\1"))
  equal(flag(c.close(), "reserved_nonzero"), true)
  c = connection()
  c.open()
  c.send(1, request())
  c.send(2, wrap(3, "\1\1\1\1"))
  equal(flag(c.close(), "reserved_nonzero"), true)
  c = connection()
  c.associate()
  equal(flag(c.close(), "reserved_nonzero"), false)
end)

test("the first abort is the one, and none after a release", function()
  local c = connection()
  c.associate()
  c.send(1, wrap(7, "\0\0\2\6"))
  c.send(2, wrap(7, "\0\0\0\1"))
  c.t:flush()
  equal(c.log[1]["end"], "aborted")
  equal(c.log[1].abort_source, 2)
  equal(c.log[1].abort_reason, 6)
  c = connection()
  c.associate()
  c.send(1, wrap(5, "\0\0\0\0"))
  c.send(2, wrap(6, "\0\0\0\0"))
  c.send(2, wrap(7, "\0\0\2\6"))
  c.t:flush()
  equal(c.log[1]["end"], "released")
  equal(c.log[1].abort_source, nil)
  c = connection()
  c.associate()
  c.send(1, wrap(7, "\0\0\2\6"))
  c.send(2, wrap(6, "\0\0\0\0"))
  c.t:flush()
  equal(c.log[1]["end"], "aborted")
end)

test("whoever asked cannot reject, and nobody after an answer", function()
  local c = connection()
  c.open()
  c.send(1, request())
  c.send(1, wrap(3, "\0\1\1\1"))
  local row = c.close()
  equal(row.result, "unknown")
  equal(row.reject_reason, nil)
  c = connection()
  c.associate()
  c.send(2, wrap(3, "\0\1\1\1"))
  row = c.close()
  equal(row.result, "accepted")
  equal(row.reject_reason, nil)
end)

test("a file's preamble is one at the begin of a data set, 132 bytes in one piece", function()
  local preamble = ("\0"):rep(128) .. "DICM"
  for _, case in ipairs({
    { { preamble }, true }, { { preamble .. "x" }, true }, { { preamble:sub(2) }, false },
    { { "x" .. preamble }, false }, { { "x", preamble }, false },
  }) do
    local c = connection()
    c.associate()
    c.send(1, data(value(3, store_rq(1))))
    for n, piece in ipairs(case[1]) do
      c.send(1, data(value(n == #case[1] and 2 or 0, piece)))
    end
    c.send(1, data(value(3, store_rq(2))))
    local row = c.close()
    equal(flag(row, "part10_in_dataset"), case[2])
    equal(row.store_rq, 2)
  end
  -- Each data set is looked at, and where bytes of it are missing, nothing is concluded.
  local c = connection()
  c.associate()
  for _, content in ipairs({ "x", preamble }) do
    c.send(1, data(value(3, store_rq(1))))
    c.send(1, data(value(2, content)))
  end
  equal(flag(c.close(), "part10_in_dataset"), true)
  c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
  local image = data(value(2, preamble .. ("x"):rep(1000)))
  local begin = c.seq[1]
  c.send(1, image:sub(1, 60))
  c.seq[1] = begin + 100
  c.send(1, image:sub(101))
  c.send(1, data(value(3, store_rq(2))))
  c.packet(2, "", 16)
  local row = c.close()
  equal(row.store_rq, 2)
  equal(row.data_bytes_orig, 1132)
  equal(flag(row, "part10_in_dataset"), false)
end)

test("sets of an association keep thirty-two", function()
  local c = connection()
  c.associate()
  for n = 1, 40 do
    c.send(1, data(value(3, command(element(2, even("1.2.840.10008.5.1.4.1.2.2.2")) .. element(0x100, le16(0x21))
      .. element(0x110, le16(n)) .. element(0x600, even("DEST" .. n)) .. element(0x800, le16(1))))))
    c.send(2, data(value(3, store_rsp(n, 0xC000 + n))))
  end
  c.send(1, data(value(3, command(element(0x100, le16(0x21)) .. element(0x110, le16(1)) .. element(0x600, "  ")))))
  local row = c.close()
  equal(row.move_rq, 41)
  equal(#row.move_destinations, 32)
  equal(row.move_destinations[32], "DEST32")
  equal(#row.failure_codes, 32)
  equal(row.failure_codes[1], "0xC001")
  equal(row.rsp_failure, 40)
end)

test("each operation is counted by its name, and each response by its class", function()
  local c = connection()
  c.associate()
  local names = { [0x30] = "echo_rq", [1] = "store_rq", [0x20] = "find_rq", [0x10] = "get_rq",
                  [0x21] = "move_rq", [0xFFF] = "cancel_rq", [0x140] = "n_rq" }
  for field in pairs(names) do
    c.send(1, data(value(3, command(element(0x100, le16(field)) .. element(0x110, le16(1))))))
  end
  for _, status in ipairs({ 0, 0xB000, 0xA700, 0xFF00, 0xFE00 }) do
    c.send(2, data(value(3, store_rsp(1, status))))
  end
  local row = c.close()
  for _, name in pairs(names) do equal(row[name], 1) end
  for _, class in ipairs({ "success", "warning", "failure", "pending", "cancel" }) do
    equal(row["rsp_" .. class], 1)
  end
  equal(table.concat(row.failure_codes, ","), "0xA700")
end)

test("a header that was searched for has its twelve bytes in one call or two", function()
  local header = "\4\0" .. be32(106) .. be32(102) .. "\1\0"
  equal(hunting.inside({}, "xx" .. header .. "yy"), header .. "yy")
  equal(hunting.inside({}, header), header)
  for at = 1, #header - 1 do
    local d = {}
    equal(hunting.inside(d, "junk" .. header:sub(1, at)), nil)
    equal(hunting.inside(d, header:sub(at + 1) .. "z"), header .. "z")
    equal(d.hunted, nil)
  end
  for _, wrong in ipairs({
    "\4\0" .. be32(106) .. be32(103) .. "\1\0", "\4\0" .. be32(106) .. be32(102) .. "\2\0",
    "\4\0" .. be32(106) .. be32(102) .. "\1\4", "\4\0" .. be32(5) .. be32(1) .. "\1\0",
    "\4\0" .. be32(0x10000000) .. be32(0x0ffffffc) .. "\1\0", header:sub(1, 11),
    "\4\0" .. be32(362) .. be32(102) .. "\1\0",
  }) do
    equal(hunting.inside({}, wrong), nil)
  end
  equal(hunting.inside({}, "\4\0" .. be32(6) .. be32(2) .. "\255\3") ~= nil, true)
  equal(hunting.inside({}, "\4\0" .. be32(0x0fffffff) .. be32(0x0ffffffb) .. "\1\0") ~= nil, true)
end)

test("connections without evidence are remembered for two generations", function()
  local t = tracker.new()
  local function key(n) return A .. B .. be16(math.floor(n / 60000)) .. be16(n % 60000) end
  local first = t:connect(key(0))
  equal(t:direction(key(0)), first)
  for n = 1, 16384 do t:connect(key(n)) end
  equal(t:direction(key(0)), first, "asked for again it is young again")
  equal(t:direction(first.peer.key), first.peer)
  for n = 20000, 36383 do t:connect(key(n)) end
  equal(t:direction(key(1)), nil)
  equal(t:direction(key(0)), first)
  for n = 40000, 72767 do t:connect(key(n)) end
  equal(t:direction(key(0)), nil)
end)

test("a row is written five seconds after the connection's end", function()
  for _, case in ipairs({ { 5.0, 0 }, { 5.1, 1 } }) do
    local c = connection()
    c.associate()
    c.packet(1, "", 17)
    c.packet(2, "", 17)
    local closed = c.info.abs_ts
    local other = B .. "\10\0\0\9" .. be16(9) .. be16(9)
    c.info.abs_ts = closed + case[1]
    c.t:packet(c.frame + 1, c.info, other, 1, 0, 16, {}, 0, 0, 0, 60, 1)
    equal(#c.log, case[2])
  end
end)

-- Feeds one association whose packets are so many seconds apart from one moment on.
local function duration(step)
  local c = connection()
  c.later = 1000
  c.associate()
  c.later = c.later + step
  c.send(1, data(value(3, store_rq(1))))
  return c.close().duration
end

test("a clock that was set has not made an association longer", function()
  equal(duration(0) < 0.02, true)
  equal(duration(86399) >= 86399, true)
  equal(duration(86400) < 0.02, true)
  equal(duration(-1.002) < 0.02, true)
  equal(duration(0.5) >= 0.5, true)
  equal(duration(-1.5) < 0.02, true)
end)

test("who asked is told by the SYN, the port, the command, and the larger port", function()
  local function asked(ports, first, set)
    local c = connection({ port = ports[2] })
    if first then
      c.packet(first, "", 2)
      c.seq[first] = c.seq[first] + 1
    end
    c.send(ports.side or 1, data(value(3, set)))
    c.t:flush()
    return c.log[1]["id.orig_h"]
  end
  local echo = command(element(0x100, le16(0x30)) .. element(0x110, le16(1)))
  equal(asked({ 40000, 104 }, nil, store_rq(1)), "10.0.0.1")
  equal(asked({ 40000, 104 }, 2, echo), "10.0.0.2")
  equal(asked({ 40000, 33333, side = 2 }, 1, echo), "10.0.0.1")
  for _, port in ipairs({ 104, 2761, 2762, 4242, 11112 }) do
    equal(asked({ 40000, port, side = 2 }, nil, echo), "10.0.0.1")
  end
  equal(asked({ 40000, 33333, side = 2 }, nil, echo), "10.0.0.2")
  equal(asked({ 40000, 33333, side = 2 }, nil, store_rq(1)), "10.0.0.1")
  equal(asked({ 40000, 50000 }, nil, store_rq(1)), "10.0.0.2")
  equal(asked({ 40000, 50000 }, nil, store_rsp(1, 0)), "10.0.0.2")
end)

test("bytes sent after the last that was seen are missing, as far as a window reaches", function()
  for _, case in ipairs({ { 1073741824, 1073741824 }, { 1073741825, 0 }, { 1, 1 } }) do
    local c = connection()
    c.associate()
    c.seq[1] = c.seq[1] + case[1]
    c.packet(1, "", 17)
    c.packet(2, "", 17)
    c.t:flush()
    equal(c.log[1].missed_bytes, case[2])
    equal(c.log[1]["end"], "incomplete")
  end
end)

test("tags of a frame are found again among all that changed", function()
  local c = connection()
  c.associate()
  local first = c.frame
  for i = 1, 50 do
    c.send(1, data(value(3, store_rq(i))))
    c.packet(1, "", 16)
  end
  local a = c.t.list[1]
  for i = 1, 50 do
    equal(association.at(a, first + 2 * i - 1).message_id, i)
    equal(association.at(a, first + 2 * i).message_id, i)
  end
  equal(association.at(a, a.snap_frames[1] - 1), nil)
  equal(association.at(a, a.snap_frames[1]).state, "requested")
end)

test("snapshots of an association are two thousand and a few; the last ones are of states alone", function()
  local c = connection()
  c.associate()
  for i = 1, 3000 do c.send(1, data(value(3, store_rq(i)))) end
  local a = c.t.list[1]
  equal(#a.snaps, 2048)
  equal(a.snaps[2048].message_id, 2046)
  c.close()
  equal(#a.snaps > 2048 and #a.snaps <= 2064, true)
  equal(a.snap.state, "released")
  equal(a.snap.operation, nil)
end)

-- An acceptance of another application context, or of none.
local function accept_of(application)
  return wrap(2, be16(1) .. be16(0) .. kit.pad("PACS1", 16) .. kit.pad("CT1", 16) .. ("\0"):rep(32)
    .. (application and item(0x10, application) or "") .. item(0x21, "\1\0\0\0" .. item(0x40, IMPLICIT)) .. user())
end

test("an acceptance is one by its context, or by its request", function()
  for context, fine in pairs({ [kit.APPLICATION] = true, ["1.2.3.4"] = false, [false] = false }) do
    local c = connection()
    c.open()
    c.seq[1] = c.seq[1] + 300
    local d = c.send(2, accept_of(context))
    equal(d.c.assoc ~= nil and d.c.assoc.confirmed == true, fine)
    if fine then equal(d.c.assoc.snap.confidence, 100) end
    c = connection()
    c.open()
    c.send(1, request())
    c.send(2, accept_of(context))
    local row = c.close()
    equal(row.result, "accepted")
    equal(flag(row, "malformed"), context == "1.2.3.4")
  end
end)

test("what begins in the middle is surer by a whole command than by a class alone", function()
  local c = connection({ port = 33333 })
  local frame = data(value(3, store_rq(9)))
  local d = c.packet(1, frame, 24, nil, 60)
  c.seq[1] = c.seq[1] + #frame
  equal(d.c.assoc.snap.confidence, 85)
  d = c.send(1, data(value(3, store_rq(10))))
  equal(d.c.assoc.snap.confidence, 95)
  equal(d.c.assoc.snap.message_id, 10)
end)

test("of a command set that lost bytes nothing is read; one that was cut tells where it ends", function()
  local c = connection()
  c.associate()
  local frame = data(value(3, store_rq(1)))
  c.send(1, frame:sub(1, 70))
  c.seq[1] = c.seq[1] + 10
  c.send(1, frame:sub(81))
  local row = c.close()
  equal(row.store_rq, 0)
  equal(row.missed_bytes, 10)
  for captured = 13, 30 do
    c = connection()
    c.associate()
    c.packet(1, frame, 24, nil, captured)
    c.seq[1] = c.seq[1] + #frame
    c.send(1, data(value(3, store_rq(2))))
    row = c.close()
    equal(row.store_rq, 1)
    equal(row["end"], "released")
    equal(flag(row, "truncated"), true)
    equal(flag(row, "malformed"), false)
  end
end)

local function proxied(...)
  local c = connection()
  c.open()
  for _, piece in ipairs({ ... }) do c.send(1, piece) end
  local before = c.frame
  c.send(1, request())
  c.send(2, accept())
  return c.close(), (before + 1) / 1000
end

test("an association begins behind the header of a proxy, in whatever pieces that comes", function()
  local two = "\r\n\r\n\0\r\nQUIT\n\33\17" .. be16(12) .. "\1\2\3\4\5\6\7\8" .. be16(40000) .. be16(104)
  for _, header in ipairs({ "PROXY TCP4 1.2.3.4 5.6.7.8 40000 104\r\n", two }) do
    for at = 1, #header - 1 do
      local row, begin = proxied(header:sub(1, at), header:sub(at + 1))
      equal(row.proxied_for, "1.2.3.4")
      equal(row.calling_ae, "CT1")
      equal(row.ts, begin)
      equal(row.missed_bytes, 0)
    end
    equal(proxied(header).proxied_for, "1.2.3.4")
    local c = connection()
    c.open()
    c.send(1, header .. request())
    c.send(2, accept())
    equal(c.close().proxied_for, "1.2.3.4")
  end
end)

test("what only begins like the header of a proxy is waited for as long as one can be", function()
  equal(proxied("PROXY " .. ("x"):rep(100), "\r\n").proxied_for, nil)
  equal(proxied("PROXY " .. ("x"):rep(101), "\r\n"), nil)
  local head = "\r\n\r\n\0\r\nQUIT\n\33\17"
  equal(proxied(head .. be16(536), ("\1"):rep(536)).proxied_for, "1.1.1.1")
  equal(proxied(head .. be16(537), ("\1"):rep(537)), nil)
end)

kit.done()
