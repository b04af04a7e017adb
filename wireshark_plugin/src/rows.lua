-- Associations and endpoints as the rows of dicom.log and known_dicom.log.
local bytes = require("bytes")
local communityid = require("communityid")
local networks = require("networks")
local times = require("times")

local rows = {}

local format = string.format
local MODULUS = 4294967296

rows.DICOM = {
  { "ts", "time" }, { "uid", "string" }, { "id.orig_h", "addr" }, { "id.orig_p", "port" },
  { "id.resp_h", "addr" }, { "id.resp_p", "port" }, { "community_id", "string" },
  { "duration", "interval" }, { "calling_ae", "string" }, { "called_ae", "string" },
  { "result", "string" }, { "end", "string" }, { "reject_result", "count" },
  { "reject_source", "count" }, { "reject_reason", "count" }, { "abort_source", "count" },
  { "abort_reason", "count" }, { "ctx_offered", "count" }, { "ctx_accepted", "count" },
  { "sop_classes", "set[string]" }, { "transfer_syntaxes", "set[string]" },
  { "services", "set[string]" }, { "modalities", "set[string]" }, { "orig_roles", "set[string]" },
  { "resp_roles", "set[string]" }, { "orig_impl_uid", "string" },
  { "orig_impl_version", "string" }, { "resp_impl_uid", "string" },
  { "resp_impl_version", "string" }, { "orig_max_pdu", "count" }, { "resp_max_pdu", "count" },
  { "user_identity", "string" }, { "echo_rq", "count" }, { "store_rq", "count" },
  { "find_rq", "count" }, { "get_rq", "count" }, { "move_rq", "count" }, { "cancel_rq", "count" },
  { "n_rq", "count" }, { "rsp_success", "count" }, { "rsp_warning", "count" },
  { "rsp_failure", "count" }, { "rsp_pending", "count" }, { "rsp_cancel", "count" },
  { "failure_codes", "set[string]" }, { "move_destinations", "set[string]" },
  { "data_pdus", "count" }, { "data_bytes_orig", "count" }, { "data_bytes_resp", "count" },
  { "missed_bytes", "count" }, { "flags", "set[string]" }, { "vlan", "count" },
  { "tunnel", "set[string]" }, { "proxied_for", "addr" },
}

rows.TIMES = require("times_fields")

rows.KNOWN = {
  { "ts", "time" }, { "host", "addr" }, { "port_num", "port" }, { "ae_title", "string" },
  { "role", "string" }, { "category", "string" }, { "basis", "string" },
  { "services", "set[string]" }, { "modalities", "set[string]" }, { "impl_uid", "string" },
  { "impl_version", "string" }, { "tls", "bool" }, { "local", "bool" },
  { "evidence_uid", "string" },
}

local FLAGS = {
  "midstream", "malformed", "truncated", "sampled", "one_sided", "unfinished", "reserved_nonzero",
  "part10_in_dataset",
}

-- Whether no packet of one side is in the capture: what it sent is unknown.
local function is_one_sided(a)
  return a.c.a.packets == 0 or a.c.b.packets == 0
end

-- Whether what one side said may be missing: then its silence means nothing.
local function is_partial(a)
  return a.flags.sampled or is_one_sided(a)
end

function rows.result(a)
  if a.ac then
    return "accepted"
  elseif a.rejected then
    return "rejected"
  elseif a.rq and a.rq_whole and a.silent and a.counts.data_pdus == 0 and a.end_seen
    and not is_partial(a) then
    return "no_reply"
  end
  return "unknown"
end

function rows.ending(a)
  if a.finish then
    return a.finish
  elseif a.stopped then
    return "incomplete"
  end
  return a.closed and a.end_seen and not is_partial(a) and "closed" or "incomplete"
end

