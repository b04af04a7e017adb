-- What is known of one association, and what each PDU and command adds to it.
local bytes = require("bytes")
local dimse = require("dimse")
local pdu = require("pdu")
local uids = require("uids")

local association = {}

local format = string.format

association.CAP = 32
-- Points in time that an association remembers, so that a frame looked at again gets the tags of
-- the first time: memory stays bounded by the number of associations.
association.MAX_SNAPSHOTS = 2048

local REQUEST_COUNTER = {
  ["C-STORE"] = "store_rq", ["C-FIND"] = "find_rq", ["C-GET"] = "get_rq", ["C-MOVE"] = "move_rq",
  ["C-ECHO"] = "echo_rq", ["C-CANCEL"] = "cancel_rq",
}

-- A set that keeps its order and stops at CAP.
local function put(set, value)
  if value and value ~= "" and not set[value] and #set < association.CAP then
    set[#set + 1] = value
    set[value] = true
  end
end
association.put = put

function association.new(frame, ts)
  return {
    start_frame = frame, ts = ts, last_ts = ts, state = "open", base = {},
    counts = {
      echo_rq = 0, store_rq = 0, find_rq = 0, get_rq = 0, move_rq = 0, cancel_rq = 0, n_rq = 0,
      success = 0, warning = 0, failure = 0, pending = 0, cancel = 0, data_pdus = 0,
    },
    sops = {}, services = {}, modalities = {}, syntaxes = {}, failures = {}, destinations = {},
    flags = {}, offered = {}, snap_frames = {}, snaps = {},
  }
end

-- Evidence enough to call the stream DICOM: from here on it is.
local function confirm(a, confidence)
  a.confirmed = true
  a.basis = "association"
  if not a.confidence or a.confidence < confidence then
    a.confidence = confidence
  end
  a.dirty = true
end
association.confirm = confirm

local function add_sop(a, uid)
  local known = uids.sop_classes[uid]
  put(a.sops, known and known[1] or uid)
  if known then
    put(a.services, known[2])
    put(a.modalities, known[3])
  end
end

local function base(a, changes)
  local new = {}
  for k, v in pairs(a.base) do
    new[k] = v
  end
  for k, v in pairs(changes) do
    new[k] = v
  end
  a.base, a.dirty = new, true
end

local function role_text(role)
  if role.scu and role.scp then
    return "scu,scp"
  end
  return role.scu and "scu" or role.scp and "scp" or nil
end

local function add_once(list, value)
  if value and not list[value] then
    list[#list + 1], list[value] = value, true
  end
end

-- What the accepted contexts of an answer say of what was offered. Roles are told where nothing can tell
-- otherwise: the answer was read to its end, where a role selection stands (PS3.7, D.3.3.4), and each SOP
-- class that it may speak of is known.
local function read_answer(ac, offered)
  local told = { offered = offered, accepted = 0, syntaxes = {}, sops = {}, services = {} }
  local known = ac.whole and not ac.malformed
  for _, c in ipairs(ac.contexts) do
    if c.result == 0 then
      told.accepted = told.accepted + 1
      local uid, syntax = offered[c.id], c.syntaxes[1]
      add_once(told.syntaxes, syntax and (uids.transfer_syntaxes[syntax] or syntax))
      add_once(told.sops, uid)
      known = known and (uid or not next(ac.roles))
    end
  end
  local orig, resp = {}, {}
  for _, c in ipairs(known and ac.contexts or {}) do
    if c.result == 0 then
      local uid = offered[c.id]
      local role = uid and ac.roles[uid] or { scu = true, scp = false }
      orig.scu, orig.scp = orig.scu or role.scu, orig.scp or role.scp
      resp.scu, resp.scp = orig.scp, orig.scu
      local service = uid and uids.sop_classes[uid]
      if service then
        local of = told.services[service[2]] or {}
        told.services[service[2]] = of
        of.scu, of.scp = of.scu or role.scu, of.scp or role.scp
      end
    end
  end
  told.known, told.orig_role, told.resp_role = known or false, role_text(orig), role_text(resp)
  return told
end

-- The same is agreed on all day: by answer, what was read last.
local agreed = setmetatable({}, { __mode = "k" })

-- What was agreed on: known once the answer and the request that it belongs to are.
local function join(a)
  local ac = a.answer
  local told = agreed[ac]
  if not told or told.offered ~= a.offered then
    told = read_answer(ac, a.offered)
    agreed[ac] = told
  end
  for _, syntax in ipairs(told.syntaxes) do
    put(a.syntaxes, syntax)
  end
  for _, uid in ipairs(told.sops) do
    add_sop(a, uid)
  end
  if ac.whole and not ac.malformed then
    a.ctx_accepted = told.accepted
    a.ops_window = { orig = ac.ops_orig or 1, resp = ac.ops_resp or 1 }
  end
  a.roles_known, a.orig_services, a.learnt = told.known, told.services, nil
  a.orig_role, a.resp_role = told.orig_role, told.resp_role
  base(a, { orig_role = a.orig_role, resp_role = a.resp_role })
  if a.rq then
    a.answer = nil
  end
end

-- Whether a request of which hardly more than the header was captured is one all the same: the first bytes
-- of a connection to a port of DICOM, whose length is that of what was sent.
local function begins_as_one(d, body)
  return #body < pdu.FIXED and d.ends_exactly and d.c.on_port and d.c.tcp_orig == d
end

-- An A-ASSOCIATE-RQ of direction d. Returns false where it begins no association.
function association.request(a, d, body, cut)
  local rq = pdu.associate(body, cut)
  local named = rq.application_context == pdu.APPLICATION_CONTEXT
  if not named and not (a.flags.truncated and not rq.application_context
    and (pdu.plausible_cut(rq, body) or begins_as_one(d, body))) then
    return false
  end
  a.orig, a.rq, a.state = d, true, a.ac and a.state or "requested"
  a.flags.malformed = a.flags.malformed or rq.malformed
  a.flags.reserved_nonzero = a.flags.reserved_nonzero or rq.reserved or nil
  a.rq_whole = not cut
  if not cut and not rq.malformed then
    a.ctx_offered = rq.number
  end
  a.offered = rq.offered
  a.calling_ae, a.called_ae = rq.calling_ae, rq.called_ae
  a.orig_impl_uid, a.orig_impl_version = rq.impl_uid, rq.impl_version
  a.orig_max_pdu, a.user_identity = rq.max_pdu, rq.identity
  base(a, {
    calling_ae = rq.calling_ae and bytes.escape(rq.calling_ae),
    called_ae = rq.called_ae and bytes.escape(rq.called_ae),
    orig_impl_uid = rq.impl_uid,
    orig_impl_version = rq.impl_version and bytes.escape(rq.impl_version),
  })
  if a.answer then
    -- The answer stands before it in the capture.
    join(a)
  end
  confirm(a, named and 100 or 90)
  return true
end

-- An A-ASSOCIATE-AC of direction d, whose peer asked.
function association.accept(a, d, peer, body, cut)
  local ac = pdu.associate(body, cut)
  local named = ac.application_context == pdu.APPLICATION_CONTEXT
  if not a.rq and not named and not (a.flags.truncated and pdu.plausible_cut(ac, body)) then
    return false
  end
  if not named and ac.application_context then
    a.flags.malformed = true
  end
  a.orig, a.ac, a.state = a.orig or peer, true, "accepted"
  a.flags.malformed = a.flags.malformed or ac.malformed
  a.flags.reserved_nonzero = a.flags.reserved_nonzero or ac.reserved or nil
  a.resp_impl_uid, a.resp_impl_version = ac.impl_uid, ac.impl_version
  a.resp_max_pdu, a.answer, a.ac_cut = ac.max_pdu, ac, cut
  local changes = {
    resp_impl_uid = ac.impl_uid,
    resp_impl_version = ac.impl_version and bytes.escape(ac.impl_version),
  }
  if not a.rq and #body >= 36 then
    -- PS3.8 9.3.3: the acceptor sends both titles back as it got them.
    a.calling_ae, a.called_ae = ac.calling_ae, ac.called_ae
    changes.calling_ae = ac.calling_ae and bytes.escape(ac.calling_ae)
    changes.called_ae = ac.called_ae and bytes.escape(ac.called_ae)
  end
  base(a, changes)
  join(a)
  confirm(a, named and 100 or 90)
  return true
end

function association.reject(a, body)
  local _, result, source, reason = body:byte(1, 4)
  a.reject_result, a.reject_source, a.reject_reason = result, source, reason
  a.flags.reserved_nonzero = a.flags.reserved_nonzero or (body:byte(1) or 0) ~= 0 or nil
  a.state, a.rejected, a.dirty = "rejected", true, true
end

function association.abort(a, body)
  local _, _, source, reason = body:byte(1, 4)
  if not a.finish then
    a.abort_source, a.abort_reason, a.finish = source, reason, "aborted"
  end
  a.state, a.dirty = "aborted", true
end

function association.release(a, kind, body)
  a.flags.reserved_nonzero = a.flags.reserved_nonzero or body:find("[^\0]") ~= nil or nil
  if kind == pdu.RELEASE_RP then
    a.finish = a.finish or "released"
    a.state = "released"
  else
    a.state = "releasing"
  end
  a.dirty = true
end

-- What a stream does whose commands were not seen, from the presentation context it uses.
function association.infer(a, context)
  local uid = a.offered[context]
  local known = uid and uids.sop_classes[uid]
  local operation = known and dimse.infer(known[1], known[2])
  if operation and (a.operation == nil or (a.inferred and a.sop ~= uid)) then
    a.operation, a.inferred, a.sop, a.dirty = operation, true, uid, true
    a.message_id, a.status = nil, nil
  end
end

-- A command set, whole or cut short. `counted`: it belongs into the row's counters.
function association.command(a, command, counted)
  local field, known = command.field, command.sop and uids.sop_classes[command.sop]
  local operation, response = nil, false
  if field then
    response = field >= 0x8000
    operation = dimse.OPERATION[field % 0x8000]
  elseif known then
    operation = dimse.infer(known[1], known[2])
  end
  if command.sop and (field or known) then
    add_sop(a, command.sop)
  end
  if counted then
    local counts = a.counts
    if field and not response then
      local name = REQUEST_COUNTER[operation] or "n_rq"
      counts[name] = counts[name] + 1
      if field == 0x0021 then
        put(a.destinations, command.destination)
      end
    elseif response and command.status then
      local class = dimse.status_class(command.status)
      counts[class] = counts[class] + 1
      if class == "failure" then
        put(a.failures, format("0x%04X", command.status))
      end
    end
    a.flags.malformed = a.flags.malformed or command.malformed
  end
  local sop = command.sop or (response and a.operation == operation and a.sop) or nil
  local status = response and command.status or nil
  local inferred = not field
  if a.operation ~= operation or a.sop ~= sop or a.message_id ~= command.message_id
    or a.status ~= status or a.inferred ~= inferred then
    a.operation, a.sop, a.message_id, a.status = operation, sop, command.message_id, status
    a.inferred, a.dirty = inferred, true
  end
end

-- Remembers the tags as they stand after `frame`, where they changed.
function association.snapshot(a, frame)
  a.dirty = nil
  local frames, n = a.snap_frames, #a.snap_frames
  local full = n >= association.MAX_SNAPSHOTS
  local last = a.snap
  if full and a.operation and a.state == last.state and a.base == last.base then
    return last
  end
  local snap = {
    base = a.base, state = a.state, basis = a.basis, confidence = a.confidence,
    operation = a.operation, inferred = a.operation and a.inferred, sop = a.sop,
    message_id = a.message_id, status = a.status, orig = a.orig, untagged = a.untagged,
    start_frame = a.start_frame,
  }
  if full then
    -- The messages beyond are told by their own frames alone.
    snap.operation, snap.inferred, snap.sop = nil, nil, nil
    snap.message_id, snap.status = nil, nil
    if n >= association.MAX_SNAPSHOTS + 16 then
      return last
    end
  end
  if last then
    -- What was worked out for the frames since the last change is not needed again.
    last.tags_a, last.tags_b, last.ends_a, last.ends_b = nil, nil, nil, nil
  end
  if frames[n] ~= frame then
    n = n + 1
  end
  frames[n], a.snaps[n], a.snap = frame, snap, snap
  return snap
end

-- The tags as they stood after `frame`.
function association.at(a, frame)
  local frames = a.snap_frames
  local low, high = 1, #frames
  if high == 0 or frames[1] > frame then
    return nil
  end
  while low < high do
    local middle = math.floor((low + high + 1) / 2)
    if frames[middle] <= frame then
      low = middle
    else
      high = middle - 1
    end
  end
  return a.snaps[low]
end

return association
