-- The fields that the plugin adds to a frame, and how.
local bytes = require("bytes")
local dimse = require("dimse")
local uids = require("uids")

local fields = {}

local F = {}
fields.F = F

-- { key, kind, abbreviation, name, description }
local LIST = {
  { "id", "uint32", "assoc.id", "Association", "Number of the association, by first appearance" },
  { "state", "string", "assoc.state", "State", "State of the association after this frame" },
  { "start", "framenum", "assoc.start_frame", "Start frame", "First frame with its bytes" },
  { "calling_ae", "string", "calling_ae", "Calling AE title", "Trimmed" },
  { "called_ae", "string", "called_ae", "Called AE title", "Trimmed" },
  { "src_role", "string", "src.role", "Source role", "scu, scp, or both" },
  { "dst_role", "string", "dst.role", "Destination role", "scu, scp, or both" },
  { "direction", "string", "direction", "Sent by", "originator or responder" },
  { "sop_uid", "string", "sop_class.uid", "SOP class UID" },
  { "sop_name", "string", "sop_class.name", "SOP class" },
  { "service", "string", "service", "Service", "storage, query, retrieve, worklist, ..." },
  { "modality", "string", "modality", "Modality", "From the Storage SOP class" },
  { "operation", "string", "operation", "Operation", "C-STORE, C-FIND, ..." },
  { "inferred", "bool", "operation.inferred", "Operation inferred",
    "From the SOP class: the command itself was not captured" },
  { "message_id", "uint16", "message_id", "Message ID" },
  { "status", "uint16", "status", "Status", nil, "hex" },
  { "status_name", "string", "status.name", "Status name" },
  { "src_tag", "string", "src.tag", "Source is", "pacs, modality, workstation, ..." },
  { "src_name", "string", "src.name", "Source name", "From the inventory, else its AE title" },
  { "src_basis", "string", "src.basis", "Source known by", "inventory, association or traffic" },
  { "dst_tag", "string", "dst.tag", "Destination is", "pacs, modality, workstation, ..." },
  { "dst_name", "string", "dst.name", "Destination name", "As the source's" },
  { "dst_basis", "string", "dst.basis", "Destination known by", "As the source's" },
  { "basis", "string", "tag_basis", "Tag basis",
    "association: the stream's own bytes; traffic: its endpoints; inventory: written knowledge" },
  { "confidence", "uint8", "confidence", "Confidence", "Percent" },
  { "pacs_direction", "string", "pacs_direction", "Relative to the PACS", "in, out or internal" },
  { "truncated", "bool", "truncated", "Truncated", "Captured shorter than on the wire" },
  { "sample", "uint32", "sample.index", "Sample", "Which sample of the sFlow datagram, from 1" },
  { "agent", "string", "sample.agent", "sFlow agent" },
  { "sample_src", "string", "sample.src", "Sampled source", "Address and port" },
  { "sample_dst", "string", "sample.dst", "Sampled destination", "Address and port" },
  { "rate", "uint32", "sampling_rate", "Sampling rate", "One in so many frames" },
  { "estimate", "uint64", "estimated_bytes", "Estimated bytes", "Frame length x sampling rate" },
  { "impl_uid", "string", "impl.uid", "Implementation class UID", "Of the sender" },
  { "impl_version", "string", "impl.version", "Implementation version", "Of the sender" },
  { "tunnel", "string", "tunnel", "Tunnel", "What the packet came through, the outermost first" },
  { "response_time", "time", "response_time", "Response time",
    "From the end of the request, of a C-STORE the last byte of the object, to its final response" },
  { "first_response_time", "time", "first_response_time", "Time to the first response",
    "From the end of a C-FIND, C-GET or C-MOVE request" },
  { "operation_time", "time", "operation_time", "Time of the operation",
    "From the request's command, so with the object that came after it, to the final response" },
  { "transfer_rate", "double", "transfer_rate", "Transfer rate", "Mbit/s of the object or query" },
  { "setup_time", "time", "setup_time", "Set-up time", "A-ASSOCIATE-RQ to its answer" },
  { "round_trip", "time", "round_trip", "TCP round trip", "SYN to the end of the handshake" },
  { "duplicate", "string", "duplicate", "Copy",
    "A copy of a packet before: same, or elsewhere (another hop, network or MAC address)" },
}
fields.LIST = LIST

