-- What is known of the hosts that take part in associations: who listens, and what they are.
local dimse = require("dimse")
local put = require("association").put
local uids = require("uids")

local endpoints = {}
endpoints.__index = endpoints

function endpoints.new(inventory)
  return setmetatable({
    inventory = inventory, hosts = {}, listeners = {}, speakers = {}, version = 0, known = {}, known_list = {}, stamp = 0,
  }, endpoints)
end

-- Starts with what a look ahead found: who listens, and what the hosts turned out to be.
function endpoints:seed(other)
  for key, listener in pairs(other.listeners) do
    self.listeners[key] = { tls = listener.tls }
  end
  for raw in pairs(other.speakers) do
    self.speakers[raw] = true
  end
  for raw, h in pairs(other.hosts) do
    if h.category then
      self.hosts[raw] = {
        scp = h.scp, sent = h.sent, category = h.category, basis = h.basis, frames = { 0 },
        categories = { { h.category, h.basis } },
      }
    end
  end
  self.version = self.version + 1
end

local function host_of(self, raw)
  local h = self.hosts[raw]
  if not h then
    h = { scp = {}, sent = {}, frames = {}, categories = {} }
    self.hosts[raw] = h
  end
  return h
end

-- What a host is taken for, each with the evidence for it: the first that there is. Evidence is by
-- service what shows it: association (accepted contexts, and commands in them) or traffic (commands
-- of associations whose contexts could not be read, and whatever samples show). Who takes images and asks
-- for none may be an archive, on the way to one, or a viewer that is sent to, whatever else it sends.
local DESCRIPTIONS = {
  { "pacs", { "query", "retrieve", "commitment" }, {} },
  { "worklist", { "worklist", "mpps" }, {} },
  { "printer", { "print" }, {} },
  { "workstation", {}, { "query", "retrieve" } },
  { "unknown", { "storage" }, {} },
  { "modality", {}, { "storage", "worklist", "mpps", "commitment" } },
}

-- Category and basis.
local function infer(h)
  for _, description in ipairs(DESCRIPTIONS) do
    local basis
    for k, evidence in ipairs({ h.scp, h.sent }) do
      for _, service in ipairs(description[k + 1]) do
        basis = basis ~= "association" and evidence[service] or basis
      end
    end
    if basis then
      return description[1], basis
    end
  end
  return "unknown", "association"
end

-- Remembers since which frame a host is what it is.
local function settle(self, h, frame)
  local category, basis = infer(h)
  local n = #h.frames
  h.category, h.basis = category, basis
  local last = h.categories[n]
  if (last or category ~= "unknown") and not (last and last[1] == category and last[2] == h.basis) then
    if h.frames[n] ~= frame then
      n = n + 1
    end
    h.frames[n], h.categories[n] = frame, { category, h.basis }
    self.stamp = self.stamp + 1
  end
end

local function show(self, h, evidence, service, basis, frame)
  if not evidence[service] or (basis == "association" and evidence[service] ~= basis) then
    evidence[service] = basis
    settle(self, h, frame)
  end
end

local function basis_of(a)
  return a.flags.sampled and "traffic" or "association"
end

-- The services of an association as evidence of a kind (scp, sent): for its originator where that
-- has one role, for its responder where the originator has the other.
local function show_roles(self, a, kind, orig_role, resp_role, frame)
  local oh, rh = host_of(self, a.orig.host), host_of(self, a.orig.peer.host)
  for service, role in pairs(a.orig_services) do
    local counts = service ~= "commitment" or kind == "sent"
    if counts and role[orig_role] then
      show(self, oh, oh[kind], service, basis_of(a), frame)
    end
    if counts and role[resp_role] then
      show(self, rh, rh[kind], service, basis_of(a), frame)
    end
  end
end

local EVENT_REPORT, ACTION, ACTION_RSP, STORE_RSP = 0x0100, 0x0130, 0x8130, 0x8001

-- Who answers N-ACTION of Storage Commitment, or sends its N-EVENT-REPORT, is the archive (PS3.4
-- Annex J), whoever began the association: on one that the archive began, roles are often not
-- negotiated as they are played.
local function commits(self, frame, a, d, field, service)
  if service == "commitment" and field == ACTION then
    d.peer.asked_to_commit = true
  elseif field == ACTION_RSP and not d.asked_to_commit or service ~= "commitment" and field ~= ACTION_RSP then
    return
  end
  if field == EVENT_REPORT or field == ACTION_RSP then
    local h = host_of(self, d.host)
    show(self, h, h.scp, "commitment", basis_of(a), frame)
  end
end

-- What an answer shows: where the other direction was not captured, that it asked.
local function answered(self, frame, a, d, command, service)
  local class = command.status and dimse.status_class(command.status)
  if command.field == ACTION_RSP and class ~= "failure" then
    commits(self, frame, a, d, command.field, service)
  elseif command.field == STORE_RSP and service == "storage" and d.peer.packets == 0 then
    local h = host_of(self, d.peer.host)
    show(self, h, h.sent, service, "traffic", frame)
  end
end

-- Services whose commands tell who asked also where they were cut before saying that they ask.
local FOUND = { query = true, retrieve = true, worklist = true }

-- What a new state of an association says of its two hosts.
function endpoints:learn(frame, c, a)
  local orig = a.orig
  if not orig or a.rejected then
    return
  end
  local resp = orig.peer
  local key = resp.host .. resp.port_raw
  local listener = self.listeners[key]
  if not listener then
    listener = { tls = c.tls }
    self.listeners[key] = listener
    self.speakers[orig.host], self.speakers[resp.host] = true, true
    self.version = self.version + 1
  end
  if c.tls then
    listener.tls = true
  end
  if a.ac and not a.learnt then
    a.learnt = true
    show_roles(self, a, "scp", "scp", "scu", frame)
    -- What was asked before the answer came.
    for h, services in pairs(not a.ac_cut and a.asked or {}) do
      for service in pairs(services) do
        show(self, h, h.sent, service, basis_of(a), frame)
      end
    end
    a.asked = nil
  end
