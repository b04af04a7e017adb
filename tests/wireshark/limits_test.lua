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

test("a command set's lengths", function()
  local rest = element(0x100, le16(0x30)) .. element(0x110, le16(7))
  local function set(length, body) return le16(0) .. le16(0) .. le32(4) .. le32(length) .. (body or rest) end
  equal(dimse.command(set(#rest)).malformed, nil)
  equal(dimse.command(set(#rest + 2)).malformed, true)
  equal(dimse.command(set(9)), nil)
  equal(dimse.command(set(10)).field, 0x30)
  equal(dimse.command(set(65536)).field, 0x30)
  equal(dimse.command(set(65537)), nil)
end)
kit.done()