-- The members of a set, each once.
local function split(roles)
  local out = {}
  for role in (roles or ""):gmatch("[^,]+") do
    if not out[role] then
      out[#out + 1], out[role] = role, true
    end
  end
  return out
end

-- Community ID and uid of what the side `orig` began at ts.
local function names(orig, ts)
  local resp = orig.peer
  local flow = communityid.flow(orig.host, orig.port_raw, resp.host, resp.port_raw, 6)
  return flow, communityid.uid(flow, ts)
end

function rows.identify(a)
  if not a.uid then
    a.community_id, a.uid = names(a.orig, a.ts)
  end
  return a.uid
end

function rows.dicom(a)
  local orig, counts, flags = a.orig, a.counts, {}
  local resp = orig.peer
  a.flags.midstream = not a.rq and not a.ac or nil
  a.flags.one_sided = is_one_sided(a) or nil
  for _, flag in ipairs(FLAGS) do
    if a.flags[flag] then
      flags[#flags + 1] = flag
    end
  end
  rows.identify(a)
  return {
    ts = a.ts, uid = a.uid, ["id.orig_h"] = bytes.address(orig.host), ["id.orig_p"] = orig.port,
    ["id.resp_h"] = bytes.address(resp.host), ["id.resp_p"] = resp.port,
    community_id = a.community_id,
    duration = math.max(0, (a.last_pdu_ts or a.last_ts or a.ts) - a.ts),
    calling_ae = a.calling_ae, called_ae = a.called_ae, result = rows.result(a),
    ["end"] = rows.ending(a), reject_result = a.reject_result, reject_source = a.reject_source,
    reject_reason = a.reject_reason, abort_source = a.abort_source, abort_reason = a.abort_reason,
    ctx_offered = a.ctx_offered, ctx_accepted = a.ctx_accepted, sop_classes = a.sops,
    transfer_syntaxes = a.syntaxes, services = a.services, modalities = a.modalities,
    orig_roles = split(a.orig_role), resp_roles = split(a.resp_role),
    orig_impl_uid = a.orig_impl_uid, orig_impl_version = a.orig_impl_version,
    resp_impl_uid = a.resp_impl_uid, resp_impl_version = a.resp_impl_version,
    orig_max_pdu = a.orig_max_pdu, resp_max_pdu = a.resp_max_pdu, user_identity = a.user_identity,
    echo_rq = counts.echo_rq, store_rq = counts.store_rq, find_rq = counts.find_rq,
    get_rq = counts.get_rq, move_rq = counts.move_rq, cancel_rq = counts.cancel_rq,
    n_rq = counts.n_rq, rsp_success = counts.success, rsp_warning = counts.warning,
    rsp_failure = counts.failure, rsp_pending = counts.pending, rsp_cancel = counts.cancel,
    failure_codes = a.failures, move_destinations = a.destinations, data_pdus = counts.data_pdus,
    data_bytes_orig = a.orig_data, data_bytes_resp = a.resp_data, missed_bytes = a.missed,
    flags = flags, vlan = a.c.vlan, tunnel = split(a.c.tunnel),
    proxied_for = a.c.proxied_for and bytes.address(a.c.proxied_for),
  }
end

-- Where the capture begins and ends inside an association, so that another file of it can tell what
-- lies between: its uid, and the sequence numbers of both sides at either end. nil: it does neither.
function rows.edge(a)
  if a.rq and rows.ending(a) ~= "incomplete" or a.flags.sampled then
    return nil
  end
  local out = { rows.identify(a) }
  for _, d in ipairs({ a.orig, a.orig.peer }) do
    out[#out + 1] = d.first and format("%d", (d.first - (d.early or 0)) % MODULUS) or "-"
    out[#out + 1] = (d.next or d.first) and format("%d", d.next or d.first) or "-"
  end
  return table.concat(out, " ")
end

local function seconds(us)
  return us and us / 1e6
end

-- Counts by element, without trailing zeros.
local function histogram(hist)
  local out, last = {}, 0
  for k in pairs(hist) do
    last = k > last and k or last
  end
  for k = 1, last do
    out[k] = hist[k] or 0
  end
  return out
end

-- What one side asked of one kind, as a row without what all rows of the association have.
local function of_operation(a, row, kind, requestor)
  local moved, timed = row.data_sets > 0, row.n > 0
  return {
    operation = kind, requestor = requestor, count = row.count, failed = row.failed,
    data_sets = row.data_sets, data_pdvs = row.data_pdvs, data_bytes = row.data_bytes,
    data_time = moved and seconds(row.data_us) or nil,
    silent_time = moved and seconds(row.silent_us) or nil,
    ack_wait_time = moved and seconds(row.ack_us) or nil, pause_time = seconds(row.pause_us),
    response_min = seconds(row.min), response_max = seconds(row.max),
    response_mean = timed and seconds(row.sum / row.n) or nil,
    response_times = timed and histogram(row.hist) or nil,
    first_responses = row.first_n > 0 and row.first_n or nil,
    first_response_mean = row.first_n > 0 and seconds(row.first_sum / row.first_n) or nil,
    first_response_max = seconds(row.first_max), outstanding = row.outstanding,
    ops_window = a.ops_window and a.ops_window[requestor],
  }
end

-- The rows of dicom_times.log; none where the beginning or one side was not seen.
function rows.times(a)
  local out, orig = {}, a.orig
  if not a.times or not (a.rq or a.ac) or is_partial(a) then
    return out
  end
  rows.identify(a)
  local resp = orig.peer
  for _, kind in ipairs(times.OPERATIONS) do
    for _, d in ipairs({ orig, resp }) do
      local side = a.times[d]
      if side and side.rows[kind] then
        local row = of_operation(a, side.rows[kind], kind, d == orig and "orig" or "resp")
        row.ts, row.uid, row.community_id = a.ts, a.uid, a.community_id
        row["id.orig_h"], row["id.orig_p"] = bytes.address(orig.host), orig.port
        row["id.resp_h"], row["id.resp_p"] = bytes.address(resp.host), resp.port
        row.setup_time, row.round_trip = seconds(a.setup_us), seconds(a.c.round_trip)
        row.orig_closed_time, row.resp_closed_time = a.orig_closed_us / 1e6, a.resp_closed_us / 1e6
        row.orig_resent, row.resp_resent = a.orig_resent, a.resp_resent
        row.tls = a.tls or false
        out[#out + 1] = row
      end
    end
  end
  return out
end

-- The rows of dicom_times.log of an encrypted connection: one of each side that sent more than a
-- segment at a time, and of the side that opened it.
function rows.sealed(c)
  local out, s, orig = {}, c.sealed, c.tcp_orig
  local resp = orig.peer
  local flow, uid = names(orig, s.began)
  for _, d in ipairs({ orig, resp }) do
    local f = s[d]
    local moved = f.runs > 0
    if moved or d == orig then
      out[#out + 1] = {
        ts = s.began, uid = uid, community_id = flow,
        ["id.orig_h"] = bytes.address(orig.host), ["id.orig_p"] = orig.port,
        ["id.resp_h"] = bytes.address(resp.host), ["id.resp_p"] = resp.port,
        operation = "tls", requestor = d == orig and "orig" or "resp", count = 1, failed = 0,
        data_sets = f.runs, data_bytes = f.bytes, data_time = moved and seconds(f.us) or nil,
        silent_time = moved and seconds(f.silent_us) or nil, setup_time = seconds(s.setup_us),
        round_trip = seconds(c.round_trip), orig_closed_time = seconds(orig.closed_us or 0),
        resp_closed_time = seconds(resp.closed_us or 0), orig_resent = orig.resent or 0,
        resp_resent = resp.resent or 0, tls = true,
      }
    end
  end
  return out
end

-- ts is that of the first association that shows the endpoint. inventory: the site's, or nil.
function rows.known(k, category, basis, inventory)
  local is_local = networks.is_local(k.host) or inventory ~= nil and inventory:is_local(k.host)
  return {
    ts = k.evidence.ts, host = bytes.address(k.host), port_num = k.port, ae_title = k.title, role = k.role,
    category = category, basis = basis, services = k.services, modalities = k.modalities,
    impl_uid = k.impl_uid, impl_version = k.impl_version, tls = k.tls,
    ["local"] = is_local, evidence_uid = rows.identify(k.evidence),
  }
end

return rows
