-- Remembers what the first fragment of a packet told, for those after it: its ports, and, where it is a
-- tunnel's, whose packet is inside.
local fragments = {}

local sub = string.sub
local MAX = 4096

local known, size = {}, 0

local function remember(name, what)
  if size >= MAX then
    known, size = {}, 0
  end
  known[name], size = what, size + 1
end

-- Puts into `out` (see packet.parse) what is known of the packet that its fragment is of. Returns the
-- length that counts of a tunnel's fragment; nil of another: all of it does.
function fragments.resolve(out)
  local outer, hosts = out.carrier, out.hosts
  if outer then
    -- The first, with a packet inside: what stands before it is the tunnel's.
    remember(outer, { key = out.key, proto = out.proto, tunnel = out.tunnel, vlan = out.vlan })
    return out.wire
  elseif not out.key or not hosts then
    return nil
  end
  local name = hosts .. "|" .. out.proto .. "|" .. out.id
  if out.first_fragment then
    remember(name, { ports = sub(out.key, #hosts + 1) })
    return nil
  end
  local of_first = known[name]
  if not of_first then
    return nil
  elseif of_first.ports then
    out.key = hosts .. of_first.ports
    return nil
  end
  out.key, out.proto, out.tunnel, out.vlan = of_first.key, of_first.proto, of_first.tunnel, of_first.vlan
  out.hw, out.wire = nil, out.stop - out.l4 + 1
  return out.wire
end

return fragments
