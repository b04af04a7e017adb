-- Remembers which ports the first fragment of a packet had, for those after it, which have none.
local fragments = {}

local sub = string.sub
local MAX = 4096

local known, size = {}, 0

-- Puts into out.key the ports of the packet that the fragment in `out` (see packet.parse) is of.
function fragments.ports(out)
  local hosts = out.hosts
  if not out.key or not hosts then
    return
  end
  local name = hosts .. "|" .. out.proto .. "|" .. out.id
  if out.first_fragment then
    if size >= MAX then
      known, size = {}, 0
    end
    known[name], size = sub(out.key, #hosts + 1), size + 1
  elseif known[name] then
    out.key = hosts .. known[name]
  end
end

return fragments
