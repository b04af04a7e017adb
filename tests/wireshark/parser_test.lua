-- Unit tests of the byte parser and the tracker in a plain interpreter, Lua 5.2 or 5.4:
-- lua parser_test.lua FOLDER_OF_SOURCES [first], which ends at the first test that fails.
package.path = arg[1] .. "/?.lua;" .. arg[0]:match("^(.*)/") .. "/?.lua"
local kit = require("parser_kit")
local bytes = require("bytes")
local communityid = require("communityid")
local dimse = require("dimse")
local endpoints = require("endpoints")
local info = require("info")
local inventory = require("inventory")
local packet = require("packet")
local pdu = require("pdu")
local rows = require("rows")
local sflow = require("sflow")
local sflowlog = require("sflowlog")
local stats = require("stats")
local tracker = require("tracker")
local command_line = require("command_line")
local zeeklog = require("zeeklog")

local A, B, CT, IMPLICIT = kit.A, kit.B, kit.CT, kit.IMPLICIT
local test, equal, flag, connection = kit.test, kit.equal, kit.flag, kit.connection
local be16, be32, le16, even = kit.be16, kit.be32, kit.le16, kit.even
local item, wrap, user, request, accept = kit.item, kit.wrap, kit.user, kit.request, kit.accept
local element, command, value, data = kit.element, kit.command, kit.value, kit.data
local store_rq, store_rsp = kit.store_rq, kit.store_rsp

test("texts are trimmed, escaped and bounded", function()
  equal(bytes.trim("  AB C \0 "), "AB C")
  equal(bytes.trim(" \0 "), nil)
  equal(bytes.escape("a\\b\1\233-"), "a\\\\b\\x01\\xe9-")
  equal(bytes.uid("1.2.3\0"), "1.2.3")
  equal(bytes.uid("1.2.x"), nil)
  equal(bytes.uid(("1"):rep(65)), nil)
end)

test("addresses go both ways", function()
  for _, text in ipairs({ "1.2.3.4", "::", "::1", "2001:db8::1", "fe80::1:2:3:4", "1:2:3:4:5:6:7:8",
                          "1::8", "2001:db8:0:1::" }) do
    equal(bytes.address(bytes.parse_address(text)), text)
  end
  for _, text in ipairs({ "", "1.2.3", "1.2.3.256", "1.2.3.4.5", ":", "1:2", "::g", "1::2::3" }) do
    equal(bytes.parse_address(text), nil)
  end
end)

test("Community ID agrees with the specification's examples", function()
  equal(communityid.flow("\128\232\110\120", be16(34855), "\66\35\250\204", be16(80), 6),
    "1:LQU9qZlK+B5F3KDmev6m5PMibrg=")
  equal(communityid.flow("\66\35\250\204", be16(80), "\128\232\110\120", be16(34855), 6),
    "1:LQU9qZlK+B5F3KDmev6m5PMibrg=")
end)