end

-- A request that direction d sent.
function endpoints:requested(frame, a, d, command)
  local field = command.field
  local known = command.sop and uids.sop_classes[command.sop]
  local service = known and known[2]
  if field and field >= 0x8000 then
    a.commands = true
    answered(self, frame, a, d, command, service)
    return
  end
  commits(self, frame, a, d, field, service)
  if field == 0x0010 or field == 0x0021 then
    service = "retrieve"
  end
  a.commands = a.commands or field ~= nil
  -- Cut before its field a response looks like a request.
  if not service or (not field and d ~= a.orig) then
    return
  end
  local sender, receiver = host_of(self, d.host), host_of(self, d.peer.host)
  if service == "storage" and known then
    d.stored, d.peer.stored = d.stored or {}, d.peer.stored or {}
    put(d.stored, known[3])
    put(d.peer.stored, known[3])
  end
  local unseen = not a.ac or a.ac_cut
  if field ~= EVENT_REPORT then
    show(self, sender, sender.sent, service, unseen and "traffic" or basis_of(a), frame)
  end
  if not a.ac then
    a.asked = a.asked or {}
    a.asked[sender] = a.asked[sender] or {}
    a.asked[sender][service] = true
  end
  -- Who takes a C-STORE in a C-GET of its own is no archive, and N-EVENT-REPORT comes from an SCP.
  if unseen and d == a.orig
    and (dimse.OPERATION[field] and field ~= EVENT_REPORT or not field and FOUND[service]) then
    show(self, receiver, receiver.scp, service, "traffic", frame)
  end
end

-- The commands of an association could not be read: what was accepted stands for them.
function endpoints:finished(frame, a)
  if a.ac and not a.commands and a.orig then
    show_roles(self, a, "sent", "scu", "scp", frame)
  end
end

-- Whether a stream without evidence of its own runs between endpoints known to speak DICOM:
-- returns basis, confidence in percent, the listening direction.
function endpoints:presume(d, dicom_port)
  for _, side in ipairs({ d.peer, d }) do
    if self.listeners[side.host .. side.port_raw] then
      return "traffic", 60, side
    end
  end
  for _, side in ipairs({ d.peer, d }) do
    if dicom_port[side.port] and (self.speakers[side.host] or self.speakers[side.peer.host]) then
      return "traffic", 50, side
    end
  end
  if self.inventory then
    for _, side in ipairs({ d.peer, d }) do
      local entry = dicom_port[side.port] and self.inventory:find(side.host, side.mac)
      if entry and entry.role ~= "other" then
        return "inventory", 70, side
      end
    end
  end
  return nil
end

-- Tag, name and basis of the host that direction d sends from, as known after `frame`.
function endpoints:tag(d, title, frame)
  if self.inventory then
    if d.entry == nil or d.entry_title ~= title then
      d.entry = self.inventory:find(d.host, d.mac, title) or false
      d.entry_title = title
    end
    if d.entry then
      return d.entry.role, d.entry.name or title, "inventory"
    end
  end
  local h = self.hosts[d.host]
  if h then
    local frames = h.frames
    for i = #frames, 1, -1 do
      if frames[i] <= frame then
        local category = h.categories[i]
        if category[1] == "unknown" then
          break
        end
        return category[1], title, category[2]
      end
    end
  end
  return nil, title, nil
end

local function row_of(self, a, d, title, role, impl_uid, impl_version)
  local listening = d ~= a.orig
  local key = d.host .. "|" .. (listening and d.port or "-") .. "|" .. (title or "") .. "|"
    .. (role or "")
  local k = self.known[key]
  if not k then
    k = { host = d.host, port = listening and d.port or nil, title = title, role = role,
          services = {}, modalities = {} }
    self.known[key] = k
    self.known_list[#self.known_list + 1] = k
  end
  for _, service in ipairs(a.services) do
    put(k.services, service)
  end
  for _, modality in ipairs(d.stored or {}) do
    put(k.modalities, modality)
  end
  k.impl_uid, k.impl_version = impl_uid or k.impl_uid, impl_version or k.impl_version
  k.tls = k.tls or a.tls or false
  k.mac = d.mac
  -- The first to start, whichever ends first.
  if not k.evidence or a.ts < k.evidence.ts then
    k.evidence = a
  end
  return k
end

-- By the roles of an association; none where they are not known.
local function role_of(a, roles, otherwise)
  if not a.roles_known then
    return nil
  end
  return roles == "scu,scp" and "both" or roles or otherwise
end

-- The rows of known_dicom.log that a finished association gives or changes.
function endpoints:rows(a)
  if not a.ac then
    return {}
  end
  local orig = a.orig
  return {
    row_of(self, a, orig, a.calling_ae, role_of(a, a.orig_role, "scu"), a.orig_impl_uid,
      a.orig_impl_version),
    row_of(self, a, orig.peer, a.called_ae, role_of(a, a.resp_role, "scp"), a.resp_impl_uid,
      a.resp_impl_version),
  }
end

-- Category and basis of an endpoint as of now.
function endpoints:category(k)
  local entry = self.inventory and self.inventory:find(k.host, k.mac, k.title)
  if entry then
    return entry.role, "inventory"
  end
  local h = self.hosts[k.host]
  if h and h.category then
    return h.category, h.basis
  end
  return "unknown", "association"
end

return endpoints