-- Leaves out the fields that this run cannot show; is_wanted as of wanted.fields.
function fields.limit(is_wanted)
  for _, f in ipairs(LIST) do
    if not is_wanted("pacsflow." .. f[3]) then
      fields.skip[f[1]] = true
    end
  end
  fields.ends_wanted = false
  for _, key in ipairs({ "src_tag", "src_name", "src_basis", "dst_tag", "dst_name", "dst_basis",
                         "pacs_direction" }) do
    fields.ends_wanted = fields.ends_wanted or not fields.skip[key]
  end
end
fields.skip = {}
-- Whether what is told of the two ends is to be shown.
fields.ends_wanted = true

function fields.register(proto)
  local all = {}
  for _, f in ipairs(LIST) do
    local key, kind, abbreviation, name, description, display = f[1], f[2], f[3], f[4], f[5], f[6]
    abbreviation = "pacsflow." .. abbreviation
    local field
    if kind == "framenum" then
      field = ProtoField.framenum(abbreviation, name, base.NONE, frametype.NONE)
    elseif kind == "bool" then
      field = ProtoField.bool(abbreviation, name, base.NONE, nil, nil, description)
    elseif kind == "time" then
      field = ProtoField.relative_time(abbreviation, name, description)
    elseif kind == "double" then
      field = ProtoField.double(abbreviation, name, description)
    elseif kind == "string" then
      field = ProtoField.string(abbreviation, name, base.ASCII, description)
    else
      local numbers = display == "hex" and base.HEX or base.DEC
      field = ProtoField[kind](abbreviation, name, numbers, nil, nil, description)
    end
    F[key] = field
    all[#all + 1] = field
  end
  proto.fields = all
end

-- What does not change from frame to frame is worked out once for a snapshot and a direction.
local function constants(a, snap, d)
  local base, originator = snap.base, d == snap.orig or (not snap.orig and d == a.c.tcp_orig)
  local known = snap.sop and uids.sop_classes[snap.sop]
  local modality = known and known[3] ~= "" and known[3] or nil
  local out, n = {}, 0
  local skip = fields.skip
  local function add(key, value)
    if value ~= nil and not skip[key] then
      out[n + 1], out[n + 2] = F[key], value
      n = n + 2
    end
  end
  add("id", a.id)
  add("state", snap.state)
  if snap.start_frame and snap.start_frame > 0 then
    add("start", snap.start_frame)
  end
  add("calling_ae", base.calling_ae)
  add("called_ae", base.called_ae)
  if snap.orig then
    add("src_role", originator and base.orig_role or not originator and base.resp_role or nil)
    add("dst_role", originator and base.resp_role or not originator and base.orig_role or nil)
    add("direction", originator and "originator" or "responder")
  end
  add("sop_uid", snap.sop)
  add("sop_name", known and known[1])
  add("service", known and known[2])
  add("modality", modality)
  add("operation", snap.operation)
  add("inferred", snap.operation and snap.inferred or nil)
  add("message_id", snap.message_id)
  add("status", snap.status)
  add("status_name", snap.status and dimse.status_name(snap.status))
  add("basis", snap.basis)
  add("confidence", snap.confidence)
  if originator then
    add("impl_uid", base.orig_impl_uid)
    add("impl_version", base.orig_impl_version)
  else
    add("impl_uid", base.resp_impl_uid)
    add("impl_version", base.resp_impl_version)
  end
  return out
end

-- The fields of a snapshot and their values, kept with it where it is the latest.
function fields.of(a, snap, d)
  local which = d == a.c.a and "tags_a" or "tags_b"
  local tags = snap[which]
  if not tags then
    tags = constants(a, snap, d)
    if snap == a.snap then
      snap[which] = tags
    end
  end
  return tags
end

-- Tags, names and bases of both ends, and in or out as the PACS sees it.
function fields.ends(hosts, a, snap, d, frame)
  local originator = d == snap.orig
  local base = snap.base
  local mine, theirs = base.calling_ae, base.called_ae
  if not snap.orig then
    mine, theirs = nil, nil
  elseif not originator then
    mine, theirs = theirs, mine
  end
  local st, sn, sb = hosts:tag(d, mine, frame)
  local dt, dn, db = hosts:tag(d.peer, theirs, frame)
  local way
  if st == "pacs" then
    way = dt == "pacs" and "internal" or "out"
  elseif dt == "pacs" then
    way = "in"
  end
  return st, sn, sb, dt, dn, db, way
end

fields.address = function(d)
  return bytes.address(d.host) .. (#d.host == 16 and " " or ":") .. string.format("%d", d.port)
end

return fields