test("an association request is read", function()
  local rq = pdu.associate(request({ contexts = 3, user = item(0x58, "\2\1\0\4name\0\4pass") }):sub(7))
  equal(rq.called_ae, "PACS1")
  equal(rq.calling_ae, "CT1")
  equal(#rq.contexts, 3)
  equal(rq.contexts[2].id, 3)
  equal(rq.contexts[1].abstract, CT)
  equal(rq.contexts[1].syntaxes[1], IMPLICIT)
  equal(rq.max_pdu, 16384)
  equal(rq.impl_uid, "1.2.3")
  equal(rq.impl_version, "VER_1")
  equal(rq.identity, "username_passcode")
  equal(rq.malformed, nil)
end)

test("every prefix of a request is survived", function()
  local body = request({ contexts = 2 }):sub(7)
  for n = 0, #body - 1 do
    equal(pdu.associate(body:sub(1, n), true).malformed, nil)
    pdu.associate(body:sub(1, n), false)
  end
  equal(pdu.associate(body:sub(1, -2), false).malformed, true)
  equal(pdu.associate(body, false).malformed, nil)
end)

test("a command set is read, its instance UID is not", function()
  local rq = dimse.command(store_rq(7))
  equal(rq.field, 1)
  equal(rq.sop, CT)
  equal(rq.message_id, 7)
  equal(rq.malformed, nil)
  for _, v in pairs(rq) do
    equal(tostring(v):find("1.2.3.4", 1, true), nil)
  end
  local rsp = dimse.command(store_rsp(7, 0xA700))
  equal(rsp.status, 0xA700)
  equal(dimse.status_class(rsp.status), "failure")
end)

test("a command set that violates PS3.7 is told", function()
  local good = store_rq(1)
  equal(dimse.command(good .. "\0").malformed, true)
  equal(dimse.command(good:sub(1, -2)).malformed, true)
  equal(dimse.command(good:sub(1, -2), true).malformed, nil)
  equal(dimse.command("\8\0" .. good:sub(3)), nil)
  equal(dimse.command(command(element(0x100, le16(0x4444)))), nil)
  equal(dimse.command(command(element(2, even(CT)) .. element(0x110, le16(1)))).malformed, true)
  equal(dimse.command(command(element(0x100, le16(1)) .. element(2, even(CT)))).malformed, true)
  equal(dimse.command(command(element(0x100, le16(0x8001)) .. element(0x120, le16(1)))).malformed,
    true)
end)

test("statuses fall into the classes of PS3.7", function()
  for status, class in pairs({
    [0] = "success", [1] = "warning", [0x107] = "warning", [0x116] = "warning",
    [0xB000] = "warning", [0xFF00] = "pending", [0xFF01] = "pending", [0xFE00] = "cancel",
    [0xA700] = "failure", [0xC001] = "failure", [0x122] = "failure",
  }) do
    equal(dimse.status_class(status), class)
  end
end)

test("a whole association gives its row", function()
  local c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
  c.send(1, data(value(2, ("x"):rep(5000))))
  c.send(2, data(value(3, store_rsp(1, 0))))
  local row = c.close()
  equal(row.calling_ae, "CT1")
  equal(row.called_ae, "PACS1")
  equal(row.result, "accepted")
  equal(row["end"], "released")
  equal(row.store_rq, 1)
  equal(row.rsp_success, 1)
  equal(row.data_pdus, 3)
  equal(row.data_bytes_orig, 5000)
  equal(row.missed_bytes, 0)
  equal(row.sop_classes[1], "CTImageStorage")
  equal(row.modalities[1], "CT")
  equal(row.orig_roles[1], "scu")
  equal(#row.flags, 0)
end)

test("segments of any size, in any order and sent twice, give the same row", function()
  local stream = request({ contexts = 128 }) .. data(value(1, store_rq(1):sub(1, 20)),
    value(3, store_rq(1):sub(21))) .. data(value(2, ("x"):rep(3000)))
  for _, size in ipairs({ 1, 5, 100, 1448 }) do
    local c = connection({ isn = 4294967290 })
    c.open()
    local begin, pieces = c.seq[1], {}
    for at = 1, #stream, size do
      pieces[#pieces + 1] = { (begin + at - 1) % 4294967296, stream:sub(at, at + size - 1) }
    end
    -- Each pair swapped, each piece repeated.
    for i = 1, #pieces, 2 do
      for _, k in ipairs({ i + 1, i, i + 1, i }) do
        if pieces[k] then c.packet(1, pieces[k][2], 24, pieces[k][1]) end
      end
    end
    c.seq[1] = (begin + #stream) % 4294967296
    c.send(2, accept())
    c.send(2, data(value(3, store_rsp(1, 0))))
    local row = c.close()
    equal(row.ctx_offered, 128)
    equal(row.store_rq, 1)
    equal(row.rsp_success, 1)
    equal(row.data_bytes_orig, 3000)
    equal(row.missed_bytes, 0)
    equal(row["end"], "released")
  end
end)

test("a loss inside a data set is counted and passed over", function()
  local c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
  local image = data(value(2, ("x"):rep(5000)))
  c.send(1, image:sub(1, 1000))
  c.seq[1] = c.seq[1] + 2000
  c.send(1, image:sub(3001))
  c.send(2, data(value(3, store_rsp(1, 0))))
  local row = c.close()
  equal(row.missed_bytes, 2000)
  equal(row.data_bytes_orig, 5000)
  equal(row["end"], "released")
  equal(row.rsp_success, 1)
end)

test("what comes late after all is not missed", function()
  local c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
  local image = data(value(2, ("x"):rep(5000)))
  local begin = c.seq[1]
  c.send(1, image:sub(1, 1000))
  c.seq[1] = begin + 3000
  c.send(1, image:sub(3001))
  c.packet(1, image:sub(1001, 2000), 24, begin + 1000)
  equal(c.close().missed_bytes, 1000)
end)

test("after a loss over a header the next one counts again", function()
  local c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
  local image = data(value(2, ("x"):rep(5000)))
  c.seq[1] = c.seq[1] + 100
  c.send(1, image:sub(101))
  -- The other side has it all: the capture has not, also not a little later.
  local d = c.send(2, data(value(3, store_rsp(1, 0))))
  for _ = 1, 16 do
    c.packet(2, "", 16)
  end
  equal(d.c.assoc.snap.basis, "association")
  c.send(1, data(value(3, store_rq(2))))
  equal(d.c.assoc.operation, "C-STORE")
  equal(d.c.assoc.message_id, 2)
  local row = c.close()
  equal(row["end"], "released")
  equal(row.missed_bytes, 100)
  equal(row.store_rq, 2)
end)

test("frames cut short say so and still name the operation", function()
  local c = connection()
  c.open()
  local rq = request()
  c.packet(1, rq, 24, nil, 62)
  c.seq[1] = c.seq[1] + #rq
  local image = data(value(3, store_rq(1)))
  c.packet(1, image, 24, nil, 62)
  c.seq[1] = c.seq[1] + #image
  local d = c.packet(1, "", 16)
  equal(d.c.assoc.snap.operation, "C-STORE")
  equal(d.c.assoc.snap.inferred, true)
  equal(d.c.assoc.snap.sop, CT)
  equal(d.c.assoc.snap.base.called_ae, "PACS1")
  c.t:flush()
  equal(c.log[1].ctx_offered, nil)
  equal(flag(c.log[1], "truncated"), true)
end)

test("a response that was cut short makes no modality of the archive", function()
  local c = connection()
  for side, set in ipairs({ store_rq(1), store_rsp(1, 0) }) do
    local frame = data(value(3, set))
    c.packet(side, frame, 24, nil, 60)
    c.seq[side] = c.seq[side] + #frame
  end
  local d = c.packet(1, "", 16)
  equal(d.c.assoc.snap.operation, "C-STORE")
  equal(d.c.assoc.snap.inferred, true)
  equal(c.t.endpoints.hosts[A].category, "modality")
  local archive = c.t.endpoints.hosts[B]
  equal(archive and archive.category, nil)
end)

test("no request, but a command set: midstream, on any port", function()
  local c = connection({ port = 33333 })
  c.send(1, ("\7"):rep(700))
  c.send(1, data(value(3, store_rq(9))))
  c.t:flush()
  equal(#c.log, 1)
  equal(flag(c.log[1], "midstream"), true)
  equal(c.log[1].store_rq, 1)
  equal(c.log[1].sop_classes[1], "CTImageStorage")
end)

test("rejection and abort carry their codes", function()
  local c = connection()
  c.open()
  c.send(1, request())
  c.send(2, wrap(3, "\0\1\1\7"))
  c.packet(2, "", 17)
  c.packet(1, "", 17)
  c.t:flush()
  equal(c.log[1].result, "rejected")
  equal(c.log[1]["end"], "closed")
  equal(c.log[1].reject_reason, 7)
  c = connection()
  c.associate()
  c.send(1, wrap(7, "\0\0\2\6"))
  c.t:flush()
  equal(c.log[1]["end"], "aborted")
  equal(c.log[1].abort_source, 2)
  equal(c.log[1].abort_reason, 6)
end)

test("a request without an answer", function()
  local c = connection()
  c.open()
  c.send(1, request())
  c.packet(1, "", 17)
  c.packet(2, "", 17)
  c.t:flush()
  equal(c.log[1].result, "no_reply")
  equal(c.log[1]["end"], "closed")
  -- Where the capture ends before the connection does, the answer may have come later.
  c = connection()
  c.open()
  c.send(1, request())
  c.t:flush()
  equal(c.log[1].result, "unknown")
  equal(c.log[1]["end"], "incomplete")
end)

test("an answer that was not captured is no silence", function()
  local c = connection()
  c.open()
  c.send(1, request())
  c.seq[2] = c.seq[2] + 10
  c.packet(1, "", 17)
  c.t:flush()
  equal(c.log[1].result, "unknown")
  equal(c.log[1]["end"], "incomplete")
  equal(c.log[1].missed_bytes, 9, "one may have been a FIN")
  c = connection()
  c.associate()
  c.send(1, wrap(5, "\0\0\0\0"))
  c.seq[2] = c.seq[2] + 10
  c.packet(2, "", 17)
  c.packet(1, "", 17)
  c.t:flush()
  equal(c.log[1]["end"], "incomplete")
  equal(c.log[1].missed_bytes, 10)
end)

test("a rejection is read where the responder's SYN was not captured", function()
  local c = connection()
  c.packet(1, "", 2)
  c.seq[1], c.seq[2] = c.seq[1] + 1, c.seq[2] + 1
  c.send(1, request())
  c.send(2, wrap(3, "\0\2\3\2"))
  c.packet(2, "", 17)
  c.packet(1, "", 17)
  c.t:flush()
  equal(c.log[1].result, "rejected")
  equal(c.log[1]["end"], "closed")
  equal(c.log[1].reject_source, 3)
end)

test("a request of another protocol version is one, from hosts of which nothing else is known", function()
  for _, handshake in ipairs({ true, false }) do
    for _, size in ipairs({ 1000, 7 }) do
      local c = connection()
      if handshake then
        c.open()
      else
        c.seq[1] = c.seq[1] + 1
        c.packet(2, "", 18)
        c.seq[2] = c.seq[2] + 1
      end
      local rq = request({ version = 2 })
      if handshake or size > #rq then
        for at = 1, #rq, size do
          c.send(1, rq:sub(at, at + size - 1))
        end
        c.send(2, wrap(3, "\0\1\2\2"))
        local row = c.close()
        equal(row.result, "rejected")
        equal(row.reject_reason, 2)
        equal(row.calling_ae, "CT1")
      end
    end
  end
end)

test("of a request that was captured in part what is there is told", function()
  local rq = request({ contexts = 20 })
  -- The end of it is missing, and all that follows; or nothing follows at all.
  for _, closed in ipairs({ true, false }) do
    local c = connection()
    c.open()
    c.send(1, rq:sub(1, 300))
    if closed then
      c.seq[1] = c.seq[1] + #rq - 300
      c.packet(1, "", 17)
      c.packet(2, "", 17)
    end
    c.t:flush()
    equal(#c.log, 1)
    equal(c.log[1].calling_ae, "CT1")
    equal(c.log[1].ctx_offered, nil)
    equal(c.log[1].result, "unknown")
    equal(c.log[1]["end"], "incomplete")
    equal(c.log[1].missed_bytes, closed and #rq - 300 or 0)
    equal(flag(c.log[1], "truncated"), false)
  end
  -- Bytes in its middle are missing: its length tells where it ends.
  local c = connection()
  c.open()
  c.send(1, rq:sub(1, 300))
  c.seq[1] = c.seq[1] + 100
  c.send(1, rq:sub(401))
  c.send(2, accept())
  c.send(1, data(value(3, store_rq(1))))
  local row = c.close()
  equal(row.result, "accepted")
  equal(row.ctx_offered, nil)
  equal(row.store_rq, 1)
  equal(row["end"], "released")
  equal(row.missed_bytes, 100)
  -- The application context is missing: it is none.
  c = connection()
  c.open()
  c.send(1, rq:sub(1, 70))
  c.seq[1] = c.seq[1] + 100
  c.send(1, rq:sub(171))
  c.close()
  equal(#c.log, 0)
end)

test("of an answer that was captured in part roles are not told", function()
  local ac = accept(item(0x54, be16(#CT) .. CT .. "\0\1"))
  local c = connection()
  c.open()
  c.send(1, request())
  c.send(2, ac:sub(1, -50))
  c.seq[2] = c.seq[2] + 50
  local d = c.send(1, data(value(3, store_rq(1))))
  local row = c.close()
  equal(row.result, "accepted")
  equal(row.services[1], "storage")
  equal(row.ctx_accepted, nil)
  equal(#row.orig_roles, 0)
  equal(row.missed_bytes, 50)
  equal(c.t.endpoints:rows(d.c.assoc)[1].role, nil)
end)

test("codes that were cut off are not told", function()
  local c = connection()
  c.open()
  c.send(1, request())
  c.packet(2, wrap(3, "\0\1\2\2"), 24, nil, 8)
  c.seq[2] = c.seq[2] + 10
  local row = c.close()
  equal(row.result, "rejected")
  equal(row.reject_result, 1)
  equal(row.reject_source, nil)
  equal(row.reject_reason, nil)
  equal(flag(row, "reserved_nonzero"), false)
end)

test("an unknown PDU stops the direction that it is in, and not the other", function()
  for _, released in ipairs({ true, false }) do
    local c = connection()
    c.associate()
    c.send(1, data(value(3, store_rq(1))))
    c.send(1, wrap(42, "what is this"))
    c.send(1, data(value(3, store_rq(2))))
    c.send(2, data(value(3, store_rsp(1, 0))))
    c.send(1, wrap(7, "\0\0\2\0"))
    if released then
      c.send(2, wrap(6, "\0\0\0\0"))
    end
    c.packet(1, "", 17)
    c.packet(2, "", 17)
    c.t:flush()
    local row = c.log[1]
    equal(row.store_rq, 1)
    equal(row.rsp_success, 1)
    equal(row.data_pdus, 2)
    equal(flag(row, "malformed"), true)
    equal(row["end"], released and "released" or "incomplete")
    equal(row.abort_source, nil)
  end
end)

test("a reset by one side ends an association where nothing is missing before it", function()
  for _, lost in ipairs({ 0, 10 }) do
    local c = connection()
    c.associate()
    c.send(1, data(value(3, store_rq(1))))
    c.seq[2] = c.seq[2] + lost
    c.packet(2, "", 20)
    c.t:flush()
    equal(c.log[1]["end"], lost == 0 and "closed" or "incomplete")
  end
end)

test("of a PDU that its connection's end cuts short the bytes that came count", function()
  -- Inside what may be a file's header, right behind it, far behind it, and in a second fragment.
  local pdu_ = data(value(3, store_rq(1))) .. data(value(0, ("x"):rep(300)), value(0, ("x"):rep(700)))
  local before = #data(value(3, store_rq(1))) + 12
  for came, told in pairs({ [1] = 1, [131] = 131, [132] = 132, [200] = 200, [300] = 300, [306] = 300, [406] = 400 }) do
    for _, by in ipairs({ "reset", "end", "their reset", "nobody" }) do
      local c = connection()
      c.associate()
      c.send(1, pdu_:sub(1, before + came))
      if by == "reset" or by == "end" then c.packet(1, "", by == "reset" and 20 or 17) end
      if by ~= "reset" and by ~= "nobody" then c.packet(2, "", by == "end" and 17 or 20) end
      c.t:flush()
      local row, ended = c.log[1], by ~= "nobody"
      equal(row.data_bytes_orig, ended and told or came > 300 and 1000 or 300)
      equal(flag(row, "unfinished"), ended)
      equal(row["end"], ended and "closed" or "incomplete")
      equal(row.missed_bytes, 0)
    end
  end
end)

test("what was sent before the end and not captured is missed, and counts", function()
  local c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))))
  c.send(1, data(value(2, ("x"):rep(1000))):sub(1, 112))
  c.seq[1] = c.seq[1] + 500
  c.packet(1, "", 20)
  c.t:flush()
  equal(c.log[1].data_bytes_orig, 600)
  equal(c.log[1].missed_bytes, 500)
  equal(flag(c.log[1], "unfinished"), true)
  -- All of it was sent: a PDU that ends where its connection does.
  c = connection()
  c.associate()
  c.send(1, data(value(3, store_rq(1))) .. data(value(2, ("x"):rep(1000))):sub(1, 112))
  c.seq[1] = c.seq[1] + 900
  c.packet(1, "", 20)
  c.t:flush()
  equal(c.log[1].data_bytes_orig, 1000)
  equal(flag(c.log[1], "unfinished"), false)
end)

test("a request that its connection's end cuts short is unfinished", function()
  local c = connection()
  c.open()
  c.send(1, request():sub(1, 120))
  c.packet(1, "", 20)
  c.t:flush()
  equal(flag(c.log[1], "unfinished"), true)
end)

test("a command set that cannot be read to its end counts as none", function()
  local whole = store_rq(1)
  for _, bad in ipairs({
    whole:sub(1, -3), -- running past its end
    whole .. "\0\0\0\17", -- half an element
    whole .. element(0x0002, "1.2\0"), -- not ascending
    whole .. "\8\0" .. element(0x1100, ""):sub(3), -- of another group
  }) do
    local c = connection()
    c.associate()
    c.send(1, data(value(3, bad)))
    c.send(1, data(value(3, whole)))
    local row = c.close()
    equal(row.store_rq, 1)
    equal(flag(row, "malformed"), true)
    equal(row["end"], "released")
  end
end)

test("roles are not told where the request that they belong to was not seen", function()
  local c = connection()
  c.open()
  c.seq[1] = c.seq[1] + 300
  c.send(2, accept(item(0x54, be16(#CT) .. CT .. "\0\1")))
  local row = c.close()
  equal(row.result, "accepted")
  equal(#row.orig_roles, 0)
  equal(#row.resp_roles, 0)
  local known = c.t.endpoints:rows(c.t.list[1])
  equal(#known, 2)
  equal(known[1].role, nil)
end)

test("an endpoint whose role was not seen is told without one", function()
  -- The acceptance is cut after its contexts: a role selection would stand behind them.
  for _, extra in ipairs({ "", item(0x54, be16(#CT) .. CT .. "\0\1") }) do
    local c = connection()
    c.open()
    c.send(1, request())
    local ac = accept(extra)
    local d = c.packet(2, ac, 24, nil, #ac - #user(extra))
    c.seq[2] = c.seq[2] + #ac
    c.send(1, data(value(3, store_rq(1))))
    local row = c.close()
    equal(row.result, "accepted")
    equal(row.sop_classes[1], "CTImageStorage")
    equal(#row.orig_roles, 0)
    equal(#row.resp_roles, 0)
    equal(d.c.assoc.snap.base.orig_role, nil)
    local known = c.t.endpoints:rows(d.c.assoc)
    equal(#known, 2)
    equal(known[1].role, nil)
    equal(known[1].title, "CT1")
    equal(known[1].modalities[1], "CT")
    equal(known[2].role, nil)
    equal(known[2].port, 104)
    -- The requests that were seen tell what it is, and that this is not from its contexts.
    local category, basis = c.t.endpoints:category(known[1])
    equal(category, "modality")
    equal(basis, "traffic")
  end
  -- Seen to its end it says that there is none.
  local c = connection()
  local d = c.associate()
  c.close()
  local known = c.t.endpoints:rows(d.c.assoc)
  equal(known[1].role, "scu")
  equal(known[2].role, "scp")
  -- Where none of the contexts is accepted, the default role is told.
  c = connection()
  c.open()
  c.send(1, request())
  d = c.send(2, (accept():gsub("\33\0(..)\1\0\0\0", "\33\0%1\1\0\3\0")))
  equal(#c.close().orig_roles, 0)
  equal(c.t.endpoints:rows(d.c.assoc)[1].role, "scu")
end)

test("what is asked before the answer rests on the association once that is there", function()
  local c = connection()
  c.open()
  c.send(1, request())
  local d = c.send(1, data(value(3, store_rq(1))))
  local hosts = c.t.endpoints.hosts
  equal(hosts[A].category .. " " .. hosts[A].basis, "modality traffic")
  c.send(2, accept())
  equal(hosts[A].category .. " " .. hosts[A].basis, "modality association")
  equal(hosts[B].category .. " " .. hosts[B].basis, "unknown association")
  c.close()
  equal(c.t.endpoints:rows(d.c.assoc)[1].role, "scu")
end)

test("who takes images and asks for none is no workstation, and no modality for sending them on", function()
  local hosts = endpoints.new()
  local function side(host) return { host = host, port_raw = be16(104), packets = 1 } end
  local function store(from, to)
    local d = side(from)
    d.peer = side(to)
    d.peer.peer = d
    local a = { orig = d, ac = true, flags = {}, orig_services = { storage = { scu = true } } }
    hosts:learn(1, {}, a)
    hosts:requested(2, a, d, { field = 1, sop = CT })
    return d
  end
  local taker = store("a", "b")
  equal(hosts:category({ host = "a" }), "modality")
  equal(hosts:category({ host = "b" }), "unknown")
  local sender = store("b", "c")
  equal(hosts:category({ host = "b" }), "unknown")
  local late = store("x", "c")
  equal(hosts:category({ host = "x" }), "modality")
  equal(hosts:tag(late, "X", 2), "modality")
  store("a", "x")
  equal(hosts:category({ host = "x" }), "unknown")
  equal(hosts:tag(late, "X", 2), nil)
  equal(hosts:tag(sender, "B", 2), nil)
  equal(hosts:tag(taker.peer, "B", 2), nil)
end)

test("an acceptance that is captured before its request is joined with it", function()
  local c = connection()
  c.open()
  c.send(2, accept(item(0x54, be16(#CT) .. CT .. "\0\1")))
  c.send(1, request())
  local row = c.close()
  equal(row.sop_classes[1], "CTImageStorage")
  equal(row.orig_roles[1], "scp")
  equal(row.ctx_offered, 1)
  equal(row.ctx_accepted, 1)
  equal(row.calling_ae, "CT1")
end)

test("a second answer changes nothing and is flagged", function()
  local c = connection()
  c.associate()
  c.send(2, wrap(3, "\0\1\1\1"))
  c.send(2, accept(item(0x54, be16(#CT) .. CT .. "\0\1")))
  local row = c.close()
  equal(row.result, "accepted")
  equal(row.reject_reason, nil)
  equal(row.orig_roles[1], "scu")
  equal(flag(row, "malformed"), true)
end)

test("of a side without a packet nothing is concluded", function()
  local c = connection()
  c.packet(1, "", 2)
  c.seq[1] = c.seq[1] + 1
  c.send(1, request())
  c.packet(1, "", 17)
  c.t:flush()
  local row = c.log[1]
  equal(flag(row, "one_sided"), true)
  equal(row.result, "unknown")
  equal(row["end"], "incomplete")
  -- The acceptor's half alone.
  c = connection()
  c.packet(2, "", 18)
  c.seq[2] = c.seq[2] + 1
  c.send(2, accept())
  c.send(2, data(value(3, store_rsp(1, 0))))
  c.t:flush()
  equal(flag(c.log[1], "one_sided"), true)
  equal(c.log[1].rsp_success, 1)
  equal(c.log[1].store_rq, 0)
  -- One bare acknowledgment is a packet of the other side.
  c = connection()
  c.send(1, request())
  c.packet(2, "", 16)
  c.t:flush()
  equal(flag(c.log[1], "one_sided"), false)
end)

test("roles follow the acceptor's role selection", function()
  local c = connection()
  c.open()
  c.send(1, request())
  c.send(2, accept(item(0x54, be16(#CT) .. CT .. "\1\1")))
  local row = c.close()
  equal(table.concat(row.orig_roles, ","), "scu,scp")
  equal(table.concat(row.resp_roles, ","), "scu,scp")
end)

test("reserved bytes and a file's preamble are flagged", function()
  local c = connection()
  c.open()
  c.send(1, request({ reserved = 1 }))
  c.send(2, accept())
  c.send(1, data(value(3, store_rq(1))))
  c.send(1, data(value(2, ("\0"):rep(128) .. "DICM" .. ("x"):rep(100))))
  local row = c.close()
  equal(flag(row, "reserved_nonzero"), true)
  equal(flag(row, "part10_in_dataset"), true)
  equal(flag(row, "malformed"), false)
end)

test("what is wrong inside a PDU is flagged and passed over", function()
  local c = connection()
  c.associate()
  c.send(1, wrap(4, be32(9999) .. "\1\3garbage"))
  c.send(1, data(value(3, store_rq(1))))
  local row = c.close()
  equal(flag(row, "malformed"), true)
  equal(row.store_rq, 1)
  equal(row["end"], "released")
end)

test("other protocols on DICOM's ports get no tag", function()
  local lookalikes = {
    tpkt = "\3\0\0\22\17\224\0\0\0\1\0\193\2\1\0\194\2\1\2\192\1\10",
    s7 = "\3\0\0\25\2\240\128\50\1\0\0\0\0\0\8\0\0\240\0\0\1\0\1\1\224",
    dcerpc = "\5\0\11\3\16\0\0\0\72\0\0\0\1\0\0\0\208\22\208\22",
    cassandra = "\4\0\0\0\5\0\0\0\0",
    cassandra_long = "\4\0\0\0\5\0\0\0\22\0\1\0\11CQL_VERSION\0\0053.0.0",
    hartip = "\1\0\0\0\0\1\0\13\1\0\0\117\48",
    ethernetip = "\1\0\100\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    raft = "\1\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2" .. ("\0"):rep(90),
    http = "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    tls = "\22\3\1\2\0\1\0\1\252\3\3" .. ("\42"):rep(500),
    wrong_context = request({ application = "1.2.3.4" }),
  }
  for _, port in ipairs({ 104, 11112, 4242, 2762 }) do
    for name, first in pairs(lookalikes) do
      for _, with_syn in ipairs({ true, false }) do
        local c = connection({ port = port })
        if with_syn then c.open() end
        for _ = 1, 5 do
          c.send(1, first)
          c.send(2, first)
        end
        local d = c.packet(1, "")
        if d.c.assoc and d.c.assoc.id then
          error(name .. " on port " .. port .. " was tagged")
        end
        c.t:flush()
        equal(#c.log, 0)
      end
    end
  end
end)

test("ports used again begin another association", function()
  local c = connection()
  c.associate()
  c.close()
  c.seq = { 900000, 800000 }
  c.associate()
  c.close()
  c.t:flush()
  equal(#c.log, 2)
  equal(c.t.list[2].id, 2)
  local a, snap = c.t:revisit(A .. B .. be16(40000) .. be16(104), 4)
  equal(a.id, 1)
  equal(snap.state, "requested")
  a = c.t:revisit(A .. B .. be16(40000) .. be16(104), c.frame)
  equal(a.id, 2)
end)

test("memory of an association is bounded", function()
  local c = connection()
  c.associate()
  for i = 1, 5000 do
    c.send(1, data(value(3, store_rq(i))))
    c.send(2, data(value(3, store_rsp(i, 0))))
  end
  equal(#c.t.list[1].snaps <= 2064, true)
  equal(c.close().store_rq, 5000)
end)

test("a stream of one-byte lies does not fill the memory", function()
  local c = connection()
  c.open()
  c.send(1, "\1\0\0\15\66\64\0\1\0\0")
  for _ = 1, 2000 do
    c.send(1, ("A"):rep(100))
  end
  collectgarbage()
  equal(collectgarbage("count") < 20000, true)
end)

test("an inventory with a bad line: named once, the rest used", function()
  local lines = {
    "#separator \\x09", "#fields\tmatch\tname\trole\tmodality\tsite",
    "10.0.0.2\tArchive\tpacs\t-\t-", "nonsense\tX\tpacs\t-\t-", "10.0.0.0/24\tNet\tmodality\tCT\t-",
    "10.0.0.0/28\tSmall\tworkstation\t-\t-", "00:11:22:33:44:55\tBox\tprinter\t-\t-",
    "ae:CT1\tScanner\tmodality\tCT\t-", "10.1.1.1\tX\tking\t-\t-", "10.1.1.1\tX",
  }
  local i, bad = 0, {}
  local inv = inventory.read(function()
    i = i + 1
    return lines[i]
  end, function(number) bad[#bad + 1] = number end)
  equal(table.concat(bad, ","), "4,9,10")
  equal(inv:find("\10\0\0\2").name, "Archive")
  equal(inv:find("\10\0\0\3").name, "Small")
  equal(inv:find("\10\0\0\99").name, "Net")
  equal(inv:find("\10\0\0\99", nil, "CT1").name, "Scanner")
  equal(inv:find("\10\0\0\99", bytes.parse_mac("00:11:22:33:44:55"), "CT1").name, "Box")
  equal(inv:find("\10\2\0\1"), nil)
end)

test("an inventory says which networks are the site's own, and nothing else of them", function()
  local lines = "8.8.0.0/16\tCampus\tlocal\t-\t-\n2001:4860::/32\t-\tlocal\t-\t-\n"
    .. "9.9.9.9\t-\tlocal\t-\t-\nae:X\t-\tlocal\t-\t-\n8.8.4.0/24\tCT 1\tmodality\tCT\t-\n"
  local bad = {}
  local inv = inventory.read(lines:gmatch("[^\n]+"), function(n, what) bad[#bad + 1] = n .. what end)
  equal(#bad, 1)
  equal(bad[1], "4the role local is for addresses and networks, not for ae:X")
  for text, is_local in pairs({ ["8.8.8.8"] = true, ["8.8.4.4"] = true, ["9.9.9.9"] = true,
    ["9.9.9.8"] = false, ["8.9.0.1"] = false, ["2001:4860::8"] = true, ["2001:4861::8"] = false }) do
    equal(inv:is_local(bytes.parse_address(text)), is_local, text)
  end
  equal(inv:find(bytes.parse_address("8.8.8.8")), nil)
  equal(inv:find(bytes.parse_address("8.8.4.4")).role, "modality")
  local evidence = { uid = "C", ts = 0 }
  local function written(host, with)
    local k = { host = bytes.parse_address(host), port = 104, evidence = evidence }
    return rows.known(k, "unknown", nil, with)["local"]
  end
  equal(written("8.8.8.8", inv), true)
  equal(written("8.8.8.8", nil), false)
  equal(written("10.1.1.1", nil), true)
  equal(written("1.1.1.1", inv), false)
end)

test("written knowledge beats what was inferred", function()
  local inv = inventory.read(("10.0.0.2\tArchive\tpacs\t-\t-\n"):gmatch("[^\n]+"), error)
  local c = connection({ inventory = inv })
  local d = c.associate()
  local role, name, basis = c.t.endpoints:tag(d, "PACS1", c.frame)
  equal(role, "pacs")
  equal(name, "Archive")
  equal(basis, "inventory")
end)

test("endpoints that are known lend their tag, and another protocol takes it back", function()
  local c = connection()
  c.associate()
  local other = "\10\0\0\9" .. B .. be16(50000) .. be16(104)
  local source = { raw = function(_, offset, length)
    return ("GET / HTTP/1.1\r\n"):sub(offset + 1, offset + length)
  end }
  c.frame = c.frame + 1
  local d = c.t:packet(c.frame, c.info, other, 77, 0, 2, source, 0, 0, 0, 60, 1)
  equal(d.c.assoc.snap.basis, "traffic")
  equal(d.c.assoc.snap.confidence < 100, true)
  c.frame = c.frame + 1
  d = c.t:packet(c.frame, c.info, other, 78, 0, 24, source, 0, 16, 16, 80, 1)
  equal(d.c.assoc.snap.untagged, true)
  c.t:flush()
  equal(#c.log, 1)
end)

test("links and VLAN tags are seen through", function()
  local tcp = be16(40000) .. be16(104) .. be32(5) .. be32(6) .. "\80\24" .. be16(1) .. be32(0)
  local ip = "\69\0" .. be16(20 + 20 + 3) .. ("\0"):rep(4) .. "\64\6\0\0" .. A .. B .. tcp .. "abc"
  local v6 = "\96\0\0\0" .. be16(23) .. "\6\64" .. ("\1"):rep(16) .. ("\2"):rep(16) .. tcp .. "abc"
  local mac = ("\2"):rep(12)
  for name, frame in pairs({
    plain = mac .. "\8\0" .. ip, vlan = mac .. "\129\0\0\100\8\0" .. ip,
    qinq = mac .. "\136\168\0\5\129\0\0\100\8\0" .. ip, v6 = mac .. "\134\221" .. v6,
    raw = ip, loop = "\2\0\0\0" .. ip, sll = ("\0"):rep(14) .. "\8\0" .. ip,
    snap = mac .. be16(51) .. "\170\170\3\0\0\0\8\0" .. ip,
    mpls = mac .. "\136\71\0\1\1\64" .. ip,
  }) do
    local out = packet.parse(frame, #frame, {}, ({ raw = 101, loop = 0, sll = 113 })[name])
    equal(out.proto, 6)
    equal(out.length, 3)
    equal(out.seq, 5)
    equal(frame:sub(out.offset + 1, out.offset + 3), "abc")
    if name == "qinq" then equal(out.vlan, 100) end
  end
  for n = 0, 60 do
    packet.parse((mac .. "\134\221" .. v6):sub(1, n), 1000, {})
    packet.parse((mac .. "\129\0\0\100\8\0" .. ip):sub(1, n), 1000, {})
  end
end)

test("sFlow: several samples, expanded, counters, IPv6 agents, cut datagrams", function()
  local function header(bytes_of) return be32(1) .. be32(16 + #bytes_of) .. be32(1) .. be32(1518)
    .. be32(4) .. be32(#bytes_of) .. bytes_of end
  local function flow(rate, ...)
    local records = { ... }
    return be32(1) .. be32(32 + #table.concat(records)) .. be32(1) .. be32(3) .. be32(rate)
      .. be32(0) .. be32(0) .. be32(1) .. be32(2) .. be32(#records) .. table.concat(records)
  end
  local function expanded(rate, record)
    return be32(3) .. be32(44 + #record) .. be32(1) .. be32(0) .. be32(3) .. be32(rate) .. be32(0)
      .. be32(0) .. be32(0) .. be32(1) .. be32(0) .. be32(2) .. be32(1) .. record
  end
  local counter = be32(2) .. be32(12) .. ("\0"):rep(12)
  local body = flow(10, header("aaaa")) .. counter .. expanded(50, header("bbbb"))
    .. flow(7, be32(1001) .. be32(4) .. "zzzz", header("cccc"))
  for _, agent in ipairs({ be32(1) .. "\10\0\0\1", be32(2) .. ("\1"):rep(16) }) do
    local datagram = be32(5) .. agent .. be32(0) .. be32(1) .. be32(99) .. be32(4) .. body
    local list, agent_of = {}, nil
    local function take(sample)
      list[#list + 1] = { sample.rate, sample.length, sample.header }
      agent_of = sample.agent
    end
    equal(sflow.read(datagram, take), 3)
    equal(list[1][1], 10)
    equal(list[2][1], 50)
    equal(list[3][1], 7)
    equal(list[3][3], "cccc")
    equal(list[2][2], 1518)
    equal(#agent_of, #agent - 4)
    for n = 0, #datagram - 1 do
      local rows, log = {}, nil
      log = sflowlog.new(function(row) rows[#rows + 1] = row end)
      log:frame(1772438400, n)
      local there = sflow.read(datagram:sub(1, n), take, log, #datagram)
      log:flush()
      -- What is left of it is told of as cut.
      equal(#rows > 0, n >= #agent + 20)
      equal(rows[1] and rows[1].cut or 1, 1)
      equal(there == nil or there <= 3, true)
    end
  end
  equal(sflow.read("\0\0\0\4\0\0\0\1" .. ("\0"):rep(40), error), nil)
end)

test("logs are escaped as Zeek escapes them", function()
  local text = {}
  local out = { write = function(_, ...) text[#text + 1] = table.concat({ ... }) end }
  local log = zeeklog.new(out, "x", { { "s", "string" }, { "l", "set[string]" }, { "n", "count" } })
  log:write({ s = "a\tb\\\233", l = { "x,y", "-" } })
  log:write({ s = "-", n = 4294967296 * 4 })
  local lines = table.concat(text)
  equal(lines:find("\na\\x09b\\\\\\xe9\tx\\x2cy,\\x2d\t-\n", 1, true) ~= nil, true)
  equal(lines:find("\n\\x2d\t-\t17179869184\n", 1, true) ~= nil, true)
end)

test("fields that the command line cannot show are left out", function()
  local only = command_line.fields({ "tshark", "-T", "fields", "-e", "pacsflow.assoc.id" })
  equal(only("pacsflow.assoc.id"), true)
  equal(only("pacsflow.modality"), false)
  equal(command_line.fields({ "tshark", "-r", "x" }), nil)
  equal(command_line.fields({ "tshark", "-T", "fields", "-V" }), nil)
  equal(command_line.fields({ "tshark", "-T", "fields", "-e", "_ws.col.Operation" }), nil)
  equal(command_line.names_plugin({ "tshark", "-X", "lua_script:pacsflow.lua", "-e", "ip.src" }), false)
  equal(command_line.names_plugin({ "tshark", "-Y", "pacsflow" }), true)
  equal(command_line.names_protocol({ "tshark", "-Y", "pacsflow" }), true)
  equal(command_line.names_protocol({ "tshark", "-Y", "pacsflow && tcp" }), true)
  equal(command_line.names_protocol({ "tshark", "-e", "pacsflow.assoc.id", "-X", "lua_script:pacsflow" }),
    false)
  equal(command_line.one_pass({ "tshark", "-T", "fields", "-e", "pacsflow.assoc.id" }), true)
  equal(command_line.one_pass({ "tshark", "-2", "-T", "fields" }), false)
end)

test("of Wireshark's words for a frame only known forms are told", function()
  local segment = "[TCP Retransmission] 40000 → 104 [PSH, ACK] Seq=1 Ack=1 Win=64240 Len=9 TSval=2"
  equal(info.open("TCP", segment .. " [TCP segment of a reassembled PDU]"), segment)
  equal(info.open("DICOM", "40000 → 104 [SYN] Seq=0 SACK_PERM WS=128 MARY"),
    "40000 → 104 [SYN] Seq=0 SACK_PERM WS=128")
  equal(info.open("UDP", "5 → 6 Len=3 MARY"), "5 → 6 Len=3")
  local stored = "P-DATA, C-STORE-RSP ID=7"
  equal(info.open("DICOM", stored .. " (Cannot understand, MARY DOE)"), stored)
  equal(info.open("DICOM", "P-DATA, C-FIND-RQ ID=1, C-FIND-RQ-DATA, MARY"),
    "P-DATA, C-FIND-RQ ID=1, C-FIND-RQ-DATA")
  equal(info.open("DICOM", "A-ASSOCIATE request CT1 --> PACS_1, MARY"), "A-ASSOCIATE request CT1 --> PACS_1")
  equal(info.open("TLSv1.2", "Client Hello (SNI=mary.example)"), "Client Hello")
  equal(info.open("TLSv1.3", "Server Hello, Change Cipher Spec, Application Data"),
    "Server Hello, Change Cipher Spec, Application Data")
  equal(info.open("ARP", "Who has 10.0.0.1? Tell 10.0.0.2"), "Who has 10.0.0.1? Tell 10.0.0.2")
  for _, text in ipairs({ "GET /wado?patient=MARY HTTP/1.1", "USER mary", "[MARY DOE] 1 → 2 [ACK]",
    "[TCP MARY] GET /", "1 → 2 MARY [ACK]", "" }) do
    for _, protocol in ipairs({ "TCP", "UDP", "DICOM", "HTTP", "TLSv1.2", "ICMP", "Nobody's" }) do
      equal(info.open(protocol, text), nil)
    end
  end
  equal(info.open("TCP", nil), nil)
end)

test("a window's columns come in groups that fit, each with the first column", function()
  local wide = ("x"):rep(45)
  local tab = { columns = { "Id", "Host", "Peer", "Outcome", "Bytes" }, numeric = { true, [5] = true },
    rows = { { "1", wide, wide, "accepted, released", "7" } } }
  local groups, seen = stats.groups(tab, 80), {}
  for _, group in ipairs(groups) do
    equal(group[1], 1)
    for k = 2, #group do
      seen[#seen + 1] = group[k]
    end
    for line in stats.text(tab, true, group):gmatch("[^\n]+") do
      equal(#line <= 80, true)
    end
  end
  equal(table.concat(seen, " "), "2 3 4 5")
  equal(#groups, 3)
  equal(#stats.groups(tab, 1000), 1)
  -- A column that fits nowhere has a group of its own.
  equal(#stats.groups(tab, 10), 4)
  tab.sort = 5
  equal(table.concat(stats.groups(tab, 80)[1], " "), "1 5 2")
end)

kit.done()
