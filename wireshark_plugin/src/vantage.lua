-- Which samples count: a packet that an agent samples on its way in and again on its way out, or whose
-- sample is sent to two collectors, is one packet.
local vantage = {}
vantage.__index = vantage

local MAX_PLACES = 65536
-- Samples that are remembered where there are several collectors: two generations of this many.
local GENERATION = 4096

-- before: another one that has seen the beginning of the capture, or nil.
function vantage.new(before)
  local v = setmetatable({
    coming_in = {}, first = {}, several = {}, size = 0, young = {}, old = {}, remembered = 0,
  }, vantage)
  for key in pairs(before and before.coming_in or {}) do
    v.coming_in[key] = true
  end
  for agent in pairs(before and before.several or {}) do
    v.several[agent] = true
  end
  return v
end

local function name(agent, interface)
  return agent .. string.format("|%d", interface)
end

-- A datagram to a collector (address and port, raw) comes next.
function vantage:datagram(collector)
  self.collector = collector
end

-- Remembers that an interface samples what comes in, and an agent that has several collectors.
function vantage:learn(sample)
  if self.size >= MAX_PLACES then
    return
  end
  local agent = sample.agent
  if sample.input == sample.source and sample.input ~= sample.output then
    local key = name(agent, sample.source)
    if not self.coming_in[key] then
      self.coming_in[key], self.size = true, self.size + 1
    end
  end
  if not self.first[agent] then
    self.first[agent], self.size = self.collector, self.size + 1
  elseif self.first[agent] ~= self.collector then
    self.several[agent] = true
  end
end

-- Whether the same header was sent to another collector.
local function sent_elsewhere(self, sample)
  local key = name(sample.agent, sample.source) .. sample.header
  local before = self.young[key] or self.old[key]
  if before then
    return before ~= self.collector
  elseif self.remembered >= GENERATION then
    self.old, self.young, self.remembered = self.young, {}, 0
  end
  self.young[key], self.remembered = self.collector, self.remembered + 1
  return false
end

-- nil where the sample counts; otherwise why not: "on its way out" of an agent that also samples
-- packets of its interface on their way in, or "to another collector". Taking those that come in
-- alone leaves every packet its one chance, so that the estimate has no bias.
function vantage:judge(sample)
  self:learn(sample)
  if sample.input and sample.output == sample.source and sample.input ~= sample.output
    and self.coming_in[name(sample.agent, sample.input)] then
    return "on its way out"
  end
  return self.several[sample.agent] and sent_elsewhere(self, sample) and "to another collector"
    or nil
end

return vantage
