-- What Wireshark's own dissectors found in a frame that the plugin's parser does not see through:
-- links and tunnels without number, and packets put together out of fragments.
local link = require("link")
local packet = require("packet")

local dissected = {}

local extract = nil

-- Asks Wireshark for the fields; only while a script is loaded, and they cost.
function dissected.prepare()
  if not extract then
    extract = {
      protocols = Field.new("frame.protocols"), ip = Field.new("ip"), ipv6 = Field.new("ipv6"),
      tcp = Field.new("tcp"), udp = Field.new("udp"), eth = Field.new("eth"),
      encapsulation = Field.new("frame.encap_type"), protected = Field.new("wlan.fc.protected"),
    }
  end
end

function dissected.ready()
  return extract ~= nil
end

-- Link types of a capture file (LINKTYPE_ of pcap) by Wireshark's own numbers of them (wtap.h).
local LINK_TYPES = {
  [1] = 1, [4] = 9, [7] = 101, [15] = 0, [25] = 113, [28] = 104, [129] = 228, [130] = 229, [174] = 108,
  [210] = 276,
}

-- The link type of the frame in hand; 65536, which is none, where only Wireshark reads it.
function dissected.link_type()
  local told = extract.encapsulation()
  return told and LINK_TYPES[told.value] or 65536
end

-- Behind these stands a copy of another packet, or many.
local QUOTING = { icmp = true, icmpv6 = true, sflow = true, ipfix = true, cflow = true }
local TUNNELS = {
  vxlan = true, gre = true, geneve = true, l2tp = true, capwap = true, lwapp = true, tzsp = true,
}

-- The packet side by side with others that `name` belongs to: 802.11 puts several into a frame
-- (A-MSDU, IEEE 802.11, 9.3.2.2), each behind an LLC header of its own.
local function beside(found, now, name)
  if name == "llc" and now.wlan and now.llc then
    now = { tunnels = {}, wlan = true }
    found[#found + 1] = now
  end
  now.wlan = name == "wlan" or now.wlan and name ~= "eth"
  now.llc = name == "llc" or now.llc and name ~= "wlan"
  return now
end

-- Why a frame has no packet, by its protocols: those of 802.11 that carry none are not those whose content
-- is encrypted.
local function reason_of(protocols)
  if protocols:find("wlan", 1, true) then
    local protected = extract.protected()
    return protected and protected.value and "802.11, encrypted" or "802.11 without a packet"
  end
  return "link of kind " .. protocols:match("^[^:]*")
end

-- Of each packet in a frame network and transport of the innermost, each as protocol and which of its
-- kind it is, and the names of tunnels.
local function innermost(protocols)
  local seen, now = {}, { tunnels = {} }
  local found = { now }
  for name in protocols:gmatch("[^:]+") do
    now = beside(found, now, name)
    now.quotes = now.quotes or QUOTING[name]
    seen[name] = (seen[name] or 0) + 1
    if now.quotes then
      name = "quoted"
    elseif name == "ip" or name == "ipv6" then
      now.network, now.transport, now.inside = { name, seen[name] }, nil, #now.tunnels
    elseif (name == "tcp" or name == "udp") and now.network then
      now.transport = { name, seen[name] }
    elseif name == "eth" then
      now.eth = seen[name]
    end
    if TUNNELS[name] then
      now.tunnels[#now.tunnels + 1] = name
    end
  end
  return found
end

local function nth(layer)
  local found = layer and { extract[layer[1]]() } or {}
  return found[layer and layer[2] or 1]
end

local function bytes_of(info)
  local source = info and info.source
  if not source then
    return nil
  end
  local size = source:len() - info.offset
  return size > 0 and source:raw(info.offset, math.min(size, packet.HEADERS)) or nil, size
end

-- Fills `out` as packet.parse does, with the packet `which` of the frame (from 1); returns whether more
-- was found than stands in it. out.source: where the payload's bytes are, if not in the frame;
-- out.packets: how many packets the frame has.
function dissected.find(out, room, which)
  local protocols = extract.protocols()
  if not protocols then
    return false
  end
  local all = innermost(tostring(protocols.value))
  local mine = all[which]
  out.packets = #all
  local network, transport, eth = mine.network, mine.transport, mine.eth
  -- A tunnel in which they found no packet is one of those that nobody looks into.
  local tunnels = table.concat(mine.tunnels, ",", 1, mine.inside or 0)
  local info = nth(network)
  local s, size = bytes_of(info)
  if not s then
    out.reason = out.reason == "link type" and reason_of(tostring(protocols.value)) or out.reason
    return false
  end
  local kind = network[1] == "ip" and 0x0800 or 0x86dd
  local before = { wire = out.wire, tunnel = out.tunnel }
  packet.reset(out)
  out.wire, out.packets = before.wire, #all
  packet.ip(s, 1, kind, out, size)
  if not out.l3 then
    return false
  end
  out.tunnel = out.tunnel or before.tunnel or #tunnels > 0 and tunnels or nil
  out.bytes, out.source, out.base = s, info.source, info.offset
  if out.tunnel or not eth then
    out.hw, out.inner = nil, 1
    packet.measure(out, size)
  else
    -- What a capture puts before the frame (pktap, PPI) was never on the wire.
    local frame = nth({ "eth", eth })
    out.wire = room - (frame and frame.offset < room and frame.offset or 0)
  end
  if (out.fragment or out.first_fragment) and transport and transport[1] == "tcp" then
    local whole = nth(transport)
    local t, length = bytes_of(whole)
    if t and whole.source:len() ~= info.source:len() then
      -- Put together: this frame holds the last piece.
      out.fragment, out.first_fragment, out.together = false, false, true
      packet.transport(t, 1, length, 6, out)
      out.source, out.base = whole.source, whole.offset
    end
  end
  return true
end

-- Whether the plugin's parser left something for Wireshark's dissectors to say.
function dissected.is_needed(out)
  return out.reason == "link type" or out.elsewhere
    or (out.fragment or out.first_fragment) and (out.proto == 6 or out.proto == 47 or out.proto == 17
      or out.proto == 4 or out.proto == 41)
    or (not out.l3 and not out.reason and out.kind ~= 0 and not link.WITHOUT_HOST[out.kind])
end

return dissected
